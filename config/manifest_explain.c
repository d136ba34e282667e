/* From the payload's paths to the user's. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/manifest.h"

/* What a pod template does not say stands in the metadata around it. */
static char *metadata_path(const struct manifest *manifest, const char *tail) {
    char *path = mem_format("%s%s", manifest->metadata_prefix, tail);
    bool exact;

    (void)node_find(manifest->root, path, &exact);
    if (!exact) {
        free(path);
        path = mem_format("%s%s", manifest->outer_metadata_prefix, tail);
    }
    return path;
}

static char *user_path(const struct manifest *manifest, const char *payload_path) {
    static const char metadata[] = "metadata";
    static const char spec[] = "spec";

    if (text_starts_with(payload_path, metadata)) {
        return metadata_path(manifest, payload_path + strlen(metadata));
    }
    if (text_starts_with(payload_path, spec)) {
        return mem_format("%s%s", manifest->spec_prefix, payload_path + strlen(spec));
    }
    return mem_copy_text(manifest->spec_prefix);
}

struct position manifest_position(const struct manifest *manifest, const char *payload_path) {
    char *path = user_path(manifest, payload_path);
    struct position place = node_place(node_find(manifest->root, path, NULL));

    free(path);
    return place;
}

void manifest_explain(const struct manifest *manifest, const char *payload_path,
                      const char *message, struct problems *problems) {
    char *path = user_path(manifest, payload_path);

    problems_add(problems, node_place(node_find(manifest->root, path, NULL)), path, "%s", message);
    free(path);
}
