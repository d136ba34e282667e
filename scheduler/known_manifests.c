#include "scheduler/known_manifests.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

struct known_manifests *known_manifests_create(void) {
    struct known_manifests *known = mem_alloc(1, sizeof *known);

    known->uses = 1;
    return known;
}

void known_manifests_destroy(struct known_manifests *known) {
    if (known != NULL && --known->uses == 0) {
        manifest_set_destroy(&known->set);
        free(known->around);
        free(known);
    }
}

void known_texts_finish(struct known_texts *texts) {
    struct map_entry *item;

    if (texts == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&texts->by_hash, &at)) != NULL;) {
        known_manifests_destroy(item->value);
    }
    map_finish(&texts->by_hash);
}

/* --- Finding the name ------------------------------------------------------------------------ */

/* Enough of JSON to step over its values. Whether the text is JSON at all was decided when its
 * like was read: a text that is taken for known has the same bytes around its name. */
struct scan {
    const char *at;
    const char *end;
};

static void skip_space(struct scan *scan) {
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) != NULL && *scan->at != '\0') {
        scan->at++;
    }
}

static bool take(struct scan *scan, char byte) {
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != byte) {
        return false;
    }
    scan->at++;
    skip_space(scan);
    return true;
}

/* At its quote; behind its end afterwards. */
static bool skip_string(struct scan *scan) {
    for (scan->at++; scan->at < scan->end; scan->at++) {
        if (*scan->at == '"') {
            scan->at++;
            return true;
        }
        scan->at += *scan->at == '\\' ? 1 : 0;
    }
    scan->at = scan->end;
    return false;
}

/* Up to the comma or bracket that ends a member's value. */
static bool skip_value(struct scan *scan) {
    size_t depth = 0;

    while (scan->at < scan->end) {
        switch (*scan->at) {
        case '"':
            if (!skip_string(scan)) {
                return false;
            }
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) {
                return true;
            }
            depth--;
            break;
        case ',':
            if (depth == 0) {
                return true;
            }
            break;
        default:
            break;
        }
        scan->at++;
    }
    return false;
}

/* Step into an object, to the value of that member. */
static bool enter(struct scan *scan, const char *wanted) {
    size_t bytes = strlen(wanted);

    if (!take(scan, '{')) {
        return false;
    }
    while (scan->at < scan->end && *scan->at == '"') {
        const char *key = scan->at + 1;

        if (!skip_string(scan)) {
            return false;
        }
        if ((size_t)(scan->at - 1 - key) == bytes && memcmp(key, wanted, bytes) == 0) {
            return take(scan, ':');
        }
        if (!take(scan, ':') || !skip_value(scan) || !take(scan, ',')) {
            return false;
        }
    }
    return false;
}

bool named_text_find(const char *text, size_t bytes, struct named_text *out_named) {
    struct scan scan = {text, text + bytes};
    struct named_text named = {.text = text, .bytes = bytes};
    char name[LIMIT_LABEL_BYTES + 1];

    if (bytes > LIMIT_MANIFEST_KNOWN_BYTES || !enter(&scan, "metadata") || !enter(&scan, "name") ||
        scan.at == scan.end || *scan.at != '"') {
        return false;
    }
    named.name_at = (size_t)(scan.at + 1 - text);
    if (!skip_string(&scan)) {
        return false;
    }
    named.name_bytes = (size_t)(scan.at - 1 - text) - named.name_at;
    if (named.name_bytes > LIMIT_LABEL_BYTES) {
        return false;
    }
    memcpy(name, text + named.name_at, named.name_bytes);
    name[named.name_bytes] = '\0';
    if (!text_is_dns_label(name)) {
        return false;
    }
    *out_named = named;
    return true;
}

/* --- Knowing --------------------------------------------------------------------------------- */

/* Where the name stands is a part of it: a text that could be cut in two places is two. */
static uint64_t hash_around(const struct named_text *named) {
    size_t rest = named->name_at + named->name_bytes;
    uint64_t hash = hash_bytes(0, named->text, named->name_at);

    return hash_bytes(hash, named->text + rest, named->bytes - rest);
}

static bool is_around(const struct known_manifests *known, const struct named_text *named) {
    size_t rest = named->name_at + named->name_bytes;

    return known->name_at == named->name_at &&
           known->around_bytes == named->bytes - named->name_bytes &&
           memcmp(known->around, named->text, named->name_at) == 0 &&
           memcmp(known->around + named->name_at, named->text + rest, named->bytes - rest) == 0;
}

static void keep_around(struct known_manifests *known, const struct named_text *named) {
    size_t rest = named->name_at + named->name_bytes;

    free(known->around);
    known->name_at = named->name_at;
    known->around_bytes = named->bytes - named->name_bytes;
    known->around = mem_alloc(known->around_bytes, 1);
    memcpy(known->around, named->text, named->name_at);
    memcpy(known->around + named->name_at, named->text + rest, named->bytes - rest);
}

/* A Spark application's name begins with a letter; which kind it is, is known too late to ask. */
static bool fits(const struct named_text *named, const struct known_manifests *known) {
    char first = named->text[named->name_at];

    return known->set.items[0].kind != JOB_KIND_SPARK || (first >= 'a' && first <= 'z');
}

struct known_manifests *known_texts_get(const struct known_texts *texts,
                                        const struct named_text *named) {
    struct known_manifests *known = map_get_id(&texts->by_hash, hash_around(named));

    if (known == NULL || !is_around(known, named) || !fits(named, known)) {
        return NULL;
    }
    known->uses++;
    return known;
}

/* Of two texts with one hash the later is known. */
void known_texts_put(struct known_texts *texts, const struct named_text *named,
                     struct known_manifests *known) {
    if (texts->by_hash.count >= LIMIT_MANIFESTS_KNOWN) {
        known_texts_finish(texts);
    }
    keep_around(known, named);
    known->uses++;
    known_manifests_destroy(map_put_id(&texts->by_hash, hash_around(named), known));
}
