/* tests/test.h - a veneer over cmocka: tests that register themselves.
 *
 * TEST(function__states_what_holds) { ... } is all there is to a test: main()
 * comes with the library. Each test runs in a process of its own, under a time
 * limit, and fails if it leaves a file descriptor open or, under
 * --config=asan, memory allocated. Its output is shown only if it fails.
 *
 * A failed CHECK ends the test. cmocka's own assertions and mocks work too.
 * To run some tests only, name a part of their names as the first argument.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h" /* ARRAY_LEN and the codes that CHECK_OK names */

#define TEST_SECONDS 30

/* Declares a test and gives it the default time limit. */
#define TEST(name) TEST_WITHIN(name, TEST_SECONDS)

/* Declares a test with a time limit of its own, in seconds. Sanitizers multiply it. */
#define TEST_WITHIN(name, seconds)                                                  \
    static void name(void);                                                         \
    __attribute__((constructor)) static void register_##name(void) {                \
        static struct test test = {#name, name, seconds, __FILE__, __LINE__, NULL}; \
        test_register(&test);                                                       \
    }                                                                               \
    static void name(void)

/* Every check takes `what`: the row's, or the reason it must hold. */

#define CHECK(condition, what) \
    ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, (what), "not so: " #condition))

/* Compares two integers of any types by value (-1 differs from UINT_MAX), or two pointers. */
#define CHECK_EQ(got, want, what) \
    test_check_eq(__FILE__, __LINE__, (what), #got, TEST_VALUE(got), TEST_VALUE(want))

/* Compares two strings; NULL equals only NULL. */
#define CHECK_STR(got, want, what) test_check_str(__FILE__, __LINE__, (what), #got, (got), (want))

/* Compares two stretches of memory. */
#define CHECK_MEM(got, want, size, what) \
    test_check_mem(__FILE__, __LINE__, (what), #got, (got), (want), (size))

/* Checks that a call returned OK. */
#define CHECK_OK(result, what) test_check_ok(__FILE__, __LINE__, (what), #result, (result))

/* Ends the test as neither passed nor failed. */
#define SKIP(why) test_skip(why)

/* Returns a folder for this test alone, empty at first and removed after it. Its name is short
 * enough for a Unix socket in it. Fails the test if there can't be one. */
const char *test_folder(void);

/* What the macros are made of. */

struct test {
    const char *name;
    void (*body)(void);
    unsigned seconds;
    const char *file;
    int line;
    struct test *next;
};

struct test_value {
    enum {
        TEST_SIGNED,
        TEST_UNSIGNED,
        TEST_POINTER
    } kind;
    uintmax_t bits;
};

/* clang-format off */
#define TEST_VALUE(x)                                                           \
    _Generic((x),                                                               \
        char: test_signed, signed char: test_signed, short: test_signed,        \
        int: test_signed, long: test_signed, long long: test_signed,            \
        bool: test_unsigned, unsigned char: test_unsigned,                      \
        unsigned short: test_unsigned, unsigned: test_unsigned,                 \
        unsigned long: test_unsigned, unsigned long long: test_unsigned,        \
        default: test_pointer)(x)
/* clang-format on */

struct test_value test_signed(intmax_t value);
struct test_value test_unsigned(uintmax_t value);
struct test_value test_pointer(const volatile void *value);

void test_register(struct test *test);
_Noreturn void test_fail(const char *file, int line, const char *what, const char *why);
_Noreturn void test_skip(const char *why);
void test_check_eq(const char *file, int line, const char *what, const char *text,
                   struct test_value got, struct test_value want);
void test_check_ok(const char *file, int line, const char *what, const char *text, int result);
void test_check_str(const char *file, int line, const char *what, const char *text, const char *got,
                    const char *want);
void test_check_mem(const char *file, int line, const char *what, const char *text, const void *got,
                    const void *want, size_t size);

#endif
