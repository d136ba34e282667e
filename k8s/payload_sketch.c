#include "k8s/payload_sketch.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"

/* What to do with a member of an object; a list's items are as the list. */
struct rule {
    const char *key;
    const struct rule *members; /* NULL: its texts are emptied */
};

static const struct rule environment[] = {{"value", NULL}, {NULL, NULL}};
static const struct rule container[] = {
    {"args", NULL}, {"command", NULL}, {"env", environment}, {NULL, NULL}};
static const struct rule pod_spec[] = {
    {"containers", container}, {"initContainers", container}, {NULL, NULL}};
static const struct rule pod[] = {{"spec", pod_spec}, {NULL, NULL}};
static const struct rule spark_spec[] = {{"arguments", NULL}, {NULL, NULL}};
static const struct rule spark[] = {{"spec", spark_spec}, {NULL, NULL}};
static const struct rule nothing[] = {{NULL, NULL}};

struct walk {
    const char *at;
    const char *end;
    const char *from; /* what has not been copied yet */
    struct buf *out;
};

static void copy_up_to(struct walk *walk, const char *end) {
    buf_add(walk->out, walk->from, (size_t)(end - walk->from));
    walk->from = end;
}

/* The end of the string that begins here, behind its quote; NULL: it has none. */
static const char *string_end(const struct walk *walk) {
    for (const char *at = walk->at + 1; at < walk->end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        at += *at == '\\' ? 1 : 0;
    }
    return NULL;
}

static bool pass_string(struct walk *walk, bool empties) {
    const char *end = string_end(walk);

    if (end == NULL) {
        return false;
    }
    if (empties) {
        copy_up_to(walk, walk->at + 1);
        walk->from = end - 1;
    }
    walk->at = end;
    return true;
}

static const struct rule *find(const struct rule *rules, const char *key, size_t bytes) {
    for (; rules->key != NULL; rules++) {
        if (strlen(rules->key) == bytes && memcmp(rules->key, key, bytes) == 0) {
            return rules;
        }
    }
    return NULL;
}

static bool pass(struct walk *walk, const struct rule *rules, size_t depth);

static bool pass_member(struct walk *walk, const struct rule *rules, size_t depth) {
    const char *key = walk->at + 1;
    const struct rule *rule;

    if (walk->at >= walk->end || *walk->at != '"' || !pass_string(walk, false) ||
        walk->at >= walk->end || *walk->at != ':') {
        return false;
    }
    rule = rules != NULL ? find(rules, key, (size_t)(walk->at - 1 - key)) : NULL;
    walk->at++;
    return pass(walk, rule != NULL ? rule->members : nothing, depth);
}

static bool pass_items(struct walk *walk, const struct rule *rules, size_t depth) {
    const bool is_object = *walk->at == '{';
    const char end = is_object ? '}' : ']';

    if (depth == LIMIT_MANIFEST_DEPTH) {
        return false;
    }
    if (walk->at + 1 < walk->end && walk->at[1] == end) {
        walk->at += 2;
        return true;
    }
    do {
        walk->at++;
        if (is_object ? !pass_member(walk, rules, depth + 1) : !pass(walk, rules, depth + 1)) {
            return false;
        }
    } while (walk->at < walk->end && *walk->at == ',');
    return walk->at < walk->end && *walk->at++ == end;
}

/* rules NULL: the texts here are emptied; an object's among them are not. */
static bool pass(struct walk *walk, const struct rule *rules, size_t depth) {
    const char *start = walk->at;

    if (walk->at >= walk->end) {
        return false;
    }
    if (*walk->at == '"') {
        return pass_string(walk, rules == NULL);
    }
    if (*walk->at == '{' || *walk->at == '[') {
        return pass_items(walk, rules, depth);
    }
    while (walk->at < walk->end && strchr(",]}", *walk->at) == NULL) {
        walk->at++;
    }
    return walk->at > start;
}

int payload_sketch(enum job_kind kind, const char *json, size_t bytes, struct buf *out) {
    struct walk walk = {.at = json, .end = json + bytes, .from = json, .out = out};
    const struct rule *rules = kind == JOB_KIND_SPARK ? spark : pod;

    if (bytes == 0 || *json != '{' || !pass(&walk, rules, 0) || walk.at != walk.end) {
        return ERR_INVALID;
    }
    copy_up_to(&walk, walk.end);
    return out->full ? ERR_FULL : OK;
}
