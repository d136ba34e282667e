#include "k8s/spark_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/ensure.h"

#define SERVICE_BYTES_MAX 63
#define LABEL_BYTES_MAX   63
/* "-" and the decimal id, "-" and the decimal attempt. */
#define SUFFIX_BYTES_MAX 33

/* Lower case, every run of bytes that a name cannot have becomes one "-". Blanks at the ends
 * are dropped first. Source: Spark's KubernetesConf. */
static void clean(const char *text, char *out_text, size_t bytes_max) {
    size_t used = 0;
    const char *end = text + strlen(text);

    while (*text == ' ') {
        text++;
    }
    while (end > text && end[-1] == ' ') {
        end--;
    }
    for (; text < end && used + 1 < bytes_max; text++) {
        char byte = *text;

        if (byte >= 'A' && byte <= 'Z') {
            byte = (char)(byte - 'A' + 'a');
        }
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9')) {
            byte = '-';
        }
        if (byte != '-' || used == 0 || out_text[used - 1] != '-') {
            out_text[used++] = byte;
        }
    }
    out_text[used] = '\0';
}

static void make_prefix(const struct attempt_id *id, char out_prefix[SPARK_PREFIX_BYTES_MAX + 1]) {
    char name[SPARK_PREFIX_BYTES_MAX - SUFFIX_BYTES_MAX];
    const char *start = name;
    size_t length;

    clean(id->job_name, name, sizeof name);
    if (*start == '-') {
        start++;
    }
    length = strlen(start);
    if (length > 0 && start[length - 1] == '-') {
        length--;
    }
    if (length == 0) { /* Spark would go on with the digits, and two jobs would share a name. */
        start = "spark";
        length = strlen(start);
    }
    (void)snprintf(out_prefix, SPARK_PREFIX_BYTES_MAX + 1, "%.*s-%" PRIu64 "-%" PRIu32, (int)length,
                   start, id->job_id, id->attempt);
    if (out_prefix[0] >= '0' && out_prefix[0] <= '9') {
        out_prefix[0] = 'x';
    }
}

/* Bytes that look random and are a function of the ids and the purpose. */
static void derive(const struct attempt_id *id, const char *purpose,
                   unsigned char out_bytes[DIGEST_BYTES]) {
    char text[512];
    int length = snprintf(text, sizeof text, "%s %s %" PRIu64 " %" PRIu32, purpose, id->store_uid,
                          id->job_id, id->attempt);

    ENSURE(length > 0 && (size_t)length < sizeof text);
    digest_sha256(text, (size_t)length, out_bytes);
}

static void make_app_id(const struct attempt_id *id, char out_app_id[48]) {
    unsigned char digest[DIGEST_BYTES];

    derive(id, "application", digest);
    (void)snprintf(out_app_id, 48, "spark-");
    digest_print_hex(digest, 16, out_app_id + strlen("spark-"));
}

/* In the form of a random UUID, as the directory's name has in Spark. */
static void make_local_dir(const struct attempt_id *id, char out_dir[64]) {
    unsigned char digest[DIGEST_BYTES];
    char hex[33];

    derive(id, "local directory", digest);
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x40);
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
    digest_print_hex(digest, 16, hex);
    (void)snprintf(out_dir, 64, "/var/data/spark-%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                   hex + 16, hex + 20);
}

static void make_service(const struct attempt_id *id, const char *prefix, char out_service[64]) {
    unsigned char digest[DIGEST_BYTES];
    char hex[17];
    int length = snprintf(out_service, 64, "%s-driver-svc", prefix);

    if (length <= SERVICE_BYTES_MAX) {
        return;
    }
    derive(id, "service", digest);
    digest_print_hex(digest, 8, hex);
    (void)snprintf(out_service, 64, "spark-%s-driver-svc", hex);
}

void spark_names_make(const struct attempt_id *id, struct spark_names *out_names) {
    make_prefix(id, out_names->prefix);
    (void)snprintf(out_names->pod, sizeof out_names->pod, "%s-driver", out_names->prefix);
    make_service(id, out_names->prefix, out_names->service);
    (void)snprintf(out_names->conf_map, sizeof out_names->conf_map,
                   "spark-drv-%" PRIu64 "-%" PRIu32 "-conf-map", id->job_id, id->attempt);
    make_app_id(id, out_names->app_id);
    make_local_dir(id, out_names->local_dir);
}

void spark_name_service(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s", names->service);
}

void spark_name_conf_map(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s", names->conf_map);
}

void spark_name_network_policy(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-policy", names->prefix);
}

void spark_name_template_map(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-driver-podspec-conf-map", names->prefix);
}

void spark_name_hadoop_map(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-hadoop-config", names->prefix);
}

void spark_name_krb5_map(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-krb5-file", names->prefix);
}

void spark_name_keytab(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-kerberos-keytab", names->prefix);
}

void spark_name_credentials(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-kubernetes-credentials", names->prefix);
}

void spark_name_metrics_map(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-prom-conf", names->prefix);
}

void spark_name_budget(const struct spark_names *names, char *out_name, size_t bytes_max) {
    (void)snprintf(out_name, bytes_max, "%s-driver", names->prefix);
}

void spark_name_of_part(const struct spark_names *names, const char *suffix, char out_name[64]) {
    int length = snprintf(out_name, 64, "%s-%s", names->prefix, suffix);

    if (length >= 64) { /* The application's id is as unique. */
        (void)snprintf(out_name, 64, "%.22s-%s", names->app_id, suffix);
    }
}

void spark_app_name_label(const char *app_name, char out_label[64]) {
    char name[LABEL_BYTES_MAX + 1];
    const char *start = name;
    size_t length;

    clean(app_name, name, sizeof name);
    if (*start == '-') {
        start++;
    }
    length = strlen(start);
    if (length > 0 && start[length - 1] == '-') {
        length--;
    }
    (void)snprintf(out_label, 64, "%.*s", (int)length, start);
}

void attempt_job_uid(const struct attempt_id *id, char out_uid[64]) {
    char number[24];
    int length = snprintf(number, sizeof number, "-%" PRIu64, id->job_id);

    (void)snprintf(out_uid, 64, "%.*s%s", LABEL_BYTES_MAX - length, id->store_uid, number);
}
