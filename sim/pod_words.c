#include "sim/pod_words.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "sim/amounts.h"
#include "sim/image.h"
#include "sim/pod_math.h"
#include "sim/store.h"
#include "sim/tree.h"

#define TEXT_BYTES_MAX (4 * 1024 * 1024)

/* --- Lists ------------------------------------------------------------------------------------ */

void word_list_finish(struct word_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct word_list){0};
}

void word_list_add(struct word_list *list, char *take_word) {
    list->items = mem_grow(list->items, list->count + 2, sizeof *list->items);
    list->items[list->count++] = take_word;
    list->items[list->count] = NULL;
}

/* The place of the variable in the list, or the list's end. */
static size_t find_variable(const struct word_list *list, const char *name, size_t length) {
    size_t i = 0;

    while (i < list->count &&
           !(strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')) {
        i++;
    }
    return i;
}

static void put_variable(struct word_list *list, const char *name, const char *value) {
    size_t at = find_variable(list, name, strlen(name));
    char *word = mem_format("%s=%s", name, value);

    if (at == list->count) {
        word_list_add(list, word);
    } else {
        free(list->items[at]);
        list->items[at] = word;
    }
}

/* --- $(NAME) ---------------------------------------------------------------------------------- */

/* What stands at a dollar sign; returns how much of the text it took. */
static size_t expand_one(const char *at, const struct word_list *environment, struct buf *out) {
    const char *end = at[1] == '(' ? strchr(at, ')') : NULL;
    size_t length = end == NULL ? 0 : (size_t)(end - at) - 2;
    size_t place;

    if (at[1] == '$') {
        buf_add_char(out, '$');
        return 2;
    }
    if (end == NULL) {
        buf_add_char(out, '$');
        return 1;
    }
    place = find_variable(environment, at + 2, length);
    if (place == environment->count) {
        buf_add(out, at, length + 3); /* Unknown: as it is. */
    } else {
        buf_add_text(out, environment->items[place] + length + 1);
    }
    return length + 3;
}

char *pod_words_expand(const char *text, const struct word_list *environment) {
    struct buf out;

    buf_init(&out, TEXT_BYTES_MAX);
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");

        buf_add(&out, text, plain);
        text += plain;
        if (*text == '$') {
            text += expand_one(text, environment, &out);
        }
    }
    return buf_take_text(&out);
}

/* --- The downward API ------------------------------------------------------------------------- */

/* key="value" lines, as in a file. */
static char *print_map(const json_t *map) {
    struct buf out;
    const char *key;
    json_t *value;

    buf_init(&out, TEXT_BYTES_MAX);
    json_object_foreach(tree_walkable(map), key, value) {
        char *quoted = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

        buf_add_format(&out, "%s%s=%s", out.bytes == 0 ? "" : "\n", key,
                       quoted == NULL ? "\"\"" : quoted);
        free(quoted);
    }
    return buf_take_text(&out);
}

/* "metadata.labels['a/b']": the value of that key; NULL when the path is of another form. */
static char *keyed_field(const json_t *pod, const char *path) {
    const char *open = strchr(path, '[');
    size_t length = strlen(path);
    char *key;
    const char *value;

    if (open == NULL || length < 4 || open[1] != '\'' || path[length - 1] != ']' ||
        path + length - 2 <= open + 1) {
        return NULL;
    }
    key = mem_copy_text_n(open + 2, (size_t)(path + length - open) - 4);
    value = text_starts_with(path, "metadata.labels") ? tree_label(pod, key)
                                                      : tree_annotation(pod, key);
    free(key);
    return mem_copy_text(value == NULL ? "" : value);
}

static char *dotted_field(const json_t *pod, const char *path) {
    char *slashed = mem_copy_text(path);
    const json_t *value;
    char *text;

    for (char *at = slashed; (at = strchr(at, '.')) != NULL;) {
        *at = '/';
    }
    value = tree_at(pod, slashed);
    free(slashed);
    if (json_is_object(value)) {
        text = print_map(value);
    } else {
        text = mem_copy_text(json_is_string(value) ? json_string_value(value) : "");
    }
    return text;
}

char *pod_words_field(const json_t *pod, const char *ip, const char *path) {
    char *keyed = keyed_field(pod, path);

    if (keyed != NULL) {
        return keyed;
    }
    if (strcmp(path, "status.podIP") == 0 || strcmp(path, "status.podIPs") == 0) {
        return mem_copy_text(ip);
    }
    if (strcmp(path, "status.hostIPs") == 0) {
        path = "status.hostIP";
    }
    return dotted_field(pod, path);
}

static const json_t *find_container(const json_t *pod, const char *name) {
    static const char *const lists[] = {"spec/containers", "spec/initContainers"};
    json_t *container;
    size_t i;

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        json_array_foreach(tree_at(pod, lists[k]), i, container) {
            if (tree_is(container, "name", name)) {
                return container;
            }
        }
    }
    return NULL;
}

