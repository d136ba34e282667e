/* k8s/codec_lease.h - a coordination.k8s.io/v1 Lease as a value, and the bodies that write one.
 *
 * Times are what their writer's wall clock said: for people. Who elects by a lease compares them
 * for equality alone.
 */
#ifndef K8S_CODEC_LEASE_H
#define K8S_CODEC_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct field_error;

#define LEASE_IDENTITY_BYTES 320 /* a host's name and what tells its processes apart */

/* A value: copies are independent. */
struct lease {
    char holder[LEASE_IDENTITY_BYTES];  /* "": nobody's */
    char address[LIMIT_NAME_BYTES + 1]; /* of the holder, for its clients; "": it did not say */
    char version[64];                   /* resourceVersion */
    int64_t acquired_us;
    int64_t renewed_us;
    int64_t duration_s;
    int64_t transitions;
};

/* ERR_INVALID: not such an object. Texts that are too long are cut. */
int codec_lease_read(const char *json, size_t bytes, struct lease *out_lease,
                     struct field_error *error) MUST_CHECK;

/* The body of a create. The caller frees it. */
char *codec_lease_create_body(const struct lease *lease, const char *name, const char *namespace_);

/* The body of a merge patch, refused by the server when its version is not lease->version any
 * more. What others wrote into the object's metadata stays. */
char *codec_lease_patch_body(const struct lease *lease);

#endif
