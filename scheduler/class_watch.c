#include "scheduler/class_watch.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/reflector.h"
#include "k8s/runtime_class.h"
#include "scheduler/daemon.h"
#include "scheduler/loop.h"

struct class_watch {
    struct daemon *daemon;
    struct reflector *reflector;
    struct runtime_classes *classes;
    bool is_denied;
};

/* What an event owns. */
struct told {
    char *name;
    char *json;
};

/* Demands that were found out with other classes are not found again. */
static void changed(struct class_watch *watch) {
    demands_finish(&watch->daemon->demands);
    watch->daemon->demands = (struct demands){0};
}

static void told_destroy(void *value) {
    struct told *told = value;

    free(told->name);
    free(told->json);
    free(told);
}

/* For the next start: json NULL forgets it. */
static void remember(struct class_watch *watch, const char *name, char *json) {
    struct told *told = mem_alloc(1, sizeof *told);
    struct event event = {.kind = EVENT_CLASS};

    *told = (struct told){.name = mem_copy_text(name), .json = json};
    event.class = (struct class_event){.name = told->name, .json = told->json};
    inbox_add(&watch->daemon->inbox, &event, told, told_destroy);
}

static void put(struct class_watch *watch, const struct reflector_event *event) {
    struct field_error error = {0};

    if (runtime_classes_put(watch->classes, event->name, event->json, event->json_bytes, &error) <
        0) {
        log_warn(&watch->daemon->log, daemon_now(watch->daemon).now_us,
                 "event=unreadable resource=runtimeclasses name=%s error=\"%s\" action=\"as if it "
                 "were not there\"",
                 event->name, error.error.text);
    } else if (event->json_bytes < LIMIT_SCHEDULE_BYTES) {
        remember(watch, event->name, mem_copy_text_n(event->json, event->json_bytes));
    }
    changed(watch);
}

static void lost(struct class_watch *watch, const struct reflector_event *event) {
    const bool is_denied =
        event->status.outcome == KUBE_FORBIDDEN || event->status.outcome == KUBE_NOT_FOUND;

    if (is_denied && !watch->is_denied) {
        log_info(&watch->daemon->log, daemon_now(watch->daemon).now_us,
                 "event=denied resource=runtimeclasses action=\"jobs that name one tell their "
                 "overhead\"");
        runtime_classes_set_state(watch->classes, RUNTIME_CLASSES_UNKNOWN);
    }
    watch->is_denied = is_denied;
}

static void on_event(void *context, const struct reflector_event *event) {
    struct class_watch *watch = context;

    switch (event->type) {
    case REFLECTOR_UPSERT:
        put(watch, event);
        break;
    case REFLECTOR_DELETE:
        runtime_classes_remove(watch->classes, event->name);
        remember(watch, event->name, NULL);
        changed(watch);
        break;
    case REFLECTOR_SYNCED:
        watch->is_denied = false;
        runtime_classes_set_state(watch->classes, RUNTIME_CLASSES_KNOWN);
        break;
    case REFLECTOR_LOST:
        lost(watch, event);
        break;
    }
}

struct class_watch *class_watch_create(struct daemon *daemon) {
    struct class_watch *watch = mem_alloc(1, sizeof *watch);

    watch->daemon = daemon;
    watch->classes = runtime_classes_create();
    watch->reflector = reflector_create(&(struct reflector_options){
        .kube = daemon->kube,
        .poller = loop_poller(daemon->loop),
        .rng = &daemon->rng,
        .clock = clock_sample,
        .resource = KUBE_RUNTIMECLASSES,
        .sink = on_event,
        .context = watch,
        .progress_us = daemon->config.watch_silence_us,
        .resync_us = daemon->config.resync_us,
    });
    return watch;
}

void class_watch_destroy(struct class_watch *watch) {
    if (watch != NULL) {
        reflector_destroy(watch->reflector);
        runtime_classes_destroy(watch->classes);
        free(watch);
    }
}

const struct runtime_classes *class_watch_classes(const struct class_watch *watch) {
    return watch != NULL ? watch->classes : NULL;
}
