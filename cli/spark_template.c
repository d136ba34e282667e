#include "cli/spark_template.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/input.h"
#include "config/document.h"

static const char *path_of(const char *uri) {
    if (text_starts_with(uri, "file://")) {
        return uri + strlen("file://");
    }
    return text_starts_with(uri, "file:") ? uri + strlen("file:") : uri;
}

static bool has_scheme(const char *uri) {
    const char *colon = strchr(uri, ':');

    return colon != NULL && colon > uri && memchr(uri, '/', (size_t)(colon - uri)) == NULL;
}

/* The same as JSON, which nothing checked: its scalars have the types of YAML 1.2. */
static json_t *json_of(const struct text_node *node) {
    struct buf text;
    json_t *value;

    buf_init(&text, LIMIT_SPEC_BYTES);
    node_print_json(node, &text);
    value = text.full ? NULL : json_loadb(text.data, text.bytes, JSON_DECODE_ANY, NULL);
    buf_finish(&text);
    return value;
}

static bool is_text(const struct text_node *node, const char *want) {
    return node != NULL && node->kind == NODE_TEXT && strcmp(node->text, want) == 0;
}

static int read_pod(const struct document_set *set, json_t **out_template, struct error *error) {
    static const char *const members[] = {"metadata", "spec"};
    const struct text_node *root = set->count == 1 ? &set->documents[0] : NULL;
    json_t *template = json_object();

    if (root == NULL || !is_text(node_member(root, "kind"), "Pod")) {
        json_decref(template);
        return error_set(error, ERR_INVALID, "not one Pod (kind: Pod)");
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const struct text_node *node = node_member(root, members[i]);
        json_t *value = node != NULL ? json_of(node) : NULL;

        if (node != NULL && value == NULL) {
            json_decref(template);
            return error_set(error, ERR_FULL, "larger than %d bytes", LIMIT_SPEC_BYTES);
        }
        if (value != NULL) {
            (void)json_object_set_new(template, members[i], value);
        }
    }
    *out_template = template;
    return OK;
}

/* The first problem of a text, as a sentence. */
static int complain(const char *path, struct problems *problems, struct error *error) {
    struct buf text;

    buf_init(&text, ERROR_TEXT_BYTES_MAX);
    problem_print(&problems->items[0], path, &text);
    (void)error_set(error, ERR_INVALID, "%s", buf_text(&text));
    buf_finish(&text);
    return ERR_INVALID;
}

int spark_template_read(const char *uri, struct json_t **out_template, struct error *error) {
    const char *path = path_of(uri);
    struct problems problems = {0};
    struct document_set set;
    struct buf text;
    int r = OK;

    if (path == uri && has_scheme(uri)) {
        return error_set(error, ERR_INVALID,
                         "%s: a pod template is read from this machine; download it first", uri);
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    if (input_read(path, &text) != 0) {
        r = error_set(error, ERR_NOT_FOUND, "%s: the pod template can't be read", path);
    } else if (document_set_parse(buf_text(&text), text.bytes, LIMIT_SPEC_BYTES, &set, &problems) <
               0) {
        r = complain(path, &problems, error);
    } else {
        r = read_pod(&set, out_template, error);
        if (r < 0) {
            error_prefix(error, "%s", path);
        }
        document_set_destroy(&set);
    }
    problems_finish(&problems);
    buf_finish(&text);
    return r;
}
