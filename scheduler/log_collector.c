#include "scheduler/log_collector.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_pod.h"
#include "k8s/kube.h"
#include "k8s/resource.h"
#include "scheduler/daemon.h"
#include "scheduler/log_file.h"
#include "scheduler/log_stream.h"
#include "scheduler/loop.h"
#include "scheduler/starter.h"

#define FETCHES_MAX   8
#define TRIES_MAX     3
#define RETRY_US      (2 * CLOCK_US_PER_SECOND)
#define TRIM_EVERY_US (3600 * CLOCK_US_PER_SECOND)
#define LOOK_BYTES    (256 * 1024) /* of a log, between two looks at the room on the disk */
#define HEAD_PART     4            /* a quarter of a log that is too long is its beginning */

/* The log of a pod that is not stored yet, or was stored while the pod still ran. */
struct wanted {
    struct log_collector *collector;
    char *key; /* "namespace/pod" */
    char *namespace;
    char *pod;
    char *container;
    struct log_key log;
    bool ended;    /* the pod has, or is being deleted: what is fetched now is all there is */
    bool queued;   /* for its turn */
    int tries;     /* that failed */
    uint64_t call; /* under way; 0: none */
    bool complete; /* the call began after the end */
    struct log_stream *stream; /* of an executor that is followed live; NULL: of none */
    struct log_writer *writer;
    size_t unlooked;           /* bytes since the room on the disk was looked at */
    struct poller_timer timer; /* of a delete that waits, or the next try */
    char *delete_uid;          /* a delete waits; NULL: none does */
};

struct log_collector {
    struct daemon *daemon;
    struct log_shelf *shelf;
    struct map wanted;    /* by key */
    struct wanted **line; /* for their turn, in order; NULL where one has gone */
    size_t line_first;
    size_t line_end;
    size_t line_room;
    size_t fetching;
    size_t following;
    size_t deletions;
    uint64_t stored;
    uint64_t failed;
    bool complained; /* of the disk, since the last log that was stored */
    bool crowded;    /* said that there are more executors than logs may be followed */
    struct poller_timer trim;
};

static bool is_on(const struct log_collector *collector) {
    return strcmp(collector->daemon->config.logs_collect, "none") != 0;
}

static int64_t now_us(const struct log_collector *collector) {
    return daemon_now(collector->daemon).now_us;
}

