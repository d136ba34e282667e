#include "config/node_pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "config/pod_schema.h"
#include "policy/resources.h"

const char *const node_pools_members[] = {"nodePools", NULL};

struct reader {
    struct pool_set *set;
    struct resource_names names; /* Only to learn whether names and quantities are good. */
    struct problems *problems;
};

static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};

static const struct field taint_fields[] = {
    FIELD_ONE_OF("effect", effects),
    FIELD_NEEDED("key", FIELD_TEXT),
    FIELD("value", FIELD_TEXT),
};
static const struct schema taint_schema = SCHEMA(taint_fields);

static const struct field pool_fields[] = {
    FIELD_NEEDED("allocatable", FIELD_QUANTITY_MAP),
    FIELD_NEEDED("labels", FIELD_TEXT_MAP),
    {.name = "maxCount", .type = FIELD_INT, .required = true, .min = 0, .max = LIMIT_POOL_NODES},
    FIELD_NEEDED("name", FIELD_LABEL_VALUE),
    FIELD_OF("taints", FIELD_OBJECTS, taint_schema),
};
static const struct schema pool_schema = SCHEMA(pool_fields);

static char *text_of(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);

    return mem_copy_text(node != NULL && node->text != NULL ? node->text : "");
}

static struct pool_text *read_map(const struct text_node *map, size_t *out_count) {
    struct pool_text *texts = mem_alloc((map != NULL ? map->count : 0) + (size_t)1, sizeof *texts);

    *out_count = map != NULL ? map->count : 0;
    for (size_t i = 0; i < *out_count; i++) {
        texts[i] = (struct pool_text){.key = mem_copy_text(map->items[i].key),
                                      .value = mem_copy_text(map->items[i].text)};
    }
    return texts;
}

static void check_amounts(struct reader *reader, const struct text_node *map,
                          const struct trail *trail) {
    struct trail in_map = {trail, "allocatable", 0};

    for (uint32_t i = 0; map != NULL && i < map->count; i++) {
        const struct text_node *node = &map->items[i];
        struct trail at = {&in_map, node->key, 0};
        size_t kind;
        int64_t amount;

        if (resource_intern(&reader->names, node->key, &kind) < 0) {
            problems_add_at(reader->problems, node->key_place, &at,
                            "not a resource, or one more than the %d that can be told apart",
                            RESOURCE_KIND_MAX);
        } else if (resource_parse(&reader->names, kind, node->text, &amount) < 0) {
            problems_add_at(reader->problems, node->place, &at, "\"%s\" is no amount of %s",
                            node->text, node->key);
        }
    }
}

static void read_taints(const struct text_node *list, struct pool_setting *pool) {
    pool->taints = mem_alloc((list != NULL ? list->count : 0) + (size_t)1, sizeof *pool->taints);
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        pool->taints[pool->taint_count++] =
            (struct pool_taint){.key = text_of(&list->items[i], "key"),
                                .value = text_of(&list->items[i], "value"),
                                .effect = text_of(&list->items[i], "effect")};
    }
}

static void read_pool(struct reader *reader, const struct text_node *node,
                      const struct trail *trail) {
    const struct text_node *labels = node_member(node, "labels");
    const struct text_node *allocatable = node_member(node, "allocatable");
    struct pool_setting *pool = &reader->set->pools[reader->set->count++];

    *pool = (struct pool_setting){
        .name = text_of(node, "name"),
        .node_max = (uint32_t)node_int(node_member(node, "maxCount")),
    };
    for (size_t i = 0; i + 1 < reader->set->count; i++) {
        if (strcmp(reader->set->pools[i].name, pool->name) == 0) {
            problems_add_at(reader->problems, node->place, trail, "a second node pool \"%s\"",
                            pool->name);
        }
    }
    if (labels->count == 0) {
        problems_add_at(reader->problems, labels->place, trail,
                        "needs a label at least: its members are told by them");
    }
    check_amounts(reader, allocatable, trail);
    pool->labels = read_map(labels, &pool->label_count);
    pool->allocatable = read_map(allocatable, &pool->allocatable_count);
    read_taints(node_member(node, "taints"), pool);
}

void node_pools_read(struct text_node *root, struct pool_set *out_set, struct problems *problems) {
    static const struct field field = FIELD_OF("nodePools", FIELD_OBJECTS, pool_schema);
    struct text_node *list = node_member_mutable(root, "nodePools");
    struct trail trail = {NULL, "nodePools", 0};
    struct pool_set set = {0};
    struct reader reader = {.set = &set, .problems = problems};
    const size_t before = problems->count + problems->dropped;

    *out_set = set;
    if (list == NULL || list->kind == NODE_NULL) {
        return;
    }
    schema_check_field(&field, list, &trail, problems);
    if (problems->count + problems->dropped > before) {
        return;
    }
    if (list->count > LIMIT_POOLS) {
        problems_add_at(problems, node_place(list), &trail, "more than %d", LIMIT_POOLS);
        return;
    }
    set.pools = mem_alloc(list->count + (size_t)1, sizeof *set.pools);
    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&trail, NULL, i};

        read_pool(&reader, &list->items[i], &at);
    }
    resource_names_finish(&reader.names);
    if (problems->count + problems->dropped > before) {
        pool_set_finish(&set);
    }
    *out_set = set;
}

static void finish_map(struct pool_text *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(texts[i].key);
        free(texts[i].value);
    }
    free(texts);
}

void pool_set_finish(struct pool_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        struct pool_setting *pool = &set->pools[i];

        for (size_t j = 0; j < pool->taint_count; j++) {
            free(pool->taints[j].key);
            free(pool->taints[j].value);
            free(pool->taints[j].effect);
        }
        finish_map(pool->labels, pool->label_count);
        finish_map(pool->allocatable, pool->allocatable_count);
        free(pool->taints);
        free(pool->name);
    }
    free(set->pools);
    *set = (struct pool_set){0};
}
