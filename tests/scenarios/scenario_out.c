#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/scenarios/scenario.h"

static const char *keep(struct scenario *scenario, const char *text) {
    return intern_take(&scenario->texts, text == NULL ? "" : text);
}

/* Seconds without needless zeros. */
static void print_seconds(struct buf *out, int64_t us) {
    char text[40];
    size_t length;

    (void)snprintf(text, sizeof text, "%" PRId64 ".%06" PRId64, us / CLOCK_US_PER_SECOND,
                   us % CLOCK_US_PER_SECOND);
    length = strlen(text);
    while (text[length - 1] == '0') {
        text[--length] = '\0';
    }
    if (text[length - 1] == '.') {
        text[--length] = '\0';
    }
    buf_add_format(out, "%ss", text);
}

/* A wall-clock time, if there is one, from the scenario's start on. */
static void print_time(struct buf *out, const char *what, int64_t wall_us) {
    if (wall_us != 0) {
        buf_add_format(out, " %s=", what);
        print_seconds(out, wall_us - SCENARIO_START_US);
    }
}

static void print_count(struct buf *out, const char *what, uint64_t count) {
    if (count != 0) {
        buf_add_format(out, " %s=%" PRIu64, what, count);
    }
}

static void print_word(struct buf *out, const char *what, const char *text) {
    if (text[0] != '\0') {
        buf_add_format(out, " %s=%s", what, text);
    }
}

static void print_end(struct buf *out, enum failure failure, int32_t exit_code) {
    if (failure != FAILURE_NONE) {
        buf_add_format(out, " failure=%s", failure_text(failure));
    }
    if (exit_code != -1) {
        buf_add_format(out, " exit=%" PRId32, exit_code);
    }
}

/* --- Changes --------------------------------------------------------------------------------- */

static void put_job(struct scenario *scenario, const struct queue_change *change) {
    const struct job *job = &change->job;
    struct buf *out = scenario->out;
    struct scenario_job *stored = &scenario->jobs[job->id];

    if (job->id > SCENARIO_JOBS_MAX) {
        scenario_bad(scenario, "too many jobs", "");
    }
    buf_add_format(out, "> job %" PRIu64 " %s", job->id, job_state_text(job->state));
    print_count(out, "attempt", job->attempt);
    print_count(out, "failures", job->failures);
    print_count(out, "retries", job->retries);
    print_count(out, "infra-retries", job->infra_retries);
    print_end(out, job->failure, job->exit_code);
    if (job->eligible_us > scenario->now.now_us) {
        print_time(out, "eligible", job->eligible_us);
    }
    print_time(out, "started", job->started_us);
    print_time(out, "finished", job->finished_us);
    buf_add_format(out, "%s%s", job->cancel_requested ? " cancel" : "",
                   job->pods_deleted ? " pods-deleted" : "");
    if (change->spec != NULL) {
        buf_add_format(out, " spec=%u", change->spec->hash[0]);
    }
    buf_add_char(out, '\n');
    if (job->state != stored->state || job->event_count != stored->event_count) {
        scenario_bad(scenario, "a job moved without an event", job->name);
    }
    if (change->spec != NULL) {
        stored->shape = change->spec->hash[0];
    }
    stored->exists = true;
    stored->job = *job;
    stored->job.name = keep(scenario, job->name);
    stored->job.namespace = keep(scenario, job->namespace);
    stored->job.team = keep(scenario, job->team);
    stored->job.submitter = keep(scenario, job->submitter);
    stored->job.priority_class = keep(scenario, job->priority_class);
    stored->job.window = keep(scenario, job->window);
    stored->job.schedule = keep(scenario, job->schedule);
    stored->job.after = keep(scenario, job->after);
    stored->job.array = keep(scenario, job->array);
    stored->job.pod_name = keep(scenario, job->pod_name);
    stored->job.retry.rules = keep(scenario, job->retry.rules);
    stored->job.avoid = keep(scenario, job->avoid);
    if (job->id >= scenario->next_id) {
        scenario->next_id = job->id + 1;
    }
}

static void put_attempt(struct scenario *scenario, const struct queue_change *change) {
    const struct attempt *attempt = &change->attempt;
    struct attempt *stored = &scenario->jobs[attempt->job_id].attempt;
    struct buf *out = scenario->out;

    buf_add_format(out, "> attempt %" PRIu64 ".%" PRIu32, attempt->job_id, attempt->number);
    print_word(out, "pod", attempt->pod_name);
    print_word(out, "uid", attempt->pod_uid);
    print_word(out, "node", attempt->node);
    print_time(out, "created", attempt->created_us);
    print_time(out, "started", attempt->started_us);
    print_time(out, "finished", attempt->finished_us);
    print_end(out, attempt->failure, attempt->exit_code);
    if (attempt->message[0] != '\0') {
        buf_add_format(out, " : %s", attempt->message);
    }
    buf_add_char(out, '\n');
    *stored = *attempt;
    stored->pod_name = keep(scenario, attempt->pod_name);
    stored->pod_uid = keep(scenario, attempt->pod_uid);
    stored->node = keep(scenario, attempt->node);
    stored->message = keep(scenario, attempt->message);
    stored->cause = keep(scenario, attempt->cause);
    stored->charge = keep(scenario, attempt->charge);
}

