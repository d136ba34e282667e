#include "scheduler/front_view.h"

#include <stdlib.h>

#include "api/wire.h"
#include "base/memory.h"
#include "k8s/payload.h"
#include "scheduler/class_watch.h"
#include "scheduler/core.h"
#include "scheduler/daemon.h"

struct demand *front_retry_demand(struct daemon *daemon, const struct job *job) {
    struct payload *payload = NULL;
    struct demand *demand = NULL;
    struct field_error error = {0};

    if (daemon_read_payload(daemon, job, &payload, &error) < 0) {
        return NULL;
    }
    payload_set_runtime_classes(payload, class_watch_classes(daemon->class_watch));
    if (payload_demand(payload, core_resource_names(daemon->core), &demand, &error) < 0) {
        demand = NULL;
    }
    payload_destroy(payload);
    return demand;
}

static struct wire_learnt memory_on_wire(const struct fact *fact) {
    const struct fact_memory *memory = &fact->value.memory;

    return (struct wire_learnt){.kind = "memory",
                                .key = fact->key,
                                .updated_us = memory->updated_us,
                                .driver_memory_bytes = memory->driver_bytes,
                                .executor_memory_bytes = memory->executor_bytes,
                                .job_id = (int64_t)memory->job_id,
                                .attempt = memory->attempt,
                                .learnt_us = memory->learnt_us,
                                .exit_code = WIRE_UNKNOWN};
}

static struct wire_learnt breaker_on_wire(const struct fact *fact) {
    const struct fact_breaker *breaker = &fact->value.breaker;

    return (struct wire_learnt){.kind = "breaker",
                                .key = fact->key,
                                .updated_us = breaker->updated_us,
                                .state = breaker_state_text((enum breaker_state)breaker->state),
                                .failures = breaker->failures,
                                .failure = failure_text((enum failure)breaker->failure),
                                .exit_code = breaker->exit_code,
                                .until_us = breaker->until_us,
                                .probe_id = (int64_t)breaker->probe_id};
}

static struct wire_learnt node_on_wire(const struct core_blamed *node) {
    const char *how = node->is_required ? "required" : "preferred";

    return (struct wire_learnt){.kind = "node",
                                .key = node->name,
                                .state = node->is_avoided ? how : "noted",
                                .failures = (int64_t)blame_jobs(node->blame),
                                .exit_code = WIRE_UNKNOWN,
                                .until_us = node->is_avoided ? node->until_us : 0,
                                .milli = node->milli};
}

static void add(struct wire_learnt_list *list, struct wire_learnt item) {
    struct wire_learnt *items = (struct wire_learnt *)(uintptr_t)list->items;

    items = mem_grow(items, list->item_count + 1, sizeof *items);
    items[list->item_count++] = item;
    list->items = items;
}

void front_learnt(struct daemon *daemon, struct buf *out_json) {
    struct wire_learnt_list list = {.now_us = daemon_now(daemon).now_us};
    struct core_blamed node;
    struct fact fact;

    for (size_t at = 0; core_next_breaker(daemon->core, &at, &fact);) {
        add(&list, breaker_on_wire(&fact));
    }
    for (size_t at = 0; core_next_learnt(daemon->core, &at, &fact);) {
        add(&list, memory_on_wire(&fact));
    }
    for (size_t at = 0; core_next_blamed(daemon->core, &at, &node);) {
        add(&list, node_on_wire(&node));
    }
    wire_encode_learnt_list(out_json, &list);
    free((void *)(uintptr_t)list.items);
}
