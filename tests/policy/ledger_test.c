#include "policy/ledger.h"

#include "base/rng.h"
#include "policy/room.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

/* A ledger and what fills it. */
struct books {
    struct resource_names names;
    struct ledger *ledger;
};

static void books_init(struct books *books) {
    *books = (struct books){.ledger = ledger_create()};
}

static void books_finish(struct books *books) {
    ledger_verify(books->ledger);
    ledger_destroy(books->ledger);
    resource_names_finish(&books->names);
}

/* "" node: not bound. */
static void put_pod(struct books *books, const char *uid, const char *node, const char *demand,
                    uint64_t job_id, enum pod_role role, bool finished) {
    struct pod_demand pod = {0};
    const struct ledger_pod seen = {.uid = uid,
                                    .namespace = "team-a",
                                    .node = node[0] != '\0' ? node : NULL,
                                    .finished = finished,
                                    .job_id = job_id,
                                    .role = role,
                                    .demand = &pod};

    (void)sample_pod(&pod, &books->names, demand);
    ledger_put_pod(books->ledger, &seen);
    pod_demand_finish(&pod);
    ledger_verify(books->ledger);
}

static void put_node(struct books *books, const char *name, const char *text) {
    struct node node = sample_node(&books->names, name, text);

    ledger_put_node(books->ledger, &node);
    node_finish(&node);
}

static void put_quota(struct books *books, const char *name, const char *text) {
    struct quota quota = sample_quota(&books->names, "team-a", name, text);

    ledger_put_quota(books->ledger, &quota);
    quota_finish(&quota);
}

static const struct ledger_namespace *team_a(const struct books *books) {
    return ledger_namespace(books->ledger, ledger_namespace_index(books->ledger, "team-a"));
}

/* Amount of a quota's key in own or reserved. */
static int64_t charged(struct books *books, const char *key, bool reserved) {
    const struct ledger_namespace *namespace = team_a(books);
    struct quota quota = sample_quota(&books->names, "team-a", "probe", "");
    int64_t amount;

    CHECK_OK(quota_add_item(&quota, &books->names, key, "1", "0"), key);
    amount = quota_item_amount(&quota, &quota.items[0],
                               reserved ? &namespace->reserved : &namespace->own);
    quota_finish(&quota);
    return amount;
}

TEST(ledger_put_pod__charges_by_state) {
    static const struct {
        const char *what;
        const char *node;
        bool finished;
        int64_t cpu;
        int64_t pods;
        int64_t pods_all;
        int64_t node_cpu;
        size_t unbound;
    } rows[] = {
        {"pending", "", false, 2000, 1, 1, 0, 1},
        {"bound", "node-a", false, 2000, 1, 1, 2000, 0},
        {"finished", "node-a", true, 0, 0, 1, 0, 0},
        {"pending again (a late event)", "", false, 2000, 1, 1, 0, 1},
        {"finished before it was bound", "", true, 0, 0, 1, 0, 0},
    };
    struct books books;
    size_t at;
    size_t unbound;

    books_init(&books);
    put_node(&books, "node-a", "cpu=8 pods=10");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_pod(&books, "u1", rows[i].node, "main cpu=2", 0, POD_ROLE_POD, rows[i].finished);
        CHECK_EQ(charged(&books, "requests.cpu", false), rows[i].cpu, rows[i].what);
        CHECK_EQ(charged(&books, "pods", false), rows[i].pods, rows[i].what);
        CHECK_EQ(charged(&books, "count/pods", false), rows[i].pods_all, rows[i].what);
        CHECK_EQ(ledger_node(books.ledger, 0)->used.amount[RESOURCE_CPU], rows[i].node_cpu,
                 rows[i].what);
        unbound = 0;
        for (at = 0; ledger_next_unbound(books.ledger, &at) != NULL;) {
            unbound++;
        }
        CHECK_EQ(unbound, rows[i].unbound, rows[i].what);
    }
    ledger_remove_pod(books.ledger, "u1");
    ledger_remove_pod(books.ledger, "u1");
    CHECK_EQ(charged(&books, "count/pods", false), 0, "gone");
    books_finish(&books);
}

