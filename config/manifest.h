/* config/manifest.h - what people submit, read into values the scheduler understands.
 *
 * Taken: nightshift/v1 BatchJob, Rows and Schedule, sparkoperator.k8s.io/v1beta2 SparkApplication
 * and ScheduledSparkApplication, v1 Pod, batch/v1 CronJob, and v1 List of these; YAML or JSON,
 * several documents. docs/manual/manifests.md is the reference. Every field is checked against the
 * tables; what a later version will know is refused by name, never ignored. Knows nothing of the
 * cluster: whether the work can be built and fits is asked elsewhere, and manifest_explain() turns
 * such answers back into a place in the text.
 */
#ifndef CONFIG_MANIFEST_H
#define CONFIG_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/after_refs.h"
#include "config/document.h"
#include "config/problem.h"
#include "config/rows.h"
#include "config/schedule_fields.h"
#include "policy/deadline.h"
#include "policy/job.h"

#define MANIFEST_UNSET (-1) /* in a signed number: not said, the configuration decides */

/* One job. Texts belong to the set. */
struct manifest {
    const char *name;      /* an RFC 1123 label; of Spark jobs it begins with a letter */
    const char *namespace; /* "": not said */
    const char *team;      /* "": not said */
    enum job_kind kind;
    const char *window; /* names of windows, joined by commas; "": starts at any time */
    struct position window_place;
    const char *priority_class; /* "": not said */
    int32_t priority;
    bool has_priority; /* it was said */
    bool hold;
    bool runs_again;           /* whenever it ends: a restartPolicy of type Always */
    int64_t retries_max;       /* or MANIFEST_UNSET */
    int64_t infra_retries_max; /* or MANIFEST_UNSET */
    int64_t backoff_first_us;  /* or MANIFEST_UNSET */
    int64_t backoff_max_us;    /* or MANIFEST_UNSET */
    const char *retry_rules;   /* of single classes and exit codes: retry_rules_print(); "": none */
    int64_t ttl_s;             /* or MANIFEST_UNSET */
    int64_t expected_runtime_us; /* 0: not said */
    int64_t max_runtime_us;      /* 0: not said */
    int64_t warn_runtime_us;     /* 0: not said */
    struct deadline start_by;
    struct position start_by_place;
    enum start_miss start_miss;
    struct deadline finish_by;
    struct position finish_by_place;
    bool preemptible;
    const char *pod_name;    /* that its driver's pod is to have in every attempt; "": none */
    bool has_secrets;        /* sealed ones in its payload */
    bool for_operator;       /* its application is handed to the Spark operator */
    struct after_refs after; /* what it waits for */

    /* {"metadata":{"annotations":{..},"labels":{..}},"spec":{..}} as canonical JSON: equal
     * work gives equal bytes. spec is a SparkApplication's (v1beta2) or a Pod's. Empty maps
     * are left out; so are annotations of ours (nightshift/...) and of kubectl's. */
    const char *payload;
    size_t payload_bytes;

    const struct schedule_text *schedule; /* which makes such jobs; NULL: it is one by itself */

    struct rows rows; /* each a job like this one: see manifest_job() */

    const struct text_node *object; /* the manifest itself: the document, or an item of a List */
    struct position place;          /* of the document */
    const struct text_node *root;   /* the whole object */
    const char *metadata_prefix;    /* where the payload's metadata and spec stand in it */
    const char *spec_prefix;
    const char *outer_metadata_prefix; /* the metadata around a pod template */
};

struct arena;

struct manifest_set {
    struct manifest *items;
    size_t count;
    struct document_set documents;
    struct arena *texts; /* what the values point at beside the documents */
};

/* Read a whole text. ERR_INVALID with at least one problem, sorted, and an empty set. A text
 * without a document is a problem too. */
int manifest_set_parse(const char *text, size_t bytes, struct manifest_set *out_set,
                       struct problems *problems) MUST_CHECK;

/* Who seals secrets: an owned text of one that belongs to that place of a job in that namespace
 * ("": not said), or NULL with the reason. */
struct manifest_sealer {
    void *context;
    char *(*seal)(void *context, const char *namespace, const char *place, const void *secret,
                  size_t bytes, struct error *error);
};

/* What a Spark application is given that does not say it; "" leaves it without. */
struct manifest_defaults {
    const char *spark_image;
    const char *spark_version;   /* of it, and of images whose tags tell none */
    int64_t spark_max_executors; /* of dynamic allocation without; 0: none */
    const char *spark_reserve;   /* of dynamic allocation without */
    /* Of secrets from outside. NULL: the text was stored, and they are sealed. */
    const struct manifest_sealer *sealer;
};

/* The same, with these written into the payloads of such applications. */
int manifest_set_parse_with(const struct manifest_defaults *defaults, const char *text,
                            size_t bytes, struct manifest_set *out_set,
                            struct problems *problems) MUST_CHECK;

void manifest_set_destroy(struct manifest_set *set);

/* How many jobs a manifest stands for: one, as many as it has rows or indices, or none if it is a
 * schedule. And how many of them are written one by one: an array of indices is one. */
size_t manifest_job_count(const struct manifest *manifest);
size_t manifest_written_count(const struct manifest *manifest);

/* The name and the row (NULL: none) of one that is written; they live as long as the set. */
void manifest_job(const struct manifest_set *set, const struct manifest *manifest, size_t at,
                  const char **out_name, const char **out_row);

/* Where a field of the payload ("spec.sparkConf.spark.driver.host", "metadata.labels") stands
 * in the text, or its nearest ancestor that is written there. */
struct position manifest_position(const struct manifest *manifest, const char *payload_path);

/* An error about a field of the payload, found by others, as one of ours: the path becomes
 * the one the user wrote ("spec.spark.sparkConf...."). */
void manifest_explain(const struct manifest *manifest, const char *payload_path,
                      const char *message, struct problems *problems);

#endif
