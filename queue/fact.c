#include "queue/fact.h"

#include <math.h>

#include "base/ensure.h"

#define AMOUNT_PARTS 1e9

static const struct field usage_fields[] = {
    FIELD(1, FIELD_I64, struct fact_usage, updated_us),
    FIELD_LIST(2, struct fact_usage, amounts, count, FACT_USAGE_MAX),
    FIELD_LIST(3, struct fact_usage, carried, carried_count, FACT_USAGE_MAX),
    FIELD_TIME(4, struct fact_usage, since_us, updated_us, 0),
    FIELD(5, FIELD_I64, struct fact_usage, half_life_us),
};

static const struct field runs_fields[] = {
    FIELD(1, FIELD_I64, struct fact_runs, updated_us),
    FIELD_LIST(2, struct fact_runs, runs_us, count, FACT_SERIES_MAX),
};

static const struct field schedule_fields[] = {
    FIELD(1, FIELD_I64, struct fact_schedule, created_us),
    FIELD_TIME(2, struct fact_schedule, changed_us, created_us, FIELD_AS_BASE),
    FIELD(3, FIELD_TEXT, struct fact_schedule, submitter),
    FIELD(4, FIELD_TEXT, struct fact_schedule, team),
    FIELD(5, FIELD_LONG_TEXT, struct fact_schedule, text),
};

static const struct field schedule_state_fields[] = {
    FIELD(1, FIELD_I64, struct fact_schedule_state, last_s),
    FIELD_TIME(2, struct fact_schedule_state, last_civil_s, last_s, FIELD_AS_BASE),
    FIELD(3, FIELD_BOOL, struct fact_schedule_state, last_fold),
    FIELD(4, FIELD_BOOL, struct fact_schedule_state, paused),
    FIELD(5, FIELD_U64, struct fact_schedule_state, last_job),
    FIELD(6, FIELD_U64, struct fact_schedule_state, runs),
    FIELD(7, FIELD_U64, struct fact_schedule_state, skipped),
};

static const struct field_table schedule_table = {schedule_fields, ARRAY_LEN(schedule_fields),
                                                  sizeof(struct fact_schedule)};
static const struct field_table schedule_state_table = {
    schedule_state_fields, ARRAY_LEN(schedule_state_fields), sizeof(struct fact_schedule_state)};
static const struct field group_fields[] = {
    FIELD(1, FIELD_I64, struct fact_group, last_us),
    FIELD(2, FIELD_U64, struct fact_group, ran),
    FIELD(3, FIELD_U64, struct fact_group, succeeded),
    FIELD(4, FIELD_U64, struct fact_group, failed),
    FIELD(5, FIELD_U64, struct fact_group, cancelled),
    FIELD(6, FIELD_U64, struct fact_group, skipped),
    FIELD(7, FIELD_U64, struct fact_group, never_ran),
};

static const struct field memory_fields[] = {
    FIELD(1, FIELD_I64, struct fact_memory, updated_us),
    FIELD(2, FIELD_I64, struct fact_memory, driver_bytes),
    FIELD(3, FIELD_I64, struct fact_memory, executor_bytes),
    FIELD_TIME(4, struct fact_memory, learnt_us, updated_us, 0),
    FIELD(5, FIELD_U64, struct fact_memory, job_id),
    FIELD(6, FIELD_U32, struct fact_memory, attempt),
};

static const struct field node_fields[] = {
    FIELD_LIST(1, struct blame, marks, count, 2 * BLAME_JOBS_MAX),
};

static const struct field breaker_fields[] = {
    FIELD(1, FIELD_I64, struct fact_breaker, updated_us),
    FIELD(2, FIELD_U32, struct fact_breaker, state),
    FIELD(3, FIELD_U32, struct fact_breaker, failures),
    FIELD(4, FIELD_U32, struct fact_breaker, failure),
    FIELD(5, FIELD_I32, struct fact_breaker, exit_code),
    FIELD(6, FIELD_I64, struct fact_breaker, until_us),
    FIELD(7, FIELD_U64, struct fact_breaker, probe_id),
};

static const struct field array_fields[] = {
    FIELD(1, FIELD_U64, struct fact_array, made),
};

static const struct field array_cancel_fields[] = {
    FIELD(1, FIELD_I64, struct fact_array_cancel, asked_us),
};

