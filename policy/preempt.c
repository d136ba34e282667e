#include "policy/preempt.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Tiers told apart; lower ones count together. */
#define RANKS 4

/* Of a set; the first that differs decides. */
struct cost {
    uint64_t pods[RANKS]; /* of the highest tier first */
    int64_t lost_us;
};

/* A set: that of its parent, and one more. */
struct set {
    struct cost cost;
    uint32_t parent; /* NO_SET */
    uint32_t last;   /* in search.order */
};

#define NO_SET UINT32_MAX

struct search {
    const struct preempt_ask *ask;
    uint32_t *order; /* victims by cost, the cheapest first */
    struct cost *costs;
    size_t count; /* of a tier that is not too high */
    struct set *sets;
    uint32_t set_count;
    uint32_t *heap; /* of sets, the cheapest on top */
    size_t heap_count;
    uint32_t *chosen;
};

static int compare_costs(const struct cost *a, const struct cost *b) {
    for (size_t i = 0; i < RANKS; i++) {
        if (a->pods[i] != b->pods[i]) {
            return a->pods[i] < b->pods[i] ? -1 : 1;
        }
    }
    return (a->lost_us > b->lost_us) - (a->lost_us < b->lost_us);
}

static void add_cost(struct cost *sum, const struct cost *more) {
    for (size_t i = 0; i < RANKS; i++) {
        sum->pods[i] += more->pods[i];
    }
    sum->lost_us =
        sum->lost_us > INT64_MAX - more->lost_us ? INT64_MAX : sum->lost_us + more->lost_us;
}

/* --- Who may go ------------------------------------------------------------------------------ */

/* The tiers of the victims below `tier`, from the highest: how many are above this one? */
static size_t rank_of(const struct preempt_ask *ask, int32_t tier, int32_t highest) {
    size_t rank = 0;

    for (int32_t at = highest; at > tier && rank + 1 < RANKS; rank++) {
        int32_t next = tier;

        for (size_t i = 0; i < ask->count; i++) {
            if (ask->victims[i].tier < at && ask->victims[i].tier > next) {
                next = ask->victims[i].tier;
            }
        }
        at = next;
    }
    return rank;
}

static struct cost cost_of(const struct preempt_ask *ask, size_t at, int32_t highest) {
    const struct preempt_victim *victim = &ask->victims[at];
    struct cost cost = {.pods = {0}};

    cost.pods[rank_of(ask, victim->tier, highest)] = victim->pods;
    cost.lost_us = victim->ran_us > INT64_MAX / (int64_t)(victim->pods + 1)
                       ? INT64_MAX
                       : victim->ran_us * (int64_t)victim->pods;
    return cost;
}

static void insert_by_cost(struct search *search, uint32_t victim, const struct cost *cost) {
    size_t at = search->count++;

    for (; at > 0 && compare_costs(&search->costs[at - 1], cost) > 0; at--) {
        search->costs[at] = search->costs[at - 1];
        search->order[at] = search->order[at - 1];
    }
    search->costs[at] = *cost;
    search->order[at] = victim;
}

static void take_up_to(struct search *search, int32_t highest) {
    search->count = 0;
    for (size_t i = 0; i < search->ask->count; i++) {
        if (search->ask->victims[i].tier <= highest) {
            const struct cost cost = cost_of(search->ask, i, highest);

            insert_by_cost(search, (uint32_t)i, &cost);
        }
    }
}

static bool fits(struct search *search, size_t count) {
    return search->ask->fits(search->ask->context, search->chosen, count);
}

static bool fits_without_all(struct search *search) {
    memcpy(search->chosen, search->order, search->count * sizeof *search->chosen);
    return fits(search, search->count);
}

/* The lowest tier such that all victims up to it are enough; false: none is. */
static bool find_ceiling(struct search *search) {
    int64_t tier = INT64_MIN;

    for (;;) {
        int64_t next = INT64_MAX;

        for (size_t i = 0; i < search->ask->count; i++) {
            const int32_t of = search->ask->victims[i].tier;

            next = of > tier && of < next ? of : next;
        }
        if (next == INT64_MAX) {
            return false;
        }
        tier = next;
        take_up_to(search, (int32_t)tier);
        if (fits_without_all(search)) {
            return true;
        }
    }
}

