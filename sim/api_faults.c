#include "sim/api_faults.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "sim/json.h"
#include "sim/rest.h"

struct rule {
    enum api_fault_kind kind;
    char *verb; /* NULL: any */
    char *resource;
    char *subresource;
    char *namespace;
    char *name;
    int64_t left; /* -1: for ever */
    int64_t skip;
    double probability;
    int64_t delay_us;
    int code;
    int retry_after_seconds;
    int64_t acted;
};

struct api_faults {
    struct rule *rules;
    size_t count;
    struct rng rng;
};

static const char *const kind_names[] = {
    [API_FAULT_LATENCY] = "latency",
    [API_FAULT_ERROR] = "error",
    [API_FAULT_RESET] = "reset",
    [API_FAULT_LOSE_REPLY] = "lose-reply",
    [API_FAULT_HANG] = "hang",
    [API_FAULT_SLOW_HEADERS] = "slow-headers",
    [API_FAULT_SLOW_BODY] = "slow-body",
    [API_FAULT_CUT_BODY] = "cut-body",
    [API_FAULT_GARBAGE] = "garbage",
    [API_FAULT_DROP_EVENT] = "drop-event",
    [API_FAULT_DUPLICATE_EVENT] = "duplicate-event",
    [API_FAULT_REORDER_EVENT] = "reorder-event",
    [API_FAULT_TRUNCATE_EVENT] = "truncate-event",
    [API_FAULT_EXPIRE_WATCH] = "expire-watch",
    [API_FAULT_CUT_WATCH] = "cut-watch",
    [API_FAULT_SILENCE_WATCH] = "silence-watch",
};

_Static_assert(ARRAY_LEN(kind_names) == API_FAULT_KIND_COUNT, "a name per kind");

struct api_faults *api_faults_create(uint64_t seed) {
    struct api_faults *faults = mem_alloc(1, sizeof *faults);

    rng_init(&faults->rng, seed);
    return faults;
}

void api_faults_clear(struct api_faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        free(faults->rules[i].verb);
        free(faults->rules[i].resource);
        free(faults->rules[i].subresource);
        free(faults->rules[i].namespace);
        free(faults->rules[i].name);
    }
    faults->count = 0;
}

void api_faults_destroy(struct api_faults *faults) {
    if (faults != NULL) {
        api_faults_clear(faults);
        free(faults->rules);
        free(faults);
    }
}

static int find_kind(const char *name) {
    for (int i = 0; name != NULL && i < API_FAULT_KIND_COUNT; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool api_faults_knows(const char *name) {
    return find_kind(name) >= 0;
}

static int check_members(const struct json_t *rule, struct error *error) {
    static const char *const members[] = {"fault", "verb",  "resource",    "namespace",
                                          "name",  "count", "probability", "skip",
                                          "delay", "code",  "retryAfter",  "subresource"};
    json_t *copy = sim_json_copy(rule);
    const char *key;
    json_t *value;
    int r = OK;

    json_object_foreach(copy, key, value) {
        const char *meant = text_closest(key, members, ARRAY_LEN(members));

        if (r == OK && (meant == NULL || strcmp(meant, key) != 0)) {
            r = error_set(error, ERR_INVALID, "unknown member %s%s%s", key,
                          meant == NULL ? "" : ", meant ", meant == NULL ? "" : meant);
        }
    }
    (void)value;
    json_decref(copy);
    return r;
}

static int read_delay(const struct json_t *rule, int64_t *out_us, struct error *error) {
    const char *delay = sim_json_text(rule, "delay");

    *out_us = 0;
    if (delay != NULL && text_parse_duration_us(delay, out_us) != OK) {
        return error_set(error, ERR_INVALID, "delay: \"%s\" is no duration", delay);
    }
    return OK;
}

int api_faults_add(struct api_faults *faults, const struct json_t *rule, struct error *error) {
    int kind = find_kind(sim_json_text(rule, "fault"));
    const json_t *probability = sim_json_at(rule, "probability");
    int64_t delay_us = 0;
    int r = kind < 0 ? error_set(error, ERR_INVALID, "unknown fault") : check_members(rule, error);

    if (r == OK) {
        r = read_delay(rule, &delay_us, error);
    }
    if (r == OK && faults->count == LIMIT_SIM_FAULTS) {
        r = error_set(error, ERR_FULL, "there are %d faults already", LIMIT_SIM_FAULTS);
    }
    if (r != OK) {
        return r;
    }
    faults->rules = mem_grow(faults->rules, faults->count + 1, sizeof *faults->rules);
    faults->rules[faults->count++] = (struct rule){
        .kind = (enum api_fault_kind)kind,
        .verb = mem_copy_text(sim_json_text(rule, "verb")),
        .resource = mem_copy_text(sim_json_text(rule, "resource")),
        .subresource = mem_copy_text(sim_json_text(rule, "subresource")),
        .namespace = mem_copy_text(sim_json_text(rule, "namespace")),
        .name = mem_copy_text(sim_json_text(rule, "name")),
        .left = sim_json_int(rule, "count", 1),
        .skip = sim_json_int(rule, "skip", 0),
        .probability = json_is_number(probability) ? json_number_value(probability) : 1,
        .delay_us = delay_us,
        .code = (int)sim_json_int(rule, "code", 500),
        .retry_after_seconds = (int)sim_json_int(rule, "retryAfter", 0),
    };
    return OK;
}

bool api_faults_by_name(const struct api_faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->rules[i].name != NULL && faults->rules[i].left != 0) {
            return true;
        }
    }
    return false;
}

