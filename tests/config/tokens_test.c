#include "config/tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "tests/test.h"

#define HASH "sha256:00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10AB"
#define ELSE "sha256:11ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab00ff10ab"

static void parse_as_text(const char *text, struct buf *out) {
    struct problems problems = {0};
    struct token_list list = {0};

    if (token_list_parse(text, strlen(text), &list, &problems) == OK) {
        for (size_t i = 0; i < list.count; i++) {
            buf_add_format(out, "%02x..%02x %s", list.items[i].sha256[0], list.items[i].sha256[31],
                           list.items[i].user);
            for (size_t j = 0; j < list.items[i].team_count; j++) {
                buf_add_format(out, " %s", list.items[i].teams[j]);
            }
            buf_add_char(out, '\n');
        }
    } else {
        problems_print(&problems, "t", out);
    }
    token_list_finish(&list);
    problems_finish(&problems);
}

TEST(token_list_parse__takes_lines_and_refuses_the_rest) {
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", ""},
        {"# a comment\n\n \t\n", ""},
        {HASH " ann\n" ELSE "\tbob,etl,ops \r\n", "00..ab ann\n11..ab bob etl ops\n"},
        {HASH " ann", "00..ab ann\n"},
        {HASH " root,*\n", "00..ab root *\n"},
        {HASH " *\n", "t:1:1: a user or team is 1 to 63 of letters, digits, -, _ and ., or the "
                      "team *\n"},
        {"sha1:00 ann\n", "t:1:1: must begin with sha256: and 64 hexadecimal digits\n"},
        {"sha256:00ff ann\n", "t:1:1: must begin with sha256: and 64 hexadecimal digits\n"},
        {"sha256:", "t:1:1: must begin with sha256: and 64 hexadecimal digits\n"},
        {HASH "\n", "t:1:1: a user must follow the hash, after a space\n"},
        {HASH "0 ann\n", "t:1:1: a user must follow the hash, after a space\n"},
        {HASH " a b\n", "t:1:1: a user or team is 1 to 63 of letters, digits, -, _ and ., or the "
                        "team *\n"},
        {HASH " ann,\n", "t:1:1: a user or team is 1 to 63 of letters, digits, -, _ and ., or the "
                         "team *\n"},
        {"#\n" HASH " ann\n" HASH " bob\n", "t:3:1: the same token is given above\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 10000);
        parse_as_text(rows[i].text, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].text);
        buf_finish(&out);
    }
}

TEST(token_list_load__refuses_a_file_that_others_may_write) {
    static const struct {
        mode_t mode;
        int want;
    } rows[] = {{0600, OK}, {0640, OK}, {0644, OK}, {0620, ERR_DENIED}, {0602, ERR_DENIED}};
    char path[256];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/tokens", test_folder());
    out = fopen(path, "w");
    CHECK(out != NULL && fputs(HASH " ann\n", out) >= 0, path);
    (void)fclose(out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct token_list list = {0};

        CHECK_EQ(chmod(path, rows[i].mode), 0, path);
        CHECK_EQ(token_list_load(path, &list, &problems), rows[i].want, "by mode");
        CHECK_EQ(list.count, rows[i].want == OK ? 1 : 0, "by mode");
        token_list_finish(&list);
        problems_finish(&problems);
    }
}

/* The list is refused as a whole, with the line of the first one too many. */
TEST(token_list_parse__bounds_the_tokens) {
    struct problems problems = {0};
    struct token_list list = {0};
    struct buf text;

    buf_init(&text, 4 * LIMIT_MIB);
    for (int i = 0; i < LIMIT_TOKENS; i++) {
        buf_add_format(&text, "sha256:%064x ann\n", i + 1);
    }
    CHECK_OK(token_list_parse(buf_text(&text), text.bytes, &list, &problems), "all of them");
    CHECK_EQ(list.count, LIMIT_TOKENS, "all of them");
    token_list_finish(&list);
    buf_add_text(&text, HASH " ann\n");
    CHECK_EQ(token_list_parse(buf_text(&text), text.bytes, &list, &problems), ERR_INVALID, "more");
    CHECK_EQ(problems.items[0].place.line, LIMIT_TOKENS + 1, "its line");
    token_list_finish(&list);
    problems_finish(&problems);
    buf_finish(&text);
}
