#include "policy/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

#define NODES_MAX 4
#define PARTS_MAX 12

/* What ends or is reserved, as the test remembers it. */
struct part {
    int64_t from_us; /* 0: it runs already */
    int64_t until_us;
    struct demand *demand;
    struct profile_run runs[NODES_MAX];
    size_t run_count;
};

struct rig {
    struct resource_names names;
    struct ledger *ledger;
    size_t red;
    struct node nodes[NODES_MAX];
    struct resources free[NODES_MAX];
    size_t node_count;
    struct place place;
    struct profile *profile;
    struct part parts[PARTS_MAX];
    size_t part_count;
    struct usage running; /* what the parts that run are charged with */
};

static const struct profile_limits wide = {.horizon_us = 1000000, .instants_max = 1000};

static void rig_init(struct rig *rig, const char *quota) {
    struct quota hard;

    memset(rig, 0, sizeof *rig);
    rig->ledger = ledger_create();
    rig->red = ledger_namespace_index(rig->ledger, "red");
    if (quota != NULL) {
        hard = sample_quota(&rig->names, "red", "compute", quota);
        ledger_put_quota(rig->ledger, &hard);
        quota_finish(&hard);
    }
    rig->profile = profile_create();
}

static void rig_finish(struct rig *rig) {
    for (size_t i = 0; i < rig->part_count; i++) {
        demand_destroy(rig->parts[i].demand);
    }
    for (size_t i = 0; i < rig->node_count; i++) {
        node_finish(&rig->nodes[i]);
    }
    profile_destroy(rig->profile);
    place_finish(&rig->place);
    usage_finish(&rig->running);
    ledger_destroy(rig->ledger);
    resource_names_finish(&rig->names);
}

/* A node with so many cores, of which so many are free. */
static void add_node(struct rig *rig, int cores, int free_cores) {
    char name[8];
    char text[64];
    const size_t at = rig->node_count++;

    (void)snprintf(name, sizeof name, "n%zu", at);
    (void)snprintf(text, sizeof text, "cpu=%d memory=64Gi pods=110", cores);
    rig->nodes[at] = sample_node(&rig->names, name, text);
    rig->free[at] = rig->nodes[at].allocatable;
    rig->free[at].amount[RESOURCE_CPU] = free_cores * 1000;
}

static void begin(struct rig *rig, const struct profile_limits *limits) {
    for (size_t i = 0; i < rig->node_count; i++) {
        place_add_node(&rig->place, &rig->nodes[i], &rig->free[i]);
    }
    profile_begin(rig->profile, &rig->place, 0, limits);
}

static struct demand *cores(struct rig *rig, unsigned pods, unsigned each) {
    char text[64];

    (void)snprintf(text, sizeof text, "pod*%u main cpu=%u/%u", pods, each, each);
    return sample_demand(&rig->names, text);
}

/* A job with one pod on a node, running (from_us 0) or reserved. */
static void add_part(struct rig *rig, int64_t from_us, int64_t until_us, uint32_t node,
                     unsigned each) {
    struct part *part = &rig->parts[rig->part_count++];
    struct profile_part told;

    part->from_us = from_us;
    part->until_us = until_us;
    part->demand = cores(rig, 1, each);
    part->runs[0] = (struct profile_run){
        .node = node, .count = 1, .requests = &part->demand->groups[0].requests};
    part->run_count = 1;
    told = (struct profile_part){.namespace_index = rig->red,
                                 .demand = part->demand,
                                 .runs = part->runs,
                                 .run_count = part->run_count};
    if (from_us == 0) {
        usage_add_demand(&rig->running, part->demand, 1);
        profile_add_end(rig->profile, until_us, &told);
    } else {
        profile_reserve(rig->profile, rig->part_count, from_us, until_us, &told);
    }
}

