/* scheduler/elector.h - who leads, by one Lease: a state machine without a clock or a wire.
 *
 * Its owner asks elector_next() what to send and when to look again, and tells what came of it.
 *
 * Time is one's own monotonic clock alone. The holder leads until renew_us after the moment it
 * sent the last write that the server took. Everybody else takes the lease only when it has not
 * changed for its whole duration since he saw it first, which is later than that moment: as
 * renew_us is less than the duration, the two never overlap, however wrong the clocks on the wall
 * are, as long as an hour is about an hour on both machines.
 */
#ifndef SCHEDULER_ELECTOR_H
#define SCHEDULER_ELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "k8s/codec_lease.h"

struct elector_settings {
    int64_t lease_us; /* whole seconds: others wait so long */
    int64_t renew_us; /* without a renewal, its holder stops leading after it; less than lease_us */
    int64_t retry_us; /* between tries */
};

enum elector_step {
    ELECTOR_WAIT, /* until wake_us at the latest, or until an answer comes */
    ELECTOR_GET,
    ELECTOR_CREATE,
    ELECTOR_UPDATE, /* only if the version is still lease.version */
};

/* What the last step came to. */
enum elector_result {
    ELECTOR_FOUND,    /* it is like this now; after a write: as we wrote it */
    ELECTOR_MISSING,  /* there is none */
    ELECTOR_CONFLICT, /* somebody else wrote first */
    ELECTOR_FAILED,   /* or its fate is unknown */
};

struct elector {
    struct elector_settings settings;
    char identity[LEASE_IDENTITY_BYTES]; /* no other process has ever had it */
    char address[LIMIT_NAME_BYTES + 1];
    struct lease seen;
    bool has_seen;           /* seen is filled */
    int64_t seen_mono_us;    /* when seen became as it is, as far as we know */
    enum elector_step asked; /* and not answered; WAIT: nothing */
    int64_t asked_mono_us;
    int64_t next_mono_us;   /* nothing is sent before */
    bool look;              /* the lease may have changed: read it before writing */
    int64_t valid_until_us; /* we lead until then; 0: we don't */
    bool holder_ended;      /* the holder seen is known to be dead: no need to wait */
    bool resigning;
    uint64_t terms; /* how often we came to lead */
};

void elector_init(struct elector *elector, const struct elector_settings *settings,
                  const char *identity, const char *address);

/* What to send now. out_lease: the whole of it, for CREATE and UPDATE. out_wake_us: when to ask
 * again, monotonic. Each step but WAIT must be answered before the next. jitter: 0 to 1, drawn by
 * the caller; it spreads the tries of those who wait. */
enum elector_step elector_next(struct elector *elector, struct instant now, double jitter,
                               struct lease *out_lease, int64_t *out_wake_us);

/* lease: of FOUND alone. */
void elector_answer(struct elector *elector, struct instant now, enum elector_result result,
                    const struct lease *lease);

/* May we act for the queue at this moment? */
bool elector_leads(const struct elector *elector, int64_t mono_us);

/* Somebody else has the lease, by what we saw last. */
bool elector_is_others(const struct elector *elector);

/* This process has ended for sure: its lease need not run out. Says nothing about another. */
void elector_note_ended(struct elector *elector, const char *identity);

/* When the lease seen runs out for others, monotonic; 0 if it is nobody's. */
int64_t elector_expiry_us(const struct elector *elector);

/* Lead no longer, and give the lease away if we have it: the next step is its release. */
void elector_resign(struct elector *elector);

/* Nothing is left to be released. */
bool elector_has_resigned(const struct elector *elector);

#endif
