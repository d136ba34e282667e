#include "scheduler/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "config/problem.h"
#include "config/windows.h"
#include "config/zones.h"
#include "k8s/codec_json.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "k8s/payload_fill.h"
#include "policy/plan.h"
#include "policy/room.h"
#include "policy/zone.h"
#include "queue/queue.h"
#include "scheduler/daemon_main.h"
#include "scheduler/demand_classes.h"
#include "scheduler/leader.h"
#include "scheduler/log_collector.h"
#include "scheduler/loop.h"
#include "scheduler/settings.h"
#include "scheduler/starter.h"
#include "scheduler/submission.h"
#include "scheduler/team_settings.h"

#define STALL_RETRY_US     (1 * CLOCK_US_PER_SECOND)
#define STALL_TELL_US      (3 * CLOCK_US_PER_SECOND) /* clients of the turn wait no longer */
#define COMMITS_REMEMBERED 8
#define TURN_EVENTS_ENOUGH 32 /* for a turn that is worth its sync */
#define DRAIN_US           (20 * CLOCK_US_PER_SECOND)
#define LOOK_AT_ZONES_US   (15 * CLOCK_US_PER_SECOND)

/* Exit statuses of nightshiftd, as its man page has them. */
enum {
    EXIT_OK = 0,
    EXIT_CONFIG = 2, /* bad configuration */
    EXIT_BUSY = 3,   /* the queue is open elsewhere, or the socket is in use */
    EXIT_QUEUE = 4,  /* the queue can't be read */
    EXIT_SYSTEM = 5,
    EXIT_LEASE = 6, /* another daemon leads from here on */
};

#define DESCRIPTORS_BESIDE_CLIENTS 256 /* the queue, the cluster, the log */

struct instant daemon_now(const struct daemon *daemon) {
    (void)daemon;
    return clock_sample();
}

/* What keeps the cluster from being listed, in the words of who said so; "" if nobody has yet. */
static const char *first_trouble(const struct cluster_status *cluster) {
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        if (cluster->trouble[i][0] != '\0') {
            return cluster->trouble[i];
        }
    }
    return "";
}

bool daemon_is_ready(struct daemon *daemon, struct error *out_why) {
    struct core_counts counts;
    bool listed;

    if (daemon->core == NULL) {
        leader_explain(daemon, out_why);
        return false;
    }
    counts = core_counts(daemon->core);
    listed = counts.synced[CLUSTER_PODS];
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        listed = listed && (counts.synced[i] || counts.denied[i]);
    }
    if (daemon->stalled) {
        *out_why = daemon->stall;
    } else if (daemon->draining) {
        (void)error_set(out_why, ERR_BUSY, "stopping");
    } else if (!daemon_has_room(daemon, out_why)) {
        return false;
    } else if (!leader_may_act(daemon)) {
        leader_explain(daemon, out_why);
    } else if (!listed) {
        struct cluster_status cluster = cluster_status(daemon);
        const char *trouble = first_trouble(&cluster);

        (void)error_set(out_why, ERR_BUSY,
                        "the cluster's pods, nodes and quotas are not all listed yet%s%s",
                        trouble[0] != '\0' ? ": " : "", trouble);
    }
    return out_why->code == OK;
}

bool daemon_has_room(struct daemon *daemon, struct error *out_why) {
    daemon->has_room = daemon->has_room || queue_check_room(daemon->queue, out_why) == OK;
    return daemon->has_room;
}

void daemon_wake(struct daemon *daemon) {
    poller_timer_set(loop_poller(daemon->loop), &daemon->wake, 0);
}

/* --- The turn -------------------------------------------------------------------------------- */

/* Work is refused from now on, until the turn is on disk. */
static void stall(struct daemon *daemon, const struct error *why, const char *action) {
    if (!daemon->stalled || strcmp(daemon->stall.text, why->text) != 0) {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "event=commit_failed error=\"%s\" action=\"no new work is taken or started; %s\"",
                  why->text, action);
    }
    if (!daemon->stalled) {
        daemon->stalled_since_us = daemon_now(daemon).mono_us;
    }
    daemon->stalled = true;
    daemon->stall = *why;
}

static void log_changes(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->turn.change_count; i++) {
        const struct queue_change *change = &daemon->turn.changes[i];

        if (change->kind == CHANGE_EVENT_ADD) {
            const struct job_event *event = &change->event;

            log_info(&daemon->log, event->at_us,
                     "job=%" PRIu64 " attempt=%" PRIu32 " event=%s state=%s text=\"%s\"",
                     event->job_id, event->attempt, event->kind, job_state_text(event->state),
                     event->text);
        }
    }
}

/* The turn is on disk: now the world may know. */
static void act(struct daemon *daemon) {
    const struct turn *turn = &daemon->turn;

    log_changes(daemon);
    for (size_t i = 0; i < turn->reply_count; i++) {
        front_reply(daemon, &turn->replies[i]);
    }
    front_tell_events(daemon, turn->changes, turn->change_count);
    for (size_t i = 0; i < turn->command_count; i++) {
        cluster_command(daemon, &turn->commands[i]);
    }
    inbox_drop(&daemon->inbox, daemon->turn_events);
    daemon->turn_events = 0;
    if (turn->wake_after_us != CLOCK_NEVER_US) {
        poller_timer_set(loop_poller(daemon->loop), &daemon->wake, turn->wake_after_us);
    }
}