/* A limit that is not set is all that the node has. */
static const char *resource_text(const struct pod_words_query *query, const json_t *container,
                                 const char *name, bool limit) {
    const char *text =
        tree_text(tree_at(container, limit ? "resources/limits" : "resources/requests"), name);
    const char *node = pod_node(query->pod);

    if (text == NULL && limit && node != NULL) {
        text = tree_text(
            tree_at(sim_store_get(query->store, SIM_NODES, "", node), "status/allocatable"), name);
    }
    return text == NULL ? "0" : text;
}

/* Rounded up to whole divisors, as Kubernetes does. */
char *pod_words_resource(const struct pod_words_query *query, const json_t *reference) {
    const char *wanted = tree_text(reference, "resource");
    const char *named = tree_text(reference, "containerName");
    const char *divisor = tree_text(reference, "divisor");
    const json_t *container = named == NULL ? query->container : find_container(query->pod, named);
    bool limit = wanted != NULL && text_starts_with(wanted, "limits.");
    const char *name = wanted == NULL ? NULL : strchr(wanted, '.');
    int64_t amount = 0;
    int64_t part = 0;
    bool binary;

    if (name == NULL || amount_parse(name + 1, resource_text(query, container, name + 1, limit),
                                     &amount, &binary) != OK) {
        return mem_copy_text("0");
    }
    if (divisor == NULL || strcmp(divisor, "0") == 0 ||
        amount_parse(name + 1, divisor, &part, &binary) != OK || part <= 0) {
        part = strcmp(name + 1, "cpu") == 0 ? 1000 : 1;
    }
    return mem_format("%" PRId64, amount / part + (amount % part > 0));
}

/* --- The environment -------------------------------------------------------------------------- */

/* The value under a key of a ConfigMap or Secret; NULL when it is not there. Owned. */
static char *source_value(const struct pod_words_query *query, enum sim_resource_id id,
                          const char *name, const char *key) {
    const json_t *object = sim_store_get(query->store, id, tree_namespace(query->pod), name);
    const char *text = json_string_value(json_object_get(tree_at(object, "data"), key));
    char *decoded = NULL;
    size_t bytes;

    if (text == NULL || id == SIM_CONFIGMAPS) {
        return mem_copy_text(text);
    }
    return base64_decode(text, BASE64_USUAL, &decoded, &bytes) == OK ? decoded : NULL;
}

static int missing(const struct pod_words_query *query, enum sim_resource_id id, const char *name,
                   const char *key, struct error *error) {
    const char *kind = id == SIM_SECRETS ? "Secret" : "ConfigMap";

    if (sim_store_get(query->store, id, tree_namespace(query->pod), name) == NULL) {
        return error_set(error, ERR_NOT_FOUND, "%s \"%s\" not found",
                         id == SIM_SECRETS ? "secret" : "configmap", name);
    }
    return error_set(error, ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", key, kind,
                     tree_namespace(query->pod), name);
}

/* NULL in *out_value: an optional reference that leads nowhere, the variable is left out. */
static int read_key(const struct pod_words_query *query, enum sim_resource_id id,
                    const json_t *reference, char **out_value, struct error *error) {
    const char *name = tree_text(reference, "name");
    const char *key = tree_text(reference, "key");

    *out_value = name == NULL || key == NULL ? NULL : source_value(query, id, name, key);
    if (*out_value != NULL || tree_true(reference, "optional")) {
        return OK;
    }
    return missing(query, id, name == NULL ? "" : name, key == NULL ? "" : key, error);
}

static int read_variable(const struct pod_words_query *query, const json_t *variable,
                         const struct word_list *so_far, char **out_value, struct error *error) {
    const json_t *from = tree_at(variable, "valueFrom");
    const char *value = tree_text(variable, "value");
    const char *field = tree_text(from, "fieldRef/fieldPath");

    *out_value = NULL;
    if (from == NULL) {
        *out_value = pod_words_expand(value == NULL ? "" : value, so_far);
    } else if (field != NULL) {
        *out_value = pod_words_field(query->pod, query->ip, field);
    } else if (tree_at(from, "resourceFieldRef") != NULL) {
        *out_value = pod_words_resource(query, tree_at(from, "resourceFieldRef"));
    } else if (tree_at(from, "secretKeyRef") != NULL) {
        return read_key(query, SIM_SECRETS, tree_at(from, "secretKeyRef"), out_value, error);
    } else if (tree_at(from, "configMapKeyRef") != NULL) {
        return read_key(query, SIM_CONFIGMAPS, tree_at(from, "configMapKeyRef"), out_value, error);
    }
    return OK;
}

