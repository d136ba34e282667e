/* How long scheduler_turn() takes with a long queue: the core alone, no disk and no network.
 *
 *     turn_times JOBS SHAPES quota|nodes TURNS
 *
 * JOBS jobs wait, of SHAPES different demands, in ten namespaces; what stops the first of them is
 * the namespaces' quotas, or a hundred nodes that are full. Each job is a driver and four
 * executors. Each kind of turn is taken TURNS times; one line of JSON for each kind:
 *
 *     empty   nothing has happened
 *     pass    a node has reported, nothing has changed
 *     submit  one more job
 *     finish  a gang ends (five pod events) and the next one starts
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/quota.h"
#include "scheduler/core.h"

#define NAMESPACES      10
#define NODES           100
#define EXECUTORS       4
#define PODS_OF_JOB     (1 + EXECUTORS)
#define GANGS_THAT_FIT  40
#define TEXT_BYTES      48
#define JOB_CPU_MILLI   (PODS_OF_JOB * 1000)
#define NODE_CPUS       2 /* with `nodes`: what holds GANGS_THAT_FIT; else plenty */
#define NODE_CPUS_AMPLE 64

struct gang {
    uint64_t job_id;
    size_t nodes[PODS_OF_JOB];
};

struct bench {
    size_t jobs;
    size_t shapes;
    bool by_quota;
    size_t turns;
    struct core *core;
    struct instant now;
    struct node nodes[NODES];
    int64_t free_milli[NODES];
    struct demand **demands; /* by shape */
    char namespaces[NAMESPACES][TEXT_BYTES];
    struct gang *running; /* the oldest first, from `first` on */
    size_t first;
    size_t running_count;
    uint64_t submitted;
    int64_t *times_us;
};

static int64_t turn(struct bench *bench, struct event *events, size_t count, struct turn *out) {
    int64_t start_us = clock_sample().mono_us;

    bench->now.now_us += 1000;
    bench->now.mono_us += 1000;
    scheduler_turn(bench->core, bench->now, events, count, out);
    return clock_sample().mono_us - start_us;
}

/* --- The cluster ----------------------------------------------------------------------------- */

static struct demand *make_demand(size_t shape) {
    struct demand *demand = demand_create();

    for (unsigned role = 0; role < 2; role++) {
        struct pod_group *group = demand_add_group(
            demand, role == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR, role == 0 ? 1 : EXECUTORS);
        struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

        container_demand_request(container, RESOURCE_CPU, 1000);
        container_demand_request(container, RESOURCE_MEMORY, (int64_t)(shape + 1) << 10);
    }
    demand_settle(demand);
    return demand;
}

static size_t take_node(struct bench *bench) {
    for (size_t i = 0; i < NODES; i++) {
        if (bench->free_milli[i] >= 1000) {
            bench->free_milli[i] -= 1000;
            return i;
        }
    }
    ENSURE(false);
    return 0;
}

static void name_pod(char out[TEXT_BYTES], const struct gang *gang, size_t pod) {
    (void)snprintf(out, TEXT_BYTES, "job-%" PRIu64 "-%zu", gang->job_id, pod);
}

static const char *namespace_of(const struct bench *bench, uint64_t id) {
    struct job job;
    bool known = core_job(bench->core, id, &job);

    ENSURE(known);
    return job.namespace;
}

static struct event pod_event(const struct bench *bench, const struct gang *gang, size_t pod,
                              enum pod_standing standing, const char *name) {
    const char *namespace = namespace_of(bench, gang->job_id);
    const struct demand *demand = bench->demands[(gang->job_id - 1) % bench->shapes];

    return (struct event){
        .kind = EVENT_POD,
        .pod = {.namespace = namespace,
                .name = name,
                .uid = name,
                .node = bench->nodes[gang->nodes[pod]].name,
                .job_id = gang->job_id,
                .attempt = 1,
                .is_main = pod == 0,
                .standing = standing,
                .message = "",
                .role = pod == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR,
                .demand = &demand->groups[pod == 0 ? 0 : 1].pod},
    };
}

