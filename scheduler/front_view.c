#include "scheduler/front_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/version.h"
#include "k8s/codec_json.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "policy/indices.h"
#include "policy/ledger.h"
#include "policy/share.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front_retry.h"
#include "scheduler/leader.h"
#include "scheduler/log_collector.h"

#define TEAM_TEXT_BYTES  256
#define AHEAD_NAMED      5 /* in a why */
#define SYNC_STATE_BYTES 192
#define BYTES_PER_GIB    ((int64_t)1 << 30)

static const char *kind_text(enum job_kind kind) {
    return kind == JOB_KIND_SPARK ? "Spark" : "Pod";
}

/* A job that does not wait says where it stands instead. */
static struct wire_reason reason_of(const struct daemon *daemon, const struct job *job,
                                    const struct attempt *attempt, char text[REASON_TEXT_BYTES]) {
    struct reason reason;

    if (core_reason_print(daemon->core, job->id, &reason, text)) {
        return (struct wire_reason){.code = reason_code_text((enum reason_code)reason.code),
                                    .message = text};
    }
    (void)snprintf(text, REASON_TEXT_BYTES, "%s",
                   attempt != NULL && attempt->message != NULL ? attempt->message : "");
    return (struct wire_reason){
        .code = job->failure != FAILURE_NONE ? failure_text(job->failure) : "", .message = text};
}

static void fill_occurrence(const struct job *job, struct front_job *out_job) {
    if (job->occurrence.time_us == 0) {
        return;
    }
    civil_print_time(job->occurrence.civil_s, out_job->occurrence);
    civil_print_date(job->occurrence.business_date, out_job->business_date);
    out_job->wire.schedule = job->schedule;
    out_job->wire.occurrence = out_job->occurrence;
    out_job->wire.occurrence_us = job->occurrence.time_us;
    out_job->wire.business_date = out_job->business_date;
}

static void fill_array(const struct job *job, struct wire_job *wire) {
    struct indices indices;
    struct error error = {0};

    wire->array_id = wire->array_index = WIRE_UNKNOWN;
    wire->critical_seconds = wire->slack_seconds = WIRE_UNKNOWN;
    if (job->array != NULL && job->array[0] != '\0' &&
        indices_parse(job->array, &indices, &error) == OK &&
        job->id - job->array_id < indices.count) {
        wire->array = job->array;
        wire->array_id = (int64_t)job->array_id;
        wire->array_index = indices_at(&indices, job->id - job->array_id);
    }
}

void front_job_fill(const struct daemon *daemon, const struct job *job, struct front_job *out_job) {
    const struct attempt *attempt = core_attempt(daemon->core, job->id);

    out_job->wire = (struct wire_job){
        .id = job->id,
        .name = job->name,
        .namespace = job->namespace,
        .team = job->team,
        .submitter = job->submitter,
        .window = job->window,
        .kind = kind_text(job->kind),
        .state = job_state_text(job->state),
        .reason = reason_of(daemon, job, attempt, out_job->reason),
        .priority = job->priority,
        .attempts = job->attempt,
        .retries = job->retries,
        .infra_retries = job->infra_retries,
        .retries_max = job->retry.retries_max,
        .infra_retries_max = job->retry.infra_retries_max,
        .failure = job->failure != FAILURE_NONE ? failure_text(job->failure) : "",
        .exit_code = job->exit_code,
        .submitted_us = job->submitted_us,
        .eligible_us = job->eligible_us,
        .admitted_us = job->admitted_us,
        .started_us = job->started_us,
        .finished_us = job->finished_us,
        .expected_runtime_us = job->expected_runtime_us,
        .max_runtime_us = job->max_runtime_us,
        .warn_runtime_us = job->warn_runtime_us,
        .start_by_us = job->start_by_us,
        .start_miss = job->start_miss != START_MISS_WARN ? start_miss_texts[job->start_miss] : "",
        .finish_by_us = job->finish_by_us,
        .preemptible = job->preemptible,
        .preemptions = job->preemptions,
        .pod_name =
            attempt != NULL && attempt->pod_name[0] != '\0' ? attempt->pod_name : job->pod_name,
        .node = attempt != NULL ? attempt->node : "",
        .cancel_requested = job->cancel_requested,
        .runs_again = job->retry.always,
    };
    fill_occurrence(job, out_job);
    fill_array(job, &out_job->wire);
}

