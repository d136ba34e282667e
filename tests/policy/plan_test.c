#include "policy/plan.h"

#include <string.h>

#include "base/rng.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

#define SHAPES_MAX 24
#define JOBS_MAX   6

/* A cluster, waiting jobs and a pass over them. */
struct pass {
    struct resource_names names;
    struct ledger *ledger;
    struct share *share;
    struct plan *plan;
    struct plan_input input;
    struct plan_shape shapes[SHAPES_MAX];
    size_t shape_count;
    struct demand *demands[SHAPES_MAX];
    uint64_t ids[SHAPES_MAX][JOBS_MAX];
};

static void pass_init(struct pass *pass) {
    memset(pass, 0, sizeof *pass);
    pass->ledger = ledger_create();
    pass->share = share_create();
    pass->plan = plan_create(pass->share, NULL, NULL);
    pass->input = (struct plan_input){.ledger = pass->ledger, .now_us = 1, .starts_max = 100};
}

static void pass_finish(struct pass *pass) {
    plan_destroy(pass->plan);
    share_destroy(pass->share);
    ledger_destroy(pass->ledger);
    for (size_t i = 0; i < pass->shape_count; i++) {
        demand_destroy(pass->demands[i]);
    }
    resource_names_finish(&pass->names);
}

static void add_node(struct pass *pass, const char *name, const char *text) {
    struct node node = sample_node(&pass->names, name, text);

    ledger_put_node(pass->ledger, &node);
    node_finish(&node);
}

static void add_quota(struct pass *pass, const char *namespace, const char *text) {
    struct quota quota = sample_quota(&pass->names, namespace, "compute", text);

    ledger_put_quota(pass->ledger, &quota);
    quota_finish(&quota);
}

static void add_pod(struct pass *pass, const char *uid, const char *node, uint64_t job_id,
                    const char *text) {
    struct pod_demand pod = {0};
    const struct ledger_pod seen = {
        .uid = uid, .namespace = "other", .node = node, .job_id = job_id, .demand = &pod};

    (void)sample_pod(&pod, &pass->names, text);
    ledger_put_pod(pass->ledger, &seen);
    pod_demand_finish(&pod);
}

/* Jobs first_id, first_id + 1, ... of one shape, and of a user of a team. */
static void add_jobs_of(struct pass *pass, const char *team, int32_t tier, const char *namespace,
                        int32_t priority, uint64_t first_id, size_t count, const char *demand) {
    const size_t at = pass->shape_count++;
    const size_t index = ledger_namespace_index(pass->ledger, namespace);

    CHECK(at < SHAPES_MAX && count <= JOBS_MAX, "room in the test");
    for (size_t i = 0; i < count; i++) {
        pass->ids[at][i] = first_id + i;
    }
    pass->demands[at] = sample_demand(&pass->names, demand);
    pass->shapes[at] = (struct plan_shape){
        .namespace_index = index,
        .demand = pass->demands[at],
        .node = share_hold(pass->share, team, "user"),
        .tier = tier,
        .priority = priority,
        .job_ids = pass->ids[at],
        .job_count = count,
    };
    share_name_namespace(pass->share, index, namespace);
    CHECK_EQ(plan_add_shape(pass->plan, &pass->shapes[at]), at, "numbers from 0");
}

static void add_jobs(struct pass *pass, const char *namespace, int32_t priority, uint64_t first_id,
                     size_t count, const char *demand) {
    add_jobs_of(pass, "team", 0, namespace, priority, first_id, count, demand);
}

