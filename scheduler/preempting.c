#include "scheduler/preempting.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/arrays.h"
#include "scheduler/lifecycle.h"

/* --- Who may be stopped ---------------------------------------------------------------------- */

static bool is_protected(const struct core *core, const struct entry *entry) {
    const int64_t last_us = entry_course(entry)->preempted_us;

    return last_us != 0 && core->instant.now_us - last_us < core->settings.preempt_protection_us;
}

/* What runs, or starts, and said that it may be stopped. */
static bool may_be_stopped(const struct core *core, const struct entry *entry) {
    return entry != NULL && entry->terms->preemptible && entry->shape != NULL &&
           (entry->state == JOB_RUNNING || entry->state == JOB_STARTING) &&
           !entry_course(entry)->cancel_requested && !entry_course(entry)->preempt_requested &&
           !is_protected(core, entry);
}

static int64_t ran_us(const struct core *core, const struct entry *entry) {
    const int64_t started_us = entry_course(entry)->started_us;

    return started_us != 0 && started_us < core->instant.now_us ? core->instant.now_us - started_us
                                                                : 0;
}

static uint32_t pods_of(const struct entry *entry) {
    return (uint32_t)entry->shape->applied->requests.amount[RESOURCE_PODS];
}

static size_t find_victims(struct core *core, struct plan_victim **out_victims) {
    const struct ledger_reservation *gang;
    struct plan_victim *victims = NULL;
    size_t count = 0;
    size_t room = 0;

    for (size_t at = 0; (gang = ledger_next_reservation(core->ledger, &at)) != NULL;) {
        const struct entry *entry = view_entry(core, gang->job_id);

        if (!may_be_stopped(core, entry)) {
            continue;
        }
        if (count == room) {
            room = room > 0 ? 2 * room : 16;
            victims = mem_grow(victims, room, sizeof *victims);
        }
        victims[count++] = (struct plan_victim){.job_id = entry->id,
                                                .tier = entry->shape->plan.tier,
                                                .node = entry->shape->plan.node,
                                                .pods = pods_of(entry),
                                                .ran_us = ran_us(core, entry)};
    }
    *out_victims = victims;
    return count;
}

void preempting_choose(struct core *core, const struct plan_input *input) {
    struct preemption *chosen = &core->preemption;
    struct plan_preemption preemption;
    struct plan_victim *victims;
    size_t count;

    chosen->count = 0;
    if (!ledger_has_leaving(core->ledger)) {
        chosen->job_id = 0; /* All that went is gone. */
    }
    if (input->preemption == PLAN_PREEMPTION_OFF || !plan_has_blocked(core->plan)) {
        return;
    }
    count = find_victims(core, &victims);
    if (count > 0 && plan_preempt(core->plan, input, victims, count, &preemption) &&
        !arrays_is_stopped(view_entry(core, preemption.job_id))) {
        chosen->job_id = preemption.job_id;
        chosen->victims =
            mem_grow(chosen->victims, preemption.victim_count, sizeof *chosen->victims);
        for (; chosen->count < preemption.victim_count; chosen->count++) {
            chosen->victims[chosen->count] = preemption.victims[chosen->count];
        }
    }
    free(victims);
    plan_note_preempting(core->plan, chosen->job_id);
}

/* --- Stopping them --------------------------------------------------------------------------- */

static const char *class_of(const struct entry *entry) {
    return entry->terms->priority_class[0] != '\0' ? entry->terms->priority_class : "default";
}

static void stop(struct core *core, struct entry *victim, const struct entry *winner) {
    char ran[32];
    const char *text;

    text_print_duration(ran_us(core, victim), ran);
    text = outbox_format(
        &core->outbox,
        "stopped for job %" PRIu64 " (%s, class %s, team %s): %" PRIu32
        " pod%s that ran %s; queued again unless it succeeds before they go, no retry spent",
        winner->id, winner->name, class_of(winner), winner->terms->team, pods_of(victim),
        pods_of(victim) == 1 ? "" : "s", ran);
    core->counts.preemptions++;
    attempt_preempt(core, victim, text);
}

/* "stops 2 jobs: 7 (etl, class low, 3 pods, ran 10m), 9 (...)" */
static void tell_winner(struct core *core, struct entry *winner) {
    const struct preemption *preemption = &core->preemption;
    struct buf text;

    buf_init(&text, LIMIT_MESSAGE_BYTES);
    buf_add_format(&text, "stops %zu job%s so that it can start:", preemption->count,
                   preemption->count == 1 ? "" : "s");
    for (size_t i = 0; i < preemption->count && text.bytes < LIMIT_MESSAGE_BYTES / 2; i++) {
        const struct entry *victim = view_entry(core, preemption->victims[i]);
        char ran[32];

        text_print_duration(ran_us(core, victim), ran);
        buf_add_format(&text, "%s %" PRIu64 " (%s, class %s, team %s, %" PRIu32 " pod%s, ran %s)",
                       i > 0 ? "," : "", victim->id, victim->name, class_of(victim),
                       victim->terms->team, pods_of(victim), pods_of(victim) == 1 ? "" : "s", ran);
    }
    lifecycle_note(core, winner, "preempts", outbox_text(&core->outbox, buf_text(&text)));
    buf_finish(&text);
}

void preempting_carry_out(struct core *core) {
    struct preemption *preemption = &core->preemption;
    struct entry *winner = view_entry(core, preemption->job_id);

    if (preemption->count == 0) {
        return;
    }
    ENSURE(winner != NULL && winner->state == JOB_QUEUED);
    tell_winner(core, winner);
    for (size_t i = 0; i < preemption->count; i++) {
        stop(core, view_entry(core, preemption->victims[i]), winner);
    }
}
