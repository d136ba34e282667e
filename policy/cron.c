#include "policy/cron.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/text.h"
#include "policy/zone.h"

#define MINUTE_S   60
#define HOUR_S     3600
#define FIRST_YEAR 2000
#define LAST_YEAR  2200
#define TEXT_BYTES 256
#define FIELDS     5

/* --- Reading --------------------------------------------------------------------------------- */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum {
    MINUTES,
    HOURS,
    DAYS,
    MONTHS,
    WEEKDAYS
};

static const struct kind {
    const char *name;
    int low;
    int high;
    const char *const *names;
    int name_count;
} kinds[FIELDS] = {
    [MINUTES] = {"minute", 0, 59, NULL, 0},
    [HOURS] = {"hour", 0, 23, NULL, 0},
    [DAYS] = {"day of month", 1, 31, NULL, 0},
    [MONTHS] = {"month", 1, 12, month_names, 12},
    [WEEKDAYS] = {"day of week", 0, 7, weekday_names, 7},
};

struct reader {
    enum cron_dialect dialect;
    const struct kind *kind;
    struct cron *cron;
    struct error *error;
    uint64_t bits; /* of the field */
};

static int refuse(const struct reader *r, const char *text, const char *why) {
    return error_set(r->error, ERR_INVALID, "%s \"%s\": %s", r->kind->name, text, why);
}

static int high_of(const struct reader *r) {
    return r->kind == &kinds[WEEKDAYS] && r->dialect == CRON_KUBERNETES ? 6 : r->kind->high;
}

/* A number or a name; the text moves behind it. */
static bool take_value(const struct reader *r, const char **text, int *out_value) {
    const char *at = *text;
    int value = 0;

    for (int i = 0; i < r->kind->name_count; i++) {
        if (strncasecmp(at, r->kind->names[i], 3) == 0 && !isalnum((unsigned char)at[3])) {
            *text = at + 3;
            *out_value = i + r->kind->low;
            return true;
        }
    }
    for (; isdigit((unsigned char)*at) && value < 1000; at++) {
        value = value * 10 + (*at - '0');
    }
    if (at == *text || value < r->kind->low || value > high_of(r)) {
        return false;
    }
    *text = at;
    *out_value = value;
    return true;
}

/* 1 without one; 0 is none that works. */
static int take_step(const char **text) {
    int value = 0;

    if (**text != '/') {
        return 1;
    }
    for ((*text)++; isdigit((unsigned char)**text) && value < 1000; (*text)++) {
        value = value * 10 + (**text - '0');
    }
    return value;
}

/* L, L-3, LW and 15W among the days of a month. True: it was one of them. */
static bool read_special_day(struct reader *r, const char *text) {
    const char *at = text;
    int day = 0;

    if (strcasecmp(text, "L") == 0) {
        r->cron->before_last |= 1;
    } else if (strcasecmp(text, "LW") == 0) {
        r->cron->near_last = true;
    } else if (strncasecmp(text, "L-", 2) == 0) {
        at += 2;
        if (!take_value(r, &at, &day) || *at != '\0' || day > 30) {
            return false;
        }
        r->cron->before_last |= UINT32_C(1) << day;
    } else {
        if (!take_value(r, &at, &day) || strcasecmp(at, "W") != 0) {
            return false;
        }
        r->cron->near_days |= UINT32_C(1) << day;
    }
    return true;
}

/* 5L and 5#2 among those of a week. */
static bool read_special_weekday(struct reader *r, const char *text) {
    const char *at = text;
    int day;

    if (!take_value(r, &at, &day)) {
        return false;
    }
    day %= 7;
    if (strcasecmp(at, "L") == 0) {
        r->cron->last_weekdays |= (uint8_t)(1u << day);
        return true;
    }
    if (at[0] == '#' && at[1] >= '1' && at[1] <= '5' && at[2] == '\0') {
        r->cron->nth_weekdays[day] |= (uint8_t)(1u << (at[1] - '0'));
        return true;
    }
    return false;
}

/* "fri-sun" and "5-0" end on the Sunday behind. */
static int end_of_range(const struct reader *r, int low, int high) {
    return r->kind == &kinds[WEEKDAYS] && high == 0 && low > 0 ? 7 : high;
}

