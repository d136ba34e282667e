/* Cron lines at every minute of years in zones all over the world, against an oracle that reads the
 * wall clock from the C library and knows nothing of periods, text or bits.
 *
 * In CI each zone has one of the years; with NIGHTSHIFT_ORACLE_YEARS=20 it has them all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "policy/cron.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

#define MINUTE  60
#define QUARTER 15                  /* minutes */
#define FIRST_S INT64_C(1262304000) /* 2010-01-01T00:00:00Z */
#define YEAR_S  INT64_C(31557600)
#define YEARS   20
#define AROUND  (26 * 60) /* minutes: no clock is put back by more */

enum special {
    NO_SPECIAL,
    LAST_DAY,
    BEFORE_LAST,
    NEAREST,
    LAST_NEAREST
};

/* A line as a person would say it. */
struct said {
    bool minutes[60];
    bool hours[24];
    bool any_hour;
    bool any_day;
    bool days[32];
    enum special special;
    int special_day;
    bool any_weekday;
    bool weekdays[7];
    int last_weekday; /* -1: none */
    int nth_weekday;  /* -1: none */
    int nth;
};

static void say_list(char *out, size_t room, const bool *set, int from, int until) {
    for (int i = from; i < until; i++) {
        size_t used = strlen(out);

        if (set[i]) {
            (void)snprintf(out + used, room - used, "%s%d", used > 0 ? "," : "", i);
        }
    }
}

/* "L-3", "15W", "5#2": what is not said is left out. */
static void add(char out[200], const char *before, int a, const char *between, int b) {
    size_t used = strlen(out);
    char first[16] = "";
    char second[16] = "";

    (void)snprintf(first, sizeof first, "%d", a);
    (void)snprintf(second, sizeof second, "%d", b);
    (void)snprintf(out + used, 200 - used, "%s%s%s%s%s", used > 0 ? "," : "", before,
                   a >= 0 ? first : "", between, b > 0 ? second : "");
}

static void say(const struct said *said, char out[512]) {
    char fields[4][200] = {"", "", "", ""};

    say_list(fields[0], sizeof fields[0], said->minutes, 0, 60);
    say_list(fields[1], sizeof fields[1], said->hours, 0, 24);
    say_list(fields[2], sizeof fields[2], said->days, 1, 32);
    say_list(fields[3], sizeof fields[3], said->weekdays, 0, 7);
    if (said->special == LAST_DAY) {
        add(fields[2], "L", -1, "", 0);
    } else if (said->special == BEFORE_LAST) {
        add(fields[2], "L-", said->special_day, "", 0);
    } else if (said->special == NEAREST) {
        add(fields[2], "", said->special_day, "W", 0);
    } else if (said->special == LAST_NEAREST) {
        add(fields[2], "LW", -1, "", 0);
    }
    if (said->last_weekday >= 0) {
        add(fields[3], "", said->last_weekday, "L", 0);
    }
    if (said->nth_weekday >= 0) {
        add(fields[3], "", said->nth_weekday, "#", said->nth);
    }
    (void)snprintf(out, 512, "%s %s %s * %s", fields[0], said->any_hour ? "*" : fields[1],
                   said->any_day ? "*" : fields[2], said->any_weekday ? "*" : fields[3]);
}

static int month_length(const struct tm *tm) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return tm->tm_mon == 1 && leap ? 29 : lengths[tm->tm_mon];
}

/* Is today the working day nearest to that day of the month? */
static bool is_nearest(const struct tm *tm, int wanted) {
    int length = month_length(tm);
    int its_weekday = ((tm->tm_wday + wanted - tm->tm_mday) % 7 + 7) % 7;

    if (wanted > length || wanted < 1) {
        return false;
    }
    if (its_weekday == 6) {
        return tm->tm_mday == (wanted == 1 ? 3 : wanted - 1);
    }
    if (its_weekday == 0) {
        return tm->tm_mday == (wanted == length ? length - 2 : wanted + 1);
    }
    return tm->tm_mday == wanted;
}