static int add_variables(const struct pod_words_query *query, struct word_list *out,
                         struct error *error) {
    json_t *variable;
    size_t i;
    int r = OK;

    json_array_foreach(tree_at(query->container, "env"), i, variable) {
        const char *name = tree_text(variable, "name");
        char *value = NULL;

        r = read_variable(query, variable, out, &value, error);
        if (r != OK) {
            break;
        }
        if (name != NULL && value != NULL) {
            put_variable(out, name, value);
        }
        free(value);
    }
    return r;
}

static int add_all_of(const struct pod_words_query *query, enum sim_resource_id id,
                      const json_t *reference, const char *prefix, struct word_list *out,
                      struct error *error) {
    const char *name = tree_text(reference, "name");
    const json_t *object =
        sim_store_get(query->store, id, tree_namespace(query->pod), name == NULL ? "" : name);
    const char *key;
    json_t *item;

    if (reference == NULL) {
        return OK;
    }
    if (object == NULL && !tree_true(reference, "optional")) {
        return missing(query, id, name == NULL ? "" : name, "", error);
    }
    json_object_foreach(tree_at(object, "data"), key, item) {
        char *value = source_value(query, id, name, key);
        char *full = mem_format("%s%s", prefix == NULL ? "" : prefix, key);

        (void)item;
        if (value != NULL) {
            put_variable(out, full, value);
        }
        free(full);
        free(value);
    }
    return OK;
}

static int add_sources(const struct pod_words_query *query, struct word_list *out,
                       struct error *error) {
    json_t *source;
    size_t i;
    int r = OK;

    json_array_foreach(tree_at(query->container, "envFrom"), i, source) {
        const char *prefix = tree_text(source, "prefix");

        r = add_all_of(query, SIM_CONFIGMAPS, tree_at(source, "configMapRef"), prefix, out, error);
        r = r == OK
                ? add_all_of(query, SIM_SECRETS, tree_at(source, "secretRef"), prefix, out, error)
                : r;
        if (r != OK) {
            break;
        }
    }
    return r;
}

static void add_image_variables(const struct pod_words_query *query, struct word_list *out) {
    json_t *word;
    size_t i;

    json_array_foreach(tree_at(query->image->config, "Env"), i, word) {
        const char *text = json_string_value(word);
        const char *equals = text == NULL ? NULL : strchr(text, '=');

        if (equals != NULL) {
            char *name = mem_copy_text_n(text, (size_t)(equals - text));

            put_variable(out, name, equals + 1);
            free(name);
        }
    }
}

static void add_cluster_variables(const struct pod_words_query *query, struct word_list *out) {
    char port[16];
    char *url = mem_format("tcp://%s:%u", query->api_host, (unsigned)query->api_port);

    (void)snprintf(port, sizeof port, "%u", (unsigned)query->api_port);
    put_variable(out, "KUBERNETES_SERVICE_HOST", query->api_host);
    put_variable(out, "KUBERNETES_SERVICE_PORT", port);
    put_variable(out, "KUBERNETES_SERVICE_PORT_HTTPS", port);
    put_variable(out, "KUBERNETES_PORT", url);
    free(url);
}

int pod_words_environment(const struct pod_words_query *query, struct word_list *out,
                          struct error *error) {
    int r;

    put_variable(out, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    put_variable(out, "HOSTNAME", tree_name(query->pod));
    put_variable(out, "HOME", geteuid() == 0 ? "/root" : "/");
    add_image_variables(query, out);
    add_cluster_variables(query, out);
    r = add_sources(query, out, error);
    return r == OK ? add_variables(query, out, error) : r;
}

/* --- The command ------------------------------------------------------------------------------ */

static void add_words(const json_t *words, const struct word_list *environment,
                      struct word_list *out) {
    json_t *word;
    size_t i;

    json_array_foreach(tree_walkable(words), i, word) {
        const char *text = json_string_value(word);

        if (text != NULL) {
            word_list_add(out, environment == NULL ? mem_copy_text(text)
                                                   : pod_words_expand(text, environment));
        }
    }
}

/* A command of the container's own sets aside both of the image's. */
int pod_words_command(const struct pod_words_query *query, const struct word_list *environment,
                      struct word_list *out, struct error *error) {
    const json_t *command = tree_at(query->container, "command");
    const json_t *arguments = tree_at(query->container, "args");
    bool own = json_array_size(command) > 0;

    if (own) {
        add_words(command, environment, out);
    } else {
        add_words(tree_at(query->image->config, "Entrypoint"), NULL, out);
    }
    if (json_array_size(arguments) > 0) {
        add_words(arguments, environment, out);
    } else if (!own) {
        add_words(tree_at(query->image->config, "Cmd"), NULL, out);
    }
    if (out->count == 0) {
        return error_set(error, ERR_INVALID, "no command specified");
    }
    return OK;
}
