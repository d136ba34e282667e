/* A plan that remembers gives what one that looks at everything gives, whatever happened before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "policy/plan.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

#define SECOND     INT64_C(1000000)
#define SHAPES     40
#define JOBS_MAX   8
#define NAMESPACES 6
#define NODES      6
#define RUNNING    400
#define STEPS      120
#define SEEDS      300

struct history {
    struct rng rng;
    struct resource_names names;
    struct ledger *ledger;
    struct share *share;
    struct plan *plans[2]; /* one remembers, the other forgets before each pass */
    struct plan_input input;
    struct plan_shape shapes[SHAPES];
    bool is_there[SHAPES];
    uint32_t numbers[SHAPES];
    uint64_t ids[SHAPES][JOBS_MAX];
    struct demand *demands[SHAPES];
    uint64_t next_id;
    struct {
        uint64_t job_id;
        size_t shape;
    } running[RUNNING];
    size_t running_count;
};

static uint64_t below(struct history *history, uint64_t bound) {
    return rng_below(&history->rng, bound);
}

static void put_node(struct history *history, size_t at) {
    char name[16];
    char text[96];
    struct node node;

    (void)snprintf(name, sizeof name, "n%zu", at);
    (void)snprintf(text, sizeof text, "cpu=%d pods=20 @pool=%c%s", 4 + (int)below(history, 8),
                   (char)('a' + at % 2), below(history, 4) == 0 ? " !cordoned" : "");
    node = sample_node(&history->names, name, text);
    ledger_put_node(history->ledger, &node);
    node_finish(&node);
}

static void put_quota(struct history *history, size_t at) {
    char name[2] = {(char)('a' + at), '\0'};
    char text[64];
    struct quota quota;

    (void)snprintf(text, sizeof text, "requests.cpu=%d pods=%d", (int)below(history, 16),
                   2 + (int)below(history, 16));
    quota = sample_quota(&history->names, name, "compute", text);
    ledger_put_quota(history->ledger, &quota);
    quota_finish(&quota);
}

static void set_teams(struct history *history) {
    const struct share_limits none = SHARE_LIMITS_NONE;
    struct share_team teams[] = {
        {.name = "x", .weight = 1, .limits = none},
        {.name = "y", .parent = "x", .weight = 2, .limits = none},
        {.name = "z", .weight = 3, .limits = none},
    };

    for (size_t i = 0; i < ARRAY_LEN(teams); i++) {
        if (below(history, 2) == 0) {
            teams[i].limits.running_max = (int64_t)below(history, 8);
        }
        if (below(history, 3) == 0) {
            teams[i].limits.resources_max.set = RESOURCE_BIT(RESOURCE_CPU);
            teams[i].limits.resources_max.amounts.amount[RESOURCE_CPU] =
                1000 * (int64_t)below(history, 20);
        }
    }
    share_configure(
        history->share,
        &(struct share_settings){.half_life_us = 600 * SECOND, .teams = teams, .team_count = 3},
        history->input.now_us);
    for (size_t i = 0; i < 2; i++) {
        plan_configure(history->plans[i],
                       &(struct order_settings){.mode = (enum order_mode)(history->next_id % 3),
                                                .aging_us = SECOND});
    }
}

static void tell(struct history *history, size_t at) {
    for (size_t i = 0; i < 2; i++) {
        plan_shape_changed(history->plans[i], history->numbers[at]);
    }
}

static void add_shape(struct history *history, size_t at) {
    static const char *const teams[] = {"x", "y", "z"};
    static const char *const users[] = {"u", "v"};
    static const char *const wheres[] = {"", "", "@pool=a", "@pool=b"};
    const char namespace[2] = {(char)('a' + below(history, NAMESPACES)), '\0'};
    struct plan_shape *shape = &history->shapes[at];
    char text[96];

    (void)snprintf(text, sizeof text, "driver*1 main cpu=1 %s | executor*%d main cpu=%d %s",
                   wheres[at % 4], 1 + (int)below(history, 3), 1 + (int)below(history, 3),
                   wheres[at % 4]);
    demand_destroy(history->demands[at]);
    history->demands[at] = sample_demand(&history->names, text);
    *shape = (struct plan_shape){
        .namespace_index = ledger_namespace_index(history->ledger, namespace),
        .demand = history->demands[at],
        .node = share_hold(history->share, teams[below(history, 3)], users[below(history, 2)]),
        .tier = (int32_t)(below(history, 6) == 0),
        .priority = (int32_t)below(history, 3),
        .is_refused = below(history, 20) == 0,
        .job_ids = history->ids[at],
    };
    share_name_namespace(history->share, shape->namespace_index, namespace);
    history->is_there[at] = true;
    for (size_t i = 0; i < 2; i++) {
        history->numbers[at] = plan_add_shape(history->plans[i], shape);
    }
}

