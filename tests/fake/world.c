#include "tests/fake/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/notice.h"
#include "policy/quota.h"
#include "policy/window.h"
#include "policy/zone.h"
#include "queue/usage_check.h"
#include "scheduler/core.h"
#include "tests/fake/zones.h"

#define WORLD_JOBS_MAX   64
#define WORLD_PODS_MAX   4096
#define WORLD_NODES_MAX  8
#define WORLD_NAMESPACES 2
#define WORLD_TEAM_RUNS  5 /* jobs of each at once */
#define WORLD_NOTES_MAX  16384
#define WORLD_SHUTS      300
#define MINUTE_US        INT64_C(60000000)
#define PROTECTION_US    (5 * MINUTE_US)
#define ALARM_SLACK_US   5000000
#define NOTICES_MAX      4096
#define FACTS_MAX        32

/* A pod of the cluster: the truth, which watches tell later. */
struct world_pod {
    char name[48];
    char uid[16];
    unsigned namespace;
    uint64_t job_id; /* 0: foreign */
    uint32_t attempt;
    enum pod_role role;
    int node; /* -1: not bound */
    bool exists;
    enum pod_standing standing;
    int64_t ends_us; /* running until then; 0: not running */
    bool fails;
    unsigned executors_wanted;
    const struct pod_group *group;
};

/* A watch event on its way, or a command's result. */
struct note {
    int64_t due_us;
    uint64_t order;
    enum {
        NOTE_POD,
        NOTE_QUOTA,
        NOTE_STARTED,
        NOTE_DELETED,
        NOTE_NOTIFIED,
        NOTE_NEWS
    } kind;
    struct news_event news;
    struct notice_sent_event notified;
    unsigned index;       /* of the pod or namespace */
    struct world_pod pod; /* as it was when the note was written */
    struct started_event started;
    char pod_name[48];
    char pod_uid[16];
    int64_t used[3];
};

/* A notification on the fake disk. */
struct stored_notice {
    char key[17];
    struct fact_notice value;
    unsigned got; /* how often its receiver had it */
    bool exists;  /* not dropped yet */
};

/* Memory that was grown, a breaker, or a node that failed jobs, on the fake disk. */
struct stored_fact {
    struct fact fact;
    bool exists;
};

/* A job on the fake disk. */
struct stored_job {
    struct job job;
    struct attempt attempt;
    uint32_t events;
    unsigned which;        /* of the demands */
    uint32_t told;         /* enum alarm: of which there were events */
    uint32_t told_attempt; /* of ALARM_RUNTIME */
    bool exists;
};

/* The events that tell of deadlines, each once a job (runtime_long: once an attempt). */
static const struct alarm_kind {
    const char *kind;
    enum alarm alarm;
} alarm_kinds[] = {
    {"start_missed", ALARM_START_MISSED}, {"start_risk", ALARM_START_RISK},
    {"start_safe", ALARM_START_SAFE},     {"finish_missed", ALARM_FINISH_MISSED},
    {"finish_risk", ALARM_FINISH_RISK},   {"finish_safe", ALARM_FINISH_SAFE},
    {"runtime_long", ALARM_RUNTIME},
};

/* A request that a leader had sent when it was stopped. */
struct late_command {
    struct command command;
    int64_t due_us;
};

/* One that was stopped, and wakes when another leads. */
struct old_leader {
    struct core *core; /* NULL: there is none */
    int64_t wakes_us;
    int64_t lease_until_us; /* monotonic: what it checks before it sends anything */
};

/* Jobs of one submission that wait for each other, or elements of an array. */
#define AFTER_JOBS 4

struct world {
    struct world_options options;
    struct rng rng;
    struct instant now;
    struct core *core;
    struct resource_names names;
    struct intern texts;
    struct stored_job disk[WORLD_JOBS_MAX + 1];
    uint64_t next_id;
    unsigned acknowledged; /* jobs up to this id are on the disk, or to come of an array */
    int64_t scheduled_us;  /* since then there is a schedule; 0: there is none */
    struct fact_schedule_state schedule_state; /* of it, on the disk */
    struct demand *demands[4];
    struct window_set *windows;
    struct notice_routes *routes; /* NULL: nobody is told of anything */
    struct world_pod pods[WORLD_PODS_MAX];
    unsigned pod_count;
    struct node nodes[WORLD_NODES_MAX];
    int64_t hard[3]; /* cpu, memory, pods of each namespace */
    struct note *notes;
    unsigned note_count;
    struct stored_fact facts[FACTS_MAX];
    unsigned fact_count;
    uint64_t retried_id;           /* in this turn, by hand; 0: nobody */
    struct stored_notice *notices; /* in the order they were made */
    unsigned notice_count;
    uint64_t note_order;
    uint64_t uid_count;
    unsigned executor_refusals;
    bool is_ours_alone;     /* nobody else takes quota */
    bool died;              /* no more turns until the restart */
    bool paused;            /* the same, but the process lives */
    int64_t lease_until_us; /* of the one that is stopped, monotonic */
    struct old_leader old;
    struct late_command late[64];
    unsigned late_count;
    struct world_totals totals;
    int64_t promised_us[WORLD_JOBS_MAX + 1]; /* 0: nothing is */
    unsigned succeeded_mains[WORLD_JOBS_MAX + 1];
    uint64_t array_id; /* the latest; 0: none yet */
    uint64_t
        made[WORLD_JOBS_MAX + 1]; /* of an array that is being made, by its first id; 0: none */
    bool cancelling[WORLD_JOBS_MAX + 1]; /* an array, by its first id: it is not done yet */
    bool settled[WORLD_JOBS_MAX + 1]; /* what it waited for had come, or could not, when it moved */
};

static const struct priority_class classes[] = {{"low", -1}, {"middle", 0}, {"high", 1}};

static const char *const namespaces[WORLD_NAMESPACES] = {"red", "blue"};
static const enum resource_kind quota_kinds[3] = {RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_PODS};

_Noreturn static void broken(const struct world *world, const char *what, uint64_t job_id) {
    (void)fprintf(stderr, "seed %" PRIu64 " at %" PRId64 " us: %s (job %" PRIu64 ")\n",
                  world->options.seed, world->now.now_us, what, job_id);
    abort();
}

static bool chance(struct world *world, unsigned thousandths) {
    return rng_below(&world->rng, 1000) < thousandths;
}

/* --- The cluster ----------------------------------------------------------------------------- */

static bool is_live(const struct world_pod *pod) {
    return pod->exists && pod->standing != POD_STANDS_SUCCEEDED &&
           pod->standing != POD_STANDS_FAILED;
}

static void usage_of(const struct world *world, unsigned namespace, int64_t out_used[3]) {
    memset(out_used, 0, 3 * sizeof *out_used);
    for (unsigned i = 0; i < world->pod_count; i++) {
        const struct world_pod *pod = &world->pods[i];

        for (size_t k = 0; is_live(pod) && pod->namespace == namespace && k < 3; k++) {
            out_used[k] += pod->group->requests.amount[quota_kinds[k]];
        }
    }
}

/* About the same object, or another pod of the same name? */
static bool is_about_same(const struct world *world, const struct note *a, const struct note *b) {
    return a->kind == b->kind &&
           (a->index == b->index ||
            (world->options.names > 0 && a->kind == NOTE_POD &&
             a->pod.namespace == b->pod.namespace && strcmp(a->pod.name, b->pod.name) == 0));
}

/* Write a note; those about one thing never overtake each other. */
static void add_note(struct world *world, struct note note, int64_t after_us) {
    note.due_us = world->now.now_us + after_us;
    note.order = world->note_order++;
    for (unsigned i = 0; i < world->note_count; i++) {
        const struct note *other = &world->notes[i];

        if (is_about_same(world, other, &note) && note.kind != NOTE_STARTED &&
            other->due_us > note.due_us) {
            note.due_us = other->due_us;
        }
    }
    if (world->note_count == WORLD_NOTES_MAX) {
        broken(world, "too many notes: events come without end", 0);
    }
    world->notes[world->note_count++] = note;
}

static void tell_pod(struct world *world, unsigned index) {
    int64_t used[3];
    struct note quota = {.kind = NOTE_QUOTA, .index = world->pods[index].namespace};

    add_note(world, (struct note){.kind = NOTE_POD, .index = index, .pod = world->pods[index]},
             (int64_t)rng_below(&world->rng, 400000));
    if (chance(world, 100)) { /* Said twice. */
        add_note(world, (struct note){.kind = NOTE_POD, .index = index, .pod = world->pods[index]},
                 (int64_t)rng_below(&world->rng, 600000));
    }
    usage_of(world, world->pods[index].namespace, used);
    memcpy(quota.used, used, sizeof used);
    add_note(world, quota, (int64_t)rng_below(&world->rng, 2000000));
}

static int64_t free_of(const struct world *world, unsigned node, enum resource_kind kind) {
    int64_t free = world->nodes[node].allocatable.amount[kind];

    for (unsigned i = 0; i < world->pod_count; i++) {
        if (is_live(&world->pods[i]) && world->pods[i].node == (int)node) {
            free -= world->pods[i].group->requests.amount[kind];
        }
    }
    return free;
}

static bool fits_node(const struct world *world, unsigned node, const struct pod_group *group) {
    for (size_t k = 0; k < 3; k++) {
        if (group->requests.amount[quota_kinds[k]] > free_of(world, node, quota_kinds[k])) {
            return false;
        }
    }
    return true;
}

/* Best fit by memory, as our own placement hopes for; the real one is free to differ. */
static void bind(struct world *world, struct world_pod *pod) {
    for (unsigned n = 0; n < world->options.nodes && pod->node < 0; n++) {
        if (fits_node(world, n, pod->group)) {
            pod->node = (int)n;
        }
    }
}

/* What admission does: refuse above quota, by the true usage. */
static struct world_pod *create_pod(struct world *world, unsigned namespace,
                                    const struct pod_group *group) {
    int64_t used[3];
    struct world_pod *pod;

    usage_of(world, namespace, used);
    for (size_t k = 0; k < 3; k++) {
        if (used[k] + group->requests.amount[quota_kinds[k]] > world->hard[k]) {
            return NULL;
        }
    }
    if (world->pod_count == WORLD_PODS_MAX) {
        broken(world, "too many pods", 0);
    }
    pod = &world->pods[world->pod_count++];
    *pod = (struct world_pod){.namespace = namespace,
                              .node = -1,
                              .exists = true,
                              .standing = POD_STANDS_WAITING,
                              .group = group,
                              .role = group->role};
    (void)snprintf(pod->uid, sizeof pod->uid, "u%" PRIu64, ++world->uid_count);
    return pod;
}

