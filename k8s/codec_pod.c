#include "k8s/codec_pod.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod_rules.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/json_document.h"
#include "k8s/spark_names.h"

#define GRACE_MAX_S     (INT64_C(1) << 32)
#define ENTRY_COUNT_MAX 1024

/* A name: too long is an error. */
static int read_name(const struct json_at *parent, const char *key, char *out_text,
                     size_t bytes_max, struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    const char *text = "";
    int r = json_get_text(&at, &text, error);

    if (r == OK && !text_copy(out_text, bytes_max, text)) {
        r = json_fail(&at, error, ERR_INVALID, "longer than %zu bytes", bytes_max - 1);
    }
    return r;
}

/* Words: cut at the room there is, and not in the middle of a character. */
static int read_words(const struct json_at *parent, const char *key, char *out_text,
                      size_t bytes_max, struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    const char *text = "";
    int r = json_get_text(&at, &text, error);

    if (r == OK && !text_copy(out_text, bytes_max, text)) {
        size_t end = bytes_max - 1;

        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) {
            end--;
        }
        out_text[end] = '\0';
    }
    return r;
}

static int read_time(const struct json_at *parent, const char *key, int64_t *out_us,
                     struct field_error *error) {
    struct json_at at = json_at_key(parent, key);

    return json_get_time_us(&at, out_us, error);
}

/* A label of ours that is a whole number; anything else is not ours. */
static int read_number_label(const struct json_at *labels, const char *key, int64_t most,
                             int64_t *out_value, struct field_error *error) {
    struct json_at at = json_at_key(labels, key);
    const char *text = "";
    int64_t value = 0;
    int r = json_get_text(&at, &text, error);

    if (r == OK && text_parse_int64(text, &value) == OK && value > 0 && value <= most) {
        *out_value = value;
    }
    return r;
}

static int read_role(const struct json_at *labels, enum pod_role *out_role,
                     struct field_error *error) {
    struct json_at at = json_at_key(labels, "spark-role");
    const char *role = "";
    int r = json_get_text(&at, &role, error);

    if (strcmp(role, "driver") == 0) {
        *out_role = POD_ROLE_DRIVER;
    } else if (strcmp(role, "executor") == 0) {
        *out_role = POD_ROLE_EXECUTOR;
    } else {
        *out_role = POD_ROLE_POD;
    }
    return r;
}

static int read_labels(const struct json_at *labels, struct pod_state *pod,
                       struct field_error *error) {
    int64_t attempt = 0;
    int64_t job_id = 0;
    int r = read_number_label(labels, "nightshift/job-id", INT64_MAX, &job_id, error);

    r = r < 0 ? r : read_number_label(labels, "nightshift/attempt", UINT32_MAX, &attempt, error);
    r = r < 0 ? r
              : read_name(labels, "nightshift/job-uid", pod->job_uid, sizeof pod->job_uid, error);
    r = r < 0 ? r : read_name(labels, "spark-app-selector", pod->app_id, sizeof pod->app_id, error);
    pod->job_id = (uint64_t)job_id;
    pod->attempt = (uint32_t)attempt;
    return r < 0 ? r : read_role(labels, &pod->role, error);
}

