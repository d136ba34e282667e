#include "sim/store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "base/rng.h"
#include "sim/builtin.h"
#include "sim/collection.h"
#include "sim/json.h"
#include "sim/meta.h"
#include "sim/owners.h"
#include "sim/status.h"
#include "sim/store_inside.h"
#include "sim/strategy.h"
#include "sim/version.h"

struct sim_store *sim_store_create(const struct sim_store_options *options) {
    struct sim_store *store = mem_alloc(1, sizeof *store);

    for (size_t i = 0; i < SIM_RESOURCE_COUNT; i++) {
        sim_collection_init(&store->collections[i], options->log_entries_max > 0
                                                        ? options->log_entries_max
                                                        : LIMIT_SIM_LOG_ENTRIES);
    }
    rng_init(&store->rng, options->seed);
    store->version = 1;
    return store;
}

void sim_store_destroy(struct sim_store *store) {
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < SIM_RESOURCE_COUNT; i++) {
        sim_collection_finish(&store->collections[i]);
    }
    sim_owners_finish(&store->owners);
    free(store);
}

void sim_store_set_admission(struct sim_store *store, const struct sim_admission *admission) {
    store->admission = *admission;
}

void sim_store_observe(struct sim_store *store, const struct sim_observer *observer) {
    ENSURE(store->observer_count < ARRAY_LEN(store->observers));
    store->observers[store->observer_count++] = *observer;
}

/* Reading. */

struct sim_version *sim_store_find(const struct sim_store *store, enum sim_resource_id id,
                                   const char *namespace, const char *name) {
    return sim_collection_get(&store->collections[id], namespace, name);
}

struct json_t *sim_store_get(const struct sim_store *store, enum sim_resource_id id,
                             const char *namespace, const char *name) {
    const struct sim_version *version = sim_store_find(store, id, namespace, name);

    return version == NULL ? NULL : version->object;
}

struct json_t *sim_store_next(const struct sim_store *store, enum sim_resource_id id,
                              const char *namespace, struct sim_walk *walk) {
    const struct sim_collection *collection = &store->collections[id];

    if (namespace != NULL) {
        const struct sim_shelf *shelf = sim_collection_shelf(collection, namespace);

        return shelf == NULL || walk->at >= shelf->count ? NULL
                                                         : shelf->slots[walk->at++].version->object;
    }
    for (; walk->shelf < collection->shelf_count; walk->shelf++, walk->at = 0) {
        const struct sim_shelf *shelf = &collection->shelves[walk->shelf];

        if (walk->at < shelf->count) {
            return shelf->slots[walk->at++].version->object;
        }
    }
    return NULL;
}

size_t sim_store_count(const struct sim_store *store, enum sim_resource_id id,
                       const char *namespace) {
    const struct sim_shelf *shelf;

    if (namespace == NULL) {
        return store->collections[id].count;
    }
    shelf = sim_collection_shelf(&store->collections[id], namespace);
    return shelf == NULL ? 0 : shelf->count;
}

int64_t sim_store_version(const struct sim_store *store) {
    return store->version;
}

const struct sim_collection *sim_store_collection(const struct sim_store *store,
                                                  enum sim_resource_id id) {
    return &store->collections[id];
}

void sim_store_compact(struct sim_store *store) {
    for (size_t i = 0; i < SIM_RESOURCE_COUNT; i++) {
        sim_collection_compact(&store->collections[i], store->version);
    }
}

/* Storing. */

void sim_answer_finish(struct sim_answer *answer) {
    json_decref(answer->body);
    *answer = (struct sim_answer){0};
}

struct sim_answer sim_answer_refuse(json_t *status_take) {
    return (struct sim_answer){.code = sim_status_code(status_take), .body = status_take};
}

struct sim_answer sim_answer_accept(int code, json_t *object) {
    return (struct sim_answer){.code = code, .body = json_incref(object)};
}

static void notify(struct sim_store *store, const struct sim_change *change) {
    sim_owners_note(&store->owners, change);
    store->notifying = true;
    for (size_t i = 0; i < store->observer_count; i++) {
        store->observers[i].on_change(store->observers[i].context, change);
    }
    store->notifying = false;
}

