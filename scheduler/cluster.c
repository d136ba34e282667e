#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "k8s/codec_json.h"
#include "k8s/codec_limit_range.h"
#include "k8s/codec_node.h"
#include "k8s/codec_pod.h"
#include "k8s/codec_quota.h"
#include "k8s/kube.h"
#include "k8s/kubeconfig.h"
#include "k8s/outcome.h"
#include "k8s/payload.h"
#include "k8s/reflector.h"
#include "policy/avoid.h"
#include "policy/limit_range.h"
#include "queue/queue.h"
#include "scheduler/applications.h"
#include "scheduler/class_watch.h"
#include "scheduler/daemon.h"
#include "scheduler/leader.h"
#include "scheduler/log_collector.h"
#include "scheduler/loop.h"
#include "scheduler/news_reader.h"
#include "scheduler/notifier.h"
#include "scheduler/reporter.h"
#include "scheduler/starter.h"

/* A page of a list may take so many times as long as another request: a server without its store
 * takes 60 s to say so. */
#define LIST_PATIENCE 3

/* One list+watch: a part, in one namespace or in all. */
struct watch {
    struct daemon *daemon;
    enum cluster_part part;
    struct reflector *reflector;
    bool synced; /* or denied */
    bool lost;   /* since it was synced, and not listed again yet */
    char trouble[160];
};

struct cluster {
    char *server;
    char *namespace; /* of the credentials */
    struct watch *watches;
    size_t watch_count;
    size_t unsynced[CLUSTER_PART_COUNT]; /* watches of the part that have not listed yet */
    size_t lost[CLUSTER_PART_COUNT];     /* and those that are cut off */
    bool denied[CLUSTER_PART_COUNT];
    struct applications *applications;
    bool rests; /* the watches do: the inbox is full */
};

static const enum kube_resource part_resources[CLUSTER_PART_COUNT] = {
    [CLUSTER_PODS] = KUBE_PODS,
    [CLUSTER_NODES] = KUBE_NODES,
    [CLUSTER_QUOTAS] = KUBE_RESOURCEQUOTAS,
    [CLUSTER_LIMIT_RANGES] = KUBE_LIMITRANGES,
};

const char *cluster_part_text(enum cluster_part part) {
    return resource_plural(part_resources[part]);
}

/* --- Objects to events ----------------------------------------------------------------------- */

/* What a pod's event borrows: a small part of what is read of a pod, as there are many. */
struct pod_work {
    struct pod_demand demand;
    struct retry_signs *signs; /* NULL unless it failed */
    char texts[];
};

static void pod_work_destroy(void *value) {
    struct pod_work *work = value;

    pod_demand_finish(&work->demand);
    free(work->signs);
    free(work);
}

/* The event's texts and all else that it borrows move into what is made. */
static struct pod_work *pod_work_create(const struct pod_demand *demand_take,
                                        struct pod_event *pod) {
    const char **const texts[] = {&pod->namespace, &pod->name,    &pod->uid,
                                  &pod->node,      &pod->message, &pod->cause};
    struct pod_work *work;
    size_t bytes = 0;
    size_t used = 0;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bytes += strlen(*texts[i]) + 1;
    }
    work = mem_alloc(1, sizeof *work + bytes);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t count = strlen(*texts[i]) + 1;

        memcpy(work->texts + used, *texts[i], count);
        *texts[i] = work->texts + used;
        used += count;
    }
    work->demand = *demand_take;
    pod->demand = &work->demand;
    if (pod->signs != NULL) {
        work->signs = mem_copy(pod->signs, sizeof *pod->signs);
        pod->signs = work->signs;
    }
    return work;
}

static enum pod_standing standing_of(enum outcome_kind kind) {
    switch (kind) {
    case OUTCOME_STUCK:
        return POD_STANDS_STUCK;
    case OUTCOME_HOPELESS:
        return POD_STANDS_HOPELESS;
    case OUTCOME_RUNNING:
    case OUTCOME_UNKNOWN: /* Until it is gone it may come back. */
        return POD_STANDS_RUNNING;
    case OUTCOME_SUCCEEDED:
        return POD_STANDS_SUCCEEDED;
    case OUTCOME_FAILED:
        return POD_STANDS_FAILED;
    case OUTCOME_PENDING:
    case OUTCOME_KIND_COUNT:
        break;
    }
    return POD_STANDS_WAITING;
}

