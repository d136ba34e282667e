/* config/document.h - YAML or JSON text as a tree that knows where everything stands.
 *
 * JSON is read as the YAML it is (config/json_text.h does the plain kind, quicker). Scalars get
 * the types of YAML 1.2's core schema:
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

#include "base/error.h"
#include "config/node.h"
#include "config/problem.h"

struct arena;

struct document_set {
    struct text_node *documents; /* one root each; empty documents are left out */
    size_t count;
    bool plain_json;     /* one object, read by config/json_text.h */
    struct arena *arena; /* holds the nodes and texts */
    struct arena *tail;  /* holds those of the last document, or NULL */
};

/* Read all documents of a text. On failure ERR_INVALID, with the one problem that stopped us. */
int document_set_parse(const char *text, size_t bytes, size_t bytes_max,
                       struct document_set *out_set, struct problems *problems) MUST_CHECK;

void document_set_destroy(struct document_set *set);

#endif
