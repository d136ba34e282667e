/* k8s/object_set.h - which objects of one kind exist, by name, uid and resourceVersion.
 *
 * What turns the events of a watch, which may repeat, come late or skip ahead, into changes that
 * happen once. Remembers the dead for a while, so that a late event does not raise them.
 */
#ifndef K8S_OBJECT_SET_H
#define K8S_OBJECT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_UID_BYTES     64
#define OBJECT_VERSION_BYTES 32

struct object_set;

/* Borrowed texts. */
struct object_id {
    const char *namespace_; /* "" for what has none */
    const char *name;
    const char *uid;
    const char *version;
};

/* What to tell the owner. */
enum object_change {
    OBJECT_SAME,     /* known already, or older than what is known */
    OBJECT_NEW,      /* or newer */
    OBJECT_REPLACED, /* another one of that name: the one before is gone */
    OBJECT_GONE
};

struct object_set *object_set_create(void);
void object_set_destroy(struct object_set *set); /* Accepts NULL. */

/* A list's item: the truth, whatever its version. Marks the object as seen in this list. */
enum object_change object_set_list(struct object_set *set, const struct object_id *id,
                                   char out_old_uid[OBJECT_UID_BYTES]);

/* ADDED or MODIFIED in a watch. */
enum object_change object_set_put(struct object_set *set, const struct object_id *id,
                                  char out_old_uid[OBJECT_UID_BYTES]);

/* DELETED in a watch: OBJECT_GONE or OBJECT_SAME. out_uid is that of the object we knew, which
 * differs from id's when its successor came and went unseen. */
enum object_change object_set_remove(struct object_set *set, const struct object_id *id,
                                     char out_uid[OBJECT_UID_BYTES]);

/* A list begins; at its end, call sweep until it returns false: each call names one
 * object that the list did not hold, and forgets it. Texts are borrowed until the next call. */
void object_set_begin_list(struct object_set *set);
bool object_set_sweep(struct object_set *set, struct object_id *out_gone);

size_t object_set_count(const struct object_set *set);

/* True when version a comes after b. Versions are numbers of any length; anything else is taken
 * as newer, since only the server knows its order. */
bool object_version_is_newer(const char *a, const char *b);

#endif
