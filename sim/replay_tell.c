#include "sim/replay_tell.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/quota.h"

static bool same_quota(const struct replay_quota *a, const struct replay_quota *b) {
    return strcmp(a->namespace, b->namespace) == 0 && strcmp(a->name, b->name) == 0;
}

static int tell_quotas(const struct replay_cluster *cluster, struct core *core,
                       struct forward *forward, struct error *error) {
    int r = OK;

    for (size_t i = 0; r == OK && i < cluster->quota_count;) {
        const struct replay_quota *first = &cluster->quotas[i];
        struct quota quota;

        quota_init(&quota, first->namespace, first->name);
        for (; r == OK && i < cluster->quota_count && same_quota(&cluster->quotas[i], first); i++) {
            r = quota_add_item(&quota, core_resource_names(core), cluster->quotas[i].key,
                               cluster->quotas[i].hard, NULL);
        }
        if (r == OK) {
            forward_tell(forward, &(struct event){.kind = EVENT_QUOTA, .quota = &quota}, 1);
        } else {
            error_set(error, r, "quota %s/%s: %s: %s can't be read", first->namespace, first->name,
                      cluster->quotas[i - 1].key, cluster->quotas[i - 1].hard);
        }
        quota_finish(&quota);
    }
    return r;
}

int replay_tell(const struct replay_cluster *cluster, struct core *core, struct forward *forward,
                struct error *error) {
    struct event synced[CLUSTER_PART_COUNT];
    struct event *events = mem_alloc(cluster->node_count, sizeof *events);
    int r = tell_quotas(cluster, core, forward, error);

    for (size_t i = 0; i < cluster->node_count; i++) {
        events[i] = (struct event){.kind = EVENT_NODE, .node = &cluster->nodes[i]};
    }
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        synced[i] = (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}};
    }
    forward_tell(forward, events, cluster->node_count);
    forward_tell(forward, synced, CLUSTER_PART_COUNT);
    free(events);
    return r;
}