static struct poller *poller_of(const struct log_collector *collector) {
    return loop_poller(collector->daemon->loop);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static struct log_shelf_limits limits_of(const struct config *config) {
    return (struct log_shelf_limits){.bytes_max = config->logs_total_bytes,
                                     .age_us_max = config->logs_age_us};
}

static void on_trim(struct poller_timer *timer) {
    struct log_collector *collector = timer->owner;
    bool more = log_shelf_trim(collector->shelf, now_us(collector));

    poller_timer_set(poller_of(collector), timer, more ? 0 : TRIM_EVERY_US);
}

int log_collector_open(struct daemon *daemon, struct error *error) {
    struct log_collector *collector = mem_alloc(1, sizeof *collector);
    struct log_shelf_limits limits = limits_of(&daemon->config);
    char *folder = mem_format("%s/logs", daemon->config.data_dir);
    int r;

    collector->daemon = daemon;
    collector->trim = (struct poller_timer){.on_time = on_trim, .owner = collector};
    r = log_shelf_open(folder, &limits, now_us(collector), &collector->shelf, error);
    free(folder);
    if (r != OK) {
        free(collector);
        return r;
    }
    poller_timer_set(poller_of(collector), &collector->trim, TRIM_EVERY_US);
    daemon->logs = collector;
    return OK;
}

void log_collector_reload(struct log_collector *collector) {
    struct log_shelf_limits limits = limits_of(&collector->daemon->config);

    log_shelf_set_limits(collector->shelf, &limits);
    poller_timer_set(poller_of(collector), &collector->trim, 0);
}

static void wanted_destroy(struct wanted *wanted) {
    poller_timer_stop(poller_of(wanted->collector), &wanted->timer);
    if (wanted->stream != NULL) {
        log_stream_close(wanted->stream);
        wanted->collector->following--;
    }
    log_writer_abandon(wanted->writer);
    free(wanted->key);
    free(wanted->namespace);
    free(wanted->pod);
    free(wanted->container);
    free(wanted->delete_uid);
    free(wanted);
}

/* What an executor wrote until now is kept, for the next start. */
static void suspend(struct wanted *wanted) {
    if (wanted->stream != NULL) {
        log_writer_suspend(wanted->writer);
        wanted->writer = NULL;
    }
}

void log_collector_close(struct log_collector *collector) {
    const struct map_entry *entry;

    if (collector == NULL) {
        return;
    }
    poller_timer_stop(poller_of(collector), &collector->trim);
    for (size_t at = 0; (entry = map_next(&collector->wanted, &at)) != NULL;) {
        struct wanted *wanted = entry->value;

        suspend(wanted);
        wanted_destroy(wanted);
    }
    map_finish(&collector->wanted);
    free(collector->line);
    log_shelf_close(collector->shelf);
    free(collector);
}

/* --- The line --------------------------------------------------------------------------------- */

static void begin_fetch(struct wanted *wanted);

static void serve_line(struct log_collector *collector) {
    while (collector->fetching < FETCHES_MAX && collector->line_first < collector->line_end) {
        struct wanted *next = collector->line[collector->line_first++];

        if (next != NULL) {
            next->queued = false;
            begin_fetch(next);
        }
    }
    if (collector->line_first == collector->line_end) {
        collector->line_first = collector->line_end = 0;
    }
}

static void stand_in_line(struct wanted *wanted) {
    struct log_collector *collector = wanted->collector;

    if (wanted->queued || wanted->call != 0) {
        return;
    }
    if (collector->line_end == collector->line_room && collector->line_first > 0) {
        collector->line_end -= collector->line_first;
        memmove(collector->line, collector->line + collector->line_first,
                collector->line_end * sizeof(struct wanted *));
        collector->line_first = 0;
    }
    if (collector->line_end == collector->line_room) {
        collector->line_room = collector->line_room == 0 ? 64 : collector->line_room * 2;
        collector->line = mem_grow(collector->line, collector->line_room, sizeof(struct wanted *));
    }
    wanted->queued = true;
    collector->line[collector->line_end++] = wanted;
    serve_line(collector);
}

static void leave_line(struct wanted *wanted) {
    struct log_collector *collector = wanted->collector;

    for (size_t i = collector->line_first; wanted->queued && i < collector->line_end; i++) {
        if (collector->line[i] == wanted) {
            collector->line[i] = NULL;
            wanted->queued = false;
        }
    }
}

static void end_call(struct wanted *wanted) {
    if (wanted->call != 0) {
        wanted->call = 0;
        wanted->collector->fetching--;
    }
}

/* Nothing more is wanted of this pod. */
static void forget(struct wanted *wanted) {
    struct log_collector *collector = wanted->collector;

    leave_line(wanted);
    if (wanted->call != 0) {
        kube_cancel(collector->daemon->kube, wanted->call);
        end_call(wanted);
    }
    (void)map_remove(&collector->wanted, wanted->key);
    wanted_destroy(wanted);
    serve_line(collector);
}

/* The delete that waited goes out. */
static void release_delete(struct wanted *wanted) {
    if (wanted->delete_uid != NULL) {
        starter_delete(wanted->collector->daemon->starter,
                       &(struct delete_order){.job_id = wanted->log.job_id,
                                              .namespace = wanted->namespace,
                                              .name = wanted->pod,
                                              .uid = wanted->delete_uid});
        free(wanted->delete_uid);
        wanted->delete_uid = NULL;
        wanted->collector->deletions--;
    }
}

/* --- Fetching --------------------------------------------------------------------------------- */

static void complain(struct wanted *wanted, const char *why) {
    struct log_collector *collector = wanted->collector;

    if (!collector->complained) {
        collector->complained = true;
        log_warn(&collector->daemon->log, now_us(collector),
                 "job=%" PRIu64 " attempt=%" PRIu32
                 " event=log_not_stored pod=%s error=\"%s\" action=\"told once, until one is\"",
                 wanted->log.job_id, wanted->log.attempt, wanted->key, why);
    }
}

static int on_bytes(void *context, const char *bytes, size_t count) {
    struct wanted *wanted = context;
    struct error error = {0};
    int r = OK;

    wanted->unlooked += count;
    if (wanted->unlooked > LOOK_BYTES) {
        wanted->unlooked = 0;
        r = log_shelf_check_room(wanted->collector->shelf, &error);
    }
    return r == OK ? log_writer_add(wanted->writer, bytes, count) : r;
}

/* It is in its place: with the pod's end nothing more is wanted. */
static void stored(struct wanted *wanted, int64_t bytes) {
    struct log_collector *collector = wanted->collector;

    collector->stored++;
    collector->complained = false;
    log_shelf_note(collector->shelf, &wanted->log, bytes, now_us(collector));
    (void)log_shelf_trim(collector->shelf, now_us(collector));
    release_delete(wanted);
    if (wanted->complete) {
        forget(wanted);
    } else {
        poller_timer_stop(poller_of(collector), &wanted->timer);
        if (wanted->ended) {
            stand_in_line(wanted);
        }
    }
}

static void on_timer(struct poller_timer *timer) {
    struct wanted *wanted = timer->owner;

    if (wanted->delete_uid != NULL) {
        complain(wanted, "it did not come within logs.timeout; the pod is deleted without it");
        wanted->collector->failed++;
        release_delete(wanted);
        forget(wanted);
    } else {
        stand_in_line(wanted);
    }
}

static void failed(struct wanted *wanted, const char *why, bool for_good) {
    struct log_collector *collector = wanted->collector;

    wanted->tries++;
    if (for_good || wanted->tries >= TRIES_MAX) {
        complain(wanted, why);
        collector->failed++;
        release_delete(wanted);
        forget(wanted);
    } else if (wanted->delete_uid != NULL) {
        stand_in_line(wanted); /* Its time-out runs already. */
    } else {
        poller_timer_set(poller_of(collector), &wanted->timer, RETRY_US);
    }
}

static void on_done(void *context, const struct kube_answer *answer) {
    struct wanted *wanted = context;
    struct log_collector *collector = wanted->collector;
    struct log_writer *writer = wanted->writer;
    struct error error = {0};
    int64_t bytes = 0;

    wanted->writer = NULL;
    end_call(wanted);
    if (answer->status.outcome == KUBE_CLOSED) {
        log_writer_abandon(writer);
    } else if (answer->status.outcome != KUBE_OK) {
        log_writer_abandon(writer);
        (void)kube_status_error(&answer->status, "the pod's log", &error);
        failed(wanted, error.text, answer->status.outcome == KUBE_NOT_FOUND);
        serve_line(collector);
    } else if (log_writer_finish(writer, &bytes, &error) != OK) {
        failed(wanted, error.text, true);
        serve_line(collector);
    } else {
        stored(wanted, bytes);
        serve_line(collector);
    }
}

static uint64_t request(struct wanted *wanted) {
    struct daemon *daemon = wanted->collector->daemon;
    struct buf path;
    struct buf query;
    uint64_t call;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&query, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &(struct resource_path){.resource = KUBE_PODS,
                                                     .namespace_ = wanted->namespace,
                                                     .name = wanted->pod,
                                                     .subresource = "log"});
    resource_add_log_query(&query, &(struct resource_log_query){.container = wanted->container});
    call = kube_request(daemon->kube,
                        &(struct kube_call){.method = KUBE_GET,
                                            .priority = KUBE_PRIORITY_LIST,
                                            .path = buf_text(&path),
                                            .query = buf_text(&query),
                                            .deadline_us = daemon->config.logs_timeout_us,
                                            .on_bytes = on_bytes,
                                            .no_retry = true},
                        on_done, wanted);
    buf_finish(&path);
    buf_finish(&query);
    return call;
}

