#include "scheduler/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/ledger.h"
#include "scheduler/forward_inside.h"

#define TURNS_HERE_MAX 1000000

/* --- Events to come -------------------------------------------------------------------------- */

struct event *forward_add_event(struct forward *forward, enum event_kind kind) {
    if (forward->event_count == forward->event_room) {
        forward->event_room = forward->event_room > 0 ? 2 * forward->event_room : 64;
        forward->events = mem_grow(forward->events, forward->event_room, sizeof *forward->events);
        forward->names = mem_grow(forward->names, forward->event_room, sizeof *forward->names);
    }
    forward->names[forward->event_count][0] = '\0';
    forward->events[forward->event_count] = (struct event){.kind = kind};
    return &forward->events[forward->event_count++];
}

void forward_name_event(struct forward *forward, const struct gang *gang, size_t pod) {
    if (gang->pods[pod].name == NULL) {
        (void)snprintf(forward->names[forward->event_count - 1], FORWARD_NAME_BYTES,
                       "f%" PRIu64 ".%" PRIu32 ".%zu", gang->job_id, gang->attempt, pod);
    }
}

/* The table of names has stopped growing: point to it. */
static void set_names(struct forward *forward) {
    for (size_t i = 0; i < forward->event_count; i++) {
        struct event *event = &forward->events[i];
        const char *name = forward->names[i];

        if (name[0] == '\0') {
            continue;
        }
        if (event->kind == EVENT_POD) {
            event->pod.name = event->pod.uid = name;
        } else if (event->kind == EVENT_POD_GONE) {
            event->gone.name = name;
        } else {
            event->started.pod_name = event->started.pod_uid = name;
        }
    }
}

void forward_take_text(struct forward *forward, char *text) {
    if (text != NULL) {
        forward->texts = mem_grow(forward->texts, forward->text_count + 1, sizeof *forward->texts);
        forward->texts[forward->text_count++] = text;
    }
}

/* --- What the core asks for ------------------------------------------------------------------ */

/* Its pods are all in the cluster already, so the ledger knows what is free. */
void forward_load_place(struct forward *forward) {
    const struct ledger *ledger = core_ledger(forward->options.core);

    if (!forward->place_stale && forward->place_version == ledger_nodes_version(ledger)) {
        return;
    }
    place_clear(&forward->place);
    for (size_t i = 0; i < ledger_node_count(ledger); i++) {
        const struct ledger_node *record = ledger_node(ledger, i);
        const struct resources free = ledger_node_free(record);

        if (record->node != NULL) {
            place_add_node(&forward->place, record->node, &free);
        }
    }
    forward->place_version = ledger_nodes_version(ledger);
    forward->place_stale = false;
}

static void wait_for_room(struct forward *forward, uint64_t job_id) {
    if (forward->unplaced_count == forward->unplaced_room) {
        forward->unplaced_room = forward->unplaced_room > 0 ? 2 * forward->unplaced_room : 16;
        forward->unplaced =
            mem_grow(forward->unplaced, forward->unplaced_room, sizeof *forward->unplaced);
    }
    forward->unplaced[forward->unplaced_count++] = job_id;
}

/* The pods are there at once, and run after the delay. */
static bool try_start(struct forward *forward, struct gang *gang) {
    int64_t runs_us = forward->now.now_us + forward->options.start_delay_us;

    if (!gang_place(forward, gang)) {
        return false;
    }
    gang_tell_start(forward, gang);
    for (size_t i = 0; i < gang->pod_count; i++) {
        if (i != gang->main || runs_us > forward->now.now_us) {
            gang_tell_pod(forward, gang, i, POD_STANDS_WAITING);
        }
    }
    if (runs_us > forward->now.now_us) {
        gang->runs_us = runs_us;
        timers_add(&forward->timers, runs_us, gang->job_id);
    } else {
        gang_run(forward, gang, runs_us);
    }
    return true;
}

