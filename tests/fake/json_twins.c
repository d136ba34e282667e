#include "tests/fake/json_twins.h"

#include <string.h>

#include <jansson.h>

#include "k8s/json_document.h"

static bool agree(const struct json_node *node, json_t *value);

static bool members_agree(const struct json_node *node, json_t *object) {
    void *iterator = json_object_iter(object);
    const struct json_node *member = NULL;

    while ((member = json_node_next(node, member)) != NULL) {
        if (iterator == NULL || strcmp(member->key, json_object_iter_key(iterator)) != 0 ||
            json_node_member(node, member->key) != member ||
            !agree(member, json_object_iter_value(iterator))) {
            return false;
        }
        iterator = json_object_iter_next(object, iterator);
    }
    return iterator == NULL && node->count == json_object_size(object);
}

static bool items_agree(const struct json_node *node, const json_t *array) {
    const struct json_node *item = NULL;
    size_t count = 0;

    while ((item = json_node_next(node, item)) != NULL) {
        if (item->key != NULL || !agree(item, json_array_get(array, count++))) {
            return false;
        }
    }
    return count == node->count && count == json_array_size(array);
}

static bool agree(const struct json_node *node, json_t *value) {
    switch (node->kind) {
    case JSON_KIND_OBJECT:
        return json_is_object(value) && members_agree(node, value);
    case JSON_KIND_ARRAY:
        return json_is_array(value) && items_agree(node, value);
    case JSON_KIND_TEXT:
        return json_is_string(value) && strcmp(node->text, json_string_value(value)) == 0;
    case JSON_KIND_INTEGER:
        return json_is_integer(value) && node->integer == json_integer_value(value);
    case JSON_KIND_REAL: {
        double real = json_real_value(value);

        return json_is_real(value) && memcmp(&node->real, &real, sizeof real) == 0;
    }
    case JSON_KIND_TRUE:
        return json_is_true(value);
    case JSON_KIND_FALSE:
        return json_is_false(value);
    case JSON_KIND_NULL:
        return json_is_null(value);
    }
    return false;
}

static size_t depth_of(json_t *value) {
    size_t deepest = 0;
    const char *key;
    json_t *member;
    size_t index;

    json_object_foreach(value, key, member) {
        size_t depth = depth_of(member);

        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach(value, index, member) {
        size_t depth = depth_of(member);

        deepest = depth > deepest ? depth : deepest;
    }
    return json_is_object(value) || json_is_array(value) ? deepest + 1 : 0;
}

bool json_twins_agree(const char *text, size_t bytes) {
    json_t *tree = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    struct json_document document;
    size_t at = 0;
    bool same;

    if (json_document_read(text, bytes, &document, &at) < 0) {
        same = at <= bytes && (tree == NULL || memchr(text, '\0', bytes) != NULL ||
                               depth_of(tree) > JSON_DOCUMENT_DEPTH_MAX);
    } else {
        same = tree != NULL && agree(json_document_root(&document), tree);
        json_document_finish(&document);
    }
    json_decref(tree);
    return same;
}
