#include "api/wire.h"

#include "api/wire_shape.h"

/* clang-format off */
#define FIELD(type, owner, member, name) {name, type, offsetof(struct owner, member), 0, NULL}
#define NESTED(owner, member, name, of) \
    {name, WIRE_OBJECT, offsetof(struct owner, member), 0, &of}
#define ITEMS(type, owner, member, count, name, of) \
    {name, type, offsetof(struct owner, member), offsetof(struct owner, count), of}
/* clang-format on */
#define SHAPE(of, table)                          \
    static const struct wire_shape of##_shape = { \
        .size = sizeof(struct wire_##of), .field_count = ARRAY_LEN(table), .fields = table}

static const struct wire_field reason_fields[] = {
    FIELD(WIRE_TEXT, wire_reason, code, "code"),
    FIELD(WIRE_TEXT, wire_reason, message, "message"),
};
SHAPE(reason, reason_fields);

static const struct wire_field attempt_fields[] = {
    FIELD(WIRE_NUMBER, wire_attempt, number, "number"),
    FIELD(WIRE_OPTIONAL, wire_attempt, pod_name, "podName"),
    FIELD(WIRE_OPTIONAL, wire_attempt, pod_uid, "podUid"),
    FIELD(WIRE_OPTIONAL, wire_attempt, node, "node"),
    FIELD(WIRE_TIME, wire_attempt, admitted_us, "admittedAt"),
    FIELD(WIRE_TIME, wire_attempt, created_us, "createdAt"),
    FIELD(WIRE_TIME, wire_attempt, started_us, "startedAt"),
    FIELD(WIRE_TIME, wire_attempt, finished_us, "finishedAt"),
    FIELD(WIRE_OPTIONAL, wire_attempt, failure, "failure"),
    FIELD(WIRE_KNOWN, wire_attempt, exit_code, "exitCode"),
    FIELD(WIRE_TEXT, wire_attempt, message, "message"),
    FIELD(WIRE_OPTIONAL, wire_attempt, cause, "cause"),
    FIELD(WIRE_NUMBER, wire_attempt, cpu_seconds, "cpuSeconds"),
    FIELD(WIRE_NUMBER, wire_attempt, gib_seconds, "gibSeconds"),
    FIELD(WIRE_NUMBER, wire_attempt, pods, "pods"),
    FIELD(WIRE_NUMBER, wire_attempt, driver_memory_bytes, "driverMemoryBytes"),
    FIELD(WIRE_NUMBER, wire_attempt, executor_memory_bytes, "executorMemoryBytes"),
};
SHAPE(attempt, attempt_fields);

static const struct wire_field elements_fields[] = {
    FIELD(WIRE_TEXT, wire_elements, state, "state"),
    FIELD(WIRE_NUMBER, wire_elements, count, "count"),
    FIELD(WIRE_TEXT, wire_elements, indices, "indices"),
};
SHAPE(elements, elements_fields);

static const struct wire_field relation_fields[] = {
    FIELD(WIRE_KNOWN, wire_relation, id, "id"),
    FIELD(WIRE_OPTIONAL, wire_relation, name, "name"),
    FIELD(WIRE_OPTIONAL, wire_relation, state, "state"),
    FIELD(WIRE_OPTIONAL, wire_relation, on, "on"),
    FIELD(WIRE_OPTIONAL, wire_relation, otherwise, "otherwise"),
    FIELD(WIRE_OPTIONAL, wire_relation, stands, "stands"),
    FIELD(WIRE_NUMBER, wire_relation, done, "done"),
    FIELD(WIRE_NUMBER, wire_relation, total, "total"),
    FIELD(WIRE_BOOL, wire_relation, each, "each"),
    FIELD(WIRE_SECONDS, wire_relation, expected_us, "expectedSeconds"),
};
SHAPE(relation, relation_fields);

static const struct wire_field grown_fields[] = {
    FIELD(WIRE_NUMBER, wire_grown, driver_memory_bytes, "driverMemoryBytes"),
    FIELD(WIRE_NUMBER, wire_grown, executor_memory_bytes, "executorMemoryBytes"),
    FIELD(WIRE_NUMBER, wire_grown, job_id, "jobId"),
    FIELD(WIRE_NUMBER, wire_grown, attempt, "attempt"),
    FIELD(WIRE_TIME, wire_grown, learnt_us, "learntAt"),
};
SHAPE(grown, grown_fields);

static const struct wire_field avoided_fields[] = {
    FIELD(WIRE_TEXT, wire_avoided, name, "name"),
    FIELD(WIRE_BOOL, wire_avoided, required, "required"),
    FIELD(WIRE_NUMBER, wire_avoided, jobs, "failedJobs"),
    FIELD(WIRE_TIME, wire_avoided, until_us, "until"),
};
SHAPE(avoided, avoided_fields);

static const struct wire_field term_fields[] = {
    FIELD(WIRE_TEXT, wire_term, text, "text"),
};
SHAPE(term, term_fields);

static const struct wire_field job_fields[] = {
    FIELD(WIRE_ID, wire_job, id, "id"),
    FIELD(WIRE_TEXT, wire_job, name, "name"),
    FIELD(WIRE_TEXT, wire_job, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_job, team, "team"),
    FIELD(WIRE_TEXT, wire_job, submitter, "submitter"),
    FIELD(WIRE_OPTIONAL, wire_job, window, "window"),
    FIELD(WIRE_OPTIONAL, wire_job, schedule, "schedule"),
    FIELD(WIRE_OPTIONAL, wire_job, occurrence, "occurrence"),
    FIELD(WIRE_TIME, wire_job, occurrence_us, "occurrenceAt"),
    FIELD(WIRE_OPTIONAL, wire_job, business_date, "businessDate"),
    FIELD(WIRE_OPTIONAL, wire_job, array, "array"),
    FIELD(WIRE_KNOWN, wire_job, array_id, "arrayId"),
    FIELD(WIRE_KNOWN, wire_job, array_index, "arrayIndex"),
    FIELD(WIRE_TEXT, wire_job, kind, "kind"),
    FIELD(WIRE_TEXT, wire_job, state, "state"),
    NESTED(wire_job, reason, "reason", reason_shape),
    FIELD(WIRE_NUMBER, wire_job, priority, "priority"),
    FIELD(WIRE_NUMBER, wire_job, attempts, "attempts"),
    FIELD(WIRE_NUMBER, wire_job, retries, "retries"),
    FIELD(WIRE_OPTIONAL, wire_job, failure, "failure"),
    FIELD(WIRE_KNOWN, wire_job, exit_code, "exitCode"),
    FIELD(WIRE_TIME, wire_job, submitted_us, "submittedAt"),
    FIELD(WIRE_TIME, wire_job, eligible_us, "eligibleAt"),
    FIELD(WIRE_TIME, wire_job, admitted_us, "admittedAt"),
    FIELD(WIRE_TIME, wire_job, started_us, "startedAt"),
    FIELD(WIRE_TIME, wire_job, finished_us, "finishedAt"),
    FIELD(WIRE_SECONDS, wire_job, expected_runtime_us, "expectedRuntimeSeconds"),
    FIELD(WIRE_SECONDS, wire_job, max_runtime_us, "maxRuntimeSeconds"),
    FIELD(WIRE_SECONDS, wire_job, warn_runtime_us, "warnRuntimeSeconds"),
    FIELD(WIRE_TIME, wire_job, start_by_us, "startBy"),
    FIELD(WIRE_OPTIONAL, wire_job, start_miss, "onStartMiss"),
    FIELD(WIRE_TIME, wire_job, finish_by_us, "finishBy"),
    FIELD(WIRE_BOOL, wire_job, preemptible, "preemptible"),
    FIELD(WIRE_NUMBER, wire_job, preemptions, "preemptions"),
    FIELD(WIRE_OPTIONAL, wire_job, pod_name, "podName"),
    FIELD(WIRE_OPTIONAL, wire_job, node, "node"),
    FIELD(WIRE_BOOL, wire_job, cancel_requested, "cancelRequested"),
    FIELD(WIRE_BOOL, wire_job, runs_again, "runsAgain"),
    ITEMS(WIRE_EXTRA, wire_job, elements, element_count, "elements", &elements_shape),
    ITEMS(WIRE_EXTRA, wire_job, predecessors, predecessor_count, "predecessors", &relation_shape),
    ITEMS(WIRE_EXTRA, wire_job, successors, successor_count, "successors", &relation_shape),
    ITEMS(WIRE_EXTRA, wire_job, critical, critical_count, "criticalPath", &relation_shape),
    FIELD(WIRE_KNOWN, wire_job, critical_seconds, "criticalPathSeconds"),
    FIELD(WIRE_KNOWN, wire_job, slack_seconds, "slackSeconds"),
    ITEMS(WIRE_EXTRA, wire_job, attempt_list, attempt_list_count, "attemptList", &attempt_shape),
    FIELD(WIRE_NUMBER, wire_job, infra_retries, "infraRetries"),
    FIELD(WIRE_NUMBER, wire_job, retries_max, "maxRetries"),
    FIELD(WIRE_NUMBER, wire_job, infra_retries_max, "maxInfraRetries"),
    ITEMS(WIRE_EXTRA, wire_job, grown, grown_count, "learntMemory", &grown_shape),
    ITEMS(WIRE_EXTRA, wire_job, avoided, avoided_count, "avoidedNodes", &avoided_shape),
    ITEMS(WIRE_EXTRA, wire_job, demand, demand_count, "demand", &term_shape),
};
SHAPE(job, job_fields);

static const struct wire_field job_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_job_list, items, item_count, "items", &job_shape),
    FIELD(WIRE_TEXT, wire_job_list, next, "continue"),
};
SHAPE(job_list, job_list_fields);

