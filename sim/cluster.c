#include "sim/cluster.h"

#include <stdlib.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/rng.h"
#include "sim/admission.h"
#include "sim/binder.h"
#include "sim/census.h"
#include "sim/event_writer.h"
#include "sim/faults.h"
#include "sim/node_controller.h"
#include "sim/quota_controller.h"
#include "sim/runtime.h"
#include "sim/spark_driver.h"
#include "sim/store.h"
#include "sim/tree.h"

#define ORPHAN_US (5 * CLOCK_US_PER_SECOND)

struct cluster {
    struct sim_store *store;
    struct rng rng;
    struct admission admission;
    struct event_writer events;
    struct census census;
    struct quota_controller *quotas;
    struct runtime *runtime;
    struct node_controller *nodes;
    struct binder *binder;
    struct spark_drivers *drivers;
    struct faults faults;
    int64_t stepped_us; /* the instant that was last dealt with */
    int64_t changed_us; /* ... at which something was last written */
    bool real_drivers;  /* the drivers' own processes make executors */
    bool dirty;         /* something was written since garbage was last collected */
};

struct cluster_config cluster_config_default(void) {
    return (struct cluster_config){
        .seed = 1,
        .quota_lag_us = 20 * CLOCK_US_PER_MS,
        .quota_resync_us = 300 * CLOCK_US_PER_SECOND,
        .bind_delay_us = 2 * CLOCK_US_PER_MS,
        .start_delay_us = 200 * CLOCK_US_PER_MS,
        .stop_delay_us = 50 * CLOCK_US_PER_MS,
        .runtime_us = 5 * CLOCK_US_PER_SECOND,
        .retry_us = 500 * CLOCK_US_PER_MS,
        .driver_start_us = 300 * CLOCK_US_PER_MS,
        .driver_round_us = CLOCK_US_PER_SECOND,
        .unreachable_us = -1,
        .nodes_healthy = true,
        .events = true,
    };
}

/* The census first: the others read it. */
static void on_change(void *context, const struct sim_change *change) {
    struct cluster *cluster = context;

    cluster->dirty = true;
    cluster->changed_us = change->now_us;
    census_on_change(&cluster->census, change);
    quota_controller_on_change(cluster->quotas, change);
    runtime_on_change(cluster->runtime, change);
    node_controller_on_change(cluster->nodes, change);
    binder_on_change(cluster->binder, change);
    if (!cluster->real_drivers) {
        spark_drivers_on_change(cluster->drivers, change);
    }
}

static json_t *mutate(void *context, struct sim_attempt *attempt) {
    struct cluster *cluster = context;

    return admission_mutate(&cluster->admission, attempt);
}

static json_t *validate(void *context, const struct sim_attempt *attempt) {
    struct cluster *cluster = context;

    return admission_validate(&cluster->admission, attempt);
}

static void create_parts(struct cluster *cluster, const struct cluster_config *config) {
    cluster->quotas = quota_controller_create(
        cluster->store, &(struct quota_controller_config){.lag_us = config->quota_lag_us,
                                                          .resync_us = config->quota_resync_us});
    cluster->runtime = runtime_create(&(struct runtime_config){
        .store = cluster->store,
        .census = &cluster->census,
        .events = &cluster->events,
        .start_delay_us = config->start_delay_us,
        .stop_delay_us = config->stop_delay_us,
        .runtime_us = config->runtime_us,
        .retry_us = config->retry_us,
        .processes = config->processes,
    });
    cluster->nodes = node_controller_create(&(struct node_controller_config){
        .store = cluster->store,
        .runtime = cluster->runtime,
        .census = &cluster->census,
        .unreachable_us = config->unreachable_us,
        .orphan_us = ORPHAN_US,
        .nodes_healthy = config->nodes_healthy,
    });
    cluster->binder = binder_create(&(struct binder_config){
        .store = cluster->store,
        .census = &cluster->census,
        .events = &cluster->events,
        .delay_us = config->bind_delay_us,
    });
    cluster->drivers = spark_drivers_create(&(struct spark_drivers_config){
        .store = cluster->store,
        .runtime = cluster->runtime,
        .rng = &cluster->rng,
        .start_us = config->driver_start_us,
        .round_us = config->driver_round_us,
        .runtime_us = config->runtime_us,
    });
}

struct cluster *cluster_create(struct sim_store *store, const struct cluster_config *config) {
    struct cluster *cluster = mem_alloc(1, sizeof *cluster);

