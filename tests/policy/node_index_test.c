#include "policy/node_index.h"

#include "base/rng.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

#define NODES_MAX 90

struct cluster {
    struct resource_names names;
    struct node nodes[NODES_MAX];
    size_t count;
    struct node_index index;
};

static void add(struct cluster *cluster, const char *text) {
    char name[32];

    (void)snprintf(name, sizeof name, "n%zu", cluster->count);
    cluster->nodes[cluster->count] = sample_node(&cluster->names, name, text);
    cluster->count++;
}

static void load(struct cluster *cluster) {
    node_index_clear(&cluster->index);
    for (size_t i = 0; i < cluster->count; i++) {
        node_index_add(&cluster->index, &cluster->nodes[i], &cluster->nodes[i].allocatable);
    }
}

static void cluster_finish(struct cluster *cluster) {
    for (size_t i = 0; i < cluster->count; i++) {
        node_finish(&cluster->nodes[i]);
    }
    node_index_finish(&cluster->index);
    resource_names_finish(&cluster->names);
}

static const struct node_choice *choose(struct cluster *cluster, const struct demand *demand) {
    return node_index_choice(&cluster->index, &demand->groups[0].pod, demand->groups[0].where_hash);
}

TEST(node_index_next_fit__goes_from_small_to_large_and_to_special_nodes_last) {
    static const uint32_t want[] = {2, 0, 4, 3, 1};
    struct cluster cluster = {.count = 0};
    struct node_search search = {0};
    struct node_needs needs;
    const struct node_choice *choice;
    struct demand *demand;

    add(&cluster, "cpu=4 pods=9");
    add(&cluster, "cpu=2 pods=9 %gpu=yes nvidia.com/gpu=1");
    add(&cluster, "cpu=2 pods=9");
    add(&cluster, "cpu=2 pods=9 nvidia.com/gpu=1");
    add(&cluster, "cpu=4 pods=9");
    load(&cluster);
    demand = sample_demand(&cluster.names, "pod*1 main cpu=1 ~gpu");
    needs = node_needs_of(&demand->groups[0].requests);
    choice = choose(&cluster, demand);
    CHECK_EQ(choice->node_count, 5, "all accept it");
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_EQ(node_index_next_fit(&cluster.index, choice, &needs, &search), want[i], "order");
    }
    CHECK_EQ(node_index_next_fit(&cluster.index, choice, &needs, &search), NODE_INDEX_NONE, "end");
    demand_destroy(demand);
    cluster_finish(&cluster);
}

/* The slow way: every node by itself. */
struct slow {
    bool fits[NODES_MAX];
    uint32_t matching;
    uint32_t held;
    size_t fit_count;
    double nearest;
};

static struct slow look_slowly(const struct cluster *cluster, const struct pod_group *group) {
    struct slow slow = {.nearest = -1e18};

    for (size_t i = 0; i < cluster->count; i++) {
        const struct indexed_node *node = &cluster->index.nodes[i];
        double least = 1e18;

        if (!node_accepts(&cluster->nodes[i], &group->pod)) {
            continue;
        }
        slow.matching++;
        if (node_index_holder(&cluster->index, (uint32_t)i) != 0) {
            slow.held++;
            continue;
        }
        slow.fits[i] = resources_fit(&group->requests, &node->free);
        slow.fit_count += slow.fits[i];
        for (size_t k = 0; k < RESOURCE_KIND_MAX; k++) {
            if (group->requests.amount[k] > 0) {
                const double part =
                    (double)node->free.amount[k] / (double)group->requests.amount[k];

                least = part < least ? part : least;
            }
        }
        slow.nearest = least > slow.nearest ? least : slow.nearest;
    }
    return slow;
}

static void compare(struct cluster *cluster, const struct demand *demand, const char *what) {
    const struct pod_group *group = &demand->groups[0];
    const struct node_needs needs = node_needs_of(&group->requests);
    const struct node_choice *choice = choose(cluster, demand);
    const struct slow slow = look_slowly(cluster, group);
    struct node_search search = {0};
    uint64_t holder;
    size_t found = 0;
    size_t kind;
    uint32_t at;

    CHECK_EQ(choice->node_count, slow.matching, what);
    CHECK_EQ(node_index_held(&cluster->index, choice, &holder), slow.held, what);
    while ((at = node_index_next_fit(&cluster->index, choice, &needs, &search)) !=
           NODE_INDEX_NONE) {
        CHECK(slow.fits[at], what);
        found++;
    }
    CHECK_EQ(found, slow.fit_count, what);
    CHECK(found == 0 || node_index_may_hold(&cluster->index, choice, &needs, (uint32_t)found),
          what);
    at = node_index_nearest(&cluster->index, choice, &needs, &kind);
    CHECK_EQ(at == NODE_INDEX_NONE, slow.matching == slow.held, what);
    if (at != NODE_INDEX_NONE) {
        const double part = (double)cluster->index.nodes[at].free.amount[kind] /
                            (double)group->requests.amount[kind];

        CHECK(!(part < slow.nearest) && !(part > slow.nearest), what);
    }
}

static void random_node(struct cluster *cluster, struct rng *rng) {
    char text[160];

    (void)snprintf(text, sizeof text, "cpu=%d memory=%dGi pods=%d @zone=%c @host=h%zu %s %s %s",
                   (int)rng_below(rng, 17), (int)rng_below(rng, 65), (int)rng_below(rng, 12),
                   (int)('a' + rng_below(rng, 3)), cluster->count,
                   rng_below(rng, 6) == 0 ? "%gpu=yes" : "",
                   rng_below(rng, 9) == 0 ? "!cordoned" : "",
                   rng_below(rng, 7) == 0 ? "nvidia.com/gpu=4" : "");
    add(cluster, text);
}

