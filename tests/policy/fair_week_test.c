/* Fairness over a simulated week: the order and the shares alone, on one big machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "policy/heap.h"
#include "policy/order.h"
#include "policy/share.h"
#include "tests/test.h"

#define SECOND  INT64_C(1000000)
#define MINUTE  (60 * SECOND)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define T0      (1000 * DAY)
#define CORE    1000
#define CORES   1000
#define JOB_MAX 4 /* cores */
#define USERS   6
#define RUNNING 2048

/* A user has one shape for each size of job; its queue never ends unless it is idle. */
struct user {
    const char *team;
    const char *name;
    double weight; /* of all users, by the weights on the way down */
    uint32_t node;
    bool is_idle;
    double core_seconds; /* used since the warm-up */
    int64_t waits_since; /* its last start */
    int64_t longest_wait;
};

struct running {
    struct heap_item item;
    int64_t ends_us;
    uint64_t id;
    size_t user;
    int64_t cores;
};

struct week {
    struct rng rng;
    struct share *share;
    struct order *order;
    int64_t now_us;
    int64_t counted_from_us;
    int64_t cores;
    int64_t free_cores;
    uint64_t next_id;
    struct user users[USERS];
    size_t user_count;
    int64_t cores_of[USERS]; /* of the job on offer */
    struct heap ends;
    struct running jobs[RUNNING];
};

static bool ends_before(void *context, const struct heap_item *a, const struct heap_item *b) {
    const struct running *x = (const struct running *)a;
    const struct running *y = (const struct running *)b;

    (void)context;
    return x->ends_us != y->ends_us ? x->ends_us < y->ends_us : x->id < y->id;
}

static void charge(struct week *week, const struct running *job, int times) {
    const struct resources requests = {{[RESOURCE_CPU] = job->cores * CORE, [RESOURCE_PODS] = 1}};

    share_charge(week->share,
                 &(struct share_charge){.node = week->users[job->user].node,
                                        .namespace_index = 0,
                                        .requests = &requests},
                 times, week->now_us);
}

/* The user's next job is on offer. */
static void offer(struct week *week, size_t user) {
    week->cores_of[user] = 1 + (int64_t)rng_below(&week->rng, JOB_MAX);
    order_offer(week->order, (uint32_t)user, week->next_id++, week->now_us);
}

static void start(struct week *week, size_t user) {
    struct running *job = week->jobs;
    struct user *who = &week->users[user];

    while (job->item.place != 0) { /* One is free: they need a core each, and more on average. */
        job++;
    }
    job->user = user;
    job->cores = week->cores_of[user];
    job->id = week->next_id;
    job->ends_us = week->now_us + MINUTE + (int64_t)rng_below(&week->rng, 30) * MINUTE;
    week->free_cores -= job->cores;
    charge(week, job, 1);
    heap_push(&week->ends, &job->item);
    /* Counted whole at its start; what lies beyond the end of the week is little. */
    who->core_seconds +=
        week->now_us >= week->counted_from_us
            ? (double)job->cores * (double)(job->ends_us - week->now_us) / (double)SECOND
            : 0;
    who->longest_wait = week->now_us - who->waits_since > who->longest_wait
                            ? week->now_us - who->waits_since
                            : who->longest_wait;
    who->waits_since = week->now_us;
    order_charged(week->order, (uint32_t)user);
    offer(week, user);
}

/* The first in order goes first; nobody passes by one that does not fit. */
static void run_pass(struct week *week) {
    uint32_t user;

    order_begin(week->order, week->now_us);
    while ((user = order_next(week->order)) != ORDER_NONE &&
           week->cores_of[user] <= week->free_cores) {
        start(week, user);
    }
}

static void end_next(struct week *week) {
    struct running *job = (struct running *)heap_top(&week->ends);

    week->now_us = job->ends_us;
    heap_remove(&week->ends, &job->item);
    charge(week, job, -1);
    week->free_cores += job->cores;
}

