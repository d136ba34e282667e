#include "scheduler/teams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define EXTENDED_PARTS 1000.0 /* of one */

static void put(struct core *core, const char *key, const struct fact_usage *usage, bool gone) {
    struct queue_change change = {
        .kind = gone ? CHANGE_FACT_DROP : CHANGE_FACT_PUT,
        .fact = {.kind = FACT_USAGE, .key = outbox_text(&core->outbox, key)},
    };

    if (strlen(key) <= FACT_KEY_BYTES) {
        change.fact.value.usage = *usage;
        outbox_add_change(&core->outbox, &change);
    }
}

/* The fixed kinds from `first` on, or an extended one: its average over time is small, a few
 * devices and a part, and is written in thousandths. */
static struct fact_usage usage_of(const struct share_record *record, size_t first, size_t kinds) {
    const double scale = first < RESOURCE_FIXED_COUNT ? 1 : EXTENDED_PARTS;
    struct fact_usage usage = {.updated_us = record->at_us,
                               .since_us = record->since_us,
                               .half_life_us = record->half_life_us,
                               .count = (uint32_t)(2 * kinds),
                               .carried_count = (uint32_t)(2 * kinds)};

    for (size_t i = 0; i < kinds; i++) {
        fact_set_amount(usage.amounts, kinds, i, record->used[first + i] * scale);
        fact_set_amount(usage.carried, kinds, i, record->carried[first + i] * scale);
    }
    return usage;
}

static void put_record(struct core *core, const struct share_record *record) {
    struct fact_usage usage = usage_of(record, 0, RESOURCE_FIXED_COUNT);
    char key[2 * FACT_KEY_BYTES];

    (void)snprintf(key, sizeof key, "%s/%s", record->team, record->user);
    put(core, key, &usage, record->gone);
    for (size_t i = RESOURCE_FIXED_COUNT; i < RESOURCE_FIXED_COUNT + core->names.extended_count;
         i++) {
        if (record->used[i] != 0 || record->gone) {
            usage = usage_of(record, i, 1);
            (void)snprintf(key, sizeof key, "%s/%s\t%s", record->team, record->user,
                           resource_name(&core->names, i));
            put(core, key, &usage, record->gone);
        }
    }
}

void teams_store(struct core *core) {
    struct share_record record;

    while (share_take_changed(core->share, core->instant.now_us, &record)) {
        put_record(core, &record);
    }
}

/* Into a record: "team/user" has the fixed kinds, or what stands behind a tab is the only one. */
static int read_fact(struct core *core, const struct fact *fact, char *user,
                     struct share_record *out_record) {
    const struct fact_usage *usage = &fact->value.usage;
    char *resource = strchr(user, '\t');
    size_t kinds = RESOURCE_FIXED_COUNT;
    size_t first = 0;
    int r = OK;

    *out_record = (struct share_record){.user = user,
                                        .at_us = usage->updated_us,
                                        .since_us = usage->since_us,
                                        .half_life_us = usage->half_life_us};
    if (resource != NULL) {
        *resource = '\0';
        kinds = 1;
        r = resource_intern(&core->names, resource + 1, &first);
    }
    for (size_t i = 0; i < kinds && r == OK; i++) {
        const double scale = resource == NULL ? 1 : EXTENDED_PARTS;

        out_record->used[first + i] = fact_amount(usage->amounts, usage->count, kinds, i) / scale;
        out_record->carried[first + i] =
            fact_amount(usage->carried, usage->carried_count, kinds, i) / scale;
    }
    return r;
}

int core_load_usage(struct core *core, const struct fact *fact) {
    char *key = mem_copy_text(fact->key);
    char *slash = strchr(key, '/');
    struct share_record record;
    int r = ERR_CORRUPT;

    ENSURE(fact->kind == FACT_USAGE);
    if (slash != NULL && slash != key && slash[1] != '\0' && fact->value.usage.updated_us > 0) {
        *slash = '\0';
        r = read_fact(core, fact, slash + 1, &record);
        record.team = key;
        if (r == OK) {
            share_restore(core->share, &record);
        }
    }
    free(key);
    return r;
}

void core_doubt_usage(struct core *core) {
    share_doubt(core->share);
}
