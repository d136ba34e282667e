/* What runs, what was used, and what may still start. */
#include <math.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/decay.h"
#include "policy/share_tree.h"

#define VERIFY_PART_MAX 1e-6

/* To a clock that was set back, the books stand still until it has caught up. */
int64_t share_instant(const struct share *share, int64_t now_us) {
    return now_us > share->latest_us ? now_us : share->latest_us;
}

static double factor(const struct share *share, const struct share_tree_node *node,
                     int64_t now_us) {
    return decay_left(share_instant(share, now_us) - node->used_us, share->half_life_us);
}

void share_decay(const struct share *share, const struct share_tree_node *node, int64_t now_us,
                 double out_used[RESOURCE_KIND_MAX]) {
    const double left = factor(share, node, now_us);

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const double running = (double)node->running.amount[i];

        out_used[i] = running + (node->used[i] - running) * left;
    }
}

void share_rebase(const struct share *share, struct share_tree_node *node, int64_t now_us) {
    const double left = factor(share, node, now_us);
    double used[RESOURCE_KIND_MAX];

    now_us = share_instant(share, now_us);
    if (now_us == node->used_us) {
        return;
    }
    share_decay(share, node, now_us, used);
    memcpy(node->used, used, sizeof used);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        node->carried[i] *= left;
    }
    node->used_us = now_us;
}

/* --- Changes --------------------------------------------------------------------------------- */

int64_t share_charge(struct share *share, const struct share_charge *charge, int times,
                     int64_t now_us) {
    struct share_space *space = &share->spaces[charge->namespace_index];
    uint32_t index = charge->node;

    ENSURE(charge->namespace_index < share->space_count);
    share->latest_us = share_instant(share, now_us);
    space->running_jobs += times;
    resources_add_times(&space->running, charge->requests, times);
    share_note_changed(share, share->nodes[index]);
    for (;;) {
        struct share_tree_node *node = share->nodes[index];

        if (now_us != 0) {
            share_rebase(share, node, now_us);
        }
        node->running_jobs += times;
        resources_add_times(&node->running, charge->requests, times);
        ENSURE(node->running_jobs >= 0);
        if (index == SHARE_ROOT) {
            return node->used_us;
        }
        index = node->parent;
    }
}

void share_carry(struct share *share, const struct share_past *past, int64_t now_us) {
    struct share_tree_node *node = share->nodes[past->node];
    const int64_t from_us = past->from_us > node->since_us ? past->from_us : node->since_us;
    double part;

    share_rebase(share, node, now_us);
    part = decay_held(from_us, past->to_us, node->used_us, share->half_life_us);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        node->carried[i] += part * (double)past->requests->amount[i];
    }
    share_note_changed(share, node);
}

void share_reach(struct share *share, int64_t at_us) {
    share->latest_us = share_instant(share, at_us);
}

void share_doubt(struct share *share) {
    share->is_doubted = true;
}

void share_wait(struct share *share, const struct share_charge *charge, int times) {
    uint32_t index = charge->node;

    ENSURE(charge->namespace_index < share->space_count);
    share->spaces[charge->namespace_index].waiting_jobs += times;
    for (;;) {
        struct share_tree_node *node = share->nodes[index];

        node->waiting_jobs += times;
        ENSURE(node->waiting_jobs >= 0);
        if (index == SHARE_ROOT) {
            return;
        }
        index = node->parent;
    }
}

void share_set_capacity(struct share *share, const struct resources *capacity) {
    share->capacity = *capacity;
}

/* --- Shares ---------------------------------------------------------------------------------- */

struct share_parts share_explain(const struct share *share, uint32_t index, int64_t now_us) {
    const struct share_tree_node *node = share->nodes[index];
    struct share_parts parts = {.kind = RESOURCE_NONE, .weight = node->weight};
    double used[RESOURCE_KIND_MAX];
    double most = 0;

    share_decay(share, node, now_us, used);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const double capacity = (double)share->capacity.amount[i];
        const double running = (double)node->running.amount[i];

        if (i != RESOURCE_PODS && capacity > 0 && (running + used[i]) / capacity > most) {
            most = (running + used[i]) / capacity;
            parts.kind = i;
            parts.running = running / capacity;
            parts.used = used[i] / capacity;
        }
    }
    parts.share = most / node->weight;
    return parts;
}

double share_value(const struct share *share, uint32_t index, int64_t now_us) {
    const struct share_tree_node *node = share->nodes[index];
    const double left = factor(share, node, now_us);
    double most = 0;

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        const double capacity = (double)share->capacity.amount[i];
        const double running = (double)node->running.amount[i];
        const double sum = running + running + (node->used[i] - running) * left;

        if (i != RESOURCE_PODS && capacity > 0 && sum / capacity > most) {
            most = sum / capacity;
        }
    }
    return most / node->weight;
}