static void remove_shape(struct history *history, size_t at) {
    for (size_t i = 0; i < history->running_count; i++) {
        if (history->running[i].shape == at) {
            return; /* Its demand is in use. */
        }
    }
    for (size_t i = 0; i < 2; i++) {
        plan_remove_shape(history->plans[i], history->numbers[at]);
    }
    share_drop(history->share, history->shapes[at].node);
    history->is_there[at] = false;
}

static void add_jobs(struct history *history, size_t at) {
    struct plan_shape *shape = &history->shapes[at];
    uint64_t left[JOBS_MAX];

    memcpy(left, shape->job_ids, shape->job_count * sizeof left[0]);
    memcpy(history->ids[at], left, shape->job_count * sizeof left[0]);
    shape->job_ids = history->ids[at];
    while (shape->job_count < JOBS_MAX && below(history, 3) > 0) {
        history->ids[at][shape->job_count++] = history->next_id++;
    }
    tell(history, at);
}

static void drop_first(struct history *history, size_t at) {
    if (history->shapes[at].job_count > 0) {
        history->shapes[at].job_ids++;
        history->shapes[at].job_count--;
        tell(history, at);
    }
}

static void charge(struct history *history, size_t at, int times) {
    share_charge(history->share,
                 &(struct share_charge){.node = history->shapes[at].node,
                                        .namespace_index = history->shapes[at].namespace_index,
                                        .requests = &history->demands[at]->requests},
                 times, history->input.now_us);
}

static void end_job(struct history *history) {
    size_t at;

    if (history->running_count == 0) {
        return;
    }
    at = below(history, history->running_count);
    ledger_release(history->ledger, history->running[at].job_id);
    charge(history, history->running[at].shape, -1);
    history->running[at] = history->running[--history->running_count];
}

static void happen(struct history *history) {
    const size_t at = below(history, SHAPES);

    history->input.now_us += (int64_t)below(history, 300) * SECOND;
    switch (below(history, 12)) {
    case 0:
        put_node(history, below(history, NODES));
        break;
    case 1:
        put_quota(history, below(history, NAMESPACES));
        break;
    case 2:
        if (below(history, 6) == 0) {
            set_teams(history);
        }
        break;
    case 3:
        if (history->is_there[at]) {
            remove_shape(history, at);
        }
        break;
    case 4:
        if (history->is_there[at]) {
            drop_first(history, at);
        }
        break;
    case 5:
    case 6:
    case 7:
        end_job(history);
        break;
    default:
        if (!history->is_there[at]) {
            add_shape(history, at);
        }
        add_jobs(history, at);
        break;
    }
}

/* The starts, and the jobs that wait, as text. */
static void print_pass(const struct history *history, const struct plan *plan, char *out_text,
                       size_t bytes_max) {
    size_t used = 0;

    for (size_t i = 0; i < plan_start_count(plan); i++) {
        used += (size_t)snprintf(out_text + used, bytes_max - used, "%llu ",
                                 (unsigned long long)plan_starts(plan)[i].job_id);
    }
    used += (size_t)snprintf(out_text + used, bytes_max - used, "|");
    for (size_t i = 0; i < SHAPES; i++) {
        if (history->is_there[i]) {
            used +=
                (size_t)snprintf(out_text + used, bytes_max - used, " %llu",
                                 (unsigned long long)plan_waiting_job(plan, history->numbers[i]));
        }
    }
}