static const struct wire_field attempt_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_attempt_list, items, item_count, "items", &attempt_shape),
};
SHAPE(attempt_list, attempt_list_fields);

static const struct wire_field event_fields[] = {
    FIELD(WIRE_ID, wire_event, job_id, "jobId"),
    FIELD(WIRE_NUMBER, wire_event, sequence, "sequence"),
    FIELD(WIRE_TIME, wire_event, at_us, "at"),
    FIELD(WIRE_NUMBER, wire_event, attempt, "attempt"),
    FIELD(WIRE_TEXT, wire_event, state, "state"),
    FIELD(WIRE_TEXT, wire_event, kind, "kind"),
    FIELD(WIRE_TEXT, wire_event, text, "text"),
};
SHAPE(event, event_fields);

static const struct wire_field event_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_event_list, items, item_count, "items", &event_shape),
};
SHAPE(event_list, event_list_fields);

static const struct wire_field check_fields[] = {
    FIELD(WIRE_TEXT, wire_check, check, "check"),
    FIELD(WIRE_BOOL, wire_check, passed, "passed"),
    FIELD(WIRE_TEXT, wire_check, message, "message"),
};
SHAPE(check, check_fields);

static const struct wire_field why_fields[] = {
    NESTED(wire_why, job, "job", job_shape),
    ITEMS(WIRE_ARRAY, wire_why, checks, check_count, "checks", &check_shape),
    FIELD(WIRE_NUMBER, wire_why, ahead, "ahead"),
    FIELD(WIRE_OPTIONAL, wire_why, start, "start"),
    FIELD(WIRE_TIME, wire_why, p50_us, "p50"),
    FIELD(WIRE_TIME, wire_why, p90_us, "p90"),
    FIELD(WIRE_TIME, wire_why, until_us, "until"),
    FIELD(WIRE_NUMBER, wire_why, after, "after"),
};
SHAPE(why, why_fields);

