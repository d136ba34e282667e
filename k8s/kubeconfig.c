#include "k8s/kubeconfig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Elsewhere YAML belongs to config/; a kubeconfig is YAML too, and siblings share nothing. */
#include <yaml.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/file.h"

#define FILE_COUNT_MAX 32
#define PATH_BYTES_MAX 256

/* One kubeconfig file, parsed. */
struct source {
    char *name;
    yaml_document_t document;
    bool is_parsed;
};

struct sources {
    struct source items[FILE_COUNT_MAX];
    size_t count;
};

/* A node (NULL: absent) and how a person finds it. */
struct place {
    struct source *source;
    yaml_node_t *node;
    size_t line;
    char path[PATH_BYTES_MAX];
};

/* --- Places ------------------------------------------------------------------------------------
 */

static int place_fail(const struct place *place, struct error *error, const char *format, ...)
    PRINTF_LIKE(3, 4);

static int place_fail(const struct place *place, struct error *error, const char *format, ...) {
    va_list args;

    va_start(args, format);
    (void)error_set_v(error, ERR_INVALID, format, args);
    va_end(args);
    error_prefix(error, "%s:%zu: %s", place->source->name, place->line, place->path);
    return ERR_INVALID;
}

static struct place place_root(struct source *source) {
    yaml_node_t *node = yaml_document_get_root_node(&source->document);

    return (struct place){.source = source, .node = node, .line = 1};
}

static void place_extend(struct place *place, const char *format, ...) PRINTF_LIKE(2, 3);

static void place_extend(struct place *place, const char *format, ...) {
    size_t used = strlen(place->path);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(place->path + used, sizeof place->path - used, format, args);
    va_end(args);
}

static void place_move(struct place *place, yaml_node_t *node) {
    place->node = node;
    if (node != NULL) {
        place->line = node->start_mark.line + 1;
    }
}

/* A plain scalar that YAML reads as nothing; "null" in quotes is a text. */
static bool is_null(const yaml_node_t *node) {
    const char *text = (const char *)node->data.scalar.value;

    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static bool is_text(const yaml_node_t *node, const char *text) {
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           node->data.scalar.length == strlen(text) &&
           memcmp(node->data.scalar.value, text, node->data.scalar.length) == 0;
}

/* The member's place; its node is NULL when it is absent or null. */
static struct place place_member(const struct place *parent, const char *key) {
    struct place place = *parent;
    yaml_document_t *document = &parent->source->document;
    yaml_node_t *found = NULL;

    place_extend(&place, "%s%s", place.path[0] == '\0' ? "" : ".", key);
    if (parent->node != NULL && parent->node->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *pair = parent->node->data.mapping.pairs.start;
             pair < parent->node->data.mapping.pairs.top && found == NULL; pair++) {
            if (is_text(yaml_document_get_node(document, pair->key), key)) {
                found = yaml_document_get_node(document, pair->value);
            }
        }
    }
    place_move(&place, found == NULL || is_null(found) ? NULL : found);
    return place;
}

static size_t place_item_count(const struct place *list) {
    if (list->node == NULL || list->node->type != YAML_SEQUENCE_NODE) {
        return 0;
    }
    return (size_t)(list->node->data.sequence.items.top - list->node->data.sequence.items.start);
}

static struct place place_item(const struct place *list, size_t index) {
    struct place place = *list;

    place_extend(&place, "[%zu]", index);
    place_move(&place, yaml_document_get_node(&list->source->document,
                                              list->node->data.sequence.items.start[index]));
    return place;
}

static int place_expect(const struct place *place, yaml_node_type_t type, const char *what,
                        struct error *error) {
    if (place->node != NULL && place->node->type != type) {
        return place_fail(place, error, "should be %s", what);
    }
    return OK;
}

/* --- Values ------------------------------------------------------------------------------------
 */