/* The cluster does what the turn asked for: pods of gangs run at once. */
static void carry_out(struct bench *bench, const struct turn *out) {
    struct command starts[GANGS_THAT_FIT + 1];
    size_t start_count = 0;
    struct turn next;

    for (size_t i = 0; i < out->command_count; i++) {
        if (out->commands[i].kind == COMMAND_START) {
            ENSURE(start_count < ARRAY_LEN(starts));
            starts[start_count++] = out->commands[i];
        }
    }
    for (size_t i = 0; i < start_count; i++) {
        struct gang *gang = &bench->running[bench->running_count++];
        struct event events[PODS_OF_JOB + 1];
        char names[PODS_OF_JOB][TEXT_BYTES];

        gang->job_id = starts[i].job_id;
        name_pod(names[0], gang, 0);
        events[0] = (struct event){.kind = EVENT_STARTED,
                                   .started = {.job_id = gang->job_id,
                                               .attempt = 1,
                                               .result = START_DONE,
                                               .pod_name = names[0],
                                               .pod_uid = names[0],
                                               .message = ""}};
        for (size_t pod = 0; pod < PODS_OF_JOB; pod++) {
            gang->nodes[pod] = take_node(bench);
            name_pod(names[pod], gang, pod);
            events[pod + 1] = pod_event(bench, gang, pod, POD_STANDS_RUNNING, names[pod]);
        }
        (void)turn(bench, events, ARRAY_LEN(events), &next);
    }
}

static void tell_cluster(struct bench *bench) {
    struct event events[NODES + NAMESPACES + CLUSTER_PART_COUNT];
    struct quota quotas[NAMESPACES];
    struct turn out;
    size_t count = 0;

    for (size_t i = 0; i < NODES; i++) {
        events[count++] = (struct event){.kind = EVENT_NODE, .node = &bench->nodes[i]};
    }
    for (size_t i = 0; i < NAMESPACES; i++) {
        char hard[TEXT_BYTES];

        (void)snprintf(hard, sizeof hard, "%d",
                       bench->by_quota ? GANGS_THAT_FIT / NAMESPACES * PODS_OF_JOB : 100000);
        quota_init(&quotas[i], bench->namespaces[i], "quota");
        ENSURE(quota_add_item(&quotas[i], core_resource_names(bench->core), "requests.cpu", hard,
                              "") == OK);
        events[count++] = (struct event){.kind = EVENT_QUOTA, .quota = &quotas[i]};
    }
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        events[count++] =
            (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}};
    }
    (void)turn(bench, events, count, &out);
    carry_out(bench, &out);
    for (size_t i = 0; i < NAMESPACES; i++) {
        quota_finish(&quotas[i]);
    }
}

/* --- Getting ready --------------------------------------------------------------------------- */

static void make_nodes(struct bench *bench) {
    int64_t cpus = bench->by_quota ? NODE_CPUS_AMPLE : NODE_CPUS;

    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &bench->nodes[i];
        char name[TEXT_BYTES];

        (void)snprintf(name, sizeof name, "node-%03zu", i);
        node_init(node, name);
        node->ready = true;
        node->allocatable.amount[RESOURCE_CPU] = cpus * 1000;
        node->allocatable.amount[RESOURCE_MEMORY] = INT64_C(1) << 40;
        node->allocatable.amount[RESOURCE_PODS] = 110;
        bench->free_milli[i] = cpus * 1000;
    }
}

static void load_jobs(struct bench *bench) {
    for (uint64_t id = 1; id <= bench->jobs; id++) {
        size_t shape = (size_t)(id - 1) % bench->shapes;
        char name[TEXT_BYTES];
        const struct job job = {.id = id,
                                .name = name,
                                .namespace = bench->namespaces[shape % NAMESPACES],
                                .team = "team",
                                .submitter = "bench",
                                .state = JOB_QUEUED,
                                .ttl_s = JOB_TTL_NEVER,
                                .submitted_us = 1,
                                .eligible_us = 1,
                                .exit_code = -1};

        (void)snprintf(name, sizeof name, "job-%" PRIu64, id);
        core_load_job(bench->core, &job, bench->demands[shape], NULL);
    }
}

static void open_bench(struct bench *bench) {
    for (size_t i = 0; i < NAMESPACES; i++) {
        (void)snprintf(bench->namespaces[i], TEXT_BYTES, "team-%zu", i);
    }
    bench->demands = mem_alloc(bench->shapes, sizeof *bench->demands);
    for (size_t i = 0; i < bench->shapes; i++) {
        bench->demands[i] = make_demand(i);
    }
    bench->times_us = mem_alloc(bench->turns, sizeof *bench->times_us);
    bench->running = mem_alloc(4 * bench->turns + 10 * GANGS_THAT_FIT, sizeof *bench->running);
    bench->now = (struct instant){.now_us = INT64_C(1700000000000000), .mono_us = 1};
    make_nodes(bench);
    bench->core = core_create(&(struct core_options){
        .next_id = bench->jobs + 1,
        .seed = 1,
        .settings = {.starts_per_turn_max = 64,
                     .start_timeout_us = 3600 * CLOCK_US_PER_SECOND,
                     .backoff_first_us = CLOCK_US_PER_SECOND,
                     .backoff_max_us = CLOCK_US_PER_SECOND,
                     .history_age_us = 30 * 24 * 3600 * CLOCK_US_PER_SECOND,
                     .history_count = 1000000,
                     .jobs_waiting_max = 10000000},
    });
    load_jobs(bench);
    tell_cluster(bench);
    ENSURE(bench->running_count == GANGS_THAT_FIT);
}

