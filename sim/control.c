#include "sim/control.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "sim/api_faults.h"
#include "sim/cluster.h"
#include "sim/json.h"
#include "sim/rest.h"
#include "sim/status.h"

/* Statistics. */

void sim_stats_count(struct sim_stats *stats, const struct sim_target *target,
                     const struct sim_response *response) {
    char key[160];
    int64_t *count;

    if (target->resource == NULL) {
        return;
    }
    snprintf(key, sizeof key, "%s %s%s%s %d", target->verb, target->resource->plural,
             target->subresource[0] == '\0' ? "" : "/", target->subresource, response->code);
    count = map_get(&stats->counts, key);
    if (count == NULL) {
        count = mem_alloc(1, sizeof *count);
        (void)map_put(&stats->counts, key, count);
    }
    (*count)++;
    if (response->code == 403 && strstr(buf_text(&response->body), "exceeded quota") != NULL) {
        stats->exceeded_quota++;
    }
}

void sim_stats_finish(struct sim_stats *stats) {
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&stats->counts, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&stats->counts);
}

/* {"create": {"pods": {"201": 5}}} */
static json_t *counts_json(const struct sim_stats *stats) {
    json_t *verbs = json_object();
    struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&stats->counts, &at)) != NULL;) {
        char verb[32];
        char resource[96];
        char code[16];
        const int64_t *count = entry->value;

        if (sscanf(entry->text, "%31s %95s %15s", verb, resource, code) == 3) {
            sim_json_set_int(sim_json_make_object(sim_json_make_object(verbs, verb), resource),
                             code, *count);
        }
    }
    return verbs;
}

static void respond(struct sim_response *response, int code, json_t *value_take) {
    char *text = json_dumps(value_take, JSON_INDENT(2));

    response->code = code;
    response->content_type = "application/json";
    buf_add_format(&response->body, "%s\n", text == NULL ? "{}" : text);
    free(text);
    json_decref(value_take);
}

static void answer_stats(const struct sim_control *control, const struct sim_request *request,
                         struct sim_response *response) {
    json_t *stats = json_object();

    (void)request;
    json_object_set_new(stats, "requests", counts_json(control->stats));
    sim_json_set_int(stats, "exceededQuota", control->stats->exceeded_quota);
    sim_json_set_int(stats, "openWatches", (int64_t)control->open_watches);
    sim_json_set_int(stats, "resourceVersion", sim_store_version(control->store));
    sim_json_set_int(stats, "pods", (int64_t)sim_store_count(control->store, SIM_PODS, NULL));
    json_object_set_new(stats, "faults", api_faults_json(control->faults));
    if (control->cluster != NULL) {
        json_object_set_new(stats, "cluster", cluster_stats_json(control->cluster));
    }
    respond(response, 200, stats);
}

/* Faults. */

static void list_faults(const struct sim_control *control, const struct sim_request *request,
                        struct sim_response *response) {
    (void)request;
    respond(response, 200, json_pack("{s:o}", "faults", api_faults_json(control->faults)));
}

static void clear_faults(const struct sim_control *control, const struct sim_request *request,
                         struct sim_response *response) {
    api_faults_clear(control->faults);
    list_faults(control, request, response);
}

/* What the cluster is told lies beside the name: {"fault": "oom-kill", "pod": "x"}. */
static int add_cluster_fault(const struct sim_control *control, const char *name,
                             const json_t *rule, int64_t now_us, struct error *error) {
    json_t *params = sim_json_copy(rule);
    int r;

    json_object_del(params, "fault");
    r = control->cluster == NULL ? error_set(error, ERR_INVALID, "there is no fault %s", name)
                                 : cluster_fault(control->cluster, name, params, now_us, error);
    json_decref(params);
    return r;
}

static void add_fault(const struct sim_control *control, const struct sim_request *request,
                      struct sim_response *response) {
    json_t *rule =
        json_loadb(request->body == NULL ? "" : request->body, request->body_bytes, 0, NULL);
    const char *name = sim_json_text(rule, "fault");
    struct error error = {0};
    int r;

    if (name == NULL) {
        r = error_set(&error, ERR_INVALID, "the body is no JSON object with \"fault\"");
    } else if (api_faults_knows(name)) {
        r = api_faults_add(control->faults, rule, &error);
    } else {
        r = add_cluster_fault(control, name, rule, request->now_us, &error);
    }
    if (r == OK) {
        respond(response, 201, json_pack("{s:s}", "fault", name));
    } else {
        sim_response_status(response,
                            sim_status(r == ERR_NOT_FOUND ? 404 : 400, "BadRequest", NULL, NULL,
                                       "%s", error.text[0] == '\0' ? err_sentence(r) : error.text));
    }
    json_decref(rule);
}

static void compact(const struct sim_control *control, const struct sim_request *request,
                    struct sim_response *response) {
    (void)request;
    sim_store_compact(control->store);
    respond(response, 200,
            json_pack("{s:I}", "compacted", (json_int_t)sim_store_version(control->store)));
}

static const struct {
    const char *method;
    const char *path;
    void (*handle)(const struct sim_control *control, const struct sim_request *request,
                   struct sim_response *response);
} routes[] = {
    {"GET", "/sim/stats", answer_stats}, {"GET", "/sim/faults", list_faults},
    {"POST", "/sim/faults", add_fault},  {"DELETE", "/sim/faults", clear_faults},
    {"POST", "/sim/compact", compact},
};

void sim_control_handle(const struct sim_control *control, const struct sim_request *request,
                        struct sim_response *response) {
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].method, request->method) == 0 &&
            strcmp(routes[i].path, request->path) == 0) {
            routes[i].handle(control, request, response);
            return;
        }
    }
    sim_response_status(response, sim_status(404, "NotFound", NULL, NULL, "kubesim has no %s %s",
                                             request->method, request->path));
}
