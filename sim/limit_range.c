#include "sim/limit_range.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "sim/amounts.h"
#include "sim/pod_math.h"
#include "sim/tree.h"

#define TEXT_BYTES_MAX 4096

/* Copy the members that target lacks. */
static void merge_missing(json_t *target, const json_t *source) {
    int r = json_object_update_missing(target, tree_walkable(source));

    ENSURE(r == 0);
}

void limit_range_complete(json_t *limit_range) {
    size_t i;
    json_t *item;

    json_array_foreach(tree_at(limit_range, "spec/limits"), i, item) {
        if (!tree_is(item, "type", "Container")) {
            continue;
        }
        if (tree_at(item, "max") != NULL) {
            merge_missing(tree_make(item, "default"), tree_at(item, "max"));
        }
        if (tree_at(item, "default") != NULL) {
            merge_missing(tree_make(item, "defaultRequest"), tree_at(item, "default"));
        }
        if (tree_at(item, "min") != NULL) {
            merge_missing(tree_make(item, "defaultRequest"), tree_at(item, "min"));
        }
    }
}

static void add_name(const char *name, void *context) {
    struct buf *names = context;

    buf_add_format(names, "%s%s", names->bytes > 0 ? ", " : "", name);
}

/* Visit the keys in order of their names. */
static void each_key_sorted(const json_t *object, void (*visit)(const char *key, void *context),
                            void *context) {
    struct amounts sorted = {0};
    const char *key;
    json_t *value;

    json_object_foreach(tree_walkable(object), key, value) {
        amounts_set(&sorted, key, 1, false);
    }
    for (size_t i = 0; i < sorted.count; i++) {
        visit(sorted.items[i].name, context);
    }
    amounts_finish(&sorted);
}

/* Set what is missing of one list ("requests") and say which in *note. */
static void fill_list(json_t *container, const char *list, const json_t *defaults,
                      const char *container_word, struct buf *note) {
    json_t *resources = tree_make(container, "resources");
    json_t *have = json_object_get(resources, list);
    json_t *missing = json_object();
    struct buf names;
    const char *key;
    json_t *value;

    buf_init(&names, TEXT_BYTES_MAX);
    json_object_foreach(tree_walkable(defaults), key, value) {
        if (json_object_get(have, key) == NULL) {
            int r = json_object_set(missing, key, value);

            ENSURE(r == 0);
        }
    }
    if (json_object_size(missing) > 0) {
        merge_missing(tree_make(resources, list), missing);
        each_key_sorted(missing, add_name, &names);
        buf_add_format(note, "%s%s %s for %s %s", note->bytes > 0 ? "; " : "", buf_text(&names),
                       strcmp(list, "requests") == 0 ? "request" : "limit", container_word,
                       tree_text(container, "name") != NULL ? tree_text(container, "name") : "");
    }
    json_decref(missing);
    buf_finish(&names);
}

/* What all items of type Container together give, the first item winning. */
static json_t *container_defaults(const json_t *limit_range, const char *field) {
    json_t *all = json_object();
    size_t i;
    json_t *item;

    json_array_foreach(tree_at(limit_range, "spec/limits"), i, item) {
        if (tree_is(item, "type", "Container") && tree_at(item, field) != NULL) {
            merge_missing(all, tree_at(item, field));
        }
    }
    return all;
}

static void fill_containers(json_t *containers, const char *word, const json_t *requests,
                            const json_t *limits, struct buf *note) {
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container) {
        fill_list(container, "requests", requests, word, note);
        fill_list(container, "limits", limits, word, note);
    }
}

