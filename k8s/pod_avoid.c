#include "k8s/pod_avoid.h"

#include <stddef.h>

#include <jansson.h>

#include "k8s/json_build.h"
#include "policy/avoid.h"

#define WEIGHT_MAX 100

/* The member, made if it is not there. */
static struct json_t *member(struct json_t *object, const char *key, struct json_t *(*make)(void)) {
    if (json_object_get(object, key) == NULL) {
        json_put_take(object, key, make());
    }
    return json_object_get(object, key);
}

static void forbid(struct json_t *term, const char *node) {
    struct json_t *rule = json_new_object();
    struct json_t *values = json_new_array();

    json_put_text(rule, "key", "metadata.name");
    json_put_text(rule, "operator", "NotIn");
    json_push_text(values, node);
    json_put_take(rule, "values", values);
    json_push_take(member(term, "matchFields", json_new_array), rule);
}

/* One of the terms must hold, so each has to forbid it; one that is empty matches nothing. */
static void require(struct json_t *affinity, const char *node) {
    struct json_t *required =
        member(affinity, "requiredDuringSchedulingIgnoredDuringExecution", json_new_object);
    struct json_t *terms = member(required, "nodeSelectorTerms", json_new_array);

    if (json_array_size(terms) == 0) {
        json_push_take(terms, json_new_object());
        forbid(json_array_get(terms, 0), node);
        return;
    }
    for (size_t i = 0; i < json_array_size(terms); i++) {
        if (json_object_size(json_array_get(terms, i)) > 0) {
            forbid(json_array_get(terms, i), node);
        }
    }
}

static void prefer(struct json_t *affinity, const char *node) {
    struct json_t *list =
        member(affinity, "preferredDuringSchedulingIgnoredDuringExecution", json_new_array);
    struct json_t *choice = json_new_object();

    json_put_int(choice, "weight", WEIGHT_MAX);
    forbid(member(choice, "preference", json_new_object), node);
    json_push_take(list, choice);
}

void pod_avoid_add(struct json_t *spec, const struct avoid_list *avoid) {
    for (size_t i = 0; avoid != NULL && i < avoid->count; i++) {
        struct json_t *affinity =
            member(member(spec, "affinity", json_new_object), "nodeAffinity", json_new_object);

        if (avoid->nodes[i].is_required) {
            require(affinity, avoid->nodes[i].name);
        } else {
            prefer(affinity, avoid->nodes[i].name);
        }
    }
}
