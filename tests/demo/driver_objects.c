/* driver_objects: what spark-submit would create for the applications of a manifest, as JSON.
 *
 *   driver_objects FILE        one object a line: pod, service, config map of each application
 *
 * The demo posts them straight to a cluster, to show what happens without a queue.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/manifest.h"
#include "k8s/payload.h"

static int print_objects(const struct manifest *manifest, uint64_t id) {
    const struct payload_run run = {
        .id = {.job_name = manifest->name, .store_uid = "direct", .job_id = id, .attempt = 1},
        .namespace_ = manifest->namespace,
        .submitted_us = 1,
    };
    struct field_error error = {0};
    struct payload *payload = NULL;
    struct payload_part part;
    char *pod;

    if (payload_read(manifest->kind, manifest->payload, manifest->payload_bytes,
                     manifest->namespace, &payload, &error) < 0) {
        (void)fprintf(stderr, "%s: %s\n", error.path, error.error.text);
        return 1;
    }
    pod = payload_pod_body(payload, &run);
    (void)puts(pod);
    free(pod);
    for (size_t i = 0; i < PAYLOAD_PART_COUNT; i++) {
        if (payload_part_make(payload, &run, NULL, i, &part)) {
            (void)puts(part.body);
            free(part.body);
        }
    }
    payload_destroy(payload);
    return 0;
}

static bool read_all(const char *path, struct buf *out) {
    FILE *file = fopen(path, "r");
    char chunk[4096];
    size_t count;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while ((count = fread(chunk, 1, sizeof chunk, file)) > 0) {
        buf_add(out, chunk, count);
    }
    (void)fclose(file);
    return true;
}

int main(int argc, char **argv) {
    struct manifest_set set = {0};
    struct problems problems = {0};
    struct buf text;
    int failed = 0;

    if (argc != 2) {
        (void)fputs("Usage: driver_objects FILE\n", stderr);
        return 2;
    }
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    if (!read_all(argv[1], &text)) {
        failed = 1;
    } else if (manifest_set_parse(text.data, text.bytes, &set, &problems) < 0) {
        struct buf words;

        buf_init(&words, LIMIT_MIB);
        problems_print(&problems, argv[1], &words);
        (void)fputs(buf_text(&words), stderr);
        buf_finish(&words);
        failed = 1;
    }
    for (size_t i = 0; failed == 0 && i < set.count; i++) {
        failed = print_objects(&set.items[i], i + 1);
    }
    manifest_set_destroy(&set);
    problems_finish(&problems);
    buf_finish(&text);
    return failed;
}