/* Made by an attempt of this queue, and not by another one's of the same number? */
static bool is_ours(const struct daemon *daemon, const struct pod_state *pod) {
    char want[64];
    const struct attempt_id id = {.store_uid = queue_uid(daemon->queue), .job_id = pod->job_id};

    attempt_job_uid(&id, want);
    return pod->job_id != 0 && strcmp(pod->job_uid, want) == 0;
}

static void unreadable(struct daemon *daemon, const struct reflector_event *event,
                       const struct field_error *error) {
    log_warn(&daemon->log, daemon_now(daemon).now_us,
             "%s=%s/%s event=unreadable field=%s error=\"%s\" action=\"left out of the books\"",
             resource_plural(event->resource), event->namespace_, event->name, error->path,
             error->error.text);
}

static int add_pod(struct daemon *daemon, const struct reflector_event *event,
                   struct field_error *error) {
    struct pod_state pod;
    struct pod_demand demand;
    struct outcome outcome;
    struct event out = {.kind = EVENT_POD};
    bool ours;
    int r = codec_pod_read(event->json, event->json_bytes, core_resource_names(daemon->core), &pod,
                           &demand, error);

    if (r < 0) {
        return r;
    }
    ours = is_ours(daemon, &pod);
    if (ours) {
        log_collector_see(daemon->logs, &pod);
        applications_see_pod(daemon->cluster->applications, event);
    }
    outcome_judge(&pod, pod.role == POD_ROLE_DRIVER ? JOB_KIND_SPARK : JOB_KIND_POD, &outcome);
    out.pod = (struct pod_event){
        .namespace = pod.namespace_,
        .name = pod.name,
        .uid = pod.uid,
        .node = pod.node,
        .job_id = ours ? pod.job_id : 0,
        .attempt = pod.attempt,
        .is_main = ours && pod.role != POD_ROLE_EXECUTOR,
        .terminating = pod.terminating,
        .standing = standing_of(outcome.kind),
        .failure = outcome.failure,
        .exit_code = outcome.exit_code,
        .message = outcome.message,
        .cause = outcome.cause,
        .signs = outcome.kind == OUTCOME_FAILED ? &pod.signs : NULL,
        .created_us = pod.created_us,
        .started_us = pod.main.started_us,
        .finished_us = pod.main.finished_us,
        .role = pod.role,
        .version = pod.version,
        .overdue_us = pod.overdue_us,
    };
    inbox_add(&daemon->inbox, &out, pod_work_create(&demand, &out.pod), pod_work_destroy);
    return OK;
}

static void node_destroy(void *value) {
    node_finish(value);
    free(value);
}

static int add_node(struct daemon *daemon, const struct reflector_event *event,
                    struct field_error *error) {
    struct node *node = mem_alloc(1, sizeof *node);
    int r = codec_node_read(event->json, event->json_bytes, core_resource_names(daemon->core), node,
                            error);

    if (r < 0) {
        node_destroy(node);
        return r;
    }
    inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_NODE, .node = node}, node,
              node_destroy);
    return OK;
}

static void quota_destroy(void *value) {
    quota_finish(value);
    free(value);
}

static int add_quota(struct daemon *daemon, const struct reflector_event *event,
                     struct field_error *error) {
    struct quota *quota = mem_alloc(1, sizeof *quota);
    int r = codec_quota_read(event->json, event->json_bytes, core_resource_names(daemon->core),
                             quota, error);

    if (r < 0) {
        quota_destroy(quota);
        return r;
    }
    inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_QUOTA, .quota = quota}, quota,
              quota_destroy);
    return OK;
}

static void limit_range_destroy(void *value) {
    limit_range_finish(value);
    free(value);
}

static int add_limit_range(struct daemon *daemon, const struct reflector_event *event,
                           struct field_error *error) {
    struct limit_range *range = mem_alloc(1, sizeof *range);
    int r = codec_limit_range_read(event->json, event->json_bytes,
                                   core_resource_names(daemon->core), range, error);

    if (r < 0) {
        limit_range_destroy(range);
        return r;
    }
    inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_LIMIT_RANGE, .limit_range = range},
              range, limit_range_destroy);
    return OK;
}

