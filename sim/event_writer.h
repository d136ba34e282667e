/* sim/event_writer.h - Event objects about pods and nodes, as the real components make them. */
#ifndef SIM_EVENT_WRITER_H
#define SIM_EVENT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct json_t;
struct sim_store;

struct event_writer {
    struct sim_store *store; /* borrowed */
    bool enabled;
    uint64_t sequence; /* makes names unique */
};

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
