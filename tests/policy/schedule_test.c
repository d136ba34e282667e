#include "policy/schedule.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/rfc3339.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

static int64_t instant_us(const char *text) {
    int64_t time_us;

    CHECK_OK(rfc3339_parse(text, &time_us), text);
    return time_us;
}

static struct schedule hourly(const struct zone *zone) {
    struct schedule schedule = {.zone = zone,
                                .clocks = cron_policy_of(CRON_CRONIE),
                                .from_civil_s = SCHEDULE_ANY_CIVIL,
                                .until_civil_s = SCHEDULE_ANY_CIVIL};
    struct error error = {0};

    CHECK_OK(cron_parse("0 * * * *", CRON_CRONIE, &error, &schedule.cron), "hourly");
    return schedule;
}

static struct cron_time since(const char *text) {
    return (struct cron_time){.time_s = instant_us(text) / 1000000, .civil_s = CRON_BEHIND};
}

/* What becomes of all that is due, a letter each: R runs, L late, M missed, S superseded, T too
 * many, G gap, - suspended. */
static void walk(const struct schedule *schedule, struct cron_time at, int64_t now_us,
                 char out_letters[64]) {
    static const char letters[SCHEDULE_VERDICT_COUNT] = {
        [SCHEDULE_RUNS] = 'R',           [SCHEDULE_SKIP_LATE] = 'L',
        [SCHEDULE_SKIP_MISSED] = 'M',    [SCHEDULE_SKIP_SUPERSEDED] = 'S',
        [SCHEDULE_SKIP_TOO_MANY] = 'T',  [SCHEDULE_SKIP_GAP] = 'G',
        [SCHEDULE_SKIP_SUSPENDED] = '-',
    };
    size_t count = 0;

    for (;;) {
        struct schedule_backlog backlog = schedule_count(schedule, "a/b", &at, now_us);

        if (backlog.count == 0) {
            break;
        }
        CHECK(schedule_next(schedule, &at, &at), "there is one");
        CHECK(count < 63, "no more than that");
        out_letters[count++] = letters[schedule_judge(schedule, &backlog, &at, now_us)];
    }
    out_letters[count] = '\0';
}