/* --- Attempts and events --------------------------------------------------------------------- */

/* Amount times seconds, the attempt's own time: from its admission to its end, or to now. */
static int64_t reserved_seconds(const struct attempt *attempt, int64_t now_us, int64_t amount,
                                int64_t unit) {
    const int64_t end_us = attempt->finished_us != 0 ? attempt->finished_us : now_us;
    const double seconds = (double)(end_us - attempt->admitted_us) / (double)CLOCK_US_PER_SECOND;

    return seconds > 0 ? (int64_t)((double)amount / (double)unit * seconds + 0.5) : 0;
}

int front_attempt_add(void *context, const struct attempt *attempt) {
    struct front_attempts *attempts = context;

    attempts->items = mem_grow(attempts->items, attempts->count + 1, sizeof *attempts->items);
    attempts->items[attempts->count++] = (struct wire_attempt){
        .number = attempt->number,
        .pod_name = mem_copy_text(attempt->pod_name),
        .pod_uid = mem_copy_text(attempt->pod_uid),
        .node = mem_copy_text(attempt->node),
        .admitted_us = attempt->admitted_us,
        .created_us = attempt->created_us,
        .started_us = attempt->started_us,
        .finished_us = attempt->finished_us,
        .failure = attempt->failure != FAILURE_NONE ? failure_text(attempt->failure) : "",
        .exit_code = attempt->exit_code,
        .message = mem_copy_text(attempt->message),
        .cause = mem_copy_text(attempt->cause),
        .cpu_seconds = reserved_seconds(attempt, attempts->now_us, attempt->cpu_milli, 1000),
        .gib_seconds =
            reserved_seconds(attempt, attempts->now_us, attempt->memory_bytes, BYTES_PER_GIB),
        .pods = attempt->pods,
        .driver_memory_bytes = attempt->driver_memory_bytes,
        .executor_memory_bytes = attempt->executor_memory_bytes,
    };
    return OK;
}

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

void front_attempts_finish(struct front_attempts *attempts) {
    for (size_t i = 0; i < attempts->count; i++) {
        free_text(attempts->items[i].pod_name);
        free_text(attempts->items[i].pod_uid);
        free_text(attempts->items[i].node);
        free_text(attempts->items[i].message);
        free_text(attempts->items[i].cause);
    }
    free(attempts->items);
}

void front_event_add(struct front_events *events, const struct job_event *event) {
    events->items = mem_grow(events->items, events->count + 1, sizeof *events->items);
    events->items[events->count++] = (struct wire_event){
        .job_id = event->job_id,
        .sequence = event->sequence,
        .at_us = event->at_us,
        .attempt = event->attempt,
        .state = job_state_text(event->state),
        .kind = mem_copy_text(event->kind),
        .text = mem_copy_text(event->text),
    };
}

void front_events_finish(struct front_events *events) {
    for (size_t i = 0; i < events->count; i++) {
        free_text(events->items[i].kind);
        free_text(events->items[i].text);
    }
    free(events->items);
}

/* --- Why ------------------------------------------------------------------------------------- */

/* The checks of one `why`, with room for their texts. */
struct checks {
    struct wire_check *items;
    size_t count;
};

static void add_check(struct checks *checks, const char *check, bool passed, char *message) {
    checks->items = mem_grow(checks->items, checks->count + 1, sizeof *checks->items);
    checks->items[checks->count++] =
        (struct wire_check){.check = check, .passed = passed, .message = message};
}

static void check_cluster(const struct daemon *daemon, struct checks *checks) {
    struct core_counts counts = core_counts(daemon->core);
    bool known = counts.synced[CLUSTER_PODS];

    add_check(checks, "cluster", known,
              mem_copy_text(known ? "pods, nodes and quotas are known"
                                  : "pods, nodes and quotas are not all listed yet"));
}

