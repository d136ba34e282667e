/* Promises of earlier passes. */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/plan_pass.h"
#include "policy/room.h"

/* In a pass: an earlier instant is looked for by those that did so longest ago. */
#define RENEWALS_MAX 4

int64_t plan_due_us(const struct plan *plan) {
    const struct plan_kept *kept = &plan->backfill.kept;
    const struct plan_look *look = &plan->backfill.look;
    int64_t due_us = look->is_wanted ? look->next_us : INT64_MAX;

    if (look->is_under_way) {
        return kept->now_us;
    }
    for (size_t i = 0; i < kept->count; i++) {
        const int64_t at_us = kept->promises[i].at_us;

        due_us = at_us > kept->now_us && at_us < due_us ? at_us : due_us;
    }
    return due_us;
}

int64_t plan_kept_last_us(const struct plan *plan) {
    const struct plan_kept *kept = &plan->backfill.kept;
    int64_t last_us = 0;

    for (size_t i = 0; i < kept->count; i++) {
        last_us = kept->promises[i].at_us > last_us ? kept->promises[i].at_us : last_us;
    }
    return last_us;
}

static void promised_finish(struct plan_promised *promised) {
    free(promised->runs);
    promised->runs = NULL;
}

void plan_kept_finish(struct plan_kept *kept) {
    for (size_t i = 0; i < kept->count; i++) {
        promised_finish(&kept->promises[i]);
    }
    free(kept->promises);
}

static void remove_at(struct plan_kept *kept, size_t at) {
    kept->count--;
    memmove(&kept->promises[at], &kept->promises[at + 1],
            (kept->count - at) * sizeof *kept->promises);
}

void plan_kept_forget(struct plan *plan, uint32_t number) {
    struct plan_kept *kept = &plan->backfill.kept;

    for (size_t i = kept->count; i-- > 0;) {
        if (kept->promises[i].number == number) {
            promised_finish(&kept->promises[i]);
            remove_at(kept, i);
        }
    }
}

/* Is it for an earlier job of its shape? */
static bool is_before(const struct plan_kept *kept, size_t a, size_t b) {
    const struct plan_promised *one = &kept->promises[a];
    const struct plan_promised *other = &kept->promises[b];

    return one->number == other->number &&
           (one->at_us < other->at_us || (one->at_us == other->at_us && a < b));
}

/* The jobs of the shape before this promise's. */
static size_t ordinal_of(const struct plan_kept *kept, size_t at) {
    size_t ordinal = 0;

    for (size_t i = 0; i < kept->count; i++) {
        ordinal += is_before(kept, i, at);
    }
    return ordinal;
}

/* Jobs that left their shape took their promises along; and a look begins without loose ones. */
static void drop_surplus(struct plan *plan) {
    struct plan_kept *kept = &plan->backfill.kept;
    const struct plan_look *look = &plan->backfill.look;

    for (size_t i = kept->count; i-- > 0;) {
        const struct plan_state *state = &plan->states[kept->promises[i].number];

        if (state->started + ordinal_of(kept, i) >= state->shape->job_count ||
            (look->is_first && kept->promises[i].is_loose)) {
            promised_finish(&kept->promises[i]);
            remove_at(kept, i);
        }
    }
}

/* Has the look that this pass goes on with come to it? */
static bool was_seen(const struct plan *plan, const struct plan_promised *promised) {
    return !plan_is_brief(plan) && promised->seen == plan->backfill.look.number;
}

