#include "config/pod_schema.h"

#include <stdint.h>

/* Words. */

static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never", NULL};
static const char *const pod_restart_policies[] = {"Never", "OnFailure", NULL};
static const char *const container_restart_policies[] = {"Always", "OnFailure", "Never", NULL};
static const char *const dns_policies[] = {"ClusterFirst", "ClusterFirstWithHostNet", "Default",
                                           "None", NULL};
static const char *const preemption_policies[] = {"Never", "PreemptLowerPriority", NULL};
static const char *const protocols[] = {"TCP", "UDP", "SCTP", NULL};
static const char *const termination_policies[] = {"File", "FallbackToLogsOnError", NULL};
static const char *const toleration_operators[] = {"Equal", "Exists", NULL};
static const char *const toleration_effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute",
                                                 NULL};

/* Metadata. What only the server writes is ignored, so that its answers can be sent again. */

static const struct field object_meta_fields[] = {
    FIELD("name", FIELD_TEXT), /* checked with a better sentence where it is read */
    FIELD("namespace", FIELD_LABEL),
    FIELD("labels", FIELD_LABEL_MAP),
    FIELD("annotations", FIELD_ANNOTATIONS),
    FIELD("creationTimestamp", FIELD_IGNORED),
    FIELD("deletionGracePeriodSeconds", FIELD_IGNORED),
    FIELD("deletionTimestamp", FIELD_IGNORED),
    FIELD("finalizers", FIELD_IGNORED),
    FIELD("generateName", FIELD_REFUSED),
    FIELD("generation", FIELD_IGNORED),
    FIELD("managedFields", FIELD_IGNORED),
    FIELD("ownerReferences", FIELD_IGNORED),
    FIELD("resourceVersion", FIELD_IGNORED),
    FIELD("selfLink", FIELD_IGNORED),
    FIELD("uid", FIELD_IGNORED),
};
const struct schema schema_object_meta = SCHEMA(object_meta_fields);

/* Small parts. */

static const struct field name_fields[] = {FIELD("name", FIELD_TEXT)};
static const struct schema name_schema = SCHEMA(name_fields);

static const struct field env_var_fields[] = {
    FIELD_NEEDED("name", FIELD_TEXT),
    FIELD("value", FIELD_TEXT),
    FIELD("valueFrom", FIELD_OPAQUE),
};
const struct schema schema_env_var = SCHEMA(env_var_fields);

static const struct field env_source_fields[] = {
    FIELD("name", FIELD_TEXT),
    FIELD("optional", FIELD_BOOL),
};
static const struct schema env_source = SCHEMA(env_source_fields);

static const struct field env_from_fields[] = {
    FIELD_OF("configMapRef", FIELD_OBJECT, env_source),
    FIELD("prefix", FIELD_TEXT),
    FIELD_OF("secretRef", FIELD_OBJECT, env_source),
};
const struct schema schema_env_from = SCHEMA(env_from_fields);

static const struct field port_fields[] = {
    {.name = "containerPort", .type = FIELD_INT, .min = 1, .max = UINT16_MAX, .required = true},
    FIELD("hostIP", FIELD_TEXT),
    FIELD_RANGE("hostPort", 0, UINT16_MAX),
    FIELD("name", FIELD_TEXT),
    FIELD_ONE_OF("protocol", protocols),
};
static const struct schema port_schema = SCHEMA(port_fields);

static const struct field resource_fields[] = {
    FIELD("claims", FIELD_OPAQUES),
    FIELD("limits", FIELD_QUANTITY_MAP),
    FIELD("requests", FIELD_QUANTITY_MAP),
};
static const struct schema resources = SCHEMA(resource_fields);

static const struct field toleration_fields[] = {
    FIELD_ONE_OF("effect", toleration_effects),
    FIELD("key", FIELD_TEXT),
    FIELD_ONE_OF("operator", toleration_operators),
    FIELD("tolerationSeconds", FIELD_INT),
    FIELD("value", FIELD_TEXT),
};
const struct schema schema_toleration = SCHEMA(toleration_fields);

static const struct field affinity_fields[] = {
    FIELD("nodeAffinity", FIELD_OPAQUE),
    FIELD("podAffinity", FIELD_OPAQUE),
    FIELD("podAntiAffinity", FIELD_OPAQUE),
};
const struct schema schema_affinity = SCHEMA(affinity_fields);

static const struct field host_alias_fields[] = {
    FIELD("hostnames", FIELD_TEXTS),
    FIELD("ip", FIELD_TEXT),
};
static const struct schema host_alias = SCHEMA(host_alias_fields);

static const struct field dns_option_fields[] = {
    FIELD("name", FIELD_TEXT),
    FIELD("value", FIELD_TEXT),
};
static const struct schema dns_option = SCHEMA(dns_option_fields);

static const struct field dns_config_fields[] = {
    FIELD("nameservers", FIELD_TEXTS),
    FIELD_OF("options", FIELD_OBJECTS, dns_option),
    FIELD("searches", FIELD_TEXTS),
};
static const struct schema dns_config = SCHEMA(dns_config_fields);

