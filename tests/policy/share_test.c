#include "policy/share.h"

#include <math.h>

#include "base/rng.h"
#include "tests/test.h"

#define SECOND INT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define T0     (1000 * HOUR)
#define CORE   1000

static struct resources cpu(int64_t cores) {
    return (struct resources){{[RESOURCE_CPU] = cores * CORE, [RESOURCE_PODS] = 1}};
}

static struct share_charge charge_of(uint32_t node, const struct resources *requests) {
    return (struct share_charge){.node = node, .namespace_index = 0, .requests = requests};
}

static void run(struct share *share, uint32_t node, int64_t cores, int times, int64_t now_us) {
    const struct resources requests = cpu(cores);
    const struct share_charge charge = charge_of(node, &requests);

    share_charge(share, &charge, times, now_us);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-12;
}

/* Two teams in a cluster of 100 cores; a weighs 2. */
static struct share *two_teams(void) {
    const struct share_team teams[] = {
        {.name = "a", .weight = 2, .limits = SHARE_LIMITS_NONE},
        {.name = "b", .weight = 1, .limits = SHARE_LIMITS_NONE},
    };
    const struct resources capacity = cpu(100);
    struct share *share = share_create();

    share_configure(
        share, &(struct share_settings){.half_life_us = HOUR, .teams = teams, .team_count = 2}, T0);
    share_set_capacity(share, &capacity);
    share_name_namespace(share, 0, "ns");
    return share;
}

/* The numbers of docs/manual/fair-share.md. */
TEST(share_value__is_what_the_manual_works_out) {
    struct share *share = two_teams();
    const uint32_t ann = share_hold(share, "a", "ann");
    const uint32_t bob = share_hold(share, "b", "bob");
    const uint32_t a = share_parent(share, ann);
    const uint32_t b = share_parent(share, bob);
    struct share_parts parts;

    run(share, ann, 20, 1, T0);
    run(share, bob, 10, 1, T0 + HOUR);
    parts = share_explain(share, a, T0 + 2 * HOUR);
    CHECK(near(parts.running, 0.20) && near(parts.used, 0.15) && near(parts.share, 0.175),
          "a: (0.20 + 0.20 * (1 - 1/4)) / 2");
    parts = share_explain(share, b, T0 + 2 * HOUR);
    CHECK(near(parts.running, 0.10) && near(parts.used, 0.05) && near(parts.share, 0.15),
          "b: (0.10 + 0.10 * (1 - 1/2)) / 1");
    CHECK(near(share_value(share, a, T0 + 2 * HOUR), 0.175), "the value alone");
    run(share, ann, 20, -1, T0 + 2 * HOUR);
    parts = share_explain(share, a, T0 + 3 * HOUR);
    CHECK(near(parts.running, 0) && near(parts.used, 0.075) && near(parts.share, 0.0375),
          "an hour after its job ended, a's past counts half");
    parts = share_explain(share, b, T0 + 3 * HOUR);
    CHECK(near(parts.share, 0.175), "b: (0.10 + 0.10 * (1 - 1/4)) / 1");
    share_destroy(share);
}

TEST(share_value__halves_exactly_with_each_half_life) {
    struct share *share = two_teams();
    const uint32_t ann = share_hold(share, "a", "ann");
    double before;

    run(share, ann, 64, 1, T0);
    run(share, ann, 64, -1, T0 + 90 * SECOND);
    before = share_value(share, ann, T0 + 90 * SECOND);
    for (int i = 1; i < 60; i++) {
        const int64_t later_us = T0 + 90 * SECOND + i * HOUR;

        CHECK(share_value(share, ann, later_us) == ldexp(before, -i), "to the last bit");
        CHECK(fabs(share_value(share, ann, later_us + 1234567890) -
                   before * exp2(-(i + 1234567890.0 / (double)HOUR))) < 1e-15 * before,
              "as the C library's exp2 has it");
    }
    CHECK(share_value(share, ann, T0 + 2000 * HOUR) == 0, "nothing is left after 2000");
    share_destroy(share);
}

