#include "policy/window.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/rfc3339.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

#define HOUR   3600
#define MINUTE 60

#define MON_TO_FRI 0x3e
#define SATURDAY   0x40
#define SUNDAY     0x01

static int64_t instant(const char *text) {
    int64_t time_us;

    CHECK_OK(rfc3339_parse(text, &time_us), text);
    return time_us;
}

static const char *shown(int64_t time_us, char out_text[RFC3339_BYTES_MAX]) {
    if (time_us == CLOCK_NEVER_US) {
        return "never";
    }
    rfc3339_print(time_us, out_text);
    return out_text;
}

static int32_t day(const char *text) {
    int64_t days;

    CHECK_OK(civil_parse_date(text, &days), text);
    return (int32_t)days;
}

struct span_row {
    const char *what;
    const char *zone;
    struct window_hours hours[3];
    const char *except; /* a date, or NULL */
    const char *now;
    const char *opens; /* NULL: never */
    const char *closes;
};

TEST(window_span_at__finds_the_opening_on_the_wall_clock) {
    const struct span_row rows[] = {
        {"before tonight",
         "Europe/Berlin",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-11-22T12:00:00Z",
         "2026-11-22T21:00:00Z",
         "2026-11-23T05:00:00Z"},
        {"at the opening",
         "Europe/Berlin",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-11-22T21:00:00Z",
         "2026-11-22T21:00:00Z",
         "2026-11-23T05:00:00Z"},
        {"at the close, the next one",
         "Europe/Berlin",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-11-23T05:00:00Z",
         "2026-11-23T21:00:00Z",
         "2026-11-24T05:00:00Z"},
        {"7 hours: clocks go forward",
         "Europe/Berlin",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-03-28T22:00:00Z",
         "2026-03-28T21:00:00Z",
         "2026-03-29T04:00:00Z"},
        {"9 hours: clocks go back",
         "Europe/Berlin",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-10-24T22:00:00Z",
         "2026-10-24T20:00:00Z",
         "2026-10-25T05:00:00Z"},
        {"7 hours in New York",
         "America/New_York",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-03-08T05:00:00Z",
         "2026-03-08T03:00:00Z",
         "2026-03-08T10:00:00Z"},
        {"9 hours in New York",
         "America/New_York",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-11-01T05:00:00Z",
         "2026-11-01T02:00:00Z",
         "2026-11-01T11:00:00Z"},
        {"8.5 hours on Lord Howe",
         "Australia/Lord_Howe",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-04-04T14:00:00Z",
         "2026-04-04T11:00:00Z",
         "2026-04-04T19:30:00Z"},
        {"7.5 hours on Lord Howe",
         "Australia/Lord_Howe",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-10-03T14:00:00Z",
         "2026-10-03T11:30:00Z",
         "2026-10-03T19:00:00Z"},
        {"9 hours in Casablanca, as Ramadan begins",
         "Africa/Casablanca",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-02-14T22:00:00Z",
         "2026-02-14T21:00:00Z",
         "2026-02-15T06:00:00Z"},
        {"7 hours in Casablanca, as it ends",
         "Africa/Casablanca",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR}},
         NULL,
         "2026-03-21T23:00:00Z",
         "2026-03-21T22:00:00Z",
         "2026-03-22T05:00:00Z"},
        {"opens at the jump",
         "Europe/Berlin",
         {{.weekdays = SUNDAY, .open_s = 2 * HOUR + 30 * MINUTE, .close_s = 5 * HOUR}},
         NULL,
         "2026-03-29T00:00:00Z",
         "2026-03-29T01:00:00Z",
         "2026-03-29T03:00:00Z"},
        {"jumped over: next week",
         "Europe/Berlin",
         {{.weekdays = SUNDAY, .open_s = 2 * HOUR, .close_s = 3 * HOUR}},
         NULL,
         "2026-03-29T00:00:00Z",
         "2026-04-05T00:00:00Z",
         "2026-04-05T01:00:00Z"},
        {"an hour that comes twice opens once",
         "Europe/Berlin",
         {{.weekdays = SUNDAY, .open_s = 2 * HOUR, .close_s = 2 * HOUR + 30 * MINUTE}},
         NULL,
         "2026-10-25T00:45:00Z",
         "2026-11-01T01:00:00Z",
         "2026-11-01T01:30:00Z"},
        {"a day that never was",
         "Pacific/Apia",
         {{.weekdays = 0x20, .open_s = 8 * HOUR, .close_s = 12 * HOUR}},
         NULL,
         "2011-12-30T00:00:00Z",
         "2012-01-05T18:00:00Z",
         "2012-01-05T22:00:00Z"},
        {"the weekend in pieces that touch",
         "UTC",
         {{.weekdays = SATURDAY | SUNDAY, .open_s = 0, .close_s = 24 * HOUR},
          {.weekdays = 0x02, .open_s = 0, .close_s = 6 * HOUR},
          {.weekdays = 0x20, .open_s = 20 * HOUR, .close_s = 24 * HOUR}},
         NULL,
         "2026-11-22T12:00:00Z",
         "2026-11-20T20:00:00Z",
         "2026-11-23T06:00:00Z"},
        {"never closes",
         "UTC",
         {{.weekdays = WINDOW_EVERY_DAY, .open_s = 0, .close_s = 24 * HOUR}},
         NULL,
         "2026-11-22T12:00:00Z",
         "2026-11-14T00:00:00Z",
         "never"},
        {"except today",
         "UTC",
         {{.weekdays = MON_TO_FRI, .open_s = HOUR, .close_s = 2 * HOUR}},
         "2026-11-23",
         "2026-11-22T12:00:00Z",
         "2026-11-24T01:00:00Z",
         "2026-11-24T02:00:00Z"},
        {"no day at all",
         "UTC",
         {{.weekdays = 0, .open_s = HOUR, .close_s = 2 * HOUR}},
         NULL,
         "2026-11-22T12:00:00Z",
         NULL,
         NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *zone = zones_read(rows[i].zone);
        int32_t except = rows[i].except == NULL ? 0 : day(rows[i].except);
        struct window_hours hours[3];
        struct window window = {
            .name = (char[]){"w"},
            .zone = zone,
            .hours = hours,
            .hours_count = rows[i].hours[1].close_s == 0 ? 1 : 3,
            .except = {&except, rows[i].except == NULL ? 0 : 1},
        };
        struct window_set set = {.windows = &window, .window_count = 1};
        struct window_span span;
        bool found;
        char text[RFC3339_BYTES_MAX];

        memcpy(hours, rows[i].hours, sizeof hours);
        found = window_span_at(&set, &window, instant(rows[i].now), &span);
        CHECK_EQ(found, rows[i].opens != NULL, rows[i].what);
        if (found) {
            CHECK_STR(shown(span.opens_us, text), rows[i].opens, rows[i].what);
            CHECK_STR(shown(span.closes_us, text), rows[i].closes, rows[i].what);
        }
        zone_destroy(zone);
    }
}

