#include "config/spark_schema.h"

#include <stdint.h>

#include "config/pod_schema.h"

static const char *const types[] = {"Java", "Scala", "Python", "R", NULL};
static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never", NULL};
static const char *const python_versions[] = {"2", "3", NULL};
static const char *const restart_types[] = {"Always", "Never", "OnFailure", NULL};
static const char *const secret_types[] = {"Generic", "GCPServiceAccount", "HadoopDelegationToken",
                                           NULL};

static const struct field name_path_fields[] = {
    FIELD_NEEDED("name", FIELD_TEXT),
    FIELD_NEEDED("path", FIELD_TEXT),
};
static const struct schema name_path = SCHEMA(name_path_fields);

static const struct field secret_fields[] = {
    FIELD_NEEDED("name", FIELD_TEXT),
    FIELD_NEEDED("path", FIELD_TEXT),
    FIELD_ONE_OF("secretType", secret_types),
};
static const struct schema secret = SCHEMA(secret_fields);

static const struct field gpu_fields[] = {
    FIELD_NEEDED("name", FIELD_TEXT),
    {.name = "quantity", .type = FIELD_INT, .min = 1, .max = INT32_MAX, .required = true},
};
static const struct schema gpu = SCHEMA(gpu_fields);

static const struct field port_fields[] = {
    {.name = "containerPort", .type = FIELD_INT, .min = 1, .max = UINT16_MAX, .required = true},
    FIELD("name", FIELD_TEXT),
    FIELD("protocol", FIELD_TEXT),
};
static const struct schema port = SCHEMA(port_fields);

/* The template is checked less than a pod's: Spark fills what is missing. */
static const struct field template_fields[] = {
    FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),
    FIELD("spec", FIELD_OPAQUE),
    FIELD("apiVersion", FIELD_TEXT),
    FIELD("kind", FIELD_TEXT),
};
static const struct schema template = SCHEMA(template_fields);

/* What driver and executor share. */
#define SPARK_POD_FIELDS                                                                          \
    FIELD_OF("affinity", FIELD_OBJECT, schema_affinity), FIELD("annotations", FIELD_ANNOTATIONS), \
        FIELD_OF("configMaps", FIELD_OBJECTS, name_path), FIELD("coreLimit", FIELD_QUANTITY),     \
        FIELD("coreRequest", FIELD_QUANTITY), FIELD_RANGE("cores", 1, INT32_MAX),                 \
        FIELD("dnsConfig", FIELD_OPAQUE), FIELD_OF("env", FIELD_OBJECTS, schema_env_var),         \
        FIELD_OF("envFrom", FIELD_OBJECTS, schema_env_from),                                      \
        FIELD("envSecretKeyRefs", FIELD_OPAQUE), FIELD("envVars", FIELD_TEXT_MAP),                \
        FIELD_OF("gpu", FIELD_OBJECT, gpu), FIELD("hostAliases", FIELD_OPAQUES),                  \
        FIELD("hostNetwork", FIELD_BOOL), FIELD("image", FIELD_TEXT),                             \
        FIELD_OF("initContainers", FIELD_OBJECTS, schema_container),                              \
        FIELD("javaOptions", FIELD_TEXT), FIELD("labels", FIELD_LABEL_MAP),                       \
        FIELD("lifecycle", FIELD_OPAQUE), FIELD("memory", FIELD_MEMORY),                          \
        FIELD("memoryLimit", FIELD_TEXT), FIELD("memoryOverhead", FIELD_MEMORY),                  \
        FIELD("nodeSelector", FIELD_LABEL_MAP), FIELD("podSecurityContext", FIELD_OPAQUE),        \
        FIELD_OF("ports", FIELD_OBJECTS, port), FIELD("priorityClassName", FIELD_TEXT),           \
        FIELD("schedulerName", FIELD_TEXT), FIELD_OF("secrets", FIELD_OBJECTS, secret),           \
        FIELD("securityContext", FIELD_OPAQUE), FIELD("serviceAccount", FIELD_SUBDOMAIN),         \
        FIELD("shareProcessNamespace", FIELD_BOOL),                                               \
        FIELD_OF("sidecars", FIELD_OBJECTS, schema_container),                                    \
        FIELD_OF("template", FIELD_OBJECT, template),                                             \
        FIELD_RANGE("terminationGracePeriodSeconds", 0, INT32_MAX),                               \
        FIELD_OF("tolerations", FIELD_OBJECTS, schema_toleration),                                \
        FIELD_OF("volumeMounts", FIELD_OBJECTS, schema_volume_mount)

