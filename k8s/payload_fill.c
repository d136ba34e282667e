#include "k8s/payload_fill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define ENVIRONMENT_INDEX "NIGHTSHIFT_ARRAY_INDEX"
#define ENVIRONMENT_VALUE "NIGHTSHIFT_PARAM_"
#define KUBERNETES_INDEX  "JOB_COMPLETION_INDEX" /* as in an indexed Job's pods */
#define VARIABLE_BYTES    (sizeof ENVIRONMENT_VALUE + LIMIT_LABEL_BYTES)

/* A row under its columns' names. */
struct row {
    json_t *names;
    json_t *values; /* the index first */
    char index[24];
};

/* The value that stands for a name of so many bytes; NULL: none does. */
static const char *find_value(const struct row *row, const char *name, size_t bytes) {
    if (bytes == strlen("index") && memcmp(name, "index", bytes) == 0) {
        return row->index;
    }
    for (size_t i = 0; i < json_array_size(row->names); i++) {
        const char *column = json_string_value(json_array_get(row->names, i));

        if (strlen(column) == bytes && memcmp(column, name, bytes) == 0) {
            return json_string_value(json_array_get(row->values, i + 1));
        }
    }
    return NULL;
}

/* {{name}} by its value; what has none stays. */
static void fill_text(const struct row *row, const char *text, struct buf *out) {
    const char *open;

    while ((open = strstr(text, "{{")) != NULL) {
        const char *close = strstr(open, "}}");
        const char *value =
            close != NULL ? find_value(row, open + 2, (size_t)(close - open - 2)) : NULL;
        size_t copied = (size_t)(open - text) + (value == NULL ? 2 : 0);

        buf_add(out, text, copied);
        text += copied;
        if (value != NULL) {
            buf_add_text(out, value);
            text = close + 2;
        }
    }
    buf_add_text(out, text);
}

static void fill_string(const struct row *row, json_t *string) {
    struct buf out;

    if (!json_is_string(string) || strstr(json_string_value(string), "{{") == NULL) {
        return;
    }
    buf_init(&out, LIMIT_SPEC_BYTES);
    fill_text(row, json_string_value(string), &out);
    (void)json_string_set(string, buf_text(&out));
    buf_finish(&out);
}

static void fill_list(const struct row *row, json_t *list) {
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        fill_string(row, item);
    }
}

static void fill_map(const struct row *row, json_t *map) {
    const char *key;
    json_t *value;

    json_object_foreach(map, key, value) {
        fill_string(row, value);
    }
}

/* --- Environments: lists of {"name":..,"value":..} --- */

