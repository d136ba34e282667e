/* sim/pod_log.h - a part of a container's log: which, from where, and where it ended. */
#ifndef SIM_POD_LOG_H
#define SIM_POD_LOG_H

#include <stddef.h>

struct pod_log {
    const char *namespace;
    const char *pod;
    const char *container;
    size_t from; /* a byte's number, counted from the first ever written */
    size_t end;  /* filled in: where the next part begins */
};

#endif
