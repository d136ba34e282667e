#include "config/spark_defaults.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/arena.h"
#include "config/manifest.h"

static void add_node(struct arena *texts, struct text_node *object, struct text_node member) {
    struct text_node *items;
    uint32_t at = 0;

    while (at < object->count && strcmp(object->items[at].key, member.key) < 0) {
        at++;
    }
    items = arena_take(texts, object->count + 1, sizeof *items);
    for (uint32_t i = 0; i < object->count; i++) {
        items[i < at ? i : i + 1] = object->items[i];
    }
    items[at] = member;
    object->items = items;
    object->count++;
}

/* Unless it is there, or there is nothing to say. */
static void add_member(struct arena *texts, struct text_node *object, const char *key,
                       const char *text) {
    if (text[0] != '\0' && node_member(object, key) == NULL) {
        add_node(texts, object,
                 (struct text_node){.kind = NODE_TEXT,
                                    .place = object->place,
                                    .key_place = object->key_place,
                                    .key = key,
                                    .text = text});
    }
}

static const char *text_of(const struct text_node *node) {
    return node != NULL && node->kind == NODE_TEXT ? node->text : NULL;
}

/* The image of all pods, or of the driver's. */
static const char *image_of(const struct text_node *spec, const char *role_key,
                            const char *conf_key) {
    const struct text_node *role = role_key != NULL ? node_member(spec, role_key) : spec;
    const char *image = text_of(node_member(role, "image"));

    return image != NULL ? image : text_of(node_member(node_member(spec, "sparkConf"), conf_key));
}

/* ":3.5.6", ":v4.1.0-java21": k8s/spark_app.c reads Spark's version out of such a tag. */
static bool tells_version(const char *image) {
    const char *slash = strrchr(image, '/');
    const char *tag = strchr(slash != NULL ? slash : image, ':');

    if (tag == NULL) {
        return false;
    }
    tag += tag[1] == 'v' ? 2 : 1;
    return isdigit((unsigned char)tag[0]) && tag[1] == '.' && isdigit((unsigned char)tag[2]);
}

/* What a property or the field that becomes it says; NULL: nothing. */
static const struct text_node *said(const struct text_node *spec, const char *field,
                                    const char *key) {
    const struct text_node *node = node_member(node_member(spec, "dynamicAllocation"), field);

    return node != NULL ? node : node_member(node_member(spec, "sparkConf"), key);
}

static int64_t count_of(const struct text_node *node) {
    return node != NULL && node->text != NULL ? strtoll(node->text, NULL, 10) : 0;
}

static bool allocates(const struct text_node *spec) {
    const struct text_node *enabled = said(spec, "enabled", "spark.dynamicAllocation.enabled");

    return enabled != NULL && enabled->text != NULL && strcasecmp(enabled->text, "true") == 0;
}

/* Executors that such an application begins with. */
static int64_t first_executors(const struct text_node *spec) {
    const struct text_node *instances = node_member(node_member(spec, "executor"), "instances");
    const int64_t counts[] = {
        count_of(said(spec, "minExecutors", "spark.dynamicAllocation.minExecutors")),
        count_of(said(spec, "initialExecutors", "spark.dynamicAllocation.initialExecutors")),
        count_of(instances != NULL
                     ? instances
                     : node_member(node_member(spec, "sparkConf"), "spark.executor.instances"))};
    int64_t most = 0;

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        most = counts[i] > most ? counts[i] : most;
    }
    return most;
}

static void replace_member(struct arena *texts, struct text_node *object,
                           const struct text_node *member) {
    struct text_node *items = arena_take(texts, object->count, sizeof *items);

    for (uint32_t i = 0; i < object->count; i++) {
        items[i] = strcmp(object->items[i].key, member->key) == 0 ? *member : object->items[i];
    }
    object->items = items;
}

/* An application that may grow, and says no bound, has one. */
static void add_most_executors(const struct manifest_defaults *defaults, struct text_node *spec,
                               struct arena *texts) {
    static const char key[] = "spark.dynamicAllocation.maxExecutors";
    const struct text_node *conf = node_member(spec, "sparkConf");
    const struct text_node *allocation = node_member(spec, "dynamicAllocation");
    const int64_t first = first_executors(spec);
    const int64_t most =
        first > defaults->spark_max_executors ? first : defaults->spark_max_executors;
    struct text_node inner;
    char *text;

    if (defaults->spark_max_executors == 0 || !allocates(spec) ||
        said(spec, "maxExecutors", key) != NULL) {
        return;
    }
    inner = allocation != NULL ? *allocation : *conf;
    text = arena_take(texts, 24, 1);
    (void)snprintf(text, 24, "%" PRId64, most);
    add_member(texts, &inner, allocation != NULL ? "maxExecutors" : key, text);
    if (allocation != NULL) { /* Typed fields win, and are numbers. */
        node_member_mutable(&inner, "maxExecutors")->kind = NODE_INT;
    }
    replace_member(texts, spec, &inner);
}

/* What Spark begins with is reserved if nothing is said. */
static bool is_usual(const char *reserve) {
    return reserve[0] == '\0' || strcmp(reserve, "initial") == 0;
}

/* Room is kept for as many of its executors as the configuration says. */
static void add_reserve(const struct manifest_defaults *defaults, struct text_node *spec,
                        struct arena *texts) {
    const struct text_node *allocation = node_member(spec, "dynamicAllocation");
    struct text_node inner = {.kind = NODE_OBJECT,
                              .place = spec->place,
                              .key_place = spec->key_place,
                              .key = "dynamicAllocation"};

    if (is_usual(defaults->spark_reserve) || !allocates(spec)) {
        return;
    }
    if (allocation == NULL) {
        add_node(texts, spec, inner);
    } else {
        inner = *allocation;
    }
    add_member(texts, &inner, "reserve", defaults->spark_reserve);
    replace_member(texts, spec, &inner);
}

struct text_node spark_defaults_add(const struct manifest_defaults *defaults,
                                    const struct text_node *spec, struct arena *texts) {
    const char *common = image_of(spec, NULL, "spark.kubernetes.container.image");
    const char *image = image_of(spec, "driver", "spark.kubernetes.driver.container.image");
    struct text_node copy = *spec;

    image = image != NULL ? image : common;
    if (common == NULL) {
        add_member(texts, &copy, "image", defaults->spark_image);
    }
    /* Of the default image the version is told beside it. */
    if (image == NULL || !tells_version(image)) {
        add_member(texts, &copy, "sparkVersion", defaults->spark_version);
    }
    add_most_executors(defaults, &copy, texts);
    add_reserve(defaults, &copy, texts);
    return copy;
}