/* One line per key of a quota: what is asked, what is free. */
static void check_quota(const struct daemon *daemon, const struct ledger_namespace *books,
                        const struct quota *quota, const struct demand *demand,
                        struct checks *checks) {
    const struct usage *reserved[] = {&books->reserved};
    struct quota_answer answer = quota_check(&quota, 1, demand, &books->own, reserved, 1);
    char text[REASON_TEXT_BYTES];
    struct reason reason;

    if (answer.verdict == QUOTA_FITS) {
        add_check(checks, "quota", true,
                  mem_format("quota %s/%s has room for the whole gang in each of its %zu keys",
                             quota->namespace, quota->name, quota->item_count));
        return;
    }
    reason = reason_quota(&answer, demand);
    reason_print(&reason, core_resource_names(daemon->core), text);
    add_check(checks, "quota", false, mem_copy_text(text));
}

static void check_quotas(const struct daemon *daemon, const struct job *job,
                         const struct demand *demand, struct checks *checks) {
    const struct ledger *ledger = core_ledger(daemon->core);

    for (size_t i = 0; i < ledger_namespace_count(ledger); i++) {
        const struct ledger_namespace *books = ledger_namespace(ledger, i);

        for (size_t q = 0; strcmp(books->name, job->namespace) == 0 && q < books->quota_count;
             q++) {
            check_quota(daemon, books, books->quotas[q], demand, checks);
        }
    }
}

static const char *check_of(enum reason_code code) {
    switch (code) {
    case REASON_HELD:
        return "hold";
    case REASON_RETRY_WAIT:
        return "retry";
    case REASON_CAPACITY:
    case REASON_CAPACITY_NEVER:
        return "capacity";
    case REASON_CLUSTER_UNKNOWN:
    case REASON_DRAINING:
    case REASON_NOT_LEADER:
        return "cluster";
    case REASON_BEHIND:
        return "order";
    case REASON_TEAM_LIMIT:
    case REASON_NAMESPACE_LIMIT:
        return "limit";
    case REASON_WINDOW:
    case REASON_WINDOW_TOO_SHORT:
    case REASON_WINDOW_UNKNOWN:
    case REASON_FREEZE:
        return "window";
    default:
        return "schedule";
    }
}

static void check_reason(const struct daemon *daemon, const struct job *job,
                         struct checks *checks) {
    struct core_counts counts = core_counts(daemon->core);
    char text[REASON_TEXT_BYTES];
    struct reason reason;
    bool is_quota;

    if (!core_reason_print(daemon->core, job->id, &reason, text)) {
        return;
    }
    is_quota = reason.code == REASON_QUOTA || reason.code == REASON_QUOTA_NEVER ||
               reason.code == REASON_QUOTA_MUST_SPECIFY;
    /* The cluster has its own check. */
    if (!is_quota && reason.code != REASON_CLUSTER_UNKNOWN) {
        add_check(checks, check_of((enum reason_code)reason.code), false, mem_copy_text(text));
    }
    if (counts.denied[CLUSTER_NODES]) {
        add_check(checks, "capacity", true, mem_copy_text("not checked: no right to list nodes"));
    }
}

