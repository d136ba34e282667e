#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/rfc3339.h"

#define LOG_LINE_BYTES_MAX 4096

static const char *const level_names[LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug"};

void log_line(const struct log *log, enum log_level level, int64_t now_us, const char *format,
              ...) {
    char line[LOG_LINE_BYTES_MAX];
    char time[RFC3339_BYTES_MAX];
    va_list args;
    size_t used;
    int more;

    if (log == NULL || log->fd < 0 || level > log->level) {
        return;
    }
    rfc3339_print_us(now_us, time);
    used = (size_t)snprintf(line, sizeof line, "%s %s ", time, level_names[level]);
    va_start(args, format);
    more = vsnprintf(line + used, sizeof line - used - 1, format, args);
    va_end(args);
    used += more > 0 ? (size_t)more : 0;
    if (used > sizeof line - 2) {
        used = sizeof line - 2;
    }
    for (size_t i = 0; i < used; i++) {
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';
        }
    }
    line[used] = '\n';
    /* A log that can't be written must not stop the daemon: there is nobody left to tell. */
    (void)!write(log->fd, line, used + 1);
}

int log_level_parse(const char *text, enum log_level *out_level) {
    for (size_t i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out_level = (enum log_level)i;
            return OK;
        }
    }
    return ERR_INVALID;
}