static void set_bits(struct reader *r, int low, int high, int step) {
    for (int value = low; value <= high; value += step) {
        bool is_sunday = r->kind == &kinds[WEEKDAYS] && value == 7;

        r->bits |= UINT64_C(1) << (is_sunday ? 0 : value);
    }
}

static int read_range(struct reader *r, const char *text) {
    const char *at = text;
    bool is_all = *at == '*' || (*at == '?' && r->dialect == CRON_KUBERNETES);
    int low = r->kind->low;
    int high = high_of(r);
    int step;

    if (is_all) {
        at++;
        high = r->kind == &kinds[WEEKDAYS] ? 6 : high;
    } else if (!take_value(r, &at, &low)) {
        return refuse(r, text, "not a value, range, list or step of this field");
    } else if (*at == '-') {
        at++;
        if (!take_value(r, &at, &high)) {
            return refuse(r, text, "the range has no end in this field");
        }
        high = end_of_range(r, low, high);
    } else if (*at != '/') {
        high = low;
    } else if (r->dialect == CRON_CRONIE) {
        return refuse(r, text, "a step needs * or a range before it");
    }
    if (high < low) {
        return refuse(r, text, "the range ends before it begins");
    }
    step = take_step(&at);
    if (step < 1 || *at != '\0') {
        return refuse(r, text, "not a value, range, list or step of this field");
    }
    set_bits(r, low, high, step);
    return OK;
}

static int read_item(struct reader *r, const char *text) {
    if (r->kind == &kinds[DAYS] && read_special_day(r, text)) {
        return OK;
    }
    if (r->kind == &kinds[WEEKDAYS] && read_special_weekday(r, text)) {
        return OK;
    }
    return read_range(r, text);
}