static const struct wire_field outlook_fields[] = {
    FIELD(WIRE_ID, wire_outlook, id, "id"),
    FIELD(WIRE_TEXT, wire_outlook, name, "name"),
    FIELD(WIRE_TEXT, wire_outlook, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_outlook, team, "team"),
    FIELD(WIRE_TEXT, wire_outlook, state, "state"),
    FIELD(WIRE_TEXT, wire_outlook, reason, "reason"),
    FIELD(WIRE_TEXT, wire_outlook, start, "start"),
    FIELD(WIRE_TIME, wire_outlook, p50_us, "p50"),
    FIELD(WIRE_TIME, wire_outlook, p90_us, "p90"),
    FIELD(WIRE_NUMBER, wire_outlook, after, "after"),
    FIELD(WIRE_TIME, wire_outlook, without_p50_us, "withoutP50"),
};
SHAPE(outlook, outlook_fields);

static const struct wire_field planned_fields[] = {
    FIELD(WIRE_TEXT, wire_planned, schedule, "schedule"),
    FIELD(WIRE_TEXT, wire_planned, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_planned, team, "team"),
    FIELD(WIRE_TEXT, wire_planned, occurrence, "occurrence"),
    FIELD(WIRE_TIME, wire_planned, occurrence_us, "occurrenceAt"),
    FIELD(WIRE_TEXT, wire_planned, start, "start"),
    FIELD(WIRE_TIME, wire_planned, p50_us, "p50"),
    FIELD(WIRE_TIME, wire_planned, p90_us, "p90"),
    FIELD(WIRE_TIME, wire_planned, done_p50_us, "doneP50"),
    FIELD(WIRE_TIME, wire_planned, done_p90_us, "doneP90"),
    FIELD(WIRE_TIME, wire_planned, start_by_us, "startBy"),
    FIELD(WIRE_TIME, wire_planned, finish_by_us, "finishBy"),
    FIELD(WIRE_BOOL, wire_planned, at_risk, "atRisk"),
};
SHAPE(planned, planned_fields);

