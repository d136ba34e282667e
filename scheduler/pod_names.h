/* scheduler/pod_names.h - names that jobs give their driver's pod, each to one of them at a time.
 *
 * Private to scheduler/core. A job's pod may have to be called as its manifest says (podName) in
 * every attempt. Such a job is offered to a pass only while nobody else has the name: no job that
 * runs or is offered, and no pod, be it its own last one. A pod of this queue that has ended is
 * deleted to make room (its log is stored first); one that lives, or is somebody else's, is waited
 * for. The others wait in the order of their ids.
 */
#ifndef SCHEDULER_POD_NAMES_H
#define SCHEDULER_POD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "policy/reason.h"

struct core;
struct entry;
struct pod_name;

/* Zeroed is empty and ready. */
struct pod_names {
    struct map by_key;        /* namespace/name -> pod_name */
    struct pod_name **marked; /* to be settled */
    size_t marked_count;
    size_t marked_room;
};

void pod_names_finish(struct core *core);

/* Must a queued job wait for the name of its pod? Never, if it may be called as we like. */
bool pod_names_block(struct core *core, const struct entry *entry);

/* It is among those that wait, or not any more. */
void pod_names_wait(struct core *core, const struct entry *entry, bool waits);

/* It is offered to a pass or runs (1), or does not any more (-1); may be both for a moment. */
void pod_names_take(struct core *core, const struct entry *entry, int times);

/* A pod "namespace/name" came, ended or went, or its deletion is over. And: any may have. */
void pod_names_touch(struct core *core, const char *key);
void pod_names_mark_all(struct core *core);

/* Whoever is next is offered; ended pods that are in the way are deleted. */
void pod_names_settle(struct core *core);

/* Of a job that is parked for it. */
struct reason pod_names_reason(const struct core *core, const struct entry *entry);

int pod_names_verify(const struct core *core, struct error *error) MUST_CHECK;

#endif
