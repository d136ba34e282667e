#include "scheduler/submission_after.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/indices.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/job_labels.h"

/* So many specifications are read for one selector. */
#define SELECTOR_LOOKS 5000

struct finder {
    struct daemon *daemon;
    const char *namespace;
    struct submission_afters *afters;
    const struct after_ref *ref;
    struct problems *problems;
};

static const struct manifest *own_manifest(const struct finder *f) {
    return &f->afters->set->items[f->afters->manifest];
}

/* The place in the submission of a manifest's first job. */
static size_t place_of(const struct finder *f, size_t manifest) {
    size_t place = 0;

    for (size_t i = 0; i < manifest; i++) {
        const struct manifest *other = &f->afters->set->items[i];

        place += other->schedule == NULL ? manifest_job_count(other) : 0;
    }
    return place;
}

static struct after_item *add(struct finder *f, bool is_here) {
    struct submission_afters *afters = f->afters;

    afters->items = mem_grow(afters->items, afters->count + 1, sizeof *afters->items);
    afters->items[afters->count] = (struct new_after){
        .is_here = is_here,
        .item = {.on = f->ref->on, .otherwise = f->ref->otherwise, .count = 1},
    };
    return &afters->items[afters->count++].item;
}

/* --- Arrays ---------------------------------------------------------------------------------- */

static bool read_indices(const char *text, struct indices *out_indices) {
    struct error error = {0};

    return text != NULL && indices_parse(text, out_indices, &error) == OK;
}

/* Each of ours has to have one there. */
static void check_each(const struct finder *f, const char *theirs) {
    const struct manifest *own = own_manifest(f);
    struct indices indices;
    struct indices of = {.count = 0};
    uint64_t place;

    if (own->rows.count == 0 || !read_indices(own->rows.indices, &indices)) {
        problems_add(f->problems, f->ref->place, "",
                     "only an array waits for another one element by element");
        return;
    }
    (void)read_indices(theirs, &of); /* If it can't be read, it has no element. */
    for (uint64_t i = 0; i < indices.count; i++) {
        int64_t index = indices_at(&indices, i);

        if (!indices_find(&of, index, &place)) {
            problems_add(f->problems, f->ref->place, "",
                         "element %" PRId64 " has none of its index to wait for in %s", index,
                         f->ref->name);
            return;
        }
    }
}

/* All of an array, one of its elements, or each its own. */
static void add_array(struct finder *f, uint64_t first, uint64_t count, const char *indices,
                      bool is_here) {
    struct indices of;
    uint64_t place = 0;

    if (f->ref->index >= 0) {
        if (!read_indices(indices, &of) || !indices_find(&of, f->ref->index, &place)) {
            problems_add(f->problems, f->ref->place, "", "%s has no element %" PRId64, f->ref->name,
                         f->ref->index);
            return;
        }
        add(f, is_here)->first_id = first + place;
        return;
    }
    if (f->ref->each) {
        check_each(f, indices);
    }
    *add(f, is_here) = (struct after_item){.on = f->ref->on,
                                           .otherwise = f->ref->otherwise,
                                           .first_id = first,
                                           .count = count,
                                           .is_array = true,
                                           .each = f->ref->each};
}

static void add_job(struct finder *f, uint64_t id, bool is_here) {
    if (f->ref->index >= 0 || f->ref->each) {
        problems_add(f->problems, f->ref->place, "", "%s is no array", f->ref->name);
        return;
    }
    add(f, is_here)->first_id = id;
}

/* --- Jobs ------------------------------------------------------------------------------------ */

static void find_here(struct finder *f, size_t manifest) {
    const struct rows *rows = &f->afters->set->items[manifest].rows;
    const size_t place = place_of(f, manifest);

    if (f->afters->set->items[manifest].schedule != NULL) {
        problems_add(f->problems, f->ref->place, "",
                     "%s is a schedule; to wait for its run, name it as schedule", f->ref->name);
    } else if (rows->count > 0) {
        add_array(f, place, rows->count, rows->indices, true);
    } else {
        add_job(f, place, true);
    }
}

/* By id, which of an array's first element is the array's. */
static bool find_id(struct finder *f, uint64_t id) {
    struct core_array array;
    struct job job;

    if (core_array(f->daemon->core, id, &array)) {
        add_array(f, id, array.count, array.indices, false);
        return true;
    }
    if (core_job(f->daemon->core, id, &job)) {
        add_job(f, id, false);
        return true;
    }
    return false;
}

