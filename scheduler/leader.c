#include "scheduler/leader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/codec_json.h"
#include "k8s/codec_lease.h"
#include "k8s/kube.h"
#include "k8s/resource.h"
#include "scheduler/custody.h"
#include "scheduler/daemon.h"
#include "scheduler/elector.h"
#include "scheduler/loop.h"

#define CUSTODY_POLL_US (100 * CLOCK_US_PER_MS)
#define CLAIM_POLL_US   (500 * CLOCK_US_PER_MS)
#define CLAIM_GRACE_US  (2 * CLOCK_US_PER_SECOND) /* for an owner that is well, to see the claim */
#define RESIGN_US       (2 * CLOCK_US_PER_SECOND)

struct leader {
    struct daemon *daemon;
    struct elector elector;
    struct custody *custody;
    struct poller_timer timer;
    char *lease_name;
    char *lease_namespace;
    bool leads; /* as the core was told */
    bool stopped;
    int64_t claimed_mono_us; /* 0: no claim */
    int64_t ended_mono_us;   /* the last try to end the owner */
    int64_t resigned_mono_us;
    char trouble[256];  /* with the lease, said already; "": none */
    char obstacle[256]; /* what keeps the data folder, said already */
};

static void tick(struct leader *leader);

/* --- Words ------------------------------------------------------------------------------------ */

/* Once, until it is another. */
static void say(struct leader *leader, char *said, size_t room, const char *event,
                const char *text) {
    if (strncmp(said, text, room - 1) != 0) {
        (void)snprintf(said, room, "%.*s", (int)room - 1, text);
        log_warn(&leader->daemon->log, daemon_now(leader->daemon).now_us, "event=%s error=\"%s\"",
                 event, text);
    }
}

/* --- The lease over the wire ------------------------------------------------------------------ */

static enum elector_result result_of(struct leader *leader, const struct kube_answer *answer,
                                     struct lease *lease) {
    struct field_error bad = {0};
    struct error error = {0};

    switch (answer->status.outcome) {
    case KUBE_OK:
        if (codec_lease_read(answer->body, answer->body_bytes, lease, &bad) == OK) {
            leader->trouble[0] = '\0';
            return ELECTOR_FOUND;
        }
        say(leader, leader->trouble, sizeof leader->trouble, "lease_unreadable", bad.error.text);
        return ELECTOR_FAILED;
    case KUBE_EXISTS:
    case KUBE_CONFLICT:
        return ELECTOR_CONFLICT;
    case KUBE_NOT_FOUND:
        if (leader->elector.asked != ELECTOR_CREATE) { /* Else it is the namespace. */
            return ELECTOR_MISSING;
        }
        break;
    default:
        break;
    }
    (void)kube_status_error(&answer->status, "lease", &error);
    say(leader, leader->trouble, sizeof leader->trouble, "lease_failed", error.text);
    return ELECTOR_FAILED;
}

/* A lease whose holder was the last to sign the data folder, and has it no more, is a dead one's:
 * the lock was what it worked by. */
static void look_for_the_dead(struct leader *leader) {
    char owner[LEASE_IDENTITY_BYTES];
    struct error error = {0};

    if (leader->daemon->core != NULL || !elector_is_others(&leader->elector) ||
        custody_take(leader->custody, &error) != OK) {
        return;
    }
    custody_owner(leader->custody, owner);
    elector_note_ended(&leader->elector, owner);
}

static void on_lease(void *context, const struct kube_answer *answer) {
    struct leader *leader = context;
    struct lease lease;
    enum elector_result result;

    if (leader->stopped) {
        return;
    }
    result = result_of(leader, answer, &lease);
    elector_answer(&leader->elector, daemon_now(leader->daemon), result, &lease);
    look_for_the_dead(leader);
    tick(leader);
}