/* On a failure it is given up. */
static bool open_writer(struct wanted *wanted) {
    struct log_collector *collector = wanted->collector;
    size_t bytes_max = (size_t)collector->daemon->config.logs_file_bytes;
    char *path = log_shelf_make_path(collector->shelf, &wanted->log);
    struct log_writer_options options = {.path = path,
                                         .head_bytes = bytes_max / HEAD_PART,
                                         .tail_bytes = bytes_max - bytes_max / HEAD_PART};
    struct error error = {0};
    int r = log_shelf_check_room(collector->shelf, &error);

    r = r == OK ? log_writer_open(&options, &wanted->writer, &error) : r;

    free(path);
    if (r != OK) {
        wanted->writer = NULL;
        failed(wanted, error.text, true);
    }
    return r == OK;
}

static void begin_fetch(struct wanted *wanted) {
    if (open_writer(wanted)) {
        wanted->complete = wanted->ended;
        wanted->collector->fetching++;
        wanted->call = request(wanted);
    }
}

/* --- Following -------------------------------------------------------------------------------- */

static bool runs(void *context) {
    const struct wanted *wanted = context;

    return !wanted->ended;
}

static void on_stream_end(void *context, enum log_stream_end end,
                          const struct kube_status *status) {
    static const char lost[] = "\n[nightshift: the executor went while its log's connection was "
                               "broken: its last part may be missing here]\n";
    struct wanted *wanted = context;
    struct error error = {0};
    int64_t bytes = 0;

    if (end == LOG_STREAM_CLOSED) {
        suspend(wanted);
    }
    wanted->stream = NULL;
    wanted->collector->following--;
    if (end == LOG_STREAM_CLOSED) {
        return;
    }
    if (end == LOG_STREAM_REFUSED) {
        (void)kube_status_error(status, "the pod's log", &error);
    } else if (end == LOG_STREAM_STOPPED) {
        (void)error_set(&error, ERR_IO,
                        "the log can't be written, or the disk has no room left for it");
    } else if (end == LOG_STREAM_BROKEN) {
        (void)!log_writer_add(wanted->writer, lost, strlen(lost)); /* What fails, fails again. */
    }
    if (error.code != OK) {
        failed(wanted, error.text, true);
        return;
    }
    wanted->complete = true;
    if (log_writer_finish(wanted->writer, &bytes, &error) != OK) {
        wanted->writer = NULL;
        failed(wanted, error.text, true);
    } else {
        wanted->writer = NULL;
        stored(wanted, bytes);
    }
}

