#include "sim/rest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rfc3339.h"
#include "sim/builtin.h"
#include "sim/json.h"
#include "sim/status.h"
#include "sim/watch.h"
#include "tests/test.h"

#define FOLDER         "tests/fixtures/kube/"
#define PARAMETERS_MAX 8

struct world {
    struct sim_store *store;
    struct sim_rest rest;
    int64_t now_us;
};

static void world_open(struct world *world) {
    static const struct sim_store_options options = {.seed = 7};

    *world = (struct world){.store = sim_store_create(&options)};
    CHECK_OK(rfc3339_parse("2026-11-22T14:18:10Z", &world->now_us), "a time");
    world->rest.store = world->store;
    sim_builtin_fill_cluster(world->store, world->now_us);
}

static void world_close(struct world *world) {
    sim_store_destroy(world->store);
}

/* A request as text: "METHOD /path?query", content type and body may be NULL. */
struct ask {
    char path[512];
    char query[512];
    struct sim_parameter parameters[PARAMETERS_MAX];
    struct sim_request request;
};

static void decode(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        unsigned byte;

        if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void ask_init(struct ask *ask, const char *method, const char *target, int64_t now_us) {
    const char *mark = strchr(target, '?');
    char *rest = NULL;
    char *at;

    *ask = (struct ask){.request = {.method = method, .now_us = now_us}};
    snprintf(ask->path, sizeof ask->path, "%.*s",
             (int)(mark == NULL ? strlen(target) : (size_t)(mark - target)), target);
    snprintf(ask->query, sizeof ask->query, "%s", mark == NULL ? "" : mark + 1);
    for (at = strtok_r(ask->query, "&", &rest); at != NULL; at = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(at, '=');

        CHECK(ask->request.parameter_count < PARAMETERS_MAX, "few parameters");
        if (equals != NULL) {
            *equals++ = '\0';
            decode(equals);
        }
        ask->parameters[ask->request.parameter_count++] =
            (struct sim_parameter){at, equals == NULL ? "" : equals};
    }
    ask->request.path = ask->path;
    ask->request.parameters = ask->parameters;
}

static struct sim_response send_ask(struct world *world, const char *method, const char *target,
                                    const char *content_type, const char *body) {
    struct sim_response response;
    struct ask ask;

    ask_init(&ask, method, target, world->now_us);
    ask.request.content_type = content_type;
    ask.request.body = body;
    ask.request.body_bytes = body == NULL ? 0 : strlen(body);
    sim_rest_handle(&world->rest, &ask.request, &response);
    return response;
}

/* The code; the body as JSON in *out_body if wanted (owned). */
static int call(struct world *world, const char *method, const char *target, const char *type,
                const char *body, json_t **out_body) {
    struct sim_response response = send_ask(world, method, target, type, body);
    int code = response.code;

    if (out_body != NULL) {
        *out_body = json_loads(buf_text(&response.body), 0, NULL);
    }
    sim_response_finish(&response);
    return code;
}

static int get(struct world *world, const char *target, json_t **out_body) {
    return call(world, "GET", target, NULL, NULL, out_body);
}

static int post(struct world *world, const char *target, const char *body) {
    return call(world, "POST", target, "application/json", body, NULL);
}

/* Recorded exchanges. */

struct exchange {
    char *text; /* the file, cut into pieces */
    char *method;
    char *target;
    char *content_type;
    char *accept;
    char *body;
    int code;
    char *answer;
};

static char *read_file(const char *name) {
    char path[256];
    FILE *file;
    char *text = mem_alloc(1 << 20, 1);

    snprintf(path, sizeof path, FOLDER "%s.http", name);
    file = fopen(path, "r");
    CHECK(file != NULL, path);
    CHECK(fread(text, 1, (1 << 20) - 1, file) > 0, path);
    fclose(file);
    return text;
}

static char *header(char *head, const char *name) {
    char *at = strstr(head, name);
    char *value;

    if (at == NULL) {
        return NULL;
    }
    value = at + strlen(name);
    return mem_copy_text_n(value, strcspn(value, "\r\n"));
}

static void exchange_read(struct exchange *exchange, const char *name) {
    char *text = read_file(name);
    char *head = text;
    char *body;
    char *answer;

    *exchange = (struct exchange){.text = text};
    while (*head == '#') {
        head = strchr(head, '\n') + 1;
    }
    answer = strstr(head, "\nHTTP/1.1 ");
    CHECK(answer != NULL, name);
    *answer++ = '\0';
    exchange->method = mem_copy_text_n(head, strcspn(head, " "));
    exchange->target = strchr(head, ' ') + 1;
    exchange->target = mem_copy_text_n(exchange->target, strcspn(exchange->target, " "));
    body = strstr(head, "\n\n");
    CHECK(body != NULL, name);
    *body = '\0';
    exchange->content_type = header(head, "Content-Type: ");
    exchange->accept = header(head, "Accept: ");
    exchange->body = body + 2;
    exchange->body[strcspn(exchange->body, "\n")] = '\0';
    exchange->code = atoi(answer + strlen("HTTP/1.1 "));
    body = strstr(answer, "\n\n");
    exchange->answer = body == NULL ? NULL : body + 2;
}

static void exchange_finish(struct exchange *exchange) {
    free(exchange->method);
    free(exchange->target);
    free(exchange->content_type);
    free(exchange->accept);
    free(exchange->text);
}

/* What differs from run to run becomes "*", what we don't have goes. */
static void mask(json_t *value) {
    static const char *const volatile_keys[] = {
        "uid",  "resourceVersion",    "creationTimestamp", "deletionTimestamp",
        "time", "lastTransitionTime", "clusterIP",         "clusterIPs",
    };
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member) {
            mask(member);
        }
        return;
    }
    json_object_del(value, "managedFields");
    json_object_foreach(value, key, member) {
        mask(member);
    }
    for (i = 0; i < ARRAY_LEN(volatile_keys); i++) {
        if (json_object_get(value, volatile_keys[i]) != NULL) {
            sim_json_set_text(value, volatile_keys[i], "*");
        }
    }
}