static struct profile_ask ask_for(const struct rig *rig, const struct demand *demand,
                                  int64_t runtime_us, const struct usage *const *charged) {
    return (struct profile_ask){.namespace_index = rig->red,
                                .namespace = ledger_namespace(rig->ledger, rig->red),
                                .demand = demand,
                                .runtime_us = runtime_us,
                                .charged = charged,
                                .charged_count = 1};
}

/* The first instant for pods of so many cores, or -1. */
static int64_t earliest(struct rig *rig, unsigned pods, unsigned each, int64_t runtime_us) {
    struct demand *demand = cores(rig, pods, each);
    const struct usage *charged[] = {&rig->running};
    const struct profile_ask ask = ask_for(rig, demand, runtime_us, charged);
    int64_t at_us = -1;

    if (!profile_earliest(rig->profile, &ask, &at_us)) {
        at_us = -1;
    }
    demand_destroy(demand);
    return at_us;
}

TEST(profile_earliest__waits_for_the_node_that_holds_a_pod_not_for_the_sum) {
    struct rig rig;

    rig_init(&rig, NULL);
    add_node(&rig, 4, 0);
    add_node(&rig, 4, 1);
    begin(&rig, &wide);
    add_part(&rig, 0, 100, 0, 2);
    add_part(&rig, 0, 200, 1, 3);
    add_part(&rig, 0, 300, 0, 2);
    CHECK_EQ(earliest(&rig, 1, 2, 10), 100, "two cores on the first node");
    CHECK_EQ(earliest(&rig, 3, 1, 10), 100, "three pods of one: two there, one here");
    CHECK_EQ(earliest(&rig, 1, 3, 10), 200, "three cores are free at 100, but not on one node");
    CHECK_EQ(earliest(&rig, 2, 4, PROFILE_FOREVER), 300, "everything");
    CHECK_EQ(earliest(&rig, 3, 4, 10), -1, "more than there is");
    rig_finish(&rig);
}

TEST(profile_earliest__asks_quotas_and_nodes_at_the_same_instant) {
    struct rig rig;

    rig_init(&rig, "requests.cpu=6");
    add_node(&rig, 8, 4);
    begin(&rig, &wide);
    add_part(&rig, 0, 100, 0, 1);
    add_part(&rig, 0, 200, 0, 3);
    CHECK_EQ(earliest(&rig, 1, 3, 10), 100, "the quota has 2 of 6, then 3");
    CHECK_EQ(earliest(&rig, 1, 5, 10), 200, "the nodes have 5 at 100, the quota at 200");
    CHECK_EQ(earliest(&rig, 1, 7, 10), -1, "more than the quota's hard");
    rig_finish(&rig);
}

TEST(profile_earliest__does_not_disturb_what_is_reserved) {
    struct rig rig;

    rig_init(&rig, "requests.cpu=4");
    add_node(&rig, 4, 0);
    begin(&rig, &wide);
    add_part(&rig, 0, 100, 0, 2);
    add_part(&rig, 0, 200, 0, 2);
    add_part(&rig, 200, 300, 0, 4);
    CHECK_EQ(earliest(&rig, 1, 2, 100), 100, "through when the reservation starts");
    CHECK_EQ(earliest(&rig, 1, 2, 101), 300, "a microsecond too long: after it");
    CHECK_EQ(earliest(&rig, 1, 4, 100), 300, "all of it: after it");
    CHECK_EQ(earliest(&rig, 1, 2, PROFILE_FOREVER), 300, "unknown: not before it");
    rig_finish(&rig);
}

TEST(profile_earliest__looks_no_further_than_it_may) {
    const struct profile_limits narrow = {.horizon_us = 250, .instants_max = 2};
    struct rig rig;

    rig_init(&rig, NULL);
    add_node(&rig, 8, 0);
    begin(&rig, &narrow);
    add_part(&rig, 0, 300, 0, 1);
    for (int i = 0; i < 5; i++) {
        add_part(&rig, 0, 100 + i * 10, 0, 1);
    }
    CHECK_EQ(earliest(&rig, 6, 1, 10), -1, "free at 300, beyond the horizon");
    CHECK_EQ(earliest(&rig, 2, 1, 10), 120, "free at 110, but every third instant is looked at");
    rig_finish(&rig);
}