/* Executors are deleted by their driver, which waits for nobody: what they write is taken while
 * they write it. Those beyond the number that may be followed are fetched while they end. */
static void follow(struct wanted *wanted) {
    struct log_collector *collector = wanted->collector;
    struct daemon *daemon = collector->daemon;

    if ((int64_t)collector->following >= daemon->config.logs_streams) {
        if (!collector->crowded) {
            collector->crowded = true;
            log_warn(&daemon->log, now_us(collector),
                     "event=log_streams_full streams=%zu action=\"the logs of other executors are "
                     "fetched when they end, which may be too late; logs.streams\"",
                     collector->following);
        }
        return;
    }
    if (open_writer(wanted)) {
        collector->following++;
        wanted->stream =
            log_stream_open(&(struct log_stream_options){.daemon = daemon,
                                                         .namespace = wanted->namespace,
                                                         .pod = wanted->pod,
                                                         .container = wanted->container,
                                                         .runs = runs,
                                                         .on_bytes = on_bytes,
                                                         .on_end = on_stream_end,
                                                         .context = wanted});
    }
}

/* --- Pods ------------------------------------------------------------------------------------- */

/* The number at the end of an executor's name; 0 if there is none. */
static uint32_t executor_number(const char *name) {
    const char *found = NULL;

    for (const char *at = name; (at = strstr(at, "-exec-")) != NULL; at++) {
        found = at + strlen("-exec-");
    }
    return found == NULL ? 0 : (uint32_t)strtoul(found, NULL, 10);
}

static bool is_wanted(const struct log_collector *collector, const struct pod_state *pod) {
    bool all = strcmp(collector->daemon->config.logs_collect, "all") == 0;

    return is_on(collector) && pod->main.started_us > 0 &&
           (pod->role != POD_ROLE_EXECUTOR || (all && executor_number(pod->name) > 0));
}

static struct wanted *find(const struct log_collector *collector, const char *namespace,
                           const char *name) {
    char *key = mem_join(namespace, name);
    struct wanted *wanted = map_get(&collector->wanted, key);

    free(key);
    return wanted;
}

static struct wanted *add(struct log_collector *collector, const struct pod_state *pod) {
    struct wanted *wanted = mem_alloc(1, sizeof *wanted);

