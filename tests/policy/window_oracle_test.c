/* Every minute of twenty years in zones all over the world, against an oracle.
 *
 * In CI each zone has one of the years; with NIGHTSHIFT_ORACLE_YEARS=20 it has them all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/civil.h"
#include "base/rfc3339.h"
#include "base/rng.h"
#include "policy/window.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

#define MINUTE    60
#define FIRST_S   INT64_C(1262304000) /* 2010-01-01T00:00:00Z */
#define YEAR_S    INT64_C(31557600)
#define YEARS     20
#define FIRST_DAY 14610
#define DAYS      7305

/* The oracle: the wall clock, minute by minute, as the C library reads it. A clock that was put
 * back has already shown what it shows again, so what counts is the latest time shown so far. */

static bool oracle_is_open(const struct window *window, int64_t shown_s) {
    int64_t today = civil_day_of(shown_s);

    for (int64_t at = today - 2; at <= today; at++) {
        for (size_t i = 0; i < window->hours_count; i++) {
            const struct window_hours *hours = &window->hours[i];
            bool counts = (hours->weekdays >> civil_weekday(at) & 1) != 0;

            for (size_t k = 0; k < hours->also.count; k++) {
                counts = counts || hours->also.days[k] == at;
            }
            for (size_t k = 0; k < window->except.count; k++) {
                counts = counts && window->except.days[k] != at;
            }
            if (counts && shown_s >= at * CIVIL_DAY_S + hours->open_s &&
                shown_s < at * CIVIL_DAY_S + hours->close_s) {
                return true;
            }
        }
    }
    return false;
}

static int64_t wall_clock_s(int64_t time_s) {
    time_t at = (time_t)time_s;
    struct tm tm;

    CHECK(localtime_r(&at, &tm) != NULL, "localtime_r");
    return time_s + tm.tm_gmtoff;
}

static struct window_hours random_hours(struct rng *rng, int32_t *also) {
    int32_t open_minute = (int32_t)rng_below(rng, 24 * 60);
    int32_t length = 1 + (int32_t)rng_below(rng, 24 * 60);
    uint8_t weekdays = rng_below(rng, 3) == 0 ? WINDOW_EVERY_DAY : (uint8_t)rng_below(rng, 128);

    /* Half of them begin or end where clocks change. */
    if (rng_below(rng, 2) == 0) {
        open_minute = (int32_t)rng_below(rng, 4 * 4) * 15;
    }
    *also = FIRST_DAY + (int32_t)rng_below(rng, DAYS);
    return (struct window_hours){
        .weekdays = weekdays,
        .also = {also, 1},
        .open_s = open_minute * MINUTE,
        .close_s = (open_minute + length) * MINUTE,
    };
}

static int by_open(const void *a, const void *b) {
    const struct window_hours *left = a;
    const struct window_hours *right = b;

    return (left->open_s > right->open_s) - (left->open_s < right->open_s);
}

/* Every minute of the stretch is as the oracle says. */
static void compare(const char *name, struct rng *rng, int64_t from_s, int64_t until_s) {
    struct zone *zone = zones_read(name);
    int32_t days[8];
    struct window_hours hours[2] = {random_hours(rng, &days[0]), random_hours(rng, &days[1])};
    struct window window = {
        .name = (char[]){"w"},
        .zone = zone,
        .hours = hours,
        .hours_count = 1 + rng_below(rng, 2),
        .except = {&days[2], 2},
    };
    struct window_set set = {.windows = &window, .window_count = 1};
    struct window_span span = {INT64_MIN, INT64_MIN};
    int64_t ask_us = INT64_MIN;
    int64_t shown_s = INT64_MIN;
    char what[128];
    char text[RFC3339_BYTES_MAX];

    days[2] = FIRST_DAY + (int32_t)rng_below(rng, DAYS);
    days[3] = days[2] + 1 + (int32_t)rng_below(rng, 30);
    qsort(hours, window.hours_count, sizeof hours[0], by_open);
    CHECK_EQ(setenv("TZ", name, 1), 0, name);
    tzset();
    for (int64_t time_s = from_s - CIVIL_DAY_S; time_s < until_s; time_s += MINUTE) {
        int64_t wall_s = wall_clock_s(time_s);
        bool open;

        shown_s = wall_s > shown_s ? wall_s : shown_s;
        if (time_s < from_s) {
            continue; /* The clock may have been put back just before. */
        }
        if (time_s * 1000000 >= ask_us) {
            if (!window_span_at(&set, &window, time_s * 1000000, &span)) {
                span = (struct window_span){CLOCK_NEVER_US, CLOCK_NEVER_US};
            }
            /* Never is not within 400 days. */
            ask_us = span.closes_us == CLOCK_NEVER_US ? (time_s + 400 * CIVIL_DAY_S) * 1000000
                                                      : span.closes_us;
        }
        open = span.opens_us <= time_s * 1000000 && time_s * 1000000 < span.closes_us;
        if (open != oracle_is_open(&window, shown_s)) {
            rfc3339_print(time_s * 1000000, text);
            (void)snprintf(what, sizeof what,
                           "%s at %s: open %d to %d min on %#x, %zu hours; the oracle says %s",
                           name, text, hours[0].open_s / MINUTE, hours[0].close_s / MINUTE,
                           hours[0].weekdays, window.hours_count, open ? "closed" : "open");
            CHECK(false, what);
        }
    }
    zone_destroy(zone);
}

TEST_WITHIN(window_span_at__is_the_oracle_s_for_every_minute, 1500) {
    const char *years_text = getenv("NIGHTSHIFT_ORACLE_YEARS");
    int64_t years = years_text == NULL ? 1 : strtol(years_text, NULL, 10);
    struct rng rng;

    rng_init(&rng, 20261122);
    for (size_t i = 0; i < zones_of_the_world_count; i++) {
        int64_t first = years == YEARS ? 0 : (int64_t)(i % YEARS);

        compare(zones_of_the_world[i], &rng, FIRST_S + first * YEAR_S,
                FIRST_S + (first + years) * YEAR_S);
    }
}