enum compare {
    WHOLE,     /* code and body */
    CODE_ONLY, /* the body has texts of Go's own, or names drawn by chance */
};

static void compare_bodies(const char *name, const char *got, const char *want) {
    json_t *ours = json_loads(got, 0, NULL);
    json_t *theirs = json_loads(want, 0, NULL);
    char *left;
    char *right;

    if (theirs == NULL) {
        CHECK_STR(got, want, name);
        return;
    }
    CHECK(ours != NULL, name);
    mask(ours);
    mask(theirs);
    left = json_dumps(ours, JSON_SORT_KEYS | JSON_COMPACT);
    right = json_dumps(theirs, JSON_SORT_KEYS | JSON_COMPACT);
    CHECK_STR(left, right, name);
    free(left);
    free(right);
    json_decref(ours);
    json_decref(theirs);
}

static void replay(struct world *world, const char *name, enum compare compare) {
    struct exchange exchange;
    struct sim_response response;
    struct ask ask;

    exchange_read(&exchange, name);
    ask_init(&ask, exchange.method, exchange.target, world->now_us);
    ask.request.content_type = exchange.content_type;
    ask.request.accept = exchange.accept;
    ask.request.body = exchange.body;
    ask.request.body_bytes = strlen(exchange.body);
    sim_rest_handle(&world->rest, &ask.request, &response);
    if (response.code != exchange.code) {
        printf("%s\n", buf_text(&response.body));
    }
    CHECK_EQ(response.code, exchange.code, name);
    if (compare == WHOLE && exchange.answer != NULL) {
        compare_bodies(name, buf_text(&response.body), exchange.answer);
    }
    sim_response_finish(&response);
    exchange_finish(&exchange);
}

static void prepare_team(struct world *world) {
    world_open(world);
    replay(world, "03-namespace-create", WHOLE);
    replay(world, "03-priorityclass-create", WHOLE);
}

static const char plain_pod[] =
    "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"%s\"}},\"spec\":{\"nodeName\":\"%s\","
    "\"containers\":[{\"name\":\"main\",\"image\":\"i\"}]}}";

static void make_pod(struct world *world, const char *name, const char *app, const char *node) {
    char *body = mem_format(plain_pod, name, app, node);

    CHECK_EQ(post(world, "/api/v1/namespaces/default/pods", body), 201, name);
    free(body);
}