/* Volumes. */

static const struct field volume_item_fields[] = {
    FIELD("key", FIELD_TEXT),
    FIELD_RANGE("mode", 0, 0777),
    FIELD("path", FIELD_TEXT),
};
static const struct schema volume_item = SCHEMA(volume_item_fields);

static const struct field config_map_volume_fields[] = {
    FIELD_RANGE("defaultMode", 0, 0777),
    FIELD_OF("items", FIELD_OBJECTS, volume_item),
    FIELD("name", FIELD_TEXT),
    FIELD("optional", FIELD_BOOL),
};
static const struct schema config_map_volume = SCHEMA(config_map_volume_fields);

static const struct field secret_volume_fields[] = {
    FIELD_RANGE("defaultMode", 0, 0777),
    FIELD_OF("items", FIELD_OBJECTS, volume_item),
    FIELD("optional", FIELD_BOOL),
    FIELD("secretName", FIELD_TEXT),
};
static const struct schema secret_volume = SCHEMA(secret_volume_fields);

static const struct field empty_dir_fields[] = {
    FIELD("medium", FIELD_TEXT),
    FIELD("sizeLimit", FIELD_QUANTITY),
};
static const struct schema empty_dir = SCHEMA(empty_dir_fields);

static const struct field host_path_fields[] = {
    FIELD_NEEDED("path", FIELD_TEXT),
    FIELD("type", FIELD_TEXT),
};
static const struct schema host_path = SCHEMA(host_path_fields);

static const struct field claim_fields[] = {
    FIELD_NEEDED("claimName", FIELD_TEXT),
    FIELD("readOnly", FIELD_BOOL),
};
static const struct schema claim = SCHEMA(claim_fields);

static const struct field nfs_fields[] = {
    FIELD_NEEDED("path", FIELD_TEXT),
    FIELD("readOnly", FIELD_BOOL),
    FIELD_NEEDED("server", FIELD_TEXT),
};
static const struct schema nfs = SCHEMA(nfs_fields);

static const struct field volume_fields[] = {
    FIELD_NEEDED("name", FIELD_LABEL),
    FIELD_OF("configMap", FIELD_OBJECT, config_map_volume),
    FIELD_OF("emptyDir", FIELD_OBJECT, empty_dir),
    FIELD_OF("hostPath", FIELD_OBJECT, host_path),
    FIELD_OF("nfs", FIELD_OBJECT, nfs),
    FIELD_OF("persistentVolumeClaim", FIELD_OBJECT, claim),
    FIELD_OF("secret", FIELD_OBJECT, secret_volume),
    FIELD("awsElasticBlockStore", FIELD_OPAQUE),
    FIELD("azureDisk", FIELD_OPAQUE),
    FIELD("azureFile", FIELD_OPAQUE),
    FIELD("cephfs", FIELD_OPAQUE),
    FIELD("cinder", FIELD_OPAQUE),
    FIELD("csi", FIELD_OPAQUE),
    FIELD("downwardAPI", FIELD_OPAQUE),
    FIELD("ephemeral", FIELD_OPAQUE),
    FIELD("fc", FIELD_OPAQUE),
    FIELD("flexVolume", FIELD_OPAQUE),
    FIELD("flocker", FIELD_OPAQUE),
    FIELD("gcePersistentDisk", FIELD_OPAQUE),
    FIELD("gitRepo", FIELD_OPAQUE),
    FIELD("glusterfs", FIELD_OPAQUE),
    FIELD("image", FIELD_OPAQUE),
    FIELD("iscsi", FIELD_OPAQUE),
    FIELD("photonPersistentDisk", FIELD_OPAQUE),
    FIELD("portworxVolume", FIELD_OPAQUE),
    FIELD("projected", FIELD_OPAQUE),
    FIELD("quobyte", FIELD_OPAQUE),
    FIELD("rbd", FIELD_OPAQUE),
    FIELD("scaleIO", FIELD_OPAQUE),
    FIELD("storageos", FIELD_OPAQUE),
    FIELD("vsphereVolume", FIELD_OPAQUE),
};
const struct schema schema_volume = SCHEMA(volume_fields);

static const struct field volume_mount_fields[] = {
    FIELD_NEEDED("mountPath", FIELD_TEXT),  FIELD("mountPropagation", FIELD_TEXT),
    FIELD_NEEDED("name", FIELD_TEXT),       FIELD("readOnly", FIELD_BOOL),
    FIELD("recursiveReadOnly", FIELD_TEXT), FIELD("subPath", FIELD_TEXT),
    FIELD("subPathExpr", FIELD_TEXT),
};
const struct schema schema_volume_mount = SCHEMA(volume_mount_fields);

/* Containers. */