/* An owned text, NULL when absent. */
static int read_text(const struct place *parent, const char *key, char **out_text,
                     struct error *error) {
    struct place place = place_member(parent, key);
    const char *text;

    if (place.node == NULL) {
        *out_text = NULL;
        return OK;
    }
    if (place_expect(&place, YAML_SCALAR_NODE, "a text", error) != OK) {
        return ERR_INVALID;
    }
    text = (const char *)place.node->data.scalar.value;
    if (strlen(text) != place.node->data.scalar.length) {
        return place_fail(&place, error, "holds a NUL character");
    }
    *out_text = *text == '\0' ? NULL : mem_copy_text(text);
    return OK;
}

static int read_bool(const struct place *parent, const char *key, bool *out_value,
                     struct error *error) {
    struct place place = place_member(parent, key);

    if (place.node == NULL || is_text(place.node, "false")) {
        *out_value = false;
        return OK;
    }
    if (!is_text(place.node, "true")) {
        return place_fail(&place, error, "should be true or false");
    }
    *out_value = true;
    return OK;
}

/* Relative paths belong to the folder of the file that names them. */
static char *resolve_path(const struct source *source, const char *path) {
    const char *slash = strrchr(source->name, '/');

    if (path[0] == '/' || slash == NULL) {
        return mem_copy_text(path);
    }
    return mem_format("%.*s/%s", (int)(slash - source->name), source->name, path);
}

static int read_path(const struct place *parent, const char *key, char **out_path,
                     struct error *error) {
    char *text;
    int r = read_text(parent, key, &text, error);

    if (r != OK) {
        return r;
    }
    *out_path = text == NULL ? NULL : resolve_path(parent->source, text);
    free(text);
    return OK;
}