TEST(rest__answers_as_the_recorded_server_did) {
    /* In an order in which each finds what it needs. */
    static const struct {
        const char *name;
        enum compare compare;
    } rows[] = {
        {"02-404-group", WHOLE},
        {"03-namespace-409-AlreadyExists", WHOLE},
        {"03-resourcequota-create", WHOLE},
        {"04-node-create", WHOLE},
        {"04-node-status-patch", WHOLE},
        {"04-node-untaint-jsonpatch", WHOLE},
        {"05-pods-list-empty", WHOLE},
        {"05-pod-create", WHOLE},
        {"05-pod-409-AlreadyExists", WHOLE},
        {"05-pod-create-dryrun", WHOLE},
        {"05-pod-get-404-after-dryrun", WHOLE},
        {"05-pod-create-generateName", CODE_ONLY},
        {"05-pod-404-namespace", WHOLE},
        {"05-pod-403-no-priorityclass", WHOLE},
        {"05-pod-403-no-serviceaccount", WHOLE},
        {"05-pods-400-fieldselector", WHOLE},
        {"05-pods-400-truncated-json", WHOLE},
        {"05-pods-405", WHOLE},
        {"05-pods-406", WHOLE},
        {"05-pods-415", WHOLE},
        {"05-pods-422-many", WHOLE},
        {"05-pods-422-name", WHOLE},
        {"05-pod-log-204-no-host", WHOLE},
        {"05-binding-404", WHOLE},
        {"05-binding-create", WHOLE},
        {"05-binding-409-already-assigned", WHOLE},
        {"05-pod-log-400-container", WHOLE},
        {"05-pod-log-500-dial", CODE_ONLY},
        {"05-pod-status-running", CODE_ONLY},
        {"05-pod-patch-409-Conflict", WHOLE},
        {"05-pod-update-409-Conflict", CODE_ONLY},
        {"05-pod-jsonpatch-test-failed", WHOLE},
        {"05-pod-delete-409-uid", CODE_ONLY},
        {"05-pod-status-bad-phase", CODE_ONLY},
        {"05-pod-status-succeeded", CODE_ONLY},
        {"05-pod-create-nodeName", WHOLE},
        {"05-eviction-dryrun", WHOLE},
        {"05-eviction-201", WHOLE},
        {"05-pod-delete-finished", CODE_ONLY},
        {"05-pod-delete-404", WHOLE},
        {"06-pods-list-400-continue", WHOLE},
        {"06-pods-list-500-rv-not-a-number", WHOLE},
        {"06-pods-list-504-future-rv", CODE_ONLY},
        {"06-watch-500-rv-not-a-number", WHOLE},
        {"07-lease-create", WHOLE},
        {"07-lease-409-AlreadyExists", WHOLE},
        {"07-lease-put-absent", WHOLE},
        {"09-event-create", CODE_ONLY},
        {"09-namespace-delete", WHOLE},
        {"09-pod-403-namespace-terminating", WHOLE},
    };
    struct world world;

    prepare_team(&world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        replay(&world, rows[i].name, rows[i].compare);
    }
    world_close(&world);
}

TEST(rest_list__pages_in_key_order_with_one_version) {
    struct world world;
    json_t *page = NULL;
    char target[256];
    char *version;

    world_open(&world);
    make_pod(&world, "c", "x", "n");
    make_pod(&world, "a", "x", "n");
    make_pod(&world, "b", "x", "n");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods?limit=2", &page), 200, "a page");
    CHECK_STR(sim_json_text(json_array_get(json_object_get(page, "items"), 0), "metadata.name"),
              "a", "sorted");
    CHECK_EQ(sim_json_int(page, "metadata.remainingItemCount", -1), 1, "one is left");
    version = mem_copy_text(sim_json_text(page, "metadata.resourceVersion"));
    snprintf(target, sizeof target, "/api/v1/namespaces/default/pods?limit=2&continue=%s",
             sim_json_text(page, "metadata.continue"));
    json_decref(page);
    make_pod(&world, "d", "x", "n");
    CHECK_EQ(get(&world, target, &page), 200, "the next page");
    CHECK_STR(sim_json_text(json_array_get(json_object_get(page, "items"), 0), "metadata.name"),
              "c", "goes on after b");
    CHECK_STR(sim_json_text(page, "metadata.resourceVersion"), version, "as of the first page");
    json_decref(page);
    sim_store_compact(world.store);
    CHECK_EQ(get(&world, target, &page), 410, "a token from before the compaction");
    CHECK(sim_json_text(page, "metadata.continue") != NULL, "with a fresh token");
    json_decref(page);
    free(version);
    world_close(&world);
}

TEST(rest_list__selects_by_labels_and_fields) {
    static const struct {
        const char *what;
        const char *query;
        int code;
        size_t count;
    } rows[] = {
        {"everything", "", 200, 3},
        {"equal", "labelSelector=app%3Dx", 200, 2},
        {"double equal", "labelSelector=app%3D%3Dx", 200, 2},
        {"not equal", "labelSelector=app!%3Dx", 200, 1},
        {"in", "labelSelector=app%20in%20(x,y)", 200, 3},
        {"notin", "labelSelector=app%20notin%20(x)", 200, 1},
        {"exists", "labelSelector=app", 200, 3},
        {"absent", "labelSelector=!app", 200, 0},
        {"both must hold", "labelSelector=app%3Dx,app%3Dy", 200, 0},
        {"a label named like an operator", "labelSelector=inside%3Dx", 200, 0},
        {"not equal holds for who has no such label", "labelSelector=other!%3Dx", 200, 3},
        {"notin as well", "labelSelector=other%20notin%20(x)", 200, 3},
        {"a field without an operator", "fieldSelector=spec.nodeName", 400, 0},
        {"not a selector", "labelSelector=app%3D%3D%3D", 400, 0},
        {"a comma at the end", "labelSelector=app,", 400, 0},
        {"by node", "fieldSelector=spec.nodeName%3Dn1", 200, 1},
        {"by phase", "fieldSelector=status.phase!%3DPending", 200, 0},
        {"by name", "fieldSelector=metadata.name%3Db", 200, 1},
        {"field and label", "fieldSelector=spec.nodeName%3Dn2&labelSelector=app%3Dx", 200, 1},
        {"an unknown field", "fieldSelector=spec.color%3Dred", 400, 0},
    };
    struct world world;

    world_open(&world);
    make_pod(&world, "a", "x", "n1");
    make_pod(&world, "b", "x", "n2");
    make_pod(&world, "c", "y", "n2");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char target[256];
        json_t *list = NULL;

        snprintf(target, sizeof target, "/api/v1/pods?%s", rows[i].query);
        CHECK_EQ(get(&world, target, &list), rows[i].code, rows[i].what);
        CHECK_EQ(json_array_size(json_object_get(list, "items")), rows[i].count, rows[i].what);
        json_decref(list);
    }
    world_close(&world);
}

