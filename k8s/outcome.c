#include "k8s/outcome.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "k8s/codec_pod.h"

/* A word of the cluster and what it means for the attempt. */
struct meaning {
    const char *reason;
    enum failure failure;
};

struct meanings {
    const struct meaning *rows;
    size_t count;
};

/* status.reason of a failed pod. */
static const struct meaning pod_reasons[] = {
    {"Evicted", FAILURE_EVICTED},
    {"NodeLost", FAILURE_NODE_LOST},
    {"Terminated", FAILURE_NODE_LOST}, /* the node shut down in order; Shutdown before 1.22 */
    {"Shutdown", FAILURE_NODE_LOST},
    {"NodeShutdown", FAILURE_NODE_LOST},
    {"Preempting", FAILURE_PREEMPTED},   /* by a kubelet, for a critical pod */
    {"OutOfcpu", FAILURE_UNSCHEDULABLE}, /* the kubelet refused what the scheduler sent */
    {"OutOfmemory", FAILURE_UNSCHEDULABLE},
    {"OutOfpods", FAILURE_UNSCHEDULABLE},
    {"NodeAffinity", FAILURE_UNSCHEDULABLE},
    {"UnexpectedAdmissionError", FAILURE_UNSCHEDULABLE},
    {"DeadlineExceeded", FAILURE_DEADLINE},
};

/* The reason of a DisruptionTarget condition. */
static const struct meaning disruptions[] = {
    {"PreemptionByScheduler", FAILURE_PREEMPTED}, {"TerminationByKubelet", FAILURE_EVICTED},
    {"EvictionByEvictionAPI", FAILURE_EVICTED},   {"DeletionByTaintManager", FAILURE_NODE_LOST},
    {"DeletionByPodGC", FAILURE_NODE_LOST},
};

/* The reason of a container's end. */
static const struct meaning endings[] = {
    {"OOMKilled", FAILURE_OOM},
    {"ContainerStatusUnknown", FAILURE_NODE_LOST},
    {"StartError", FAILURE_IMAGE},
    {"ContainerCannotRun", FAILURE_IMAGE},
};

/* Why a container waits, and whether waiting longer can help. */
static const struct {
    struct meaning meaning;
    enum outcome_kind kind;
} waits[] = {
    {{"ErrImagePull", FAILURE_IMAGE}, OUTCOME_STUCK},
    {{"ImagePullBackOff", FAILURE_IMAGE}, OUTCOME_STUCK},
    {{"ImageInspectError", FAILURE_IMAGE}, OUTCOME_STUCK},
    {{"RegistryUnavailable", FAILURE_IMAGE}, OUTCOME_STUCK},
    {{"InvalidImageName", FAILURE_IMAGE}, OUTCOME_HOPELESS},
    {{"ErrImageNeverPull", FAILURE_IMAGE}, OUTCOME_HOPELESS},
    {{"CreateContainerConfigError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"CreateContainerError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"RunContainerError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"PreCreateHookError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"PreStartHookError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"PostStartHookError", FAILURE_CONFIG}, OUTCOME_STUCK},
    {{"CrashLoopBackOff", FAILURE_APP}, OUTCOME_STUCK},
};

/* What an exit code says when nothing else does. */
static const struct {
    int32_t code;
    enum failure failure;
    const char *words;
} codes[] = {
    {126, FAILURE_IMAGE, "the entrypoint cannot be executed"},
    {127, FAILURE_IMAGE, "a command was not found"},
};

/* The codes that Spark's driver gives a meaning. */
static const struct {
    int32_t code;
    enum failure failure;
    const char *words;
} spark_codes[] = {
    {1, FAILURE_APP, "uncaught exception or wrong options"},
    {2, FAILURE_APP, "usage error"},
    {3, FAILURE_APP, "path not found, or the JVM left on an OutOfMemoryError"},
    {11, FAILURE_EXECUTOR_STARVED, "too many executors failed"},
    {50, FAILURE_APP, "uncaught exception"},
    {51, FAILURE_APP, "uncaught exception, and its handling failed"},
    {52, FAILURE_OOM, "java.lang.OutOfMemoryError"},
    {101, FAILURE_APP, "the main class was not found"},
    {124, FAILURE_DEADLINE, "spark.driver.timeout was reached"},
    {255, FAILURE_APP, "exit(-1)"},
};

/* The row of that reason, or FAILURE_NONE. */
static enum failure look_up(const struct meanings *table, const char *reason) {
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].reason, reason) == 0) {
            return table->rows[i].failure;
        }
    }
    return FAILURE_NONE;
}