static const struct wire_field forecast_fields[] = {
    FIELD(WIRE_TIME, wire_forecast, as_of_us, "asOf"),
    FIELD(WIRE_TIME, wire_forecast, until_us, "until"),
    FIELD(WIRE_NUMBER, wire_forecast, futures, "futures"),
    ITEMS(WIRE_ARRAY, wire_forecast, items, item_count, "items", &outlook_shape),
    ITEMS(WIRE_EXTRA, wire_forecast, runs, run_count, "runs", &planned_shape),
    ITEMS(WIRE_EXTRA, wire_forecast, delayed, delayed_count, "delayed", &outlook_shape),
};
SHAPE(forecast, forecast_fields);

static const struct wire_field detail_fields[] = {
    FIELD(WIRE_TEXT, wire_detail, file, "file"),
    FIELD(WIRE_NUMBER, wire_detail, line, "line"),
    FIELD(WIRE_NUMBER, wire_detail, column, "column"),
    FIELD(WIRE_TEXT, wire_detail, path, "path"),
    FIELD(WIRE_TEXT, wire_detail, message, "message"),
};
SHAPE(detail, detail_fields);

static const struct wire_field error_fields[] = {
    FIELD(WIRE_TEXT, wire_error, code, "code"),
    FIELD(WIRE_TEXT, wire_error, message, "message"),
    ITEMS(WIRE_EXTRA, wire_error, details, detail_count, "details", &detail_shape),
};
SHAPE(error, error_fields);

/* So that an answer is an error by its first member, whatever its status. */
struct wire_error_answer {
    struct wire_error error;
};

static const struct wire_field error_answer_fields[] = {
    NESTED(wire_error_answer, error, "error", error_shape),
};
SHAPE(error_answer, error_answer_fields);

static const struct wire_field submitted_fields[] = {
    FIELD(WIRE_ID, wire_submitted, id, "id"),
    FIELD(WIRE_TEXT, wire_submitted, name, "name"),
    FIELD(WIRE_TEXT, wire_submitted, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_submitted, state, "state"),
    FIELD(WIRE_OPTIONAL, wire_submitted, array, "array"),
    FIELD(WIRE_KNOWN, wire_submitted, elements, "elements"),
};
SHAPE(submitted, submitted_fields);

static const struct wire_field put_fields[] = {
    FIELD(WIRE_TEXT, wire_put, name, "name"),
    FIELD(WIRE_TEXT, wire_put, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_put, result, "result"),
};
SHAPE(put, put_fields);