TEST(ledger__keeps_pods_of_nodes_it_does_not_know) {
    struct books books;

    books_init(&books);
    put_pod(&books, "u1", "node-b", "main cpu=2", 0, POD_ROLE_POD, false);
    CHECK_EQ(ledger_node_count(books.ledger), 1, "a record without a node");
    CHECK_EQ(ledger_node(books.ledger, 0)->node, NULL, "not listed");
    put_node(&books, "node-b", "cpu=8 pods=10");
    put_node(&books, "node-a", "cpu=4 pods=10");
    CHECK_STR(ledger_node(books.ledger, 0)->name, "node-a", "sorted by name");
    CHECK_EQ(ledger_node_free(ledger_node(books.ledger, 1)).amount[RESOURCE_CPU], 6000,
             "its pod counts");
    CHECK_EQ(ledger_node_free(ledger_node(books.ledger, 1)).amount[RESOURCE_PODS], 9,
             "and takes a place");
    ledger_remove_node(books.ledger, "node-b");
    CHECK_EQ(ledger_node_count(books.ledger), 2, "its pod is still there");
    ledger_remove_pod(books.ledger, "u1");
    CHECK_EQ(ledger_node_count(books.ledger), 1, "nobody names it any more");
    ledger_remove_node(books.ledger, "node-z");
    put_pod(&books, "u2", "node-a", "main cpu=1", 0, POD_ROLE_POD, false);
    put_node(&books, "node-a", "cpu=16 pods=10");
    CHECK_EQ(ledger_node_free(ledger_node(books.ledger, 0)).amount[RESOURCE_CPU], 15000,
             "a node may grow");
    ledger_remove_node(books.ledger, "node-a");
    CHECK_EQ(ledger_node(books.ledger, 0)->node, NULL, "it is gone, its pod not");
    books_finish(&books);
}

TEST(ledger_put_pod__survives_absurd_amounts) {
    struct books books;

    books_init(&books);
    put_pod(&books, "u1", "", "main memory=5Gi", 0, POD_ROLE_POD, false);
    put_pod(&books, "u2", "", "main memory=9223372036854775807 main memory=7Ei", 0, POD_ROLE_POD,
            false);
    put_pod(&books, "u3", "", "main memory=9223372036854775807", 0, POD_ROLE_POD, false);
    CHECK(charged(&books, "memory", false) > INT64_C(1) << 46, "much");
    ledger_remove_pod(books.ledger, "u2");
    ledger_remove_pod(books.ledger, "u3");
    CHECK_EQ(charged(&books, "memory", false), INT64_C(5) << 30, "the others are still known");
    books_finish(&books);
}

#define GANG "driver*1 main cpu=1 | executor*2 main cpu=2 | +services=1 +configmaps=2"

TEST(ledger_reserve__is_filled_by_visible_pods) {
    static const struct {
        const char *what;
        const char *uid;
        enum pod_role role;
        int step; /* 1: runs, 0: finished, -1: gone */
        int64_t reserved_cpu;
        int64_t own_cpu;
    } rows[] = {
        {"the driver comes", "d", POD_ROLE_DRIVER, 1, 4000, 1000},
        {"an executor", "e1", POD_ROLE_EXECUTOR, 1, 2000, 3000},
        {"seen again", "e1", POD_ROLE_EXECUTOR, 1, 2000, 3000},
        {"the other", "e2", POD_ROLE_EXECUTOR, 1, 0, 5000},
        {"one more than asked for", "e3", POD_ROLE_EXECUTOR, 1, 0, 7000},
        {"one dies: still enough", "e1", POD_ROLE_EXECUTOR, 0, 0, 5000},
        {"another goes: its place is open", "e2", POD_ROLE_EXECUTOR, -1, 2000, 3000},
        {"a pod of no group of the gang", "x", POD_ROLE_POD, 1, 2000, 5000},
    };
    struct books books;
    struct demand *demand;

    books_init(&books);
    demand = sample_demand(&books.names, GANG);
    ledger_reserve(books.ledger, 7, "team-a", demand);
    CHECK_EQ(charged(&books, "cpu", true), 5000, "all is to come");
    CHECK_EQ(charged(&books, "services", true), 1, "objects too");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *pod = rows[i].role == POD_ROLE_DRIVER ? "main cpu=1" : "main cpu=2";

        if (rows[i].step < 0) {
            ledger_remove_pod(books.ledger, rows[i].uid);
        } else {
            put_pod(&books, rows[i].uid, "", pod, 7, rows[i].role, rows[i].step == 0);
        }
        CHECK_EQ(charged(&books, "cpu", true), rows[i].reserved_cpu, rows[i].what);
        CHECK_EQ(charged(&books, "cpu", false), rows[i].own_cpu, rows[i].what);
    }
    ledger_objects_visible(books.ledger, 7);
    CHECK_EQ(charged(&books, "services", true), 0, "no longer on top of status.used");
    CHECK_EQ(charged(&books, "services", false), 1, "but ours");
    ledger_objects_visible(books.ledger, 7);
    CHECK_EQ(charged(&books, "services", false), 1, "once");
    CHECK_EQ(charged(&books, "cpu", true), 2000, "pods are another matter");
    ledger_release(books.ledger, 7);
    ledger_release(books.ledger, 7);
    CHECK_EQ(charged(&books, "cpu", true), 0, "released");
    CHECK_EQ(charged(&books, "services", false), 0, "objects too");
    CHECK_EQ(charged(&books, "cpu", false), 5000, "visible pods stay charged");
    demand_destroy(demand);
    books_finish(&books);
}

