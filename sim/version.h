/* sim/version.h - one immutable state of one object, shared by the store, its log and readers.
 *
 * Counted by its users. The text is made once, when it's first wanted, however many
 * lists and watches send it.
 */
#ifndef SIM_VERSION_H
#define SIM_VERSION_H

#include <stddef.h>
#include <stdint.h>

struct json_t;

struct sim_version {
    struct json_t *object;
    int64_t number; /* resourceVersion */
    char *text;     /* made by sim_version_text() */
    size_t text_bytes;
    unsigned users;
};

/* Takes the object; one user. */
struct sim_version *sim_version_create(struct json_t *object_take, int64_t number);

struct sim_version *sim_version_share(struct sim_version *version);
void sim_version_drop(struct sim_version *version); /* Accepts NULL. */

/* The object as a list's item: JSON without kind and apiVersion. Borrowed. */
const char *sim_version_text(struct sim_version *version, size_t *out_bytes);

#endif
