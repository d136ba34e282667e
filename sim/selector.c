#include "sim/selector.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/status.h"

enum term_kind {
    TERM_IN,
    TERM_NOT_IN,
    TERM_EXISTS,
    TERM_ABSENT,
};

struct sim_term {
    enum term_kind kind;
    bool field; /* a field's path, else a label's key */
    char *key;
    char **values;
    size_t value_count;
};

static struct sim_term *add_term(struct sim_selector *selector, enum term_kind kind,
                                 char *key_take) {
    struct sim_term *term;

    selector->terms = mem_grow(selector->terms, selector->count + 1, sizeof *selector->terms);
    term = &selector->terms[selector->count++];
    *term = (struct sim_term){.kind = kind, .key = key_take};
    return term;
}

static void add_value(struct sim_term *term, char *value_take) {
    term->values = mem_grow(term->values, term->value_count + 1, sizeof *term->values);
    term->values[term->value_count++] = value_take;
}

void sim_selector_finish(struct sim_selector *selector) {
    for (size_t i = 0; i < selector->count; i++) {
        struct sim_term *term = &selector->terms[i];

        for (size_t k = 0; k < term->value_count; k++) {
            free(term->values[k]);
        }
        free(term->values);
        free(term->key);
    }
    free(selector->terms);
    *selector = (struct sim_selector){0};
}

/* Labels. */

static void skip_space(const char **at) {
    while (isspace((unsigned char)**at)) {
        (*at)++;
    }
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '/';
}

/* The next word, owned; may be empty. */
static char *take_word(const char **at) {
    const char *begin;

    skip_space(at);
    begin = *at;
    while (is_word(**at)) {
        (*at)++;
    }
    return mem_copy_text_n(begin, (size_t)(*at - begin));
}

static bool take_text(const char **at, const char *text) {
    skip_space(at);
    if (!text_starts_with(*at, text)) {
        return false;
    }
    *at += strlen(text);
    return true;
}

/* A word operator, which must end in no letter. */
static bool take_operator(const char **at, const char *word) {
    const char *from;

    skip_space(at);
    from = *at;
    if (!take_text(at, word) || is_word(**at)) {
        *at = from;
        return false;
    }
    return true;
}

static bool parse_set(const char **at, struct sim_term *term) {
    if (!take_text(at, "(")) {
        return false;
    }
    do {
        add_value(term, take_word(at));
    } while (take_text(at, ","));
    return take_text(at, ")");
}

static bool values_are_valid(const struct sim_term *term) {
    for (size_t i = 0; i < term->value_count; i++) {
        if (!text_is_label_value(term->values[i])) {
            return false;
        }
    }
    return true;
}

static bool parse_requirement(const char **at, struct sim_selector *selector) {
    bool negated = take_text(at, "!");
    struct sim_term *term = add_term(selector, negated ? TERM_ABSENT : TERM_EXISTS, take_word(at));

    if (!text_is_label_key(term->key)) {
        return false;
    }
    if (negated) {
        return true;
    }
    if (take_operator(at, "in")) {
        term->kind = TERM_IN;
        return parse_set(at, term) && values_are_valid(term);
    }
    if (take_operator(at, "notin")) {
        term->kind = TERM_NOT_IN;
        return parse_set(at, term) && values_are_valid(term);
    }
    if (take_text(at, "!=")) {
        term->kind = TERM_NOT_IN;
    } else if (take_text(at, "==") || take_text(at, "=")) {
        term->kind = TERM_IN;
    } else {
        return true;
    }
    add_value(term, take_word(at));
    return values_are_valid(term);
}

struct json_t *sim_selector_parse_labels(const char *text, struct sim_selector *out_selector) {
    struct sim_selector selector = {0};
    const char *at = text == NULL ? "" : text;
    bool good = true;

    skip_space(&at);
    while (good && *at != '\0') {
        good = parse_requirement(&at, &selector);
        skip_space(&at);
        if (good && *at != '\0') {
            good = take_text(&at, ",") && *at != '\0';
        }
    }
    if (!good) {
        sim_selector_finish(&selector);
        return sim_status_bad_request("unable to parse requirement: found '%s', in '%s'", at, text);
    }
    *out_selector = selector;
    return NULL;
}

/* Fields. */

static const char *const any_fields[] = {"metadata.name", "metadata.namespace", NULL};
static const char *const pod_fields[] = {"metadata.name",
                                         "metadata.namespace",
                                         "spec.nodeName",
                                         "spec.restartPolicy",
                                         "spec.schedulerName",
                                         "spec.serviceAccountName",
                                         "status.phase",
                                         "status.podIP",
                                         "status.nominatedNodeName",
                                         NULL};
