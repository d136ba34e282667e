#include "k8s/reflector.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"
#include "base/rng.h"
#include "base/text.h"
#include "k8s/kube.h"
#include "k8s/watch_event.h"

#define LIST_DEADLINE_US (90 * CLOCK_US_PER_SECOND)
#define WATCH_SECONDS    300 /* and as many again at random */
#define WATCH_SHORT_US   (1 * CLOCK_US_PER_SECOND)
#define BACKOFF_MIN_US   (250 * CLOCK_US_PER_MS)
#define BACKOFF_MAX_US   (30 * CLOCK_US_PER_SECOND)
#define HASTE_US         (250 * CLOCK_US_PER_MS)
#define FAILURES_QUIET   1 /* so many in a row are repaired without a word */

enum phase {
    PHASE_LIST,
    PHASE_WATCH
};

struct reflector {
    struct reflector_options options;
    struct object_set *objects;
    struct poller_timer rest;     /* until the next attempt */
    struct poller_timer progress; /* until a silent watch is cut */
    struct poller_timer resync;   /* until the next list that nothing calls for */
    bool may_hasten;              /* resting for a reason that another's success ends */
    bool is_paused;               /* by its owner: nothing is asked, phase is what comes next */
    enum phase phase;
    uint64_t call; /* 0: none is under way */
    uint32_t page_limit;
    char version[OBJECT_VERSION_BYTES];      /* what the watch goes on from */
    char list_version[OBJECT_VERSION_BYTES]; /* of the list's first page */
    char continue_token[4096];
    struct buf line;
    int64_t phase_began_mono_us;
    bool watch_heard;
    struct kube_status watch_failure; /* found while reading the stream; OK: none */
    unsigned failures;                /* in a row */
    bool is_synced;
    bool is_lost; /* LOST was said and SYNCED not since */
    struct reflector_figures figures;
};

static void start_list(struct reflector *reflector);
static void start_watch(struct reflector *reflector);

/* --- Telling the owner ------------------------------------------------------------------------ */

static void tell_object(struct reflector *reflector, enum reflector_event_type type,
                        const struct object_id *id, struct json_slice object) {
    struct reflector_event event = {
        .type = type,
        .resource = reflector->options.resource,
        .namespace_ = id->namespace_,
        .name = id->name,
        .uid = id->uid,
        .version = object.at != NULL && id->version != NULL ? id->version : "",
        .json = object.at,
        .json_bytes = object.bytes,
    };

    reflector->options.sink(reflector->options.context, &event);
}

static void tell_gone(struct reflector *reflector, const struct object_id *id, const char *uid) {
    struct object_id gone = *id;

    gone.uid = uid;
    tell_object(reflector, REFLECTOR_DELETE, &gone, (struct json_slice){NULL, 0});
}

static void tell_put(struct reflector *reflector, enum object_change change,
                     const struct object_id *id, const char *old_uid, struct json_slice object) {
    if (change == OBJECT_SAME) {
        reflector->figures.stale_events++;
        return;
    }
    if (change == OBJECT_REPLACED) {
        tell_gone(reflector, id, old_uid);
    }
    tell_object(reflector, REFLECTOR_UPSERT, id, object);
}

static void tell_synced(struct reflector *reflector) {
    struct reflector_event event = {
        .type = REFLECTOR_SYNCED,
        .resource = reflector->options.resource,
        .namespace_ = reflector->options.namespace_ == NULL ? "" : reflector->options.namespace_,
        .name = "",
        .uid = "",
    };

    reflector->is_synced = true;
    reflector->is_lost = false;
    reflector->options.sink(reflector->options.context, &event);
}

static int64_t mono_us(const struct reflector *reflector) {
    return reflector->options.clock().mono_us;
}

static void tell_lost(struct reflector *reflector, const struct kube_status *status) {
    struct reflector_event event = {
        .type = REFLECTOR_LOST,
        .resource = reflector->options.resource,
        .namespace_ = reflector->options.namespace_ == NULL ? "" : reflector->options.namespace_,
        .name = "",
        .uid = "",
        .status = *status,
        .behind_us = reflector->figures.heard_mono_us == 0
                         ? 0
                         : mono_us(reflector) - reflector->figures.heard_mono_us,
    };

    reflector->is_lost = true;
    reflector->options.sink(reflector->options.context, &event);
}

/* --- After a failure -------------------------------------------------------------------------- */

