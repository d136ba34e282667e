#include "sim/version.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

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

const char *sim_version_text(struct sim_version *version, size_t *out_bytes) {
    if (version->text == NULL) {
        json_t *item = json_copy(version->object);

        json_object_del(item, "kind");
        json_object_del(item, "apiVersion");
        version->text = json_dumps(item, JSON_COMPACT);
        ENSURE(version->text != NULL);
        version->text_bytes = strlen(version->text);
        json_decref(item);
    }
    *out_bytes = version->text_bytes;
    return version->text;
}
