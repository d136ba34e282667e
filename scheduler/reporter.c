#include "scheduler/reporter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/report.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "k8s/json_scan.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/report.h"
#include "policy/zone.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_forecast.h"
#include "scheduler/future_runs.h"
#include "scheduler/loop.h"

#define JOBS_A_ROUND  128
#define WORKS_MAX     8
#define LOOK_EVERY_US (5 * CLOCK_US_PER_SECOND)
#define DAY_US        (CIVIL_DAY_S * CLOCK_US_PER_SECOND)

/* A report being made. */
struct report_work {
    struct report_work *next;
    struct report_question question;
    struct report report;
    struct map pools; /* node -> its pool, owned */
    char *label_key;
    uint64_t after_id;
    struct report_attempt attempts[LIMIT_JOB_ATTEMPTS]; /* of the job that is looked at */
    size_t attempt_count;
};

struct reporter {
    struct daemon *daemon;
    struct poller_timer round; /* set while there is work */
    struct poller_timer look;  /* is a report due? */
    struct report_work *works;
    size_t count;
    int64_t looked_us;
};

/* --- What is asked of a job ------------------------------------------------------------------- */

static int take_attempt(void *context, const struct attempt *attempt) {
    struct report_work *work = context;
    const char *pool = map_get(&work->pools, attempt->node);

    if (work->attempt_count < LIMIT_JOB_ATTEMPTS) {
        work->attempts[work->attempt_count++] = (struct report_attempt){
            .admitted_us = attempt->admitted_us,
            .finished_us = attempt->finished_us,
            .cpu_milli = attempt->cpu_milli,
            .memory_bytes = attempt->memory_bytes,
            .failed = attempt->failure != FAILURE_NONE,
            .pool = pool != NULL ? pool : "",
        };
    }
    return OK;
}

/* The job's own label of that key, out of its specification; "" if it has none. */
static void read_label(struct daemon *daemon, const struct report_work *work, uint64_t id,
                       char *out_label, size_t room) {
    struct json_slice value = {0};
    struct buf text;

    out_label[0] = '\0';
    if (work->label_key[0] == '\0') {
        return;
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    if (queue_get_spec(daemon->queue, id, &text) == OK &&
        json_scan_text(text.data, text.bytes, &value) == OK &&
        json_scan_member(value, "metadata", &value) && json_scan_member(value, "labels", &value) &&
        json_scan_member(value, work->label_key, &value) &&
        !json_scan_copy_text(value, out_label, room)) {
        out_label[0] = '\0';
    }
    buf_finish(&text);
}

static void add_job(struct daemon *daemon, struct report_work *work, const struct job *job) {
    const struct attempt *last = core_attempt(daemon->core, job->id);
    char label[LIMIT_NAME_BYTES + 1];

    work->attempt_count = 0;
    if (job->attempt == 0 || queue_each_attempt(daemon->queue, job->id, take_attempt, work) == OK) {
        read_label(daemon, work, job->id, label, sizeof label);
        report_add(&work->report, job, label,
                   last != NULL && last->message != NULL ? last->message : "", work->attempts,
                   work->attempt_count);
    }
}

/* --- A report being made ---------------------------------------------------------------------- */

static void work_destroy(struct report_work *work) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&work->pools, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&work->pools);
    report_finish(&work->report);
    free((void *)(uintptr_t)work->question.window);
    free(work->label_key);
    free(work);
}

static void take_off(struct reporter *reporter, struct report_work *work) {
    struct report_work **at = &reporter->works;

    while (*at != work) {
        at = &(*at)->next;
    }
    *at = work->next;
    reporter->count--;
}

static bool may_see(const struct reporter *reporter, const struct report_work *work,
                    const char *team) {
    const struct api_call *call =
        work->question.call != 0 ? front_find_call(reporter->daemon, work->question.call) : NULL;

    return work->question.call == 0 || (call != NULL && api_call_permits(call, team));
}

