#include "scheduler/breakers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "policy/runtime_history.h"
#include "scheduler/lifecycle.h"

struct breaker {
    struct fact_breaker fact;
};

#define KEY_BYTES (RUNTIME_KEY_BYTES + 16)

/* A job has two: by its schedule or name, and by its team. */
enum scope {
    SCOPE_NAME,
    SCOPE_TEAM,
    SCOPE_COUNT,
};

static void print_key(const struct entry *entry, enum scope scope, char out_key[KEY_BYTES]) {
    const struct job *terms = entry->terms;
    char name[RUNTIME_KEY_BYTES];

    if (scope == SCOPE_TEAM) {
        (void)snprintf(out_key, KEY_BYTES, "team:%s", terms->team);
    } else if (terms->schedule[0] != '\0') {
        runtime_history_key(terms->namespace, terms->schedule, name);
        (void)snprintf(out_key, KEY_BYTES, "schedule:%s", name);
    } else {
        runtime_history_key(terms->namespace, entry->name, name);
        (void)snprintf(out_key, KEY_BYTES, "job:%s", name);
    }
}

static uint32_t limit_of(const struct core *core, enum scope scope) {
    return scope == SCOPE_TEAM ? core->retry.breaker_team_jobs : core->retry.breaker_jobs;
}

static void store(struct core *core, const char *key, struct breaker *breaker) {
    breaker->fact.updated_us = core->instant.now_us;
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = CHANGE_FACT_PUT,
                                         .fact = {.kind = FACT_BREAKER,
                                                  .key = outbox_text(&core->outbox, key),
                                                  .value.breaker = breaker->fact},
                                     });
}

static bool is_open(const struct breaker *breaker) {
    return breaker->fact.state != BREAKER_CLOSED;
}

/* Whoever waits for the breaker looks again. */
static void look_again(struct core *core) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (entry->state == JOB_QUEUED) {
            lifecycle_tick(core, entry);
        }
    }
    core->pass_needed = true;
}

static void drop(struct core *core, const char *key) {
    const char *kept = outbox_text(&core->outbox, key);
    struct breaker *breaker = map_remove(&core->breakers, kept);

    core->breakers_open -= is_open(breaker);
    free(breaker);
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = CHANGE_FACT_DROP,
                                         .fact = {.kind = FACT_BREAKER, .key = kept},
                                     });
}

static void set_state(struct core *core, struct breaker *breaker, enum breaker_state state) {
    core->breakers_open -= is_open(breaker);
    breaker->fact.state = state;
    breaker->fact.probe_id = 0;
    core->breakers_open += is_open(breaker);
    if (state == BREAKER_OPEN) {
        breaker->fact.until_us = core->instant.now_us + core->retry.breaker_pause_us;
        if (breaker->fact.until_us < core->breakers_due_us) {
            core->breakers_due_us = breaker->fact.until_us;
        }
    }
}

/* Room for one more: of those that only count, the one that counted least recently goes. */
static bool make_room(struct core *core) {
    const struct map_entry *oldest = NULL;
    struct map_entry *item;

    if (core->breakers.count < LIMIT_BREAKERS) {
        return true;
    }
    for (size_t at = 0; (item = map_next(&core->breakers, &at)) != NULL;) {
        const struct breaker *breaker = item->value;

        if (!is_open(breaker) &&
            (oldest == NULL ||
             breaker->fact.updated_us < ((const struct breaker *)oldest->value)->fact.updated_us)) {
            oldest = item;
        }
    }
    if (oldest != NULL) {
        drop(core, oldest->text);
    }
    return oldest != NULL;
}

static bool is_alike(const struct breaker *breaker, const struct course *course) {
    return breaker->fact.failure == (uint32_t)course->failure &&
           breaker->fact.exit_code == course->exit_code;
}

static void count_failure(struct core *core, struct entry *entry, enum scope scope,
                          const char *key) {
    const struct course *course = entry_course(entry);
    struct breaker *breaker = map_get(&core->breakers, key);
    bool was_probe = breaker != NULL && breaker->fact.probe_id == entry->id;

    if (limit_of(core, scope) == 0 || (breaker == NULL && !make_room(core))) {
        return;
    }
    if (breaker == NULL) {
        breaker = mem_alloc(1, sizeof *breaker);
        (void)map_put(&core->breakers, key, breaker);
    }
    breaker->fact.failures = is_alike(breaker, course) ? breaker->fact.failures + 1 : 1;
    breaker->fact.failure = course->failure;
    breaker->fact.exit_code = course->exit_code;
    if (was_probe || (!is_open(breaker) && breaker->fact.failures >= limit_of(core, scope))) {
        set_state(core, breaker, BREAKER_OPEN);
        lifecycle_note(core, entry, "breaker_open",
                       outbox_format(&core->outbox,
                                     "%s: %" PRIu32 " in a row ended with %s, exit code %" PRId32
                                     "; the next ones wait",
                                     key, breaker->fact.failures, failure_text(course->failure),
                                     course->exit_code));
        look_again(core); /* Those that were on offer are not any more. */
    }
    store(core, key, breaker);
}

