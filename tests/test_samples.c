/* Tests that end in every way there is; the first word of a name says in which it should.
 * test_samples_test.py runs them. */
#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(ok__nothing_to_check) {
}

TEST(failed__check_of_a_falsehood) {
    CHECK(1 == 2, "arithmetic");
}

/* A macro that expands to `!a == b` passes this. */
TEST(failed__check_of_two_unequal_numbers) {
    int a = 5;
    int b = 3;

    CHECK(a == b, "neither is 0");
}

TEST(failed__check_of_an_or) {
    int a = 0;
    int b = 0;

    CHECK(a == 1 || b == 1, "neither is 1");
}

TEST(failed__check_eq_of_different_numbers) {
    CHECK_EQ(2 + 2, 5, "arithmetic");
}

TEST(failed__check_eq_of_minus_one_and_the_largest) {
    CHECK_EQ(-1, UINT64_MAX, "the same bits, another value");
}

TEST(failed__check_eq_of_two_pointers) {
    char text[2] = "x";

    CHECK_EQ(&text[0], &text[1], "neighbours");
}

TEST(failed__check_eq_of_an_expression) {
    CHECK_EQ(1 ? 2 : 3, 1, "the conditional as a whole");
}

TEST(failed__check_str_of_different_texts) {
    CHECK_STR("night", "shift", "texts");
}

TEST(failed__check_str_of_null) {
    CHECK_STR(NULL, "", "NULL is not an empty text");
}

TEST(failed__check_mem_of_different_bytes) {
    CHECK_MEM("abc", "abd", 3, "the last byte");
}

TEST(failed__check_ok_of_an_error) {
    CHECK_OK(ERR_BUSY, "a code");
}

TEST(failed__assertion_of_cmocka) {
    assert_int_equal(1, 2);
}

TEST(failed__descriptor_left_open) {
    (void)!open("/dev/null", O_RDONLY);
}

TEST(failed__abort) {
    abort();
}

TEST(failed__early_exit) {
    exit(EXIT_SUCCESS);
}

TEST(failed__killed) {
    raise(SIGKILL);
}

TEST_WITHIN(failed__too_slow, 1) {
    for (;;) {
        pause();
    }
}

/* The folder is removed with what is in it: the next test of the list looks for it. */
static FILE *open_note(const char *mode) {
    char path[4096];

    snprintf(path, sizeof path, "%s/folder", getenv("TEST_TMPDIR"));
    return fopen(path, mode);
}

TEST(ok__folder_is_filled) {
    char path[256];
    FILE *note = open_note("w");

    CHECK(note != NULL, "a note can be written");
    fputs(test_folder(), note);
    fclose(note);
    snprintf(path, sizeof path, "%s/sub", test_folder());
    CHECK(mkdir(path, 0700) == 0, "a folder in the folder");
}

TEST(ok__folder_of_an_earlier_test_is_gone) {
    char path[256] = "";
    FILE *note = open_note("r");

    CHECK(note != NULL, "the note of the test before");
    CHECK(fgets(path, sizeof path, note) != NULL, "a path in it");
    fclose(note);
    CHECK(strlen(path) > 0, "a path in it");
    CHECK(access(path, F_OK) != 0, "the folder is gone");
}

TEST(skipped__not_here) {
    SKIP("needs a full moon");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(failed__memory_leak) {
    char *volatile lost = malloc(100);

    CHECK(lost != NULL, "memory");
    lost = NULL;
}
#endif
