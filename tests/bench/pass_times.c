/* How long a pass takes: order, limits, quotas and nodes, without the core around them.
 *
 *     pass_times JOBS [EVENTS]
 *
 * JOBS waiting jobs in JOBS/100 shapes, of JOBS/1000 namespaces; each namespace is a team's (twenty
 * teams above them all), with two users of five shapes each. JOBS/100 nodes of 64 cores in three
 * zones; gangs of one to four pods of one to four cores, one in eight asks for a zone. The order
 * is by fair shares. One line of JSON; times in microseconds, of a single thread:
 *
 *     full_quota_us   nothing fits into the quotas: a pass that looks at everything
 *     full_nodes_us   nothing fits onto the nodes: the same
 *     full_never_us   every shape is looked at, and none could ever start
 *     admitted        jobs that a pass of an empty cluster starts, and how many in a second
 *     arrive, end, node   p50 and p99 of a pass after one event on the full cluster: a job arrives
 *                         (mostly one of a new shape), a job ends (and another one starts), a
 *                         node is cordoned or back
 *     easy_..., conservative_...   the same with backfill, when all run times are known: the first
 *                         pass; those after one event; and the slices of looks at everything,
 *                         which go on in between
 *     rss_mib         memory, of the process
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/plan.h"
#include "policy/share.h"

#define JOBS_PER_SHAPE   100
#define SHAPES_PER_SPACE 10
#define TEAMS_ABOVE      20
#define DEMANDS          256
#define GIB              (INT64_C(1) << 30)
#define DAY_US           (24 * 3600 * CLOCK_US_PER_SECOND)
#define FULL_RUNS        5
#define SLICES_BETWEEN   20

/* A gang that was admitted: its pods are bound at once. */
struct running {
    uint64_t job_id;
    size_t shape;
    char *pod_nodes[4];
    size_t pod_count;
};

struct bench {
    size_t shape_count;
    size_t space_count;
    size_t node_count;
    uint64_t next_id;
    int64_t now_us;
    struct rng rng;
    struct resource_names names;
    struct ledger *ledger;
    struct share *share;
    struct plan *plan;
    struct plan_shape *shapes;
    uint64_t **ids; /* of each shape, to be freed */
    struct demand *demands[DEMANDS];
    struct running *running;
    size_t running_count;
    size_t running_room;
    struct plan_backfill backfill;
};

static int64_t clock_us(void) {
    return clock_sample().mono_us;
}

static void space_name(size_t space, char out_name[32]) {
    (void)snprintf(out_name, 32, "ns-%05zu", space);
}

/* --- The cluster and the queue --------------------------------------------------------------- */

static void put_node(struct bench *bench, size_t at, bool unschedulable) {
    const char zone[2] = {(char)('a' + at % 3), '\0'};
    char name[32];
    struct node node;

    (void)snprintf(name, sizeof name, "node-%06zu", at);
    node_init(&node, name);
    node.ready = true;
    node.unschedulable = unschedulable;
    node.allocatable.amount[RESOURCE_CPU] = 64000;
    node.allocatable.amount[RESOURCE_MEMORY] = 256 * GIB;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    node_add_label(&node, "zone", zone);
    ledger_put_node(bench->ledger, &node);
    node_finish(&node);
}

static void put_quota(struct bench *bench, size_t space, const char *hard) {
    char name[32];
    struct quota quota;

    space_name(space, name);
    quota_init(&quota, name, "compute");
    ENSURE(quota_add_item(&quota, &bench->names, "requests.cpu", hard, "0") == OK);
    ENSURE(quota_add_item(&quota, &bench->names, "requests.memory", "1Pi", "0") == OK);
    ENSURE(quota_add_item(&quota, &bench->names, "pods", "100000", "0") == OK);
    ledger_put_quota(bench->ledger, &quota);
    quota_finish(&quota);
}

static struct demand *make_demand(struct bench *bench, size_t at) {
    struct demand *demand = demand_create();
    const uint32_t pods = 1 + (uint32_t)rng_below(&bench->rng, 4);

