#include "policy/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

/* From an instant on, until the next one's. */
struct period {
    int64_t from_s;
    int32_t offset_s;
    char abbreviation[ZONE_ABBREVIATION_BYTES];
};

struct zone {
    char *name;
    struct period *periods; /* ascending; the first begins at INT64_MIN */
    size_t count;
    size_t room;
};

struct zone *zone_create(const char *name) {
    struct zone *zone = mem_alloc(1, sizeof *zone);

    zone->name = mem_copy_text(name);
    return zone;
}

void zone_add_period(struct zone *zone, int64_t from_s, int32_t offset_s,
                     const char *abbreviation) {
    struct period *period;

    ENSURE(zone->count == 0 ? from_s == INT64_MIN : from_s > zone->periods[zone->count - 1].from_s);
    ENSURE(offset_s >= -ZONE_OFFSET_S_MAX && offset_s <= ZONE_OFFSET_S_MAX);
    if (zone->count == zone->room) {
        zone->room = zone->room == 0 ? 64 : 2 * zone->room;
        zone->periods = mem_grow(zone->periods, zone->room, sizeof *zone->periods);
    }
    period = &zone->periods[zone->count++];
    *period = (struct period){.from_s = from_s, .offset_s = offset_s};
    (void)strncpy(period->abbreviation, abbreviation, sizeof period->abbreviation - 1);
}

void zone_destroy(struct zone *zone) {
    if (zone != NULL) {
        free(zone->name);
        free(zone->periods);
        free(zone);
    }
}

const char *zone_name(const struct zone *zone) {
    return zone->name;
}

/* The last period that begins at or before the instant. */
static size_t period_at(const struct zone *zone, int64_t time_s) {
    size_t low = 0;
    size_t high = zone->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (zone->periods[middle].from_s <= time_s) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static int64_t period_end_s(const struct zone *zone, size_t index) {
    return index + 1 < zone->count ? zone->periods[index + 1].from_s : INT64_MAX;
}

int32_t zone_offset_s(const struct zone *zone, int64_t time_s) {
    return zone->periods[period_at(zone, time_s)].offset_s;
}

int64_t zone_next_change_s(const struct zone *zone, int64_t time_s) {
    return period_end_s(zone, period_at(zone, time_s));
}

int64_t zone_civil_s(const struct zone *zone, int64_t time_s) {
    return time_s + zone_offset_s(zone, time_s);
}

const char *zone_abbreviation(const struct zone *zone, int64_t time_s) {
    return zone->periods[period_at(zone, time_s)].abbreviation;
}

int64_t zone_reach(const struct zone *zone, int64_t civil_s) {
    size_t at = period_at(zone, civil_s - ZONE_OFFSET_S_MAX);

    /* No clock runs further ahead, so the periods before can't show it. */
    for (;; at++) {
        const struct period *period = &zone->periods[at];
        int64_t time_s = civil_s - period->offset_s;

        if (time_s < period_end_s(zone, at)) {
            return time_s > period->from_s ? time_s : period->from_s;
        }
    }
}

size_t zone_instants(const struct zone *zone, int64_t civil_s, int64_t out_times_s[2]) {
    size_t last = period_at(zone, civil_s + ZONE_OFFSET_S_MAX);
    size_t count = 0;

    for (size_t at = period_at(zone, civil_s - ZONE_OFFSET_S_MAX); at <= last && count < 2; at++) {
        int64_t time_s = civil_s - zone->periods[at].offset_s;

        if (time_s >= zone->periods[at].from_s && time_s < period_end_s(zone, at)) {
            out_times_s[count++] = time_s;
        }
    }
    return count;
}
