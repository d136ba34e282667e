#include "sim/event_writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "sim/json.h"
#include "sim/store.h"
#include "sim/tree.h"

#define MESSAGE_BYTES_MAX 1024

static json_t *involved(const char *kind, const json_t *object) {
    json_t *node = json_object();

    sim_json_set_text(node, "kind", kind);
    sim_json_set_text(node, "apiVersion", "v1");
    sim_json_set_text(node, "name", tree_name(object));
    sim_json_set_text(node, "uid", tree_uid(object));
    if (tree_namespace(object)[0] != '\0') {
        sim_json_set_text(node, "namespace", tree_namespace(object));
    }
    return node;
}

static json_t *event_json(const char *kind, const json_t *object, const struct event_text *text,
                          const char *message, int64_t now_us) {
    json_t *event = json_object();

    sim_json_set_text(event, "type", text->type);
    sim_json_set_text(event, "reason", text->reason);
    sim_json_set_text(event, "message", message);
    sim_json_set_text(sim_json_make_object(event, "source"), "component", text->component);
    sim_json_set_int(event, "count", 1);
    sim_json_set_text(event, "reportingComponent", text->component);
    tree_put(event, "eventTime", json_null());
    sim_json_set_text(event, "reportingInstance", "");
    tree_put(event, "involvedObject", involved(kind, object));
    sim_json_set_time(event, "firstTimestamp", now_us);
    sim_json_set_time(event, "lastTimestamp", now_us);
    return event;
}

void event_writer_finish(struct event_writer *writer) {
    if (writer == NULL || writer->kept == NULL) {
        return;
    }
    for (size_t i = 0; i < EVENT_WRITER_EVENTS_MAX; i++) {
        free(writer->kept[i]);
    }
    free(writer->kept);
    writer->kept = NULL;
}

/* Remember the event and forget the one that was written EVENT_WRITER_EVENTS_MAX before. */
static void keep_event(struct event_writer *writer, const char *namespace, const char *name,
                       int64_t now_us) {
    char **place;
    char *slash;

    if (writer->kept == NULL) {
        writer->kept = mem_alloc(EVENT_WRITER_EVENTS_MAX, sizeof *writer->kept);
    }
    place = &writer->kept[writer->sequence % EVENT_WRITER_EVENTS_MAX];
    slash = *place != NULL ? strchr(*place, '/') : NULL;
    if (slash != NULL) {
        struct sim_answer answer;

        *slash = '\0';
        answer = sim_store_delete(writer->store, &(struct sim_delete){.id = SIM_EVENTS,
                                                                      .namespace = *place,
                                                                      .name = slash + 1,
                                                                      .now_us = now_us});
        sim_answer_finish(&answer); /* Its namespace may have taken it along. */
    }
    free(*place);
    *place = mem_join(namespace, name);
}

void event_write(struct event_writer *writer, const char *kind, const json_t *object,
                 const struct event_text *text, int64_t now_us, const char *format, ...) {
    const char *namespace = tree_namespace(object)[0] != '\0' ? tree_namespace(object) : "default";
    struct sim_answer answer;
    json_t *event;
    va_list args;
    char *name;
    char message[MESSAGE_BYTES_MAX];

    if (!writer->enabled) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    event = event_json(kind, object, text, message, now_us);
    name = mem_format("%.230s.%016llx", tree_name(object),
                      (unsigned long long)now_us * 1000 + ++writer->sequence % 1000);
    sim_json_set_text(sim_json_make_object(event, "metadata"), "name", name);
    answer = sim_store_post_take(
        writer->store,
        &(struct sim_write){.id = SIM_EVENTS, .namespace = namespace, .now_us = now_us}, event);
    if (answer.code == 201) {
        keep_event(writer, namespace, name, now_us);
    }
    sim_answer_finish(&answer);
    free(name);
}
