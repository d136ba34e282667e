/* k8s/json_document.h - a JSON text as a flat list of its values: for what is only read.
 *
 * One pass over one copy of the text: strings are unescaped and ended in place, and every value is
 * a node in the order of the text. A document of usual size allocates nothing at all. Takes what a
 * strict parser takes (RFC 8259, UTF-8, no key twice, no NUL in a text), of a bounded depth; a test
 * holds it against jansson. codec_json.h reads out of it.
 */
#ifndef K8S_JSON_DOCUMENT_H
#define K8S_JSON_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_DOCUMENT_DEPTH_MAX 200
#define JSON_DOCUMENT_OWN_BYTES 4096 /* a pod takes two thirds of it, and of the nodes */
#define JSON_DOCUMENT_OWN_NODES 256

enum json_kind {
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_TEXT,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL
};

/* Those inside an object or array follow it; the one after all of them is `size` further on. */
struct json_node {
    const char *key; /* NULL in an array and at the top */
    union {
        const char *text;
        int64_t integer;
        double real;
        uint32_t count; /* of an object's or array's own members */
    };
    uint32_t size; /* 1, and those inside */
    enum json_kind kind;
};

/* Lives on its reader's stack, and must not be moved: it points into itself. */
struct json_document {
    char *text;              /* the copy */
    struct json_node *nodes; /* the first is the top */
    size_t count;
    size_t room;
    char own_text[JSON_DOCUMENT_OWN_BYTES];
    struct json_node own_nodes[JSON_DOCUMENT_OWN_NODES];
};

/* The one value of a text, an object or an array; the caller's to finish, but after a failure.
 * ERR_INVALID: *out_at is where it stops being JSON. */
int json_document_read(const char *text, size_t bytes, struct json_document *out_document,
                       size_t *out_at) MUST_CHECK;
void json_document_finish(struct json_document *document);

const struct json_node *json_document_root(const struct json_document *document);

/* The members of an object or array in order, borrowed: from NULL to NULL. */
const struct json_node *json_node_next(const struct json_node *parent,
                                       const struct json_node *member);

/* NULL: it has none of that name. */
const struct json_node *json_node_member(const struct json_node *object, const char *key);

#endif