/* False when there are no more jobs. */
static bool go_on(struct reporter *reporter, struct report_work *work) {
    struct daemon *daemon = reporter->daemon;

    for (unsigned i = 0; i < JOBS_A_ROUND && queue_can_read(daemon->queue); i++) {
        struct job job;

        if (!core_next_job(daemon->core, work->after_id, &job)) {
            return false;
        }
        work->after_id = job.id;
        if (report_concerns(&work->report, &job) && may_see(reporter, work, job.team)) {
            add_job(daemon, work, &job);
        }
    }
    return true;
}

static bool has_gone(const struct reporter *reporter, const struct report_work *work) {
    return work->question.call != 0 &&
           front_find_call(reporter->daemon, work->question.call) == NULL;
}

/* What a forecast says of a run that is not made yet. */
static void say_run(const struct forecast_run *run, int64_t due_us, char *text, size_t room) {
    const bool start = due_us == run->run.start_by_us;
    char occurrence[CIVIL_TIME_BYTES];
    char at[RFC3339_BYTES_MAX];

    civil_print_time(run->run.occurrence.civil_s, occurrence);
    rfc3339_print(start ? run->p50_us : run->ends_p50_us, at);
    (void)snprintf(text, room, "run of %s: expected to %s at %s", occurrence,
                   start ? "start" : "be done", at);
}

static void add_risks(struct reporter *reporter, struct report_work *work) {
    struct daemon *daemon = reporter->daemon;
    const struct forecast_runs *runs = front_forecasts_runs(daemon->front->forecasts);

    for (size_t i = 0; runs != NULL && i < runs->count; i++) {
        const int64_t due_us = forecast_run_risk_us(&runs->items[i]);
        struct core_schedule schedule;
        char text[128];

        if (due_us == 0 || !core_schedule(daemon->core, runs->items[i].run.key, &schedule)) {
            continue;
        }
        const struct job planned = {.name = schedule.made->name,
                                    .namespace = schedule.made->namespace,
                                    .team = schedule.made->job.team,
                                    .window = schedule.made->job.window};

        if (report_concerns(&work->report, &planned) && may_see(reporter, work, planned.team)) {
            say_run(&runs->items[i], due_us, text, sizeof text);
            report_add_risk(&work->report, &planned, due_us, text);
        }
    }
}

static void finish(struct reporter *reporter, struct report_work *work, bool found) {
    take_off(reporter, work);
    if (found) {
        add_risks(reporter, work);
    }
    report_settle(&work->report);
    if (!has_gone(reporter, work)) {
        work->question.on_report(work->question.context, found ? &work->report : NULL);
    } else {
        free(work->question.context);
    }
    work_destroy(work);
}

static void on_round(struct poller_timer *timer) {
    struct reporter *reporter = timer->owner;
    struct report_work *work = reporter->works;

    if (work != NULL && (reporter->daemon->core == NULL || has_gone(reporter, work))) {
        finish(reporter, work, false);
    } else if (work != NULL && !go_on(reporter, work)) {
        finish(reporter, work, true);
    }
    if (reporter->works != NULL) {
        poller_timer_set(loop_poller(reporter->daemon->loop), timer, 0);
    }
}

static const char *label_of(const struct node *node, const char *key) {
    for (size_t i = 0; i < node->label_count; i++) {
        if (strcmp(node->labels[i].key, key) == 0) {
            return node->labels[i].value;
        }
    }
    return NULL;
}

static void read_pools(const struct daemon *daemon, struct report_work *work) {
    const struct ledger *ledger = core_ledger(daemon->core);
    const char *key = daemon->config.report_pool_label;

    for (size_t i = 0; key[0] != '\0' && i < ledger_node_count(ledger); i++) {
        const struct ledger_node *node = ledger_node(ledger, i);
        const char *pool = node->node != NULL ? label_of(node->node, key) : NULL;

        if (pool != NULL) {
            free(map_put(&work->pools, node->name, mem_copy_text(pool)));
        }
    }
}