static int read_material(const struct place *parent, const char *key,
                         struct kube_material *out_material, struct error *error) {
    char data_key[64];
    char *text;
    int r;

    (void)snprintf(data_key, sizeof data_key, "%s-data", key);
    r = read_text(parent, data_key, &text, error);
    if (r != OK) {
        return r;
    }
    if (text == NULL) {
        return read_path(parent, key, &out_material->file, error);
    }
    if (base64_decode(text, BASE64_USUAL, &out_material->data, &out_material->data_bytes) != OK) {
        struct place place = place_member(parent, data_key);

        r = place_fail(&place, error, "is not base64");
    }
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

static int refuse_member(const struct place *parent, const char *key, const char *why,
                         struct error *error) {
    struct place place = place_member(parent, key);

    return place.node == NULL ? OK : place_fail(&place, error, "%s", why);
}

/* --- The parts of a kubeconfig -----------------------------------------------------------------
 */

/* The host of a URL is this machine's loopback: nobody else hears what goes there. */
static bool is_loopback(const char *url) {
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(url, "://");

    for (size_t i = 0; host != NULL && i < ARRAY_LEN(hosts); i++) {
        size_t length = strlen(hosts[i]);

        if (strncmp(host + 3, hosts[i], length) == 0 &&
            (host[3 + length] == '\0' || strchr(":/", host[3 + length]) != NULL)) {
            return true;
        }
    }
    return false;
}

static int check_server(const struct place *cluster, const struct kubeconfig_choice *choice,
                        struct kube_access *access, struct error *error) {
    struct place place = place_member(cluster, "server");
    size_t length;

    if (access->server == NULL) {
        return place_fail(&place, error, "is missing: the API server's URL");
    }
    if (access->server[strcspn(access->server, " \t\r\n?#@")] != '\0') {
        return place_fail(&place, error, "\"%s\" is not a URL that an API server can have",
                          access->server);
    }
    for (length = strlen(access->server); length > 0 && access->server[length - 1] == '/';) {
        access->server[--length] = '\0';
    }
    if (text_starts_with(access->server, "https://")) {
        return OK;
    }
    if (!text_starts_with(access->server, "http://")) {
        return place_fail(&place, error, "\"%s\" should begin with https://", access->server);
    }
    if (!choice->allow_insecure && !is_loopback(access->server)) {
        return place_fail(&place, error,
                          "REFUSED: \"%s\" is plain HTTP: whoever is on the network could read the "
                          "credentials and act with them. Use https://, or set "
                          "kubernetes.allowInsecure if nothing in that cluster matters",
                          access->server);
    }
    return OK;
}

static int check_insecure(const struct place *cluster, const struct kubeconfig_choice *choice,
                          const struct kube_access *access, struct error *error) {
    struct place place = place_member(cluster, "insecure-skip-tls-verify");

    if (!access->insecure_skip_tls_verify) {
        return OK;
    }
    if (kube_material_is_set(&access->ca)) {
        return place_fail(&place, error, "contradicts the certificate authority given beside it");
    }
    if (!choice->allow_insecure) {
        return place_fail(
            &place, error,
            "REFUSED: without checking the server's certificate, whoever is on the "
            "network could take the credentials and act with them. Give "
            "certificate-authority(-data), or set kubernetes.allowInsecure if nothing in that "
            "cluster matters");
    }
    return OK;
}

static int check_proxy(const struct place *cluster, const struct kube_access *access,
                       struct error *error) {
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    struct place place = place_member(cluster, "proxy-url");

    if (access->proxy_url == NULL) {
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (text_starts_with(access->proxy_url, schemes[i])) {
            return OK;
        }
    }
    return place_fail(&place, error, "should begin with http://, https:// or socks5://");
}

static int read_cluster(const struct place *cluster, const struct kubeconfig_choice *choice,
                        struct kube_access *access, struct error *error) {
    int r = read_text(cluster, "server", &access->server, error);

    if (r == OK) {
        r = read_text(cluster, "proxy-url", &access->proxy_url, error);
    }
    if (r == OK) {
        r = read_text(cluster, "tls-server-name", &access->tls_server_name, error);
    }
    if (r == OK) {
        r = read_material(cluster, "certificate-authority", &access->ca, error);
    }
    if (r == OK) {
        r = read_bool(cluster, "insecure-skip-tls-verify", &access->insecure_skip_tls_verify,
                      error);
    }
    if (r == OK) {
        r = check_server(cluster, choice, access, error);
    }
    if (r == OK) {
        r = check_insecure(cluster, choice, access, error);
    }
    return r == OK ? check_proxy(cluster, access, error) : r;
}

static int read_exec_args(const struct place *exec, struct kube_exec *out, struct error *error) {
    struct place list = place_member(exec, "args");
    size_t count = place_item_count(&list);

    out->args = mem_alloc(count + 1, sizeof *out->args);
    if (place_expect(&list, YAML_SEQUENCE_NODE, "a list", error) != OK) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(&list, i);

        if (place_expect(&item, YAML_SCALAR_NODE, "a text", error) != OK) {
            return ERR_INVALID;
        }
        out->args[i] = mem_copy_text((const char *)item.node->data.scalar.value);
    }
    return OK;
}

static int read_exec_env(const struct place *exec, struct kube_exec *out, struct error *error) {
    struct place list = place_member(exec, "env");
    size_t count = place_item_count(&list);

    out->env = mem_alloc(count + 1, sizeof *out->env);
    if (place_expect(&list, YAML_SEQUENCE_NODE, "a list", error) != OK) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(&list, i);
        char *name = NULL;
        char *value = NULL;
        int r = read_text(&item, "name", &name, error);

        if (r == OK) {
            r = read_text(&item, "value", &value, error);
        }
        if (r == OK && (name == NULL || strchr(name, '=') != NULL)) {
            r = place_fail(&item, error, "needs a name without '='");
        }
        if (r == OK) {
            out->env[i] = mem_format("%s=%s", name, value == NULL ? "" : value);
        }
        free(name);
        free(value);
        if (r != OK) {
            return r;
        }
    }
    return OK;
}

