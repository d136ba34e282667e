#include "sim/table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "sim/json.h"
#include "sim/resource.h"

#define CELL_BYTES_MAX (64 * LIMIT_KIB)

/* One row being made. */
struct row {
    json_t *cells;
    const json_t *object;
    int64_t now_us;
};

static void add_text(struct row *row, const char *text) {
    json_array_append_new(row->cells,
                          json_string(text == NULL || text[0] == '\0' ? "<none>" : text));
}

static void add_int(struct row *row, int64_t value) {
    json_array_append_new(row->cells, json_integer(value));
}

static void add_path(struct row *row, const char *path) {
    add_text(row, sim_json_text(row->object, path));
}

void sim_table_age(int64_t age_us, char out_text[32]) {
    int64_t s = age_us < 0 ? 0 : age_us / CLOCK_US_PER_SECOND;
    int64_t m = s / 60;
    int64_t h = m / 60;
    int64_t d = h / 24;

    if (s < 120) {
        snprintf(out_text, 32, "%" PRId64 "s", s);
    } else if (m < 10 && s % 60 != 0) {
        snprintf(out_text, 32, "%" PRId64 "m%" PRId64 "s", m, s % 60);
    } else if (h < 3) {
        snprintf(out_text, 32, "%" PRId64 "m", m);
    } else if (h < 8 && m % 60 != 0) {
        snprintf(out_text, 32, "%" PRId64 "h%" PRId64 "m", h, m % 60);
    } else if (h < 48) {
        snprintf(out_text, 32, "%" PRId64 "h", h);
    } else if (d < 8 && h % 24 != 0) {
        snprintf(out_text, 32, "%" PRId64 "d%" PRId64 "h", d, h % 24);
    } else {
        snprintf(out_text, 32, "%" PRId64 "d", d);
    }
}

static void add_time(struct row *row, const char *text) {
    char age[32];
    int64_t at_us;

    if (text == NULL || rfc3339_parse(text, &at_us) != OK) {
        add_text(row, "<unknown>");
        return;
    }
    sim_table_age(row->now_us - at_us, age);
    add_text(row, age);
}

static void add_age(struct row *row) {
    add_time(row, sim_json_text(row->object, "metadata.creationTimestamp"));
}

static void add_size(struct row *row, const char *path) {
    const json_t *value = sim_json_at(row->object, path);

    add_int(row,
            (int64_t)(json_is_array(value) ? json_array_size(value) : json_object_size(value)));
}

/* Pods. */

static const char *container_reason(const json_t *state) {
    const char *reason = sim_json_text(state, "waiting.reason");

    return reason != NULL ? reason : sim_json_text(state, "terminated.reason");
}

static const char *pod_state(const json_t *pod) {
    const char *text = sim_json_text(pod, "status.reason");
    const json_t *status;
    size_t i;

    if (text == NULL) {
        text = sim_json_text(pod, "status.phase");
    }
    json_array_foreach(sim_json_at(pod, "status.containerStatuses"), i, status) {
        const char *reason = container_reason(json_object_get(status, "state"));

        if (reason != NULL && reason[0] != '\0') {
            text = reason;
        }
    }
    if (sim_json_at(pod, "metadata.deletionTimestamp") != NULL) {
        return "Terminating";
    }
    return text;
}

static void pod_cells(struct row *row) {
    const json_t *statuses = sim_json_at(row->object, "status.containerStatuses");
    const json_t *status;
    int64_t restarts = 0;
    size_t ready = 0;
    char text[48];
    size_t i;

    json_array_foreach(statuses, i, status) {
        ready += sim_json_true(status, "ready") ? 1 : 0;
        restarts += sim_json_int(status, "restartCount", 0);
    }
    snprintf(text, sizeof text, "%zu/%zu", ready,
             json_array_size(sim_json_at(row->object, "spec.containers")));
    add_text(row, text);
    add_text(row, pod_state(row->object));
    add_int(row, restarts);
    add_age(row);
    add_path(row, "status.podIP");
    add_path(row, "spec.nodeName");
    add_path(row, "status.nominatedNodeName");
    add_text(row, NULL);
}

/* Nodes. */