static int (*const adders[CLUSTER_PART_COUNT])(struct daemon *daemon,
                                               const struct reflector_event *event,
                                               struct field_error *error) = {
    [CLUSTER_PODS] = add_pod,
    [CLUSTER_NODES] = add_node,
    [CLUSTER_QUOTAS] = add_quota,
    [CLUSTER_LIMIT_RANGES] = add_limit_range,
};

/* The two names of what is gone, in one allocation. */
static void add_gone(struct daemon *daemon, enum cluster_part part,
                     const struct reflector_event *event) {
    static const enum event_kind kinds[CLUSTER_PART_COUNT] = {
        [CLUSTER_PODS] = EVENT_POD_GONE,
        [CLUSTER_NODES] = EVENT_NODE_GONE,
        [CLUSTER_QUOTAS] = EVENT_QUOTA_GONE,
        [CLUSTER_LIMIT_RANGES] = EVENT_LIMIT_RANGE_GONE,
    };
    size_t namespace_bytes = strlen(event->namespace_) + 1;
    char *texts = mem_alloc(namespace_bytes + strlen(event->name) + 1, 1);

    memcpy(texts, event->namespace_, namespace_bytes);
    memcpy(texts + namespace_bytes, event->name, strlen(event->name) + 1);
    inbox_add(&daemon->inbox,
              &(struct event){.kind = kinds[part],
                              .gone = {.namespace = texts,
                                       .name = texts + namespace_bytes,
                                       .version = codec_version_read(event->version)}},
              texts, free);
}

/* --- Watches --------------------------------------------------------------------------------- */

static void tell_part(struct watch *watch, enum event_kind kind) {
    struct daemon *daemon = watch->daemon;

    inbox_add(&daemon->inbox,
              &(struct event){
                  .kind = kind,
                  .synced = {.part = watch->part, .denied = daemon->cluster->denied[watch->part]}},
              NULL, NULL);
}

/* Its picture ages, or is whole again. */
static void note_lost(struct watch *watch, bool lost) {
    size_t *count = &watch->daemon->cluster->lost[watch->part];

    if (!watch->synced || watch->lost == lost) {
        return;
    }
    watch->lost = lost;
    *count = lost ? *count + 1 : *count - 1;
    if (*count == (lost ? 1 : 0)) {
        tell_part(watch, lost ? EVENT_LOST : EVENT_SYNCED);
    }
}

static void settle(struct watch *watch) {
    struct daemon *daemon = watch->daemon;
    struct cluster *cluster = daemon->cluster;

    if (watch->synced) {
        note_lost(watch, false);
        return;
    }
    watch->synced = true;
    if (--cluster->unsynced[watch->part] == 0) {
        log_info(&daemon->log, daemon_now(daemon).now_us, "event=%s resource=%s",
                 cluster->denied[watch->part] ? "denied" : "synced",
                 cluster_part_text(watch->part));
        tell_part(watch, EVENT_SYNCED);
    }
}

static void on_lost(struct watch *watch, const struct reflector_event *event) {
    struct daemon *daemon = watch->daemon;
    struct error error = {0};

    (void)kube_status_error(&event->status, cluster_part_text(watch->part), &error);
    if (strcmp(watch->trouble, error.text) != 0) {
        log_warn(&daemon->log, daemon_now(daemon).now_us,
                 "event=watch_lost resource=%s error=\"%s\" action=\"tried again\"",
                 cluster_part_text(watch->part), error.text);
        (void)snprintf(watch->trouble, sizeof watch->trouble, "%.*s",
                       (int)sizeof watch->trouble - 1, error.text);
    }
    /* Without pods nothing can be decided; the rest can do without, and says so. */
    if (event->status.outcome == KUBE_FORBIDDEN && watch->part != CLUSTER_PODS) {
        daemon->cluster->denied[watch->part] = true;
        settle(watch);
    } else {
        note_lost(watch, true);
    }
}

/* The server answers: those that rest since it did not, need not rest to the end. */
static void hasten_others(const struct watch *answered) {
    const struct cluster *cluster = answered->daemon->cluster;

    for (size_t i = 0; i < cluster->watch_count; i++) {
        if (&cluster->watches[i] != answered && cluster->watches[i].reflector != NULL) {
            reflector_hasten(cluster->watches[i].reflector);
        }
    }
}

