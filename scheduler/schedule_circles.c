#include "scheduler/schedule_circles.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"

/* A schedule that is waited for, directly or not. */
struct stop {
    char *name;
    size_t from;                 /* the stop that waits for it */
    const struct after_ref *ref; /* which of the set's manifests says so; NULL: one of the queue */
};

struct walk {
    const struct core *core;
    const char *namespace;
    const struct manifest_set *set;
    struct stop *stops; /* each name once; the first is where it began */
    size_t count;
};

/* A file replaces what the queue has. */
static const struct manifest *in_set(const struct walk *walk, const char *name) {
    for (size_t i = 0; i < walk->set->count; i++) {
        const struct manifest *manifest = &walk->set->items[i];

        if (manifest->schedule != NULL && strcmp(manifest->name, name) == 0) {
            return manifest;
        }
    }
    return NULL;
}

/* True: it is where the walk began. */
static bool go_to(struct walk *walk, size_t from, const char *name, size_t bytes,
                  const struct after_ref *ref) {
    for (size_t i = 0; i < walk->count; i++) {
        if (strlen(walk->stops[i].name) == bytes && memcmp(walk->stops[i].name, name, bytes) == 0) {
            return i == 0;
        }
    }
    walk->stops = mem_grow(walk->stops, walk->count + 1, sizeof *walk->stops);
    walk->stops[walk->count++] =
        (struct stop){.name = mem_copy_text_n(name, bytes), .from = from, .ref = ref};
    return false;
}

static bool follow_manifest(struct walk *walk, size_t at, const struct manifest *manifest) {
    for (size_t i = 0; i < manifest->after.count; i++) {
        const struct after_ref *ref = &manifest->after.items[i];

        if (ref->target == AFTER_OF_SCHEDULE &&
            go_to(walk, at, ref->name, strlen(ref->name), ref)) {
            return true;
        }
    }
    return false;
}

static bool follow_stored(struct walk *walk, size_t at) {
    char *key = mem_format("%s/%s", walk->namespace, walk->stops[at].name);
    struct core_schedule stored;
    bool is_back = false;

    if (core_schedule(walk->core, key, &stored)) {
        for (size_t i = 0; i < stored.made->job.after_count && !is_back; i++) {
            const struct after_item *item = &stored.made->job.after[i].item;

            is_back =
                item->count == 0 && go_to(walk, at, item->schedule, item->schedule_bytes, NULL);
        }
    }
    free(key);
    return is_back;
}

/* From the end of the way to where it began. */
static void complain(const struct walk *walk, size_t last, struct problems *problems) {
    struct position place = {0};
    struct buf way;
    char *text = mem_copy_text(walk->stops[0].name);

    for (size_t at = last; at != 0; at = walk->stops[at].from) {
        char *longer = mem_format("%s -> %s", walk->stops[at].name, text);

        free(text);
        text = longer;
        place = walk->stops[at].ref != NULL ? walk->stops[at].ref->place : place;
    }
    buf_init(&way, ERROR_TEXT_BYTES_MAX);
    buf_add_format(&way, "%s -> %s", walk->stops[0].name, text);
    problems_add(problems, place, "",
                 "with schedules of the queue, runs wait for each other in a circle: %s",
                 way.full ? "..." : buf_text(&way));
    buf_finish(&way);
    free(text);
}

void schedule_circles_check(const struct core *core, const char *namespace,
                            const struct manifest_set *set, size_t manifest,
                            struct problems *problems) {
    struct walk walk = {.core = core, .namespace = namespace, .set = set};
    const char *name = set->items[manifest].name;

    (void)go_to(&walk, 0, name, strlen(name), NULL);
    for (size_t at = 0; at < walk.count; at++) {
        const struct manifest *here = in_set(&walk, walk.stops[at].name);

        if (here != NULL ? follow_manifest(&walk, at, here) : follow_stored(&walk, at)) {
            complain(&walk, at, problems);
            break;
        }
    }
    for (size_t i = 0; i < walk.count; i++) {
        free(walk.stops[i].name);
    }
    free(walk.stops);
}
