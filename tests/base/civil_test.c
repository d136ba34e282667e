#include "base/civil.h"

#include "tests/test.h"

TEST(civil_days__counts_from_the_epoch_and_back) {
    static const struct {
        int year;
        int month;
        int day;
        int64_t days;
        int weekday;
    } rows[] = {
        {1970, 1, 1, 0, 4},      {1969, 12, 31, -1, 3},    {1969, 12, 28, -4, 0},
        {2000, 2, 29, 11016, 2}, {2000, 3, 1, 11017, 3},   {2026, 11, 22, 20779, 0},
        {2100, 2, 28, 47540, 0}, {2100, 3, 1, 47541, 1},   {1600, 2, 29, -135081, 2},
        {0, 3, 1, -719468, 3},   {-1, 12, 31, -719529, 5}, {9999, 12, 31, 2932896, 5},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct civil_date date = civil_date_of(rows[i].days);
        char what[CIVIL_DATE_BYTES];

        civil_print_date(rows[i].days, what);
        CHECK_EQ(civil_days(rows[i].year, rows[i].month, rows[i].day), rows[i].days, what);
        CHECK_EQ(date.year, rows[i].year, what);
        CHECK_EQ(date.month, rows[i].month, what);
        CHECK_EQ(date.day, rows[i].day, what);
        CHECK_EQ(civil_weekday(rows[i].days), rows[i].weekday, what);
    }
}

TEST(civil_day_of__rounds_down) {
    CHECK_EQ(civil_day_of(0), 0, "the epoch");
    CHECK_EQ(civil_day_of(86399), 0, "its last second");
    CHECK_EQ(civil_day_of(86400), 1, "the next day");
    CHECK_EQ(civil_day_of(-1), -1, "the second before");
    CHECK_EQ(civil_day_of(-86400), -1, "a whole day before");
    CHECK_EQ(civil_day_of(-86401), -2, "and one second more");
}

TEST(civil_parse_date__takes_dates_that_exist) {
    static const struct {
        const char *text;
        int want;
        int64_t days;
    } rows[] = {
        {"1970-01-01", OK, 0},
        {"2026-11-22", OK, 20779},
        {"2024-02-29", OK, 19782},
        {"2026-02-29", ERR_INVALID, 7},
        {"2026-04-31", ERR_INVALID, 7},
        {"2026-13-01", ERR_INVALID, 7},
        {"2026-00-01", ERR_INVALID, 7},
        {"2026-01-00", ERR_INVALID, 7},
        {"1969-12-31", ERR_INVALID, 7},
        {"2026-1-01", ERR_INVALID, 7},
        {"2026-01-01 ", ERR_INVALID, 7},
        {"2026/01/01", ERR_INVALID, 7},
        {"", ERR_INVALID, 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t days = 7;

        CHECK_EQ(civil_parse_date(rows[i].text, &days), rows[i].want, rows[i].text);
        CHECK_EQ(days, rows[i].days, rows[i].text);
    }
}

TEST(civil_print_time__is_what_the_wall_shows) {
    static const struct {
        int64_t civil_s;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00"},
        {-1, "1969-12-31T23:59:59"},
        {20779 * CIVIL_DAY_S + 79384, "2026-11-22T22:03:04"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[CIVIL_TIME_BYTES];

        civil_print_time(rows[i].civil_s, text);
        CHECK_STR(text, rows[i].want, rows[i].want);
    }
}
