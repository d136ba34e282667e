#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "sim/trace_inside.h"

#define SECONDS_MAX 1e11
#define CPUS_MAX    1e6

static const char *const job_keys[] = {
    "submit", "runtime", "expected", "limit",         "name",        "namespace", "team",
    "user",   "window",  "priority", "priorityClass", "preemptible", "pods"};
static const char *const pod_keys[] = {"count", "cpu", "memory", "nodeSelector"};

static int unknown_key(const struct trace_line *line, json_t *object, const char *const *keys,
                       size_t count) {
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        bool known = false;
        const char *meant = text_closest(key, keys, count);

        for (size_t i = 0; i < count; i++) {
            known = known || strcmp(key, keys[i]) == 0;
        }
        if (!known) {
            return error_set(line->error, ERR_INVALID, "there is no \"%.40s\"%s%s", key,
                             meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "");
        }
    }
    return OK;
}

/* A time in seconds, into *out_us; not there: left alone. */
static int read_seconds(const struct trace_line *line, const json_t *job, const char *key,
                        int64_t *out_us) {
    const json_t *value = json_object_get(job, key);

    if (value == NULL) {
        return OK;
    }
    if (!json_is_number(value) || json_number_value(value) < 0 ||
        json_number_value(value) > SECONDS_MAX) {
        return error_set(line->error, ERR_INVALID, "\"%s\" must be seconds, a number from 0 on",
                         key);
    }
    *out_us = (int64_t)llround(json_number_value(value) * CLOCK_US_PER_SECOND);
    return OK;
}

static int need(const struct trace_line *line, const json_t *job, const char *key) {
    return json_object_get(job, key) != NULL
               ? OK
               : error_set(line->error, ERR_INVALID, "\"%s\" is missing", key);
}

static int read_text(const struct trace_line *line, const json_t *job, const char *key,
                     const char *otherwise, char **out_text) {
    const json_t *value = json_object_get(job, key);

    if (value != NULL && !json_is_string(value)) {
        return error_set(line->error, ERR_INVALID, "\"%s\" must be a text", key);
    }
    *out_text = mem_copy_text(value != NULL ? json_string_value(value) : otherwise);
    return OK;
}

static int read_priority(const struct trace_line *line, const json_t *job, int32_t *out_priority) {
    const json_t *value = json_object_get(job, "priority");

    if (value == NULL) {
        return OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < INT32_MIN ||
        json_integer_value(value) > INT32_MAX) {
        return error_set(line->error, ERR_INVALID, "\"priority\" must be a whole number");
    }
    *out_priority = (int32_t)json_integer_value(value);
    return OK;
}

static int read_flag(const struct trace_line *line, const json_t *job, const char *key,
                     bool *out_flag) {
    const json_t *value = json_object_get(job, key);

    if (value != NULL && !json_is_boolean(value)) {
        return error_set(line->error, ERR_INVALID, "\"%s\" must be true or false", key);
    }
    *out_flag = json_is_true(value);
    return OK;
}

/* "500m", "2", 2, 0.5 */
static int read_amount(const struct trace_line *line, const json_t *pod, const char *key,
                       enum resource_kind kind, int64_t *out_amount) {
    const struct resource_names names = {.extended_count = 0};
    const json_t *value = json_object_get(pod, key);
    double scale = kind == RESOURCE_CPU ? 1000 : 1;

    if (value == NULL) {
        return OK;
    }
    if (json_is_number(value) && json_number_value(value) >= 0 &&
        json_number_value(value) * scale < (double)RESOURCE_POD_AMOUNT_MAX) {
        *out_amount = (int64_t)ceil(json_number_value(value) * scale);
        return OK;
    }
    if (json_is_string(value) &&
        resource_parse(&names, kind, json_string_value(value), out_amount) == OK &&
        *out_amount <= RESOURCE_POD_AMOUNT_MAX) {
        return OK;
    }
    return error_set(line->error, ERR_INVALID, "\"%s\" must be a quantity, such as %s", key,
                     kind == RESOURCE_CPU ? "\"500m\" or 2" : "\"4Gi\"");
}

static int read_selector(const struct trace_line *line, const json_t *pod, struct pod_demand *out) {
    json_t *selector = json_object_get(pod, "nodeSelector");
    const char *key;
    json_t *value;

    json_object_foreach(selector, key, value) {
        if (!json_is_string(value)) {
            return error_set(line->error, ERR_INVALID, "nodeSelector.%.40s must be a text", key);
        }
        pod_demand_add_selector(out, key, json_string_value(value));
    }
    return OK;
}