TEST(share_value__does_not_depend_on_how_often_somebody_looks) {
    struct share *rare = two_teams();
    struct share *often = two_teams();
    const uint32_t rare_node = share_hold(rare, "a", "ann");
    const uint32_t often_node = share_hold(often, "a", "ann");
    struct rng rng;

    rng_init(&rng, 3);
    run(rare, rare_node, 10, 1, T0);
    run(often, often_node, 10, 1, T0);
    for (int64_t at = 1; at < 1000; at++) {
        run(often, often_node, 1, 1, T0 + at * SECOND);
        run(often, often_node, 1, -1, T0 + at * SECOND);
        CHECK(fabs(share_value(often, often_node, T0 + at * SECOND) -
                   share_value(rare, rare_node, T0 + at * SECOND)) < 1e-12,
              "lazily or not");
    }
    share_verify(often, T0 + 2 * HOUR);
    share_destroy(rare);
    share_destroy(often);
}

TEST(share_value__takes_the_dominant_resource) {
    struct share *share = two_teams();
    const struct resources capacity = {
        {[RESOURCE_CPU] = 100 * CORE, [RESOURCE_MEMORY] = 1000, [RESOURCE_PODS] = 10}};
    const struct resources wide = {
        {[RESOURCE_CPU] = 10 * CORE, [RESOURCE_MEMORY] = 300, [RESOURCE_PODS] = 9}};
    const uint32_t ann = share_hold(share, "a", "ann");
    const struct share_charge charge = charge_of(ann, &wide);

    share_set_capacity(share, &capacity);
    share_charge(share, &charge, 1, T0);
    CHECK_EQ(share_explain(share, ann, T0).kind, RESOURCE_MEMORY, "pods do not count");
    CHECK(near(share_value(share, ann, T0), 0.3), "300 of 1000 bytes");
    share_destroy(share);
}

