#include "scheduler/starter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_pod.h"
#include "k8s/kube.h"
#include "k8s/payload.h"
#include "k8s/resource.h"
#include "k8s/spark_operator.h"
#include "scheduler/starter_inside.h"

/* One order under way. */
struct order {
    struct starter *starter;
    struct payload *payload;
    char *job_name;
    char *namespace;
    struct payload_run run;
    char pod_name[LIMIT_NAME_BYTES + 1];
    char pod_uid[64];
    uint64_t pod_version; /* as it was looked at */
    bool pod_waits;       /* none of its containers has begun */
    bool only_look;
    bool looked;                 /* after "exists": a second one is no news */
    size_t part;                 /* of enum payload_part_kind: the one under way */
    struct payload_part current; /* without its body */
    enum start_result result;    /* to tell after the pod was deleted again */
    char message[LIMIT_MESSAGE_BYTES + 1];
};

/* Whose a pod is. What can't be read is nobody's: it may well be ours. */
enum owner {
    OWNER_UNKNOWN,
    OWNER_US,
    OWNER_ANOTHER,
};

static void pod_answered(void *context, const struct kube_answer *answer);
static void look_answered(void *context, const struct kube_answer *answer);
static void part_answered(void *context, const struct kube_answer *answer);
static void create_part(struct order *order);
static void tell_look(struct order *order, enum owner owner);

/* --- Ends ------------------------------------------------------------------------------------ */

static void order_destroy(struct order *order) {
    order->starter->in_flight--;
    payload_destroy(order->payload);
    free(order->job_name);
    free(order->namespace);
    free(order);
}

static void end(struct order *order, enum start_result result, const char *message,
                int64_t retry_after_us) {
    struct starter *starter = order->starter;

    starter->options.on_started(starter->options.context, &(struct started_event){
                                                              .job_id = order->run.id.job_id,
                                                              .attempt = order->run.id.attempt,
                                                              .result = result,
                                                              .pod_name = order->pod_name,
                                                              .pod_uid = order->pod_uid,
                                                              .message = message,
                                                              .retry_after_us = retry_after_us,
                                                          });
    order_destroy(order);
}

/* RBAC's refusal is of us, not of the job: an administrator will mend it, so the job waits. A
 * webhook's words may have a "cannot", too. */
static bool is_about_rights(const struct kube_status *status) {
    return status->outcome == KUBE_FORBIDDEN && strstr(status->message, "forbidden: User ") != NULL;
}

static enum start_result result_of(const struct kube_status *status) {
    switch (status->outcome) {
    case KUBE_OK:
    case KUBE_EXISTS:
        return START_DONE;
    case KUBE_QUOTA_EXCEEDED:
        return START_QUOTA;
    case KUBE_FORBIDDEN:
        return is_about_rights(status) ? START_TRANSIENT : START_REFUSED;
    case KUBE_NOT_FOUND: /* the namespace */
    case KUBE_QUOTA_UNSPECIFIED:
    case KUBE_NAMESPACE_TERMINATING:
    case KUBE_INVALID:
        return START_REFUSED;
    default:
        return START_TRANSIENT;
    }
}

static void describe(const struct order *order, const char *what, const struct kube_status *status,
                     char *out, size_t room) {
    struct error error = {0};
    char full[LIMIT_NAME_BYTES + 64];

    (void)snprintf(full, sizeof full, "%s for pod %s/%s", what, order->namespace, order->pod_name);
    (void)kube_status_error(status, full, &error);
    (void)snprintf(out, room, "%s", error.text);
}

/* --- Requests -------------------------------------------------------------------------------- */

static void ask(struct order *order, enum kube_method method, const char *path, const char *body,
                kube_done *done) {
    (void)kube_request(order->starter->options.kube,
                       &(struct kube_call){
                           .method = method,
                           .priority = KUBE_PRIORITY_WRITE,
                           .path = path,
                           .body = body,
                           .body_bytes = body != NULL ? strlen(body) : 0,
                       },
                       done, order);
}

