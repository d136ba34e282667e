/* sim/pod_proxy.h - one HTTP request to a pod's own port, as the API server's pod proxy sends it.
 *
 * For pods that are processes: their addresses can be dialled. HTTP/1.0, so that the end of the
 * answer is the end of the connection. Never blocks.
 */
#ifndef SIM_POD_PROXY_H
#define SIM_POD_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct pod_proxy;
struct poller;

struct pod_proxy_answer {
    int status;         /* of HTTP; 0: there was none */
    const char *reason; /* why not; NULL with a status */
    const char *content_type;
    const char *body;
    size_t bytes;
};

struct pod_proxy_request {
    struct poller *poller;
    const char *ip;
    uint16_t port;
    const char *method;
    const char *target; /* "/jobs/?id=1" */
    /* Once, unless destroyed before; may destroy the request. Texts are borrowed. */
    void (*on_done)(void *context, const struct pod_proxy_answer *answer);
    void *context;
};

/* ERR_IO: no connection can be begun. */
int pod_proxy_start(const struct pod_proxy_request *request, struct pod_proxy **out_proxy,
                    struct error *error) MUST_CHECK;
void pod_proxy_destroy(struct pod_proxy *proxy); /* Accepts NULL. */

#endif
