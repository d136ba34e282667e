/* tests/fake/nights.h - a cluster for weeks of virtual time: it sleeps until something happens.
 *
 * Nodes take pods by room, first fit; a pod runs for as long as its program says and ends as it
 * says. A node may die with its pods and come back; the API server may be away for hours, in which
 * pods go on and nobody hears of it. What is told is told late by up to half a second, in order for
 * each pod.
 */
#ifndef TESTS_FAKE_NIGHTS_H
#define TESTS_FAKE_NIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/event.h"

struct nights;

struct nights_options {
    uint64_t seed;
    uint64_t jobs_max; /* their ids are below it */
    unsigned nodes;
    int64_t node_cpu_milli;
    const char *const *namespaces;
    unsigned namespace_count;
    int64_t quota_cpu_milli; /* of each namespace */
};

/* What a pod's program does. */
struct nights_program {
    int64_t runs_us;
    enum failure failure; /* FAILURE_NONE: it succeeds */
    int32_t exit_code;
};

struct nights *nights_create(const struct nights_options *options, int64_t now_us);
void nights_destroy(struct nights *nights);

/* Told something, with the cluster's instant. */
typedef void nights_fn(void *context, struct event *events, size_t count);

/* A new process listens: all there is, as first lists of everything tell it. What was on its way
 * to an earlier one is lost. */
void nights_listen(struct nights *nights, struct resource_names *names, nights_fn *tell,
                   void *context);

/* When something happens next by itself; and that it happens. Not back. */
int64_t nights_next_us(const struct nights *nights);
void nights_go(struct nights *nights, int64_t now_us, nights_fn *tell, void *context);

/* A command arrives; demand is borrowed for as long as the cluster lives. */
void nights_start(struct nights *nights, const struct command *command, const struct demand *demand,
                  struct nights_program program);
void nights_delete(struct nights *nights, const struct command *command);

/* From now on until then nobody reaches the API server. */
void nights_cut(struct nights *nights, int64_t until_us, nights_fn *tell, void *context);

/* A node and its pods are gone for so long. */
void nights_kill_node(struct nights *nights, unsigned node, int64_t for_us);

/* How many main pods of the job's attempts are alive; ever succeeded; and all that are alive. */
unsigned nights_alive(const struct nights *nights, uint64_t job_id);
unsigned nights_succeeded(const struct nights *nights, uint64_t job_id);
unsigned nights_alive_all(const struct nights *nights);

#endif