TEST(ledger_reserve__counts_pods_that_were_there_before) {
    struct books books;
    struct demand *demand;
    size_t at = 0;

    books_init(&books);
    demand = sample_demand(&books.names, GANG);
    put_pod(&books, "d", "", "main cpu=1", 7, POD_ROLE_DRIVER, false);
    ledger_reserve(books.ledger, 7, "team-a", demand);
    CHECK_EQ(charged(&books, "cpu", true), 4000, "the driver is there");
    ledger_reserve(books.ledger, 7, "team-a", demand);
    CHECK_EQ(charged(&books, "cpu", true), 4000, "a second reserve replaces the first");
    ledger_reserve(books.ledger, 3, "team-a", demand);
    CHECK_EQ(ledger_next_reservation(books.ledger, &at)->job_id, 3, "sorted by job");
    CHECK_EQ(ledger_next_reservation(books.ledger, &at)->job_id, 7, "sorted by job");
    CHECK_EQ(ledger_next_reservation(books.ledger, &at), NULL, "no more");
    demand_destroy(demand);
    books_finish(&books);
}

TEST(ledger_put_quota__replaces_by_name) {
    struct books books;

    books_init(&books);
    put_quota(&books, "b", "pods=3");
    put_quota(&books, "a", "pods=4");
    put_quota(&books, "b", "pods=5");
    CHECK_EQ(team_a(&books)->quota_count, 2, "two quotas");
    CHECK_STR(team_a(&books)->quotas[0]->name, "a", "sorted");
    CHECK_EQ(team_a(&books)->quotas[1]->items[0].hard, 5, "the newest");
    ledger_remove_quota(books.ledger, "team-a", "a");
    ledger_remove_quota(books.ledger, "team-a", "a");
    ledger_remove_quota(books.ledger, "nowhere", "a");
    CHECK_EQ(team_a(&books)->quota_count, 1, "one is left");
    ledger_remove_quota(books.ledger, "team-a", "b");
    CHECK_EQ(team_a(&books)->quota_count, 0, "none is left");
    books_finish(&books);
}

TEST(ledger_overrun__names_the_first) {
    struct books books;
    struct error error = {0};

    books_init(&books);
    put_node(&books, "node-a", "cpu=4 pods=10");
    put_quota(&books, "compute", "requests.cpu=8 pods=2");
    put_pod(&books, "u1", "node-a", "main cpu=4", 0, POD_ROLE_POD, false);
    put_pod(&books, "u2", "", "main cpu=4", 0, POD_ROLE_POD, false);
    CHECK_OK(ledger_overrun(books.ledger, &books.names, &error), "exactly full");
    put_pod(&books, "u2", "node-a", "main cpu=4", 0, POD_ROLE_POD, false);
    CHECK_EQ(ledger_overrun(books.ledger, &books.names, &error), ERR_FULL, "two on one node");
    CHECK_STR(error.text, "node node-a cpu: pods take 8 of 4", "the node");
    put_pod(&books, "u3", "", "main", 0, POD_ROLE_POD, false);
    error = (struct error){0};
    CHECK_EQ(ledger_overrun(books.ledger, &books.names, &error), ERR_FULL, "three pods");
    CHECK_STR(error.text, "quota team-a/compute pods: pods take 3 of 2", "the quota");
    books_finish(&books);
}