/* What time alone hardly mends is not asked for again and again. */
static bool needs_a_person(enum kube_outcome outcome) {
    return outcome == KUBE_FORBIDDEN || outcome == KUBE_UNAUTHORIZED || outcome == KUBE_NOT_FOUND;
}

static int64_t backoff_us(struct reflector *reflector, const struct kube_status *status) {
    int64_t cap_us = reflector->options.backoff_min_us;
    int64_t wait_us;

    for (unsigned i = 1; i < reflector->failures && cap_us < reflector->options.backoff_max_us;
         i++) {
        cap_us *= 2;
    }
    if (cap_us > reflector->options.backoff_max_us || needs_a_person(status->outcome)) {
        cap_us = reflector->options.backoff_max_us;
    }
    wait_us = (int64_t)rng_below(reflector->options.rng, (uint64_t)cap_us) + 1;
    return wait_us > status->retry_after_us ? wait_us : status->retry_after_us;
}

static void rest(struct reflector *reflector, enum phase next, int64_t wait_us) {
    ENSURE(reflector->call == 0);
    reflector->phase = next;
    if (reflector->is_paused) {
        return;
    }
    poller_timer_set(reflector->options.poller, &reflector->rest, wait_us);
}

static void fail(struct reflector *reflector, const struct kube_status *status) {
    enum phase next = reflector->phase;

    reflector->failures++;
    reflector->figures.failures++;
    if (reflector->failures > FAILURES_QUIET || !reflector->is_synced ||
        needs_a_person(status->outcome)) {
        tell_lost(reflector, status);
    }
    /* A list proves that the server is back, and repairs whatever was missed. */
    if (reflector->is_lost || status->outcome == KUBE_GONE) {
        next = PHASE_LIST;
    }
    rest(reflector, next, backoff_us(reflector, status));
    reflector->may_hasten = !needs_a_person(status->outcome) && status->retry_after_us == 0;
}

/* Not all at once: a server that has just come back has enough to do. */
void reflector_hasten(struct reflector *reflector) {
    if (reflector->may_hasten && reflector->rest.armed) {
        reflector->may_hasten = false;
        rest(reflector, reflector->phase, (int64_t)rng_below(reflector->options.rng, HASTE_US) + 1);
    }
}

static void drop_call(struct reflector *reflector) {
    kube_cancel(reflector->options.kube, reflector->call);
    reflector->call = 0;
    poller_timer_stop(reflector->options.poller, &reflector->progress);
    buf_clear(&reflector->line);
}

static void on_rest_over(struct poller_timer *timer) {
    struct reflector *reflector = timer->owner;

    reflector->may_hasten = false;
    drop_call(reflector); /* There is one after a resync from the sink. */
    if (reflector->phase == PHASE_LIST) {
        reflector->continue_token[0] = '\0';
        start_list(reflector);
    } else {
        start_watch(reflector);
    }
}

/* --- List ------------------------------------------------------------------------------------- */

static int take_items(struct reflector *reflector, struct json_slice items) {
    struct json_cursor cursor = json_scan_members(items);
    struct json_slice key;
    struct json_slice item;

    while (json_scan_next(&cursor, &key, &item)) {
        char old_uid[OBJECT_UID_BYTES] = "";
        struct object_meta meta;
        struct object_id id;
        enum object_change change;

        if (object_meta_parse(item, &meta) != OK) {
            return ERR_INVALID;
        }
        id = object_meta_id(&meta);
        change = object_set_list(reflector->objects, &id, old_uid);
        if (change != OBJECT_SAME) {
            tell_put(reflector, change, &id, old_uid, item);
        }
    }
    return cursor.failed ? ERR_INVALID : OK;
}

/* Spread, so that the reflectors of a daemon, or of many, don't list at the same moment. */
static void expect_resync(struct reflector *reflector) {
    int64_t resync_us = reflector->options.resync_us;

    if (resync_us > 0) {
        int64_t spread_us = resync_us * 2 / 5;

        poller_timer_set(reflector->options.poller, &reflector->resync,
                         resync_us - spread_us / 2 +
                             (int64_t)rng_below(reflector->options.rng, (uint64_t)spread_us + 1));
    }
}

static void on_resync(struct poller_timer *timer) {
    struct reflector *reflector = timer->owner;

    if (reflector->phase != PHASE_LIST) { /* Else one is on its way, and its end comes back here. */
        reflector_resync(reflector);
    }
}

