/* scheduler/daemon.h - the parts of nightshiftd and how they hang together.
 *
 * Private to the daemon's own files. daemon.c owns everything, turns.c takes the turns; front.c
 * translates between the API and the core, cluster.c between the watches and the core.
 */
#ifndef SCHEDULER_DAEMON_H
#define SCHEDULER_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/poller.h"
#include "base/rng.h"
#include "config/config.h"
#include "scheduler/core.h"
#include "scheduler/demands.h"
#include "scheduler/histogram.h"
#include "scheduler/inbox.h"
#include "scheduler/known_manifests.h"

struct api;
struct cluster;
struct field_error;
struct front;
struct kube;
struct leader;
struct log_collector;
struct loop;
struct news_reader;
struct notifier;
struct class_watch;
struct reporter;
struct payload;
struct queue;
struct starter;

struct daemon {
    const char *config_path; /* "": none, all defaults */
    struct config config;
    struct log log;
    struct rng rng;
    uint64_t seed; /* of rng */
    struct loop *loop;
    struct leader *leader; /* NULL: alone, without a lease */
    struct queue *queue;   /* NULL, as core and starter are, while this daemon stands by */
    struct core *core;
    struct inbox inbox;
    size_t inbox_seen;      /* events in it, at the last look */
    int64_t commit_us;      /* how long commits take, the later the more */
    int64_t answered_us;    /* monotonic; of the last turn that answered a client */
    int64_t asked_after_us; /* so long behind these answers the last turn began */
    bool is_alone;          /* on one processor */
    struct demands demands;
    struct known_texts known_texts;
    struct kube *kube;
    struct starter *starter;
    struct news_reader *news;
    struct notifier *notifier;
    struct reporter *reporter;
    struct class_watch *class_watch;
    struct cluster *cluster;
    struct front *front;
    struct log_collector *logs; /* NULL without a queue */
    struct poller_timer wake;   /* the next turn that time asks for */
    struct poller_timer look_at_zones;
    size_t unreadable_schedules; /* of the queue */
    bool has_applications;       /* a job that was handed to the Spark operator was not over */
    uint64_t zones_stamp;        /* of the time zones' files when the configuration was read */
    uint64_t schedule_zones_stamp;
    struct poller_timer stop_after; /* draining: then we stop whatever is still under way */
    bool turn_due;                  /* wake fired */
    bool has_room;                  /* on the disk, when it was last looked at in this round */
    bool committing;                /* the disk writes the last turn: no other one is taken */
    int64_t committing_since_us;    /* monotonic; of the last commit */
    struct poller_fd written;       /* it has; fd is 0 while there is no thread to tell */
    struct poller_timer slow_disk;  /* looks whether it does */
    bool stalled;                   /* the last turn could not be committed yet */
    struct turn turn;               /* of the last turn: waits for its commit */
    size_t turn_events;             /* how many events it was made of */
    struct histogram turn_times;    /* computing them */
    struct histogram commit_times;  /* and writing them to disk */
    struct error stall;
    int64_t stalled_since_us; /* monotonic */
    bool reload_due;
    bool verify_due;
    bool draining;
    bool front_drained; /* every client has its answer */
    int exit_status;    /* when the loop ends */
    int64_t started_us;
};

struct instant daemon_now(const struct daemon *daemon);

/* --- readiness.c ----------------------------------------------------------------------------- */

/* ready: accepts and starts work. Else out_why (not NULL, empty) says why not. */
bool daemon_is_ready(struct daemon *daemon, struct error *out_why);

/* Is there room on the disk for more work? Else out_why says so. Asked of the system once a
 * round: the commit tells what happens within one. */
bool daemon_has_room(struct daemon *daemon, struct error *out_why);

/* --- turns.c: events in, a commit, and then what follows from it ------------------------------ */

void turns_prepare(struct daemon *daemon);

/* Take a turn, or try the last one's commit again, if it is time. True: more work waits. */
bool turns_take(struct daemon *daemon);

/* A client's event was added, and more of the round may come: end the last turn if its commit is
 * over, and begin one if there is enough for it, so that the disk does not wait for the others. */
void turns_hurry(struct daemon *daemon);

/* A thread for the commits of large turns. Without it the loop waits for the disk itself. */
void turns_start_writer(struct daemon *daemon);
void turns_stop_writer(struct daemon *daemon);

/* Ask for a turn in this round. */
void daemon_wake(struct daemon *daemon);

/* --- loading.c, loading_facts.c: what the queue knows goes into a new core -------------------- */

int daemon_load_queue(struct daemon *daemon, struct error *error) MUST_CHECK;

