#include "base/log.h"

#include <string.h>
#include <unistd.h>

#include "tests/test.h"

#define TEXT_BYTES 8192

/* What one call writes. */
static void written(const struct log *wanted, enum log_level level, const char *message,
                    char out_text[TEXT_BYTES]) {
    struct log log = *wanted;
    int ends[2];
    ssize_t got;

    CHECK_EQ(pipe(ends), 0, "a pipe");
    log.fd = ends[1];
    log_line(&log, level, 0, "%s", message);
    (void)close(ends[1]);
    got = read(ends[0], out_text, TEXT_BYTES - 1);
    (void)close(ends[0]);
    CHECK(got >= 0, "read");
    out_text[got] = '\0';
}

TEST(log_line__writes_one_line_of_the_wanted_levels) {
    static const struct {
        const char *what;
        enum log_level wanted;
        enum log_level level;
        const char *message;
        const char *want;
    } rows[] = {
        {"info at info", LOG_INFO, LOG_INFO, "job=1 event=started",
         "1970-01-01T00:00:00.000000Z info job=1 event=started\n"},
        {"error at error", LOG_ERROR, LOG_ERROR, "x", "1970-01-01T00:00:00.000000Z error x\n"},
        {"debug at info", LOG_INFO, LOG_DEBUG, "x", ""},
        {"warn at error", LOG_ERROR, LOG_WARN, "x", ""},
        {"line ends become spaces", LOG_INFO, LOG_WARN, "a\nb\r\nc",
         "1970-01-01T00:00:00.000000Z warn a b  c\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct log log = {.level = rows[i].wanted};
        char text[TEXT_BYTES];

        written(&log, rows[i].level, rows[i].message, text);
        CHECK_STR(text, rows[i].want, rows[i].what);
    }
}

TEST(log_line__cuts_a_long_line) {
    const struct log log = {.level = LOG_INFO};
    char message[6000];
    char text[TEXT_BYTES];

    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    written(&log, LOG_INFO, message, text);
    CHECK(strlen(text) <= 4096, "cut");
    CHECK_EQ(text[strlen(text) - 1], '\n', "and ended");
}

TEST(log_line__is_silent_without_a_place) {
    const struct log log = {.fd = -1, .level = LOG_DEBUG};

    log_info(&log, 0, "nobody %s", "listens");
    log_info(NULL, 0, "nobody %s", "listens");
}

TEST(log_level_parse__knows_the_four) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_LEVEL_COUNT;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK_OK(log_level_parse(names[i], &level), names[i]);
        CHECK_EQ(level, i, names[i]);
    }
    CHECK_EQ(log_level_parse("INFO", &level), ERR_INVALID, "lower case only");
    CHECK_EQ(log_level_parse("", &level), ERR_INVALID, "nothing");
}