static void run_until(struct week *week, int64_t until_us) {
    while (week->ends.count > 0 && ((struct running *)heap_top(&week->ends))->ends_us < until_us) {
        end_next(week);
        run_pass(week);
    }
    week->now_us = until_us;
}

static void week_init(struct week *week, const struct share_team *teams, size_t team_count,
                      int64_t half_life_us, int64_t cores, uint64_t seed) {
    const struct resources capacity = {{[RESOURCE_CPU] = cores * CORE}};

    memset(week, 0, sizeof *week);
    rng_init(&week->rng, seed);
    week->now_us = T0;
    week->next_id = 1;
    week->cores = week->free_cores = cores;
    week->ends.before = ends_before;
    week->share = share_create();
    share_configure(week->share,
                    &(struct share_settings){
                        .half_life_us = half_life_us, .teams = teams, .team_count = team_count},
                    T0);
    share_set_capacity(week->share, &capacity);
    share_name_namespace(week->share, 0, "ns");
    week->order = order_create(week->share);
    order_configure(week->order, &(struct order_settings){.mode = ORDER_FAIR});
}

static void add_user(struct week *week, const char *team, const char *name, double weight) {
    const size_t at = week->user_count++;

    week->users[at] = (struct user){.team = team,
                                    .name = name,
                                    .weight = weight,
                                    .node = share_hold(week->share, team, name),
                                    .waits_since = T0};
    order_add(week->order, (uint32_t)at, &(struct order_shape){.node = week->users[at].node});
    offer(week, at);
}

static void week_finish(struct week *week) {
    order_destroy(week->order);
    share_destroy(week->share);
    heap_finish(&week->ends);
}

/* Three teams of weights 1, 2 and 5; users of the second weigh 1 and 3. */
static void three_teams(struct week *week, int64_t cores, uint64_t seed) {
    static const struct share_user users[] = {{.name = "light", .weight = 1},
                                              {.name = "heavy", .weight = 3}};
    const struct share_team teams[] = {
        {.name = "a", .weight = 1, .limits = SHARE_LIMITS_NONE},
        {.name = "b", .weight = 2, .limits = SHARE_LIMITS_NONE, .users = users, .user_count = 2},
        {.name = "top", .weight = 5, .limits = SHARE_LIMITS_NONE},
        {.name = "c", .parent = "top", .weight = 1, .limits = SHARE_LIMITS_NONE},
        {.name = "d", .parent = "top", .weight = 4, .limits = SHARE_LIMITS_NONE},
    };

    week_init(week, teams, ARRAY_LEN(teams), DAY / 2, cores, seed);
    add_user(week, "a", "one", 1.0 / 8);
    add_user(week, "b", "light", 2.0 / 8 / 4);
    add_user(week, "b", "heavy", 2.0 / 8 * 3 / 4);
    add_user(week, "c", "one", 5.0 / 8 / 5);
    add_user(week, "d", "one", 5.0 / 8 * 4 / 5 / 2);
    add_user(week, "d", "two", 5.0 / 8 * 4 / 5 / 2);
}

TEST_WITHIN(order__honours_weights_over_a_week, 60) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct week *week = mem_alloc(1, sizeof *week);
        double all = 0;
        double most = 0;
        double least = 1e300;

        three_teams(week, CORES, seed);
        week->counted_from_us = T0 + DAY;
        run_pass(week);
        run_until(week, T0 + 8 * DAY);
        for (size_t i = 0; i < week->user_count; i++) {
            all += week->users[i].core_seconds;
        }
        for (size_t i = 0; i < week->user_count; i++) {
            const struct user *user = &week->users[i];
            const double by_weight = user->core_seconds / (7 * 86400) / user->weight;

            CHECK(fabs(user->core_seconds / all / user->weight - 1) < 0.02,
                  "each user's part is its weight's, within 2 %");
            CHECK(user->longest_wait < 12 * HOUR, "nobody starves");
            most = by_weight > most ? by_weight : most;
            least = by_weight < least ? by_weight : least;
        }
        /* No envy beyond one job: of the lightest user, it is JOB_MAX cores by its weight. */
        CHECK((most - least) * week->users[1].weight < JOB_MAX, "no envy beyond one job");
        CHECK(all > 0.97 * CORES * 7 * 86400, "and little of the machine is idle");
        week_finish(week);
        free(week);
    }
}