/* Run, check, and give the starts as "1 2 3" and the waits as "4:Quota 5:Behind(4)". */
static void run(struct pass *pass, char *out_starts, char *out_waits, size_t bytes_max) {
    size_t used = 0;

    plan_run(pass->plan, &pass->input);
    plan_verify(pass->plan, &pass->input);
    out_starts[0] = '\0';
    out_waits[0] = '\0';
    for (size_t i = 0; i < plan_start_count(pass->plan); i++) {
        used += (size_t)snprintf(out_starts + used, bytes_max - used, "%s%llu", i > 0 ? " " : "",
                                 (unsigned long long)plan_starts(pass->plan)[i].job_id);
    }
    used = 0;
    for (size_t i = 0; i < pass->shape_count; i++) {
        const struct plan_wait wait = plan_wait(pass->plan, (uint32_t)i);

        if (wait.job_id != 0) {
            used += (size_t)snprintf(out_waits + used, bytes_max - used, "%s%llu:%s",
                                     used > 0 ? " " : "", (unsigned long long)wait.job_id,
                                     reason_code_text((enum reason_code)wait.reason.code));
        }
        if (wait.job_id != 0 && wait.reason.code == REASON_BEHIND) {
            used += (size_t)snprintf(out_waits + used, bytes_max - used, "(%llu)",
                                     (unsigned long long)wait.reason.job_id);
        }
    }
}

/* One or more jobs of a shape, beginning with an id. */
struct jobs {
    const char *namespace;
    int32_t priority;
    uint64_t first_id;
    size_t count;
    const char *demand;
};

