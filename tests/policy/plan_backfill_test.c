/* Promises, over time: a small cluster runs a random queue to its end, pass by pass. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "policy/plan.h"
#include "tests/policy/samples.h"
#include "tests/test.h"

/* Of each kind; sanitizers see the same code again. */
#ifdef __SANITIZE_ADDRESS__
#define SEEDS 10
#else
#define SEEDS 60
#endif
#define JOBS_MAX  40
#define NODES_MAX 4
#define MINUTE    INT64_C(60000000)
#define NEVER     INT64_MAX

struct sim_shape {
    struct plan_shape plan;
    struct demand *demand;
    int64_t estimate_us; /* if its jobs are alike */
    uint64_t ids[JOBS_MAX];
    size_t first; /* of those that wait */
    size_t end;
    uint32_t number;
    bool is_there;
};

struct sim_job {
    uint64_t id;
    struct sim_shape *shape;
    int64_t submitted_us;
    int64_t runtime_us;  /* what it will take */
    int64_t estimate_us; /* 0: unknown */
    int64_t started_us;  /* NEVER: not yet */
    int64_t promised_us; /* first; NEVER: nothing yet */
    int64_t told_us;     /* last; NEVER: nothing */
    bool is_over;
    bool is_listed;
    unsigned pods;
};

struct sim_options {
    uint64_t seed;
    enum plan_backfill_mode mode;
    unsigned namespaces;
    unsigned alike; /* jobs to a shape; 0: each has one of its own */
    unsigned users; /* 0: one */
    enum order_mode order;
    bool wide;         /* Spark-like gangs besides single pods */
    unsigned mistaken; /* of a hundred estimates, both ways */
    unsigned generous; /* of a hundred: too long, up to ten times */
    unsigned unknown;  /* of a hundred */
    int64_t every_us;  /* looks at everything go in slices, and passes in between are brief: */
    size_t steps;      /* of a slice; 0: many */
};

struct sim {
    struct sim_options options;
    struct rng rng;
    struct resource_names names;
    struct ledger *ledger;
    struct share *share;
    struct plan *plan;
    struct plan_input input;
    struct sim_job jobs[JOBS_MAX];
    struct sim_shape shapes[JOBS_MAX];
    /* outcome */
    unsigned promises;
    unsigned broken;
    unsigned later;    /* a promise was moved to a later instant */
    int64_t latest_us; /* by how much a promise was broken, at most */
    int64_t wait_us;
};

static int64_t estimate(const void *context, uint64_t job_id) {
    return ((const struct sim *)context)->jobs[job_id - 1].estimate_us;
}

static void sim_init(struct sim *sim, const struct sim_options *options) {
    memset(sim, 0, sizeof *sim);
    sim->options = *options;
    rng_init(&sim->rng, options->seed);
    sim->ledger = ledger_create();
    sim->share = share_create();
    sim->plan = plan_create(sim->share, NULL, sim);
    sim->input = (struct plan_input){
        .ledger = sim->ledger,
        .now_us = MINUTE,
        .starts_max = 100,
        .runtime_us = estimate,
        .backfill = {.mode = options->mode,
                     .promises_max = 100,
                     .jobs_max = 1000,
                     .instants_max = 1000,
                     .ends_max = 1000,
                     .horizon_us = 100000 * MINUTE,
                     .event_steps = options->steps > 0 ? options->steps : 100000,
                     .slice_steps = options->steps > 0 ? options->steps : 100000,
                     .every_us = options->every_us},
    };
    plan_configure(sim->plan, &(struct order_settings){.mode = options->order});
}

static void sim_finish(struct sim *sim) {
    plan_destroy(sim->plan);
    share_destroy(sim->share);
    ledger_destroy(sim->ledger);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        demand_destroy(sim->shapes[i].demand);
    }
    resource_names_finish(&sim->names);
}

static uint64_t below(struct sim *sim, uint64_t bound) {
    return rng_below(&sim->rng, bound);
}

