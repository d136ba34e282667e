#include "k8s/spark_exposed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_names.h"
#include "k8s/spark_objects.h"
#include "k8s/spark_template.h"

#define FORMAT_BYTES_MAX   512
#define URL_BYTES_MAX      4096 /* of such a format, all of whose names are long */
#define UI_PORT_DEFAULT    4040
#define UI_PORT_NAME       "spark-driver-ui-port"
#define REWRITE_ANNOTATION "nginx.ingress.kubernetes.io/rewrite-target"

/* --- Checking -------------------------------------------------------------------------------- */

static const char *const service_types[] = {"ClusterIP", "NodePort", "LoadBalancer"};

static int check_service_type(const struct json_at *options, struct field_error *error) {
    struct json_at at = json_at_key(options, "serviceType");
    const char *type = service_types[0];
    int r = json_get_text(&at, &type, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(service_types); i++) {
        if (strcmp(type, service_types[i]) == 0) {
            return OK;
        }
    }
    return r < 0 ? r
                 : json_fail(&at, error, ERR_INVALID,
                             "\"%s\" is none of ClusterIP, NodePort, LoadBalancer", type);
}

static int check_port(const struct json_at *options, bool is_needed, struct field_error *error) {
    struct json_at at = json_at_key(options, "servicePort");
    struct json_at name_at = json_at_key(options, "servicePortName");
    int64_t port = is_needed ? 0 : UI_PORT_DEFAULT;
    const char *name = "a";
    int r = json_get_int64(&at, &port, error);

    r = r < 0 ? r : json_get_text(&name_at, &name, error);
    if (r == OK && (port < 1 || port > UINT16_MAX)) {
        r = json_fail(&at, error, ERR_INVALID, "must be a port, from 1 to 65535");
    }
    if (r == OK && !text_is_dns_label(name)) {
        r = json_fail(&name_at, error, ERR_INVALID, "\"%s\" is not the name of a port", name);
    }
    return r;
}

static int check_texts(const struct json_at *options, const char *key, struct field_error *error) {
    struct json_at at = json_at_key(options, key);
    struct json_at member;
    void *iterator = NULL;
    const char *text;
    int r = json_expect_object(&at, error);

    while (r == OK && json_next(&at, &iterator, &member)) {
        r = json_get_text(&member, &text, error);
    }
    return r;
}

static int check_ingress(const struct json_at *options, struct field_error *error) {
    static const char *const of_ingress[] = {"ingressAnnotations", "ingressTLS"};
    struct json_at format_at = json_at_key(options, "ingressURLFormat");
    struct json_at tls = json_at_key(options, "ingressTLS");
    const char *format = NULL;
    int r = json_get_text(&format_at, &format, error);

    r = r < 0 ? r : json_expect_array(&tls, error);
    if (r == OK && format != NULL && (format[0] == '\0' || strlen(format) > FORMAT_BYTES_MAX)) {
        r = json_fail(&format_at, error, ERR_INVALID,
                      "must be where the Ingress is, such as {{$appName}}.example.com");
    }
    for (size_t i = 0; r == OK && format == NULL && i < ARRAY_LEN(of_ingress); i++) {
        struct json_at at = json_at_key(options, of_ingress[i]);

        if (json_is_there(&at)) {
            r = json_fail(&at, error, ERR_INVALID,
                          "needs ingressURLFormat beside it, what the operator is told by its "
                          "flag ingress-url-format: {{$appName}}.example.com");
        }
    }
    return r;
}

static int check_options(const struct json_at *options, bool is_needed, struct field_error *error) {
    static const char *const maps[] = {"serviceAnnotations", "serviceLabels", "ingressAnnotations"};
    int r = json_expect_object(options, error);

    r = r < 0 ? r : check_port(options, is_needed, error);
    r = r < 0 ? r : check_service_type(options, error);
    for (size_t i = 0; r == OK && i < ARRAY_LEN(maps); i++) {
        r = check_texts(options, maps[i], error);
    }
    return r < 0 ? r : check_ingress(options, error);
}