static bool is_ready(const json_t *node) {
    const json_t *condition;
    size_t i;

    json_array_foreach(sim_json_at(node, "status.conditions"), i, condition) {
        const char *type = sim_json_text(condition, "type");
        const char *status = sim_json_text(condition, "status");

        if (type != NULL && status != NULL && strcmp(type, "Ready") == 0) {
            return strcmp(status, "True") == 0;
        }
    }
    return false;
}

static const char *node_address(const json_t *node, const char *wanted) {
    const json_t *address;
    size_t i;

    json_array_foreach(sim_json_at(node, "status.addresses"), i, address) {
        const char *type = sim_json_text(address, "type");

        if (type != NULL && strcmp(type, wanted) == 0) {
            return sim_json_text(address, "address");
        }
    }
    return NULL;
}

static void node_cells(struct row *row) {
    char text[48];

    snprintf(text, sizeof text, "%s%s", is_ready(row->object) ? "Ready" : "NotReady",
             sim_json_true(row->object, "spec.unschedulable") ? ",SchedulingDisabled" : "");
    add_text(row, text);
    add_text(row, NULL);
    add_age(row);
    add_path(row, "status.nodeInfo.kubeletVersion");
    add_text(row, node_address(row->object, "InternalIP"));
    add_text(row, node_address(row->object, "ExternalIP"));
    add_path(row, "status.nodeInfo.osImage");
    add_path(row, "status.nodeInfo.kernelVersion");
    add_path(row, "status.nodeInfo.containerRuntimeVersion");
}

/* Quotas: "pods: 3/8, requests.cpu: 1/4". */

static bool is_limit(const char *key) {
    return strncmp(key, "limits.", 7) == 0;
}

static void add_quota_part(struct row *row, bool limits) {
    json_t *hard = sim_json_at(row->object, "status.hard");
    const json_t *used = sim_json_at(row->object, "status.used");
    struct buf text;
    const char *key;
    json_t *value;

    buf_init(&text, CELL_BYTES_MAX);
    json_object_foreach(hard, key, value) {
        const char *now = json_string_value(json_object_get(used, key));

        if (is_limit(key) == limits) {
            buf_add_format(&text, "%s%s: %s/%s", text.bytes == 0 ? "" : ", ", key,
                           now == NULL ? "0" : now, json_string_value(value));
        }
    }
    json_array_append_new(row->cells, json_string(buf_text(&text)));
    buf_finish(&text);
}

static void quota_cells(struct row *row) {
    add_age(row);
    add_quota_part(row, false);
    add_quota_part(row, true);
}

/* The rest. */

static void namespace_cells(struct row *row) {
    add_path(row, "status.phase");
    add_age(row);
}

static void add_service_ports(struct row *row) {
    struct buf text;
    const json_t *port;
    size_t i;

    buf_init(&text, CELL_BYTES_MAX);
    json_array_foreach(sim_json_at(row->object, "spec.ports"), i, port) {
        const char *protocol = sim_json_text(port, "protocol");

        buf_add_format(&text, "%s%" PRId64 "/%s", i == 0 ? "" : ",", sim_json_int(port, "port", 0),
                       protocol == NULL ? "TCP" : protocol);
    }
    add_text(row, buf_text(&text));
    buf_finish(&text);
}

static void add_map(struct row *row, const char *path) {
    json_t *map = sim_json_at(row->object, path);
    struct buf text;
    const char *key;
    json_t *value;

    buf_init(&text, CELL_BYTES_MAX);
    json_object_foreach(map, key, value) {
        buf_add_format(&text, "%s%s=%s", text.bytes == 0 ? "" : ",", key,
                       json_is_string(value) ? json_string_value(value) : "");
    }
    add_text(row, buf_text(&text));
    buf_finish(&text);
}

static void service_cells(struct row *row) {
    add_path(row, "spec.type");
    add_path(row, "spec.clusterIP");
    add_text(row, NULL);
    add_service_ports(row);
    add_age(row);
    add_map(row, "spec.selector");
}

static void configmap_cells(struct row *row) {
    add_size(row, "data");
    add_age(row);
}

static void secret_cells(struct row *row) {
    add_path(row, "type");
    add_size(row, "data");
    add_age(row);
}

static void account_cells(struct row *row) {
    add_size(row, "secrets");
    add_age(row);
}

static void age_cell(struct row *row) {
    add_age(row);
}

