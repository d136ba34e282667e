#include "queue/fact.h"

#include "base/ensure.h"

static const struct field usage_fields[] = {
    FIELD(1, FIELD_I64, struct fact_usage, updated_us),
    FIELD_LIST(2, struct fact_usage, amounts, count, FACT_SERIES_MAX),
};

static const struct field runs_fields[] = {
    FIELD(1, FIELD_I64, struct fact_runs, updated_us),
    FIELD_LIST(2, struct fact_runs, runs_us, count, FACT_SERIES_MAX),
};

static const struct field_table usage_table = {usage_fields, ARRAY_LEN(usage_fields),
                                               sizeof(struct fact_usage)};
static const struct field_table runs_table = {runs_fields, ARRAY_LEN(runs_fields),
                                              sizeof(struct fact_runs)};

const struct field_table *fact_fields(enum fact_kind kind) {
    switch (kind) {
    case FACT_USAGE:
        return &usage_table;
    case FACT_RUNS:
        return &runs_table;
    }
    return NULL;
}
