#include "policy/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/zone_rule.h"

#define HEADER_BYTES     44
#define VERSION_AT       4
#define COUNTS_AT        20
#define CHANGES_MAX      20000
#define TYPES_MAX        256
#define NAMES_BYTES_MAX  2048
#define FOOTER_BYTES_MAX 256
#define LAST_YEAR        2200
#define OFFSET_S_MAX     (26 * 3600) /* RFC 9636 3.2 recommends -25 h to 26 h */

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

/* The counts of a block's parts, in the file's order. */
struct counts {
    uint32_t ut;
    uint32_t standard;
    uint32_t leaps;
    uint32_t changes;
    uint32_t types;
    uint32_t name_bytes;
};

struct reader {
    const unsigned char *bytes;
    size_t count;
    struct error *error;
};

static uint32_t read_u32(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_i64(const unsigned char *at) {
    return (int64_t)((uint64_t)read_u32(at) << 32 | read_u32(at + 4));
}

static int fail(const struct reader *reader, const char *why) {
    return error_set(reader->error, ERR_INVALID, "not a time zone file: %s", why);
}

static int read_header(const struct reader *reader, size_t at, struct counts *out) {
    const unsigned char *header = reader->bytes + at;

    if (reader->count < at + HEADER_BYTES || memcmp(header, "TZif", 4) != 0) {
        return fail(reader, "it does not begin with TZif");
    }
    *out = (struct counts){
        .ut = read_u32(header + COUNTS_AT),
        .standard = read_u32(header + COUNTS_AT + 4),
        .leaps = read_u32(header + COUNTS_AT + 8),
        .changes = read_u32(header + COUNTS_AT + 12),
        .types = read_u32(header + COUNTS_AT + 16),
        .name_bytes = read_u32(header + COUNTS_AT + 20),
    };
    if (out->changes > CHANGES_MAX || out->types > TYPES_MAX || out->leaps > CHANGES_MAX ||
        out->name_bytes > NAMES_BYTES_MAX || out->ut > TYPES_MAX || out->standard > TYPES_MAX) {
        return fail(reader, "a count is out of range");
    }
    return OK;
}

static size_t block_bytes(const struct counts *counts, size_t time_bytes) {
    return counts->changes * (time_bytes + 1) + counts->types * 6 + counts->name_bytes +
           counts->leaps * (time_bytes + 4) + counts->standard + counts->ut;
}

static void add_period(struct zone *zone, int64_t from_s, int32_t offset_s,
                       const char *abbreviation) {
    struct period *period;

    if (zone->count == zone->room) {
        zone->room = zone->room == 0 ? 64 : 2 * zone->room;
        zone->periods = mem_grow(zone->periods, zone->room, sizeof *zone->periods);
    }
    period = &zone->periods[zone->count++];
    *period = (struct period){.from_s = from_s, .offset_s = offset_s};
    (void)strncpy(period->abbreviation, abbreviation, sizeof period->abbreviation - 1);
}

/* A local time type: its offset, and where its name stands. */
static int add_type(const struct reader *reader, struct zone *zone, int64_t from_s,
                    const unsigned char *types, const struct counts *counts, uint32_t index) {
    const unsigned char *type = types + index * (size_t)6;
    const char *names = (const char *)types + counts->types * (size_t)6;
    int32_t offset_s;
    size_t length;

    if (index >= counts->types) {
        return fail(reader, "a change to a type that is not there");
    }
    offset_s = (int32_t)read_u32(type);
    if (offset_s < -OFFSET_S_MAX || offset_s > OFFSET_S_MAX) {
        return fail(reader, "an offset is out of range");
    }
    if (type[5] >= counts->name_bytes) {
        return fail(reader, "a name lies outside the file");
    }
    length = strnlen(names + type[5], counts->name_bytes - type[5]);
    if (length + 1 > ZONE_ABBREVIATION_BYTES || length == counts->name_bytes - type[5]) {
        return fail(reader, "a name is too long");
    }
    add_period(zone, from_s, offset_s, names + type[5]);
    return OK;
}

static int read_changes(const struct reader *reader, size_t at, const struct counts *counts,
                        struct zone *zone) {
    const unsigned char *times = reader->bytes + at;
    const unsigned char *indexes = times + counts->changes * (size_t)8;
    const unsigned char *types = indexes + counts->changes;
    int result = add_type(reader, zone, INT64_MIN, types, counts, 0);

    for (uint32_t i = 0; i < counts->changes && result == OK; i++) {
        int64_t from_s = read_i64(times + i * (size_t)8);

        if (from_s <= zone->periods[zone->count - 1].from_s && i > 0) {
            return fail(reader, "its changes are not in order");
        }
        result = add_type(reader, zone, from_s, types, counts, indexes[i]);
    }
    return result;
}

/* Where the footer's rule goes on behind the last change of the file. */
static void write_out_rule(struct zone *zone, const struct zone_rule *rule) {
    int64_t last_s = zone->periods[zone->count - 1].from_s;
    int first_year = last_s <= 0 ? 1970 : civil_date_of(last_s / CIVIL_DAY_S).year - 1;

    for (int year = first_year; year <= LAST_YEAR; year++) {
        int64_t summer_s = zone_rule_to_summer(rule, year);
        int64_t standard_s = zone_rule_to_standard(rule, year);
        bool north = summer_s < standard_s;
        int64_t first_s = north ? summer_s : standard_s;
        int64_t second_s = north ? standard_s : summer_s;

        if (first_s > zone->periods[zone->count - 1].from_s) {
            add_period(zone, first_s, north ? rule->summer_s : rule->standard_s,
                       north ? rule->summer : rule->standard);
        }
        if (second_s > zone->periods[zone->count - 1].from_s) {
            add_period(zone, second_s, north ? rule->standard_s : rule->summer_s,
                       north ? rule->standard : rule->summer);
        }
    }
}

static int read_footer(const struct reader *reader, size_t at, struct zone *zone) {
    const char *text = (const char *)reader->bytes + at;
    size_t left = reader->count - at;
    char rule_text[FOOTER_BYTES_MAX];
    struct zone_rule rule;
    const char *end;
    size_t length;

    if (left < 2 || text[0] != '\n' || (end = memchr(text + 1, '\n', left - 1)) == NULL) {
        return fail(reader, "its footer is cut off");
    }
    length = (size_t)(end - text - 1);
    if (length == 0) {
        return OK;
    }
    if (length + 1 > sizeof rule_text) {
        return fail(reader, "its footer is too long");
    }
    memcpy(rule_text, text + 1, length);
    rule_text[length] = '\0';
    if (zone_rule_parse(rule_text, &rule) != OK) {
        return fail(reader, "the rule in its footer can't be read");
    }
    if (rule.has_summer) {
        write_out_rule(zone, &rule);
    } else if (zone->count == 1) {
        zone->periods[0].offset_s = rule.standard_s;
    }
    return OK;
}

static int read_zone(const struct reader *reader, struct zone *zone) {
    struct counts counts;
    size_t at = 0;
    int result = read_header(reader, 0, &counts);

    if (result != OK) {
        return result;
    }
    if (reader->bytes[VERSION_AT] < '2') {
        return fail(reader, "version 1 holds no times after 2037; a newer tzdata does");
    }
    at = HEADER_BYTES + block_bytes(&counts, 4);
    result = read_header(reader, at, &counts);
    if (result != OK) {
        return result;
    }
    at += HEADER_BYTES;
    if (counts.types == 0 || reader->count < at || reader->count - at < block_bytes(&counts, 8)) {
        return fail(reader, "it is cut off");
    }
    if (counts.leaps > 0) {
        return fail(reader, "it counts leap seconds; take the zone outside the folder \"right\"");
    }
    result = read_changes(reader, at, &counts, zone);
    return result == OK ? read_footer(reader, at + block_bytes(&counts, 8), zone) : result;
}

int zone_parse(const char *name, const void *bytes, size_t count, struct error *error,
               struct zone **out_zone) {
    struct reader reader = {bytes, count, error};
    struct zone *zone = mem_alloc(1, sizeof *zone);
    int result;

    *zone = (struct zone){.name = mem_copy_text(name)};
    result = read_zone(&reader, zone);
    if (result != OK) {
        zone_destroy(zone);
        return result;
    }
    *out_zone = zone;
    return OK;
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
    size_t at = period_at(zone, civil_s - OFFSET_S_MAX);

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
    size_t last = period_at(zone, civil_s + OFFSET_S_MAX);
    size_t count = 0;

    for (size_t at = period_at(zone, civil_s - OFFSET_S_MAX); at <= last && count < 2; at++) {
        int64_t time_s = civil_s - zone->periods[at].offset_s;

        if (time_s >= zone->periods[at].from_s && time_s < period_end_s(zone, at)) {
            out_times_s[count++] = time_s;
        }
    }
    return count;
}
