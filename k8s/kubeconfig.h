/* k8s/kubeconfig.h - finds where the API server is and how to prove who we are.
 *
 * Reads kubeconfig files (YAML, of which JSON is a part) as kubectl does, and the files of an
 * in-cluster service account. Never contacts the network; never logs. Unsafe or outdated
 * settings are refused with a text that says what to do.
 */
#ifndef K8S_KUBECONFIG_H
#define K8S_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "k8s/kube_access.h"

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

/* One kubeconfig from memory; relative paths in it belong to file_name's folder. */
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

#endif
