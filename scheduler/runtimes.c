#include "scheduler/runtimes.h"

#include <string.h>

#include "base/ensure.h"
#include "policy/runtime_history.h"

_Static_assert(RUNTIME_RUNS_MAX <= FACT_SERIES_MAX, "a name's runs fit a fact");
_Static_assert(RUNTIME_KEY_BYTES <= FACT_KEY_BYTES, "a name fits a fact's key");

static struct fact fact_of(const struct core *core, const char *key) {
    struct fact fact = {.kind = FACT_RUNS, .key = key};
    struct runtime_runs runs;

    runtime_history_get(core->runtimes, key, &runs);
    fact.value.runs.updated_us = runs.updated_us;
    fact.value.runs.count = (uint32_t)runs.count;
    memcpy(fact.value.runs.runs_us, runs.runs_us, runs.count * sizeof runs.runs_us[0]);
    return fact;
}

void runtimes_note(struct core *core, const struct entry *entry, int64_t ran_us) {
    struct queue_change change = {.kind = CHANGE_FACT_PUT};
    char key[RUNTIME_KEY_BYTES];
    char forgotten[RUNTIME_KEY_BYTES];

    runtime_history_key(entry->terms->namespace, entry->name, key);
    if (runtime_history_add(core->runtimes, key, ran_us > 0 ? ran_us : 0, core->instant.now_us,
                            forgotten)) {
        outbox_add_change(&core->outbox, &(struct queue_change){
                                             .kind = CHANGE_FACT_DROP,
                                             .fact = {.kind = FACT_RUNS,
                                                      .key = outbox_text(&core->outbox, forgotten)},
                                         });
    }
    change.fact = fact_of(core, outbox_text(&core->outbox, key));
    outbox_add_change(&core->outbox, &change);
}

int core_load_runs(struct core *core, const struct fact *fact) {
    const struct fact_runs *stored = &fact->value.runs;
    struct runtime_runs runs = {.updated_us = stored->updated_us, .count = stored->count};

    ENSURE(fact->kind == FACT_RUNS);
    if (stored->count > RUNTIME_RUNS_MAX) {
        return ERR_CORRUPT;
    }
    memcpy(runs.runs_us, stored->runs_us, stored->count * sizeof runs.runs_us[0]);
    return runtime_history_load(core->runtimes, fact->key, &runs);
}

struct runtime runtimes_expect(const struct core *core, const struct entry *entry) {
    struct runtime_known known = {.user_us = entry->terms->expected_runtime_us,
                                  .limit_us = entry->terms->max_runtime_us,
                                  .default_us = core->settings.runtime_default_us};
    char key[RUNTIME_KEY_BYTES];
    unsigned runs;

    if (known.user_us == 0 && core->settings.runtime_percent > 0) {
        runtime_history_key(entry->terms->namespace, entry->name, key);
        known.history_us =
            runtime_history_quantile_us(core->runtimes, key, core->settings.runtime_percent, &runs);
    }
    return runtime_expect(&known);
}

/* One of the name's runs that took longer than ran_us; 0: none did. */
static int64_t draw_run(const struct core *core, const struct entry *entry, double unit,
                        int64_t ran_us, bool *out_chance) {
    char key[RUNTIME_KEY_BYTES];
    struct runtime_runs runs;
    unsigned known;
    size_t longer = 0;

    runtime_history_key(entry->terms->namespace, entry->name, key);
    if (runtime_history_quantile_us(core->runtimes, key, 50, &known) == 0) {
        return 0;
    }
    runtime_history_get(core->runtimes, key, &runs);
    for (size_t i = 0; i < runs.count; i++) {
        if (runs.runs_us[i] > ran_us) {
            runs.runs_us[longer++] = runs.runs_us[i];
        }
    }
    for (size_t i = 1; i < longer; i++) {
        *out_chance = *out_chance || runs.runs_us[i] != runs.runs_us[0];
    }
    return longer > 0 ? runs.runs_us[(size_t)(unit * (double)longer)] : 0;
}

int64_t core_draw_runtime_us(const struct core *core, uint64_t id, double unit, int64_t ran_us,
                             bool *out_chance) {
    const struct entry *entry = view_entry(core, id);
    int64_t limit_us = entry != NULL ? entry->terms->max_runtime_us : 0;
    int64_t drawn_us;
    int64_t end_us;

    ENSURE(unit >= 0);
    ENSURE(unit < 1);
    *out_chance = false;
    if (entry == NULL) {
        return CLOCK_NEVER_US;
    }
    drawn_us = draw_run(core, entry, unit, ran_us, out_chance);
    if (drawn_us > 0 && (limit_us == 0 || drawn_us <= limit_us)) {
        return drawn_us;
    }
    end_us = runtime_end_us(0, runtimes_expect(core, entry).us, limit_us, ran_us);
    return end_us == RUNTIME_NEVER ? CLOCK_NEVER_US : end_us;
}
