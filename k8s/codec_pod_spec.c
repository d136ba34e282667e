#include "k8s/codec_pod_spec.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_rules.h"

#define ENTRY_COUNT_MAX 1024

struct reading {
    struct resource_names *names;
    enum codec_names mode;
    struct pod_demand *pod;
    struct field_error *error;
};

int codec_resource_read(const struct json_at *quantity, struct resource_names *names,
                        enum codec_names mode, size_t *out_kind, int64_t *out_amount,
                        struct field_error *error) {
    size_t kind = resource_find(names, quantity->key);
    int64_t amount = 0;
    int r = kind == RESOURCE_CPU ? json_get_milli(quantity, &amount, error)
                                 : json_get_units(quantity, &amount, error);

    if (r < 0) {
        return r;
    }
    if (amount < 0) {
        return json_fail(quantity, error, ERR_INVALID, "must not be negative");
    }
    if (kind == RESOURCE_NONE && (amount > 0 || mode == CODEC_NAMES_STRICT)) {
        r = resource_intern(names, quantity->key, &kind);
        if (r < 0 && mode == CODEC_NAMES_STRICT) {
            return json_fail(quantity, error, r,
                             r == ERR_FULL ? "too many kinds of resources (%s)"
                                           : "%s is not the name of a resource",
                             quantity->key);
        }
        kind = r < 0 ? RESOURCE_NONE : kind;
    }
    *out_kind = kind;
    *out_amount = amount;
    return OK;
}

static int read_list(struct reading *reading, const struct json_at *list,
                     struct container_demand *container,
                     void (*add)(struct container_demand *, size_t, int64_t)) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(list, reading->error);

    while (r == OK && json_next(list, &iterator, &member)) {
        size_t kind;
        int64_t amount;

        r = codec_resource_read(&member, reading->names, reading->mode, &kind, &amount,
                                reading->error);
        if (r == OK && kind != RESOURCE_NONE && kind != RESOURCE_PODS && json_is_there(&member)) {
            add(container, kind, amount);
        }
    }
    return r;
}

static int read_resources(struct reading *reading, const struct json_at *at,
                          struct container_demand *container) {
    struct json_at requests = json_at_key(at, "requests");
    struct json_at limits = json_at_key(at, "limits");
    int r = json_expect_object(at, reading->error);

    r = r < 0 ? r : read_list(reading, &requests, container, container_demand_request);
    return r < 0 ? r : read_list(reading, &limits, container, container_demand_limit);
}

static int read_container(struct reading *reading, const struct json_at *at,
                          enum container_kind kind) {
    struct json_at resources = json_at_key(at, "resources");
    struct json_at policy = json_at_key(at, "restartPolicy");
    const char *restart = "";
    int r = json_expect_object(at, reading->error);

    r = r < 0 ? r : json_get_text(&policy, &restart, reading->error);
    if (r < 0) {
        return r;
    }
    if (kind == CONTAINER_INIT && strcmp(restart, "Always") == 0) {
        kind = CONTAINER_SIDECAR;
    }
    return read_resources(reading, &resources, pod_demand_add_container(reading->pod, kind));
}

static int read_containers(struct reading *reading, const struct json_at *at,
                           enum container_kind kind) {
    size_t count = 0;
    int r = json_get_count(at, ENTRY_COUNT_MAX, &count, reading->error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_container(reading, &item, kind);
    }
    return r;
}

static int read_overhead(struct reading *reading, const struct json_at *at) {
    struct container_demand sum = {0};
    int r = read_list(reading, at, &sum, container_demand_request);

    reading->pod->overhead = sum.requests;
    return r;
}

static int read_selector(struct reading *reading, const struct json_at *at) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reading->error);

    while (r == OK && json_next(at, &iterator, &member)) {
        const char *value = "";

        r = json_get_text(&member, &value, reading->error);
        if (r == OK) {
            pod_demand_add_selector(reading->pod, member.key, value);
        }
    }
    return r;
}

static int read_effect(struct reading *reading, const struct json_at *at,
                       enum taint_effect *out_effect) {
    static const struct {
        const char *name;
        enum taint_effect effect;
    } effects[] = {{"", TAINT_ANY_EFFECT},
                   {"NoSchedule", TAINT_NO_SCHEDULE},
                   {"PreferNoSchedule", TAINT_PREFER_NO_SCHEDULE},
                   {"NoExecute", TAINT_NO_EXECUTE}};
    const char *text = "";
    int r = json_get_text(at, &text, reading->error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(effects); i++) {
        if (strcmp(text, effects[i].name) == 0) {
            *out_effect = effects[i].effect;
            return OK;
        }
    }
    return r < 0 ? r
                 : json_fail(at, reading->error, ERR_INVALID,
                             "\"%s\" is none of NoSchedule, PreferNoSchedule, NoExecute", text);
}

