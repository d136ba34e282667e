#include "policy/demand.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"

const char *pod_role_text(enum pod_role role) {
    static const char *const texts[POD_ROLE_COUNT] = {"pod", "driver", "executor"};

    ENSURE(role < POD_ROLE_COUNT);
    return texts[role];
}

struct demand *demand_create(void) {
    struct demand *demand = mem_alloc(1, sizeof *demand);

    demand->uses = 1;
    return demand;
}

void demand_destroy(struct demand *demand) {
    if (demand == NULL) {
        return;
    }
    ENSURE(demand->uses > 0);
    if (--demand->uses > 0) {
        return;
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        pod_demand_finish(&demand->groups[i].pod);
    }
    for (size_t i = 0; i < demand->object_count; i++) {
        free(demand->objects[i].key);
    }
    free(demand->groups);
    free(demand->claims);
    free(demand->objects);
    free(demand);
}

struct demand *demand_share(struct demand *demand) {
    ENSURE(demand->settled);
    demand->uses++;
    return demand;
}

struct demand *demand_copy(const struct demand *demand) {
    struct demand *copy = demand_create();

    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];

        struct pod_group *twin = demand_add_group(copy, group->role, group->count);

        twin->least = group->least;
        pod_demand_copy(&group->pod, &twin->pod);
    }
    for (size_t i = 0; i < demand->object_count; i++) {
        demand_add_object(copy, demand->objects[i].key, demand->objects[i].amount);
    }
    if (demand->claim_count > 0) {
        copy->claims = mem_copy(demand->claims, demand->claim_count * sizeof *demand->claims);
        copy->claim_count = demand->claim_count;
    }
    return copy;
}

struct pod_group *demand_add_group(struct demand *demand, enum pod_role role, uint32_t count) {
    struct pod_group *group;

    ENSURE(!demand->settled);
    ENSURE(demand->group_count < DEMAND_GROUPS_MAX);
    demand->groups = mem_grow(demand->groups, demand->group_count + 1, sizeof *demand->groups);
    group = &demand->groups[demand->group_count++];
    memset(group, 0, sizeof *group);
    group->role = role;
    group->count = count;
    return group;
}

static const char *without_count(const char *key) {
    return text_starts_with(key, "count/") ? key + strlen("count/") : key;
}

void demand_add_object(struct demand *demand, const char *key, int64_t amount) {
    size_t at = 0;

    ENSURE(!demand->settled);
    key = without_count(key);
    while (at < demand->object_count && strcmp(demand->objects[at].key, key) < 0) {
        at++;
    }
    if (at < demand->object_count && strcmp(demand->objects[at].key, key) == 0) {
        demand->objects[at].amount = amount_add(demand->objects[at].amount, amount);
        return;
    }
    demand->objects = mem_grow(demand->objects, demand->object_count + 1, sizeof *demand->objects);
    memmove(&demand->objects[at + 1], &demand->objects[at],
            (demand->object_count - at) * sizeof *demand->objects);
    demand->objects[at] = (struct object_demand){.key = mem_copy_text(key), .amount = amount};
    demand->object_count++;
}

static void add_of_class(struct demand *demand, const char *storage_class, const char *what,
                         int64_t amount) {
    char *key = mem_format("%s.storageclass.storage.k8s.io/%s", storage_class, what);

    demand_add_object(demand, key, amount);
    free(key);
}

void demand_add_claims(struct demand *demand, const char *storage_class, int64_t bytes,
                       int64_t count) {
    const int64_t total = amount_multiply(bytes, count);

    if (count <= 0) {
        return;
    }
    demand_add_object(demand, "persistentvolumeclaims", count);
    demand_add_object(demand, "requests.storage", total);
    if (storage_class != NULL && storage_class[0] != '\0') {
        add_of_class(demand, storage_class, "persistentvolumeclaims", count);
        add_of_class(demand, storage_class, "requests.storage", total);
    }
    demand->claims = mem_grow(demand->claims, demand->claim_count + 1, sizeof *demand->claims);
    demand->claims[demand->claim_count++] = (struct claim_demand){.bytes = bytes, .count = count};
}

int64_t demand_object_amount(const struct demand *demand, const char *key) {
    key = without_count(key);
    for (size_t i = 0; i < demand->object_count; i++) {
        if (strcmp(demand->objects[i].key, key) == 0) {
            return demand->objects[i].amount;
        }
    }
    return 0;
}

static void hash_number(uint64_t *hash, uint64_t value) {
    *hash = (*hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    *hash ^= *hash >> 29;
}

static void hash_text(uint64_t *hash, const char *text) {
    for (; text != NULL && *text != '\0'; text++) {
        hash_number(hash, (unsigned char)*text);
    }
    hash_number(hash, 256);
}

/* Not every detail is hashed: what usually tells demands apart is. demand_equal() decides. */
static uint64_t compute_hash(const struct demand *demand) {
    uint64_t hash = demand->group_count;

    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];

        hash_number(&hash, group->role);
        hash_number(&hash, group->count);
        hash_number(&hash, group->least);
        for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
            hash_number(&hash, (uint64_t)group->requests.amount[kind]);
            hash_number(&hash, (uint64_t)group->limits.amount[kind]);
        }
        for (size_t j = 0; j < group->pod.selector_count; j++) {
            hash_text(&hash, group->pod.selectors[j].key);
            hash_text(&hash, group->pod.selectors[j].value);
        }
        hash_text(&hash, group->pod.priority_class);
    }
    for (size_t i = 0; i < demand->object_count; i++) {
        hash_text(&hash, demand->objects[i].key);
        hash_number(&hash, (uint64_t)demand->objects[i].amount);
    }
    return hash;
}

void demand_settle(struct demand *demand) {
    if (demand->settled) {
        return;
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        struct pod_group *group = &demand->groups[i];

        group->requests = pod_demand_requests(&group->pod);
        group->limits = pod_demand_limits(&group->pod);
        group->best_effort = pod_demand_is_best_effort(&group->pod);
        group->where_hash = pod_demand_where_hash(&group->pod);
        resources_add_times(&demand->requests, &group->requests, group->count);
        resources_add_times(&demand->limits, &group->limits, group->count);
    }
    demand->hash = compute_hash(demand);
    demand->settled = true;
}

void demand_set_origin(struct demand *demand, const unsigned char origin[DEMAND_ORIGIN_BYTES]) {
    ENSURE(demand->settled);
    memcpy(demand->origin, origin, sizeof demand->origin);
}

bool demand_equal(const struct demand *a, const struct demand *b) {
    if (a == b) {
        return true;
    }
    if (a->hash != b->hash || a->group_count != b->group_count ||
        a->object_count != b->object_count || a->claim_count != b->claim_count) {
        return false;
    }
    for (size_t i = 0; i < a->claim_count; i++) {
        if (a->claims[i].bytes != b->claims[i].bytes || a->claims[i].count != b->claims[i].count) {
            return false;
        }
    }
    for (size_t i = 0; i < a->group_count; i++) {
        if (a->groups[i].role != b->groups[i].role || a->groups[i].count != b->groups[i].count ||
            a->groups[i].least != b->groups[i].least ||
            !pod_demand_equal(&a->groups[i].pod, &b->groups[i].pod)) {
            return false;
        }
    }
    for (size_t i = 0; i < a->object_count; i++) {
        if (a->objects[i].amount != b->objects[i].amount ||
            strcmp(a->objects[i].key, b->objects[i].key) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t demand_hash(const struct demand *demand) {
    ENSURE(demand->settled);
    return demand->hash;
}
