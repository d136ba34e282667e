#include "base/quantity.h"

#include <stdio.h>

#include "base/rng.h"
#include "tests/test.h"

#define EXBI INT64_C(1152921504606846976)

TEST(quantity_parse__reads_every_form) {
    static const struct {
        const char *text;
        int want; /* of both forms, unless the value does not fit in thousandths */
        int64_t units;
        int64_t milli;
    } rows[] = {
        {"0", OK, 0, 0},
        {"-0", OK, 0, 0},
        {"1", OK, 1, 1000},
        {"+1", OK, 1, 1000},
        {"-1", OK, -1, -1000},
        {"007", OK, 7, 7000},
        {"1.", OK, 1, 1000},
        {".5", OK, 1, 500},
        {"0.5", OK, 1, 500},
        {"-0.5", OK, -1, -500},
        {"1.5", OK, 2, 1500},
        {"100m", OK, 1, 100},
        {"1500m", OK, 2, 1500},
        {"-1500m", OK, -2, -1500},
        {"1n", OK, 1, 1},
        {"1u", OK, 1, 1},
        {"999999999n", OK, 1, 1000},
        {"1000000001n", OK, 2, 1001},
        {"1000001u", OK, 2, 1001},
        {"2k", OK, 2000, 2000000},
        {"2M", OK, 2000000, 2000000000},
        {"2G", OK, 2000000000, 2000000000000},
        {"2T", OK, 2000000000000, 2000000000000000},
        {"2P", OK, 2000000000000000, 2000000000000000000},
        {"1Ki", OK, 1024, 1024000},
        {"1Mi", OK, 1 << 20, INT64_C(1048576000)},
        {"1Gi", OK, 1 << 30, INT64_C(1073741824000)},
        {"1Ti", OK, INT64_C(1) << 40, INT64_C(1099511627776000)},
        {"1Pi", OK, INT64_C(1) << 50, INT64_C(1125899906842624000)},
        {"1.5Gi", OK, INT64_C(1610612736), INT64_C(1610612736000)},
        {"0.1Gi", OK, 107374183, INT64_C(107374182400)},
        {"1e3", OK, 1000, 1000000},
        {"1E3", OK, 1000, 1000000},
        {"1e+3", OK, 1000, 1000000},
        {"15e-1", OK, 2, 1500},
        {"1e-9", OK, 1, 1},
        {"1e-900", OK, 1, 1},
        {"0e999999999999", OK, 0, 0},
        {"0.00000000000000000000000000000000000000000001", OK, 1, 1},
        {"1.00000000000000000000000000000000000000000001", OK, 2, 1001},
        {"1000000000000000000000n", OK, INT64_C(1000000000000), INT64_C(1000000000000000)},
        {"128974848", OK, 128974848, INT64_C(128974848000)},
        {"", ERR_INVALID, 0, 0},
        {".", ERR_INVALID, 0, 0},
        {"-", ERR_INVALID, 0, 0},
        {"m", ERR_INVALID, 0, 0},
        {"Gi", ERR_INVALID, 0, 0},
        {" 1", ERR_INVALID, 0, 0},
        {"1 ", ERR_INVALID, 0, 0},
        {"1 Gi", ERR_INVALID, 0, 0},
        {"1.2.3", ERR_INVALID, 0, 0},
        {"--1", ERR_INVALID, 0, 0},
        {"1e", ERR_INVALID, 0, 0},
        {"1e-", ERR_INVALID, 0, 0},
        {"1e1.5", ERR_INVALID, 0, 0},
        {"1e3k", ERR_INVALID, 0, 0},
        {"1K", ERR_INVALID, 0, 0},
        {"1ki", ERR_INVALID, 0, 0},
        {"1gi", ERR_INVALID, 0, 0},
        {"1GiB", ERR_INVALID, 0, 0},
        {"1GB", ERR_INVALID, 0, 0},
        {"1mi", ERR_INVALID, 0, 0},
        {"512m ", ERR_INVALID, 0, 0},
        {"0x10", ERR_INVALID, 0, 0},
        {"NaN", ERR_INVALID, 0, 0},
        {"one", ERR_INVALID, 0, 0},
        {"10E", ERR_FULL, 0, 0},
        {"8Ei", ERR_FULL, 0, 0},
        {"1e19", ERR_FULL, 0, 0},
        {"-1e19", ERR_FULL, 0, 0},
        {"1e999999999999", ERR_FULL, 0, 0},
        {"9223372036854775808", ERR_FULL, 0, 0},
        {"9223372036854775807.1", ERR_FULL, 0, 0},
        {"99999999999999999999999999999999999999999999999999999999", ERR_FULL, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 0;

        CHECK_EQ(quantity_parse_units(rows[i].text, &value), rows[i].want, rows[i].text);
        CHECK_EQ(value, rows[i].units, rows[i].text);
        value = 0;
        CHECK_EQ(quantity_parse_milli(rows[i].text, &value), rows[i].want, rows[i].text);
        CHECK_EQ(value, rows[i].milli, rows[i].text);
    }
}

TEST(quantity_parse__knows_where_int64_ends) {
    static const struct {
        const char *text;
        int units_want;
        int64_t units;
        int milli_want;
        int64_t milli;
    } rows[] = {
        {"9223372036854775807", OK, INT64_MAX, ERR_FULL, 0},
        {"-9223372036854775807", OK, -INT64_MAX, ERR_FULL, 0},
        {"7Ei", OK, 7 * EXBI, ERR_FULL, 0},
        {"9223372036854775807m", OK, INT64_C(9223372036854776), OK, INT64_MAX},
        {"9223372036854775808m", OK, INT64_C(9223372036854776), ERR_FULL, 0},
        {"9E", OK, INT64_C(9000000000000000000), ERR_FULL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 0;

        CHECK_EQ(quantity_parse_units(rows[i].text, &value), rows[i].units_want, rows[i].text);
        CHECK_EQ(value, rows[i].units, rows[i].text);
        value = 0;
        CHECK_EQ(quantity_parse_milli(rows[i].text, &value), rows[i].milli_want, rows[i].text);
        CHECK_EQ(value, rows[i].milli, rows[i].text);
    }
}

TEST(quantity_print__is_canonical) {
    static const struct {
        int64_t value;
        const char *milli;
        const char *bytes;
        const char *units;
    } rows[] = {
        {0, "0", "0", "0"},
        {1, "1m", "1", "1"},
        {-1, "-1m", "-1", "-1"},
        {999, "999m", "999", "999"},
        {1000, "1", "1000", "1k"},
        {1024, "1024m", "1Ki", "1024"},
        {-1024, "-1024m", "-1Ki", "-1024"},
        {1500, "1500m", "1500", "1500"},
        {2000, "2", "2000", "2k"},
        {10000, "10", "10000", "10k"},
        {1000000, "1k", "1000000", "1M"},
        {1536, "1536m", "1536", "1536"},
        {1536 * 1024, "1572864m", "1536Ki", "1572864"},
        {INT64_C(8448) << 20, "8858370048m", "8448Mi", "8858370048"},
        {INT64_C(24) << 30, "25769803776m", "24Gi", "25769803776"},
        {7 * EXBI, "8070450532247928832m", "7Ei", "8070450532247928832"},
        {INT64_MAX, "9223372036854775807m", "9223372036854775807", "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808m", "-8Ei", "-9223372036854775808"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[QUANTITY_BYTES_MAX];

        quantity_print_milli(rows[i].value, text);
        CHECK_STR(text, rows[i].milli, "thousandths");
        quantity_print_bytes(rows[i].value, text);
        CHECK_STR(text, rows[i].bytes, "bytes");
        quantity_print_units(rows[i].value, text);
        CHECK_STR(text, rows[i].units, "units");
    }
}

TEST(quantity_canonical__keeps_the_family) {
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"0", "0"},
        {"0Gi", "0"},
        {"-0", "0"},
        {"0e3", "0"},
        {"1024Ki", "1Mi"},
        {"1000Mi", "1000Mi"},
        {"1536Mi", "1536Mi"},
        {"1.5Gi", "1536Mi"},
        {"0.5", "500m"},
        {"0.5Ki", "512"},
        {"1Ki", "1Ki"},
        {"0.1Gi", "107374182400m"},
        {"1000", "1k"},
        {"1e3", "1e3"},
        {"100e1", "1e3"},
        {"1e1", "10"},
        {"15e-1", "1500e-3"},
        {"1E3", "1e3"},
        {"1000m", "1"},
        {"1500m", "1500m"},
        {"-1500m", "-1500m"},
        {"12000k", "12M"},
        {"1n", "1n"},
        {"0.1n", "1n"},
        {"1u", "1u"},
        {"100u", "100u"},
        {"1.5k", "1500"},
        {"1234567", "1234567"},
        {"5E", "5E"},
        {"7Ei", "7Ei"},
        {"128974848", "128974848"},
        {"9223372036854775807", "9223372036854775807"},
        {"-2048Mi", "-2Gi"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[QUANTITY_BYTES_MAX];

        CHECK_OK(quantity_canonical(rows[i].text, text), rows[i].text);
        CHECK_STR(text, rows[i].want, rows[i].text);
    }
}

static int64_t random_amount(struct rng *rng) {
    const uint64_t bits = rng_next(rng) >> rng_below(rng, 63);

    return (int64_t)(bits >> 1) * (rng_below(rng, 2) == 0 ? 1 : -1);
}

/* What we print, we read back; and a canonical text is canonical. */
TEST(quantity_print__round_trips) {
    struct rng rng;

    rng_init(&rng, 20261122);
    for (int i = 0; i < 20000; i++) {
        const int64_t value = random_amount(&rng);
        char text[QUANTITY_BYTES_MAX];
        char again[QUANTITY_BYTES_MAX];
        int64_t got;

        quantity_print_milli(value, text);
        CHECK_OK(quantity_parse_milli(text, &got), text);
        CHECK_EQ(got, value, text);
        CHECK_OK(quantity_canonical(text, again), text);
        CHECK_STR(again, text, "thousandths are canonical");
        quantity_print_bytes(value, text);
        CHECK_OK(quantity_parse_units(text, &got), text);
        CHECK_EQ(got, value, text);
        quantity_print_units(value, text);
        CHECK_OK(quantity_parse_units(text, &got), text);
        CHECK_EQ(got, value, text);
        CHECK_OK(quantity_canonical(text, again), text);
        CHECK_STR(again, text, "units are canonical");
    }
}
