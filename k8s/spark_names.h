/* k8s/spark_names.h - what the objects of one attempt of a job are called.
 *
 * Everything is derived from the job's name and ids, never drawn: repeating a submission gives
 * the same names and so the same bytes, and a retry never meets the objects of an older attempt;
 * but for a driver's pod that its application gives a name (spark_app_names() in k8s/spark_app.h).
 */
#ifndef K8S_SPARK_NAMES_H
#define K8S_SPARK_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define SPARK_PREFIX_BYTES_MAX 200

#define LABEL_JOB_ID  "nightshift/job-id"
#define LABEL_JOB_UID "nightshift/job-uid"
#define LABEL_ATTEMPT "nightshift/attempt"

#define CONTAINER_SPARK_DRIVER   "spark-kubernetes-driver"
#define CONTAINER_SPARK_EXECUTOR "spark-kubernetes-executor"
/* Names the main container of a pod to kubectl, and to us where it is not called as above. */
#define ANNOTATION_MAIN_CONTAINER "kubectl.kubernetes.io/default-container"

/* Which attempt of which job of which store. Texts are borrowed. */
struct attempt_id {
    const char *job_name;
    const char *store_uid; /* of the daemon's store, unique in the world */
    uint64_t job_id;
    uint32_t attempt; /* from 1 */
};

/* One attempt. Texts are borrowed. */
struct payload_run {
    struct attempt_id id;
    const char *namespace_;
    int64_t submitted_us; /* wall clock, of this attempt; stored, so that it repeats */
};

struct spark_names {
    char prefix[SPARK_PREFIX_BYTES_MAX + 1]; /* <name>-<id>-<attempt> as Spark would clean it */
    char pod[LIMIT_NAME_BYTES + 1];          /* <prefix>-driver; a plain pod's is the prefix */
    char service[64];                        /* <prefix>-driver-svc, or a short one */
    char conf_map[64];                       /* spark-drv-<id>-<attempt>-conf-map */
    char app_id[48];                         /* spark- and 32 hex digits */
    char local_dir[64];                      /* /var/data/spark-<uuid> */
};

void spark_names_make(const struct attempt_id *id, struct spark_names *out_names);

/* The names of the objects beside the pod. */
void spark_name_service(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_conf_map(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_network_policy(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_template_map(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_hadoop_map(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_krb5_map(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_keytab(const struct spark_names *names, char *out_name, size_t bytes_max);
void spark_name_credentials(const struct spark_names *names, char *out_name, size_t bytes_max);

/* As the pod's would be if it had no name of its own: each attempt's budget is another one. */
void spark_name_budget(const struct spark_names *names, char *out_name, size_t bytes_max);

/* <prefix>-<suffix>, or a short one where a DNS label can't be so long. */
void spark_name_of_part(const struct spark_names *names, const char *suffix, char out_name[64]);
void spark_name_metrics_map(const struct spark_names *names, char *out_name, size_t bytes_max);

/* The value of the label spark-app-name for an application's name; at most 63 bytes. */
void spark_app_name_label(const char *app_name, char out_label[64]);

/* <store>-<job id>: the value of our label job-uid; cut at 63 bytes. */
void attempt_job_uid(const struct attempt_id *id, char out_uid[64]);

#endif
