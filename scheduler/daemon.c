#include "scheduler/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "config/problem.h"
#include "queue/queue.h"
#include "scheduler/daemon_main.h"
#include "scheduler/leader.h"
#include "scheduler/log_collector.h"
#include "scheduler/loop.h"
#include "scheduler/starter.h"

#define LAST_COMMIT_MS 1000 /* for the disk, when we stop */
#define DRAIN_US       (20 * CLOCK_US_PER_SECOND)

/* Exit statuses of nightshiftd, as its man page has them. */
enum {
    EXIT_OK = 0,
    EXIT_CONFIG = 2, /* bad configuration */
    EXIT_BUSY = 3,   /* the queue is open elsewhere, or the socket is in use */
    EXIT_QUEUE = 4,  /* the queue can't be read */
    EXIT_SYSTEM = 5,
    EXIT_LEASE = 6, /* another daemon leads from here on */
};

#define DESCRIPTORS_BESIDE_CLIENTS 256 /* the queue, the cluster, the log */

struct instant daemon_now(const struct daemon *daemon) {
    (void)daemon;
    return clock_sample();
}

/* Nothing is under way any more: clients answered, orders to the cluster ended. */
static bool is_drained(const struct daemon *daemon) {
    return daemon->draining && daemon->front_drained &&
           (daemon->core == NULL ||
            (daemon->inbox.count == 0 && starter_in_flight(daemon->starter) == 0 &&
             log_collector_figures(daemon->logs).deletions == 0));
}

/* Between turns: the view, the ledger and the shares against what they were made from. */
static void verify_if_due(struct daemon *daemon) {
    struct instant began = daemon_now(daemon);
    struct error error = {0};

    if (!daemon->verify_due || daemon->core == NULL || daemon->committing || daemon->stalled) {
        return;
    }
    daemon->verify_due = false;
    if (core_verify(daemon->core, &error) == OK) {
        log_info(&daemon->log, began.now_us, "event=books_verified us=%" PRId64,
                 daemon_now(daemon).mono_us - began.mono_us);
    } else {
        log_error(&daemon->log, began.now_us,
                  "event=books_wrong error=\"%s\" action=\"a restart makes them anew\"",
                  error.text);
    }
}

/* Once per round of the loop, when its callbacks are through. True: the next one is not to wait. */
static bool on_round(void *owner) {
    struct daemon *daemon = owner;
    bool more;

    daemon->has_room = false;
    damage_report(daemon);
    daemon_reload_if_due(daemon);
    verify_if_due(daemon);
    more = turns_take(daemon);
    cluster_pace(daemon);
    if (is_drained(daemon) && daemon->leader != NULL) {
        leader_resign(daemon);
    } else if (is_drained(daemon)) {
        loop_stop(daemon->loop);
    }
    return more;
}

static void on_stop_after(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;

    loop_stop(daemon->loop);
}

static void on_terminate(int signal_number, void *owner) {
    struct daemon *daemon = owner;
    int64_t now_us = daemon_now(daemon).now_us;

    if (daemon->draining) {
        log_warn(&daemon->log, now_us, "event=stopping_now signal=%d", signal_number);
        loop_stop(daemon->loop);
        return;
    }
    log_info(&daemon->log, now_us, "event=stopping signal=%d", signal_number);
    daemon->draining = true;
    if (daemon->core != NULL) {
        inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_DRAIN}, NULL, NULL);
    }
    front_drain(daemon);
    poller_timer_set(loop_poller(daemon->loop), &daemon->stop_after, DRAIN_US);
}

static void on_hangup(int signal_number, void *owner) {
    struct daemon *daemon = owner;

    (void)signal_number;
    daemon->reload_due = true;
}

static void on_verify(int signal_number, void *owner) {
    struct daemon *daemon = owner;

    (void)signal_number;
    daemon->verify_due = true;
}

int daemon_make_folder(const struct daemon *daemon, struct error *error) {
    if (mkdir(daemon->config.data_dir, 0700) != 0 && errno != EEXIST) {
        return error_set(error, ERR_IO, "can't make the folder %s (dataDir): %s",
                         daemon->config.data_dir, strerror(errno));
    }
    return OK;
}

static void close_queue(struct daemon *daemon) {
    turns_stop_writer(daemon);
    core_destroy(daemon->core);
    daemon->core = NULL;
    queue_close(daemon->queue);
    daemon->queue = NULL;
}

static int open_queue(struct daemon *daemon, struct error *error) {
    char *folder;
    int r = daemon_make_folder(daemon, error);

    if (r < 0) {
        return r;
    }
    folder = mem_format("%s/queue", daemon->config.data_dir);
    r = queue_open(folder, error, &daemon->queue);
    free(folder);
    r = r == OK ? daemon_load_queue(daemon, error) : r;
    if (r == OK) {
        turns_start_writer(daemon);
    } else {
        close_queue(daemon);
    }
    return r;
}

int daemon_begin_work(struct daemon *daemon, struct error *error) {
    int r = open_queue(daemon, error);

    r = r == OK ? log_collector_open(daemon, error) : r;
    if (r == OK) {
        cluster_begin(daemon);
        daemon_wake(daemon);
    }
    return r;
}

static void prepare_loop(struct daemon *daemon) {
    daemon->stop_after = (struct poller_timer){.on_time = on_stop_after, .owner = daemon};
    loop_before_wait(daemon->loop, on_round, daemon);
    loop_on_signal(daemon->loop, SIGTERM, on_terminate, daemon);
    loop_on_signal(daemon->loop, SIGINT, on_terminate, daemon);
    loop_on_signal(daemon->loop, SIGHUP, on_hangup, daemon);
    loop_on_signal(daemon->loop, SIGUSR1, on_verify, daemon);
    zone_watch_begin(daemon);
}

