/* k8s/spark_app.h - a SparkApplication's spec (v1beta2), resolved as spark-submit would.
 *
 * Everything that Spark's configuration can say ends in `conf`; what only the driver's pod can
 * say (tolerations, sidecars, ...) stays in the payload's JSON, from where it is copied into
 * the pod. Fields we cannot carry out are refused by name.
 */
#ifndef K8S_SPARK_APP_H
#define K8S_SPARK_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "k8s/codec_json.h"
#include "k8s/spark_conf.h"
#include "k8s/spark_names.h"

#define SPARK_EXTENDED_MAX        8
#define SPARK_VERSION_BYTES_MAX   32
#define SPARK_EXTENDED_NAME_BYTES 320

enum spark_language {
    SPARK_JVM,
    SPARK_PYTHON,
    SPARK_R,
};

/* Which number of a dynamic allocation's executors room is kept for. */
enum spark_reserve {
    SPARK_RESERVE_INITIAL,
    SPARK_RESERVE_MIN,
    SPARK_RESERVE_MAX,
};

struct spark_version {
    int major;
    int minor;
    char text[SPARK_VERSION_BYTES_MAX]; /* as given: "3.5.6" */
};

/* vendor/name and an amount, such as nvidia.com/gpu. */
struct spark_extended {
    char name[SPARK_EXTENDED_NAME_BYTES];
    int64_t amount;
};

/* What one pod of a role asks for, and how Spark comes to it. */
struct spark_size {
    int64_t cpu_request_milli;
    int64_t cpu_limit_milli; /* 0: none */
    int64_t memory_mib;      /* the sum of the next four; request and limit */
    int64_t heap_mib;
    int64_t overhead_mib;
    int64_t off_heap_mib; /* executors only, as is the next */
    int64_t pyspark_mib;
    double overhead_factor;
    int64_t overhead_min_mib;
    bool overhead_given; /* factor and minimum did not count */
    bool grown;          /* beyond what was said: by a retry */
    struct spark_extended extended[SPARK_EXTENDED_MAX];
    size_t extended_count;
};

struct avoid_list;

struct spark_app {
    struct json_t *root;   /* the payload, owned */
    struct json_t *spec;   /* borrowed from root, as are the next thirteen */
    struct json_t *driver; /* NULL: not given, as the next three may be */
    struct json_t *executor;
    struct json_t *driver_template;
    struct json_t *executor_template;
    struct json_t *arguments;
    struct json_t *hadoop_files; /* texts by file names; NULL: none, as of the next four */
    struct json_t *krb5_files;
    struct json_t *spark_files;
    struct json_t *keytab; /* base64 or sealed, as the next */
    struct json_t *credentials;
    const char *main_class;
    const char *resource;
    const char *proxy_user; /* NULL: none */
    const char *pod_name;   /* its driver's, in every attempt; NULL: named after the attempt */
    /* Of the executors' mounts and variables those that no property can say: lists, owned. */
    struct json_t *executor_mounts;
    struct json_t *executor_env;
    struct spark_conf conf;
    enum spark_language language;
    struct spark_version version;
    double overhead_factor; /* the common one: the user's, or the language's */
    struct spark_size driver_size;
    struct spark_size executor_size;
    int64_t driver_memory_limit_bytes;   /* 0: the request, as Spark would have it */
    int64_t executor_memory_limit_bytes; /* the same; only an operator's webhook can set another */
    int64_t executor_count;              /* that room is kept for */
    int64_t executor_count_initial;      /* to begin with */
    int64_t executor_count_min;          /* as long as it runs */
    int64_t executor_count_max;          /* INT32_MAX: Spark has no bound */
    bool dynamic_allocation;
    enum spark_reserve reserve;     /* of a dynamic allocation */
    const struct avoid_list *avoid; /* nodes that failed the job, borrowed; NULL: none */
};

/* The owned application; spark_app_destroy() accepts NULL. Errors name the payload's field. */
int spark_app_read(const char *json, size_t bytes, const char *namespace_,
                   struct spark_app **out_app, struct field_error *error) MUST_CHECK;
void spark_app_destroy(struct spark_app *app);

/* What the objects of one of its attempts are called. */
void spark_app_names(const struct spark_app *app, const struct attempt_id *id,
                     struct spark_names *out_names);

bool spark_version_at_least(const struct spark_version *version, int major, int minor);

/* "spark.*.cores" with the role for the star, into room of bytes_max. */
void spark_role_key(const char *pattern, const char *role, char *out_key, size_t bytes_max);

#endif
