/* sim/control.h - /sim/...: faults in, statistics out. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct api_faults;
struct cluster;
struct sim_request;
struct sim_response;
struct sim_store;
struct sim_target;

/* How requests were answered, by verb, resource and code. Zeroed is empty. */
struct sim_stats {
    struct map counts; /* "create pods 201" -> int64_t, owned */
    int64_t exceeded_quota;
};
void sim_stats_count(struct sim_stats *stats, const struct sim_target *target,
                     const struct sim_response *response);
void sim_stats_finish(struct sim_stats *stats);

struct sim_control {
    struct sim_store *store;
    struct api_faults *faults;
    struct cluster *cluster; /* may be NULL */
    const struct sim_stats *stats;
    size_t open_watches;
};

/* Fill *response, whose body is an empty buffer. */
void sim_control_handle(const struct sim_control *control, const struct sim_request *request,
                        struct sim_response *response);

#endif