static const struct field_table array_cancel_table = {
    array_cancel_fields, ARRAY_LEN(array_cancel_fields), sizeof(struct fact_array_cancel)};
static const struct field_table array_table = {array_fields, ARRAY_LEN(array_fields),
                                               sizeof(struct fact_array)};
static const struct field_table memory_table = {memory_fields, ARRAY_LEN(memory_fields),
                                                sizeof(struct fact_memory)};
static const struct field_table node_table = {node_fields, ARRAY_LEN(node_fields),
                                              sizeof(struct blame)};
static const struct field_table breaker_table = {breaker_fields, ARRAY_LEN(breaker_fields),
                                                 sizeof(struct fact_breaker)};

static const struct field notice_fields[] = {
    FIELD(1, FIELD_TEXT, struct fact_notice, receiver),
    FIELD(2, FIELD_U32, struct fact_notice, class),
    FIELD(3, FIELD_U64, struct fact_notice, job_id),
    FIELD(4, FIELD_U32, struct fact_notice, sequence),
    FIELD(5, FIELD_U32, struct fact_notice, attempt),
    FIELD_BOUND(6, FIELD_ENUM, struct fact_notice, state, JOB_STATE_COUNT),
    FIELD(7, FIELD_I64, struct fact_notice, at_us),
    FIELD_TIME(8, struct fact_notice, since_us, at_us, 0),
    FIELD_TIME(9, struct fact_notice, dead_us, at_us, 0),
    FIELD(10, FIELD_U32, struct fact_notice, tries),
    FIELD(11, FIELD_TEXT, struct fact_notice, kind),
    FIELD(12, FIELD_TEXT, struct fact_notice, text),
    FIELD(13, FIELD_TEXT, struct fact_notice, name),
    FIELD(14, FIELD_TEXT, struct fact_notice, namespace),
    FIELD(15, FIELD_TEXT, struct fact_notice, team),
    FIELD(16, FIELD_TEXT, struct fact_notice, pod_name),
    FIELD(17, FIELD_TEXT, struct fact_notice, pod_uid),
    FIELD(18, FIELD_TEXT, struct fact_notice, error),
    FIELD_TIME(19, struct fact_notice, from_us, at_us, 0),
};

static const struct field runtime_class_fields[] = {
    FIELD(1, FIELD_LONG_TEXT, struct fact_runtime_class, json),
};

static const struct field_table runtime_class_table = {
    runtime_class_fields, ARRAY_LEN(runtime_class_fields), sizeof(struct fact_runtime_class)};
static const struct field_table notice_table = {notice_fields, ARRAY_LEN(notice_fields),
                                                sizeof(struct fact_notice)};
static const struct field_table usage_table = {usage_fields, ARRAY_LEN(usage_fields),
                                               sizeof(struct fact_usage)};
static const struct field_table runs_table = {runs_fields, ARRAY_LEN(runs_fields),
                                              sizeof(struct fact_runs)};
static const struct field_table group_table = {group_fields, ARRAY_LEN(group_fields),
                                               sizeof(struct fact_group)};

const struct field_table *fact_fields(enum fact_kind kind) {
    switch (kind) {
    case FACT_USAGE:
        return &usage_table;
    case FACT_RUNS:
        return &runs_table;
    case FACT_NOTICE:
        return &notice_table;
    case FACT_RUNTIME_CLASS:
        return &runtime_class_table;
    case FACT_SCHEDULE:
        return &schedule_table;
    case FACT_SCHEDULE_STATE:
        return &schedule_state_table;
    case FACT_GROUP:
        return &group_table;
    case FACT_MEMORY:
        return &memory_table;
    case FACT_BREAKER:
        return &breaker_table;
    case FACT_NODE:
        return &node_table;
    case FACT_ARRAY:
        return &array_table;
    case FACT_ARRAY_CANCEL:
        return &array_cancel_table;
    }
    return NULL;
}

double fact_amount(const int64_t *numbers, uint32_t count, size_t kinds, size_t kind) {
    const double whole = kind < count ? (double)numbers[kind] : 0;

    return whole + (kinds + kind < count ? (double)numbers[kinds + kind] / AMOUNT_PARTS : 0);
}

void fact_set_amount(int64_t *numbers, size_t kinds, size_t kind, double amount) {
    const double whole = floor(amount);

    numbers[kind] = (int64_t)whole;
    numbers[kinds + kind] = (int64_t)((amount - whole) * AMOUNT_PARTS);
}
