/* base/civil.h - dates of the Gregorian calendar as days since 1970-01-01.
 *
 * A civil time is what a clock on the wall shows: seconds since 1970-01-01T00:00:00 on that
 * wall, without a zone.
 */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include <stdint.h>

#include "base/error.h"

#define CIVIL_DAY_S INT64_C(86400)

#define CIVIL_DATE_BYTES 16
#define CIVIL_TIME_BYTES 32

struct civil_date {
    int year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* Of a valid date; before 1970 it is negative. */
int64_t civil_days(int year, int month, int day);

struct civil_date civil_date_of(int64_t days);

int civil_days_in_month(int year, int month);

/* 0 is Sunday. */
int civil_weekday(int64_t days);

/* The day of a civil time, rounded down. */
int64_t civil_day_of(int64_t civil_s);

/* "2026-12-24" and nothing else; years 1970 to 9999. */
int civil_parse_date(const char *text, int64_t *out_days) MUST_CHECK;
void civil_print_date(int64_t days, char out_text[CIVIL_DATE_BYTES]);

/* "2026-12-24T22:00:00" */
void civil_print_time(int64_t civil_s, char out_text[CIVIL_TIME_BYTES]);

#endif
