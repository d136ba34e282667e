#include "base/rfc3339.h"

#include <stdbool.h>

#include "base/civil.h"
#include "base/clock.h"

static char *put_number(char *to, int64_t number, int digits, char then) {
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + number % 10);
        number /= 10;
    }
    to[digits] = then;
    return to + digits + 1;
}

static void print(int64_t time_us, bool fraction, char *out_text) {
    int64_t positive_us = time_us < 0 ? 0 : time_us;
    int64_t time_s = positive_us / CLOCK_US_PER_SECOND;
    int64_t second = time_s % CIVIL_DAY_S;
    struct civil_date date = civil_date_of(time_s / CIVIL_DAY_S);
    char *to = put_number(out_text, date.year, 4, '-');

    to = put_number(to, date.month, 2, '-');
    to = put_number(to, date.day, 2, 'T');
    to = put_number(to, second / 3600, 2, ':');
    to = put_number(to, second / 60 % 60, 2, ':');
    to = put_number(to, second % 60, 2, fraction ? '.' : 'Z');
    if (fraction) {
        to = put_number(to, positive_us % CLOCK_US_PER_SECOND, 6, 'Z');
    }
    *to = '\0';
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
        part[2] > civil_days_in_month((int)part[0], (int)part[1]) || part[3] > 23 || part[4] > 59 ||
        part[5] > 60) {
        return ERR_INVALID;
    }
    *out_time_us = (civil_days((int)part[0], (int)part[1], (int)part[2]) * CIVIL_DAY_S +
                    part[3] * 3600 + part[4] * 60 + part[5] - offset) *
                       CLOCK_US_PER_SECOND +
                   fraction;
    return OK;
}