/* How the gang's size comes about, a line a role; nothing for a plain pod, which says it itself. */
static void add_arithmetic(struct daemon *daemon, const struct job *job, struct checks *checks) {
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct buf text;

    if (daemon_read_payload(daemon, job, &payload, &error) < 0) {
        return; /* Such a job is not waiting for long, and its reason says so. */
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    payload_explain(payload, &text);
    for (const char *line = buf_text(&text), *end; (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        add_check(checks, "demand", true, mem_format("%.*s", (int)(end - line), line));
    }
    buf_finish(&text);
    payload_destroy(payload);
}

/* By name, and what puts them there. */
static void list_ahead(const struct daemon *daemon, const struct job *job, struct buf *text) {
    struct core_ahead ahead[AHEAD_NAMED];
    size_t count = core_list_ahead(daemon->core, job->id, ahead, AHEAD_NAMED);

    for (size_t i = 0; i < count; i++) {
        struct job other;

        if (core_job(daemon->core, ahead[i].job_id, &other)) {
            buf_add_format(text, "%s %" PRIu64 " %s (%s)", i == 0 ? ":" : ",", other.id, other.name,
                           strcmp(daemon->config.mode, "fifo") != 0 &&
                                   other.priority != job->priority
                               ? "higher priority"
                               : "submitted earlier");
        }
    }
}

static void check_order(const struct daemon *daemon, const struct job *job, size_t ahead,
                        struct checks *checks) {
    struct buf text;

    buf_init(&text, LIMIT_SPEC_BYTES);
    buf_add_format(&text, "%zu waiting job%s of namespace %s go%s first", ahead,
                   ahead == 1 ? "" : "s", job->namespace, ahead == 1 ? "es" : "");
    list_ahead(daemon, job, &text);
    if (ahead > AHEAD_NAMED) {
        buf_add_format(&text, " and %zu more", ahead - AHEAD_NAMED);
    }
    add_check(checks, "order", ahead == 0, buf_take_text(&text));
}

/* Of the team and those beside it that have waiting jobs, who goes first. */
static void print_first(const struct share *share, uint32_t team, int64_t now_us,
                        char out_text[TEAM_TEXT_BYTES]) {
    const struct share_node_info above = share_node(share, share_parent(share, team));
    uint32_t first = team;

    for (size_t i = 0; i < above.child_count; i++) {
        const uint32_t other = above.children[i];

        if (share_node(share, other).waiting_jobs > 0 &&
            share_value(share, other, now_us) < share_value(share, first, now_us)) {
            first = other;
        }
    }
    if (first == team) {
        (void)snprintf(out_text, TEAM_TEXT_BYTES, "no team beside it that waits has less");
    } else {
        (void)snprintf(out_text, TEAM_TEXT_BYTES, "now %s, which has %.3f",
                       share_node(share, first).name, share_value(share, first, now_us));
    }
}

/* With fair shares: what decides between teams. */
static void check_share(const struct daemon *daemon, const struct job *job, struct checks *checks) {
    const struct share *share = core_share(daemon->core);
    uint32_t node = share_find(share, job->team, NULL);
    char first[TEAM_TEXT_BYTES];
    struct share_parts parts;

    if (strcmp(daemon->config.mode, "fair") != 0 || node == SHARE_NONE) {
        return;
    }
    parts = share_explain(share, node, daemon_now(daemon).now_us);
    print_first(share, node, daemon_now(daemon).now_us, first);
    if (parts.kind == RESOURCE_NONE) {
        add_check(checks, "share", true,
                  mem_format("team %s runs nothing and has used nothing of late: it goes before "
                             "teams that have",
                             job->team));
        return;
    }
    add_check(checks, "share", true,
              mem_format("team %s has %.3f: (%.1f %% of the cluster's %s running + %.1f %% used of "
                         "late) by weight %g; the team with the least goes first: %s",
                         job->team, parts.share, 100 * parts.running,
                         resource_name(core_resource_names(daemon->core), parts.kind),
                         100 * parts.used, parts.weight, first));
}

/* Nodes that failed it, or several others. */
static void check_nodes(const struct daemon *daemon, const struct job *job, struct checks *checks) {
    char *text = front_retry_avoids(daemon, job);

    if (text != NULL) {
        add_check(checks, "nodes", true, text);
    }
}

void front_why(struct daemon *daemon, const struct job *job, const struct wire_outlook *outlook,
               int64_t until_us, struct buf *out_json) {
    const struct demand *demand = core_demand(daemon->core, job->id);
    struct checks checks = {0};
    struct front_job shown;
    struct wire_why why;
    size_t ahead = core_jobs_ahead(daemon->core, job->id);

    front_job_fill(daemon, job, &shown);
    check_cluster(daemon, &checks);
    if (job_state_is_waiting(job->state)) {
        add_arithmetic(daemon, job, &checks);
        check_order(daemon, job, ahead, &checks);
        check_share(daemon, job, &checks);
        check_nodes(daemon, job, &checks);
        if (demand != NULL) {
            check_quotas(daemon, job, demand, &checks);
        }
        check_reason(daemon, job, &checks);
    }
    why = (struct wire_why){.job = shown.wire,
                            .checks = checks.items,
                            .check_count = checks.count,
                            .ahead = (int64_t)ahead};
    if (outlook != NULL) {
        why.start = outlook->start;
        why.p50_us = outlook->p50_us;
        why.p90_us = outlook->p90_us;
        why.until_us = until_us;
        why.after = outlook->after;
    }
    wire_encode_why(out_json, &why);
    for (size_t i = 0; i < checks.count; i++) {
        free_text(checks.items[i].message);
    }
    free(checks.items);
}

/* --- Status ---------------------------------------------------------------------------------- */

/* "lost: " and why, while a watch is cut off: what it showed last still counts. */
static const char *sync_state(const struct core_counts *counts,
                              const struct cluster_status *cluster, size_t part,
                              char text[SYNC_STATE_BYTES]) {
    if (counts->denied[part]) {
        return "denied";
    }
    if (cluster->trouble[part][0] != '\0') {
        (void)snprintf(text, SYNC_STATE_BYTES, "lost: %s", cluster->trouble[part]);
        return text;
    }
    return counts->synced[part] ? "synced" : "listing";
}

static void fill_syncs(const struct core_counts *counts, const struct cluster_status *cluster,
                       char texts[CLUSTER_PART_COUNT][SYNC_STATE_BYTES],
                       struct wire_sync *out_syncs) {
    for (size_t i = 0; i < CLUSTER_PART_COUNT; i++) {
        out_syncs[i] = (struct wire_sync){
            .name = cluster_part_text((enum cluster_part)i),
            .state = sync_state(counts, cluster, i, texts[i]),
            .objects = (int64_t)cluster->objects[i],
        };
    }
}

static struct wire_count count_of(const char *name, uint64_t count) {
    return (struct wire_count){.name = name, .count = (int64_t)count};
}

/* All zero while this daemon stands by. */
static struct core_counts counts_of(const struct daemon *daemon) {
    return daemon->core != NULL ? core_counts(daemon->core) : (struct core_counts){0};
}

static struct queue_stats stats_of(struct daemon *daemon) {
    struct queue_stats stats = {0};

    if (daemon->queue != NULL) {
        (void)!queue_get_stats(daemon->queue, &stats);
    }
    return stats;
}

void front_status(struct daemon *daemon, struct buf *out_json) {
    struct core_counts counts = counts_of(daemon);
    struct leader_status leader = leader_status(daemon);
    struct cluster_status cluster = cluster_status(daemon);
    struct kube_figures kube = kube_figures(daemon->kube);
    struct queue_stats store = stats_of(daemon);
    struct wire_count states[JOB_STATE_COUNT];
    struct wire_sync syncs[CLUSTER_PART_COUNT];
    char sync_texts[CLUSTER_PART_COUNT][SYNC_STATE_BYTES];
    char host[256] = "";
    struct error why = {0};
    bool ready = daemon_is_ready(daemon, &why);

    (void)gethostname(host, sizeof host - 1);
    for (size_t i = 0; i < JOB_STATE_COUNT; i++) {
        states[i] = count_of(job_state_text((enum job_state)i), counts.jobs[i]);
    }
    fill_syncs(&counts, &cluster, sync_texts, syncs);
    {
        const struct wire_count kube_counts[] = {
            count_of("requests", kube.requests),
            count_of("retries", kube.retries),
            count_of("throttledByServer", kube.throttled_by_server),
            count_of("quotaExceeded", kube.outcomes[KUBE_QUOTA_EXCEEDED]),
            count_of("inFlight", kube.in_flight),
            count_of("waiting", kube.waiting),
            count_of("streams", kube.streams),
        };
        const struct wire_count store_counts[] = {
            count_of("jobs", store.jobs),
            count_of("attempts", store.attempts),
            count_of("events", store.events),
            count_of("specs", store.specs),
            count_of("quarantined", store.quarantined),
            count_of("fileBytes", store.file_bytes),
            count_of("mapBytes", store.map_bytes),
        };

        wire_encode_status(out_json,
                           &(struct wire_status){
                               .version = NIGHTSHIFT_VERSION,
                               .queue_uid = daemon->queue != NULL ? queue_uid(daemon->queue) : "",
                               .role = leader.role,
                               .leader = leader.holder,
                               .leader_address = leader.address,
                               .lease_renewed_us = leader.renewed_us,
                               .lease_expires_us = leader.expires_us,
                               .lease_transitions = (int64_t)leader.transitions,
                               .host = host,
                               .pid = getpid(),
                               .config_file = daemon->config_path,
                               .started_us = daemon->started_us,
                               .now_us = daemon_now(daemon).now_us,
                               .ready = ready,
                               .not_ready = why.text,
                               .draining = daemon->draining,
                               .nodes_check = !counts.denied[CLUSTER_NODES],
                               .cluster = cluster.server,
                               .syncs = syncs,
                               .sync_count = CLUSTER_PART_COUNT,
                               .jobs = states,
                               .job_state_count = JOB_STATE_COUNT,
                               .kube = kube_counts,
                               .kube_count = ARRAY_LEN(kube_counts),
                               .store = store_counts,
                               .store_count = ARRAY_LEN(store_counts),
                           });
    }
}

/* --- Metrics --------------------------------------------------------------------------------- */

static void metric(struct buf *out, const char *name, const char *type, const char *help,
                   uint64_t value) {
    buf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
                   name, value);
}

static void labelled(struct buf *out, const char *name, const char *label, const char *value,
                     uint64_t number) {
    buf_add_format(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, number);
}

static void kube_metrics(const struct kube_figures *kube, struct buf *out) {
    metric(out, "nightshift_kube_requests_total", "counter",
           "Requests sent to the API server, repeats included.", kube->requests);
    metric(out, "nightshift_kube_retries_total", "counter", "Requests repeated by the client.",
           kube->retries);
    metric(out, "nightshift_kube_throttled_total", "counter", "429 answers of the API server.",
           kube->throttled_by_server);
    buf_add_text(out, "# HELP nightshift_kube_calls_total Calls by outcome.\n"
                      "# TYPE nightshift_kube_calls_total counter\n");
    for (size_t i = 0; i < KUBE_OUTCOME_COUNT; i++) {
        labelled(out, "nightshift_kube_calls_total", "outcome",
                 kube_outcome_name((enum kube_outcome)i), kube->outcomes[i]);
    }
}

static void api_metrics(const struct api_stats *stats, struct buf *out) {
    buf_add_text(out, "# HELP nightshift_api_calls_total Calls of the HTTP interface by route.\n"
                      "# TYPE nightshift_api_calls_total counter\n");
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        labelled(out, "nightshift_api_calls_total", "route", api_route_text((enum api_route)i),
                 stats->calls[i]);
    }
    metric(out, "nightshift_api_unauthenticated_total", "counter",
           "Calls refused for their credentials.", stats->unauthenticated);
}