/* Events come before the record of their job, and tell every state it went through. */
static void add_event(struct scenario *scenario, const struct queue_change *change) {
    const struct job_event *event = &change->event;
    struct scenario_job *stored = &scenario->jobs[event->job_id];

    buf_add_format(scenario->out, "> event %" PRIu64 " %s %s: %s\n", event->job_id,
                   job_state_text(event->state), event->kind, event->text);
    if (event->sequence != stored->event_count) {
        scenario_bad(scenario, "an event's sequence number", event->kind);
    }
    if (event->sequence > 0 && event->state != stored->state) {
        if (!job_may_move(stored->state, event->state)) {
            scenario_bad(scenario, "a transition that the table does not allow", event->kind);
        }
        scenario->seen[stored->state][event->state] = true;
    }
    stored->event_count++;
    stored->state = event->state;
}

static void drop_job(struct scenario *scenario, const struct queue_change *change) {
    buf_add_format(scenario->out, "> forget %" PRIu64 "\n", change->job_id);
    scenario->jobs[change->job_id].exists = false;
}

static void put_submission(struct scenario *scenario, const struct queue_change *change) {
    buf_add_format(scenario->out, "> key %s: %" PRIu32 " jobs from %" PRIu64 "\n",
                   change->submission.key, change->submission.count, change->submission.first_id);
}

static void expire_submissions(struct scenario *scenario, const struct queue_change *change) {
    buf_add_text(scenario->out, "> expire keys before ");
    print_seconds(scenario->out, scenario->now.now_us - change->before_us);
    buf_add_text(scenario->out, " ago\n");
}

static void put_fact(struct scenario *scenario, const struct queue_change *change) {
    const struct fact_runs *runs = &change->fact.value.runs;

    if (change->fact.kind == FACT_USAGE) {
        if (scenario->teams != NULL) { /* Nobody else's story. */
            const struct fact_usage *usage = &change->fact.value.usage;

            buf_add_format(scenario->out, "> used %s cpu=%.0fm memory=%.0f\n", change->fact.key,
                           fact_amount(usage->amounts, usage->count, RESOURCE_FIXED_COUNT, 0),
                           fact_amount(usage->amounts, usage->count, RESOURCE_FIXED_COUNT, 1));
        }
        scenario_keep_usage(scenario, &change->fact, false);
        return;
    }
    if (change->fact.kind == FACT_GROUP) {
        const struct fact_group *group = &change->fact.value.group;

        buf_add_format(scenario->out,
                       "> group %s ran=%" PRIu64 " succeeded=%" PRIu64 " failed=%" PRIu64
                       " cancelled=%" PRIu64 " skipped=%" PRIu64 "\n",
                       change->fact.key, group->ran, group->succeeded, group->failed,
                       group->cancelled, group->skipped);
        scenario_keep_usage(scenario, &change->fact, false);
        return;
    }
    if (change->fact.kind == FACT_ARRAY) {
        buf_add_format(scenario->out, "> array %s made=%" PRIu64 "\n", change->fact.key,
                       change->fact.value.array.made);
        return;
    }
    if (change->fact.kind == FACT_ARRAY_CANCEL) {
        buf_add_format(scenario->out, "> cancelling array %s\n", change->fact.key);
        return;
    }
    if (change->fact.kind == FACT_MEMORY) {
        buf_add_format(scenario->out, "> learnt %s driver=%" PRId64 " executors=%" PRId64 "\n",
                       change->fact.key, change->fact.value.memory.driver_bytes,
                       change->fact.value.memory.executor_bytes);
        return;
    }
    if (change->fact.kind == FACT_NODE) {
        buf_add_format(scenario->out, "> blamed %s jobs=%zu\n", change->fact.key,
                       blame_jobs(&change->fact.value.node));
        scenario_keep_usage(scenario, &change->fact, false);
        return;
    }
    if (change->fact.kind == FACT_BREAKER) {
        const struct fact_breaker *breaker = &change->fact.value.breaker;

        buf_add_format(
            scenario->out, "> breaker %s %s failures=%" PRIu32 " failure=%s tries=%" PRIu64 "\n",
            change->fact.key, breaker_state_text((enum breaker_state)breaker->state),
            breaker->failures, failure_text((enum failure)breaker->failure), breaker->probe_id);
        return;
    }
    buf_add_format(scenario->out, "> ran %s", change->fact.key);
    for (uint32_t i = 0; i < runs->count; i++) {
        buf_add_text(scenario->out, " ");
        print_seconds(scenario->out, runs->runs_us[i]);
    }
    buf_add_text(scenario->out, "\n");
}

