/* config/after_refs.h - what a job says that it waits for, and the graph of a file's jobs.
 *
 * In a BatchJob a list of objects or of texts, in an annotation the texts joined by commas:
 *
 *   load                the job of that name: of this file, else the latest in the queue
 *   12, 12_7            a job or an array by its id, an element by its index
 *   schedule/nightly    that schedule's run of the same business date
 *   each/parts          of an array, the element with the job's own index
 *   label/app=etl       all jobs with that label: of this file, and those that are not over
 *
 * each with ":any" and ":any:fail" behind it: on what, and what becomes of the job otherwise.
 */
#ifndef CONFIG_AFTER_REFS_H
#define CONFIG_AFTER_REFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/node.h"
#include "config/problem.h"
#include "policy/after.h"

struct arena;
struct manifest_set;

enum after_target {
    AFTER_OF_JOB,
    AFTER_OF_SCHEDULE,
    AFTER_OF_LABELS,
};

#define AFTER_NOT_HERE SIZE_MAX

/* Texts are in the set's memory. */
struct after_ref {
    enum after_target target;
    enum after_on on;
    enum after_otherwise otherwise;
    bool each;
    const char *name;               /* of a job or a schedule; a number is an id */
    int64_t index;                  /* behind the name; -1: none was given */
    const struct text_node *labels; /* an object of texts */
    size_t here;                    /* the manifest in the set that is meant; or AFTER_NOT_HERE */
    struct position place;
};

struct after_refs {
    struct after_ref *items;
    size_t count;
};

/* Read what stands in a spec's or an annotation's value; or complain. */
void after_refs_read(const struct text_node *value, const struct trail *trail, struct arena *arena,
                     struct problems *problems, struct after_refs *out_refs);

/* The same of a text alone, which whoever submits says beside the manifests: in its own memory.
 * Accepts NULL. */
struct after_said {
    struct after_refs refs;
    struct arena *texts;
};
void after_said_read(const char *text, struct problems *problems, struct after_said *out_said);
void after_said_finish(struct after_said *said);

/* Find the names that are jobs or schedules of the same file. Complains of names that several have,
 * of circles, also by labels, and of schedules that wait for anything but schedules. */
void after_refs_resolve(struct manifest_set *set, struct problems *problems);

/* Does the object's metadata have all these labels? */
bool after_labels_match(const struct text_node *wanted, const struct text_node *labels);

#endif
