#include "tests/test.h"

#include <unistd.h>

TEST(check__reads_its_condition_as_a_whole) {
    int a = 0;
    int b = 1;

    CHECK(a == 0 || b == 2, "a condition with an operator weaker than the macro's own");
    CHECK(a != b, "0 is not 1");
}

TEST(check_eq__compares_values_of_any_integer_type) {
    enum colour {
        RED,
        GREEN
    };
    enum colour green = GREEN;
    const char *text = "x";

    CHECK_EQ((uint8_t)200, 200, "narrow and wide");
    CHECK_EQ((int64_t)-1, -1, "negative of two widths");
    CHECK_EQ(UINT64_MAX, UINT64_MAX, "the largest");
    CHECK_EQ(sizeof text, 8U, "unsigned long and unsigned");
    CHECK_EQ(green, GREEN, "an enum and its constant");
    CHECK_EQ(true, 1, "a truth");
    CHECK_EQ('a', 97, "a character");
    CHECK_EQ(text, &text[0], "pointers");
    CHECK_EQ(text == text ? 1 : 2, 1, "an operator weaker than the macro's own");
}

TEST(test_folder__is_writable_and_stays_the_same) {
    CHECK(access(test_folder(), W_OK) == 0, "writable");
    CHECK_STR(test_folder(), test_folder(), "the second call");
}