/* The first pod of all is the driver: the job ends with it. */
static int read_pods(const struct trace_line *line, json_t *pod, struct demand *demand) {
    json_int_t count = json_object_get(pod, "count") == NULL
                           ? 1
                           : json_integer_value(json_object_get(pod, "count"));
    int64_t cpu_milli = 0;
    int64_t memory = 0;
    int r;

    if (!json_is_object(pod)) {
        return error_set(line->error, ERR_INVALID, "an item of \"pods\" must be an object");
    }
    r = unknown_key(line, pod, pod_keys, ARRAY_LEN(pod_keys));
    r = r < 0 ? r : read_amount(line, pod, "cpu", RESOURCE_CPU, &cpu_milli);
    r = r < 0 ? r : read_amount(line, pod, "memory", RESOURCE_MEMORY, &memory);
    if (r == OK && (count < 1 || count > 100000)) {
        r = error_set(line->error, ERR_INVALID, "\"count\" must be in 1 to 100000");
    }
    while (r == OK && count > 0) {
        bool is_driver = demand->group_count == 0;
        uint32_t pods = is_driver ? 1 : (uint32_t)count;

        r = read_selector(line, pod,
                          trace_add_pods(demand, is_driver ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR,
                                         pods, cpu_milli, memory));
        count -= pods;
    }
    return r;
}

static int read_all_pods(const struct trace_line *line, const json_t *job, struct demand *demand) {
    json_t *pods = json_object_get(job, "pods");
    size_t count = json_array_size(pods);

    if (count == 0 || count >= DEMAND_GROUPS_MAX) {
        return error_set(line->error, ERR_INVALID, "\"pods\" must be a list of 1 to %d objects",
                         DEMAND_GROUPS_MAX - 1);
    }
    for (size_t i = 0; i < count; i++) {
        int r = read_pods(line, json_array_get(pods, i), demand);

        if (r < 0) {
            return r;
        }
    }
    return OK;
}

static int read_job(const struct trace_line *line, json_t *object, struct trace_job *job) {
    int r = unknown_key(line, object, job_keys, ARRAY_LEN(job_keys));

    r = r < 0 ? r : need(line, object, "submit");
    r = r < 0 ? r : need(line, object, "runtime");
    r = r < 0 ? r : need(line, object, "pods");
    r = r < 0 ? r : read_seconds(line, object, "submit", &job->submit_us);
    r = r < 0 ? r : read_seconds(line, object, "runtime", &job->runtime_us);
    r = r < 0 ? r : read_seconds(line, object, "expected", &job->expected_us);
    r = r < 0 ? r : read_seconds(line, object, "limit", &job->limit_us);
    r = r < 0 ? r : read_text(line, object, "name", "job", &job->name);
    r = r < 0 ? r : read_text(line, object, "namespace", "replay", &job->namespace);
    r = r < 0 ? r : read_text(line, object, "team", job->namespace, &job->team);
    r = r < 0 ? r : read_text(line, object, "user", job->team, &job->user);
    r = r < 0 ? r : read_text(line, object, "window", NULL, &job->window);
    r = r < 0 ? r : read_text(line, object, "priorityClass", NULL, &job->priority_class);
    r = r < 0 ? r : read_priority(line, object, &job->priority);
    r = r < 0 ? r : read_flag(line, object, "preemptible", &job->preemptible);
    r = r < 0 ? r : read_all_pods(line, object, job->demand);
    return r;
}

int trace_json_line(const struct trace_line *line) {
    json_error_t where;
    json_t *object = json_loads(line->text, JSON_REJECT_DUPLICATES, &where);
    struct trace_job *job;
    int r;

    if (!json_is_object(object)) {
        r = error_set(line->error, ERR_INVALID, "not a JSON object: %s (column %d)",
                      object == NULL ? where.text : "it is another value", where.column);
        json_decref(object);
        return r;
    }
    job = trace_add(line->trace);
    job->demand = demand_create();
    r = read_job(line, object, job);
    json_decref(object);
    demand_settle(job->demand);
    if (r < 0) {
        trace_drop_last(line->trace);
    }
    return r;
}
