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
struct code {
    int32_t code;
    enum failure failure;
    const char *words;
};

static const struct code codes[] = {
    {126, FAILURE_IMAGE, "the entrypoint cannot be executed"},
    {127, FAILURE_IMAGE, "a command was not found"},
};

/* The codes that Spark's driver gives a meaning. */
static const struct code spark_codes[] = {
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

/* The codes that Spark's executors give a meaning. */
static const struct code executor_codes[] = {
    {52, FAILURE_OOM, "java.lang.OutOfMemoryError"},
    {53, FAILURE_APP, "no local folder could be made"},
    {56, FAILURE_APP, "its driver did not hear of it"},
    {57, FAILURE_APP, "a task could not be killed"},
    {58, FAILURE_APP, "its blocks could not be registered again"},
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

static const struct code *find_code(const struct code *table, size_t count, int32_t code) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return NULL;
}

static const char *code_words(int32_t code, enum job_kind kind, enum pod_role role,
                              enum failure *out_failure) {
    const struct code *found = NULL;

    if (role == POD_ROLE_EXECUTOR) {
        found = find_code(executor_codes, ARRAY_LEN(executor_codes), code);
    } else if (kind == JOB_KIND_SPARK) {
        found = find_code(spark_codes, ARRAY_LEN(spark_codes), code);
    }
    found = found != NULL ? found : find_code(codes, ARRAY_LEN(codes), code);
    if (found != NULL) {
        *out_failure = found->failure;
        return found->words;
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
                         enum pod_role role, struct outcome *outcome) {
    const struct meanings table = {endings, ARRAY_LEN(endings)};
    char reason[POD_REASON_BYTES + 64];
    const char *words = code_words(state->exit_code, kind, role, &outcome->failure);
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
        judge_ending(&pod->main, kind, pod->role, outcome);
    } else if (pod->init.phase == CONTAINER_TERMINATED) {
        judge_ending(&pod->init, JOB_KIND_POD, POD_ROLE_POD, outcome);
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

/* "; BEFORE WORD AFTER", unless there is no word. */
static void add_sign(struct outcome *outcome, const char *before, const char *word,
                     const char *after) {
    size_t used = strlen(outcome->cause);

    if (word[0] != '\0') {
        (void)snprintf(outcome->cause + used, sizeof outcome->cause - used, "%s%s%s%s",
                       used > 0 ? "; " : "", before, word, after);
    }
}

/* What was looked at, in the order of trust. */
static void tell_signs(const struct pod_state *pod, struct outcome *outcome) {
    static const char *const phases[] = {"Pending", "Running", "Succeeded", "Failed", "Unknown"};
    char after[POD_REASON_BYTES + 64];

    add_sign(outcome, "phase ", phases[pod->phase], "");
    add_sign(outcome, "reason ", pod->reason, "");
    add_sign(outcome, "condition DisruptionTarget ", pod->disruption_reason, "");
    add_sign(outcome, "not scheduled: ", pod->scheduled_reason, "");
    add_sign(outcome, "being ", pod->terminating ? "deleted" : "", "");
    add_sign(outcome, "init container: ", pod->init.reason, "");
    add_sign(outcome, "main container: ", pod->main.reason, "");
    for (size_t i = 0; i < pod->signs.exit_count; i++) {
        (void)snprintf(after, sizeof after, " ended with exit code %d",
                       (int)pod->signs.exits[i].code);
        add_sign(outcome, "", pod->signs.exits[i].container, after);
    }
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
    if (outcome.failure != FAILURE_NONE) {
        tell_signs(pod, &outcome);
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