    for (unsigned role = 0; role < 2 && (role == 0 || pods > 1); role++) {
        struct pod_group *group = demand_add_group(
            demand, role == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR, role == 0 ? 1 : pods - 1);
        struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

        container_demand_request(container, RESOURCE_CPU,
                                 1000 * (1 + (int64_t)rng_below(&bench->rng, 4)));
        container_demand_request(container, RESOURCE_MEMORY,
                                 GIB * (1 + (int64_t)rng_below(&bench->rng, 8)));
        if (at % 8 == 0) {
            pod_demand_add_selector(&group->pod, "zone", "b");
        }
    }
    demand_settle(demand);
    return demand;
}

static void set_up_teams(struct bench *bench) {
    const size_t count = TEAMS_ABOVE + bench->space_count;
    struct share_team *teams = mem_alloc(count, sizeof *teams);
    char(*names)[32] = mem_alloc(count, sizeof *names);

    for (size_t i = 0; i < count; i++) {
        const bool is_above = i < TEAMS_ABOVE;

        (void)snprintf(names[i], sizeof names[i], is_above ? "area-%zu" : "team-%zu",
                       is_above ? i : i - TEAMS_ABOVE);
        teams[i] = (struct share_team){.name = names[i],
                                       .parent = is_above ? NULL : names[i % TEAMS_ABOVE],
                                       .weight = 1 + (double)(i % 3),
                                       .limits = SHARE_LIMITS_NONE};
    }
    share_configure(
        bench->share,
        &(struct share_settings){.half_life_us = 7 * DAY_US, .teams = teams, .team_count = count},
        bench->now_us);
    free(teams);
    free(names);
}

static void add_shape(struct bench *bench, size_t at) {
    const size_t space = at / SHAPES_PER_SPACE;
    struct plan_shape *shape = &bench->shapes[at];
    char name[32];
    char team[32];

    space_name(space, name);
    (void)snprintf(team, sizeof team, "team-%zu", space);
    bench->ids[at] = mem_alloc(2 * JOBS_PER_SHAPE, sizeof **bench->ids);
    for (size_t i = 0; i < JOBS_PER_SHAPE; i++) {
        bench->ids[at][i] = bench->next_id + i * bench->shape_count + at;
    }
    *shape = (struct plan_shape){
        .namespace_index = ledger_namespace_index(bench->ledger, name),
        .demand = bench->demands[rng_below(&bench->rng, DEMANDS)],
        .node = share_hold(bench->share, team, at % 2 == 0 ? "ann" : "bob"),
        .priority = (int32_t)rng_below(&bench->rng, 3),
        .job_ids = bench->ids[at],
        .job_count = JOBS_PER_SHAPE,
    };
    share_name_namespace(bench->share, shape->namespace_index, name);
    ENSURE(plan_add_shape(bench->plan, shape) == at);
}

static void set_up(struct bench *bench, size_t jobs) {
    bench->shape_count = jobs / JOBS_PER_SHAPE;
    bench->space_count = bench->shape_count / SHAPES_PER_SPACE;
    bench->node_count = jobs / 100;
    bench->next_id = 1;
    bench->now_us = 1000 * DAY_US;
    rng_init(&bench->rng, 1);
    bench->ledger = ledger_create();
    bench->share = share_create();
    bench->plan = plan_create(bench->share, NULL, NULL);
    plan_configure(bench->plan, &(struct order_settings){.mode = ORDER_FAIR});
    set_up_teams(bench);
    for (size_t i = 0; i < DEMANDS; i++) {
        bench->demands[i] = make_demand(bench, i);
    }
    for (size_t i = 0; i < bench->node_count; i++) {
        put_node(bench, i, false);
    }
    bench->shapes = mem_alloc(bench->shape_count, sizeof *bench->shapes);
    bench->ids = mem_alloc(bench->shape_count, sizeof *bench->ids);
    for (size_t i = 0; i < bench->shape_count; i++) {
        add_shape(bench, i);
    }
    bench->next_id += jobs;
}