static int check_exec(const struct place *exec, const struct kube_exec *out, struct error *error) {
    struct place version = place_member(exec, "apiVersion");
    struct place command = place_member(exec, "command");
    struct place mode = place_member(exec, "interactiveMode");

    if (out->command == NULL) {
        return place_fail(&command, error, "is missing: the program that gives the credentials");
    }
    if (out->api_version == NULL ||
        (strcmp(out->api_version, "client.authentication.k8s.io/v1") != 0 &&
         strcmp(out->api_version, "client.authentication.k8s.io/v1beta1") != 0)) {
        return place_fail(&version, error,
                          "should be client.authentication.k8s.io/v1 or .../v1beta1%s%s",
                          out->api_version == NULL ? "" : ", not ",
                          out->api_version == NULL ? "" : out->api_version);
    }
    if (is_text(mode.node, "Always")) {
        return place_fail(&mode, error,
                          "Always can't be: a daemon has nobody at a terminal to answer");
    }
    return OK;
}

static int read_exec(const struct place *user, struct kube_exec *out, struct error *error) {
    struct place exec = place_member(user, "exec");
    char *command;
    int r;

    if (exec.node == NULL) {
        return OK;
    }
    r = place_expect(&exec, YAML_MAPPING_NODE, "a mapping", error);
    if (r == OK) {
        r = read_text(&exec, "command", &command, error);
    }
    if (r != OK) {
        return r;
    }
    /* A name without a slash is looked up in PATH; "./plugin" lies beside the file. */
    if (command != NULL && strchr(command, '/') != NULL) {
        out->command = resolve_path(user->source, command);
        free(command);
    } else {
        out->command = command;
    }
    r = read_text(&exec, "apiVersion", &out->api_version, error);
    if (r == OK) {
        r = read_text(&exec, "installHint", &out->install_hint, error);
    }
    if (r == OK) {
        r = read_bool(&exec, "provideClusterInfo", &out->provide_cluster_info, error);
    }
    if (r == OK) {
        r = read_exec_args(&exec, out, error);
    }
    if (r == OK) {
        r = read_exec_env(&exec, out, error);
    }
    return r == OK ? check_exec(&exec, out, error) : r;
}

