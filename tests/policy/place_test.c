#include "policy/place.h"

#include "base/rng.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

#define NODES_MAX 24

/* Nodes named node-0, node-1, ... of texts until NULL, everything free. */
struct cluster {
    struct resource_names names;
    struct node nodes[NODES_MAX];
    size_t node_count;
    struct place place;
    struct place empty; /* the same nodes, as they might be some day */
};

static void add_node(struct cluster *cluster, const char *text) {
    char name[32];
    struct node *node = &cluster->nodes[cluster->node_count];

    (void)snprintf(name, sizeof name, "node-%zu", cluster->node_count++);
    *node = sample_node(&cluster->names, name, text);
}

/* After all nodes are made: the pass borrows them. */
static void load(struct cluster *cluster) {
    place_clear(&cluster->place);
    place_clear(&cluster->empty);
    cluster->empty.index.some_day = true;
    for (size_t i = 0; i < cluster->node_count; i++) {
        place_add_node(&cluster->place, &cluster->nodes[i], &cluster->nodes[i].allocatable);
        place_add_node(&cluster->empty, &cluster->nodes[i], &cluster->nodes[i].allocatable);
    }
}

static void cluster_finish(struct cluster *cluster) {
    for (size_t i = 0; i < cluster->node_count; i++) {
        node_finish(&cluster->nodes[i]);
    }
    place_finish(&cluster->place);
    place_finish(&cluster->empty);
    resource_names_finish(&cluster->names);
}

static int64_t pods_in_runs(const struct place *place) {
    int64_t pods = 0;

    for (size_t i = 0; i < place->run_count; i++) {
        pods += place->runs[i].count;
    }
    return pods;
}