/* By itself the queue comes first: what is wrong with it is told before anybody is asked. */
static int open_alone(struct daemon *daemon, struct error *error) {
    int r = open_queue(daemon, error);

    if (r == OK) {
        r = cluster_open(daemon, error);
    }
    r = r == OK ? log_collector_open(daemon, error) : r;
    if (r == OK) {
        cluster_begin(daemon);
        daemon_wake(daemon);
    }
    return r;
}

static int open_as_standby(struct daemon *daemon, struct error *error) {
    int r = cluster_open(daemon, error);

    return r == OK ? leader_open(daemon, error) : r;
}

static int open_all(struct daemon *daemon, struct error *error) {
    int r;

    turns_prepare(daemon);
    daemon->seed = rng_seed_from_system();
    rng_init(&daemon->rng, daemon->seed);
    r = daemon->config.leader_enabled ? open_as_standby(daemon, error) : open_alone(daemon, error);
    if (r == OK) {
        r = front_open(daemon, error);
    }
    if (r == OK) {
        prepare_loop(daemon);
    }
    return r;
}

static void close_all(struct daemon *daemon) {
    struct poller *poller = loop_poller(daemon->loop);

    poller_timer_stop(poller, &daemon->wake);
    poller_timer_stop(poller, &daemon->stop_after);
    poller_timer_stop(poller, &daemon->look_at_zones);
    leader_stop(daemon);
    front_close(daemon);
    cluster_close(daemon);
    inbox_finish(&daemon->inbox);
    demands_finish(&daemon->demands);
    known_texts_finish(&daemon->known_texts);
    close_queue(daemon);
    leader_close(daemon);
    loop_destroy(daemon->loop);
    config_finish(&daemon->config);
}

static int exit_status(int code) {
    switch (code) {
    case OK:
        return EXIT_OK;
    case ERR_INVALID:
        return EXIT_CONFIG;
    case ERR_BUSY:
        return EXIT_BUSY;
    case ERR_CORRUPT:
        return EXIT_QUEUE;
    default:
        return EXIT_SYSTEM;
    }
}

void daemon_fail(struct daemon *daemon, int code, const char *text) {
    log_error(&daemon->log, daemon_now(daemon).now_us, "event=failed error=\"%s\"", text);
    daemon->exit_status = exit_status(code);
    loop_stop(daemon->loop);
}

/* Not back to standing by: a new process has nothing of the old one's in its memory. */
void daemon_leave(struct daemon *daemon, const char *why) {
    log_warn(&daemon->log, daemon_now(daemon).now_us,
             "event=stepping_down why=\"%s\" action=\"ends; a restart stands by\"", why);
    daemon->exit_status = EXIT_LEASE;
    loop_stop(daemon->loop);
}

static int load_config(struct daemon *daemon, const char *path) {
    struct problems problems = {0};
    struct buf text;
    int r;

    if (path[0] == '\0') {
        config_init_default(&daemon->config);
        return OK;
    }
    r = config_load(path, &daemon->config, &problems);
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, path, &text);
        (void)fputs(buf_text(&text), stderr);
        buf_finish(&text);
        problems_finish(&problems);
    }
    return r;
}

/* As many as the system allows us: each client takes one. */
static void raise_descriptors(const struct daemon *daemon) {
    int64_t wanted = daemon->config.connections_max + daemon->config.unix_connections_max +
                     DESCRIPTORS_BESIDE_CLIENTS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur != RLIM_INFINITY && (int64_t)limit.rlim_cur < wanted) {
        log_warn(&daemon->log, clock_sample().now_us,
                 "event=few_descriptors limit=%" PRId64 " wanted=%" PRId64
                 " action=\"clients beyond them wait\"",
                 (int64_t)limit.rlim_cur, wanted);
    }
}

/* A disk that hangs would keep us for ever. Nobody was told of the turn that it has: the next start
 * finds all of it, or nothing. */
static void leave_hanging_disk(const struct daemon *daemon) {
    if (daemon->committing && !queue_commit_is_done(daemon->queue, LAST_COMMIT_MS)) {
        log_error(&daemon->log, clock_sample().now_us,
                  "event=stopped error=\"%s\" action=\"the last turn is left to it\"",
                  daemon->stall.text);
        _exit(EXIT_SYSTEM);
    }
}

int daemon_main(const char *config_path) {
    struct daemon daemon = {.config_path = config_path, .log = {.fd = STDERR_FILENO}};
    struct error error = {0};
    int r = load_config(&daemon, config_path);

    if (r < 0) {
        return EXIT_CONFIG;
    }
    (void)!log_level_parse(daemon.config.log_level, &daemon.log.level);
    daemon.started_us = clock_sample().now_us;
    raise_descriptors(&daemon);
    (void)signal(SIGPIPE, SIG_IGN); /* A peer that has gone is an error of the write. */
    daemon.loop = loop_create();
    if (daemon.loop == NULL) {
        (void)fputs("nightshiftd: the system has no file descriptors left\n", stderr);
        config_finish(&daemon.config);
        return EXIT_SYSTEM;
    }
    r = open_all(&daemon, &error);
    if (r < 0) {
        (void)fprintf(stderr, "nightshiftd: %s\n", error.text);
    } else {
        log_info(&daemon.log, daemon.started_us, "event=started pid=%d", (int)getpid());
        loop_run(daemon.loop);
        leave_hanging_disk(&daemon);
        log_info(&daemon.log, clock_sample().now_us, "event=stopped");
    }
    close_all(&daemon);
    return r < 0 ? exit_status(r) : daemon.exit_status;
}
