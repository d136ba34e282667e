#include "sim/strategy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/pod.h"
#include "sim/quantities.h"
#include "sim/status.h"

#define CONFIGMAP_BYTES_MAX (1024 * 1024)

static const char LABEL_RULE[] =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must "
    "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
static const char SUBDOMAIN_RULE[] =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char SERVICE_RULE[] =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
static const char LABEL_VALUE_RULE[] =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
static const char LABEL_KEY_RULE[] =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/* Decoding. */

/* MicroTime: 2026-11-22T14:18:47.732141Z, six digits and no fewer. */
static bool is_micro_time(const char *text) {
    const char *shape = "dddd-dd-ddTdd:dd:dd.dddddd";
    size_t length = strlen(shape);

    if (strlen(text) <= length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (shape[i] == 'd' ? !digit : text[i] != shape[i]) {
            return false;
        }
    }
    return strcmp(text + length, "Z") == 0 || text[length] == '+' || text[length] == '-';
}

static json_t *decode_lease(const json_t *object) {
    static const char *const fields[] = {"acquireTime", "renewTime"};
    const json_t *spec = json_object_get(object, "spec");

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *text = sim_json_text(spec, fields[i]);

        if (text != NULL && !is_micro_time(text)) {
            size_t seconds = strlen("2026-01-01T00:00:00");

            return sim_status_bad_request(
                "Lease in version \"v1\" cannot be handled as a Lease: parsing time \"%s\" as "
                "\"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"%s\" as \".000000\"",
                text, strlen(text) > seconds ? text + seconds : "");
        }
    }
    return NULL;
}

struct json_t *sim_strategy_decode(const struct sim_resource *resource, struct json_t *object) {
    switch (resource->id) {
    case SIM_PODS:
        return sim_pod_decode(object);
    case SIM_LEASES:
        return decode_lease(object);
    case SIM_RESOURCEQUOTAS:
        return sim_quantities_decode(resource->kind, sim_json_at(object, "spec.hard"));
    case SIM_LIMITRANGES:
        return sim_quantities_decode_limits(object);
    case SIM_NODES:
        return sim_quantities_decode_node(object);
    default:
        return NULL;
    }
}

/* Defaults. */

static void default_service(json_t *object) {
    json_t *spec = sim_json_make_object(object, "spec");
    const char *ip;
    json_t *port;
    size_t i;

    sim_json_default_text(spec, "type", "ClusterIP");
    sim_json_default_text(spec, "sessionAffinity", "None");
    json_array_foreach(json_object_get(spec, "ports"), i, port) {
        sim_json_default_text(port, "protocol", "TCP");
        if (json_object_get(port, "targetPort") == NULL && json_object_get(port, "port") != NULL) {
            json_object_set(port, "targetPort", json_object_get(port, "port"));
        }
    }
    ip = sim_json_text(spec, "clusterIP");
    if (ip != NULL && ip[0] != '\0' && json_object_get(spec, "clusterIPs") == NULL) {
        json_object_set_new(spec, "clusterIPs", json_pack("[s]", ip));
    }
}

static void default_event(json_t *object) {
    if (json_object_get(object, "eventTime") == NULL) {
        json_object_set_new(object, "eventTime", json_null());
    }
    if (json_object_get(object, "reportingComponent") == NULL) {
        sim_json_set_text(object, "reportingComponent", "");
    }
    if (json_object_get(object, "reportingInstance") == NULL) {
        sim_json_set_text(object, "reportingInstance", "");
    }
}

static void default_namespace(json_t *object) {
    json_t *spec = sim_json_make_object(object, "spec");

    if (spec != NULL && json_object_get(spec, "finalizers") == NULL) {
        json_object_set_new(spec, "finalizers", json_pack("[s]", "kubernetes"));
    }
}