TEST(rest_lease__keeps_the_rules_of_leader_election) {
    struct world world;
    json_t *lease = NULL;
    json_t *same = NULL;
    char *body;

    prepare_team(&world);
    replay(&world, "07-lease-create", WHOLE);
    CHECK_EQ(get(&world, "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/leader", &lease),
             200, "there");
    body = json_dumps(lease, 0);
    CHECK_EQ(call(&world, "PUT", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/leader",
                  "application/json", body, &same),
             200, "the same again");
    CHECK_STR(sim_json_text(same, "metadata.resourceVersion"),
              sim_json_text(lease, "metadata.resourceVersion"), "no change, no new version");
    free(body);
    json_decref(same);

    sim_json_set_text(json_object_get(lease, "spec"), "holderIdentity", "b");
    body = json_dumps(lease, 0);
    CHECK_EQ(call(&world, "PUT", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/leader",
                  "application/json", body, NULL),
             200, "a change");
    CHECK_EQ(call(&world, "PUT", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/leader",
                  "application/json", body, NULL),
             409, "from a version that is old by now");
    free(body);

    json_object_del(json_object_get(lease, "metadata"), "resourceVersion");
    body = json_dumps(lease, 0);
    CHECK_EQ(call(&world, "PUT", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases/leader",
                  "application/json", body, NULL),
             422, "a version must be given");
    free(body);
    json_decref(lease);
    CHECK_EQ(post(&world, "/apis/coordination.k8s.io/v1/namespaces/team-a/leases",
                  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"renewTime\":"
                  "\"2026-01-01T00:00:00Z\"}}"),
             400, "six digits of a second");
    CHECK_EQ(post(&world, "/apis/coordination.k8s.io/v1/namespaces/team-a/leases",
                  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"leaseDurationSeconds\":0}}"),
             422, "a duration");
    world_close(&world);
}

TEST(rest_patch__merges_as_the_type_says) {
    static const struct {
        const char *what;
        const char *type;
        const char *patch;
        int code;
        const char *path;
        const char *want;
    } rows[] = {
        {"merge sets", "application/merge-patch+json",
         "{\"metadata\":{\"annotations\":{\"a\":\"1\"}}}", 200, "metadata.annotations.a", "1"},
        {"merge removes", "application/merge-patch+json",
         "{\"metadata\":{\"annotations\":{\"a\":null}}}", 200, "metadata.annotations.a", NULL},
        {"strategic merges containers by name", "application/strategic-merge-patch+json",
         "{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"j\"}]}}", 200,
         "spec.restartPolicy", "Always"},
        {"apply is a forced merge", "application/apply-patch+yaml",
         "{\"metadata\":{\"labels\":{\"app\":\"z\"}}}", 200, "metadata.labels.app", "z"},
        {"JSON patch replaces", "application/json-patch+json",
         "[{\"op\":\"test\",\"path\":\"/metadata/labels/app\",\"value\":\"z\"},"
         "{\"op\":\"replace\",\"path\":\"/metadata/labels/app\",\"value\":\"y\"}]",
         200, "metadata.labels.app", "y"},
        {"JSON patch escapes", "application/json-patch+json",
         "[{\"op\":\"add\",\"path\":\"/metadata/labels/x.io~1k\",\"value\":\"v\"},"
         "{\"op\":\"copy\",\"from\":\"/metadata/labels/x.io~1k\",\"path\":\"/metadata/labels/c\"}]",
         200, "metadata.labels.c", "v"},
        {"a JSON patch that fails changes nothing", "application/json-patch+json",
         "[{\"op\":\"remove\",\"path\":\"/metadata/labels/app\"},"
         "{\"op\":\"remove\",\"path\":\"/metadata/labels/nope\"}]",
         422, "metadata.labels.app", "y"},
        {"the spec stays", "application/merge-patch+json", "{\"spec\":{\"nodeName\":\"m\"}}", 422,
         "spec.nodeName", "n"},
        {"status isn't touched here", "application/merge-patch+json",
         "{\"status\":{\"phase\":\"Failed\"}}", 200, "status.phase", "Pending"},
        {"an unknown type", "application/xml", "{}", 415, "spec.nodeName", "n"},
        {"not JSON", "application/merge-patch+json", "{", 400, "spec.nodeName", "n"},
    };
    struct world world;

    world_open(&world);
    make_pod(&world, "p", "x", "n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *pod = NULL;

        CHECK_EQ(call(&world, "PATCH", "/api/v1/namespaces/default/pods/p", rows[i].type,
                      rows[i].patch, NULL),
                 rows[i].code, rows[i].what);
        CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/p", &pod), 200, rows[i].what);
        CHECK_STR(sim_json_text(pod, rows[i].path), rows[i].want, rows[i].what);
        CHECK_EQ(json_array_size(sim_json_at(pod, "spec.containers")), 1, rows[i].what);
        json_decref(pod);
    }
    world_close(&world);
}