/* The commit has come to its end. */
static void end_turn(struct daemon *daemon, int r, const struct error *error) {
    int64_t took_us = daemon_now(daemon).mono_us - daemon->committing_since_us;

    histogram_add(&daemon->commit_times, took_us);
    daemon->commit_us += (took_us - daemon->commit_us) / COMMITS_REMEMBERED;
    if (r == OK) {
        if (daemon->stalled) {
            log_warn(&daemon->log, daemon_now(daemon).now_us, "event=commit_recovered");
        }
        daemon->stalled = false;
        act(daemon);
        return;
    }
    stall(daemon, error, "tried again each second");
    poller_timer_set(loop_poller(daemon->loop), &daemon->wake, STALL_RETRY_US);
    if (daemon_now(daemon).mono_us - daemon->stalled_since_us >= STALL_TELL_US) {
        front_tell_stalled(daemon);
    }
}

static void end_commit(struct daemon *daemon) {
    struct error error = {0};
    int r = queue_commit_end(daemon->queue, &error);

    daemon->committing = false;
    end_turn(daemon, r, &error);
}

static void on_written(struct poller_fd *watch, unsigned events) {
    struct daemon *daemon = watch->owner;

    (void)events;
    if (daemon->committing) {
        end_commit(daemon);
    }
}

void daemon_await_commit(struct daemon *daemon) {
    if (daemon->committing) {
        end_commit(daemon);
    }
}

/* Is the disk still at the same turn? Looked at when that would matter, not for each turn. */
static void on_slow_disk(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;
    int64_t waited_us = daemon_now(daemon).mono_us - daemon->committing_since_us;
    struct error why = {0};

    if (!daemon->committing) {
        return;
    }
    if (waited_us < STALL_TELL_US) {
        poller_timer_set(loop_poller(daemon->loop), timer, STALL_TELL_US - waited_us);
        return;
    }
    (void)error_set(&why, ERR_IO, "the disk has not written the last turn for %d s",
                    (int)(STALL_TELL_US / CLOCK_US_PER_SECOND));
    stall(daemon, &why, "waiting for it");
    front_tell_stalled(daemon);
    poller_timer_set(loop_poller(daemon->loop), timer, STALL_TELL_US);
}

static void begin_waiting(struct daemon *daemon) {
    daemon->committing = true;
    if (!daemon->slow_disk.armed) {
        poller_timer_set(loop_poller(daemon->loop), &daemon->slow_disk, STALL_TELL_US);
    }
}

/* While the disk writes a large turn, the next one's requests are read; for a small one, waking a
 * thread costs more than that brings. */
static void finish_turn(struct daemon *daemon) {
    struct error error = {0};
    bool is_writing = false;
    int r;

    daemon->committing_since_us = daemon_now(daemon).mono_us;
    if (daemon->turn_events >= TURN_EVENTS_ENOUGH && !daemon->stalled) {
        r = queue_commit_begin(daemon->queue, daemon->turn.changes, daemon->turn.change_count,
                               &is_writing, &error);
    } else {
        r = queue_commit(daemon->queue, daemon->turn.changes, daemon->turn.change_count, &error);
    }
    if (is_writing) {
        begin_waiting(daemon);
    } else {
        end_turn(daemon, r, &error);
    }
}

/* Nothing is under way any more: clients answered, orders to the cluster ended. */
static bool is_drained(const struct daemon *daemon) {
    return daemon->draining && daemon->front_drained &&
           (daemon->core == NULL ||
            (daemon->inbox.count == 0 && starter_in_flight(daemon->starter) == 0 &&
             log_collector_figures(daemon->logs).deletions == 0));
}

/* Did the last look at the sockets bring something? Then who else is about to ask shares the turn,
 * and its sync: for one more look, while it is small or a slow disk makes each turn dear. */
static bool is_growing(struct daemon *daemon) {
    bool grows = daemon->inbox.count > daemon->inbox_seen;
    int64_t now_us = daemon_now(daemon).mono_us;

    if (daemon->inbox_seen == 0) {
        daemon->looks_since_us = now_us;
    }
    daemon->inbox_seen = daemon->inbox.count;
    return grows && (daemon->inbox.count < TURN_EVENTS_ENOUGH ||
                     now_us - daemon->looks_since_us < daemon->commit_us / 2);
}

static void compute_turn(struct daemon *daemon) {
    struct instant now = daemon_now(daemon);

    scheduler_turn(daemon->core, now, daemon->inbox.events, daemon->turn_events, &daemon->turn);
    histogram_add(&daemon->turn_times, daemon_now(daemon).mono_us - now.mono_us);
}

