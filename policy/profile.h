/* policy/profile.h - what will be free when: the nodes and the quotas of the namespaces over time.
 *
 * It starts from the nodes as they are free in the pass, and from what the ledger charges to each
 * namespace; then learns when running jobs are expected to end, and what is reserved for waiting
 * ones. profile_earliest() gives the first instant at which a gang fits until it will be through:
 * every quota has room, and the nodes hold it pod by pod. What is not expected to end (foreign
 * pods, jobs of unknown run time) stays for ever. Pure; equal inputs give equal answers.
 *
 * n nodes, c changes in time (two a reservation, one a running job) of p pods in all: an earliest
 * instant is found in O(p), and for each instant at which the nodes seem to hold the gang
 * O(p + m log n) more, with m nodes that have changed until then; at most all c are looked at.
 */
#ifndef POLICY_PROFILE_H
#define POLICY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/ledger.h"
#include "policy/place.h"

#define PROFILE_FOREVER INT64_MAX

/* Pods of one kind on a node of the pass. Their requests are borrowed for the pass. */
struct profile_run {
    uint32_t node;
    uint32_t count;
    const struct resources *requests;
};

/* Something that comes to its end, or is reserved: its charge to a namespace (a settled demand,
 * borrowed for the pass; NULL: none) and its pods. */
struct profile_part {
    size_t namespace_index;
    const struct demand *demand;
    const struct profile_run *runs; /* copied */
    size_t run_count;
};

/* Whether and when a gang fits. */
struct profile_ask {
    size_t namespace_index;
    const struct ledger_namespace *namespace;
    const struct demand *demand;        /* settled */
    int64_t runtime_us;                 /* PROFILE_FOREVER: unknown */
    const struct usage *const *charged; /* now, beside what the namespace's pods use */
    size_t charged_count;
    bool nodes_unknown; /* quotas alone decide */
    int64_t before_us;  /* an instant is looked for before this one; 0: up to the horizon */
};

struct profile_limits {
    int64_t horizon_us;  /* from now: nothing is looked for beyond it */
    size_t instants_max; /* looked at for one gang; the later ones of many are skipped evenly */
};

/* One profile is used pass after pass: it keeps its room. */
struct profile;

struct profile *profile_create(void);
void profile_destroy(struct profile *profile); /* Accepts NULL. */

/* A new pass: nothing is reserved, and nothing ends but what was put. `now` is borrowed until the
 * next one; what it has free when a question is asked is what is free now. Nodes that it keeps for
 * somebody hold nothing at any time. What is free there is changed while a question is answered. */
void profile_begin(struct profile *profile, struct place *now, int64_t now_us,
                   const struct profile_limits *limits);

/* So much is given back then, in this pass. at_us is after now; PROFILE_FOREVER changes nothing. */
void profile_add_end(struct profile *profile, int64_t at_us, const struct profile_part *part);

/* The same for this pass and later ones, until it is dropped; what is borrowed stays so long. The
 * ids are sorted. */
void profile_put_end(struct profile *profile, uint64_t job_id, int64_t at_us,
                     const struct profile_part *part);
void profile_drop_ends(struct profile *profile, const uint64_t *job_ids, size_t count);
void profile_drop_all(struct profile *profile);
size_t profile_end_count(const struct profile *profile);

/* The n-th end that was put, the first to come first: whose is it, and when? */
uint64_t profile_end(struct profile *profile, size_t n, int64_t *out_at_us);

/* The work done so far, in steps: one for each change, node and pod that was looked at. */
uint64_t profile_steps(const struct profile *profile);

/* So much is taken for the job from then on, until it is given back. */
void profile_reserve(struct profile *profile, uint64_t job_id, int64_t at_us, int64_t until_us,
                     const struct profile_part *part);

/* The job's reservation is none any more. */
void profile_cancel(struct profile *profile, uint64_t job_id);

/* Is anything reserved that starts before until_us? The first to start, and for which job. */
bool profile_first_reservation(const struct profile *profile, int64_t until_us, int64_t *out_at_us,
                               uint64_t *out_job_id);

/* The first instant after now, within the horizon, from which on the gang fits for its run time;
 * false: there is none. What it would be placed on is profile_runs() then. */
bool profile_earliest(struct profile *profile, const struct profile_ask *ask, int64_t *out_at_us);
const struct place_run *profile_runs(const struct profile *profile, size_t *out_count);

/* Does it fit from that instant on, placed like this? */
bool profile_holds(struct profile *profile, const struct profile_ask *ask, int64_t at_us,
                   const struct place_run *runs, size_t run_count);

/* Would the quotas have room for it from now on until it will be through, beside what is reserved?
 * The answer that fits, or the first in time that does not. */
struct quota_answer profile_quotas(struct profile *profile, const struct profile_ask *ask);

/* Lower what is free on the nodes of `place` (those of the pass) to the least that reservations
 * leave of it from now to until_us; profile_lift() gives that back, and what was placed in between
 * stays taken. Lowering again lifts first. O(p), or O(1) if nothing has changed. */
void profile_lower(struct profile *profile, struct place *place, int64_t until_us);
void profile_lift(struct profile *profile, struct place *place);

#endif