TEST(share_check__keeps_limits_of_users_teams_and_namespaces) {
    const struct share_team teams[] = {
        {.name = "top", .weight = 1, .limits = {.running_max = 3, .waiting_max = 5}},
        {.name = "sub",
         .parent = "top",
         .weight = 1,
         .limits = {.running_max = SHARE_UNLIMITED,
                    .waiting_max = SHARE_UNLIMITED,
                    .resources_max = {.set = RESOURCE_BIT(RESOURCE_CPU),
                                      .amounts = {{[RESOURCE_CPU] = 8 * CORE}}}}},
    };
    const struct share_namespace namespaces[] = {
        {.name = "small", .limits = {.running_max = 1, .waiting_max = SHARE_UNLIMITED}}};
    static const struct {
        const char *what;
        int64_t running[3]; /* cores of jobs that run, in namespace 0 */
        size_t namespace_index;
        int64_t cores;
        enum share_limit limit;
        const char *whose;
        int64_t needs;
        int64_t used;
        int64_t hard;
        bool never;
    } rows[] = {
        {"within all", {3, 2}, 0, 3, SHARE_WITHIN, NULL, 0, 0, 0, false},
        {"over the team's cpu",
         {3, 3},
         0,
         3,
         SHARE_LIMIT_RESOURCES,
         "sub",
         3000,
         6000,
         8000,
         false},
        {"never", {0}, 0, 9, SHARE_LIMIT_RESOURCES, "sub", 9000, 0, 8000, true},
        {"a fourth job of the parent", {1, 1, 1}, 0, 1, SHARE_LIMIT_RUNNING, "top", 1, 3, 3, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct share *share = share_create();
        const struct resources requests = cpu(rows[i].cores);
        struct share_charge charge = {.requests = &requests};
        struct share_answer answer;

        share_configure(share,
                        &(struct share_settings){.half_life_us = HOUR,
                                                 .teams = teams,
                                                 .team_count = 2,
                                                 .namespaces = namespaces,
                                                 .namespace_count = 1},
                        T0);
        share_name_namespace(share, 0, "large");
        share_name_namespace(share, 1, "small");
        charge.node = share_hold(share, "sub", "ann");
        for (size_t j = 0; j < ARRAY_LEN(rows[i].running) && rows[i].running[j] > 0; j++) {
            run(share, charge.node, rows[i].running[j], 1, T0);
        }
        answer = share_check(share, &charge);
        CHECK_EQ(answer.limit, rows[i].limit, rows[i].what);
        if (answer.limit != SHARE_WITHIN) {
            CHECK_STR(share_node(share, answer.node).name, rows[i].whose, rows[i].what);
            CHECK_EQ(answer.needs, rows[i].needs, rows[i].what);
            CHECK_EQ(answer.used, rows[i].used, rows[i].what);
            CHECK_EQ(answer.hard, rows[i].hard, rows[i].what);
            CHECK_EQ(answer.never, rows[i].never, rows[i].what);
        }
        charge.namespace_index = 1;
        share_charge(share, &charge, 1, T0);
        answer = share_check(share, &charge);
        CHECK(answer.of_namespace && answer.limit == SHARE_LIMIT_RUNNING, "the namespace has one");
        CHECK_EQ(share_check_waiting(share, &charge, 5).limit, SHARE_WITHIN, "five may wait");
        CHECK_EQ(share_check_waiting(share, &charge, 6).limit, SHARE_LIMIT_WAITING, "six may not");
        share_wait(share, &charge, 1);
        CHECK_EQ(share_check_waiting(share, &charge, 5).limit, SHARE_LIMIT_WAITING, "one waits");
        share_verify(share, T0);
        share_destroy(share);
    }
}

#define NOMINAL(cores_)                                                                    \
    {                                                                                      \
        .set = RESOURCE_BIT(RESOURCE_CPU), .amounts = { {[RESOURCE_CPU] = (cores_)*CORE} } \
    }
#define UNLIMITED .running_max = SHARE_UNLIMITED, .waiting_max = SHARE_UNLIMITED

/* A cohort of three queues of 20 cores; the first may borrow 30, the second what there is, the
 * third nothing. The cohort itself borrows nothing from the other cohort. */
TEST(share_check__lends_what_siblings_leave) {
    const struct share_team teams[] = {
        {.name = "cohort", .weight = 1, .limits = {UNLIMITED, .borrowing_max = NOMINAL(0)}},
        {.name = "q1",
         .parent = "cohort",
         .weight = 1,
         .limits = {UNLIMITED, .nominal = NOMINAL(20), .borrowing_max = NOMINAL(30)}},
        {.name = "q2",
         .parent = "cohort",
         .weight = 1,
         .limits = {UNLIMITED, .nominal = NOMINAL(20)}},
        {.name = "q3",
         .parent = "cohort",
         .weight = 1,
         .limits = {UNLIMITED, .nominal = NOMINAL(20), .borrowing_max = NOMINAL(0)}},
        {.name = "other", .weight = 1, .limits = {UNLIMITED, .nominal = NOMINAL(100)}},
    };
    static const struct {
        const char *what;
        int64_t running[3];
        const char *queue;
        int64_t cores;
        const char *refused_by; /* NULL: it may start */
        int64_t hard;
    } rows[] = {
        {"its own", {0, 0, 0}, "q1", 20, NULL, 0},
        {"borrowing its 30", {20, 0, 0}, "q1", 30, NULL, 0},
        {"not 31", {20, 0, 0}, "q1", 31, "q1", 50},
        {"all of the cohort", {0, 0, 0}, "q2", 60, NULL, 0},
        {"not from the other cohort", {0, 0, 0}, "q2", 61, "cohort", 60},
        {"what siblings hold is not lent", {0, 25, 20}, "q1", 16, "cohort", 60},
        {"what they leave is", {0, 25, 20}, "q1", 15, NULL, 0},
        {"nothing to borrow", {0, 0, 20}, "q3", 1, "q3", 20},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const char *const queues[] = {"q1", "q2", "q3"};
        struct share *share = share_create();
        const struct resources requests = cpu(rows[i].cores);
        struct share_charge charge = {.requests = &requests};
        struct share_answer answer;

        share_configure(share,
                        &(struct share_settings){
                            .half_life_us = HOUR, .teams = teams, .team_count = ARRAY_LEN(teams)},
                        T0);
        share_name_namespace(share, 0, "ns");
        for (size_t j = 0; j < ARRAY_LEN(queues); j++) {
            if (rows[i].running[j] > 0) {
                run(share, share_hold(share, queues[j], "x"), rows[i].running[j], 1, T0);
            }
        }
        charge.node = share_hold(share, rows[i].queue, "x");
        answer = share_check(share, &charge);
        CHECK_EQ(answer.limit, rows[i].refused_by != NULL ? SHARE_LIMIT_BORROWING : SHARE_WITHIN,
                 rows[i].what);
        if (rows[i].refused_by != NULL) {
            CHECK_STR(share_node(share, answer.node).name, rows[i].refused_by, rows[i].what);
            CHECK_EQ(answer.hard, rows[i].hard * CORE, rows[i].what);
        }
        share_destroy(share);
    }
}

TEST(share_configure__keeps_the_books_when_the_tree_changes) {
    const struct share_team moved[] = {
        {.name = "top", .weight = 3, .limits = SHARE_LIMITS_NONE},
        {.name = "a", .parent = "top", .weight = 1, .limits = SHARE_LIMITS_NONE},
    };
    struct share *share = two_teams();
    const uint32_t ann = share_hold(share, "a", "ann");
    const uint32_t bob = share_hold(share, "b", "bob");

    run(share, ann, 20, 1, T0);
    run(share, bob, 10, 1, T0);
    share_configure(share,
                    &(struct share_settings){.half_life_us = HOUR, .teams = moved, .team_count = 2},
                    T0 + HOUR);
    share_verify(share, T0 + HOUR);
    CHECK_STR(share_node(share, share_parent(share, share_parent(share, ann))).name, "top",
              "a moved below top");
    CHECK(near(share_value(share, share_find(share, "top", NULL), T0 + HOUR), 0.3 / 3),
          "top has what a had");
    CHECK_EQ(share_parent(share, share_parent(share, bob)), SHARE_ROOT, "b is not known any more");
    CHECK(near(share_value(share, share_find(share, "b", NULL), T0 + HOUR), 0.15), "but counts");
    CHECK(share_team_is_within(share, "a", "top") && !share_team_is_within(share, "top", "a"),
          "below, not above");
    share_destroy(share);
}

TEST(share_take_changed__gives_what_restores_the_books) {
    struct share *share = two_teams();
    struct share *again = two_teams();
    const uint32_t ann = share_hold(share, "a", "ann");
    struct share_record record;
    uint32_t node;

    run(share, ann, 20, 1, T0);
    run(share, ann, 10, 1, T0 + HOUR);
    CHECK(share_take_changed(share, T0 + HOUR, &record), "ann's");
    share_restore(again, &record);
    CHECK(!share_take_changed(share, T0 + HOUR, &record), "once");
    node = share_hold(again, "a", "ann");
    run(again, node, 20, 1, 0);
    run(again, node, 10, 1, 0);
    share_settle(again, T0 + 5 * HOUR);
    share_verify(again, T0 + 5 * HOUR);
    CHECK(near(share_value(share, share_parent(share, ann), T0 + 5 * HOUR),
               share_value(again, share_parent(again, node), T0 + 5 * HOUR)),
          "as if there had been no restart");
    run(share, ann, 20, -1, T0 + 6 * HOUR);
    CHECK(share_take_changed(share, T0 + 6 * HOUR, &record) && !record.gone, "each change");
    run(share, ann, 10, -1, T0 + 7 * HOUR);
    share_drop(share, ann);
    CHECK(share_take_changed(share, T0 + 7 * HOUR, &record) && !record.gone, "the past counts");
    share_sweep(share, T0 + 20 * HOUR);
    CHECK(share_find(share, "a", "ann") != SHARE_NONE, "and keeps the user");
    share_sweep(share, T0 + 100 * HOUR);
    CHECK(share_take_changed(share, T0 + 100 * HOUR, &record) && record.gone,
          "the record goes when nothing is left of it,");
    share_sweep(share, T0 + 100 * HOUR);
    CHECK_EQ(share_find(share, "a", "ann"), SHARE_NONE, "then the user");
    share_verify(share, T0 + 100 * HOUR);
    share_destroy(share);
    share_destroy(again);
}

TEST(share_charge__sums_hold_over_random_histories) {
    static const char *const team_names[] = {"a", "b", "c"};
    static const char *const users[] = {"u", "v", "w"};
    struct share *share = two_teams();
    uint32_t nodes[9];
    int64_t running[9] = {0};
    int64_t now_us = T0;
    struct rng rng;

    rng_init(&rng, 11);
    for (size_t i = 0; i < 9; i++) {
        nodes[i] = share_hold(share, team_names[i / 3], users[i % 3]);
    }
    for (size_t step = 0; step < 5000; step++) {
        const size_t at = rng_below(&rng, 9);
        const bool more = running[at] == 0 || rng_below(&rng, 2) == 0;

        now_us += (int64_t)rng_below(&rng, 600) * SECOND - 10 * SECOND; /* also backwards */
        run(share, nodes[at], 3, more ? 1 : -1, now_us);
        running[at] += more ? 1 : -1;
        if (step % 100 == 0) {
            share_verify(share, now_us);
        }
    }
    share_destroy(share);
}

/* What one charge is of an average, by the definition. */
static double held(int64_t from_us, int64_t to_us, int64_t at_us) {
    return exp2(-(double)(at_us - to_us) / HOUR) - exp2(-(double)(at_us - from_us) / HOUR);
}

static void carry(struct share *share, uint32_t node, int64_t cores, int64_t from_us, int64_t to_us,
                  int64_t now_us) {
    const struct resources requests = cpu(cores);

    share_carry(share,
                &(struct share_past){
                    .node = node, .requests = &requests, .from_us = from_us, .to_us = to_us},
                now_us);
}

TEST(share_carry__keeps_used_the_sum_of_what_is_carried_and_remembered) {
    struct share *share = two_teams();
    const uint32_t ann = share_hold(share, "a", "ann");
    const int64_t now_us = T0 + 9 * HOUR;
    struct share_record record;

    run(share, ann, 20, 1, T0);
    run(share, ann, 10, 1, T0 + HOUR);
    run(share, ann, 20, -1, T0 + 3 * HOUR);
    run(share, ann, 7, 1, T0 + 4 * HOUR);
    run(share, ann, 10, -1, T0 + 5 * HOUR);
    carry(share, ann, 20, T0, T0 + 3 * HOUR, T0 + 6 * HOUR);
    carry(share, ann, 10, T0 + HOUR, T0 + 5 * HOUR, T0 + 7 * HOUR);
    CHECK(share_take_changed(share, now_us, &record), "it changed");
    CHECK(fabs(record.used[RESOURCE_CPU] - record.carried[RESOURCE_CPU] -
               7000 * held(T0 + 4 * HOUR, now_us, now_us)) < 1e-8,
          "but for what runs");
    CHECK(fabs(record.carried[RESOURCE_CPU] - 20000 * held(T0, T0 + 3 * HOUR, now_us) -
               10000 * held(T0 + HOUR, T0 + 5 * HOUR, now_us)) < 1e-8,
          "each of them by its time");
    share_destroy(share);
}

TEST(share_doubt__begins_the_accounts_anew) {
    struct share *share = two_teams();
    const struct share_settings day = {.half_life_us = 24 * HOUR};
    const uint32_t ann = share_hold(share, "a", "ann");
    struct share_record record;

    run(share, ann, 20, 1, T0);
    CHECK(share_take_changed(share, T0, &record) && record.since_us == 0 &&
              record.half_life_us == HOUR,
          "as they began");
    share_doubt(share);
    share_settle(share, T0 + HOUR);
    CHECK(share_take_changed(share, T0 + HOUR, &record) && record.since_us == T0 + HOUR, "then");
    CHECK(near(record.carried[RESOURCE_CPU], record.used[RESOURCE_CPU]) &&
              near(record.used[RESOURCE_CPU], 10000),
          "all that was used");
    share_settle(share, T0 + 2 * HOUR);
    CHECK(!share_take_changed(share, T0 + 2 * HOUR, &record), "once");
    run(share, ann, 20, -1, T0 + 3 * HOUR);
    carry(share, ann, 20, T0, T0 + 3 * HOUR, T0 + 3 * HOUR);
    CHECK(share_take_changed(share, T0 + 3 * HOUR, &record), "it changed");
    CHECK(fabs(record.carried[RESOURCE_CPU] - record.used[RESOURCE_CPU]) < 1e-8,
          "what was before then does not count twice");
    share_configure(share, &day, T0 + 4 * HOUR);
    CHECK(share_take_changed(share, T0 + 4 * HOUR, &record) && record.since_us == T0 + 4 * HOUR &&
              record.half_life_us == 24 * HOUR,
          "another half-life begins them anew");
    share_destroy(share);
}