TEST(place_gang__fits_pod_by_pod) {
    static const struct {
        const char *what;
        const char *nodes[4];
        const char *demand;
        bool want;
        bool possible;
    } rows[] = {
        {"one pod, one node", {"cpu=4 pods=9"}, "pod*1 main cpu=4", true, true},
        {"a little too large", {"cpu=4 pods=9"}, "pod*1 main cpu=4001m", false, false},
        {"a core free on each of four is not three on one",
         {"cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9"},
         "pod*1 main cpu=3",
         false,
         false},
        {"four pods on four nodes",
         {"cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9"},
         "pod*4 main cpu=1",
         true,
         true},
        {"five do not fit",
         {"cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9", "cpu=1 pods=9"},
         "pod*5 main cpu=1",
         false,
         false},
        {"several on one node", {"cpu=4 pods=9"}, "pod*4 main cpu=1", true, true},
        {"the node's number of pods counts", {"cpu=4 pods=3"}, "pod*4 main cpu=1", false, false},
        {"even of pods that ask for nothing", {"cpu=4 pods=3"}, "pod*4 main", false, false},
        {"memory counts too",
         {"cpu=9 memory=4Gi pods=9"},
         "pod*2 main cpu=1 memory=3Gi",
         false,
         false},
        {"a resource no node has", {"cpu=9 pods=9"}, "pod*1 main nvidia.com/gpu=1", false, false},
        {"driver and executors",
         {"cpu=3 pods=9", "cpu=4 pods=9"},
         "driver*1 main cpu=1 | executor*3 main cpu=2",
         true,
         true},
        {"the driver finds no room any more",
         {"cpu=2 pods=9", "cpu=4 pods=9"},
         "driver*1 main cpu=1 | executor*3 main cpu=2",
         false,
         false},
        {"the small go between the large",
         {"cpu=5 pods=9", "cpu=5 pods=9"},
         "driver*2 main cpu=2 | executor*2 main cpu=3",
         true,
         true},
        {"the picky group goes first when size misleads",
         {"cpu=4 pods=9 @pool=a", "cpu=4 pods=9"},
         "driver*1 main cpu=4 | executor*2 main cpu=2 @pool=a",
         true,
         true},
        {"the driver goes where it costs no executor",
         {"cpu=6 pods=9", "cpu=4 pods=9"},
         "driver*1 main cpu=4 | executor*2 main cpu=3",
         true,
         true},
        {"the same, whatever the order of the groups",
         {"cpu=6 pods=9", "cpu=4 pods=9"},
         "executor*2 main cpu=3 | driver*1 main cpu=4",
         true,
         true},
        {"a selector", {"cpu=4 pods=9 @pool=a"}, "pod*1 main cpu=1 @pool=b", false, false},
        {"a taint", {"cpu=4 pods=9 %gpu=yes"}, "pod*1 main cpu=1", false, false},
        {"a tolerated taint", {"cpu=4 pods=9 %gpu=yes"}, "pod*1 main cpu=1 ~gpu", true, true},
        {"a cordon passes", {"cpu=4 pods=9 !cordoned"}, "pod*1 main cpu=1", false, true},
        {"a node that is not ready may be",
         {"cpu=4 pods=9 !notready"},
         "pod*1 main cpu=1",
         false,
         true},
        {"many small pods on a roomy node",
         {"cpu=100 pods=999"},
         "pod*200 main cpu=500m",
         true,
         true},
        {"one too many", {"cpu=100 pods=999"}, "pod*201 main cpu=500m", false, false},
        {"roomy nodes and a tight one",
         {"cpu=32 pods=999", "cpu=33 pods=999", "cpu=2 pods=999"},
         "pod*134 main cpu=500m",
         true,
         true},
        {"one too many",
         {"cpu=32 pods=999", "cpu=33 pods=999", "cpu=2 pods=999"},
         "pod*135 main cpu=500m",
         false,
         false},
        {"no nodes", {NULL}, "pod*1 main", false, false},
        {"no pods", {NULL}, "executor*0 main cpu=1", true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cluster cluster = {.node_count = 0};
        struct demand *demand;
        struct place_miss miss;

        for (size_t j = 0; j < ARRAY_LEN(rows[i].nodes) && rows[i].nodes[j] != NULL; j++) {
            add_node(&cluster, rows[i].nodes[j]);
        }
        load(&cluster);
        demand = sample_demand(&cluster.names, rows[i].demand);
        CHECK_EQ(place_possible(&cluster.empty, demand, &miss), rows[i].possible, rows[i].what);
        CHECK_EQ(place_impossible(&cluster.empty, demand, &miss), !rows[i].possible, rows[i].what);
        CHECK_EQ(place_gang(&cluster.place, demand, &miss), rows[i].want, rows[i].what);
        CHECK_EQ(pods_in_runs(&cluster.place),
                 rows[i].want ? demand->requests.amount[RESOURCE_PODS] : 0, rows[i].what);
        demand_destroy(demand);
        cluster_finish(&cluster);
    }
}

TEST(place_gang__takes_the_tight_nodes_and_leaves_the_roomy) {
    struct cluster cluster = {.node_count = 0};
    struct place_miss miss;
    struct demand *small;
    struct demand *wide;

    add_node(&cluster, "cpu=16 pods=99");
    add_node(&cluster, "cpu=3 pods=99");
    add_node(&cluster, "cpu=2 pods=99");
    load(&cluster);
    small = sample_demand(&cluster.names, "pod*4 main cpu=1");
    wide = sample_demand(&cluster.names, "pod*1 main cpu=16");
    CHECK(place_gang(&cluster.place, small, &miss), "placed");
    CHECK_EQ(cluster.place.run_count, 2, "on two nodes");
    CHECK_EQ(cluster.place.runs[0].node, 2, "the tightest");
    CHECK_EQ(cluster.place.runs[0].count, 2, "filled");
    CHECK_EQ(cluster.place.runs[1].node, 1, "the next");
    CHECK_EQ(cluster.place.runs[1].count, 2, "with the rest");
    CHECK_EQ(cluster.place.index.nodes[1].free.amount[RESOURCE_CPU], 1000, "a core is left there");
    CHECK(place_gang(&cluster.place, wide, &miss), "the roomy node is whole");
    demand_destroy(small);
    demand_destroy(wide);
    cluster_finish(&cluster);
}

/* Twos and twos: 4 + 4 on one node, 3 + 3 on the other. The heuristic takes the tight one first. */
TEST(place_impossible__does_not_trust_a_heuristic) {
    struct cluster cluster = {.node_count = 0};
    struct place_miss miss;
    struct demand *demand;

    add_node(&cluster, "cpu=6 pods=9");
    add_node(&cluster, "cpu=8 pods=9");
    load(&cluster);
    demand = sample_demand(&cluster.names, "driver*2 main cpu=4 | executor*2 main cpu=3");
    CHECK(!place_gang(&cluster.place, demand, &miss), "missed");
    CHECK(!place_possible(&cluster.empty, demand, &miss), "it would miss it again");
    CHECK(!place_impossible(&cluster.empty, demand, &miss), "but there may be a way");
    demand_destroy(demand);
    cluster_finish(&cluster);
}

TEST(place_gang__reports_the_nearest_miss) {
    static const struct {
        const char *what;
        const char *nodes[3];
        const char *demand;
        struct place_miss want;
    } rows[] = {
        {"short of memory on the nearest",
         {"cpu=4 memory=6Gi pods=9", "cpu=4 memory=8Gi pods=9", "cpu=4 memory=9Gi pods=9 @x="},
         "pod*1 main cpu=1 memory=24Gi",
         {.wanted = 1,
          .nodes = 3,
          .nodes_matching = 3,
          .kind = RESOURCE_MEMORY,
          .node = 2,
          .needs = INT64_C(24) << 30,
          .free = INT64_C(9) << 30}},
        {"some were placed",
         {"cpu=4 pods=9", "cpu=3 pods=9"},
         "driver*1 main cpu=1 | executor*4 main cpu=2",
         {.group = 1,
          .placed = 3,
          .wanted = 4,
          .nodes = 2,
          .nodes_matching = 2,
          .kind = RESOURCE_CPU,
          .node = 1,
          .needs = 2000,
          .free = 1000}},
        {"only matching nodes are near",
         {"cpu=99 pods=9", "cpu=1 pods=9 @disk=ssd"},
         "pod*1 main cpu=2 @disk=ssd",
         {.wanted = 1,
          .nodes = 2,
          .nodes_matching = 1,
          .kind = RESOURCE_CPU,
          .node = 1,
          .needs = 2000,
          .free = 1000}},
        {"none matches",
         {"cpu=99 pods=9"},
         "pod*1 main cpu=2 @disk=ssd",
         {.wanted = 1, .nodes = 1, .kind = RESOURCE_NONE}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct place_miss *want = &rows[i].want;
        struct cluster cluster = {.node_count = 0};
        struct demand *demand;
        struct place_miss miss;

        for (size_t j = 0; j < ARRAY_LEN(rows[i].nodes) && rows[i].nodes[j] != NULL; j++) {
            add_node(&cluster, rows[i].nodes[j]);
        }
        load(&cluster);
        demand = sample_demand(&cluster.names, rows[i].demand);
        CHECK(!place_gang(&cluster.place, demand, &miss), rows[i].what);
        CHECK_EQ(miss.group, want->group, rows[i].what);
        CHECK_EQ(miss.placed, want->placed, rows[i].what);
        CHECK_EQ(miss.wanted, want->wanted, rows[i].what);
        CHECK_EQ(miss.nodes, want->nodes, rows[i].what);
        CHECK_EQ(miss.nodes_matching, want->nodes_matching, rows[i].what);
        CHECK_EQ(miss.kind, want->kind, rows[i].what);
        CHECK_EQ(miss.node, want->node, rows[i].what);
        CHECK_EQ(miss.needs, want->needs, rows[i].what);
        CHECK_EQ(miss.free, want->free, rows[i].what);
        for (size_t j = 0; j < cluster.node_count; j++) {
            CHECK(
                resources_equal(&cluster.place.index.nodes[j].free, &cluster.nodes[j].allocatable),
                "all or nothing");
        }
        demand_destroy(demand);
        cluster_finish(&cluster);
    }
}

TEST(place_hold__keeps_the_nodes_a_job_could_use) {
    struct cluster cluster = {.node_count = 0};
    struct place_miss miss;
    struct demand *waiting;
    struct demand *small;
    struct demand *other;

    add_node(&cluster, "cpu=4 pods=9 @pool=a");
    add_node(&cluster, "cpu=4 pods=9 @pool=b");
    load(&cluster);
    waiting = sample_demand(&cluster.names, "pod*2 main cpu=4 @pool=a");
    small = sample_demand(&cluster.names, "pod*1 main cpu=1 @pool=a");
    other = sample_demand(&cluster.names, "pod*1 main cpu=1");
    CHECK(!place_gang(&cluster.place, waiting, &miss), "no room for two");
    place_mark(&cluster.place);
    place_hold(&cluster.place, waiting, 7);
    CHECK_EQ(cluster.place.index.held_count, 1, "one node is kept");
    place_hold(&cluster.place, other, 8);
    CHECK_EQ(node_index_holder(&cluster.place.index, 0), 7, "the first keeper stays");
    CHECK_EQ(node_index_holder(&cluster.place.index, 1), 8, "the other node is kept for the other");
    CHECK(!place_gang(&cluster.place, small, &miss), "there is room, but kept");
    CHECK_EQ(miss.held_by, 7, "for the job ahead");
    CHECK_EQ(miss.nodes_held, 1, "one such node");
    CHECK_EQ(miss.kind, RESOURCE_NONE, "no free node to be near to");
    CHECK_EQ(place_pods(&cluster.place, &small->groups[0].pod, &small->groups[0].requests, 1), 0,
             "single pods neither");
    demand_destroy(waiting);
    demand_destroy(small);
    demand_destroy(other);
    cluster_finish(&cluster);
}

TEST(place_pods__places_what_it_can) {
    struct cluster cluster = {.node_count = 0};
    struct demand *demand;

    add_node(&cluster, "cpu=4 pods=9");
    add_node(&cluster, "cpu=3 pods=9");
    load(&cluster);
    demand = sample_demand(&cluster.names, "pod*1 main cpu=2");
    CHECK_EQ(place_pods(&cluster.place, &demand->groups[0].pod, &demand->groups[0].requests, 9), 3,
             "three of nine");
    CHECK_EQ(cluster.place.index.nodes[0].free.amount[RESOURCE_CPU], 0, "room taken");
    CHECK_EQ(cluster.place.index.nodes[1].free.amount[RESOURCE_CPU], 1000, "room taken");
    demand_destroy(demand);
    cluster_finish(&cluster);
}

static void random_cluster(struct cluster *cluster, struct rng *rng) {
    const size_t count = 1 + rng_below(rng, NODES_MAX);

    for (size_t i = 0; i < count; i++) {
        char text[128];

        (void)snprintf(text, sizeof text, "cpu=%d memory=%dGi pods=%d @zone=%c %s",
                       (int)rng_below(rng, 17), (int)rng_below(rng, 65), (int)rng_below(rng, 12),
                       (int)('a' + rng_below(rng, 3)), rng_below(rng, 5) == 0 ? "%gpu=yes" : "");
        add_node(cluster, text);
    }
    load(cluster);
}

static struct demand *random_demand(struct cluster *cluster, struct rng *rng) {
    static const char *const wheres[] = {"", "@zone=a", "@zone=b", "~gpu"};
    char text[256];

    (void)snprintf(text, sizeof text,
                   "driver*1 main cpu=%d memory=%dGi %s | executor*%d main cpu=%dm memory=%dGi %s",
                   (int)rng_below(rng, 4), (int)rng_below(rng, 8), wheres[rng_below(rng, 4)],
                   (int)rng_below(rng, 9), (int)rng_below(rng, 5000), (int)rng_below(rng, 16),
                   wheres[rng_below(rng, 4)]);
    return sample_demand(&cluster->names, text);
}

/* What the runs say, added up, is what is gone from the nodes; and nothing is below zero. */
static void check_runs(const struct cluster *cluster, const struct demand *demand,
                       const struct indexed_node *before) {
    uint32_t placed[2] = {0};
    struct resources left[NODES_MAX];

    for (size_t i = 0; i < cluster->node_count; i++) {
        left[i] = before[i].free;
    }
    for (size_t i = 0; i < cluster->place.run_count; i++) {
        const struct place_run *run = &cluster->place.runs[i];
        const struct pod_group *group = &demand->groups[run->group];

        placed[run->group] += run->count;
        CHECK(node_accepts(&cluster->nodes[run->node], &group->pod), "the node accepts the pod");
        resources_add_times(&left[run->node], &group->requests, -(int64_t)run->count);
    }
    for (size_t i = 0; i < cluster->node_count; i++) {
        CHECK(resources_equal(&left[i], &cluster->place.index.nodes[i].free), "what is left");
        for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
            CHECK(left[i].amount[kind] >= 0, "no node is overrun");
        }
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        CHECK_EQ(placed[i], demand->groups[i].count, "the whole gang");
    }
}

TEST(place_gang__never_overruns_a_node) {
    size_t placed = 0;
    size_t missed = 0;

    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct cluster cluster = {.node_count = 0};
        struct rng rng;

        rng_init(&rng, seed);
        random_cluster(&cluster, &rng);
        for (int i = 0; i < 12; i++) {
            struct demand *demand = random_demand(&cluster, &rng);
            struct indexed_node before[NODES_MAX];
            struct place_miss miss;
            char what[32];

            (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
            memcpy(before, cluster.place.index.nodes, cluster.node_count * sizeof *before);
            if (place_gang(&cluster.place, demand, &miss)) {
                placed++;
                check_runs(&cluster, demand, before);
            } else {
                missed++;
                CHECK(miss.placed < miss.wanted, what);
                for (size_t j = 0; j < cluster.node_count; j++) {
                    CHECK(resources_equal(&before[j].free, &cluster.place.index.nodes[j].free),
                          "nothing is left behind");
                }
            }
            demand_destroy(demand);
        }
        cluster_finish(&cluster);
    }
    CHECK(placed > 500 && missed > 500, "both ends are tried");
}

/* Is there a way to place the pods from `group` and `pod` on? Tries them all. */
static bool search(const struct cluster *cluster, const struct demand *demand, size_t group,
                   uint32_t pod, struct resources *free) {
    const struct pod_group *want;

    if (group == demand->group_count) {
        return true;
    }
    want = &demand->groups[group];
    if (pod == want->count) {
        return search(cluster, demand, group + 1, 0, free);
    }
    for (size_t i = 0; i < cluster->node_count; i++) {
        bool found;

        if (!resources_fit(&want->requests, &free[i]) ||
            !node_accepts(&cluster->nodes[i], &want->pod)) {
            continue;
        }
        resources_subtract(&free[i], &want->requests);
        found = search(cluster, demand, group, pod + 1, free);
        resources_add(&free[i], &want->requests);
        if (found) {
            return true;
        }
    }
    return false;
}

TEST(place_gang__finds_a_way_for_a_driver_and_executors_if_there_is_one) {
    static const char *const wheres[] = {"", "", "@zone=a", "@zone=b"};
    size_t placed = 0;
    size_t missed = 0;

    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct cluster cluster = {.node_count = 0};
        struct resources free[NODES_MAX];
        struct place_miss miss;
        struct demand *demand;
        struct rng rng;
        char text[256];
        bool want;

        rng_init(&rng, seed);
        for (uint64_t i = 0; i < 1 + rng_below(&rng, 3); i++) {
            (void)snprintf(text, sizeof text, "cpu=%d memory=%dGi pods=%d @zone=%c",
                           (int)rng_below(&rng, 10), (int)rng_below(&rng, 12),
                           (int)(1 + rng_below(&rng, 5)), (int)('a' + rng_below(&rng, 2)));
            add_node(&cluster, text);
        }
        load(&cluster);
        (void)snprintf(
            text, sizeof text,
            "driver*1 main cpu=%d memory=%dGi %s | executor*%d main cpu=%d memory=%dGi %s",
            (int)rng_below(&rng, 6), (int)rng_below(&rng, 6), wheres[rng_below(&rng, 4)],
            (int)rng_below(&rng, 5), (int)rng_below(&rng, 5), (int)rng_below(&rng, 6),
            wheres[rng_below(&rng, 4)]);
        demand = sample_demand(&cluster.names, text);
        for (size_t i = 0; i < cluster.node_count; i++) {
            free[i] = cluster.nodes[i].allocatable;
        }
        (void)snprintf(text, sizeof text, "seed %llu", (unsigned long long)seed);
        want = search(&cluster, demand, 0, 0, free);
        CHECK_EQ(place_impossible(&cluster.empty, demand, &miss), !want, text);
        CHECK_EQ(place_gang(&cluster.place, demand, &miss), want, text);
        placed += want;
        missed += !want;
        demand_destroy(demand);
        cluster_finish(&cluster);
    }
    CHECK(placed > 500 && missed > 500, "both ends are tried");
}

