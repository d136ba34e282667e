#include "scheduler/diagnosis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void add(struct diagnosis *diagnosis, const char *words) {
    size_t used = strlen(diagnosis->cause);

    (void)snprintf(diagnosis->cause + used, sizeof diagnosis->cause - used, "%s%s",
                   used > 0 ? "; " : "", words);
}

/* Does the attempt's node work? One that we may not see does. */
static const char *trouble_of_node(const struct core *core, const char *name) {
    if (name[0] == '\0' || !core->counts.synced[CLUSTER_NODES]) {
        return NULL;
    }
    for (size_t i = 0; i < ledger_node_count(core->ledger); i++) {
        const struct ledger_node *node = ledger_node(core->ledger, i);

        if (node->node != NULL && strcmp(node->name, name) == 0) {
            return node->node->ready ? NULL : "not ready";
        }
    }
    return "gone";
}

static bool was_killed(int32_t exit_code) {
    return exit_code == 137 || exit_code == 143;
}

/* A program that was killed while its node went away did not fail by itself. */
static void weigh_node(const struct core *core, const struct run *run, int32_t exit_code,
                       struct diagnosis *diagnosis) {
    const char *trouble = trouble_of_node(core, run->attempt.node);
    char words[LIMIT_NAME_BYTES + 32];

    if (trouble == NULL) {
        return;
    }
    (void)snprintf(words, sizeof words, "node %s is %s", run->attempt.node, trouble);
    add(diagnosis, words);
    if (diagnosis->failure == FAILURE_APP && was_killed(exit_code)) {
        diagnosis->failure = FAILURE_NODE_LOST;
    }
}

/* A driver gives up when too many of its executors failed, or the same task on several of them:
 * if they were out of memory, that is what the application failed of. */
static void weigh_executors(const struct run *run, struct diagnosis *diagnosis) {
    char words[64];

    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        if (run->executor_ends[i] > 0) {
            (void)snprintf(words, sizeof words, "%" PRIu32 " executor%s ended with %s",
                           run->executor_ends[i], run->executor_ends[i] == 1 ? "" : "s",
                           failure_text((enum failure)i));
            add(diagnosis, words);
        }
    }
    if (run->executor_ends[FAILURE_OOM] > 0 &&
        (diagnosis->failure == FAILURE_APP || diagnosis->failure == FAILURE_EXECUTOR_STARVED)) {
        diagnosis->failure = FAILURE_OOM;
        diagnosis->of_executors = true;
    }
}

void diagnose(const struct core *core, const struct entry *entry, enum failure failure,
              int32_t exit_code, const char *message, struct diagnosis *out_diagnosis) {
    const struct run *run = entry->run;

    *out_diagnosis = (struct diagnosis){.failure = failure};
    if (failure == FAILURE_NONE) {
        return;
    }
    add(out_diagnosis, run->standing_cause != NULL && run->standing_cause[0] != '\0'
                           ? run->standing_cause
                           : message);
    weigh_executors(run, out_diagnosis);
    weigh_node(core, run, exit_code, out_diagnosis);
}
