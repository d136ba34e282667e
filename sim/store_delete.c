#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sim/json.h"
#include "sim/pod.h"
#include "sim/status.h"
#include "sim/store_inside.h"

#define COLLECT_MAX       256
#define POD_GRACE_SECONDS 30

static json_t *check_preconditions(const struct sim_delete *request, const json_t *object) {
    const struct sim_resource *resource = sim_resource(request->id);
    const char *uid = sim_json_text(object, "metadata.uid");
    const char *version = sim_json_text(object, "metadata.resourceVersion");
    json_t *status = NULL;

    if (request->uid != NULL && strcmp(request->uid, uid) != 0) {
        status = sim_status(
            409, "Conflict", resource, request->name,
            "Operation cannot be fulfilled on %s \"%s\": the UID in the precondition (%s) does not "
            "match the UID in record (%s). The object might have been deleted and then recreated",
            resource->kind, request->name, request->uid, uid);
    } else if (request->version != NULL && strcmp(request->version, version) != 0) {
        status = sim_status(
            409, "Conflict", resource, request->name,
            "Operation cannot be fulfilled on %s \"%s\": the ResourceVersion in the precondition "
            "(%s) does not match the ResourceVersion in record (%s). The object might have been "
            "modified",
            resource->kind, request->name, request->version, version);
    }
    if (status != NULL) {
        sim_json_set_text(json_object_get(status, "details"), "kind", resource->kind);
    }
    return status;
}

static int64_t pod_grace(const struct sim_delete *request, const json_t *pod) {
    const char *node = sim_json_text(pod, "spec.nodeName");

    if (node == NULL || node[0] == '\0' || sim_pod_is_finished(pod)) {
        return 0;
    }
    if (request->grace_seconds >= 0) {
        return request->grace_seconds;
    }
    return sim_json_int(pod, "spec.terminationGracePeriodSeconds", POD_GRACE_SECONDS);
}

/* The object with deletionTimestamp = now + grace. New. */
static json_t *marked(const json_t *object, int64_t grace_seconds, int64_t now_us,
                      bool show_grace) {
    json_t *copy = sim_json_copy(object);
    json_t *metadata = json_copy(json_object_get(object, "metadata"));

    json_object_set_new(copy, "metadata", metadata);
    sim_json_set_time(metadata, "deletionTimestamp", now_us + grace_seconds * CLOCK_US_PER_SECOND);
    if (show_grace) {
        sim_json_set_int(metadata, "deletionGracePeriodSeconds", grace_seconds);
    }
    return copy;
}

static json_t *mark(struct sim_store *store, const struct sim_delete *request, const json_t *object,
                    int64_t grace_seconds, bool show_grace) {
    json_t *next = marked(object, grace_seconds, request->now_us, show_grace);

    return sim_store_commit(store, SIM_MODIFIED, request->id, request->namespace, request->name,
                            next, request->now_us);
}

static struct sim_answer delete_pod(struct sim_store *store, const struct sim_delete *request,
                                    const json_t *pod) {
    int64_t grace = pod_grace(request, pod);
    int64_t left = sim_json_int(pod, "metadata.deletionGracePeriodSeconds", INT64_MAX);
    json_t *next;

    if (grace > 0 && left <= grace) {
        return sim_answer_accept(200,
                                 sim_store_get(store, SIM_PODS, request->namespace, request->name));
    }
    next = mark(store, request, pod, grace, true);
    if (grace > 0 || !sim_store_may_go(next)) {
        return sim_answer_accept(200, next);
    }
    return sim_store_remove(store, SIM_PODS, request->namespace, request->name, request->now_us);
}

static struct sim_answer delete_namespace(struct sim_store *store, const struct sim_delete *request,
                                          const json_t *namespace) {
    json_t *next;

    if (sim_json_at(namespace, "metadata.deletionTimestamp") != NULL) {
        return sim_answer_accept(200, sim_store_get(store, SIM_NAMESPACES, "", request->name));
    }
    next = marked(namespace, 0, request->now_us, false);
    json_object_set_new(next, "status", json_pack("{s:s}", "phase", "Terminating"));
    store->terminating_namespaces++;
    return sim_answer_accept(200, sim_store_commit(store, SIM_MODIFIED, SIM_NAMESPACES, "",
                                                   request->name, next, request->now_us));
}

