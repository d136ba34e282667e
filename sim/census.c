#include "sim/census.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "sim/pod_math.h"
#include "sim/store.h"
#include "sim/tree.h"

static void pod_destroy(struct census_pod *pod) {
    free(pod->key);
    free(pod->occupies);
    json_decref(pod->object);
    amounts_finish(&pod->requests);
    free(pod);
}

static void node_destroy(struct census_node *node) {
    free(node->name);
    json_decref(node->object);
    amounts_finish(&node->allocatable);
    amounts_finish(&node->used);
    free(node);
}

void census_finish(struct census *census) {
    const struct map_entry *entry;

    if (census == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&census->pods, &at)) != NULL;) {
        pod_destroy(entry->value);
    }
    for (size_t at = 0; (entry = map_next(&census->nodes, &at)) != NULL;) {
        node_destroy(entry->value);
    }
    map_finish(&census->pods);
    map_finish(&census->nodes);
    *census = (struct census){0};
}

struct census_pod *census_find_pod(const struct census *census, const char *namespace,
                                   const char *name) {
    char *key = mem_join(namespace, name);
    struct census_pod *pod = map_get(&census->pods, key);

    free(key);
    return pod;
}

struct census_node *census_find_node(const struct census *census, const char *name) {
    return map_get(&census->nodes, name);
}

static struct census_node *node_of(struct census *census, const char *name) {
    struct census_node *node = map_get(&census->nodes, name);

    if (node == NULL) {
        node = mem_alloc(1, sizeof *node);
        node->name = mem_copy_text(name);
        (void)map_put(&census->nodes, name, node);
    }
    return node;
}

static void occupy(struct census *census, struct census_pod *pod, const char *node_name) {
    struct census_node *node = node_of(census, node_name);

    amounts_add_all(&node->used, &pod->requests);
    node->load = fit_load_of(&node->used);
    pod->occupies = mem_copy_text(node_name);
}

static void vacate(struct census *census, struct census_pod *pod) {
    struct census_node *node = node_of(census, pod->occupies);

    for (size_t i = 0; i < pod->requests.count; i++) {
        const struct amount *amount = &pod->requests.items[i];

        amounts_add(&node->used, amount->name, -amount->value, amount->binary);
    }
    node->load = fit_load_of(&node->used);
    free(pod->occupies);
    pod->occupies = NULL;
}

static struct census_pod *pod_create(struct census *census, const struct sim_change *change) {
    struct census_pod *pod = mem_alloc(1, sizeof *pod);

    pod->serial = ++census->serial;
    pod->key = mem_join(change->namespace, change->name);
    pod_requests(change->object, &pod->requests);
    amounts_set(&pod->requests, "pods", 1, false);
    (void)map_put(&census->pods, pod->key, pod);
    return pod;
}

static void pod_changed(struct census *census, const struct sim_change *change) {
    struct census_pod *pod = census_find_pod(census, change->namespace, change->name);
    const char *node = pod_finished(change->object) ? NULL : pod_node(change->object);

    if (change->type == SIM_DELETED) {
        node = NULL;
    } else if (pod == NULL) {
        pod = pod_create(census, change);
    }
    if (pod == NULL) {
        return;
    }
    if (pod->occupies != NULL && (node == NULL || strcmp(node, pod->occupies) != 0)) {
        vacate(census, pod);
    }
    if (pod->occupies == NULL && node != NULL) {
        occupy(census, pod, node);
    }
    if (change->type == SIM_DELETED) {
        (void)map_remove(&census->pods, pod->key);
        pod_destroy(pod);
        return;
    }
    json_decref(pod->object);
    pod->object = json_incref(change->object);
}

static void node_changed(struct census *census, const struct sim_change *change) {
    struct census_node *node = node_of(census, change->name);

    json_decref(node->object);
    node->object = change->type == SIM_DELETED ? NULL : json_incref(change->object);
    amounts_finish(&node->allocatable);
    amounts_add_readable(&node->allocatable, tree_at(node->object, "status/allocatable"));
    node->room = fit_load_of(&node->allocatable);
}

void census_on_change(struct census *census, const struct sim_change *change) {
    if (change->resource->id == SIM_PODS) {
        pod_changed(census, change);
    } else if (change->resource->id == SIM_NODES) {
        node_changed(census, change);
    }
}

static bool verify_pods(const struct census *census, const struct sim_store *store,
                        struct error *error) {
    const struct map_entry *entry;

    if (census->pods.count != sim_store_count(store, SIM_PODS, NULL)) {
        (void)error_set(error, ERR_CORRUPT, "the census has %zu pods, the store %zu",
                        census->pods.count, sim_store_count(store, SIM_PODS, NULL));
        return false;
    }
    for (size_t at = 0; (entry = map_next(&census->pods, &at)) != NULL;) {
        const struct census_pod *pod = entry->value;

        if (sim_store_get(store, SIM_PODS, tree_namespace(pod->object), tree_name(pod->object)) !=
            pod->object) {
            (void)error_set(error, ERR_CORRUPT, "the census has an old version of pod %s",
                            entry->text);
            return false;
        }
    }
    return true;
}

static bool verify_node(const struct census_node *node, struct error *error) {
    for (size_t i = 0; node->object != NULL && i < node->used.count; i++) {
        const struct amount *used = &node->used.items[i];

        if (used->value < 0 || used->value > amounts_value(&node->allocatable, used->name)) {
            (void)error_set(error, ERR_CORRUPT, "node %s holds %lld of %s and has %lld", node->name,
                            (long long)used->value, used->name,
                            (long long)amounts_value(&node->allocatable, used->name));
            return false;
        }
    }
    return true;
}

bool census_verify(const struct census *census, const struct sim_store *store,
                   struct error *error) {
    const struct map_entry *entry;

    if (!verify_pods(census, store, error)) {
        return false;
    }
    for (size_t at = 0; (entry = map_next(&census->nodes, &at)) != NULL;) {
        if (!verify_node(entry->value, error)) {
            return false;
        }
    }
    return true;
}
