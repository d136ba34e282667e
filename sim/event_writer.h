/* sim/event_writer.h - Event objects about pods and nodes, as the real components make them.
 *
 * A real server forgets events after an hour; here the oldest goes when there are more
 * than EVENT_WRITER_EVENTS_MAX of ours.
 */
#ifndef SIM_EVENT_WRITER_H
#define SIM_EVENT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct json_t;
struct sim_store;

#define EVENT_WRITER_EVENTS_MAX 4096

struct event_writer {
    struct sim_store *store; /* borrowed */
    bool enabled;
    uint64_t sequence; /* events written so far; makes names unique */
    char **kept;       /* "namespace/name" of the newest, a ring by sequence; owned */
};

/* Accepts NULL and a zeroed one. */
void event_writer_finish(struct event_writer *writer);

struct event_text {
    const char *type;      /* "Normal" or "Warning" */
    const char *reason;    /* "FailedScheduling" */
    const char *component; /* "default-scheduler" */
};

/* An event about the object, in its namespace (default for cluster-wide ones). A refused event is
 * dropped, as by the real ones. */
void event_write(struct event_writer *writer, const char *kind, const struct json_t *object,
                 const struct event_text *text, int64_t now_us, const char *format, ...)
    PRINTF_LIKE(6, 7);

#endif
