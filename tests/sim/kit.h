/* tests/sim/kit.h - a simulated cluster for a test: a store, its controllers and an instant. */
#ifndef TESTS_SIM_KIT_H
#define TESTS_SIM_KIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/cluster.h"
#include "sim/resource.h"

struct json_t;
struct sim_store;

#define KIT_MS       INT64_C(1000)
#define KIT_SECOND   INT64_C(1000000)
#define KIT_START_US (INT64_C(1800000000) * KIT_SECOND)

struct kit {
    struct sim_store *store;
    struct cluster *cluster;
    int64_t now_us;
    char message[4096]; /* of the last refusal, "" after a success */
};

/* With the namespace "a". config NULL: the default without events. */
void kit_open(struct kit *kit, const struct cluster_config *config);
void kit_close(struct kit *kit);

/* POST a JSON text in which ' stands for ". The HTTP code. */
int kit_post(struct kit *kit, enum sim_resource_id id, const char *namespace, const char *format,
             ...) PRINTF_LIKE(4, 5);
int kit_post_dry(struct kit *kit, enum sim_resource_id id, const char *namespace,
                 const char *format, ...) PRINTF_LIKE(4, 5);
int kit_delete(struct kit *kit, enum sim_resource_id id, const char *namespace, const char *name);

/* {"cpu": .., "memory": .., "pods": "110"} */
void kit_add_node(struct kit *kit, const char *name, const char *cpu, const char *memory);

/* Let the time pass, doing what is due; checks cluster_verify() on the way. */
void kit_run(struct kit *kit, int64_t for_us);

/* A ConfigMap, a Service and a driver pod as spark-submit makes them, with one cpu and 1408Mi. The
 * properties get more lines. The code of the pod's POST. */
int kit_submit_spark(struct kit *kit, const char *name, const char *version,
                     const char *annotations, const char *properties);

/* A text of an object in namespace "a" ("" when absent). */
const char *kit_text(struct kit *kit, enum sim_resource_id id, const char *name, const char *path);

/* A pod's phase, or "gone". */
const char *kit_phase(struct kit *kit, const char *pod);

/* Pods in namespace "a" with this phase and label spark-role (NULL: any). */
int64_t kit_count_pods(struct kit *kit, const char *phase, const char *role);

/* Cause a fault; params is JSON with ' for ". */
int kit_fault(struct kit *kit, const char *name, const char *params);

#endif