static int read_toleration(struct reading *reading, const struct json_at *at) {
    struct json_at key_at = json_at_key(at, "key");
    struct json_at value_at = json_at_key(at, "value");
    struct json_at operator_at = json_at_key(at, "operator");
    struct json_at effect_at = json_at_key(at, "effect");
    struct toleration toleration = {0};
    const char *key = "";
    const char *value = "";
    const char *operator= "";
    int r = json_get_text(&key_at, &key, reading->error);

    r = r < 0 ? r : json_get_text(&value_at, &value, reading->error);
    r = r < 0 ? r : json_get_text(&operator_at, &operator, reading->error);
    r = r < 0 ? r : read_effect(reading, &effect_at, &toleration.effect);
    if (r < 0) {
        return r;
    }
    toleration.key = mem_copy_text(key);
    toleration.value = mem_copy_text(value);
    toleration.exists = strcmp(operator, "Exists") == 0;
    pod_demand_add_toleration(reading->pod, &toleration);
    free(toleration.key);
    free(toleration.value);
    return OK;
}

static int read_tolerations(struct reading *reading, const struct json_at *at) {
    size_t count = 0;
    int r = json_get_count(at, ENTRY_COUNT_MAX, &count, reading->error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);

        r = read_toleration(reading, &item);
    }
    return r;
}

static int read_affinity(struct reading *reading, const struct json_at *at) {
    struct json_at node = json_at_key(at, "nodeAffinity");
    struct json_at required = json_at_key(&node, "requiredDuringSchedulingIgnoredDuringExecution");
    struct json_at terms = json_at_key(&required, "nodeSelectorTerms");
    size_t count = 0;
    int r = json_get_count(&terms, ENTRY_COUNT_MAX, &count, reading->error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&terms, i);
        struct json_at labels = json_at_key(&item, "matchExpressions");
        struct json_at fields = json_at_key(&item, "matchFields");
        struct match_term *term = pod_demand_add_term(reading->pod);

        r = codec_match_rules_read(&labels, false, term, reading->error);
        r = r < 0 ? r : codec_match_rules_read(&fields, true, term, reading->error);
    }
    return r;
}

int codec_pod_spec_read(const struct json_at *spec, struct resource_names *names,
                        enum codec_names mode, struct pod_demand *out_pod,
                        struct field_error *error) {
    struct reading reading = {names, mode, out_pod, error};
    struct json_at inits = json_at_key(spec, "initContainers");
    struct json_at mains = json_at_key(spec, "containers");
    struct json_at level = json_at_key(spec, "resources");
    struct json_at overhead = json_at_key(spec, "overhead");
    struct json_at selector = json_at_key(spec, "nodeSelector");
    struct json_at tolerations = json_at_key(spec, "tolerations");
    struct json_at affinity = json_at_key(spec, "affinity");
    struct json_at priority = json_at_key(spec, "priorityClassName");
    struct json_at deadline = json_at_key(spec, "activeDeadlineSeconds");
    const char *priority_class = NULL;
    int r = json_expect_object(spec, error);

    r = r < 0 ? r : read_containers(&reading, &inits, CONTAINER_INIT);
    r = r < 0 ? r : read_containers(&reading, &mains, CONTAINER_MAIN);
    r = r < 0 ? r : read_resources(&reading, &level, &out_pod->pod_level);
    r = r < 0 ? r : read_overhead(&reading, &overhead);
    r = r < 0 ? r : read_selector(&reading, &selector);
    r = r < 0 ? r : read_tolerations(&reading, &tolerations);
    r = r < 0 ? r : read_affinity(&reading, &affinity);
    r = r < 0 ? r : json_get_text(&priority, &priority_class, error);
    r = r < 0 ? r : codec_pod_rules_read(spec, out_pod, error);
    if (r == OK) {
        pod_demand_set_priority_class(out_pod, priority_class);
        pod_demand_tolerate_pressure(out_pod);
        out_pod->has_run_deadline = json_is_there(&deadline);
    }
    return r;
}
