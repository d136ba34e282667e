/* scheduler/known_manifests.h - submitted texts that are known but for the name and the arguments.
 *
 * Who submits many jobs mostly submits the same manifest again, with another name and, of a Spark
 * application, other arguments: one by one or as a List. Such a text, JSON, is read once: to
 * recognise it costs a look at its bytes and a look-up, to read it many times that. What is
 * recognised is the reader's own result, so it can't differ from it.
 */
#ifndef SCHEDULER_KNOWN_MANIFESTS_H
#define SCHEDULER_KNOWN_MANIFESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "config/manifest.h"
#include "queue/change.h"

#define NAMED_TEXT_ARGUMENTS 16 /* with more of them, they are like the rest of the text */

/* --- Texts ----------------------------------------------------------------------------------- */

struct text_part {
    size_t at, bytes;
};

/* A manifest's text, its name and its arguments: what stands between the quotes. */
struct named_text {
    const char *text;
    size_t bytes;
    struct text_part name;
    struct text_part arguments[NAMED_TEXT_ARGUMENTS];
    size_t argument_count;
    struct known_manifests *like; /* what it was found to be like; NULL: not looked for yet */
};

/* Find the name of a JSON object's metadata, and its spec's arguments if they are plain. False: no
 * such text, or the name isn't a plain label. */
bool named_text_find(const char *text, size_t bytes, struct named_text *out_named);

struct known_texts;

/* The texts of the manifests in a JSON text: a List's items, or the one. False: there is one that
 * is none of ours, or there are more than a request may have. *out_items is the caller's; it holds
 * as long as known_texts does not change. */
bool named_texts_find(const struct known_texts *texts, const char *text, size_t bytes,
                      struct named_text **out_items, size_t *out_count);

/* --- What was read --------------------------------------------------------------------------- */

/* A text that was read, and what was read from it: one job. Shared: each user destroys it once. */
struct known_manifests {
    struct manifest_set set;
    unsigned char spec_hash[SPEC_HASH_BYTES];                 /* of the first one's payload */
    char *text;                                               /* once it is kept; NULL before */
    struct named_text named;                                  /* of that text */
    struct text_part payload_arguments[NAMED_TEXT_ARGUMENTS]; /* the same in the payload */
    uint32_t uses;
};

struct known_manifests *known_manifests_create(void);        /* used once; fill in the set */
void known_manifests_destroy(struct known_manifests *known); /* Accepts NULL. */

/* A like text's payload: is it this one's own; else its size, and its bytes. */
bool known_manifests_has_payload(const struct known_manifests *known,
                                 const struct named_text *named);
size_t known_manifests_payload_bytes(const struct known_manifests *known,
                                     const struct named_text *named);
void known_manifests_print_payload(const struct known_manifests *known,
                                   const struct named_text *named, char *out_payload);

/* Zeroed is empty. Bounded by LIMIT_MANIFESTS_KNOWN. */
struct known_texts {
    struct map by_hash;           /* of the text around its parts, and of where they are */
    struct known_manifests *last; /* put; most texts are like it */
};

void known_texts_finish(struct known_texts *texts); /* Forget all; accepts NULL. */

/* What this text is but for name and arguments, shared with the caller; NULL: not known. */
struct known_manifests *known_texts_get(const struct known_texts *texts,
                                        const struct named_text *named);

/* Remember what was read from it: a set of one job. Texts that are large are not kept, nor those
 * whose arguments are not found again in the payload. */
void known_texts_put(struct known_texts *texts, const struct named_text *named,
                     struct known_manifests *known);

#endif