static int read_field(struct reader *r, char *text) {
    int r_code = OK;

    r->bits = 0;
    for (char *item = text, *next; r_code == OK && item != NULL; item = next) {
        next = strchr(item, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        r_code = read_item(r, item);
    }
    return r_code;
}

/* Does the field leave the choice of the day to the other one? */
static bool is_any(const char *text, enum cron_dialect dialect) {
    if (dialect == CRON_CRONIE) {
        return text[0] == '*';
    }
    return strcmp(text, "*") == 0 || strcmp(text, "?") == 0 || strcmp(text, "*/1") == 0;
}

static const char *line_of_macro(const char *text) {
    static const struct {
        const char *name;
        const char *line;
    } macros[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@hourly", "0 * * * *"},
    };

    for (size_t i = 0; i < ARRAY_LEN(macros); i++) {
        if (strcmp(text, macros[i].name) == 0) {
            return macros[i].line;
        }
    }
    return text;
}

/* Cut the line into its fields, which point into it; how many there are, at most one too many. */
static int split(char *line, char *fields[FIELDS + 1]) {
    int count = 0;
    char *at = line;

    while (count <= FIELDS) {
        at += strspn(at, " \t");
        if (*at == '\0') {
            break;
        }
        fields[count++] = at;
        at += strcspn(at, " \t");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    return count;
}

static bool next_civil(const struct cron *cron, int64_t from_s, int64_t until_s, int64_t *out_s);

static int check_ever_due(const struct cron *cron, struct error *error) {
    int64_t civil_s;

    if (next_civil(cron, civil_days(FIRST_YEAR, 1, 1) * CIVIL_DAY_S,
                   civil_days(LAST_YEAR, 1, 1) * CIVIL_DAY_S, &civil_s)) {
        return OK;
    }
    return error_set(error, ERR_INVALID, "no day of any year matches the line");
}

static int read_line(char *line, enum cron_dialect dialect, struct error *error,
                     struct cron *cron) {
    char *fields[FIELDS + 1];
    int count = split(line, fields);
    int r = OK;

    if (count != FIELDS) {
        return error_set(error, ERR_INVALID,
                         "%s fields; a cron line has five: minute, hour, day of month, month, day "
                         "of week",
                         count < FIELDS ? "too few" : "too many");
    }
    cron->any_day = is_any(fields[DAYS], dialect);
    cron->any_weekday = is_any(fields[WEEKDAYS], dialect);
    cron->is_wild = fields[MINUTES][0] == '*' || fields[HOURS][0] == '*';
    for (int i = 0; r == OK && i < FIELDS; i++) {
        struct reader reader = {dialect, &kinds[i], cron, error, 0};

        r = read_field(&reader, fields[i]);
        switch (i) {
        case MINUTES:
            cron->minutes = reader.bits;
            break;
        case HOURS:
            cron->hours = (uint32_t)reader.bits;
            break;
        case DAYS:
            cron->days = (uint32_t)reader.bits;
            break;
        case MONTHS:
            cron->months = (uint16_t)reader.bits;
            break;
        default:
            cron->weekdays = (uint8_t)reader.bits;
            break;
        }
    }
    return r == OK ? check_ever_due(cron, error) : r;
}

int cron_parse(const char *text, enum cron_dialect dialect, struct error *error,
               struct cron *out_cron) {
    struct cron cron = {0};
    char line[TEXT_BYTES];
    int r;

    text = line_of_macro(text);
    if (text[0] == '@') {
        return error_set(error, ERR_INVALID,
                         "\"%.32s\" is not one of @yearly, @monthly, @weekly, @daily, @hourly",
                         text);
    }
    if (strchr(text, '=') != NULL) {
        return error_set(error, ERR_INVALID, "a zone is not said in the line but in its own field");
    }
    if (strchr(text, '~') != NULL) {
        return error_set(error, ERR_INVALID, "no chance (~) in the line: jitter says the same");
    }
    if (!text_copy(line, sizeof line, text)) {
        return error_set(error, ERR_INVALID, "longer than %d characters", TEXT_BYTES - 1);
    }
    r = read_line(line, dialect, error, &cron);
    if (r == OK) {
        *out_cron = cron;
    }
    return r;
}

struct cron_policy cron_policy_of(enum cron_dialect dialect) {
    if (dialect == CRON_KUBERNETES) {
        return (struct cron_policy){.gap = CRON_GAP_SKIP, .repeat = CRON_REPEAT_BOTH};
    }
    return (struct cron_policy){
        .gap = CRON_GAP_RUN, .repeat = CRON_REPEAT_FIRST, .gap_s_max = 3 * HOUR_S};
}

/* --- Matching -------------------------------------------------------------------------------- */

static bool bit(uint64_t bits, int64_t at) {
    return (bits >> at & 1) != 0;
}

/* The weekday nearest to a day, within its month. */
static int64_t nearest_weekday(int64_t first, int64_t last, int64_t day) {
    switch (civil_weekday(day)) {
    case 6:
        return day > first ? day - 1 : day + 2;
    case 0:
        return day < last ? day + 1 : day - 2;
    default:
        return day;
    }
}

static bool day_matches(const struct cron *cron, int64_t day, const struct civil_date *date) {
    int64_t first = day - (date->day - 1);
    int length = civil_days_in_month(date->year, date->month);
    int64_t last = first + length - 1;

    if (bit(cron->days, date->day) || bit(cron->before_last, last - day) ||
        (cron->near_last && nearest_weekday(first, last, last) == day)) {
        return true;
    }
    for (int wanted = 1; cron->near_days != 0 && wanted <= length; wanted++) {
        if (bit(cron->near_days, wanted) &&
            nearest_weekday(first, last, first + wanted - 1) == day) {
            return true;
        }
    }
    return false;
}

static bool weekday_matches(const struct cron *cron, int64_t day, const struct civil_date *date) {
    int weekday = civil_weekday(day);
    int length = civil_days_in_month(date->year, date->month);

    return bit(cron->weekdays, weekday) ||
           (bit(cron->last_weekdays, weekday) && date->day + 7 > length) ||
           bit(cron->nth_weekdays[weekday], (date->day - 1) / 7 + 1);
}

static bool date_matches(const struct cron *cron, int64_t day) {
    struct civil_date date = civil_date_of(day);

    if (!bit(cron->months, date.month)) {
        return false;
    }
    if (cron->any_day || cron->any_weekday) {
        return day_matches(cron, day, &date) && weekday_matches(cron, day, &date);
    }
    return day_matches(cron, day, &date) || weekday_matches(cron, day, &date);
}

bool cron_matches(const struct cron *cron, int64_t civil_s) {
    int64_t day = civil_day_of(civil_s);
    int64_t second = civil_s - day * CIVIL_DAY_S;

    return bit(cron->minutes, second / MINUTE_S % 60) && bit(cron->hours, second / HOUR_S) &&
           date_matches(cron, day);
}

static int64_t round_up(int64_t civil_s) {
    int64_t rest = civil_s - civil_day_of(civil_s) * CIVIL_DAY_S;

    rest %= MINUTE_S;
    return rest == 0 ? civil_s : civil_s + MINUTE_S - rest;
}

/* The first civil time from from_s on, before until_s. O(days between). */
static bool next_civil(const struct cron *cron, int64_t from_s, int64_t until_s, int64_t *out_s) {
    int64_t day;
    int64_t minute;

    from_s = round_up(from_s);
    day = civil_day_of(from_s);
    minute = (from_s - day * CIVIL_DAY_S) / MINUTE_S;
    for (; day * CIVIL_DAY_S < until_s; day++, minute = 0) {
        if (!date_matches(cron, day)) {
            continue;
        }
        while (minute < CIVIL_DAY_S / MINUTE_S) {
            if (!bit(cron->hours, minute / 60)) {
                minute += 60 - minute % 60;
            } else if (!bit(cron->minutes, minute % 60)) {
                minute++;
            } else {
                *out_s = day * CIVIL_DAY_S + minute * MINUTE_S;
                return *out_s < until_s;
            }
        }
    }
    return false;
}

/* --- Due ------------------------------------------------------------------------------------- */

/* Is one of a civil time's two instants left out, as the other is taken? */
static bool is_left_out(const struct cron *cron, const struct zone *zone, struct cron_policy policy,
                        struct cron_time *due) {
    int64_t times_s[2];

    if (zone_instants(zone, due->civil_s, times_s) < 2) {
        return false;
    }
    due->fold = due->time_s == times_s[1];
    if (cron->is_wild || policy.repeat == CRON_REPEAT_BOTH) {
        return false;
    }
    return due->fold != (policy.repeat == CRON_REPEAT_LAST);
}

/* From a civil time to the end of a period, in which the wall clock runs evenly. */
static bool due_in_period(const struct cron *cron, const struct zone *zone,
                          struct cron_policy policy, int64_t from_s, int64_t until_s,
                          int32_t offset_s, struct cron_time *out) {
    int64_t civil_s = from_s;

    while (next_civil(cron, civil_s, until_s, &civil_s)) {
        struct cron_time due = {.time_s = civil_s - offset_s, .civil_s = civil_s};

        if (!is_left_out(cron, zone, policy, &due)) {
            *out = due;
            return true;
        }
        civil_s += MINUTE_S;
    }
    return false;
}

/* What the clocks jump over at an instant, behind a civil time. */
static bool due_at_jump(const struct cron *cron, const struct zone *zone, struct cron_policy policy,
                        const struct cron_time *after, struct cron_time *out) {
    int64_t from_s = after->time_s + zone_offset_s(zone, after->time_s - 1);
    int64_t until_s = after->time_s + zone_offset_s(zone, after->time_s);
    int64_t civil_s;

    if (policy.gap == CRON_GAP_SKIP || cron->is_wild || after->civil_s >= until_s ||
        (policy.gap_s_max > 0 && until_s - from_s > policy.gap_s_max)) {
        return false;
    }
    from_s = after->civil_s >= from_s ? after->civil_s + 1 : from_s;
    if (!next_civil(cron, from_s, until_s, &civil_s)) {
        return false;
    }
    *out = (struct cron_time){.time_s = after->time_s, .civil_s = civil_s};
    return true;
}

bool cron_next(const struct cron *cron, const struct zone *zone, struct cron_policy policy,
               const struct cron_time *after, struct cron_time *out_next) {
    int64_t last_s = civil_days(LAST_YEAR, 1, 1) * CIVIL_DAY_S;
    struct cron_time at = *after;

    while (at.time_s < last_s) {
        int64_t end_s = zone_next_change_s(zone, at.time_s);
        int32_t offset_s = zone_offset_s(zone, at.time_s);
        int64_t from_s = at.time_s + offset_s;
        int64_t until_s = (end_s < last_s ? end_s : last_s) + offset_s;

        if (due_at_jump(cron, zone, policy, &at, out_next)) {
            return true;
        }
        from_s += at.civil_s >= from_s ? 1 : 0;
        if (due_in_period(cron, zone, policy, from_s, until_s, offset_s, out_next)) {
            return true;
        }
        at = (struct cron_time){.time_s = end_s, .civil_s = CRON_FROM};
    }
    return false;
}
