#include "sim/version.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/json_print.h"

struct sim_version *sim_version_create(struct json_t *object_take, int64_t number) {
    struct sim_version *version = mem_alloc(1, sizeof *version);

    *version = (struct sim_version){.object = object_take, .number = number, .users = 1};
    return version;
}

struct sim_version *sim_version_share(struct sim_version *version) {
    version->users++;
    return version;
}

void sim_version_drop(struct sim_version *version) {
    if (version == NULL) {
        return;
    }
    ENSURE(version->users > 0);
    if (--version->users == 0) {
        json_decref(version->object);
        free(version->text);
        free(version);
    }
}

static void add_item(struct buf *out, json_t *object) {
    const char *separator = "";
    const char *key;
    json_t *value;

    buf_add_char(out, '{');
    json_object_foreach(object, key, value) {
        if (strcmp(key, "kind") != 0 && strcmp(key, "apiVersion") != 0) {
            buf_add_text(out, separator);
            json_print_add_key(out, key);
            json_print_add(out, value);
            separator = ",";
        }
    }
    buf_add_char(out, '}');
}

const char *sim_version_text(struct sim_version *version, size_t *out_bytes) {
    if (version->text == NULL) {
        struct buf text;

        buf_init(&text, LIMIT_SIM_BODY_BYTES);
        add_item(&text, version->object);
        version->text_bytes = text.bytes;
        version->text = buf_take_text(&text);
    }
    *out_bytes = version->text_bytes;
    return version->text;
}
