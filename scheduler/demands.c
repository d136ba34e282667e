#include "scheduler/demands.h"

#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/limits.h"
#include "k8s/payload_sketch.h"
#include "policy/demand.h"

/* A digest as the map wants it: without a NUL before its end. */
struct key_text {
    char text[2 * SPEC_HASH_BYTES + 1];
};

static const char *text_of(const unsigned char digest[SPEC_HASH_BYTES], struct key_text *room) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SPEC_HASH_BYTES; i++) {
        room->text[2 * i] = digits[digest[i] >> 4];
        room->text[2 * i + 1] = digits[digest[i] & 15];
    }
    room->text[2 * SPEC_HASH_BYTES] = '\0';
    return room->text;
}

static void begin_text(const struct demand_key *key, char by, struct buf *out) {
    buf_init(out, LIMIT_SPEC_BYTES + LIMIT_NAME_BYTES + SPEC_HASH_BYTES + 3);
    buf_add_char(out, by);
    buf_add_char(out, key->kind == JOB_KIND_SPARK ? 's' : 'p');
    buf_add(out, key->namespace, strlen(key->namespace) + 1);
}

static const char *end_text(struct buf *text, struct key_text *room) {
    unsigned char digest[SPEC_HASH_BYTES];

    digest_sha256(text->data, text->bytes, digest);
    buf_finish(text);
    return text_of(digest, room);
}

static const char *text_of_hash(const struct demand_key *key, struct key_text *room) {
    struct buf text;

    begin_text(key, 'h', &text);
    buf_add(&text, key->spec_hash, SPEC_HASH_BYTES);
    return end_text(&text, room);
}

/* A payload that is not as config/ prints it is a sketch of itself. */
static const char *text_of_sketch(const struct demand_key *key, const char *payload, size_t bytes,
                                  struct key_text *room) {
    struct buf text;
    size_t start;

    begin_text(key, 'k', &text);
    start = text.bytes;
    if (payload_sketch(key->kind, payload, bytes, &text) < 0) {
        text.bytes = start;
        buf_add(&text, payload, bytes);
    }
    return end_text(&text, room);
}

void demands_finish(struct demands *demands) {
    struct map_entry *item;

    if (demands == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&demands->by_key, &at)) != NULL;) {
        demand_destroy(item->value);
    }
    map_finish(&demands->by_key);
}

static struct demand *get(const struct demands *demands, const char *text) {
    struct demand *demand = map_get(&demands->by_key, text);

    return demand != NULL ? demand_share(demand) : NULL;
}

static void put(struct demands *demands, const char *text, struct demand *demand) {
    if (demands->by_key.count >= LIMIT_DEMANDS_KEPT) {
        demands_finish(demands);
    }
    demand_destroy(map_put(&demands->by_key, text, demand_share(demand)));
}

struct demand *demands_get(const struct demands *demands, const struct demand_key *key) {
    struct key_text room;

    return get(demands, text_of_hash(key, &room));
}

struct demand *demands_get_alike(struct demands *demands, const struct demand_key *key,
                                 const char *payload, size_t bytes) {
    struct key_text room;
    struct demand *demand = get(demands, text_of_sketch(key, payload, bytes, &room));

    if (demand != NULL) {
        put(demands, text_of_hash(key, &room), demand);
    }
    return demand;
}

void demands_put(struct demands *demands, const struct demand_key *key, const char *payload,
                 size_t bytes, struct demand *demand) {
    struct key_text room;

    put(demands, text_of_hash(key, &room), demand);
    put(demands, text_of_sketch(key, payload, bytes, &room), demand);
}
