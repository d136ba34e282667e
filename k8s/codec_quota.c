#include "k8s/codec_quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/json_document.h"

#define ENTRY_COUNT_MAX 1024

/* used NULL: nothing is counted yet, and nothing is enforced. */
static int read_items(const struct json_at *hard, const struct json_at *used,
                      struct resource_names *names, struct quota *quota,
                      struct field_error *error) {
    struct json_at member;
    void *iterator = NULL;
    int r = json_expect_object(hard, error);

    r = r < 0 || used == NULL ? r : json_expect_object(used, error);
    while (r == OK && json_next(hard, &iterator, &member)) {
        const char *hard_text = "0";
        const char *used_text = used == NULL ? "" : NULL;

        r = json_get_text(&member, &hard_text, error);
        if (r == OK && used != NULL) {
            struct json_at used_at = json_at_key(used, member.key);

            r = json_get_text(&used_at, &used_text, error);
        }
        r = r < 0 ? r : quota_add_item(quota, names, member.key, hard_text, used_text);
        if (r < 0) {
            (void)json_fail(&member, error, r, "cannot use \"%s\" (used \"%s\"): %s", hard_text,
                            used_text != NULL ? used_text : "", err_sentence(r));
        } else if (used_text == NULL) {
            quota_mark_uncounted(quota);
        }
    }
    return r;
}

static int read_scopes(const struct json_at *list, struct quota *quota, struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        const char *scope = "";

        r = json_get_text(&item, &scope, error);
        if (r == OK) {
            quota_add_scope(quota, scope, NULL, NULL, 0);
        }
    }
    return r;
}

static int read_expression(const struct json_at *at, struct quota *quota,
                           struct field_error *error) {
    struct json_at scope_at = json_at_key(at, "scopeName");
    struct json_at operator_at = json_at_key(at, "operator");
    struct json_at values_at = json_at_key(at, "values");
    const char *scope = "";
    const char *operator_text = "Exists";
    const char **values;
    size_t count = 0;
    int r = json_get_text(&scope_at, &scope, error);

    r = r < 0 ? r : json_get_text(&operator_at, &operator_text, error);
    r = r < 0 ? r : json_get_count(&values_at, ENTRY_COUNT_MAX, &count, error);
    if (r < 0) {
        return r;
    }
    values = mem_alloc(count + 1, sizeof *values);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&values_at, i);

        values[i] = "";
        r = json_get_text(&item, &values[i], error);
    }
    if (r == OK) {
        quota_add_scope(quota, scope, operator_text, values, count);
    }
    free(values);
    return r;
}

static int read_selector(const struct json_at *list, struct quota *quota,
                         struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);

        r = read_expression(&item, quota, error);
    }
    return r;
}

static int read_quota(const struct json_at *top, struct resource_names *names, struct quota *quota,
                      struct field_error *error) {
    struct json_at metadata = json_at_key(top, "metadata");
    struct json_at spec = json_at_key(top, "spec");
    struct json_at status = json_at_key(top, "status");
    struct json_at name_at = json_at_key(&metadata, "name");
    struct json_at namespace_at = json_at_key(&metadata, "namespace");
    struct json_at scopes = json_at_key(&spec, "scopes");
    struct json_at selector = json_at_key(&spec, "scopeSelector");
    struct json_at expressions = json_at_key(&selector, "matchExpressions");
    struct json_at hard = json_at_key(&status, "hard");
    struct json_at used = json_at_key(&status, "used");
    struct json_at version_at = json_at_key(&metadata, "resourceVersion");
    struct json_at any;
    void *first = NULL;
    const char *name = "";
    const char *namespace_text = "";
    const char *version = "";
    bool is_counted = json_next(&hard, &first, &any); /* Else absent or empty. */
    int r = json_get_text(&name_at, &name, error);

    r = r < 0 ? r : json_get_text(&namespace_at, &namespace_text, error);
    r = r < 0 ? r : json_get_text(&version_at, &version, error);
    if (!is_counted) {
        hard = json_at_key(&spec, "hard");
    }
    quota_init(quota, namespace_text, name);
    quota->version = codec_version_read(version);
    r = r < 0 ? r : read_items(&hard, is_counted ? &used : NULL, names, quota, error);
    r = r < 0 ? r : read_scopes(&scopes, quota, error);
    return r < 0 ? r : read_selector(&expressions, quota, error);
}

int codec_quota_read(const char *json, size_t bytes, struct resource_names *names,
                     struct quota *out_quota, struct field_error *error) {
    struct quota quota = {0};
    struct json_document document;
    struct json_at top;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    r = read_quota(&top, names, &quota, error);
    json_document_finish(&document);
    if (r < 0) {
        quota_finish(&quota);
        return r;
    }
    *out_quota = quota;
    return OK;
}