static void end_list(struct reflector *reflector) {
    struct object_id gone;

    while (object_set_sweep(reflector->objects, &gone)) {
        tell_gone(reflector, &gone, gone.uid);
    }
    (void)text_copy(reflector->version, sizeof reflector->version, reflector->list_version);
    reflector->failures = 0;
    expect_resync(reflector);
    tell_synced(reflector);
    start_watch(reflector);
}

static void take_page(struct reflector *reflector, const struct kube_answer *answer) {
    struct list_page page;

    if (list_page_parse(answer->body, answer->body_bytes, &page) != OK ||
        take_items(reflector, page.items) != OK) {
        struct kube_status status =
            kube_status_of(KUBE_LOST, KUBE_EXECUTED, "the list's answer is not a Kubernetes list");

        fail(reflector, &status);
        return;
    }
    if (reflector->list_version[0] == '\0') {
        (void)text_copy(reflector->list_version, sizeof reflector->list_version, page.version);
    }
    (void)text_copy(reflector->continue_token, sizeof reflector->continue_token,
                    page.continue_token);
    if (page.continue_token[0] == '\0') {
        end_list(reflector);
    } else {
        start_list(reflector);
    }
}

/* A token that has expired comes with a fresh one, which continues at a newer state. That is good
 * enough: the watch goes on from the first page's version and brings what changed since. */
static bool go_on_with_fresh_token(struct reflector *reflector, const struct kube_answer *answer) {
    if (answer->status.outcome != KUBE_GONE || reflector->continue_token[0] == '\0') {
        return false;
    }
    return list_page_fresh_token(answer->body, answer->body_bytes, reflector->continue_token);
}

static void on_list_done(void *context, const struct kube_answer *answer) {
    struct reflector *reflector = context;

    reflector->call = 0;
    if (answer->status.outcome != KUBE_UNREACHABLE && answer->status.http_code != 0) {
        reflector->figures.heard_mono_us = mono_us(reflector);
    }
    if (answer->status.outcome == KUBE_OK) {
        take_page(reflector, answer);
    } else if (answer->status.outcome == KUBE_CLOSED) {
        return;
    } else if (go_on_with_fresh_token(reflector, answer)) {
        start_list(reflector);
    } else if (answer->status.outcome == KUBE_TOO_LARGE && reflector->page_limit > 1) {
        reflector->page_limit /= 2;
        start_list(reflector);
    } else {
        fail(reflector, &answer->status);
    }
}

/* Path, and the part of the query that lists and watches share. */
static void make_address(const struct reflector *reflector, struct buf *path, struct buf *query) {
    struct resource_path where = {.resource = reflector->options.resource,
                                  .namespace_ = reflector->options.namespace_};

    buf_init(path, 4 * LIMIT_KIB);
    buf_init(query, 16 * LIMIT_KIB);
    resource_add_path(path, &where);
    resource_add_query(query, "labelSelector", reflector->options.label_selector);
    resource_add_query(query, "fieldSelector", reflector->options.field_selector);
}

/* Ask for the first page, or the next one when there is a continue token. */
static void start_list(struct reflector *reflector) {
    bool is_first = reflector->continue_token[0] == '\0';
    struct buf path;
    struct buf query;
    struct kube_call call = {
        .method = KUBE_GET,
        .priority = KUBE_PRIORITY_LIST,
        .deadline_us = reflector->options.list_us,
        .answer_bytes_max = LIMIT_KUBE_LIST_BYTES,
        .no_retry = true,
    };

    if (is_first) {
        object_set_begin_list(reflector->objects);
        reflector->list_version[0] = '\0';
        reflector->figures.lists++;
    }
    make_address(reflector, &path, &query);
    resource_add_query_int(&query, "limit", reflector->page_limit);
    resource_add_query(&query, "continue", is_first ? NULL : reflector->continue_token);
    call.path = buf_text(&path);
    call.query = buf_text(&query);
    reflector->phase = PHASE_LIST;
    reflector->call = kube_request(reflector->options.kube, &call, on_list_done, reflector);
    buf_finish(&path);
    buf_finish(&query);
}

/* --- Watch ------------------------------------------------------------------------------------ */

static void advance(struct reflector *reflector, const char *version) {
    if (object_version_is_newer(version, reflector->version)) {
        (void)text_copy(reflector->version, sizeof reflector->version, version);
    }
}