/* The namespaces are open to those who have a promise. */
void plan_kept_begin(struct plan *plan, const struct plan_input *input) {
    struct plan_kept *kept = &plan->backfill.kept;

    while (input->backfill.mode == PLAN_BACKFILL_NONE && kept->count > 0) {
        promised_finish(&kept->promises[--kept->count]);
    }
    drop_surplus(plan);
    for (size_t i = 0; i < kept->count; i++) {
        struct plan_promised *promised = &kept->promises[i];
        const struct plan_shape *shape = plan->states[promised->number].shape;

        promised->is_asked = was_seen(plan, promised) && promised->at_us > input->now_us;
        promised->is_reserved = false;
        plan->namespaces[shape->namespace_index].reopens = true;
    }
    kept->has_own = false;
    kept->renewals = plan->backfill.look.is_first ? 0 : kept->renewals;
    kept->now_us = input->now_us;
}

/* --- Who goes first -------------------------------------------------------------------------- */

/* Does a promise yield to jobs of the shape `next`? */
static bool yields(const struct plan *plan, const struct plan_promised *promised, uint32_t next) {
    const struct plan_shape *holder = plan->states[promised->number].shape;
    const struct plan_shape *other = plan->states[next].shape;

    if (plan->settings.mode == ORDER_FIFO || other->tier < holder->tier) {
        return false;
    }
    return other->tier > holder->tier ||
           (plan->settings.mode == ORDER_PRIORITY && other->priority > holder->priority);
}

static bool is_open(const struct plan *plan, uint32_t number) {
    const struct plan_state *state = &plan->states[number];

    return order_offered_job(plan->order, number) != 0 &&
           !order_namespace_is_shut(plan->order, state->shape->namespace_index) &&
           order_shut_by(plan->order, state->shape->node) == SHARE_NONE &&
           order_where_shut_for(plan->order, number) == 0;
}

/* Those before it in its shape were asked in an earlier slice. */
static void skip_seen(struct plan *plan, const struct plan_promised *promised) {
    const struct plan_kept *kept = &plan->backfill.kept;
    const size_t ordinal = ordinal_of(kept, (size_t)(promised - kept->promises));

    if (ordinal > plan->states[promised->number].promised && !plan_is_brief(plan)) {
        plan_pass_over_promised(plan, promised->number, ordinal);
    }
}

uint32_t plan_kept_due(struct plan *plan, uint32_t next) {
    struct plan_kept *kept = &plan->backfill.kept;
    struct plan_promised *first = NULL;

    for (size_t i = 0; i < kept->count; i++) {
        struct plan_promised *promised = &kept->promises[i];

        if (!promised->is_asked && !promised->is_loose &&
            (first == NULL || promised->at_us < first->at_us) && is_open(plan, promised->number) &&
            (next == ORDER_NONE || !yields(plan, promised, next))) {
            first = promised;
        }
    }
    if (first == NULL) {
        return ORDER_NONE;
    }
    first->is_asked = true;
    skip_seen(plan, first);
    return first->number;
}

size_t plan_kept_count(const struct plan *plan, uint32_t number) {
    const struct plan_kept *kept = &plan->backfill.kept;
    size_t count = 0;

    for (size_t i = 0; i < kept->count; i++) {
        count += kept->promises[i].number == number;
    }
    return count;
}

/* --- Reserving ------------------------------------------------------------------------------- */

bool plan_kept_is_placed(const struct plan *plan, const struct plan_input *input,
                         const struct plan_promised *promised) {
    const struct demand *demand = plan->states[promised->number].shape->demand;
    const struct node_index *index = &plan->place->index;
    size_t pods = 0;
    size_t wanted = 0;

    for (size_t i = 0; !input->capacity_unknown && i < promised->run_count; i++) {
        const struct place_run *run = &promised->runs[i];

        if (run->node >= index->node_end || index->nodes[run->node].node == NULL ||
            !node_accepts(index->nodes[run->node].node, &demand->groups[run->group].pod)) {
            return false;
        }
        pods += run->count;
    }
    for (size_t i = 0; !input->capacity_unknown && i < demand->group_count; i++) {
        wanted += demand->groups[i].count;
    }
    return pods == wanted;
}

