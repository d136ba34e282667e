/* k8s/exec_credential.h - what is said to an exec plugin and what it answers, as JSON.
 *
 * Source: client.authentication.k8s.io/v1 and v1beta1, whose fields are the same. Pure.
 */
#ifndef K8S_EXEC_CREDENTIAL_H
#define K8S_EXEC_CREDENTIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct kube_access;

/* Owned texts: exec_credential_finish(). */
struct exec_credential {
    char *token;
    char *cert_pem;
    char *key_pem;
    int64_t expires_us; /* CLOCK_NEVER_US: not said */
};

/* ERR_INVALID with the field's path when it is no ExecCredential of that apiVersion or holds
 * neither a token nor a certificate with its key. */
int exec_credential_parse(const char *json, size_t bytes, const char *api_version,
                          struct exec_credential *out_credential, struct error *error) MUST_CHECK;

/* Frees, and wipes the secrets. Accepts a zeroed struct. */
void exec_credential_finish(struct exec_credential *credential);

/* "KUBERNETES_EXEC_INFO={...}", owned. Holds the cluster when the kubeconfig asks for it. */
char *exec_credential_info(const struct kube_access *access);

#endif
