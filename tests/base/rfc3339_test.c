#include "base/rfc3339.h"

#include "tests/test.h"

#define SECONDS(s) (INT64_C(s) * 1000000)

TEST(rfc3339_parse__reads_what_kubernetes_and_people_write) {
    static const struct {
        const char *text;
        int want;
        int64_t us;
    } rows[] = {
        {"1970-01-01T00:00:00Z", OK, 0},
        {"2026-11-22T22:00:00Z", OK, SECONDS(1795384800)},
        {"2026-11-22T22:00:00.000001Z", OK, SECONDS(1795384800) + 1},
        {"2026-11-22T22:00:00.1234567Z", OK, SECONDS(1795384800) + 123456},
        {"2026-11-22T22:00:00.5Z", OK, SECONDS(1795384800) + 500000},
        {"2026-11-22T23:00:00+01:00", OK, SECONDS(1795384800)},
        {"2026-11-22T16:30:00-05:30", OK, SECONDS(1795384800)},
        {"2000-02-29T00:00:00Z", OK, SECONDS(951782400)},
        {"2024-12-31T23:59:59Z", OK, SECONDS(1735689599)},
        {"9999-12-31T23:59:59Z", OK, SECONDS(253402300799)},
        {"2001-02-29T00:00:00Z", ERR_INVALID, 7},
        {"2100-02-29T00:00:00Z", ERR_INVALID, 7},
        {"2026-04-31T00:00:00Z", ERR_INVALID, 7},
        {"2026-00-01T00:00:00Z", ERR_INVALID, 7},
        {"2026-13-01T00:00:00Z", ERR_INVALID, 7},
        {"2026-01-00T00:00:00Z", ERR_INVALID, 7},
        {"2026-01-01T24:00:00Z", ERR_INVALID, 7},
        {"2026-01-01T00:60:00Z", ERR_INVALID, 7},
        {"1969-12-31T23:59:59Z", ERR_INVALID, 7},
        {"2026-01-01T00:00:00", ERR_INVALID, 7},
        {"2026-01-01T00:00:00.Z", ERR_INVALID, 7},
        {"2026-01-01T00:00:00Zx", ERR_INVALID, 7},
        {"2026-01-01T00:00:00+1:00", ERR_INVALID, 7},
        {"2026-01-01T00:00:00+24:00", ERR_INVALID, 7},
        {"2026-01-01 00:00:00Z", ERR_INVALID, 7},
        {"2026-1-01T00:00:00Z", ERR_INVALID, 7},
        {"", ERR_INVALID, 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us = 7;

        CHECK_EQ(rfc3339_parse(rows[i].text, &us), rows[i].want, rows[i].text);
        CHECK_EQ(us, rows[i].us, rows[i].text);
    }
}

TEST(rfc3339_print__cuts_or_keeps_the_fraction) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print(SECONDS(1795384800) + 999999, text);
    CHECK_STR(text, "2026-11-22T22:00:00Z", "cut");
    rfc3339_print_us(SECONDS(1795384800), text);
    CHECK_STR(text, "2026-11-22T22:00:00.000000Z", "six digits even of nothing");
    rfc3339_print_us(SECONDS(1795384800) + 42, text);
    CHECK_STR(text, "2026-11-22T22:00:00.000042Z", "six digits");
}

/* Each day of two centuries, printed and read back. */
TEST(rfc3339__round_trips) {
    for (int64_t day = 0; day < 73049; day++) {
        const int64_t us = day * SECONDS(86400) + SECONDS(86399) + day;
        char text[RFC3339_BYTES_MAX];
        int64_t got;

        rfc3339_print_us(us, text);
        CHECK_OK(rfc3339_parse(text, &got), text);
        CHECK_EQ(got, us, text);
    }
}
