/* k8s/kube_transfer.h - one HTTP exchange: curl's handle, set up and read out.
 *
 * The one place that knows curl's options and translates its codes. A transfer is used once; a
 * repeat is a new transfer.
 */
#ifndef K8S_KUBE_TRANSFER_H
#define K8S_KUBE_TRANSFER_H

#include <stdbool.h>

#include "base/error.h"
#include "k8s/credentials.h"
#include "k8s/kube.h"

struct kube_access;
struct kube_transfer;

/* Everything borrowed until the transfer is destroyed, but for the credential. */
struct kube_transfer_options {
    const struct kube_access *access;
    const struct credential *credential;
    const char *user_agent;
    const struct kube_call *call;
    void *bytes_context; /* for call->on_bytes */
    void *owner;         /* comes back from kube_transfer_owner() */
    int64_t connect_us;
    bool http1_only;
};

/* ERR_NO_MEMORY, or ERR_INVALID for what curl does not take (text says what). */
int kube_transfer_create(const struct kube_transfer_options *options,
                         struct kube_transfer **out_transfer, struct error *error) MUST_CHECK;
void kube_transfer_destroy(struct kube_transfer *transfer); /* Accepts NULL. Not in a pool. */

void *kube_transfer_easy(struct kube_transfer *transfer); /* curl's handle, for the pool */
void *kube_transfer_owner(void *easy);

/* What became of it, after the pool gave it back with this CURLcode. */
struct kube_status kube_transfer_status(struct kube_transfer *transfer, int curl_code);

/* The same of a transfer that is still running when the call's deadline comes. */
struct kube_status kube_transfer_status_timed_out(struct kube_transfer *transfer);

/* Did any part of an answer come? Not, and the connection is suspect. */
bool kube_transfer_heard(const struct kube_transfer *transfer);

/* The body so far; not for streams that succeed. Borrowed. */
const char *kube_transfer_body(const struct kube_transfer *transfer, size_t *out_bytes);

/* As the server said it; "" if it did not. Borrowed. */
const char *kube_transfer_content_type(struct kube_transfer *transfer);

/* 11 or 20; 0: no answer. */
int kube_transfer_http_version(struct kube_transfer *transfer);

#endif
