#include "scheduler/daemon.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/limits.h"
#include "queue/queue.h"
#include "scheduler/loop.h"

#define STALL_RETRY_US     (1 * CLOCK_US_PER_SECOND)
#define STALL_TELL_US      (3 * CLOCK_US_PER_SECOND) /* clients of the turn wait no longer */
#define COMMITS_REMEMBERED 8
#define TURN_EVENTS_ENOUGH 32 /* for a turn that is worth its sync */
#define READ_US            8  /* about what it takes to read a submission */
#define CLIENTS_PART       8
#define SOON_US            200
#define BURST_US           (2 * CLOCK_US_PER_MS)
#define QUICK_US           (5 * CLOCK_US_PER_MS)
#define SMALL_TURN_MS      20 /* the loop waits for its commit; then it goes on without */

void daemon_wake(struct daemon *daemon) {
    poller_timer_set(loop_poller(daemon->loop), &daemon->wake, 0);
}

/* Work is refused from now on, until the turn is on disk. */
static void stall(struct daemon *daemon, const struct error *why, const char *action) {
    if (!daemon->stalled || strcmp(daemon->stall.text, why->text) != 0) {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "event=commit_failed error=\"%s\" action=\"no new work is taken or started; %s\"",
                  why->text, action);
    }
    if (!daemon->stalled) {
        daemon->stalled_since_us = daemon_now(daemon).mono_us;
    }
    daemon->stalled = true;
    daemon->stall = *why;
    front_set_trouble(daemon, why->text);
}

static void log_changes(struct daemon *daemon) {
    for (size_t i = 0; i < daemon->turn.change_count; i++) {
        const struct queue_change *change = &daemon->turn.changes[i];

        if (change->kind == CHANGE_EVENT_ADD) {
            const struct job_event *event = &change->event;

            log_info(&daemon->log, event->at_us,
                     "job=%" PRIu64 " attempt=%" PRIu32 " event=%s state=%s text=\"%s\"",
                     event->job_id, event->attempt, event->kind, job_state_text(event->state),
                     event->text);
        }
    }
}

/* The turn is on disk: now the world may know. */
static void act(struct daemon *daemon) {
    const struct turn *turn = &daemon->turn;

    log_changes(daemon);
    for (size_t i = 0; i < turn->reply_count; i++) {
        front_reply(daemon, &turn->replies[i]);
    }
    front_tell_events(daemon, turn->changes, turn->change_count);
    for (size_t i = 0; i < turn->command_count; i++) {
        cluster_command(daemon, &turn->commands[i]);
    }
    inbox_drop(&daemon->inbox, daemon->turn_events);
    daemon->turn_events = 0;
    if (turn->wake_after_us != CLOCK_NEVER_US) {
        poller_timer_set(loop_poller(daemon->loop), &daemon->wake, turn->wake_after_us);
    }
}

/* The commit has come to its end. */
static void end_turn(struct daemon *daemon, int r, const struct error *error) {
    int64_t took_us = daemon_now(daemon).mono_us - daemon->committing_since_us;

    histogram_add(&daemon->commit_times, took_us);
    daemon->commit_us += (took_us - daemon->commit_us) / COMMITS_REMEMBERED;
    if (r == OK) {
        if (daemon->stalled) {
            log_warn(&daemon->log, daemon_now(daemon).now_us, "event=commit_recovered");
            front_set_trouble(daemon, "");
        }
        daemon->stalled = false;
        act(daemon);
        if (daemon->turn.reply_count > 0) {
            daemon->answered_us = daemon_now(daemon).mono_us;
        }
        return;
    }
    stall(daemon, error, "tried again each second");
    poller_timer_set(loop_poller(daemon->loop), &daemon->wake, STALL_RETRY_US);
    if (daemon_now(daemon).mono_us - daemon->stalled_since_us >= STALL_TELL_US) {
        front_tell_stalled(daemon);
    }
}

static void end_commit(struct daemon *daemon) {
    struct error error = {0};
    int r = queue_commit_end(daemon->queue, &error);

    daemon->committing = false;
    end_turn(daemon, r, &error);
}

static void on_written(struct poller_fd *watch, unsigned events) {
    struct daemon *daemon = watch->owner;

    (void)events;
    if (daemon->committing) {
        end_commit(daemon);
    } else {
        (void)queue_attend(daemon->queue);
    }
}

/* Is the disk still at the same turn? Looked at when that would matter, not for each turn. */
static void on_slow_disk(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;
    int64_t waited_us = daemon_now(daemon).mono_us - daemon->committing_since_us;
    struct error why = {0};

    if (!daemon->committing) {
        return;
    }
    if (waited_us < STALL_TELL_US) {
        poller_timer_set(loop_poller(daemon->loop), timer, STALL_TELL_US - waited_us);
        return;
    }
    (void)error_set(&why, ERR_IO, "the disk has not written the last turn for %d s",
                    (int)(STALL_TELL_US / CLOCK_US_PER_SECOND));
    stall(daemon, &why, "waiting for it");
    front_tell_stalled(daemon);
    poller_timer_set(loop_poller(daemon->loop), timer, STALL_TELL_US);
}

static void begin_waiting(struct daemon *daemon) {
    daemon->committing = true;
    if (!daemon->slow_disk.armed) {
        poller_timer_set(loop_poller(daemon->loop), &daemon->slow_disk, STALL_TELL_US);
    }
}

/* Has the disk been quick, a moment ago? */
static bool is_disk_quick(const struct daemon *daemon) {
    return !daemon->stalled && daemon->commit_us < QUICK_US && daemon->asked_after_us < BURST_US;
}

