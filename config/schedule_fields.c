#include "config/schedule_fields.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/text.h"
#include "config/job_schema.h"
#include "config/kube_job.h"
#include "config/pod_schema.h"
#include "config/schema.h"
#include "config/spark_schema.h"

#define HISTORY_MAX   10000
#define CATCH_UP_MAX  10000
#define JITTER_US_MAX (24 * 3600 * INT64_C(1000000))
#define DAYS_MAX      366

/* --- Tables ---------------------------------------------------------------------------------- */

static const char *const semantics_words[] = {"cronie", "kubernetes", NULL};
static const char *const gap_words[] = {"run", "skip", NULL};
static const char *const repeat_words[] = {"first", "last", "both", NULL};

static const struct field misfire_fields[] = {
    FIELD_RANGE("maxCount", 1, CATCH_UP_MAX),
    FIELD("maxLateness", FIELD_DURATION),
    FIELD_ONE_OF("policy", schedule_misfire_texts),
};
static const struct schema misfire = SCHEMA(misfire_fields);

static const struct field history_fields[] = {
    FIELD_RANGE("failed", 0, HISTORY_MAX),
    FIELD_RANGE("succeeded", 0, HISTORY_MAX),
};
static const struct schema history = SCHEMA(history_fields);

static const struct field business_date_fields[] = {
    FIELD("dayStart", FIELD_TEXT),
    FIELD_RANGE("offsetDays", -DAYS_MAX, DAYS_MAX),
};
static const struct schema business_date = SCHEMA(business_date_fields);

static const struct field template_fields[] = {
    FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),
    {.name = "spec", .type = FIELD_OBJECT, .object = &schema_batch_job_spec, .required = true},
};
static const struct schema template = SCHEMA(template_fields);

static const struct field spec_fields[] = {
    FIELD_OF("businessDate", FIELD_OBJECT, business_date),
    FIELD_NEEDED("cron", FIELD_TEXT),
    FIELD("from", FIELD_TEXT),
    FIELD_ONE_OF("gap", gap_words),
    FIELD_OF("history", FIELD_OBJECT, history),
    FIELD("jitter", FIELD_DURATION),
    FIELD_OF("misfire", FIELD_OBJECT, misfire),
    FIELD_ONE_OF("overlap", schedule_overlap_texts),
    FIELD_ONE_OF("repeat", repeat_words),
    FIELD_ONE_OF("semantics", semantics_words),
    FIELD("suspend", FIELD_BOOL),
    {.name = "template", .type = FIELD_OBJECT, .object = &template, .required = true},
    FIELD("until", FIELD_TEXT),
    FIELD("zone", FIELD_TEXT),
};
static const struct schema spec_schema = SCHEMA(spec_fields);

static const struct field job_template_fields[] = {
    FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),
    {.name = "spec", .type = FIELD_OBJECT, .object = &schema_kube_job_spec, .required = true},
};
static const struct schema job_template = SCHEMA(job_template_fields);

static const struct field cron_job_spec_fields[] = {
    FIELD_ONE_OF("concurrencyPolicy", schedule_overlap_texts),
    FIELD_RANGE("failedJobsHistoryLimit", 0, HISTORY_MAX),
    {.name = "jobTemplate", .type = FIELD_OBJECT, .object = &job_template, .required = true},
    FIELD_NEEDED("schedule", FIELD_TEXT),
    FIELD_RANGE("startingDeadlineSeconds", 0, INT32_MAX),
    FIELD_RANGE("successfulJobsHistoryLimit", 0, HISTORY_MAX),
    FIELD("suspend", FIELD_BOOL),
    FIELD("timeZone", FIELD_TEXT),
};
static const struct schema cron_job_spec = SCHEMA(cron_job_spec_fields);

static const struct field scheduled_spark_spec_fields[] = {
    FIELD_ONE_OF("concurrencyPolicy", schedule_overlap_texts),
    FIELD_RANGE("failedRunHistoryLimit", 0, HISTORY_MAX),
    FIELD_NEEDED("schedule", FIELD_TEXT),
    FIELD_RANGE("successfulRunHistoryLimit", 0, HISTORY_MAX),
    FIELD("suspend", FIELD_BOOL),
    {.name = "template", .type = FIELD_OBJECT, .object = &schema_spark_spec, .required = true},
    FIELD("timeZone", FIELD_TEXT),
};
static const struct schema scheduled_spark_spec = SCHEMA(scheduled_spark_spec_fields);

#define OBJECT_ROWS(spec_)                                                            \
    FIELD_NEEDED("apiVersion", FIELD_TEXT), FIELD_NEEDED("kind", FIELD_TEXT),         \
        FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),                       \
        {.name = "spec", .type = FIELD_OBJECT, .object = &(spec_), .required = true}, \
        FIELD("status", FIELD_IGNORED)

