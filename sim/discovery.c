#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/rest_parts.h"
#include "sim/status.h"

#define VERSION_TEXT "v1.30.0+kubesim"

/* A group's versions follow each other, the preferred one first. */
static const struct {
    const char *group;
    const char *version;
} groups[] = {
    {"", "v1"},
    {"authorization.k8s.io", "v1"},
    {"coordination.k8s.io", "v1"},
    {"networking.k8s.io", "v1"},
    {"node.k8s.io", "v1"},
    {"policy", "v1"},
    {"scheduling.k8s.io", "v1"},
    {"sparkoperator.k8s.io", "v1beta2"},
    {"sparkoperator.k8s.io", "v1alpha1"},
};

/* Resources. */

static json_t *verbs_of(const char *text) {
    json_t *verbs = json_array();

    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        json_array_append_new(verbs, json_stringn(text, length));
        text += length + (text[length] == ' ' ? 1 : 0);
    }
    return verbs;
}

static json_t *resource_entry(const char *name, const char *singular, bool namespaced,
                              const char *kind, const char *verbs) {
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "singularName", singular,
                     "namespaced", (int)namespaced, "kind", kind, "verbs", verbs_of(verbs));
}

static void add_resource(json_t *list, const struct sim_resource *resource) {
    json_t *entry =
        resource_entry(resource->plural, resource->singular, resource->namespaced, resource->kind,
                       "create delete deletecollection get list patch update watch");

    if (resource->short_names[0] != '\0') {
        json_object_set_new(entry, "shortNames", json_pack("[s]", resource->short_names));
    }
    if (resource->id == SIM_PODS || resource->id == SIM_SERVICES) {
        json_object_set_new(entry, "categories", json_pack("[s]", "all"));
    }
    json_array_append_new(list, entry);
    if (resource->has_status) {
        char *name = mem_format("%s/status", resource->plural);

        json_array_append_new(list, resource_entry(name, "", resource->namespaced, resource->kind,
                                                   "get patch update"));
        free(name);
    }
}

static void add_pod_subresources(json_t *list) {
    json_t *eviction = resource_entry("pods/eviction", "", true, "Eviction", "create");

    sim_json_set_text(eviction, "group", "policy");
    sim_json_set_text(eviction, "version", "v1");
    json_array_append_new(list, eviction);
    json_array_append_new(list, resource_entry("pods/binding", "", true, "Binding", "create"));
    json_array_append_new(list, resource_entry("pods/log", "", true, "Pod", "get"));
}

static json_t *resource_list(const char *group, const char *version) {
    json_t *list = json_array();
    char *group_version =
        group[0] == '\0' ? mem_copy_text(version) : mem_format("%s/%s", group, version);
    json_t *value;

    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        const struct sim_resource *resource = sim_resource((enum sim_resource_id)id);

        if (strcmp(resource->group, group) == 0 && strcmp(resource->version, version) == 0) {
            add_resource(list, resource);
        }
    }
    if (group[0] == '\0') {
        add_pod_subresources(list);
    }
    if (strcmp(group, "authorization.k8s.io") == 0) {
        json_array_append_new(list, resource_entry("selfsubjectaccessreviews", "", false,
                                                   "SelfSubjectAccessReview", "create"));
        json_array_append_new(list, resource_entry("selfsubjectrulesreviews", "", false,
                                                   "SelfSubjectRulesReview", "create"));
    }
    value = json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                      "groupVersion", group_version, "resources", list);
    free(group_version);
    return value;
}

static json_t *version_entry(size_t at) {
    char *group_version = mem_format("%s/%s", groups[at].group, groups[at].version);
    json_t *entry =
        json_pack("{s:s, s:s}", "groupVersion", group_version, "version", groups[at].version);

    free(group_version);
    return entry;
}

/* The group that begins in this row, with all its versions. */
static json_t *group_entry(size_t at) {
    json_t *versions = json_array();

    for (size_t i = at; i < ARRAY_LEN(groups) && strcmp(groups[i].group, groups[at].group) == 0;
         i++) {
        json_array_append_new(versions, version_entry(i));
    }
    return json_pack("{s:s, s:o, s:o}", "name", groups[at].group, "versions", versions,
                     "preferredVersion", version_entry(at));
}

static bool begins_group(size_t at) {
    return strcmp(groups[at].group, groups[at - 1].group) != 0;
}