/* A nightly window, 22:00 to 06:00 in UTC, one at noon, and freezes. */
struct fixture {
    struct zone *zone;
    struct window_hours night;
    struct window_hours noon;
    struct window windows[2];
    struct freeze freezes[3];
    struct window_set set;
};

static void fixture_init(struct fixture *fixture) {
    static char nightly[] = "nightly";
    static char noon[] = "noon";
    static char release[] = "release";
    static char year_end[] = "year-end";
    static char *frozen[] = {nightly};

    *fixture = (struct fixture){
        .zone = zones_read("UTC"),
        .night = {.weekdays = WINDOW_EVERY_DAY, .open_s = 22 * HOUR, .close_s = 30 * HOUR},
        .noon = {.weekdays = MON_TO_FRI, .open_s = 12 * HOUR, .close_s = 13 * HOUR},
    };
    fixture->windows[0] = (struct window){.name = nightly,
                                          .zone = fixture->zone,
                                          .hours = &fixture->night,
                                          .hours_count = 1,
                                          .spill_us = INT64_C(1800) * 1000000};
    fixture->windows[1] = (struct window){
        .name = noon, .zone = fixture->zone, .hours = &fixture->noon, .hours_count = 1};
    fixture->freezes[0] = (struct freeze){.name = release,
                                          .from_us = instant("2026-12-01T23:00:00Z"),
                                          .until_us = instant("2026-12-02T01:00:00Z"),
                                          .windows = frozen,
                                          .window_count = 1};
    fixture->freezes[1] = (struct freeze){.name = year_end,
                                          .from_us = instant("2026-12-20T00:00:00Z"),
                                          .until_us = instant("2027-01-03T00:00:00Z")};
    fixture->set = (struct window_set){.windows = fixture->windows,
                                       .window_count = 2,
                                       .freezes = fixture->freezes,
                                       .freeze_count = 2};
}

