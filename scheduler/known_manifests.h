/* scheduler/known_manifests.h - submitted texts that are known but for the name in them.
 *
 * Who submits one job a request mostly submits the same manifest again, with another name. Such a
 * text, JSON with one job, is read once: to recognise it costs a look-up, to read it many times
 * that. What is recognised is the reader's own result, so it can't differ from it.
 */
#ifndef SCHEDULER_KNOWN_MANIFESTS_H
#define SCHEDULER_KNOWN_MANIFESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "config/manifest.h"
#include "queue/change.h"

/* A text that was read. Shared: each user destroys it once. */
struct known_manifests {
    struct manifest_set set;
    unsigned char spec_hash[SPEC_HASH_BYTES]; /* of the first one's payload */
    char *around; /* the text without its name, once it is kept; NULL before */
    size_t around_bytes;
    size_t name_at;
    uint32_t uses;
};

struct known_manifests *known_manifests_create(void);        /* used once; fill in the set */
void known_manifests_destroy(struct known_manifests *known); /* Accepts NULL. */

/* Zeroed is empty. Bounded by LIMIT_MANIFESTS_KNOWN. */
struct known_texts {
    struct map by_hash; /* of the text around the name, and of where that is */
};

void known_texts_finish(struct known_texts *texts); /* Forget all; accepts NULL. */

/* The parts of a text around its job's name. */
struct named_text {
    const char *text;
    size_t bytes;
    size_t name_at;
    size_t name_bytes;
};

/* Find the name of a JSON object's metadata. False: no such text, or it isn't a plain label. */
bool named_text_find(const char *text, size_t bytes, struct named_text *out_named);

/* What this text is but for the name, shared with the caller; NULL: not known. */
struct known_manifests *known_texts_get(const struct known_texts *texts,
                                        const struct named_text *named);

/* Remember what was read from it: a set of one job. Texts that are large are not kept. */
void known_texts_put(struct known_texts *texts, const struct named_text *named,
                     struct known_manifests *known);

#endif
