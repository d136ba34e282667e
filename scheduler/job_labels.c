#include "scheduler/job_labels.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/node.h"
#include "queue/queue.h"

int job_labels_parse(char *text, struct job_label out_labels[JOB_LABELS_MAX], size_t *out_count) {
    size_t count = 0;
    char *rest = NULL;

    for (char *item = strtok_r(text, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(item, '=');

        if (equals == NULL || equals == item || count == JOB_LABELS_MAX) {
            return ERR_INVALID;
        }
        *equals = '\0';
        out_labels[count++] = (struct job_label){item, equals + 1};
    }
    *out_count = count;
    return count > 0 ? OK : ERR_INVALID;
}

/* "labels":{...} of a payload's metadata, which stands before its spec; NULL: it has none. */
static const char *labels_of(struct buf *payload) {
    char *end = strstr(payload->data, ",\"spec\":");
    char *labels = strstr(payload->data, "\"labels\":{");

    if (end == NULL || labels == NULL || labels > end) {
        return NULL;
    }
    labels += strlen("\"labels\":");
    labels[strcspn(labels, "}")] = '\0'; /* Labels have no braces. */
    return labels;
}

static bool has_label(const char *labels, const struct job_label *wanted) {
    struct buf text;
    bool found;

    buf_init(&text, LIMIT_MIB);
    json_print_text(wanted->key, &text);
    buf_add_char(&text, ':');
    json_print_text(wanted->value, &text);
    found = strstr(labels, buf_text(&text)) != NULL;
    buf_finish(&text);
    return found;
}

bool job_labels_match(struct queue *queue, uint64_t id, const struct job_label *labels,
                      size_t count) {
    struct buf payload;
    const char *stored = NULL;
    bool matches;

    buf_init(&payload, LIMIT_SPEC_BYTES);
    if (queue_get_spec(queue, id, &payload) == OK && payload.bytes > 0) {
        stored = labels_of(&payload);
    }
    matches = stored != NULL;
    for (size_t i = 0; matches && i < count; i++) {
        matches = has_label(stored, &labels[i]);
    }
    buf_finish(&payload);
    return matches;
}