static void make_cluster(struct sim *sim) {
    for (unsigned i = 0; i < NODES_MAX; i++) {
        char name[8];
        char text[64];
        struct node node;

        (void)snprintf(name, sizeof name, "n%u", i);
        (void)snprintf(text, sizeof text, "cpu=%d memory=%dGi pods=110", 4 + (int)below(sim, 5),
                       8 + (int)below(sim, 9));
        node = sample_node(&sim->names, name, text);
        ledger_put_node(sim->ledger, &node);
        node_finish(&node);
    }
    for (unsigned i = 0; i < sim->options.namespaces; i++) {
        char name[8];
        char text[64];
        struct quota quota;

        (void)snprintf(name, sizeof name, "q%u", i);
        (void)snprintf(text, sizeof text, "requests.cpu=%d", 10 + (int)below(sim, 12));
        quota = sample_quota(&sim->names, name, "compute", text);
        ledger_put_quota(sim->ledger, &quota);
        quota_finish(&quota);
    }
}

static struct demand *make_demand(struct sim *sim) {
    const unsigned cpu = 1 + (unsigned)below(sim, 4);
    const unsigned memory = 1 + (unsigned)below(sim, 6);
    const unsigned count = 1 + (unsigned)below(sim, below(sim, 4) == 0 ? 5 : 2);
    char text[128];

    if (sim->options.wide && below(sim, 3) == 0) {
        (void)snprintf(text, sizeof text,
                       "driver*1 main cpu=1 memory=1Gi | executor*%u main cpu=%u memory=%uGi",
                       count, cpu > 3 ? 3 : cpu, memory);
    } else {
        (void)snprintf(text, sizeof text, "pod*%u main cpu=%u memory=%uGi", count, cpu, memory);
    }
    return sample_demand(&sim->names, text);
}

static int64_t make_estimate(struct sim *sim, int64_t runtime_us) {
    if (below(sim, 100) < sim->options.unknown) {
        return 0;
    }
    if (below(sim, 100) < sim->options.mistaken) {
        return runtime_us * (int64_t)(1 + below(sim, 30)) / 10 + 1;
    }
    if (below(sim, 100) < sim->options.generous) {
        return runtime_us * (int64_t)(10 + below(sim, 91)) / 10;
    }
    return runtime_us;
}

static void make_shape(struct sim *sim, struct sim_shape *shape) {
    char namespace[8];
    char user[8];

    (void)snprintf(namespace, sizeof namespace, "q%u",
                   (unsigned)below(sim, sim->options.namespaces));
    (void)snprintf(user, sizeof user, "u%u", (unsigned)below(sim, sim->options.users + 1));
    shape->demand = make_demand(sim);
    shape->plan = (struct plan_shape){
        .namespace_index = ledger_namespace_index(sim->ledger, namespace),
        .demand = shape->demand,
        .node = share_hold(sim->share, "team", user),
    };
    share_name_namespace(sim->share, shape->plan.namespace_index, namespace);
}

static void make_jobs(struct sim *sim) {
    const size_t shapes = JOBS_MAX / (sim->options.alike > 0 ? sim->options.alike : 1);
    int64_t at_us = MINUTE;

    for (size_t i = 0; i < shapes; i++) {
        make_shape(sim, &sim->shapes[i]);
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct sim_job *job = &sim->jobs[i];

        at_us += (int64_t)below(sim, 4 * MINUTE);
        job->id = i + 1;
        job->shape = &sim->shapes[i < shapes ? i : below(sim, shapes)];
        job->submitted_us = at_us;
        job->runtime_us = (1 + (int64_t)below(sim, below(sim, 3) == 0 ? 120 : 15)) * MINUTE +
                          (int64_t)below(sim, 1000);
        job->estimate_us = make_estimate(sim, job->runtime_us);
        if (sim->options.alike > 0) { /* What is expected is the same for all jobs of a shape. */
            job->estimate_us = job->shape->estimate_us =
                job->shape->estimate_us > 0 ? job->shape->estimate_us : job->estimate_us;
            job->runtime_us = job->estimate_us * 10 / (int64_t)(10 + below(sim, 91));
        }
        job->started_us = job->promised_us = job->told_us = NEVER;
    }
}