static struct demand *random_demand(struct cluster *cluster, struct rng *rng) {
    static const char *const wheres[] = {"", "", "@zone=a", "@zone=b ~gpu", "~gpu", "@host=h3"};
    char text[128];

    (void)snprintf(text, sizeof text, "pod*1 main cpu=%dm memory=%dGi %s %s",
                   (int)rng_below(rng, 6000), (int)rng_below(rng, 20),
                   rng_below(rng, 8) == 0 ? "nvidia.com/gpu=1" : "",
                   wheres[rng_below(rng, ARRAY_LEN(wheres))]);
    return sample_demand(&cluster->names, text);
}

/* Takes, holds and rewinds at random; after each step the index must know what the nodes know. */
TEST(node_index__agrees_with_a_look_at_every_node) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct cluster cluster = {.count = 0};
        struct resources before[NODES_MAX];
        struct rng rng;
        char what[32];

        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        rng_init(&rng, seed);
        for (uint64_t i = 2 + rng_below(&rng, NODES_MAX - 2); i > 0; i--) {
            random_node(&cluster, &rng);
        }
        load(&cluster);
        for (size_t i = 0; i < cluster.count; i++) {
            before[i] = cluster.index.nodes[i].free;
        }
        node_index_mark(&cluster.index);
        for (int step = 0; step < 60; step++) {
            struct demand *demand = random_demand(&cluster, &rng);
            const uint32_t node = (uint32_t)rng_below(&rng, cluster.count);

            compare(&cluster, demand, what);
            switch (rng_below(&rng, 12)) {
            case 0:
                node_index_hold(&cluster.index, choose(&cluster, demand), seed + 1);
                break;
            case 1:
                node_index_rewind(&cluster.index);
                node_index_mark(&cluster.index);
                CHECK_EQ(cluster.index.held_count, 0, what);
                for (size_t i = 0; i < cluster.count; i++) {
                    CHECK(resources_equal(&before[i], &cluster.index.nodes[i].free), what);
                }
                break;
            default:
                node_index_take(&cluster.index, node, &demand->groups[0].requests,
                                rng_below(&rng, 4) == 0 ? -1 : 1);
            }
            node_index_verify(&cluster.index);
            demand_destroy(demand);
        }
        cluster_finish(&cluster);
    }
}

/* Where pods like this find room, one node after another, by name. */
static void print_fits(struct node_index *index, const struct demand *demand, char *out_text,
                       size_t bytes_max) {
    const struct pod_group *group = &demand->groups[0];
    const struct node_needs needs = node_needs_of(&group->requests);
    const struct node_choice *choice = node_index_choice(index, &group->pod, group->where_hash);
    struct node_search search = {0};
    size_t kind;
    uint32_t at;
    size_t used = (size_t)snprintf(out_text, bytes_max, "of %u:", choice->node_count);

    while ((at = node_index_next_fit(index, choice, &needs, &search)) != NODE_INDEX_NONE) {
        used +=
            (size_t)snprintf(out_text + used, bytes_max - used, " %s", index->nodes[at].node->name);
    }
    at = node_index_nearest(index, choice, &needs, &kind);
    (void)snprintf(out_text + used, bytes_max - used, " nearest %s",
                   at == NODE_INDEX_NONE ? "none" : index->nodes[at].node->name);
}

/* An index whose nodes came and went knows the same as one that is made of those that are there. */
static void compare_with_new(struct cluster *cluster, const uint32_t *numbers, size_t count,
                             const struct demand *demand, const char *what) {
    struct node_index fresh = {.some_day = cluster->index.some_day};
    char texts[2][4096];

    for (size_t i = 0; i < count; i++) {
        if (numbers[i] != NODE_INDEX_NONE) {
            (void)node_index_add(&fresh, &cluster->nodes[i],
                                 &cluster->index.nodes[numbers[i]].free);
        }
    }
    print_fits(&cluster->index, demand, texts[0], sizeof texts[0]);
    print_fits(&fresh, demand, texts[1], sizeof texts[1]);
    CHECK_STR(texts[0], texts[1], what);
    CHECK(resources_equal(node_index_largest(&cluster->index), node_index_largest(&fresh)), what);
    node_index_finish(&fresh);
}

TEST_WITHIN(node_index__is_the_same_however_its_nodes_came, 60) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct cluster cluster = {.index = {.some_day = seed % 2 == 0}};
        uint32_t numbers[NODES_MAX];
        struct rng rng;
        char what[32];

        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        rng_init(&rng, seed);
        while (cluster.count < 2 + seed % (NODES_MAX - 2)) {
            random_node(&cluster, &rng);
        }
        for (size_t i = 0; i < cluster.count; i++) {
            numbers[i] = NODE_INDEX_NONE;
        }
        for (int step = 0; step < 250; step++) {
            const size_t at = rng_below(&rng, cluster.count);
            struct demand *demand = random_demand(&cluster, &rng);

            if (numbers[at] == NODE_INDEX_NONE) {
                numbers[at] = node_index_add(&cluster.index, &cluster.nodes[at],
                                             &cluster.nodes[at].allocatable);
            } else if (rng_below(&rng, 3) > 0) {
                node_index_remove(&cluster.index, numbers[at]);
                numbers[at] = NODE_INDEX_NONE;
            } else {
                node_index_take(&cluster.index, numbers[at], &demand->groups[0].requests, 1);
            }
            node_index_verify(&cluster.index);
            if (step % 5 == 0) {
                compare_with_new(&cluster, numbers, cluster.count, demand, what);
            }
            demand_destroy(demand);
        }
        cluster_finish(&cluster);
    }
}
