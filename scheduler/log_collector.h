/* scheduler/log_collector.h - fetches the logs of our pods into the store before the pods go.
 *
 * A part of the daemon, beside the turns: it sees the pods that the watch shows, and every delete
 * passes through it. A main pod's log is fetched when the pod has ended; a delete of a pod whose
 * log is not stored yet waits for that, but no longer than logs.timeout. Executors are deleted by
 * their driver: their logs are followed, if wanted, while they run, at most logs.streams of them;
 * the others' are fetched while they end. What fails is tried again, a few times. With
 * logs.collect: none it does nothing.
 */
#ifndef SCHEDULER_LOG_COLLECTOR_H
#define SCHEDULER_LOG_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "scheduler/log_shelf.h"

struct command;
struct daemon;
struct log_collector;
struct pod_state;

int log_collector_open(struct daemon *daemon, struct error *error) MUST_CHECK;

/* After kube_close(). Accepts NULL. */
void log_collector_close(struct log_collector *collector);

/* The configuration was read again. */
void log_collector_reload(struct log_collector *collector);

/* One of our own pods is like this now. */
void log_collector_see(struct log_collector *collector, const struct pod_state *pod);
void log_collector_gone(struct log_collector *collector, const char *namespace, const char *name);

/* Carry out a COMMAND_DELETE, now or when the log is stored. */
void log_collector_delete(struct log_collector *collector, const struct command *command);

const struct log_shelf *log_collector_shelf(const struct log_collector *collector);

struct log_collector_figures {
    struct log_shelf_figures shelf;
    uint64_t stored;
    uint64_t failed;  /* given up */
    size_t following; /* live */
    size_t fetching;  /* and those that wait for their turn */
    size_t deletions; /* that wait for a log */
};
struct log_collector_figures log_collector_figures(const struct log_collector *collector);

#endif