static const struct ledger_namespace *namespace_of(const struct sim *sim,
                                                   const struct sim_job *job) {
    return ledger_namespace(sim->ledger, job->shape->plan.namespace_index);
}

/* Its waiting jobs are others now. */
static void tell(struct sim *sim, struct sim_shape *shape) {
    shape->plan.job_ids = &shape->ids[shape->first];
    shape->plan.job_count = shape->end - shape->first;
    if (!shape->is_there) {
        shape->is_there = true;
        shape->number = plan_add_shape(sim->plan, &shape->plan);
    } else if (shape->plan.job_count > 0) {
        plan_shape_changed(sim->plan, shape->number);
    } else {
        shape->is_there = false;
        plan_remove_shape(sim->plan, shape->number);
    }
}

/* Pods go where the pass put them. */
static void put_pods(struct sim *sim, struct sim_job *job, size_t start) {
    const struct ledger_namespace *namespace = namespace_of(sim, job);
    size_t count;
    const struct place_run *runs = plan_start_runs(sim->plan, start, &count);

    for (size_t i = 0; i < count; i++) {
        const struct pod_group *group = &job->shape->demand->groups[runs[i].group];

        for (uint32_t j = 0; j < runs[i].count; j++) {
            char uid[32];
            const struct ledger_pod pod = {.uid = uid,
                                           .namespace = namespace->name,
                                           .node = plan_node(sim->plan, runs[i].node)->name,
                                           .job_id = job->id,
                                           .role = group->role,
                                           .demand = &group->pod};

            (void)snprintf(uid, sizeof uid, "%" PRIu64 "-%u", job->id, job->pods++);
            ledger_put_pod(sim->ledger, &pod);
        }
    }
}

static void start(struct sim *sim, struct sim_job *job, size_t at) {
    const int64_t now_us = sim->input.now_us;

    CHECK_EQ(job->started_us, NEVER, "started once");
    job->started_us = now_us;
    sim->wait_us += now_us - job->submitted_us;
    if (job->promised_us != NEVER && now_us > job->promised_us) {
        sim->broken++;
        sim->latest_us =
            now_us - job->promised_us > sim->latest_us ? now_us - job->promised_us : sim->latest_us;
    }
    ledger_reserve(sim->ledger, job->id, namespace_of(sim, job)->name, job->shape->demand);
    ledger_expect(sim->ledger, job->id,
                  &(struct ledger_stay){.started_us = now_us, .runtime_us = job->estimate_us});
    put_pods(sim, job, at);
}

static void note_promises(struct sim *sim) {
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct sim_job *job = &sim->jobs[i];
        struct plan_wait wait;

        if (!job->is_listed || job->started_us != NEVER) {
            continue;
        }
        wait = plan_wait(sim->plan, job->shape->number);
        if (wait.job_id != job->id) {
            CHECK(sim->options.alike > 0, "the first of its shape has a reason");
            continue;
        }
        sim->later += wait.reason.starts_us == 0 ? job->told_us != NEVER
                                                 : wait.reason.starts_us > job->told_us;
        job->told_us = wait.reason.starts_us != 0 ? wait.reason.starts_us : NEVER;
        if (wait.reason.starts_us != 0 && job->promised_us == NEVER) {
            sim->promises++;
            job->promised_us = wait.reason.starts_us;
            CHECK(job->promised_us > sim->input.now_us, "a promise is of the future");
        }
    }
}

