/* sim/executor_plan.h - what a Spark driver makes of its properties: executors and their size.
 *
 * Spark's own formulae (ResourceProfile, BasicExecutorFeatureStep), for 3.5 and 4.x.
 * Written apart from the daemon's Spark builder, to be its second opinion. Pure.
 */
#ifndef SIM_EXECUTOR_PLAN_H
#define SIM_EXECUTOR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/java_properties.h"

struct executor_plan {
    int64_t executor_count; /* asked for at the start; 0 for a driver-only application */
    int64_t executor_count_max;
    int64_t executor_memory_mib; /* heap, overhead, off-heap and Python together */
    int64_t heap_mib;
    int64_t executor_cores;  /* task slots */
    const char *cpu_request; /* a quantity; borrowed from the properties, or NULL: the cores */
    const char *cpu_limit;   /* NULL: none */
    int64_t batch_size;      /* executors asked for in one round */
    int64_t batch_delay_us;  /* 0: Spark's default of a second */
    int64_t failures_max;    /* failed executors before the application gives up */
    bool keep_executors;     /* deleteOnTermination=false */
    bool no_config_map;
};

/* version: "3.5.3", of the image. The properties must outlive *out_plan. ERR_INVALID, and why, for
 * what makes Spark fail at start. */
int executor_plan_resolve(const struct java_properties *properties, const char *version,
                          struct executor_plan *out_plan, struct error *error) MUST_CHECK;

#endif