static int read_metadata(const struct json_at *metadata, struct pod_state *pod,
                         struct field_error *error) {
    struct json_at labels = json_at_key(metadata, "labels");
    struct json_at deletion = json_at_key(metadata, "deletionTimestamp");
    struct json_at grace = json_at_key(metadata, "deletionGracePeriodSeconds");
    struct json_at version_at = json_at_key(metadata, "resourceVersion");
    const char *version = "";
    int64_t grace_s = 0;
    int r = json_expect_object(metadata, error);

    r = r < 0 ? r : read_name(metadata, "name", pod->name, sizeof pod->name, error);
    r = r < 0 ? r
              : read_name(metadata, "namespace", pod->namespace_, sizeof pod->namespace_, error);
    r = r < 0 ? r : read_name(metadata, "uid", pod->uid, sizeof pod->uid, error);
    r = r < 0 ? r : read_time(metadata, "creationTimestamp", &pod->created_us, error);
    r = r < 0 ? r : json_get_time_us(&deletion, &pod->delete_at_us, error);
    r = r < 0 ? r : json_get_int64(&grace, &grace_s, error);
    r = r < 0 ? r : json_get_text(&version_at, &version, error);
    pod->version = codec_version_read(version);
    r = r < 0 ? r : json_expect_object(&labels, error);
    pod->terminating = json_is_there(&deletion);
    if (pod->delete_at_us > 0 && json_is_there(&grace) && grace_s >= 0 && grace_s < GRACE_MAX_S) {
        pod->overdue_us = pod->delete_at_us + grace_s * CLOCK_US_PER_SECOND;
    }
    if (r == OK && pod->name[0] == '\0') {
        r = json_fail(metadata, error, ERR_INVALID, "a pod without a name");
    }
    return r < 0 ? r : read_labels(&labels, pod, error);
}

/* Which container's end is the pod's: Spark's driver, else the one that an annotation names, else
 * the first. */
static int choose_main(const struct json_at *metadata, const struct json_at *spec,
                       struct pod_state *pod, struct field_error *error) {
    struct json_at annotations = json_at_key(metadata, "annotations");
    struct json_at said = json_at_key(&annotations, ANNOTATION_MAIN_CONTAINER);
    struct json_at list = json_at_key(spec, "containers");
    const char *named = "";
    bool is_driver = false;
    size_t count = 0;
    int r = json_get_count(&list, ENTRY_COUNT_MAX, &count, error);

    r = r < 0 ? r : json_get_text(&said, &named, error);
    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(&list, i);
        char name[LIMIT_LABEL_BYTES + 1] = "";
        bool is_chosen;

        r = read_name(&item, "name", name, sizeof name, error);
        is_chosen = strcmp(name, CONTAINER_SPARK_DRIVER) == 0;
        if (i == 0 || is_chosen || (!is_driver && strcmp(name, named) == 0)) {
            memcpy(pod->main_name, name, sizeof name);
        }
        is_driver = is_driver || is_chosen;
    }
    return r;
}

static int read_spec(const struct json_at *metadata, const struct json_at *spec,
                     struct resource_names *names, struct pod_state *pod,
                     struct pod_demand *out_demand, struct field_error *error) {
    struct pod_demand demand = {0};
    int r = codec_pod_company_read(metadata, &demand, error);

    r = r < 0 ? r : codec_pod_spec_read(spec, names, CODEC_NAMES_TOLERANT, &demand, error);
    r = r < 0 ? r : choose_main(metadata, spec, pod, error);
    r = r < 0 ? r : read_name(spec, "nodeName", pod->node, sizeof pod->node, error);
    r = r < 0 ? r
              : read_name(spec, "priorityClassName", pod->priority_class,
                          sizeof pod->priority_class, error);
    if (r == OK) {
        pod->requests = pod_demand_requests(&demand);
        pod->limits = pod_demand_limits(&demand);
        pod->best_effort = pod_demand_is_best_effort(&demand);
        pod->has_run_deadline = demand.has_run_deadline;
    }
    if (r == OK && out_demand != NULL) {
        *out_demand = demand;
    } else {
        pod_demand_finish(&demand);
    }
    return r;
}

static int read_int32(const struct json_at *parent, const char *key, int32_t *out_value,
                      struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    int64_t value = 0;
    int r = json_get_int64(&at, &value, error);

    if (r == OK && (value < INT32_MIN || value > INT32_MAX)) {
        return json_fail(&at, error, ERR_INVALID, "out of range");
    }
    *out_value = (int32_t)value;
    return r;
}

