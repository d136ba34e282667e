/* What runs, what was used, and what may still start. */
#include <math.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/share_tree.h"

#define LN_2              0.69314718055994530942
#define SERIES_TERMS      20
#define SERIES_NEAR       0.01 /* below this part of a half-life so many are enough: */
#define SERIES_TERMS_NEAR 7
#define HALVINGS_MAX      1000.0
#define VERIFY_PART_MAX   1e-6

/* 2^-x, x >= 0, with nothing but IEEE sums and products, which give the same on every machine. */
static double half_power(double x) {
    double whole;
    double sum = 1;
    double y;
    int terms;

    if (x >= HALVINGS_MAX) {
        return 0;
    }
    whole = floor(x);
    y = -(x - whole) * LN_2;
    terms = x < SERIES_NEAR ? SERIES_TERMS_NEAR : SERIES_TERMS;
    for (int i = terms; i > 0; i--) {
        sum = 1 + y * sum / i;
    }
    return ldexp(sum, -(int)whole);
}

/* To a clock that was set back, the books stand still until it has caught up. */
static int64_t instant(const struct share *share, int64_t now_us) {
    return now_us > share->latest_us ? now_us : share->latest_us;
}

static double factor(const struct share *share, const struct share_tree_node *node,
                     int64_t now_us) {
    now_us = instant(share, now_us);
    return now_us > node->used_us
               ? half_power((double)(now_us - node->used_us) / share->half_life_us)
               : 1;
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
    double used[RESOURCE_KIND_MAX];

    now_us = instant(share, now_us);
    if (now_us == node->used_us) {
        return;
    }
    share_decay(share, node, now_us, used);
    memcpy(node->used, used, sizeof used);
    node->used_us = now_us;
}

/* --- Changes --------------------------------------------------------------------------------- */

void share_charge(struct share *share, const struct share_charge *charge, int times,
                  int64_t now_us) {
    struct share_space *space = &share->spaces[charge->namespace_index];
    uint32_t index = charge->node;

    ENSURE(charge->namespace_index < share->space_count);
    share->latest_us = instant(share, now_us);
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
            return;
        }
        index = node->parent;
    }
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
                        int64_t now_us, struct share_record *out_record) {
    *out_record = (struct share_record){
        .team = share->nodes[node->parent]->name,
        .user = node->name,
        .at_us = instant(share, now_us),
        .gone = node->running_jobs == 0 && !share_used_something(share, node, now_us),
    };
    share_decay(share, node, now_us, out_record->used);
}

bool share_take_changed(struct share *share, int64_t before_us, int64_t now_us,
                        struct share_record *out_record) {
    for (size_t i = 0; i < share->changed_count; i++) {
        struct share_tree_node *node = share->nodes[share->changed[i]];

        if (node->taken_us <= before_us) {
            share->changed_count--;
            memmove(&share->changed[i], &share->changed[i + 1],
                    (share->changed_count - i) * sizeof *share->changed);
            node->is_listed = false;
            make_record(share, node, now_us, out_record);
            node->taken_us = out_record->gone ? 0 : now_us;
            return true;
        }
    }
    return false;
}

bool share_has_changed(const struct share *share) {
    return share->changed_count > 0;
}

void share_restore(struct share *share, const struct share_record *record) {
    const uint32_t index = share_hold(share, record->team, record->user);
    struct share_tree_node *node = share->nodes[index];

    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        node->used[i] += record->used[i];
    }
    node->used_us = record->at_us;
    share->latest_us = instant(share, record->at_us);
    node->taken_us = record->at_us;
    share_drop(share, index);
}

/* Teams' numbers from their users', below one node. */
static void settle(struct share *share, struct share_tree_node *node, int64_t now_us) {
    if (node->is_user) {
        share_rebase(share, node, now_us);
        return;
    }
    node->running_jobs = 0;
    node->waiting_jobs = 0;
    node->running = (struct resources){{0}};
    memset(node->used, 0, sizeof node->used);
    node->used_us = instant(share, now_us);
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