json_t *sim_store_commit(struct sim_store *store, enum sim_change_type type,
                         enum sim_resource_id id, const char *namespace, const char *name,
                         json_t *object_take, int64_t now_us) {
    struct sim_collection *collection = &store->collections[id];
    struct sim_version *old = sim_collection_get(collection, namespace, name);
    struct sim_version *version;
    struct sim_change change;

    ENSURE(!store->notifying);
    store->version++;
    sim_meta_set_version(object_take, store->version);
    version = sim_version_create(object_take, store->version);
    if (old != NULL) {
        sim_version_share(old);
    }
    sim_collection_put(collection, namespace, name, type == SIM_DELETED ? NULL : version);
    sim_collection_log(collection, type, namespace, store->version, version, old);
    change = (struct sim_change){
        .type = type,
        .resource = sim_resource(id),
        .namespace = namespace,
        .name = name,
        .version = store->version,
        .object = version->object,
        .old = old == NULL ? NULL : old->object,
        .now_us = now_us,
    };
    notify(store, &change);
    sim_version_drop(old);
    sim_version_drop(version); /* The log still holds it. */
    return object_take;
}

/* Creating. */

static json_t *run_hook(json_t *(*hook)(void *, struct sim_attempt *), void *context,
                        struct sim_attempt *attempt) {
    return hook == NULL ? NULL : hook(context, attempt);
}

static json_t *run_validate(const struct sim_store *store, const struct sim_attempt *attempt) {
    if (store->admission.validate == NULL) {
        return NULL;
    }
    return store->admission.validate(store->admission.context, attempt);
}

/* Everything between decoding and storing; NULL or an owned Status. */
static json_t *admit(struct sim_store *store, struct sim_attempt *attempt) {
    json_t *refusal = sim_builtin_admit(store, attempt);

    if (refusal == NULL) {
        refusal = run_hook(store->admission.mutate, store->admission.context, attempt);
    }
    if (refusal == NULL && attempt->old == NULL) {
        sim_strategy_begin_status(attempt->resource, attempt->object);
    }
    if (refusal == NULL) {
        refusal =
            sim_strategy_validate(attempt->resource, attempt->name, attempt->old, attempt->object);
    }
    if (refusal == NULL) {
        refusal = run_validate(store, attempt);
    }
    return refusal;
}

/* "10.96.0.1" upwards, from the object's number: unique until 16 million services. */
static void give_cluster_ip(struct sim_store *store, json_t *service) {
    json_t *spec = json_object_get(service, "spec");
    const char *ip = sim_json_text(spec, "clusterIP");
    unsigned number = (unsigned)store->version;
    char text[32];

    if (ip != NULL && ip[0] != '\0') {
        return;
    }
    snprintf(text, sizeof text, "10.%u.%u.%u", 96 + (number >> 16) % 16, (number >> 8) & 255,
             number & 255);
    sim_json_set_text(spec, "clusterIP", text);
    json_object_set_new(spec, "clusterIPs", json_pack("[s]", text));
}

static void complete(struct sim_store *store, const struct sim_attempt *attempt) {
    json_t *metadata = json_object_get(attempt->object, "metadata");

    sim_meta_begin(metadata, &store->rng, attempt->now_us);
    if (attempt->resource->has_generation) {
        sim_json_set_int(metadata, "generation", 1);
    }
    if (attempt->resource->id == SIM_SERVICES) {
        give_cluster_ip(store, attempt->object);
    }
}

static struct sim_answer store_new(struct sim_store *store, struct sim_attempt *attempt,
                                   json_t *draft) {
    enum sim_resource_id id = attempt->resource->id;
    json_t *refusal = admit(store, attempt);
    json_t *object;

    if (refusal == NULL && sim_store_find(store, id, attempt->namespace, attempt->name) != NULL) {
        refusal = sim_status_exists(attempt->resource, attempt->name);
    }
    if (refusal != NULL) {
        return sim_answer_refuse(refusal);
    }
    complete(store, attempt);
    object = sim_meta_ordered(attempt->resource, draft);
    if (attempt->dry_run) {
        return (struct sim_answer){.code = 201, .body = object};
    }
    object = sim_store_commit(store, SIM_ADDED, id, attempt->namespace, attempt->name, object,
                              attempt->now_us);
    json_incref(object); /* Filling a namespace writes too. */
    if (id == SIM_NAMESPACES) {
        sim_builtin_fill_namespace(store, attempt->name, attempt->now_us);
    }
    return (struct sim_answer){.code = 201, .body = object};
}