static void answer_groups(struct sim_call *call) {
    json_t *list = json_array();

    for (size_t i = 1; i < ARRAY_LEN(groups); i++) {
        if (begins_group(i)) {
            json_array_append_new(list, group_entry(i));
        }
    }
    sim_call_json(
        call, 200,
        json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups", list));
}

static void answer_versions(struct sim_call *call) {
    sim_call_json(call, 200,
                  json_pack("{s:s, s:[s], s:[]}", "kind", "APIVersions", "versions", "v1",
                            "serverAddressByClientCIDRs"));
}

static void answer_version(struct sim_call *call) {
    sim_call_json(call, 200,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", "1", "minor",
                            "30", "gitVersion", VERSION_TEXT, "gitCommit", "", "gitTreeState",
                            "clean", "buildDate", "2024-01-01T00:00:00Z", "goVersion", "go1.22",
                            "compiler", "gc", "platform", "linux/amd64"));
}

static void answer_healthy(struct sim_call *call) {
    if (!sim_request_flag(call->request, "verbose")) {
        sim_call_text(call, 200, "ok");
        return;
    }
    sim_call_text(call, 200, "[+]ping ok\n[+]log ok\n[+]etcd ok\n");
    buf_add_format(&call->response->body, "%s check passed\n", call->request->path + 1);
}

/* OpenAPI: just what kubectl asks before it sends a write: does the server validate fields itself,
 * that is, does each PATCH have a parameter fieldValidation? */

static void add_openapi_path(json_t *paths, const struct sim_resource *resource) {
    const char *prefix = resource->group[0] == '\0' ? "/api/" : "/apis/";
    char *path =
        mem_format("%s%s/%s%s/{name}", prefix, sim_resource_api_version(resource),
                   resource->namespaced ? "namespaces/{namespace}/" : "", resource->plural);
    json_t *patch =
        json_pack("{s:[{s:s, s:s, s:{s:s}}], s:{}, s:{s:s, s:s, s:s}}", "parameters", "name",
                  "fieldValidation", "in", "query", "schema", "type", "string", "responses",
                  "x-kubernetes-group-version-kind", "group", resource->group, "version",
                  resource->version, "kind", resource->kind);

    json_object_set_new(paths, path, json_pack("{s:o}", "patch", patch));
    free(path);
}

static json_t *openapi_document(const char *group, const char *version) {
    json_t *paths = json_object();

    for (unsigned id = 0; id < SIM_RESOURCE_COUNT; id++) {
        const struct sim_resource *resource = sim_resource((enum sim_resource_id)id);

        if (strcmp(resource->group, group) == 0 && strcmp(resource->version, version) == 0) {
            add_openapi_path(paths, resource);
        }
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{}}}", "openapi", "3.0.0", "info", "title",
                     "Kubernetes", "version", VERSION_TEXT, "paths", paths, "components",
                     "schemas");
}

static void answer_openapi_index(struct sim_call *call) {
    json_t *paths = json_object();

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        char *name = groups[i].group[0] == '\0'
                         ? mem_format("api/%s", groups[i].version)
                         : mem_format("apis/%s/%s", groups[i].group, groups[i].version);
        char *url = mem_format("/openapi/v3/%s?hash=1", name);

        json_object_set_new(paths, name, json_pack("{s:s}", "serverRelativeURL", url));
        free(name);
        free(url);
    }
    sim_call_json(call, 200, json_pack("{s:o}", "paths", paths));
}

/* An empty document, for clients that know no v3: they then check nothing themselves. */
static void answer_openapi_v2(struct sim_call *call) {
    static const char protobuf[] = "\x0a\x03"
                                   "2.0\x12\x10\x0a\x0a"
                                   "Kubernetes\x12\x02"
                                   "v1\x42\x00";
    const char *accept = call->request->accept;

    if (accept != NULL && strstr(accept, "protobuf") != NULL) {
        call->response->code = 200;
        call->response->content_type = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
        buf_add(&call->response->body, protobuf, sizeof protobuf - 1);
        return;
    }
    sim_call_json(call, 200,
                  json_pack("{s:s, s:{s:s, s:s}, s:{}}", "swagger", "2.0", "info", "title",
                            "Kubernetes", "version", VERSION_TEXT, "paths"));
}

/* Reviews: everybody who got in may do everything. */

