#include "config/zone_file.h"

#include <string.h>

#include "base/civil.h"
#include "config/zone_rule.h"
#include "policy/zone.h"

#define HEADER_BYTES     44
#define VERSION_AT       4
#define COUNTS_AT        20
#define CHANGES_MAX      20000
#define TYPES_MAX        256
#define NAMES_BYTES_MAX  2048
#define FOOTER_BYTES_MAX 256
#define LAST_YEAR        2200

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
    struct zone *zone;
    int64_t last_s; /* where its last period begins */
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

static void add_period(struct reader *reader, int64_t from_s, int32_t offset_s,
                       const char *abbreviation) {
    zone_add_period(reader->zone, from_s, offset_s, abbreviation);
    reader->last_s = from_s;
}

/* A local time type: its offset, and where its name stands. */
static int add_type(struct reader *reader, int64_t from_s, const unsigned char *types,
                    const struct counts *counts, uint32_t index) {
    const unsigned char *type = types + index * (size_t)6;
    const char *names = (const char *)types + counts->types * (size_t)6;
    int32_t offset_s;
    size_t length;

    if (index >= counts->types) {
        return fail(reader, "a change to a type that is not there");
    }
    offset_s = (int32_t)read_u32(type);
    if (offset_s < -ZONE_OFFSET_S_MAX || offset_s > ZONE_OFFSET_S_MAX) {
        return fail(reader, "an offset is out of range");
    }
    if (type[5] >= counts->name_bytes) {
        return fail(reader, "a name lies outside the file");
    }
    length = strnlen(names + type[5], counts->name_bytes - type[5]);
    if (length + 1 > ZONE_ABBREVIATION_BYTES || length == counts->name_bytes - type[5]) {
        return fail(reader, "a name is too long");
    }
    add_period(reader, from_s, offset_s, names + type[5]);
    return OK;
}

static int read_changes(struct reader *reader, size_t at, const struct counts *counts) {
    const unsigned char *times = reader->bytes + at;
    const unsigned char *indexes = times + counts->changes * (size_t)8;
    const unsigned char *types = indexes + counts->changes;
    int result = add_type(reader, INT64_MIN, types, counts, 0);

    for (uint32_t i = 0; i < counts->changes && result == OK; i++) {
        int64_t from_s = read_i64(times + i * (size_t)8);

        if (from_s <= reader->last_s) {
            return fail(reader, "its changes are not in order");
        }
        result = add_type(reader, from_s, types, counts, indexes[i]);
    }
    return result;
}

/* Unless the file's own list knows better. */
static void add_change(struct reader *reader, int64_t from_s, const struct zone_rule *rule,
                       bool to_summer) {
    if (from_s > reader->last_s) {
        add_period(reader, from_s, to_summer ? rule->summer_s : rule->standard_s,
                   to_summer ? rule->summer : rule->standard);
    }
}

/* Where the footer's rule goes on behind the last change of the file. */
static void write_out_rule(struct reader *reader, const struct zone_rule *rule) {
    int64_t last_s = reader->last_s;
    int first_year;

    if (last_s / CIVIL_DAY_S > civil_days(LAST_YEAR, 12, 31)) {
        return; /* The list goes on for longer, perhaps into years that no date can have. */
    }
    first_year = last_s <= 0 ? 1970 : civil_date_of(last_s / CIVIL_DAY_S).year - 1;
    for (int year = first_year; year <= LAST_YEAR; year++) {
        int64_t summer_s = zone_rule_to_summer(rule, year);
        int64_t standard_s = zone_rule_to_standard(rule, year);
        bool north = summer_s < standard_s;

        add_change(reader, north ? summer_s : standard_s, rule, north);
        add_change(reader, north ? standard_s : summer_s, rule, !north);
    }
}

/* An empty one says nothing of the years to come. */
static int read_footer(const struct reader *reader, size_t at, bool *out_has_rule,
                       struct zone_rule *out_rule) {
    const char *text = (const char *)reader->bytes + at;
    size_t left = reader->count - at;
    char rule_text[FOOTER_BYTES_MAX];
    const char *end;
    size_t length;

    if (left < 2 || text[0] != '\n' || (end = memchr(text + 1, '\n', left - 1)) == NULL) {
        return fail(reader, "its footer is cut off");
    }
    length = (size_t)(end - text - 1);
    if (length + 1 > sizeof rule_text) {
        return fail(reader, "its footer is too long");
    }
    memcpy(rule_text, text + 1, length);
    rule_text[length] = '\0';
    *out_has_rule = length > 0;
    return length == 0 || zone_rule_parse(rule_text, out_rule) == OK
               ? OK
               : fail(reader, "the rule in its footer can't be read");
}

/* The periods of the list, then those of the rule. */
static int read_periods(struct reader *reader, size_t at, const struct counts *counts) {
    struct zone_rule rule;
    bool has_rule;
    int result = read_footer(reader, at + block_bytes(counts, 8), &has_rule, &rule);

    if (result != OK) {
        return result;
    }
    if (has_rule && !rule.has_summer && counts->changes == 0) {
        add_period(reader, INT64_MIN, rule.standard_s, rule.standard);
        return OK;
    }
    result = read_changes(reader, at, counts);
    if (result == OK && has_rule && rule.has_summer) {
        write_out_rule(reader, &rule);
    }
    return result;
}

static int read_zone(struct reader *reader) {
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
    return read_periods(reader, at, &counts);
}

int zone_file_parse(const char *name, const void *bytes, size_t count, struct error *error,
                    struct zone **out_zone) {
    struct reader reader = {
        .bytes = bytes, .count = count, .error = error, .zone = zone_create(name)};
    int result = read_zone(&reader);

    if (result != OK) {
        zone_destroy(reader.zone);
        return result;
    }
    *out_zone = reader.zone;
    return OK;
}