static const struct field driver_fields[] = {
    SPARK_POD_FIELDS,
    FIELD("kubernetesMaster", FIELD_TEXT),
    FIELD("podName", FIELD_SUBDOMAIN),
    FIELD("serviceAnnotations", FIELD_ANNOTATIONS),
    FIELD("serviceLabels", FIELD_LABEL_MAP),
};
static const struct schema driver = SCHEMA(driver_fields);

static const struct field executor_fields[] = {
    SPARK_POD_FIELDS,
    FIELD("deleteOnTermination", FIELD_BOOL),
    FIELD_RANGE("instances", 0, INT32_MAX),
};
static const struct schema executor = SCHEMA(executor_fields);

static const struct field deps_fields[] = {
    FIELD("archives", FIELD_TEXTS),     FIELD("excludePackages", FIELD_TEXTS),
    FIELD("files", FIELD_TEXTS),        FIELD("jars", FIELD_TEXTS),
    FIELD("packages", FIELD_TEXTS),     FIELD("pyFiles", FIELD_TEXTS),
    FIELD("repositories", FIELD_TEXTS),
};
static const struct schema deps = SCHEMA(deps_fields);

/* What nightshift spark-submit read on its machine. */
static const struct field credentials_fields[] = {
    FIELD("ca-cert", FIELD_TEXT),
    FIELD("client-cert", FIELD_TEXT),
    FIELD("client-key", FIELD_TEXT),
    FIELD("oauth-token", FIELD_TEXT),
};
static const struct schema credentials = SCHEMA(credentials_fields);

static const struct field local_files_fields[] = {
    FIELD_OF("driverCredentials", FIELD_OBJECT, credentials),
    FIELD("hadoopConf", FIELD_TEXT_MAP),
    FIELD("keytab", FIELD_TEXT_MAP),
    FIELD("krb5Conf", FIELD_TEXT_MAP),
    FIELD("sparkConf", FIELD_TEXT_MAP),
};
static const struct schema local_files = SCHEMA(local_files_fields);

/* Which of its numbers of executors is kept room for; ours, Spark knows nothing of it. */
const char *const spark_reserves[] = {"initial", "max", "min", NULL};

static const struct field dynamic_allocation_fields[] = {
    FIELD("enabled", FIELD_BOOL),
    FIELD_RANGE("initialExecutors", 0, INT32_MAX),
    FIELD_RANGE("maxExecutors", 0, INT32_MAX),
    FIELD_RANGE("minExecutors", 0, INT32_MAX),
    FIELD_ONE_OF("reserve", spark_reserves),
    FIELD("shuffleTrackingEnabled", FIELD_BOOL),
    FIELD_RANGE("shuffleTrackingTimeout", 0, INT64_MAX),
};
static const struct schema dynamic_allocation = SCHEMA(dynamic_allocation_fields);

static const struct field prometheus_fields[] = {
    FIELD("configFile", FIELD_TEXT),
    FIELD("configuration", FIELD_TEXT),
    FIELD_NEEDED("jmxExporterJar", FIELD_TEXT),
    FIELD_RANGE("port", 1, UINT16_MAX),
    FIELD("portName", FIELD_TEXT),
};
static const struct schema prometheus = SCHEMA(prometheus_fields);

static const struct field monitoring_fields[] = {
    FIELD("exposeDriverMetrics", FIELD_BOOL),         FIELD("exposeExecutorMetrics", FIELD_BOOL),
    FIELD("metricsProperties", FIELD_TEXT),           FIELD("metricsPropertiesFile", FIELD_TEXT),
    FIELD_OF("prometheus", FIELD_OBJECT, prometheus),
};
static const struct schema monitoring = SCHEMA(monitoring_fields);