static int64_t port_of(const struct json_t *options, int64_t otherwise) {
    const struct json_t *port = json_object_get(options, "servicePort");

    return json_is_integer(port) ? json_integer_value(port) : otherwise;
}

static int check_is_unique(const struct json_at *list, size_t at, struct field_error *error) {
    struct json_at item = json_at_index(list, at);

    for (size_t i = 0; i < at; i++) {
        if (port_of(json_array_get(list->value, i), 0) == port_of(item.value, 0)) {
            return json_fail(&item, error, ERR_INVALID, "the port %" PRId64 " is there already",
                             port_of(item.value, 0));
        }
    }
    return OK;
}

int spark_exposed_check(const struct spark_app *app, struct field_error *error) {
    struct json_at top = json_at_root(app->root);
    struct json_at spec = json_at_key(&top, "spec");
    struct json_at ui = json_at_key(&spec, "sparkUIOptions");
    struct json_at list = json_at_key(&spec, "driverIngressOptions");
    size_t count = 0;
    int r = OK;

    if (json_is_true(json_object_get(app->root, "operator"))) {
        return OK; /* It is the operator's to judge. */
    }
    if (json_is_there(&ui)) {
        r = check_options(&ui, false, error);
    }
    r = r < 0 ? r : json_get_count(&list, SPARK_EXPOSED_PORTS_MAX, &count, error);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&list, i);

        r = check_options(&item, true, error);
        r = r < 0 ? r : check_is_unique(&list, i, error);
    }
    return r;
}

/* --- Where an Ingress is --------------------------------------------------------------------- */

/* The end of "{{ $appName }}" if the text begins with that; NULL: it does not. */
static const char *after_variable(const char *text, const char *name) {
    if (!text_starts_with(text, "{{")) {
        return NULL;
    }
    text += 2;
    text += strspn(text, " \t");
    if (!text_starts_with(text, name)) {
        return NULL;
    }
    text += strlen(name);
    text += strspn(text, " \t");
    return text_starts_with(text, "}}") ? text + 2 : NULL;
}

static void print_url(const struct spark_attempt *attempt, const char *format, struct buf *out) {
    const struct {
        const char *name;
        const char *value;
    } variables[] = {{"$appName", attempt->run->id.job_name},
                     {"$appNamespace", attempt->run->namespace_},
                     {"$appId", attempt->names.app_id}};

    while (*format != '\0') {
        const char *end = NULL;

        for (size_t i = 0; i < ARRAY_LEN(variables) && end == NULL; i++) {
            end = after_variable(format, variables[i].name);
            if (end != NULL) {
                buf_add_text(out, variables[i].value);
            }
        }
        if (end == NULL) {
            buf_add_char(out, *format++);
        } else {
            format = end;
        }
    }
}

/* [scheme://]host[/path]: the host into out_host; returns the path, "" if there is none. */
static const char *split_url(const char *url, char *out_host, size_t bytes_max) {
    const char *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;
    size_t bytes = strcspn(host, "/");

    (void)snprintf(out_host, bytes_max, "%.*s", (int)bytes, host);
    return host + bytes;
}

static const char *format_of(const struct json_t *options) {
    return json_string_value(json_object_get(options, "ingressURLFormat"));
}

static bool is_subpath(const char *path) {
    return path[0] != '\0' && strcmp(path, "/") != 0;
}

bool spark_exposed_ui_path(const struct spark_attempt *attempt, struct buf *out_path) {
    const char *format = format_of(json_object_get(attempt->app->spec, "sparkUIOptions"));
    char host[LIMIT_NAME_BYTES + 1];
    const char *path;
    struct buf url;
    bool any;

    if (format == NULL) {
        return false;
    }
    buf_init(&url, URL_BYTES_MAX);
    print_url(attempt, format, &url);
    path = split_url(buf_text(&url), host, sizeof host);
    any = is_subpath(path);
    if (any) {
        buf_add_text(out_path, path);
    }
    buf_finish(&url);
    return any;
}

/* --- Objects --------------------------------------------------------------------------------- */

static struct json_t *make_selector(const struct spark_attempt *attempt) {
    struct json_t *selector = json_new_object();

    json_put_text(selector, "spark-app-selector", attempt->names.app_id);
    json_put_text(selector, "spark-role", "driver");
    return selector;
}