TEST(rest_delete__waits_for_the_runtime_of_a_bound_pod_only) {
    struct world world;
    json_t *body = NULL;

    world_open(&world);
    make_pod(&world, "bound", "x", "n");
    make_pod(&world, "free", "x", "");
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/default/pods/free", NULL, NULL, NULL), 200,
             "no node");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/free", NULL), 404, "gone at once");
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/default/pods/bound", NULL, NULL, NULL), 200,
             "on a node");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/bound", &body), 200, "still there");
    CHECK_STR(sim_json_text(body, "metadata.deletionTimestamp"), "2026-11-22T14:18:40Z",
              "for its grace");
    json_decref(body);
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/default/pods/bound?gracePeriodSeconds=0",
                  NULL, NULL, NULL),
             200, "by the runtime");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/bound", NULL), 404, "gone");
    world_close(&world);
}

TEST(rest_delete__takes_dependents_with_it) {
    struct world world;
    json_t *owner = NULL;
    char *body;

    world_open(&world);
    make_pod(&world, "driver", "x", "");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/driver", &owner), 200, "there");
    body =
        mem_format("{\"metadata\":{\"name\":\"conf\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
                   "\"kind\":\"Pod\",\"name\":\"driver\",\"uid\":\"%s\"}]}}",
                   sim_json_text(owner, "metadata.uid"));
    CHECK_EQ(post(&world, "/api/v1/namespaces/default/configmaps", body), 201, "owned");
    CHECK_EQ(post(&world, "/api/v1/namespaces/default/configmaps",
                  "{\"metadata\":{\"name\":\"late\",\"ownerReferences\":[{\"uid\":\"nobody\"}]}}"),
             201, "owned by nobody");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/configmaps/late", NULL), 404,
             "an owner that isn't there");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/configmaps/conf", NULL), 200, "stays");
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/default/pods/driver", NULL, NULL, NULL),
             200, "the owner goes");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/configmaps/conf", NULL), 404, "and its own");
    free(body);
    json_decref(owner);
    world_close(&world);
}

TEST(rest_delete__empties_a_namespace) {
    struct world world;

    prepare_team(&world);
    CHECK_EQ(post(&world, "/api/v1/namespaces/team-a/configmaps",
                  "{\"metadata\":{\"name\":\"c\"},\"data\":{\"k\":\"v\"}}"),
             201, "in it");
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/team-a", NULL, NULL, NULL), 200, "going");
    while (sim_store_collect(world.store, world.now_us)) {
    }
    CHECK_EQ(get(&world, "/api/v1/namespaces/team-a", NULL), 404, "gone");
    CHECK_EQ(sim_store_count(world.store, SIM_CONFIGMAPS, "team-a"), 0, "with all that was in it");
    world_close(&world);
}

/* Watches. */

static void take_lines(struct world *world, struct sim_response *response, struct buf *out) {
    struct sim_watch_event event;
    enum sim_watch_result result;

    while ((result = sim_watch_next(response->watch, &event)) == SIM_WATCH_EVENT) {
        sim_rest_event_line(response, &event, world->now_us, out);
    }
    if (result == SIM_WATCH_EXPIRED) {
        sim_rest_error_line(sim_rest_expired(response->watch), out);
    }
}