static enum failure disruption_of(const struct pod_state *pod) {
    const struct meanings table = {disruptions, ARRAY_LEN(disruptions)};
    enum failure failure = look_up(&table, pod->disruption_reason);

    return failure == FAILURE_NONE ? FAILURE_EVICTED : failure;
}

/* "REASON: words", and whichever of the two there is. */
static void say(struct outcome *outcome, const char *reason, const char *words) {
    (void)snprintf(outcome->message, sizeof outcome->message, "%s%s%s", reason,
                   reason[0] != '\0' && words[0] != '\0' ? ": " : "", words);
}

static const char *code_words(int32_t code, enum job_kind kind, enum failure *out_failure) {
    for (size_t i = 0; kind == JOB_KIND_SPARK && i < ARRAY_LEN(spark_codes); i++) {
        if (spark_codes[i].code == code) {
            *out_failure = spark_codes[i].failure;
            return spark_codes[i].words;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].code == code) {
            *out_failure = codes[i].failure;
            return codes[i].words;
        }
    }
    *out_failure = FAILURE_APP;
    switch (code) {
    case 130:
        return "interrupted";
    case 134:
        return "aborted; a crash of the JVM looks like this";
    case 137:
        return "killed; a child process out of memory looks like this too";
    case 139:
        return "segmentation fault";
    case 143:
        return "asked to terminate";
    default:
        return "";
    }
}

/* A container's end that is not 0, without any sign from outside it. */
static void judge_ending(const struct container_state *state, enum job_kind kind,
                         struct outcome *outcome) {
    const struct meanings table = {endings, ARRAY_LEN(endings)};
    char reason[POD_REASON_BYTES + 64];
    const char *words = code_words(state->exit_code, kind, &outcome->failure);
    enum failure ending = look_up(&table, state->reason);

    outcome->exit_code = state->exit_code;
    if (ending != FAILURE_NONE) {
        outcome->failure = ending;
    }
    outcome->spark_executors = outcome->failure == FAILURE_EXECUTOR_STARVED;
    (void)snprintf(reason, sizeof reason, "%s%sexit code %d", state->reason,
                   state->reason[0] != '\0' ? ", " : "", (int)state->exit_code);
    say(outcome, reason, state->message[0] != '\0' ? state->message : words);
}

static bool is_killed(const struct container_state *state) {
    return state->phase == CONTAINER_TERMINATED &&
           (state->exit_code == 137 || state->exit_code == 143);
}

/* Signs that the attempt was ended from outside; false if there is none. */
static bool judge_signs(const struct pod_state *pod, struct outcome *outcome) {
    const struct meanings table = {pod_reasons, ARRAY_LEN(pod_reasons)};
    enum failure failure = look_up(&table, pod->reason);

    if (failure != FAILURE_NONE) {
        outcome->failure = failure;
        say(outcome, pod->reason, pod->message);
        return true;
    }
    if (pod->disruption_reason[0] != '\0') {
        outcome->failure = disruption_of(pod);
        say(outcome, pod->disruption_reason, pod->disruption_message);
        return true;
    }
    if (pod->terminating && is_killed(&pod->main) && strcmp(pod->main.reason, "OOMKilled") != 0) {
        outcome->failure = FAILURE_NODE_LOST;
        say(outcome, "Deleted", "the pod was being deleted when its container was killed");
        return true;
    }
    return false;
}

static void judge_failed(const struct pod_state *pod, enum job_kind kind, struct outcome *outcome) {
    outcome->kind = OUTCOME_FAILED;
    if (pod->main.phase == CONTAINER_TERMINATED) {
        outcome->exit_code = pod->main.exit_code;
    }
    if (judge_signs(pod, outcome)) {
        return;
    }
    if (pod->main.phase == CONTAINER_TERMINATED && pod->main.exit_code != 0) {
        judge_ending(&pod->main, kind, outcome);
    } else if (pod->init.phase == CONTAINER_TERMINATED) {
        judge_ending(&pod->init, JOB_KIND_POD, outcome);
    } else if (pod->main.phase == CONTAINER_TERMINATED) {
        outcome->failure = FAILURE_APP; /* Another container of a plain pod failed. */
        say(outcome, pod->reason, pod->message[0] != '\0' ? pod->message : "a container failed");
    } else {
        outcome->failure = FAILURE_UNSCHEDULABLE; /* It ended before it began. */
        say(outcome, pod->reason, pod->message[0] != '\0' ? pod->message : "it never started");
    }
}

