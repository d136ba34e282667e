/* Manifests: never a crash, and what is taken has a payload that reads back as itself. */
#include "config/manifest.h"

#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_payload(const struct manifest *manifest) {
    struct problems problems = {0};
    struct document_set set = {0};
    struct buf again;
    int result = document_set_parse(manifest->payload, manifest->payload_bytes,
                                    LIMIT_MANIFEST_BYTES, &set, &problems);

    ENSURE(result == OK);
    buf_init(&again, LIMIT_SPEC_BYTES);
    node_print_json(&set.documents[0], &again);
    ENSURE(strcmp(buf_text(&again), manifest->payload) == 0);
    buf_finish(&again);
    document_set_destroy(&set);
    problems_finish(&problems);
}

static void check_explain(const struct manifest *manifest, struct problems *problems) {
    manifest_explain(manifest, "spec.driver.env[0].name", "x", problems);
    manifest_explain(manifest, "metadata.labels.a.b/c", "x", problems);
    ENSURE(manifest_position(manifest, "").line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct problems problems = {0};
    struct manifest_set set = {0};
    struct buf out;

    buf_init(&out, LIMIT_MIB);
    if (manifest_set_parse((const char *)data, size, &set, &problems) == OK) {
        ENSURE(problems.count == 0);
        for (size_t i = 0; i < set.count; i++) {
            check_payload(&set.items[i]);
            check_explain(&set.items[i], &problems);
        }
    } else {
        ENSURE(problems.count > 0);
        ENSURE(set.count == 0);
    }
    problems_print(&problems, "f", &out);
    buf_finish(&out);
    manifest_set_destroy(&set);
    problems_finish(&problems);
    return 0;
}
