#include "policy/demand_change.h"

#define BYTES_PER_MIB ((int64_t)1 << 20)
#define NO_GROWTH     1000

int64_t demand_grown_bytes(int64_t bytes, uint32_t permille) {
    int64_t mib;

    if (permille <= NO_GROWTH || bytes <= 0 || bytes > INT64_MAX / permille) {
        return bytes;
    }
    mib = (bytes * permille / NO_GROWTH + BYTES_PER_MIB - 1) / BYTES_PER_MIB;
    return mib * BYTES_PER_MIB;
}

static void grow(struct pod_demand *pod, uint32_t permille) {
    for (size_t i = 0; i < pod->container_count; i++) {
        struct container_demand *container = &pod->containers[i];

        if (container->kind != CONTAINER_MAIN) {
            continue;
        }
        container->requests.amount[RESOURCE_MEMORY] =
            demand_grown_bytes(container->requests.amount[RESOURCE_MEMORY], permille);
        container->limits.amount[RESOURCE_MEMORY] =
            demand_grown_bytes(container->limits.amount[RESOURCE_MEMORY], permille);
        return;
    }
}

/* Rules of one term must all hold, and one term must: so each gets the rule. */
static void avoid_node(struct pod_demand *pod, const char *node) {
    char key[] = ""; /* By its name, not by a label. */
    char *values[] = {(char *)(uintptr_t)node};
    const struct match_rule rule = {
        .key = key, .operator= MATCH_NOT_IN, .on_name = true, .values = values, .value_count = 1};

    if (pod->term_count == 0) {
        match_term_add_rule(pod_demand_add_term(pod), &rule);
        return;
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        if (pod->terms[i].rule_count > 0) { /* One without rules matches no node, and stays so. */
            match_term_add_rule(&pod->terms[i], &rule);
        }
    }
}

struct demand *demand_changed(struct demand *demand, const struct demand_change *change) {
    struct demand *changed;

    if (change->driver_permille <= NO_GROWTH && change->executor_permille <= NO_GROWTH &&
        change->avoided_count == 0) {
        return demand_share(demand);
    }
    changed = demand_copy(demand);
    for (size_t i = 0; i < changed->group_count; i++) {
        struct pod_group *group = &changed->groups[i];

        grow(&group->pod, group->role == POD_ROLE_EXECUTOR ? change->executor_permille
                                                           : change->driver_permille);
        for (size_t k = 0; k < change->avoided_count; k++) {
            avoid_node(&group->pod, change->avoided[k]);
        }
    }
    demand_settle(changed);
    return changed;
}

int64_t demand_role_memory(const struct demand *demand, bool of_executors) {
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];

        if ((group->role == POD_ROLE_EXECUTOR) == of_executors) {
            return group->requests.amount[RESOURCE_MEMORY];
        }
    }
    return 0;
}