static void send_step(struct leader *leader, enum elector_step step, const struct lease *lease) {
    struct kube_call call = {.method = KUBE_GET,
                             .priority = KUBE_PRIORITY_LEASE,
                             .deadline_us = leader->elector.settings.renew_us / 2,
                             .no_retry = true};
    struct resource_path where = {
        .resource = KUBE_LEASES, .namespace_ = leader->lease_namespace, .name = leader->lease_name};
    char *body = NULL;
    struct buf path;

    if (step == ELECTOR_CREATE) {
        body = codec_lease_create_body(lease, leader->lease_name, leader->lease_namespace);
        call.method = KUBE_POST;
        where.name = NULL;
    } else if (step == ELECTOR_UPDATE) {
        body = codec_lease_patch_body(lease);
        call.method = KUBE_PATCH;
        call.content_type = "application/merge-patch+json";
    }
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    resource_add_path(&path, &where);
    call.path = buf_text(&path);
    call.body = body;
    call.body_bytes = body != NULL ? strlen(body) : 0;
    (void)kube_request(leader->daemon->kube, &call, on_lease, leader);
    buf_finish(&path);
    free(body);
}

/* --- Taking over ------------------------------------------------------------------------------ */

/* Whoever has the folder had time to see that it is asked for: it hangs, or is stopped. */
static void end_owner(struct leader *leader, struct instant now) {
    struct error error = {0};
    pid_t pid = 0;
    int r;

    if (now.mono_us - leader->claimed_mono_us < CLAIM_GRACE_US ||
        now.mono_us - leader->ended_mono_us < CLOCK_US_PER_SECOND) {
        return;
    }
    leader->ended_mono_us = now.mono_us;
    r = custody_end_owner(leader->custody, &pid, &error);
    if (r == OK) {
        log_warn(&leader->daemon->log, now.now_us,
                 "event=owner_ended pid=%d action=\"it had the data folder without the lease, and "
                 "did not go when asked\"",
                 (int)pid);
    } else if (r != ERR_NOT_FOUND) {
        say(leader, leader->obstacle, sizeof leader->obstacle, "owner_stays", error.text);
    }
}

static void wait_for_folder(struct leader *leader, struct instant now) {
    custody_claim(leader->custody);
    if (leader->claimed_mono_us == 0) {
        char owner[LEASE_IDENTITY_BYTES];

        custody_owner(leader->custody, owner);
        leader->claimed_mono_us = now.mono_us;
        log_info(&leader->daemon->log, now.now_us, "event=folder_claimed owner=%s", owner);
    }
    end_owner(leader, now);
}

static void take_over(struct leader *leader, struct instant now) {
    struct daemon *daemon = leader->daemon;
    struct error error = {0};
    int r = custody_take(leader->custody, &error);

    if (r == ERR_BUSY) {
        wait_for_folder(leader, now);
        return;
    }
    r = r == OK ? custody_sign(leader->custody, leader->elector.identity, &error) : r;
    r = r == OK ? daemon_begin_work(daemon, &error) : r;
    if (r == ERR_BUSY) { /* By a daemon that knows of no lease, or one that is ending. */
        say(leader, leader->obstacle, sizeof leader->obstacle, "queue_busy", error.text);
    } else if (r < 0) {
        daemon_fail(daemon, r, error.text);
    } else {
        leader->leads = true;
        leader->obstacle[0] = '\0';
        log_info(&daemon->log, now.now_us, "event=leading identity=%s transitions=%" PRId64,
                 leader->elector.identity, leader->elector.seen.transitions);
    }
}

static void stand_by(struct leader *leader, struct instant now) {
    if (leader->daemon->draining) {
        return;
    }
    if (elector_leads(&leader->elector, now.mono_us)) {
        take_over(leader, now);
        return;
    }
    leader->claimed_mono_us = 0;
    custody_unclaim(leader->custody);
    if (!leader->elector.holder_ended) {
        custody_drop(leader->custody);
    }
}

/* --- Leading ---------------------------------------------------------------------------------- */