static int refuse_outdated(const struct place *user, struct error *error) {
    static const struct {
        const char *key;
        const char *why;
    } rows[] = {
        {"username", "REFUSED: API servers know no passwords since Kubernetes 1.19; use a token, a "
                     "client certificate or an exec plugin"},
        {"auth-provider", "REFUSED: auth providers are gone since Kubernetes 1.26; use the "
                          "cloud's exec plugin (gke-gcloud-auth-plugin, kubelogin)"},
        {"as", "REFUSED: impersonation is not supported; give the daemon an account of its own"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (refuse_member(user, rows[i].key, rows[i].why, error) != OK) {
            return ERR_INVALID;
        }
    }
    return OK;
}

static int check_pair(const struct place *user, const struct kube_access *access,
                      struct error *error) {
    if (kube_material_is_set(&access->client_cert) != kube_material_is_set(&access->client_key)) {
        return place_fail(user, error, "has %s",
                          kube_material_is_set(&access->client_cert)
                              ? "a client-certificate but no client-key"
                              : "a client-key but no client-certificate");
    }
    return OK;
}

static int read_user(const struct place *user, struct kube_access *access, struct error *error) {
    int r = refuse_outdated(user, error);

    if (r == OK) {
        r = read_material(user, "client-certificate", &access->client_cert, error);
    }
    if (r == OK) {
        r = read_material(user, "client-key", &access->client_key, error);
    }
    if (r == OK) {
        r = check_pair(user, access, error);
    }
    if (r == OK) {
        r = read_text(user, "token", &access->token, error);
    }
    if (r == OK) {
        r = read_path(user, "tokenFile", &access->token_file, error);
    }
    if (r == OK && access->token != NULL && access->token[strcspn(access->token, "\r\n")] != '\0') {
        struct place place = place_member(user, "token");

        r = place_fail(&place, error, "holds a line break");
    }
    return r == OK ? read_exec(user, &access->exec, error) : r;
}

/* --- Merging -----------------------------------------------------------------------------------
 */

/* The `what` (such as "cluster") of the first item of that name in the list (such as "clusters").
 * ERR_NOT_FOUND without words when no file has it. */
static int find_named(struct sources *sources, const char *list_key, const char *name,
                      const char *what, struct place *out_place, struct error *error) {
    for (size_t i = 0; i < sources->count; i++) {
        struct place root = place_root(&sources->items[i]);
        struct place list = place_member(&root, list_key);

        if (place_expect(&list, YAML_SEQUENCE_NODE, "a list", error) != OK) {
            return ERR_INVALID;
        }
        for (size_t j = 0; j < place_item_count(&list); j++) {
            struct place item = place_item(&list, j);
            struct place item_name = place_member(&item, "name");

            if (is_text(item_name.node, name)) {
                (void)snprintf(item.path, sizeof item.path, "%s[%.100s]", list_key, name);
                *out_place = place_member(&item, what);
                return place_expect(out_place, YAML_MAPPING_NODE, "a mapping", error);
            }
        }
    }
    return ERR_NOT_FOUND;
}

/* The owned name of the context to use. */
static int choose_context(struct sources *sources, const struct kubeconfig_choice *choice,
                          char **out_name, struct error *error) {
    char *name = NULL;

    if (choice->context != NULL) {
        *out_name = mem_copy_text(choice->context);
        return OK;
    }
    for (size_t i = 0; i < sources->count && name == NULL; i++) {
        struct place root = place_root(&sources->items[i]);
        int r = read_text(&root, "current-context", &name, error);

        if (r != OK) {
            return r;
        }
    }
    if (name == NULL) {
        return error_set(error, ERR_INVALID,
                         "%s: current-context: is not set; set it or choose a context",
                         sources->items[0].name);
    }
    *out_name = name;
    return OK;
}

/* The cluster or user that the context names by `key`. */
static int follow_reference(struct sources *sources, const struct place *context, const char *key,
                            struct place *out_place, struct error *error) {
    struct place reference = place_member(context, key);
    char list_key[16];
    char *name = NULL;
    int r = read_text(context, key, &name, error);

    if (r != OK) {
        return r;
    }
    if (name == NULL) {
        return place_fail(&reference, error, "is missing");
    }
    (void)snprintf(list_key, sizeof list_key, "%ss", key);
    r = find_named(sources, list_key, name, key, out_place, error);
    if (r == ERR_NOT_FOUND) {
        r = place_fail(&reference, error, "there is no %s named \"%s\"", key, name);
    }
    free(name);
    return r;
}

static int read_context(struct sources *sources, const char *name,
                        const struct kubeconfig_choice *choice, struct kube_access *access,
                        struct error *error) {
    struct place context;
    struct place part;
    int r = find_named(sources, "contexts", name, "context", &context, error);

    if (r == ERR_NOT_FOUND) {
        return error_set(error, ERR_INVALID, "%s: contexts: there is no context named \"%s\"",
                         sources->items[0].name, name);
    }
    if (r == OK) {
        r = read_text(&context, "namespace", &access->namespace_, error);
    }
    if (r == OK) {
        access->source = mem_format("%s, context %s", context.source->name, name);
        r = follow_reference(sources, &context, "cluster", &part, error);
    }
    if (r == OK) {
        r = read_cluster(&part, choice, access, error);
    }
    if (r == OK) {
        r = follow_reference(sources, &context, "user", &part, error);
    }
    return r == OK ? read_user(&part, access, error) : r;
}

static int read_sources(struct sources *sources, const struct kubeconfig_choice *choice,
                        struct kube_access *out_access, struct error *error) {
    struct kube_access access = {0};
    char *name = NULL;
    int r = choose_context(sources, choice, &name, error);

    if (r == OK) {
        r = read_context(sources, name, choice, &access, error);
    }
    free(name);
    if (r != OK) {
        kube_access_finish(&access);
        return r;
    }
    *out_access = access;
    return OK;
}

/* --- Files -------------------------------------------------------------------------------------
 */

static void sources_finish(struct sources *sources) {
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->items[i].is_parsed) {
            yaml_document_delete(&sources->items[i].document);
        }
        free(sources->items[i].name);
    }
}

