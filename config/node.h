/* config/node.h - a value of YAML or JSON that knows where it stands in its text. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

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

/* A value, and its key when it is a member of an object. Memory belongs to the document set. */
struct text_node {
    enum node_kind kind;
    bool plain;                /* an unquoted scalar */
    uint32_t count;            /* of items */
    struct position place;     /* of the value */
    struct position key_place; /* of the key; of the value when there is no key */
    const char *key;           /* NULL outside objects */
    const char *text;          /* a scalar as it was written, without quotes and escapes */
    struct text_node *items;   /* an object's are sorted by key, bytewise */
};

/* The kind of an unquoted scalar in YAML 1.2's core schema. One exception: 0644 is octal, as in
 * YAML 1.1 and so in Kubernetes, where file modes are written like that. */
enum node_kind node_plain_kind(const char *text);

/* The member of that name, or NULL; also NULL when object is NULL or no object. */
const struct text_node *node_member(const struct text_node *object, const char *key);
struct text_node *node_member_mutable(struct text_node *object, const char *key);

/* The values of scalars that the checker let pass. */
int64_t node_int(const struct text_node *node);
double node_number(const struct text_node *node);
bool node_bool(const struct text_node *node);

/* Follow a path ("spec.sparkConf.spark.driver.host", "spec.volumes[2].name"); keys may hold
 * dots, the longest key that matches wins. Never NULL: where the path ends early, the last
 * node that exists. *out_exact (may be NULL) tells which. */
const struct text_node *node_find(const struct text_node *root, const char *path, bool *out_exact);

/* Where to point at: a scalar's value, or the key of a list or object. */
struct position node_place(const struct text_node *node);

/* JSON without white space, members in order of their keys: equal trees give equal bytes. */
void node_print_json(const struct text_node *node, struct buf *out);

/* One text as a JSON string, with quotes. */
void json_print_text(const char *text, struct buf *out);

#endif
