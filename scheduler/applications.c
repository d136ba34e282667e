#include "scheduler/applications.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/reflector.h"
#include "k8s/spark_names.h"
#include "k8s/spark_operator.h"
#include "queue/queue.h"
#include "scheduler/daemon.h"
#include "scheduler/loop.h"

#define LAUNCHED_LABEL "sparkoperator.k8s.io/launched-by-spark-operator"
#define BACKOFF_MAX_US (10 * 60 * CLOCK_US_PER_SECOND)

/* Those of a namespace that is served, or of all. */
struct followed {
    struct applications *applications;
    struct reflector *reflector;
    bool is_settled; /* they were listed, or... */
    bool is_denied;  /* ...can't be */
};

struct applications {
    struct daemon *daemon;
    struct followed *followed; /* NULL: not begun */
    size_t count;
    char trouble[160]; /* told of */
};

struct applications *applications_create(struct daemon *daemon) {
    struct applications *applications = mem_alloc(1, sizeof *applications);

    applications->daemon = daemon;
    return applications;
}

void applications_destroy(struct applications *applications) {
    if (applications == NULL) {
        return;
    }
    for (size_t i = 0; i < applications->count; i++) {
        reflector_destroy(applications->followed[i].reflector);
    }
    free(applications->followed);
    free(applications);
}

static void tell(struct applications *applications, const struct reflector_event *event) {
    static const enum application_end ends[] = {
        [OPERATOR_GOES_ON] = APPLICATION_GOES_ON,
        [OPERATOR_COMPLETED] = APPLICATION_COMPLETED,
        [OPERATOR_FAILED] = APPLICATION_FAILED,
        [OPERATOR_SUSPENDED] = APPLICATION_SUSPENDED,
    };
    struct daemon *daemon = applications->daemon;
    struct field_error error = {0};
    struct operator_news news;
    char *text;
    int r = spark_operator_follow(event->json, event->json_bytes, queue_uid(daemon->queue), &news,
                                  &error);

    if (r == ERR_INVALID) {
        log_warn(&daemon->log, daemon_now(daemon).now_us,
                 "sparkapplications=%s/%s event=unreadable field=%s error=\"%s\" action=\"not "
                 "followed\"",
                 event->namespace_, event->name, error.path, error.error.text);
    }
    if (r < 0 || news.text[0] == '\0') {
        return;
    }
    text = mem_copy_text(news.text);
    inbox_add(&daemon->inbox,
              &(struct event){.kind = EVENT_APPLICATION,
                              .application = {.job_id = news.job_id,
                                              .attempt = news.attempt,
                                              .end = ends[news.end],
                                              .text = text}},
              text, free);
}

/* Once for each trouble; it goes on without. */
static void note_trouble(struct applications *applications, const struct reflector_event *event) {
    struct daemon *daemon = applications->daemon;
    struct error error = {0};

    (void)kube_status_error(&event->status, "sparkapplications", &error);
    if (strncmp(applications->trouble, error.text, sizeof applications->trouble - 1) != 0) {
        log_warn(&daemon->log, daemon_now(daemon).now_us,
                 "event=watch_lost resource=sparkapplications error=\"%s\" action=\"tried again; "
                 "their pods are followed\"",
                 error.text);
        (void)snprintf(applications->trouble, sizeof applications->trouble, "%.*s",
                       (int)sizeof applications->trouble - 1, error.text);
    }
}

/* Told when all of them are, and again if a right was given or taken. */
static void settle(struct followed *followed, bool is_denied) {
    struct applications *applications = followed->applications;
    bool any_denied = false;

    if (followed->is_settled && followed->is_denied == is_denied) {
        return;
    }
    followed->is_settled = true;
    followed->is_denied = is_denied;
    for (size_t i = 0; i < applications->count; i++) {
        if (!applications->followed[i].is_settled) {
            return;
        }
        any_denied = any_denied || applications->followed[i].is_denied;
    }
    inbox_add(&applications->daemon->inbox,
              &(struct event){.kind = EVENT_APPLICATIONS, .applications_denied = any_denied}, NULL,
              NULL);
}

static void on_event(void *context, const struct reflector_event *event) {
    struct followed *followed = context;

    if (event->type == REFLECTOR_UPSERT) {
        tell(followed->applications, event);
    } else if (event->type == REFLECTOR_LOST) {
        note_trouble(followed->applications, event);
        if (event->status.outcome == KUBE_FORBIDDEN || event->status.outcome == KUBE_NOT_FOUND) {
            settle(followed, true);
        }
    } else {
        followed->applications->trouble[0] = '\0';
        if (event->type == REFLECTOR_SYNCED) {
            settle(followed, false);
        }
    }
}

static void watch(struct followed *followed, const char *namespace) {
    struct daemon *daemon = followed->applications->daemon;

    followed->reflector = reflector_create(&(struct reflector_options){
        .kube = daemon->kube,
        .poller = loop_poller(daemon->loop),
        .rng = &daemon->rng,
        .clock = clock_sample,
        .resource = KUBE_SPARKAPPLICATIONS,
        .namespace_ = namespace,
        .label_selector = LABEL_JOB_UID,
        .sink = on_event,
        .context = followed,
        .progress_us = daemon->config.watch_silence_us,
        .resync_us = daemon->config.resync_us,
        .backoff_max_us = BACKOFF_MAX_US,
    });
}

void applications_follow(struct applications *applications) {
    const struct config *config = &applications->daemon->config;
    const size_t count = config->namespace_count > 0 ? config->namespace_count : 1;

    if (applications->followed != NULL) {
        return;
    }
    applications->followed = mem_alloc(count, sizeof *applications->followed);
    applications->count = count;
    for (size_t i = 0; i < count; i++) {
        applications->followed[i].applications = applications;
        watch(&applications->followed[i],
              config->namespace_count > 0 ? config->namespaces[i] : NULL);
    }
}

void applications_see_pod(struct applications *applications, const struct reflector_event *pod) {
    if (applications->followed == NULL &&
        memmem(pod->json, pod->json_bytes, LAUNCHED_LABEL, strlen(LAUNCHED_LABEL)) != NULL) {
        applications_follow(applications);
    }
}
