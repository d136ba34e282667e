#include "scheduler/daemon.h"

#include "queue/queue.h"
#include "scheduler/leader.h"

/* What keeps the cluster from being listed, in the words of who said so; "" if nobody has yet. */
static const char *first_trouble(const struct cluster_status *cluster) {
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        if (cluster->trouble[i][0] != '\0') {
            return cluster->trouble[i];
        }
    }
    return "";
}

bool daemon_is_ready(struct daemon *daemon, struct error *out_why) {
    struct core_counts counts;
    bool listed;

    if (daemon->core == NULL) {
        leader_explain(daemon, out_why);
        return false;
    }
    counts = core_counts(daemon->core);
    listed = counts.synced[CLUSTER_PODS];
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        listed = listed && (counts.synced[i] || counts.denied[i]);
    }
    if (daemon->stalled) {
        *out_why = daemon->stall;
    } else if (daemon->draining) {
        (void)error_set(out_why, ERR_BUSY, "stopping");
    } else if (!daemon_has_room(daemon, out_why)) {
        return false;
    } else if (!leader_may_act(daemon)) {
        leader_explain(daemon, out_why);
    } else if (!listed) {
        struct cluster_status cluster = cluster_status(daemon);
        const char *trouble = first_trouble(&cluster);

        (void)error_set(out_why, ERR_BUSY,
                        "the cluster's pods, nodes and quotas are not all listed yet%s%s",
                        trouble[0] != '\0' ? ": " : "", trouble);
    }
    return out_why->code == OK;
}

bool daemon_has_room(struct daemon *daemon, struct error *out_why) {
    daemon->has_room = daemon->has_room || queue_check_room(daemon->queue, out_why) == OK;
    return daemon->has_room;
}