/* A Service before its Ingress. */
struct shown {
    const struct spark_attempt *attempt;
    const struct json_t *options;
    const char *owner_uid;
    char service[LIMIT_LABEL_BYTES + 1];
    char ingress[LIMIT_LABEL_BYTES + 1];
    char port_name[LIMIT_LABEL_BYTES + 1];
    int64_t port;
    int64_t target;
};

static char *make_service(const struct shown *shown) {
    struct json_t *spec = json_new_object();
    struct json_t *ports = json_new_array();
    struct json_t *port = json_new_object();
    const char *type = json_string_value(json_object_get(shown->options, "serviceType"));
    struct json_t *service = spark_object(
        "v1", "Service",
        spark_object_metadata(
            shown->attempt, shown->service, spark_template_copy(shown->options, "serviceLabels"),
            spark_template_copy(shown->options, "serviceAnnotations"), shown->owner_uid));

    json_put_text(port, "name", shown->port_name);
    json_put_int(port, "port", shown->port);
    json_put_int(port, "targetPort", shown->target);
    json_push_take(ports, port);
    json_put_text(spec, "type", type != NULL ? type : service_types[0]);
    json_put_take(spec, "selector", make_selector(shown->attempt));
    json_put_take(spec, "ports", ports);
    json_put_take(service, "spec", spec);
    return json_print_take(service);
}

static struct json_t *make_backend(const struct shown *shown) {
    struct json_t *backend = json_new_object();
    struct json_t *service = json_new_object();
    struct json_t *port = json_new_object();

    json_put_int(port, "number", shown->port);
    json_put_text(service, "name", shown->service);
    json_put_take(service, "port", port);
    json_put_take(backend, "service", service);
    return backend;
}

static struct json_t *make_rules(const struct shown *shown, const char *host, const char *path) {
    struct json_t *rules = json_new_array();
    struct json_t *rule = json_new_object();
    struct json_t *http = json_new_object();
    struct json_t *paths = json_new_array();
    struct json_t *item = json_new_object();
    char pattern[URL_BYTES_MAX];

    if (path[0] != '\0') {
        (void)snprintf(pattern, sizeof pattern, "%s%s", path, is_subpath(path) ? "(/|$)(.*)" : "");
        json_put_text(item, "path", pattern);
    }
    json_put_text(item, "pathType", "ImplementationSpecific");
    json_put_take(item, "backend", make_backend(shown));
    json_push_take(paths, item);
    json_put_take(http, "paths", paths);
    if (host[0] != '\0') {
        json_put_text(rule, "host", host);
    }
    json_put_take(rule, "http", http);
    json_push_take(rules, rule);
    return rules;
}

static char *make_ingress(const struct shown *shown) {
    struct json_t *annotations = spark_template_copy(shown->options, "ingressAnnotations");
    struct json_t *spec = json_new_object();
    struct json_t *ingress;
    char host[LIMIT_NAME_BYTES + 1];
    const char *path;
    struct buf url;

    buf_init(&url, URL_BYTES_MAX);
    print_url(shown->attempt, format_of(shown->options), &url);
    path = split_url(buf_text(&url), host, sizeof host);
    if (is_subpath(path)) {
        json_put_text(annotations, REWRITE_ANNOTATION, "/$2");
    }
    ingress = spark_object("networking.k8s.io/v1", "Ingress",
                           spark_object_metadata(shown->attempt, shown->ingress, json_new_object(),
                                                 annotations, shown->owner_uid));
    json_put_take(spec, "rules", make_rules(shown, host, path));
    json_put_copy(spec, "tls", shown->options, "ingressTLS");
    json_put_take(ingress, "spec", spec);
    buf_finish(&url);
    return json_print_take(ingress);
}

