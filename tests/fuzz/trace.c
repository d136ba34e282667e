/* What nightshift-replay and kubesim read: traces of other schedulers, clusters, objects; and where
 * the kernel keeps groups. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/error.h"
#include "base/memory.h"
#include "sim/cgroup_place.h"
#include "sim/objects.h"
#include "sim/replay_cluster.h"
#include "sim/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define JOBS_MAX      1000
#define PROBLEM_BYTES 65536

static void check_trace(const char *path) {
    const struct trace_options options = {.pod_cpus = 4, .skip_bad = true, .jobs_max = JOBS_MAX};
    struct trace trace = {.count = 0};
    struct error error = {0};

    if (trace_read(path, &options, &trace, &error) == OK) {
        ENSURE(trace.count <= JOBS_MAX);
        for (size_t i = 1; i < trace.count; i++) {
            ENSURE(trace.jobs[i - 1].submit_us <= trace.jobs[i].submit_us);
        }
        trace_finish(&trace);
    } else {
        ENSURE(error.code != OK && error.text[0] != '\0');
    }
}

static void check_cluster(const char *path, const char *text) {
    struct replay_cluster cluster = {.node_count = 0};
    struct buf problems;

    buf_init(&problems, PROBLEM_BYTES);
    if (replay_cluster_read(path, &cluster, &problems) == OK) {
        replay_cluster_finish(&cluster);
    }
    memset(&cluster, 0, sizeof cluster);
    if (replay_cluster_read_machines(path, &cluster, &problems) == OK) {
        replay_cluster_finish(&cluster);
    }
    memset(&cluster, 0, sizeof cluster);
    if (strlen(text) < 12 && replay_cluster_parse(text, &cluster) == OK) {
        replay_cluster_finish(&cluster);
    }
    buf_finish(&problems);
}

static void check_objects(const char *text, size_t size) {
    struct error error = {0};
    json_t *objects = NULL;

    if (sim_objects_parse(text, size, &objects, &error) == OK) {
        ENSURE(json_is_array(objects));
        json_decref(objects);
    } else {
        ENSURE(error.code != OK && error.text[0] != '\0');
    }
}

static void check_groups(const char *text) {
    struct cgroup_place place = {.mount = NULL};

    if (cgroup_place_v2(text, text, &place) || cgroup_place_v1_memory(text, text, &place)) {
        ENSURE(strncmp(place.own, place.mount, strlen(place.mount)) == 0);
        ENSURE(strstr(place.own + strlen(place.mount), "/..") == NULL);
        cgroup_place_finish(&place);
    }
}

/* The readers of files take a path; its ending chooses among those of traces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const endings[] = {"swf", "json", "tsv", ""};
    const char *ending = endings[size % ARRAY_LEN(endings)];
    char folder[] = "/dev/shm/trace-XXXXXX";
    char *text = mem_copy_text_n((const char *)data, size);
    char path[64];
    FILE *file;

    ENSURE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/t.%s", folder, ending);
    file = fopen(path, "we");
    ENSURE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    check_trace(path);
    check_cluster(path, text);
    check_objects(text, size);
    check_groups(text);
    ENSURE(unlink(path) == 0 && rmdir(folder) == 0);
    free(text);
    return 0;
}
