#include "config/spark_defaults.h"

#include <ctype.h>
#include <string.h>

#include "config/arena.h"
#include "config/manifest.h"

static void add_member(struct arena *texts, struct text_node *object, const char *key,
                       const char *text) {
    struct text_node *items;
    uint32_t at = 0;

    if (text[0] == '\0' || node_member(object, key) != NULL) {
        return;
    }
    while (at < object->count && strcmp(object->items[at].key, key) < 0) {
        at++;
    }
    items = arena_take(texts, object->count + 1, sizeof *items);
    for (uint32_t i = 0; i < object->count; i++) {
        items[i < at ? i : i + 1] = object->items[i];
    }
    items[at] = (struct text_node){.kind = NODE_TEXT,
                                   .place = object->place,
                                   .key_place = object->key_place,
                                   .key = key,
                                   .text = text};
    object->items = items;
    object->count++;
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
    return copy;
}
