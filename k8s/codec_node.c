#include "k8s/codec_node.h"

#include <string.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/json_document.h"

#define ENTRY_COUNT_MAX 1024

static int read_labels(const struct json_at *labels, struct node *node, struct field_error *error) {
    struct json_at label;
    void *iterator = NULL;
    int r = json_expect_object(labels, error);

    while (r == OK && json_next(labels, &iterator, &label)) {
        const char *value = "";

        r = json_get_text(&label, &value, error);
        if (r == OK) {
            node_add_label(node, label.key, value);
        }
    }
    return r;
}

static int read_taint(const struct json_at *at, struct node *node, struct field_error *error) {
    struct json_at key_at = json_at_key(at, "key");
    struct json_at value_at = json_at_key(at, "value");
    struct json_at effect_at = json_at_key(at, "effect");
    const char *key = "";
    const char *value = "";
    const char *effect = "";
    int r = json_get_text(&key_at, &key, error);

    r = r < 0 ? r : json_get_text(&value_at, &value, error);
    r = r < 0 ? r : json_get_text(&effect_at, &effect, error);
    if (r == OK) {
        node_add_taint(node, key, value, taint_effect_of(effect));
    }
    return r;
}

static int read_taints(const struct json_at *list, struct node *node, struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);

        r = read_taint(&item, node, error);
    }
    return r;
}

static int read_allocatable(const struct json_at *list, struct resource_names *names,
                            struct node *node, struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(list, error);

    while (r == OK && json_next(list, &iterator, &member)) {
        size_t kind = RESOURCE_NONE;
        int64_t amount = 0;

        r = codec_resource_read(&member, names, CODEC_NAMES_TOLERANT, &kind, &amount, error);
        if (r == OK && kind != RESOURCE_NONE) {
            node->allocatable.amount[kind] = amount;
        }
    }
    return r;
}

/* The taint that the node controller makes of a condition: counted before it is there. */
static void add_condition_taint(struct node *node, const char *type) {
    static const struct {
        const char *type;
        const char *key;
    } taints[] = {{"MemoryPressure", "node.kubernetes.io/memory-pressure"},
                  {"DiskPressure", "node.kubernetes.io/disk-pressure"},
                  {"PIDPressure", "node.kubernetes.io/pid-pressure"},
                  {"NetworkUnavailable", "node.kubernetes.io/network-unavailable"}};

    for (size_t i = 0; i < ARRAY_LEN(taints); i++) {
        bool is_there = strcmp(taints[i].type, type) != 0;

        for (size_t j = 0; j < node->taint_count; j++) {
            is_there = is_there || strcmp(node->taints[j].key, taints[i].key) == 0;
        }
        if (!is_there) {
            node_add_taint(node, taints[i].key, "", TAINT_NO_SCHEDULE);
        }
    }
}

static int read_conditions(const struct json_at *list, struct node *node,
                           struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct json_at type_at = json_at_key(&item, "type");
        struct json_at status_at = json_at_key(&item, "status");
        const char *type = "";
        const char *status = "";

        r = json_get_text(&type_at, &type, error);
        r = r < 0 ? r : json_get_text(&status_at, &status, error);
        if (strcmp(type, "Ready") == 0) {
            node->ready = strcmp(status, "True") == 0;
        } else if (strcmp(status, "True") == 0) {
            add_condition_taint(node, type);
        }
    }
    return r;
}

static int read_node(const struct json_at *top, struct resource_names *names, struct node *node,
                     struct field_error *error) {
    struct json_at metadata = json_at_key(top, "metadata");
    struct json_at spec = json_at_key(top, "spec");
    struct json_at status = json_at_key(top, "status");
    struct json_at name_at = json_at_key(&metadata, "name");
    struct json_at labels = json_at_key(&metadata, "labels");
    struct json_at taints = json_at_key(&spec, "taints");
    struct json_at cordon = json_at_key(&spec, "unschedulable");
    struct json_at allocatable = json_at_key(&status, "allocatable");
    struct json_at conditions = json_at_key(&status, "conditions");
    const char *name = "";
    int r = json_get_text(&name_at, &name, error);

    if (r == OK && name[0] == '\0') {
        r = json_fail(&name_at, error, ERR_INVALID, "a node without a name");
    }
    node_init(node, name);
    r = r < 0 ? r : read_labels(&labels, node, error);
    r = r < 0 ? r : read_taints(&taints, node, error);
    r = r < 0 ? r : json_get_bool(&cordon, &node->unschedulable, error);
    r = r < 0 ? r : read_allocatable(&allocatable, names, node, error);
    return r < 0 ? r : read_conditions(&conditions, node, error);
}

int codec_node_read(const char *json, size_t bytes, struct resource_names *names,
                    struct node *out_node, struct field_error *error) {
    struct node node = {0};
    struct json_document document;
    struct json_at top;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    r = read_node(&top, names, &node, error);
    json_document_finish(&document);
    if (r < 0) {
        node_finish(&node);
        return r;
    }
    *out_node = node;
    return OK;
}
