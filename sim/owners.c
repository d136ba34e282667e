#include "sim/owners.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/json.h"

struct owner {
    bool alive;
    struct sim_ref *refs;
    size_t count;
    size_t room;
};

void sim_ref_finish(struct sim_ref *ref) {
    free(ref->namespace);
    free(ref->name);
    *ref = (struct sim_ref){0};
}

static void refs_add(struct sim_ref **refs, size_t *count, size_t *room, enum sim_resource_id id,
                     const char *namespace, const char *name) {
    if (*count == *room) {
        *room = *room == 0 ? 4 : *room * 2;
        *refs = mem_grow(*refs, *room, sizeof **refs);
    }
    (*refs)[(*count)++] = (struct sim_ref){
        .id = id, .namespace = mem_copy_text(namespace), .name = mem_copy_text(name)};
}

static void owner_destroy(struct owner *owner) {
    for (size_t i = 0; i < owner->count; i++) {
        sim_ref_finish(&owner->refs[i]);
    }
    free(owner->refs);
    free(owner);
}

void sim_owners_finish(struct sim_owners *owners) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&owners->by_uid, &at)) != NULL;) {
        owner_destroy(entry->value);
    }
    map_finish(&owners->by_uid);
    for (size_t i = owners->queue_at; i < owners->queue_count; i++) {
        sim_ref_finish(&owners->queue[i]);
    }
    free(owners->queue);
    *owners = (struct sim_owners){0};
}

static void examine(struct sim_owners *owners, enum sim_resource_id id, const char *namespace,
                    const char *name) {
    refs_add(&owners->queue, &owners->queue_count, &owners->queue_room, id, namespace, name);
}

bool sim_owners_next(struct sim_owners *owners, struct sim_ref *out_ref) {
    if (owners->queue_at == owners->queue_count) {
        owners->queue_at = 0;
        owners->queue_count = 0;
        return false;
    }
    *out_ref = owners->queue[owners->queue_at++];
    return true;
}

static struct owner *make_owner(struct sim_owners *owners, const char *uid) {
    struct owner *owner = map_get(&owners->by_uid, uid);

    if (owner == NULL) {
        owner = mem_alloc(1, sizeof *owner);
        (void)map_put(&owners->by_uid, uid, owner);
    }
    return owner;
}

static void forget_if_idle(struct sim_owners *owners, const char *uid, struct owner *owner) {
    if (!owner->alive && owner->count == 0) {
        (void)map_remove(&owners->by_uid, uid);
        owner_destroy(owner);
    }
}

static void link_owners(struct sim_owners *owners, const struct sim_change *change) {
    const json_t *reference;
    size_t i;

    json_array_foreach(sim_json_at(change->object, "metadata.ownerReferences"), i, reference) {
        const char *uid = sim_json_text(reference, "uid");
        struct owner *owner;

        if (uid == NULL) {
            continue;
        }
        owner = make_owner(owners, uid);
        refs_add(&owner->refs, &owner->count, &owner->room, change->resource->id, change->namespace,
                 change->name);
        if (!owner->alive) {
            examine(owners, change->resource->id, change->namespace, change->name);
        }
    }
}

static void unlink_one(struct owner *owner, const struct sim_change *change) {
    for (size_t i = 0; i < owner->count; i++) {
        struct sim_ref *ref = &owner->refs[i];

        if (ref->id == change->resource->id && strcmp(ref->name, change->name) == 0 &&
            strcmp(ref->namespace, change->namespace) == 0) {
            sim_ref_finish(ref);
            owner->count--;
            memmove(ref, ref + 1, (owner->count - i) * sizeof *ref);
            return;
        }
    }
}

static void unlink_owners(struct sim_owners *owners, const struct sim_change *change,
                          const json_t *object) {
    const json_t *reference;
    size_t i;

    json_array_foreach(sim_json_at(object, "metadata.ownerReferences"), i, reference) {
        const char *uid = sim_json_text(reference, "uid");
        struct owner *owner = uid == NULL ? NULL : map_get(&owners->by_uid, uid);

        if (owner != NULL) {
            unlink_one(owner, change);
            forget_if_idle(owners, uid, owner);
        }
    }
}

static void note_born(struct sim_owners *owners, const struct sim_change *change) {
    const char *uid = sim_json_text(change->object, "metadata.uid");

    make_owner(owners, uid)->alive = true;
    link_owners(owners, change);
}

static void note_gone(struct sim_owners *owners, const struct sim_change *change) {
    const char *uid = sim_json_text(change->object, "metadata.uid");
    struct owner *owner = map_get(&owners->by_uid, uid);

    unlink_owners(owners, change, change->old);
    if (owner == NULL) {
        return;
    }
    owner->alive = false;
    for (size_t i = 0; i < owner->count; i++) {
        examine(owners, owner->refs[i].id, owner->refs[i].namespace, owner->refs[i].name);
    }
    forget_if_idle(owners, uid, owner);
}

void sim_owners_note(struct sim_owners *owners, const struct sim_change *change) {
    switch (change->type) {
    case SIM_ADDED:
        note_born(owners, change);
        break;
    case SIM_DELETED:
        note_gone(owners, change);
        break;
    case SIM_MODIFIED:
        if (!json_equal(sim_json_at(change->old, "metadata.ownerReferences"),
                        sim_json_at(change->object, "metadata.ownerReferences"))) {
            unlink_owners(owners, change, change->old);
            link_owners(owners, change);
        }
        break;
    }
}

bool sim_owners_abandoned(const struct sim_owners *owners, const struct json_t *object) {
    const json_t *references = sim_json_at(object, "metadata.ownerReferences");
    const json_t *reference;
    size_t i;

    json_array_foreach(references, i, reference) {
        const char *uid = sim_json_text(reference, "uid");
        const struct owner *owner = uid == NULL ? NULL : map_get(&owners->by_uid, uid);

        if (owner != NULL && owner->alive) {
            return false;
        }
    }
    return json_array_size(references) > 0;
}

size_t sim_owners_dependents(const struct sim_owners *owners, const char *uid,
                             const struct sim_ref **out_refs) {
    const struct owner *owner = map_get(&owners->by_uid, uid);

    if (owner == NULL) {
        return 0;
    }
    *out_refs = owner->refs;
    return owner->count;
}