static void on_event(void *context, const struct reflector_event *event) {
    struct watch *watch = context;
    struct field_error error = {0};

    switch (event->type) {
    case REFLECTOR_UPSERT:
        watch->trouble[0] = '\0';
        if (adders[watch->part](watch->daemon, event, &error) < 0) {
            unreadable(watch->daemon, event, &error);
        }
        break;
    case REFLECTOR_DELETE:
        if (watch->part == CLUSTER_PODS) {
            log_collector_gone(watch->daemon->logs, event->namespace_, event->name);
        }
        add_gone(watch->daemon, watch->part, event);
        break;
    case REFLECTOR_SYNCED:
        watch->trouble[0] = '\0';
        settle(watch);
        hasten_others(watch);
        break;
    case REFLECTOR_LOST:
        on_lost(watch, event);
        break;
    }
}

static void add_watch(struct daemon *daemon, enum cluster_part part, const char *namespace) {
    struct cluster *cluster = daemon->cluster;
    struct watch *watch = &cluster->watches[cluster->watch_count++];

    *watch = (struct watch){.daemon = daemon, .part = part};
    cluster->unsynced[part]++;
    watch->reflector = reflector_create(&(struct reflector_options){
        .kube = daemon->kube,
        .poller = loop_poller(daemon->loop),
        .rng = &daemon->rng,
        .clock = clock_sample,
        .resource = part_resources[part],
        .namespace_ = namespace,
        .sink = on_event,
        .context = watch,
        .progress_us = daemon->config.watch_silence_us,
        .resync_us = daemon->config.resync_us,
        .list_us = LIST_PATIENCE * daemon->config.kube_timeout_us,
    });
}

void cluster_pace(struct daemon *daemon) {
    struct cluster *cluster = daemon->cluster;
    bool rests = cluster->rests ? daemon->inbox.count > LIMIT_TURN_EVENTS
                                : daemon->inbox.count >= LIMIT_INBOX_EVENTS;

    if (rests == cluster->rests) {
        return;
    }
    cluster->rests = rests;
    log_warn(&daemon->log, daemon_now(daemon).now_us, "event=%s events=%zu action=\"%s\"",
             rests ? "watches_rest" : "watches_resume", daemon->inbox.count,
             rests ? "goes on from there when the turns have caught up" : "none");
    for (size_t i = 0; i < cluster->watch_count; i++) {
        if (rests) {
            reflector_pause(cluster->watches[i].reflector);
        } else {
            reflector_resume(cluster->watches[i].reflector);
        }
    }
}

static void add_watches(struct daemon *daemon) {
    const struct config *config = &daemon->config;
    size_t scopes = config->namespace_count > 0 ? config->namespace_count : 1;

    daemon->cluster->watches =
        mem_alloc(CLUSTER_PART_COUNT * scopes, sizeof *daemon->cluster->watches);
    for (size_t part = 0; part < CLUSTER_PART_COUNT; part++) {
        if (part == CLUSTER_NODES || config->namespace_count == 0) {
            add_watch(daemon, (enum cluster_part)part, NULL);
            continue;
        }
        for (size_t i = 0; i < config->namespace_count; i++) {
            add_watch(daemon, (enum cluster_part)part, config->namespaces[i]);
        }
    }
}

/* --- Commands -------------------------------------------------------------------------------- */

struct started_texts {
    char *pod_name;
    char *pod_uid;
    char *message;
};

static void started_texts_destroy(void *value) {
    struct started_texts *texts = value;

    free(texts->pod_name);
    free(texts->pod_uid);
    free(texts->message);
    free(texts);
}

static void on_started(void *context, const struct started_event *started) {
    struct daemon *daemon = context;
    struct started_texts *texts = mem_alloc(1, sizeof *texts);
    struct event event = {.kind = EVENT_STARTED, .started = *started};

    event.started.pod_name = texts->pod_name = mem_copy_text(started->pod_name);
    event.started.pod_uid = texts->pod_uid = mem_copy_text(started->pod_uid);
    event.started.message = texts->message = mem_copy_text(started->message);
    inbox_add(&daemon->inbox, &event, texts, started_texts_destroy);
}

