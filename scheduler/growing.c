#include "scheduler/growing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/lifecycle.h"

/* As many as a turn may take in without being felt by others. */
#define ELEMENTS_PER_TURN 2000

#define KEY_BYTES 24

/* --- Keeping --------------------------------------------------------------------------------- */

static uint64_t unmade_of(const struct growth *growth) {
    return growth->indices.count - growth->made;
}

static void destroy(struct core *core, struct growth *growth) {
    share_drop(core->share, growth->charge.node);
    demand_destroy(growth->demand);
    free((void *)(uintptr_t)growth->spec.text);
    free(growth);
}

void growing_finish(struct core *core) {
    for (size_t i = 0; i < core->growths.count; i++) {
        destroy(core, core->growths.items[i]);
    }
    free(core->growths.items);
}

static struct growth *add(struct core *core, const struct growth *value) {
    struct growths *growths = &core->growths;
    struct growth *growth = mem_copy(value, sizeof *value);

    if (growths->count == growths->room) {
        growths->room = growths->room > 0 ? 2 * growths->room : 4;
        growths->items = mem_grow(growths->items, growths->room, sizeof(struct growth *));
    }
    growths->items[growths->count++] = growth;
    growths->unmade += unmade_of(growth);
    return growth;
}

void growing_sweep(struct core *core) {
    struct growths *growths = &core->growths;
    size_t kept = 0;

    for (size_t i = 0; i < growths->count; i++) {
        if (unmade_of(growths->items[i]) > 0) {
            growths->items[kept++] = growths->items[i];
        } else {
            destroy(core, growths->items[i]);
        }
    }
    growths->count = kept;
}

static void store(struct core *core, struct growth *growth) {
    struct queue_change change = {.kind =
                                      unmade_of(growth) > 0 ? CHANGE_FACT_PUT : CHANGE_FACT_DROP,
                                  .fact = {.kind = FACT_ARRAY}};

    if (change.kind == CHANGE_FACT_PUT || growth->stored > 0) {
        change.fact.key = outbox_format(&core->outbox, "%" PRIu64, growth->first_id);
        change.fact.value.array.made = growth->made;
        outbox_add_change(&core->outbox, &change);
    }
    growth->stored = growth->made;
}

/* --- Making ---------------------------------------------------------------------------------- */

/* "parts-7", of "parts". */
static const char *name_of(struct core *core, const char *name, int64_t index) {
    return outbox_format(&core->outbox, "%s-%" PRId64, name, index);
}

/* The element's own of what all share: its row. */
static const struct spec *spec_of(struct core *core, const struct spec *like, int64_t index) {
    struct spec spec = *like;

    spec.row = outbox_format(&core->outbox, "[%" PRId64 "]", index);
    return outbox_spec(&core->outbox, &spec);
}

/* What they will take of the limits is theirs until they are made. */
static void hold(struct core *core, struct growth *growth, const struct job *job) {
    char user[LIMIT_NAME_BYTES + 1];

    job_user(job->submitter, user);
    growth->charge = (struct share_charge){
        .node = share_hold(core->share, job->team, user),
        .namespace_index = ledger_namespace_index(core->ledger, job->namespace),
    };
    share_name_namespace(core->share, growth->charge.namespace_index, job->namespace);
    share_wait(core->share, &growth->charge, (int)unmade_of(growth));
}

struct entry *growing_begin(struct core *core, const struct job *job,
                            const struct new_job *new_job) {
    struct growth value = {.first_id = job->id, .spec = new_job->spec};
    struct error error = {0};
    struct growth *growth;
    struct job first = *job;
    int r;

    r = indices_parse(new_job->array, &value.indices, &error);
    ENSURE(r == OK && value.indices.count == new_job->element_count);
    value.spec.text = mem_copy_text_n(new_job->spec.text, new_job->spec.bytes);
    value.demand = new_job->demand != NULL ? demand_share(new_job->demand) : NULL;
    value.spec.demand = value.spec.demand_bytes > 0 ? value.demand->origin : NULL;
    growth = add(core, &value);
    hold(core, growth, job);
    first.name = name_of(core, job->name, indices_at(&growth->indices, 0));
    core->next_id = job->id + growth->indices.count;
    growth->made = 1;
    core->growths.unmade--;
    share_wait(core->share, &growth->charge, -1);
    return requests_make(core, &first, growth->demand,
                         spec_of(core, &growth->spec, indices_at(&growth->indices, 0)));
}