struct sim_answer sim_store_post(struct sim_store *store, const struct sim_write *write,
                                 const struct json_t *object) {
    return sim_store_post_take(store, write, json_deep_copy(object));
}

struct sim_answer sim_store_post_take(struct sim_store *store, const struct sim_write *write,
                                      struct json_t *object_take) {
    const struct sim_resource *resource = sim_resource(write->id);
    json_t *draft = object_take;
    struct sim_attempt attempt = {
        .resource = resource,
        .namespace = write->namespace,
        .subresource = "",
        .object = draft,
        .user = write->user,
        .now_us = write->now_us,
        .dry_run = write->dry_run,
    };
    json_t *refusal = sim_meta_check_new(resource, write->namespace, draft);
    struct sim_answer answer;
    char *name = NULL;

    if (refusal == NULL) {
        refusal = sim_strategy_decode(resource, draft);
    }
    if (refusal == NULL) {
        name = sim_meta_name(draft, &store->rng);
        sim_strategy_default(resource, draft);
        refusal = name == NULL ? sim_meta_no_name(resource) : NULL;
    }
    attempt.name = name;
    answer = refusal != NULL ? sim_answer_refuse(refusal) : store_new(store, &attempt, draft);
    free(name);
    json_decref(draft);
    return answer;
}

/* Replacing. */

bool sim_store_may_go(const json_t *object) {
    return json_array_size(sim_json_at(object, "metadata.finalizers")) == 0;
}

struct sim_answer sim_store_remove(struct sim_store *store, enum sim_resource_id id,
                                   const char *namespace, const char *name, int64_t now_us) {
    json_t *last = json_copy(sim_store_get(store, id, namespace, name));
    struct sim_answer answer;

    json_object_set_new(last, "metadata", json_copy(json_object_get(last, "metadata")));
    answer = sim_answer_accept(200, last);
    (void)sim_store_commit(store, SIM_DELETED, id, namespace, name, last, now_us);
    return answer;
}

/* Store the attempt's object over the old one, if it differs. */
static struct sim_answer store_changed(struct sim_store *store, const struct sim_attempt *attempt,
                                       json_t *object_take) {
    enum sim_resource_id id = attempt->resource->id;
    const json_t *old = attempt->old;
    bool going = sim_json_at(object_take, "metadata.deletionTimestamp") != NULL;
    struct sim_answer answer;

    if (attempt->resource->has_generation) {
        sim_meta_count_generation(old, object_take);
    }
    if (json_equal(old, object_take) || attempt->dry_run) {
        return (struct sim_answer){.code = 200, .body = object_take};
    }
    json_incref(object_take);
    (void)sim_store_commit(store, SIM_MODIFIED, id, attempt->namespace, attempt->name, object_take,
                           attempt->now_us);
    answer = (struct sim_answer){.code = 200, .body = object_take};
    if (going && sim_store_may_go(object_take) &&
        (id != SIM_PODS ||
         sim_json_int(object_take, "metadata.deletionGracePeriodSeconds", 0) == 0) &&
        id != SIM_NAMESPACES) {
        struct sim_answer gone =
            sim_store_remove(store, id, attempt->namespace, attempt->name, attempt->now_us);

        sim_answer_finish(&gone);
    }
    return answer;
}

static struct sim_answer replace(struct sim_store *store, const struct sim_write *write,
                                 const char *name, const json_t *old, json_t *draft) {
    const struct sim_resource *resource = sim_resource(write->id);
    bool status_only = write->subresource != NULL && strcmp(write->subresource, "status") == 0;
    struct sim_attempt attempt = {
        .resource = resource,
        .namespace = write->namespace,
        .name = name,
        .subresource = status_only ? "status" : "",
        .old = old,
        .user = write->user,
        .now_us = write->now_us,
        .dry_run = write->dry_run,
    };
    json_t *refusal = sim_strategy_decode(resource, draft);
    struct sim_answer answer;

    if (refusal == NULL) {
        sim_strategy_default(resource, draft);
        attempt.object = sim_meta_merge(resource, old, draft, status_only);
        refusal = admit(store, &attempt);
    }
    if (refusal != NULL) {
        json_decref(attempt.object);
        return sim_answer_refuse(refusal);
    }
    answer = store_changed(store, &attempt, attempt.object);
    return answer;
}

