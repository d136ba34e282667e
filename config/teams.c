#include "config/teams.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/pod_schema.h"
#include "policy/resources.h"

#define PRIORITY_MAX 1000000000
#define WEIGHT_MAX   1000000

const char *const teams_members[] = {"namespaceLimits", "priorityClasses", "teams", NULL};

struct reader {
    struct team_set *set;
    struct resource_names names; /* Only to learn whether names and quantities are good. */
    struct problems *problems;
};

/* --- Tables ---------------------------------------------------------------------------------- */

static const struct field limits_fields[] = {
    FIELD("resources", FIELD_QUANTITY_MAP),
    FIELD_RANGE("runningJobs", 0, INT32_MAX),
    FIELD_RANGE("waitingJobs", 0, INT32_MAX),
};
static const struct schema limits_schema = SCHEMA(limits_fields);

static const struct field user_fields[] = {
    FIELD_NEEDED("name", FIELD_TEXT),
    FIELD_NEEDED("weight", FIELD_NUMBER),
};
static const struct schema user_schema = SCHEMA(user_fields);

static const struct schema team_schema; /* It holds itself. */
static const struct field team_fields[] = {
    FIELD("borrowingLimit", FIELD_QUANTITY_MAP),   FIELD_OF("limits", FIELD_OBJECT, limits_schema),
    FIELD_NEEDED("name", FIELD_LABEL_VALUE),       FIELD("namespaces", FIELD_TEXTS),
    FIELD("nominal", FIELD_QUANTITY_MAP),          FIELD_OF("teams", FIELD_OBJECTS, team_schema),
    FIELD_OF("users", FIELD_OBJECTS, user_schema), FIELD("weight", FIELD_NUMBER),
};
static const struct schema team_schema = SCHEMA(team_fields);

static const struct field namespace_fields[] = {
    FIELD_NEEDED("name", FIELD_LABEL),
    FIELD("resources", FIELD_QUANTITY_MAP),
    FIELD_RANGE("runningJobs", 0, INT32_MAX),
    FIELD_RANGE("waitingJobs", 0, INT32_MAX),
};
static const struct schema namespace_schema = SCHEMA(namespace_fields);

static const struct field class_fields[] = {
    FIELD_NEEDED("name", FIELD_LABEL_VALUE),
    FIELD_RANGE("priority", -PRIORITY_MAX, PRIORITY_MAX),
    {.name = "tier", .type = FIELD_INT, .required = true, .min = -1000, .max = 1000},
};
static const struct schema class_schema = SCHEMA(class_fields);

/* --- Values ---------------------------------------------------------------------------------- */

static int64_t count_of(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);

    return node != NULL ? node_int(node) : TEAM_UNLIMITED;
}

static double read_weight(const struct reader *reader, const struct text_node *object,
                          const struct trail *trail) {
    const struct text_node *node = node_member(object, "weight");
    struct trail at = {trail, "weight", 0};
    double weight = node != NULL ? node_number(node) : 1;

    if (node != NULL && !(weight > 0 && weight <= WEIGHT_MAX)) {
        problems_add_at(reader->problems, node->place, &at,
                        "must be above 0 and at most %d, not %s", WEIGHT_MAX, node->text);
        return 1;
    }
    return weight;
}

static void read_amount(struct reader *reader, const struct text_node *node,
                        const struct trail *trail, struct team_amounts *amounts) {
    struct trail at = {trail, node->key, 0};
    size_t kind;
    int64_t amount;

    if (resource_intern(&reader->names, node->key, &kind) < 0) {
        problems_add_at(reader->problems, node->key_place, &at,
                        "not a resource, or one more than the %d that can be told apart",
                        RESOURCE_KIND_MAX);
    } else if (resource_parse(&reader->names, kind, node->text, &amount) < 0) {
        problems_add_at(reader->problems, node->place, &at, "\"%s\" is no amount of %s", node->text,
                        node->key);
    } else {
        amounts->items[amounts->count++] = (struct team_amount){
            .resource = mem_copy_text(node->key), .quantity = mem_copy_text(node->text)};
    }
}

static struct team_amounts read_amounts(struct reader *reader, const struct text_node *object,
                                        const char *key, const struct trail *trail) {
    const struct text_node *map = node_member(object, key);
    struct team_amounts amounts = {0};
    struct trail at = {trail, key, 0};

    if (map == NULL || map->count == 0) {
        return amounts;
    }
    amounts.items = mem_alloc(map->count, sizeof *amounts.items);
    for (uint32_t i = 0; i < map->count; i++) {
        read_amount(reader, &map->items[i], &at, &amounts);
    }
    return amounts;
}

static struct team_limits read_limits(struct reader *reader, const struct text_node *object,
                                      const struct trail *trail) {
    return (struct team_limits){
        .running_jobs = count_of(object, "runningJobs"),
        .waiting_jobs = count_of(object, "waitingJobs"),
        .resources = read_amounts(reader, object, "resources", trail),
    };
}

