/* k8s/json_print.h - a tree of jansson's as compact JSON.
 *
 * The bytes of json_dumps(JSON_COMPACT | JSON_ENCODE_ANY), which a test compares, in a fifth of the
 * time: jansson's goes through a callback for every piece and looks for circles.
 */
#ifndef K8S_JSON_PRINT_H
#define K8S_JSON_PRINT_H

#include <stddef.h>

struct buf;
struct json_t; /* jansson's */

/* Nothing in the tree may hold itself. */
void json_print_add(struct buf *out, const struct json_t *value);

/* "key": */
void json_print_add_key(struct buf *out, const char *key);

#endif
