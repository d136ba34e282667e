/* scheduler/starter_inside.h - what the two files of the starter share; for them alone. */
#ifndef SCHEDULER_STARTER_INSIDE_H
#define SCHEDULER_STARTER_INSIDE_H

#include <stddef.h>

#include "scheduler/starter.h"

struct starter {
    struct starter_options options;
    char *queue_uid;
    size_t in_flight;
};

#define STARTER_DELETE_BYTES 160

/* The body of a DELETE of this very pod, and of none that has its name since. */
void starter_print_delete(const char *uid, char out_body[STARTER_DELETE_BYTES]);

#endif