static struct world_pod *find_pod(struct world *world, const char *namespace, const char *name) {
    for (unsigned i = 0; i < world->pod_count; i++) {
        if (world->pods[i].exists && strcmp(world->pods[i].name, name) == 0 &&
            strcmp(namespaces[world->pods[i].namespace], namespace) == 0) {
            return &world->pods[i];
        }
    }
    return NULL;
}

static void remove_pod(struct world *world, struct world_pod *pod) {
    pod->exists = false;
    tell_pod(world, (unsigned)(pod - world->pods));
    /* The driver's executors go with it. */
    for (unsigned i = 0; pod->role == POD_ROLE_DRIVER && i < world->pod_count; i++) {
        struct world_pod *executor = &world->pods[i];

        if (executor->exists && executor->role == POD_ROLE_EXECUTOR &&
            executor->job_id == pod->job_id && executor->attempt == pod->attempt) {
            executor->exists = false;
            tell_pod(world, i);
        }
    }
}

static unsigned executors(const struct world *world, const struct world_pod *driver, bool running) {
    unsigned count = 0;

    for (unsigned i = 0; i < world->pod_count; i++) {
        const struct world_pod *pod = &world->pods[i];

        count += is_live(pod) && pod->role == POD_ROLE_EXECUTOR && (!running || pod->node >= 0) &&
                 pod->job_id == driver->job_id && pod->attempt == driver->attempt;
    }
    return count;
}

static void make_executor(struct world *world, struct world_pod *driver) {
    const struct pod_group *group = driver->group + 1;
    struct world_pod *pod = create_pod(world, driver->namespace, group);

    if (pod == NULL) {
        world->executor_refusals++;
        return;
    }
    pod->job_id = driver->job_id;
    pod->attempt = driver->attempt;
    (void)snprintf(pod->name, sizeof pod->name, "x%" PRIu64, world->uid_count);
    tell_pod(world, (unsigned)(pod - world->pods));
}

static void end_main(struct world *world, struct world_pod *pod) {
    pod->standing = pod->fails ? POD_STANDS_FAILED : POD_STANDS_SUCCEEDED;
    if (!pod->fails) {
        world->succeeded_mains[pod->job_id]++;
    }
    tell_pod(world, (unsigned)(pod - world->pods));
    for (unsigned i = 0; i < world->pod_count; i++) {
        struct world_pod *executor = &world->pods[i];

        if (executor->exists && executor->role == POD_ROLE_EXECUTOR &&
            executor->job_id == pod->job_id && executor->attempt == pod->attempt) {
            executor->exists = false;
            tell_pod(world, i);
        }
    }
}

/* How long a job runs: its own, whenever it is asked, where estimates have to be right. */
static int64_t runtime_us(struct world *world, uint64_t job_id) {
    struct rng rng;

    if (world->options.estimated == 0) {
        return (int64_t)rng_below(&world->rng, 5 * 60000000);
    }
    rng_init(&rng, world->options.seed * 1000 + job_id);
    return (int64_t)rng_below(&rng, 5 * 60000000);
}

static void step_driver(struct world *world, struct world_pod *pod) {
    if (executors(world, pod, false) < pod->executors_wanted) {
        make_executor(world, pod); /* Also in place of one that was lost. */
    } else if (pod->ends_us == 0 && executors(world, pod, true) == pod->executors_wanted) {
        pod->ends_us = world->now.now_us + runtime_us(world, pod->job_id);
    } else if (pod->ends_us != 0 && pod->ends_us <= world->now.now_us) {
        end_main(world, pod);
    }
}

static void step_pod(struct world *world, unsigned index) {
    struct world_pod *pod = &world->pods[index];

    if (!is_live(pod)) {
        return;
    }
    if (pod->node < 0) {
        bind(world, pod);
        if (pod->node < 0) {
            return;
        }
        pod->standing = POD_STANDS_RUNNING;
        tell_pod(world, index);
    }
    if (pod->job_id != 0 && pod->role == POD_ROLE_DRIVER) {
        if (chance(world, world->options.pod_vanishes)) {
            remove_pod(world, pod);
        } else {
            step_driver(world, pod);
        }
    } else if (pod->job_id == 0 && pod->ends_us <= world->now.now_us) {
        pod->exists = false;
        tell_pod(world, index);
    }
}

/* The names that jobs give their pods, and others may have. */
static const char *const wanted_names[] = {"etl", "load"};

static void step_foreign(struct world *world) {
    const char *name = wanted_names[rng_below(&world->rng, ARRAY_LEN(wanted_names))];
    struct world_pod *pod;

    if (!chance(world, world->options.foreign)) {
        return;
    }
    pod = create_pod(world, (unsigned)rng_below(&world->rng, WORLD_NAMESPACES),
                     &world->demands[0]->groups[0]);
    if (pod != NULL) {
        pod->role = POD_ROLE_POD;
        pod->ends_us = world->now.now_us + (int64_t)rng_below(&world->rng, 2 * 60000000);
        if (world->options.names > 0 && chance(world, 500) &&
            find_pod(world, namespaces[pod->namespace], name) == NULL) {
            (void)snprintf(pod->name, sizeof pod->name, "%s", name);
        } else {
            (void)snprintf(pod->name, sizeof pod->name, "f%" PRIu64, world->uid_count);
        }
        tell_pod(world, (unsigned)(pod - world->pods));
    }
}

static void step_node_loss(struct world *world) {
    unsigned node;

    if (!chance(world, world->options.node_dies)) {
        return;
    }
    node = (unsigned)rng_below(&world->rng, world->options.nodes);
    for (unsigned i = 0; i < world->pod_count; i++) {
        if (is_live(&world->pods[i]) && world->pods[i].node == (int)node) {
            remove_pod(world, &world->pods[i]);
        }
    }
}

static void step_cluster(struct world *world) {
    for (unsigned i = 0; i < world->pod_count; i++) {
        step_pod(world, i);
    }
    step_foreign(world);
    step_node_loss(world);
}

/* --- The disk -------------------------------------------------------------------------------- */

static const char *keep(struct world *world, const char *text) {
    return intern_take(&world->texts, text == NULL ? "" : text);
}

/* Only while one of its windows is open, and for as long as it will run. */
static void check_window(const struct world *world, const struct job *job) {
    const struct window *windows[2];
    size_t count = 0;

    for (size_t i = 0; i < world->windows->window_count; i++) {
        if (strstr(job->window, world->windows->windows[i].name) != NULL) {
            windows[count++] = &world->windows->windows[i];
        }
    }
    if (!window_ask(world->windows, windows, count, world->now.now_us, job->expected_runtime_us)
             .may_start) {
        broken(world, "admitted outside of its window", job->id);
    }
}

/* What was committed is acknowledged, even if the reply died with the daemon. */
static void acknowledge(struct world *world, uint64_t id) {
    world->acknowledged = id > world->acknowledged ? (unsigned)id : world->acknowledged;
}

/* What a failed attempt cost: one of the budget that its class is paid from, and no more than there
 * is. What we stopped ourselves, for another job or a window, costs nothing. */
static void check_budget(const struct world *world, const struct job *before,
                         const struct job *job) {
    const bool is_user = job->failure == FAILURE_APP || job->failure == FAILURE_OOM ||
                         job->failure == FAILURE_IMAGE || job->failure == FAILURE_CONFIG;
    const uint32_t user = job->retries - before->retries;
    const uint32_t infra = job->infra_retries - before->infra_retries;

    if (job->failures <= before->failures) {
        return; /* No failure, or a person gave it new budgets. */
    }
    if (job->state == JOB_RETRY_WAIT && (user != is_user || infra != !is_user)) {
        broken(world, "a failure was not paid for as its class is", job->id);
    }
    if (job->state == JOB_FAILED && (user > 0 || infra > 0)) {
        broken(world, "paid for an attempt that does not come", job->id);
    }
    if (job->state == JOB_FAILED && job->failure != FAILURE_DEADLINE &&
        (is_user ? job->retries < job->retry.retries_max
                 : job->infra_retries < job->retry.infra_retries_max)) {
        broken(world, "failed with its budget unspent", job->id);
    }
}

static void store_job(struct world *world, const struct job *job, const struct spec *spec) {
    struct stored_job *stored = &world->disk[job->id];

    if (job->state == JOB_SUBMITTING && stored->job.attempt != job->attempt) {
        check_window(world, job);
    }

    if (stored->exists && job_state_is_final(stored->job.state) &&
        job->state != stored->job.state &&
        !(stored->job.state == JOB_FAILED && job->id == world->retried_id)) {
        broken(world, "a final job moved", job->id);
    }
    if (!stored->exists) {
        stored->which = spec->hash[0];
        acknowledge(world, job->id);
    } else if (world->options.classes > 0) {
        check_budget(world, &stored->job, job);
    }
    if (job->retry.always && (job->state == JOB_SUCCEEDED || job->state == JOB_FAILED)) {
        broken(world, "ends though it runs again whenever it ends", job->id);
    }
    if (job->retry.always && job->state == JOB_SUBMITTING && job->attempt > 1 &&
        job->attempt != stored->job.attempt) {
        world->totals.reruns++;
    }
    stored->exists = true;
    stored->job = *job;
    stored->job.name = keep(world, job->name);
    stored->job.namespace = keep(world, job->namespace);
    stored->job.team = keep(world, job->team);
    stored->job.submitter = keep(world, job->submitter);
    stored->job.priority_class = keep(world, job->priority_class);
    stored->job.window = keep(world, job->window);
    stored->job.schedule = keep(world, job->schedule != NULL ? job->schedule : "");
    stored->job.after = keep(world, job->after);
    stored->job.array = keep(world, job->array);
    stored->job.pod_name = keep(world, job->pod_name);
    stored->job.retry.rules = keep(world, job->retry.rules);
    stored->job.avoid = keep(world, job->avoid);
    if (job->id >= world->next_id) {
        world->next_id = job->id + 1;
    }
}

static void store_attempt(struct world *world, const struct attempt *attempt) {
    struct stored_job *stored = &world->disk[attempt->job_id];

    if (attempt->number < stored->attempt.number) {
        broken(world, "an older attempt was stored", attempt->job_id);
    }
    stored->attempt = *attempt;
    stored->attempt.pod_name = keep(world, attempt->pod_name);
    stored->attempt.pod_uid = keep(world, attempt->pod_uid);
    stored->attempt.node = keep(world, attempt->node);
    stored->attempt.message = keep(world, attempt->message);
    stored->attempt.cause = keep(world, attempt->cause);
    stored->attempt.charge = keep(world, attempt->charge);
}