static void take_event(struct reflector *reflector, const struct watch_event *event) {
    struct object_id id = object_meta_id(&event->meta);
    char uid[OBJECT_UID_BYTES] = "";
    enum object_change change;

    if (event->type == WATCH_PUT) {
        change = object_set_put(reflector->objects, &id, uid);
        tell_put(reflector, change, &id, uid, event->object);
    } else if (object_set_remove(reflector->objects, &id, uid) == OBJECT_GONE) {
        id.uid = uid;
        tell_object(reflector, REFLECTOR_DELETE, &id, event->object);
    } else {
        reflector->figures.stale_events++;
    }
}

/* Not OK ends the stream; why is in watch_failure. */
static int take_line(struct reflector *reflector, const char *line, size_t bytes) {
    struct watch_event event;

    if (watch_event_parse(line, bytes, &event) != OK) {
        reflector->watch_failure =
            kube_status_of(KUBE_LOST, KUBE_EXECUTED, "the watch sent what is no event");
        return ERR_INVALID;
    }
    reflector->figures.events++;
    if (event.type == WATCH_ERROR) {
        reflector->watch_failure = kube_status_from_object(event.object.at, event.object.bytes);
        return ERR_STALE;
    }
    if (event.type != WATCH_BOOKMARK) {
        take_event(reflector, &event);
    }
    advance(reflector, event.meta.version);
    reflector->failures = 0;
    return OK;
}

static void expect_progress(struct reflector *reflector) {
    poller_timer_set(reflector->options.poller, &reflector->progress,
                     reflector->options.progress_us);
}

/* Bytes come in pieces that know nothing of lines. */
static int on_watch_bytes(void *context, const char *bytes, size_t count) {
    struct reflector *reflector = context;
    const char *end;

    reflector->watch_heard = true;
    reflector->figures.heard_mono_us = mono_us(reflector);
    expect_progress(reflector);
    while ((end = memchr(bytes, '\n', count)) != NULL) {
        size_t part = (size_t)(end - bytes);
        int r;

        buf_add(&reflector->line, bytes, part);
        if (reflector->line.full) {
            break;
        }
        r = reflector->line.bytes == 0
                ? OK
                : take_line(reflector, reflector->line.data, reflector->line.bytes);
        buf_clear(&reflector->line);
        if (r != OK) {
            return r;
        }
        bytes += part + 1;
        count -= part + 1;
    }
    buf_add(&reflector->line, bytes, count);
    if (reflector->line.full) {
        reflector->watch_failure =
            kube_status_of(KUBE_TOO_LARGE, KUBE_EXECUTED, "an object of the watch is too large");
        return ERR_FULL;
    }
    return OK;
}

/* The server ends each watch after a while; that is no failure, unless it happens at once. */
static void end_watch(struct reflector *reflector) {
    if (mono_us(reflector) - reflector->phase_began_mono_us >= WATCH_SHORT_US ||
        reflector->watch_heard) {
        reflector->failures = 0;
        rest(reflector, PHASE_WATCH, 0);
    } else {
        struct kube_status status =
            kube_status_of(KUBE_LOST, KUBE_EXECUTED, "the watch ended as soon as it began");

        fail(reflector, &status);
    }
}

static void on_watch_done(void *context, const struct kube_answer *answer) {
    struct reflector *reflector = context;
    struct kube_status status = answer->status;

    reflector->call = 0;
    poller_timer_stop(reflector->options.poller, &reflector->progress);
    buf_clear(&reflector->line); /* A line without its end is no event. */
    if (reflector->watch_failure.outcome != KUBE_OK) {
        status = reflector->watch_failure;
    }
    if (status.outcome == KUBE_OK) {
        end_watch(reflector);
    } else if (status.outcome != KUBE_CLOSED) {
        fail(reflector, &status);
    }
}

/* Neither an event nor a bookmark for too long: the stream may be dead without saying so, or
 * its version lie in the server's future: the second time in a row, a list ends both. */
static void on_no_progress(struct poller_timer *timer) {
    struct reflector *reflector = timer->owner;
    struct kube_status status =
        kube_status_of(KUBE_TIMEOUT, KUBE_EXECUTED, "the watch has said nothing for too long");

    drop_call(reflector);
    kube_distrust_connections(reflector->options.kube);
    fail(reflector, &status);
}

