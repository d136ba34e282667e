#include "base/text.h"

#include <string.h>

#include "tests/test.h"

TEST(text_copy__cuts_and_tells) {
    char out[4];

    CHECK(text_copy(out, sizeof out, "abc"), "fits exactly");
    CHECK_STR(out, "abc", "copied");
    CHECK(!text_copy(out, sizeof out, "abcd"), "cut");
    CHECK_STR(out, "abc", "and ended");
    CHECK(text_copy(out, sizeof out, ""), "empty");
    CHECK_STR(out, "", "empty");
    CHECK(!text_copy(out, 0, "a"), "no room at all");
}

TEST(text_starts_and_ends__compare_whole_affixes) {
    CHECK(text_starts_with("spark.driver", "spark."), "prefix");
    CHECK(!text_starts_with("spar", "spark."), "shorter than the prefix");
    CHECK(text_starts_with("x", ""), "everything begins with nothing");
    CHECK(text_ends_with("a.yaml", ".yaml"), "suffix");
    CHECK(!text_ends_with("yaml", ".yaml"), "shorter than the suffix");
    CHECK(text_ends_with("x", ""), "everything ends with nothing");
}

TEST(text_parse_int64__takes_whole_numbers_only) {
    static const struct {
        const char *text;
        int want;
        int64_t value;
    } rows[] = {
        {"0", OK, 0},
        {"-0", OK, 0},
        {"42", OK, 42},
        {"-42", OK, -42},
        {"0042", OK, 42},
        {"9223372036854775807", OK, INT64_MAX},
        {"-9223372036854775808", OK, INT64_MIN},
        {"9223372036854775808", ERR_INVALID, 7},
        {"-9223372036854775809", ERR_INVALID, 7},
        {"99999999999999999999", ERR_INVALID, 7},
        {"", ERR_INVALID, 7},
        {"-", ERR_INVALID, 7},
        {"+1", ERR_INVALID, 7},
        {" 1", ERR_INVALID, 7},
        {"1 ", ERR_INVALID, 7},
        {"1.0", ERR_INVALID, 7},
        {"0x1", ERR_INVALID, 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 7;

        CHECK_EQ(text_parse_int64(rows[i].text, &value), rows[i].want, rows[i].text);
        CHECK_EQ(value, rows[i].value, rows[i].text);
    }
}

TEST(text_parse_duration_us__wants_units) {
    static const struct {
        const char *text;
        int want;
        int64_t us;
    } rows[] = {
        {"0s", OK, 0},
        {"250ms", OK, 250000},
        {"90s", OK, 90000000},
        {"15m", OK, 900000000},
        {"2h", OK, INT64_C(7200000000)},
        {"1d", OK, INT64_C(86400000000)},
        {"1h30m", OK, INT64_C(5400000000)},
        {"1m5ms", OK, 60005000},
        {"90", ERR_INVALID, 7},
        {"", ERR_INVALID, 7},
        {"s", ERR_INVALID, 7},
        {"1h30", ERR_INVALID, 7},
        {"-1s", ERR_INVALID, 7},
        {"1.5h", ERR_INVALID, 7},
        {"1 h", ERR_INVALID, 7},
        {"1w", ERR_INVALID, 7},
        {"1H", ERR_INVALID, 7},
        {"106751991d", OK, INT64_C(106751991) * 86400000000},
        {"106751992d", ERR_INVALID, 7},
        {"106751991d106751991d", ERR_INVALID, 7},
        {"99999999999999999999s", ERR_INVALID, 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t us = 7;

        CHECK_EQ(text_parse_duration_us(rows[i].text, &us), rows[i].want, rows[i].text);
        CHECK_EQ(us, rows[i].us, rows[i].text);
    }
}

TEST(text_print_duration__shows_two_units) {
    static const struct {
        int64_t us;
        const char *want;
    } rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {999, "1ms"},
        {250000, "250ms"},
        {45000000, "45s"},
        {45250000, "45s250ms"},
        {90000000, "1m30s"},
        {INT64_C(11520000000), "3h12m"},
        {INT64_C(11565000000), "3h12m"},
        {INT64_C(86400000000), "1d"},
        {INT64_C(86460000000), "1d"},
        {INT64_C(90000000000), "1d1h"},
        {-45000000, "-45s"},
        {INT64_MAX, "106751991d4h"},
        {INT64_MIN, "-106751991d4h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[32];

        text_print_duration(rows[i].us, text);
        CHECK_STR(text, rows[i].want, rows[i].want);
    }
}

TEST(text_closest__finds_the_word_that_was_meant) {
    static const char *const words[] = {"executor", "executors", "driver",
                                        "image",    "memory",    "memoryOverhead"};
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"driver", "driver"},
        {"drvier", "driver"},
        {"drive", "driver"},
        {"exeutor", "executor"},
        {"imaeg", "image"},
        {"memoryOverhed", "memoryOverhead"},
        {"executorz", "executor"},
        {"memoryoverhead", "memoryOverhead"},
        {"xyz", NULL},
        {"", NULL},
        {"mem", NULL},
        {"imxx", NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(text_closest(rows[i].text, words, ARRAY_LEN(words)), rows[i].want, rows[i].text);
    }
}

#define TEN      "abcdefghij"
#define SIXTY    TEN TEN TEN TEN TEN TEN
#define LABEL_63 SIXTY "abc"

TEST(text_is__knows_the_names_of_kubernetes) {
    static const struct {
        const char *text;
        bool label;
        bool subdomain;
        bool value;
        bool key;
    } rows[] = {
        {"a", true, true, true, true},
        {"team-a", true, true, true, true},
        {"0", true, true, true, true},
        {"", false, false, true, false},
        {"-a", false, false, false, false},
        {"a-", false, false, false, false},
        {"A", false, false, true, true},
        {"a_b", false, false, true, true},
        {"a.b", false, true, true, true},
        {"a..b", false, false, true, true},
        {".a", false, false, false, false},
        {"a.", false, false, false, false},
        {"a b", false, false, false, false},
        {"kubernetes.io/os", false, false, false, true},
        {"Kubernetes.io/os", false, false, false, false},
        {"kubernetes.io/", false, false, false, false},
        {"/os", false, false, false, false},
        {"a/b/c", false, false, false, false},
        {LABEL_63, true, true, true, true},
        {LABEL_63 "d", false, true, false, false},
        {LABEL_63 "." LABEL_63 "." LABEL_63 "." SIXTY "a", false, true, false, false},
        {LABEL_63 "." LABEL_63 "." LABEL_63 "." SIXTY "ab", false, false, false, false},
        {LABEL_63 "." LABEL_63 "." LABEL_63 "." SIXTY "a/" LABEL_63, false, false, false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(text_is_dns_label(rows[i].text), rows[i].label, rows[i].text);
        CHECK_EQ(text_is_dns_subdomain(rows[i].text), rows[i].subdomain, rows[i].text);
        CHECK_EQ(text_is_label_value(rows[i].text), rows[i].value, rows[i].text);
        CHECK_EQ(text_is_label_key(rows[i].text), rows[i].key, rows[i].text);
    }
}

TEST(text_equal_constant_time__compares_every_byte) {
    CHECK(text_equal_constant_time("abc", "abc", 3), "equal");
    CHECK(!text_equal_constant_time("abc", "abd", 3), "the last byte differs");
    CHECK(!text_equal_constant_time("abc", "bbc", 3), "the first byte differs");
    CHECK(text_equal_constant_time("abc", "abd", 2), "only so many bytes");
    CHECK(text_equal_constant_time("a", "b", 0), "nothing equals nothing");
}

TEST(text_utf8_bytes__takes_what_rfc_3629_does) {
    static const struct {
        const char *what;
        const char *text;
        size_t bytes;
    } rows[] = {
        {"the end", "", 0},
        {"a letter", "a", 1},
        {"two bytes", "\xc3\xa9!", 2},
        {"three", "\xe2\x82\xac!", 3},
        {"four", "\xf0\x9f\x98\x80!", 4},
        {"the last code point", "\xf4\x8f\xbf\xbf", 4},
        {"one beyond", "\xf4\x90\x80\x80", 0},
        {"overlong, two bytes", "\xc0\x80", 0},
        {"overlong, three bytes", "\xe0\x9f\xbf", 0},
        {"overlong, four bytes", "\xf0\x8f\xbf\xbf", 0},
        {"a surrogate", "\xed\xa0\x80", 0},
        {"cut", "\xe2\x82", 0},
        {"only a later byte", "\x82", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(text_utf8_bytes(rows[i].text), rows[i].bytes, rows[i].what);
    }
}

/* Every byte at every place of a word, and beyond. */
TEST(text_plain_bytes__stops_at_the_first_byte_that_json_escapes) {
    char text[40];

    for (size_t bytes = 0; bytes <= sizeof text; bytes++) {
        memset(text, 'a', sizeof text);
        CHECK_EQ(text_plain_bytes(text, bytes), bytes, "nothing stops it");
        for (size_t at = 0; at < bytes; at++) {
            for (int byte = 0; byte < 256; byte++) {
                bool stops = byte < 0x20 || byte == '"' || byte == '\\';

                text[at] = (char)byte;
                CHECK_EQ(text_plain_bytes(text, bytes), stops ? at : bytes, "one byte");
            }
            text[at] = '\x7f';
        }
    }
}

TEST(text_is_ascii__sees_every_byte) {
    char text[20] = "";

    for (size_t bytes = 0; bytes <= sizeof text; bytes++) {
        memset(text, 0x7f, sizeof text);
        CHECK(text_is_ascii(text, bytes), "all of it");
        for (size_t at = 0; at < bytes; at++) {
            text[at] = (char)0x80;
            CHECK(!text_is_ascii(text, bytes), "one is not");
            text[at] = '\0';
        }
    }
}