    *wanted = (struct wanted){
        .collector = collector,
        .key = mem_join(pod->namespace_, pod->name),
        .namespace = mem_copy_text(pod->namespace_),
        .pod = mem_copy_text(pod->name),
        .container = mem_copy_text(pod->main_name),
        .log = {.job_id = pod->job_id,
                .attempt = pod->attempt,
                .executor = pod->role == POD_ROLE_EXECUTOR ? executor_number(pod->name)
                                                           : LOG_EXECUTOR_NONE},
        .timer = {.on_time = on_timer, .owner = wanted},
    };
    (void)map_put(&collector->wanted, wanted->key, wanted);
    return wanted;
}

/* Of the same attempt? Its name alone may be another one's, too. */
static bool is_of(const struct wanted *wanted, const struct pod_state *pod) {
    return wanted->log.job_id == pod->job_id && wanted->log.attempt == pod->attempt;
}

void log_collector_see(struct log_collector *collector, const struct pod_state *pod) {
    bool ended = pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED ||
                 pod->main.phase == CONTAINER_TERMINATED;
    struct wanted *wanted;

    if (!is_wanted(collector, pod)) {
        return;
    }
    wanted = find(collector, pod->namespace_, pod->name);
    if (wanted != NULL && !is_of(wanted, pod)) { /* A pod that had the name before, and is gone. */
        release_delete(wanted);
        forget(wanted);
        wanted = NULL;
    }
    if (wanted == NULL) {
        struct log_key key = {.job_id = pod->job_id,
                              .attempt = pod->attempt,
                              .executor = pod->role == POD_ROLE_EXECUTOR
                                              ? executor_number(pod->name)
                                              : LOG_EXECUTOR_NONE};

        if (ended && log_shelf_has(collector->shelf, &key)) {
            return;
        }
        wanted = add(collector, pod);
        if (pod->role == POD_ROLE_EXECUTOR && !ended) {
            follow(wanted);
            return;
        }
    }
    if (wanted->stream != NULL) {
        wanted->ended |= ended;
    } else if (ended && !wanted->ended) {
        wanted->ended = true;
        stand_in_line(wanted);
    } else if (pod->terminating && wanted->call == 0 && !wanted->ended) {
        stand_in_line(wanted); /* It may be gone before its end is seen. */
    }
}

void log_collector_gone(struct log_collector *collector, const char *namespace, const char *name) {
    struct wanted *wanted = find(collector, namespace, name);

    /* A fetch that is under way ends by itself, with what the server still has. */
    if (wanted != NULL && wanted->stream != NULL) {
        wanted->ended = true;
        log_stream_gone(wanted->stream);
    } else if (wanted != NULL && wanted->call == 0) {
        release_delete(wanted);
        forget(wanted);
    } else if (wanted != NULL) {
        wanted->ended = wanted->complete = true;
    }
}

/* One that is being fetched already, or never ran, is not waited for twice; one that is followed
 * tells its end itself. */
void log_collector_delete(struct log_collector *collector, const struct command *command) {
    struct wanted *wanted = find(collector, command->namespace, command->pod_name);

    if (wanted == NULL || wanted->stream != NULL || !is_on(collector)) {
        starter_delete(collector->daemon->starter,
                       &(struct delete_order){.job_id = command->job_id,
                                              .namespace = command->namespace,
                                              .name = command->pod_name,
                                              .uid = command->pod_uid});
    } else if (wanted->delete_uid == NULL) {
        wanted->delete_uid = mem_copy_text(command->pod_uid);
        collector->deletions++;
        poller_timer_set(poller_of(collector), &wanted->timer,
                         collector->daemon->config.logs_timeout_us);
        stand_in_line(wanted);
    }
}

/* --- Telling ---------------------------------------------------------------------------------- */

const struct log_shelf *log_collector_shelf(const struct log_collector *collector) {
    return collector->shelf;
}

struct log_collector_figures log_collector_figures(const struct log_collector *collector) {
    return (struct log_collector_figures){
        .shelf = log_shelf_figures(collector->shelf),
        .stored = collector->stored,
        .failed = collector->failed,
        .following = collector->following,
        .fetching = collector->fetching + collector->line_end - collector->line_first,
        .deletions = collector->deletions,
    };
}