/* Each alarm once, and no earlier than what it tells of. */
static void hear(struct world *world, const struct job_event *event) {
    struct stored_job *stored = &world->disk[event->job_id];
    enum alarm alarm = (enum alarm)0;

    for (size_t i = 0; i < ARRAY_LEN(alarm_kinds); i++) {
        if (strcmp(event->kind, alarm_kinds[i].kind) == 0) {
            alarm = alarm_kinds[i].alarm;
        }
    }
    if (alarm == 0) {
        return;
    }
    if ((stored->told & alarm) != 0 &&
        (alarm != ALARM_RUNTIME || stored->told_attempt == event->attempt)) {
        broken(world, "an alarm was told twice", event->job_id);
    }
    if ((alarm == ALARM_START_SAFE && (stored->told & ALARM_START_RISK) == 0) ||
        (alarm == ALARM_FINISH_SAFE && (stored->told & ALARM_FINISH_RISK) == 0)) {
        broken(world, "safe, and was never at risk", event->job_id);
    }
    if ((alarm == ALARM_START_MISSED && world->now.now_us < stored->job.start_by_us) ||
        (alarm == ALARM_FINISH_MISSED && world->now.now_us < stored->job.finish_by_us)) {
        broken(world, "an alarm before its time", event->job_id);
    }
    stored->told |= alarm;
    stored->told_attempt = alarm == ALARM_RUNTIME ? event->attempt : stored->told_attempt;
    world->totals.alarms++;
}

static struct stored_notice *find_notice(struct world *world, const char *key) {
    for (unsigned i = world->notice_count; i > 0; i--) {
        if (strcmp(world->notices[i - 1].key, key) == 0 && world->notices[i - 1].exists) {
            return &world->notices[i - 1];
        }
    }
    return NULL;
}

static void store_notice(struct world *world, const struct fact *fact) {
    struct stored_notice *stored = find_notice(world, fact->key);

    if (stored == NULL) {
        if (world->notice_count == NOTICES_MAX) {
            broken(world, "too many notifications", 0);
        }
        stored = &world->notices[world->notice_count++];
        (void)snprintf(stored->key, sizeof stored->key, "%s", fact->key);
        stored->exists = true;
    }
    stored->value = fact->value.notice;
    stored->value.receiver = keep(world, stored->value.receiver);
    stored->value.kind = keep(world, stored->value.kind);
    stored->value.text = keep(world, stored->value.text);
    stored->value.name = keep(world, stored->value.name);
    stored->value.namespace = keep(world, stored->value.namespace);
    stored->value.team = keep(world, stored->value.team);
    stored->value.pod_name = keep(world, stored->value.pod_name);
    stored->value.pod_uid = keep(world, stored->value.pod_uid);
    stored->value.error = keep(world, stored->value.error);
}

static void drop_notice(struct world *world, const char *key) {
    struct stored_notice *stored = find_notice(world, key);

    if (stored == NULL) {
        broken(world, "a notification was dropped that is not there", 0);
    }
    if (stored->got == 0) {
        broken(world, "a notification was dropped that nobody got", stored->value.job_id);
    }
    stored->exists = false;
}

/* What somebody is to be told of was stored with its event. */
static void check_noticed(const struct world *world, const struct turn *turn,
                          const struct job_event *event) {
    enum notice_class class;

    if (world->routes == NULL || !notice_class_of(event->kind, &class) ||
        notice_receivers(world->routes, class, "red") == 0) {
        return;
    }
    for (size_t i = 0; i < turn->change_count; i++) {
        const struct queue_change *change = &turn->changes[i];

        if (change->kind == CHANGE_FACT_PUT && change->fact.kind == FACT_NOTICE &&
            change->fact.value.notice.job_id == event->job_id &&
            change->fact.value.notice.sequence == event->sequence) {
            return;
        }
    }
    broken(world, "nobody is told of an event", event->job_id);
}

/* How far an array has come, which is told as long as it is not whole. */
static void store_array(struct world *world, const struct queue_change *change) {
    const uint64_t first_id = strtoull(change->fact.key, NULL, 10);

    world->made[first_id] = change->kind == CHANGE_FACT_PUT ? change->fact.value.array.made : 0;
    acknowledge(world, first_id + AFTER_JOBS - 1); /* Those to come have their ids. */
    world->totals.growths += change->kind == CHANGE_FACT_DROP;
}

/* An element that was promised and is not there yet. */
static bool is_to_come(const struct world *world, uint64_t id) {
    for (uint64_t first = id < AFTER_JOBS ? 1 : id - AFTER_JOBS + 1; first < id; first++) {
        if (world->made[first] > 0 && id >= first + world->made[first]) {
            return true;
        }
    }
    return false;
}

static bool is_learnt(const struct queue_change *change) {
    return (change->kind == CHANGE_FACT_PUT || change->kind == CHANGE_FACT_DROP) &&
           (change->fact.kind == FACT_MEMORY || change->fact.kind == FACT_BREAKER ||
            change->fact.kind == FACT_NODE || change->fact.kind == FACT_USAGE);
}

static struct stored_fact *find_fact(struct world *world, enum fact_kind kind, const char *key) {
    for (unsigned i = 0; i < world->fact_count; i++) {
        if (world->facts[i].fact.kind == kind && strcmp(world->facts[i].fact.key, key) == 0) {
            return &world->facts[i];
        }
    }
    return NULL;
}

static void store_learnt(struct world *world, const struct queue_change *change) {
    struct stored_fact *stored = find_fact(world, change->fact.kind, change->fact.key);
    const bool was_open =
        stored != NULL && stored->exists && stored->fact.value.breaker.state == BREAKER_OPEN;

    if (stored == NULL) {
        if (world->fact_count == FACTS_MAX) {
            broken(world, "too many facts", 0);
        }
        stored = &world->facts[world->fact_count++];
    }
    *stored = (struct stored_fact){.fact = change->fact, .exists = change->kind == CHANGE_FACT_PUT};
    stored->fact.key = keep(world, change->fact.key);
    if (stored->exists && change->fact.kind == FACT_BREAKER) {
        world->totals.held += !was_open && change->fact.value.breaker.state == BREAKER_OPEN;
    } else if (stored->exists && change->fact.kind == FACT_NODE) {
        world->totals.blamed += blame_jobs(&change->fact.value.node) > 1;
    }
}

static void load_learnt(struct world *world) {
    for (unsigned i = 0; i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i].fact;

        if (world->facts[i].exists &&
            (fact->kind == FACT_MEMORY    ? core_load_memory(world->core, fact)
             : fact->kind == FACT_BREAKER ? core_load_breaker(world->core, fact)
             : fact->kind == FACT_USAGE   ? core_load_usage(world->core, fact)
                                          : core_load_node(world->core, fact)) != OK) {
            broken(world, "what was learnt can't be read", 0);
        }
    }
}

/* Nothing starts past an open breaker but the one job that may try. */
static void check_breaker(struct world *world, const struct job *job) {
    const struct stored_fact *stored;
    char key[64];

    (void)snprintf(key, sizeof key, "job:%s/%s", job->namespace, job->name);
    stored = find_fact(world, FACT_BREAKER, key);
    if (stored != NULL && stored->exists && stored->fact.value.breaker.state != BREAKER_CLOSED &&
        stored->fact.value.breaker.probe_id != job->id) {
        broken(world, "admitted past an open breaker", job->id);
    }
}

/* With the breakers as the turn leaves them. */
static void check_admissions(struct world *world, const struct turn *turn) {
    for (size_t i = 0; i < turn->change_count; i++) {
        const struct queue_change *change = &turn->changes[i];

        if (change->kind == CHANGE_EVENT_ADD && strcmp(change->event.kind, "admitted") == 0) {
            check_breaker(world, &world->disk[change->event.job_id].job);
        }
    }
}

static void commit(struct world *world, const struct turn *turn) {
    for (size_t i = 0; i < turn->change_count; i++) {
        const struct queue_change *change = &turn->changes[i];

        if (change->kind == CHANGE_JOB_PUT) {
            store_job(world, &change->job, change->spec);
        } else if (change->kind == CHANGE_ATTEMPT_PUT) {
            store_attempt(world, &change->attempt);
        } else if (change->kind == CHANGE_EVENT_ADD) {
            if (change->event.sequence != world->disk[change->event.job_id].events++) {
                broken(world, "an event's sequence number", change->event.job_id);
            }
            hear(world, &change->event);
            check_noticed(world, turn, &change->event);
        } else if (change->kind == CHANGE_FACT_PUT && change->fact.kind == FACT_SCHEDULE_STATE) {
            world->schedule_state = change->fact.value.schedule_state;
            world->scheduled_us =
                world->scheduled_us == 0 ? world->now.now_us : world->scheduled_us;
        } else if (change->kind == CHANGE_FACT_PUT && change->fact.kind == FACT_NOTICE) {
            store_notice(world, &change->fact);
        } else if (change->kind == CHANGE_FACT_DROP && change->fact.kind == FACT_NOTICE) {
            drop_notice(world, change->fact.key);
        } else if ((change->kind == CHANGE_FACT_PUT || change->kind == CHANGE_FACT_DROP) &&
                   change->fact.kind == FACT_ARRAY) {
            store_array(world, change);
        } else if ((change->kind == CHANGE_FACT_PUT || change->kind == CHANGE_FACT_DROP) &&
                   change->fact.kind == FACT_ARRAY_CANCEL) {
            world->cancelling[strtoull(change->fact.key, NULL, 10)] =
                change->kind == CHANGE_FACT_PUT;
        } else if (is_learnt(change)) {
            store_learnt(world, change);
        }
    }
    check_admissions(world, turn);
}

/* --- Commands -------------------------------------------------------------------------------- */

static enum start_result carry_out_start(struct world *world, const struct command *command,
                                         const char *name, char uid[16]) {
    const struct stored_job *stored = &world->disk[command->job_id];
    const struct demand *demand = world->demands[stored->which];
    struct world_pod *pod = find_pod(world, command->namespace, name);

    if (pod != NULL && (pod->job_id != command->job_id || pod->attempt != command->attempt)) {
        world->totals.taken++;
        return START_CONFLICT;
    }
    if (pod == NULL && command->only_look) {
        return START_REFUSED;
    }
    if (pod == NULL && !command->look_first && world->options.gives_up > 0 &&
        chance(world, world->options.gives_up)) {
        return START_ANEW;
    }
    if (pod == NULL) {
        pod = create_pod(world, strcmp(command->namespace, namespaces[1]) == 0, &demand->groups[0]);
        if (pod == NULL) {
            return START_QUOTA;
        }
        (void)snprintf(pod->name, sizeof pod->name, "%s", name);
        pod->job_id = command->job_id;
        pod->attempt = command->attempt;
        pod->executors_wanted = demand->groups[1].count;
        pod->fails = chance(world, world->options.pod_fails);
        tell_pod(world, (unsigned)(pod - world->pods));
    }
    (void)snprintf(uid, 16, "%s", pod->uid);
    return START_DONE;
}