bool share_is_borrowing(const struct share *share, uint32_t index) {
    const struct share_tree_node *node = share->nodes[index];

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((node->nominal_total.set & RESOURCE_BIT(i)) != 0 &&
            node->running.amount[i] >= node->nominal_total.amounts.amount[i]) {
            return true;
        }
    }
    return false;
}

/* --- Limits ---------------------------------------------------------------------------------- */

static struct share_answer too_many(enum share_limit limit, int64_t more, int64_t used,
                                    int64_t hard) {
    return (struct share_answer){
        .limit = hard != SHARE_UNLIMITED && used + more > hard ? limit : SHARE_WITHIN,
        .kind = RESOURCE_NONE,
        .needs = more,
        .used = used,
        .hard = hard,
        .never = more > hard,
    };
}

/* The first kind of which the charge would hold more than `hard` allows. */
static struct share_answer too_much(enum share_limit limit, const struct resources *needs,
                                    const struct resources *used,
                                    const struct share_amounts *hard) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((hard->set & RESOURCE_BIT(i)) != 0 && needs->amount[i] > 0 &&
            amount_add(used->amount[i], needs->amount[i]) > hard->amounts.amount[i]) {
            return (struct share_answer){
                .limit = limit,
                .kind = i,
                .needs = needs->amount[i],
                .used = used->amount[i],
                .hard = hard->amounts.amount[i],
                .never = needs->amount[i] > hard->amounts.amount[i],
            };
        }
    }
    return (struct share_answer){.limit = SHARE_WITHIN};
}

/* What a node and all below it may hold: their nominal amounts, and what the node may borrow. The
 * root has nobody to borrow from. */
static struct share_amounts borrowing_hard(const struct share_tree_node *node) {
    struct share_amounts hard = node->nominal_total;

    if (node->index != SHARE_ROOT) {
        hard.set &= node->limits.borrowing_max.set;
        resources_add(&hard.amounts, &node->limits.borrowing_max.amounts);
    }
    return hard;
}

static struct share_answer check_limits(const struct share_limits *limits, int64_t running_jobs,
                                        const struct resources *running,
                                        const struct resources *needs) {
    struct share_answer answer =
        too_many(SHARE_LIMIT_RUNNING, 1, running_jobs, limits->running_max);

    if (answer.limit == SHARE_WITHIN && limits->resources_max.set != 0) {
        answer = too_much(SHARE_LIMIT_RESOURCES, needs, running, &limits->resources_max);
    }
    return answer;
}

static struct share_answer check_node(const struct share_tree_node *node, int64_t running_jobs,
                                      const struct resources *running,
                                      const struct resources *needs) {
    struct share_answer answer = check_limits(&node->limits, running_jobs, running, needs);

    if (answer.limit == SHARE_WITHIN && node->nominal_total.set != 0) {
        const struct share_amounts hard = borrowing_hard(node);

        answer = too_much(SHARE_LIMIT_BORROWING, needs, running, &hard);
    }
    answer.node = node->index;
    return answer;
}

/* Beside what runs, or as if nothing ran. */
static struct share_answer check(const struct share *share, const struct share_charge *charge,
                                 bool is_alone) {
    static const struct resources nothing;
    const struct share_space *space = &share->spaces[charge->namespace_index];
    struct share_answer answer =
        check_limits(&space->limits, is_alone ? 0 : space->running_jobs,
                     is_alone ? &nothing : &space->running, charge->requests);
    uint32_t index = charge->node;

    answer.of_namespace = answer.limit != SHARE_WITHIN;
    while (answer.limit == SHARE_WITHIN) {
        const struct share_tree_node *node = share->nodes[index];

        answer = check_node(node, is_alone ? 0 : node->running_jobs,
                            is_alone ? &nothing : &node->running, charge->requests);
        if (index == SHARE_ROOT) {
            break;
        }
        index = node->parent;
    }
    return answer;
}

struct share_answer share_check(const struct share *share, const struct share_charge *charge) {
    return check(share, charge, false);
}

struct share_answer share_check_never(const struct share *share,
                                      const struct share_charge *charge) {
    return share->has_limits ? check(share, charge, true)
                             : (struct share_answer){.limit = SHARE_WITHIN};
}

struct share_answer share_check_waiting(const struct share *share,
                                        const struct share_charge *charge, int64_t count) {
    const struct share_space *space = &share->spaces[charge->namespace_index];
    struct share_answer answer =
        too_many(SHARE_LIMIT_WAITING, count, space->waiting_jobs, space->limits.waiting_max);
    uint32_t index = charge->node;

    answer.of_namespace = answer.limit != SHARE_WITHIN;
    while (answer.limit == SHARE_WITHIN) {
        const struct share_tree_node *node = share->nodes[index];

        answer = too_many(SHARE_LIMIT_WAITING, count, node->waiting_jobs, node->limits.waiting_max);
        answer.node = index;
        if (index == SHARE_ROOT) {
            break;
        }
        index = node->parent;
    }
    return answer;
}

/* --- Keeping --------------------------------------------------------------------------------- */

