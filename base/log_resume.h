/* base/log_resume.h - a log that is read again from its beginning, without what is known of it.
 *
 * Whoever follows a log over a connection that breaks asks for all of it again; this says how much
 * of what comes was there before. It remembers the first bytes of the log: if another begins (the
 * node has put the old part away, or its container runs anew), nothing is left out any more.
 */
#ifndef BASE_LOG_RESUME_H
#define BASE_LOG_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RESUME_HEAD_BYTES 512

/* All zero: nothing has come. */
struct log_resume {
    uint64_t taken; /* bytes of this log, ever */
    uint64_t at;    /* bytes of this connection */
    bool differs;   /* another log came than before: something may be missing between the two */
    char head[LOG_RESUME_HEAD_BYTES];
};

/* A new connection, which sends all from the beginning. */
void log_resume_again(struct log_resume *resume);

/* Of the bytes that came, how many at their front are not new. */
size_t log_resume_skip(struct log_resume *resume, const char *bytes, size_t count);

/* True once after another log came: the place for a word about it is here. */
bool log_resume_take_gap(struct log_resume *resume);

#endif