static const struct wire_field submit_answer_fields[] = {
    ITEMS(WIRE_ARRAY, wire_submit_answer, jobs, job_count, "jobs", &submitted_shape),
    ITEMS(WIRE_EXTRA, wire_submit_answer, schedules, schedule_count, "schedules", &put_shape),
    FIELD(WIRE_ID, wire_submit_answer, first_id, "firstId"),
    FIELD(WIRE_NUMBER, wire_submit_answer, count, "count"),
    FIELD(WIRE_BOOL, wire_submit_answer, replayed, "replayed"),
};
SHAPE(submit_answer, submit_answer_fields);

static const struct wire_field sync_fields[] = {
    FIELD(WIRE_TEXT, wire_sync, name, "name"),
    FIELD(WIRE_TEXT, wire_sync, state, "state"),
    FIELD(WIRE_NUMBER, wire_sync, objects, "objects"),
};
SHAPE(sync, sync_fields);

static const struct wire_field status_fields[] = {
    FIELD(WIRE_TEXT, wire_status, version, "version"),
    FIELD(WIRE_TEXT, wire_status, queue_uid, "queueUid"),
    FIELD(WIRE_TEXT, wire_status, role, "role"),
    FIELD(WIRE_OPTIONAL, wire_status, leader, "leader"),
    FIELD(WIRE_OPTIONAL, wire_status, leader_address, "leaderAddress"),
    FIELD(WIRE_TIME, wire_status, lease_renewed_us, "leaseRenewedAt"),
    FIELD(WIRE_TIME, wire_status, lease_expires_us, "leaseExpiresAt"),
    FIELD(WIRE_NUMBER, wire_status, lease_transitions, "leaseTransitions"),
    FIELD(WIRE_TEXT, wire_status, host, "host"),
    FIELD(WIRE_NUMBER, wire_status, pid, "pid"),
    FIELD(WIRE_TEXT, wire_status, config_file, "configFile"),
    FIELD(WIRE_TIME, wire_status, started_us, "startedAt"),
    FIELD(WIRE_TIME, wire_status, now_us, "now"),
    FIELD(WIRE_BOOL, wire_status, ready, "ready"),
    FIELD(WIRE_OPTIONAL, wire_status, not_ready, "notReady"),
    FIELD(WIRE_BOOL, wire_status, draining, "draining"),
    FIELD(WIRE_BOOL, wire_status, nodes_check, "nodesCheck"),
    FIELD(WIRE_TEXT, wire_status, cluster, "cluster"),
    ITEMS(WIRE_ARRAY, wire_status, syncs, sync_count, "syncs", &sync_shape),
    ITEMS(WIRE_COUNTS, wire_status, jobs, job_state_count, "jobs", NULL),
    ITEMS(WIRE_COUNTS, wire_status, kube, kube_count, "kube", NULL),
    ITEMS(WIRE_COUNTS, wire_status, store, store_count, "store", NULL),
};
SHAPE(status, status_fields);

static const struct wire_field upcoming_fields[] = {
    FIELD(WIRE_TEXT, wire_upcoming, occurrence, "occurrence"),
    FIELD(WIRE_TIME, wire_upcoming, at_us, "at"),
    FIELD(WIRE_TEXT, wire_upcoming, business_date, "businessDate"),
    FIELD(WIRE_TEXT, wire_upcoming, verdict, "verdict"),
};
SHAPE(upcoming, upcoming_fields);