static void random_step(struct books *books, struct rng *rng, struct demand *demand) {
    static const char *const nodes[] = {"", "node-a", "node-b", "node-c"};
    static const char *const pods[] = {"main cpu=1/2 memory=1Gi", "main", "main cpu=2 ^high",
                                       "init cpu=3 main cpu=1 !deadline"};
    char uid[16];

    (void)snprintf(uid, sizeof uid, "uid-%d", (int)rng_below(rng, 30));
    switch (rng_below(rng, 8)) {
    case 0:
        ledger_reserve(books->ledger, 1 + rng_below(rng, 5), "team-a", demand);
        break;
    case 1:
        ledger_release(books->ledger, 1 + rng_below(rng, 5));
        break;
    case 2:
        ledger_remove_pod(books->ledger, uid);
        break;
    case 3:
        put_node(books, nodes[1 + rng_below(rng, 3)],
                 rng_below(rng, 2) == 0 ? "cpu=8 pods=10" : "cpu=4 pods=10 @pool=spot !cordoned");
        break;
    case 4:
        ledger_remove_node(books->ledger, nodes[1 + rng_below(rng, 3)]);
        break;
    case 5:
        ledger_objects_visible(books->ledger, 1 + rng_below(rng, 5));
        break;
    default:
        put_pod(books, uid, nodes[rng_below(rng, 4)], pods[rng_below(rng, 4)], rng_below(rng, 5),
                (enum pod_role)rng_below(rng, POD_ROLE_COUNT), rng_below(rng, 4) == 0);
    }
}

TEST(ledger__balances_after_any_history) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct books books;
        struct demand *demand;
        struct node_pool pool = {.node_max = 2};
        struct rng rng;

        rng_init(&rng, seed);
        books_init(&books);
        pool.node = sample_node(&books.names, "spot", "cpu=4 pods=10 @pool=spot");
        ledger_set_pools(books.ledger, &pool, seed % 2);
        demand = sample_demand(&books.names, GANG);
        for (int i = 0; i < 200; i++) {
            random_step(&books, &rng, demand);
            ledger_verify(books.ledger);
            room_verify(ledger_room(books.ledger));
        }
        node_finish(&pool.node);
        demand_destroy(demand);
        books_finish(&books);
    }
}

static int64_t free_cpu(struct books *books, uint32_t node) {
    room_refresh(ledger_room(books->ledger));
    return room_place(ledger_room(books->ledger))->index.nodes[node].free.amount[RESOURCE_CPU];
}

TEST(room__counts_pods_to_come_where_they_find_room) {
    struct books books;
    struct demand *demand;

    books_init(&books);
    put_node(&books, "node-a", "cpu=4 pods=10");
    put_node(&books, "node-b", "cpu=4 pods=10");
    demand = sample_demand(&books.names, "driver*1 main cpu=1 | executor*2 main cpu=2");
    ledger_reserve(books.ledger, 7, "team-a", demand);
    CHECK_EQ(free_cpu(&books, 0) + free_cpu(&books, 1), 3000, "the gang is expected");
    put_pod(&books, "d", "node-b", "main cpu=1", 7, POD_ROLE_DRIVER, false);
    CHECK_EQ(free_cpu(&books, 0) + free_cpu(&books, 1), 3000, "the driver came: the same");
    put_pod(&books, "e1", "", "main cpu=2", 7, POD_ROLE_EXECUTOR, false);
    CHECK_EQ(free_cpu(&books, 0) + free_cpu(&books, 1), 3000, "one is visible, and not bound");
    put_pod(&books, "x", "node-a", "main cpu=4", 0, POD_ROLE_POD, false);
    CHECK_EQ(free_cpu(&books, 0), 0, "somebody else took the node");
    CHECK_EQ(free_cpu(&books, 1), 1000, "one executor moved, the other finds no room");
    room_verify(ledger_room(books.ledger));
    CHECK_EQ(room_place(ledger_room(books.ledger))->index.held_count, 0, "verified in peace");
    room_refresh(ledger_room(books.ledger));
    CHECK_EQ(room_place(ledger_room(books.ledger))->index.held_count, 2, "it keeps the nodes");
    ledger_release(books.ledger, 7);
    ledger_remove_pod(books.ledger, "e1");
    CHECK_EQ(free_cpu(&books, 1), 3000, "the attempt is over, its driver is there");
    demand_destroy(demand);
    books_finish(&books);
}

