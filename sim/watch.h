/* sim/watch.h - one watch: a position in a resource's log, filtered.
 *
 * Pulled, never pushed: ask for the next event until there is none. The store must
 * outlive it. An object that leaves or enters the selection shows as DELETED or
 * ADDED, as a real API server has it.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/selector.h"
#include "sim/store.h"

struct sim_version;
struct sim_watch;

struct sim_watch_options {
    const struct sim_store *store;
    enum sim_resource_id id;
    const char *namespace; /* NULL: all */
    int64_t from;          /* events after this resourceVersion; 0: what exists as ADDED first */
    struct sim_selector labels_take;
    struct sim_selector fields_take;
};
struct sim_watch *sim_watch_create(const struct sim_watch_options *options);
void sim_watch_destroy(struct sim_watch *watch);

struct sim_watch_event {
    enum sim_change_type type;
    struct sim_version *version; /* borrowed until the next call of anything */
    /* A DELETED by selection shows the state before it with the new number. */
    int64_t number;
};

enum sim_watch_result {
    SIM_WATCH_EVENT,   /* *out_event is filled */
    SIM_WATCH_IDLE,    /* nothing new */
    SIM_WATCH_EXPIRED, /* its position is compacted: send a 410 and end */
};
enum sim_watch_result sim_watch_next(struct sim_watch *watch, struct sim_watch_event *out_event);

const struct sim_resource *sim_watch_resource(const struct sim_watch *watch);

/* Where it began and what the log still has: the numbers of a 410's text. */
void sim_watch_numbers(const struct sim_watch *watch, int64_t *out_from, int64_t *out_oldest);

/* Everything up to this resourceVersion was seen: what a bookmark says. */
int64_t sim_watch_seen(const struct sim_watch *watch);

#endif