/* True: more work waits. */
static bool take_turn(struct daemon *daemon) {
    if (daemon->core == NULL || daemon->committing) {
        return false;
    }
    if (daemon->stalled) {
        if (daemon->turn_due) {
            daemon->turn_due = false;
            finish_turn(daemon);
        }
        return false;
    }
    if (daemon->inbox.count == 0 && !daemon->turn_due) {
        return false;
    }
    if (is_growing(daemon)) {
        return true;
    }
    daemon->turn_due = false;
    daemon->inbox_seen = 0;
    daemon->turn_events =
        daemon->inbox.count < LIMIT_TURN_EVENTS ? daemon->inbox.count : LIMIT_TURN_EVENTS;
    compute_turn(daemon);
    finish_turn(daemon);
    return daemon->inbox.count > 0 && !daemon->stalled && !daemon->committing;
}

/* Once per round of the loop, when its callbacks are through. True: the next one is not to wait. */
static bool on_round(void *owner) {
    struct daemon *daemon = owner;
    bool more;

    daemon->has_room = false;
    damage_report(daemon);
    more = take_turn(daemon);

    if (is_drained(daemon) && daemon->leader != NULL) {
        leader_resign(daemon);
    } else if (is_drained(daemon)) {
        loop_stop(daemon->loop);
    }
    return more;
}

static void on_wake(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;

    daemon->turn_due = true;
}

/* --- Loading the queue ----------------------------------------------------------------------- */

struct load {
    struct daemon *daemon;
    struct demands demands; /* by the numbers of specs */
    struct demand_classes classes;
    struct attempt attempt; /* the job's last one */
    char *texts[5];
    uint64_t unreadable;
};

static int keep_attempt(void *context, const struct attempt *attempt) {
    struct load *load = context;
    const char *texts[5] = {attempt->pod_name, attempt->pod_uid, attempt->node, attempt->message,
                            attempt->cause};

    load->attempt = *attempt;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(load->texts[i]);
        load->texts[i] = mem_copy_text(texts[i]);
    }
    load->attempt.pod_name = load->texts[0];
    load->attempt.pod_uid = load->texts[1];
    load->attempt.node = load->texts[2];
    load->attempt.message = load->texts[3];
    load->attempt.cause = load->texts[4];
    return OK;
}

/* A run knows for when it is. */
static int fill_occurrence(const struct job *job, struct buf *text, struct field_error *error) {
    char occurrence[CIVIL_TIME_BYTES];
    char date[CIVIL_DATE_BYTES];
    char packed[CIVIL_DATE_BYTES];
    char instant[RFC3339_BYTES_MAX];
    const struct payload_value values[] = {
        {"schedule", "NIGHTSHIFT_SCHEDULE", job->schedule},
        {"occurrence", "NIGHTSHIFT_OCCURRENCE", occurrence},
        {"occurrenceTime", "NIGHTSHIFT_OCCURRENCE_TIME", instant},
        {"businessDate", "NIGHTSHIFT_BUSINESS_DATE", date},
        {"businessDateNoDash", NULL, packed},
    };

    if (job->occurrence.time_us == 0) {
        return OK;
    }
    civil_print_time(job->occurrence.civil_s, occurrence);
    civil_print_date(job->occurrence.business_date, date);
    (void)snprintf(packed, sizeof packed, "%.4s%.2s%.2s", date, date + 5, date + 8);
    rfc3339_print(job->occurrence.time_us, instant);
    return payload_fill_values(job->kind, text, values, ARRAY_LEN(values), error);
}

/* The demand of a stored spec; NULL if it can't be read any more. */
int daemon_read_payload(struct daemon *daemon, const struct job *job, struct payload **out_payload,
                        struct field_error *error) {
    struct buf text, row;
    int r;

    buf_init(&text, 2 * LIMIT_SPEC_BYTES);
    buf_init(&row, LIMIT_ROW_BYTES);
    r = queue_get_spec(daemon->queue, job->id, &text);
    r = r < 0 ? r : queue_get_row(daemon->queue, job->id, &row);
    r = r < 0 || row.bytes == 0 ? r : payload_fill(job->kind, &text, buf_text(&row), error);
    r = r < 0 ? r : fill_occurrence(job, &text, error);
    r = r < 0 ? r
              : payload_read(job->kind, text.data, text.bytes, job->namespace, out_payload, error);
    buf_finish(&row);
    buf_finish(&text);
    return r;
}

static int build_demand(struct daemon *daemon, const struct job *job, const struct buf *text,
                        struct demand **out_demand, struct field_error *error) {
    struct payload *payload = NULL;
    int r = payload_read(job->kind, text->data, text->bytes, job->namespace, &payload, error);

    if (r == OK) {
        r = payload_demand(payload, core_resource_names(daemon->core), out_demand, error);
    }
    payload_destroy(payload);
    return r;
}

/* The slow way: from the job's spec. */
static struct demand *read_demand(struct load *load, const struct queue_job *stored) {
    struct daemon *daemon = load->daemon;
    const struct job *job = stored->job;
    unsigned char hash[SPEC_HASH_BYTES] = {0};
    const struct demand_key key = {
        .kind = job->kind, .namespace = job->namespace, .spec_hash = hash};
    struct demand *demand;
    struct field_error error = {0};
    struct buf text;

