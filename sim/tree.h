/* sim/tree.h - reading and writing fields deep inside a JSON object.
 *
 * A path names object members, parted by slashes: "spec/nodeName". Keys that hold a
 * slash themselves (labels, annotations) are reached with tree_label() and its like.
 * A value of another type than asked for counts as absent.
 */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct json_t;

/* Borrowed; NULL when absent. An empty path is the node itself. A NULL node has no fields. */
struct json_t *tree_at(const struct json_t *node, const char *path);
const char *tree_text(const struct json_t *node, const char *path);
int64_t tree_int(const struct json_t *node, const char *path, int64_t fallback);
bool tree_true(const struct json_t *node, const char *path);

/* The same node, for jansson's iterators, which can't take a const one. Not to be changed. */
struct json_t *tree_walkable(const struct json_t *node);

/* Is there a text at the path, and equal to this one? */
bool tree_is(const struct json_t *node, const char *path, const char *text);

/* metadata.labels[key], metadata.annotations[key]; NULL when absent. */
const char *tree_label(const struct json_t *object, const char *key);
const char *tree_annotation(const struct json_t *object, const char *key);

/* metadata.name, metadata.namespace, metadata.uid; "" when absent. */
const char *tree_name(const struct json_t *object);
const char *tree_namespace(const struct json_t *object);
const char *tree_uid(const struct json_t *object);

/* The object (the array) at the path, made with all before it where something is missing or is
 * not an object. Borrowed. */
struct json_t *tree_make(struct json_t *node, const char *path);
struct json_t *tree_make_array(struct json_t *node, const char *path);

/* Set the field, making the objects before it. take_value is taken. */
void tree_put(struct json_t *node, const char *path, struct json_t *take_value);
void tree_put_text(struct json_t *node, const char *path, const char *text);
void tree_put_int(struct json_t *node, const char *path, int64_t value);
void tree_put_time(struct json_t *node, const char *path, int64_t time_us); /* to the second */

/* The same, only where the field is absent (or null). */
void tree_default(struct json_t *node, const char *path, struct json_t *take_value);
void tree_default_text(struct json_t *node, const char *path, const char *text);

void tree_drop(struct json_t *node, const char *path);

/* json_pack() that cannot fail: a format that does not match is our bug. */
struct json_t *tree_pack(const char *format, ...);

/* The time at the path in microseconds, 0 when absent or not a time. */
int64_t tree_time(const struct json_t *node, const char *path);

#endif
