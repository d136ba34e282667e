#include "config/zone_rule.h"

#include <string.h>

#include "base/civil.h"

#define SUMMER_STEP_S    3600
#define DEFAULT_CHANGE_S 7200
#define HOURS_MAX        167
#define OFFSET_HOURS_MAX 24
#define SECONDS_PER_HOUR 3600

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A number in [min, max]; false if it is not there. */
static bool read_number(const char **at, int min, int max, int *out_value) {
    int value = 0;

    if (!is_digit(**at)) {
        return false;
    }
    for (; is_digit(**at); (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > max) {
            return false;
        }
    }
    *out_value = value;
    return value >= min;
}

static bool skip(const char **at, char wanted) {
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

/* "CET" or "<+1030>". */
static bool read_name(const char **at, char out_name[ZONE_ABBREVIATION_BYTES]) {
    bool quoted = skip(at, '<');
    size_t length = 0;

    for (; quoted ? **at != '>' && **at != '\0' : is_letter(**at); (*at)++) {
        if (length + 1 == ZONE_ABBREVIATION_BYTES) {
            return false;
        }
        out_name[length++] = **at;
    }
    out_name[length] = '\0';
    return length >= 3 && (!quoted || skip(at, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int hours_max, int32_t *out_s) {
    int sign = **at == '-' ? -1 : 1;
    int hours;
    int minutes = 0;
    int seconds = 0;

    if (**at == '+' || **at == '-') {
        (*at)++;
    }
    if (!read_number(at, 0, hours_max, &hours) ||
        (skip(at, ':') && (!read_number(at, 0, 59, &minutes) ||
                           (skip(at, ':') && !read_number(at, 0, 59, &seconds))))) {
        return false;
    }
    *out_s = sign * (hours * SECONDS_PER_HOUR + minutes * 60 + seconds);
    return true;
}

static bool read_day(const char **at, struct zone_change *out) {
    if (skip(at, 'J')) {
        out->kind = ZONE_DAY_JULIAN;
        return read_number(at, 1, 365, &out->day);
    }
    if (skip(at, 'M')) {
        out->kind = ZONE_DAY_MONTH;
        return read_number(at, 1, 12, &out->month) && skip(at, '.') &&
               read_number(at, 1, 5, &out->week) && skip(at, '.') &&
               read_number(at, 0, 6, &out->day);
    }
    out->kind = ZONE_DAY_YEAR;
    return read_number(at, 0, 365, &out->day);
}

static bool read_change(const char **at, struct zone_change *out) {
    out->time_s = DEFAULT_CHANGE_S;
    return skip(at, ',') && read_day(at, out) &&
           (!skip(at, '/') || read_time(at, HOURS_MAX, &out->time_s));
}

int zone_rule_parse(const char *text, struct zone_rule *out_rule) {
    struct zone_rule rule = {0};
    const char *at = text;

    if (!read_name(&at, rule.standard) || !read_time(&at, OFFSET_HOURS_MAX, &rule.standard_s)) {
        return ERR_INVALID;
    }
    rule.standard_s = -rule.standard_s; /* The text counts westward. */
    if (*at != '\0') {
        rule.has_summer = true;
        if (!read_name(&at, rule.summer)) {
            return ERR_INVALID;
        }
        rule.summer_s = rule.standard_s + SUMMER_STEP_S;
        if (*at != ',') {
            if (!read_time(&at, OFFSET_HOURS_MAX, &rule.summer_s)) {
                return ERR_INVALID;
            }
            rule.summer_s = -rule.summer_s;
        }
        if (!read_change(&at, &rule.to_summer) || !read_change(&at, &rule.to_standard)) {
            return ERR_INVALID;
        }
    }
    if (*at != '\0') {
        return ERR_INVALID;
    }
    *out_rule = rule;
    return OK;
}

/* The n-th weekday of a month, the fifth being the last. */
static int64_t month_day(const struct zone_change *change, int year) {
    int64_t first = civil_days(year, change->month, 1);
    int64_t day = first + (change->day - civil_weekday(first) + 7) % 7 + 7 * (change->week - 1);

    while (day >= first + civil_days_in_month(year, change->month)) {
        day -= 7;
    }
    return day;
}

static int64_t change_day(const struct zone_change *change, int year) {
    int64_t january = civil_days(year, 1, 1);
    bool past_leap_day;

    switch (change->kind) {
    case ZONE_DAY_MONTH:
        return month_day(change, year);
    case ZONE_DAY_JULIAN:
        past_leap_day = change->day >= 60 && civil_days_in_month(year, 2) == 29;
        return january + change->day - 1 + (past_leap_day ? 1 : 0);
    case ZONE_DAY_YEAR:
        break;
    }
    return january + change->day;
}

int64_t zone_rule_to_summer(const struct zone_rule *rule, int year) {
    return change_day(&rule->to_summer, year) * CIVIL_DAY_S + rule->to_summer.time_s -
           rule->standard_s;
}

int64_t zone_rule_to_standard(const struct zone_rule *rule, int year) {
    return change_day(&rule->to_standard, year) * CIVIL_DAY_S + rule->to_standard.time_s -
           rule->summer_s;
}