/* All that the core knows again beside jobs. It goes before what asks for it: jobs with windows
 * have to fit into them, by what their names took. */
int daemon_load_facts(struct daemon *daemon) MUST_CHECK;

/* --- reload.c, zone_watch.c: what changes while the daemon runs ------------------------------- */

/* Teams, priority classes, limits and node pools, as the configuration has them. */
void daemon_apply_lists(struct daemon *daemon);

/* Read the configuration again, all or nothing; the log tells. Between turns: while the disk fails
 * it waits. */
void daemon_reload_if_due(struct daemon *daemon);

/* Reload when the time zones' files change. */
void zone_watch_begin(struct daemon *daemon);

/* --- stored_payload.c ------------------------------------------------------------------------- */

/* What a job was submitted with, the caller's to destroy. ERR_NOT_FOUND, ERR_CORRUPT, ERR_INVALID:
 * the store's record or its text can't be read; error may say more. */
int daemon_read_payload(struct daemon *daemon, const struct job *job, struct payload **out_payload,
                        struct field_error *error) MUST_CHECK;

/* Where the keys of submitters' secrets are; borrows from the configuration. */
struct secret_keys daemon_secret_keys(const struct daemon *daemon);

/* Open its secrets, for the start of its attempt alone. ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID,
 * ERR_IO: the keys can't be read, or not this one; ERR_CORRUPT: it was changed. */
int daemon_open_secrets(const struct daemon *daemon, struct payload *payload,
                        struct field_error *error) MUST_CHECK;

/* --- daemon.c -------------------------------------------------------------------------------- */

/* The folder of all data, made if it is missing. */
int daemon_make_folder(const struct daemon *daemon, struct error *error) MUST_CHECK;

/* Open the queue and watch the cluster: from now on there are turns. After a failure nothing is
 * open. ERR_BUSY: another process has the queue open. */
int daemon_begin_work(struct daemon *daemon, struct error *error) MUST_CHECK;

/* End the process: with an error, or since it is another's turn to lead. */
void daemon_fail(struct daemon *daemon, int code, const char *text);
void daemon_leave(struct daemon *daemon, const char *why);

/* --- damage.c: the queue's damaged records are moved aside and logged ------------------------- */

void damage_report(struct daemon *daemon);
void damage_report_opening(struct daemon *daemon); /* when the queue has been read */

/* --- front.c --------------------------------------------------------------------------------- */

int front_open(struct daemon *daemon, struct error *error) MUST_CHECK;
void front_close(struct daemon *daemon);
int front_reload(struct daemon *daemon, const struct config *config,
                 struct error *error) MUST_CHECK;
void front_drain(struct daemon *daemon);

/* The call of that number, if it is still open; NULL otherwise. */
struct api_call *front_find_call(const struct daemon *daemon, uint64_t number);

/* Clients that are connected, and those that wait for an answer. */
struct api_clients;
struct api_clients front_clients(const struct daemon *daemon);

/* A turn is committed: tell those who wait for it. */
void front_reply(struct daemon *daemon, const struct reply *reply);
/* The turn can't be committed for now: who waits for it is told that nothing is known yet. */
void front_tell_stalled(struct daemon *daemon);
/* What /healthz says beside that we live; "": nothing is the matter. */
void front_set_trouble(struct daemon *daemon, const char *text);
void front_tell_events(struct daemon *daemon, const struct queue_change *changes, size_t count);

/* --- cluster.c ------------------------------------------------------------------------------- */

/* The client alone; then, with a queue, its watches and orders. */
int cluster_open(struct daemon *daemon, struct error *error) MUST_CHECK;
void cluster_begin(struct daemon *daemon);
void cluster_close(struct daemon *daemon);

/* Once per round: while too many events wait for their turn, the watches rest. */
void cluster_pace(struct daemon *daemon);

/* Read the kubeconfig again: its content may have changed. On failure nothing has. */
int cluster_reload(struct daemon *daemon, const struct config *config,
                   struct error *error) MUST_CHECK;

/* Carry out a turn's command. */
void cluster_command(struct daemon *daemon, const struct command *command);

/* Of our credentials; "default" if they name none. */
const char *cluster_namespace(const struct daemon *daemon);

struct cluster_status {
    const char *server;
    size_t objects[CLUSTER_PART_COUNT];
    char trouble[CLUSTER_PART_COUNT][160]; /* of a watch that is cut off; "" if none is */
};
struct cluster_status cluster_status(const struct daemon *daemon);

/* "pods", "nodes", "resourcequotas", "limitranges" */
const char *cluster_part_text(enum cluster_part part);

#endif