TEST(plan_run__decides_in_order) {
    static const struct {
        const char *what;
        const char *nodes[3];
        const char *quota_a; /* of namespace a */
        const char *quota_b;
        size_t starts_max;
        struct jobs jobs[4];
        const char *starts;
        const char *waits;
    } rows[] = {
        {"nobody waits", {"cpu=9 pods=9"}, NULL, NULL, 9, {{0}}, "", ""},
        {"no quota, room for all",
         {"cpu=9 pods=9"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 3, "pod*1 main cpu=1"}},
         "1 2 3",
         ""},
        {"quota holds three of five",
         {"cpu=99 pods=99"},
         "requests.cpu=10",
         NULL,
         9,
         {{"a", 0, 1, 5, "driver*1 main cpu=1 | executor*2 main cpu=1"}},
         "1 2 3",
         "4:Quota"},
        {"nodes hold three of five",
         {"cpu=10 pods=99"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 5, "driver*1 main cpu=1 | executor*2 main cpu=1"}},
         "1 2 3",
         "4:Capacity"},
        {"priority goes first, then submission",
         {"cpu=3 pods=99"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 2, "pod*1 main cpu=1"},
          {"a", 5, 8, 1, "pod*1 main cpu=1"},
          {"b", 0, 3, 2, "pod*1 main cpu=1"}},
         "8 1 2",
         "3:Capacity"},
        {"shapes take turns by id",
         {"cpu=99 pods=99"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=1"},
          {"a", 0, 3, 1, "pod*1 main cpu=1"},
          {"b", 0, 2, 1, "pod*1 main cpu=2"}},
         "1 2 3",
         ""},
        {"a quota stops the later ones of its namespace, though they fit",
         {"cpu=99 pods=99"},
         "requests.cpu=4:2",
         "requests.cpu=4",
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=3"},
          {"a", 0, 2, 1, "pod*1 main cpu=1"},
          {"b", 0, 3, 1, "pod*1 main cpu=4"}},
         "3",
         "1:Quota 2:Behind(1)"},
        {"one of lower priority does not pass by either",
         {"cpu=99 pods=99"},
         "requests.cpu=4:2",
         NULL,
         9,
         {{"a", 9, 7, 1, "pod*1 main cpu=3"}, {"a", 1, 2, 1, "pod*1 main cpu=1"}},
         "",
         "7:Quota 2:Behind(7)"},
        {"more than hard stops nobody",
         {"cpu=99 pods=99"},
         "requests.cpu=4",
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=5"}, {"a", 0, 2, 1, "pod*1 main cpu=1"}},
         "2",
         "1:QuotaNever"},
        {"what is not specified stops nobody",
         {"cpu=99 pods=99"},
         "requests.cpu=4",
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main"}, {"a", 0, 2, 1, "pod*1 main cpu=1"}},
         "2",
         "1:QuotaMustSpecify"},
        {"a wide job keeps the nodes from narrow ones behind it",
         {"cpu=4 pods=9", "cpu=2 pods=9"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=3"},
          {"b", 0, 2, 1, "pod*1 main cpu=4"},
          {"c", 0, 3, 1, "pod*1 main cpu=1"}},
         "1",
         "2:Capacity 3:Behind(2)"},
        {"but not those it could not use",
         {"cpu=4 pods=9", "cpu=2 pods=9 %spot=yes"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=3"},
          {"b", 0, 2, 1, "pod*1 main cpu=4"},
          {"c", 0, 3, 2, "pod*1 main cpu=1 ~spot"}},
         "1 3 4",
         "2:Capacity"},
        {"a job that fits no node, even empty, keeps nothing",
         {"cpu=4 pods=9", "cpu=2 pods=9"},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=5"}, {"b", 0, 2, 1, "pod*1 main cpu=4"}},
         "2",
         "1:CapacityNever"},
        {"the quota's share of a job that waits for nodes is kept",
         {"cpu=3 pods=9 @pool=a", "cpu=9 pods=9 @pool=b"},
         "requests.cpu=8",
         NULL,
         9,
         {{"b", 0, 1, 1, "pod*1 main cpu=2 @pool=a"},
          {"a", 0, 2, 1, "pod*1 main cpu=3 @pool=a"},
          {"a", 0, 3, 1, "pod*1 main cpu=5 @pool=b"},
          {"a", 0, 4, 1, "pod*1 main cpu=1 @pool=b"}},
         "1 3",
         "2:Capacity 4:Behind(2)"},
        {"the first of two that are kept a share is named",
         {"cpu=3 pods=9 @pool=a", "cpu=3 pods=9 @pool=b", "cpu=9 pods=9 @pool=c"},
         "requests.cpu=8",
         "requests.cpu=9",
         9,
         {{"b", 0, 1, 2, "driver*1 main cpu=2 @pool=a | executor*1 main cpu=2 @pool=b"},
          {"a", 0, 3, 1, "pod*1 main cpu=3 @pool=a"},
          {"a", 0, 4, 1, "pod*1 main cpu=3 @pool=b"},
          {"a", 0, 5, 1, "pod*1 main cpu=3 @pool=c"}},
         "1",
         "2:Capacity 3:Behind(2) 4:Behind(2) 5:Behind(3)"},
        {"at most so many starts",
         {"cpu=99 pods=99"},
         NULL,
         NULL,
         2,
         {{"a", 0, 1, 3, "pod*1 main cpu=1"}, {"b", 0, 9, 1, "pod*1 main cpu=1"}},
         "1 2",
         "3:StartRate 9:StartRate"},
        {"no nodes at all",
         {NULL},
         NULL,
         NULL,
         9,
         {{"a", 0, 1, 1, "pod*1 main cpu=1"}},
         "",
         "1:CapacityNever"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pass pass;
        char starts[256];
        char waits[256];

        pass_init(&pass);
        pass.input.starts_max = rows[i].starts_max;
        for (size_t j = 0; j < 3 && rows[i].nodes[j] != NULL; j++) {
            add_node(&pass, j == 0 ? "node-0" : j == 1 ? "node-1" : "node-2", rows[i].nodes[j]);
        }
        if (rows[i].quota_a != NULL) {
            add_quota(&pass, "a", rows[i].quota_a);
        }
        if (rows[i].quota_b != NULL) {
            add_quota(&pass, "b", rows[i].quota_b);
        }
        for (size_t j = 0; j < 4 && rows[i].jobs[j].namespace != NULL; j++) {
            const struct jobs *jobs = &rows[i].jobs[j];

            add_jobs(&pass, jobs->namespace, jobs->priority, jobs->first_id, jobs->count,
                     jobs->demand);
        }
        run(&pass, starts, waits, sizeof starts);
        CHECK_STR(starts, rows[i].starts, rows[i].what);
        CHECK_STR(waits, rows[i].waits, rows[i].what);
        pass_finish(&pass);
    }
}

