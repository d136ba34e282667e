#include "k8s/spark_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"

#define FIELD_COUNT_MAX 64

void spark_role_key(const char *pattern, const char *role, char *out_key, size_t bytes_max) {
    const char *star = strchr(pattern, '*');

    if (star == NULL) {
        (void)text_copy(out_key, bytes_max, pattern);
    } else {
        (void)snprintf(out_key, bytes_max, "%.*s%s%s", (int)(star - pattern), pattern, role,
                       star + 1);
    }
}

int spark_set(struct spark_reader *reader, const struct json_at *at, const char *key,
              const char *value) {
    char path[FIELD_PATH_BYTES_MAX];
    char full_key[SPARK_KEY_BYTES_MAX];
    int r;

    json_at_path(at, path);
    spark_role_key(key, reader->role, full_key, sizeof full_key);
    r = spark_conf_set(&reader->app->conf, full_key, value, path);
    if (r < 0) {
        return json_fail(at, reader->error, r, "more than %d Spark properties",
                         LIMIT_SPARK_CONF_KEYS);
    }
    return OK;
}

/* A property whose key ends in a name the user chose. */
int spark_set_named(struct spark_reader *reader, const struct json_at *at, const char *prefix,
                    const char *name, const char *value) {
    char key[SPARK_KEY_BYTES_MAX];
    char start[SPARK_KEY_BYTES_MAX];
    int length;

    spark_role_key(prefix, reader->role, start, sizeof start);
    length = snprintf(key, sizeof key, "%s%s", start, name);
    if (length < 0 || (size_t)length >= sizeof key || strchr(name, '*') != NULL) {
        return json_fail(at, reader->error, ERR_INVALID, "\"%s\" is not a usable name", name);
    }
    return spark_set(reader, at, key, value);
}

int spark_need_text(struct spark_reader *reader, const struct json_at *at, const char **out_text) {
    const char *text = NULL;
    int r = json_get_text(at, &text, reader->error);

    if (r == OK && text == NULL) {
        return json_fail(at, reader->error, ERR_INVALID, "is required");
    }
    if (r == OK) {
        *out_text = text;
    }
    return r;
}

/* A text, number or truth as Spark writes it. */
int spark_set_scalar(struct spark_reader *reader, const struct json_at *at, const char *prefix,
                     const char *name) {
    char *printed;
    int r;

    if (json_is_string(at->value)) {
        return spark_set_named(reader, at, prefix, name, json_string_value(at->value));
    }
    if (!json_is_number(at->value) && !json_is_boolean(at->value)) {
        return json_fail(at, reader->error, ERR_INVALID, "must be a text or a number");
    }
    printed = json_print(at->value);
    r = spark_set_named(reader, at, prefix, name, printed);
    free(printed);
    return r;
}

int spark_to_conf(struct spark_reader *reader, const struct json_at *at, const char *key) {
    return spark_set_scalar(reader, at, key, "");
}

/* An object: each member becomes a property. */
int spark_map_to_conf(struct spark_reader *reader, const struct json_at *at, const char *prefix) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    while (r == OK && json_next(at, &iterator, &member)) {
        if (!json_is_there(&member)) {
            continue;
        }
        r = spark_set_scalar(reader, &member, prefix, member.key);
    }
    return r;
}

/* A list of texts becomes one property, with commas. */
int spark_list_to_conf(struct spark_reader *reader, const struct json_at *at, const char *key) {
    struct buf joined;
    size_t count = 0;
    int r = json_get_count(at, LIMIT_SPARK_ARGUMENTS, &count, reader->error);

    buf_init(&joined, LIMIT_SPEC_BYTES);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(at, i);
        const char *text;

        r = spark_need_text(reader, &item, &text);
        if (r == OK) {
            buf_add_text(&joined, i > 0 ? "," : "");
            buf_add_text(&joined, text);
        }
    }
    if (r == OK && count > 0) {
        r = spark_set(reader, at, key, buf_text(&joined));
    }
    buf_finish(&joined);
    return r;
}

/* Already read, or copied from the payload into the driver's pod, or the queue's business. */
int spark_leave(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)reader;
    (void)at;
    (void)key;
    return OK;
}

int spark_leave_list(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_expect_array(at, reader->error);
}

int spark_leave_object(struct spark_reader *reader, const struct json_at *at, const char *key) {
    (void)key;
    return json_expect_object(at, reader->error);
}

int spark_leave_int(struct spark_reader *reader, const struct json_at *at, const char *key) {
    int64_t value;

    (void)key;
    return json_get_int64(at, &value, reader->error);
}

int spark_leave_bool(struct spark_reader *reader, const struct json_at *at, const char *key) {
    bool value;

    (void)key;
    return json_get_bool(at, &value, reader->error);
}

int spark_leave_text(struct spark_reader *reader, const struct json_at *at, const char *key) {
    const char *value;

    (void)key;
    return json_get_text(at, &value, reader->error);
}

/* Walk an object's members through a table; what it does not know is refused. */
int spark_read_object(struct spark_reader *reader, const struct json_at *at,
                      const struct spark_field_table *table) {
    const char *names[FIELD_COUNT_MAX];
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(at, reader->error);

    for (size_t i = 0; i < table->count; i++) {
        names[i] = table->fields[i].name;
    }
    while (r == OK && json_next(at, &iterator, &member)) {
        const struct spark_field *field = NULL;
        const char *meant;

        for (size_t i = 0; i < table->count && field == NULL; i++) {
            field = strcmp(names[i], member.key) == 0 ? &table->fields[i] : NULL;
        }
        if (field == NULL) {
            meant = text_closest(member.key, names, table->count);
            r = json_fail(&member, reader->error, ERR_INVALID, "unknown field%s%s%s",
                          meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
                          meant != NULL ? "?" : "");
        } else if (json_is_there(&member)) {
            r = field->read(reader, &member, field->key);
        }
    }
    return r;
}