static void name_pod(const struct world *world, const struct command *command, char name[48]) {
    const char *given = world->disk[command->job_id].job.pod_name;

    if (given[0] != '\0') {
        (void)snprintf(name, 48, "%s", given);
    } else {
        (void)snprintf(name, 48, "j%" PRIu64 "-%" PRIu32, command->job_id, command->attempt);
    }
}

/* As the API server does with the uid, and whoever looks first without one. */
static void carry_out_delete(struct world *world, const struct command *command) {
    struct world_pod *pod = find_pod(world, command->namespace, command->pod_name);

    if (pod == NULL || (command->pod_uid[0] != '\0' ? strcmp(pod->uid, command->pod_uid) != 0
                                                    : pod->job_id != command->job_id)) {
        return;
    }
    if (pod->job_id == 0) {
        broken(world, "somebody else's pod was deleted", command->job_id);
    }
    remove_pod(world, pod);
}

/* Each request is the next one; one of them may be meant to get lost, or its reply. */
static bool is_request_lost(struct world *world) {
    world->totals.requests++;
    return world->totals.requests == world->options.nth_request_lost ||
           chance(world, world->options.request_lost);
}

static bool is_reply_lost(struct world *world) {
    return world->totals.requests == world->options.nth_reply_lost ||
           chance(world, world->options.reply_lost);
}

static void do_start(struct world *world, const struct command *command) {
    struct note note = {.kind = NOTE_STARTED,
                        .index = (unsigned)command->job_id,
                        .started = {.job_id = command->job_id,
                                    .attempt = command->attempt,
                                    .result = START_TRANSIENT,
                                    .message = "lost"}};

    name_pod(world, command, note.pod_name);
    if (!is_request_lost(world)) {
        enum start_result result = carry_out_start(world, command, note.pod_name, note.pod_uid);

        if (!is_reply_lost(world)) {
            note.started.result = result;
        }
    }
    add_note(world, note, (int64_t)rng_below(&world->rng, 500000));
}

static void do_delete(struct world *world, const struct command *command) {
    struct note note = {.kind = NOTE_DELETED, .index = (unsigned)command->job_id};
    bool lost = is_request_lost(world);

    if (!lost) {
        carry_out_delete(world, command);
    }
    (void)snprintf(note.pod_name, sizeof note.pod_name, "%s", command->pod_name);
    note.pod.namespace = strcmp(command->namespace, namespaces[1]) == 0;
    note.started.result = lost || is_reply_lost(world) ? START_TRANSIENT : START_DONE;
    add_note(world, note, (int64_t)rng_below(&world->rng, 500000));
}

/* To a receiver that may be down, or want nothing of it; or its answer is lost. */
static void do_notify(struct world *world, const struct command *command) {
    struct note note = {
        .kind = NOTE_NOTIFIED,
        .index = (unsigned)command->notice,
        .notified = {.number = command->notice, .result = NOTICE_FAILED_NOW, .message = "lost"}};
    struct stored_notice *stored;
    char key[17];

    (void)snprintf(key, sizeof key, "%016" PRIx64, command->notice);
    stored = find_notice(world, key);
    if (stored == NULL || stored->value.dead_us != 0) {
        broken(world, "told of what was not committed", 0);
    }
    if (chance(world, 50)) {
        note.notified.result = NOTICE_REFUSED;
    } else if (!chance(world, 200)) {
        world->totals.told++;
        stored->got++;
        note.notified.result = chance(world, 100) ? NOTICE_FAILED_NOW : NOTICE_SENT;
    }
    add_note(world, note, (int64_t)rng_below(&world->rng, 500000));
}

/* Events may say anything, or nothing, or can't be read. */
static void do_news(struct world *world, const struct command *command) {
    static const enum failure said[] = {FAILURE_NONE,      FAILURE_CONFIG,       FAILURE_IMAGE,
                                        FAILURE_PREEMPTED, FAILURE_EVICTED,      FAILURE_NODE_LOST,
                                        FAILURE_NONE,      FAILURE_UNSCHEDULABLE};
    struct note note = {.kind = NOTE_NEWS, .index = (unsigned)command->job_id};

    note.news = (struct news_event){.job_id = command->job_id,
                                    .attempt = command->attempt,
                                    .of_end = command->of_end,
                                    .is_known = !chance(world, 200)};
    if (note.news.is_known) {
        note.news.failure = said[rng_below(&world->rng, ARRAY_LEN(said))];
    }
    (void)snprintf(note.pod_uid, sizeof note.pod_uid, "%s", command->pod_uid);
    world->totals.asked++;
    add_note(world, note, (int64_t)rng_below(&world->rng, 5000000));
}

static void act(struct world *world, const struct turn *turn) {
    for (size_t i = 0; i < turn->command_count; i++) {
        if (turn->commands[i].kind == COMMAND_START) {
            do_start(world, &turn->commands[i]);
        } else if (turn->commands[i].kind == COMMAND_NOTIFY) {
            do_notify(world, &turn->commands[i]);
        } else if (turn->commands[i].kind == COMMAND_NEWS) {
            do_news(world, &turn->commands[i]);
        } else {
            do_delete(world, &turn->commands[i]);
        }
    }
}

/* --- A leader that is stopped ---------------------------------------------------------------- */

#define LEASE_US (15 * 1000000)

/* Stopped amid its commands: some were on the wire, and arrive whenever the network likes. */
static void stop_amid(struct world *world, const struct turn *turn) {
    for (size_t i = 0; i < turn->command_count; i++) {
        if (turn->commands[i].kind == COMMAND_NOTIFY || turn->commands[i].kind == COMMAND_NEWS) {
            continue; /* Nobody hears what became of it: as if it was lost. */
        }
        if (chance(world, 500) && world->late_count < ARRAY_LEN(world->late)) {
            struct late_command *late = &world->late[world->late_count++];

            late->command = turn->commands[i];
            late->command.namespace = keep(world, turn->commands[i].namespace);
            late->command.pod_name = keep(world, turn->commands[i].pod_name);
            late->command.pod_uid = keep(world, turn->commands[i].pod_uid);
            late->due_us = world->now.now_us + (int64_t)rng_below(&world->rng, 60000000);
        }
    }
}

/* As the API server has them: a name is a pod's alone, and a deletion names its uid. */
static void arrive(struct world *world, const struct command *command) {
    char name[48];
    char uid[16];

    world->totals.late++;
    if (command->kind == COMMAND_START) {
        name_pod(world, command, name);
        (void)carry_out_start(world, command, name, uid);
    } else {
        carry_out_delete(world, command);
    }
}

static void arrive_late(struct world *world) {
    for (unsigned i = world->late_count; i > 0; i--) {
        if (world->late[i - 1].due_us <= world->now.now_us) {
            struct command command = world->late[i - 1].command;

            world->late[i - 1] = world->late[--world->late_count];
            arrive(world, &command);
        }
    }
}

static void forget_old(struct world *world) {
    core_destroy(world->old.core);
    world->old.core = NULL;
}

/* It has much to do, by its picture of long ago, and must not. */
static void wake_old(struct world *world) {
    struct turn out;

    if (world->old.core == NULL || world->old.wakes_us > world->now.now_us) {
        return;
    }
    scheduler_turn(world->old.core, world->now, NULL, 0, &out);
    if (world->now.mono_us < world->old.lease_until_us) {
        broken(world, "another leads while its lease is valid", 0);
    }
    world->totals.fenced += (unsigned)out.command_count; /* Its store is not its own either. */
    forget_old(world);
}

/* --- Checks ---------------------------------------------------------------------------------- */

static void check_jobs(const struct world *world) {
    struct job job;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        if (is_to_come(world, id)) {
            continue;
        }
        if (!world->disk[id].exists || !core_job(world->core, id, &job)) {
            broken(world, "an acknowledged job is lost", id);
        }
        if ((job.state == JOB_STARTING || job.state == JOB_RUNNING) && job.close_us != 0 &&
            job.close_us <= world->now.now_us && !job.cancel_requested) {
            broken(world, "goes on though its window has closed", id);
        }
    }
}

/* One job at a time may have a pod of one name. */
static void check_names(struct world *world) {
    uint64_t has[WORLD_NAMESPACES][ARRAY_LEN(wanted_names)] = {{0}};

    for (uint64_t id = 1; world->options.names > 0 && id <= world->acknowledged; id++) {
        struct reason reason = {0};
        struct job job;

        if (!core_job(world->core, id, &job) || job.pod_name[0] == '\0') {
            continue;
        }
        world->totals.waited += job_state_is_waiting(job.state) &&
                                core_reason(world->core, id, &reason) &&
                                reason.code == REASON_POD_NAME;
        if (job_state_is_active(job.state)) {
            uint64_t *holder = &has[strcmp(job.namespace, namespaces[1]) == 0]
                                   [strcmp(job.pod_name, wanted_names[1]) == 0];

            if (*holder != 0) {
                broken(world, "two jobs run under one pod name", id);
            }
            *holder = id;
        }
    }
}

/* Has the time come, and the little that it may take to see what runs? */
static bool is_over(const struct world *world, int64_t by_us) {
    return by_us != 0 && by_us + ALARM_SLACK_US <= world->now.now_us;
}

/* No alarm is lost, whatever died in between. */
static void check_alarms(const struct world *world) {
    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        const struct stored_job *stored = &world->disk[id];
        const struct job *job = &stored->job;
        const bool ended = job->state == JOB_SUCCEEDED || job->state == JOB_FAILED;

        if (!job_state_is_final(job->state) && is_over(world, job->start_by_us) && !job->has_run &&
            (stored->told & ALARM_START_MISSED) == 0) {
            broken(world, "has not started in time, and nothing was told", id);
        }
        if ((!job_state_is_final(job->state)
                 ? is_over(world, job->finish_by_us)
                 : ended && job->finish_by_us != 0 &&
                       stored->attempt.finished_us > job->finish_by_us) &&
            (stored->told & ALARM_FINISH_MISSED) == 0) {
            broken(world, "is not done in time, and nothing was told", id);
        }
        if (stored->attempt.finished_us != 0 && stored->attempt.started_us != 0 &&
            job->warn_runtime_us != 0 &&
            stored->attempt.finished_us - stored->attempt.started_us >= job->warn_runtime_us &&
            ((stored->told & ALARM_RUNTIME) == 0 ||
             stored->told_attempt != stored->attempt.number)) {
            broken(world, "ran for long, and nothing was told", id);
        }
        if (((job->alarms ^ stored->told) & ~(uint32_t)ALARM_RUNTIME) != 0) {
            broken(world, "the job knows other alarms than were told", id);
        }
    }
}

