/* k8s/kube_access.h - how to reach one cluster as one user: a value that owns its texts.
 *
 * Secrets stay in this struct, and are wiped with it.
 */
#ifndef K8S_KUBE_ACCESS_H
#define K8S_KUBE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A file on disk or bytes in memory; both NULL: not set. Bytes win. */
struct kube_material {
    char *file; /* absolute or relative to the working directory: already resolved */
    char *data; /* decoded, NUL-ended */
    size_t data_bytes;
};

/* An exec credential plugin, as on EKS and GKE. */
struct kube_exec {
    char *command; /* NULL: none */
    char **args;   /* NULL-ended, without the command; never NULL when command is set */
    char **env;    /* NULL-ended "NAME=value", added to our own environment */
    char *api_version;
    char *install_hint; /* may be NULL */
    bool provide_cluster_info;
};

/* How to reach one cluster as one user. */
struct kube_access {
    char *source; /* where this came from, for messages: "/home/a/.kube/config, context prod" */
    char *server; /* "https://host:port/prefix" without a slash at the end */
    char *proxy_url;
    char *tls_server_name;
    char *namespace_;        /* the context's; NULL: none given */
    struct kube_material ca; /* unset: the system's */
    bool insecure_skip_tls_verify;
    struct kube_material client_cert;
    struct kube_material client_key;
    char *token;
    char *token_file; /* wins over token; read again when it changes */
    struct kube_exec exec;
};

bool kube_material_is_set(const struct kube_material *material);

/* Are the files that access names readable, and PEM? ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_INVALID. */
int kube_access_check(const struct kube_access *access, struct error *error) MUST_CHECK;

/* A copy that owns all its texts. */
struct kube_access kube_access_copy(const struct kube_access *access);

/* Frees, and wipes the secrets. Accepts a zeroed struct. */
void kube_access_finish(struct kube_access *access);

#endif