    memcpy(hash, &stored->spec, sizeof stored->spec);
    demand = demands_get(&load->demands, &key);
    if (demand != NULL) {
        return demand;
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    if (queue_get_spec(daemon->queue, job->id, &text) == OK) {
        demand = demands_get_alike(&load->demands, &key, text.data, text.bytes);
        if (demand == NULL && build_demand(daemon, job, &text, &demand, &error) == OK) {
            demands_put(&load->demands, &key, text.data, text.bytes, demand);
        }
    }
    buf_finish(&text);
    if (demand == NULL) {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "job=%" PRIu64 " event=spec_unreadable error=\"%s\"", job->id, error.error.text);
    }
    return demand;
}

static struct demand *load_demand(struct load *load, const struct queue_job *stored) {
    struct demand *demand = demand_classes_get(&load->classes, stored->demand);

    if (demand == NULL) {
        demand = read_demand(load, stored);
        if (demand != NULL) {
            demand_classes_learn(&load->classes, stored->demand, demand);
        }
    }
    return demand;
}

static int load_class(void *context, uint64_t number, const void *bytes, size_t count) {
    struct load *load = context;

    demand_classes_add(&load->classes, number, bytes, count);
    return OK;
}

/* Its record was damaged. Its pod, found by its labels, tells the rest. */
static void rebuild_attempt(struct load *load, const struct job *job) {
    load->attempt =
        (struct attempt){.job_id = job->id,
                         .number = job->attempt,
                         .pod_name = "",
                         .pod_uid = "",
                         .node = "",
                         .admitted_us = job->admitted_us,
                         .created_us = job->state == JOB_SUBMITTING ? 0 : job->admitted_us,
                         .started_us = job->started_us,
                         .exit_code = -1,
                         .message = ""};
    log_warn(&load->daemon->log, load->daemon->started_us,
             "job=%" PRIu64 " attempt=%" PRIu32
             " event=attempt_rebuilt action=\"its pod is found by its labels\"",
             job->id, job->attempt);
}

static int load_job(void *context, const struct queue_job *stored) {
    const struct job *job = stored->job;
    struct load *load = context;
    struct demand *demand = NULL;
    bool has_attempt;

    load->attempt = (struct attempt){0};
    if (job->attempt > 0) {
        int r = queue_each_attempt(load->daemon->queue, job->id, keep_attempt, load);

        if (r < 0) {
            return r;
        }
    }
    if (job_state_is_active(job->state) && load->attempt.number != job->attempt) {
        rebuild_attempt(load, job);
    }
    has_attempt = load->attempt.number > 0;
    if (!job_state_is_final(job->state)) {
        demand = load_demand(load, stored);
    }
    core_load_job(load->daemon->core, job, demand, has_attempt ? &load->attempt : NULL);
    demand_destroy(demand);
    return OK;
}

/* Amounts that the table of resources has no room for are left out: no pod asks for them. */
static void read_pool(const struct pool_setting *setting, struct resource_names *names,
                      struct node_pool *out_pool) {
    *out_pool = (struct node_pool){.node_max = setting->node_max};
    node_init(&out_pool->node, setting->name);
    for (size_t i = 0; i < setting->label_count; i++) {
        node_add_label(&out_pool->node, setting->labels[i].key, setting->labels[i].value);
    }
    for (size_t i = 0; i < setting->taint_count; i++) {
        node_add_taint(&out_pool->node, setting->taints[i].key, setting->taints[i].value,
                       taint_effect_of(setting->taints[i].effect));
    }
    for (size_t i = 0; i < setting->allocatable_count; i++) {
        size_t kind;
        int64_t amount;

        if (resource_intern(names, setting->allocatable[i].key, &kind) == OK &&
            resource_parse(names, kind, setting->allocatable[i].value, &amount) == OK) {
            out_pool->node.allocatable.amount[kind] = amount;
        }
    }
}

static void set_pools(struct daemon *daemon) {
    const struct pool_set *set = &daemon->config.node_pools;
    struct node_pool *pools = mem_alloc(set->count + 1, sizeof *pools);

    for (size_t i = 0; i < set->count; i++) {
        read_pool(&set->pools[i], core_resource_names(daemon->core), &pools[i]);
    }
    core_set_pools(daemon->core, pools, set->count);
    for (size_t i = 0; i < set->count; i++) {
        node_finish(&pools[i].node);
    }
    free(pools);
}

static void set_teams(struct daemon *daemon) {
    const int64_t now_us = daemon_now(daemon).now_us;
    struct team_settings teams;
    size_t dropped;

    team_settings_init(&teams, &daemon->config, core_resource_names(daemon->core), &dropped);
    core_set_teams(daemon->core, &teams.core, now_us);
    team_settings_finish(&teams);
    if (dropped > 0) {
        log_warn(&daemon->log, now_us,
                 "event=limits_ignored count=%zu error=\"too many kinds of resources\"", dropped);
    }
}

/* What earlier runs took is worth having, not worth stopping for. */
static int load_runs(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_runs(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=runtimes_ignored name=\"%s\" error=\"%s\"", fact->key, err_sentence(r));
    }
    return OK;
}