/* These answer with the object, all others with a Status. */
static bool returns_object(enum sim_resource_id id) {
    return id == SIM_SERVICEACCOUNTS || id == SIM_RESOURCEQUOTAS ||
           id == SIM_PERSISTENTVOLUMECLAIMS;
}

static struct sim_answer delete_plain(struct sim_store *store, const struct sim_delete *request,
                                      const json_t *object) {
    const struct sim_resource *resource = sim_resource(request->id);
    struct sim_answer answer;
    json_t *status;

    if (!sim_store_may_go(object)) {
        if (sim_json_at(object, "metadata.deletionTimestamp") != NULL) {
            return sim_answer_accept(
                200, sim_store_get(store, request->id, request->namespace, request->name));
        }
        return sim_answer_accept(200, mark(store, request, object, 0, true));
    }
    answer =
        sim_store_remove(store, request->id, request->namespace, request->name, request->now_us);
    if (returns_object(request->id)) {
        return answer;
    }
    status = sim_status_success(200);
    json_object_set_new(status, "details",
                        json_pack("{s:s, s:s, s:s}", "name", request->name, "kind",
                                  resource->plural, "uid",
                                  sim_json_text(answer.body, "metadata.uid")));
    if (resource->group[0] != '\0') {
        sim_json_set_text(json_object_get(status, "details"), "group", resource->group);
    }
    sim_answer_finish(&answer);
    return (struct sim_answer){.code = 200, .body = status};
}

static void orphan_one(struct sim_store *store, const struct sim_ref *ref, const char *uid,
                       int64_t now_us) {
    json_t *object = sim_store_get(store, ref->id, ref->namespace, ref->name);
    json_t *copy;
    json_t *references;

    if (object == NULL) {
        return;
    }
    copy = json_deep_copy(object);
    references = sim_json_at(copy, "metadata.ownerReferences");
    for (size_t i = json_array_size(references); i-- > 0;) {
        const char *of = sim_json_text(json_array_get(references, i), "uid");

        if (of != NULL && strcmp(of, uid) == 0) {
            json_array_remove(references, i);
        }
    }
    (void)sim_store_put_raw(store, ref->id, ref->namespace, ref->name, copy, now_us);
    json_decref(copy);
}

static void orphan(struct sim_store *store, const char *uid, int64_t now_us) {
    const struct sim_ref *refs = NULL;
    size_t count;

    while ((count = sim_owners_dependents(&store->owners, uid, &refs)) > 0) {
        struct sim_ref ref = {.id = refs[0].id,
                              .namespace = mem_copy_text(refs[0].namespace),
                              .name = mem_copy_text(refs[0].name)};

        orphan_one(store, &ref, uid, now_us);
        sim_ref_finish(&ref);
        if (sim_owners_dependents(&store->owners, uid, &refs) >= count) {
            return; /* It can't be let go: never loop. */
        }
    }
}

static struct sim_answer delete_kind(struct sim_store *store, const struct sim_delete *request,
                                     const json_t *object) {
    switch (request->id) {
    case SIM_PODS:
        return delete_pod(store, request, object);
    case SIM_NAMESPACES:
        return delete_namespace(store, request, object);
    default:
        return delete_plain(store, request, object);
    }
}

struct sim_answer sim_store_delete(struct sim_store *store, const struct sim_delete *request) {
    struct sim_version *old = sim_store_find(store, request->id, request->namespace, request->name);
    struct sim_answer answer;
    json_t *refusal;