static void step_down(struct leader *leader, const char *why) {
    daemon_leave(leader->daemon, why);
}

static void tell_core(struct leader *leader, struct instant now, bool leads) {
    struct daemon *daemon = leader->daemon;

    leader->leads = leads;
    if (leads) {
        log_info(&daemon->log, now.now_us, "event=lease_renewed action=\"jobs are started again\"");
    } else {
        log_warn(&daemon->log, now.now_us,
                 "event=lease_expired action=\"nothing is started; submissions are kept\"");
    }
    inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_LEASE, .lease_held = leads}, NULL,
              NULL);
}

/* Without the lease the queue is still ours, by its lock, until somebody who has it asks. */
static void lead(struct leader *leader, struct instant now) {
    bool leads = elector_leads(&leader->elector, now.mono_us);

    if (leader->daemon->draining) {
        return;
    }
    if (leads != leader->leads) {
        tell_core(leader, now, leads);
    }
    if (!leads && elector_is_others(&leader->elector)) {
        step_down(leader, "another daemon has the lease");
    } else if (!leads && custody_is_claimed(leader->custody)) {
        step_down(leader, "a daemon that has the lease asks for the data folder");
    }
}

/* --- The clockwork ---------------------------------------------------------------------------- */

static int64_t next_look_us(const struct leader *leader, int64_t mono_us, int64_t wake_us) {
    bool leads = elector_leads(&leader->elector, mono_us);
    int64_t wait_us = wake_us == CLOCK_NEVER_US ? CLOCK_US_PER_SECOND : wake_us - mono_us;
    int64_t most_us = CLOCK_US_PER_SECOND;

    if (leader->daemon->core == NULL && leads) {
        most_us = CUSTODY_POLL_US;
    } else if (leader->daemon->core != NULL) {
        most_us = leads ? leader->elector.valid_until_us - mono_us : CLAIM_POLL_US;
    }
    wait_us = wait_us < most_us ? wait_us : most_us;
    return wait_us > 0 ? wait_us : 0;
}

static void finish_resigning(struct leader *leader, struct instant now) {
    if (elector_has_resigned(&leader->elector) ||
        now.mono_us - leader->resigned_mono_us >= RESIGN_US) {
        loop_stop(leader->daemon->loop);
    }
}

static void tick(struct leader *leader) {
    struct daemon *daemon = leader->daemon;
    struct instant now = daemon_now(daemon);
    struct lease lease;
    int64_t wake_us;
    enum elector_step step =
        elector_next(&leader->elector, now, rng_unit(&daemon->rng), &lease, &wake_us);

    if (step != ELECTOR_WAIT) {
        send_step(leader, step, &lease);
    }
    if (leader->elector.resigning) {
        finish_resigning(leader, now);
    } else if (daemon->core == NULL) {
        stand_by(leader, now);
    } else {
        lead(leader, now);
    }
    poller_timer_set(loop_poller(daemon->loop), &leader->timer,
                     next_look_us(leader, now.mono_us, wake_us));
}

static void on_time(struct poller_timer *timer) {
    tick(timer->owner);
}

/* --- For the daemon --------------------------------------------------------------------------- */

/* A name that no process had before: the host's for people, chance for the machine. */
static void make_identity(struct daemon *daemon, char out[LEASE_IDENTITY_BYTES]) {
    char host[256] = "";

    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(out, LEASE_IDENTITY_BYTES, "%s_%d_%08" PRIx32, host, (int)getpid(),
                   (uint32_t)rng_next(&daemon->rng));
}

