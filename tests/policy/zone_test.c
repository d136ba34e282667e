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

/* A file of version 2 with one type, an empty list of changes and this footer. */
static size_t make_file(unsigned char *out, const char *footer, char version, char leaps) {
    unsigned char block[44] = {'T', 'Z', 'i', 'f', 0};
    unsigned char *at = out;

    block[4] = (unsigned char)version;
    block[39] = 1; /* a type */
    block[43] = 4; /* bytes of names */
    for (int i = 0; i < 2; i++) {
        block[31] = (unsigned char)(i == 1 ? leaps : 0);
        memcpy(at, block, sizeof block);
        at += sizeof block;
        memcpy(at, "\0\0\x0e\x10\0\0CET\0", 10);
        at += 10;
        memset(at, 0, 12);
        at += i == 1 ? 12 * leaps : 0;
    }
    memcpy(at, footer, strlen(footer));
    return (size_t)(at - out) + strlen(footer);
}

TEST(zone_parse__refuses_what_is_no_zone) {
    static const struct {
        const char *what;
        const char *footer;
        char version;
        char leaps;
        const char *why; /* NULL: taken */
    } rows[] = {
        {"no rule", "\n\n", '2', 0, NULL},
        {"a fixed rule", "\nCET-1\n", '2', 0, NULL},
        {"the European rule", "\nCET-1CEST,M3.5.0,M10.5.0/3\n", '2', 0, NULL},
        {"quoted names, hours below zero", "\n<+01>-1<+02>-2,M3.4.4/-50,J300/167\n", '3', 0, NULL},
        {"days of the year", "\nCET-1CEST,0/0,J365/23\n", '2', 0, NULL},
        {"version 1", "\nCET-1\n", 0, 0, "version 1"},
        {"leap seconds", "\nCET-1\n", '2', 1, "leap seconds"},
        {"no footer", "", '2', 0, "cut off"},
        {"half a footer", "\nCET-1", '2', 0, "cut off"},
        {"a short name", "\nCE-1\n", '2', 0, "the rule"},
        {"no offset", "\nCET\n", '2', 0, "the rule"},
        {"one change", "\nCET-1CEST,M3.5.0\n", '2', 0, "the rule"},
        {"month 13", "\nCET-1CEST,M13.5.0,M10.5.0\n", '2', 0, "the rule"},
        {"week 6", "\nCET-1CEST,M3.6.0,M10.5.0\n", '2', 0, "the rule"},
        {"day 0 of Julian", "\nCET-1CEST,J0,J5\n", '2', 0, "the rule"},
        {"hour 168", "\nCET-1CEST,M3.5.0/168,M10.5.0\n", '2', 0, "the rule"},
        {"more behind it", "\nCET-1CEST,M3.5.0,M10.5.0 \n", '2', 0, "the rule"},
        {"a quote left open", "\n<+01-1\n", '2', 0, "the rule"},
    };
    unsigned char bytes[512];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = make_file(bytes, rows[i].footer, rows[i].version, rows[i].leaps);
        struct error error = {0};
        struct zone *zone = NULL;
        int result = zone_parse("Test/Zone", bytes, count, &error, &zone);

        CHECK_EQ(result, rows[i].why == NULL ? OK : ERR_INVALID, rows[i].what);
        if (rows[i].why != NULL) {
            CHECK(strstr(error.text, rows[i].why) != NULL, rows[i].what);
        }
        zone_destroy(zone);
    }
}

TEST(zone_parse__survives_every_cut_and_every_changed_byte) {
    unsigned char bytes[512];
    size_t count = make_file(bytes, "\nCET-1CEST,M3.5.0,M10.5.0/3\n", '2', 0);

    for (size_t i = 0; i < count; i++) {
        unsigned char saved = bytes[i];
        struct error error = {0};
        struct zone *zone = NULL;

        CHECK_EQ(zone_parse("Test/Cut", bytes, i, &error, &zone), ERR_INVALID, "cut");
        for (int flip = 1; flip < 256; flip *= 2) {
            bytes[i] = (unsigned char)(saved ^ flip);
            if (zone_parse("Test/Flip", bytes, count, &error, &zone) == OK) {
                zone_destroy(zone);
            }
        }
        bytes[i] = saved;
    }
}
