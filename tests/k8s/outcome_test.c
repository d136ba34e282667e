#include "k8s/outcome.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "k8s/codec_pod.h"
#include "tests/test.h"

/* A pod from a few signs. */
struct signs {
    enum pod_phase phase;
    const char *reason;     /* of the pod */
    const char *disruption; /* of the condition */
    bool terminating;
    enum container_phase main;
    int32_t code;
    const char *ending; /* the container's reason */
};

static struct pod_state pod_of(const struct signs *signs) {
    struct pod_state pod = {.phase = signs->phase, .terminating = signs->terminating};

    pod.main.phase = signs->main;
    pod.main.exit_code = signs->code;
    (void)text_copy(pod.reason, sizeof pod.reason, signs->reason != NULL ? signs->reason : "");
    (void)text_copy(pod.disruption_reason, sizeof pod.disruption_reason,
                    signs->disruption != NULL ? signs->disruption : "");
    (void)text_copy(pod.main.reason, sizeof pod.main.reason,
                    signs->ending != NULL ? signs->ending : "");
    return pod;
}

TEST(outcome_judge__classifies_exit_codes) {
    static const struct {
        int32_t code;
        const char *ending;
        enum failure spark;
        enum failure plain;
    } rows[] = {
        {1, "Error", FAILURE_APP, FAILURE_APP},
        {2, "Error", FAILURE_APP, FAILURE_APP},
        {3, "Error", FAILURE_APP, FAILURE_APP},
        {11, "Error", FAILURE_EXECUTOR_STARVED, FAILURE_APP},
        {50, "Error", FAILURE_APP, FAILURE_APP},
        {51, "Error", FAILURE_APP, FAILURE_APP},
        {52, "Error", FAILURE_OOM, FAILURE_APP},
        {53, "Error", FAILURE_APP, FAILURE_APP},
        {101, "Error", FAILURE_APP, FAILURE_APP},
        {124, "Error", FAILURE_DEADLINE, FAILURE_APP},
        {126, "Error", FAILURE_IMAGE, FAILURE_IMAGE},
        {127, "Error", FAILURE_IMAGE, FAILURE_IMAGE},
        {130, "Error", FAILURE_APP, FAILURE_APP},
        {134, "Error", FAILURE_APP, FAILURE_APP},
        {137, "Error", FAILURE_APP, FAILURE_APP},
        {137, "OOMKilled", FAILURE_OOM, FAILURE_OOM},
        {1, "OOMKilled", FAILURE_OOM, FAILURE_OOM},
        {139, "Error", FAILURE_APP, FAILURE_APP},
        {143, "Error", FAILURE_APP, FAILURE_APP},
        {255, "Error", FAILURE_APP, FAILURE_APP},
        {42, "Error", FAILURE_APP, FAILURE_APP},
        {137, "ContainerStatusUnknown", FAILURE_NODE_LOST, FAILURE_NODE_LOST},
        {128, "StartError", FAILURE_IMAGE, FAILURE_IMAGE},
        {127, "ContainerCannotRun", FAILURE_IMAGE, FAILURE_IMAGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_state pod = pod_of(&(struct signs){.phase = POD_FAILED,
                                                      .main = CONTAINER_TERMINATED,
                                                      .code = rows[i].code,
                                                      .ending = rows[i].ending});
        struct outcome outcome;

        outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
        CHECK_EQ(outcome.kind, OUTCOME_FAILED, rows[i].ending);
        CHECK_STR(failure_text(outcome.failure), failure_text(rows[i].spark), rows[i].ending);
        CHECK_EQ(outcome.exit_code, rows[i].code, rows[i].ending);
        CHECK_EQ(outcome.spark_executors, rows[i].code == 11, rows[i].ending);
        CHECK(strstr(outcome.message, "exit code") != NULL, rows[i].ending);
        outcome_judge(&pod, JOB_KIND_POD, &outcome);
        CHECK_STR(failure_text(outcome.failure), failure_text(rows[i].plain), rows[i].ending);
    }
}

TEST(outcome_judge__reads_the_signs_from_outside_before_the_exit_code) {
    static const struct {
        const char *what;
        struct signs signs;
        enum failure want;
    } rows[] = {
        {"evicted", {.phase = POD_FAILED, .reason = "Evicted"}, FAILURE_EVICTED},
        {"evicted, the container killed",
         {.phase = POD_FAILED,
          .reason = "Evicted",
          .main = CONTAINER_TERMINATED,
          .code = 137,
          .ending = "Error"},
         FAILURE_EVICTED},
        {"node lost", {.phase = POD_FAILED, .reason = "NodeLost"}, FAILURE_NODE_LOST},
        {"node shut down", {.phase = POD_FAILED, .reason = "Terminated"}, FAILURE_NODE_LOST},
        {"node shut down, before 1.22",
         {.phase = POD_FAILED, .reason = "Shutdown"},
         FAILURE_NODE_LOST},
        {"node shutting down", {.phase = POD_FAILED, .reason = "NodeShutdown"}, FAILURE_NODE_LOST},
        {"no cpu after all", {.phase = POD_FAILED, .reason = "OutOfcpu"}, FAILURE_UNSCHEDULABLE},
        {"no memory", {.phase = POD_FAILED, .reason = "OutOfmemory"}, FAILURE_UNSCHEDULABLE},
        {"no pods", {.phase = POD_FAILED, .reason = "OutOfpods"}, FAILURE_UNSCHEDULABLE},
        {"affinity", {.phase = POD_FAILED, .reason = "NodeAffinity"}, FAILURE_UNSCHEDULABLE},
        {"admission",
         {.phase = POD_FAILED, .reason = "UnexpectedAdmissionError"},
         FAILURE_UNSCHEDULABLE},
        {"never started", {.phase = POD_FAILED}, FAILURE_UNSCHEDULABLE},
        {"deadline", {.phase = POD_FAILED, .reason = "DeadlineExceeded"}, FAILURE_DEADLINE},
        {"preempted",
         {.phase = POD_FAILED,
          .disruption = "PreemptionByScheduler",
          .main = CONTAINER_TERMINATED,
          .code = 143},
         FAILURE_PREEMPTED},
        {"by the kubelet",
         {.phase = POD_FAILED, .disruption = "TerminationByKubelet"},
         FAILURE_EVICTED},
        {"drained", {.phase = POD_FAILED, .disruption = "EvictionByEvictionAPI"}, FAILURE_EVICTED},
        {"by a taint",
         {.phase = POD_FAILED, .disruption = "DeletionByTaintManager"},
         FAILURE_NODE_LOST},
        {"orphaned", {.phase = POD_FAILED, .disruption = "DeletionByPodGC"}, FAILURE_NODE_LOST},
        {"a disruption of a new kind",
         {.phase = POD_FAILED, .disruption = "SomethingNew"},
         FAILURE_EVICTED},
        {"killed while being deleted",
         {.phase = POD_FAILED, .terminating = true, .main = CONTAINER_TERMINATED, .code = 137},
         FAILURE_NODE_LOST},
        {"asked to end while being deleted",
         {.phase = POD_FAILED, .terminating = true, .main = CONTAINER_TERMINATED, .code = 143},
         FAILURE_NODE_LOST},
        {"failed by itself while being deleted",
         {.phase = POD_FAILED, .terminating = true, .main = CONTAINER_TERMINATED, .code = 1},
         FAILURE_APP},
        {"out of memory while being deleted",
         {.phase = POD_FAILED,
          .terminating = true,
          .main = CONTAINER_TERMINATED,
          .code = 137,
          .ending = "OOMKilled"},
         FAILURE_OOM},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_state pod = pod_of(&rows[i].signs);
        struct outcome outcome;

        outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
        CHECK_EQ(outcome.kind, OUTCOME_FAILED, rows[i].what);
        CHECK_STR(failure_text(outcome.failure), failure_text(rows[i].want), rows[i].what);
        CHECK(outcome.message[0] != '\0', rows[i].what);
    }
}

TEST(outcome_judge__goes_by_the_driver_of_a_spark_job) {
    static const struct {
        const char *what;
        struct signs signs;
        enum job_kind kind;
        enum outcome_kind want;
        int32_t code;
    } rows[] = {
        {"succeeded", {.phase = POD_SUCCEEDED}, JOB_KIND_SPARK, OUTCOME_SUCCEEDED, 0},
        {"succeeded, plain", {.phase = POD_SUCCEEDED}, JOB_KIND_POD, OUTCOME_SUCCEEDED, 0},
        {"runs",
         {.phase = POD_RUNNING, .main = CONTAINER_RUNNING},
         JOB_KIND_SPARK,
         OUTCOME_RUNNING,
         -1},
        {"a sidecar outlives the driver",
         {.phase = POD_RUNNING, .main = CONTAINER_TERMINATED, .code = 0},
         JOB_KIND_SPARK,
         OUTCOME_SUCCEEDED,
         0},
        {"a sidecar outlives a failed driver",
         {.phase = POD_RUNNING, .main = CONTAINER_TERMINATED, .code = 1},
         JOB_KIND_SPARK,
         OUTCOME_FAILED,
         1},
        {"a plain pod runs until all of it is done",
         {.phase = POD_RUNNING, .main = CONTAINER_TERMINATED, .code = 0},
         JOB_KIND_POD,
         OUTCOME_RUNNING,
         -1},
        {"a sidecar failed after the driver",
         {.phase = POD_FAILED, .main = CONTAINER_TERMINATED, .code = 0},
         JOB_KIND_SPARK,
         OUTCOME_SUCCEEDED,
         0},
        {"another container of a plain pod failed",
         {.phase = POD_FAILED, .main = CONTAINER_TERMINATED, .code = 0},
         JOB_KIND_POD,
         OUTCOME_FAILED,
         0},
        {"its node is silent", {.phase = POD_UNKNOWN}, JOB_KIND_SPARK, OUTCOME_UNKNOWN, -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_state pod = pod_of(&rows[i].signs);
        struct outcome outcome;

        outcome_judge(&pod, rows[i].kind, &outcome);
        CHECK_EQ(outcome.kind, rows[i].want, rows[i].what);
        CHECK_EQ(outcome.exit_code, rows[i].code, rows[i].what);
        CHECK_EQ(outcome.failure == FAILURE_NONE,
                 outcome.kind == OUTCOME_SUCCEEDED || outcome.kind == OUTCOME_RUNNING,
                 rows[i].what);
    }
}

TEST(outcome_judge__says_why_a_pod_waits_and_whether_waiting_helps) {
    static const struct {
        const char *reason;
        enum outcome_kind want;
        enum failure failure;
    } rows[] = {
        {"ContainerCreating", OUTCOME_PENDING, FAILURE_NONE},
        {"PodInitializing", OUTCOME_PENDING, FAILURE_NONE},
        {"ErrImagePull", OUTCOME_STUCK, FAILURE_IMAGE},
        {"ImagePullBackOff", OUTCOME_STUCK, FAILURE_IMAGE},
        {"InvalidImageName", OUTCOME_HOPELESS, FAILURE_IMAGE},
        {"ErrImageNeverPull", OUTCOME_HOPELESS, FAILURE_IMAGE},
        {"ImageInspectError", OUTCOME_STUCK, FAILURE_IMAGE},
        {"RegistryUnavailable", OUTCOME_STUCK, FAILURE_IMAGE},
        {"CreateContainerConfigError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"CreateContainerError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"RunContainerError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"PreCreateHookError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"PreStartHookError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"PostStartHookError", OUTCOME_STUCK, FAILURE_CONFIG},
        {"CrashLoopBackOff", OUTCOME_STUCK, FAILURE_APP},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const char *reason = rows[i / 2].reason;
        struct pod_state pod = {.phase = POD_PENDING};
        struct container_state *state = i % 2 == 0 ? &pod.main : &pod.init;
        struct outcome outcome;

        state->phase = CONTAINER_WAITING;
        (void)text_copy(state->reason, sizeof state->reason, reason);
        (void)text_copy(state->message, sizeof state->message, "in the cluster's words");
        outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
        CHECK_EQ(outcome.kind, rows[i / 2].want, reason);
        CHECK_STR(failure_text(outcome.failure), failure_text(rows[i / 2].failure), reason);
        if (outcome.kind != OUTCOME_PENDING) {
            CHECK(strstr(outcome.message, "the cluster's words") != NULL, reason);
        }
    }
}

TEST(outcome_judge__tells_unschedulable_from_gated) {
    static const struct {
        const char *reason;
        enum outcome_kind want;
    } rows[] = {
        {"", OUTCOME_PENDING},
        {"Unschedulable", OUTCOME_STUCK},
        {"SchedulerError", OUTCOME_STUCK},
        {"SchedulingGated", OUTCOME_PENDING},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_state pod = {.phase = POD_PENDING};
        struct outcome outcome;

        (void)text_copy(pod.scheduled_reason, sizeof pod.scheduled_reason, rows[i].reason);
        outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
        CHECK_EQ(outcome.kind, rows[i].want, rows[i].reason);
        CHECK_EQ(outcome.failure,
                 rows[i].want == OUTCOME_STUCK ? FAILURE_UNSCHEDULABLE : FAILURE_NONE,
                 rows[i].reason);
        CHECK(strstr(outcome.message, rows[i].reason) != NULL, rows[i].reason);
    }
}

TEST(outcome_judge__blames_an_init_container) {
    struct pod_state pod = {.phase = POD_FAILED};
    struct outcome outcome;

    pod.init.phase = CONTAINER_TERMINATED;
    pod.init.exit_code = 52;
    outcome_judge(&pod, JOB_KIND_SPARK, &outcome);
    CHECK_EQ(outcome.failure, FAILURE_APP, "its code is not Spark's");
    CHECK_EQ(outcome.exit_code, 52, "its code");
}

TEST(outcome_judge_gone__remembers_how_it_was) {
    static const struct {
        const char *what;
        struct signs signs;
        enum outcome_kind want;
        enum failure failure;
    } rows[] = {
        {"it ran",
         {.phase = POD_RUNNING, .main = CONTAINER_RUNNING},
         OUTCOME_FAILED,
         FAILURE_NODE_LOST},
        {"it was to be preempted",
         {.phase = POD_RUNNING, .disruption = "PreemptionByScheduler", .terminating = true},
         OUTCOME_FAILED,
         FAILURE_PREEMPTED},
        {"it had succeeded", {.phase = POD_SUCCEEDED}, OUTCOME_SUCCEEDED, FAILURE_NONE},
        {"it had failed",
         {.phase = POD_FAILED, .main = CONTAINER_TERMINATED, .code = 1},
         OUTCOME_FAILED,
         FAILURE_APP},
        {"it never ran", {.phase = POD_PENDING}, OUTCOME_FAILED, FAILURE_NODE_LOST},
    };
    struct outcome outcome;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pod_state pod = pod_of(&rows[i].signs);

        outcome_judge_gone(&pod, JOB_KIND_SPARK, &outcome);
        CHECK_EQ(outcome.kind, rows[i].want, rows[i].what);
        CHECK_STR(failure_text(outcome.failure), failure_text(rows[i].failure), rows[i].what);
    }
    outcome_judge_gone(NULL, JOB_KIND_POD, &outcome);
    CHECK_EQ(outcome.failure, FAILURE_NODE_LOST, "nothing known");
    CHECK_EQ(outcome.exit_code, -1, "nothing known");
}