static void tear_down(struct bench *bench) {
    plan_destroy(bench->plan);
    share_destroy(bench->share);
    ledger_destroy(bench->ledger);
    for (size_t i = 0; i < bench->shape_count; i++) {
        free(bench->ids[i]);
    }
    for (size_t i = 0; i < DEMANDS; i++) {
        demand_destroy(bench->demands[i]);
    }
    for (size_t i = 0; i < bench->running_count; i++) {
        for (size_t j = 0; j < bench->running[i].pod_count; j++) {
            free(bench->running[i].pod_nodes[j]);
        }
    }
    free(bench->shapes);
    free(bench->ids);
    free(bench->running);
    resource_names_finish(&bench->names);
}

/* From one to ten hours. */
static int64_t runtime_us(const void *context, uint64_t job_id) {
    (void)context;
    return (int64_t)(1 + job_id * UINT64_C(0x9e3779b97f4a7c15) % 36000) * CLOCK_US_PER_SECOND;
}

/* --- Passes ---------------------------------------------------------------------------------- */

static int64_t run_pass(struct bench *bench, size_t starts_max, bool is_idle) {
    const int64_t start_us = clock_us();

    plan_run(bench->plan, &(struct plan_input){.ledger = bench->ledger,
                                               .now_us = bench->now_us,
                                               .starts_max = starts_max,
                                               .is_idle = is_idle,
                                               .backfill = bench->backfill,
                                               .runtime_us = runtime_us});
    return clock_us() - start_us;
}

static int64_t time_full(struct bench *bench) {
    int64_t best_us = INT64_MAX;

    for (int i = 0; i < FULL_RUNS; i++) {
        int64_t start_us = clock_us();
        int64_t took_us;

        plan_forget(bench->plan);
        (void)run_pass(bench, SIZE_MAX, false);
        took_us = clock_us() - start_us;
        best_us = took_us < best_us ? took_us : best_us;
        ENSURE(plan_start_count(bench->plan) == 0);
    }
    return best_us;
}

static void put_quotas(struct bench *bench, const char *hard) {
    for (size_t i = 0; i < bench->space_count; i++) {
        put_quota(bench, i, hard);
    }
}

static void charge(struct bench *bench, size_t shape, int times) {
    share_charge(bench->share,
                 &(struct share_charge){.node = bench->shapes[shape].node,
                                        .namespace_index = bench->shapes[shape].namespace_index,
                                        .requests = &bench->shapes[shape].demand->requests},
                 times, bench->now_us);
}

static void put_pod(struct bench *bench, const struct running *running, size_t pod,
                    const struct pod_group *group, bool gone) {
    char uid[48];
    char name[32];

    (void)snprintf(uid, sizeof uid, "%" PRIu64 "-%zu", running->job_id, pod);
    space_name(running->shape / SHAPES_PER_SPACE, name);
    if (gone) {
        ledger_remove_pod(bench->ledger, uid);
        return;
    }
    ledger_put_pod(bench->ledger, &(struct ledger_pod){.uid = uid,
                                                       .namespace = name,
                                                       .node = running->pod_nodes[pod],
                                                       .job_id = running->job_id,
                                                       .role = group->role,
                                                       .demand = &group->pod});
}