/* --- Against a calculation of everything at every instant ------------------------------------ */

static bool is_there(const struct part *part, int64_t at_us) {
    return at_us >= part->from_us && at_us < part->until_us;
}

/* What is free of a node at an instant; parts that run are in `free` of now already. */
static struct resources free_at(const struct rig *rig, size_t node, int64_t at_us) {
    struct resources free = rig->free[node];

    for (size_t i = 0; i < rig->part_count; i++) {
        const struct part *part = &rig->parts[i];
        const int64_t before = is_there(part, 0);
        const int64_t then = is_there(part, at_us);

        if (part->runs[0].node == node) {
            resources_add_times(&free, part->runs[0].requests, before - then);
        }
    }
    return free;
}

static int64_t quota_free_at(const struct rig *rig, int64_t hard, int64_t at_us) {
    for (size_t i = 0; i < rig->part_count; i++) {
        if (is_there(&rig->parts[i], at_us)) {
            hard -= rig->parts[i].demand->requests.amount[RESOURCE_CPU];
        }
    }
    return hard;
}

/* The instants of [from, until) at which something changes, and its start. */
static size_t instants(const struct rig *rig, int64_t from_us, int64_t until_us,
                       int64_t *out_instants) {
    size_t count = 0;

    out_instants[count++] = from_us;
    for (size_t i = 0; i < rig->part_count; i++) {
        const int64_t both[] = {rig->parts[i].from_us, rig->parts[i].until_us};

        for (size_t j = 0; j < 2; j++) {
            if (both[j] > from_us && both[j] < until_us) {
                out_instants[count++] = both[j];
            }
        }
    }
    return count;
}

static struct resources least_free(const struct rig *rig, size_t node, int64_t from_us,
                                   int64_t until_us) {
    int64_t at_us[2 * PARTS_MAX + 1];
    const size_t count = instants(rig, from_us, until_us, at_us);
    struct resources least = free_at(rig, node, from_us);

    for (size_t i = 1; i < count; i++) {
        const struct resources free = free_at(rig, node, at_us[i]);

        for (size_t k = 0; k < RESOURCE_KIND_MAX; k++) {
            least.amount[k] = free.amount[k] < least.amount[k] ? free.amount[k] : least.amount[k];
        }
    }
    return least;
}

static bool really_fits(const struct rig *rig, const struct demand *demand, int64_t hard,
                        int64_t from_us, int64_t until_us) {
    int64_t at_us[2 * PARTS_MAX + 1];
    const size_t count = instants(rig, from_us, until_us, at_us);
    struct place place = {0};
    struct place_miss miss;
    bool fits;

    for (size_t n = 0; n < rig->node_count; n++) {
        const struct resources least = least_free(rig, n, from_us, until_us);

        place_add_node(&place, &rig->nodes[n], &least);
    }
    fits = place_gang(&place, demand, &miss);
    for (size_t i = 0; i < count; i++) {
        fits = fits && demand->requests.amount[RESOURCE_CPU] <= quota_free_at(rig, hard, at_us[i]);
    }
    place_finish(&place);
    return fits;
}

static int64_t really_earliest(const struct rig *rig, const struct demand *demand, int64_t hard,
                               int64_t runtime_us) {
    int64_t best_us = -1;

    for (size_t i = 0; i < rig->part_count; i++) {
        const int64_t at_us = rig->parts[i].until_us;
        const int64_t until_us = runtime_us == PROFILE_FOREVER || at_us == PROFILE_FOREVER
                                     ? PROFILE_FOREVER
                                     : at_us + runtime_us;

        if (at_us != PROFILE_FOREVER && (best_us < 0 || at_us < best_us) &&
            really_fits(rig, demand, hard, at_us, until_us)) {
            best_us = at_us;
        }
    }
    return best_us;
}

