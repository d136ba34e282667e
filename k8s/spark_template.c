#include "k8s/spark_template.h"

#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"

struct json_t *spark_template_copy(const struct json_t *template, const char *key) {
    const struct json_t *member = json_object_get(template, key);

    return json_is_object(member) ? json_deep_copy(member) : json_new_object();
}

static size_t index_of(const struct json_t *containers, const char *name) {
    for (size_t i = 0; name != NULL && i < json_array_size(containers); i++) {
        const char *found =
            json_string_value(json_object_get(json_array_get(containers, i), "name"));

        if (found != NULL && strcmp(found, name) == 0) {
            return i;
        }
    }
    return 0; /* Also if none is called so: Spark warns and takes the first. */
}

struct json_t *spark_template_take_container(struct json_t *spec, const char *name) {
    json_t *containers = json_object_get(spec, "containers");
    size_t at = index_of(containers, name);
    json_t *container = json_array_get(containers, at);

    if (container == NULL) {
        return json_new_object();
    }
    json_incref(container);
    (void)json_array_remove(containers, at);
    return container;
}

const char *spark_template_container_name(const struct json_t *template, const char *name,
                                          const char *otherwise) {
    const struct json_t *containers =
        json_object_get(json_object_get(template, "spec"), "containers");
    const char *found = json_string_value(
        json_object_get(json_array_get(containers, index_of(containers, name)), "name"));

    return found != NULL && found[0] != '\0' ? found : otherwise;
}

struct json_t *spark_template_list(struct json_t *object, const char *key) {
    json_t *list = json_object_get(object, key);

    if (list == NULL || json_is_null(list)) {
        list = json_new_array();
        json_put_take(object, key, list);
    }
    return list;
}

struct json_t *spark_template_object(struct json_t *object, const char *key) {
    json_t *member = json_object_get(object, key);

    if (member == NULL || json_is_null(member)) {
        member = json_new_object();
        json_put_take(object, key, member);
    }
    return member;
}

void spark_template_mount_map(const char *map, const char *name, const char *path,
                              struct json_t *volumes, struct json_t *mounts) {
    struct json_t *volume = json_new_object();
    struct json_t *source = json_new_object();
    struct json_t *mount = json_new_object();

    json_put_text(source, "name", map);
    json_put_text(volume, "name", name);
    json_put_take(volume, "configMap", source);
    json_push_take(volumes, volume);
    json_put_text(mount, "name", name);
    json_put_text(mount, "mountPath", path);
    json_put_bool(mount, "readOnly", true);
    json_push_take(mounts, mount);
}

/* --- Checking -------------------------------------------------------------------------------- */

static int check_texts(const struct json_at *map, struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    const char *text;
    int r = json_expect_object(map, error);

    while (r == OK && json_next(map, &iterator, &member)) {
        r = json_get_text(&member, &text, error);
    }
    return r;
}

static int check_list(const struct json_at *list, struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, LIMIT_SPARK_ARGUMENTS, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);

        r = json_is_object(item.value) ? OK
                                       : json_fail(&item, error, ERR_INVALID, "must be an object");
    }
    return r;
}

/* A list of objects. */
static int check_objects(const struct json_at *parent, const char *key, struct field_error *error) {
    struct json_at list = json_at_key(parent, key);

    return check_list(&list, error);
}

static int check_container(const struct json_at *container, struct field_error *error) {
    static const char *const lists[] = {"env", "envFrom", "ports", "volumeMounts"};
    struct json_at resources = json_at_key(container, "resources");
    struct json_at requests = json_at_key(&resources, "requests");
    struct json_at limits = json_at_key(&resources, "limits");
    struct json_at security = json_at_key(container, "securityContext");
    struct json_at args = json_at_key(container, "args");
    struct json_at name_at = json_at_key(container, "name");
    const char *name;
    int r = json_get_text(&name_at, &name, error);

    for (size_t i = 0; r == OK && i < ARRAY_LEN(lists); i++) {
        r = check_objects(container, lists[i], error);
    }
    r = r < 0 ? r : json_expect_array(&args, error);
    r = r < 0 ? r : json_expect_object(&resources, error);
    r = r < 0 ? r : json_expect_object(&requests, error);
    r = r < 0 ? r : json_expect_object(&limits, error);
    return r < 0 ? r : json_expect_object(&security, error);
}

int spark_template_check_containers(const struct json_at *list, struct field_error *error) {
    int r = check_list(list, error);

    for (size_t i = 0; r == OK && i < json_array_size(list->value); i++) {
        struct json_at item = json_at_index(list, i);

        r = check_container(&item, error);
    }
    return r;
}

static int check_containers(const struct json_at *spec, const char *key,
                            struct field_error *error) {
    struct json_at list = json_at_key(spec, key);

    return spark_template_check_containers(&list, error);
}

/* It would go past the cluster's scheduler, and past the places that we have found for it. */
static int check_node(const struct json_at *spec, struct field_error *error) {
    struct json_at node = json_at_key(spec, "nodeName");

    return json_is_there(&node) ? json_fail(&node, error, ERR_INVALID,
                                            "it would go past the cluster's scheduler; use "
                                            "nodeSelector with kubernetes.io/hostname")
                                : OK;
}

int spark_template_check(const struct json_at *at, struct field_error *error) {
    static const char *const lists[] = {"volumes", "tolerations", "hostAliases",
                                        "imagePullSecrets"};
    struct json_at metadata = json_at_key(at, "metadata");
    struct json_at labels = json_at_key(&metadata, "labels");
    struct json_at annotations = json_at_key(&metadata, "annotations");
    struct json_at spec = json_at_key(at, "spec");
    struct json_at selector = json_at_key(&spec, "nodeSelector");
    int r = json_expect_object(at, error);

    r = r < 0 ? r : json_expect_object(&metadata, error);
    r = r < 0 ? r : check_texts(&labels, error);
    r = r < 0 ? r : check_texts(&annotations, error);
    r = r < 0 ? r : json_expect_object(&spec, error);
    r = r < 0 ? r : check_texts(&selector, error);
    for (size_t i = 0; r == OK && i < ARRAY_LEN(lists); i++) {
        r = check_objects(&spec, lists[i], error);
    }
    r = r < 0 ? r : check_containers(&spec, "containers", error);
    r = r < 0 ? r : check_containers(&spec, "initContainers", error);
    return r < 0 ? r : check_node(&spec, error);
}
