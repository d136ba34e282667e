#include "sim/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/collection.h"
#include "sim/version.h"

struct sim_watch {
    const struct sim_store *store;
    enum sim_resource_id id;
    char *namespace; /* NULL: all */
    int64_t from;
    struct sim_selector labels;
    struct sim_selector fields;
    struct sim_version **initial; /* what existed, one user each; NULL once sent */
    size_t initial_count;
    size_t initial_at;
    uint64_t position; /* in the log */
    bool expired;      /* began before what the log has */
    bool started;      /* the position is known: from isn't in the future any more */
};

static bool selects(const struct sim_watch *watch, const struct sim_version *version) {
    return version != NULL && sim_selector_matches(&watch->labels, version->object) &&
           sim_selector_matches(&watch->fields, version->object);
}

static void take_shelf(struct sim_watch *watch, const struct sim_shelf *shelf) {
    for (size_t i = 0; i < shelf->count; i++) {
        struct sim_version *version = shelf->slots[i].version;

        if (selects(watch, version)) {
            watch->initial[watch->initial_count++] = sim_version_share(version);
        }
    }
}

static void take_existing(struct sim_watch *watch, const struct sim_collection *collection) {
    watch->initial = mem_alloc(collection->count + 1, sizeof(struct sim_version *));
    for (size_t i = 0; i < collection->shelf_count; i++) {
        const struct sim_shelf *shelf = &collection->shelves[i];

        if (watch->namespace == NULL || strcmp(watch->namespace, shelf->namespace) == 0) {
            take_shelf(watch, shelf);
        }
    }
}

static void start(struct sim_watch *watch) {
    const struct sim_collection *collection = sim_store_collection(watch->store, watch->id);

    if (watch->from > sim_store_version(watch->store)) {
        return; /* Silent until the cluster has come so far. */
    }
    watch->position = sim_collection_log_after(collection, watch->from);
    watch->expired = watch->from < collection->compacted_number;
    watch->started = true;
}

struct sim_watch *sim_watch_create(const struct sim_watch_options *options) {
    const struct sim_collection *collection = sim_store_collection(options->store, options->id);
    struct sim_watch *watch = mem_alloc(1, sizeof *watch);

    *watch = (struct sim_watch){
        .store = options->store,
        .id = options->id,
        .namespace = mem_copy_text(options->namespace),
        .from = options->from,
        .labels = options->labels_take,
        .fields = options->fields_take,
    };
    if (options->from <= 0) {
        take_existing(watch, collection);
        watch->from = sim_store_version(options->store);
        watch->position = collection->log_end;
        watch->started = true;
    } else {
        start(watch);
    }
    return watch;
}

void sim_watch_destroy(struct sim_watch *watch) {
    if (watch == NULL) {
        return;
    }
    for (size_t i = 0; i < watch->initial_count; i++) {
        sim_version_drop(watch->initial[i]);
    }
    free(watch->initial);
    sim_selector_finish(&watch->labels);
    sim_selector_finish(&watch->fields);
    free(watch->namespace);
    free(watch);
}

/* What this watch sees of a change; false: nothing. */
static bool translate(const struct sim_watch *watch, const struct sim_log_entry *entry,
                      struct sim_watch_event *out_event) {
    bool was = entry->type != SIM_ADDED && selects(watch, entry->old);
    bool is = entry->type != SIM_DELETED && selects(watch, entry->version);
    struct sim_watch_event event = {.version = entry->version, .number = entry->number};

    if (watch->namespace != NULL && strcmp(watch->namespace, entry->namespace) != 0) {
        return false;
    }
    if (was && is) {
        event.type = SIM_MODIFIED;
    } else if (is) {
        event.type = SIM_ADDED;
    } else if (was) {
        event.type = SIM_DELETED;
        event.version = entry->type == SIM_DELETED ? entry->version : entry->old;
    } else {
        return false;
    }
    *out_event = event;
    return true;
}

enum sim_watch_result sim_watch_next(struct sim_watch *watch, struct sim_watch_event *out_event) {
    const struct sim_collection *collection = sim_store_collection(watch->store, watch->id);
    const struct sim_log_entry *entry;

    if (watch->initial_at < watch->initial_count) {
        struct sim_version *version = watch->initial[watch->initial_at++];

        *out_event = (struct sim_watch_event){
            .type = SIM_ADDED, .version = version, .number = version->number};
        return SIM_WATCH_EVENT;
    }
    if (!watch->started) {
        start(watch);
        if (!watch->started) {
            return SIM_WATCH_IDLE;
        }
    }
    if (watch->expired || watch->position < collection->log_dropped) {
        return SIM_WATCH_EXPIRED;
    }
    while ((entry = sim_collection_log_at(collection, watch->position)) != NULL) {
        watch->position++;
        watch->from = entry->number;
        if (translate(watch, entry, out_event)) {
            return SIM_WATCH_EVENT;
        }
    }
    watch->from = sim_store_version(watch->store);
    return SIM_WATCH_IDLE;
}

const struct sim_resource *sim_watch_resource(const struct sim_watch *watch) {
    return sim_resource(watch->id);
}

void sim_watch_numbers(const struct sim_watch *watch, int64_t *out_from, int64_t *out_oldest) {
    *out_from = watch->from;
    *out_oldest = sim_store_collection(watch->store, watch->id)->compacted_number;
}

int64_t sim_watch_seen(const struct sim_watch *watch) {
    return watch->from;
}