static const struct field schedule_fields[] = {OBJECT_ROWS(spec_schema)};
static const struct field cron_job_fields[] = {OBJECT_ROWS(cron_job_spec)};
static const struct field scheduled_spark_fields[] = {OBJECT_ROWS(scheduled_spark_spec)};

const struct schema schema_schedule = SCHEMA(schedule_fields);
const struct schema schema_cron_job = SCHEMA(cron_job_fields);
const struct schema schema_scheduled_spark_application = SCHEMA(scheduled_spark_fields);

/* --- Reading --------------------------------------------------------------------------------- */

struct reader {
    const struct text_node *spec;
    const struct trail *trail;
    struct problems *problems;
    struct schedule_text *out;
};

static const char *text_at(const struct reader *r, const char *key) {
    const struct text_node *node = node_member(r->spec, key);

    return node != NULL ? node->text : "";
}

static int64_t int_at(const struct text_node *object, const char *key, int64_t otherwise) {
    const struct text_node *node = node_member(object, key);

    return node != NULL ? node_int(node) : otherwise;
}

static bool bool_at(const struct reader *r, const char *key) {
    const struct text_node *node = node_member(r->spec, key);

    return node != NULL && node_bool(node);
}

static int64_t duration_at(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);
    int64_t us = 0;
    int result = node != NULL ? text_parse_duration_us(node->text, &us) : OK;

    ENSURE(result == OK);
    return us;
}

/* Which of the words it is; the first if it is not said. */
static int word_at(const struct text_node *object, const char *key, const char *const *words) {
    const struct text_node *node = node_member(object, key);

    for (int i = 0; node != NULL && words[i] != NULL; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            return i;
        }
    }
    return 0;
}

static void complain(const struct reader *r, const char *key, const char *why) {
    const struct trail at = {r->trail, key, 0};

    problems_add_at(r->problems, node_place(node_member(r->spec, key)), &at, "%s", why);
}

static void read_cron(const struct reader *r, const char *key, enum cron_dialect dialect) {
    struct error error = {0};

    r->out->cron = text_at(r, key);
    if (cron_parse(r->out->cron, dialect, &error, &r->out->rule.cron) < 0) {
        complain(r, key, error.text);
    }
    r->out->rule.clocks = cron_policy_of(dialect);
}

static void read_zone(const struct reader *r, const char *key) {
    const struct text_node *node = node_member(r->spec, key);

    r->out->zone = node != NULL ? node->text : "";
    r->out->zone_place = node_place(node != NULL ? node : r->spec);
}

static void init(struct schedule_text *out) {
    *out = (struct schedule_text){
        .rule = {.misfire = SCHEDULE_MISFIRE_LAST,
                 .from_civil_s = SCHEDULE_ANY_CIVIL,
                 .until_civil_s = SCHEDULE_ANY_CIVIL},
        .succeeded_max = SCHEDULE_HISTORY_UNSET,
        .failed_max = SCHEDULE_HISTORY_UNSET,
    };
}

/* "06:00", seconds since midnight; -1 if it is not. */
static int32_t time_of(const char *text) {
    bool shaped = strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789") == 2 &&
                  strspn(text + 3, "0123456789") == 2;
    int32_t hour = shaped ? (text[0] - '0') * 10 + (text[1] - '0') : 99;
    int32_t minute = shaped ? (text[3] - '0') * 10 + (text[4] - '0') : 99;

    return hour < 24 && minute < 60 ? hour * 3600 + minute * 60 : -1;
}

/* "2026-12-24" or "2026-12-24T22:00", on the wall clock. */
static int64_t read_civil(const struct reader *r, const char *key) {
    const char *text = text_at(r, key);
    char date[CIVIL_DATE_BYTES];
    int32_t time_s = 0;
    int64_t days;

    if (text[0] == '\0') {
        return SCHEDULE_ANY_CIVIL;
    }
    (void)snprintf(date, sizeof date, "%.10s", text);
    if (strlen(text) > 10) {
        time_s = text[10] == 'T' ? time_of(text + 11) : -1;
    }
    if (time_s < 0 || civil_parse_date(date, &days) != OK) {
        complain(r, key, "not a date; write it like 2026-12-24 or 2026-12-24T22:00");
        return SCHEDULE_ANY_CIVIL;
    }
    return days * CIVIL_DAY_S + time_s;
}

static void read_business_date(const struct reader *r) {
    const struct text_node *node = node_member(r->spec, "businessDate");
    const struct text_node *start = node_member(node, "dayStart");
    struct schedule *rule = &r->out->rule;

    rule->day_offset = (int32_t)int_at(node, "offsetDays", 0);
    rule->day_start_s = start != NULL ? time_of(start->text) : 0;
    if (rule->day_start_s < 0) {
        complain(r, "businessDate", "dayStart is not a time of day; write it like 06:00");
    }
}

