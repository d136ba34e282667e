#include "policy/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/civil.h"
#include "base/rfc3339.h"
#include "base/rng.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

/* "2026-03-29T02:30:00" as a civil time, or "2026-03-29T01:00:00Z" as an instant: the same. */
static int64_t seconds(const char *text) {
    int64_t time_us;
    char with_zone[RFC3339_BYTES_MAX];

    (void)snprintf(with_zone, sizeof with_zone, "%s%s", text,
                   text[strlen(text) - 1] == 'Z' ? "" : "Z");
    CHECK_OK(rfc3339_parse(with_zone, &time_us), text);
    return time_us / 1000000;
}

/* What glibc says, which reads the same files in its own way. */
static int32_t offset_by_libc(int64_t time_s) {
    time_t at = (time_t)time_s;
    struct tm tm;

    CHECK(localtime_r(&at, &tm) != NULL, "localtime_r");
    return (int32_t)tm.tm_gmtoff;
}

TEST_WITHIN(zone_offset_s__is_what_the_c_library_says_for_every_zone, 60) {
    struct rng rng;

    rng_init(&rng, 20261122);
    for (size_t i = 0; i < zones_of_the_world_count; i++) {
        const char *name = zones_of_the_world[i];
        struct zone *zone = zones_read(name);

        CHECK_EQ(setenv("TZ", name, 1), 0, name);
        tzset();
        for (int k = 0; k < 20000; k++) {
            /* 1970 to 2150, on whole hours half of the time: changes happen there. */
            int64_t time_s = (int64_t)rng_below(&rng, UINT64_C(5680281600));

            time_s -= k % 2 == 0 ? time_s % 3600 : 0;
            CHECK_EQ(zone_offset_s(zone, time_s), offset_by_libc(time_s), name);
        }
        zone_destroy(zone);
    }
}

TEST(zone_reach__and_instants_know_the_nights_that_change_the_clocks) {
    static const struct {
        const char *zone;
        const char *civil;
        const char *reach;
        size_t count;
        const char *second; /* NULL: once or never */
    } rows[] = {
        {"Europe/Berlin", "2026-11-22T22:00:00", "2026-11-22T21:00:00Z", 1, NULL},
        {"Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z", 1, NULL},
        {"Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z", 0, NULL},
        {"Europe/Berlin", "2026-03-29T02:59:59", "2026-03-29T01:00:00Z", 0, NULL},
        {"Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z", 1, NULL},
        {"Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z", 1, NULL},
        {"Europe/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z", 2, "2026-10-25T01:00:00Z"},
        {"Europe/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59Z", 2, "2026-10-25T01:59:59Z"},
        {"Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z", 1, NULL},
        {"America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:00:00Z", 0, NULL},
        {"America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z", 2,
         "2026-11-01T06:30:00Z"},
        /* By half an hour. */
        {"Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z", 2,
         "2026-04-04T15:15:00Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00Z", 0, NULL},
        /* Back for Ramadan, on again after it. */
        {"Africa/Casablanca", "2026-02-15T02:30:00", "2026-02-15T01:30:00Z", 2,
         "2026-02-15T02:30:00Z"},
        {"Africa/Casablanca", "2026-03-22T02:30:00", "2026-03-22T02:00:00Z", 0, NULL},
        /* A day that was left out. */
        {"Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00Z", 0, NULL},
        /* After the file's own list: by the rule in its footer. */
        {"Europe/Berlin", "2150-07-01T12:00:00", "2150-07-01T10:00:00Z", 1, NULL},
        {"Australia/Lord_Howe", "2150-01-01T12:00:00", "2150-01-01T01:00:00Z", 1, NULL},
        /* And after the rule was written out. */
        {"Europe/Berlin", "2300-07-01T12:00:00", "2300-07-01T11:00:00Z", 1, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *zone = zones_read(rows[i].zone);
        char what[96];
        int64_t times_s[2] = {0, 0};

        (void)snprintf(what, sizeof what, "%s %s", rows[i].zone, rows[i].civil);
        CHECK_EQ(zone_reach(zone, seconds(rows[i].civil)), seconds(rows[i].reach), what);
        CHECK_EQ(zone_instants(zone, seconds(rows[i].civil), times_s), rows[i].count, what);
        if (rows[i].count > 0) {
            CHECK_EQ(times_s[0], seconds(rows[i].reach), what);
        }
        if (rows[i].second != NULL) {
            CHECK_EQ(times_s[1], seconds(rows[i].second), what);
        }
        zone_destroy(zone);
    }
}

TEST(zone_abbreviation__names_the_half_of_the_year) {
    struct zone *zone = zones_read("Europe/Berlin");

    CHECK_STR(zone_abbreviation(zone, seconds("2026-01-01T00:00:00Z")), "CET", "winter");
    CHECK_STR(zone_abbreviation(zone, seconds("2026-07-01T00:00:00Z")), "CEST", "summer");
    CHECK_STR(zone_abbreviation(zone, seconds("2150-07-01T00:00:00Z")), "CEST", "by the rule");
    CHECK_STR(zone_name(zone), "Europe/Berlin", "name");
    zone_destroy(zone);
}