/* One of the two may not have come to a shape, or has remembered more of it. */
static bool is_own(const struct plan_wait *wait) {
    return wait->job_id != 0 && wait->reason.code != REASON_BEHIND &&
           wait->reason.code != REASON_START_RATE;
}

static void compare_reasons(const struct history *history, const char *what) {
    for (size_t i = 0; i < SHAPES; i++) {
        struct plan_wait waits[2];

        for (size_t j = 0; j < 2 && history->is_there[i]; j++) {
            waits[j] = plan_wait(history->plans[j], history->numbers[i]);
        }
        if (history->is_there[i] && is_own(&waits[0]) && is_own(&waits[1])) {
            CHECK_STR(reason_code_text((enum reason_code)waits[0].reason.code),
                      reason_code_text((enum reason_code)waits[1].reason.code), what);
        }
    }
}

static void run_both(struct history *history, const char *what) {
    static const size_t bytes = 8192;
    char *texts[2] = {mem_alloc(bytes, 1), mem_alloc(bytes, 1)};

    for (size_t i = 0; i < 2; i++) {
        if (i == 1) {
            plan_forget(history->plans[i]);
        }
        plan_run(history->plans[i], &history->input);
        plan_verify(history->plans[i], &history->input);
        print_pass(history, history->plans[i], texts[i], bytes);
    }
    CHECK_STR(texts[0], texts[1], what);
    compare_reasons(history, what);
    free(texts[0]);
    free(texts[1]);
}

static void admit(struct history *history) {
    const size_t count = plan_start_count(history->plans[0]);

    for (size_t i = 0; i < count; i++) {
        const struct plan_start start = plan_starts(history->plans[0])[i];
        size_t at = 0;

        while (!history->is_there[at] || history->numbers[at] != start.shape) {
            at++;
        }
        CHECK(history->running_count < RUNNING, "room in the test");
        history->running[history->running_count].job_id = start.job_id;
        history->running[history->running_count++].shape = at;
        ledger_reserve(history->ledger, start.job_id,
                       ledger_namespace(history->ledger, history->shapes[at].namespace_index)->name,
                       history->demands[at]);
        charge(history, at, 1);
        history->shapes[at].job_ids++;
        history->shapes[at].job_count--;
    }
    for (size_t at = 0; at < SHAPES; at++) {
        if (history->is_there[at]) {
            tell(history, at);
        }
    }
}

static void history_init(struct history *history, uint64_t seed) {
    memset(history, 0, sizeof *history);
    rng_init(&history->rng, seed);
    history->next_id = seed;
    history->ledger = ledger_create();
    history->share = share_create();
    history->input = (struct plan_input){
        .ledger = history->ledger, .now_us = 1000000 * SECOND, .starts_max = 1 + seed % 7};
    for (size_t i = 0; i < 2; i++) {
        history->plans[i] = plan_create(history->share, NULL, NULL);
    }
    for (size_t i = 0; i < NODES; i++) {
        put_node(history, i);
    }
    for (size_t i = 0; i < NAMESPACES; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        share_name_namespace(history->share, ledger_namespace_index(history->ledger, name), name);
        if (i % 3 > 0) {
            put_quota(history, i);
        }
    }
    set_teams(history);
}

static void history_finish(struct history *history) {
    for (size_t i = 0; i < 2; i++) {
        plan_destroy(history->plans[i]);
    }
    share_destroy(history->share);
    ledger_destroy(history->ledger);
    for (size_t i = 0; i < SHAPES; i++) {
        demand_destroy(history->demands[i]);
    }
    resource_names_finish(&history->names);
}

TEST(plan_run__remembers_what_a_full_pass_would_find) {
    size_t started = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct history *history = mem_alloc(1, sizeof *history);
        char what[48];

        history_init(history, seed);
        for (int step = 0; step < STEPS; step++) {
            (void)snprintf(what, sizeof what, "seed %d, step %d", (int)seed, step);
            happen(history);
            run_both(history, what);
            started += plan_start_count(history->plans[0]);
            admit(history);
            share_verify(history->share, history->input.now_us);
        }
        history_finish(history);
        free(history);
    }
    CHECK(started > SEEDS, "jobs do start");
}