static void pass(struct sim *sim) {
    size_t starts;

    plan_run(sim->plan, &sim->input);
    plan_verify(sim->plan, &sim->input);
    starts = plan_start_count(sim->plan);
    for (size_t i = 0; i < starts; i++) {
        start(sim, &sim->jobs[plan_starts(sim->plan)[i].job_id - 1], i);
    }
    note_promises(sim);
    for (size_t i = 0; i < starts; i++) {
        struct sim_shape *shape = sim->jobs[plan_starts(sim->plan)[i].job_id - 1].shape;

        CHECK_EQ(shape->ids[shape->first++], plan_starts(sim->plan)[i].job_id, "in its order");
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct sim_shape *shape = &sim->shapes[i];

        if (shape->is_there && shape->plan.job_ids != &shape->ids[shape->first]) {
            tell(sim, shape);
        }
    }
}

static void finish(struct sim *sim, struct sim_job *job) {
    job->is_over = true;
    ledger_release(sim->ledger, job->id);
    for (unsigned i = 0; i < job->pods; i++) {
        char uid[32];

        (void)snprintf(uid, sizeof uid, "%" PRIu64 "-%u", job->id, i);
        ledger_remove_pod(sim->ledger, uid);
    }
}

/* The next instant at which something happens; NEVER: nothing does any more. */
static int64_t next_us(const struct sim *sim) {
    const int64_t due_us = plan_due_us(sim->plan);
    int64_t first_us = NEVER;

    for (size_t i = 0; i < JOBS_MAX; i++) {
        const struct sim_job *job = &sim->jobs[i];
        int64_t at_us = NEVER;

        if (!job->is_listed) {
            at_us = job->submitted_us;
        } else if (job->started_us != NEVER && !job->is_over) {
            at_us = job->started_us + job->runtime_us;
        }
        first_us = at_us < first_us ? at_us : first_us;
    }
    return due_us < first_us ? due_us : first_us;
}

static void step(struct sim *sim) {
    sim->input.is_idle = true;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct sim_job *job = &sim->jobs[i];

        if (job->started_us != NEVER && !job->is_over &&
            job->started_us + job->runtime_us <= sim->input.now_us) {
            finish(sim, job);
            sim->input.is_idle = false;
        } else if (!job->is_listed && job->submitted_us <= sim->input.now_us) {
            job->is_listed = true;
            sim->input.is_idle = false;
            job->shape->ids[job->shape->end++] = job->id;
            tell(sim, job->shape);
        }
    }
    pass(sim);
}

static bool is_possible(struct sim *sim, const struct sim_job *job) {
    struct reason reason;

    return !plan_is_impossible(&sim->input, &job->shape->plan, &reason);
}

static void sim_run(struct sim *sim) {
    make_cluster(sim);
    make_jobs(sim);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (!is_possible(sim, &sim->jobs[i])) { /* It would wait for ever. */
            sim->jobs[i].is_listed = sim->jobs[i].is_over = true;
            sim->jobs[i].started_us = 0;
        }
    }
    while (next_us(sim) != NEVER) {
        sim->input.now_us = next_us(sim);
        step(sim);
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        CHECK(sim->jobs[i].is_over, "every job came to its end");
    }
}

struct sums {
    unsigned promises;
    unsigned broken;
    unsigned later;
    int64_t wait_us;
};

static struct sums run_seeds(struct sim_options options, uint64_t seeds) {
    struct sums sums = {0};

    for (options.seed = 1; options.seed <= seeds; options.seed++) {
        struct sim sim;

        sim_init(&sim, &options);
        sim_run(&sim);
        sums.promises += sim.promises;
        sums.broken += sim.broken;
        sums.later += sim.later;
        sums.wait_us += sim.wait_us / (int64_t)seeds;
        if (sim.broken > 0) {
            (void)fprintf(stderr, "seed %" PRIu64 ", %s: %u promises broken, by %" PRId64 " us\n",
                          options.seed, plan_backfill_text(options.mode), sim.broken,
                          sim.latest_us);
        }
        sim_finish(&sim);
    }
    return sums;
}

/* With run times that are known, or no longer than expected, nobody who was promised an instant
 * starts later, or is told a later one, and all together wait much less than without backfill. */