/* "ADDED a,MODIFIED a,..." */
static void check_events(struct world *world, struct sim_response *response, const char *want,
                         const char *what) {
    struct buf lines;
    struct buf got;
    char *line;
    char *rest = NULL;

    buf_init(&lines, 1 << 20);
    buf_init(&got, 1 << 16);
    buf_add_text(&lines, "\n"); /* So that there is a text to cut up. */
    take_lines(world, response, &lines);
    for (line = strtok_r(lines.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *event = json_loads(line, 0, NULL);
        const char *name = sim_json_text(event, "object.metadata.name");

        CHECK(event != NULL, what);
        buf_add_format(&got, "%s%s %s", got.bytes == 0 ? "" : ",", sim_json_text(event, "type"),
                       name != NULL ? name : sim_json_text(event, "object.reason"));
        json_decref(event);
    }
    CHECK_STR(buf_text(&got), want, what);
    buf_finish(&lines);
    buf_finish(&got);
}

static struct sim_response watch(struct world *world, const char *query) {
    char target[256];
    struct sim_response response;

    snprintf(target, sizeof target, "/api/v1/namespaces/default/pods?watch=1&%s", query);
    response = send_ask(world, "GET", target, NULL, NULL);
    CHECK_EQ(response.code, 200, query);
    CHECK(response.watch != NULL, query);
    return response;
}

TEST(rest_watch__shows_what_exists_and_what_follows) {
    struct world world;
    struct sim_response response;

    world_open(&world);
    make_pod(&world, "a", "x", "");
    response = watch(&world, "resourceVersion=0&timeoutSeconds=9&allowWatchBookmarks=true");
    CHECK_EQ(response.timeout_us, 9000000, "the client's time-out");
    CHECK(response.bookmarks, "asked for");
    check_events(&world, &response, "ADDED a", "the state at first");
    make_pod(&world, "b", "x", "");
    CHECK_EQ(call(&world, "DELETE", "/api/v1/namespaces/default/pods/a", NULL, NULL, NULL), 200,
             "delete");
    check_events(&world, &response, "ADDED b,MODIFIED a,DELETED a", "then the changes");
    check_events(&world, &response, "", "and then nothing");
    sim_response_finish(&response);
    world_close(&world);
}

TEST(rest_watch__turns_a_change_of_selection_into_added_and_deleted) {
    struct world world;
    struct sim_response response;

    world_open(&world);
    make_pod(&world, "a", "x", "");
    response = watch(&world, "resourceVersion=0&labelSelector=app%3Dx");
    check_events(&world, &response, "ADDED a", "selected");
    CHECK_EQ(call(&world, "PATCH", "/api/v1/namespaces/default/pods/a",
                  "application/merge-patch+json", "{\"metadata\":{\"labels\":{\"app\":\"y\"}}}",
                  NULL),
             200, "out of the selection");
    check_events(&world, &response, "DELETED a", "it left");
    CHECK_EQ(call(&world, "PATCH", "/api/v1/namespaces/default/pods/a",
                  "application/merge-patch+json", "{\"metadata\":{\"labels\":{\"app\":\"x\"}}}",
                  NULL),
             200, "and back");
    check_events(&world, &response, "ADDED a", "it came");
    sim_response_finish(&response);
    world_close(&world);
}

TEST(rest_watch__ends_with_410_before_the_log_and_survives_compaction_else) {
    struct world world;
    struct sim_response old;
    struct sim_response current;
    struct sim_response edge;
    char query[64];
    int64_t version;

    world_open(&world);
    version = sim_store_version(world.store);
    snprintf(query, sizeof query, "resourceVersion=%lld", (long long)version);
    make_pod(&world, "a", "x", "");
    current = watch(&world, "resourceVersion=0");
    check_events(&world, &current, "ADDED a", "current");
    sim_store_compact(world.store);
    old = watch(&world, query);
    check_events(&world, &old, "ERROR Expired", "from before the compaction");
    snprintf(query, sizeof query, "resourceVersion=%lld",
             (long long)sim_store_version(world.store));
    edge = watch(&world, query);
    check_events(&world, &edge, "", "from the compacted version itself");
    make_pod(&world, "b", "x", "");
    check_events(&world, &current, "ADDED b", "has missed nothing");
    check_events(&world, &edge, "ADDED b", "nor has this one");
    sim_response_finish(&edge);
    snprintf(query, sizeof query, "resourceVersion=%lld",
             (long long)sim_store_version(world.store));
    edge = watch(&world, query);
    check_events(&world, &edge, "", "what has this very version was seen");
    sim_response_finish(&edge);
    sim_response_finish(&old);
    sim_response_finish(&current);
    world_close(&world);
}

TEST(rest_watch__from_the_future_is_silent) {
    struct world world;
    struct sim_response response;

    world_open(&world);
    response = watch(&world, "resourceVersion=999999");
    make_pod(&world, "a", "x", "");
    check_events(&world, &response, "", "not there yet");
    sim_response_finish(&response);
    world_close(&world);
}

/* Admission hooks. */

struct gate {
    unsigned mutated;
    unsigned validated;
};

static json_t *refuse_bad(void *context, const struct sim_attempt *attempt) {
    struct gate *gate = context;

    gate->validated++;
    if (strcmp(attempt->name, "bad") == 0) {
        return sim_status_forbidden(attempt->resource, attempt->name, "exceeded quota: q");
    }
    return NULL;
}

static json_t *annotate(void *context, struct sim_attempt *attempt) {
    struct gate *gate = context;

    gate->mutated++;
    if (attempt->resource->id == SIM_PODS) {
        sim_json_set_text(
            sim_json_make_object(json_object_get(attempt->object, "metadata"), "annotations"), "by",
            "hook");
    }
    return NULL;
}

TEST(store_hooks__may_change_and_refuse_and_come_before_the_409) {
    struct world world;
    struct gate gate = {0};
    struct sim_admission admission = {.mutate = annotate, .validate = refuse_bad, .context = &gate};
    json_t *pod = NULL;

    world_open(&world);
    make_pod(&world, "bad", "x", "");
    sim_store_set_admission(world.store, &admission);
    make_pod(&world, "good", "x", "");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/good", &pod), 200, "stored");
    CHECK_STR(sim_json_text(pod, "metadata.annotations.by"), "hook", "as the hook left it");
    json_decref(pod);
    CHECK_EQ(post(&world, "/api/v1/namespaces/default/pods",
                  "{\"metadata\":{\"name\":\"bad\"},\"spec\":{\"containers\":[{\"name\":\"m\","
                  "\"image\":\"i\"}]}}"),
             403, "a full quota hides that the name is taken");
    CHECK_EQ(gate.mutated, 2, "both creates");
    CHECK_EQ(gate.validated, 2, "both creates");
    world_close(&world);
}

/* What controllers of controller-runtime send: built-in kinds as protobuf. */
static int send_protobuf(struct world *world, const char *method, const char *target,
                         const char *body, size_t bytes) {
    struct sim_response response;
    struct ask ask;
    int code;

    ask_init(&ask, method, target, world->now_us);
    ask.request.content_type = "application/vnd.kubernetes.protobuf";
    ask.request.accept = "application/vnd.kubernetes.protobuf, */*";
    ask.request.body = body;
    ask.request.body_bytes = bytes;
    sim_rest_handle(&world->rest, &ask.request, &response);
    code = response.code;
    sim_response_finish(&response);
    return code;
}

#define SEND_PROTOBUF(world, method, target, body) \
    send_protobuf(world, method, target, body, sizeof(body) - 1)

TEST(rest_create__takes_protobuf_and_answers_in_json) {
    static const char config_map[] = "k8s\0\x0a\x0f\x0a\x02v1\x12\x09"
                                     "ConfigMap\x12\x05\x0a\x03\x0a\x01m";
    static const char options[] = "k8s\0\x0a\x13\x0a\x02v1\x12\x0d"
                                  "DeleteOptions\x12\x02\x08\x00";
    static const char binding[] = "k8s\0\x0a\x0d\x0a\x02v1\x12\x07"
                                  "Binding\x12\x00";
    struct world world;
    json_t *made = NULL;

    world_open(&world);
    CHECK_EQ(SEND_PROTOBUF(&world, "POST", "/api/v1/namespaces/default/configmaps", config_map),
             201, "a ConfigMap");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/configmaps/m", &made), 200, "it is there");
    CHECK_STR(sim_json_text(made, "metadata.name"), "m", "by its name");
    json_decref(made);
    make_pod(&world, "p", "x", "n");
    CHECK_EQ(SEND_PROTOBUF(&world, "DELETE", "/api/v1/namespaces/default/pods/p", options), 200,
             "a pod");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/p", NULL), 404, "without any grace");
    CHECK_EQ(SEND_PROTOBUF(&world, "POST", "/api/v1/namespaces/default/pods", binding), 415,
             "a kind that is not known");
    CHECK_EQ(SEND_PROTOBUF(&world, "POST", "/api/v1/namespaces/default/services", "{}"), 400,
             "no protobuf");
    world_close(&world);
}

/* Tables and discovery. */

TEST(rest_table__has_a_cell_per_column_for_every_resource) {
    static const struct {
        const char *path;
        const char *body;
    } objects[] = {
        {"/api/v1/nodes", "{\"metadata\":{\"name\":\"n\"}}"},
        {"/api/v1/namespaces/default/services",
         "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":1}]}}"},
        {"/api/v1/namespaces/default/secrets",
         "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"v\"}}"},
        {"/api/v1/namespaces/default/resourcequotas",
         "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"1\"}}}"},
        {"/api/v1/namespaces/default/limitranges", "{\"metadata\":{\"name\":\"l\"}}"},
        {"/api/v1/namespaces/default/events",
         "{\"metadata\":{\"generateName\":\"e.\"},\"involvedObject\":{\"kind\":\"Pod\"}}"},
        {"/api/v1/namespaces/default/persistentvolumeclaims", "{\"metadata\":{\"name\":\"p\"}}"},
        {"/apis/coordination.k8s.io/v1/namespaces/default/leases",
         "{\"metadata\":{\"name\":\"l\"}}"},
        {"/apis/node.k8s.io/v1/runtimeclasses",
         "{\"metadata\":{\"name\":\"r\"},\"handler\":\"h\"}"},
        {"/apis/policy/v1/namespaces/default/poddisruptionbudgets",
         "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"minAvailable\":1}}"},
        {"/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications",
         "{\"metadata\":{\"name\":\"app\"},\"spec\":{}}"},
        {"/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/scheduledsparkapplications",
         "{\"metadata\":{\"name\":\"nightly\"},\"spec\":{}}"},
        {"/apis/sparkoperator.k8s.io/v1alpha1/namespaces/default/sparkconnects",
         "{\"metadata\":{\"name\":\"server\"},\"spec\":{}}"},
        {"/apis/networking.k8s.io/v1/namespaces/default/ingresses",
         "{\"metadata\":{\"name\":\"i\"},\"spec\":{}}"},
        {"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
         "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"podSelector\":{}}}"},
    };
    struct world world;

    world_open(&world);
    make_pod(&world, "p", "x", "n");
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        CHECK_EQ(post(&world, objects[i].path, objects[i].body), 201, objects[i].path);
    }
    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        const struct sim_resource *resource = sim_resource((enum sim_resource_id)id);
        struct sim_response response;
        struct ask ask;
        char target[128];
        json_t *table;
        json_t *row;
        size_t i;

        snprintf(target, sizeof target, "%s/%s/%s", resource->group[0] == '\0' ? "/api" : "/apis",
                 sim_resource_api_version(resource), resource->plural);
        ask_init(&ask, "GET", target, world.now_us);
        ask.request.accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        sim_rest_handle(&world.rest, &ask.request, &response);
        CHECK_EQ(response.code, 200, target);
        table = json_loads(buf_text(&response.body), 0, NULL);
        CHECK_STR(sim_json_text(table, "kind"), "Table", target);
        CHECK(json_array_size(json_object_get(table, "rows")) > 0, target);
        json_array_foreach(json_object_get(table, "rows"), i, row) {
            CHECK_EQ(json_array_size(json_object_get(row, "cells")),
                     json_array_size(json_object_get(table, "columnDefinitions")), target);
        }
        json_decref(table);
        sim_response_finish(&response);
    }
    world_close(&world);
}