uint64_t plan_kept_job(const struct plan *plan, size_t at) {
    const struct plan_state *state = &plan->states[plan->backfill.kept.promises[at].number];

    return state->shape->job_ids[state->started + ordinal_of(&plan->backfill.kept, at)];
}

uint64_t plan_kept_job_of(const struct plan *plan, uint64_t id) {
    const struct plan_kept *kept = &plan->backfill.kept;

    for (size_t i = 0; i < kept->count; i++) {
        if (kept->promises[i].id == id) {
            return plan_kept_job(plan, i);
        }
    }
    return 0;
}

static size_t find_ordinal(const struct plan_kept *kept, uint32_t number, size_t ordinal) {
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->promises[i].number == number && ordinal_of(kept, i) == ordinal) {
            return i;
        }
    }
    return SIZE_MAX;
}

uint64_t plan_kept_first_id(const struct plan *plan, uint32_t number) {
    const size_t at = find_ordinal(&plan->backfill.kept, number, 0);

    return at != SIZE_MAX ? plan->backfill.kept.promises[at].id : 0;
}

static void reserve_for(struct plan *plan, const struct plan_input *input, size_t at) {
    struct plan_promised *promised = &plan->backfill.kept.promises[at];
    struct plan_promised due = *promised;

    if (!plan_kept_is_placed(plan, input, promised)) {
        return;
    }
    if (due.at_us <= input->now_us) {
        due.until_us = plan_backfill_end_of(due.until_us - due.at_us, input->now_us);
        due.at_us = input->now_us + 1;
        due.until_us += due.until_us == due.at_us;
    }
    promised->is_reserved = true;
    plan_backfill_reserve(plan, &due);
}

static void take_own(struct plan *plan, uint32_t number) {
    struct plan_kept *kept = &plan->backfill.kept;
    const struct plan_state *state = &plan->states[number];

    kept->own_at = find_ordinal(kept, number, state->promised);
    kept->has_own = kept->own_at != SIZE_MAX;
    if (!kept->has_own) {
        return;
    }
    kept->own = kept->promises[kept->own_at];
    kept->own.is_asked = true;
    kept->own.seen = plan_is_brief(plan) ? kept->own.seen : plan->backfill.look.number;
    remove_at(kept, kept->own_at);
    if (kept->own.is_reserved) {
        kept->own.is_reserved = false;
        plan_backfill_unreserve(plan, &kept->own);
    }
}

/* Is it kept from the shape's job? Of promises that are due now, the earlier are asked first, and
 * only those of one instant are kept from each other. */
static bool counts_for(const struct plan *plan, const struct plan_input *input,
                       const struct plan_promised *promised, uint32_t number) {
    const struct plan_kept *kept = &plan->backfill.kept;

    if (promised->at_us <= input->now_us &&
        !(kept->has_own && kept->own.at_us == promised->at_us)) {
        return false;
    }
    return !yields(plan, promised, number);
}

void plan_kept_ask(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct plan_kept *kept = &plan->backfill.kept;

    kept->has_own = false;
    if (kept->count == 0) {
        return;
    }
    if (plan_is_brief(plan)) {
        take_own(plan, number);
        return;
    }
    plan_backfill_load(plan, input);
    profile_lift(plan->backfill.profile, plan->place);
    take_own(plan, number);
    for (size_t i = 0; i < kept->count; i++) {
        if (!kept->promises[i].is_reserved && counts_for(plan, input, &kept->promises[i], number)) {
            reserve_for(plan, input, i);
        }
    }
}

void plan_kept_asked(struct plan *plan) {
    if (plan->backfill.kept.has_own) {
        promised_finish(&plan->backfill.kept.own);
        plan->backfill.kept.has_own = false;
    }
}

bool plan_kept_is_own(const struct plan *plan) {
    return plan->backfill.kept.has_own;
}

bool plan_kept_was_told(const struct plan *plan) {
    return plan->backfill.kept.has_own && !plan->backfill.kept.own.is_loose;
}