static bool day_is_said(const struct said *said, const struct tm *tm) {
    int length = month_length(tm);

    switch (said->special) {
    case LAST_DAY:
        return said->days[tm->tm_mday] || tm->tm_mday == length;
    case BEFORE_LAST:
        return said->days[tm->tm_mday] || tm->tm_mday == length - said->special_day;
    case NEAREST:
        return said->days[tm->tm_mday] || is_nearest(tm, said->special_day);
    case LAST_NEAREST:
        return said->days[tm->tm_mday] || is_nearest(tm, length);
    case NO_SPECIAL:
        break;
    }
    return said->days[tm->tm_mday];
}

static bool weekday_is_said(const struct said *said, const struct tm *tm) {
    return said->weekdays[tm->tm_wday] ||
           (said->last_weekday == tm->tm_wday && tm->tm_mday > month_length(tm) - 7) ||
           (said->nth_weekday == tm->tm_wday && (tm->tm_mday + 6) / 7 == said->nth);
}

static bool is_said(const struct said *said, int64_t wall_s) {
    time_t at = (time_t)wall_s;
    struct tm tm;
    bool day;

    if (!said->minutes[wall_s / MINUTE % 60]) {
        return false; /* Soon said, for most. */
    }
    CHECK(gmtime_r(&at, &tm) != NULL, "gmtime_r");
    if (!(said->any_hour || said->hours[tm.tm_hour])) {
        return false;
    }
    if (said->any_day) {
        return said->any_weekday || weekday_is_said(said, &tm);
    }
    day = day_is_said(said, &tm);
    return said->any_weekday ? day : day || weekday_is_said(said, &tm);
}

static struct said random_said(struct rng *rng) {
    struct said said = {.last_weekday = -1, .nth_weekday = -1};

    for (int i = 0; i < 60; i++) {
        said.minutes[i] = i % 15 == 0 ? rng_below(rng, 2) == 0 : rng_below(rng, 20) == 0;
    }
    said.minutes[30] = true;
    /* Where clocks change. */
    for (int i = 0; i < 24; i++) {
        said.hours[i] = i < 4 ? rng_below(rng, 2) == 0 : rng_below(rng, 8) == 0;
    }
    said.hours[2] = true;
    said.any_hour = rng_below(rng, 4) == 0;
    said.any_day = rng_below(rng, 2) == 0;
    for (int i = 1; i < 32; i++) {
        said.days[i] = rng_below(rng, 4) == 0;
    }
    said.days[1 + rng_below(rng, 28)] = true;
    said.special = (enum special)rng_below(rng, 5);
    said.special_day = 1 + (int)rng_below(rng, 28);
    said.any_weekday = rng_below(rng, 2) == 0;
    for (int i = 0; i < 7; i++) {
        said.weekdays[i] = rng_below(rng, 3) == 0;
    }
    said.weekdays[0] = true; /* Most changes are on one. */
    if (rng_below(rng, 3) == 0) {
        said.last_weekday = (int)rng_below(rng, 7);
    }
    if (rng_below(rng, 3) == 0) {
        said.nth_weekday = (int)rng_below(rng, 7);
        said.nth = 1 + (int)rng_below(rng, 5);
    }
    return said;
}

struct walk {
    const struct said *said;
    const struct zone *zone;
    struct cron cron;
    struct cron_policy policy;
    struct cron_time next;
    bool has_next;
    const char *what;
};

/* The oracle says that this is due. */
static void expect(struct walk *walk, int64_t time_s, int64_t wall_s, bool fold) {
    char what[700];

    (void)snprintf(what, sizeof what, "%s at %lld", walk->what, (long long)time_s);
    CHECK(walk->has_next, what);
    CHECK_EQ(walk->next.time_s, time_s, what);
    CHECK_EQ(walk->next.civil_s, wall_s, what);
    CHECK_EQ(walk->next.fold, fold, what);
    walk->has_next = cron_next(&walk->cron, walk->zone, walk->policy, &walk->next, &walk->next);
}

