/* Runs whose containers are processes: the pod's processes do as they do, this writes it down. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sim/pod_math.h"
#include "sim/pod_process.h"
#include "sim/pod_status.h"
#include "sim/process_kubelet.h"
#include "sim/runtime_inside.h"
#include "sim/tree.h"

/* Between the end of a deleted pod's containers and its own: a kubelet takes longer to tell the
 * API, and who follows a log hears its last words in it. */
#define LAST_WORDS_US (300 * CLOCK_US_PER_MS)

static void wait_for_folders(struct runtime *runtime, struct run *run, const json_t *pod,
                             const char *words, int64_t now_us) {
    char *message = mem_format("MountVolume.SetUp failed: %s", words);

    runtime_plan(runtime, run, now_us + runtime_backoff_us(runtime, run));
    runtime_report(runtime, pod, "Warning", "FailedMount", now_us, message);
    free(message);
}

void runtime_start_processes(struct runtime *runtime, struct run *run, const json_t *pod,
                             int64_t now_us) {
    struct error error = {0};
    int r = process_kubelet_add(runtime->config.processes, pod, run->id, &run->process, &error);

    if (r != OK) {
        run->process = NULL;
        wait_for_folders(runtime, run, pod, error.text, now_us);
        return;
    }
    run->state = RUN_RUNNING;
    run->has_run = true;
    runtime_report(runtime, pod, "Normal", "Started", now_us, "Started container");
    runtime_step_processes(runtime, run, pod, now_us);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The whole pod has failed: what still runs is told to end, and the status says so at once. */
static void end_by_deadline(struct runtime *runtime, struct run *run, const json_t *pod,
                            int64_t now_us) {
    static const struct pod_exit exit = {
        .pod_reason = "DeadlineExceeded",
        .pod_message = "Pod was active on the node longer than the specified deadline"};
    int64_t grace_us =
        tree_int(pod, "spec/terminationGracePeriodSeconds", 30) * CLOCK_US_PER_SECOND;

    run->deadline_us = CLOCK_NEVER_US;
    pod_process_stop(run->process, grace_us, now_us);
    runtime_plan(runtime, run, pod_process_step(run->process, now_us));
    run->state = RUN_ENDED;
    runtime_write_status(runtime, run, pod_process_status(run->process, pod, &exit, now_us),
                         now_us);
}

void runtime_step_processes(struct runtime *runtime, struct run *run, const json_t *pod,
                            int64_t now_us) {
    int64_t next_us = pod_process_step(run->process, now_us);

    if (now_us >= run->deadline_us && !pod_process_ended(run->process)) {
        end_by_deadline(runtime, run, pod, now_us);
        return;
    }
    process_kubelet_watch_memory(runtime->config.processes);
    if (pod_process_ended(run->process)) {
        run->state = RUN_ENDED;
        next_us = CLOCK_NEVER_US;
    }
    runtime_plan(runtime, run,
                 run->state == RUN_ENDED ? next_us : earlier(next_us, run->deadline_us));
    runtime_write_status(runtime, run, pod_process_status(run->process, pod, NULL, now_us), now_us);
}

/* Again after each change, until all have ended. */
void runtime_stop_processes(struct runtime *runtime, struct run *run, const json_t *pod,
                            int64_t now_us) {
    int64_t grace_us =
        tree_int(pod, "metadata/deletionGracePeriodSeconds", 30) * CLOCK_US_PER_SECOND;
    int64_t next_us;

    if (!run->stop_sent) {
        run->stop_sent = true;
        runtime_report(runtime, pod, "Normal", "Killing", now_us, "Stopping container");
        pod_process_stop(run->process, grace_us, now_us);
    }
    next_us = pod_process_step(run->process, now_us);
    if (!pod_process_ended(run->process)) {
        runtime_plan(runtime, run, next_us);
        return;
    }
    if (run->leave_us == 0) {
        run->leave_us = grace_us > 0 ? now_us + LAST_WORDS_US : now_us;
        if (!pod_finished(pod)) {
            runtime_write_status(runtime, run, pod_process_status(run->process, pod, NULL, now_us),
                                 now_us);
        }
    }
    if (now_us < run->leave_us) {
        runtime_plan(runtime, run, run->leave_us);
    } else {
        runtime_delete_pod(runtime, pod, now_us);
    }
}