static void leader_metrics(const struct daemon *daemon, struct buf *out) {
    struct leader_status leader = leader_status(daemon);
    int64_t left_us = leader.expires_us - daemon_now(daemon).now_us;

    metric(out, "nightshift_leader", "gauge",
           "1 while this daemon may write to the cluster, 0 while it stands by.",
           daemon->core != NULL && leader_may_act(daemon) ? 1 : 0);
    metric(out, "nightshift_leader_transitions_total", "counter",
           "How often the lease went to another holder, as the lease says.", leader.transitions);
    metric(out, "nightshift_lease_left_seconds", "gauge",
           "Until the lease runs out if nobody renews it; 0 without one.",
           left_us > 0 ? (uint64_t)(left_us / CLOCK_US_PER_SECOND) : 0);
}

/* Teams are named by people: what Prometheus would stumble over is escaped. */
static void add_label(struct buf *out, const char *value) {
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, *value == '\n' ? ' ' : *value);
    }
}

static void add_waiting(void *context, const char *team, enum reason_code reason, size_t jobs) {
    struct buf *out = context;

    buf_add_text(out, "nightshift_waiting_jobs{team=\"");
    add_label(out, team);
    buf_add_format(out, "\",reason=\"%s\"} %zu\n", reason_code_text(reason), jobs);
}