struct sim_answer sim_store_put(struct sim_store *store, const struct sim_write *write,
                                const struct json_t *object) {
    const struct sim_resource *resource = sim_resource(write->id);
    const char *name = write->name != NULL ? write->name : sim_json_text(object, "metadata.name");
    struct sim_version *old;
    struct sim_answer answer;
    json_t *draft;
    json_t *refusal;

    if (name == NULL) {
        return sim_answer_refuse(sim_meta_no_name(resource));
    }
    old = sim_store_find(store, write->id, write->namespace, name);
    if (old == NULL) {
        return resource->upsert && write->subresource == NULL
                   ? sim_store_post(store, write, object)
                   : sim_answer_refuse(sim_status_not_found(resource, name));
    }
    refusal = sim_meta_check_update(resource, write->namespace, name, old->object, object);
    if (refusal != NULL) {
        return sim_answer_refuse(refusal);
    }
    sim_version_share(old);
    draft = json_deep_copy(object);
    answer = replace(store, write, name, old->object, draft);
    json_decref(draft);
    sim_version_drop(old);
    return answer;
}

bool sim_store_put_raw(struct sim_store *store, enum sim_resource_id id, const char *namespace,
                       const char *name, const struct json_t *object, int64_t now_us) {
    struct sim_version *old = sim_store_find(store, id, namespace, name);
    struct sim_attempt attempt = {
        .resource = sim_resource(id), .namespace = namespace, .name = name, .now_us = now_us};
    struct sim_answer answer;
    json_t *draft;

    if (old == NULL) {
        return false;
    }
    sim_version_share(old);
    attempt.old = old->object;
    draft = sim_meta_merge_raw(attempt.resource, old->object, object);
    answer = store_changed(store, &attempt, draft);
    sim_answer_finish(&answer);
    sim_version_drop(old);
    return true;
}

bool sim_store_put_status(struct sim_store *store, enum sim_resource_id id, const char *namespace,
                          const char *name, struct json_t *status, int64_t now_us) {
    const json_t *old = sim_store_get(store, id, namespace, name);
    json_t *object;
    bool stored;

    if (old == NULL) {
        return false;
    }
    if (json_equal(json_object_get(old, "status"), status)) {
        return true;
    }
    object = sim_json_copy(old);
    json_object_set(object, "status", status);
    stored = sim_store_put_raw(store, id, namespace, name, object, now_us);
    json_decref(object);
    return stored;
}

/* Binding. */

static json_t *conflict_binding(const char *name, const char *node) {
    json_t *status = sim_status(409, "Conflict", sim_resource(SIM_PODS), name,
                                "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is "
                                "already assigned to node \"%s\"",
                                name, name, node);

    sim_json_set_text(json_object_get(status, "details"), "kind", "pods/binding");
    return status;
}

static json_t *bound(const json_t *pod, const char *node, int64_t now_us) {
    json_t *copy = json_deep_copy(pod);
    json_t *status = sim_json_make_object(copy, "status");
    char at[RFC3339_BYTES_MAX];

    rfc3339_print(now_us, at);
    sim_json_set_text(sim_json_make_object(copy, "spec"), "nodeName", node);
    json_object_set_new(status, "conditions",
                        json_pack("[{s:s, s:s, s:n, s:s}]", "type", "PodScheduled", "status",
                                  "True", "lastProbeTime", "lastTransitionTime", at));
    return copy;
}

struct sim_answer sim_store_bind(struct sim_store *store, const struct sim_write *write,
                                 const char *node) {
    const json_t *pod = sim_store_get(store, SIM_PODS, write->namespace, write->name);
    const char *assigned = sim_json_text(pod, "spec.nodeName");
    json_t *copy;

    if (pod == NULL) {
        return sim_answer_refuse(sim_status_not_found(sim_resource(SIM_PODS), write->name));
    }
    if (assigned != NULL && assigned[0] != '\0') {
        return sim_answer_refuse(conflict_binding(write->name, assigned));
    }
    if (sim_json_at(pod, "metadata.deletionTimestamp") != NULL) {
        return sim_answer_refuse(sim_status_conflict(
            sim_resource(SIM_PODS), write->name,
            "pod %s is being deleted, cannot be assigned to a host", write->name));
    }
    if (!write->dry_run) {
        copy = bound(pod, node, write->now_us);
        (void)sim_store_put_raw(store, SIM_PODS, write->namespace, write->name, copy,
                                write->now_us);
        json_decref(copy);
    }
    return sim_answer_refuse(sim_status_success(201));
}