static int load_learnt(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = fact->kind == FACT_MEMORY ? core_load_memory(daemon->core, fact)
                                      : core_load_breaker(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=learnt_ignored name=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Nor is what teams used. */
static int load_usage(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_usage(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=usage_ignored name=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Whoever waits for them is told that they are not known. */
static int load_group(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_group(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=group_ignored group=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Receivers may miss something then: who reads the log may not. */
static int load_notice(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_notice(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=notification_ignored notification=%s error=\"%s\"", fact->key,
                 err_sentence(r));
    }
    return OK;
}

/* One that can't be read any more stays in the queue, and makes nothing. */
static int load_schedule(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    struct error error = {0};

    if (submission_load_schedule(daemon, fact, &error) < 0) {
        daemon->unreadable_schedules++;
        log_error(&daemon->log, daemon->started_us,
                  "event=schedule_unreadable schedule=%s error=\"%s\" action=\"it makes no runs: "
                  "submit it again\"",
                  fact->key, error.text);
    }
    return OK;
}

static int load_schedule_state(void *context, const struct fact *fact) {
    struct daemon *daemon = context;

    (void)!core_load_schedule_state(daemon->core, fact); /* Not found: see above. */
    return OK;
}

static int load_schedules(struct daemon *daemon) {
    uint64_t damaged = 0;
    int r = queue_each_fact(daemon->queue, FACT_SCHEDULE, load_schedule, daemon, &damaged);

    return r < 0 ? r
                 : queue_each_fact(daemon->queue, FACT_SCHEDULE_STATE, load_schedule_state, daemon,
                                   &damaged);
}

/* All that the core knows again beside jobs. It goes before what asks for it: jobs with windows
 * have to fit into them, by what their names took. */
static int load_facts(struct daemon *daemon) {
    static const struct {
        enum fact_kind kind;
        int (*load)(void *daemon, const struct fact *fact);
    } kinds[] = {
        {FACT_RUNS, load_runs},      {FACT_USAGE, load_usage}, {FACT_MEMORY, load_learnt},
        {FACT_BREAKER, load_learnt}, {FACT_GROUP, load_group}, {FACT_NOTICE, load_notice},
    };
    uint64_t damaged = 0;
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(kinds); i++) {
        r = queue_each_fact(daemon->queue, kinds[i].kind, kinds[i].load, daemon, &damaged);
    }
    return r;
}

static void tell_loaded(struct daemon *daemon) {
    log_info(&daemon->log, daemon->started_us,
             "event=queue_loaded uid=%s jobs=%" PRIu64 " seed=%" PRIu64, queue_uid(daemon->queue),
             queue_next_id(daemon->queue) - 1, daemon->seed);
    if (queue_migrated_from(daemon->queue) != 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=queue_migrated from_format=%" PRIu32
                 " action=\"its records were written anew; an earlier nightshift can't read them\"",
                 queue_migrated_from(daemon->queue));
    }
}

static int load_queue(struct daemon *daemon, struct error *error) {
    struct load load = {.daemon = daemon};
    uint64_t damaged = 0;
    int r;

    daemon->core = core_create(&(struct core_options){
        .next_id = queue_next_id(daemon->queue),
        .seed = rng_next(&daemon->rng),
        .settings = core_settings_of(&daemon->config),
    });
    set_teams(daemon);
    set_pools(daemon);
    r = load_facts(daemon);
    if (r == OK) {
        r = load_schedules(daemon);
    }
    if (r == OK) {
        r = queue_each_demand(daemon->queue, load_class, &load);
    }
    if (r == OK) {
        r = queue_each_stored(daemon->queue, load_job, &load, &damaged);
    }
    demand_classes_finish(&load.classes);
    demands_finish(&load.demands);
    for (size_t i = 0; i < ARRAY_LEN(load.texts); i++) {
        free(load.texts[i]);
    }
    if (r < 0) {
        return error_set(error, r, "can't read the queue: %s", err_sentence(r));
    }
    tell_loaded(daemon);
    damage_report_opening(daemon);
    return OK;
}

/* --- Signals --------------------------------------------------------------------------------- */

static void on_stop_after(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;

    loop_stop(daemon->loop);
}

static void on_terminate(int signal_number, void *owner) {
    struct daemon *daemon = owner;
    int64_t now_us = daemon_now(daemon).now_us;

    if (daemon->draining) {
        log_warn(&daemon->log, now_us, "event=stopping_now signal=%d", signal_number);
        loop_stop(daemon->loop);
        return;
    }
    log_info(&daemon->log, now_us, "event=stopping signal=%d", signal_number);
    daemon->draining = true;
    daemon_await_commit(daemon);
    if (daemon->core != NULL) {
        set_teams(daemon);
        set_pools(daemon);
        inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_DRAIN}, NULL, NULL);
    }
    front_drain(daemon);
    poller_timer_set(loop_poller(daemon->loop), &daemon->stop_after, DRAIN_US);
}

static bool same_namespaces(const struct config *now, const struct config *next) {
    bool same = now->namespace_count == next->namespace_count;

    for (size_t i = 0; same && i < now->namespace_count; i++) {
        same = strcmp(now->namespaces[i], next->namespaces[i]) == 0;
    }
    return same;
}

static bool same_doors(const struct config *now, const struct config *next) {
    return strcmp(now->unix_path, next->unix_path) == 0 && now->unix_mode == next->unix_mode &&
           strcmp(now->unix_group, next->unix_group) == 0 &&
           strcmp(now->tcp_address, next->tcp_address) == 0 &&
           strcmp(now->tls_cert, next->tls_cert) == 0 && strcmp(now->tls_key, next->tls_key) == 0 &&
           strcmp(now->tls_client_ca, next->tls_client_ca) == 0;
}

static bool same_cluster(const struct config *now, const struct config *next) {
    return strcmp(now->kubeconfig, next->kubeconfig) == 0 &&
           strcmp(now->context, next->context) == 0 && now->in_cluster == next->in_cluster &&
           now->allow_insecure == next->allow_insecure && same_namespaces(now, next) &&
           now->kube_qps_milli == next->kube_qps_milli && now->kube_burst == next->kube_burst &&
           now->kube_timeout_us == next->kube_timeout_us &&
           now->watch_silence_us == next->watch_silence_us && now->resync_us == next->resync_us;
}

static bool same_leader(const struct config *now, const struct config *next) {
    return now->leader_enabled == next->leader_enabled &&
           strcmp(now->lease_name, next->lease_name) == 0 &&
           strcmp(now->lease_namespace, next->lease_namespace) == 0 &&
           strcmp(now->leader_address, next->leader_address) == 0 &&
           now->lease_us == next->lease_us && now->lease_renew_us == next->lease_renew_us &&
           now->lease_retry_us == next->lease_retry_us;
}

/* What can't change while we run: nobody watches the quotas of a namespace that comes later. */
static const char *unchangeable(const struct config *now, const struct config *next) {
    if (strcmp(now->data_dir, next->data_dir) != 0) {
        return "dataDir";
    }
    if (!same_doors(now, next)) {
        return "listen (all but listen.tcp.tokensFile)";
    }
    if (!same_leader(now, next)) {
        return "leader";
    }
    return same_cluster(now, next) ? NULL : "kubernetes";
}

/* What an event of settings borrows. */
struct shared_settings {
    struct window_set *windows;
    struct notice_routes *notices;
};

static struct shared_settings *share_settings(const struct config *config) {
    struct shared_settings *shared = mem_alloc(1, sizeof *shared);

    *shared = (struct shared_settings){
        .windows = window_set_share(config->windows),
        .notices = notice_routes_share(config->notifications.routes),
    };
    return shared;
}

static void drop_settings(void *value) {
    struct shared_settings *shared = value;

    window_set_destroy(shared->windows);
    notice_routes_destroy(shared->notices);
    free(shared);
}

static int reload(struct daemon *daemon, struct error *error) {
    struct config next;
    struct problems problems = {0};
    const char *fixed;
    struct buf text;
    int r = config_load(daemon->config_path, &next, &problems);

    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, daemon->config_path, &text);
        error_set(error, r, "%s", buf_text(&text));
        buf_finish(&text);
        problems_finish(&problems);
        return r;
    }
    fixed = unchangeable(&daemon->config, &next);
    if (fixed != NULL) {
        r = error_set(error, ERR_INVALID, "%s can't change without a restart", fixed);
    } else {
        r = cluster_reload(daemon, &next, error);
    }
    if (r == OK) {
        r = front_reload(daemon, &next, error);
    }
    if (r < 0) {
        config_finish(&next);
        return r;
    }
    config_finish(&daemon->config);
    daemon->config = next;
    daemon->zones_stamp = windows_zones_stamp(next.windows, next.zoneinfo_dir);
    known_texts_finish(&daemon->known_texts); /* Defaults are written into what was read. */
    (void)!log_level_parse(next.log_level, &daemon->log.level);
    if (daemon->core != NULL) {
        log_collector_reload(daemon->logs);
        inbox_add(
            &daemon->inbox,
            &(struct event){.kind = EVENT_SETTINGS, .settings = core_settings_of(&daemon->config)},
            share_settings(&next), drop_settings);
    }
    return OK;
}

