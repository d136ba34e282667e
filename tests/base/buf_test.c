#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

TEST(buf__grows_and_stays_text) {
    struct buf buf;

    buf_init(&buf, 100000);
    CHECK_STR(buf_text(&buf), "", "empty is text");
    for (int i = 0; i < 10000; i++) {
        buf_add_format(&buf, "%d,", i % 10);
        CHECK_EQ(buf_text(&buf)[buf.bytes], '\0', "ended");
    }
    CHECK_EQ(buf.bytes, 20000, "all there");
    CHECK(!buf.full, "not full");
    CHECK(strncmp(buf_text(&buf), "0,1,2,3,4,5,6,7,8,9,0,", 22) == 0, "in order");
    buf_finish(&buf);
    buf_finish(&buf);
    buf_finish(NULL);
}

TEST(buf__refuses_past_its_maximum) {
    struct buf buf;

    buf_init(&buf, 4);
    buf_add_text(&buf, "abcd");
    CHECK(!buf.full, "exactly full is not refused");
    buf_add_char(&buf, 'e');
    CHECK(buf.full, "one more is");
    CHECK_STR(buf_text(&buf), "abcd", "nothing was added");
    buf_clear(&buf);
    buf_add_text(&buf, "abc");
    buf_add_format(&buf, "%s", "de");
    CHECK(buf.full, "a format is refused whole");
    buf_add_char(&buf, 'x');
    CHECK_STR(buf_text(&buf), "abc", "nothing after a refusal");
    buf_finish(&buf);
}

TEST(buf__adds_numbers_in_decimal) {
    static const struct {
        const char *what;
        int64_t number;
        const char *want;
    } rows[] = {
        {"zero", 0, "0"},
        {"one digit", 9, "9"},
        {"a zero at its end", 120, "120"},
        {"negative", -15, "-15"},
        {"the largest", INT64_MAX, "9223372036854775807"},
        {"the smallest", INT64_MIN, "-9223372036854775808"},
    };
    struct buf buf;

    buf_init(&buf, 100);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&buf);
        buf_add_int64(&buf, rows[i].number);
        CHECK_STR(buf_text(&buf), rows[i].want, rows[i].what);
    }
    buf_clear(&buf);
    buf_add_uint64(&buf, UINT64_MAX);
    CHECK_STR(buf_text(&buf), "18446744073709551615", "without a sign");
    buf_finish(&buf);
}

TEST(buf_add_format__takes_long_texts_as_well) {
    struct buf buf;

    buf_init(&buf, 1000);
    for (int width = 195; width < 205; width++) { /* around the bound of what is short */
        buf_clear(&buf);
        buf_add_text(&buf, "<");
        buf_add_format(&buf, "%*d", width, 7);
        CHECK_EQ(buf.bytes, (size_t)width + 1, "all there");
        CHECK_EQ(buf_text(&buf)[width], '7', "to its end");
        CHECK_EQ(strlen(buf_text(&buf)), (size_t)width + 1, "and ended");
    }
    buf_finish(&buf);
}

TEST(buf_drop_front__keeps_the_rest) {
    static const struct {
        const char *what;
        size_t drop;
        const char *want;
    } rows[] = {{"nothing", 0, "abcdef"}, {"some", 2, "cdef"}, {"all", 6, ""}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf buf;

        buf_init(&buf, 100);
        buf_add(&buf, "abcdef", 6);
        buf_drop_front(&buf, rows[i].drop);
        CHECK_STR(buf_text(&buf), rows[i].want, rows[i].what);
        CHECK_EQ(buf.bytes, strlen(rows[i].want), rows[i].what);
        buf_finish(&buf);
    }
}

TEST(buf_take_text__starts_over) {
    struct buf buf;
    char *text;

    buf_init(&buf, 10);
    text = buf_take_text(&buf);
    CHECK_STR(text, "", "of an empty buffer");
    free(text);
    buf_add_text(&buf, "abc");
    text = buf_take_text(&buf);
    CHECK_STR(text, "abc", "the content");
    CHECK_STR(buf_text(&buf), "", "empty again");
    buf_add_text(&buf, "0123456789");
    CHECK(!buf.full, "the maximum is kept");
    free(text);
    buf_finish(&buf);
}
