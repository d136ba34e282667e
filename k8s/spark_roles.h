/* k8s/spark_roles.h - the fields of a SparkApplication's driver and executor.
 *
 * Private to k8s:spark_app, for the table of spark_fields.c.
 */
#ifndef K8S_SPARK_ROLES_H
#define K8S_SPARK_ROLES_H

struct json_at;
struct spark_reader;

int spark_read_driver(struct spark_reader *reader, const struct json_at *at, const char *key);
int spark_read_executor(struct spark_reader *reader, const struct json_at *at, const char *key);

#endif
