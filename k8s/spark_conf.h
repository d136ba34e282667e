/* k8s/spark_conf.h - a Spark configuration: keys and values, and Spark's own syntaxes of them.
 *
 * Kept in the order of its keys, so that equal configurations print equal bytes whatever order
 * they were written in. Each entry knows the field of the payload it came from, so a bad value
 * is reported where its writer will find it.
 *
 * Source of the syntaxes: Spark's JavaUtils (sizes) and configuration reference.
 */
#ifndef K8S_SPARK_CONF_H
#define K8S_SPARK_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct field_error;

/* Owned by the configuration. */
struct spark_conf_entry {
    char *key;
    char *value;
    char *path; /* of the payload's field, such as driver.memory */
};

/* Zeroed is empty and ready. */
struct spark_conf {
    struct spark_conf_entry *entries; /* ascending keys */
    size_t count;
    size_t room;
};

void spark_conf_finish(struct spark_conf *conf); /* Accepts NULL. */

/* Insert or replace; all three texts are copied. ERR_FULL at LIMIT_SPARK_CONF_KEYS. */
int spark_conf_set(struct spark_conf *conf, const char *key, const char *value,
                   const char *path) MUST_CHECK;

void spark_conf_remove(struct spark_conf *conf, const char *key); /* Absent is fine. */

/* NULL when absent. Borrowed until the next change. O(log n). */
const struct spark_conf_entry *spark_conf_find(const struct spark_conf *conf, const char *key);
const char *spark_conf_get(const struct spark_conf *conf, const char *key);

/* The entries whose keys start with prefix, in order: start with *at 0, NULL at the end. */
const struct spark_conf_entry *spark_conf_next(const struct spark_conf *conf, const char *prefix,
                                               size_t *at);

/* Fill the error with the entry's field and words. Returns code. */
int spark_conf_fail(const struct spark_conf_entry *entry, struct field_error *error, int code,
                    const char *format, ...) PRINTF_LIKE(4, 5);

/* Each leaves *out_value alone when the key is absent; ERR_INVALID names the field. */

/* A size, floored to MiB; a bare number is in MiB. */
int spark_conf_get_mib(const struct spark_conf *conf, const char *key, int64_t *out_mib,
                       struct field_error *error) MUST_CHECK;
/* A size, floored to MiB; a bare number is in bytes. */
int spark_conf_get_bytes_as_mib(const struct spark_conf *conf, const char *key, int64_t *out_mib,
                                struct field_error *error) MUST_CHECK;
int spark_conf_get_count(const struct spark_conf *conf, const char *key, int64_t least,
                         int64_t *out_count, struct field_error *error) MUST_CHECK;
int spark_conf_get_port(const struct spark_conf *conf, const char *key, int64_t *out_port,
                        struct field_error *error) MUST_CHECK;
int spark_conf_get_bool(const struct spark_conf *conf, const char *key, bool *out_value,
                        struct field_error *error) MUST_CHECK;
int spark_conf_get_factor(const struct spark_conf *conf, const char *key, double *out_factor,
                          struct field_error *error) MUST_CHECK;
/* A Kubernetes quantity, above 0. */
int spark_conf_get_milli(const struct spark_conf *conf, const char *key, int64_t *out_milli,
                         struct field_error *error) MUST_CHECK;

/* "4g", "512m", "1536k": digits and a unit (b k kb m mb g gb t tb p pb, any case, powers of
 * 1024); a bare number counts bytes_per_bare. ERR_INVALID: not such a size; ERR_FULL: it
 * does not fit. */
int spark_size_parse(const char *text, int64_t bytes_per_bare, int64_t *out_bytes) MUST_CHECK;

#endif
