#include "scheduler/charges.h"

#include <stdlib.h>

/* The kinds that attempts have members for. */
#define OWN_KINDS \
    (RESOURCE_BIT(RESOURCE_CPU) | RESOURCE_BIT(RESOURCE_MEMORY) | RESOURCE_BIT(RESOURCE_PODS))

static void note_amounts(struct core *core, struct attempt *attempt,
                         const struct resources *amounts) {
    char *rest = resources_write(&core->names, amounts, (uint16_t)~OWN_KINDS);

    attempt->cpu_milli = amounts->amount[RESOURCE_CPU];
    attempt->memory_bytes = amounts->amount[RESOURCE_MEMORY];
    attempt->pods = (uint32_t)amounts->amount[RESOURCE_PODS];
    run_set_text(&attempt->charge, rest);
    free(rest);
}

static struct resources amounts_of(struct core *core, const struct attempt *attempt) {
    struct resources amounts = {{[RESOURCE_CPU] = attempt->cpu_milli,
                                 [RESOURCE_MEMORY] = attempt->memory_bytes,
                                 [RESOURCE_PODS] = attempt->pods}};

    if (resources_read(&core->names, attempt->charge, &amounts) < 0) {
        share_doubt(core->share); /* More kinds of resources than there may be. */
    }
    return amounts;
}

/* While jobs are loaded, the instant is 0: they ran before. */
static int64_t charge(struct core *core, const struct entry *entry, int times) {
    const struct resources amounts = amounts_of(core, &entry->run->attempt);

    return share_charge(core->share,
                        &(struct share_charge){
                            .node = entry->shape->plan.node,
                            .namespace_index = entry->shape->plan.namespace_index,
                            .requests = &amounts,
                        },
                        times, core->instant.now_us);
}

void charges_begin(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    note_amounts(core, &run->attempt, &entry->shape->applied->requests);
    run->attempt.charged_us = charge(core, entry, 1);
    run->is_charged = true;
}

void charges_end(struct core *core, struct entry *entry) {
    if (entry->run != NULL && entry->run->is_charged) {
        entry->run->attempt.uncharged_us = charge(core, entry, -1);
        entry->run->is_charged = false;
    }
}

void charges_forget(struct core *core, struct entry *entry) {
    const struct attempt *attempt = entry->run != NULL ? &entry->run->attempt : NULL;
    char user[LIMIT_NAME_BYTES + 1];
    struct resources amounts;
    struct share_past past;

    if (attempt == NULL || attempt->uncharged_us == 0) {
        return;
    }
    job_user(entry->terms->submitter, user);
    amounts = amounts_of(core, attempt);
    past = (struct share_past){
        .node = share_find(core->share, entry->terms->team, user),
        .requests = &amounts,
        .from_us = attempt->charged_us,
        .to_us = attempt->uncharged_us,
    };
    if (past.node != SHARE_NONE) { /* Else it was so long ago that nothing is left. */
        share_carry(core->share, &past, core->instant.now_us);
    }
}

/* Of an attempt whose record does not say what it is charged, its end does. */
static void load_active(struct core *core, struct entry *entry) {
    struct attempt *attempt = &entry->run->attempt;

    if (entry->shape == NULL) { /* Its demand can't be read any more: it is not charged. */
        attempt->charged_us = attempt->uncharged_us = 0;
        share_doubt(core->share);
        return;
    }
    if (attempt->charged_us == 0 || attempt->uncharged_us != 0) {
        attempt->charged_us = attempt->uncharged_us = 0;
        note_amounts(core, attempt, &entry->shape->applied->requests);
        share_doubt(core->share);
    }
    (void)charge(core, entry, 1);
    entry->run->is_charged = true;
}

void charges_load(struct core *core, struct entry *entry) {
    const uint32_t number = entry_course(entry)->attempt;

    if (number > 0 && (entry->run == NULL || entry->run->attempt.number != number)) {
        share_doubt(core->share); /* Its record is lost. */
    }
    if (entry->run != NULL) {
        share_reach(core->share, entry->run->attempt.charged_us);
        share_reach(core->share, entry->run->attempt.uncharged_us);
    }
    if (job_state_is_active(entry->state)) {
        load_active(core, entry);
    }
}

void charges_loaded(struct core *core, struct entry *entry) {
    if (entry->run != NULL && entry->run->is_charged && entry->run->attempt.charged_us == 0) {
        entry->run->attempt.charged_us = share_instant(core->share, core->instant.now_us);
        view_run_changed(core, entry);
    }
}