/* While the disk writes a large turn, the next one's requests are read. A small one is waited for:
 * to come back through the loop costs more than that brings. A disk that hangs stops no watch. But
 * while small turns follow each other and the disk is quick, the loop writes them itself: to hand
 * them over costs as much again. */
static void finish_turn(struct daemon *daemon) {
    bool is_small = daemon->turn_events < TURN_EVENTS_ENOUGH && !daemon->stalled;
    int (*begin)(struct queue *, const struct queue_change *, size_t, bool *, struct error *) =
        is_small && is_disk_quick(daemon) ? queue_commit_here : queue_commit_begin;
    struct error error = {0};
    bool is_writing = false;
    int r;

    daemon->committing_since_us = daemon_now(daemon).mono_us;
    r = begin(daemon->queue, daemon->turn.changes, daemon->turn.change_count, &is_writing, &error);
    if (is_writing && is_small && queue_commit_is_done(daemon->queue, SMALL_TURN_MS)) {
        is_writing = false;
        r = queue_commit_end(daemon->queue, &error);
    }
    if (is_writing) {
        begin_waiting(daemon);
    } else {
        end_turn(daemon, r, &error);
    }
}

/* So many events are read in the time that the disk takes for a commit: a turn of them keeps both
 * busy. And not so few of many clients that turns are most of the work. */
static size_t events_enough(const struct daemon *daemon) {
    size_t enough = (size_t)daemon->commit_us / READ_US;
    size_t part = front_clients(daemon).connected / CLIENTS_PART;

    enough = enough > part ? enough : part;
    return enough > TURN_EVENTS_ENOUGH ? enough : TURN_EVENTS_ENOUGH;
}

/* Did the last look at the sockets bring something? Then who else is about to ask shares the turn,
 * and its sync: unless there is enough for one, or nobody left who could ask. */
static bool is_growing(struct daemon *daemon) {
    bool grows = daemon->inbox.count > daemon->inbox_seen;
    struct api_clients clients = front_clients(daemon);
    bool all_have_asked =
        clients.waiting == clients.connected && daemon->inbox.count <= clients.waiting;

    daemon->inbox_seen = daemon->inbox.count;
    return grows && !all_have_asked && daemon->inbox.count < events_enough(daemon);
}

static void compute_turn(struct daemon *daemon) {
    struct instant now = daemon_now(daemon);

    scheduler_turn(daemon->core, now, daemon->inbox.events, daemon->turn_events, &daemon->turn);
    histogram_add(&daemon->turn_times, daemon_now(daemon).mono_us - now.mono_us);
}

/* Who was answered a moment ago asks again at once, if that is what happened the last time: to look
 * is sooner than to be woken, which on a virtual machine takes half as long as a sync. */
static bool is_asked_soon(const struct daemon *daemon) {
    return !daemon->is_alone && daemon->asked_after_us < SOON_US &&
           daemon_now(daemon).mono_us - daemon->answered_us < SOON_US;
}

static void begin_turn(struct daemon *daemon) {
    daemon->asked_after_us = daemon_now(daemon).mono_us - daemon->answered_us;
    daemon->turn_due = false;
    daemon->inbox_seen = 0;
    daemon->turn_events =
        daemon->inbox.count < LIMIT_TURN_EVENTS ? daemon->inbox.count : LIMIT_TURN_EVENTS;
    compute_turn(daemon);
    finish_turn(daemon);
}

void turns_hurry(struct daemon *daemon) {
    if (daemon->committing && queue_commit_is_done(daemon->queue, 0)) {
        end_commit(daemon);
    }
    if (!daemon->committing && !daemon->stalled && daemon->written.fd != 0 &&
        daemon->inbox.count >= events_enough(daemon)) {
        begin_turn(daemon);
    }
}

bool turns_take(struct daemon *daemon) {
    if (daemon->core == NULL || daemon->committing) {
        return false;
    }
    if (daemon->stalled) {
        if (daemon->turn_due) {
            daemon->turn_due = false;
            finish_turn(daemon);
        }
        return false;
    }
    if (daemon->inbox.count == 0 && !daemon->turn_due) {
        return is_asked_soon(daemon);
    }
    if (is_growing(daemon)) {
        return true;
    }
    begin_turn(daemon);
    return daemon->inbox.count > 0 && !daemon->stalled && !daemon->committing;
}

static void on_wake(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;

    daemon->turn_due = true;
}

void turns_start_writer(struct daemon *daemon) {
    struct error error = {0};
    int fd;

    if (queue_start_writer(daemon->queue, &fd, &error) < 0) {
        log_warn(&daemon->log, daemon_now(daemon).now_us, "event=no_writer error=\"%s\"",
                 error.text);
        return;
    }
    daemon->written = (struct poller_fd){.fd = fd, .on_ready = on_written, .owner = daemon};
    daemon->slow_disk = (struct poller_timer){.on_time = on_slow_disk, .owner = daemon};
    poller_fd_set(loop_poller(daemon->loop), &daemon->written, POLLER_READ);
}

void turns_stop_writer(struct daemon *daemon) {
    poller_timer_stop(loop_poller(daemon->loop), &daemon->slow_disk);
    if (daemon->written.fd != 0) {
        poller_fd_set(loop_poller(daemon->loop), &daemon->written, 0);
        daemon->written.fd = 0;
    }
}

void turns_prepare(struct daemon *daemon) {
    daemon->is_alone = sysconf(_SC_NPROCESSORS_ONLN) < 2;
    daemon->wake = (struct poller_timer){.on_time = on_wake, .owner = daemon};
}
