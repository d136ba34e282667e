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
        free(known->text);
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
    texts->last = NULL;
}

/* --- Cutting texts --------------------------------------------------------------------------- */

/* Enough of JSON to step over its values. Whether the text is JSON at all was decided when its
 * like was read: a text that is taken for known has the same bytes around its name. */
struct scan {
    const char *at;
    const char *end;
};

static bool is_space(char byte) {
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

static void skip_space(struct scan *scan) {
    while (scan->at < scan->end && is_space(*scan->at)) {
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

static bool is_at(const struct scan *scan, char byte) {
    return scan->at < scan->end && *scan->at == byte;
}

/* At its quote; behind its end afterwards. Most strings hold no escape. */
static bool skip_string(struct scan *scan) {
    const char *from = ++scan->at;
    const char *quote = memchr(from, '"', (size_t)(scan->end - from));

    if (quote != NULL && memchr(from, '\\', (size_t)(quote - from)) == NULL) {
        scan->at = quote + 1;
        return true;
    }
    for (; scan->at < scan->end; scan->at++) {
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

/* The key at its quote, up to behind its colon. */
static bool take_key(struct scan *scan, struct scan *out_key) {
    out_key->at = scan->at + 1;
    if (!is_at(scan, '"') || !skip_string(scan)) {
        return false;
    }
    out_key->end = scan->at - 1;
    return take(scan, ':');
}

static bool is_text(const struct scan *part, const char *wanted) {
    size_t bytes = strlen(wanted);

    return (size_t)(part->end - part->at) == bytes && memcmp(part->at, wanted, bytes) == 0;
}

/* Walk over an object; visit gets each member at its value, and walks over that. */
static bool each_member(struct scan *scan,
                        bool (*visit)(struct scan *scan, const struct scan *key,
                                      struct named_text *named),
                        struct named_text *named) {
    struct scan key;

    if (!take(scan, '{')) {
        return false;
    }
    if (take(scan, '}')) {
        return true;
    }
    do {
        if (!take_key(scan, &key) || !visit(scan, &key, named)) {
            return false;
        }
    } while (take(scan, ','));
    return take(scan, '}');
}

/* What stands between the quotes of the string here. */
static bool take_string(struct scan *scan, const char *text, struct text_part *out_part) {
    const char *from = scan->at + 1;

    if (!is_at(scan, '"') || !skip_string(scan)) {
        return false;
    }
    *out_part =
        (struct text_part){.at = (size_t)(from - text), .bytes = (size_t)(scan->at - 1 - from)};
    return true;
}

/* Printed in a payload as it stands in the text, and nothing that is filled in later. */
static bool is_plain(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '\\' || text[i] == '{') {
            return false;
        }
    }
    return true;
}

/* The strings of the list here; 0 if one isn't plain, or there are too many. */
static size_t take_strings(struct scan *scan, const char *text,
                           struct text_part out_parts[NAMED_TEXT_ARGUMENTS]) {
    size_t count = 0;

    if (!take(scan, '[')) {
        return 0;
    }
    do {
        if (count == NAMED_TEXT_ARGUMENTS || !take_string(scan, text, &out_parts[count]) ||
            !is_plain(text + out_parts[count].at, out_parts[count].bytes)) {
            return 0;
        }
        count++;
    } while (take(scan, ','));
    return take(scan, ']') ? count : 0;
}

/* Of a SparkApplication's spec, or the one in a BatchJob's. */
static bool visit_application(struct scan *scan, const struct scan *key, struct named_text *named) {
    struct scan list = *scan;

    if (is_text(key, "arguments") && named->argument_count == 0) {
        named->argument_count = take_strings(&list, named->text, named->arguments);
    }
    return skip_value(scan);
}

static bool visit_spec(struct scan *scan, const struct scan *key, struct named_text *named) {
    return is_text(key, "spark") && is_at(scan, '{') ? each_member(scan, visit_application, named)
                                                     : visit_application(scan, key, named);
}

static bool visit_metadata(struct scan *scan, const struct scan *key, struct named_text *named) {
    return is_text(key, "name") ? take_string(scan, named->text, &named->name) : skip_value(scan);
}

static bool visit_manifest(struct scan *scan, const struct scan *key, struct named_text *named) {
    if (is_text(key, "metadata")) {
        return each_member(scan, visit_metadata, named);
    }
    if (is_text(key, "spec") && is_at(scan, '{')) {
        return each_member(scan, visit_spec, named);
    }
    return skip_value(scan);
}

static bool is_label(const char *text, size_t bytes) {
    char name[LIMIT_LABEL_BYTES + 1];

    if (bytes > LIMIT_LABEL_BYTES) {
        return false;
    }
    memcpy(name, text, bytes);
    name[bytes] = '\0';
    return text_is_dns_label(name);
}

/* The text of a manifest that begins here; its end is where the scan stands then. */
static bool take_manifest(struct scan *scan, struct named_text *out_named) {
    struct named_text *named = out_named;

    named->text = scan->at;
    named->name = (struct text_part){0};
    named->argument_count = 0;
    named->like = NULL;
    if (!each_member(scan, visit_manifest, named)) {
        return false;
    }
    named->bytes = (size_t)(scan->at - named->text);
    return named->bytes <= LIMIT_MANIFEST_KNOWN_BYTES &&
           is_label(named->text + named->name.at, named->name.bytes);
}

bool named_text_find(const char *text, size_t bytes, struct named_text *out_named) {
    struct scan scan = {text, text + bytes};
    struct named_text named;

    if (bytes > LIMIT_MANIFEST_KNOWN_BYTES || !take_manifest(&scan, &named) ||
        scan.at != scan.end) {
        return false;
    }
    named.bytes = bytes;
    *out_named = named;
    return true;
}

/* --- Texts like the last known one ----------------------------------------------------------- */

/* The parts that may differ, in the order of the text. */
static const struct text_part *part_of(const struct named_text *named, size_t at) {
    bool name_first = named->argument_count == 0 || named->name.at < named->arguments[0].at;
    size_t name_at = name_first ? 0 : named->argument_count;

    return at == name_at ? &named->name : &named->arguments[at - (at > name_at ? 1 : 0)];
}

/* What stands before a part, or behind the last one. */
static struct text_part around_of(const struct named_text *named, size_t at) {
    const struct text_part *before = at > 0 ? part_of(named, at - 1) : NULL;
    size_t from = before != NULL ? before->at + before->bytes : 0;
    size_t end = at <= named->argument_count ? part_of(named, at)->at : named->bytes;

    return (struct text_part){.at = from, .bytes = end - from};
}

/* A Spark application's name begins with a letter; which kind it is, is known too late to ask. */
static bool fits(const struct named_text *named, const struct known_manifests *known) {
    char first = named->text[named->name.at];

    return known->set.items[0].kind != JOB_KIND_SPARK || (first >= 'a' && first <= 'z');
}

/* A part of a text like a known one: up to its quote. */
static bool take_part(struct scan *scan, const struct named_text *of, size_t at,
                      struct named_text *named) {
    bool is_name = part_of(of, at) == &of->name;
    struct text_part *part = is_name ? &named->name : &named->arguments[named->argument_count];
    const char *quote = memchr(scan->at, '"', (size_t)(scan->end - scan->at));

    if (quote == NULL) {
        return false;
    }
    *part = (struct text_part){.at = (size_t)(scan->at - named->text),
                               .bytes = (size_t)(quote - scan->at)};
    named->argument_count += is_name ? 0 : 1;
    scan->at = quote;
    return is_name ? is_label(named->text + part->at, part->bytes)
                   : is_plain(named->text + part->at, part->bytes);
}

/* Does a text like this one begin here? A comparison of bytes, instead of a walk over them. */
static bool take_alike(struct scan *scan, struct known_manifests *known,
                       struct named_text *out_named) {
    const struct named_text *of = &known->named;
    struct scan ahead = *scan;

    *out_named = (struct named_text){.text = scan->at, .like = known};
    for (size_t i = 0; i < of->argument_count + 2; i++) {
        struct text_part around = around_of(of, i);

        if ((size_t)(ahead.end - ahead.at) < around.bytes ||
            memcmp(ahead.at, of->text + around.at, around.bytes) != 0) {
            return false;
        }
        ahead.at += around.bytes;
        if (i <= of->argument_count && !take_part(&ahead, of, i, out_named)) {
            return false;
        }
    }
    out_named->bytes = (size_t)(ahead.at - scan->at);
    *scan = ahead;
    return fits(out_named, known);
}

/* A manifest, be it like the last one or not. */
static bool take_any(struct scan *scan, const struct known_texts *texts,
                     struct named_text *out_named) {
    struct scan from = *scan;

    if (texts->last != NULL && take_alike(scan, texts->last, out_named)) {
        return true;
    }
    *scan = from;
    return take_manifest(scan, out_named);
}

/* One that is the whole text. */
static bool take_whole(const struct known_texts *texts, const char *text, size_t bytes,
                       struct named_text *out_named) {
    struct scan scan = {text, text + bytes};

    return bytes <= LIMIT_MANIFEST_KNOWN_BYTES && take_any(&scan, texts, out_named) &&
           scan.at == scan.end;
}

/* --- Lists ----------------------------------------------------------------------------------- */

struct items {
    struct named_text *items;
    size_t count;
    size_t room;
};

static struct named_text *add_item(struct items *items) {
    if (items->count == items->room) {
        items->room = items->room > 0 ? 4 * items->room : 1;
        items->items = mem_grow(items->items, items->room, sizeof *items->items);
    }
    return &items->items[items->count++];
}

static bool take_items(struct scan *scan, const struct known_texts *texts, struct items *items) {
    if (!take(scan, '[')) {
        return false;
    }
    do {
        if (items->count == LIMIT_MANIFEST_DOCUMENTS || !take_any(scan, texts, add_item(items))) {
            return false;
        }
    } while (take(scan, ','));
    return take(scan, ']');
}

/* A member of a List that says that it is one. */
static bool take_mark(struct scan *scan, const struct scan *key) {
    struct scan value = {scan->at + 1, scan->at + 1};

    if (!is_at(scan, '"') || !skip_string(scan)) {
        return false;
    }
    value.end = scan->at - 1;
    return (is_text(key, "kind") && is_text(&value, "List")) ||
           (is_text(key, "apiVersion") && is_text(&value, "v1"));
}

/* Of three members, each of which can be there once only: that is a List with items. */
static bool take_list(struct scan *scan, const struct known_texts *texts, struct items *items) {
    size_t marks = 0;
    bool has_items = false;
    struct scan key;
    struct scan first = {NULL, NULL};

    if (!take(scan, '{')) {
        return false;
    }
    do {
        if (!take_key(scan, &key)) {
            return false;
        }
        if (!has_items && is_text(&key, "items")) {
            has_items = true;
            if (!take_items(scan, texts, items)) {
                return false;
            }
        } else if (!take_mark(scan, &key) || (marks > 0 && *key.at == *first.at)) {
            return false;
        } else {
            first = key;
            marks++;
        }
    } while (take(scan, ','));
    return take(scan, '}') && scan->at == scan->end && marks == 2 && has_items;
}

bool named_texts_find(const struct known_texts *texts, const char *text, size_t bytes,
                      struct named_text **out_items, size_t *out_count) {
    struct scan scan = {text, text + bytes};
    struct items items = {0};

    if (!take_whole(texts, text, bytes, add_item(&items))) {
        items.count = 0;
        if (!take_list(&scan, texts, &items)) {
            free(items.items);
            return false;
        }
    }
    *out_items = items.items;
    *out_count = items.count;
    return true;
}

/* --- Knowing --------------------------------------------------------------------------------- */

/* Where the parts stand is a piece of it: a text that could be cut in two places is two. */
static uint64_t hash_around(const struct named_text *named) {
    uint64_t hash = 0;

    for (size_t i = 0; i < named->argument_count + 2; i++) {
        struct text_part around = around_of(named, i);

        hash = hash_bytes(hash, named->text + around.at, around.bytes);
    }
    return hash;
}

static bool are_alike(const struct named_text *a, const struct named_text *b) {
    if (a->argument_count != b->argument_count) {
        return false;
    }
    for (size_t i = 0; i < a->argument_count + 2; i++) {
        struct text_part of_a = around_of(a, i);
        struct text_part of_b = around_of(b, i);

        if (of_a.bytes != of_b.bytes ||
            memcmp(a->text + of_a.at, b->text + of_b.at, of_a.bytes) != 0) {
            return false;
        }
    }
    return true;
}

struct known_manifests *known_texts_get(const struct known_texts *texts,
                                        const struct named_text *named) {
    struct known_manifests *known = named->like;

    if (known == NULL) {
        known = map_get_id(&texts->by_hash, hash_around(named));
        if (known == NULL || !are_alike(&known->named, named) || !fits(named, known)) {
            return NULL;
        }
    }
    known->uses++;
    return known;
}

static bool is_same(const char *a, const struct text_part *of_a, const char *b,
                    const struct text_part *of_b) {
    return of_a->bytes == of_b->bytes && memcmp(a + of_a->at, b + of_b->at, of_a->bytes) == 0;
}

/* Where the text's arguments stand in the payload: the same, in the same order. */
static bool find_in_payload(const struct named_text *named, struct known_manifests *known) {
    const char *payload = known->set.items[0].payload;
    struct scan scan = {payload, payload + known->set.items[0].payload_bytes};
    struct named_text found = {.text = payload};
    bool same = named->argument_count == 0 || (each_member(&scan, visit_manifest, &found) &&
                                               found.argument_count == named->argument_count);

    for (size_t i = 0; same && i < named->argument_count; i++) {
        same = is_same(named->text, &named->arguments[i], payload, &found.arguments[i]);
        known->payload_arguments[i] = found.arguments[i];
    }
    return same;
}

/* Of two texts with one hash the later is known. */
void known_texts_put(struct known_texts *texts, const struct named_text *named,
                     struct known_manifests *known) {
    if (!find_in_payload(named, known)) {
        return;
    }
    if (texts->by_hash.count >= LIMIT_MANIFESTS_KNOWN) {
        known_texts_finish(texts);
    }
    free(known->text);
    known->text = mem_copy(named->text, named->bytes);
    known->named = *named;
    known->named.text = known->text;
    known->named.like = NULL;
    known->uses++;
    texts->last = known;
    known_manifests_destroy(map_put_id(&texts->by_hash, hash_around(named), known));
}

/* --- Payloads -------------------------------------------------------------------------------- */

bool known_manifests_has_payload(const struct known_manifests *known,
                                 const struct named_text *named) {
    for (size_t i = 0; i < named->argument_count; i++) {
        if (!is_same(known->text, &known->named.arguments[i], named->text, &named->arguments[i])) {
            return false;
        }
    }
    return true;
}

size_t known_manifests_payload_bytes(const struct known_manifests *known,
                                     const struct named_text *named) {
    size_t bytes = known->set.items[0].payload_bytes;

    for (size_t i = 0; i < named->argument_count; i++) {
        bytes += named->arguments[i].bytes - known->payload_arguments[i].bytes;
    }
    return bytes;
}

void known_manifests_print_payload(const struct known_manifests *known,
                                   const struct named_text *named, char *out_payload) {
    const char *payload = known->set.items[0].payload;
    size_t from = 0;

    for (size_t i = 0; i < named->argument_count; i++) {
        const struct text_part *old = &known->payload_arguments[i];
        const struct text_part *argument = &named->arguments[i];

        memcpy(out_payload, payload + from, old->at - from);
        out_payload += old->at - from;
        memcpy(out_payload, named->text + argument->at, argument->bytes);
        out_payload += argument->bytes;
        from = old->at + old->bytes;
    }
    memcpy(out_payload, payload + from, known->set.items[0].payload_bytes - from);
}
