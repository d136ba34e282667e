#include "base/rfc3339.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"

#define SECONDS_PER_DAY INT64_C(86400)

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back, by
 * counting in eras of 400 years that begin on 1 March (so that a leap day ends its year). */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = shifted / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int64_t *out_year, int64_t *out_month, int64_t *out_day) {
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;

    *out_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *out_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *out_year = year_of_era + era * 400 + (*out_month <= 2 ? 1 : 0);
}

static void print(int64_t time_us, bool fraction, char *out_text) {
    int64_t time_s = time_us < 0 ? 0 : time_us / CLOCK_US_PER_SECOND;
    int64_t second = time_s % SECONDS_PER_DAY;
    int64_t year;
    int64_t month;
    int64_t day;
    int used;

    date_from_days(time_s / SECONDS_PER_DAY, &year, &month, &day);
    used = snprintf(out_text, RFC3339_BYTES_MAX, "%04d-%02d-%02dT%02d:%02d:%02d",
                    (int)(year % 10000), (int)month, (int)day, (int)(second / 3600),
                    (int)(second / 60 % 60), (int)(second % 60));
    if (fraction) {
        used += snprintf(out_text + used, RFC3339_BYTES_MAX - (size_t)used, ".%06d",
                         time_us < 0 ? 0 : (int)(time_us % CLOCK_US_PER_SECOND));
    }
    (void)snprintf(out_text + used, RFC3339_BYTES_MAX - (size_t)used, "Z");
}

void rfc3339_print(int64_t time_us, char out_text[RFC3339_BYTES_MAX]) {
    print(time_us, false, out_text);
}

void rfc3339_print_us(int64_t time_us, char out_text[RFC3339_BYTES_MAX]) {
    print(time_us, true, out_text);
}

/* Read exactly `digits` digits and the byte after them; -1 if they are not there. */
static int64_t number(const char **at, int digits, char then) {
    int64_t value = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        value = value * 10 + (**at - '0');
    }
    if (then != '\0') {
        if (**at != then) {
            return -1;
        }
        (*at)++;
    }
    return value;
}

static int64_t fraction_us(const char **at) {
    int64_t value = 0;
    int64_t scale = CLOCK_US_PER_SECOND / 10;

    if (**at != '.') {
        return 0;
    }
    (*at)++;
    if (**at < '0' || **at > '9') {
        return -1;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value += (**at - '0') * scale;
        scale /= 10;
    }
    return value;
}

/* The offset to subtract, in seconds; sets *out_ok. The text must end after it. */
static int64_t offset_s(const char *at, bool *out_ok) {
    int64_t sign = *at == '-' ? -1 : 1;
    int64_t hours;
    int64_t minutes;

    if (*at == 'Z' || *at == 'z') {
        *out_ok = at[1] == '\0';
        return 0;
    }
    *out_ok = false;
    if (*at != '+' && *at != '-') {
        return 0;
    }
    at++;
    hours = number(&at, 2, ':');
    minutes = hours < 0 ? -1 : number(&at, 2, '\0');
    *out_ok = minutes >= 0 && hours < 24 && minutes < 60 && *at == '\0';
    return sign * (hours * 3600 + minutes * 60);
}

static int64_t days_in_month(int64_t year, int64_t month) {
    return days_from_date(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
           days_from_date(year, month, 1);
}

int rfc3339_parse(const char *text, int64_t *out_time_us) {
    static const struct {
        int digits;
        char then;
    } parts[] = {{4, '-'}, {2, '-'}, {2, 'T'}, {2, ':'}, {2, ':'}, {2, '\0'}};
    int64_t part[ARRAY_LEN(parts)];
    const char *at = text;
    int64_t fraction;
    int64_t offset;
    bool ok;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        part[i] = number(&at, parts[i].digits, parts[i].then);
        if (part[i] < 0) {
            return ERR_INVALID;
        }
    }
    fraction = fraction_us(&at);
    offset = offset_s(at, &ok);
    if (fraction < 0 || !ok || part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > days_in_month(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 60) {
        return ERR_INVALID;
    }
    *out_time_us = (days_from_date(part[0], part[1], part[2]) * SECONDS_PER_DAY + part[3] * 3600 +
                    part[4] * 60 + part[5] - offset) *
                       CLOCK_US_PER_SECOND +
                   fraction;
    return OK;
}