/* None is lost: each was had, is still tried, or was put aside. */
static void check_notices(const struct world *world) {
    for (unsigned i = 0; i < world->notice_count; i++) {
        const struct stored_notice *stored = &world->notices[i];

        if (stored->got == 0 && stored->value.dead_us == 0 && stored->value.tries == 0) {
            broken(world, "a notification was forgotten", stored->value.job_id);
        }
    }
}

/* Never two live drivers of one job. */
static void check_drivers(const struct world *world) {
    unsigned live[WORLD_JOBS_MAX + 1] = {0};

    for (unsigned i = 0; i < world->pod_count; i++) {
        const struct world_pod *pod = &world->pods[i];

        if (is_live(pod) && pod->job_id != 0 && pod->role == POD_ROLE_DRIVER &&
            ++live[pod->job_id] > 1) {
            broken(world, "two drivers of one job are alive", pod->job_id);
        }
    }
}

/* Whoever waits knows why, after each turn. */
static void check_reasons(const struct world *world) {
    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        struct reason reason = {0};
        struct job job;

        if (core_job(world->core, id, &job) && job_state_is_waiting(job.state) &&
            (!core_reason(world->core, id, &reason) || reason.code == REASON_NONE)) {
            broken(world, "it waits and has no reason", id);
        }
    }
}

/* How many jobs start that were promised an instant. */
static void watch_promises(struct world *world) {
    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        struct reason reason;
        struct job job;

        if (!core_job(world->core, id, &job)) {
            continue;
        }
        if (job.state == JOB_QUEUED) {
            if (world->promised_us[id] == 0 && core_reason(world->core, id, &reason)) {
                world->promised_us[id] = reason.starts_us;
            }
        } else if (job_state_is_active(job.state) && world->promised_us[id] != 0) {
            world->totals.promises++;
            world->promised_us[id] = 0;
        }
    }
}

static void check_limits(const struct world *world) {
    const struct share *share = core_share(world->core);

    for (unsigned i = 0; i < WORLD_NAMESPACES; i++) {
        const uint32_t team = share_find(share, namespaces[i], NULL);

        if (share_node(share, team).running_jobs > WORLD_TEAM_RUNS) {
            broken(world, "a team runs more jobs than its limit", 0);
        }
    }
}

/* What one job does to another that waits for it, said once more in other words than the policy's:
 * 1 it may start, -1 it can't any more, 0 not known yet. */
static int stands(const struct job *job, enum after_on on) {
    const bool is_over = job_state_is_final(job->state);

    if (on == AFTER_START) {
        return job->has_run ? 1 : is_over ? -1 : 0;
    }
    if (!is_over) {
        return 0;
    }
    if (on == AFTER_ANY) {
        return 1;
    }
    return (on == AFTER_SUCCESS) == (job->state == JOB_SUCCEEDED) &&
                   (on == AFTER_SUCCESS || job->state == JOB_FAILED || job->state == JOB_REJECTED)
               ? 1
               : -1;
}

/* The same of all that a job waits for; only single ones fail. */
static int stands_all(const struct world *world, const struct job *job) {
    struct after_reader reader = {.at = job->after};
    struct after_item item;
    int all = 1;

    while (after_next(&reader, &item)) {
        const uint64_t own = job->id - job->array_id;
        bool failed = false;
        int least = 1;

        for (uint64_t i = item.each ? own : 0; i < (item.each ? own + 1 : item.count); i++) {
            struct job other;
            int one = 0;

            if (is_to_come(world, item.first_id + i)) {
                ; /* It waits. */
            } else if (!core_job(world->core, item.first_id + i, &other)) {
                broken(world, "somebody that another waits for is lost", item.first_id + i);
            } else {
                one = stands(&other, item.on);
            }
            failed = failed || one > 0;
            least = item.on == AFTER_FAILURE && one < 0 && !item.each && item.count > 1 ? least
                    : one < least                                                       ? one
                                                                                        : least;
        }
        if (item.on == AFTER_FAILURE && least > 0 && !failed) {
            least = -1;
        }
        all = least < all ? least : all;
    }
    return all;
}

/* Nobody starts before what it waits for has come, nor is skipped before it can't come. */
static void check_after(struct world *world) {
    unsigned running[WORLD_JOBS_MAX + 1] = {0};

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        struct job job;

        if (!core_job(world->core, id, &job)) {
            continue;
        }
        if (job.array[0] != '\0' && job_state_is_active(job.state) && ++running[job.array_id] > 2) {
            broken(world, "more elements of an array run than may", id);
        }
        if (job.after[0] == '\0' || world->settled[id]) {
            continue;
        }
        world->settled[id] = job.attempt > 0 || job_state_is_final(job.state);
        if (job.attempt > 0 && stands_all(world, &job) != 1) {
            broken(world, "started before what it waits for", id);
        }
        if ((job.state == JOB_SKIPPED || job.failure == FAILURE_DEPENDENCY) &&
            stands_all(world, &job) >= 0) {
            broken(world, "given up though what it waits for may come", id);
        }
        if (job.state == JOB_QUEUED && job.attempt == 0 && stands_all(world, &job) < 0) {
            broken(world, "waits for what can't come", id);
        }
    }
}

static void wrong_usage(void *context, const char *text) {
    broken(context, text, 0);
}

/* What is stored of usage follows from what is stored of attempts. */
static void check_usage(struct world *world) {
    struct usage_check *usage = usage_check_create();

    for (unsigned i = 0; i < world->fact_count; i++) {
        if (world->facts[i].exists && world->facts[i].fact.kind == FACT_USAGE) {
            usage_check_add_fact(usage, &world->facts[i].fact);
        }
    }
    for (uint64_t id = 1; id < world->next_id; id++) {
        if (world->disk[id].exists && world->disk[id].attempt.number > 0) {
            usage_check_add_attempt(usage, &world->disk[id].job, &world->disk[id].attempt);
        }
    }
    usage_check_tell(usage, wrong_usage, world);
    usage_check_destroy(usage);
}

static void check(struct world *world) {
    struct error error = {0};

    if (core_verify(world->core, &error) != OK) {
        broken(world, error.text, 0);
    }
    check_jobs(world);
    check_alarms(world);
    check_drivers(world);
    check_names(world);
    check_limits(world);
    check_after(world);
    if (world->totals.turns % 8 == 0) {
        check_usage(world);
    }
    /* Whoever was admitted gets its executors, unless others spoil it. */
    if (world->is_ours_alone && world->executor_refusals > 0) {
        broken(world, "quota refused an executor of an admitted job", 0);
    }
}

/* --- Turns ----------------------------------------------------------------------------------- */

/* Attempts fail in many ways; each always in its own. */
static enum failure failure_of(const struct world *world, const struct world_pod *pod) {
    static const enum failure more[] = {FAILURE_APP,          FAILURE_APP,
                                        FAILURE_OOM,          FAILURE_EVICTED,
                                        FAILURE_IMAGE,        FAILURE_CONFIG,
                                        FAILURE_NODE_LOST,    FAILURE_EVICTED,
                                        FAILURE_PREEMPTED,    FAILURE_EXECUTOR_STARVED,
                                        FAILURE_UNSCHEDULABLE};
    static const enum failure failures[] = {FAILURE_APP, FAILURE_APP, FAILURE_OOM, FAILURE_EVICTED,
                                            FAILURE_IMAGE};

    if (world->options.classes > 0) {
        return more[(pod->job_id * 3 + pod->attempt * 7) % ARRAY_LEN(more)];
    }
    return failures[(pod->job_id * 3 + pod->attempt) % ARRAY_LEN(failures)];
}

static struct event event_of(struct world *world, const struct note *note, struct quota *quota) {
    const struct world_pod *pod = &note->pod;
    char hard[3][24];
    char used[3][24];

    switch (note->kind) {
    case NOTE_POD:
        if (!pod->exists) {
            return (struct event){
                .kind = EVENT_POD_GONE,
                .gone = {.namespace = namespaces[pod->namespace], .name = note->pod.name}};
        }
        return (struct event){.kind = EVENT_POD,
                              .pod = {.namespace = namespaces[pod->namespace],
                                      .name = pod->name,
                                      .uid = pod->uid,
                                      .node = pod->node >= 0 ? world->nodes[pod->node].name : "",
                                      .job_id = pod->job_id,
                                      .attempt = pod->attempt,
                                      .is_main = pod->role == POD_ROLE_DRIVER && pod->job_id != 0,
                                      .standing = pod->standing,
                                      .failure = pod->standing == POD_STANDS_FAILED
                                                     ? failure_of(world, pod)
                                                     : FAILURE_NONE,
                                      .exit_code = pod->standing == POD_STANDS_FAILED ? 1 : 0,
                                      .message = "",
                                      .role = pod->role,
                                      .demand = &pod->group->pod}};
    case NOTE_QUOTA:
        for (size_t k = 0; k < 3; k++) {
            const char *suffix = k == 0 ? "m" : "";

            (void)snprintf(hard[k], sizeof hard[k], "%" PRId64 "%s", world->hard[k], suffix);
            (void)snprintf(used[k], sizeof used[k], "%" PRId64 "%s", note->used[k], suffix);
        }
        quota_init(quota, namespaces[note->index], "q");
        if (quota_add_item(quota, core_resource_names(world->core), "requests.cpu", hard[0],
                           used[0]) != OK ||
            quota_add_item(quota, core_resource_names(world->core), "requests.memory", hard[1],
                           used[1]) != OK ||
            quota_add_item(quota, core_resource_names(world->core), "pods", hard[2], used[2]) !=
                OK) {
            broken(world, "a quota's key", 0);
        }
        return (struct event){.kind = EVENT_QUOTA, .quota = quota};
    case NOTE_STARTED: {
        struct event event = {.kind = EVENT_STARTED, .started = note->started};

        event.started.pod_name = note->pod_name;
        event.started.pod_uid = note->pod_uid;
        return event;
    }
    case NOTE_NEWS: {
        struct event event = {.kind = EVENT_NEWS, .news = note->news};

        event.news.pod_uid = note->pod_uid;
        event.news.message = note->news.failure != FAILURE_NONE ? "an event" : "";
        return event;
    }
    case NOTE_NOTIFIED:
        return (struct event){.kind = EVENT_NOTICE_SENT, .notice_sent = note->notified};
    case NOTE_DELETED:
        break;
    }
    return (struct event){.kind = EVENT_DELETED,
                          .deleted = {.namespace = namespaces[pod->namespace],
                                      .name = note->pod_name,
                                      .gone = note->started.result == START_DONE,
                                      .message = ""}};
}