static void reload_and_tell(struct daemon *daemon) {
    struct error error = {0};
    int64_t now_us = daemon_now(daemon).now_us;

    daemon_await_commit(daemon);
    if (daemon->config_path[0] == '\0') {
        log_warn(&daemon->log, now_us, "event=reload action=\"none: started without a file\"");
    } else if (reload(daemon, &error) == OK) {
        log_info(&daemon->log, now_us, "event=reloaded file=%s", daemon->config_path);
    } else {
        log_error(&daemon->log, now_us,
                  "event=reload_refused action=\"nothing changed\" error=\"%s\"", error.text);
    }
}

static void on_hangup(int signal_number, void *owner) {
    (void)signal_number;
    reload_and_tell(owner);
}

/* Of schedules. One that has gone stays as it was. */
static void reload_zone(struct daemon *daemon, const char *name) {
    struct zone *zone = NULL;
    struct error error = {0};

    if (zones_load(daemon->config.zoneinfo_dir, name, &error, &zone) == OK) {
        inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_ZONE, .zone = zone}, NULL, NULL);
    } else {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "event=zone_lost zone=%s action=\"schedules go on by what was read before\" "
                  "error=\"%s\"",
                  name, error.text);
    }
}

static uint64_t schedule_zones_stamp(const struct daemon *daemon) {
    const struct zone *zone;
    uint64_t stamp = 0;

    for (size_t at = 0;
         daemon->core != NULL && (zone = core_next_zone(daemon->core, &at)) != NULL;) {
        stamp += zones_stamp(daemon->config.zoneinfo_dir, zone_name(zone));
    }
    return stamp;
}