/* What the core and the cluster would do about a start: pods are bound where the pass saw room. */
static void admit(struct bench *bench, size_t start) {
    const struct plan_start what = plan_starts(bench->plan)[start];
    const struct demand *demand = bench->shapes[what.shape].demand;
    struct running running = {.job_id = what.job_id, .shape = what.shape};
    size_t run_count;
    const struct place_run *runs = plan_start_runs(bench->plan, start, &run_count);
    char name[32];

    for (size_t i = 0; i < run_count; i++) {
        for (uint32_t j = 0; j < runs[i].count; j++) {
            running.pod_nodes[running.pod_count++] =
                mem_copy_text(plan_node(bench->plan, runs[i].node)->name);
        }
    }
    space_name(what.shape / SHAPES_PER_SPACE, name);
    ledger_reserve(bench->ledger, what.job_id, name, (struct demand *)(uintptr_t)demand);
    charge(bench, what.shape, 1);
    ledger_expect(bench->ledger, what.job_id,
                  &(struct ledger_stay){.started_us = bench->now_us,
                                        .runtime_us = runtime_us(NULL, what.job_id)});
    for (size_t i = 0, pod = 0; i < run_count; i++) {
        for (uint32_t j = 0; j < runs[i].count; j++, pod++) {
            put_pod(bench, &running, pod, &demand->groups[runs[i].group], false);
        }
    }
    if (bench->running_count == bench->running_room) {
        bench->running_room = 2 * bench->running_room + 16;
        bench->running = mem_grow(bench->running, bench->running_room, sizeof *bench->running);
    }
    bench->running[bench->running_count++] = running;
    bench->shapes[what.shape].job_ids++;
    bench->shapes[what.shape].job_count--;
}

static void admit_all(struct bench *bench) {
    const size_t count = plan_start_count(bench->plan);
    uint32_t *touched = mem_alloc(count + 1, sizeof *touched);

    for (size_t i = 0; i < count; i++) {
        touched[i] = plan_starts(bench->plan)[i].shape;
        admit(bench, i);
    }
    for (size_t i = 0; i < count; i++) {
        plan_shape_changed(bench->plan, touched[i]);
    }
    free(touched);
}

/* --- Events ---------------------------------------------------------------------------------- */

static void end_one(struct bench *bench) {
    struct running running;
    size_t at;

    if (bench->running_count == 0) {
        return; /* A small cluster may be through. */
    }
    at = rng_below(&bench->rng, bench->running_count);
    running = bench->running[at];

    for (size_t i = 0; i < running.pod_count; i++) {
        put_pod(bench, &running, i, NULL, true);
        free(running.pod_nodes[i]);
    }
    ledger_release(bench->ledger, running.job_id);
    charge(bench, running.shape, -1);
    bench->running[at] = bench->running[--bench->running_count];
}

/* The shape's first jobs were started or are cancelled, and a new one comes: as if it were new. */
static void arrive_one(struct bench *bench) {
    const size_t at = rng_below(&bench->rng, bench->shape_count);
    struct plan_shape *shape = &bench->shapes[at];

    if (shape->job_count == 0 || shape->job_ids != bench->ids[at]) {
        shape->job_ids = bench->ids[at];
        shape->job_count = JOBS_PER_SHAPE;
    }
    for (size_t i = 0; i < shape->job_count; i++) {
        bench->ids[at][i] = bench->next_id++;
    }
    plan_shape_changed(bench->plan, (uint32_t)at);
}

static void toggle_node(struct bench *bench) {
    const size_t at = rng_below(&bench->rng, bench->node_count);

    put_node(bench, at, rng_below(&bench->rng, 2) == 0);
}

