/* config/document.h - YAML or JSON text as a tree that knows where everything stands.
 *
 * JSON is read as the YAML it is. Scalars get the types of YAML 1.2's core schema:
 * `yes`, `on` and `012:30` are text, and what is quoted is always text; the checker
 * (config/schema.h) may still read a plain `5` as text where a text belongs.
 *
 * Refused, with the place: keys given twice, keys that are not text, tags other
 * than !!str, merge keys, aliases before their anchor, texts that are not UTF-8 or
 * hold NUL, and whatever passes the bounds of base/limits.h. Aliases are written
 * out while reading and count in full, so a bomb of them meets the bound on nodes.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/problem.h"

enum node_kind {
    NODE_NULL,
    NODE_TEXT,
    NODE_BOOL,
    NODE_INT, /* fits int64_t */
    NODE_NUMBER,
    NODE_LIST,
    NODE_OBJECT,
};

/* A value, and its key when it is a member of an object. Everything belongs to the set. */
struct node {
    enum node_kind kind;
    bool plain;             /* an unquoted scalar */
    uint32_t count;         /* of items */
    struct place place;     /* of the value */
    struct place key_place; /* of the key; of the value when there is no key */
    const char *key;        /* NULL outside objects */
    const char *text;       /* a scalar as it was written, without quotes and escapes */
    struct node *items;     /* an object's are sorted by key, bytewise */
};

struct document_set {
    struct node *documents; /* one root each; empty documents are left out */
    size_t count;
    void *arena; /* holds the nodes and texts */
};

/* Read all documents of a text. On failure ERR_INVALID, with the one problem that stopped us. */
int document_set_parse(const char *text, size_t bytes, size_t bytes_max,
                       struct document_set *out_set, struct problems *problems) MUST_CHECK;

void document_set_destroy(struct document_set *set);

/* The member of that name, or NULL; also NULL when object is NULL or no object. */
const struct node *node_member(const struct node *object, const char *key);
struct node *node_member_mutable(struct node *object, const char *key);

/* Follow a path ("spec.sparkConf.spark.driver.host", "spec.volumes[2].name"); keys may hold
 * dots, the longest key that matches wins. Never NULL: where the path ends early, the last
 * node that exists. *out_exact (may be NULL) tells which. */
const struct node *node_find(const struct node *root, const char *path, bool *out_exact);

/* Where to point at: a scalar's value, or the key of a list or object. */
struct place node_place(const struct node *node);

/* JSON without white space, members in order of their keys: equal trees give equal bytes. */
void node_print_json(const struct node *node, struct buf *out);

/* One text as a JSON string, with quotes. */
void json_print_text(const char *text, struct buf *out);

#endif
