#include "scheduler/demands.h"

#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/version.h"
#include "k8s/payload_sketch.h"
#include "policy/demand.h"

/* Raise it when the demand of a payload comes out otherwise than before, within one version. */
#define DEMANDS_REVISION 2

/* What the map knows a demand by: what of, its kind, a digest in hex and the namespace, which
 * Kubernetes bounds. */
struct key_text {
    char text[2 + 2 * SPEC_HASH_BYTES + LIMIT_NAME_BYTES + 1];
};

static const char *text_of(const struct demand_key *key, char by,
                           const unsigned char digest[SPEC_HASH_BYTES], struct key_text *room) {
    size_t bytes = strnlen(key->namespace, LIMIT_NAME_BYTES);
    char *namespace = room->text + 2 + 2 * SPEC_HASH_BYTES;

    room->text[0] = by;
    room->text[1] = key->kind == JOB_KIND_SPARK ? 's' : 'p';
    digest_print_hex(digest, SPEC_HASH_BYTES, room->text + 2);
    memcpy(namespace, key->namespace, bytes);
    namespace[bytes] = '\0';
    return room->text;
}

static const char *text_of_hash(const struct demand_key *key, struct key_text *room) {
    return text_of(key, 'h', key->spec_hash, room);
}

/* A payload that is not as config/ prints it is a sketch of itself. */
static const char *text_of_sketch(const struct demand_key *key, const char *payload, size_t bytes,
                                  struct key_text *room) {
    unsigned char digest[SPEC_HASH_BYTES];
    struct buf sketch;

    buf_init(&sketch, LIMIT_SPEC_BYTES);
    if (payload_sketch(key->kind, payload, bytes, &sketch) < 0) {
        digest_sha256(payload, bytes, digest);
    } else {
        digest_sha256(sketch.data, sketch.bytes, digest);
    }
    buf_finish(&sketch);
    return text_of(key, 'k', digest, room);
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
    demands->last = NULL;
}

static struct demand *get(const struct demands *demands, const char *text) {
    struct demand *demand = map_get(&demands->by_key, text);

    return demand != NULL ? demand_share(demand) : NULL;
}

static void put(struct demands *demands, const char *text, struct demand *demand) {
    if (demands->by_key.count >= LIMIT_DEMANDS_KEPT) {
        demands_finish(demands);
    }
    demands->last = NULL;
    demand_destroy(map_put(&demands->by_key, text, demand_share(demand)));
}

static bool is_last(const struct demands *demands, const struct demand_key *key) {
    return demands->last != NULL && demands->last_kind == key->kind &&
           memcmp(demands->last_hash, key->spec_hash, SPEC_HASH_BYTES) == 0 &&
           strcmp(demands->last_namespace, key->namespace) == 0;
}

static void note_last(struct demands *demands, const struct demand_key *key,
                      struct demand *demand) {
    demands->last = demand;
    demands->last_kind = key->kind;
    memcpy(demands->last_hash, key->spec_hash, SPEC_HASH_BYTES);
    (void)text_copy(demands->last_namespace, sizeof demands->last_namespace, key->namespace);
}

struct demand *demands_get(struct demands *demands, const struct demand_key *key) {
    struct key_text room;
    struct demand *demand;

    if (is_last(demands, key)) {
        return demand_share(demands->last);
    }
    demand = get(demands, text_of_hash(key, &room));
    if (demand != NULL) {
        note_last(demands, key, demand);
    }
    return demand;
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

/* The sketch, and whose reading of it: another version may make another demand of it. */
static void set_origin(struct demand *demand, const char *sketch_text) {
    unsigned char digest[SPEC_HASH_BYTES];
    struct buf text;

    buf_init(&text, LIMIT_SPEC_BYTES);
    buf_add_format(&text, "%s %d %s", NIGHTSHIFT_VERSION, DEMANDS_REVISION, sketch_text);
    digest_sha256(text.data, text.bytes, digest);
    buf_finish(&text);
    demand_set_origin(demand, digest);
}

void demands_put(struct demands *demands, const struct demand_key *key, const char *payload,
                 size_t bytes, struct demand *demand) {
    struct key_text room;

    put(demands, text_of_hash(key, &room), demand);
    set_origin(demand, text_of_sketch(key, payload, bytes, &room));
    put(demands, room.text, demand);
}