static const struct field container_fields[] = {
    FIELD("args", FIELD_TEXTS),
    FIELD("command", FIELD_TEXTS),
    FIELD_OF("env", FIELD_OBJECTS, schema_env_var),
    FIELD_OF("envFrom", FIELD_OBJECTS, schema_env_from),
    FIELD("image", FIELD_TEXT),
    FIELD_ONE_OF("imagePullPolicy", pull_policies),
    FIELD("lifecycle", FIELD_OPAQUE),
    FIELD("livenessProbe", FIELD_OPAQUE),
    FIELD_NEEDED("name", FIELD_LABEL),
    FIELD_OF("ports", FIELD_OBJECTS, port_schema),
    FIELD("readinessProbe", FIELD_OPAQUE),
    FIELD("resizePolicy", FIELD_OPAQUES),
    FIELD_OF("resources", FIELD_OBJECT, resources),
    FIELD_ONE_OF("restartPolicy", container_restart_policies),
    FIELD("restartPolicyRules", FIELD_OPAQUES),
    FIELD("securityContext", FIELD_OPAQUE),
    FIELD("startupProbe", FIELD_OPAQUE),
    FIELD("stdin", FIELD_BOOL),
    FIELD("stdinOnce", FIELD_BOOL),
    FIELD("terminationMessagePath", FIELD_TEXT),
    FIELD_ONE_OF("terminationMessagePolicy", termination_policies),
    FIELD("tty", FIELD_BOOL),
    FIELD("volumeDevices", FIELD_OPAQUES),
    FIELD_OF("volumeMounts", FIELD_OBJECTS, schema_volume_mount),
    FIELD("workingDir", FIELD_TEXT),
};
const struct schema schema_container = SCHEMA(container_fields);

/* Pods. restartPolicy Always is left out: a batch pod must be able to end. */

static const struct field pod_spec_fields[] = {
    FIELD_RANGE("activeDeadlineSeconds", 1, INT32_MAX),
    FIELD_OF("affinity", FIELD_OBJECT, schema_affinity),
    FIELD("automountServiceAccountToken", FIELD_BOOL),
    {.name = "containers", .type = FIELD_OBJECTS, .object = &schema_container, .required = true},
    FIELD_OF("dnsConfig", FIELD_OBJECT, dns_config),
    FIELD_ONE_OF("dnsPolicy", dns_policies),
    FIELD("enableServiceLinks", FIELD_BOOL),
    FIELD("ephemeralContainers", FIELD_REFUSED),
    FIELD_OF("hostAliases", FIELD_OBJECTS, host_alias),
    FIELD("hostIPC", FIELD_BOOL),
    FIELD("hostNetwork", FIELD_BOOL),
    FIELD("hostPID", FIELD_BOOL),
    FIELD("hostUsers", FIELD_BOOL),
    FIELD("hostname", FIELD_TEXT),
    FIELD("hostnameOverride", FIELD_TEXT),
    FIELD_OF("imagePullSecrets", FIELD_OBJECTS, name_schema),
    FIELD_OF("initContainers", FIELD_OBJECTS, schema_container),
    FIELD("nodeName", FIELD_TEXT),
    FIELD("nodeSelector", FIELD_LABEL_MAP),
    FIELD_OF("os", FIELD_OBJECT, name_schema),
    FIELD("overhead", FIELD_QUANTITY_MAP),
    FIELD_ONE_OF("preemptionPolicy", preemption_policies),
    FIELD("priority", FIELD_INT),
    FIELD("priorityClassName", FIELD_TEXT),
    FIELD("readinessGates", FIELD_OPAQUES),
    FIELD("resourceClaims", FIELD_OPAQUES),
    FIELD_OF("resources", FIELD_OBJECT, resources),
    FIELD_ONE_OF("restartPolicy", pod_restart_policies),
    FIELD("runtimeClassName", FIELD_TEXT),
    FIELD("schedulerName", FIELD_TEXT),
    FIELD("schedulingGates", FIELD_OPAQUES),
    FIELD("securityContext", FIELD_OPAQUE),
    FIELD("serviceAccount", FIELD_TEXT),
    FIELD("serviceAccountName", FIELD_TEXT),
    FIELD("setHostnameAsFQDN", FIELD_BOOL),
    FIELD("shareProcessNamespace", FIELD_BOOL),
    FIELD("subdomain", FIELD_TEXT),
    FIELD_RANGE("terminationGracePeriodSeconds", 0, INT32_MAX),
    FIELD_OF("tolerations", FIELD_OBJECTS, schema_toleration),
    FIELD("topologySpreadConstraints", FIELD_OPAQUES),
    FIELD_OF("volumes", FIELD_OBJECTS, schema_volume),
};
const struct schema schema_pod_spec = SCHEMA(pod_spec_fields);

static const struct field pod_template_fields[] = {
    FIELD_OF("metadata", FIELD_OBJECT, schema_object_meta),
    {.name = "spec", .type = FIELD_OBJECT, .object = &schema_pod_spec, .required = true},
};
const struct schema schema_pod_template = SCHEMA(pod_template_fields);