    if (old == NULL) {
        return sim_answer_refuse(sim_status_not_found(sim_resource(request->id), request->name));
    }
    refusal = check_preconditions(request, old->object);
    if (refusal != NULL) {
        return sim_answer_refuse(refusal);
    }
    if (request->dry_run) {
        return sim_answer_accept(200, old->object);
    }
    sim_version_share(old);
    if (request->orphan) {
        orphan(store, sim_json_text(old->object, "metadata.uid"), request->now_us);
    }
    answer = delete_kind(store, request, old->object);
    sim_version_drop(old);
    return answer;
}

/* Collecting. */

static void delete_ref(struct sim_store *store, const struct sim_ref *ref, int64_t now_us) {
    struct sim_delete request = {
        .id = ref->id,
        .namespace = ref->namespace,
        .name = ref->name,
        .now_us = now_us,
        .grace_seconds = SIM_GRACE_DEFAULT,
    };
    struct sim_answer answer = sim_store_delete(store, &request);

    sim_answer_finish(&answer);
}

/* One object of this namespace that isn't going yet; the caller finishes *out_ref. */
static bool find_staying(const struct sim_store *store, const char *namespace,
                         struct sim_ref *out_ref) {
    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        struct sim_walk walk = {0};
        const json_t *object;

        if (!sim_resource((enum sim_resource_id)id)->namespaced) {
            continue;
        }
        while ((object = sim_store_next(store, (enum sim_resource_id)id, namespace, &walk)) !=
               NULL) {
            if (sim_json_at(object, "metadata.deletionTimestamp") == NULL) {
                *out_ref =
                    (struct sim_ref){.id = (enum sim_resource_id)id,
                                     .namespace = mem_copy_text(namespace),
                                     .name = mem_copy_text(sim_json_text(object, "metadata.name"))};
                return true;
            }
        }
    }
    return false;
}

static bool is_empty(const struct sim_store *store, const char *namespace) {
    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        if (sim_resource((enum sim_resource_id)id)->namespaced &&
            sim_store_count(store, (enum sim_resource_id)id, namespace) > 0) {
            return false;
        }
    }
    return true;
}

/* True while there is more to do at once. */
static bool empty_namespace(struct sim_store *store, const char *name, int64_t now_us) {
    struct sim_ref ref;

    for (size_t done = 0; done < COLLECT_MAX; done++) {
        if (!find_staying(store, name, &ref)) {
            break;
        }
        delete_ref(store, &ref, now_us);
        sim_ref_finish(&ref);
    }
    if (is_empty(store, name)) {
        struct sim_answer gone = sim_store_remove(store, SIM_NAMESPACES, "", name, now_us);

        sim_answer_finish(&gone);
        store->terminating_namespaces--;
        return true;
    }
    if (!find_staying(store, name, &ref)) {
        return false; /* The rest waits for its grace to end. */
    }
    sim_ref_finish(&ref);
    return true;
}

static bool empty_namespaces(struct sim_store *store, int64_t now_us) {
    struct sim_walk walk = {0};
    const json_t *namespace;

    if (store->terminating_namespaces == 0) {
        return false;
    }
    while ((namespace = sim_store_next(store, SIM_NAMESPACES, "", &walk)) != NULL) {
        if (sim_json_at(namespace, "metadata.deletionTimestamp") != NULL) {
            char *name = mem_copy_text(sim_json_text(namespace, "metadata.name"));
            bool more = empty_namespace(store, name, now_us);

            free(name);
            if (more) {
                return true;
            }
        }
    }
    return false;
}

bool sim_store_collect(struct sim_store *store, int64_t now_us) {
    struct sim_ref ref;

    for (size_t done = 0; done < COLLECT_MAX; done++) {
        const json_t *object;

        if (!sim_owners_next(&store->owners, &ref)) {
            return empty_namespaces(store, now_us);
        }
        object = sim_store_get(store, ref.id, ref.namespace, ref.name);
        if (object != NULL && sim_owners_abandoned(&store->owners, object)) {
            delete_ref(store, &ref, now_us);
        }
        sim_ref_finish(&ref);
    }
    return true;
}
