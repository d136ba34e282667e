/* k8s/spark_reader.h - how the fields of a SparkApplication are walked, by tables.
 *
 * Private to k8s:spark_app. A table's rows say by which function a field is read, and mostly the
 * key of Spark's configuration that it becomes.
 */
#ifndef K8S_SPARK_READER_H
#define K8S_SPARK_READER_H

#include <stddef.h>

#include "base/error.h"

#define SPARK_KEY_BYTES_MAX 1024

struct field_error;
struct json_at;
struct spark_app;

struct spark_reader {
    struct spark_app *app;
    struct field_error *error;
    const struct json_at *spec;
    const char *role; /* of the pod whose fields are read; "" outside */
};

/* How one field is read. key is what the function makes of it, mostly a key of the
 * configuration or its beginning, in which a star stands for the role. */
struct spark_field {
    const char *name;
    int (*read)(struct spark_reader *reader, const struct json_at *at, const char *key);
    const char *key;
};

struct spark_field_table {
    const struct spark_field *fields;
    size_t count;
};

/* Walk an object's members through a table; what it does not know is refused. */
int spark_read_object(struct spark_reader *reader, const struct json_at *at,
                      const struct spark_field_table *table) MUST_CHECK;

int spark_set(struct spark_reader *reader, const struct json_at *at, const char *key,
              const char *value) MUST_CHECK;

/* A property whose key ends in a name the user chose. */
int spark_set_named(struct spark_reader *reader, const struct json_at *at, const char *prefix,
                    const char *name, const char *value) MUST_CHECK;

/* A text, number or truth as Spark writes it. */
int spark_set_scalar(struct spark_reader *reader, const struct json_at *at, const char *prefix,
                     const char *name) MUST_CHECK;

int spark_need_text(struct spark_reader *reader, const struct json_at *at,
                    const char **out_text) MUST_CHECK;

/* For tables: a property of that key; an object, each of whose members becomes one; a list of
 * texts that becomes one, with commas. */
int spark_to_conf(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_map_to_conf(struct spark_reader *reader, const struct json_at *at, const char *prefix);
int spark_list_to_conf(struct spark_reader *reader, const struct json_at *at, const char *key);

/* For tables: read elsewhere, or copied from the payload into a pod; here only its type counts. */
int spark_leave(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_leave_list(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_leave_object(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_leave_int(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_leave_bool(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_leave_text(struct spark_reader *reader, const struct json_at *at, const char *key);

#endif
