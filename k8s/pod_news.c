#include "k8s/pod_news.h"

#include <stdio.h>
#include <string.h>

#include "k8s/json_document.h"

/* A reason, a part of its message ("": any), and what it means. The first that fits. */
struct meaning {
    const char *reason;
    const char *part;
    enum failure failure;
};

/* Of a pod that does not run yet. Sources: the reasons in Kubernetes' kubelet, scheduler and
 * controllers. What is not here is progress, or says nothing. */
static const struct meaning waits[] = {
    {"FailedScheduling", "", FAILURE_UNSCHEDULABLE},
    {"FailedMount", "", FAILURE_CONFIG},
    {"FailedMapVolume", "", FAILURE_CONFIG},
    {"FailedAttachVolume", "", FAILURE_CONFIG},
    {"FailedCreatePodSandBox", "", FAILURE_UNSCHEDULABLE},
    {"FailedPodSandBoxStatus", "", FAILURE_UNSCHEDULABLE},
    {"NetworkNotReady", "", FAILURE_UNSCHEDULABLE},
    {"NodeNotReady", "", FAILURE_NODE_LOST},
    {"ErrImageNeverPull", "", FAILURE_IMAGE},
    {"InspectFailed", "", FAILURE_IMAGE},
    {"Failed", "pull", FAILURE_IMAGE}, /* to pull image, ErrImagePull, ImagePullBackOff */
    {"Failed", "Pull", FAILURE_IMAGE},
    {"Failed", "image", FAILURE_IMAGE},
    {"Failed", "", FAILURE_CONFIG}, /* a secret, a key, or what the runtime refuses */
    {"BackOff", "pulling image", FAILURE_IMAGE},
    {"BackOff", "", FAILURE_APP}, /* a container that fails again and again */
};

/* Of one that is gone. */
static const struct meaning ends[] = {
    {"Evicted", "", FAILURE_EVICTED},
    {"EvictionThresholdMet", "", FAILURE_EVICTED},
    {"Preempted", "", FAILURE_PREEMPTED},
    {"Preempting", "", FAILURE_PREEMPTED},
    {"TaintManagerEviction", "", FAILURE_NODE_LOST},
    {"NodeNotReady", "", FAILURE_NODE_LOST},
    {"NodeShutdown", "", FAILURE_NODE_LOST},
};

struct note {
    const char *reason;
    const char *message;
    bool is_warning;
    int64_t at_us;
};

static enum failure meaning_of(const struct note *note, bool is_gone) {
    const struct meaning *rows = is_gone ? ends : waits;
    const size_t count = is_gone ? ARRAY_LEN(ends) : ARRAY_LEN(waits);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].reason, note->reason) == 0 &&
            strstr(note->message, rows[i].part) != NULL) {
            return rows[i].failure;
        }
    }
    return FAILURE_NONE;
}

/* The last time it was seen: of a series, of a repeated one, of a single one. */
static int read_time(const struct json_at *item, int64_t *out_us, struct field_error *error) {
    const struct json_at series = json_at_key(item, "series");
    const struct json_at metadata = json_at_key(item, "metadata");
    const struct json_at places[] = {
        json_at_key(&metadata, "creationTimestamp"),
        json_at_key(item, "eventTime"),
        json_at_key(item, "lastTimestamp"),
        json_at_key(&series, "lastObservedTime"),
    };
    int r = OK;

    *out_us = 0;
    for (size_t i = 0; r == OK && i < ARRAY_LEN(places); i++) {
        int64_t at_us = 0;

        r = json_get_time_us(&places[i], &at_us, error);
        *out_us = at_us > *out_us ? at_us : *out_us;
    }
    return r;
}

static int read_note(const struct json_at *item, struct note *out_note, struct field_error *error) {
    const struct json_at reason = json_at_key(item, "reason");
    const struct json_at message = json_at_key(item, "message");
    const struct json_at type = json_at_key(item, "type");
    const char *kind = "";
    struct note note = {.reason = "", .message = ""};
    int r = json_get_text(&reason, &note.reason, error);

    r = r < 0 ? r : json_get_text(&message, &note.message, error);
    r = r < 0 ? r : json_get_text(&type, &kind, error);
    r = r < 0 ? r : read_time(item, &note.at_us, error);
    note.is_warning = strcmp(kind, "Warning") == 0;
    *out_note = note;
    return r;
}

/* Times are whole seconds: of those in one, a warning is what matters. Of a pod that is gone only
 * what tells of its end does. */
static bool goes_before(const struct note *a, const struct note *b, bool is_gone) {
    const bool tells_a = meaning_of(a, is_gone) != FAILURE_NONE;
    const bool tells_b = meaning_of(b, is_gone) != FAILURE_NONE;

    if (is_gone && tells_a != tells_b) {
        return tells_a;
    }
    if (a->at_us != b->at_us) {
        return a->at_us > b->at_us;
    }
    return a->is_warning && !b->is_warning;
}

static void tell(const struct note *note, bool is_gone, struct pod_news *out_news) {
    *out_news = (struct pod_news){.failure = meaning_of(note, is_gone)};
    if (out_news->failure != FAILURE_NONE) {
        (void)snprintf(out_news->message, sizeof out_news->message, "%s: %s", note->reason,
                       note->message);
    }
}

int pod_news_read(const char *json, size_t bytes, bool is_gone, struct pod_news *out_news,
                  struct field_error *error) {
    struct note latest = {.reason = "", .message = ""};
    struct json_document document;
    struct json_at top, items;
    size_t count = 0;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    items = json_at_key(&top, "items");
    r = json_get_count(&items, LIMIT_POD_NEWS, &count, error);
    for (size_t i = 0; r == OK && i < count; i++) {
        const struct json_at item = json_at_index(&items, i);
        struct note note;

        r = read_note(&item, &note, error);
        if (r == OK && (i == 0 || goes_before(&note, &latest, is_gone))) {
            latest = note;
        }
    }
    if (r == OK) {
        tell(&latest, is_gone, out_news);
    }
    json_document_finish(&document);
    return r;
}
