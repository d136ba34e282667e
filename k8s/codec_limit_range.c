#include "k8s/codec_limit_range.h"

#include <string.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/json_document.h"

#define ENTRY_COUNT_MAX 1024

static int read_bounds(const struct json_at *list, struct resource_names *names,
                       struct limit_bounds *bounds, struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(list, error);

    while (r == OK && json_next(list, &iterator, &member)) {
        size_t kind = RESOURCE_NONE;
        int64_t amount = 0;

        r = codec_resource_read(&member, names, CODEC_NAMES_TOLERANT, &kind, &amount, error);
        if (r == OK && kind != RESOURCE_NONE) {
            limit_bounds_set(bounds, kind, amount);
        }
    }
    return r;
}

/* Ratios are plain numbers, kept in thousandths whatever they are a ratio of. */
static int read_ratios(const struct json_at *list, struct resource_names *names,
                       struct limit_bounds *bounds, struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(list, error);

    while (r == OK && json_next(list, &iterator, &member)) {
        size_t kind;
        int64_t milli = 0;

        r = json_get_milli(&member, &milli, error);
        if (r == OK && resource_intern(names, member.key, &kind) == OK) {
            limit_bounds_set(bounds, kind, milli);
        }
    }
    return r;
}

static enum limit_type type_of(const char *text) {
    if (strcmp(text, "Container") == 0) {
        return LIMIT_TYPE_CONTAINER;
    }
    if (strcmp(text, "PersistentVolumeClaim") == 0) {
        return LIMIT_TYPE_CLAIM;
    }
    return strcmp(text, "Pod") == 0 ? LIMIT_TYPE_POD : LIMIT_TYPE_OTHER;
}

static int read_claim_bounds(const struct json_at *at, struct limit_item *item,
                             struct field_error *error) {
    struct json_at min = json_at_key(at, "min");
    struct json_at max = json_at_key(at, "max");
    struct json_at min_storage = json_at_key(&min, "storage");
    struct json_at max_storage = json_at_key(&max, "storage");
    int r = json_get_units(&min_storage, &item->storage_min, error);

    return r < 0 ? r : json_get_units(&max_storage, &item->storage_max, error);
}

static int read_item(const struct json_at *at, struct resource_names *names,
                     struct limit_range *range, struct field_error *error) {
    struct json_at type_at = json_at_key(at, "type");
    struct json_at ratio_at = json_at_key(at, "maxLimitRequestRatio");
    const char *type = "";
    struct limit_item *item;
    int r = json_get_text(&type_at, &type, error);

    if (r < 0 || type_of(type) == LIMIT_TYPE_OTHER) {
        return r; /* Of images: nothing of it is ours. */
    }
    item = limit_range_add_item(range, type_of(type));
    if (item->type == LIMIT_TYPE_CLAIM) {
        return read_claim_bounds(at, item, error);
    }
    {
        const struct {
            const char *key;
            struct limit_bounds *bounds;
        } lists[] = {{"max", &item->max},
                     {"min", &item->min},
                     {"default", &item->default_limit},
                     {"defaultRequest", &item->default_request}};

        for (size_t i = 0; r == OK && i < ARRAY_LEN(lists); i++) {
            struct json_at list = json_at_key(at, lists[i].key);

            r = read_bounds(&list, names, lists[i].bounds, error);
        }
    }
    return r < 0 ? r : read_ratios(&ratio_at, names, &item->ratio_max_milli, error);
}

static int read_range(const struct json_at *top, struct resource_names *names,
                      struct limit_range *range, struct field_error *error) {
    struct json_at metadata = json_at_key(top, "metadata");
    struct json_at spec = json_at_key(top, "spec");
    struct json_at name_at = json_at_key(&metadata, "name");
    struct json_at namespace_at = json_at_key(&metadata, "namespace");
    struct json_at limits = json_at_key(&spec, "limits");
    const char *name = "";
    const char *namespace_text = "";
    size_t count = 0;
    int r = json_get_text(&name_at, &name, error);

    r = r < 0 ? r : json_get_text(&namespace_at, &namespace_text, error);
    limit_range_init(range, namespace_text, name);
    r = r < 0 ? r : json_get_count(&limits, ENTRY_COUNT_MAX, &count, error);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&limits, i);

        r = read_item(&item, names, range, error);
    }
    return r;
}

int codec_limit_range_read(const char *json, size_t bytes, struct resource_names *names,
                           struct limit_range *out_range, struct field_error *error) {
    struct limit_range range = {0};
    struct json_document document;
    struct json_at top;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    r = read_range(&top, names, &range, error);
    json_document_finish(&document);
    if (r < 0) {
        limit_range_finish(&range);
        return r;
    }
    *out_range = range;
    return OK;
}
