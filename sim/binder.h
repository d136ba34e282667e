/* sim/binder.h - the default scheduler: gives waiting pods a node, pod by pod.
 *
 * Higher priority first, then the older. A pod that fits nowhere keeps the condition
 * PodScheduled=False with the scheduler's words and is tried again when something
 * changes. Pods of another scheduler are left alone. Knows no gangs: that is the point.
 */
#ifndef SIM_BINDER_H
#define SIM_BINDER_H

#include <stdint.h>

struct binder;
struct census;
struct event_writer;
struct sim_change;
struct sim_store;

struct binder_config {
    struct sim_store *store;     /* borrowed, as the others */
    const struct census *census; /* has seen a change before the binder does */
    struct event_writer *events;
    int64_t delay_us; /* from a change to the next pass */
};

struct binder *binder_create(const struct binder_config *config);
void binder_destroy(struct binder *binder);

void binder_on_change(struct binder *binder, const struct sim_change *change);

void binder_step(struct binder *binder, int64_t now_us);
int64_t binder_next_us(const struct binder *binder);

/* Pods bound so far. */
int64_t binder_bind_count(const struct binder *binder);

#endif