static void on_deleted(void *context, const struct deleted_event *deleted) {
    struct daemon *daemon = context;
    struct started_texts *texts = mem_alloc(1, sizeof *texts);
    struct event event = {.kind = EVENT_DELETED, .deleted = *deleted};

    event.deleted.namespace = texts->pod_uid = mem_copy_text(deleted->namespace);
    event.deleted.name = texts->pod_name = mem_copy_text(deleted->name);
    event.deleted.message = texts->message = mem_copy_text(deleted->message);
    inbox_add(&daemon->inbox, &event, texts, started_texts_destroy);
}

static void fail_start(struct daemon *daemon, const struct command *command,
                       enum start_result result, const char *why) {
    on_started(daemon, &(struct started_event){.job_id = command->job_id,
                                               .attempt = command->attempt,
                                               .result = result,
                                               .pod_name = "",
                                               .pod_uid = "",
                                               .message = why});
}

static void start(struct daemon *daemon, const struct command *command) {
    const struct attempt *attempt = core_attempt(daemon->core, command->job_id);
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct avoid_list avoid;
    struct job job;
    bool known = core_job(daemon->core, command->job_id, &job);

    ENSURE(known);
    ENSURE(attempt != NULL && attempt->number == command->attempt);
    if (!queue_can_read(daemon->queue)) {
        fail_start(daemon, command, START_TRANSIENT, "the queue's file can't be read now");
        return;
    }
    if (daemon_read_payload(daemon, &job, &payload, &error) < 0) {
        fail_start(daemon, command, START_REFUSED,
                   error.error.code != OK ? error.error.text
                                          : "its stored specification can't be read");
        return;
    }
    if (!command->only_look && daemon_open_secrets(daemon, payload, &error) < 0) {
        fail_start(daemon, command, START_REFUSED, error.error.text);
        payload_destroy(payload);
        return;
    }
    payload_grow(payload, job.driver_growth, job.executor_growth);
    avoid_parse(job.avoid, &avoid);
    avoid_settle(&avoid, daemon->config.avoid_half_life_us, attempt->admitted_us);
    core_avoid(daemon->core, &avoid);
    payload_avoid(payload, &avoid);
    if (payload_is_for_operator(payload)) {
        applications_follow(daemon->cluster->applications);
    }
    starter_start(daemon->starter, &(struct start_order){.job_id = job.id,
                                                         .attempt = command->attempt,
                                                         .job_name = job.name,
                                                         .namespace = job.namespace,
                                                         .admitted_us = attempt->admitted_us,
                                                         .look_first = command->look_first,
                                                         .only_look = command->only_look,
                                                         .payload = payload});
}

static void take_back(struct daemon *daemon, const struct command *command) {
    struct job job;
    bool known = core_job(daemon->core, command->job_id, &job);

    ENSURE(known);
    starter_take_back(daemon->starter,
                      &(struct delete_order){.job_id = command->job_id,
                                             .namespace = command->namespace,
                                             .name = command->pod_name,
                                             .uid = ""},
                      &(struct attempt_id){.job_name = job.name,
                                           .store_uid = queue_uid(daemon->queue),
                                           .job_id = command->job_id,
                                           .attempt = command->attempt});
}

void cluster_command(struct daemon *daemon, const struct command *command) {
    switch (command->kind) {
    case COMMAND_START:
        start(daemon, command);
        break;
    case COMMAND_DELETE:
        log_collector_delete(daemon->logs, command);
        break;
    case COMMAND_TAKE_BACK:
        take_back(daemon, command);
        break;
    case COMMAND_NEWS:
        news_reader_ask(daemon->news, command);
        break;
    case COMMAND_NOTIFY:
        notifier_send(daemon->notifier, command->notice);
        break;
    }
}

/* --- Opening --------------------------------------------------------------------------------- */

static int load_access(const struct config *config, struct kube_access *out_access,
                       struct error *error) {
    const struct kubeconfig_choice choice = {
        .paths = config->kubeconfig[0] != '\0' ? config->kubeconfig : NULL,
        .context = config->context[0] != '\0' ? config->context : NULL,
        .in_cluster = config->in_cluster,
        .allow_insecure = config->allow_insecure,
    };

    return kubeconfig_load_default(&choice, out_access, error);
}

