#include "scheduler/elector.h"

#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

#define JITTER_MOST 0.2 /* of the time between tries */

void elector_init(struct elector *elector, const struct elector_settings *settings,
                  const char *identity, const char *address) {
    ENSURE(settings->renew_us < settings->lease_us);
    ENSURE(settings->retry_us > 0 && settings->retry_us < settings->renew_us);
    *elector = (struct elector){.settings = *settings, .look = true};
    (void)text_copy(elector->identity, sizeof elector->identity, identity);
    (void)text_copy(elector->address, sizeof elector->address, address);
}

static bool is_mine(const struct elector *elector) {
    return elector->has_seen && strcmp(elector->seen.holder, elector->identity) == 0;
}

bool elector_is_others(const struct elector *elector) {
    return elector->has_seen && elector->seen.holder[0] != '\0' && !is_mine(elector);
}

/* What its holder promised to renew it within; one that says nothing is trusted with ours. */
static int64_t duration_us(const struct elector *elector) {
    return elector->seen.duration_s > 0 ? elector->seen.duration_s * CLOCK_US_PER_SECOND
                                        : elector->settings.lease_us;
}

int64_t elector_expiry_us(const struct elector *elector) {
    return elector->has_seen && elector->seen.holder[0] != '\0'
               ? elector->seen_mono_us + duration_us(elector)
               : 0;
}

static bool may_take(const struct elector *elector, int64_t mono_us) {
    return !elector_is_others(elector) || elector->holder_ended ||
           mono_us >= elector_expiry_us(elector);
}

bool elector_leads(const struct elector *elector, int64_t mono_us) {
    return !elector->resigning && mono_us < elector->valid_until_us;
}

/* The lease as we want it. Taking it from somebody is a transition; renewing is none. */
static struct lease wanted(const struct elector *elector, int64_t now_us) {
    struct lease lease = {.acquired_us = now_us,
                          .renewed_us = now_us,
                          .duration_s = elector->settings.lease_us / CLOCK_US_PER_SECOND};

    if (elector->has_seen) {
        (void)text_copy(lease.version, sizeof lease.version, elector->seen.version);
        lease.transitions = elector->seen.transitions + (is_mine(elector) ? 0 : 1);
    }
    if (is_mine(elector)) {
        lease.acquired_us = elector->seen.acquired_us;
    }
    if (elector->has_seen && lease.renewed_us == elector->seen.renewed_us) {
        lease.renewed_us++; /* A write that changes nothing would be seen by nobody. */
    }
    if (elector->resigning) {
        lease.duration_s = 1; /* As the servers want it: not 0. */
    } else {
        (void)text_copy(lease.holder, sizeof lease.holder, elector->identity);
        (void)text_copy(lease.address, sizeof lease.address, elector->address);
    }
    return lease;
}

/* What time allows, without the pause between tries. */
static enum elector_step choose(const struct elector *elector, int64_t mono_us) {
    if (elector->resigning && !is_mine(elector)) {
        return ELECTOR_WAIT;
    }
    if (elector->look) {
        return ELECTOR_GET;
    }
    if (!elector->has_seen) {
        return ELECTOR_CREATE;
    }
    return may_take(elector, mono_us) ? ELECTOR_UPDATE : ELECTOR_GET;
}

enum elector_step elector_next(struct elector *elector, struct instant now, double jitter,
                               struct lease *out_lease, int64_t *out_wake_us) {
    int64_t pause_us = elector->settings.retry_us;
    enum elector_step step;

    *out_wake_us = CLOCK_NEVER_US;
    if (elector->asked != ELECTOR_WAIT) {
        return ELECTOR_WAIT;
    }
    if (now.mono_us < elector->next_mono_us) {
        *out_wake_us = elector->next_mono_us;
        return ELECTOR_WAIT;
    }
    step = choose(elector, now.mono_us);
    if (step == ELECTOR_WAIT) {
        return step;
    }
    if (step != ELECTOR_GET) {
        *out_lease = wanted(elector, now.now_us);
    }
    if (!is_mine(elector)) {
        pause_us += (int64_t)(jitter * JITTER_MOST * (double)pause_us);
    }
    elector->asked = step;
    elector->asked_mono_us = now.mono_us;
    elector->next_mono_us = now.mono_us + pause_us;
    return step;
}

static void note(struct elector *elector, struct instant now, const struct lease *lease) {
    /* Each write makes a new version; the times in it may be anything. */
    if (!elector->has_seen || strcmp(elector->seen.version, lease->version) != 0) {
        elector->seen_mono_us = now.mono_us;
    }
    if (!elector->has_seen || strcmp(elector->seen.holder, lease->holder) != 0) {
        elector->holder_ended = false;
    }
    elector->seen = *lease;
    elector->has_seen = true;
    if (!is_mine(elector)) {
        elector->valid_until_us = 0;
    }
}

/* Our write was taken: it counts from when it was sent, as its way there may have been long. */
static void take_term(struct elector *elector, struct instant now) {
    bool led = elector_leads(elector, now.mono_us);

    if (!is_mine(elector)) {
        return;
    }
    elector->valid_until_us = elector->asked_mono_us + elector->settings.renew_us;
    elector->terms += !led && elector_leads(elector, now.mono_us) ? 1 : 0;
}

/* A lease that is read in order to be written is written at once; one that is another's is looked
 * at again when it runs out. */
static void found(struct elector *elector, struct instant now, enum elector_step asked,
                  const struct lease *lease) {
    note(elector, now, lease);
    if (asked != ELECTOR_GET) {
        elector->look = false;
        take_term(elector, now);
    } else if (may_take(elector, now.mono_us)) {
        elector->look = false;
        elector->next_mono_us = now.mono_us;
    } else if (elector_expiry_us(elector) < elector->next_mono_us) {
        elector->next_mono_us = elector_expiry_us(elector);
    }
}

/* Deleted by hand, or not made yet: whoever makes it has it, so we don't lead until then. One that
 * was another's when we saw it last is his to make again for as long as it would have lasted. */
static void missing(struct elector *elector, struct instant now, enum elector_step asked) {
    elector->valid_until_us = 0;
    if (!may_take(elector, now.mono_us)) {
        return;
    }
    elector->has_seen = false;
    if (asked == ELECTOR_GET) {
        elector->look = false;
        elector->next_mono_us = now.mono_us;
    }
}

void elector_answer(struct elector *elector, struct instant now, enum elector_result result,
                    const struct lease *lease) {
    enum elector_step asked = elector->asked;

    ENSURE(asked != ELECTOR_WAIT);
    elector->asked = ELECTOR_WAIT;
    elector->look = true;
    switch (result) {
    case ELECTOR_FOUND:
        found(elector, now, asked, lease);
        break;
    case ELECTOR_MISSING:
        missing(elector, now, asked);
        break;
    case ELECTOR_CONFLICT: /* Who it is, is read after the pause: others must get on, too. */
    case ELECTOR_FAILED:
        break;
    }
}

void elector_note_ended(struct elector *elector, const char *identity) {
    if (elector_is_others(elector) && strcmp(elector->seen.holder, identity) == 0) {
        elector->holder_ended = true;
        elector->next_mono_us = 0;
    }
}

void elector_resign(struct elector *elector) {
    elector->resigning = true;
    elector->valid_until_us = 0;
    elector->next_mono_us = 0;
}

bool elector_has_resigned(const struct elector *elector) {
    return elector->resigning && elector->asked == ELECTOR_WAIT && !is_mine(elector);
}