static void waiting_metrics(const struct daemon *daemon, struct buf *out_text) {
    buf_add_text(out_text, "# HELP nightshift_waiting_jobs Waiting jobs by team and reason.\n"
                           "# TYPE nightshift_waiting_jobs gauge\n");
    if (daemon->core != NULL) {
        core_count_waiting(daemon->core, add_waiting, out_text);
    }
}

static void log_metrics(const struct daemon *daemon, struct buf *out) {
    struct log_collector_figures logs = {0};

    if (daemon->logs != NULL) {
        logs = log_collector_figures(daemon->logs);
    }
    metric(out, "nightshift_logs_stored_total", "counter", "Logs of pods stored.", logs.stored);
    metric(out, "nightshift_logs_failed_total", "counter",
           "Logs given up: their pods went, or could not be read.", logs.failed);
    metric(out, "nightshift_logs_removed_total", "counter",
           "Stored logs removed for their age or the room they took.", logs.shelf.removed);
    metric(out, "nightshift_logs_files", "gauge", "Stored logs.", logs.shelf.files);
    metric(out, "nightshift_logs_bytes", "gauge", "Bytes of all stored logs.",
           (uint64_t)logs.shelf.bytes);
    metric(out, "nightshift_logs_following", "gauge", "Logs of executors being followed.",
           logs.following);
    metric(out, "nightshift_logs_fetching", "gauge", "Logs being fetched, or waiting for it.",
           logs.fetching);
}