/* The entry of an array of objects whose member key says text; NULL: none. */
static json_t *entry_of(const json_t *array, const char *key, const char *text) {
    json_t *entry;
    size_t i;

    json_array_foreach(array, i, entry) {
        const char *found = sim_json_text(entry, key);

        if (found != NULL && strcmp(found, text) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* A built-in kind's items leave it to the list. */
TEST(rest_list__says_of_each_custom_resource_what_it_is) {
    static const char applications[] =
        "/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications";
    struct world world;
    json_t *list = NULL;
    const json_t *item;

    world_open(&world);
    make_pod(&world, "p", "x", "n");
    CHECK_EQ(post(&world, applications, "{\"metadata\":{\"name\":\"app\"},\"spec\":{}}"), 201,
             "an application");
    CHECK_EQ(get(&world, applications, &list), 200, "the list");
    item = json_array_get(json_object_get(list, "items"), 0);
    CHECK_STR(sim_json_text(item, "kind"), "SparkApplication", "a custom resource");
    CHECK_STR(sim_json_text(item, "apiVersion"), "sparkoperator.k8s.io/v1beta2", "and its version");
    json_decref(list);
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods", &list), 200, "the list");
    CHECK(sim_json_text(json_array_get(json_object_get(list, "items"), 0), "kind") == NULL,
          "a pod is one of a PodList");
    json_decref(list);
    world_close(&world);
}

/* What a client finds that begins at /apis and knows nothing else. */
TEST(rest_discovery__leads_to_every_resource) {
    struct world world;
    json_t *root = NULL;

    world_open(&world);
    CHECK_EQ(get(&world, "/apis", &root), 200, "the groups");
    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        const struct sim_resource *resource = sim_resource((enum sim_resource_id)id);
        const char *version = sim_resource_api_version(resource);
        const json_t *group = entry_of(json_object_get(root, "groups"), "name", resource->group);
        json_t *list = NULL;
        char path[128];

        CHECK(resource->group[0] == '\0' ||
                  entry_of(json_object_get(group, "versions"), "groupVersion", version) != NULL,
              version);
        snprintf(path, sizeof path, "%s/%s", resource->group[0] == '\0' ? "/api" : "/apis",
                 version);
        CHECK_EQ(get(&world, path, &list), 200, path);
        CHECK_STR(
            sim_json_text(entry_of(json_object_get(list, "resources"), "name", resource->plural),
                          "kind"),
            resource->kind, resource->plural);
        json_decref(list);
    }
    CHECK_STR(
        sim_json_text(entry_of(json_object_get(root, "groups"), "name", "sparkoperator.k8s.io"),
                      "preferredVersion.version"),
        "v1beta2", "what is stable comes first");
    json_decref(root);
    world_close(&world);
}

TEST(rest_discovery__names_every_resource) {
    static const char *const paths[] = {"/api",
                                        "/apis",
                                        "/api/v1",
                                        "/apis/coordination.k8s.io/v1",
                                        "/apis/scheduling.k8s.io/v1",
                                        "/version",
                                        "/openapi/v3",
                                        "/openapi/v3/api/v1",
                                        "/openapi/v2",
                                        "/apis/policy"};
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        json_t *body = NULL;

        CHECK_EQ(get(&world, paths[i], &body), 200, paths[i]);
        CHECK(json_is_object(body), paths[i]);
        json_decref(body);
    }
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/nopes", NULL), 404, "unknown resource");
    CHECK_EQ(get(&world, "/api/v1/namespaces/default/pods/p/exec", NULL), 404,
             "no such subresource");
    world_close(&world);
}