static void answer_access_review(struct sim_call *call) {
    json_t *body = sim_call_body(call, "SelfSubjectAccessReview");

    if (body != NULL) {
        sim_call_json(call, 201,
                      json_pack("{s:s, s:s, s:{s:n}, s:O, s:{s:b}}", "kind",
                                "SelfSubjectAccessReview", "apiVersion", "authorization.k8s.io/v1",
                                "metadata", "creationTimestamp", "spec",
                                json_object_get(body, "spec"), "status", "allowed", 1));
        json_decref(body);
    }
}

static void answer_rules_review(struct sim_call *call) {
    sim_call_json(call, 201,
                  json_pack("{s:s, s:s, s:{s:n}, s:{}, s:{s:[{s:[s], s:[s], s:[s]}], s:[{s:[s], "
                            "s:[s]}], s:b}}",
                            "kind", "SelfSubjectRulesReview", "apiVersion",
                            "authorization.k8s.io/v1", "metadata", "creationTimestamp", "spec",
                            "status", "resourceRules", "verbs", "*", "apiGroups", "*", "resources",
                            "*", "nonResourceRules", "verbs", "*", "nonResourceURLs", "*",
                            "incomplete", 0));
}

static void answer_paths(struct sim_call *call);

static const struct {
    const char *method;
    const char *path;
    void (*answer)(struct sim_call *call);
} pages[] = {
    {"GET", "/", answer_paths},
    {"GET", "/api", answer_versions},
    {"GET", "/apis", answer_groups},
    {"GET", "/version", answer_version},
    {"GET", "/healthz", answer_healthy},
    {"GET", "/livez", answer_healthy},
    {"GET", "/readyz", answer_healthy},
    {"GET", "/openapi/v2", answer_openapi_v2},
    {"GET", "/openapi/v3", answer_openapi_index},
    {"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", answer_access_review},
    {"POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", answer_rules_review},
};

static void answer_paths(struct sim_call *call) {
    json_t *paths = json_array();

    for (size_t i = 1; i < ARRAY_LEN(pages); i++) {
        if (strcmp(pages[i].method, "GET") == 0) {
            json_array_append_new(paths, json_string(pages[i].path));
        }
    }
    sim_call_json(call, 200, json_pack("{s:o}", "paths", paths));
}

/* /api/v1, /apis/G, /apis/G/V and their like under /openapi/v3. */
static bool answer_group(struct sim_call *call) {
    const char *path = call->request->path;

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        const char *group = groups[i].group;
        bool core = group[0] == '\0';
        char *group_path = core ? mem_copy_text("") : mem_format("/apis/%s", group);
        char *version_path = mem_format("%s/%s", core ? "/api" : group_path, groups[i].version);
        bool is_version = strcmp(path, version_path) == 0;
        bool is_group = !core && strcmp(path, group_path) == 0;
        bool is_openapi = text_starts_with(path, "/openapi/v3/") &&
                          strcmp(path + strlen("/openapi/v3"), version_path) == 0;

        free(group_path);
        free(version_path);
        if (is_version) {
            sim_call_json(call, 200, resource_list(group, groups[i].version));
            return true;
        }
        if (is_openapi) {
            sim_call_json(call, 200, openapi_document(group, groups[i].version));
            return true;
        }
        if (is_group) {
            json_t *entry = group_entry(i);

            sim_json_set_text(entry, "kind", "APIGroup");
            sim_json_set_text(entry, "apiVersion", "v1");
            sim_call_json(call, 200, entry);
            return true;
        }
    }
    return false;
}

/* Inside a group that we serve: the refusal is JSON. */
static bool in_known_group(const char *path) {
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        char *prefix = groups[i].group[0] == '\0'
                           ? mem_format("/api/%s/", groups[i].version)
                           : mem_format("/apis/%s/%s/", groups[i].group, groups[i].version);
        bool inside = text_starts_with(path, prefix);

        free(prefix);
        if (inside) {
            return true;
        }
    }
    return false;
}

bool sim_call_discovery(struct sim_call *call) {
    const struct sim_request *request = call->request;

    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (strcmp(pages[i].path, request->path) == 0 &&
            strcmp(pages[i].method, request->method) == 0) {
            pages[i].answer(call);
            return true;
        }
    }
    if (strcmp(request->method, "GET") == 0 && answer_group(call)) {
        return true;
    }
    if (in_known_group(request->path)) {
        return false;
    }
    sim_call_text(call, 404, "404 page not found\n");
    return true;
}