/* --- Rules about other pods ------------------------------------------------------------------ */

struct rule_row {
    enum pod_rule_kind kind;
    const char *key;      /* of the topology */
    const char *selector; /* the value of the label app */
    uint32_t skew_max;
    uint32_t domains_min;
};

static void add_rule(struct pod_demand *pod, const struct rule_row *row) {
    char key[] = "app";
    char *value = mem_copy_text(row->selector);
    struct pod_rule rule = {.kind = row->kind,
                            .topology_key = mem_copy_text(row->key),
                            .skew_max = row->skew_max,
                            .domains_min = row->domains_min > 0 ? row->domains_min : 1};

    match_term_add_rule(
        &rule.selector,
        &(struct match_rule){.key = key, .operator= MATCH_IN, .values = &value, .value_count = 1});
    pod_rule_add_namespace(&rule, "a");
    pod_demand_take_rule(pod, &rule);
    free(value);
}

static void be_app(struct pod_demand *pod, const char *app) {
    pod_demand_set_namespace(pod, "a");
    pod_demand_add_label(pod, "app", app);
}

/* Pods that are there, told when the place asks. */
struct company {
    struct place_resident list[8];
    size_t count;
};

static void tell_company(void *context, struct place *place) {
    struct company *company = context;

    place->residents = company->list;
    place->resident_count = company->count;
}

