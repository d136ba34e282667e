/* k8s/credentials.h - who we are, now: a token or a client certificate that may change.
 *
 * Reads a token file again when it changes; runs an exec plugin before its credential
 * expires, never waiting for it. Opens no connection.
 */
#ifndef K8S_CREDENTIALS_H
#define K8S_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct credentials;
struct kube_access;
struct poller;

struct credentials_options {
    struct poller *poller;
    struct instant (*clock)(void);
    const struct kube_access *access; /* borrowed for the credentials' life */
    /* What was ERR_BUSY has been settled, well or badly: ask again. Called from the loop. */
    void (*on_change)(void *context);
    void *context;
};

struct credentials *credentials_create(const struct credentials_options *options);
void credentials_destroy(struct credentials *credentials); /* Accepts NULL. */

/* Borrowed until the next call or round of the loop. Any may be NULL. */
struct credential {
    const char *token;
    const char *cert_pem; /* from an exec plugin; the kubeconfig's own is in the access */
    const char *key_pem;
    uint64_t generation; /* for credentials_reject() */
};

/* What to use for a request that begins now. ERR_BUSY: a plugin is running, on_change will be
 * called. Other failures: there is no credential; the text says why; they pass by themselves. */
int credentials_get(struct credentials *credentials, struct credential *out_credential,
                    struct error *error) MUST_CHECK;

/* The server said 401 to a credential of this generation. True when asking again may give
 * something else; several requests that were refused together cause one renewal. */
bool credentials_reject(struct credentials *credentials, uint64_t generation);

#endif