/* The name of all, of the first one's. */
static char *base_name(const struct entry *first) {
    return mem_copy_text_n(first->name, (size_t)(strrchr(first->name, '-') - first->name));
}

/* What the first element was when it was submitted, and so is each. */
static struct job as_submitted(const struct entry *first) {
    struct job job = *first->terms;

    job.state = job.submitted_held ? JOB_HELD : JOB_QUEUED;
    job.submitted_us = job.eligible_us = first->submitted_us;
    job.occurrence = entry_course(first)->occurrence;
    job.exit_code = -1;
    job.avoid = "";
    return job;
}

static void make_some(struct core *core, struct growth *growth, size_t *left) {
    const struct entry *first = view_entry(core, growth->first_id);
    struct job job;
    char *name;

    if (unmade_of(growth) == 0 || *left == 0) {
        return;
    }
    job = as_submitted(first);
    name = base_name(first);
    for (; unmade_of(growth) > 0 && *left > 0; --*left) {
        const int64_t index = indices_at(&growth->indices, growth->made);

        job.id = growth->first_id + growth->made++;
        job.name = name_of(core, name, index);
        core->growths.unmade--;
        share_wait(core->share, &growth->charge, -1);
        (void)requests_make(core, &job, growth->demand, spec_of(core, &growth->spec, index));
    }
    free(name);
}

bool growing_go_on(struct core *core) {
    size_t left = core->settings.elements_per_turn_max;

    left = left > 0 ? left : ELEMENTS_PER_TURN;
    for (size_t i = 0; i < core->growths.count; i++) {
        struct growth *growth = core->growths.items[i];

        make_some(core, growth, &left);
        if (growth->made != growth->stored) {
            store(core, growth);
        }
    }
    return core->growths.unmade > 0;
}

int core_load_array(struct core *core, const struct fact *fact, const struct spec *spec,
                    struct demand *demand) {
    const struct entry *first;
    struct growth growth = {.made = fact->value.array.made, .stored = fact->value.array.made};
    struct error error = {0};
    int64_t first_id;

    ENSURE(fact->kind == FACT_ARRAY);
    if (text_parse_int64(fact->key, &first_id) < 0 || first_id <= 0) {
        return ERR_CORRUPT;
    }
    growth.first_id = (uint64_t)first_id;
    first = view_entry(core, growth.first_id);
    if (first == NULL || first->terms->array_id != growth.first_id ||
        strrchr(first->name, '-') == NULL ||
        indices_parse(first->terms->array, &growth.indices, &error) < 0 || growth.made == 0 ||
        growth.made >= growth.indices.count) {
        return ERR_CORRUPT;
    }
    if (core->next_id < growth.first_id + growth.indices.count) {
        core->next_id = growth.first_id + growth.indices.count;
    }
    growth.spec = *spec;
    growth.spec.text = mem_copy_text_n(spec->text, spec->bytes);
    growth.demand = demand_share(demand);
    growth.spec.demand = demand->origin;
    growth.spec.demand_bytes = sizeof demand->origin;
    hold(core, add(core, &growth), first->terms);
    return OK;
}

/* --- Asking ---------------------------------------------------------------------------------- */

uint64_t growing_unmade(const struct core *core, uint64_t first_id, uint64_t count) {
    uint64_t unmade = 0;

    for (size_t i = 0; i < core->growths.count; i++) {
        const struct growth *growth = core->growths.items[i];
        const uint64_t from = growth->first_id + growth->made;
        const uint64_t end = growth->first_id + growth->indices.count;
        const uint64_t low = first_id > from ? first_id : from;
        const uint64_t high = first_id + count < end ? first_id + count : end;

        unmade += low < high ? high - low : 0;
    }
    return unmade;
}

bool growing_needs(const struct core *core, uint64_t id) {
    for (size_t i = 0; i < core->growths.count; i++) {
        if (core->growths.items[i]->first_id == id && unmade_of(core->growths.items[i]) > 0) {
            return true;
        }
    }
    return false;
}
