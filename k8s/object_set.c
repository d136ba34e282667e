#include "k8s/object_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"

#define DEAD_COUNT_MAX 4096

struct object {
    char *namespace_;
    char *name;
    char uid[OBJECT_UID_BYTES];
    char version[OBJECT_VERSION_BYTES];
    uint64_t seen_list; /* the last list that held it */
    bool is_dead;
};

struct object_set {
    struct map objects; /* "namespace/name" to struct object, the dead included */
    uint64_t list;
    size_t dead_count;
    size_t sweep_at;
    struct object *swept; /* what sweep returned last */
};

bool object_version_is_newer(const char *a, const char *b) {
    size_t a_length;
    size_t b_length;

    if (a[strspn(a, "0123456789")] != '\0' || b[strspn(b, "0123456789")] != '\0') {
        return strcmp(a, b) != 0;
    }
    a += strspn(a, "0");
    b += strspn(b, "0");
    a_length = strlen(a);
    b_length = strlen(b);
    return a_length != b_length ? a_length > b_length : strcmp(a, b) > 0;
}

static char *make_key(const struct object_id *id) {
    return mem_join(id->namespace_, id->name);
}

static void object_free(struct object *object) {
    if (object != NULL) {
        free(object->namespace_);
        free(object->name);
        free(object);
    }
}

struct object_set *object_set_create(void) {
    return mem_alloc(1, sizeof(struct object_set));
}

void object_set_destroy(struct object_set *set) {
    struct map_entry *entry;

    if (set == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&set->objects, &at)) != NULL;) {
        object_free(entry->value);
    }
    object_free(set->swept);
    map_finish(&set->objects);
    free(set);
}

size_t object_set_count(const struct object_set *set) {
    return set->objects.count - set->dead_count;
}

static void remember(struct object *object, const struct object_id *id, uint64_t list) {
    (void)text_copy(object->uid, sizeof object->uid, id->uid);
    (void)text_copy(object->version, sizeof object->version, id->version);
    object->seen_list = list;
}

static struct object *add(struct object_set *set, const char *key, const struct object_id *id) {
    struct object *object = mem_alloc(1, sizeof *object);

    object->namespace_ = mem_copy_text(id->namespace_);
    object->name = mem_copy_text(id->name);
    remember(object, id, set->list);
    ENSURE(map_put(&set->objects, key, object) == NULL);
    return object;
}

static void bury(struct object_set *set, struct object *object) {
    object->is_dead = true;
    set->dead_count++;
}

static void raise(struct object_set *set, struct object *object) {
    object->is_dead = false;
    set->dead_count--;
}

static void forget_dead(struct object_set *set) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&set->objects, &at)) != NULL;) {
        struct object *object = entry->value;

        if (object->is_dead) {
            (void)map_remove(&set->objects, entry->text);
            object_free(object);
        }
    }
    set->dead_count = 0;
}

/* Judge an object that is known by name and that the server has shown again. */
static enum object_change update(struct object_set *set, struct object *object,
                                 const struct object_id *id, char *out_old_uid) {
    bool is_same = strcmp(object->uid, id->uid) == 0;
    bool was_dead = object->is_dead;

    if (was_dead) {
        raise(set, object);
    } else if (!is_same) {
        (void)text_copy(out_old_uid, OBJECT_UID_BYTES, object->uid);
    }
    remember(object, id, set->list);
    return is_same || was_dead ? OBJECT_NEW : OBJECT_REPLACED;
}

enum object_change object_set_list(struct object_set *set, const struct object_id *id,
                                   char out_old_uid[OBJECT_UID_BYTES]) {
    char *key = make_key(id);
    struct object *object = map_get(&set->objects, key);
    enum object_change change = OBJECT_NEW;

    if (object == NULL) {
        (void)add(set, key, id);
    } else if (!object->is_dead && strcmp(object->uid, id->uid) == 0 &&
               strcmp(object->version, id->version) == 0) {
        object->seen_list = set->list;
        change = OBJECT_SAME;
    } else {
        change = update(set, object, id, out_old_uid);
    }
    free(key);
    return change;
}

enum object_change object_set_put(struct object_set *set, const struct object_id *id,
                                  char out_old_uid[OBJECT_UID_BYTES]) {
    char *key = make_key(id);
    struct object *object = map_get(&set->objects, key);
    enum object_change change = OBJECT_NEW;

    if (object == NULL) {
        (void)add(set, key, id);
    } else if (!object_version_is_newer(id->version, object->version) ||
               (object->is_dead && strcmp(object->uid, id->uid) == 0)) {
        change = OBJECT_SAME;
    } else {
        change = update(set, object, id, out_old_uid);
    }
    free(key);
    return change;
}

enum object_change object_set_remove(struct object_set *set, const struct object_id *id,
                                     char out_uid[OBJECT_UID_BYTES]) {
    char *key = make_key(id);
    struct object *object = map_get(&set->objects, key);
    enum object_change change = OBJECT_SAME;

    if (object == NULL) {
        /* Its ADDED may still come, late. */
        bury(set, add(set, key, id));
    } else if (!object->is_dead && (strcmp(object->uid, id->uid) == 0 ||
                                    object_version_is_newer(id->version, object->version))) {
        (void)text_copy(out_uid, OBJECT_UID_BYTES, object->uid);
        remember(object, id, set->list);
        bury(set, object);
        change = OBJECT_GONE;
    }
    free(key);
    if (set->dead_count > DEAD_COUNT_MAX) {
        forget_dead(set);
    }
    return change;
}

void object_set_begin_list(struct object_set *set) {
    set->list++;
    set->sweep_at = 0;
    forget_dead(set);
}

bool object_set_sweep(struct object_set *set, struct object_id *out_gone) {
    struct map_entry *entry;

    object_free(set->swept);
    set->swept = NULL;
    while ((entry = map_next(&set->objects, &set->sweep_at)) != NULL) {
        struct object *object = entry->value;

        if (object->seen_list != set->list) {
            (void)map_remove(&set->objects, entry->text);
            set->swept = object;
            *out_gone = (struct object_id){.namespace_ = object->namespace_,
                                           .name = object->name,
                                           .uid = object->uid,
                                           .version = object->version};
            return true;
        }
    }
    return false;
}