/* --- Teams ----------------------------------------------------------------------------------- */

/* What has to be unlike in a list says so. */
static bool is_second(const struct reader *reader, const struct text_node *name,
                      const struct trail *trail, bool is_there, const char *what) {
    if (is_there) {
        problems_add_at(reader->problems, name->place, trail, "a second %s \"%s\"", what,
                        name->text);
    }
    return is_there;
}

static const struct team *find_team(const struct team_set *set, const char *name) {
    for (size_t i = 0; i < set->team_count; i++) {
        if (strcmp(set->teams[i].name, name) == 0) {
            return &set->teams[i];
        }
    }
    return NULL;
}

static const struct team *team_of_namespace(const struct team_set *set, const char *namespace) {
    for (size_t i = 0; i < set->team_count; i++) {
        for (size_t j = 0; j < set->teams[i].namespace_count; j++) {
            if (strcmp(set->teams[i].namespaces[j], namespace) == 0) {
                return &set->teams[i];
            }
        }
    }
    return NULL;
}

static void read_team_namespaces(struct reader *reader, const struct text_node *list,
                                 const struct trail *trail, struct team *team) {
    static const struct field one = {.type = FIELD_LABEL};
    struct trail in_list = {trail, "namespaces", 0};

    if (list == NULL || list->count == 0) {
        return;
    }
    team->namespaces = mem_alloc(list->count, sizeof *team->namespaces);
    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};
        const struct team *other = team_of_namespace(reader->set, list->items[i].text);

        if (other != NULL) {
            problems_add_at(reader->problems, list->items[i].place, &at,
                            "namespace \"%s\" is team \"%s\"'s already", list->items[i].text,
                            other->name);
        } else {
            schema_check_field(&one, &list->items[i], &at, reader->problems);
            team->namespaces[team->namespace_count++] = mem_copy_text(list->items[i].text);
        }
    }
}

static void read_users(struct reader *reader, const struct text_node *list,
                       const struct trail *trail, struct team *team) {
    struct trail in_list = {trail, "users", 0};

    if (list == NULL || list->count == 0) {
        return;
    }
    team->users = mem_alloc(list->count, sizeof *team->users);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct text_node *name = node_member(&list->items[i], "name");
        struct trail at = {&in_list, NULL, i};
        bool is_there = false;

        for (size_t j = 0; j < team->user_count; j++) {
            is_there = is_there || strcmp(team->users[j].name, name->text) == 0;
        }
        if (!is_second(reader, name, &at, is_there, "user")) {
            team->users[team->user_count++] =
                (struct team_user){.name = mem_copy_text(name->text),
                                   .weight = read_weight(reader, &list->items[i], &at)};
        }
    }
}

static void read_team(struct reader *reader, const struct text_node *node, const char *parent,
                      const struct trail *trail) {
    const struct text_node *name = node_member(node, "name");
    struct trail at_limits = {trail, "limits", 0};
    struct team_set *set = reader->set;
    struct team *team;

    if (is_second(reader, name, trail, find_team(set, name->text) != NULL, "team")) {
        return;
    }
    set->teams = mem_grow(set->teams, set->team_count + 1, sizeof *set->teams);
    team = &set->teams[set->team_count++];
    *team = (struct team){
        .name = mem_copy_text(name->text),
        .parent = mem_copy_text(parent),
        .weight = read_weight(reader, node, trail),
        .limits = read_limits(reader, node_member(node, "limits"), &at_limits),
        .nominal = read_amounts(reader, node, "nominal", trail),
        .borrowing = read_amounts(reader, node, "borrowingLimit", trail),
    };
    read_team_namespaces(reader, node_member(node, "namespaces"), trail, team);
    read_users(reader, node_member(node, "users"), trail, team);
}

/* No deeper than the document is. */
static void read_teams(struct reader *reader, const struct text_node *list, const char *parent,
                       const struct trail *trail, uint32_t depth) {
    struct trail in_list = {trail, "teams", 0};

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};

        if (depth == LIMIT_TEAM_DEPTH || reader->set->team_count == LIMIT_TEAMS) {
            problems_add_at(reader->problems, node_place(&list->items[i]), &at,
                            "more than %d teams, or more than %d below each other", LIMIT_TEAMS,
                            LIMIT_TEAM_DEPTH);
            return;
        }
        read_team(reader, &list->items[i], parent, &at);
        read_teams(reader, node_member(&list->items[i], "teams"),
                   node_member(&list->items[i], "name")->text, &at, depth + 1);
    }
}

/* --- Namespaces and classes ------------------------------------------------------------------ */

