#include "base/civil.h"

#include <stdio.h>
#include <string.h>

/* Counted in eras of 400 years that begin on 1 March, so that a leap day ends its year. */
int64_t civil_days(int year, int month, int day) {
    int64_t shifted = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct civil_date civil_date_of(int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);

    return (struct civil_date){
        .year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0)),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

int civil_days_in_month(int year, int month) {
    return (int)(civil_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                 civil_days(year, month, 1));
}

int civil_weekday(int64_t days) {
    int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday. */

    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

int64_t civil_day_of(int64_t civil_s) {
    return (civil_s >= 0 ? civil_s : civil_s - (CIVIL_DAY_S - 1)) / CIVIL_DAY_S;
}

int civil_parse_date(const char *text, int64_t *out_days) {
    static const char shape[] = "dddd-dd-dd";
    int part[3] = {0};
    size_t index = 0;

    if (strlen(text) != sizeof shape - 1) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == '-') {
            if (text[i] != '-') {
                return ERR_INVALID;
            }
            index++;
        } else if (text[i] < '0' || text[i] > '9') {
            return ERR_INVALID;
        } else {
            part[index] = part[index] * 10 + (text[i] - '0');
        }
    }
    if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > civil_days_in_month(part[0], part[1])) {
        return ERR_INVALID;
    }
    *out_days = civil_days(part[0], part[1], part[2]);
    return OK;
}

void civil_print_date(int64_t days, char out_text[CIVIL_DATE_BYTES]) {
    struct civil_date date = civil_date_of(days);

    (void)snprintf(out_text, CIVIL_DATE_BYTES, "%04d-%02d-%02d", date.year % 10000, date.month,
                   date.day);
}

void civil_print_time(int64_t civil_s, char out_text[CIVIL_TIME_BYTES]) {
    int64_t day = civil_day_of(civil_s);
    int second = (int)(civil_s - day * CIVIL_DAY_S);
    char date[CIVIL_DATE_BYTES];

    civil_print_date(day, date);
    (void)snprintf(out_text, CIVIL_TIME_BYTES, "%sT%02d:%02d:%02d", date, second / 3600,
                   second / 60 % 60, second % 60);
}