static bool fits(const char *wanted, const char *is) {
    return wanted == NULL || strcmp(wanted, is) == 0;
}

static bool matches(const struct rule *rule, const struct sim_target *target) {
    return fits(rule->verb, target->verb) &&
           fits(rule->resource, target->resource == NULL ? "" : target->resource->plural) &&
           fits(rule->subresource, target->subresource) &&
           fits(rule->namespace, target->namespace) &&
           (rule->name == NULL || strstr(target->name, rule->name) != NULL);
}

/* Whether it acts this time, which is counted. */
static bool act(struct api_faults *faults, struct rule *rule, const struct sim_target *target) {
    if (rule->left == 0 || !matches(rule, target)) {
        return false;
    }
    if (rule->skip > 0) {
        rule->skip--;
        return false;
    }
    if (rule->probability < 1 && rng_unit(&faults->rng) >= rule->probability) {
        return false;
    }
    rule->left -= rule->left > 0 ? 1 : 0;
    rule->acted++;
    return true;
}

static void add_to_plan(const struct rule *rule, struct api_fault_plan *plan) {
    switch (rule->kind) {
    case API_FAULT_LATENCY:
        plan->delay_us += rule->delay_us;
        break;
    case API_FAULT_ERROR:
        plan->code = rule->code;
        plan->retry_after_seconds = rule->retry_after_seconds;
        break;
    case API_FAULT_RESET:
        plan->reset = true;
        break;
    case API_FAULT_LOSE_REPLY:
        plan->lose_reply = true;
        break;
    case API_FAULT_HANG:
        plan->hang = true;
        break;
    case API_FAULT_SLOW_HEADERS:
        plan->answer_us += rule->delay_us;
        break;
    case API_FAULT_SLOW_BODY:
        plan->body_us += rule->delay_us;
        break;
    case API_FAULT_CUT_BODY:
        plan->cut_body = true;
        break;
    case API_FAULT_GARBAGE:
        plan->garbage = true;
        break;
    default:
        break;
    }
}

struct api_fault_plan api_faults_of_request(struct api_faults *faults,
                                            const struct sim_target *target) {
    struct api_fault_plan plan = {0};

    for (size_t i = 0; i < faults->count; i++) {
        struct rule *rule = &faults->rules[i];

        if (rule->kind < API_FAULT_DROP_EVENT && act(faults, rule, target)) {
            add_to_plan(rule, &plan);
        }
    }
    return plan;
}

bool api_faults_act(struct api_faults *faults, enum api_fault_kind kind,
                    const struct sim_target *target) {
    for (size_t i = 0; i < faults->count; i++) {
        struct rule *rule = &faults->rules[i];

        if (rule->kind == kind && act(faults, rule, target)) {
            return true;
        }
    }
    return false;
}

struct json_t *api_faults_json(const struct api_faults *faults) {
    json_t *list = json_array();

    for (size_t i = 0; i < faults->count; i++) {
        const struct rule *rule = &faults->rules[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I}", "fault", kind_names[rule->kind], "acted",
                                        (json_int_t)rule->acted, "left", (json_int_t)rule->left));
    }
    return list;
}
