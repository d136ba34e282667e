#include "sim/pod.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/quantities.h"
#include "sim/status.h"

static const char *const container_lists[] = {"initContainers", "containers"};
static const char *const resource_lists[] = {"limits", "requests"};

static json_t *decode_containers(json_t *containers) {
    json_t *container;
    size_t i;

    json_array_foreach(containers, i, container) {
        json_t *resources = json_object_get(container, "resources");

        for (size_t k = 0; k < ARRAY_LEN(resource_lists); k++) {
            json_t *refusal =
                sim_quantities_decode("Pod", json_object_get(resources, resource_lists[k]));

            if (refusal != NULL) {
                return refusal;
            }
        }
    }
    return NULL;
}

struct json_t *sim_pod_decode(struct json_t *pod) {
    const json_t *spec = json_object_get(pod, "spec");

    for (size_t i = 0; i < ARRAY_LEN(container_lists); i++) {
        json_t *refusal = decode_containers(json_object_get(spec, container_lists[i]));

        if (refusal != NULL) {
            return refusal;
        }
    }
    return sim_quantities_decode("Pod", json_object_get(spec, "overhead"));
}

/* Defaults. */

static bool is_latest(const char *image) {
    const char *slash = strrchr(image, '/');
    const char *tag = strrchr(slash == NULL ? image : slash, ':');

    if (strchr(image, '@') != NULL) {
        return false;
    }
    return tag == NULL || strcmp(tag, ":latest") == 0;
}

/* A limit without a request is a request too. */
static void request_what_is_limited(json_t *resources) {
    json_t *limits = json_object_get(resources, "limits");
    const char *key;
    json_t *value;

    json_object_foreach(limits, key, value) {
        json_t *requests = sim_json_make_object(resources, "requests");

        if (requests != NULL && json_object_get(requests, key) == NULL) {
            json_object_set(requests, key, value);
        }
    }
}

static void default_env(json_t *env) {
    json_t *variable;
    size_t i;

    json_array_foreach(env, i, variable) {
        json_t *field = sim_json_at(variable, "valueFrom.fieldRef");

        if (json_is_object(field)) {
            sim_json_default_text(field, "apiVersion", "v1");
        }
    }
}

static void default_container(json_t *container) {
    const char *image = sim_json_text(container, "image");
    json_t *resources = sim_json_make_object(container, "resources");
    json_t *port;
    size_t i;

    if (resources != NULL) {
        request_what_is_limited(resources);
    }
    json_array_foreach(json_object_get(container, "ports"), i, port) {
        sim_json_default_text(port, "protocol", "TCP");
    }
    default_env(json_object_get(container, "env"));
    sim_json_default_text(container, "terminationMessagePath", "/dev/termination-log");
    sim_json_default_text(container, "terminationMessagePolicy", "File");
    sim_json_default_text(container, "imagePullPolicy",
                          image == NULL || is_latest(image) ? "Always" : "IfNotPresent");
}

static void default_volumes(json_t *volumes) {
    static const char *const with_mode[] = {"configMap", "secret", "projected", "downwardAPI"};
    json_t *volume;
    size_t i;

    json_array_foreach(volumes, i, volume) {
        for (size_t k = 0; k < ARRAY_LEN(with_mode); k++) {
            json_t *source = json_object_get(volume, with_mode[k]);

            if (json_is_object(source)) {
                sim_json_default_int(source, "defaultMode", 0644);
            }
        }
    }
}

void sim_pod_default(struct json_t *pod) {
    json_t *spec = sim_json_make_object(pod, "spec");
    json_t *container;
    size_t i;

    if (spec == NULL) {
        return;
    }
    for (size_t k = 0; k < ARRAY_LEN(container_lists); k++) {
        json_array_foreach(json_object_get(spec, container_lists[k]), i, container) {
            default_container(container);
        }
    }
    default_volumes(json_object_get(spec, "volumes"));
    sim_json_default_text(spec, "restartPolicy", "Always");
    sim_json_default_int(spec, "terminationGracePeriodSeconds", 30);
    sim_json_default_text(spec, "dnsPolicy", "ClusterFirst");
    (void)sim_json_make_object(spec, "securityContext");
    sim_json_default_text(spec, "schedulerName", "default-scheduler");
    if (json_object_get(spec, "enableServiceLinks") == NULL) {
        json_object_set_new(spec, "enableServiceLinks", json_true());
    }
}

/* QoS. */

static bool asks_nothing(const json_t *container) {
    return json_object_size(sim_json_at(container, "resources.limits")) == 0 &&
           json_object_size(sim_json_at(container, "resources.requests")) == 0;
}

static bool is_guaranteed(const json_t *container) {
    static const char *const keys[] = {"cpu", "memory"};
    const json_t *limits = sim_json_at(container, "resources.limits");
    const json_t *requests = sim_json_at(container, "resources.requests");

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *limit = sim_json_text(limits, keys[i]);
        const char *request = sim_json_text(requests, keys[i]);

        if (limit == NULL || (request != NULL && sim_quantities_compare(limit, request) != 0)) {
            return false;
        }
    }
    return true;
}