TEST(room__adds_the_nodes_a_pool_may_grow_to) {
    struct books books;
    struct room_pool stand;
    struct node_pool pool = {.node_max = 3};
    struct demand *demand;

    books_init(&books);
    pool.node = sample_node(&books.names, "spot", "cpu=4 pods=10 @pool=spot %spot=yes");
    put_node(&books, "node-a", "cpu=4 pods=10");
    put_node(&books, "node-s", "cpu=4 pods=10 @pool=spot @zone=a %spot=yes");
    room_set_pools(ledger_room(books.ledger), &pool, 1);
    room_refresh(ledger_room(books.ledger));
    CHECK_EQ(room_place(ledger_room(books.ledger))->index.node_count, 4, "two more may come");
    demand = sample_demand(&books.names, "executor*3 main cpu=4 ~spot");
    ledger_reserve(books.ledger, 7, "team-a", demand);
    room_refresh(ledger_room(books.ledger));
    CHECK(room_pool(ledger_room(books.ledger), "spot", &stand), "known");
    CHECK_EQ(stand.members, 1, "one is there");
    CHECK_EQ(stand.expected, 1, "real nodes are used first");
    CHECK(!room_pool(ledger_room(books.ledger), "other", &stand), "not known");
    put_node(&books, "node-t", "cpu=4 pods=10 @pool=spot @zone=b %spot=yes");
    room_refresh(ledger_room(books.ledger));
    CHECK(room_pool(ledger_room(books.ledger), "spot", &stand), "known");
    CHECK_EQ(stand.members, 2, "one came");
    CHECK_EQ(stand.expected, 0, "the pod is expected on it");
    room_verify(ledger_room(books.ledger));
    node_finish(&pool.node);
    demand_destroy(demand);
    books_finish(&books);
}

/* --- What the server still charges ------------------------------------------------------------ */

#define SECOND INT64_C(1000000)

static void put_status(struct books *books, uint64_t version, const char *text) {
    struct quota quota = sample_quota(&books->names, "team-a", "q", text);

    quota.version = version;
    ledger_put_quota(books->ledger, &quota);
    quota_finish(&quota);
}

static void put_pod_at(struct books *books, const char *uid, uint64_t version, bool finished,
                       int64_t overdue_us) {
    struct pod_demand pod = {0};

    (void)sample_pod(&pod, &books->names, "main cpu=1");
    ledger_put_pod(books->ledger, &(struct ledger_pod){.uid = uid,
                                                       .namespace = "team-a",
                                                       .finished = finished,
                                                       .version = version,
                                                       .overdue_us = overdue_us,
                                                       .demand = &pod});
    pod_demand_finish(&pod);
}

static int64_t free_pods(struct books *books) {
    const struct ledger_namespace *namespace = team_a(books);
    const struct quota *quota = namespace->quotas[0];
    const struct quota_item *item = &quota->items[0];

    return item->hard - quota_taken(quota, item, quota_item_amount(quota, item, &namespace->own));
}