static const struct wire_field schedule_fields[] = {
    FIELD(WIRE_TEXT, wire_schedule, name, "name"),
    FIELD(WIRE_TEXT, wire_schedule, namespace, "namespace"),
    FIELD(WIRE_TEXT, wire_schedule, team, "team"),
    FIELD(WIRE_TEXT, wire_schedule, submitter, "submitter"),
    FIELD(WIRE_TEXT, wire_schedule, kind, "kind"),
    FIELD(WIRE_TEXT, wire_schedule, cron, "cron"),
    FIELD(WIRE_TEXT, wire_schedule, zone, "zone"),
    FIELD(WIRE_TEXT, wire_schedule, overlap, "overlap"),
    FIELD(WIRE_TEXT, wire_schedule, misfire, "misfire"),
    FIELD(WIRE_TEXT, wire_schedule, state, "state"),
    FIELD(WIRE_OPTIONAL, wire_schedule, window, "window"),
    FIELD(WIRE_TIME, wire_schedule, created_us, "createdAt"),
    FIELD(WIRE_TIME, wire_schedule, changed_us, "changedAt"),
    FIELD(WIRE_OPTIONAL, wire_schedule, last, "last"),
    FIELD(WIRE_TIME, wire_schedule, last_us, "lastAt"),
    FIELD(WIRE_NUMBER, wire_schedule, last_job, "lastJob"),
    FIELD(WIRE_OPTIONAL, wire_schedule, next, "next"),
    FIELD(WIRE_TIME, wire_schedule, next_us, "nextAt"),
    FIELD(WIRE_NUMBER, wire_schedule, active, "active"),
    FIELD(WIRE_NUMBER, wire_schedule, runs, "runs"),
    FIELD(WIRE_NUMBER, wire_schedule, skipped, "skipped"),
    ITEMS(WIRE_EXTRA, wire_schedule, upcoming, upcoming_count, "upcoming", &upcoming_shape),
    FIELD(WIRE_OPTIONAL, wire_schedule, definition, "definition"),
};
SHAPE(schedule, schedule_fields);

static const struct wire_field schedule_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_schedule_list, items, item_count, "items", &schedule_shape),
    FIELD(WIRE_TIME, wire_schedule_list, now_us, "now"),
};
SHAPE(schedule_list, schedule_list_fields);

static const struct wire_field window_fields[] = {
    FIELD(WIRE_TEXT, wire_window, name, "name"),
    FIELD(WIRE_TEXT, wire_window, zone, "zone"),
    FIELD(WIRE_BOOL, wire_window, open, "open"),
    FIELD(WIRE_TIME, wire_window, opens_us, "opensAt"),
    FIELD(WIRE_TIME, wire_window, closes_us, "closesAt"),
    FIELD(WIRE_TIME, wire_window, changes_us, "changesAt"),
    FIELD(WIRE_SECONDS, wire_window, spill_us, "spillSeconds"),
    FIELD(WIRE_TEXT, wire_window, at_close, "atClose"),
    FIELD(WIRE_NUMBER, wire_window, waiting, "waiting"),
    FIELD(WIRE_OPTIONAL, wire_window, freeze, "freeze"),
};
SHAPE(window, window_fields);

static const struct wire_field window_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_window_list, items, item_count, "items", &window_shape),
    FIELD(WIRE_TIME, wire_window_list, now_us, "now"),
};
SHAPE(window_list, window_list_fields);

static const struct wire_field notice_fields[] = {
    FIELD(WIRE_ID, wire_notice, id, "id"),
    FIELD(WIRE_TEXT, wire_notice, receiver, "receiver"),
    FIELD(WIRE_TEXT, wire_notice, class_text, "class"),
    FIELD(WIRE_TEXT, wire_notice, event, "event"),
    FIELD(WIRE_TEXT, wire_notice, state, "state"),
    FIELD(WIRE_ID, wire_notice, job_id, "jobId"),
    FIELD(WIRE_OPTIONAL, wire_notice, name, "name"),
    FIELD(WIRE_OPTIONAL, wire_notice, namespace, "namespace"),
    FIELD(WIRE_OPTIONAL, wire_notice, team, "team"),
    FIELD(WIRE_TIME, wire_notice, at_us, "at"),
    FIELD(WIRE_NUMBER, wire_notice, tries, "tries"),
    FIELD(WIRE_TIME, wire_notice, dead_us, "deadAt"),
    FIELD(WIRE_TEXT, wire_notice, text, "text"),
    FIELD(WIRE_OPTIONAL, wire_notice, error, "error"),
};
SHAPE(notice, notice_fields);

static const struct wire_field notice_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_notice_list, items, item_count, "items", &notice_shape),
};
SHAPE(notice_list, notice_list_fields);