static bool turn(struct world *world, struct event *events, size_t count) {
    struct turn out;

    if (world->died || world->paused) {
        return false;
    }
    scheduler_turn(world->core, world->now, events, count, &out);
    commit(world, &out);
    world->totals.turns++;
    if (world->totals.turns == world->options.nth_turn_dies ||
        chance(world, world->options.crash)) {
        world->died = true; /* Committed, and not acted upon. */
        return false;
    }
    if (out.command_count > 0 && chance(world, world->options.pause)) {
        world->paused = true;
        world->lease_until_us = world->now.mono_us + LEASE_US;
        stop_amid(world, &out);
        return false;
    }
    act(world, &out);
    if (count > 0 || out.change_count > 0 || out.command_count > 0) {
        check(world); /* Else nothing has changed since the last check. */
        watch_promises(world);
        check_reasons(world);
    }
    return out.wake_after_us == 0;
}

static void tell_everything(struct world *world) {
    struct quota quotas[WORLD_NAMESPACES];
    struct event events[WORLD_NODES_MAX + WORLD_NAMESPACES + CLUSTER_PART_COUNT];
    size_t count = 0;

    for (unsigned i = 0; i < world->pod_count; i++) {
        struct note note = {.kind = NOTE_POD, .index = i, .pod = world->pods[i]};
        struct event event = event_of(world, &note, NULL);
        struct turn out;

        if (world->pods[i].exists) {
            scheduler_turn(world->core, world->now, &event, 1, &out);
            commit(world, &out);
            act(world, &out);
        }
    }
    for (unsigned i = 0; i < world->options.nodes; i++) {
        events[count++] = (struct event){.kind = EVENT_NODE, .node = &world->nodes[i]};
    }
    for (unsigned i = 0; i < WORLD_NAMESPACES; i++) {
        struct note note = {.kind = NOTE_QUOTA, .index = i};

        usage_of(world, i, note.used);
        events[count++] = event_of(world, &note, &quotas[i]);
    }
    for (unsigned i = 0; i < CLUSTER_PART_COUNT; i++) {
        events[count++] =
            (struct event){.kind = EVENT_SYNCED, .synced = {.part = (enum cluster_part)i}};
    }
    (void)turn(world, events, count);
    for (unsigned i = 0; i < WORLD_NAMESPACES; i++) {
        quota_finish(&quotas[i]);
    }
}

/* Teams are called as the namespaces are. */
static void set_teams(struct world *world) {
    struct share_team teams[WORLD_NAMESPACES];
    const struct share_limits none = SHARE_LIMITS_NONE;
    const bool is_preempting = world->options.preemption != PLAN_PREEMPTION_OFF;

    for (unsigned i = 0; i < WORLD_NAMESPACES; i++) {
        teams[i] = (struct share_team){.name = namespaces[i], .weight = 1 + i, .limits = none};
        teams[i].limits.running_max = WORLD_TEAM_RUNS;
    }
    core_set_teams(world->core,
                   &(struct core_teams){.classes = classes,
                                        .class_count = is_preempting ? ARRAY_LEN(classes) : 0,
                                        .share = {.half_life_us = 10 * MINUTE_US,
                                                  .teams = teams,
                                                  .team_count = WORLD_NAMESPACES}},
                   world->now.now_us);
}

/* What was being made goes on. */
static void load_array(struct world *world, uint64_t first_id) {
    const unsigned which = world->disk[first_id].which;
    const struct spec spec = {.hash = {(unsigned char)which}, .text = "{}", .bytes = 2};
    struct fact fact = {.kind = FACT_ARRAY, .value = {.array = {.made = world->made[first_id]}}};
    char key[24];

    (void)snprintf(key, sizeof key, "%" PRIu64, first_id);
    fact.key = key;
    if (core_load_array(world->core, &fact, &spec, world->demands[which]) != OK) {
        broken(world, "an array can't be made further", first_id);
    }
}

/* --- A schedule ------------------------------------------------------------------------------- */

/* Each minute until so many are over; what was missed is caught up with. Its zone is the caller's.
 */
static struct new_schedule describe_schedule(const struct world *world) {
    const int64_t begun_us = world->scheduled_us != 0 ? world->scheduled_us : world->now.now_us;
    struct error error = {0};
    struct new_schedule schedule = {
        .namespace = "red",
        .name = "tick",
        .cron = "* * * * *",
        .rule = {.misfire = SCHEDULE_MISFIRE_ALL,
                 .jitter_us = world->options.seed % 2 == 0 ? 20000000 : 0,
                 .from_civil_s = SCHEDULE_ANY_CIVIL,
                 .until_civil_s =
                     (begun_us + (int64_t)world->options.schedule * MINUTE_US) / 1000000},
        .zone = zones_utc(),
        .succeeded_max = -1,
        .failed_max = -1,
        .job = {.namespace = "red",
                .team = "red",
                .ttl_s = 60,
                .retry = {.retries_max = 20,
                          .infra_retries_max = 100,
                          .backoff_first_us = 1000000,
                          .backoff_max_us = 60000000},
                .demand = world->demands[0],
                .spec = {.text = "{}", .bytes = 2}},
        .text = "{}",
        .creator = "ann",
    };

    if (cron_parse(schedule.cron, CRON_CRONIE, &error, &schedule.rule.cron) < 0) {
        broken(world, error.text, 0);
    }
    return schedule;
}

static void load_schedule(struct world *world) {
    const struct fact state = {.kind = FACT_SCHEDULE_STATE,
                               .key = "red/tick",
                               .value.schedule_state = world->schedule_state};
    struct new_schedule schedule = describe_schedule(world);

    core_load_schedule(world->core, &schedule);
    if (core_load_schedule_state(world->core, &state) != OK) {
        broken(world, "how far a schedule has come can't be read", 0);
    }
    zone_destroy(schedule.zone);
}

/* Each of its minutes is one job, whatever died in between. */
static void check_occurrences(const struct world *world) {
    const int64_t first_s = (world->scheduled_us / MINUTE_US + 1) * 60;
    const unsigned minutes =
        (unsigned)((world->scheduled_us / 1000000 + world->options.schedule * 60 - 1) / 60 -
                   first_s / 60 + 1);
    unsigned char seen[WORLD_JOBS_MAX] = {0};
    unsigned count = 0;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        const struct job *job = &world->disk[id].job;
        const int64_t minute = (job->occurrence.civil_s - first_s) / 60;

        if (job->schedule[0] == '\0') {
            continue;
        }
        if (minute < 0 || minute >= minutes || seen[minute]++ > 0) {
            broken(world, "an occurrence that is none, or was made before", id);
        }
        count++;
    }
    if (count != minutes) {
        broken(world, "an occurrence is missing", 0);
    }
}

static bool is_schedule_over(const struct world *world) {
    struct core_schedule schedule;

    return world->options.schedule == 0 ||
           (core_schedule(world->core, "red/tick", &schedule) && !schedule.has_next);
}

static void load_cancellations(struct world *world) {
    char key[24];
    const struct fact fact = {.kind = FACT_ARRAY_CANCEL, .key = key};

    for (uint64_t id = 1; id < world->next_id; id++) {
        (void)snprintf(key, sizeof key, "%" PRIu64, id);
        if (world->cancelling[id] && core_load_array_cancel(world->core, &fact) != OK) {
            broken(world, "a cancellation can't be read", id);
        }
    }
}

static void start_core(struct world *world) {
    struct retry_settings retry;

    retry_settings_init(&retry);
    if (world->options.classes > 0) {
        retry.breaker_jobs = 2;
        retry.breaker_pause_us = 2 * MINUTE_US;
        retry.avoid_half_life_us = 5 * MINUTE_US;
        retry.blame_above = 1;
        retry.blame_avoid = world->options.seed % 2 ? RETRY_AVOID_REQUIRED : RETRY_AVOID_PREFERRED;
    }
    world->core = core_create(&(struct core_options){
        .next_id = world->next_id,
        .seed = rng_next(&world->rng),
        .settings = {.starts_per_turn_max = 8,
                     .start_timeout_us = 20 * MINUTE_US,
                     .retry = &retry,
                     .events_after_us = world->options.classes > 0 ? 5000000 : 0,
                     .backoff_first_us = 1000000,
                     .backoff_max_us = 30000000,
                     .history_age_us = INT64_MAX / 4,
                     .history_count = 1000000,
                     .jobs_waiting_max = 1000000,
                     .order = {.mode = (enum order_mode)(world->options.seed % ORDER_MODE_COUNT),
                               .aging_us = MINUTE_US},
                     .backfill = {.mode = world->options.backfill,
                                  .promises_max = 20,
                                  .jobs_max = 100,
                                  .instants_max = 100,
                                  .ends_max = 20,
                                  .horizon_us = 600 * MINUTE_US,
                                  .event_steps = 100,
                                  .slice_steps = 400,
                                  .every_us = world->options.seed % 3 == 0 ? MINUTE_US / 4 : 0},
                     .preemption = world->options.preemption,
                     .preempt_protection_us = PROTECTION_US,
                     .windows = world->windows,
                     .notices = world->routes,
                     .elements_per_turn_max = 1 + world->options.seed % 3},
    });
    set_teams(world);
    load_learnt(world);
    if (world->scheduled_us != 0) {
        load_schedule(world);
    }
    for (unsigned i = 0; i < world->notice_count; i++) {
        const struct fact fact = {.kind = FACT_NOTICE,
                                  .key = world->notices[i].key,
                                  .value = {.notice = world->notices[i].value}};

        if (world->notices[i].exists && core_load_notice(world->core, &fact) != OK) {
            broken(world, "a notification can't be read", 0);
        }
    }
    for (uint64_t id = 1; id < world->next_id; id++) {
        const struct stored_job *stored = &world->disk[id];

        if (stored->exists) {
            core_load_job(world->core, &stored->job, world->demands[stored->which],
                          stored->attempt.number > 0 ? &stored->attempt : NULL);
        }
    }
    for (uint64_t id = 1; id < world->next_id; id++) {
        if (world->made[id] > 0) {
            load_array(world, id);
        }
    }
    load_cancellations(world);
    tell_everything(world);
}