static void move_text_to_data(json_t *object) {
    json_t *text = json_object_get(object, "stringData");
    json_t *data;
    const char *key;
    json_t *value;

    sim_json_default_text(object, "type", "Opaque");
    if (!json_is_object(text)) {
        return;
    }
    data = sim_json_make_object(object, "data");
    json_object_foreach(text, key, value) {
        const char *plain = json_string_value(value);
        char *encoded =
            base64_encode(plain == NULL ? "" : plain, json_string_length(value), BASE64_USUAL);

        sim_json_set_text(data, key, encoded);
        free(encoded);
    }
    json_object_del(object, "stringData");
}

void sim_strategy_default(const struct sim_resource *resource, struct json_t *object) {
    switch (resource->id) {
    case SIM_PODS:
        sim_pod_default(object);
        break;
    case SIM_SERVICES:
        default_service(object);
        break;
    case SIM_EVENTS:
        default_event(object);
        break;
    case SIM_NAMESPACES:
        default_namespace(object);
        break;
    case SIM_SECRETS:
        move_text_to_data(object);
        break;
    case SIM_PRIORITYCLASSES:
        sim_json_default_text(object, "preemptionPolicy", "PreemptLowerPriority");
        break;
    case SIM_NODES:
    case SIM_RESOURCEQUOTAS:
        (void)sim_json_make_object(object, "spec");
        break;
    default:
        break;
    }
}

static json_t *node_status(json_t *status) {
    static const char *const texts[] = {
        "machineID",      "systemUUID",       "bootID",
        "kernelVersion",  "osImage",          "containerRuntimeVersion",
        "kubeletVersion", "kubeProxyVersion", "operatingSystem",
        "architecture",
    };
    json_t *info;

    if (json_object_get(status, "daemonEndpoints") == NULL) {
        json_object_set_new(status, "daemonEndpoints",
                            json_pack("{s:{s:i}}", "kubeletEndpoint", "Port", 0));
    }
    info = sim_json_make_object(status, "nodeInfo");
    for (size_t i = 0; info != NULL && i < ARRAY_LEN(texts); i++) {
        sim_json_default_text(info, texts[i], "");
    }
    return status;
}

void sim_strategy_begin_status(const struct sim_resource *resource, struct json_t *object) {
    json_t *status;

    if (!resource->has_status) {
        return;
    }
    switch (resource->id) {
    case SIM_PODS:
        status = json_pack("{s:s, s:s}", "phase", "Pending", "qosClass", sim_pod_qos(object));
        break;
    case SIM_NAMESPACES:
        status = json_pack("{s:s}", "phase", "Active");
        break;
    case SIM_SERVICES:
        status = json_pack("{s:{}}", "loadBalancer");
        break;
    case SIM_PERSISTENTVOLUMECLAIMS:
        status = json_pack("{s:s}", "phase", "Pending");
        break;
    case SIM_NODES:
        status = json_object_get(object, "status");
        status = node_status(json_is_object(status) ? json_incref(status) : json_object());
        break;
    default:
        status = json_object();
        break;
    }
    json_object_set_new(object, "status", status);
}

/* Validation. */

static bool is_service_name(const char *name) {
    return text_is_dns_label(name) && name[0] >= 'a' && name[0] <= 'z';
}

static void check_name(const struct sim_resource *resource, const char *name,
                       struct sim_invalid *invalid) {
    size_t bytes_max = 253;
    const char *rule = NULL;

    switch (resource->id) {
    case SIM_NAMESPACES:
        bytes_max = 63;
        rule = text_is_dns_label(name) ? NULL : LABEL_RULE;
        break;
    case SIM_SERVICES:
        bytes_max = 63;
        rule = is_service_name(name) ? NULL : SERVICE_RULE;
        break;
    default:
        rule = text_is_dns_subdomain(name) ? NULL : SUBDOMAIN_RULE;
        break;
    }
    if (rule == NULL) {
        return;
    }
    if (strlen(name) > bytes_max) {
        sim_invalid_add(invalid, "FieldValueInvalid", "metadata.name",
                        "Invalid value: \"%s\": must be no more than %zu characters", name,
                        bytes_max);
        return;
    }
    sim_invalid_add(invalid, "FieldValueInvalid", "metadata.name", "Invalid value: \"%s\": %s",
                    name, rule);
}

