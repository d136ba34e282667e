/* sim/tls_self_signed.h - a certificate authority and a server's certificate, made for one run. */
#ifndef SIM_TLS_SELF_SIGNED_H
#define SIM_TLS_SELF_SIGNED_H

#include <stdint.h>

#include "base/error.h"

/* PEM texts, owned. */
struct sim_certificates {
    char *authority;   /* what clients must trust */
    char *certificate; /* of the server, signed by it */
    char *key;
};

/* Valid from an hour before now for a year, for localhost, the loopback addresses and host (a
 * name or an address; may be NULL). ERR_IO when OpenSSL fails. */
int sim_certificates_make(const char *host, int64_t now_us, struct sim_certificates *out,
                          struct error *error) MUST_CHECK;

void sim_certificates_finish(struct sim_certificates *certificates);

#endif