static bool may_write(void *context) {
    return leader_may_act(context);
}

static int open_kube(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    struct kube_access access = {0};
    int r = load_access(config, &access, error);

    if (r < 0) {
        error_prefix(error, "can't tell how to reach the cluster");
        return r == ERR_NOT_FOUND ? ERR_INVALID : r;
    }
    r = kube_open(&(struct kube_options){.poller = loop_poller(daemon->loop),
                                         .rng = &daemon->rng,
                                         .clock = clock_sample,
                                         .access = &access,
                                         .user_agent = "nightshiftd/" NIGHTSHIFT_VERSION,
                                         .qps = (double)config->kube_qps_milli / 1000,
                                         .burst = (uint32_t)config->kube_burst,
                                         .deadline_us = config->kube_timeout_us,
                                         .may_write = may_write,
                                         .context = daemon},
                  &daemon->kube, error);
    if (r == OK) {
        daemon->cluster->server = mem_copy_text(access.server);
        daemon->cluster->namespace =
            mem_copy_text(access.namespace_ != NULL ? access.namespace_ : "default");
        log_info(&daemon->log, daemon->started_us, "event=cluster server=%s source=\"%s\"",
                 access.server, access.source);
    }
    kube_access_finish(&access);
    return r;
}

int cluster_open(struct daemon *daemon, struct error *error) {
    daemon->cluster = mem_alloc(1, sizeof *daemon->cluster);
    return open_kube(daemon, error);
}

void cluster_begin(struct daemon *daemon) {
    daemon->reporter = reporter_create(daemon);
    daemon->notifier = notifier_create(daemon);
    daemon->news = news_reader_create(daemon);
    daemon->starter = starter_create(&(struct starter_options){
        .kube = daemon->kube,
        .queue_uid = queue_uid(daemon->queue),
        .on_started = on_started,
        .on_deleted = on_deleted,
        .context = daemon,
    });
    daemon->cluster->applications = applications_create(daemon);
    if (daemon->has_applications) {
        applications_follow(daemon->cluster->applications);
    }
    add_watches(daemon);
    daemon->class_watch = class_watch_create(daemon);
}

const char *cluster_namespace(const struct daemon *daemon) {
    return daemon->cluster->namespace;
}

int cluster_reload(struct daemon *daemon, const struct config *config, struct error *error) {
    struct kube_access access = {0};
    int r = load_access(config, &access, error);

    if (r == OK) {
        r = kube_set_access(daemon->kube, &access, error);
    }
    kube_access_finish(&access);
    return r;
}

void cluster_close(struct daemon *daemon) {
    struct cluster *cluster = daemon->cluster;

    if (cluster == NULL) {
        return;
    }
    for (size_t i = 0; i < cluster->watch_count; i++) {
        reflector_destroy(cluster->watches[i].reflector);
    }
    applications_destroy(cluster->applications);
    class_watch_destroy(daemon->class_watch);
    daemon->class_watch = NULL;
    notifier_destroy(daemon->notifier);
    daemon->notifier = NULL;
    reporter_destroy(daemon->reporter);
    daemon->reporter = NULL;
    kube_close(daemon->kube); /* Ends the orders that are under way. */
    starter_destroy(daemon->starter);
    news_reader_destroy(daemon->news);
    daemon->news = NULL;
    log_collector_close(daemon->logs);
    daemon->logs = NULL;
    free(cluster->watches);
    free(cluster->server);
    free(cluster->namespace);
    free(cluster);
    daemon->cluster = NULL;
}

struct cluster_status cluster_status(const struct daemon *daemon) {
    const struct cluster *cluster = daemon->cluster;
    struct cluster_status status = {.server = cluster->server};

    for (size_t i = 0; i < cluster->watch_count; i++) {
        const struct watch *watch = &cluster->watches[i];

        status.objects[watch->part] += reflector_figures(watch->reflector).objects;
        if (watch->trouble[0] != '\0') {
            (void)text_copy(status.trouble[watch->part], sizeof status.trouble[watch->part],
                            watch->trouble);
        }
    }
    return status;
}