static void pod_path(const struct order *order, const char *name, struct buf *out) {
    buf_init(out, LIMIT_HTTP_URL_BYTES);
    resource_add_path(out, &(struct resource_path){.resource = KUBE_PODS,
                                                   .namespace_ = order->namespace,
                                                   .name = name});
}

static void look(struct order *order) {
    struct buf path;

    pod_path(order, order->pod_name, &path);
    ask(order, KUBE_GET, buf_text(&path), NULL, look_answered);
    buf_finish(&path);
}

static void create_pod(struct order *order) {
    char *body = payload_pod_body(order->payload, &order->run);
    struct buf path;

    pod_path(order, NULL, &path);
    ask(order, KUBE_POST, buf_text(&path), body, pod_answered);
    buf_finish(&path);
    free(body);
}

/* --- The pod --------------------------------------------------------------------------------- */

/* Whose it is, for people: order->message. */
static void note_owner(struct order *order, const struct pod_state *pod) {
    char uid[64];
    const struct attempt_id id = {.store_uid = order->starter->queue_uid, .job_id = pod->job_id};

    attempt_job_uid(&id, uid);
    if (pod->job_id != 0 && strcmp(pod->job_uid, uid) == 0) {
        (void)snprintf(order->message, sizeof order->message,
                       "of job %" PRIu64 ", attempt %" PRIu32, pod->job_id, pod->attempt);
    } else {
        (void)snprintf(order->message, sizeof order->message, "not of this queue");
    }
}

/* Note the uid if it is this attempt's; else whose it is. */
static enum owner owner_of(struct order *order, const struct kube_answer *answer) {
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_state pod;
    char want_uid[64];
    enum owner owner = OWNER_UNKNOWN;

    attempt_job_uid(&order->run.id, want_uid);
    if (codec_pod_read(answer->body, answer->body_bytes, &names, &pod, NULL, &error) == OK) {
        owner = strcmp(pod.job_uid, want_uid) == 0 && pod.attempt == order->run.id.attempt
                    ? OWNER_US
                    : OWNER_ANOTHER;
    }
    if (owner == OWNER_US) {
        (void)snprintf(order->pod_uid, sizeof order->pod_uid, "%s", pod.uid);
        order->pod_version = pod.version;
        order->pod_waits = pod.phase == POD_PENDING;
    } else if (owner == OWNER_ANOTHER) {
        note_owner(order, &pod);
    }
    resource_names_finish(&names);
    return owner;
}

/* --- The Spark operator's -------------------------------------------------------------------- */

#define OPERATOR_LOOK_US 1000000

static void application_path(const struct order *order, bool by_name, struct buf *out) {
    char name[LIMIT_LABEL_BYTES + 1];

    spark_operator_name(&order->run.id, name);
    buf_init(out, LIMIT_HTTP_URL_BYTES);
    resource_add_path(out, &(struct resource_path){.resource = KUBE_SPARKAPPLICATIONS,
                                                   .namespace_ = order->namespace,
                                                   .name = by_name ? name : NULL});
}

static void ask_application(struct order *order, enum kube_method method, kube_done *done) {
    char *body = method == KUBE_POST ? payload_pod_body(order->payload, &order->run) : NULL;
    struct buf path;

    application_path(order, method != KUBE_POST, &path);
    ask(order, method, buf_text(&path), body, done);
    buf_finish(&path);
    free(body);
}

/* Its driver has no name yet, so that a cancellation asks here first. */
static void tell_application_waits(struct order *order) {
    order->pod_name[0] = '\0';
    end(order, START_TRANSIENT, "the Spark operator has not submitted it yet", OPERATOR_LOOK_US);
}

static void application_deleted(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    enum kube_outcome outcome = answer->status.outcome;
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (outcome == KUBE_OK || outcome == KUBE_NOT_FOUND) {
        end(order, START_REFUSED, "its application was taken back from the Spark operator", 0);
        return;
    }
    describe(order, "take back the application", &answer->status, text, sizeof text);
    order->pod_name[0] = '\0'; /* With one, the cancellation would be over with the pod. */
    end(order, START_TRANSIENT, text, answer->status.retry_after_us);
}

