/* k8s/spark_files.h - Hadoop's, Kerberos' and Spark's own files, mounted into the driver.
 *
 * Either ConfigMaps and Secrets that are there, by name, or spec.localFiles: texts that whoever
 * submitted read on its machine ({"hadoopConf":{name:text}, "krb5Conf":{..}, "sparkConf":{..}});
 * the secrets among them are spark_secrets.h's.
 * Source: Spark's HadoopConfDriverFeatureStep, KerberosConfDriverFeatureStep,
 * KubernetesClientUtils.
 */
#ifndef K8S_SPARK_FILES_H
#define K8S_SPARK_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SPARK_PROPERTIES_FILE "spark.properties"

struct field_error;
struct json_at;
struct json_t;
struct payload_run;
struct spark_app;
struct spark_attempt;

/* Read spec.localFiles into the application. */
int spark_files_read(const struct json_at *at, struct spark_app *app,
                     struct field_error *error) MUST_CHECK;

/* An object of texts by names of files; NULL in *out_files if there is none. */
int spark_files_read_map(const struct json_at *files, struct json_t **out_files,
                         struct field_error *error) MUST_CHECK;

/* Properties that exclude or require each other. */
int spark_files_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* Add volumes and mounts of Hadoop and Kerberos, and their variables. */
void spark_files_add_volumes(const struct spark_attempt *attempt, struct json_t *volumes,
                             struct json_t *mounts);
void spark_files_add_env(const struct spark_attempt *attempt, struct json_t *env);

/* The driver's configuration folder: add the items of its volume, the properties among them, or
 * the data of its map, without these. */
void spark_files_add_items(const struct spark_app *app, struct json_t *items);
void spark_files_add_data(const struct spark_app *app, struct json_t *data);

/* The name of the ConfigMap that executors find Hadoop's files in; false: there is none. */
bool spark_files_hadoop_map_name(const struct spark_attempt *attempt, char *out_name,
                                 size_t bytes_max);

/* The ConfigMaps to create; NULL: none. */
char *spark_files_hadoop_map(const struct spark_app *app, const struct payload_run *run,
                             const char *owner_uid);
char *spark_files_krb5_map(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid);

#endif