static void drop_fact(struct scenario *scenario, const struct queue_change *change) {
    scenario_keep_usage(scenario, &change->fact, true);
    buf_add_format(scenario->out, "> no fact %d %s\n", (int)change->fact.kind, change->fact.key);
}

static void drop_history(struct scenario *scenario, const struct queue_change *change) {
    buf_add_format(scenario->out, "> history of %" PRIu64 " forgotten\n", change->job_id);
}

static void (*const stores[])(struct scenario *scenario, const struct queue_change *change) = {
    [CHANGE_JOB_PUT] = put_job,
    [CHANGE_JOB_DROP] = drop_job,
    [CHANGE_HISTORY_DROP] = drop_history,
    [CHANGE_ATTEMPT_PUT] = put_attempt,
    [CHANGE_EVENT_ADD] = add_event,
    [CHANGE_SUBMISSION_PUT] = put_submission,
    [CHANGE_SUBMISSIONS_EXPIRE] = expire_submissions,
    [CHANGE_FACT_PUT] = put_fact,
    [CHANGE_FACT_DROP] = drop_fact,
};

/* --- The rest -------------------------------------------------------------------------------- */

static void print_reply(struct scenario *scenario, const struct reply *reply) {
    struct buf *out = scenario->out;

    buf_add_format(out, "> reply %" PRIu64 " %s", reply->token, err_name(reply->code));
    if (reply->first_id != 0) {
        buf_add_format(out, " %zu from %" PRIu64, reply->count, reply->first_id);
    }
    if (reply->text[0] != '\0') {
        buf_add_format(out, ": %s", reply->text);
    }
    buf_add_char(out, '\n');
}

static void print_command(struct scenario *scenario, const struct command *command) {
    if (command->kind == COMMAND_START) {
        buf_add_format(scenario->out, "> start %" PRIu64 ".%" PRIu32 " in %s%s\n", command->job_id,
                       command->attempt, command->namespace,
                       command->only_look    ? ", only look"
                       : command->look_first ? ", look first"
                                             : "");
    } else if (command->kind == COMMAND_TAKE_BACK) {
        buf_add_format(scenario->out, "> take back %" PRIu64 ".%" PRIu32 " in %s\n",
                       command->job_id, command->attempt, command->namespace);
    } else {
        buf_add_format(scenario->out, "> delete %s/%s uid=%s\n", command->namespace,
                       command->pod_name, command->pod_uid);
    }
}

/* The reasons that are not what they were. */
static void print_whys(struct scenario *scenario) {
    for (uint64_t id = 1; id < scenario->next_id; id++) {
        struct scenario_job *stored = &scenario->jobs[id];
        char text[REASON_TEXT_BYTES] = "";
        struct reason reason;

        if (core_reason(scenario->core, id, &reason)) {
            reason_print(&reason, core_resource_names(scenario->core), text);
        }
        if (strcmp(text, stored->why == NULL ? "" : stored->why) != 0 && text[0] != '\0') {
            buf_add_format(scenario->out, "> why %" PRIu64 " %s: %s\n", id,
                           reason_code_text((enum reason_code)reason.code), text);
        }
        free(stored->why);
        stored->why = mem_copy_text(text);
    }
}

static void print_asks(struct scenario *scenario) {
    for (size_t i = 0; i < scenario->ask_count; i++) {
        struct error error = {0};
        int r = core_check_possible(scenario->core, scenario->asks[i].namespace,
                                    scenario->asks[i].demand, &error);

        buf_add_format(scenario->out, "> possible %s%s%s\n", err_name(r), r == OK ? "" : ": ",
                       error.text);
    }
}

static void print_wake(struct scenario *scenario, int64_t after_us) {
    if (after_us == CLOCK_NEVER_US) {
        buf_add_text(scenario->out, "> wake never\n");
        return;
    }
    buf_add_text(scenario->out, "> wake ");
    print_seconds(scenario->out, after_us);
    buf_add_char(scenario->out, '\n');
}

void scenario_take(struct scenario *scenario, const struct turn *turn) {
    for (size_t i = 0; i < turn->reply_count; i++) {
        print_reply(scenario, &turn->replies[i]);
    }
    for (size_t i = 0; i < turn->change_count; i++) {
        stores[turn->changes[i].kind](scenario, &turn->changes[i]);
    }
    for (size_t i = 0; i < turn->command_count; i++) {
        print_command(scenario, &turn->commands[i]);
    }
    print_whys(scenario);
    print_asks(scenario);
    print_wake(scenario, turn->wake_after_us);
}