static const struct wire_field learnt_fields[] = {
    FIELD(WIRE_TEXT, wire_learnt, kind, "kind"),
    FIELD(WIRE_TEXT, wire_learnt, key, "key"),
    FIELD(WIRE_TIME, wire_learnt, updated_us, "updatedAt"),
    FIELD(WIRE_NUMBER, wire_learnt, driver_memory_bytes, "driverMemoryBytes"),
    FIELD(WIRE_NUMBER, wire_learnt, executor_memory_bytes, "executorMemoryBytes"),
    FIELD(WIRE_NUMBER, wire_learnt, job_id, "jobId"),
    FIELD(WIRE_NUMBER, wire_learnt, attempt, "attempt"),
    FIELD(WIRE_TIME, wire_learnt, learnt_us, "learntAt"),
    FIELD(WIRE_OPTIONAL, wire_learnt, state, "state"),
    FIELD(WIRE_NUMBER, wire_learnt, failures, "failures"),
    FIELD(WIRE_OPTIONAL, wire_learnt, failure, "failure"),
    FIELD(WIRE_KNOWN, wire_learnt, exit_code, "exitCode"),
    FIELD(WIRE_TIME, wire_learnt, until_us, "until"),
    FIELD(WIRE_NUMBER, wire_learnt, probe_id, "probe"),
    FIELD(WIRE_NUMBER, wire_learnt, milli, "weightMilli"),
};
SHAPE(learnt, learnt_fields);

static const struct wire_field learnt_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_learnt_list, items, item_count, "items", &learnt_shape),
    FIELD(WIRE_TIME, wire_learnt_list, now_us, "now"),
};
SHAPE(learnt_list, learnt_list_fields);

static const struct wire_field team_fields[] = {
    FIELD(WIRE_TEXT, wire_team, name, "name"),
    FIELD(WIRE_OPTIONAL, wire_team, parent, "parent"),
    FIELD(WIRE_TEXT, wire_team, kind, "kind"),
    FIELD(WIRE_NUMBER, wire_team, depth, "depth"),
    FIELD(WIRE_TEXT, wire_team, weight, "weight"),
    FIELD(WIRE_TEXT, wire_team, share, "share"),
    FIELD(WIRE_TEXT, wire_team, running, "running"),
    FIELD(WIRE_TEXT, wire_team, used, "used"),
    FIELD(WIRE_OPTIONAL, wire_team, resource, "resource"),
    FIELD(WIRE_BOOL, wire_team, is_borrowing, "borrowing"),
    FIELD(WIRE_NUMBER, wire_team, running_jobs, "runningJobs"),
    FIELD(WIRE_NUMBER, wire_team, waiting_jobs, "waitingJobs"),
    FIELD(WIRE_TEXT, wire_team, holds, "holds"),
    FIELD(WIRE_TEXT, wire_team, limits, "limits"),
};
SHAPE(team, team_fields);

static const struct wire_field team_list_fields[] = {
    ITEMS(WIRE_ARRAY, wire_team_list, items, item_count, "items", &team_shape),
    FIELD(WIRE_TEXT, wire_team_list, mode, "mode"),
    FIELD(WIRE_TIME, wire_team_list, now_us, "now"),
};
SHAPE(team_list, team_list_fields);

#define CODEC(of)                                                                    \
    void wire_encode_##of(struct buf *out, const struct wire_##of *value) {          \
        wire_encode(out, &of##_shape, value);                                        \
    }                                                                                \
    int wire_decode_##of(const char *text, size_t bytes, struct wire_memory *memory, \
                         struct wire_##of *out_value, struct error *error) {         \
        return wire_decode(text, bytes, &of##_shape, memory, out_value, error);      \
    }

CODEC(job)
CODEC(job_list)
CODEC(attempt_list)
CODEC(event)
CODEC(event_list)
CODEC(why)
CODEC(forecast)
CODEC(submit_answer)
CODEC(status)
CODEC(team_list)
CODEC(notice_list)
CODEC(window_list)
CODEC(schedule)
CODEC(schedule_list)
CODEC(learnt_list)

void wire_encode_error(struct buf *out, const struct wire_error *error) {
    struct wire_error_answer answer = {*error};

    wire_encode(out, &error_answer_shape, &answer);
}

int wire_decode_error(const char *text, size_t bytes, struct wire_memory *memory,
                      struct wire_error *out_error, struct error *error) {
    struct wire_error_answer answer;
    int r = wire_decode(text, bytes, &error_answer_shape, memory, &answer, error);

    if (r == OK) {
        *out_error = answer.error;
    }
    return r;
}
