#include "k8s/exec_credential.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "k8s/file.h"
#include "k8s/kube_access.h"

/* --- The answer ------------------------------------------------------------------------------- */

static int check_header(const json_t *root, const char *api_version, struct error *error) {
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const char *version = json_string_value(json_object_get(root, "apiVersion"));

    if (kind == NULL || strcmp(kind, "ExecCredential") != 0) {
        return error_set(error, ERR_INVALID, "kind: should be ExecCredential");
    }
    if (version == NULL || strcmp(version, api_version) != 0) {
        return error_set(error, ERR_INVALID, "apiVersion: should be %s as in the kubeconfig, is %s",
                         api_version, version == NULL ? "absent" : version);
    }
    return OK;
}

/* An owned text; NULL when absent or empty. */
static char *copy_text(const json_t *status, const char *key) {
    const char *text = json_string_value(json_object_get(status, key));

    return text == NULL || *text == '\0' ? NULL : mem_copy_text(text);
}

static int check_credential(const struct exec_credential *credential, struct error *error) {
    if ((credential->cert_pem == NULL) != (credential->key_pem == NULL)) {
        return error_set(error, ERR_INVALID,
                         "status: clientCertificateData and clientKeyData come together");
    }
    if (credential->token == NULL && credential->cert_pem == NULL) {
        return error_set(error, ERR_INVALID,
                         "status: holds neither token nor clientCertificateData");
    }
    if (credential->token != NULL &&
        credential->token[strcspn(credential->token, "\r\n")] != '\0') {
        return error_set(error, ERR_INVALID, "status.token: holds a line break");
    }
    return OK;
}

static int parse_expiry(const json_t *status, int64_t *out_us, struct error *error) {
    const char *text = json_string_value(json_object_get(status, "expirationTimestamp"));

    if (text == NULL) {
        *out_us = CLOCK_NEVER_US;
        return OK;
    }
    if (rfc3339_parse(text, out_us) != OK) {
        return error_set(error, ERR_INVALID,
                         "status.expirationTimestamp: should be an RFC 3339 time, is \"%s\"", text);
    }
    return OK;
}

int exec_credential_parse(const char *json, size_t bytes, const char *api_version,
                          struct exec_credential *out_credential, struct error *error) {
    json_error_t problem;
    json_t *root = json_loadb(json, bytes, 0, &problem);
    const json_t *status = json_object_get(root, "status");
    struct exec_credential credential = {0};
    int r;

    if (root == NULL) {
        /* jansson's words may quote the input, which is a secret. */
        return error_set(error, ERR_INVALID, "not JSON (line %d)", problem.line);
    }
    r = check_header(root, api_version, error);
    if (r == OK) {
        r = parse_expiry(status, &credential.expires_us, error);
    }
    if (r == OK) {
        credential.token = copy_text(status, "token");
        credential.cert_pem = copy_text(status, "clientCertificateData");
        credential.key_pem = copy_text(status, "clientKeyData");
        r = check_credential(&credential, error);
    }
    json_decref(root);
    if (r != OK) {
        exec_credential_finish(&credential);
        return r;
    }
    *out_credential = credential;
    return OK;
}

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void exec_credential_finish(struct exec_credential *credential) {
    free_secret(credential->token);
    free(credential->cert_pem);
    free_secret(credential->key_pem);
    *credential = (struct exec_credential){0};
}

/* --- The question ----------------------------------------------------------------------------- */

/* The CA's PEM as base64, owned; NULL when there is none. */
static char *ca_text(const struct kube_access *access) {
    struct buf file;
    char *text = NULL;

    if (access->ca.data != NULL) {
        return base64_encode(access->ca.data, access->ca.data_bytes, BASE64_USUAL);
    }
    buf_init(&file, LIMIT_CONFIG_BYTES);
    if (access->ca.file != NULL && kube_file_read(access->ca.file, &file, NULL) == OK) {
        text = base64_encode(buf_text(&file), file.bytes, BASE64_USUAL);
    }
    buf_finish(&file);
    return text;
}

static void set_text(json_t *object, const char *key, const char *text) {
    if (text != NULL) {
        (void)json_object_set_new(object, key, json_string(text));
    }
}

static json_t *cluster_object(const struct kube_access *access) {
    json_t *cluster = json_object();
    char *ca = ca_text(access);

    set_text(cluster, "server", access->server);
    set_text(cluster, "tls-server-name", access->tls_server_name);
    set_text(cluster, "certificate-authority-data", ca);
    set_text(cluster, "proxy-url", access->proxy_url);
    if (access->insecure_skip_tls_verify) {
        (void)json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
    }
    free(ca);
    return cluster;
}

char *exec_credential_info(const struct kube_access *access) {
    json_t *root = json_object();
    json_t *spec = json_object();
    char *dumped;
    char *text;

    set_text(root, "kind", "ExecCredential");
    set_text(root, "apiVersion", access->exec.api_version);
    (void)json_object_set_new(spec, "interactive", json_false());
    if (access->exec.provide_cluster_info) {
        (void)json_object_set_new(spec, "cluster", cluster_object(access));
    }
    (void)json_object_set_new(root, "spec", spec);
    dumped = json_dumps(root, JSON_COMPACT);
    text = mem_format("KUBERNETES_EXEC_INFO=%s", dumped == NULL ? "" : dumped);
    free(dumped);
    json_decref(root);
    return text;
}