const char *sim_pod_qos(const struct json_t *pod) {
    const json_t *spec = json_object_get(pod, "spec");
    bool nothing = true;
    bool guaranteed = true;
    const json_t *container;
    size_t i;

    for (size_t k = 0; k < ARRAY_LEN(container_lists); k++) {
        json_array_foreach(json_object_get(spec, container_lists[k]), i, container) {
            nothing = nothing && asks_nothing(container);
            guaranteed = guaranteed && is_guaranteed(container);
        }
    }
    return nothing ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

/* Validation. */

static void check_requests(const json_t *container, const char *field,
                           struct sim_invalid *invalid) {
    const json_t *limits = sim_json_at(container, "resources.limits");
    json_t *requests = sim_json_at(container, "resources.requests");
    const char *key;
    json_t *value;

    json_object_foreach(requests, key, value) {
        const char *request = json_string_value(value);
        const char *limit = json_string_value(json_object_get(limits, key));
        char path[160];

        if (limit == NULL || request == NULL || sim_quantities_compare(request, limit) <= 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s.resources.requests", field);
        sim_invalid_add(invalid, "FieldValueInvalid", path,
                        "Invalid value: \"%s\": must be less than or equal to %s limit", request,
                        key);
    }
}

static void check_container(const json_t *container, const char *field,
                            struct sim_invalid *invalid) {
    const char *name = sim_json_text(container, "name");
    const char *image = sim_json_text(container, "image");
    char path[160];

    if (name == NULL || name[0] == '\0') {
        snprintf(path, sizeof path, "%s.name", field);
        sim_invalid_add(invalid, "FieldValueRequired", path, "Required value");
    } else if (!text_is_dns_label(name)) {
        snprintf(path, sizeof path, "%s.name", field);
        sim_invalid_add(
            invalid, "FieldValueInvalid", path,
            "Invalid value: \"%s\": a lowercase RFC 1123 label must consist of lower case "
            "alphanumeric characters or '-', and must start and end with an alphanumeric character "
            "(e.g. 'my-name',  or '123-abc', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            name);
    }
    if (image == NULL || image[0] == '\0') {
        snprintf(path, sizeof path, "%s.image", field);
        sim_invalid_add(invalid, "FieldValueRequired", path, "Required value");
    }
    check_requests(container, field, invalid);
}

static void check_restart_policy(const json_t *spec, struct sim_invalid *invalid) {
    const char *policy = sim_json_text(spec, "restartPolicy");

    if (policy == NULL || (strcmp(policy, "Always") != 0 && strcmp(policy, "OnFailure") != 0 &&
                           strcmp(policy, "Never") != 0)) {
        sim_invalid_add(invalid, "FieldValueNotSupported", "spec.restartPolicy",
                        "Unsupported value: \"%s\": supported values: \"Always\", \"OnFailure\", "
                        "\"Never\"",
                        policy == NULL ? "" : policy);
    }
}

/* The spec with the fields blanked that an update may change. New. */
static json_t *frozen_part(const json_t *spec) {
    json_t *part = json_deep_copy(spec);
    json_t *container;
    size_t i;

    for (size_t k = 0; k < ARRAY_LEN(container_lists); k++) {
        json_array_foreach(json_object_get(part, container_lists[k]), i, container) {
            json_object_del(container, "image");
        }
    }
    json_object_del(part, "activeDeadlineSeconds");
    json_object_del(part, "tolerations");
    return part;
}

static bool keeps_tolerations(const json_t *old, const json_t *new) {
    const json_t *kept = json_object_get(old, "tolerations");
    const json_t *now = json_object_get(new, "tolerations");
    const json_t *toleration;
    size_t i;

    json_array_foreach(kept, i, toleration) {
        bool found = false;

        for (size_t k = 0; k < json_array_size(now); k++) {
            found = found || json_equal(toleration, json_array_get(now, k));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static void check_frozen(const json_t *old, const json_t *new, struct sim_invalid *invalid) {
    json_t *before = frozen_part(old);
    json_t *after = frozen_part(new);

    if (!json_equal(before, after) || !keeps_tolerations(old, new)) {
        sim_invalid_add(invalid, "FieldValueForbidden", "spec",
                        "Forbidden: pod updates may not change fields other than "
                        "`spec.containers[*].image`, `spec.initContainers[*].image`, "
                        "`spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to "
                        "existing tolerations)\n");
    }
    json_decref(before);
    json_decref(after);
}

void sim_pod_check(const struct json_t *old, const struct json_t *pod,
                   struct sim_invalid *invalid) {
    const json_t *spec = json_object_get(pod, "spec");
    const json_t *container;
    size_t i;

    if (json_array_size(json_object_get(spec, "containers")) == 0) {
        sim_invalid_add(invalid, "FieldValueRequired", "spec.containers", "Required value");
    }
    for (size_t k = 0; k < ARRAY_LEN(container_lists); k++) {
        json_array_foreach(json_object_get(spec, container_lists[k]), i, container) {
            char field[64];

            snprintf(field, sizeof field, "spec.%s[%zu]", container_lists[k], i);
            check_container(container, field, invalid);
        }
    }
    check_restart_policy(spec, invalid);
    if (old != NULL) {
        check_frozen(json_object_get(old, "spec"), spec, invalid);
    }
}

bool sim_pod_is_finished(const struct json_t *pod) {
    const char *phase = sim_json_text(pod, "status.phase");

    return phase != NULL && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
}
