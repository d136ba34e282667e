#include "k8s/json_build.h"

#include <jansson.h>

#include "base/ensure.h"
#include "k8s/codec_json.h"

/* jansson gives NULL or -1 when memory runs out or a text is not UTF-8: the first ends us, as
 * any small allocation of ours does, and the second is our bug. */
static json_t *sure(json_t *value) {
    ENSURE(value != NULL);
    return value;
}

struct json_t *json_new_object(void) {
    return sure(json_object());
}

struct json_t *json_new_array(void) {
    return sure(json_array());
}

void json_put_take(struct json_t *object, const char *key, struct json_t *value) {
    int r = json_object_set_new(object, key, sure(value));

    ENSURE(r == 0);
}

void json_put_some_take(struct json_t *object, const char *key, struct json_t *value) {
    if (json_object_size(value) + json_array_size(value) > 0) {
        json_put_take(object, key, value);
    } else {
        json_decref(value);
    }
}

void json_put_text(struct json_t *object, const char *key, const char *text) {
    json_put_take(object, key, json_string(text));
}

void json_put_int(struct json_t *object, const char *key, int64_t value) {
    json_put_take(object, key, json_integer(value));
}

void json_put_bool(struct json_t *object, const char *key, bool value) {
    json_put_take(object, key, json_boolean(value));
}

void json_put_copy(struct json_t *object, const char *key, const struct json_t *source,
                   const char *source_key) {
    json_t *value = json_object_get(source, source_key);

    if (value != NULL && !json_is_null(value)) {
        json_put_take(object, key, json_deep_copy(value));
    }
}

void json_push_take(struct json_t *array, struct json_t *value) {
    int r = json_array_append_new(array, sure(value));

    ENSURE(r == 0);
}

void json_push_text(struct json_t *array, const char *text) {
    json_push_take(array, json_string(text));
}

void json_push_copies(struct json_t *array, const struct json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_push_take(array, json_deep_copy(json_array_get(list, i)));
    }
}

char *json_print_take(struct json_t *object) {
    char *text = json_print(object);

    json_decref(object);
    return text;
}