static void read_namespace(struct reader *reader, const struct text_node *node,
                           const struct trail *trail) {
    const struct text_node *name = node_member(node, "name");
    struct team_set *set = reader->set;
    bool is_there = false;

    for (size_t i = 0; i < set->namespace_count; i++) {
        is_there = is_there || strcmp(set->namespaces[i].name, name->text) == 0;
    }
    if (!is_second(reader, name, trail, is_there, "namespace")) {
        set->namespaces[set->namespace_count++] = (struct team_namespace){
            .name = mem_copy_text(name->text), .limits = read_limits(reader, node, trail)};
    }
}

const struct team_class *team_set_class(const struct team_set *set, const char *name) {
    for (size_t i = 0; i < set->class_count; i++) {
        if (strcmp(set->classes[i].name, name) == 0) {
            return &set->classes[i];
        }
    }
    return NULL;
}

static void read_class(struct reader *reader, const struct text_node *node,
                       const struct trail *trail) {
    const struct text_node *name = node_member(node, "name");
    const struct text_node *priority = node_member(node, "priority");
    struct team_set *set = reader->set;

    if (!is_second(reader, name, trail, team_set_class(set, name->text) != NULL,
                   "priority class")) {
        set->classes[set->class_count++] = (struct team_class){
            .name = mem_copy_text(name->text),
            .tier = (int32_t)node_int(node_member(node, "tier")),
            .priority = priority != NULL ? (int32_t)node_int(priority) : 0,
        };
    }
}

/* --- All of it ------------------------------------------------------------------------------- */

/* The checked list, or NULL. */
static struct text_node *checked_list(struct text_node *root, const char *key,
                                      const struct schema *schema, struct problems *problems) {
    const struct field field = {.name = key, .type = FIELD_OBJECTS, .object = schema};
    struct text_node *list = node_member_mutable(root, key);
    struct trail trail = {NULL, key, 0};
    const size_t before = problems->count + problems->dropped;

    if (list == NULL || list->kind == NODE_NULL) {
        return NULL;
    }
    schema_check_field(&field, list, &trail, problems);
    if (problems->count + problems->dropped > before) {
        return NULL;
    }
    if (list->count > LIMIT_TEAMS) {
        problems_add_at(problems, node_place(list), &trail, "more than %d", LIMIT_TEAMS);
        return NULL;
    }
    return list;
}

static void read_each(struct reader *reader, const struct text_node *list, const char *key,
                      void (*read)(struct reader *reader, const struct text_node *node,
                                   const struct trail *trail)) {
    struct trail in_list = {NULL, key, 0};

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};

        read(reader, &list->items[i], &at);
    }
}

void teams_read(struct text_node *root, struct team_set *out_set, struct problems *problems) {
    struct team_set set = {0};
    struct reader reader = {.set = &set, .problems = problems};
    const size_t before = problems->count + problems->dropped;
    const struct text_node *teams = checked_list(root, "teams", &team_schema, problems);
    const struct text_node *namespaces =
        checked_list(root, "namespaceLimits", &namespace_schema, problems);
    const struct text_node *classes =
        checked_list(root, "priorityClasses", &class_schema, problems);

    if (namespaces != NULL) {
        set.namespaces = mem_alloc(namespaces->count + (size_t)1, sizeof *set.namespaces);
    }
    if (classes != NULL) {
        set.classes = mem_alloc(classes->count + (size_t)1, sizeof *set.classes);
    }
    read_teams(&reader, teams, NULL, NULL, 0);
    read_each(&reader, namespaces, "namespaceLimits", read_namespace);
    read_each(&reader, classes, "priorityClasses", read_class);
    resource_names_finish(&reader.names);
    if (problems->count + problems->dropped > before) {
        team_set_finish(&set);
    }
    *out_set = set;
}

static void amounts_finish(struct team_amounts *amounts) {
    for (size_t i = 0; i < amounts->count; i++) {
        free(amounts->items[i].resource);
        free(amounts->items[i].quantity);
    }
    free(amounts->items);
}

static void team_finish(struct team *team) {
    for (size_t i = 0; i < team->namespace_count; i++) {
        free(team->namespaces[i]);
    }
    for (size_t i = 0; i < team->user_count; i++) {
        free(team->users[i].name);
    }
    amounts_finish(&team->limits.resources);
    amounts_finish(&team->nominal);
    amounts_finish(&team->borrowing);
    free(team->namespaces);
    free(team->users);
    free(team->parent);
    free(team->name);
}

void team_set_finish(struct team_set *set) {
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->team_count; i++) {
        team_finish(&set->teams[i]);
    }
    for (size_t i = 0; i < set->namespace_count; i++) {
        amounts_finish(&set->namespaces[i].limits.resources);
        free(set->namespaces[i].name);
    }
    for (size_t i = 0; i < set->class_count; i++) {
        free(set->classes[i].name);
    }
    free(set->teams);
    free(set->namespaces);
    free(set->classes);
    *set = (struct team_set){0};
}