TEST(window_ask__says_whether_now_and_else_when) {
    static const struct {
        const char *what;
        const char *windows; /* "n": nightly, "m": noon */
        const char *now;
        int expected_minutes;
        bool may_start;
        bool too_short;
        const char *window; /* NULL: none */
        const char *freeze;
        const char *again;
    } rows[] = {
        {"no window", "", "2026-11-23T12:00:00Z", 0, true, false, NULL, NULL,
         "2026-12-20T00:00:00Z"},
        {"no window, frozen", "", "2026-12-24T12:00:00Z", 0, false, false, NULL, "year-end",
         "2027-01-03T00:00:00Z"},
        {"no window, the last microsecond", "", "2027-01-03T00:00:00Z", 0, true, false, NULL, NULL,
         "never"},
        {"closed", "n", "2026-11-23T21:59:59Z", 60, false, false, "nightly", NULL,
         "2026-11-23T22:00:00Z"},
        {"opens", "n", "2026-11-23T22:00:00Z", 60, true, false, "nightly", NULL,
         "2026-11-24T05:30:00Z"},
        {"not known how long: any time", "n", "2026-11-24T05:59:59Z", 0, true, false, "nightly",
         NULL, "2026-11-24T06:00:00Z"},
        {"just fits with the spill", "n", "2026-11-24T05:30:00Z", 60, true, false, "nightly", NULL,
         "2026-11-24T05:30:00Z"},
        {"too late by a second", "n", "2026-11-24T05:30:01Z", 60, false, true, "nightly", NULL,
         "2026-11-24T22:00:00Z"},
        {"shorter than the spill: until the close", "n", "2026-11-24T05:59:59Z", 5, true, false,
         "nightly", NULL, "2026-11-24T06:00:00Z"},
        {"fills it with the spill", "n", "2026-11-23T22:00:00Z", 510, true, false, "nightly", NULL,
         "2026-11-23T22:00:00Z"},
        {"fits no night", "n", "2026-11-23T22:00:00Z", 511, false, true, "nightly", NULL, "never"},
        {"the first of two", "nm", "2026-11-23T11:00:00Z", 30, false, false, "noon", NULL,
         "2026-11-23T12:00:00Z"},
        {"too long for noon", "nm", "2026-11-23T11:00:00Z", 90, false, false, "nightly", NULL,
         "2026-11-23T22:00:00Z"},
        {"noon is open and too short", "m", "2026-11-23T12:45:00Z", 30, false, true, "noon", NULL,
         "2026-11-24T12:00:00Z"},
        {"a freeze of the window ends it early", "n", "2026-12-01T22:00:00Z", 60, true, false,
         "nightly", NULL, "2026-12-01T22:30:00Z"},
        {"too long until the freeze", "n", "2026-12-01T22:00:00Z", 120, false, true, "nightly",
         NULL, "2026-12-02T01:00:00Z"},
        {"in the freeze of the window", "n", "2026-12-01T23:30:00Z", 60, false, false, "nightly",
         NULL, "2026-12-02T01:00:00Z"},
        {"which does not hold the other", "m", "2026-12-01T12:00:00Z", 60, true, false, "noon",
         NULL, "2026-12-01T12:00:00Z"},
        {"a freeze of all", "n", "2026-12-20T00:00:00Z", 60, false, false, NULL, "year-end",
         "2027-01-03T00:00:00Z"},
        {"ends in the night", "n", "2027-01-03T00:00:00Z", 60, true, false, "nightly", NULL,
         "2027-01-03T05:30:00Z"},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct window *windows[2];
        size_t count = strlen(rows[i].windows);
        struct window_answer answer;
        char text[RFC3339_BYTES_MAX];
        int64_t again_us;

        for (size_t k = 0; k < count; k++) {
            windows[k] = &fixture.windows[rows[i].windows[k] == 'n' ? 0 : 1];
        }
        answer = window_ask(&fixture.set, windows, count, instant(rows[i].now),
                            rows[i].expected_minutes * INT64_C(60000000));
        CHECK_EQ(answer.may_start, rows[i].may_start, rows[i].what);
        CHECK_EQ(answer.too_short, rows[i].too_short, rows[i].what);
        CHECK_STR(answer.window == NULL ? NULL : answer.window->name, rows[i].window, rows[i].what);
        CHECK_STR(answer.freeze == NULL ? NULL : answer.freeze->name, rows[i].freeze, rows[i].what);
        /* The first instant at which it may not start any more is a microsecond after the last. */
        again_us = answer.again_us;
        if (answer.may_start && again_us % 1000000 == 1) {
            again_us--;
        }
        CHECK_STR(shown(again_us, text), rows[i].again, rows[i].what);
    }
    zone_destroy(fixture.zone);
}

TEST(window_longest_us__is_the_longest_night_of_the_year) {
    struct fixture fixture;
    struct zone *berlin = zones_read("Europe/Berlin");

    fixture_init(&fixture);
    CHECK_EQ(window_longest_us(&fixture.windows[0], instant("2026-11-23T00:00:00Z")),
             INT64_C(510) * 60 * 1000000, "8 hours and the spill");
    fixture.windows[0].zone = berlin;
    CHECK_EQ(window_longest_us(&fixture.windows[0], instant("2026-11-23T00:00:00Z")),
             INT64_C(570) * 60 * 1000000, "9 hours in October");
    fixture.night.weekdays = 0;
    CHECK_EQ(window_longest_us(&fixture.windows[0], instant("2026-11-23T00:00:00Z")), 0, "none");
    fixture.night = (struct window_hours){.weekdays = WINDOW_EVERY_DAY, .close_s = 24 * HOUR};
    CHECK_EQ(window_longest_us(&fixture.windows[0], instant("2026-11-23T00:00:00Z")),
             CLOCK_NEVER_US, "always open");
    zone_destroy(berlin);
    zone_destroy(fixture.zone);
}