int reporter_ask(struct reporter *reporter, const struct report_question *question,
                 struct error *error) {
    struct daemon *daemon = reporter->daemon;
    const struct config *config = &daemon->config;
    struct report_work *work;
    const struct resources *capacity;

    if (reporter->count >= WORKS_MAX) {
        return error_set(error, ERR_FULL, "%zu reports are being made; ask again", reporter->count);
    }
    work = mem_alloc(1, sizeof *work);
    work->question = *question;
    work->next = reporter->works;
    work->label_key = mem_copy_text(config->report_job_label);
    work->question.window = mem_copy_text(question->window);
    report_init(&work->report, question->from_us, question->until_us, question->window,
                config->windows);
    work->report.price_cpu_hour = strtod(config->price_cpu_hour, NULL);
    work->report.price_gib_hour = strtod(config->price_gib_hour, NULL);
    work->report.currency = config->currency;
    capacity = ledger_capacity(core_ledger(daemon->core));
    work->report.capacity_cpu = (double)capacity->amount[RESOURCE_CPU] / 1000;
    read_pools(daemon, work);
    reporter->works = work;
    reporter->count++;
    poller_timer_set(loop_poller(daemon->loop), &reporter->round, 0);
    return OK;
}

/* --- Clients ---------------------------------------------------------------------------------- */

struct report_asked {
    struct daemon *daemon;
    uint64_t call;
    enum report_form form;
};

static void answer(void *context, const struct report *report) {
    struct report_asked *asked = context;
    struct api_call *call = front_find_call(asked->daemon, asked->call);
    struct buf out;

    if (call != NULL && report == NULL) {
        api_reply_error(call, ERR_BUSY, "this daemon does not lead any more; ask the leader");
    } else if (call != NULL) {
        buf_init(&out, LIMIT_NOTICE_BYTES);
        report_print(report, asked->form, asked->daemon->config.windows->home, &out);
        api_reply_text(call, 200, report_content_type(asked->form), buf_text(&out), out.bytes);
        buf_finish(&out);
    }
    free(asked);
}

/* "yesterday", "today", "2026-11-22", "24h" (ago), or an instant. */
static int parse_when(const char *text, int64_t now_us, const struct zone *zone, int64_t *out_us) {
    const int64_t day = civil_day_of(zone_civil_s(zone, now_us / CLOCK_US_PER_SECOND));
    int64_t number;

    if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
        *out_us = zone_reach(zone, (day - (text[0] == 'y')) * CIVIL_DAY_S) * CLOCK_US_PER_SECOND;
    } else if (civil_parse_date(text, &number) == OK) {
        *out_us = zone_reach(zone, number * CIVIL_DAY_S) * CLOCK_US_PER_SECOND;
    } else if (text_parse_duration_us(text, &number) == OK) {
        *out_us = now_us - number;
    } else {
        return rfc3339_parse(text, out_us);
    }
    return OK;
}

/* Zeroed, or told to the caller. */
static bool read_question(const struct daemon *daemon, struct api_call *call,
                          struct report_question *question) {
    const struct zone *zone = daemon->config.windows->home;
    const int64_t now_us = daemon_now(daemon).now_us;

    question->from_us = now_us - DAY_US;
    question->until_us = now_us;
    if ((call->since[0] != '\0' &&
         parse_when(call->since, now_us, zone, &question->from_us) != OK) ||
        (call->until[0] != '\0' &&
         parse_when(call->until, now_us, zone, &question->until_us) != OK)) {
        api_reply_error(call, ERR_INVALID,
                        "since and until are yesterday, today, a date such as 2026-11-22, a time "
                        "ago such as 24h, or an instant such as 2026-11-22T22:00:00Z");
        return false;
    }
    question->until_us = question->until_us < now_us ? question->until_us : now_us;
    if (question->from_us >= question->until_us) {
        api_reply_error(call, ERR_INVALID, "since is not before until, or not before now");
        return false;
    }
    if (call->name[0] != '\0' && window_find(daemon->config.windows, call->name) == NULL) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no window %s", call->name);
        return false;
    }
    question->window = call->name;
    return true;
}

