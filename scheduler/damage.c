/* Damaged records of the queue: moved aside, and told once each. */
#include <inttypes.h>
#include <stdio.h>

#include "queue/queue.h"
#include "scheduler/daemon.h"

static int keep_state(void *context, const struct job_event *event) {
    *(enum job_state *)context = event->state;
    return OK;
}

/* What its history says of a job whose record is gone. None: nothing had happened to it yet. */
static void tell_of_job(struct daemon *daemon, uint64_t id) {
    enum job_state state = JOB_STATE_COUNT;

    if (queue_each_event(daemon->queue, id, 0, keep_state, &state) == OK &&
        (state == JOB_STATE_COUNT || !job_state_is_final(state))) {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "job=%" PRIu64 " event=job_lost state=%s action=\"submit it again; its pod, if "
                  "it has one, is left alone\"",
                  id, state != JOB_STATE_COUNT ? job_state_text(state) : "waiting");
    }
}

static void tell(void *context, const char *name) {
    struct daemon *daemon = context;
    struct job job;
    unsigned long long id;

    log_error(&daemon->log, daemon_now(daemon).now_us,
              "event=record_quarantined record=\"%s\" action=\"it is used no more; see nightshift "
              "admin quarantine ls\"",
              name);
    if (sscanf(name, "jobs/%llu", &id) == 1 && !core_job(daemon->core, id, &job)) {
        tell_of_job(daemon, id);
    }
}

void damage_report(struct daemon *daemon) {
    struct error error = {0};

    if (daemon->queue != NULL && !daemon->stalled && !daemon->committing &&
        queue_has_damage(daemon->queue)) {
        /* When it can't be written now, it is tried again at the next turn. */
        (void)!queue_quarantine(daemon->queue, tell, daemon, &error);
    }
}

void damage_report_opening(struct daemon *daemon) {
    struct queue_stats stats = {0};

    (void)!queue_get_stats(daemon->queue, &stats);
    if (stats.journal_lost > 0) {
        log_error(&daemon->log, daemon->started_us,
                  "event=journal_damaged commits=%" PRIu64
                  " action=\"later ones were played; compare with nightshift admin verify\"",
                  stats.journal_lost);
    }
    if (stats.quarantined > 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=quarantine_holds records=%" PRIu64
                 " action=\"see nightshift admin quarantine ls\"",
                 stats.quarantined);
    }
    damage_report(daemon);
}