static void check_kept(struct sim_options options) {
    const struct sums none = run_seeds(options, SEEDS);

    CHECK_EQ(none.promises, 0, "nothing is promised without backfill");
    for (int mode = PLAN_BACKFILL_EASY; mode < PLAN_BACKFILL_MODE_COUNT; mode++) {
        struct sums sums;

        options.mode = (enum plan_backfill_mode)mode;
        sums = run_seeds(options, SEEDS);
        CHECK(sums.promises > 5 * SEEDS, "there are promises");
        CHECK_EQ(sums.broken, 0, "and they are kept");
        CHECK_EQ(sums.later, 0, "nor moved to a later instant");
        CHECK(sums.wait_us < (options.every_us > 0 ? none.wait_us : none.wait_us * 2 / 3),
              "people wait a third less at least");
    }
}

TEST_WITHIN(plan_run__keeps_its_promises_in_one_namespace, 60) {
    check_kept((struct sim_options){.namespaces = 1});
}

TEST_WITHIN(plan_run__keeps_its_promises_to_gangs, 60) {
    check_kept((struct sim_options){.namespaces = 1, .wide = true});
}

TEST_WITHIN(plan_run__keeps_its_promises_across_namespaces, 60) {
    check_kept((struct sim_options){.namespaces = 3, .wide = true});
}

TEST_WITHIN(plan_run__keeps_its_promises_when_run_times_are_overestimated, 60) {
    check_kept((struct sim_options){.namespaces = 3, .wide = true, .generous = 100});
    check_kept((struct sim_options){.namespaces = 1, .generous = 50});
}

/* Shares change with every start: who was promised something goes first all the same. */
TEST_WITHIN(plan_run__keeps_its_promises_whatever_becomes_of_shares, 60) {
    check_kept((struct sim_options){
        .namespaces = 2, .wide = true, .generous = 100, .users = 4, .order = ORDER_FAIR});
}

/* Brief passes look for nothing, and are in nobody's way; and a look at everything in slices, with
 * events in between, keeps what was promised before it came to it. */
TEST_WITHIN(plan_run__keeps_its_promises_in_brief_passes_and_slices, 60) {
    check_kept((struct sim_options){
        .namespaces = 3, .wide = true, .generous = 50, .every_us = 3 * MINUTE, .steps = 2000});
    check_kept(
        (struct sim_options){.namespaces = 1, .wide = true, .every_us = 10 * MINUTE, .steps = 300});
    check_kept((struct sim_options){.namespaces = 2,
                                    .wide = true,
                                    .generous = 100,
                                    .users = 4,
                                    .order = ORDER_FAIR,
                                    .every_us = 5 * MINUTE,
                                    .steps = 1000});
    check_kept((struct sim_options){
        .namespaces = 2, .wide = true, .alike = 5, .every_us = 3 * MINUTE, .steps = 200});
}

TEST_WITHIN(plan_run__keeps_its_promises_to_equal_jobs, 60) {
    check_kept((struct sim_options){.namespaces = 2, .wide = true, .alike = 5});
}

/* Wrong and missing estimates: nothing is lost or stuck, and it still pays. How many promises are
 * broken then is in docs/manual/backfill.md. */
TEST_WITHIN(plan_run__survives_estimates_that_are_wrong, 60) {
    static const struct {
        const char *what;
        struct sim_options options;
    } rows[] = {
        {"a fifth unknown", {.namespaces = 3, .wide = true, .unknown = 20}},
        {"half too long", {.namespaces = 3, .wide = true, .generous = 50}},
        {"a third wrong either way", {.namespaces = 3, .wide = true, .mistaken = 30}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_options options = rows[i].options;
        const struct sums none = run_seeds(options, SEEDS / 2);

        for (int mode = PLAN_BACKFILL_EASY; mode < PLAN_BACKFILL_MODE_COUNT; mode++) {
            options.mode = (enum plan_backfill_mode)mode;
            CHECK(run_seeds(options, SEEDS / 2).wait_us < none.wait_us, rows[i].what);
        }
    }
}