static void check_label(const char *key, const json_t *value, struct sim_invalid *invalid) {
    const char *text = json_string_value(value);

    if (!text_is_label_key(key)) {
        sim_invalid_add(invalid, "FieldValueInvalid", "metadata.labels",
                        "Invalid value: \"%s\": %s", key, LABEL_KEY_RULE);
    }
    if (text == NULL || text_is_label_value(text)) {
        return;
    }
    if (strlen(text) > 63) {
        sim_invalid_add(invalid, "FieldValueInvalid", "metadata.labels",
                        "Invalid value: \"%s\": must be no more than 63 characters", text);
        return;
    }
    sim_invalid_add(invalid, "FieldValueInvalid", "metadata.labels", "Invalid value: \"%s\": %s",
                    text, LABEL_VALUE_RULE);
}

static void check_labels(const json_t *object, struct sim_invalid *invalid) {
    json_t *labels = sim_json_at(object, "metadata.labels");
    const char *key;
    json_t *value;

    json_object_foreach(labels, key, value) {
        check_label(key, value, invalid);
    }
}

static void check_owners(const json_t *object, struct sim_invalid *invalid) {
    const json_t *owner;
    size_t i;

    json_array_foreach(sim_json_at(object, "metadata.ownerReferences"), i, owner) {
        const char *uid = sim_json_text(owner, "uid");

        if (uid == NULL || uid[0] == '\0') {
            sim_invalid_add(invalid, "FieldValueInvalid", "metadata.ownerReferences.uid",
                            "Invalid value: \"\": uid must not be empty");
        }
    }
}

static void check_lease(const json_t *object, struct sim_invalid *invalid) {
    const json_t *spec = json_object_get(object, "spec");
    int64_t seconds = sim_json_int(spec, "leaseDurationSeconds", 1);
    int64_t transitions = sim_json_int(spec, "leaseTransitions", 0);

    if (seconds <= 0) {
        sim_invalid_add(invalid, "FieldValueInvalid", "spec.leaseDurationSeconds",
                        "Invalid value: %lld: must be greater than 0", (long long)seconds);
    }
    if (transitions < 0) {
        sim_invalid_add(invalid, "FieldValueInvalid", "spec.leaseTransitions",
                        "Invalid value: %lld: must be greater than or equal to 0",
                        (long long)transitions);
    }
}

static void check_configmap(const json_t *object, struct sim_invalid *invalid) {
    const char *key;
    json_t *value;
    size_t bytes = 0;

    json_object_foreach(json_object_get(object, "data"), key, value) {
        bytes += strlen(key) + json_string_length(value);
    }
    json_object_foreach(json_object_get(object, "binaryData"), key, value) {
        bytes += strlen(key) + json_string_length(value) / 4 * 3;
    }
    if (bytes > CONFIGMAP_BYTES_MAX) {
        sim_invalid_add(invalid, "FieldValueTooLong", "[]", "Too long: must have at most %d bytes",
                        CONFIGMAP_BYTES_MAX);
    }
}

static void check_kind(const struct sim_resource *resource, const json_t *old, const json_t *object,
                       struct sim_invalid *invalid) {
    switch (resource->id) {
    case SIM_PODS:
        sim_pod_check(old, object, invalid);
        break;
    case SIM_LEASES:
        check_lease(object, invalid);
        break;
    case SIM_CONFIGMAPS:
        check_configmap(object, invalid);
        break;
    default:
        break;
    }
}

struct json_t *sim_strategy_validate(const struct sim_resource *resource, const char *name,
                                     const struct json_t *old, const struct json_t *object) {
    struct sim_invalid invalid = {0};

    if (old == NULL) {
        check_name(resource, name, &invalid);
    }
    check_labels(object, &invalid);
    check_owners(object, &invalid);
    check_kind(resource, old, object, &invalid);
    return sim_invalid_finish(&invalid, resource, name);
}
