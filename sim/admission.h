/* sim/admission.h - the API server's two plugins that guard a namespace: LimitRanger and
 * ResourceQuota.
 *
 * Quota is enforced against status.hard, so that a new quota admits everything until its
 * controller has filled in the status; used is charged at once, unless the request is a
 * dry run, and given back only by the controller. Texts are those of the real server.
 */
#ifndef SIM_ADMISSION_H
#define SIM_ADMISSION_H

#include <stdint.h>

struct json_t;
struct sim_attempt;
struct sim_store;

struct admission {
    struct sim_store *store;      /* borrowed */
    int64_t quota_refusals;       /* creates refused with "exceeded quota", dry runs aside */
    int64_t unspecified_refusals; /* ... with "must specify" */
    int64_t limit_range_refusals;
};

/* The LimitRanges of the namespace fill in what a new pod leaves open. Returns NULL. */
struct json_t *admission_mutate(struct admission *admission, struct sim_attempt *attempt);

/* NULL to admit (and then the quotas are charged), else an owned Status 403. */
struct json_t *admission_validate(struct admission *admission, const struct sim_attempt *attempt);

#endif