static void find_job(struct finder *f) {
    const char *name = f->ref->name;
    int64_t id = 0;

    if (f->ref->here != AFTER_NOT_HERE) {
        find_here(f, f->ref->here);
        return;
    }
    if (text_parse_int64(name, &id) == OK && id > 0) {
        if (!find_id(f, (uint64_t)id)) {
            problems_add(f->problems, f->ref->place, "",
                         "there is no job %s in the queue or its history", name);
        }
        return;
    }
    id = (int64_t)core_find_called(f->daemon->core, f->namespace, name);
    if (id == 0 || !find_id(f, (uint64_t)id)) {
        problems_add(f->problems, f->ref->place, "",
                     "no job of this file is called %s, nor one of namespace %s in the queue", name,
                     f->namespace);
    }
}

/* --- Labels ---------------------------------------------------------------------------------- */

static bool payload_matches(const struct finder *f, uint64_t id) {
    struct job_label labels[JOB_LABELS_MAX];

    for (uint32_t i = 0; i < f->ref->labels->count; i++) {
        labels[i] = (struct job_label){f->ref->labels->items[i].key, f->ref->labels->items[i].text};
    }
    return job_labels_match(f->daemon->queue, id, labels, f->ref->labels->count);
}

static void find_labels_here(struct finder *f) {
    for (size_t i = 0; i < f->afters->set->count; i++) {
        const struct text_node *metadata = node_member(f->afters->set->items[i].object, "metadata");

        if (i != f->afters->manifest && f->afters->set->items[i].schedule == NULL &&
            after_labels_match(f->ref->labels, node_member(metadata, "labels"))) {
            find_here(f, i);
        }
    }
}

/* An array's elements have one specification: one look is enough. */
static void find_labels_in_queue(struct finder *f) {
    size_t looks = 0;
    struct job job;

    if (!queue_can_read(f->daemon->queue)) {
        f->afters->unread = true;
        problems_add(f->problems, f->ref->place, "",
                     "labels can't be looked up while the last turn is being stored; ask again");
        return;
    }
    for (uint64_t id = 0; core_next_job(f->daemon->core, id, &job); id = job.id) {
        if (job_state_is_final(job.state) || strcmp(job.namespace, f->namespace) != 0) {
            continue;
        }
        if (++looks > SELECTOR_LOOKS) {
            problems_add(f->problems, f->ref->place, "",
                         "more than %d jobs of namespace %s would have to be looked at for their "
                         "labels; name what to wait for",
                         SELECTOR_LOOKS, f->namespace);
            return;
        }
        if (job.array[0] != '\0') {
            struct core_array array;

            if (core_array(f->daemon->core, job.array_id, &array) && payload_matches(f, job.id)) {
                (void)find_id(f, job.array_id);
            }
            job.id = job.array_id + array.count - 1;
        } else if (payload_matches(f, job.id)) {
            (void)find_id(f, job.id);
        }
    }
}

static void find_labels(struct finder *f) {
    const size_t before = f->afters->count;

    if (f->ref->labels->count > JOB_LABELS_MAX) {
        problems_add(f->problems, f->ref->place, "", "more than %d labels", JOB_LABELS_MAX);
        return;
    }
    find_labels_here(f);
    find_labels_in_queue(f);
    if (f->afters->count == before && !f->afters->unread) {
        problems_add(f->problems, f->ref->place, "",
                     "no other job of this file has these labels, nor one of namespace %s that is "
                     "not over",
                     f->namespace);
    }
}

/* --- Schedules ------------------------------------------------------------------------------- */

/* Of a run that a schedule makes, the business date is the run's. */
static void find_schedule(struct finder *f) {
    const struct zone *zone = f->daemon->config.windows->home;

    *add(f, false) = (struct after_item){
        .on = f->ref->on,
        .otherwise = f->ref->otherwise,
        .schedule = f->ref->name,
        .schedule_bytes = strlen(f->ref->name),
        .business_date = (int32_t)deadline_day_of(daemon_now(f->daemon).now_us, zone),
    };
}

static void find_ref(struct finder *f) {
    switch (f->ref->target) {
    case AFTER_OF_JOB:
        find_job(f);
        break;
    case AFTER_OF_SCHEDULE:
        find_schedule(f);
        break;
    case AFTER_OF_LABELS:
        find_labels(f);
        break;
    }
}

void submission_find_after(struct daemon *daemon, const char *namespace,
                           struct submission_afters *afters, struct problems *problems) {
    const struct manifest *manifest = &afters->set->items[afters->manifest];
    const struct after_refs *const lists[] = {&manifest->after, afters->said};

    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        for (size_t i = 0; lists[list] != NULL && i < lists[list]->count; i++) {
            find_ref(&(struct finder){.daemon = daemon,
                                      .namespace = namespace,
                                      .afters = afters,
                                      .ref = &lists[list]->items[i],
                                      .problems = problems});
        }
    }
    if (afters->count > AFTER_ITEMS_MAX) {
        problems_add(problems, manifest->place, "", "waits for %zu jobs; at most %d", afters->count,
                     AFTER_ITEMS_MAX);
    }
}
