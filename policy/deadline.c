#include "policy/deadline.h"

#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "policy/zone.h"

/* Digits at *text, at least one and at most most_digits; -1: none. Moves behind them. */
static int32_t take_number(const char **text, size_t most_digits) {
    size_t digits = strspn(*text, "0123456789");
    int32_t number = 0;

    if (digits == 0 || digits > most_digits) {
        return -1;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    return number;
}

/* "HH:MM" or "HH:MM:SS", to 24:00; -1: neither. */
static int32_t parse_time_s(const char *text) {
    int32_t part[3] = {0};

    for (size_t i = 0; i < 3; i++) {
        const char *from = text;

        part[i] = take_number(&text, 2);
        if (part[i] < 0 || text - from != 2 || part[i] > (i == 0 ? 24 : 59)) {
            return -1;
        }
        if (*text == '\0' && i > 0) {
            break;
        }
        if (*text != ':' || i == 2) {
            return -1;
        }
        text++;
    }
    part[0] = part[0] * 3600 + part[1] * 60 + part[2];
    return part[0] <= CIVIL_DAY_S ? part[0] : -1;
}

static int parse_offset(const char *text, struct deadline *deadline) {
    int32_t days = 0;

    if (*text == '+') {
        text++;
        days = take_number(&text, 3);
        if (days < 0 || days > DEADLINE_DAYS_MAX || strncmp(text, "d ", 2) != 0) {
            return ERR_INVALID;
        }
        text += 2;
    }
    deadline->days = days;
    deadline->time_s = parse_time_s(text);
    return deadline->time_s >= 0 ? OK : ERR_INVALID;
}

int deadline_parse(const char *text, struct deadline *out_deadline) {
    struct deadline deadline = {.kind = DEADLINE_OFFSET};

    if (parse_offset(text, &deadline) != OK) {
        deadline = (struct deadline){.kind = DEADLINE_INSTANT};
        if (rfc3339_parse(text, &deadline.instant_us) != OK) {
            return ERR_INVALID;
        }
    }
    *out_deadline = deadline;
    return OK;
}

int64_t deadline_us(const struct deadline *deadline, int64_t business_day,
                    const struct zone *zone) {
    int64_t civil_s;

    if (deadline->kind != DEADLINE_OFFSET) {
        return deadline->instant_us;
    }
    civil_s = (business_day + deadline->days) * CIVIL_DAY_S + deadline->time_s;
    return (zone != NULL ? zone_reach(zone, civil_s) : civil_s) * CLOCK_US_PER_SECOND;
}

int64_t deadline_day_of(int64_t time_us, const struct zone *zone) {
    int64_t time_s = time_us / CLOCK_US_PER_SECOND;

    return civil_day_of(zone != NULL ? zone_civil_s(zone, time_s) : time_s);
}