/* A very short pod: charged at 10, seen at 11, finished at 12; the statuses come late. */
TEST(quota_floor__a_finished_pod_is_charged_until_the_server_has_counted) {
    struct books books;

    books_init(&books);
    put_status(&books, 5, "pods=3:1");
    put_pod_at(&books, "u0", 4, false, 0);
    CHECK_EQ(free_pods(&books), 2, "one runs");
    put_pod_at(&books, "u1", 11, false, 0);
    put_pod_at(&books, "u1", 12, true, 0);
    CHECK_EQ(free_pods(&books), 1, "finished, and nobody said that it is given back");
    put_status(&books, 10, "pods=3:2");
    CHECK_EQ(free_pods(&books), 1, "the charge: it was known");
    put_status(&books, 13, "pods=3:3");
    CHECK_EQ(free_pods(&books), 0, "somebody else's charge, later than the end");
    put_status(&books, 14, "pods=3:2");
    CHECK_EQ(free_pods(&books), 1, "a count: lower, and later than the end");
    ledger_remove_pod_at(books.ledger, "u1", 20);
    CHECK_EQ(free_pods(&books), 1, "a finished pod was not charged any more");
    CHECK(!ledger_advance(books.ledger, 4 * SECOND), "nothing is due");
    ledger_verify(books.ledger);
    books_finish(&books);
}

TEST(quota_floor__holds_no_longer_than_a_few_seconds) {
    struct books books;

    books_init(&books);
    CHECK(!ledger_advance(books.ledger, 100 * SECOND), "nothing is due");
    put_status(&books, 5, "pods=3:0");
    put_pod_at(&books, "u1", 11, false, 0);
    put_pod_at(&books, "u2", 12, false, 0);
    ledger_remove_pod_at(books.ledger, "u1", 13);
    CHECK_EQ(free_pods(&books), 1, "gone, and still charged");
    CHECK_EQ(ledger_due_us(books.ledger), 105 * SECOND, "not for ever");
    CHECK(!ledger_advance(books.ledger, 105 * SECOND - 1), "a microsecond early");
    CHECK(ledger_advance(books.ledger, 105 * SECOND), "no count came");
    CHECK_EQ(free_pods(&books), 2, "our own sums are the truth");
    CHECK_EQ(ledger_due_us(books.ledger), INT64_MAX, "nothing else");
    books_finish(&books);
}

TEST(quota_floor__is_believed_while_it_is_new) {
    struct books books;

    books_init(&books);
    (void)ledger_advance(books.ledger, 100 * SECOND);
    put_status(&books, 5, "pods=3:3 services=4:4");
    CHECK_EQ(free_pods(&books), 0, "it knows more than our watch");
    CHECK(!ledger_advance(books.ledger, 459 * SECOND), "still new");
    CHECK_EQ(free_pods(&books), 0, "still");
    CHECK(ledger_advance(books.ledger, 460 * SECOND), "older than the server's own recount");
    CHECK_EQ(free_pods(&books), 3, "our own sums");
    ledger_quota_refused(books.ledger, "team-a");
    CHECK_EQ(free_pods(&books), 0, "the server said no: it was right");
    CHECK(ledger_advance(books.ledger, 820 * SECOND), "once more");
    CHECK_EQ(free_pods(&books), 3, "for a try");
    put_status(&books, 9, "pods=3:2 services=4:4");
    CHECK_EQ(free_pods(&books), 1, "a new status");
    CHECK_EQ(quota_taken(team_a(&books)->quotas[0], &team_a(&books)->quotas[0]->items[1], 0), 4,
             "of objects we see but our own: there the floor counts for ever");
    books_finish(&books);
}

TEST(quota_floor__forgets_pods_that_should_be_gone) {
    struct books books;

    books_init(&books);
    (void)ledger_advance(books.ledger, 100 * SECOND);
    put_status(&books, 5, "pods=3:1");
    put_pod_at(&books, "u1", 11, false, 160 * SECOND);
    CHECK_EQ(free_pods(&books), 2, "terminating pods are charged");
    CHECK(!ledger_advance(books.ledger, 160 * SECOND), "its grace is not over");
    CHECK(ledger_advance(books.ledger, 160 * SECOND + 1), "now it is");
    put_status(&books, 12, "pods=3:0");
    CHECK_EQ(free_pods(&books), 3, "its node is lost, the server counts it no longer");
    put_pod_at(&books, "u1", 13, false, 160 * SECOND);
    CHECK_EQ(free_pods(&books), 3, "seen again, as dead as before");
    ledger_verify(books.ledger);
    ledger_remove_pod_at(books.ledger, "u1", 14);
    ledger_verify(books.ledger);
    CHECK_EQ(free_pods(&books), 3, "gone");
    books_finish(&books);
}