/* Is it this promise's turn to look for something earlier, and has anything changed since? */
static bool has_its_turn(const struct plan_kept *kept, const struct plan_promised *as_of) {
    size_t before = 0;

    if (kept->own.room == as_of->room && kept->own.quotas == as_of->quotas) {
        return false;
    }
    for (size_t i = 0; i < kept->count; i++) {
        before += kept->promises[i].looked_at < kept->own.looked_at;
    }
    return before < RENEWALS_MAX && kept->renewals < RENEWALS_MAX;
}

static void note_look(const struct plan *plan, const struct plan_input *input,
                      struct plan_promised *promised) {
    const struct plan_shape *shape = plan->states[promised->number].shape;

    promised->looked_at = plan->pass;
    promised->room = room_version(ledger_room(input->ledger));
    promised->quotas = ledger_namespace_version(input->ledger, shape->namespace_index);
}

static void put_back(struct plan *plan, const struct plan_promised *promised) {
    struct plan_kept *kept = &plan->backfill.kept;

    kept->promises = mem_grow(kept->promises, kept->count + 1, sizeof *kept->promises);
    memmove(&kept->promises[kept->own_at + 1], &kept->promises[kept->own_at],
            (kept->count - kept->own_at) * sizeof *kept->promises);
    kept->promises[kept->own_at] = *promised;
    kept->count++;
    kept->has_own = false;
}

static void set_runs(struct plan_promised *promised, const struct place_run *runs, size_t count) {
    free(promised->runs);
    promised->runs = count > 0 ? mem_copy(runs, count * sizeof *runs) : NULL;
    promised->run_count = count;
}

bool plan_kept_renew(struct plan *plan, const struct plan_input *input, uint32_t number) {
    struct plan_kept *kept = &plan->backfill.kept;
    struct profile *profile = plan->backfill.profile;
    const struct plan_state *state = &plan->states[number];
    struct plan_promised *own = &kept->own;
    struct plan_promised look = {.number = number};
    const struct usage *charged[3];
    struct profile_ask ask = plan_backfill_ask(plan, input, state, charged);
    size_t count;
    const struct place_run *runs;

    if (kept->has_own && plan_is_brief(plan)) {
        put_back(plan, own);
        return true;
    }
    if (!kept->has_own || own->at_us <= input->now_us) {
        return false;
    }
    ask.before_us = own->at_us;
    note_look(plan, input, &look);
    if (has_its_turn(kept, &look)) {
        kept->renewals++;
        note_look(plan, input, own);
        if (profile_earliest(profile, &ask, &own->at_us)) {
            runs = profile_runs(profile, &count);
            set_runs(own, runs, count);
        }
    }
    ask.before_us = 0;
    if (!plan_kept_is_placed(plan, input, own) ||
        !profile_holds(profile, &ask, own->at_us, own->runs, own->run_count)) {
        return false;
    }
    own->until_us = plan_backfill_end_of(state->runtime_us, own->at_us);
    own->is_reserved = true;
    plan_backfill_reserve(plan, own);
    put_back(plan, own);
    return true;
}

void plan_kept_remember(struct plan *plan, const struct plan_input *input,
                        const struct plan_promised *promised) {
    struct plan_kept *kept = &plan->backfill.kept;
    struct plan_promised copy = *promised;

    if (!kept->has_own) {
        kept->own_at = kept->count;
    }
    plan_kept_asked(plan);
    copy.runs = NULL;
    set_runs(&copy, promised->runs, promised->run_count);
    note_look(plan, input, &copy);
    copy.is_asked = copy.is_reserved = true;
    copy.is_loose = !plan->backfill.look.is_firm;
    copy.seen = plan->backfill.look.number;
    put_back(plan, &copy);
}

const struct plan_promised *plan_kept_last(const struct plan *plan) {
    return &plan->backfill.kept.promises[plan->backfill.kept.own_at];
}
