/* k8s/payload.h - a job's payload made into Kubernetes objects, and into what they will ask for.
 *
 * The payload is a manifest's canonical JSON, {"metadata":{..},"spec":{..}}, where spec is that
 * of a SparkApplication (v1beta2) or of a Pod. A Spark application becomes what spark-submit
 * would have created for it: driver pod, headless Service and a ConfigMap of its properties; a
 * pod becomes itself under our name. Our labels are added (LABEL_... below), to executors too.
 *
 * Pure: equal arguments give equal bytes, so that a repeated creation is the same creation.
 * What we cannot build is refused with the field's path; nothing is dropped in silence.
 */
#ifndef K8S_PAYLOAD_H
#define K8S_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "k8s/codec_json.h"
#include "k8s/resource.h"
#include "k8s/spark_exposed.h"
#include "k8s/spark_names.h"
#include "k8s/spark_volumes.h"
#include "policy/job.h"

struct demand;
struct payload;
struct resource_names;

/* ERR_INVALID, ERR_FULL: error names the field, as in "spec.driver.cores". */
int payload_read(enum job_kind kind, const char *json, size_t bytes, const char *namespace_,
                 struct payload **out_payload, struct field_error *error) MUST_CHECK;
void payload_destroy(struct payload *payload); /* Accepts NULL. */

/* What its pods get from their RuntimeClasses: borrowed from here on. Until then, who names one has
 * to tell its overhead. */
struct runtime_classes;
void payload_set_runtime_classes(struct payload *payload, const struct runtime_classes *classes);

/* The whole gang, overheads included, to the byte: a settled demand, the caller's to destroy.
 * LimitRanges are not applied. ERR_FULL: more kinds of resources than names has room for. */
int payload_demand(const struct payload *payload, struct resource_names *names,
                   struct demand **out_demand, struct field_error *error) MUST_CHECK;

/* More memory for the next attempt: the demand is then demand_changed()'s. Thousandths; up to 1000
 * leaves it as it is. */
void payload_grow(struct payload *payload, uint32_t driver_permille, uint32_t executor_permille);

/* Its pods keep off the nodes that failed the job, the executors' too. */
struct avoid_list;
void payload_avoid(struct payload *payload, const struct avoid_list *avoid);

/* Secrets of the submitter's are stored sealed: open them before the pod is made, or its Secrets
 * hold words instead. ERR_NOT_FOUND, ERR_CORRUPT: see base/seal.h. */
struct seal_keys;
bool payload_is_sealed(const struct payload *payload);
int payload_open(struct payload *payload, const struct seal_keys *keys,
                 struct field_error *error) MUST_CHECK;

/* Append the arithmetic behind the demand, a line a term, for people. */
void payload_explain(const struct payload *payload, struct buf *out_text);

/* The name of the attempt's pod: what to look for before creating it. */
void payload_pod_name(const struct payload *payload, const struct attempt_id *id,
                      char out_name[LIMIT_NAME_BYTES + 1]);

/* The name that it gives its pod in every attempt; NULL: none, it is named after the attempt. */
const char *payload_given_pod_name(const struct payload *payload);

/* Which of the pod's containers is meant by "its log", borrowed: Spark's driver; of a plain pod
 * what the annotation that kubectl obeys names, else the first. */
const char *payload_log_container(const struct payload *payload);

/* The port of the driver's own pages; 0: it serves none. Of a Spark application only. */
int64_t payload_ui_port(const struct payload *payload);

/* Is it handed to the Spark operator, which makes the pods? Then the body below is that of a
 * SparkApplication, and there are no parts. */
bool payload_is_for_operator(const struct payload *payload);

/* The pod to POST, owned by the caller. */
char *payload_pod_body(const struct payload *payload, const struct payload_run *run);

/* What is created after the pod, in this order, and belongs to it. */
enum payload_part_kind {
    PAYLOAD_SERVICE,
    PAYLOAD_CONF_MAP,
    PAYLOAD_NETWORK_POLICY, /* Spark 4.2 and later */
    PAYLOAD_HADOOP_MAP,     /* Hadoop's files of the submitter's machine */
    PAYLOAD_KRB5_MAP,       /* its krb5.conf */
    PAYLOAD_CREDENTIALS,    /* the driver's own for the API server, a Secret */
    PAYLOAD_KEYTAB,         /* a Secret */
    PAYLOAD_TEMPLATE_MAP,   /* the executors' pod template */
    PAYLOAD_METRICS_MAP,    /* of spec.monitoring */
    PAYLOAD_EXPOSED_FIRST,  /* Services, Ingresses and a disruption budget of the driver */
    /* The driver's volumes that are created for it. */
    PAYLOAD_CLAIM_FIRST = PAYLOAD_EXPOSED_FIRST + SPARK_EXPOSED_COUNT,
    PAYLOAD_PART_COUNT = PAYLOAD_CLAIM_FIRST + SPARK_CLAIMS_MAX,
};

struct payload_part {
    enum kube_resource resource;
    const char *what; /* "service": for messages */
    char name[LIMIT_NAME_BYTES + 1];
    char *body; /* to POST, the caller's */
};

/* False: this payload has no such part. owner_uid is the created pod's metadata.uid; NULL leaves
 * the owner out. */
bool payload_part_make(const struct payload *payload, const struct payload_run *run,
                       const char *owner_uid, size_t kind, struct payload_part *out_part);

#endif