static int read_terminated(const struct json_at *at, struct container_state *state,
                           struct field_error *error) {
    int r = read_int32(at, "exitCode", &state->exit_code, error);

    r = r < 0 ? r : read_int32(at, "signal", &state->signal, error);
    r = r < 0 ? r : read_time(at, "startedAt", &state->started_us, error);
    return r < 0 ? r : read_time(at, "finishedAt", &state->finished_us, error);
}

static int read_state(const struct json_at *status, struct container_state *state,
                      struct field_error *error) {
    struct json_at at = json_at_key(status, "state");
    struct json_at terminated = json_at_key(&at, "terminated");
    struct json_at running = json_at_key(&at, "running");
    struct json_at waiting = json_at_key(&at, "waiting");
    const struct json_at *words = &waiting;
    int r = json_expect_object(&at, error);

    state->phase = CONTAINER_WAITING; /* A state without a member is that, says Kubernetes. */
    if (r == OK && json_is_there(&terminated)) {
        state->phase = CONTAINER_TERMINATED;
        words = &terminated;
        r = read_terminated(&terminated, state, error);
    } else if (r == OK && json_is_there(&running)) {
        state->phase = CONTAINER_RUNNING;
        words = &running;
        r = read_time(&running, "startedAt", &state->started_us, error);
    }
    r = r < 0 ? r : read_words(words, "reason", state->reason, sizeof state->reason, error);
    return r < 0 ? r : read_words(words, "message", state->message, sizeof state->message, error);
}

/* How a container ended is a sign, unless it ended well, or there are too many. */
static void note_exit(const char *name, const struct container_state *state,
                      struct retry_signs *signs) {
    if (state->phase == CONTAINER_TERMINATED && state->exit_code != 0 &&
        signs->exit_count < RETRY_EXITS_MAX) {
        signs->exits[signs->exit_count].code = state->exit_code;
        (void)text_copy(signs->exits[signs->exit_count].container, RETRY_WORD_BYTES + 1, name);
        signs->exit_count++;
    }
}

static int read_main_status(const struct json_at *list, struct pod_state *pod,
                            struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct container_state state = {0};
        char name[LIMIT_LABEL_BYTES + 1] = "";

        r = read_name(&item, "name", name, sizeof name, error);
        r = r < 0 ? r : read_state(&item, &state, error);
        if (r == OK) {
            note_exit(name, &state, &pod->signs);
        }
        if (r == OK && strcmp(name, pod->main_name) == 0) {
            pod->main = state;
        }
    }
    return r;
}

static bool is_worth_telling(const struct container_state *state) {
    return state->phase == CONTAINER_WAITING ||
           (state->phase == CONTAINER_TERMINATED && state->exit_code != 0);
}

static int read_init_statuses(const struct json_at *list, struct pod_state *pod,
                              struct field_error *error) {
    size_t count = 0;
    bool found = false;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);
        struct container_state state = {0};
        char name[LIMIT_LABEL_BYTES + 1] = "";

        r = read_name(&item, "name", name, sizeof name, error);
        r = r < 0 ? r : read_state(&item, &state, error);
        if (r == OK) {
            note_exit(name, &state, &pod->signs);
        }
        if (r == OK && !found && is_worth_telling(&state)) {
            pod->init = state;
            found = true;
        }
    }
    return r;
}

static void note_condition(const char *type, const char *status, struct retry_signs *signs) {
    struct retry_pattern *pattern = &signs->conditions[signs->condition_count];

    if (signs->condition_count < RETRY_CONDITIONS_MAX) {
        (void)text_copy(pattern->type, sizeof pattern->type, type);
        (void)text_copy(pattern->status, sizeof pattern->status, status);
        signs->condition_count++;
    }
}

