/* k8s/json_build.h - putting JSON together, without a branch for exhaustion at every member.
 *
 * Texts must be UTF-8. "take" gives the value away; it must not be NULL.
 */
#ifndef K8S_JSON_BUILD_H
#define K8S_JSON_BUILD_H

#include <stdbool.h>
#include <stdint.h>

struct json_t;

struct json_t *json_new_object(void);
struct json_t *json_new_array(void);

void json_put_text(struct json_t *object, const char *key, const char *text);
void json_put_int(struct json_t *object, const char *key, int64_t value);
void json_put_bool(struct json_t *object, const char *key, bool value);
void json_put_take(struct json_t *object, const char *key, struct json_t *value);

/* The same, but an empty object or list is dropped. */
void json_put_some_take(struct json_t *object, const char *key, struct json_t *value);

/* A deep copy of the source's member, if it has it and it is not null. */
void json_put_copy(struct json_t *object, const char *key, const struct json_t *source,
                   const char *source_key);

void json_push_text(struct json_t *array, const char *text);
void json_push_take(struct json_t *array, struct json_t *value);

/* Deep copies of all members of a list; NULL and other types have none. */
void json_push_copies(struct json_t *array, const struct json_t *list);

/* The printed object, owned; takes it. */
char *json_print_take(struct json_t *object);

#endif
