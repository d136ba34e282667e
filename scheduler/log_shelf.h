/* scheduler/log_shelf.h - the folder of kept logs: their names, and which go when there are many.
 *
 * Owns dataDir/logs. A log's file is named after its job, attempt and pod, a thousand jobs a
 * folder. The oldest go when all are together larger, or older, than is wanted. Time is an
 * argument.
 */
#ifndef SCHEDULER_LOG_SHELF_H
#define SCHEDULER_LOG_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct log_shelf;

#define LOG_EXECUTOR_NONE 0 /* the main pod's log; executors count from 1 */

struct log_key {
    uint64_t job_id;
    uint32_t attempt;
    uint32_t executor;
};

struct log_shelf_limits {
    int64_t bytes_max;
    int64_t age_us_max;
};

/* Looks at all that is there, and makes logs of what was being written when the daemon ended. */
int log_shelf_open(const char *folder, const struct log_shelf_limits *limits, int64_t now_us,
                   struct log_shelf **out_shelf, struct error *error) MUST_CHECK;
void log_shelf_close(struct log_shelf *shelf); /* Accepts NULL. */

void log_shelf_set_limits(struct log_shelf *shelf, const struct log_shelf_limits *limits);

/* Where this log is, or would be: owned by the caller. */
char *log_shelf_path(const struct log_shelf *shelf, const struct log_key *key);

/* The same, its folder made if it is not there. */
char *log_shelf_make_path(const struct log_shelf *shelf, const struct log_key *key);

/* A whole one: not what was salvaged at this start. */
bool log_shelf_has(const struct log_shelf *shelf, const struct log_key *key);

/* Is there room on the disk for one more, the queue's own room left alone? ERR_FULL, with words. */
int log_shelf_check_room(const struct log_shelf *shelf, struct error *error) MUST_CHECK;

/* It was written now: remember it. */
void log_shelf_note(struct log_shelf *shelf, const struct log_key *key, int64_t bytes,
                    int64_t now_us);

/* Remove what is too much or too old, a bounded number; true while there is more. */
bool log_shelf_trim(struct log_shelf *shelf, int64_t now_us);

struct log_shelf_figures {
    size_t files;
    int64_t bytes;
    uint64_t removed;
};
struct log_shelf_figures log_shelf_figures(const struct log_shelf *shelf);

#endif
