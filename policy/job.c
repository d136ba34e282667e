#include "policy/job.h"

#include <stddef.h>
#include <string.h>

#include "base/ensure.h"

static const char *const state_texts[JOB_STATE_COUNT] = {
#define JOB_STATE_TEXT(name, text) [name] = text,
    JOB_STATE_LIST(JOB_STATE_TEXT)
#undef JOB_STATE_TEXT
};

static const char *const failure_texts[FAILURE_COUNT] = {
#define FAILURE_TEXT(name, text) [name] = text,
    FAILURE_LIST(FAILURE_TEXT)
#undef FAILURE_TEXT
};

const char *const start_miss_texts[START_MISS_COUNT + 1] = {
    [START_MISS_WARN] = "warn",
    [START_MISS_SKIP] = "skip",
};

#define TO(state) (1u << (state))

/* From each state (row), the states it may go to. From final ones only a person takes a job. */
static const unsigned allowed[JOB_STATE_COUNT] = {
    [JOB_HELD] =
        TO(JOB_QUEUED) | TO(JOB_FAILED) | TO(JOB_CANCELLED) | TO(JOB_SKIPPED) | TO(JOB_REJECTED),
    [JOB_QUEUED] = TO(JOB_HELD) | TO(JOB_SUBMITTING) | TO(JOB_FAILED) | TO(JOB_CANCELLED) |
                   TO(JOB_REJECTED) | TO(JOB_SKIPPED),
    [JOB_SUBMITTING] = TO(JOB_STARTING) | TO(JOB_RUNNING) | TO(JOB_QUEUED) | TO(JOB_RETRY_WAIT) |
                       TO(JOB_SUCCEEDED) | TO(JOB_FAILED) | TO(JOB_CANCELLED) | TO(JOB_REJECTED),
    [JOB_STARTING] = TO(JOB_RUNNING) | TO(JOB_QUEUED) | TO(JOB_RETRY_WAIT) | TO(JOB_SUCCEEDED) |
                     TO(JOB_FAILED) | TO(JOB_CANCELLED),
    [JOB_RUNNING] = TO(JOB_SUCCEEDED) | TO(JOB_FAILED) | TO(JOB_RETRY_WAIT) | TO(JOB_QUEUED) |
                    TO(JOB_CANCELLED),
    [JOB_RETRY_WAIT] =
        TO(JOB_QUEUED) | TO(JOB_HELD) | TO(JOB_CANCELLED) | TO(JOB_FAILED) | TO(JOB_SKIPPED),
    [JOB_FAILED] = TO(JOB_QUEUED),
    [JOB_CANCELLED] = TO(JOB_QUEUED),
    [JOB_REJECTED] = TO(JOB_QUEUED),
    [JOB_SKIPPED] = TO(JOB_QUEUED),
};

const char *job_state_text(enum job_state state) {
    ENSURE(state < JOB_STATE_COUNT);
    return state_texts[state];
}

int job_state_parse(const char *text, enum job_state *out_state) {
    for (size_t i = 0; i < JOB_STATE_COUNT; i++) {
        if (strcmp(text, state_texts[i]) == 0) {
            *out_state = (enum job_state)i;
            return OK;
        }
    }
    return ERR_INVALID;
}

bool job_may_move(enum job_state from, enum job_state to) {
    ENSURE(from < JOB_STATE_COUNT);
    ENSURE(to < JOB_STATE_COUNT);
    return (allowed[from] & TO(to)) != 0;
}

_Static_assert(JOB_SUCCEEDED == JOB_RETRY_WAIT + 1, "final states are the last ones");

bool job_state_is_final(enum job_state state) {
    ENSURE(state < JOB_STATE_COUNT);
    return state >= JOB_SUCCEEDED;
}

bool job_state_is_active(enum job_state state) {
    return state == JOB_SUBMITTING || state == JOB_STARTING || state == JOB_RUNNING;
}

bool job_state_is_waiting(enum job_state state) {
    return state == JOB_QUEUED || state == JOB_RETRY_WAIT || state == JOB_HELD;
}

const char *failure_text(enum failure failure) {
    ENSURE(failure < FAILURE_COUNT);
    return failure_texts[failure];
}

int64_t retry_backoff_us(const struct retry_policy *policy, uint32_t failures, double unit) {
    const int64_t least_us = 1000;
    int64_t bound_us = policy->backoff_first_us;
    int64_t wait_us;

    ENSURE(failures > 0);
    ENSURE(unit >= 0 && unit < 1);
    for (uint32_t i = 1; i < failures && bound_us < policy->backoff_max_us; i++) {
        bound_us = bound_us > INT64_MAX / 2 ? INT64_MAX : bound_us * 2;
    }
    if (bound_us > policy->backoff_max_us) {
        bound_us = policy->backoff_max_us;
    }
    wait_us = (int64_t)((double)bound_us * unit);
    return wait_us > least_us ? wait_us : least_us;
}

enum job_state job_move(enum job_state from, enum job_state to) {
    ENSURE(job_may_move(from, to));
    return to;
}

void job_user(const char *submitter, char out_user[LIMIT_NAME_BYTES + 1]) {
    const char *open = strrchr(submitter, '(');
    const char *colon = strchr(submitter, ':');
    size_t length;

    if (open != NULL && submitter[strlen(submitter) - 1] == ')' && open[1] != ')') {
        length = strlen(open) - 2;
        submitter = open + 1;
    } else {
        submitter = colon != NULL && colon[1] != '\0' ? colon + 1 : submitter;
        length = strlen(submitter);
    }
    length = length < LIMIT_NAME_BYTES ? length : LIMIT_NAME_BYTES;
    memcpy(out_user, submitter, length);
    out_user[length] = '\0';
}
