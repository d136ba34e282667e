/* k8s/kube_pool.h - a set of connections and the transfers on them: curl multi on a poller.
 *
 * The connections live as long as the pool. A pool that is no longer trusted is left to finish
 * its transfers beside a new one.
 */
#ifndef K8S_KUBE_POOL_H
#define K8S_KUBE_POOL_H

#include <stddef.h>

#include "base/error.h"

struct kube_pool;
struct poller;

/* A transfer has ended with this CURLcode; easy is curl's handle, out of the pool already. Runs
 * outside of curl, from the loop: may add and remove transfers, must not destroy the pool. */
typedef void kube_pool_done(void *context, void *easy, int curl_code);

/* NULL when curl has no memory. */
struct kube_pool *kube_pool_create(struct poller *poller, kube_pool_done *done, void *context);

/* Its transfers must have been removed. Accepts NULL. */
void kube_pool_destroy(struct kube_pool *pool);

/* Not from inside a curl callback. ERR_NO_MEMORY. */
int kube_pool_add(struct kube_pool *pool, void *easy) MUST_CHECK;
void kube_pool_remove(struct kube_pool *pool, void *easy);

size_t kube_pool_transfer_count(const struct kube_pool *pool);

#endif
