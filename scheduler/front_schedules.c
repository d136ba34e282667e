#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/zone.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"
#include "scheduler/front_team.h"
#include "scheduler/front_view.h"

/* With room for its texts. */
struct shown {
    struct wire_schedule wire;
    char last[CIVIL_TIME_BYTES];
    char next[CIVIL_TIME_BYTES];
};

static const char *state_of(const struct core_schedule *schedule) {
    if (schedule->state.paused) {
        return "paused";
    }
    if (schedule->made->rule.suspended) {
        return "suspended";
    }
    return schedule->has_next ? "active" : "over";
}

static void fill(const struct core_schedule *schedule, struct shown *out) {
    const struct new_schedule *made = schedule->made;
    const struct fact_schedule_state *state = &schedule->state;
    bool has_last = state->last_civil_s != CRON_BEHIND;

    *out = (struct shown){0};
    if (has_last) {
        civil_print_time(state->last_civil_s, out->last);
    }
    if (schedule->has_next) {
        civil_print_time(schedule->next.civil_s, out->next);
    }
    out->wire = (struct wire_schedule){
        .name = made->name,
        .namespace = made->namespace,
        .team = made->job.team,
        .submitter = schedule->creator,
        .kind = made->job.kind == JOB_KIND_SPARK ? "Spark" : "Pod",
        .cron = made->cron,
        .zone = zone_name(made->rule.zone),
        .overlap = schedule_overlap_texts[made->rule.overlap],
        .misfire = schedule_misfire_texts[made->rule.misfire],
        .state = state_of(schedule),
        .window = made->job.window,
        .created_us = made->created_us,
        .changed_us = made->changed_us,
        .last = out->last,
        .last_us = has_last ? state->last_s * CLOCK_US_PER_SECOND : 0,
        .last_job = (int64_t)state->last_job,
        .next = out->next,
        .next_us =
            schedule->has_next ? schedule_due_us(&made->rule, schedule->key, &schedule->next) : 0,
        .active = (int64_t)schedule->active,
        .runs = (int64_t)state->runs,
        .skipped = (int64_t)state->skipped,
    };
}

void front_schedules(struct daemon *daemon, struct api_call *call) {
    size_t count = 0;
    size_t room = core_schedule_count(daemon->core);
    struct shown *shown = mem_alloc(room, sizeof *shown);
    struct wire_schedule *items = mem_alloc(room, sizeof *items);
    struct core_schedule schedule;
    struct buf json;

    for (size_t at = 0; core_next_schedule(daemon->core, &at, &schedule);) {
        if (call->namespace[0] != '\0' && strcmp(call->namespace, schedule.made->namespace) != 0) {
            continue;
        }
        fill(&schedule, &shown[count]);
        items[count] = shown[count].wire;
        count++;
    }
    buf_init(&json, LIMIT_API_ANSWER_BYTES);
    wire_encode_schedule_list(
        &json, &(struct wire_schedule_list){
                   .items = items, .item_count = count, .now_us = daemon_now(daemon).now_us});
    front_reply_buf(call, 200, &json);
    free(items);
    free(shown);
}

/* The call's schedule, if there is one and the caller has a right to it; else the call is ended. */
static bool permitted(struct daemon *daemon, struct api_call *call, struct core_schedule *out) {
    if (!core_schedule(daemon->core, call->schedule, out)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no schedule %s", call->schedule);
        return false;
    }
    if (!front_permits(daemon, call, out->made->job.team)) {
        api_reply_error(call, ERR_DENIED, "schedule %s is team %s's; %s has no right to it",
                        call->schedule, out->made->job.team, call->identity.user);
        return false;
    }
    return true;
}

/* --- What comes ------------------------------------------------------------------------------ */

struct upcoming {
    struct wire_upcoming wire;
    char occurrence[CIVIL_TIME_BYTES];
    char date[CIVIL_DATE_BYTES];
};

static const char *verdict_of(const struct core_schedule *schedule, const struct cron_time *time) {
    if (schedule_in_gap(&schedule->made->rule, time)) {
        return schedule_verdict_word(SCHEDULE_SKIP_GAP);
    }
    return schedule_verdict_word(schedule->suspended ? SCHEDULE_SKIP_SUSPENDED : SCHEDULE_RUNS);
}

static void fill_upcoming(const struct core_schedule *schedule, const struct cron_time *time,
                          struct upcoming *out) {
    struct occurrence occurrence = schedule_occurrence(&schedule->made->rule, time);

    civil_print_time(time->civil_s, out->occurrence);
    civil_print_date(occurrence.business_date, out->date);
    out->wire = (struct wire_upcoming){
        .occurrence = out->occurrence,
        .at_us = schedule_due_us(&schedule->made->rule, schedule->key, time),
        .business_date = out->date,
        .verdict = verdict_of(schedule, time),
    };
}