static bool has_name(json_t *environment, const char *name) {
    json_t *item;
    size_t i;

    json_array_foreach(environment, i, item) {
        const char *found = json_string_value(json_object_get(item, "name"));

        if (found != NULL && strcmp(found, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_variable(json_t *environment, const char *name, const char *value) {
    if (!has_name(environment, name)) {
        (void)json_array_append_new(environment,
                                    json_pack("{s:s,s:s}", "name", name, "value", value));
    }
}

static void fill_values(const struct row *row, json_t *environment) {
    json_t *item;
    size_t i;

    json_array_foreach(environment, i, item) {
        fill_string(row, json_object_get(item, "value"));
    }
}

static void name_of(const struct row *row, size_t column, char out_name[VARIABLE_BYTES]) {
    (void)snprintf(out_name, VARIABLE_BYTES, "%s%s", ENVIRONMENT_VALUE,
                   json_string_value(json_array_get(row->names, column)));
}

static const char *value_of(const struct row *row, size_t column) {
    return json_string_value(json_array_get(row->values, column + 1));
}

/* In the member env of a container or of a driver. */
static void fill_environment(const struct row *row, json_t *owner) {
    json_t *environment = json_object_get(owner, "env");

    fill_values(row, environment);
    if (environment == NULL) {
        environment = json_array();
        (void)json_object_set_new(owner, "env", environment);
    }
    add_variable(environment, ENVIRONMENT_INDEX, row->index);
    add_variable(environment, KUBERNETES_INDEX, row->index);
    for (size_t i = 0; i < json_array_size(row->names); i++) {
        char name[VARIABLE_BYTES];

        name_of(row, i, name);
        add_variable(environment, name, value_of(row, i));
    }
}

/* The member, made if it is missing. */
static json_t *need_object(json_t *owner, const char *key) {
    json_t *object = json_object_get(owner, key);

    if (object == NULL) {
        object = json_object();
        (void)json_object_set_new(owner, key, object);
    }
    return object;
}

static void set_variable(json_t *map, const char *name, const char *value) {
    if (json_object_get(map, name) == NULL) {
        (void)json_object_set_new(map, name, json_string(value));
    }
}

/* What Spark sets in its executors' environment is a map. */
static void fill_executors(const struct row *row, json_t *executor) {
    json_t *map = need_object(executor, "envVars");

    fill_map(row, map);
    fill_values(row, json_object_get(executor, "env"));
    set_variable(map, ENVIRONMENT_INDEX, row->index);
    set_variable(map, KUBERNETES_INDEX, row->index);
    for (size_t i = 0; i < json_array_size(row->names); i++) {
        char name[VARIABLE_BYTES];

        name_of(row, i, name);
        set_variable(map, name, value_of(row, i));
    }
}

static void fill_spark(const struct row *row, json_t *spec) {
    json_t *driver = need_object(spec, "driver");

    fill_list(row, json_object_get(spec, "arguments"));
    fill_map(row, json_object_get(driver, "envVars"));
    fill_environment(row, driver);
    fill_executors(row, need_object(spec, "executor"));
}

static void fill_pod(const struct row *row, json_t *spec) {
    static const char *const kinds[] = {"initContainers", "containers"};

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        json_t *container;
        size_t i;

        json_array_foreach(json_object_get(spec, kinds[k]), i, container) {
            fill_list(row, json_object_get(container, "args"));
            fill_list(row, json_object_get(container, "command"));
            fill_environment(row, container);
        }
    }
}

/* --- The row --- */

static bool all_texts(json_t *list, size_t from) {
    for (size_t i = from; i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i))) {
            return false;
        }
    }
    return json_is_array(list);
}

static bool make_row(json_t *root, json_t *values, struct row *out) {
    json_t *names = json_object_get(root, "row");

    *out = (struct row){.names = names, .values = values};
    (void)snprintf(out->index, sizeof out->index, "%" JSON_INTEGER_FORMAT,
                   json_integer_value(json_array_get(values, 0)));
    return all_texts(names, 0) && all_texts(values, 1) &&
           json_is_integer(json_array_get(values, 0)) &&
           json_array_size(values) == json_array_size(names) + 1;
}

static int fill(enum job_kind kind, json_t *root, json_t *values, struct field_error *error) {
    json_t *spec = json_object_get(root, "spec");
    struct row row;

    if (!json_is_object(spec) || !make_row(root, values, &row)) {
        return error_set(&error->error, ERR_INVALID, "its row does not fit its template");
    }
    if (kind == JOB_KIND_SPARK) {
        fill_spark(&row, spec);
    } else {
        fill_pod(&row, spec);
    }
    (void)json_object_del(root, "row");
    return OK;
}

int payload_fill(enum job_kind kind, struct buf *payload, const char *row,
                 struct field_error *error) {
    json_t *values = json_loads(row, 0, NULL);
    json_t *root = NULL;
    char *text = NULL;
    int r = json_parse_object(payload->data, payload->bytes, LIMIT_SPEC_BYTES, &root, error);

    r = r < 0 ? r : fill(kind, root, values, error);
    if (r == OK) {
        text = json_print(root);
        buf_clear(payload);
        buf_add_text(payload, text);
        r = payload->full ? ERR_FULL : OK;
    }
    free(text);
    json_drop(root);
    json_decref(values);
    return r;
}