static void crash(struct world *world) {
    core_destroy(world->core);
    world->note_count = 0; /* Watches and replies died with the process. */
    world->died = false;
    start_core(world);
}

/* Its lease has run out: another has the queue, and loads it. */
static void take_over(struct world *world) {
    forget_old(world);
    world->old.core = world->core;
    world->old.lease_until_us = world->lease_until_us;
    world->old.wakes_us = world->now.now_us + (int64_t)rng_below(&world->rng, 120000000);
    world->totals.takeovers++;
    world->note_count = 0;
    world->paused = false;
    start_core(world);
}

/* --- Clients --------------------------------------------------------------------------------- */

/* Within so many minutes; 0: whenever. */
static int64_t drawn_deadline_us(struct world *world, unsigned minutes) {
    return chance(world, 300)
               ? 0
               : world->now.now_us + (int64_t)rng_below(&world->rng, minutes * 60) * 1000000;
}

/* A forecast that may say anything. */
static void foresee(struct world *world) {
    struct outlook jobs[WORLD_JOBS_MAX];
    struct event event = {.kind = EVENT_OUTLOOK, .outlook = {.jobs = jobs}};

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        int64_t p50_us = world->now.now_us + (int64_t)rng_below(&world->rng, 8) * MINUTE_US;

        jobs[event.outlook.count++] = (struct outlook){
            .job_id = id,
            .p50_us = p50_us,
            .p90_us = p50_us + (int64_t)rng_below(&world->rng, 2) * MINUTE_US,
        };
    }
    (void)turn(world, &event, 1);
}

/* What the jobs of one submission wait for: those before them in it, or any earlier one. */
static void choose_after(struct world *world, struct new_after *after, struct new_job *job,
                         unsigned place) {
    const bool is_here = place > 0 && chance(world, 600);

    if (!is_here && world->acknowledged == 0) {
        return;
    }
    after->is_here = is_here;
    after->item = (struct after_item){
        .on = (enum after_on)rng_below(&world->rng, AFTER_ON_COUNT),
        .otherwise = chance(world, 800) ? AFTER_SKIP : AFTER_FAIL,
        .first_id = is_here ? rng_below(&world->rng, place)
                            : 1 + rng_below(&world->rng, world->acknowledged),
        .count = 1,
    };
    job->after = after;
    job->after_count = 1;
}

/* An array of a few elements, of which some may run at once, or element by element behind an
 * earlier one of the same size. */
static void choose_array(struct world *world, struct new_after *after, struct new_job *jobs) {
    for (unsigned i = 0; i < AFTER_JOBS; i++) {
        jobs[i].array = "0-3%2";
        jobs[i].array_place = i;
        jobs[i].name = "element";
    }
    if (world->array_id != 0 && chance(world, 500)) {
        after->item =
            (struct after_item){.on = (enum after_on)rng_below(&world->rng, AFTER_ON_COUNT),
                                .first_id = world->array_id,
                                .count = AFTER_JOBS,
                                .is_array = true,
                                .each = chance(world, 600)};
        for (unsigned i = 0; i < AFTER_JOBS; i++) {
            jobs[i].after = after;
            jobs[i].after_count = 1;
        }
    }
    world->array_id = core_new_id(world->core);
}

/* The same, made by the core, in several turns. */
static void shrink_to_one(struct new_job *job, struct submit_event *submit) {
    job->element_count = AFTER_JOBS;
    submit->count = 1;
}

static void submit_many(struct world *world, const struct new_job *like) {
    struct new_after after[AFTER_JOBS] = {{.is_here = false}};
    struct new_job jobs[AFTER_JOBS];
    struct event event = {
        .kind = EVENT_SUBMIT,
        .token = 1,
        .submit = {.jobs = jobs, .count = AFTER_JOBS, .submitter = "me"},
    };
    const bool is_array = chance(world, 400);

    for (unsigned i = 0; i < AFTER_JOBS; i++) {
        jobs[i] = *like;
        jobs[i].hold = chance(world, 30);
        if (!is_array && chance(world, 800)) {
            choose_after(world, &after[i], &jobs[i], i);
        }
    }
    if (is_array) {
        choose_array(world, &after[0], jobs);
        if (chance(world, 700)) {
            shrink_to_one(&jobs[0], &event.submit);
        }
    }
    (void)turn(world, &event, 1);
}

static void submit(struct world *world) {
    unsigned which = (unsigned)rng_below(&world->rng, ARRAY_LEN(world->demands));
    struct new_job job = {
        .name = "job",
        .namespace = namespaces[rng_below(&world->rng, WORLD_NAMESPACES)],
        .team = namespaces[rng_below(&world->rng, WORLD_NAMESPACES)],
        .priority = (int32_t)rng_below(&world->rng, 3),
        .ttl_s = chance(world, 500) ? 60 : JOB_TTL_NEVER,
        .retry = {.retries_max = 20,
                  .infra_retries_max = 100,
                  .backoff_first_us = 1000000,
                  .backoff_max_us = 60000000},
        .demand = world->demands[which],
        .spec = {.text = "{}", .bytes = 2},
    };
    static const char *const windows[] = {"soft", "mild", "soft,mild"};
    struct event event = {
        .kind = EVENT_SUBMIT, .token = 1, .submit = {.jobs = &job, .count = 1, .submitter = "me"}};

    if (chance(world, world->options.windows)) {
        job.window = windows[rng_below(&world->rng, ARRAY_LEN(windows))];
        job.expected_runtime_us = (int64_t)rng_below(&world->rng, 3) * 5 * MINUTE_US;
    }
    if (world->options.preemption != PLAN_PREEMPTION_OFF) {
        job.priority_class = classes[rng_below(&world->rng, ARRAY_LEN(classes))].name;
        job.preemptible = chance(world, 500);
        job.team = chance(world, 500) ? "red" : "blue";
    }
    if (chance(world, world->options.estimated)) {
        job.expected_runtime_us = runtime_us(world, world->next_id) + 10000000;
        job.priority = 0; /* Nobody who comes later goes first. */
    }
    if (chance(world, world->options.deadlines)) {
        job.start_by_us = drawn_deadline_us(world, 2);
        job.start_miss = chance(world, 300) ? START_MISS_SKIP : START_MISS_WARN;
        job.finish_by_us = drawn_deadline_us(world, 10);
        job.warn_runtime_us = chance(world, 500) ? MINUTE_US : 0;
        job.max_runtime_us = chance(world, 300) ? 2 * MINUTE_US : 0;
    }
    if (world->options.classes > 0) {
        job.retry.retries_max = (uint32_t)rng_below(&world->rng, 3);
        job.retry.infra_retries_max = (uint32_t)rng_below(&world->rng, 4);
    }
    if (chance(world, world->options.names)) {
        job.pod_name = wanted_names[rng_below(&world->rng, ARRAY_LEN(wanted_names))];
    }
    if (world->options.always > 0) {
        job.retry.always = chance(world, world->options.always);
    }
    job.spec.hash[0] = (unsigned char)which;
    if (world->options.after > 0 && chance(world, world->options.after)) {
        submit_many(world, &job);
        return;
    }
    (void)turn(world, &event, 1);
}

static void put_schedule(struct world *world) {
    struct new_schedule schedule = describe_schedule(world);
    struct event event = {
        .kind = EVENT_SUBMIT,
        .token = 1,
        .submit = {.schedules = &schedule, .schedule_count = 1, .submitter = "ann"}};

    (void)turn(world, &event, 1);
    zone_destroy(schedule.zone);
}

/* Whoever is held is let go, sometime. */
static void release(struct world *world) {
    struct event event = {.kind = EVENT_RELEASE, .token = 1};
    struct job job;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        if (core_job(world->core, id, &job) && job.state == JOB_HELD && chance(world, 100)) {
            event.job_id = id;
            (void)turn(world, &event, 1);
        }
    }
}

/* Some that failed are tried again by hand, with their budgets new. */
static void retry(struct world *world) {
    const uint64_t id = 1 + rng_below(&world->rng, world->acknowledged);
    struct event event = {.kind = EVENT_RETRY, .token = 1};
    struct job job;

    if (!core_job(world->core, id, &job) || job.state != JOB_FAILED) {
        return;
    }
    event.retry =
        (struct retry_event){.job_id = id, .demand = world->demands[world->disk[id].which]};
    world->retried_id = id;
    (void)turn(world, &event, 1);
    world->retried_id = 0;
    if (core_job(world->core, id, &job) && (job.retries != 0 || job.infra_retries != 0)) {
        broken(world, "tried again by hand with spent budgets", id);
    }
}

static void cancel(struct world *world) {
    struct event event = {.kind = EVENT_CANCEL,
                          .token = 1,
                          .job_id = 1 + rng_below(&world->rng, world->acknowledged)};
    struct core_array array;

    event.whole = core_array(world->core, event.job_id, &array);
    (void)turn(world, &event, 1);
}

/* Nothing else ends what runs again and again. */
static void cancel_reruns(struct world *world) {
    struct event event = {.kind = EVENT_CANCEL, .token = 1};
    struct job job;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        if (core_job(world->core, id, &job) && job.retry.always && job.attempt > 3 &&
            !job_state_is_final(job.state) && chance(world, 100)) {
            event.job_id = id;
            (void)turn(world, &event, 1);
        }
    }
}

/* --- The run --------------------------------------------------------------------------------- */

static void deliver(struct world *world) {
    for (;;) {
        unsigned first = world->note_count;
        struct quota quota;
        struct note note;
        struct event event;

        for (unsigned i = 0; i < world->note_count; i++) {
            const struct note *candidate = &world->notes[i];
            const struct note *best = first < world->note_count ? &world->notes[first] : NULL;

            if (candidate->due_us <= world->now.now_us &&
                (best == NULL || candidate->due_us < best->due_us ||
                 (candidate->due_us == best->due_us && candidate->order < best->order))) {
                first = i;
            }
        }
        if (first == world->note_count) {
            return;
        }
        note = world->notes[first];
        world->notes[first] = world->notes[--world->note_count];
        event = event_of(world, &note, &quota);
        (void)turn(world, &event, 1);
        if (note.kind == NOTE_QUOTA) {
            quota_finish(&quota);
        }
    }
}

