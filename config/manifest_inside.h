/* config/manifest_inside.h - what the parts of the reader of manifests share.
 *
 * Private to manifest*.c. A kind is checked before its table is, complaining of what no table says,
 * and read once nothing of the object was complained of.
 */
#ifndef CONFIG_MANIFEST_INSIDE_H
#define CONFIG_MANIFEST_INSIDE_H

#include "config/arena.h"
#include "config/manifest.h"

struct manifest_reader {
    const struct manifest_defaults *defaults;
    struct manifest_set *set;
    size_t room;
    struct arena *texts;
    struct text_node *rows; /* the document behind this one, if it is of kind Rows */
    size_t job_count;
    struct problems *problems;
};

/* A document of one of the kinds we take, with its manifest to be. */
struct job_text {
    struct manifest_reader *reader;
    struct manifest *manifest;
    struct text_node *object;
    const struct trail *trail; /* NULL, or of a List's item */
    const char *prefix;        /* of paths: "" or "items[3]." */
};

/* The node's text, or otherwise if it is no text. */
const char *manifest_text_of(const struct text_node *node, const char *otherwise);

/* What stands before the paths in an object. */
const char *manifest_prefix_of(struct arena *texts, const struct trail *trail);

/* The path of a member; the tail lives for ever, the rest is in the set's memory. */
const char *manifest_path_of(const struct job_text *job, const char *tail);

/* The manifest's payload; inner: the pod template's metadata, or NULL. */
void manifest_build_payload(const struct job_text *job, const struct text_node *inner,
                            const struct text_node *spec);

/* Seal the secrets of the Spark application whose spec is at this path; the spec. */
const struct text_node *manifest_seal_secrets(const struct job_text *job, const char *path);

/* What a Spark application's spec says of retries, time to live and suspension. */
void manifest_read_spark_spec(struct manifest *manifest, const struct text_node *spec);

/* The name of a job leaves room for the index. */
void manifest_check_row_names(const struct job_text *job);

/* The kinds. Those that are read were checked, by their tables as well. */
void manifest_check_batch_job(const struct job_text *job);
void manifest_read_batch_job(const struct job_text *job);
void manifest_read_spark_application(const struct job_text *job);
void manifest_read_pod(const struct job_text *job);
void manifest_read_kube_job(const struct job_text *job);

/* Those that make jobs, from a template in the place of an object of its own. */
void manifest_check_schedule(const struct job_text *job);
void manifest_read_schedule(const struct job_text *job);
void manifest_read_cron_job(const struct job_text *job);
void manifest_read_scheduled_spark(const struct job_text *job);

#endif