static void look_at_schedule_zones(struct daemon *daemon) {
    uint64_t stamp = schedule_zones_stamp(daemon);
    const struct zone *zone;

    if (stamp == daemon->schedule_zones_stamp) {
        return;
    }
    daemon->schedule_zones_stamp = stamp;
    for (size_t at = 0; (zone = core_next_zone(daemon->core, &at)) != NULL;) {
        reload_zone(daemon, zone_name(zone));
    }
}

/* An update of tzdata moves windows and schedules: nobody thinks of telling us. */
static void on_look_at_zones(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;
    uint64_t stamp = windows_zones_stamp(daemon->config.windows, daemon->config.zoneinfo_dir);

    look_at_schedule_zones(daemon);
    if (stamp != daemon->zones_stamp) {
        daemon->zones_stamp = stamp; /* Once, even if it is refused. */
        log_info(&daemon->log, daemon_now(daemon).now_us, "event=tzdata_changed folder=%s",
                 daemon->config.zoneinfo_dir);
        reload_and_tell(daemon);
    }
    poller_timer_set(loop_poller(daemon->loop), timer, LOOK_AT_ZONES_US);
}

static void watch_zones(struct daemon *daemon) {
    daemon->zones_stamp = windows_zones_stamp(daemon->config.windows, daemon->config.zoneinfo_dir);
    daemon->look_at_zones = (struct poller_timer){.on_time = on_look_at_zones, .owner = daemon};
    poller_timer_set(loop_poller(daemon->loop), &daemon->look_at_zones, LOOK_AT_ZONES_US);
}

/* --- Opening and closing --------------------------------------------------------------------- */

int daemon_make_folder(const struct daemon *daemon, struct error *error) {
    if (mkdir(daemon->config.data_dir, 0700) != 0 && errno != EEXIST) {
        return error_set(error, ERR_IO, "can't make the folder %s (dataDir): %s",
                         daemon->config.data_dir, strerror(errno));
    }
    return OK;
}

/* Without its thread the loop waits for the disk itself. */
static void start_writer(struct daemon *daemon) {
    struct error error = {0};
    int fd;

    if (queue_start_writer(daemon->queue, &fd, &error) < 0) {
        log_warn(&daemon->log, daemon_now(daemon).now_us, "event=no_writer error=\"%s\"",
                 error.text);
        return;
    }
    daemon->written = (struct poller_fd){.fd = fd, .on_ready = on_written, .owner = daemon};
    daemon->slow_disk = (struct poller_timer){.on_time = on_slow_disk, .owner = daemon};
    poller_fd_set(loop_poller(daemon->loop), &daemon->written, POLLER_READ);
}

static void stop_writer(struct daemon *daemon) {
    poller_timer_stop(loop_poller(daemon->loop), &daemon->slow_disk);
    if (daemon->written.fd != 0) {
        poller_fd_set(loop_poller(daemon->loop), &daemon->written, 0);
        daemon->written.fd = 0;
    }
}

static void close_queue(struct daemon *daemon) {
    stop_writer(daemon);
    core_destroy(daemon->core);
    daemon->core = NULL;
    queue_close(daemon->queue);
    daemon->queue = NULL;
}

static int open_queue(struct daemon *daemon, struct error *error) {
    char *folder;
    int r = daemon_make_folder(daemon, error);

    if (r < 0) {
        return r;
    }
    folder = mem_format("%s/queue", daemon->config.data_dir);
    r = queue_open(folder, error, &daemon->queue);
    free(folder);
    r = r == OK ? load_queue(daemon, error) : r;
    if (r == OK) {
        start_writer(daemon);
    } else {
        close_queue(daemon);
    }
    return r;
}

int daemon_begin_work(struct daemon *daemon, struct error *error) {
    int r = open_queue(daemon, error);

    r = r == OK ? log_collector_open(daemon, error) : r;
    if (r == OK) {
        cluster_begin(daemon);
        daemon_wake(daemon);
    }
    return r;
}

static void prepare_loop(struct daemon *daemon) {
    daemon->stop_after = (struct poller_timer){.on_time = on_stop_after, .owner = daemon};
    loop_before_wait(daemon->loop, on_round, daemon);
    loop_on_signal(daemon->loop, SIGTERM, on_terminate, daemon);
    loop_on_signal(daemon->loop, SIGINT, on_terminate, daemon);
    loop_on_signal(daemon->loop, SIGHUP, on_hangup, daemon);
    watch_zones(daemon);
}

