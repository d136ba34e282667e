/* Jobs come, run, end and are forgotten, again and again: the file's size levels off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/queue.h"
#include "tests/test.h"

#ifndef SOAK_CYCLES
#define SOAK_CYCLES 400
#endif

#define JOBS   50 /* of a cycle */
#define KEPT   20 /* cycles in the history */
#define EVENTS 5  /* of a job, beside its first */
#define POINTS 20 /* of the curve that is printed */

struct soak {
    struct queue *queue;
    struct rng rng;
    struct spec specs[JOBS];
    char texts[JOBS][1024];
};

static void commit(struct soak *soak, const struct queue_change *changes, size_t count) {
    struct error error = {0};

    CHECK_EQ(queue_commit(soak->queue, changes, count, &error), OK, error.text);
}

/* One of each two has a text that no other has. */
static void make_spec(struct soak *soak, size_t at) {
    struct spec *spec = &soak->specs[at];
    size_t bytes = 300 + rng_below(&soak->rng, 700);

    for (size_t i = 0; i < bytes; i++) {
        soak->texts[at][i] = at % 2 == 0 ? 'x' : (char)(' ' + rng_below(&soak->rng, 90));
    }
    *spec = (struct spec){.text = soak->texts[at],
                          .bytes = at % 2 == 0 ? 300 : bytes,
                          .demand = "0123456789abcdef",
                          .demand_bytes = 16};
    digest_sha256(spec->text, spec->bytes, spec->hash);
}

static struct job job_of(uint64_t id, enum job_state state, uint32_t events) {
    return (struct job){.id = id,
                        .name = "nightly-load",
                        .namespace = id % 3 == 0 ? "red" : "blue",
                        .team = "etl",
                        .submitter = "ann",
                        .priority_class = "",
                        .window = "",
                        .state = state,
                        .submitted_us = INT64_C(1800000000000000) + (int64_t)id,
                        .eligible_us = INT64_C(1800000000000000) + (int64_t)id,
                        .attempt = state == JOB_QUEUED ? 0 : 1,
                        .event_count = events,
                        .exit_code = -1};
}

static void come(struct soak *soak, uint64_t first) {
    struct queue_change changes[JOBS];

    for (size_t i = 0; i < JOBS; i++) {
        make_spec(soak, i);
        changes[i] = (struct queue_change){.kind = CHANGE_JOB_PUT,
                                           .job = job_of(first + i, JOB_QUEUED, 1),
                                           .spec = &soak->specs[i]};
    }
    commit(soak, changes, JOBS);
}

/* Through the states of a life, an event and a commit each. */
static void run(struct soak *soak, uint64_t first) {
    static const enum job_state states[EVENTS] = {JOB_SUBMITTING, JOB_STARTING, JOB_RUNNING,
                                                  JOB_RUNNING, JOB_SUCCEEDED};

    for (uint32_t event = 0; event < EVENTS; event++) {
        struct queue_change changes[3 * JOBS];
        size_t count = 0;

        for (uint64_t id = first; id < first + JOBS; id++) {
            changes[count++] =
                (struct queue_change){.kind = CHANGE_EVENT_ADD,
                                      .event = {.job_id = id,
                                                .sequence = event + 1,
                                                .at_us = INT64_C(1800000000000000),
                                                .attempt = 1,
                                                .state = states[event],
                                                .kind = "moved",
                                                .text = "pod nightly-load-driver on node node-17"}};
            changes[count++] = (struct queue_change){.kind = CHANGE_JOB_PUT,
                                                     .job = job_of(id, states[event], event + 2)};
            changes[count++] =
                (struct queue_change){.kind = CHANGE_ATTEMPT_PUT,
                                      .attempt = {.job_id = id,
                                                  .number = 1,
                                                  .pod_name = "nightly-load-driver",
                                                  .pod_uid = "2f1c7d5e-0000-4000-8000-0123456789",
                                                  .node = event > 0 ? "node-17" : "",
                                                  .message = "",
                                                  .exit_code = -1}};
        }
        commit(soak, changes, count);
    }
}

static void go(struct soak *soak, uint64_t first) {
    struct queue_change changes[JOBS];

    for (size_t i = 0; i < JOBS; i++) {
        changes[i] = (struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = first + i};
    }
    commit(soak, changes, JOBS);
}

static uint64_t file_bytes(struct soak *soak) {
    struct queue_stats stats;

    CHECK_OK(queue_get_stats(soak->queue, &stats), "stats");
    CHECK(stats.jobs <= JOBS * (KEPT + 1), "what was dropped is gone");
    CHECK(stats.specs <= JOBS * (KEPT + 1), "its specs too");
    return stats.file_bytes;
}

static void print_point(uint64_t cycle, uint64_t bytes) {
    if ((cycle + 1) % (SOAK_CYCLES / POINTS) == 0) {
        (void)fprintf(stderr, "after %8llu jobs: %llu bytes\n",
                      (unsigned long long)((cycle + 1) * JOBS), (unsigned long long)bytes);
    }
}

TEST_WITHIN(queue__levels_off, SOAK_CYCLES / 4) {
    struct soak *soak = mem_alloc(1, sizeof *soak);
    struct error error = {0};
    uint64_t early = 0;
    uint64_t late = 0;

    rng_init(&soak->rng, 1);
    CHECK_EQ(queue_open(test_folder(), &error, &soak->queue), OK, error.text);
    for (uint64_t cycle = 0; cycle < SOAK_CYCLES; cycle++) {
        uint64_t bytes;

        come(soak, cycle * JOBS + 1);
        run(soak, cycle * JOBS + 1);
        if (cycle >= KEPT) {
            go(soak, (cycle - KEPT) * JOBS + 1);
        }
        bytes = file_bytes(soak);
        print_point(cycle, bytes);
        if (cycle < SOAK_CYCLES / 2) {
            early = bytes > early ? bytes : early;
        } else {
            late = bytes > late ? bytes : late;
        }
    }
    (void)fprintf(stderr, "largest in the first half: %llu bytes, in the second: %llu\n",
                  (unsigned long long)early, (unsigned long long)late);
    CHECK(late <= early + early / 10, "free pages are used again");
    CHECK_EQ(queue_verify(soak->queue, &error), OK, error.text);
    queue_close(soak->queue);
    free(soak);
}