static const struct rule_row apart = {POD_RULE_ANTI_AFFINITY, "host", "x", 0, 0};
static const struct rule_row apart_zone = {POD_RULE_ANTI_AFFINITY, "zone", "x", 0, 0};
static const struct rule_row apart_other = {POD_RULE_ANTI_AFFINITY, "host", "other", 0, 0};
static const struct rule_row near_other = {POD_RULE_AFFINITY, "zone", "other", 0, 0};
static const struct rule_row together = {POD_RULE_AFFINITY, "zone", "x", 0, 0};
static const struct rule_row spread = {POD_RULE_SPREAD, "zone", "x", 1, 0};
static const struct rule_row spread_three = {POD_RULE_SPREAD, "zone", "x", 1, 3};
static const struct rule_row spread_wide = {POD_RULE_SPREAD, "zone", "x", 2, 0};

TEST(place_gang__keeps_the_rules_about_other_pods) {
    static const char *const nodes[] = {"cpu=4 pods=9 @zone=a @host=1",
                                        "cpu=4 pods=9 @zone=a @host=2",
                                        "cpu=4 pods=9 @zone=b @host=3", "cpu=4 pods=9"};
    static const struct {
        const char *what;
        const struct rule_row *rule;
        const char *demand;
        const char *there; /* "NODE APP" of a pod that is there */
        bool want;
        const struct rule_row *of_there; /* anti-affinity that it has */
    } rows[] = {
        {"a host each, and one without such a label", &apart, "pod*4 main cpu=1", NULL, true, NULL},
        {"a host each: none is left", &apart, "pod*4 main cpu=1 @zone=a", NULL, false, NULL},
        {"a zone each", &apart_zone, "pod*2 main cpu=1 @zone=a", NULL, false, NULL},
        {"the unlabelled node has no domain", &apart, "pod*7 main cpu=1", NULL, true, NULL},
        {"not beside the other", &apart_other, "pod*4 main cpu=1 @host=1", "0 other", false, NULL},
        {"beside somebody else", &apart_other, "pod*4 main cpu=1 @host=1", "0 some", true, NULL},
        {"where the other is", &near_other, "pod*4 main cpu=1", "2 other", true, NULL},
        {"no more room there", &near_other, "pod*5 main cpu=1", "2 other", false, NULL},
        {"there is no other", &near_other, "pod*1 main cpu=1", NULL, false, NULL},
        {"the first of its kind", &together, "pod*8 main cpu=1", NULL, true, NULL},
        {"two zones do not make one", &together, "pod*9 main cpu=1", NULL, false, NULL},
        {"near the one that is there", &together, "pod*5 main cpu=1", "2 x", false, NULL},
        {"spread evenly", &spread, "pod*8 main cpu=1", NULL, true, NULL},
        {"the small zone is full", &spread, "pod*10 main cpu=1", NULL, false, NULL},
        {"one more in the large zone", &spread, "pod*9 main cpu=1", NULL, true, NULL},
        {"what is there counts", &spread, "pod*2 main cpu=1 @host=3", "0 x", true, NULL},
        {"three zones are asked for, two are there", &spread_three, "pod*3 main cpu=1", NULL, false,
         NULL},
        {"one in each of two", &spread_three, "pod*2 main cpu=1", NULL, true, NULL},
        {"a wider skew", &spread_wide, "pod*10 main cpu=1", NULL, true, NULL},
        {"the other wants to be alone", NULL, "pod*4 main cpu=1 @host=1", "0 other", false, &apart},
        {"the other minds others", NULL, "pod*4 main cpu=1 @host=1", "0 other", true, &apart_other},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cluster cluster = {.node_count = 0};
        struct company company = {.count = 0};
        struct pod_demand there = {0};
        struct place_miss miss;
        struct demand *demand;

        for (size_t j = 0; j < ARRAY_LEN(nodes); j++) {
            add_node(&cluster, nodes[j]);
        }
        load(&cluster);
        demand = sample_demand(&cluster.names, rows[i].demand);
        be_app(&demand->groups[0].pod, "x");
        if (rows[i].rule != NULL) {
            add_rule(&demand->groups[0].pod, rows[i].rule);
        }
        if (rows[i].there != NULL) {
            be_app(&there, rows[i].there + 2);
            company.list[company.count++] = (struct place_resident){
                .node = (uint32_t)(rows[i].there[0] - '0'), .count = 1, .pod = &there};
            if (rows[i].of_there != NULL) {
                add_rule(&there, rows[i].of_there);
            }
        }
        cluster.place.load_company = tell_company;
        cluster.place.company_context = &company;
        cluster.place.antis = company.list;
        cluster.place.anti_count = company.count;
        place_mark(&cluster.place);
        CHECK_EQ(place_gang(&cluster.place, demand, &miss), rows[i].want, rows[i].what);
        CHECK(rows[i].want || miss.kept_off || miss.kind != RESOURCE_NONE, rows[i].what);
        place_rewind(&cluster.place);
        CHECK_EQ(place_gang(&cluster.place, demand, NULL), rows[i].want, rows[i].what);
        pod_demand_finish(&there);
        demand_destroy(demand);
        cluster_finish(&cluster);
    }
}