static const char *const event_fields[] = {"metadata.name",
                                           "metadata.namespace",
                                           "involvedObject.kind",
                                           "involvedObject.namespace",
                                           "involvedObject.name",
                                           "involvedObject.uid",
                                           "involvedObject.apiVersion",
                                           "involvedObject.resourceVersion",
                                           "involvedObject.fieldPath",
                                           "reason",
                                           "reportingComponent",
                                           "source",
                                           "type",
                                           NULL};
static const char *const node_fields[] = {"metadata.name", "metadata.namespace",
                                          "spec.unschedulable", NULL};
static const char *const namespace_fields[] = {"metadata.name", "status.phase", NULL};
static const char *const secret_fields[] = {"metadata.name", "metadata.namespace", "type", NULL};

static const char *const *fields_of(const struct sim_resource *resource) {
    switch (resource->id) {
    case SIM_PODS:
        return pod_fields;
    case SIM_EVENTS:
        return event_fields;
    case SIM_NODES:
        return node_fields;
    case SIM_NAMESPACES:
        return namespace_fields;
    case SIM_SECRETS:
        return secret_fields;
    default:
        return any_fields;
    }
}

static bool is_selectable(const struct sim_resource *resource, const char *key) {
    for (const char *const *field = fields_of(resource); *field != NULL; field++) {
        if (strcmp(*field, key) == 0) {
            return true;
        }
    }
    return false;
}

/* "key=value"; the value may be empty and a backslash takes the next character as it is. */
static bool parse_field(const char **at, struct sim_selector *selector) {
    size_t key_length = strcspn(*at, "=!,");
    char *key = mem_copy_text_n(*at, key_length);
    struct sim_term *term = add_term(selector, TERM_IN, key);
    char *value;
    size_t length = 0;

    term->field = true;
    *at += key_length;
    if (text_starts_with(*at, "!=")) {
        term->kind = TERM_NOT_IN;
        *at += 2;
    } else if (text_starts_with(*at, "==")) {
        *at += 2;
    } else if (**at == '=') {
        (*at)++;
    } else {
        return false;
    }
    value = mem_alloc(strlen(*at) + 1, 1);
    while (**at != '\0' && **at != ',') {
        *at += **at == '\\' && (*at)[1] != '\0' ? 1 : 0;
        value[length++] = *(*at)++;
    }
    add_value(term, value);
    return true;
}

struct json_t *sim_selector_parse_fields(const struct sim_resource *resource, const char *text,
                                         struct sim_selector *out_selector) {
    struct sim_selector selector = {0};
    const char *at = text == NULL ? "" : text;
    json_t *refusal = NULL;

    while (*at != '\0' && refusal == NULL) {
        if (!parse_field(&at, &selector)) {
            refusal =
                sim_status_bad_request("invalid selector: '%s'; can't understand '%s'", text, at);
        } else if (!is_selectable(resource, selector.terms[selector.count - 1].key)) {
            refusal = sim_status_bad_request("field label not supported: %s",
                                             selector.terms[selector.count - 1].key);
        }
        at += *at == ',' ? 1 : 0;
    }
    if (refusal != NULL) {
        sim_selector_finish(&selector);
        return refusal;
    }
    *out_selector = selector;
    return NULL;
}

/* Matching. */

static const char *field_value(const char *key, const json_t *object) {
    const json_t *value;

    if (strcmp(key, "source") == 0) {
        key = "source.component";
    }
    value = sim_json_at(object, key);
    if (strcmp(key, "spec.unschedulable") == 0) {
        return json_is_true(value) ? "true" : "false";
    }
    /* An absent field is an empty one. */
    return json_is_string(value) ? json_string_value(value) : "";
}

static bool has_value(const struct sim_term *term, const char *value) {
    for (size_t i = 0; i < term->value_count; i++) {
        if (strcmp(term->values[i], value) == 0) {
            return true;
        }
    }
    return false;
}

static bool term_holds(const struct sim_term *term, const json_t *object) {
    const char *value =
        term->field
            ? field_value(term->key, object)
            : json_string_value(json_object_get(sim_json_at(object, "metadata.labels"), term->key));

    switch (term->kind) {
    case TERM_IN:
        return value != NULL && has_value(term, value);
    case TERM_NOT_IN:
        return value == NULL || !has_value(term, value);
    case TERM_EXISTS:
        return value != NULL;
    case TERM_ABSENT:
        return value == NULL;
    }
    return false;
}

bool sim_selector_matches(const struct sim_selector *selector, const struct json_t *object) {
    for (size_t i = 0; i < selector->count; i++) {
        if (!term_holds(&selector->terms[i], object)) {
            return false;
        }
    }
    return true;
}
