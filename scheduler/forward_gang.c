#include "scheduler/forward_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

struct gang *gang_find(const struct forward *forward, uint64_t job_id) {
    return map_get_id(&forward->gangs, job_id);
}

struct gang *gang_add(struct forward *forward, uint64_t job_id, uint32_t attempt) {
    struct gang *gang = mem_alloc(1, sizeof *gang);
    struct job job;
    bool known = core_job(forward->options.core, job_id, &job);

    ENSURE(known);
    *gang = (struct gang){.job_id = job_id,
                          .attempt = attempt,
                          .namespace = mem_copy_text(job.namespace),
                          .ends_us = CLOCK_NEVER_US};
    (void)map_put_id(&forward->gangs, job_id, gang);
    return gang;
}

struct gang_pod *gang_add_pod(struct gang *gang, uint32_t group, uint32_t node) {
    struct gang_pod *pod;

    gang->pods = mem_grow(gang->pods, gang->pod_count + 1, sizeof *gang->pods);
    pod = &gang->pods[gang->pod_count++];
    *pod = (struct gang_pod){.group = group, .node = node};
    return pod;
}

/* The next turn's events may name its pods. */
void gang_drop(struct forward *forward, struct gang *gang) {
    (void)map_remove_id(&forward->gangs, gang->job_id);
    for (size_t i = 0; i < gang->pod_count; i++) {
        forward_take_text(forward, gang->pods[i].name);
        forward_take_text(forward, gang->pods[i].uid);
        forward_take_text(forward, gang->pods[i].node_name);
    }
    forward_take_text(forward, gang->namespace);
    free(gang->pods);
    free(gang);
}

static const struct demand *demand_of(const struct forward *forward, const struct gang *gang) {
    return core_demand(forward->options.core, gang->job_id);
}

bool gang_main_is_called(const struct gang *gang, const char *name) {
    char made[FORWARD_NAME_BYTES];
    const struct gang_pod *pod = gang->pod_count > 0 ? &gang->pods[gang->main] : NULL;

    if (pod == NULL || pod->name != NULL) {
        return pod != NULL && strcmp(pod->name, name) == 0;
    }
    (void)snprintf(made, sizeof made, "f%" PRIu64 ".%" PRIu32 ".%zu", gang->job_id, gang->attempt,
                   gang->main);
    return strcmp(made, name) == 0;
}

/* --- Onto the nodes -------------------------------------------------------------------------- */

/* By the runs of the placement; without a look at nodes, the pods are nowhere in particular. */
static void make_pods(struct forward *forward, struct gang *gang, const struct demand *demand,
                      bool blind) {
    size_t count = 0;

    for (size_t i = 0; i < demand->group_count; i++) {
        count += demand->groups[i].count;
    }
    gang->pods = mem_alloc(count, sizeof *gang->pods);
    for (uint32_t i = 0; blind && i < demand->group_count; i++) {
        for (uint32_t k = 0; k < demand->groups[i].count; k++) {
            gang->pods[gang->pod_count++] = (struct gang_pod){.group = i, .node = FORWARD_NO_NODE};
        }
    }
    for (size_t i = 0; !blind && i < forward->place.run_count; i++) {
        const struct place_run *run = &forward->place.runs[i];

        for (uint32_t k = 0; k < run->count; k++) {
            gang->pods[gang->pod_count++] =
                (struct gang_pod){.group = run->group, .node = run->node};
        }
    }
    for (size_t i = 0; i < gang->pod_count; i++) {
        if (demand->groups[gang->pods[i].group].role != POD_ROLE_EXECUTOR) {
            gang->main = i;
        }
    }
}

bool gang_place(struct forward *forward, struct gang *gang) {
    bool blind = core_counts(forward->options.core).denied[CLUSTER_NODES];
    const struct demand *demand = demand_of(forward, gang);

    if (!blind) {
        forward_load_place(forward);
        if (!place_gang(&forward->place, demand, NULL)) {
            return false;
        }
    }
    make_pods(forward, gang, demand, blind);
    return true;
}

/* --- What the core hears --------------------------------------------------------------------- */