TEST(place_impossible__counts_the_places_apart) {
    struct cluster cluster = {.node_count = 0};
    struct place_miss miss;
    struct demand *demand;

    add_node(&cluster, "cpu=4 pods=9 @host=1");
    add_node(&cluster, "cpu=4 pods=9 @host=2");
    load(&cluster);
    demand = sample_demand(&cluster.names, "pod*3 main cpu=1");
    be_app(&demand->groups[0].pod, "x");
    add_rule(&demand->groups[0].pod, &apart);
    CHECK(place_impossible(&cluster.empty, demand, &miss), "three pods, two hosts");
    CHECK_EQ(miss.placed, 2, "two of them");
    CHECK(miss.kept_off && miss.rule == &demand->groups[0].pod.rules[0], "and why");
    demand_destroy(demand);
    demand = sample_demand(&cluster.names, "pod*2 main cpu=1");
    be_app(&demand->groups[0].pod, "x");
    add_rule(&demand->groups[0].pod, &apart);
    CHECK(!place_impossible(&cluster.empty, demand, &miss), "two pods");
    demand_destroy(demand);
    cluster_finish(&cluster);
}

/* Equal nodes and one resource: first fit decreasing needs at most 11/9 of the fewest nodes there
 * can be, and 6/9 of one more (Dosa 2007). */