static void read_misfire(const struct reader *r) {
    const struct text_node *node = node_member(r->spec, "misfire");
    struct schedule *rule = &r->out->rule;

    if (node_member(node, "policy") != NULL) {
        rule->misfire = (enum schedule_misfire)word_at(node, "policy", schedule_misfire_texts);
    }
    rule->late_us_max = duration_at(node, "maxLateness");
    rule->catch_up_max = (uint32_t)int_at(node, "maxCount", 0);
    if (rule->catch_up_max > 0 && rule->misfire != SCHEDULE_MISFIRE_ALL) {
        complain(r, "misfire", "maxCount is of policy: all");
    }
}

static void read_clocks(const struct reader *r) {
    struct cron_policy *clocks = &r->out->rule.clocks;

    if (node_member(r->spec, "gap") != NULL) {
        clocks->gap = (enum cron_gap)word_at(r->spec, "gap", gap_words);
        clocks->gap_s_max = 0;
    }
    if (node_member(r->spec, "repeat") != NULL) {
        clocks->repeat = (enum cron_repeat)word_at(r->spec, "repeat", repeat_words);
    }
}

/* What its dialect's own daemon does, unless it says otherwise. */
void schedule_read(const struct text_node *spec, const struct trail *trail,
                   struct problems *problems, struct schedule_text *out_schedule) {
    const struct reader r = {spec, trail, problems, out_schedule};
    enum cron_dialect dialect = (enum cron_dialect)word_at(spec, "semantics", semantics_words);
    const struct text_node *history_node = node_member(spec, "history");
    struct schedule *rule = &out_schedule->rule;

    init(out_schedule);
    read_cron(&r, "cron", dialect);
    read_zone(&r, "zone");
    read_clocks(&r);
    read_misfire(&r);
    read_business_date(&r);
    rule->overlap = (enum schedule_overlap)word_at(spec, "overlap", schedule_overlap_texts);
    rule->jitter_us = duration_at(spec, "jitter");
    if (rule->jitter_us > JITTER_US_MAX) {
        complain(&r, "jitter", "more than a day");
    }
    rule->from_civil_s = read_civil(&r, "from");
    rule->until_civil_s = read_civil(&r, "until");
    rule->suspended = bool_at(&r, "suspend");
    out_schedule->succeeded_max = int_at(history_node, "succeeded", SCHEDULE_HISTORY_UNSET);
    out_schedule->failed_max = int_at(history_node, "failed", SCHEDULE_HISTORY_UNSET);
}

/* What both of Kubernetes' kinds say in the same words, and do alike. */
static void read_kubernetes(const struct reader *r) {
    struct schedule *rule = &r->out->rule;

    init(r->out);
    read_cron(r, "schedule", CRON_KUBERNETES);
    read_zone(r, "timeZone");
    rule->overlap =
        (enum schedule_overlap)word_at(r->spec, "concurrencyPolicy", schedule_overlap_texts);
    rule->suspended = bool_at(r, "suspend");
    rule->keeps_missed = true;
}

/* Not said is however late; 0 is not late at all. */
static int64_t starting_deadline_us(const struct text_node *spec) {
    const struct text_node *node = node_member(spec, "startingDeadlineSeconds");

    if (node == NULL) {
        return 0;
    }
    return node_int(node) > 0 ? node_int(node) * INT64_C(1000000) : 1;
}

void schedule_read_cron_job(const struct text_node *spec, const struct trail *trail,
                            struct problems *problems, struct schedule_text *out_schedule) {
    const struct reader r = {spec, trail, problems, out_schedule};

    read_kubernetes(&r);
    out_schedule->rule.late_us_max = starting_deadline_us(spec);
    out_schedule->succeeded_max =
        int_at(spec, "successfulJobsHistoryLimit", SCHEDULE_HISTORY_UNSET);
    out_schedule->failed_max = int_at(spec, "failedJobsHistoryLimit", SCHEDULE_HISTORY_UNSET);
}

void schedule_read_scheduled_spark(const struct text_node *spec, const struct trail *trail,
                                   struct problems *problems, struct schedule_text *out_schedule) {
    const struct reader r = {spec, trail, problems, out_schedule};

    read_kubernetes(&r);
    if (strcmp(out_schedule->zone, "Local") == 0) {
        out_schedule->zone = ""; /* Its operator's word for it. */
    }
    out_schedule->succeeded_max = int_at(spec, "successfulRunHistoryLimit", SCHEDULE_HISTORY_UNSET);
    out_schedule->failed_max = int_at(spec, "failedRunHistoryLimit", SCHEDULE_HISTORY_UNSET);
}