/* What keeps a container from starting; false if it is nothing. */
static bool judge_wait(const struct container_state *state, struct outcome *outcome) {
    for (size_t i = 0; state->phase == CONTAINER_WAITING && i < ARRAY_LEN(waits); i++) {
        if (strcmp(waits[i].meaning.reason, state->reason) == 0) {
            outcome->kind = waits[i].kind;
            outcome->failure = waits[i].meaning.failure;
            say(outcome, state->reason, state->message);
            return true;
        }
    }
    return false;
}

static void judge_pending(const struct pod_state *pod, struct outcome *outcome) {
    outcome->kind = OUTCOME_PENDING;
    if (judge_wait(&pod->init, outcome) || judge_wait(&pod->main, outcome)) {
        return;
    }
    if (strcmp(pod->scheduled_reason, "Unschedulable") == 0 ||
        strcmp(pod->scheduled_reason, "SchedulerError") == 0) {
        outcome->kind = OUTCOME_STUCK;
        outcome->failure = FAILURE_UNSCHEDULABLE;
    }
    if (pod->scheduled_reason[0] != '\0') {
        say(outcome, pod->scheduled_reason, pod->scheduled_message);
    } else {
        say(outcome, pod->main.reason, pod->main.message);
    }
}

static void judge_running(const struct pod_state *pod, enum job_kind kind,
                          struct outcome *outcome) {
    /* Sidecars may keep the pod running long after the driver is through. */
    if (kind == JOB_KIND_SPARK && pod->main.phase == CONTAINER_TERMINATED) {
        if (pod->main.exit_code != 0) {
            judge_failed(pod, kind, outcome);
            return;
        }
        outcome->kind = OUTCOME_SUCCEEDED;
        outcome->exit_code = 0;
        return;
    }
    outcome->kind = OUTCOME_RUNNING;
    (void)judge_wait(&pod->main, outcome);
}

void outcome_judge(const struct pod_state *pod, enum job_kind kind, struct outcome *out_outcome) {
    struct outcome outcome = {.exit_code = -1};
    bool is_driver_done = kind == JOB_KIND_SPARK && pod->main.phase == CONTAINER_TERMINATED &&
                          pod->main.exit_code == 0;

    switch (pod->phase) {
    case POD_PENDING:
        judge_pending(pod, &outcome);
        break;
    case POD_RUNNING:
        judge_running(pod, kind, &outcome);
        break;
    case POD_SUCCEEDED:
        outcome.kind = OUTCOME_SUCCEEDED;
        outcome.exit_code = 0;
        break;
    case POD_FAILED:
        judge_failed(pod, kind, &outcome);
        if (is_driver_done) { /* A sidecar's failure is not the application's. */
            outcome = (struct outcome){.kind = OUTCOME_SUCCEEDED};
        }
        break;
    case POD_UNKNOWN:
        outcome.kind = OUTCOME_UNKNOWN;
        outcome.failure = FAILURE_NODE_LOST;
        say(&outcome, pod->reason,
            pod->message[0] != '\0' ? pod->message : "the pod's node does not answer");
        break;
    }
    *out_outcome = outcome;
}

void outcome_judge_gone(const struct pod_state *pod, enum job_kind kind,
                        struct outcome *out_outcome) {
    struct outcome outcome = {.kind = OUTCOME_FAILED, .exit_code = -1};

    if (pod != NULL) {
        outcome_judge(pod, kind, &outcome);
        if (outcome.kind == OUTCOME_SUCCEEDED || outcome.kind == OUTCOME_FAILED) {
            *out_outcome = outcome; /* It ended first, and was removed then. */
            return;
        }
        outcome = (struct outcome){.kind = OUTCOME_FAILED, .exit_code = -1};
        if (judge_signs(pod, &outcome)) {
            *out_outcome = outcome;
            return;
        }
    }
    outcome.failure = FAILURE_NODE_LOST;
    say(&outcome, "", "the pod is gone: deleted by hand, or with its node");
    *out_outcome = outcome;
}
