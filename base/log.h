/* base/log.h - one line per event, key=value, ids first, units in keys.
 *
 * error = needs a person; warn = we coped, and say how; info = state changed;
 * debug = free. Secrets never come here. Only scheduler/, the api front, sim and
 * the mains log, through a struct log they were given.
 *
 *   log_info(log, now_us, "job=17 attempt=1 event=started namespace=%s", namespace);
 *   2026-11-22T22:00:00.000000Z info job=17 attempt=1 event=started namespace=etl
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
    LOG_LEVEL_COUNT,
};

/* A plain value; zeroed it writes errors to nowhere. */
struct log {
    int fd; /* borrowed; -1 is nowhere */
    enum log_level level;
};

/* Write one line, if the level is wanted. Line ends inside the text become spaces. */
void log_line(const struct log *log, enum log_level level, int64_t now_us, const char *format, ...)
    PRINTF_LIKE(4, 5);

#define log_error(log, now_us, ...) log_line((log), LOG_ERROR, (now_us), __VA_ARGS__)
#define log_warn(log, now_us, ...)  log_line((log), LOG_WARN, (now_us), __VA_ARGS__)
#define log_info(log, now_us, ...)  log_line((log), LOG_INFO, (now_us), __VA_ARGS__)
#define log_debug(log, now_us, ...) log_line((log), LOG_DEBUG, (now_us), __VA_ARGS__)

/* "error", "warn", "info", "debug"; ERR_INVALID for any other text. */
int log_level_parse(const char *text, enum log_level *out_level) MUST_CHECK;

#endif
