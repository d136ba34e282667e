/* k8s/spark_template.h - pod templates: what a pod has before Spark adds to it.
 *
 * Source: Spark's KubernetesUtils.selectSparkContainer. Of the template's containers one becomes
 * Spark's: the one that is named, else the first; the others stay.
 */
#ifndef K8S_SPARK_TEMPLATE_H
#define K8S_SPARK_TEMPLATE_H

#include <stddef.h>

#include "base/error.h"

struct field_error;
struct json_at;
struct json_t;

/* A deep copy of the template's member, or an empty object; the caller's. template may be NULL. */
struct json_t *spark_template_copy(const struct json_t *template, const char *key);

/* Take Spark's container out of a pod's spec: the caller's; an empty object if there is none.
 * name: NULL or "" is the first. */
struct json_t *spark_template_take_container(struct json_t *spec, const char *name);

/* What that container is called in a template, which may be NULL; else otherwise. Borrowed. */
const char *spark_template_container_name(const struct json_t *template, const char *name,
                                          const char *otherwise);

/* The member as a list or an object to add to; made if it is not there. Borrowed. */
struct json_t *spark_template_list(struct json_t *object, const char *key);
struct json_t *spark_template_object(struct json_t *object, const char *key);

/* A volume of that name of a whole ConfigMap, and its mount at that path, to be read only. */
void spark_template_mount_map(const char *map, const char *name, const char *path,
                              struct json_t *volumes, struct json_t *mounts);

/* A place in a payload that holds a template. Types are checked as far as we look into it. */
int spark_template_check(const struct json_at *at, struct field_error *error) MUST_CHECK;
int spark_template_check_containers(const struct json_at *list,
                                    struct field_error *error) MUST_CHECK;

#endif