void front_metrics(struct daemon *daemon, const struct api_stats *stats, struct buf *out_text) {
    struct core_counts counts = counts_of(daemon);
    struct kube_figures kube = kube_figures(daemon->kube);
    struct queue_stats store = stats_of(daemon);
    struct error why = {0};

    metric(out_text, "nightshift_ready", "gauge", "1 while new work is taken and started.",
           daemon_is_ready(daemon, &why) ? 1 : 0);
    leader_metrics(daemon, out_text);
    buf_add_text(out_text, "# HELP nightshift_jobs Jobs by state.\n# TYPE nightshift_jobs gauge\n");
    for (size_t i = 0; i < JOB_STATE_COUNT; i++) {
        labelled(out_text, "nightshift_jobs", "state", job_state_text((enum job_state)i),
                 counts.jobs[i]);
    }
    waiting_metrics(daemon, out_text);
    front_team_metrics(daemon, out_text);
    if (daemon->core != NULL) {
        front_schedule_metrics(daemon, out_text);
    }
    metric(out_text, "nightshift_turns_total", "counter", "Turns of the scheduler.", counts.turns);
    histogram_print(&daemon->turn_times, "nightshift_turn_seconds",
                    "How long turns take to compute.", out_text);
    histogram_print(&daemon->commit_times, "nightshift_commit_seconds",
                    "How long turns take to get to the disk.", out_text);
    metric(out_text, "nightshift_admissions_total", "counter", "Attempts admitted.",
           counts.admissions);
    metric(out_text, "nightshift_preemptions_total", "counter", "Jobs stopped for other jobs.",
           counts.preemptions);
    metric(out_text, "nightshift_retries_total", "counter",
           "Failed attempts that were followed by another.", counts.retries);
    metric(out_text, "nightshift_breakers_open", "gauge",
           "Breakers that keep jobs back, or let one try.", counts.breakers_open);
    metric(out_text, "nightshift_nodes_avoided", "gauge",
           "Nodes that all jobs keep off, for they failed several.", counts.nodes_avoided);
    metric(out_text, "nightshift_notifications_sent_total", "counter",
           "Notifications that reached their receivers.", counts.notices_sent);
    metric(out_text, "nightshift_notifications_dropped_total", "counter",
           "Notifications given up for want of room.", counts.notices_dropped);
    metric(out_text, "nightshift_notifications_waiting", "gauge", "Notifications to be sent.",
           counts.notices);
    metric(out_text, "nightshift_notifications_dead", "gauge",
           "Notifications put aside: nightshift notifications.", counts.notices_dead);
    metric(out_text, "nightshift_quota_races_total", "counter",
           "Creations refused for quota that somebody else took first.", counts.quota_races);
    metric(out_text, "nightshift_pods", "gauge", "Pods seen.", counts.pods);
    metric(out_text, "nightshift_nodes", "gauge", "Nodes seen.", counts.nodes);
    metric(out_text, "nightshift_queue_file_bytes", "gauge", "Used bytes of the queue's file.",
           store.file_bytes);
    metric(out_text, "nightshift_queue_quarantined_records", "gauge",
           "Damaged records moved aside: nightshift admin quarantine ls.", store.quarantined);
    log_metrics(daemon, out_text);
    kube_metrics(&kube, out_text);
    api_metrics(stats, out_text);
}
