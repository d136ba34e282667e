/* sim/json.h - questions that Kubernetes objects are asked all the time.
 *
 * Paths are keys joined by dots ("metadata.name"); keys that contain dots, such as
 * labels, can't be named by them. Everything returned is borrowed.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct json_t;

/* NULL when a step is absent or no object. */
struct json_t *sim_json_at(const struct json_t *object, const char *path);

/* NULL unless it's a string there. */
const char *sim_json_text(const struct json_t *object, const char *path);

/* fallback unless it's an integer there. */
int64_t sim_json_int(const struct json_t *object, const char *path, int64_t fallback);

bool sim_json_true(const struct json_t *object, const char *path);

/* A new object that shares the members; an empty one of NULL. */
struct json_t *sim_json_copy(const struct json_t *object);

/* The object under key, made if it isn't there (or is null). NULL if parent is no object. */
struct json_t *sim_json_make_object(struct json_t *parent, const char *key);

void sim_json_set_text(struct json_t *object, const char *key, const char *text);
void sim_json_set_int(struct json_t *object, const char *key, int64_t value);

/* Set what isn't there yet; null counts as absent. */
void sim_json_default_text(struct json_t *object, const char *key, const char *text);
void sim_json_default_int(struct json_t *object, const char *key, int64_t value);

/* "2026-11-22T22:00:00Z" */
void sim_json_set_time(struct json_t *object, const char *key, int64_t time_us);

#endif
