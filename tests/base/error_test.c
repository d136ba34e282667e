#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "tests/test.h"

TEST(err_name__names_every_code) {
    static const struct {
        int code;
        const char *want;
    } rows[] = {
        {OK, "OK"},       {ERR_INVALID, "ERR_INVALID"}, {ERR_DENIED, "ERR_DENIED"}, {1, "ERR_?"},
        {-1000, "ERR_?"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_STR(err_name(rows[i].code), rows[i].want, rows[i].want);
        CHECK(strlen(err_sentence(rows[i].code)) > 0, "a sentence");
    }
}

TEST(error_set__keeps_the_first_cause) {
    struct error error = {0};

    CHECK_EQ(error_set(&error, ERR_IO, "disk %d", 7), ERR_IO, "the code comes back");
    CHECK_EQ(error_set(&error, ERR_BUSY, "later"), ERR_BUSY, "also when it is not kept");
    CHECK_EQ(error.code, ERR_IO, "the first code");
    CHECK_STR(error.text, "disk 7", "the first text");
    error_prefix(&error, "store %s", "a");
    CHECK_STR(error.text, "store a: disk 7", "prefixed");
    CHECK_EQ(error_set(NULL, ERR_IO, "nobody listens"), ERR_IO, "NULL is fine");
    error_prefix(NULL, "nobody");
}

TEST(error_prefix__leaves_an_empty_error_alone) {
    struct error error = {0};

    error_prefix(&error, "store");
    CHECK_STR(error.text, "", "still empty");
}

TEST(error__cuts_what_is_too_long) {
    struct error error = {0};
    char text[2 * ERROR_TEXT_BYTES_MAX];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)error_set(&error, ERR_INVALID, "%s", text);
    CHECK_EQ(strlen(error.text), ERROR_TEXT_BYTES_MAX - 1, "cut");
    error_prefix(&error, "where");
    CHECK_EQ(strlen(error.text), ERROR_TEXT_BYTES_MAX - 1, "cut again");
    CHECK(strncmp(error.text, "where: xxx", 10) == 0, "the prefix is kept");
    error = (struct error){0};
    (void)error_set(&error, ERR_INVALID, "small");
    error_prefix(&error, "%s", text);
    CHECK_EQ(strlen(error.text), ERROR_TEXT_BYTES_MAX - 1, "a long prefix is cut too");
}

TEST(err_from_errno__says_what_to_do_next) {
    static const struct {
        int number;
        int want;
    } rows[] = {
        {ENOENT, ERR_NOT_FOUND}, {ENOTDIR, ERR_NOT_FOUND},
        {EACCES, ERR_DENIED},    {EPERM, ERR_DENIED},
        {EIO, ERR_IO},           {EMFILE, ERR_IO},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(err_from_errno(rows[i].number), rows[i].want, strerror(rows[i].number));
    }
}