static char *make_budget(const struct spark_attempt *attempt, const char *owner_uid) {
    struct json_t *spec = json_new_object();
    struct json_t *selector = json_new_object();
    struct json_t *budget;
    char name[LIMIT_NAME_BYTES + 1];

    spark_name_budget(&attempt->names, name, sizeof name);
    budget = spark_object("policy/v1", "PodDisruptionBudget",
                          spark_object_metadata(attempt, name, json_new_object(), NULL, owner_uid));

    json_put_take(selector, "matchLabels", make_selector(attempt));
    json_put_int(spec, "minAvailable", 1);
    json_put_take(spec, "selector", selector);
    json_put_take(budget, "spec", spec);
    return json_print_take(budget);
}

/* --- By index -------------------------------------------------------------------------------- */

static bool show_ui(struct shown *shown) {
    const char *name;
    int r;

    shown->options = json_object_get(shown->attempt->app->spec, "sparkUIOptions");
    if (!json_is_object(shown->options)) {
        return false;
    }
    name = json_string_value(json_object_get(shown->options, "servicePortName"));
    shown->target = UI_PORT_DEFAULT;
    r = spark_conf_get_port(&shown->attempt->app->conf, "spark.ui.port", &shown->target, NULL);
    ENSURE(r == OK); /* Checked when the application was read. */
    shown->port = port_of(shown->options, UI_PORT_DEFAULT);
    (void)snprintf(shown->port_name, sizeof shown->port_name, "%s",
                   name != NULL ? name : UI_PORT_NAME);
    spark_name_of_part(&shown->attempt->names, "ui-svc", shown->service);
    spark_name_of_part(&shown->attempt->names, "ui-ingress", shown->ingress);
    return true;
}

static bool show_port(struct shown *shown, size_t index) {
    const char *name;
    char suffix[32];

    shown->options =
        json_array_get(json_object_get(shown->attempt->app->spec, "driverIngressOptions"), index);
    if (!json_is_object(shown->options)) {
        return false;
    }
    name = json_string_value(json_object_get(shown->options, "servicePortName"));
    shown->port = shown->target = port_of(shown->options, 0);
    (void)snprintf(shown->port_name, sizeof shown->port_name, "driver-ing-%" PRId64, shown->port);
    if (name != NULL) {
        (void)snprintf(shown->port_name, sizeof shown->port_name, "%s", name);
    }
    (void)snprintf(suffix, sizeof suffix, "driver-%" PRId64, shown->port);
    spark_name_of_part(&shown->attempt->names, suffix, shown->service);
    (void)snprintf(suffix, sizeof suffix, "ing-%" PRId64, shown->port);
    spark_name_of_part(&shown->attempt->names, suffix, shown->ingress);
    return true;
}

static bool make_budget_part(const struct spark_attempt *attempt, const char *owner_uid,
                             struct spark_exposed *out) {
    if (!json_is_true(json_object_get(attempt->app->spec, "driverPodDisruptionBudget"))) {
        return false;
    }
    *out =
        (struct spark_exposed){.resource = KUBE_PODDISRUPTIONBUDGETS, .what = "disruption budget"};
    spark_name_budget(&attempt->names, out->name, sizeof out->name);
    out->body = make_budget(attempt, owner_uid);
    return true;
}

bool spark_exposed_make(const struct spark_app *app, const struct payload_run *run,
                        const char *owner_uid, size_t index, struct spark_exposed *out_exposed) {
    struct spark_attempt attempt;
    struct shown shown = {.attempt = &attempt, .owner_uid = owner_uid};
    const size_t which = (index - 1) / 2; /* the pages, then the ports */
    const bool is_ingress = index % 2 == 0;

    spark_attempt_make(app, run, &attempt);
    if (index == 0) {
        return make_budget_part(&attempt, owner_uid, out_exposed);
    }
    if (!(which == 0 ? show_ui(&shown) : show_port(&shown, which - 1)) ||
        (is_ingress && format_of(shown.options) == NULL)) {
        return false;
    }
    *out_exposed = (struct spark_exposed){
        .resource = is_ingress ? KUBE_INGRESSES : KUBE_SERVICES,
        .what = is_ingress ? "ingress of the driver" : "service of the driver's pages or ports",
        .body = is_ingress ? make_ingress(&shown) : make_service(&shown)};
    (void)snprintf(out_exposed->name, sizeof out_exposed->name, "%s",
                   is_ingress ? shown.ingress : shown.service);
    return true;
}
