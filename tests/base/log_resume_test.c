#include "base/log_resume.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/test.h"

/* What connections send, each from the log's beginning, in parts of this size. */
static void receive(struct log_resume *resume, const char *log, size_t part, struct buf *out) {
    log_resume_again(resume);
    for (size_t at = 0; at < strlen(log); at += part) {
        size_t count = strlen(log) - at < part ? strlen(log) - at : part;
        size_t skip = log_resume_skip(resume, log + at, count);

        if (log_resume_take_gap(resume)) {
            buf_add_text(out, "<gap>");
        }
        buf_add(out, log + at + skip, count - skip);
    }
}

TEST(log_resume_skip__leaves_out_what_is_known) {
    static const struct {
        const char *what;
        const char *logs[4]; /* of one connection each */
        const char *want;
    } rows[] = {
        {"one connection", {"abc\n"}, "abc\n"},
        {"nothing new", {"abc\n", "abc\n"}, "abc\n"},
        {"it has grown", {"abc\n", "abc\ndef\n", "abc\ndef\ng"}, "abc\ndef\ng"},
        {"cut before what is known ends", {"abcdef", "abc", "abcdefg"}, "abcdefg"},
        {"nothing came at first", {"", "abc"}, "abc"},
        {"another log", {"abc\n", "xyz\n"}, "abc\n<gap>xyz\n"},
        {"another log, which goes on", {"abc\n", "xyz\n", "xyz\nw\n"}, "abc\n<gap>xyz\nw\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t part = 1; part < 9; part += 3) {
            struct log_resume resume = {.taken = 0};
            struct buf out;

            buf_init(&out, 1000);
            for (size_t k = 0; k < ARRAY_LEN(rows[i].logs) && rows[i].logs[k] != NULL; k++) {
                receive(&resume, rows[i].logs[k], part, &out);
            }
            CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
            buf_finish(&out);
        }
    }
}

TEST(log_resume_skip__tells_a_log_by_its_first_bytes) {
    struct log_resume resume = {.taken = 0};
    char log[2 * LOG_RESUME_HEAD_BYTES + 1];
    struct buf out;

    buf_init(&out, 10000);
    memset(log, 'a', sizeof log - 1);
    log[sizeof log - 1] = '\0';
    receive(&resume, log, 100, &out);
    CHECK_EQ(out.bytes, sizeof log - 1, "all");
    receive(&resume, log, 77, &out);
    CHECK_EQ(out.bytes, sizeof log - 1, "no more");
    log[LOG_RESUME_HEAD_BYTES - 1] = 'b'; /* The last byte that is remembered. */
    receive(&resume, log, sizeof log, &out);
    CHECK_EQ(out.bytes, 2 * (sizeof log - 1) + strlen("<gap>"), "another");
    buf_finish(&out);
}