static void event_cells(struct row *row) {
    const char *kind = sim_json_text(row->object, "involvedObject.kind");
    const char *name = sim_json_text(row->object, "involvedObject.name");
    const char *last = sim_json_text(row->object, "lastTimestamp");
    struct buf text;
    size_t i;

    buf_init(&text, CELL_BYTES_MAX);
    buf_add_format(&text, "%s/%s", kind == NULL ? "" : kind, name == NULL ? "" : name);
    for (i = 0; i < text.bytes && text.data[i] != '/'; i++) {
        text.data[i] =
            (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] + 32 : text.data[i]);
    }
    add_time(row, last != NULL ? last : sim_json_text(row->object, "eventTime"));
    add_path(row, "type");
    add_path(row, "reason");
    add_text(row, buf_text(&text));
    add_path(row, "involvedObject.fieldPath");
    add_path(row, "source.component");
    add_path(row, "message");
    add_time(row, sim_json_text(row->object, "firstTimestamp"));
    add_int(row, sim_json_int(row->object, "count", 1));
    add_path(row, "metadata.name");
    buf_finish(&text);
}

static void claim_cells(struct row *row) {
    add_path(row, "status.phase");
    add_path(row, "spec.volumeName");
    add_path(row, "status.capacity.storage");
    add_text(row, NULL);
    add_path(row, "spec.storageClassName");
    add_age(row);
}

static void lease_cells(struct row *row) {
    add_path(row, "spec.holderIdentity");
    add_age(row);
}

static void priority_cells(struct row *row) {
    add_int(row, sim_json_int(row->object, "value", 0));
    json_array_append_new(row->cells, json_boolean(sim_json_true(row->object, "globalDefault")));
    add_age(row);
}

static void runtime_cells(struct row *row) {
    add_text(row, sim_json_text(row->object, "handler"));
    add_age(row);
}

static void budget_cells(struct row *row) {
    const json_t *least = sim_json_at(row->object, "spec.minAvailable");
    const json_t *most = sim_json_at(row->object, "spec.maxUnavailable");

    json_array_append_new(row->cells, least == NULL ? json_string("N/A") : json_deep_copy(least));
    json_array_append_new(row->cells, most == NULL ? json_string("N/A") : json_deep_copy(most));
    add_int(row, sim_json_int(row->object, "status.disruptionsAllowed", 0));
    add_age(row);
}

/* By labels alone: expressions are not shown. */
static void policy_cells(struct row *row) {
    add_map(row, "spec.podSelector.matchLabels");
    add_age(row);
}

static void application_cells(struct row *row) {
    add_path(row, "status.applicationState.state");
    add_int(row, sim_json_int(row->object, "status.executionAttempts", 0));
    add_path(row, "status.lastSubmissionAttemptTime");
    add_path(row, "status.terminationTime");
    add_age(row);
}

static void scheduled_application_cells(struct row *row) {
    add_path(row, "spec.schedule");
    add_path(row, "status.lastRunName");
    add_age(row);
}

static void connect_cells(struct row *row) {
    add_age(row);
    add_path(row, "status.state");
}

/* After Name. A '+' marks a column of -o wide, a '#' a number. */
static const struct {
    const char *columns;
    void (*cells)(struct row *row);
} layouts[] = {
    [SIM_NAMESPACES] = {"Status,Age", namespace_cells},
    [SIM_NODES] = {"Status,Roles,Age,Version,+Internal-IP,+External-IP,+OS-Image,+Kernel-Version,"
                   "+Container-Runtime",
                   node_cells},
    [SIM_PODS] = {"Ready,Status,#Restarts,Age,+IP,+Node,+Nominated Node,+Readiness Gates",
                  pod_cells},
    [SIM_SERVICES] = {"Type,Cluster-IP,External-IP,Port(s),Age,+Selector", service_cells},
    [SIM_CONFIGMAPS] = {"#Data,Age", configmap_cells},
    [SIM_SECRETS] = {"Type,#Data,Age", secret_cells},
    [SIM_SERVICEACCOUNTS] = {"#Secrets,Age", account_cells},
    [SIM_RESOURCEQUOTAS] = {"Age,Request,Limit", quota_cells},
    [SIM_LIMITRANGES] = {"Created At", age_cell},
    [SIM_EVENTS] = {"Last Seen,Type,Reason,Object,+Subobject,+Source,Message,+First Seen,+#Count,"
                    "+Name",
                    event_cells},
    [SIM_PERSISTENTVOLUMECLAIMS] = {"Status,Volume,Capacity,Access Modes,StorageClass,Age",
                                    claim_cells},
    [SIM_LEASES] = {"Holder,Age", lease_cells},
    [SIM_PRIORITYCLASSES] = {"#Value,#Global-Default,Age", priority_cells},
    [SIM_RUNTIMECLASSES] = {"Handler,Age", runtime_cells},
    [SIM_PODDISRUPTIONBUDGETS] = {"Min Available,Max Unavailable,#Allowed Disruptions,Age",
                                  budget_cells},
    [SIM_NETWORKPOLICIES] = {"Pod-Selector,Age", policy_cells},
    [SIM_INGRESSES] = {"Age", age_cell},
    [SIM_SPARKAPPLICATIONS] = {"Status,#Attempts,Start,Finish,Age", application_cells},
    [SIM_SCHEDULEDSPARKAPPLICATIONS] = {"Schedule,Last Run Name,Age", scheduled_application_cells},
    [SIM_SPARKCONNECTS] = {"Age,Status", connect_cells},
};