TEST(plan_run__counts_what_is_on_its_way) {
    static const struct {
        const char *what;
        const char *bound;   /* a pod on the node of 4 cpu */
        const char *pending; /* a pod without one */
        uint64_t pending_job;
        const char *reserved; /* a gang of job 1 */
        const char *starts;   /* of job 5: 2 cpu */
        const char *waits;
    } rows[] = {
        {"an empty node", NULL, NULL, 0, NULL, "5", ""},
        {"a bound pod leaves room", "main cpu=2", NULL, 0, NULL, "5", ""},
        {"a bound pod takes it", "main cpu=3", NULL, 0, NULL, "", "5:Capacity"},
        {"a pending pod takes it", NULL, "main cpu=3", 0, NULL, "", "5:Capacity"},
        {"a reservation takes it", NULL, NULL, 0, "pod*1 main cpu=3", "", "5:Capacity"},
        {"a foreign pod that never fits does not matter", NULL, "main cpu=9", 0, NULL, "5", ""},
        {"a foreign pod that does not fit now does not matter", "main cpu=2", "main cpu=4", 0, NULL,
         "5", ""},
        {"a pod of ours that does not fit now does", "main cpu=2", "main cpu=4", 1, NULL, "",
         "5:Behind(1)"},
        {"so does a gang to come", "main cpu=2", NULL, 0, "pod*2 main cpu=2", "", "5:Behind(1)"},
        {"a gang that never fits does not", NULL, NULL, 0, "pod*1 main cpu=9", "5", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pass pass;
        char starts[256];
        char waits[256];

        pass_init(&pass);
        add_node(&pass, "node-0", "cpu=4 pods=9");
        if (rows[i].bound != NULL) {
            add_pod(&pass, "bound", "node-0", 0, rows[i].bound);
        }
        if (rows[i].pending != NULL) {
            add_pod(&pass, "pending", NULL, rows[i].pending_job, rows[i].pending);
        }
        if (rows[i].reserved != NULL) {
            struct demand *demand = sample_demand(&pass.names, rows[i].reserved);

            ledger_reserve(pass.ledger, 1, "other", demand);
            demand_destroy(demand);
        }
        add_jobs(&pass, "a", 0, 5, 1, "pod*1 main cpu=2");
        run(&pass, starts, waits, sizeof starts);
        CHECK_STR(starts, rows[i].starts, rows[i].what);
        CHECK_STR(waits, rows[i].waits, rows[i].what);
        pass_finish(&pass);
    }
}

TEST(plan_run__goes_by_quota_alone_where_nodes_are_unknown) {
    struct pass pass;
    char starts[256];
    char waits[256];

    pass_init(&pass);
    pass.input.capacity_unknown = true;
    add_quota(&pass, "a", "pods=2");
    add_jobs(&pass, "a", 0, 1, 3, "pod*1 main cpu=64");
    run(&pass, starts, waits, sizeof starts);
    CHECK_STR(starts, "1 2", "two");
    CHECK_STR(waits, "3:Quota", "then the quota is full");
    pass_finish(&pass);
}

TEST(plan_run__prints_its_arithmetic) {
    struct pass pass;
    struct demand *coming;
    struct plan_wait wait;
    char starts[256];
    char waits[256];
    char text[REASON_TEXT_BYTES];

    pass_init(&pass);
    add_quota(&pass, "other", "requests.memory=100Gi");
    add_node(&pass, "node-0", "cpu=99 memory=999Gi pods=99");
    add_pod(&pass, "u1", "node-0", 0, "main memory=60Gi");
    coming = sample_demand(&pass.names, "pod*1 main memory=6Gi");
    ledger_reserve(pass.ledger, 1, "other", coming);
    add_jobs(&pass, "other", 0, 2, 3, "pod*1 main memory=24Gi");
    run(&pass, starts, waits, sizeof starts);
    CHECK_STR(starts, "2", "one more");
    wait = plan_wait(pass.plan, 0);
    reason_print(&wait.reason, &pass.names, text);
    CHECK_STR(text,
              "quota other/compute requests.memory: needs 24Gi, free 10Gi of 100Gi (pods 60Gi, "
              "reserved 30Gi)",
              "what the pass started is reserved");
    demand_destroy(coming);
    pass_finish(&pass);
}

TEST(plan_is_impossible__tells_at_submit) {
    static const struct {
        const char *what;
        const char *demand;
        enum reason_code want;
    } rows[] = {
        {"fits", "pod*1 main cpu=2", REASON_NONE},
        {"does not fit now, may later", "pod*1 main cpu=4", REASON_NONE},
        {"more than the quota", "pod*5 main cpu=2", REASON_QUOTA_NEVER},
        {"does not say what the quota asks for", "pod*1 main", REASON_QUOTA_MUST_SPECIFY},
        {"more than a node", "pod*1 main cpu=5", REASON_CAPACITY_NEVER},
        {"no such node", "pod*1 main cpu=1 @disk=ssd", REASON_CAPACITY_NEVER},
        {"more than both: the nodes are told", "pod*1 main cpu=9", REASON_CAPACITY_NEVER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pass pass;
        struct reason reason = reason_plain(REASON_NONE);

        pass_init(&pass);
        add_quota(&pass, "a", "requests.cpu=8:5");
        add_node(&pass, "node-0", "cpu=4 pods=9 !cordoned");
        add_node(&pass, "node-1", "cpu=4 pods=9");
        add_node(&pass, "node-2", "cpu=4 pods=9");
        add_pod(&pass, "u1", "node-0", 0, "main cpu=3");
        add_jobs(&pass, "a", 0, 1, 1, rows[i].demand);
        CHECK_EQ(plan_is_impossible(&pass.input, &pass.shapes[0], &reason),
                 rows[i].want != REASON_NONE, rows[i].what);
        CHECK_EQ(reason.code, rows[i].want, rows[i].what);
        CHECK_EQ(plan_is_unfit(&pass.input, &pass.shapes[0], &reason),
                 rows[i].want != REASON_NONE && rows[i].want != REASON_QUOTA_NEVER, rows[i].what);
        add_node(&pass, "node-0", "cpu=5 pods=9 @disk=ssd");
        CHECK_EQ(plan_is_impossible(&pass.input, &pass.shapes[0], &reason),
                 rows[i].want == REASON_QUOTA_NEVER || rows[i].want == REASON_QUOTA_MUST_SPECIFY ||
                     strstr(rows[i].demand, "cpu=9") != NULL,
                 "a node that grew is seen");
        for (size_t at = ledger_node_count(pass.ledger); at-- > 0;) {
            ledger_remove_node(pass.ledger, ledger_node(pass.ledger, at)->name);
        }
        ledger_remove_pod(pass.ledger, "u1");
        CHECK(!plan_is_impossible(&pass.input, &pass.shapes[0], &reason) ||
                  reason.code != REASON_CAPACITY_NEVER,
              "without nodes, capacity is not looked at");
        pass_finish(&pass);
    }
}

static void random_pass(struct pass *pass, uint64_t seed) {
    static const char *const wheres[] = {"", "", "@zone=a", "@zone=b"};
    static const char *const namespaces[] = {"a", "b", "c"};
    const char *quotas[] = {"a", "b"};
    struct rng rng;
    uint64_t id = 1;
    char text[256];
    char name[32];

    rng_init(&rng, seed);
    pass_init(pass);
    pass->input.starts_max = 1 + rng_below(&rng, 30);
    for (uint64_t i = 0; i < 1 + rng_below(&rng, 8); i++) {
        (void)snprintf(name, sizeof name, "node-%d", (int)i);
        (void)snprintf(text, sizeof text, "cpu=%d memory=%dGi pods=%d @zone=%c",
                       (int)rng_below(&rng, 17), (int)rng_below(&rng, 65), (int)rng_below(&rng, 20),
                       (int)('a' + rng_below(&rng, 2)));
        add_node(pass, name, text);
        (void)snprintf(text, sizeof text, "main cpu=%d memory=1Gi", (int)rng_below(&rng, 3));
        add_pod(pass, name, rng_below(&rng, 4) == 0 ? NULL : name, rng_below(&rng, 3), text);
    }
    for (size_t i = 0; i < ARRAY_LEN(quotas); i++) {
        (void)snprintf(text, sizeof text, "requests.cpu=%d:%d pods=%d services=%d",
                       (int)rng_below(&rng, 40), (int)rng_below(&rng, 10), (int)rng_below(&rng, 40),
                       (int)rng_below(&rng, 9));
        add_quota(pass, quotas[i], text);
    }
    for (uint64_t i = 0; i < 1 + rng_below(&rng, SHAPES_MAX); i++) {
        const size_t count = rng_below(&rng, JOBS_MAX + 1);

        (void)snprintf(text, sizeof text,
                       "driver*1 main cpu=1 memory=1Gi | executor*%d main cpu=%dm memory=%dGi %s "
                       "| +services=1",
                       (int)rng_below(&rng, 6), (int)rng_below(&rng, 4000), (int)rng_below(&rng, 9),
                       wheres[rng_below(&rng, 4)]);
        add_jobs(pass, namespaces[rng_below(&rng, 3)], (int32_t)rng_below(&rng, 3), id, count,
                 text);
        id += count;
    }
}

TEST(plan_run__is_sound_and_repeatable) {
    size_t started = 0;

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct pass pass;
        struct pass again;
        char starts[2][1024];
        char waits[2][1024];
        char what[32];

        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        random_pass(&pass, seed);
        random_pass(&again, seed);
        run(&pass, starts[0], waits[0], sizeof starts[0]);
        run(&again, starts[1], waits[1], sizeof starts[1]);
        CHECK_STR(starts[1], starts[0], what);
        CHECK_STR(waits[1], waits[0], what);
        plan_forget(pass.plan);
        run(&pass, starts[1], waits[1], sizeof starts[1]);
        CHECK_STR(starts[1], starts[0], "nothing is left of the last pass");
        CHECK_STR(waits[1], waits[0], "nothing is left of the last pass");
        started += plan_start_count(pass.plan);
        pass_finish(&pass);
        pass_finish(&again);
    }
    CHECK(started > 1000, "jobs do start");
}

/* Starts of a pass are reserved; the next pass then starts none of what did not fit. */
TEST(plan_run__agrees_with_the_ledger_afterwards) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pass pass;
        char starts[1024];
        char waits[1024];

        random_pass(&pass, seed);
        pass.input.starts_max = 1000;
        run(&pass, starts, waits, sizeof starts);
        for (size_t i = 0; i < plan_start_count(pass.plan); i++) {
            const struct plan_start *start = &plan_starts(pass.plan)[i];
            struct plan_shape *shape = &pass.shapes[start->shape];

            ledger_reserve(pass.ledger, 1000 + start->job_id,
                           ledger_namespace(pass.ledger, shape->namespace_index)->name,
                           pass.demands[start->shape]);
            shape->job_ids++;
            shape->job_count--;
            plan_shape_changed(pass.plan, start->shape);
        }
        ledger_verify(pass.ledger);
        plan_run(pass.plan, &pass.input);
        plan_verify(pass.plan, &pass.input);
        for (size_t i = 0; i < pass.shape_count; i++) {
            const struct plan_wait wait = plan_wait(pass.plan, (uint32_t)i);

            CHECK(wait.job_id == 0 || wait.reason.code != REASON_NONE,
                  "every waiting job has a reason");
        }
        pass_finish(&pass);
    }
}