/* It can't be submitted any more: the operator tries an application once. */
static void tell_refusal(struct order *order, enum start_result result, const char *message) {
    char text[LIMIT_MESSAGE_BYTES + 1];

    (void)snprintf(text, sizeof text, "the Spark operator could not submit it: %.900s", message);
    end(order, result, text, 0);
}

static void look_for_driver(struct order *order);

static void driver_undone(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    const enum kube_outcome outcome = answer->status.outcome;
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (outcome == KUBE_OK || outcome == KUBE_NOT_FOUND) {
        tell_refusal(order, START_ANEW, "it died while it did, and the driver's pod was not begun");
    } else if (outcome == KUBE_CONFLICT) { /* It has changed: it may run now. */
        look_for_driver(order);
    } else {
        describe(order, "delete", &answer->status, text, sizeof text);
        end(order, START_TRANSIENT, text, answer->status.retry_after_us);
    }
}

/* Created by a spark-submit that was cut off: what comes after the pod, such as the ConfigMap that
 * it mounts, may never come. Only as it was seen: one that begins meanwhile is kept. */
static void undo_driver(struct order *order) {
    char body[200];
    struct buf path;

    (void)snprintf(body, sizeof body,
                   "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":{"
                   "\"uid\":\"%.63s\",\"resourceVersion\":\"%" PRIu64 "\"}}",
                   order->pod_uid, order->pod_version);
    pod_path(order, order->pod_name, &path);
    ask(order, KUBE_DELETE, buf_text(&path), body, driver_undone);
    buf_finish(&path);
}

static void tell_driver(struct order *order, enum owner owner) {
    if (owner != OWNER_US) {
        tell_look(order, owner);
    } else if (order->pod_waits) {
        undo_driver(order);
    } else {
        end(order, START_DONE, "", 0);
    }
}

/* The pod that the operator found, or says it found: a conflict in passing is told the same way. */
static void driver_looked(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    const enum kube_outcome outcome = answer->status.outcome;
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (outcome == KUBE_NOT_FOUND) {
        tell_refusal(order, START_ANEW, "driver pod already exist, but there is none");
    } else if (outcome != KUBE_OK) {
        describe(order, "look", &answer->status, text, sizeof text);
        end(order, START_TRANSIENT, text, answer->status.retry_after_us);
    } else {
        tell_driver(order, owner_of(order, answer));
    }
}

static void look_for_driver(struct order *order) {
    struct buf path;

    pod_path(order, order->pod_name, &path);
    ask(order, KUBE_GET, buf_text(&path), NULL, driver_looked);
    buf_finish(&path);
}

static void tell_pending(struct order *order) {
    if (order->only_look) {
        ask_application(order, KUBE_DELETE, application_deleted);
    } else {
        tell_application_waits(order);
    }
}

static void tell_application(struct order *order, enum operator_state state, const char *message) {
    switch (state) {
    case OPERATOR_SUBMITTED:
        end(order, START_DONE, "", 0);
        break;
    case OPERATOR_ANOTHERS:
        end(order, START_CONFLICT,
            "a SparkApplication of that name exists that is not this attempt's; the next attempt "
            "takes another name",
            0);
        break;
    case OPERATOR_REFUSED:
        tell_refusal(order, START_REFUSED, message);
        break;
    case OPERATOR_QUOTA:
        tell_refusal(order, START_QUOTA, message);
        break;
    case OPERATOR_PASSING:
        tell_refusal(order, START_ANEW, message);
        break;
    case OPERATOR_POD_EXISTS:
        look_for_driver(order);
        break;
    default:
        tell_pending(order);
    }
}

static void application_created(void *context, const struct kube_answer *answer);

static void application_looked(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    char text[LIMIT_MESSAGE_BYTES + 1];
    enum operator_state state;

    if (answer->status.outcome == KUBE_NOT_FOUND) {
        if (order->only_look) {
            end(order, START_REFUSED, "it was not created", 0);
        } else {
            ask_application(order, KUBE_POST, application_created);
        }
    } else if (answer->status.outcome != KUBE_OK ||
               spark_operator_read(answer->body, answer->body_bytes, &order->run.id, &state, text) <
                   0) {
        describe(order, "look at the application", &answer->status, text, sizeof text);
        order->pod_name[0] = '\0';
        end(order, START_TRANSIENT, text, answer->status.retry_after_us);
    } else {
        tell_application(order, state, text);
    }
}

/* The operator's webhook compares an application with the quotas itself, where it is told to. */
static enum start_result application_result_of(const struct kube_status *status) {
    return status->outcome == KUBE_FORBIDDEN &&
                   strstr(status->message, "failed to validate resource quota") != NULL
               ? START_QUOTA
               : result_of(status);
}

static void application_created(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (answer->status.outcome == KUBE_OK) {
        tell_application_waits(order);
    } else if (answer->status.outcome == KUBE_EXISTS && !order->looked) {
        order->looked = true;
        ask_application(order, KUBE_GET, application_looked);
    } else {
        describe(order,
                 answer->status.outcome == KUBE_NOT_FOUND
                     ? "create the application (is the Spark operator installed?)"
                     : "create the application",
                 &answer->status, text, sizeof text);
        order->pod_name[0] = '\0';
        end(order, application_result_of(&answer->status), text, answer->status.retry_after_us);
    }
}

static void start_application(struct order *order, bool look_first) {
    if (look_first) {
        ask_application(order, KUBE_GET, application_looked);
    } else {
        ask_application(order, KUBE_POST, application_created);
    }
}

/* --- The pod, in the end --------------------------------------------------------------------- */

static void go_on_with_parts(struct order *order) {
    order->part = 0;
    create_part(order);
}

static void tell_look(struct order *order, enum owner owner) {
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (owner == OWNER_ANOTHER) {
        (void)snprintf(text, sizeof text, "a pod %s/%s exists that is %.64s; the next attempt %s",
                       order->namespace, order->pod_name, order->message,
                       payload_given_pod_name(order->payload) != NULL ? "waits until it is gone"
                                                                      : "takes another name");
        end(order, START_CONFLICT, text, 0);
    } else {
        (void)snprintf(text, sizeof text, "look for pod %s/%s: the answer is no pod",
                       order->namespace, order->pod_name);
        end(order, START_TRANSIENT, text, 0);
    }
}

static void look_answered(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    char text[LIMIT_MESSAGE_BYTES + 1];
    enum owner owner;

    if (answer->status.outcome == KUBE_NOT_FOUND && order->only_look) {
        end(order, START_REFUSED, "it was not created", 0);
        return;
    }
    if (answer->status.outcome == KUBE_NOT_FOUND) {
        create_pod(order);
        return;
    }
    if (answer->status.outcome != KUBE_OK) {
        describe(order, "look", &answer->status, text, sizeof text);
        end(order, START_TRANSIENT, text, answer->status.retry_after_us);
        return;
    }
    owner = owner_of(order, answer);
    if (owner == OWNER_US) {
        go_on_with_parts(order);
    } else {
        tell_look(order, owner);
    }
}

static void pod_answered(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    char text[LIMIT_MESSAGE_BYTES + 1];

    if (answer->status.outcome == KUBE_OK && owner_of(order, answer) == OWNER_US) {
        go_on_with_parts(order);
        return;
    }
    if (answer->status.outcome == KUBE_EXISTS && !order->looked) {
        order->looked = true;
        look(order);
        return;
    }
    describe(order, "create", &answer->status, text, sizeof text);
    end(order,
        answer->status.outcome == KUBE_OK || answer->status.outcome == KUBE_EXISTS
            ? START_TRANSIENT
            : result_of(&answer->status),
        text, answer->status.retry_after_us);
}

/* --- What belongs to it ---------------------------------------------------------------------- */

static void part_path(const struct order *order, const char *name, struct buf *out) {
    buf_init(out, LIMIT_HTTP_URL_BYTES);
    resource_add_path(out, &(struct resource_path){.resource = order->current.resource,
                                                   .namespace_ = order->namespace,
                                                   .name = name});
}

static void create_part(struct order *order) {
    struct buf path;

    while (order->part < PAYLOAD_PART_COUNT &&
           !payload_part_make(order->payload, &order->run, order->pod_uid, order->part,
                              &order->current)) {
        order->part++;
    }
    if (order->part == PAYLOAD_PART_COUNT) {
        end(order, START_DONE, "", 0);
        return;
    }
    part_path(order, NULL, &path);
    ask(order, KUBE_POST, buf_text(&path), order->current.body, part_answered);
    buf_finish(&path);
    free(order->current.body);
    order->current.body = NULL;
}

/* The pod is gone again, or its fate is unknown: then the whole order is repeated later. */
static void undone(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    enum kube_outcome outcome = answer->status.outcome;

    end(order, outcome == KUBE_OK || outcome == KUBE_NOT_FOUND ? order->result : START_TRANSIENT,
        order->message, answer->status.retry_after_us);
}

static void undo_pod(struct order *order) {
    char body[STARTER_DELETE_BYTES];
    struct buf path;

    starter_print_delete(order->pod_uid, body);
    pod_path(order, order->pod_name, &path);
    ask(order, KUBE_DELETE, buf_text(&path), body, undone);
    buf_finish(&path);
}

static void part_found(void *context, const struct kube_answer *answer) {
    struct order *order = context;

    if (answer->status.outcome == KUBE_OK) {
        order->part++;
        create_part(order);
    } else if (answer->status.outcome == KUBE_NOT_FOUND ||
               answer->status.outcome == KUBE_FORBIDDEN) {
        undo_pod(order);
    } else {
        end(order, START_TRANSIENT, order->message, answer->status.retry_after_us);
    }
}

/* A full quota answers before "exists already" does: what an earlier try created looks refused. */
static void look_for_part(struct order *order) {
    struct buf path;

    part_path(order, order->current.name, &path);
    ask(order, KUBE_GET, buf_text(&path), NULL, part_found);
    buf_finish(&path);
}

static void part_answered(void *context, const struct kube_answer *answer) {
    struct order *order = context;
    enum start_result result = result_of(&answer->status);
    char what[64];

    if (result == START_DONE) {
        order->part++;
        create_part(order);
        return;
    }
    (void)snprintf(what, sizeof what, "create %s", order->current.what);
    describe(order, what, &answer->status, order->message, sizeof order->message);
    if (result == START_TRANSIENT) {
        end(order, result, order->message, answer->status.retry_after_us);
        return;
    }
    order->result = result;
    if (result == START_QUOTA) {
        look_for_part(order);
    } else {
        undo_pod(order);
    }
}

/* --- Orders ---------------------------------------------------------------------------------- */

struct starter *starter_create(const struct starter_options *options) {
    struct starter *starter = mem_alloc(1, sizeof *starter);

    starter->options = *options;
    starter->queue_uid = mem_copy_text(options->queue_uid);
    return starter;
}

void starter_destroy(struct starter *starter) {
    if (starter != NULL) {
        ENSURE(starter->in_flight == 0);
        free(starter->queue_uid);
        free(starter);
    }
}

void starter_start(struct starter *starter, const struct start_order *order_given) {
    struct order *order = mem_alloc(1, sizeof *order);

    starter->in_flight++;
    order->starter = starter;
    order->payload = order_given->payload;
    order->job_name = mem_copy_text(order_given->job_name);
    order->namespace = mem_copy_text(order_given->namespace);
    order->run = (struct payload_run){
        .id = {.job_name = order->job_name,
               .store_uid = starter->queue_uid,
               .job_id = order_given->job_id,
               .attempt = order_given->attempt},
        .namespace_ = order->namespace,
        .submitted_us = order_given->admitted_us,
    };
    payload_pod_name(order->payload, &order->run.id, order->pod_name);
    order->only_look = order_given->only_look;
    if (payload_is_for_operator(order->payload)) {
        start_application(order, order_given->look_first);
    } else if (order_given->look_first) {
        look(order);
    } else {
        create_pod(order);
    }
}

size_t starter_in_flight(const struct starter *starter) {
    return starter->in_flight;
}
