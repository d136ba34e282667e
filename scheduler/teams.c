#include "scheduler/teams.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define STORED_EVERY_US (10 * CLOCK_US_PER_SECOND)
#define STORED_PER_TURN 64
#define EXTENDED_PARTS  1000.0 /* of one: averages of a few devices are small */

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

static void put_record(struct core *core, const struct share_record *record) {
    struct fact_usage usage = {.updated_us = record->at_us, .count = RESOURCE_FIXED_COUNT};
    char key[2 * FACT_KEY_BYTES];

    for (size_t i = 0; i < RESOURCE_FIXED_COUNT; i++) {
        usage.amounts[i] = llround(record->used[i]);
    }
    (void)snprintf(key, sizeof key, "%s/%s", record->team, record->user);
    put(core, key, &usage, record->gone);
    usage.count = 1;
    for (size_t i = RESOURCE_FIXED_COUNT; i < RESOURCE_KIND_MAX; i++) {
        usage.amounts[0] = llround(record->used[i] * EXTENDED_PARTS);
        if (usage.amounts[0] != 0 || (record->gone && core->names.extended[i] != NULL)) {
            (void)snprintf(key, sizeof key, "%s/%s\t%s", record->team, record->user,
                           resource_name(&core->names, i));
            put(core, key, &usage, record->gone);
        }
    }
}

void teams_store(struct core *core) {
    const int64_t now_us = core->instant.now_us;
    struct share_record record;

    if (core->settings.order.mode != ORDER_FAIR) {
        return;
    }
    for (int i = 0; i < STORED_PER_TURN; i++) {
        if (!share_take_changed(core->share, now_us - STORED_EVERY_US, now_us, &record)) {
            break;
        }
        put_record(core, &record);
    }
    if (share_has_changed(core->share) && core->usage_due_us <= core->instant.mono_us) {
        core->usage_due_us = core->instant.mono_us + STORED_EVERY_US;
        timers_add(&core->timers, core->usage_due_us, 0); /* Whatever else comes or not. */
    }
}

/* Into a record: "team/user" has the fixed kinds, or what stands behind a tab is the only one. */
static int read_fact(struct core *core, const struct fact *fact, char *user,
                     struct share_record *out_record) {
    const struct fact_usage *usage = &fact->value.usage;
    char *resource = strchr(user, '\t');
    size_t kind;
    int r;

    *out_record = (struct share_record){.user = user, .at_us = usage->updated_us};
    if (resource == NULL) {
        for (uint32_t i = 0; i < usage->count && i < RESOURCE_FIXED_COUNT; i++) {
            out_record->used[i] = (double)usage->amounts[i];
        }
        return OK;
    }
    *resource = '\0';
    r = resource_intern(&core->names, resource + 1, &kind);
    if (r == OK && usage->count == 1) {
        out_record->used[kind] = (double)usage->amounts[0] / EXTENDED_PARTS;
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