/* --- The best set ---------------------------------------------------------------------------- */

static bool is_cheaper(const struct search *search, uint32_t a, uint32_t b) {
    const int order = compare_costs(&search->sets[a].cost, &search->sets[b].cost);

    return order != 0 ? order < 0 : a < b;
}

static void push(struct search *search, uint32_t parent, uint32_t last) {
    struct set set = {.parent = parent, .last = last, .cost = search->costs[last]};
    size_t at = search->heap_count++;

    if (parent != NO_SET) {
        add_cost(&set.cost, &search->sets[parent].cost);
    }
    search->sets[search->set_count] = set;
    search->heap[at] = search->set_count++;
    while (at > 0 && is_cheaper(search, search->heap[at], search->heap[(at - 1) / 2])) {
        const uint32_t other = search->heap[(at - 1) / 2];

        search->heap[(at - 1) / 2] = search->heap[at];
        search->heap[at] = other;
        at = (at - 1) / 2;
    }
}

static uint32_t pop(struct search *search) {
    const uint32_t top = search->heap[0];
    size_t at = 0;

    search->heap[0] = search->heap[--search->heap_count];
    for (;;) {
        size_t first = at;
        uint32_t other;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < search->heap_count &&
                is_cheaper(search, search->heap[child], search->heap[first])) {
                first = child;
            }
        }
        if (first == at) {
            return top;
        }
        other = search->heap[at];
        search->heap[at] = search->heap[first];
        search->heap[first] = other;
        at = first;
    }
}

static size_t list(struct search *search, uint32_t set) {
    size_t count = 0;

    for (; set != NO_SET; set = search->sets[set].parent) {
        search->chosen[count++] = search->order[search->sets[set].last];
    }
    return count;
}

/* All sets come up in the order of their costs: from each come the set with the next victim
 * besides, and the one with the next victim instead. */
static size_t find_best(struct search *search) {
    push(search, NO_SET, 0);
    for (size_t checks = 0; checks < search->ask->checks_max && search->heap_count > 0; checks++) {
        const uint32_t set = pop(search);
        const uint32_t next = search->sets[set].last + 1;
        const size_t count = list(search, set);

        if (fits(search, count)) {
            return count;
        }
        if (next < search->count) {
            push(search, set, next);
            push(search, search->sets[set].parent, next);
        }
    }
    return 0;
}

/* All of them, but for those that can be spared, the dearest first. */
static size_t spare_some(struct search *search) {
    size_t count = search->count;

    memcpy(search->chosen, search->order, count * sizeof *search->chosen);
    for (size_t at = count; at-- > 0;) {
        const uint32_t spared = search->chosen[at];

        memmove(&search->chosen[at], &search->chosen[at + 1],
                (count - at - 1) * sizeof *search->chosen);
        if (fits(search, count - 1)) {
            count--;
            continue;
        }
        memmove(&search->chosen[at + 1], &search->chosen[at],
                (count - at - 1) * sizeof *search->chosen);
        search->chosen[at] = spared;
    }
    return count;
}

static int compare_indexes(const void *a, const void *b) {
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

size_t preempt_choose(const struct preempt_ask *ask, uint32_t *out_chosen) {
    struct search search = {.ask = ask, .chosen = out_chosen};
    size_t count = 0;

    search.order = mem_alloc(ask->count, sizeof *search.order);
    search.costs = mem_alloc(ask->count, sizeof *search.costs);
    search.sets = mem_alloc(2 * ask->checks_max + 1, sizeof *search.sets);
    search.heap = mem_alloc(2 * ask->checks_max + 1, sizeof *search.heap);
    if (find_ceiling(&search)) {
        count = find_best(&search);
        count = count > 0 ? count : spare_some(&search);
        qsort(out_chosen, count, sizeof *out_chosen, compare_indexes);
    }
    free(search.order);
    free(search.costs);
    free(search.sets);
    free(search.heap);
    return count;
}
