/* k8s/kubeconfig.h - where the API server is and how to prove who we are.
 *
 * Reads kubeconfig files (YAML, of which JSON is a part) as kubectl does, and the files of an
 * in-cluster service account. Never contacts the network; never logs; secrets stay in this
 * struct. Unsafe or outdated settings are refused with a text that says what to do.
 */
#ifndef K8S_KUBECONFIG_H
#define K8S_KUBECONFIG_H

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

struct kubeconfig_choice {
    const char *paths;   /* one path or several with ':', the first to set a thing wins */
    const char *context; /* NULL: current-context */
    bool allow_insecure; /* accept insecure-skip-tls-verify and plain http */
    bool in_cluster;     /* kubeconfig_load_default() alone: the service account or nothing */
};

/* Load and merge the files. ERR_NOT_FOUND: none of the files exists. ERR_INVALID names file,
 * line and field path. out_access: kube_access_finish(). */
int kubeconfig_load(const struct kubeconfig_choice *choice, struct kube_access *out_access,
                    struct error *error) MUST_CHECK;

/* One kubeconfig from memory; base_folder resolves the relative paths in it. */
int kubeconfig_parse(const char *text, size_t bytes, const char *file_name,
                     const struct kubeconfig_choice *choice, struct kube_access *out_access,
                     struct error *error) MUST_CHECK;

/* The service account of the pod that we run in: folder holds token, ca.crt and namespace.
 * ERR_NOT_FOUND: host is NULL or the files are missing. */
struct kubeconfig_in_cluster {
    const char *folder;
    const char *host; /* KUBERNETES_SERVICE_HOST */
    const char *port; /* KUBERNETES_SERVICE_PORT */
};
int kubeconfig_load_in_cluster(const struct kubeconfig_in_cluster *in,
                               struct kube_access *out_access, struct error *error) MUST_CHECK;

/* The daemon's choice: choice->paths if set; else $KUBECONFIG; else ~/.kube/config if it is there;
 * else the pod's service account. The only function that looks at the environment. */
int kubeconfig_load_default(const struct kubeconfig_choice *choice, struct kube_access *out_access,
                            struct error *error) MUST_CHECK;

/* Are the files that access names readable, and PEM? ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_INVALID. */
int kube_access_check(const struct kube_access *access, struct error *error) MUST_CHECK;

/* A copy that owns all its texts. */
struct kube_access kube_access_copy(const struct kube_access *access);

/* Frees, and wipes the secrets. Accepts a zeroed struct. */
void kube_access_finish(struct kube_access *access);

#endif