int leader_open(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    const struct elector_settings settings = {.lease_us = config->lease_us,
                                              .renew_us = config->lease_renew_us,
                                              .retry_us = config->lease_retry_us};
    struct leader *leader = mem_alloc(1, sizeof *leader);
    char identity[LEASE_IDENTITY_BYTES];
    int r = daemon_make_folder(daemon, error);

    daemon->leader = leader;
    leader->daemon = daemon;
    leader->timer = (struct poller_timer){.on_time = on_time, .owner = leader};
    if (r < 0) {
        return r;
    }
    leader->custody = custody_create(config->data_dir);
    leader->lease_name = mem_copy_text(config->lease_name);
    leader->lease_namespace = mem_copy_text(
        config->lease_namespace[0] != '\0' ? config->lease_namespace : cluster_namespace(daemon));
    make_identity(daemon, identity);
    elector_init(&leader->elector, &settings, identity, config->leader_address);
    log_info(&daemon->log, daemon->started_us, "event=standby identity=%s lease=%s/%s", identity,
             leader->lease_namespace, leader->lease_name);
    poller_timer_set(loop_poller(daemon->loop), &leader->timer, 0);
    return OK;
}

void leader_stop(struct daemon *daemon) {
    if (daemon->leader != NULL) {
        daemon->leader->stopped = true;
        poller_timer_stop(loop_poller(daemon->loop), &daemon->leader->timer);
    }
}

void leader_close(struct daemon *daemon) {
    struct leader *leader = daemon->leader;

    if (leader != NULL) {
        custody_destroy(leader->custody);
        free(leader->lease_name);
        free(leader->lease_namespace);
        free(leader);
        daemon->leader = NULL;
    }
}

bool leader_may_act(const struct daemon *daemon) {
    return daemon->leader == NULL ||
           elector_leads(&daemon->leader->elector, daemon_now(daemon).mono_us);
}

void leader_resign(struct daemon *daemon) {
    struct leader *leader = daemon->leader;

    if (!leader->elector.resigning) {
        leader->resigned_mono_us = daemon_now(daemon).mono_us;
        elector_resign(&leader->elector);
        poller_timer_set(loop_poller(daemon->loop), &leader->timer, 0);
    }
}

void leader_explain(const struct daemon *daemon, struct error *out_why) {
    const struct leader *leader = daemon->leader;
    const struct lease *seen = &leader->elector.seen;

    if (daemon->core != NULL) {
        (void)error_set(out_why, ERR_BUSY,
                        "the lease could not be renewed: nothing is started, submissions are "
                        "kept%s%s",
                        leader->trouble[0] != '\0' ? ": " : "", leader->trouble);
    } else if (elector_leads(&leader->elector, daemon_now(daemon).mono_us)) {
        (void)error_set(out_why, ERR_BUSY, "standby: has the lease and waits for the queue%s%s",
                        leader->obstacle[0] != '\0' ? ": " : "", leader->obstacle);
    } else if (elector_is_others(&leader->elector)) {
        (void)error_set(out_why, ERR_BUSY, "standby: %s leads%s%s", seen->holder,
                        seen->address[0] != '\0' ? ", at " : "", seen->address);
    } else {
        (void)error_set(out_why, ERR_BUSY, "standby: nobody leads%s%s",
                        leader->trouble[0] != '\0' ? ": " : "", leader->trouble);
    }
}

/* A moment of the monotonic clock on the wall's, as they stand now. */
static int64_t wall_of(const struct daemon *daemon, int64_t mono_us) {
    struct instant now = daemon_now(daemon);

    return now.now_us + (mono_us - now.mono_us);
}

struct leader_status leader_status(const struct daemon *daemon) {
    const struct leader *leader = daemon->leader;
    struct leader_status status = {.role = "alone", .holder = "", .address = ""};

    if (leader == NULL) {
        return status;
    }
    status.role = daemon->core != NULL ? "leader" : "standby";
    if (leader->elector.has_seen) {
        const struct lease *seen = &leader->elector.seen;

        status.holder = seen->holder;
        status.address = seen->address;
        status.renewed_us = seen->renewed_us;
        status.transitions = (uint64_t)seen->transitions;
        status.expires_us =
            seen->holder[0] != '\0' ? wall_of(daemon, elector_expiry_us(&leader->elector)) : 0;
    }
    return status;
}