static uint64_t all_receivers(const struct notification_set *set) {
    uint64_t receivers = 0;

    for (size_t i = 0; i < set->report_count; i++) {
        receivers |= set->reports[i].receivers;
    }
    return receivers;
}

static void tell_core(struct daemon *daemon, const char *window, int64_t from_us, int64_t until_us,
                      uint64_t receivers) {
    char *owned = mem_copy_text(window);

    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_REPORT,
                              .report = {.window = owned,
                                         .from_us = from_us,
                                         .until_us = until_us,
                                         .receivers = receivers}},
              owned, free);
    daemon_wake(daemon);
}

void reporter_call(struct reporter *reporter, struct api_call *call) {
    struct daemon *daemon = reporter->daemon;
    struct report_question question = {.call = call->number, .on_report = answer};
    const uint64_t receivers = all_receivers(&daemon->config.notifications);
    struct report_asked *asked;
    struct error error = {0};

    if (!read_question(daemon, call, &question)) {
        return;
    }
    if (call->route == API_REPORT_SEND && receivers == 0) {
        api_reply_error(call, ERR_INVALID,
                        "nobody gets reports: the configuration has no notifications.reports");
        return;
    }
    if (call->route == API_REPORT_SEND) {
        tell_core(daemon, question.window, question.from_us, question.until_us, receivers);
    }
    asked = mem_alloc(1, sizeof *asked);
    *asked = (struct report_asked){
        .daemon = daemon, .call = call->number, .form = (enum report_form)call->report_form};
    question.context = asked;
    if (reporter_ask(reporter, &question, &error) < 0) {
        free(asked);
        api_reply_error(call, error.code, "%s", error.text);
    }
}

/* --- By the clock ----------------------------------------------------------------------------- */

/* Those whose time came since the last look: once, unless the daemon was not there. */
static void on_look(struct poller_timer *timer) {
    struct reporter *reporter = timer->owner;
    struct daemon *daemon = reporter->daemon;
    const struct zone *zone = daemon->config.windows->home;
    const int64_t now_us = daemon_now(daemon).now_us;
    const int64_t day = civil_day_of(zone_civil_s(zone, now_us / CLOCK_US_PER_SECOND));

    for (size_t i = 0; daemon->core != NULL && i < daemon->config.notifications.report_count; i++) {
        const struct report_setting *setting = &daemon->config.notifications.reports[i];
        const int64_t due_us =
            zone_reach(zone, day * CIVIL_DAY_S + setting->time_s) * CLOCK_US_PER_SECOND;

        if (reporter->looked_us < due_us && due_us <= now_us) {
            tell_core(daemon, setting->window, due_us - DAY_US, due_us, setting->receivers);
        }
    }
    reporter->looked_us = now_us > reporter->looked_us ? now_us : reporter->looked_us;
    poller_timer_set(loop_poller(daemon->loop), timer, LOOK_EVERY_US);
}

struct reporter *reporter_create(struct daemon *daemon) {
    struct reporter *reporter = mem_alloc(1, sizeof *reporter);

    reporter->daemon = daemon;
    reporter->looked_us = daemon_now(daemon).now_us;
    reporter->round = (struct poller_timer){.on_time = on_round, .owner = reporter};
    reporter->look = (struct poller_timer){.on_time = on_look, .owner = reporter};
    poller_timer_set(loop_poller(daemon->loop), &reporter->look, LOOK_EVERY_US);
    return reporter;
}

void reporter_destroy(struct reporter *reporter) {
    if (reporter == NULL) {
        return;
    }
    poller_timer_stop(loop_poller(reporter->daemon->loop), &reporter->round);
    poller_timer_stop(loop_poller(reporter->daemon->loop), &reporter->look);
    while (reporter->works != NULL) {
        struct report_work *work = reporter->works;

        reporter->works = work->next;
        if (work->question.call != 0) {
            free(work->question.context);
        }
        work_destroy(work);
    }
    free(reporter);
}