void share_note_changed(struct share *share, struct share_tree_node *node) {
    if (node->is_listed || !node->is_user) {
        return;
    }
    if (share->changed_count == share->changed_room) {
        share->changed_room = share->changed_room > 0 ? 2 * share->changed_room : 16;
        share->changed = mem_grow(share->changed, share->changed_room, sizeof *share->changed);
    }
    share->changed[share->changed_count++] = node->index;
    node->is_listed = true;
}

static void make_record(const struct share *share, const struct share_tree_node *node,
                        struct share_record *out_record) {
    *out_record = (struct share_record){
        .team = share->nodes[node->parent]->name,
        .user = node->name,
        .at_us = node->used_us,
        .since_us = node->since_us,
        .half_life_us = (int64_t)share->half_life_us,
        .gone = node->running_jobs == 0 && !share_used_something(share, node, node->used_us),
    };
    memcpy(out_record->used, node->used, sizeof node->used);
    memcpy(out_record->carried, node->carried, sizeof node->carried);
}

bool share_take_changed(struct share *share, int64_t now_us, struct share_record *out_record) {
    struct share_tree_node *node;

    if (share->changed_count == 0) {
        return false;
    }
    node = share->nodes[share->changed[--share->changed_count]];
    node->is_listed = false;
    share_rebase(share, node, now_us);
    make_record(share, node, out_record);
    node->is_stored = !out_record->gone;
    return true;
}

void share_restore(struct share *share, const struct share_record *record) {
    const uint32_t index = share_hold(share, record->team, record->user);
    struct share_tree_node *node = share->nodes[index];

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        node->used[i] += record->used[i];
        node->carried[i] += record->carried[i];
    }
    node->used_us = record->at_us;
    node->since_us = record->since_us;
    share->latest_us = share_instant(share, record->at_us);
    node->is_stored = true;
    if (record->half_life_us != (int64_t)share->half_life_us) {
        share_doubt(share);
    }
    share_drop(share, index);
}

static void settle_user(struct share *share, struct share_tree_node *node, int64_t now_us) {
    if (node->used_us == 0) { /* Nothing is known of the past. */
        node->used_us = node->since_us = share_instant(share, now_us);
    }
    share_rebase(share, node, now_us);
    if (share->is_doubted) {
        memcpy(node->carried, node->used, sizeof node->used);
        node->since_us = node->used_us;
        share_note_changed(share, node);
    }
}

/* Teams' numbers from their users', below one node. */
static void settle(struct share *share, struct share_tree_node *node, int64_t now_us) {
    if (node->is_user) {
        settle_user(share, node, now_us);
        return;
    }
    node->running_jobs = 0;
    node->waiting_jobs = 0;
    node->running = (struct resources){{0}};
    memset(node->used, 0, sizeof node->used);
    node->used_us = share_instant(share, now_us);
    for (size_t i = 0; i < node->child_count; i++) {
        struct share_tree_node *child = share->nodes[node->children[i]];

        settle(share, child, now_us);
        node->running_jobs += child->running_jobs;
        node->waiting_jobs += child->waiting_jobs;
        resources_add(&node->running, &child->running);
        for (size_t j = 0; j < RESOURCE_KIND_MAX; j++) {
            node->used[j] += child->used[j];
        }
    }
}

void share_settle(struct share *share, int64_t now_us) {
    settle(share, share->nodes[SHARE_ROOT], now_us);
    share->is_doubted = false;
}

static void verify_node(const struct share *share, const struct share_tree_node *node,
                        int64_t now_us) {
    struct resources running = {{0}};
    double used[RESOURCE_KIND_MAX];
    double sum[RESOURCE_KIND_MAX] = {0};
    int64_t running_jobs = 0;
    int64_t waiting_jobs = 0;

    for (size_t i = 0; i < node->child_count; i++) {
        const struct share_tree_node *child = share->nodes[node->children[i]];

        ENSURE(child->parent == node->index);
        share_decay(share, child, now_us, used);
        for (size_t j = 0; j < RESOURCE_KIND_MAX; j++) {
            sum[j] += used[j];
        }
        running_jobs += child->running_jobs;
        waiting_jobs += child->waiting_jobs;
        resources_add(&running, &child->running);
    }
    share_decay(share, node, now_us, used);
    ENSURE(node->running_jobs == running_jobs && node->waiting_jobs == waiting_jobs);
    ENSURE(resources_equal(&node->running, &running));
    for (size_t j = 0; j < RESOURCE_KIND_MAX; j++) {
        ENSURE(fabs(used[j] - sum[j]) <= VERIFY_PART_MAX * (1 + fabs(sum[j])));
    }
}

void share_verify(const struct share *share, int64_t now_us) {
    for (size_t i = 0; i < share->node_count; i++) {
        if (share->nodes[i] != NULL && !share->nodes[i]->is_user) {
            verify_node(share, share->nodes[i], now_us);
        }
    }
}