static void refuse_start(struct forward *forward, const struct command *command) {
    struct event *event = forward_add_event(forward, EVENT_STARTED);

    event->started = (struct started_event){.job_id = command->job_id,
                                            .attempt = command->attempt,
                                            .result = START_REFUSED,
                                            .message = "it is not there"};
}

static void on_start(struct forward *forward, const struct command *command) {
    struct gang *gang = gang_find(forward, command->job_id);

    if (gang != NULL && gang->attempt == command->attempt) {
        return; /* The core will hear of it, or has heard. */
    }
    if (command->only_look) {
        refuse_start(forward, command);
        return;
    }
    if (gang != NULL) {
        gang_delete(forward, gang);
    }
    gang = gang_add(forward, command->job_id, command->attempt);
    if (!try_start(forward, gang)) {
        wait_for_room(forward, command->job_id);
    }
}

/* A command's texts are gone by the next turn. */
static const char *keep_text(struct forward *forward, const char *text) {
    char *copy = mem_copy_text(text);

    forward_take_text(forward, copy);
    return copy;
}

static void drop_texts(struct forward *forward, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(forward->texts[i]);
    }
    forward->text_count -= count;
    if (count > 0 && forward->text_count > 0) {
        memmove(forward->texts, &forward->texts[count],
                forward->text_count * sizeof *forward->texts);
    }
}

static void on_delete(struct forward *forward, const struct command *command) {
    const char *namespace = keep_text(forward, command->namespace);
    const char *name = keep_text(forward, command->pod_name);
    struct gang *gang = gang_find(forward, command->job_id);
    struct event *event;

    forward_add_event(forward, EVENT_DELETED)->deleted =
        (struct deleted_event){.namespace = namespace, .name = name, .gone = true, .message = ""};
    event = forward_add_event(forward, EVENT_POD_GONE);
    event->gone.namespace = namespace;
    event->gone.name = name;
    if (gang != NULL && gang_main_is_called(gang, command->pod_name)) {
        gang_delete(forward, gang);
    }
}

/* Those that found no way onto the nodes may find one when a job has ended. */
static void retry_unplaced(struct forward *forward) {
    size_t kept = 0;

    for (size_t i = 0; i < forward->unplaced_count; i++) {
        struct gang *gang = gang_find(forward, forward->unplaced[i]);

        if (gang != NULL && gang->pod_count == 0 && !try_start(forward, gang)) {
            forward->unplaced[kept++] = forward->unplaced[i];
        }
    }
    forward->unplaced_count = kept;
}

/* --- Turns ----------------------------------------------------------------------------------- */

static void tell_changes(const struct forward *forward, const struct turn *turn) {
    for (size_t i = 0; forward->options.on_job != NULL && i < turn->change_count; i++) {
        if (turn->changes[i].kind == CHANGE_JOB_PUT) {
            forward->options.on_job(forward->options.context, &turn->changes[i].job,
                                    forward->now.now_us);
        }
    }
}

static void take_turn(struct forward *forward, struct event *events, size_t count) {
    struct turn turn;

    scheduler_turn(forward->options.core, forward->now, events, count, &turn);
    forward->turns++;
    forward->turns_here++;
    forward->wake_us = turn.wake_after_us >= CLOCK_NEVER_US - forward->now.now_us
                           ? CLOCK_NEVER_US
                           : forward->now.now_us + turn.wake_after_us;
    tell_changes(forward, &turn);
    for (size_t i = 0; i < turn.command_count; i++) {
        if (turn.commands[i].kind == COMMAND_START) {
            on_start(forward, &turn.commands[i]);
        } else if (turn.commands[i].kind == COMMAND_DELETE) {
            on_delete(forward, &turn.commands[i]);
        }
    }
}