static void start_watch(struct reflector *reflector) {
    struct buf path;
    struct buf query;
    struct kube_call call = {
        .method = KUBE_GET,
        .priority = KUBE_PRIORITY_LIST,
        .deadline_us = KUBE_DEADLINE_NONE,
        .on_bytes = on_watch_bytes,
        .no_retry = true,
    };

    make_address(reflector, &path, &query);
    resource_add_query(&query, "watch", "true");
    resource_add_query(&query, "allowWatchBookmarks", "true");
    resource_add_query(&query, "resourceVersion", reflector->version);
    resource_add_query_int(&query, "timeoutSeconds",
                           WATCH_SECONDS +
                               (int64_t)rng_below(reflector->options.rng, WATCH_SECONDS));
    call.path = buf_text(&path);
    call.query = buf_text(&query);
    reflector->phase = PHASE_WATCH;
    reflector->phase_began_mono_us = mono_us(reflector);
    reflector->watch_heard = false;
    reflector->watch_failure = (struct kube_status){.outcome = KUBE_OK};
    reflector->figures.watches++;
    reflector->call = kube_request(reflector->options.kube, &call, on_watch_done, reflector);
    expect_progress(reflector);
    buf_finish(&path);
    buf_finish(&query);
}

/* --- Life cycle ------------------------------------------------------------------------------- */

static void set_defaults(struct reflector *reflector) {
    struct reflector_options *options = &reflector->options;

    options->progress_us =
        options->progress_us == 0 ? REFLECTOR_PROGRESS_DEFAULT_US : options->progress_us;
    options->list_us = options->list_us == 0 ? LIST_DEADLINE_US : options->list_us;
    options->backoff_min_us =
        options->backoff_min_us == 0 ? BACKOFF_MIN_US : options->backoff_min_us;
    options->backoff_max_us =
        options->backoff_max_us == 0 ? BACKOFF_MAX_US : options->backoff_max_us;
    reflector->page_limit = options->page_limit == 0 ? LIMIT_KUBE_LIST_PAGE : options->page_limit;
}

struct reflector *reflector_create(const struct reflector_options *options) {
    struct reflector *reflector = mem_alloc(1, sizeof *reflector);

    reflector->options = *options;
    reflector->options.namespace_ = mem_copy_text(options->namespace_);
    reflector->options.label_selector = mem_copy_text(options->label_selector);
    reflector->options.field_selector = mem_copy_text(options->field_selector);
    set_defaults(reflector);
    reflector->objects = object_set_create();
    reflector->rest = (struct poller_timer){.on_time = on_rest_over, .owner = reflector};
    reflector->progress = (struct poller_timer){.on_time = on_no_progress, .owner = reflector};
    reflector->resync = (struct poller_timer){.on_time = on_resync, .owner = reflector};
    buf_init(&reflector->line, LIMIT_KUBE_OBJECT_BYTES);
    start_list(reflector);
    return reflector;
}

void reflector_destroy(struct reflector *reflector) {
    if (reflector == NULL) {
        return;
    }
    kube_cancel(reflector->options.kube, reflector->call);
    poller_timer_stop(reflector->options.poller, &reflector->rest);
    poller_timer_stop(reflector->options.poller, &reflector->progress);
    poller_timer_stop(reflector->options.poller, &reflector->resync);
    object_set_destroy(reflector->objects);
    buf_finish(&reflector->line);
    free((char *)(uintptr_t)reflector->options.namespace_);
    free((char *)(uintptr_t)reflector->options.label_selector);
    free((char *)(uintptr_t)reflector->options.field_selector);
    free(reflector);
}

bool reflector_is_synced(const struct reflector *reflector) {
    return reflector->is_synced;
}

/* Also from the sink: what is under way is dropped, and the list begins with the loop. */
void reflector_resync(struct reflector *reflector) {
    drop_call(reflector);
    rest(reflector, PHASE_LIST, 0);
}

/* The stream is cut: its version is the last one that was told. A list begins anew. */
void reflector_pause(struct reflector *reflector) {
    if (!reflector->is_paused) {
        drop_call(reflector);
        poller_timer_stop(reflector->options.poller, &reflector->rest);
        reflector->is_paused = true;
    }
}

void reflector_resume(struct reflector *reflector) {
    if (reflector->is_paused) {
        reflector->is_paused = false;
        rest(reflector, reflector->phase, 0);
    }
}

struct reflector_figures reflector_figures(const struct reflector *reflector) {
    struct reflector_figures figures = reflector->figures;

    figures.objects = (uint32_t)object_set_count(reflector->objects);
    return figures;
}