static void check_lowered(struct rig *rig, int64_t until_us, const char *what) {
    struct resources before[NODES_MAX];

    for (size_t n = 0; n < rig->node_count; n++) {
        before[n] = rig->place.index.nodes[n].free;
    }
    profile_lower(rig->profile, &rig->place, until_us);
    for (size_t n = 0; n < rig->node_count; n++) {
        const struct resources want = least_free(rig, n, 0, until_us);

        CHECK(resources_equal(&rig->place.index.nodes[n].free, &want), what);
    }
    profile_lift(rig->profile, &rig->place);
    for (size_t n = 0; n < rig->node_count; n++) {
        CHECK(resources_equal(&rig->place.index.nodes[n].free, &before[n]), what);
    }
}

static void random_round(uint64_t seed) {
    struct rng rng;
    struct rig rig;
    char what[64];
    char quota[32];
    int64_t hard;
    int used[NODES_MAX] = {0};
    unsigned each[PARTS_MAX];
    uint32_t on[PARTS_MAX];
    size_t running;

    (void)snprintf(what, sizeof what, "seed %" PRIu64, seed);
    rng_init(&rng, seed);
    hard = 8 + (int64_t)rng_below(&rng, 12);
    (void)snprintf(quota, sizeof quota, "requests.cpu=%" PRId64, hard);
    rig_init(&rig, quota);
    running = 1 + rng_below(&rng, PARTS_MAX - 3);
    for (size_t i = 0; i < running; i++) {
        on[i] = (uint32_t)rng_below(&rng, NODES_MAX);
        each[i] = 1 + (unsigned)rng_below(&rng, 3);
        used[on[i]] += (int)each[i];
    }
    for (size_t n = 0; n < NODES_MAX; n++) {
        const int free = (int)rng_below(&rng, 3);

        add_node(&rig, used[n] + free, free);
    }
    begin(&rig, &wide);
    for (size_t i = 0; i < running; i++) {
        const bool ends = rng_below(&rng, 10) != 0;

        add_part(&rig, 0, ends ? 10 + 10 * (int64_t)rng_below(&rng, 20) : PROFILE_FOREVER, on[i],
                 each[i]);
    }
    for (int round = 0; round < 3; round++) {
        const int64_t runtime_us =
            rng_below(&rng, 5) == 0 ? PROFILE_FOREVER : 1 + (int64_t)rng_below(&rng, 150);
        struct demand *demand =
            cores(&rig, 1 + (unsigned)rng_below(&rng, 4), 1 + (unsigned)rng_below(&rng, 4));
        const struct usage *charged[] = {&rig.running};
        const struct profile_ask ask = ask_for(&rig, demand, runtime_us, charged);
        const int64_t want_us = really_earliest(&rig, demand, hard * 1000, runtime_us);
        int64_t got_us = -1;
        int64_t at_us = 10 + 10 * (int64_t)rng_below(&rng, 20);

        CHECK_EQ(profile_earliest(rig.profile, &ask, &got_us), want_us >= 0, what);
        CHECK_EQ(got_us, want_us, what);
        CHECK(profile_quotas(rig.profile, &ask).verdict == QUOTA_FITS ||
                  !really_fits(&rig, demand, hard * 1000, 0,
                               runtime_us == PROFILE_FOREVER ? PROFILE_FOREVER : runtime_us),
              what);
        check_lowered(&rig, 1 + (int64_t)rng_below(&rng, 250), what);
        check_lowered(&rig, PROFILE_FOREVER, what);
        demand_destroy(demand);
        /* Reserved without a look at whether it fits: dips may go below nothing. */
        add_part(&rig, at_us, rng_below(&rng, 5) == 0 ? PROFILE_FOREVER : at_us + 35,
                 (uint32_t)rng_below(&rng, NODES_MAX), 1 + (unsigned)rng_below(&rng, 2));
    }
    rig_finish(&rig);
}

TEST(profile__agrees_with_a_calculation_of_every_instant) {
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        random_round(seed);
    }
}