/* The events are the turn's while those it leads to are collected. */
static void take_turn_of_own_events(struct forward *forward) {
    struct event *events = forward->events;
    char(*names)[FORWARD_NAME_BYTES] = forward->names;
    size_t count = forward->event_count;
    size_t room = forward->event_room;
    size_t texts = forward->text_count;

    set_names(forward);
    forward->events = forward->spare_events;
    forward->names = forward->spare_names;
    forward->event_room = forward->spare_room;
    forward->event_count = 0;
    forward->spare_events = events;
    forward->spare_names = names;
    forward->spare_room = room;
    take_turn(forward, events, count);
    drop_texts(forward, texts);
}

static void do_what_is_due(struct forward *forward) {
    bool ended = false;
    uint64_t job_id;

    while (timers_take_due(&forward->timers, forward->now.now_us, &job_id)) {
        struct gang *gang = gang_find(forward, job_id);

        if (gang == NULL) {
            continue;
        }
        if (gang->running && gang->ends_us <= forward->now.now_us) {
            gang_end(forward, gang);
            ended = true;
        } else if (!gang->running && gang->pod_count > 0 && gang->runs_us <= forward->now.now_us) {
            gang_run(forward, gang, gang->runs_us);
        }
    }
    if (ended && forward->unplaced_count > 0) {
        retry_unplaced(forward);
    }
}

static bool is_due(const struct forward *forward) {
    return forward->event_count > 0 || forward->wake_us <= forward->now.now_us ||
           timers_next_us(&forward->timers) <= forward->now.now_us;
}

static void settle(struct forward *forward) {
    while (is_due(forward) && !forward_is_stuck(forward)) {
        do_what_is_due(forward);
        take_turn_of_own_events(forward);
    }
}

/* --- From outside ---------------------------------------------------------------------------- */

struct forward *forward_create(const struct forward_options *options) {
    struct forward *forward = mem_alloc(1, sizeof *forward);

    forward->options = *options;
    forward->now = options->start;
    forward->wake_us = options->start.now_us;
    forward->place_stale = true;
    forward_adopt(forward);
    return forward;
}

void forward_destroy(struct forward *forward) {
    struct map_entry *item;

    if (forward == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&forward->gangs, &at)) != NULL;) {
        gang_drop(forward, item->value);
    }
    for (size_t i = 0; i < forward->quota_count; i++) {
        quota_finish(&forward->quotas[i]);
    }
    drop_texts(forward, forward->text_count);
    free(forward->texts);
    map_finish(&forward->gangs);
    timers_finish(&forward->timers);
    place_finish(&forward->place);
    free(forward->quotas);
    free(forward->unplaced);
    free(forward->events);
    free(forward->names);
    free(forward->spare_events);
    free(forward->spare_names);
    free(forward);
}

void forward_tell(struct forward *forward, struct event *events, size_t count) {
    settle(forward);
    take_turn(forward, events, count);
    settle(forward);
}

int64_t forward_next_us(const struct forward *forward) {
    int64_t next_us = timers_next_us(&forward->timers);

    if (forward_is_stuck(forward)) {
        return CLOCK_NEVER_US;
    }
    if (forward->event_count > 0) {
        return forward->now.now_us;
    }
    return next_us < forward->wake_us ? next_us : forward->wake_us;
}

void forward_go(struct forward *forward, int64_t now_us) {
    if (now_us > forward->now.now_us) {
        forward->now.mono_us += now_us - forward->now.now_us;
        forward->now.now_us = now_us;
        forward->turns_here = 0;
    }
    settle(forward);
}

int64_t forward_now_us(const struct forward *forward) {
    return forward->now.now_us;
}

uint64_t forward_ended_now(const struct forward *forward) {
    return forward->ended_us == forward->now.now_us ? forward->ended_id : 0;
}

uint64_t forward_turns(const struct forward *forward) {
    return forward->turns;
}

bool forward_has_ends(const struct forward *forward) {
    return timers_next_us(&forward->timers) != CLOCK_NEVER_US;
}

bool forward_is_stuck(const struct forward *forward) {
    return forward->turns_here >= TURNS_HERE_MAX;
}
