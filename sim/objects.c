#include "sim/objects.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/store.h"

#define DEPTH_MAX 64

static json_t *node_value(yaml_document_t *document, int index, int depth);

static bool is_one_of(const char *text, const char *const words[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The core schema's scalars; what is quoted is a text. */
static json_t *scalar_value(const yaml_node_t *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    const char *text = (const char *)node->data.scalar.value;
    int64_t number;
    char *end = NULL;
    double real;

    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return json_stringn(text, node->data.scalar.length);
    }
    if (is_one_of(text, nulls, ARRAY_LEN(nulls))) {
        return json_null();
    }
    if (is_one_of(text, trues, ARRAY_LEN(trues))) {
        return json_true();
    }
    if (is_one_of(text, falses, ARRAY_LEN(falses))) {
        return json_false();
    }
    if (text_parse_int64(text, &number) == OK) {
        return json_integer(number);
    }
    if (strspn(text, "0123456789+-.eE") == strlen(text)) {
        real = strtod(text, &end);
        if (*end == '\0') {
            return json_real(real);
        }
    }
    return json_stringn(text, node->data.scalar.length);
}

static json_t *sequence_value(yaml_document_t *document, const yaml_node_t *node, int depth) {
    json_t *array = json_array();

    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        json_array_append_new(array, node_value(document, *item, depth + 1));
    }
    return array;
}

static json_t *mapping_value(yaml_document_t *document, const yaml_node_t *node, int depth) {
    json_t *object = json_object();

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);

        if (key != NULL && key->type == YAML_SCALAR_NODE) {
            json_object_set_new(object, (const char *)key->data.scalar.value,
                                node_value(document, pair->value, depth + 1));
        }
    }
    return object;
}

static json_t *node_value(yaml_document_t *document, int index, int depth) {
    const yaml_node_t *node = yaml_document_get_node(document, index);

    if (node == NULL || depth > DEPTH_MAX) {
        return json_null();
    }
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return scalar_value(node);
    case YAML_SEQUENCE_NODE:
        return sequence_value(document, node, depth);
    case YAML_MAPPING_NODE:
        return mapping_value(document, node, depth);
    default:
        return json_null();
    }
}

static void add_document(json_t *objects, json_t *document_take) {
    json_t *items = json_object_get(document_take, "items");
    const char *kind = sim_json_text(document_take, "kind");

    if (kind != NULL && text_ends_with(kind, "List") && json_is_array(items)) {
        json_array_extend(objects, items);
    } else if (json_is_object(document_take)) {
        json_array_append(objects, document_take);
    } else if (json_is_array(document_take)) {
        json_array_extend(objects, document_take);
    }
    json_decref(document_take);
}

/* OK with *out_more false at the end of the stream. */
static int parse_document(yaml_parser_t *parser, json_t *objects, bool *out_more,
                          struct error *error) {
    yaml_document_t document;
    const yaml_node_t *root;

    if (yaml_parser_load(parser, &document) == 0) {
        return error_set(error, ERR_INVALID, "line %zu, column %zu: %s",
                         parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                         parser->problem == NULL ? "not YAML" : parser->problem);
    }
    root = yaml_document_get_root_node(&document);
    *out_more = root != NULL;
    if (root != NULL) {
        add_document(objects, node_value(&document, 1, 0));
    }
    yaml_document_delete(&document);
    return OK;
}

int sim_objects_parse(const char *text, size_t bytes, struct json_t **out_objects,
                      struct error *error) {
    json_t *objects = json_array();
    yaml_parser_t parser;
    bool more = true;
    int r = OK;

    if (yaml_parser_initialize(&parser) == 0) {
        json_decref(objects);
        return error_set(error, ERR_NO_MEMORY, "no memory for a YAML parser");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    while (r == OK && more) {
        r = parse_document(&parser, objects, &more, error);
    }
    yaml_parser_delete(&parser);
    if (r != OK) {
        json_decref(objects);
        return r;
    }
    *out_objects = objects;
    return OK;
}

static const struct sim_resource *find_resource(const json_t *object) {
    const char *version = sim_json_text(object, "apiVersion");
    const char *kind = sim_json_text(object, "kind");

    for (unsigned id = 0; id < SIM_RESOURCE_COUNT && version != NULL && kind != NULL; id++) {
        const struct sim_resource *resource = sim_resource((enum sim_resource_id)id);

        if (strcmp(resource->kind, kind) == 0 &&
            strcmp(sim_resource_api_version(resource), version) == 0) {
            return resource;
        }
    }
    return NULL;
}

static int load_one(struct sim_store *store, const json_t *object, int64_t now_us,
                    struct error *error) {
    const struct sim_resource *resource = find_resource(object);
    const char *namespace = sim_json_text(object, "metadata.namespace");
    const char *name = sim_json_text(object, "metadata.name");
    struct sim_write write = {.now_us = now_us};
    struct sim_answer answer;
    int r = OK;

    if (resource == NULL) {
        const char *kind = sim_json_text(object, "kind");

        return error_set(error, ERR_INVALID, "kind %s isn't served here",
                         kind == NULL ? "(none)" : kind);
    }
    write.id = resource->id;
    write.namespace = !resource->namespaced ? "" : namespace == NULL ? "default" : namespace;
    answer = sim_store_post(store, &write, object);
    if (answer.code >= 400) {
        r = error_set(error, ERR_INVALID, "%s %s: %s", resource->kind, name == NULL ? "" : name,
                      sim_json_text(answer.body, "message"));
    }
    sim_answer_finish(&answer);
    return r;
}

int sim_objects_load(struct sim_store *store, const struct json_t *objects, int64_t now_us,
                     struct error *error) {
    const json_t *object;
    size_t i;

    json_array_foreach(objects, i, object) {
        int r = load_one(store, object, now_us, error);

        if (r != OK) {
            return r;
        }
    }
    return OK;
}