static int compare(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

static void print_times(const char *name, int64_t *took_us, size_t count, size_t starts) {
    qsort(took_us, count, sizeof *took_us, compare);
    (void)printf(", \"%s\": {\"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64 ", \"max_us\": %" PRId64
                 ", \"starts\": %zu}",
                 name, took_us[count / 2], took_us[count * 99 / 100], took_us[count - 1], starts);
}

/* Times of one kind of pass. */
struct times {
    int64_t *us;
    size_t count;
    size_t starts;
};

static void note_pass(struct bench *bench, struct times *times, int64_t took_us) {
    times->us = mem_grow(times->us, times->count + 1, sizeof *times->us);
    times->us[times->count++] = took_us;
    times->starts += plan_start_count(bench->plan);
    admit_all(bench);
}

static void print_and_free(const char *name, const char *what, struct times *times) {
    char text[64];

    (void)snprintf(text, sizeof text, "%s%s", name, what);
    if (times->count > 0) {
        print_times(text, times->us, times->count, times->starts);
    }
    free(times->us);
}

/* A tenth of a second goes by between two events, and so many slices of a look at everything: more
 * than one event comes while it is under way. */
static void time_events(struct bench *bench, const char *name, size_t count,
                        void (*happen)(struct bench *bench)) {
    struct times events = {0};
    struct times slices = {0};

    for (size_t i = 0; i < count; i++) {
        int64_t start_us;

        bench->now_us += CLOCK_US_PER_SECOND / 10;
        for (int j = 0; j < SLICES_BETWEEN && plan_due_us(bench->plan) <= bench->now_us; j++) {
            note_pass(bench, &slices, run_pass(bench, 64, true));
        }
        start_us = clock_us();
        happen(bench);
        (void)run_pass(bench, 64, false);
        note_pass(bench, &events, clock_us() - start_us);
    }
    print_and_free(name, "", &events);
    print_and_free(name, "_slice", &slices);
}

static void time_backfill(struct bench *bench, enum plan_backfill_mode mode, size_t count) {
    const char *name = plan_backfill_text(mode);
    char text[64];

    plan_forget(bench->plan);
    bench->backfill = (struct plan_backfill){.mode = mode,
                                             .promises_max = 32,
                                             .jobs_max = 1000,
                                             .instants_max = 1000,
                                             .ends_max = 10000,
                                             .event_steps = LIMIT_BACKFILL_EVENT_STEPS,
                                             .slice_steps = LIMIT_BACKFILL_SLICE_STEPS,
                                             .every_us = 5 * CLOCK_US_PER_SECOND,
                                             .horizon_us = 7 * DAY_US};
    (void)printf(", \"%s_first_us\": %" PRId64, name, run_pass(bench, 64, false));
    admit_all(bench);
    (void)snprintf(text, sizeof text, "%s_arrive", name);
    time_events(bench, text, count, arrive_one);
    (void)snprintf(text, sizeof text, "%s_end", name);
    time_events(bench, text, count, end_one);
    bench->backfill.mode = PLAN_BACKFILL_NONE;
    (void)run_pass(bench, SIZE_MAX, false);
    admit_all(bench);
}

static double rss_mib(void) {
    struct rusage usage;

    ENSURE(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)usage.ru_maxrss / 1024;
}

int main(int argc, char **argv) {
    const size_t jobs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    const size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    struct bench bench = {0};
    int64_t took_us;
    size_t count;

    ENSURE(jobs >= JOBS_PER_SHAPE * SHAPES_PER_SPACE);
    set_up(&bench, jobs);
    (void)printf("{\"jobs\": %zu, \"shapes\": %zu, \"nodes\": %zu, \"namespaces\": %zu", jobs,
                 bench.shape_count, bench.node_count, bench.space_count);
    put_quotas(&bench, "500m");
    (void)printf(", \"full_never_us\": %" PRId64, time_full(&bench));
    put_quotas(&bench, "1000");
    took_us = run_pass(&bench, SIZE_MAX, false);
    count = plan_start_count(bench.plan);
    (void)printf(", \"admitted\": %zu, \"admitted_per_second\": %.0f", count,
                 (double)count * 1e6 / (double)(took_us > 0 ? took_us : 1));
    admit_all(&bench);
    (void)run_pass(&bench, SIZE_MAX, false);
    admit_all(&bench);
    (void)printf(", \"full_nodes_us\": %" PRId64, time_full(&bench));
    time_events(&bench, "arrive", events, arrive_one);
    time_events(&bench, "end", events, end_one);
    time_events(&bench, "node", events / 10, toggle_node);
    time_backfill(&bench, PLAN_BACKFILL_EASY, events);
    time_backfill(&bench, PLAN_BACKFILL_CONSERVATIVE, events);
    put_quotas(&bench, "20");
    for (size_t i = 0; i < bench.running_count; i++) {
        charge(&bench, bench.running[i].shape, 0);
    }
    (void)run_pass(&bench, SIZE_MAX, false);
    admit_all(&bench);
    (void)printf(", \"full_quota_us\": %" PRId64, time_full(&bench));
    time_events(&bench, "quota_end", events, end_one);
    (void)printf(", \"rss_mib\": %.0f}\n", rss_mib());
    tear_down(&bench);
    return 0;
}