TEST(schedule_judge__catches_up_as_the_policy_says) {
    static const struct {
        const char *what;
        enum schedule_misfire misfire;
        uint32_t catch_up_max;
        int64_t late_s_max;
        const char *now;
        const char *want; /* of an hourly schedule since 12:30 */
    } rows[] = {
        {"nothing is due", SCHEDULE_MISFIRE_LAST, 0, 0, "2026-11-22T12:59:59Z", ""},
        {"in time", SCHEDULE_MISFIRE_NONE, 0, 0, "2026-11-22T13:00:00Z", "R"},
        {"a minute late is in time", SCHEDULE_MISFIRE_NONE, 0, 0, "2026-11-22T13:01:00Z", "R"},
        {"none: missed", SCHEDULE_MISFIRE_NONE, 0, 0, "2026-11-22T13:01:01Z", "M"},
        {"none: all but the one in time", SCHEDULE_MISFIRE_NONE, 0, 0, "2026-11-22T16:00:30Z",
         "MMMR"},
        {"last: one, however late", SCHEDULE_MISFIRE_LAST, 0, 0, "2026-11-22T16:30:00Z", "SSSR"},
        {"last: unless it is too late", SCHEDULE_MISFIRE_LAST, 0, 600, "2026-11-22T16:30:00Z",
         "LLLL"},
        {"last: exactly late enough", SCHEDULE_MISFIRE_LAST, 0, 1800, "2026-11-22T16:30:00Z",
         "LLLR"},
        {"all", SCHEDULE_MISFIRE_ALL, 0, 0, "2026-11-22T16:30:00Z", "RRRR"},
        {"all: the latest so many", SCHEDULE_MISFIRE_ALL, 2, 0, "2026-11-22T16:30:00Z", "TTRR"},
        {"all: those that are not too late", SCHEDULE_MISFIRE_ALL, 2, 3600, "2026-11-22T16:30:00Z",
         "LLLR"},
        {"all: both", SCHEDULE_MISFIRE_ALL, 1, 2 * 3600, "2026-11-22T16:30:00Z", "LLTR"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *zone = zones_utc();
        struct schedule schedule = hourly(zone);
        char letters[64];

        schedule.misfire = rows[i].misfire;
        schedule.catch_up_max = rows[i].catch_up_max;
        schedule.late_us_max = rows[i].late_s_max * 1000000;
        walk(&schedule, since("2026-11-22T12:30:00Z"), instant_us(rows[i].now), letters);
        CHECK_STR(letters, rows[i].want, rows[i].what);
        zone_destroy(zone);
    }
}

TEST(schedule_judge__skips_gaps_and_while_suspended) {
    struct zone *zone = zones_read("Europe/Berlin");
    struct schedule schedule = hourly(zone);
    struct error error = {0};
    char letters[64];

    CHECK_OK(cron_parse("30 2,4 * * *", CRON_CRONIE, &error, &schedule.cron), "line");
    schedule.misfire = SCHEDULE_MISFIRE_ALL;
    walk(&schedule, since("2026-03-28T22:00:00Z"), instant_us("2026-03-29T10:00:00Z"), letters);
    CHECK_STR(letters, "RR", "at the jump");
    schedule.clocks.gap = CRON_GAP_SKIP;
    walk(&schedule, since("2026-03-28T22:00:00Z"), instant_us("2026-03-29T10:00:00Z"), letters);
    CHECK_STR(letters, "GR", "not at all");
    schedule.suspended = true;
    walk(&schedule, since("2026-03-28T22:00:00Z"), instant_us("2026-03-29T10:00:00Z"), letters);
    CHECK_STR(letters, "G-", "suspended");
    zone_destroy(zone);
}

TEST(schedule_next__keeps_to_its_dates_and_never_goes_back) {
    struct zone *zone = zones_utc();
    struct zone *moved = zone_create("moved");
    struct schedule schedule = hourly(zone);
    struct cron_time at = since("2026-11-22T12:30:00Z");
    struct cron_time next;

    schedule.from_civil_s = instant_us("2026-11-23T05:30:00Z") / 1000000;
    schedule.until_civil_s = instant_us("2026-11-23T07:00:00Z") / 1000000;
    CHECK(schedule_next(&schedule, &at, &at), "the first");
    CHECK_EQ(at.time_s, instant_us("2026-11-23T06:00:00Z") / 1000000, "behind its first date");
    CHECK(!schedule_next(&schedule, &at, &next), "none at its last");

    /* tzdata says of a sudden that the zone is an hour behind: what has been is not due again. */
    schedule.from_civil_s = schedule.until_civil_s = SCHEDULE_ANY_CIVIL;
    zone_add_period(moved, INT64_MIN, -3600, "X");
    schedule.zone = moved;
    CHECK(schedule_next(&schedule, &at, &next), "next");
    CHECK_EQ(next.civil_s, at.civil_s + 3600, "on the wall");
    CHECK_EQ(next.time_s, at.time_s + 7200, "and that is later");
    zone_destroy(moved);
    zone_destroy(zone);
}

TEST(schedule_due_us__spreads_by_jitter_and_stays) {
    struct zone *zone = zones_utc();
    struct schedule schedule = hourly(zone);
    struct cron_time at = since("2026-11-22T12:30:00Z");
    int64_t least_us = INT64_MAX;
    int64_t most_us = 0;

    CHECK(schedule_next(&schedule, &at, &at), "next");
    CHECK_EQ(schedule_due_us(&schedule, "a/b", &at), at.time_s * 1000000, "without");
    schedule.jitter_us = 600 * INT64_C(1000000);
    for (int i = 0; i < 1000; i++) {
        char key[16];
        int64_t after_us;

        (void)snprintf(key, sizeof key, "a/job%d", i);
        after_us = schedule_due_us(&schedule, key, &at) - at.time_s * 1000000;
        CHECK(after_us >= 0 && after_us < schedule.jitter_us, key);
        CHECK_EQ(schedule_due_us(&schedule, key, &at) - at.time_s * 1000000, after_us, "the same");
        least_us = after_us < least_us ? after_us : least_us;
        most_us = after_us > most_us ? after_us : most_us;
    }
    CHECK(least_us < 10 * INT64_C(1000000), "some soon");
    CHECK(most_us > 590 * INT64_C(1000000), "some late");
    zone_destroy(zone);
}

TEST(schedule_occurrence__knows_its_business_date) {
    static const struct {
        const char *what;
        const char *at;
        int32_t day_start_s, day_offset;
        const char *want;
    } rows[] = {
        {"its own day", "2026-11-22T02:00:00Z", 0, 0, "2026-11-22"},
        {"the night's", "2026-11-22T02:00:00Z", 6 * 3600, 0, "2026-11-21"},
        {"from the start of the day on", "2026-11-22T06:00:00Z", 6 * 3600, 0, "2026-11-22"},
        {"yesterday's data", "2026-11-22T02:00:00Z", 0, -1, "2026-11-21"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schedule schedule = {.day_start_s = rows[i].day_start_s,
                                    .day_offset = rows[i].day_offset};
        int64_t time_s = instant_us(rows[i].at) / 1000000;
        struct occurrence occurrence = schedule_occurrence(
            &schedule, &(struct cron_time){.time_s = time_s, .civil_s = time_s});
        char date[CIVIL_DATE_BYTES];

        civil_print_date(occurrence.business_date, date);
        CHECK_STR(date, rows[i].want, rows[i].what);
        CHECK_EQ(occurrence.time_us, time_s * 1000000, rows[i].what);
    }
}