/* walls: what the clock shows, minute by minute. */
static void look_at(struct walk *walk, const int64_t *walls, size_t at, int64_t time_s) {
    bool is_wild = walk->said->any_hour;
    bool comes_again = false;
    bool came_before = false;

    for (int64_t wall_s = walls[at - 1] + MINUTE; wall_s < walls[at]; wall_s += MINUTE) {
        if (!is_wild && walk->policy.gap == CRON_GAP_RUN && is_said(walk->said, wall_s)) {
            expect(walk, time_s, wall_s, false);
        }
    }
    if (!is_said(walk->said, walls[at])) {
        return;
    }
    /* Only where the clock is put back within a day does the search pay. */
    if (walls[at + AROUND] - walls[at] != AROUND * MINUTE ||
        walls[at] - walls[at - AROUND] != AROUND * MINUTE) {
        for (size_t k = 1; k <= AROUND; k++) {
            comes_again = comes_again || walls[at + k] == walls[at];
            came_before = came_before || walls[at - k] == walls[at];
        }
    }
    if (!is_wild && ((walk->policy.repeat == CRON_REPEAT_FIRST && came_before) ||
                     (walk->policy.repeat == CRON_REPEAT_LAST && comes_again))) {
        return;
    }
    expect(walk, time_s, walls[at], came_before);
}

static int64_t offset_at(int64_t time_s) {
    time_t at = (time_t)time_s;
    struct tm tm;

    CHECK(localtime_r(&at, &tm) != NULL, "localtime_r");
    return tm.tm_gmtoff;
}

/* What the clocks show, minute by minute. Each minute is asked for only where the ends of a quarter
 * of an hour differ: in St John's they did so at one minute past midnight until 2011. */
static void read_walls(int64_t *walls, size_t count, int64_t from_s) {
    int64_t before = offset_at(from_s);

    for (size_t i = 0; i < count;) {
        size_t quarter = count - i < QUARTER ? count - i : QUARTER;
        int64_t after = offset_at(from_s + (int64_t)(i + quarter) * MINUTE);

        for (size_t end = i + quarter; i < end; i++) {
            int64_t time_s = from_s + (int64_t)i * MINUTE;

            walls[i] = time_s + (after == before ? before : offset_at(time_s));
        }
        before = after;
    }
}

static void compare(const char *name, struct rng *rng, int64_t from_s, int64_t until_s) {
    size_t count = (size_t)(until_s - from_s) / MINUTE;
    int64_t *walls = calloc(count + 2 * AROUND + 1, sizeof *walls);
    struct said said = random_said(rng);
    struct zone *zone = zones_read(name);
    struct error error = {0};
    char line[512];
    char what[600];
    struct walk walk = {.said = &said, .zone = zone, .what = what};

    say(&said, line);
    (void)snprintf(what, sizeof what, "%s: %s", name, line);
    CHECK_OK(cron_parse(line, CRON_CRONIE, &error, &walk.cron), what);
    walk.policy = (struct cron_policy){.gap = (enum cron_gap)rng_below(rng, 2),
                                       .repeat = (enum cron_repeat)rng_below(rng, 3)};
    CHECK_EQ(setenv("TZ", name, 1), 0, name);
    tzset();
    read_walls(walls, count + 2 * AROUND + 1, from_s - AROUND * MINUTE);
    walk.next = (struct cron_time){.time_s = from_s, .civil_s = CRON_FROM};
    walk.has_next = cron_next(&walk.cron, zone, walk.policy, &walk.next, &walk.next);
    for (size_t i = 0; i < count; i++) {
        look_at(&walk, walls, i + AROUND, from_s + (int64_t)i * MINUTE);
    }
    CHECK(!walk.has_next || walk.next.time_s >= until_s, what);
    zone_destroy(zone);
    free(walls);
}

TEST_WITHIN(cron_next__is_what_an_oracle_sees_minute_by_minute, 600) {
    const char *wanted = getenv("NIGHTSHIFT_ORACLE_YEARS");
    long years = wanted != NULL ? strtol(wanted, NULL, 10) : 1;
    struct rng rng;

    rng_init(&rng, 20261122);
    for (size_t i = 0; i < zones_of_the_world_count; i++) {
        for (long k = 0; k < years; k++) {
            int64_t from_s = FIRST_S + ((int64_t)i + k) % YEARS * YEAR_S;

            compare(zones_of_the_world[i], &rng, from_s - from_s % MINUTE, from_s + YEAR_S);
        }
    }
}
