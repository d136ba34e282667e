/* config/schedule_fields.h - what makes a job again and again, in its three spellings.
 *
 * A Schedule of ours, a CronJob of Kubernetes and a ScheduledSparkApplication of the Spark operator
 * say the same in other words. What they make is read as a manifest of its own kind is.
 */
#ifndef CONFIG_SCHEDULE_FIELDS_H
#define CONFIG_SCHEDULE_FIELDS_H

#include "config/node.h"
#include "config/problem.h"
#include "policy/schedule.h"

struct schema;

#define SCHEDULE_HISTORY_UNSET (-1) /* as many as of other jobs */

struct schedule_text {
    struct schedule rule; /* its zone is NULL: who reads manifests has no zones */
    const char *zone;     /* "": that at home */
    struct position zone_place;
    const char *cron;
    int64_t succeeded_max; /* runs that are kept; or SCHEDULE_HISTORY_UNSET */
    int64_t failed_max;
    const char *document; /* the whole object as JSON */
    size_t document_bytes;
};

/* The objects as a whole, and the spec of a Job. */
extern const struct schema schema_schedule;
extern const struct schema schema_cron_job;
extern const struct schema schema_scheduled_spark_application;

/* Take what a checked spec says; trail is its own. What a table can't check is a problem. */
void schedule_read(const struct text_node *spec, const struct trail *trail,
                   struct problems *problems, struct schedule_text *out_schedule);
void schedule_read_cron_job(const struct text_node *spec, const struct trail *trail,
                            struct problems *problems, struct schedule_text *out_schedule);
void schedule_read_scheduled_spark(const struct text_node *spec, const struct trail *trail,
                                   struct problems *problems, struct schedule_text *out_schedule);

#endif
