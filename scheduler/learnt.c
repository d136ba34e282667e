#include "scheduler/learnt.h"

#include <stdlib.h>

#include "base/memory.h"
#include "policy/demand_change.h"
#include "policy/runtime_history.h"

#define REFRESH_US (24 * 3600 * CLOCK_US_PER_SECOND) /* that it was used is stored so rarely */

struct learnt {
    struct fact_memory memory;
};

static void store(struct core *core, const char *key, const struct learnt *learnt) {
    outbox_add_change(&core->outbox, &(struct queue_change){
                                         .kind = CHANGE_FACT_PUT,
                                         .fact = {.kind = FACT_MEMORY,
                                                  .key = outbox_text(&core->outbox, key),
                                                  .value.memory = learnt->memory},
                                     });
}

static struct learnt *find(const struct core *core, const char *namespace, const char *name,
                           char out_key[RUNTIME_KEY_BYTES]) {
    runtime_history_key(namespace, name, out_key);
    return map_get(&core->learnt, out_key);
}

void learnt_note(struct core *core, const struct entry *entry, bool of_executors, int64_t bytes) {
    char key[RUNTIME_KEY_BYTES];
    struct learnt *learnt = find(core, entry->terms->namespace, entry->name, key);

    if (learnt == NULL && core->learnt.count >= LIMIT_RUNTIME_NAMES) {
        return; /* This job has it all the same; the next run of its name learns it anew. */
    }
    if (learnt == NULL) {
        learnt = mem_alloc(1, sizeof *learnt);
        (void)map_put(&core->learnt, key, learnt);
    }
    if (of_executors) {
        learnt->memory.executor_bytes = bytes;
    } else {
        learnt->memory.driver_bytes = bytes;
    }
    learnt->memory.updated_us = core->instant.now_us;
    learnt->memory.learnt_us = core->instant.now_us;
    learnt->memory.job_id = entry->id;
    learnt->memory.attempt = entry_course(entry)->attempt;
    store(core, key, learnt);
}

/* Never less than was asked for; rounded up, so that the bytes are reached. */
static uint32_t permille_of(int64_t learnt_bytes, int64_t asked_bytes) {
    int64_t permille;

    if (learnt_bytes <= asked_bytes || asked_bytes <= 0) {
        return 0;
    }
    permille = (int64_t)((double)learnt_bytes / (double)asked_bytes * 1000);
    while (permille < UINT32_MAX &&
           demand_grown_bytes(asked_bytes, (uint32_t)permille) < learnt_bytes) {
        permille++;
    }
    return permille < UINT32_MAX ? (uint32_t)permille : 0;
}

bool learnt_find(struct core *core, const struct entry *entry, const struct demand *demand,
                 uint32_t *out_driver, uint32_t *out_executors) {
    char key[RUNTIME_KEY_BYTES];
    struct learnt *learnt;

    if (core->learnt.count == 0) {
        return false; /* Mostly so; submissions are many. */
    }
    learnt = find(core, entry->terms->namespace, entry->name, key);
    if (learnt == NULL) {
        return false;
    }
    *out_driver = permille_of(learnt->memory.driver_bytes, demand_role_memory(demand, false));
    *out_executors = permille_of(learnt->memory.executor_bytes, demand_role_memory(demand, true));
    if (core->instant.now_us - learnt->memory.updated_us > REFRESH_US) {
        learnt->memory.updated_us = core->instant.now_us;
        store(core, key, learnt);
    }
    return *out_driver > 0 || *out_executors > 0;
}

bool learnt_forget(struct core *core, const char *key) {
    struct learnt *learnt = map_remove(&core->learnt, key);

    if (learnt == NULL) {
        return false;
    }
    outbox_add_change(&core->outbox,
                      &(struct queue_change){
                          .kind = CHANGE_FACT_DROP,
                          .fact = {.kind = FACT_MEMORY, .key = outbox_text(&core->outbox, key)},
                      });
    free(learnt);
    return true;
}

void learnt_sweep(struct core *core) {
    const int64_t before_us = core->instant.now_us - core->retry.learnt_age_us;
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->learnt, &at)) != NULL;) {
        if (((const struct learnt *)item->value)->memory.updated_us < before_us) {
            (void)learnt_forget(core, outbox_text(&core->outbox, item->text));
        }
    }
}

void learnt_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->learnt, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&core->learnt);
}

int core_load_memory(struct core *core, const struct fact *fact) {
    struct learnt *learnt;

    if (fact->value.memory.driver_bytes < 0 || fact->value.memory.executor_bytes < 0) {
        return ERR_CORRUPT;
    }
    if (core->learnt.count >= LIMIT_RUNTIME_NAMES) {
        return ERR_FULL;
    }
    learnt = mem_alloc(1, sizeof *learnt);
    learnt->memory = fact->value.memory;
    free(map_put(&core->learnt, fact->key, learnt));
    return OK;
}

/* Of a job that is over only the last attempt tells what it had. */
static int64_t grown_bytes(const struct entry *entry, bool of_executors) {
    const struct course *course = entry_course(entry);
    const uint32_t permille = of_executors ? course->executor_growth : course->driver_growth;

    if (permille <= 1000) {
        return 0;
    }
    if (entry->shape != NULL) {
        return demand_grown_bytes(demand_role_memory(view_base(entry), of_executors), permille);
    }
    if (entry->run == NULL) {
        return 0;
    }
    return of_executors ? entry->run->attempt.executor_memory_bytes
                        : entry->run->attempt.driver_memory_bytes;
}

bool core_grown(const struct core *core, uint64_t id, struct core_grown *out_grown) {
    const struct entry *entry = view_entry(core, id);
    char key[RUNTIME_KEY_BYTES];
    struct core_grown grown;
    const struct learnt *learnt;

    if (entry == NULL) {
        return false;
    }
    grown = (struct core_grown){.driver_bytes = grown_bytes(entry, false),
                                .executor_bytes = grown_bytes(entry, true)};
    learnt = find(core, entry->terms->namespace, entry->name, key);
    if (learnt != NULL) {
        grown.learnt = learnt->memory;
    }
    *out_grown = grown;
    return grown.driver_bytes > 0 || grown.executor_bytes > 0;
}

bool core_next_learnt(const struct core *core, size_t *at, struct fact *out_fact) {
    const struct map_entry *item = map_next(&core->learnt, at);

    if (item == NULL) {
        return false;
    }
    *out_fact = (struct fact){.kind = FACT_MEMORY,
                              .key = item->text,
                              .value.memory = ((const struct learnt *)item->value)->memory};
    return true;
}
