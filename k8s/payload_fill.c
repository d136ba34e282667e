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

/* What a payload is filled with. */
struct row {
    const struct payload_value *values;
    size_t count;
};

/* The value that stands for what is between braces; NULL: none does. */
static const char *find_value(const struct row *row, const char *name, size_t bytes) {
    while (bytes > 0 && name[0] == ' ') {
        name++;
        bytes--;
    }
    while (bytes > 0 && name[bytes - 1] == ' ') {
        bytes--;
    }
    for (size_t i = 0; i < row->count; i++) {
        const char *known = row->values[i].name;

        if (strlen(known) == bytes && memcmp(known, name, bytes) == 0) {
            return row->values[i].text;
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

/* In the member env of a container or of a driver. */
static void fill_environment(const struct row *row, json_t *owner) {
    json_t *environment = json_object_get(owner, "env");

    fill_values(row, environment);
    if (environment == NULL) {
        environment = json_array();
        (void)json_object_set_new(owner, "env", environment);
    }
    for (size_t i = 0; i < row->count; i++) {
        if (row->values[i].variable != NULL) {
            add_variable(environment, row->values[i].variable, row->values[i].text);
        }
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
    for (size_t i = 0; i < row->count; i++) {
        if (row->values[i].variable != NULL) {
            set_variable(map, row->values[i].variable, row->values[i].text);
        }
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

static int fill(enum job_kind kind, json_t *root, const struct row *row,
                struct field_error *error) {
    json_t *spec = json_object_get(root, "spec");

    if (!json_is_object(spec)) {
        return error_set(&error->error, ERR_INVALID, "it has no spec");
    }
    if (kind == JOB_KIND_SPARK) {
        fill_spark(row, spec);
    } else {
        fill_pod(row, spec);
    }
    (void)json_object_del(root, "row");
    return OK;
}

static int replace(enum job_kind kind, struct buf *payload, json_t *root, const struct row *row,
                   struct field_error *error) {
    char *text;
    int r = fill(kind, root, row, error);

    if (r < 0) {
        return r;
    }
    text = json_print(root);
    buf_clear(payload);
    buf_add_text(payload, text);
    free(text);
    return payload->full ? ERR_FULL : OK;
}

int payload_fill_values(enum job_kind kind, struct buf *payload, const struct payload_value *values,
                        size_t count, struct field_error *error) {
    const struct row row = {values, count};
    json_t *root = NULL;
    int r = json_parse_object(payload->data, payload->bytes, LIMIT_SPEC_BYTES, &root, error);

    r = r < 0 ? r : replace(kind, payload, root, &row, error);
    json_drop(root);
    return r;
}

static bool fits(json_t *names, json_t *values) {
    return all_texts(names, 0) && all_texts(values, 1) &&
           json_is_integer(json_array_get(values, 0)) &&
           json_array_size(values) == json_array_size(names) + 1;
}

static int fill_row(enum job_kind kind, struct buf *payload, json_t *root, json_t *values,
                    struct field_error *error) {
    json_t *names = json_object_get(root, "row");
    size_t count = json_array_size(values) + 1; /* The index has two variables. */
    struct payload_value *items = mem_alloc(count, sizeof *items);
    char(*variables)[VARIABLE_BYTES] = mem_alloc(count, sizeof *variables);
    const struct row row = {items, count};
    char index[24];
    int r;

    if (!fits(names, values)) {
        r = error_set(&error->error, ERR_INVALID, "its row does not fit its template");
        goto out;
    }
    (void)snprintf(index, sizeof index, "%" JSON_INTEGER_FORMAT,
                   json_integer_value(json_array_get(values, 0)));
    items[0] = (struct payload_value){"index", ENVIRONMENT_INDEX, index};
    items[1] = (struct payload_value){"index", KUBERNETES_INDEX, index};
    for (size_t i = 2; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i - 2));

        (void)snprintf(variables[i], VARIABLE_BYTES, "%s%s", ENVIRONMENT_VALUE, name);
        items[i] = (struct payload_value){name, variables[i],
                                          json_string_value(json_array_get(values, i - 1))};
    }
    json_incref(names); /* Its texts are used after it is taken out. */
    r = replace(kind, payload, root, &row, error);
    json_decref(names);
out:
    free(variables);
    free(items);
    return r;
}

int payload_fill(enum job_kind kind, struct buf *payload, const char *row,
                 struct field_error *error) {
    json_t *values = json_loads(row, 0, NULL);
    json_t *root = NULL;
    int r = json_parse_object(payload->data, payload->bytes, LIMIT_SPEC_BYTES, &root, error);

    r = r < 0 ? r : fill_row(kind, payload, root, values, error);
    json_drop(root);
    json_decref(values);
    return r;
}