static void close_bench(struct bench *bench) {
    core_destroy(bench->core);
    for (size_t i = 0; i < bench->shapes; i++) {
        demand_destroy(bench->demands[i]);
    }
    for (size_t i = 0; i < NODES; i++) {
        node_finish(&bench->nodes[i]);
    }
    free(bench->demands);
    free(bench->running);
    free(bench->times_us);
}

/* --- The turns ------------------------------------------------------------------------------- */

static int64_t take_empty(struct bench *bench) {
    struct turn out;

    return turn(bench, NULL, 0, &out);
}

static int64_t take_pass(struct bench *bench) {
    struct event event = {.kind = EVENT_NODE, .node = &bench->nodes[0]};
    struct turn out;

    return turn(bench, &event, 1, &out);
}

static int64_t take_submit(struct bench *bench) {
    uint64_t at = (bench->jobs + bench->submitted) % bench->shapes;
    struct new_job job = {.name = "another",
                          .namespace = bench->namespaces[at % NAMESPACES],
                          .team = "team",
                          .ttl_s = JOB_TTL_NEVER,
                          .demand = bench->demands[at],
                          .spec = {.text = "{}", .bytes = 2}};
    struct event event = {.kind = EVENT_SUBMIT,
                          .token = 1,
                          .submit = {.jobs = &job, .count = 1, .submitter = "bench"}};
    struct turn out;
    int64_t time_us = turn(bench, &event, 1, &out);

    bench->submitted++;
    ENSURE(out.reply_count == 1 && out.replies[0].code == OK && out.command_count == 0);
    return time_us;
}

static int64_t take_finish(struct bench *bench) {
    const struct gang *gang = &bench->running[bench->first++];
    const char *namespace = namespace_of(bench, gang->job_id);
    struct event events[PODS_OF_JOB];
    char names[PODS_OF_JOB][TEXT_BYTES];
    struct turn out;
    int64_t time_us;

    name_pod(names[0], gang, 0);
    events[0] = pod_event(bench, gang, 0, POD_STANDS_SUCCEEDED, names[0]);
    for (size_t pod = 1; pod < PODS_OF_JOB; pod++) {
        name_pod(names[pod], gang, pod);
        events[pod] = (struct event){.kind = EVENT_POD_GONE,
                                     .gone = {.namespace = namespace, .name = names[pod]}};
    }
    for (size_t pod = 0; pod < PODS_OF_JOB; pod++) {
        bench->free_milli[gang->nodes[pod]] += 1000;
    }
    time_us = turn(bench, events, PODS_OF_JOB, &out);
    ENSURE(out.command_count == 1);
    carry_out(bench, &out);
    return time_us;
}

static int by_size(const void *a, const void *b) {
    const int64_t *first = a;
    const int64_t *second = b;

    return (*first > *second) - (*first < *second);
}

static void measure(struct bench *bench, const char *what, int64_t (*take)(struct bench *bench)) {
    for (size_t i = 0; i < bench->turns; i++) {
        bench->times_us[i] = take(bench);
    }
    qsort(bench->times_us, bench->turns, sizeof *bench->times_us, by_size);
    (void)printf("{\"turn\": \"%s\", \"p50_us\": %" PRId64 ", \"p99_us\": %" PRId64
                 ", \"max_us\": %" PRId64 "}\n",
                 what, bench->times_us[bench->turns / 2],
                 bench->times_us[bench->turns - 1 - bench->turns / 100],
                 bench->times_us[bench->turns - 1]);
}

int main(int argc, char **argv) {
    struct bench bench = {.jobs = 0};

    if (argc != 5) {
        (void)fputs("usage: turn_times JOBS SHAPES quota|nodes TURNS\n", stderr);
        return 2;
    }
    bench.jobs = strtoul(argv[1], NULL, 10);
    bench.shapes = strtoul(argv[2], NULL, 10);
    bench.by_quota = strcmp(argv[3], "quota") == 0;
    bench.turns = strtoul(argv[4], NULL, 10);
    ENSURE(bench.shapes > 0 && bench.jobs >= bench.shapes && bench.turns > 0);
    open_bench(&bench);
    measure(&bench, "empty", take_empty);
    measure(&bench, "pass", take_pass);
    measure(&bench, "submit", take_submit);
    measure(&bench, "finish", take_finish);
    close_bench(&bench);
    return 0;
}