/* By itself the queue comes first: what is wrong with it is told before anybody is asked. */
static int open_alone(struct daemon *daemon, struct error *error) {
    int r = open_queue(daemon, error);

    if (r == OK) {
        r = cluster_open(daemon, error);
    }
    r = r == OK ? log_collector_open(daemon, error) : r;
    if (r == OK) {
        cluster_begin(daemon);
        daemon_wake(daemon);
    }
    return r;
}

static int open_as_standby(struct daemon *daemon, struct error *error) {
    int r = cluster_open(daemon, error);

    return r == OK ? leader_open(daemon, error) : r;
}

static int open_all(struct daemon *daemon, struct error *error) {
    int r;

    daemon->wake = (struct poller_timer){.on_time = on_wake, .owner = daemon};
    daemon->seed = rng_seed_from_system();
    rng_init(&daemon->rng, daemon->seed);
    r = daemon->config.leader_enabled ? open_as_standby(daemon, error) : open_alone(daemon, error);
    if (r == OK) {
        r = front_open(daemon, error);
    }
    if (r == OK) {
        prepare_loop(daemon);
    }
    return r;
}

static void close_all(struct daemon *daemon) {
    struct poller *poller = loop_poller(daemon->loop);

    poller_timer_stop(poller, &daemon->wake);
    poller_timer_stop(poller, &daemon->stop_after);
    poller_timer_stop(poller, &daemon->look_at_zones);
    leader_stop(daemon);
    front_close(daemon);
    cluster_close(daemon);
    inbox_finish(&daemon->inbox);
    demands_finish(&daemon->demands);
    known_texts_finish(&daemon->known_texts);
    close_queue(daemon);
    leader_close(daemon);
    loop_destroy(daemon->loop);
    config_finish(&daemon->config);
}

static int exit_status(int code) {
    switch (code) {
    case OK:
        return EXIT_OK;
    case ERR_INVALID:
        return EXIT_CONFIG;
    case ERR_BUSY:
        return EXIT_BUSY;
    case ERR_CORRUPT:
        return EXIT_QUEUE;
    default:
        return EXIT_SYSTEM;
    }
}

void daemon_fail(struct daemon *daemon, int code, const char *text) {
    log_error(&daemon->log, daemon_now(daemon).now_us, "event=failed error=\"%s\"", text);
    daemon->exit_status = exit_status(code);
    loop_stop(daemon->loop);
}

/* Not back to standing by: a new process has nothing of the old one's in its memory. */
void daemon_leave(struct daemon *daemon, const char *why) {
    log_warn(&daemon->log, daemon_now(daemon).now_us,
             "event=stepping_down why=\"%s\" action=\"ends; a restart stands by\"", why);
    daemon->exit_status = EXIT_LEASE;
    loop_stop(daemon->loop);
}

static int load_config(struct daemon *daemon, const char *path) {
    struct problems problems = {0};
    struct buf text;
    int r;

    if (path[0] == '\0') {
        config_init_default(&daemon->config);
        return OK;
    }
    r = config_load(path, &daemon->config, &problems);
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, path, &text);
        (void)fputs(buf_text(&text), stderr);
        buf_finish(&text);
        problems_finish(&problems);
    }
    return r;
}

/* As many as the system allows us: each client takes one. */
static void raise_descriptors(const struct daemon *daemon) {
    int64_t wanted = daemon->config.connections_max + daemon->config.unix_connections_max +
                     DESCRIPTORS_BESIDE_CLIENTS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur != RLIM_INFINITY && (int64_t)limit.rlim_cur < wanted) {
        log_warn(&daemon->log, clock_sample().now_us,
                 "event=few_descriptors limit=%" PRId64 " wanted=%" PRId64
                 " action=\"clients beyond them wait\"",
                 (int64_t)limit.rlim_cur, wanted);
    }
}

int daemon_main(const char *config_path) {
    struct daemon daemon = {.config_path = config_path, .log = {.fd = STDERR_FILENO}};
    struct error error = {0};
    int r = load_config(&daemon, config_path);

    if (r < 0) {
        return EXIT_CONFIG;
    }
    (void)!log_level_parse(daemon.config.log_level, &daemon.log.level);
    daemon.started_us = clock_sample().now_us;
    raise_descriptors(&daemon);
    (void)signal(SIGPIPE, SIG_IGN); /* A peer that has gone is an error of the write. */
    daemon.loop = loop_create();
    if (daemon.loop == NULL) {
        (void)fputs("nightshiftd: the system has no file descriptors left\n", stderr);
        config_finish(&daemon.config);
        return EXIT_SYSTEM;
    }
    r = open_all(&daemon, &error);
    if (r < 0) {
        (void)fprintf(stderr, "nightshiftd: %s\n", error.text);
    } else {
        log_info(&daemon.log, daemon.started_us, "event=started pid=%d", (int)getpid());
        loop_run(daemon.loop);
        log_info(&daemon.log, clock_sample().now_us, "event=stopped");
    }
    close_all(&daemon);
    return r < 0 ? exit_status(r) : daemon.exit_status;
}
