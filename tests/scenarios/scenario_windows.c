#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "policy/window.h"
#include "tests/fake/zones.h"
#include "tests/scenarios/scenario.h"

static const struct zone *add_utc(struct window_set *set) {
    set->zones = mem_grow(set->zones, set->zone_count + 1, sizeof(struct zone *));
    set->zones[set->zone_count] = zones_utc();
    return set->zones[set->zone_count++];
}

static int32_t time_of(const struct scenario *scenario, const char *text) {
    int hour;
    int minute;

    if (sscanf(text, "%2d:%2d", &hour, &minute) != 2) {
        scenario_bad(scenario, "not a time of day", text);
    }
    return hour * 3600 + minute * 60;
}

static enum window_close close_of(const struct scenario *scenario, const char *text) {
    static const char *const words[] = {"finish", "requeue", "kill"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            return (enum window_close)i;
        }
    }
    scenario_bad(scenario, "not finish, requeue or kill", text);
}

/* Three words between commas. */
static void cut_three(const struct scenario *scenario, char *text, char *out_parts[3]) {
    char *state = NULL;

    for (int i = 0; i < 3; i++) {
        out_parts[i] = strtok_r(i == 0 ? text : NULL, ",", &state);
        if (out_parts[i] == NULL) {
            scenario_bad(scenario, "not three words with commas", text);
        }
    }
}

void scenario_add_window(struct scenario *scenario, struct window_set *set, char *text) {
    char *last = strrchr(text, '@');
    struct window window = {0};
    char *parts[3];

    if (last != NULL) {
        *last = '\0';
        window.at_close = close_of(scenario, last + 1);
    }
    cut_three(scenario, text, parts);
    window.name = mem_copy_text(parts[0]);
    window.zone = add_utc(set);
    window.hours = mem_alloc(1, sizeof *window.hours);
    window.hours_count = 1;
    window.hours[0] = (struct window_hours){.weekdays = WINDOW_EVERY_DAY,
                                            .open_s = time_of(scenario, parts[1]),
                                            .close_s = time_of(scenario, parts[2])};
    if (window.hours[0].close_s <= window.hours[0].open_s) {
        window.hours[0].close_s += 24 * 3600;
    }
    set->windows = mem_grow(set->windows, set->window_count + 1, sizeof *set->windows);
    set->windows[set->window_count++] = window;
}

void scenario_add_freeze(struct scenario *scenario, struct window_set *set, char *text) {
    char *parts[3];
    int64_t seconds[2];

    cut_three(scenario, text, parts);
    for (int i = 0; i < 2; i++) {
        seconds[i] = strtol(parts[i + 1], NULL, 10);
    }
    set->freezes = mem_grow(set->freezes, set->freeze_count + 1, sizeof *set->freezes);
    set->freezes[set->freeze_count++] =
        (struct freeze){.name = mem_copy_text(parts[0]),
                        .from_us = SCENARIO_START_US + seconds[0] * CLOCK_US_PER_SECOND,
                        .until_us = SCENARIO_START_US + seconds[1] * CLOCK_US_PER_SECOND};
}
