/* What is to go: pods, by their uids, and applications that are taken back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/codec_pod.h"
#include "k8s/kube.h"
#include "k8s/resource.h"
#include "k8s/spark_names.h"
#include "k8s/spark_operator.h"
#include "scheduler/starter_inside.h"

void starter_print_delete(const char *uid, char out_body[STARTER_DELETE_BYTES]) {
    (void)snprintf(out_body, STARTER_DELETE_BYTES,
                   "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
                   "\"preconditions\":{\"uid\":\"%.63s\"}}",
                   uid);
}

struct deletion {
    struct starter *starter;
    char *namespace;
    char *name;
    uint64_t job_id;
    char uid[64]; /* "": not known yet */
};

static void end_deletion(struct deletion *deletion, bool gone, const char *message) {
    struct starter *starter = deletion->starter;

    starter->in_flight--;
    starter->options.on_deleted(starter->options.context,
                                &(struct deleted_event){.namespace = deletion->namespace,
                                                        .name = deletion->name,
                                                        .gone = gone,
                                                        .message = message});
    free(deletion->namespace);
    free(deletion->name);
    free(deletion);
}

static void ask_deletion(struct deletion *deletion, enum kube_method method, const char *body,
                         kube_done *done) {
    struct buf path;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_PODS,
                                                     .namespace_ = deletion->namespace,
                                                     .name = deletion->name});
    (void)kube_request(deletion->starter->options.kube,
                       &(struct kube_call){.method = method,
                                           .priority = KUBE_PRIORITY_WRITE,
                                           .path = buf_text(&path),
                                           .body = body,
                                           .body_bytes = body != NULL ? strlen(body) : 0},
                       done, deletion);
    buf_finish(&path);
}

/* The pod that has the name: its uid, if it is the job's; "" if it is not. False: can't be read. */
static bool read_uid(const struct deletion *deletion, const struct kube_answer *answer,
                     bool of_the_job, char out_uid[64]) {
    const struct attempt_id id = {.store_uid = deletion->starter->queue_uid,
                                  .job_id = deletion->job_id};
    struct resource_names names = {0};
    struct field_error error = {0};
    struct pod_state pod;
    char want_uid[64];
    int r = codec_pod_read(answer->body, answer->body_bytes, &names, &pod, NULL, &error);

    attempt_job_uid(&id, want_uid);
    if (r == OK) {
        (void)snprintf(out_uid, 64, "%s",
                       !of_the_job || strcmp(pod.job_uid, want_uid) == 0 ? pod.uid : "");
    }
    resource_names_finish(&names);
    return r == OK;
}

/* Another pod has its name, or the server was in two minds about the same one. */
static void refused_deletion_looked(void *context, const struct kube_answer *answer) {
    struct deletion *deletion = context;
    char uid[64];
    bool gone = answer->status.outcome == KUBE_NOT_FOUND ||
                (answer->status.outcome == KUBE_OK && read_uid(deletion, answer, false, uid) &&
                 strcmp(uid, deletion->uid) != 0);

    end_deletion(deletion, gone, answer->status.message);
}

/* A conflict may be the uid that does not match, or a write of somebody else in between: the
 * server's words differ from version to version, so we look. */
static void deletion_answered(void *context, const struct kube_answer *answer) {
    struct deletion *deletion = context;
    enum kube_outcome outcome = answer->status.outcome;

    if (outcome == KUBE_CONFLICT) {
        ask_deletion(deletion, KUBE_GET, NULL, refused_deletion_looked);
    } else {
        end_deletion(deletion, outcome == KUBE_OK || outcome == KUBE_NOT_FOUND,
                     answer->status.message);
    }
}

static void taken_back(void *context, const struct kube_answer *answer) {
    enum kube_outcome outcome = answer->status.outcome;

    end_deletion(context, outcome == KUBE_OK || outcome == KUBE_NOT_FOUND, answer->status.message);
}

static void delete_this(struct deletion *deletion) {
    char body[STARTER_DELETE_BYTES];

    starter_print_delete(deletion->uid, body);
    ask_deletion(deletion, KUBE_DELETE, body, deletion_answered);
}

/* Whose creation's fate is unknown: it is the job's, or there is nothing of it to delete. */
static void unknown_looked(void *context, const struct kube_answer *answer) {
    struct deletion *deletion = context;
    bool known =
        answer->status.outcome == KUBE_OK && read_uid(deletion, answer, true, deletion->uid);

    if (known && deletion->uid[0] != '\0') {
        delete_this(deletion);
    } else {
        end_deletion(deletion, known || answer->status.outcome == KUBE_NOT_FOUND,
                     answer->status.message);
    }
}

void starter_delete(struct starter *starter, const struct delete_order *order) {
    struct deletion *deletion = mem_alloc(1, sizeof *deletion);

    starter->in_flight++;
    *deletion = (struct deletion){.starter = starter,
                                  .namespace = mem_copy_text(order->namespace),
                                  .name = mem_copy_text(order->name),
                                  .job_id = order->job_id};
    (void)snprintf(deletion->uid, sizeof deletion->uid, "%s", order->uid);
    if (deletion->uid[0] != '\0') {
        delete_this(deletion);
    } else {
        ask_deletion(deletion, KUBE_GET, NULL, unknown_looked);
    }
}

void starter_take_back(struct starter *starter, const struct delete_order *order,
                       const struct attempt_id *id) {
    struct deletion *deletion = mem_alloc(1, sizeof *deletion);
    char name[LIMIT_LABEL_BYTES + 1];
    struct buf path;

    starter->in_flight++;
    *deletion = (struct deletion){.starter = starter,
                                  .namespace = mem_copy_text(order->namespace),
                                  .name = mem_copy_text(order->name)};
    spark_operator_name(id, name);
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_SPARKAPPLICATIONS,
                                                     .namespace_ = order->namespace,
                                                     .name = name});
    (void)kube_request(starter->options.kube,
                       &(struct kube_call){.method = KUBE_DELETE,
                                           .priority = KUBE_PRIORITY_WRITE,
                                           .path = buf_text(&path)},
                       taken_back, deletion);
    buf_finish(&path);
}