    cluster->store = store;
    rng_init(&cluster->rng, config->seed);
    cluster->admission.store = store;
    cluster->events = (struct event_writer){.store = store, .enabled = config->events};
    cluster->real_drivers = config->processes != NULL;
    create_parts(cluster, config);
    cluster->faults = (struct faults){.store = store,
                                      .census = &cluster->census,
                                      .runtime = cluster->runtime,
                                      .events = &cluster->events,
                                      .nodes = cluster->nodes,
                                      .quotas = cluster->quotas,
                                      .rng = &cluster->rng};
    sim_store_set_admission(
        store, &(struct sim_admission){.mutate = mutate, .validate = validate, .context = cluster});
    sim_store_observe(store, &(struct sim_observer){.on_change = on_change, .context = cluster});
    return cluster;
}

void cluster_destroy(struct cluster *cluster) {
    if (cluster == NULL) {
        return;
    }
    spark_drivers_destroy(cluster->drivers);
    binder_destroy(cluster->binder);
    node_controller_destroy(cluster->nodes);
    runtime_destroy(cluster->runtime);
    quota_controller_destroy(cluster->quotas);
    event_writer_finish(&cluster->events);
    census_finish(&cluster->census);
    free(cluster);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t cluster_next_us(const struct cluster *cluster) {
    int64_t next_us = quota_controller_next_us(cluster->quotas);

    if (cluster->dirty) {
        /* Garbage may have been made. */
        return cluster->changed_us > cluster->stepped_us ? cluster->changed_us
                                                         : cluster->stepped_us;
    }
    next_us = earlier(next_us, runtime_next_us(cluster->runtime));
    next_us = earlier(next_us, node_controller_next_us(cluster->nodes));
    next_us = earlier(next_us, binder_next_us(cluster->binder));
    return earlier(next_us, spark_drivers_next_us(cluster->drivers));
}

static void step_parts(struct cluster *cluster, int64_t now_us) {
    node_controller_step(cluster->nodes, now_us);
    runtime_step(cluster->runtime, now_us);
    spark_drivers_step(cluster->drivers, now_us);
    binder_step(cluster->binder, now_us);
    quota_controller_step(cluster->quotas, now_us);
}

static void collect(struct cluster *cluster, int64_t now_us) {
    cluster->dirty = false;
    while (sim_store_collect(cluster->store, now_us)) {
    }
    cluster->dirty = false; /* It collects what its own deletes leave behind. */
}

void cluster_step(struct cluster *cluster, int64_t now_us) {
    for (;;) {
        int64_t next_us = cluster_next_us(cluster);

        if (next_us > now_us) {
            break;
        }
        if (next_us > cluster->stepped_us) {
            cluster->stepped_us = next_us;
        }
        if (cluster->dirty) {
            collect(cluster, cluster->stepped_us);
        }
        step_parts(cluster, cluster->stepped_us);
    }
    cluster->stepped_us = cluster->stepped_us > now_us ? cluster->stepped_us : now_us;
}

int cluster_fault(struct cluster *cluster, const char *name, const json_t *params, int64_t now_us,
                  struct error *error) {
    return fault_cause(&cluster->faults, name, params, now_us, error);
}

int cluster_pod_log(const struct cluster *cluster, struct pod_log *log, struct buf *out) {
    return runtime_read_log(cluster->runtime, log, out);
}

int64_t cluster_quota_peak(const struct cluster *cluster, const char *namespace, const char *quota,
                           const char *key) {
    return quota_controller_peak(cluster->quotas, namespace, quota, key);
}

int64_t cluster_quota_refusals(const struct cluster *cluster) {
    return cluster->admission.quota_refusals;
}

json_t *cluster_stats_json(const struct cluster *cluster) {
    struct spark_drivers_counts counts = spark_drivers_counts(cluster->drivers);
    json_t *stats = json_object();

    ENSURE(stats != NULL);
    tree_put(stats, "quotas", quota_controller_peaks_json(cluster->quotas));
    tree_put_int(stats, "quotaRefusals", cluster->admission.quota_refusals);
    tree_put_int(stats, "quotaOverruns", quota_controller_overruns(cluster->quotas));
    tree_put_int(stats, "unspecifiedRefusals", cluster->admission.unspecified_refusals);
    tree_put_int(stats, "limitRangeRefusals", cluster->admission.limit_range_refusals);
    tree_put_int(stats, "binds", binder_bind_count(cluster->binder));
    tree_put_int(stats, "drivers", counts.drivers);
    tree_put_int(stats, "driversCompleted", counts.completed);
    tree_put_int(stats, "executorsCreated", counts.executors_created);
    tree_put_int(stats, "executorsRefused", counts.executors_refused);
    return stats;
}

bool cluster_verify(const struct cluster *cluster, struct error *error) {
    if (quota_controller_overruns(cluster->quotas) > 0) {
        (void)error_set(error, ERR_CORRUPT, "a quota was overrun %lld times",
                        (long long)quota_controller_overruns(cluster->quotas));
        return false;
    }
    return census_verify(&cluster->census, cluster->store, error);
}