/* What a user's average is off by is a part of a job, whatever the cluster's size: of 200 cores the
 * lightest user's twelve and a half are few jobs, and 2 % of them less than a core. */
TEST_WITHIN(order__is_off_by_a_part_of_a_job_whatever_the_size, 60) {
    static const int64_t sizes[] = {100, 200, 1000, 2500};
    double off[ARRAY_LEN(sizes)] = {0};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct week *week = mem_alloc(1, sizeof *week);
        double all = 0;

        three_teams(week, sizes[i], 7);
        week->counted_from_us = T0 + DAY;
        run_pass(week);
        run_until(week, T0 + 8 * DAY);
        for (size_t u = 0; u < week->user_count; u++) {
            all += week->users[u].core_seconds;
        }
        for (size_t u = 0; u < week->user_count; u++) {
            const struct user *user = &week->users[u];
            const double cores = (user->core_seconds - all * user->weight) / (7 * 86400);

            CHECK(fabs(cores) < JOB_MAX / 4.0, "a quarter of the largest job at most");
            off[i] = fmax(off[i], fabs(user->core_seconds / all / user->weight - 1));
        }
        week_finish(week);
        free(week);
    }
    CHECK(off[2] < 0.02 && off[3] < 0.01, "so it is within 2 % where jobs are small");
}

TEST(order__lends_what_is_idle_and_gets_it_back) {
    struct week *week = mem_alloc(1, sizeof *week);
    const struct share_team teams[] = {
        {.name = "a", .weight = 1, .limits = SHARE_LIMITS_NONE},
        {.name = "b", .weight = 1, .limits = SHARE_LIMITS_NONE},
    };
    int64_t of_a;

    week_init(week, teams, 2, HOUR, CORES, 9);
    add_user(week, "a", "one", 0.5);
    add_user(week, "b", "one", 0.5);
    order_withdraw(week->order, 1);
    run_pass(week);
    run_until(week, T0 + DAY);
    of_a = share_node(week->share, share_find(week->share, "a", NULL)).running->amount[0];
    CHECK(of_a > (CORES - JOB_MAX) * CORE, "a has all of it");
    offer(week, 1);
    run_pass(week);
    run_until(week, T0 + DAY + 31 * MINUTE); /* The longest of a's jobs have ended. */
    of_a = share_node(week->share, share_find(week->share, "a", NULL)).running->amount[0];
    CHECK(of_a < CORES / 2 * CORE, "b has its half, and makes up for what it did not use");
    run_until(week, T0 + 2 * DAY);
    of_a = share_node(week->share, share_find(week->share, "a", NULL)).running->amount[0];
    CHECK(llabs(of_a - CORES / 2 * CORE) < CORES / 10 * CORE, "a day later both have half");
    week_finish(week);
    free(week);
}

/* One user whose jobs of priority 10 never end, and one of its jobs of priority 0. */
TEST(order__lets_the_old_go_before_the_important) {
    struct share *share = share_create();
    struct order *order = order_create(share);
    const uint32_t node = share_hold(share, "a", "one");
    int64_t now_us = T0;
    uint64_t id = 2;

    order_configure(order, &(struct order_settings){.mode = ORDER_FAIR, .aging_us = MINUTE});
    order_add(order, 0, &(struct order_shape){.node = node, .priority = 0});
    order_add(order, 1, &(struct order_shape){.node = node, .priority = 10});
    order_offer(order, 0, 1, T0);
    for (;; now_us += 30 * SECOND) {
        order_offer(order, 1, id++, now_us);
        order_begin(order, now_us);
        if (order_next(order) == 0) {
            break;
        }
        order_withdraw(order, 1);
    }
    CHECK_EQ(now_us, T0 + 10 * MINUTE, "when it is ten points older");
    order_destroy(order);
    share_destroy(share);
}