void limit_range_fill(const json_t *limit_range, json_t *pod) {
    json_t *requests = container_defaults(limit_range, "defaultRequest");
    json_t *limits = container_defaults(limit_range, "default");
    struct buf note;

    buf_init(&note, TEXT_BYTES_MAX);
    fill_containers(tree_at(pod, "spec/containers"), "container", requests, limits, &note);
    fill_containers(tree_at(pod, "spec/initContainers"), "init container", requests, limits, &note);
    if (note.bytes > 0) {
        char *text = mem_format("LimitRanger plugin set: %s", buf_text(&note));
        int r = json_object_set_new(tree_make(pod, "metadata/annotations"),
                                    "kubernetes.io/limit-ranger", json_string(text));

        ENSURE(r == 0);
        free(text);
    }
    json_decref(requests);
    json_decref(limits);
    buf_finish(&note);
}

/* What one thing asks for, held against one item of the LimitRange. */
struct subject {
    const char *type; /* "Container", "Pod", "PersistentVolumeClaim" */
    struct amounts requests;
    struct amounts limits;
};

static void subject_finish(struct subject *subject) {
    amounts_finish(&subject->requests);
    amounts_finish(&subject->limits);
}

/* Reasons are gathered; more than one is printed as a list. */
struct reasons {
    size_t count;
    struct buf text;
};

static void refuse(struct reasons *reasons, const char *bound, const struct subject *subject,
                   const struct amount *limit, const char *word, const struct amount *value) {
    char limit_text[QUANTITY_BYTES_MAX];
    char value_text[QUANTITY_BYTES_MAX];

    amount_print(limit, limit_text);
    buf_add_format(&reasons->text, "%s%s %s usage per %s is %s", reasons->count > 0 ? ", " : "",
                   bound, limit->name, subject->type, limit_text);
    if (value == NULL) {
        buf_add_format(&reasons->text, ".  No %s is specified", word);
    } else {
        amount_print(value, value_text);
        buf_add_format(&reasons->text, ", but %s is %s", word, value_text);
    }
    reasons->count++;
}

static void check_min(const struct subject *subject, const struct amount *min,
                      struct reasons *reasons) {
    const struct amount *request = amounts_find(&subject->requests, min->name);
    const struct amount *limit = amounts_find(&subject->limits, min->name);

    if (request == NULL) {
        refuse(reasons, "minimum", subject, min, "request", NULL);
    } else if (limit != NULL && limit->value < min->value) {
        refuse(reasons, "minimum", subject, min, "limit", limit);
    } else if (request->value < min->value) {
        refuse(reasons, "minimum", subject, min, "request", request);
    }
}

static void check_max(const struct subject *subject, const struct amount *max,
                      struct reasons *reasons) {
    const struct amount *request = amounts_find(&subject->requests, max->name);
    const struct amount *limit = amounts_find(&subject->limits, max->name);

    if (strcmp(subject->type, "PersistentVolumeClaim") == 0) {
        /* Claims have no limits. */
        if (request != NULL && request->value > max->value) {
            refuse(reasons, "maximum", subject, max, "request", request);
        }
    } else if (limit == NULL) {
        refuse(reasons, "maximum", subject, max, "limit", NULL);
    } else if (limit->value > max->value) {
        refuse(reasons, "maximum", subject, max, "limit", limit);
    } else if (request != NULL && request->value > max->value) {
        refuse(reasons, "maximum", subject, max, "request", request);
    }
}

static void check_ratio(const struct subject *subject, const struct amount *ratio,
                        double ratio_max_milli, struct reasons *reasons) {
    int64_t request = amounts_value(&subject->requests, ratio->name);
    int64_t limit = amounts_value(&subject->limits, ratio->name);
    char text[QUANTITY_BYTES_MAX];
    double observed;

    amount_print(ratio, text);
    if (request > 0 && limit > 0 && (double)limit / (double)request * 1000 <= ratio_max_milli) {
        return;
    }
    buf_add_format(&reasons->text, "%s%s max limit to request ratio per %s is %s, but ",
                   reasons->count > 0 ? ", " : "", ratio->name, subject->type, text);
    reasons->count++;
    if (request <= 0 || limit <= 0) {
        buf_add_format(&reasons->text, "no %s is specified or %s is 0",
                       request <= 0 ? "request" : "limit", request <= 0 ? "request" : "limit");
        return;
    }
    observed = (double)limit / (double)request;
    buf_add_format(&reasons->text, "provided ratio is %f", observed);
}