static bool all_final(const struct world *world) {
    struct job job;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        if (!core_job(world->core, id, &job) || !job_state_is_final(job.state)) {
            return false;
        }
    }
    return world->acknowledged >= world->options.jobs && is_schedule_over(world);
}

static void step(struct world *world) {
    int64_t step_us = 100000 + (int64_t)rng_below(&world->rng, 900000);

    world->now.now_us += step_us;
    world->now.mono_us += step_us;
    step_cluster(world);
    arrive_late(world);
    if (world->paused && world->now.mono_us >= world->lease_until_us) {
        take_over(world);
    }
    wake_old(world);
    deliver(world);
    for (int i = 0; i < 20 && turn(world, NULL, 0); i++) {
        continue;
    }
    if (!world->died && !world->paused && world->acknowledged < world->options.jobs &&
        chance(world, 300)) {
        submit(world);
    }
    if (!world->died && !world->paused && world->options.schedule > 0 && world->scheduled_us == 0) {
        put_schedule(world);
    }
    if (!world->died && !world->paused && world->options.after > 0) {
        release(world);
    }
    if (!world->died && !world->paused && world->options.always > 0) {
        cancel_reruns(world);
    }
    if (!world->died && !world->paused && world->acknowledged > 0 &&
        chance(world, world->options.cancel)) {
        cancel(world);
    }
    if (!world->died && !world->paused && world->acknowledged > 0 &&
        world->acknowledged < world->options.jobs && chance(world, 50)) {
        retry(world);
    }
    if (!world->died && !world->paused && world->options.deadlines > 0 && chance(world, 100)) {
        foresee(world);
    }
    if (world->died || chance(world, world->options.crash)) {
        crash(world);
    }
}

static struct demand *make_demand(int64_t cpu_milli, int64_t memory, uint32_t executors) {
    struct demand *demand = demand_create();
    static const enum pod_role roles[] = {POD_ROLE_DRIVER, POD_ROLE_EXECUTOR};

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct pod_group *group = demand_add_group(demand, roles[i], i == 0 ? 1 : executors);
        struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

        container_demand_request(container, RESOURCE_CPU, cpu_milli);
        container_demand_request(container, RESOURCE_MEMORY, memory);
    }
    demand_settle(demand);
    return demand;
}

static void make_cluster(struct world *world) {
    world->demands[0] = make_demand(1000, 1000, 1);
    world->demands[1] = make_demand(500, 2000, 3);
    world->demands[2] = make_demand(2000, 500, 2);
    world->demands[3] = make_demand(250, 250, 6);
    world->hard[0] = 8000;
    world->hard[1] = 12000;
    world->hard[2] = 12;
    for (unsigned i = 0; i < world->options.nodes; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "node-%u", i);
        node_init(&world->nodes[i], name);
        world->nodes[i].ready = true;
        world->nodes[i].allocatable.amount[RESOURCE_CPU] = 4000;
        world->nodes[i].allocatable.amount[RESOURCE_MEMORY] = 8000;
        world->nodes[i].allocatable.amount[RESOURCE_PODS] = 20;
    }
}

/* Two windows that never shut by themselves, and freezes that shut them again and again. */
static void make_windows(struct world *world) {
    static const char *const names[] = {"soft", "mild"};
    struct window_set *set = window_set_create();

    set->zones = mem_alloc(1, sizeof(struct zone *));
    set->zones[set->zone_count++] = zones_utc();
    set->windows = mem_alloc(ARRAY_LEN(names), sizeof *set->windows);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct window *window = &set->windows[set->window_count++];

        *window = (struct window){.name = mem_copy_text(names[i]), .zone = set->zones[0]};
        window->at_close = i == 0 ? WINDOW_CLOSE_REQUEUE : WINDOW_CLOSE_FINISH;
        window->hours = mem_alloc(1, sizeof *window->hours);
        window->hours_count = 1;
        window->hours[0] =
            (struct window_hours){.weekdays = WINDOW_EVERY_DAY, .close_s = 24 * 3600};
    }
    set->freezes = mem_alloc(WORLD_SHUTS, sizeof *set->freezes);
    for (int i = 0; i < WORLD_SHUTS; i++) {
        struct freeze *freeze = &set->freezes[set->freeze_count++];

        *freeze = (struct freeze){.name = mem_copy_text("shut"),
                                  .from_us = world->now.now_us + (13 * i + 1) * MINUTE_US,
                                  .until_us = world->now.now_us + (13 * i + 4) * MINUTE_US,
                                  .windows = mem_alloc(2, sizeof(char *)),
                                  .window_count = 2};
        freeze->windows[0] = mem_copy_text("soft");
        freeze->windows[1] = mem_copy_text("mild");
    }
    world->windows = set;
}

/* Two receivers, who hear of some classes. */
static void make_routes(struct world *world) {
    struct notice_routes *routes = notice_routes_create();

    routes->receivers = mem_alloc(2, sizeof *routes->receivers);
    routes->receivers[0] = mem_copy_text("chat");
    routes->receivers[1] = mem_copy_text("mail");
    routes->receiver_count = 2;
    routes->routes = mem_alloc(2, sizeof *routes->routes);
    routes->routes[0] = (struct notice_route){
        .classes = 1u << NOTICE_FAILED | 1u << NOTICE_MISSED | 1u << NOTICE_RISK, .receivers = 3};
    routes->routes[1] = (struct notice_route){.classes = 1u << NOTICE_SUCCEEDED, .receivers = 1};
    routes->route_count = 2;
    routes->give_up_us = 3 * MINUTE_US;
    world->routes = routes;
}

/* A pod that was being stopped for another job or for its window, and ended well in that moment: if
 * the daemon died before it heard of it, nobody knows. */
static bool may_repeat(const struct world *world, const struct job *job) {
    return world->options.crash > 0 && (job->preemptions > 0 || job->window[0] != '\0');
}

static void check_end(const struct world *world) {
    if (world->options.schedule > 0) {
        check_occurrences(world);
    }
    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        struct job job = {0};

        if (!core_job(world->core, id, &job)) {
            broken(world, "a job is lost", id);
        }
        if (job.state == JOB_SUCCEEDED && world->succeeded_mains[id] != 1 &&
            !(world->succeeded_mains[id] > 1 && may_repeat(world, &job))) {
            broken(world, "succeeded, but not exactly once", id);
        }
        if (job.state == JOB_SKIPPED && job.start_miss == START_MISS_SKIP && !job.has_run &&
            job.failure == FAILURE_DEADLINE && (job.alarms & ALARM_START_MISSED) != 0) {
            continue;
        }
        if (job.state == JOB_REJECTED || (job.state == JOB_SKIPPED && job.after[0] == '\0')) {
            broken(world, "an end that nothing here leads to", id);
        }
    }
    for (unsigned i = 0; i < world->pod_count; i++) {
        if (is_live(&world->pods[i]) && world->pods[i].job_id != 0) {
            broken(world, "a pod is left over", world->pods[i].job_id);
        }
    }
}

static unsigned count_skips(const struct world *world) {
    unsigned sum = 0;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        sum += world->disk[id].job.state == JOB_SKIPPED;
    }
    return sum;
}

/* Nobody is stopped again and again: not twice within the time that protects a job. */
static unsigned count_preemptions(const struct world *world) {
    unsigned sum = 0;

    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        struct job job = {0};

        if (core_job(world->core, id, &job)) {
            sum += job.preemptions;
            if (job.preemptions > 0 && !job.preemptible) {
                broken(world, "stopped, and did not say that it may be", id);
            }
            if ((int64_t)job.preemptions * PROTECTION_US >
                job.finished_us - job.submitted_us + PROTECTION_US) {
                broken(world, "stopped too often", id);
            }
        }
    }
    return sum;
}

/* What is not over yet, for whoever looks for the cause. */
static void describe(const struct world *world) {
    for (uint64_t id = 1; id <= world->acknowledged; id++) {
        char text[REASON_TEXT_BYTES] = "";
        struct reason reason;
        struct job job;

        if (!core_job(world->core, id, &job) || job_state_is_final(job.state)) {
            continue;
        }
        if (core_reason(world->core, id, &reason)) {
            reason_print(&reason, core_resource_names(world->core), text);
        }
        (void)fprintf(stderr, "job %" PRIu64 " %s attempt %" PRIu32 "%s: %s\n", id,
                      job_state_text(job.state), job.attempt,
                      job.cancel_requested ? " cancelled" : "", text);
    }
    for (unsigned i = 0; i < world->pod_count; i++) {
        const struct world_pod *pod = &world->pods[i];

        if (is_live(pod)) {
            (void)fprintf(stderr, "pod %s of job %" PRIu64 " attempt %" PRIu32 " role %s node %d\n",
                          pod->name, pod->job_id, pod->attempt, pod_role_text(pod->role),
                          pod->node);
        }
    }
}

struct world_totals world_run(const struct world_options *options) {
    struct world *world = mem_alloc(1, sizeof *world);
    struct world_totals totals;

    world->options = *options;
    world->is_ours_alone = options->foreign == 0;
    world->notes = mem_alloc(WORLD_NOTES_MAX, sizeof *world->notes);
    world->next_id = 1;
    world->now = (struct instant){.now_us = INT64_C(1700000000000000), .mono_us = 1000000};
    rng_init(&world->rng, options->seed);
    make_cluster(world);
    make_windows(world);
    if (options->deadlines > 0) {
        make_routes(world);
    }
    world->notices = mem_alloc(NOTICES_MAX, sizeof *world->notices);
    start_core(world);
    for (unsigned i = 0; !all_final(world); i++) {
        if (i == 20000) {
            describe(world);
            broken(world, "jobs wait for ever", 0);
        }
        step(world);
    }
    /* Peace: what is still on its way arrives, and what is to be cleaned up goes. */
    world->options.crash = world->options.request_lost = world->options.reply_lost = 0;
    world->options.pause = 0;
    world->options.foreign = world->options.cancel = 0;
    for (int i = 0; i < 400; i++) {
        step(world);
    }
    check_end(world);
    check_notices(world);
    totals = world->totals;
    totals.preemptions = count_preemptions(world);
    totals.skips = count_skips(world);
    forget_old(world);
    core_destroy(world->core);
    for (size_t i = 0; i < ARRAY_LEN(world->demands); i++) {
        demand_destroy(world->demands[i]);
    }
    for (unsigned i = 0; i < world->options.nodes; i++) {
        node_finish(&world->nodes[i]);
    }
    window_set_destroy(world->windows);
    notice_routes_destroy(world->routes);
    free(world->notices);
    intern_finish(&world->texts);
    free(world->notes);
    free(world);
    return totals;
}
