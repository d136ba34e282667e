/* scheduler/leader.h - this daemon among several: holds the Lease, or stands by.
 *
 * Private to the daemon, whose leader.c drives the elector over the wire, takes the data folder
 * when the lease is ours, and gives both up. What keeps two daemons apart, in order:
 *
 *  - the queue is opened only by whoever has the data folder's lock (custody.h);
 *  - no write is sent to the cluster at a moment when our lease has run out by our own clock;
 *  - what slips through all the same carries names that follow from job and attempt, and so
 *    collides with the successor's.
 */
#ifndef SCHEDULER_LEADER_H
#define SCHEDULER_LEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct daemon;
struct leader;

/* Begin as a standby. The client of the cluster is there. */
int leader_open(struct daemon *daemon, struct error *error) MUST_CHECK;

/* Ask no more. After it only leader_close() is allowed. Accepts that there is none. */
void leader_stop(struct daemon *daemon);

/* The data folder is another's from here on. */
void leader_close(struct daemon *daemon);

/* May anything be written to the cluster at this moment? Always, without a lease. */
bool leader_may_act(const struct daemon *daemon);

/* Give the lease away, so that nobody waits for its end; then the loop is stopped. May be called
 * again and again. */
void leader_resign(struct daemon *daemon);

/* Why this daemon, which has no queue open or no lease, does not work; what to do about it. */
void leader_explain(const struct daemon *daemon, struct error *out_why);

struct leader_status {
    const char *role;    /* "leader", "standby" or "alone": by itself, without a lease */
    const char *holder;  /* of the lease, as seen last; "": nobody */
    const char *address; /* the holder's, for clients; "": not told */
    int64_t renewed_us;  /* by the holder's clock; 0: never */
    int64_t expires_us;  /* by our clocks; 0: it does not */
    uint64_t transitions;
};
struct leader_status leader_status(const struct daemon *daemon);

#endif