void gang_tell_pod(struct forward *forward, const struct gang *gang, size_t at,
                   enum pod_standing standing) {
    const struct gang_pod *pod = &gang->pods[at];
    const struct pod_group *group = &demand_of(forward, gang)->groups[pod->group];
    struct event *event = forward_add_event(forward, EVENT_POD);
    const char *node = pod->node_name != NULL ? pod->node_name : "";

    if (pod->node != FORWARD_NO_NODE) {
        node = forward->place.index.nodes[pod->node].node->name;
    }
    event->pod = (struct pod_event){
        .namespace = gang->namespace,
        .name = pod->name,
        .uid = pod->uid,
        .node = node,
        .job_id = gang->job_id,
        .attempt = gang->attempt,
        .is_main = at == gang->main,
        .standing = standing,
        .message = "",
        .created_us = forward->now.now_us,
        .started_us = standing == POD_STANDS_WAITING ? 0 : gang->runs_us,
        .finished_us = standing == POD_STANDS_SUCCEEDED ? forward->now.now_us : 0,
        .role = group->role,
        .demand = &group->pod,
    };
    forward_name_event(forward, gang, at);
}

void gang_tell_start(struct forward *forward, struct gang *gang) {
    const struct gang_pod *pod = &gang->pods[gang->main];
    struct event *event = forward_add_event(forward, EVENT_STARTED);

    event->started = (struct started_event){.job_id = gang->job_id,
                                            .attempt = gang->attempt,
                                            .result = START_DONE,
                                            .pod_name = pod->name,
                                            .pod_uid = pod->uid,
                                            .message = ""};
    forward_name_event(forward, gang, gang->main);
}

static void tell_gone(struct forward *forward, const struct gang *gang, size_t at) {
    struct event *event = forward_add_event(forward, EVENT_POD_GONE);

    event->gone.namespace = gang->namespace;
    event->gone.name = gang->pods[at].name;
    forward_name_event(forward, gang, at);
}

/* One that runs is enough for a driver not to be taken for starved. */
static void tell_executor(struct forward *forward, const struct gang *gang) {
    const struct demand *demand = demand_of(forward, gang);

    for (size_t i = 0; demand != NULL && i < gang->pod_count; i++) {
        if (demand->groups[gang->pods[i].group].role == POD_ROLE_EXECUTOR) {
            gang_tell_pod(forward, gang, i, POD_STANDS_RUNNING);
            return;
        }
    }
}

void gang_run(struct forward *forward, struct gang *gang, int64_t since_us) {
    int64_t ran_us = forward->now.now_us > since_us ? forward->now.now_us - since_us : 0;
    int64_t runtime_us = CLOCK_NEVER_US;
    struct job job;

    if (core_job(forward->options.core, gang->job_id, &job)) {
        runtime_us = forward->options.runtime_us(forward->options.context, &job, ran_us);
    }
    gang->running = true;
    gang->runs_us = since_us;
    gang->ends_us =
        runtime_us >= CLOCK_NEVER_US - since_us ? CLOCK_NEVER_US : since_us + runtime_us;
    if (gang->ends_us != CLOCK_NEVER_US) {
        timers_add(&forward->timers, gang->ends_us, gang->job_id);
    }
    gang_tell_pod(forward, gang, gang->main, POD_STANDS_RUNNING);
    tell_executor(forward, gang);
}

/* The room comes back at once; the core hears of it in the turn to come. */
static void take_off_nodes(struct forward *forward, struct gang *gang) {
    const struct demand *demand = demand_of(forward, gang);

    for (size_t i = 0; i < gang->pod_count; i++) {
        const struct gang_pod *pod = &gang->pods[i];

        tell_gone(forward, gang, i);
        if (pod->node == FORWARD_NO_NODE) {
            forward->place_stale = true; /* It is not known what it held. */
        } else {
            node_index_take(&forward->place.index, pod->node, &demand->groups[pod->group].requests,
                            -1);
        }
    }
}

void gang_end(struct forward *forward, struct gang *gang) {
    gang_tell_pod(forward, gang, gang->main, POD_STANDS_SUCCEEDED);
    gang_delete(forward, gang);
}

void gang_delete(struct forward *forward, struct gang *gang) {
    forward->ended_id = gang->job_id;
    forward->ended_us = forward->now.now_us;
    take_off_nodes(forward, gang);
    gang_drop(forward, gang);
}