static size_t fewest_nodes(const int64_t *sizes, size_t count, int64_t *loads, size_t used,
                           size_t best) {
    if (used >= best) {
        return best;
    }
    if (count == 0) {
        return used;
    }
    for (size_t i = 0; i <= used && i < best; i++) {
        if (loads[i] + sizes[count - 1] > 10) {
            continue;
        }
        loads[i] += sizes[count - 1];
        best = fewest_nodes(sizes, count - 1, loads, i == used ? used + 1 : used, best);
        loads[i] -= sizes[count - 1];
    }
    return best;
}

TEST(place_gang__needs_little_more_than_the_fewest_nodes) {
    size_t worst = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        int64_t sizes[10];
        int64_t loads[11] = {0};
        struct cluster cluster = {.node_count = 0};
        struct demand *demand = demand_create();
        struct place_miss miss;
        struct rng rng;
        size_t fewest;
        size_t needed = 0;
        size_t most;

        rng_init(&rng, seed);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct pod_group *group = demand_add_group(demand, POD_ROLE_POD, 1);

            sizes[i] = 2 + (int64_t)rng_below(&rng, 6);
            container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN),
                                     RESOURCE_CPU, sizes[i] * 1000);
        }
        demand_settle(demand);
        fewest = fewest_nodes(sizes, ARRAY_LEN(sizes), loads, 0, 11);
        while (cluster.node_count < ARRAY_LEN(sizes)) {
            add_node(&cluster, "cpu=10 pods=99");
            load(&cluster);
            if (place_gang(&cluster.place, demand, &miss)) {
                needed = cluster.node_count;
                break;
            }
        }
        most = (11 * fewest + 6) / 9;
        CHECK(needed > 0 && needed <= most, "within the bound");
        worst = needed - fewest > worst ? needed - fewest : worst;
        demand_destroy(demand);
        cluster_finish(&cluster);
    }
    CHECK(worst <= 1, "on ten pods it is one node at most");
}