static int parse_source(struct source *source, const char *text, size_t bytes,
                        struct error *error) {
    yaml_parser_t parser;
    int r = OK;

    if (!yaml_parser_initialize(&parser)) {
        return error_set(error, ERR_NO_MEMORY, "%s: out of memory", source->name);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (!yaml_parser_load(&parser, &source->document)) {
        r = error_set(error, ERR_INVALID, "%s:%zu: not YAML: %s", source->name,
                      parser.problem_mark.line + 1,
                      parser.problem == NULL ? "unreadable" : parser.problem);
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&source->document);

        source->is_parsed = true;
        if (root != NULL && root->type != YAML_MAPPING_NODE && !is_null(root)) {
            r = error_set(error, ERR_INVALID, "%s:1: not a kubeconfig: should be a mapping",
                          source->name);
        }
    }
    yaml_parser_delete(&parser);
    return r;
}

static int load_source(struct sources *sources, const char *path, struct error *error) {
    struct source *source = &sources->items[sources->count];
    struct buf text;
    int r;

    buf_init(&text, LIMIT_CONFIG_BYTES);
    r = kube_file_read(path, &text, error);
    if (r == OK) {
        *source = (struct source){.name = mem_copy_text(path)};
        sources->count++;
        r = parse_source(source, buf_text(&text), text.bytes, error);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.bytes);
    }
    buf_finish(&text);
    return r;
}

/* The files of a list that exist; a missing one is skipped, as kubectl does. */
static int load_sources(struct sources *sources, const char *paths, struct error *error) {
    struct error missing = {0};

    while (*paths != '\0') {
        size_t length = strcspn(paths, ":");
        char *path = mem_copy_text_n(paths, length);
        struct error problem = {0};
        int r = OK;

        if (length > 0 && sources->count == FILE_COUNT_MAX) {
            r = error_set(&problem, ERR_FULL, "more than %d kubeconfig files", FILE_COUNT_MAX);
        } else if (length > 0) {
            r = load_source(sources, path, &problem);
        }
        free(path);
        if (r == ERR_NOT_FOUND) {
            (void)error_set(&missing, r, "%s", problem.text);
        } else if (r != OK) {
            return error_set(error, r, "%s", problem.text);
        }
        paths += length + (paths[length] == ':');
    }
    if (sources->count > 0) {
        return OK;
    }
    return error_set(error, ERR_NOT_FOUND, "%s",
                     missing.code == OK ? "no kubeconfig file is named" : missing.text);
}

int kubeconfig_load(const struct kubeconfig_choice *choice, struct kube_access *out_access,
                    struct error *error) {
    struct sources *sources = mem_alloc(1, sizeof *sources);
    int r = load_sources(sources, choice->paths == NULL ? "" : choice->paths, error);

    if (r == OK) {
        r = read_sources(sources, choice, out_access, error);
    }
    sources_finish(sources);
    free(sources);
    return r;
}

int kubeconfig_parse(const char *text, size_t bytes, const char *file_name,
                     const struct kubeconfig_choice *choice, struct kube_access *out_access,
                     struct error *error) {
    struct sources *sources = mem_alloc(1, sizeof *sources);
    int r;

    sources->items[0].name = mem_copy_text(file_name);
    sources->count = 1;
    r = parse_source(&sources->items[0], text, bytes, error);
    if (r == OK) {
        r = read_sources(sources, choice, out_access, error);
    }
    sources_finish(sources);
    free(sources);
    return r;
}