static const struct field restart_policy_fields[] = {
    FIELD_RANGE("onFailureRetries", 0, INT32_MAX),
    FIELD_RANGE("onFailureRetryInterval", 1, INT32_MAX),
    FIELD_RANGE("onSubmissionFailureRetries", 0, INT32_MAX),
    FIELD_RANGE("onSubmissionFailureRetryInterval", 1, INT32_MAX),
    FIELD_ONE_OF("type", restart_types),
};
static const struct schema restart_policy = SCHEMA(restart_policy_fields);

static const struct field batch_options_fields[] = {
    FIELD("priorityClassName", FIELD_TEXT),
    FIELD("queue", FIELD_TEXT),
    FIELD("resources", FIELD_QUANTITY_MAP),
};
static const struct schema batch_options = SCHEMA(batch_options_fields);

static const char *const service_types[] = {"ClusterIP", "LoadBalancer", "NodePort", NULL};

static const struct field exposed_fields[] = {
    FIELD("ingressAnnotations", FIELD_ANNOTATIONS), FIELD("ingressTLS", FIELD_OPAQUES),
    FIELD("ingressURLFormat", FIELD_TEXT),          FIELD("serviceAnnotations", FIELD_ANNOTATIONS),
    FIELD("serviceLabels", FIELD_LABEL_MAP),        FIELD_RANGE("servicePort", 1, UINT16_MAX),
    FIELD("servicePortName", FIELD_TEXT),           FIELD_ONE_OF("serviceType", service_types),
};
static const struct schema exposed = SCHEMA(exposed_fields);

static const struct field spark_spec_fields[] = {
    FIELD("arguments", FIELD_TEXTS),
    FIELD("batchScheduler", FIELD_TEXT),
    FIELD_OF("batchSchedulerOptions", FIELD_OBJECT, batch_options),
    FIELD_OF("deps", FIELD_OBJECT, deps),
    {.name = "driver", .type = FIELD_OBJECT, .object = &driver},
    FIELD_OF("driverIngressOptions", FIELD_OBJECTS, exposed),
    FIELD("driverPodDisruptionBudget", FIELD_BOOL),
    FIELD_OF("dynamicAllocation", FIELD_OBJECT, dynamic_allocation),
    {.name = "executor", .type = FIELD_OBJECT, .object = &executor},
    FIELD_RANGE("failureRetries", 0, INT32_MAX),
    FIELD("hadoopConf", FIELD_TEXT_MAP),
    FIELD("hadoopConfigMap", FIELD_TEXT),
    FIELD("image", FIELD_TEXT),
    FIELD_ONE_OF("imagePullPolicy", pull_policies),
    FIELD("imagePullSecrets", FIELD_TEXTS),
    FIELD_OF("localFiles", FIELD_OBJECT, local_files),
    FIELD("mainApplicationFile", FIELD_TEXT),
    FIELD("mainClass", FIELD_TEXT),
    FIELD("memoryOverheadFactor", FIELD_NUMBER_TEXT),
    FIELD("mode", FIELD_TEXT), /* Why it is not client is told by who builds the driver. */
    FIELD_OF("monitoring", FIELD_OBJECT, monitoring),
    FIELD("nodeSelector", FIELD_LABEL_MAP),
    FIELD("proxyUser", FIELD_TEXT),
    FIELD_ONE_OF("pythonVersion", python_versions),
    FIELD_OF("restartPolicy", FIELD_OBJECT, restart_policy),
    FIELD_RANGE("retryInterval", 0, INT32_MAX),
    FIELD("sparkConf", FIELD_TEXT_MAP),
    FIELD("sparkConfigMap", FIELD_TEXT),
    FIELD_OF("sparkUIOptions", FIELD_OBJECT, exposed),
    FIELD("sparkVersion", FIELD_TEXT),
    FIELD("suspend", FIELD_BOOL),
    FIELD_RANGE("timeToLiveSeconds", 0, UINT32_MAX - 1),
    FIELD_ONE_OF("type", types),
    FIELD_OF("volumes", FIELD_OBJECTS, schema_volume),
};
const struct schema schema_spark_spec = SCHEMA(spark_spec_fields);