static size_t find_upcoming(const struct core_schedule *schedule, size_t wanted,
                            struct upcoming *out) {
    struct cron_time at = schedule->next;
    bool more = schedule->has_next;
    size_t count = 0;

    while (more && count < wanted) {
        fill_upcoming(schedule, &at, &out[count++]);
        more = schedule_next(&schedule->made->rule, &at, &at);
    }
    return count;
}

static void show(struct api_call *call, int status, const struct core_schedule *schedule) {
    size_t wanted = (size_t)call->next_count;
    struct upcoming *upcoming = mem_alloc(wanted, sizeof *upcoming);
    struct wire_upcoming *items = mem_alloc(wanted, sizeof *items);
    size_t count = find_upcoming(schedule, wanted, upcoming);
    struct shown shown;
    struct buf json;

    for (size_t i = 0; i < count; i++) {
        items[i] = upcoming[i].wire;
    }
    fill(schedule, &shown);
    shown.wire.upcoming = items;
    shown.wire.upcoming_count = count;
    shown.wire.definition = schedule->made->text;
    buf_init(&json, LIMIT_API_ANSWER_BYTES);
    wire_encode_schedule(&json, &shown.wire);
    front_reply_buf(call, status, &json);
    free(items);
    free(upcoming);
}

void front_schedule(struct daemon *daemon, struct api_call *call) {
    struct core_schedule schedule;

    if (permitted(daemon, call, &schedule)) {
        show(call, 200, &schedule);
    }
}

/* --- Acts ------------------------------------------------------------------------------------ */

static enum schedule_action action_of(enum api_route route) {
    switch (route) {
    case API_SCHEDULE_PAUSE:
        return SCHEDULE_PAUSE;
    case API_SCHEDULE_RESUME:
        return SCHEDULE_RESUME;
    case API_SCHEDULE_TRIGGER:
        return SCHEDULE_TRIGGER;
    default:
        return SCHEDULE_DELETE;
    }
}

void front_schedule_act(struct daemon *daemon, struct api_call *call) {
    struct core_schedule schedule;
    char *key;

    if (!permitted(daemon, call, &schedule) || !front_can_change(daemon, call)) {
        return;
    }
    key = mem_copy_text(call->schedule);
    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_SCHEDULE,
                              .token = call->number,
                              .schedule = {.action = action_of(call->route),
                                           .key = key,
                                           .has_date = call->has_date,
                                           .business_date = call->business_date}},
              key, free);
}

void front_schedule_acted(struct daemon *daemon, struct api_call *call, const struct reply *reply) {
    struct core_schedule schedule;

    if (reply->code < 0) {
        api_reply_error(call, reply->code, "%s", reply->text);
    } else if (call->route == API_SCHEDULE_TRIGGER) {
        call->job_id = reply->first_id;
        call->job_index = -1;
        front_reply_job(daemon, call);
    } else if (core_schedule(daemon->core, call->schedule, &schedule)) {
        show(call, 200, &schedule);
    } else {
        struct buf json;

        buf_init(&json, LIMIT_KIB);
        buf_add_text(&json, "{}");
        front_reply_buf(call, 200, &json);
    }
}

/* --- Metrics --------------------------------------------------------------------------------- */

void front_schedule_metrics(const struct daemon *daemon, struct buf *out_text) {
    struct core_schedule schedule;
    size_t suspended = 0;
    size_t active = 0;

    for (size_t at = 0; core_next_schedule(daemon->core, &at, &schedule);) {
        suspended += schedule.suspended ? 1 : 0;
        active += schedule.suspended ? 0 : 1;
    }
    buf_add_text(out_text, "# HELP nightshift_schedules Schedules by state.\n"
                           "# TYPE nightshift_schedules gauge\n");
    buf_add_format(out_text, "nightshift_schedules{state=\"active\"} %zu\n", active);
    buf_add_format(out_text, "nightshift_schedules{state=\"suspended\"} %zu\n", suspended);
    buf_add_format(out_text, "nightshift_schedules{state=\"unreadable\"} %zu\n",
                   daemon->unreadable_schedules);
    buf_add_text(out_text,
                 "# HELP nightshift_occurrences_total Occurrences of schedules by what became of "
                 "them.\n# TYPE nightshift_occurrences_total counter\n");
    for (int i = 0; i < SCHEDULE_VERDICT_COUNT; i++) {
        buf_add_format(out_text, "nightshift_occurrences_total{outcome=\"%s\"} %" PRIu64 "\n",
                       schedule_verdict_word((enum schedule_verdict)i),
                       core_schedule_verdicts(daemon->core, (enum schedule_verdict)i));
    }
}