_Static_assert(sizeof layouts / sizeof layouts[0] == SIM_RESOURCE_COUNT, "a layout per resource");

static void add_column(json_t *columns, const char *name, size_t length, const char *type,
                       const char *format, int priority) {
    json_t *column = json_object();

    json_object_set_new(column, "name", json_stringn(name, length));
    sim_json_set_text(column, "type", type);
    sim_json_set_text(column, "format", format);
    sim_json_set_text(column, "description", "");
    sim_json_set_int(column, "priority", priority);
    json_array_append_new(columns, column);
}

static json_t *columns_of(const struct sim_resource *resource) {
    const char *at = layouts[resource->id].columns;
    json_t *columns = json_array();

    /* An event's name says little: the real one shows it last, and wide only. */
    if (resource->id != SIM_EVENTS) {
        add_column(columns, "Name", 4, "string", "name", 0);
    }
    while (*at != '\0') {
        bool wide = *at == '+';
        bool number;
        size_t length;

        at += wide ? 1 : 0;
        number = *at == '#';
        at += number ? 1 : 0;
        length = strcspn(at, ",");
        add_column(columns, at, length, number ? "integer" : "string", "", wide ? 1 : 0);
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return columns;
}

struct json_t *sim_table_begin(const struct sim_resource *resource) {
    json_t *table = json_object();

    sim_json_set_text(table, "kind", "Table");
    sim_json_set_text(table, "apiVersion", "meta.k8s.io/v1");
    json_object_set_new(table, "metadata", json_object());
    json_object_set_new(table, "columnDefinitions", columns_of(resource));
    return table;
}

struct json_t *sim_partial_metadata(const struct json_t *object) {
    json_t *partial = json_object();

    sim_json_set_text(partial, "kind", "PartialObjectMetadata");
    sim_json_set_text(partial, "apiVersion", "meta.k8s.io/v1");
    json_object_set(partial, "metadata", json_object_get(object, "metadata"));
    return partial;
}

struct json_t *sim_table_row(const struct sim_resource *resource, const struct json_t *object,
                             const char *include, int64_t now_us) {
    struct row row = {.cells = json_array(), .object = object, .now_us = now_us};
    json_t *value = json_object();

    if (resource->id != SIM_EVENTS) {
        add_path(&row, "metadata.name");
    }
    layouts[resource->id].cells(&row);
    json_object_set_new(value, "cells", row.cells);
    if (include != NULL && strcmp(include, "Object") == 0) {
        json_object_set_new(value, "object", sim_json_copy(object));
    } else if (include == NULL || strcmp(include, "None") != 0) {
        json_object_set_new(value, "object", sim_partial_metadata(object));
    }
    return value;
}

struct json_t *sim_table_of_one(const struct sim_resource *resource, const struct json_t *object,
                                int64_t now_us) {
    json_t *table = sim_table_begin(resource);
    json_t *metadata = json_object();

    json_object_set(metadata, "resourceVersion", sim_json_at(object, "metadata.resourceVersion"));
    json_object_set_new(table, "metadata", metadata);
    json_object_set_new(table, "rows",
                        json_pack("[o]", sim_table_row(resource, object, NULL, now_us)));
    return table;
}