/* A ratio has no unit: in thousandths, as the real one compares it. */
static double ratio_of(const json_t *item, const char *name) {
    const char *text =
        json_string_value(json_object_get(tree_at(item, "maxLimitRequestRatio"), name));
    int64_t milli;

    if (text == NULL || quantity_parse_milli(text, &milli) != OK) {
        return 0;
    }
    return (double)milli;
}

static void check_bounds(const json_t *item, const char *field, const struct subject *subject,
                         void (*check)(const struct subject *subject, const struct amount *bound,
                                       struct reasons *reasons),
                         struct reasons *reasons) {
    struct amounts bounds = {0};

    amounts_add_readable(&bounds, tree_at(item, field));
    for (size_t i = 0; i < bounds.count; i++) {
        check(subject, &bounds.items[i], reasons);
    }
    amounts_finish(&bounds);
}

static void check_ratios(const json_t *item, const struct subject *subject,
                         struct reasons *reasons) {
    struct amounts bounds = {0};

    amounts_add_readable(&bounds, tree_at(item, "maxLimitRequestRatio"));
    for (size_t i = 0; i < bounds.count; i++) {
        check_ratio(subject, &bounds.items[i], ratio_of(item, bounds.items[i].name), reasons);
    }
    amounts_finish(&bounds);
}

static void check_subject(const json_t *item, const struct subject *subject,
                          struct reasons *reasons) {
    check_bounds(item, "min", subject, check_min, reasons);
    check_bounds(item, "max", subject, check_max, reasons);
    check_ratios(item, subject, reasons);
}

static void check_containers(const json_t *item, const json_t *containers,
                             struct reasons *reasons) {
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container) {
        struct subject subject = {.type = "Container"};

        amounts_add_readable(&subject.requests, tree_at(container, "resources/requests"));
        amounts_add_readable(&subject.limits, tree_at(container, "resources/limits"));
        check_subject(item, &subject, reasons);
        subject_finish(&subject);
    }
}

static void check_pod(const json_t *item, const json_t *pod, struct reasons *reasons) {
    struct subject subject = {.type = "Pod"};

    if (tree_is(item, "type", "Container")) {
        check_containers(item, tree_at(pod, "spec/containers"), reasons);
        check_containers(item, tree_at(pod, "spec/initContainers"), reasons);
    } else if (tree_is(item, "type", "Pod")) {
        pod_requests_bare(pod, &subject.requests);
        pod_limits_bare(pod, &subject.limits);
        check_subject(item, &subject, reasons);
    }
    subject_finish(&subject);
}

static void check_claim(const json_t *item, const json_t *claim, struct reasons *reasons) {
    struct subject subject = {.type = "PersistentVolumeClaim"};

    if (!tree_is(item, "type", subject.type)) {
        return;
    }
    amounts_add_readable(&subject.requests, tree_at(claim, "spec/resources/requests"));
    check_bounds(item, "min", &subject, check_min, reasons);
    check_bounds(item, "max", &subject, check_max, reasons);
    subject_finish(&subject);
}

bool limit_range_allows(const json_t *limit_range, enum sim_resource_id id, const json_t *object,
                        struct buf *out_text) {
    struct reasons reasons = {0};
    size_t i;
    json_t *item;

    buf_init(&reasons.text, TEXT_BYTES_MAX);
    json_array_foreach(tree_at(limit_range, "spec/limits"), i, item) {
        if (id == SIM_PODS) {
            check_pod(item, object, &reasons);
        } else if (id == SIM_PERSISTENTVOLUMECLAIMS) {
            check_claim(item, object, &reasons);
        }
    }
    if (reasons.count > 0) {
        buf_add_format(out_text, reasons.count > 1 ? "[%s]" : "%s", buf_text(&reasons.text));
    }
    buf_finish(&reasons.text);
    return reasons.count == 0;
}
