#include "sim/pod_plan.h"

#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "sim/tree.h"

bool pod_is_spark_driver(const json_t *pod) {
    const json_t *container = json_array_get(tree_at(pod, "spec/containers"), 0);
    const char *arg = json_string_value(json_array_get(tree_at(container, "args"), 0));
    const char *role = tree_label(pod, "spark-role");

    return role != NULL && strcmp(role, "driver") == 0 && arg != NULL && strcmp(arg, "driver") == 0;
}

bool pod_is_spark_executor(const json_t *pod) {
    const char *role = tree_label(pod, "spark-role");

    return role != NULL && strcmp(role, "executor") == 0;
}

int64_t pod_plan_us(const json_t *pod, const char *key, int64_t fallback_us) {
    const char *text = tree_annotation(pod, key);
    int64_t duration_us;

    if (text == NULL || text_parse_duration_us(text, &duration_us) != OK) {
        return fallback_us;
    }
    return duration_us;
}

static int64_t number_or(const char *text, int64_t fallback) {
    int64_t number;

    return text != NULL && text_parse_int64(text, &number) == OK ? number : fallback;
}

struct pod_exit pod_plan_exit(const json_t *pod) {
    int64_t code = number_or(tree_annotation(pod, "kubesim/exit-code"), 0);
    int64_t failing = number_or(tree_annotation(pod, "kubesim/fail-attempts"), 0);
    int64_t attempt = number_or(tree_label(pod, "nightshift/attempt"), 1);
    struct pod_exit exit = {.reason = tree_annotation(pod, "kubesim/exit-reason")};

    if (failing > 0) {
        code = attempt >= failing ? 0 : code != 0 ? code : 1;
    } else if (code == 0 && exit.reason != NULL && strcmp(exit.reason, "OOMKilled") == 0) {
        code = 137;
    }
    exit.code = (int)(code & 0xff);
    if (exit.code == 0) {
        exit.reason = NULL;
    }
    return exit;
}