/* It did not fail: somebody else may try, or all of them. */
static void count_other_end(struct core *core, const struct entry *entry, const char *key) {
    struct breaker *breaker = map_get(&core->breakers, key);

    if (breaker == NULL) {
        return;
    }
    if (entry->state == JOB_SUCCEEDED) {
        bool was_open = is_open(breaker);

        drop(core, key);
        if (was_open) {
            look_again(core);
        }
    } else if (breaker->fact.probe_id == entry->id) {
        breaker->fact.probe_id = 0;
        store(core, key, breaker);
        look_again(core);
    }
}

void breakers_note(struct core *core, struct entry *entry) {
    char key[KEY_BYTES];

    const bool has_failed = (entry->state == JOB_FAILED || entry->state == JOB_REJECTED) &&
                            entry_course(entry)->failure != FAILURE_DEPENDENCY;

    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        print_key(entry, (enum scope)scope, key);
        if (has_failed) {
            count_failure(core, entry, (enum scope)scope, key);
        } else {
            count_other_end(core, entry, key);
        }
    }
}

/* --- Who is kept back ------------------------------------------------------------------------ */

static struct breaker *open_one(const struct core *core, const struct entry *entry,
                                enum scope scope, char out_key[KEY_BYTES]) {
    struct breaker *breaker;

    print_key(entry, scope, out_key);
    breaker = map_get(&core->breakers, out_key);
    return breaker != NULL && is_open(breaker) && breaker->fact.probe_id != entry->id ? breaker
                                                                                      : NULL;
}

static bool may_try(const struct breaker *breaker) {
    return breaker->fact.state == BREAKER_HALF_OPEN && breaker->fact.probe_id == 0;
}

struct reason breakers_reason(const struct core *core, const struct entry *entry) {
    char key[KEY_BYTES];

    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        const struct breaker *breaker = open_one(core, entry, (enum scope)scope, key);

        if (breaker != NULL) {
            return reason_breaker(&(struct reason_broken){
                .key = key,
                .failures = breaker->fact.failures,
                .failure = failure_text((enum failure)breaker->fact.failure),
                .exit_code = breaker->fact.exit_code,
                .until_us = breaker->fact.until_us,
                .probe_id = breaker->fact.probe_id,
            });
        }
    }
    return reason_plain(REASON_WAITING_TURN); /* It has closed in this turn. */
}

bool breakers_block(struct core *core, const struct entry *entry) {
    struct breaker *open[SCOPE_COUNT] = {NULL};
    char keys[SCOPE_COUNT][KEY_BYTES];

    for (int scope = 0; core->breakers_open > 0 && scope < SCOPE_COUNT; scope++) {
        open[scope] = open_one(core, entry, (enum scope)scope, keys[scope]);
        if (open[scope] != NULL && !may_try(open[scope])) {
            return true;
        }
    }
    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        if (open[scope] != NULL) {
            open[scope]->fact.probe_id = entry->id;
            store(core, keys[scope], open[scope]);
        }
    }
    return false;
}

/* --- Time, and people ------------------------------------------------------------------------ */

void breakers_tick(struct core *core) {
    struct map_entry *item;
    bool changed = false;

    if (core->breakers_due_us > core->instant.now_us) {
        return;
    }
    core->breakers_due_us = CLOCK_NEVER_US;
    for (size_t at = 0; (item = map_next(&core->breakers, &at)) != NULL;) {
        struct breaker *breaker = item->value;

        if (breaker->fact.state != BREAKER_OPEN) {
            continue;
        }
        if (breaker->fact.until_us <= core->instant.now_us) {
            set_state(core, breaker, BREAKER_HALF_OPEN);
            store(core, item->text, breaker);
            changed = true;
        } else if (breaker->fact.until_us < core->breakers_due_us) {
            core->breakers_due_us = breaker->fact.until_us;
        }
    }
    if (changed) {
        look_again(core);
    }
}

bool breakers_reset(struct core *core, const char *key) {
    if (map_get(&core->breakers, key) == NULL) {
        return false;
    }
    drop(core, key);
    look_again(core);
    return true;
}

void breakers_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->breakers, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&core->breakers);
}

int core_load_breaker(struct core *core, const struct fact *fact) {
    struct breaker *breaker;

    if (fact->value.breaker.state >= BREAKER_STATE_COUNT ||
        fact->value.breaker.failure >= FAILURE_COUNT || strchr(fact->key, ':') == NULL) {
        return ERR_CORRUPT;
    }
    if (core->breakers.count >= LIMIT_BREAKERS) {
        return ERR_FULL;
    }
    breaker = mem_alloc(1, sizeof *breaker);
    breaker->fact = fact->value.breaker;
    core->breakers_open += is_open(breaker);
    core->breakers_due_us = INT64_MIN;
    (void)map_put(&core->breakers, fact->key, breaker);
    return OK;
}

bool core_next_breaker(const struct core *core, size_t *at, struct fact *out_fact) {
    const struct map_entry *item = map_next(&core->breakers, at);

    if (item == NULL) {
        return false;
    }
    *out_fact = (struct fact){.kind = FACT_BREAKER,
                              .key = item->text,
                              .value.breaker = ((const struct breaker *)item->value)->fact};
    return true;
}

const char *breaker_state_text(enum breaker_state state) {
    static const char *const texts[BREAKER_STATE_COUNT] = {"closed", "open", "half-open"};

    return texts[state];
}