static int read_condition(const struct json_at *at, struct pod_state *pod,
                          struct field_error *error) {
    struct json_at reason = json_at_key(at, "reason");
    char type[POD_REASON_BYTES + 1] = "";
    char status[POD_REASON_BYTES + 1] = "";
    int r = read_words(at, "type", type, sizeof type, error);

    r = r < 0 ? r : read_words(at, "status", status, sizeof status, error);
    if (r == OK) {
        note_condition(type, status, &pod->signs);
    }
    if (r == OK && strcmp(type, "PodScheduled") == 0 && strcmp(status, "False") == 0) {
        r = read_words(at, "reason", pod->scheduled_reason, sizeof pod->scheduled_reason, error);
        r = r < 0 ? r
                  : read_words(at, "message", pod->scheduled_message, sizeof pod->scheduled_message,
                               error);
    }
    if (r == OK && strcmp(type, "DisruptionTarget") == 0 && strcmp(status, "True") == 0) {
        (void)text_copy(pod->disruption_reason, sizeof pod->disruption_reason, "DisruptionTarget");
        r = read_words(at, "message", pod->disruption_message, sizeof pod->disruption_message,
                       error);
        if (r == OK && json_is_there(&reason)) {
            r = read_words(at, "reason", pod->disruption_reason, sizeof pod->disruption_reason,
                           error);
        }
    }
    return r;
}

static int read_conditions(const struct json_at *list, struct pod_state *pod,
                           struct field_error *error) {
    size_t count = 0;
    int r = json_get_count(list, ENTRY_COUNT_MAX, &count, error);

    for (size_t i = 0; r == OK && i < count; i++) {
        struct json_at item = json_at_index(list, i);

        r = read_condition(&item, pod, error);
    }
    return r;
}

static int read_phase(const struct json_at *status, enum pod_phase *out_phase,
                      struct field_error *error) {
    static const char *const names[] = {"Pending", "Running", "Succeeded", "Failed"};
    struct json_at at = json_at_key(status, "phase");
    const char *phase = "Pending"; /* An item just created has none yet. */
    int r = json_get_text(&at, &phase, error);

    *out_phase = POD_UNKNOWN;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(phase, names[i]) == 0) {
            *out_phase = (enum pod_phase)i;
        }
    }
    return r;
}

static int read_status(const struct json_at *status, struct pod_state *pod,
                       struct field_error *error) {
    struct json_at mains = json_at_key(status, "containerStatuses");
    struct json_at inits = json_at_key(status, "initContainerStatuses");
    struct json_at conditions = json_at_key(status, "conditions");
    int r = json_expect_object(status, error);

    r = r < 0 ? r : read_phase(status, &pod->phase, error);
    r = r < 0 ? r : read_words(status, "reason", pod->reason, sizeof pod->reason, error);
    r = r < 0 ? r : read_words(status, "message", pod->message, sizeof pod->message, error);
    r = r < 0 ? r : read_time(status, "startTime", &pod->started_us, error);
    r = r < 0 ? r : read_main_status(&mains, pod, error);
    r = r < 0 ? r : read_init_statuses(&inits, pod, error);
    return r < 0 ? r : read_conditions(&conditions, pod, error);
}

int codec_pod_read(const char *json, size_t bytes, struct resource_names *names,
                   struct pod_state *out_pod, struct pod_demand *out_demand,
                   struct field_error *error) {
    struct pod_state pod = {0};
    struct pod_demand demand = {0};
    struct json_document document;
    struct json_at top;
    struct json_at metadata;
    struct json_at spec;
    struct json_at status;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    metadata = json_at_key(&top, "metadata");
    spec = json_at_key(&top, "spec");
    status = json_at_key(&top, "status");
    r = read_metadata(&metadata, &pod, error);
    r = r < 0
            ? r
            : read_spec(&metadata, &spec, names, &pod, out_demand != NULL ? &demand : NULL, error);
    r = r < 0 ? r : read_status(&status, &pod, error);
    json_document_finish(&document);
    if (r < 0) {
        pod_demand_finish(&demand);
        return r;
    }
    *out_pod = pod;
    if (out_demand != NULL) {
        *out_demand = demand;
    }
    return OK;
}
