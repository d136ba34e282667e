/* scheduler/forward_inside.h - the parts of a run forward, for its own files.
 *
 * forward.c has the clock and the turns, forward_gang.c the pods of attempts, forward_adopt.c takes
 * over what is under way already.
 */
#ifndef SCHEDULER_FORWARD_INSIDE_H
#define SCHEDULER_FORWARD_INSIDE_H

#include "base/map.h"
#include "policy/place.h"
#include "policy/quota.h"
#include "scheduler/forward.h"
#include "scheduler/timers.h"

#define FORWARD_NAME_BYTES 48
#define FORWARD_NO_NODE    UINT32_MAX

/* A pod of a gang. Those made here are called by job, attempt and number. */
struct gang_pod {
    char *name; /* owned; NULL: made here */
    char *uid;
    char *node_name; /* of one that was there before us */
    uint32_t group;
    uint32_t node; /* in `place`; FORWARD_NO_NODE: not bound, or there before us */
};

/* An attempt that is under way. */
struct gang {
    uint64_t job_id;
    uint32_t attempt;
    char *namespace; /* owned */
    bool running;
    int64_t runs_us;       /* since then, or from then on */
    int64_t ends_us;       /* CLOCK_NEVER_US: not known */
    struct gang_pod *pods; /* none: no way onto the nodes was found yet */
    size_t pod_count;
    size_t main; /* which of them */
};

struct forward {
    struct forward_options options;
    struct instant now;
    int64_t wake_us;      /* when the core wants its next turn */
    struct map gangs;     /* by job */
    struct timers timers; /* when a gang runs, and when it ends */
    uint64_t *unplaced;   /* jobs, in the order of admission */
    size_t unplaced_count;
    size_t unplaced_room;
    struct place place; /* the nodes, with what is free */
    uint64_t place_version;
    bool place_stale;
    struct event *events; /* of the next turn */
    char (*names)[FORWARD_NAME_BYTES];
    size_t event_count;
    size_t event_room;
    struct event *spare_events; /* the last turn's, to be used again */
    char (*spare_names)[FORWARD_NAME_BYTES];
    size_t spare_room;
    char **texts; /* that events of the next turn point to */
    size_t text_count;
    struct quota *quotas; /* that the first events lend */
    size_t quota_count;
    uint64_t turns;
    uint64_t ended_id;   /* the last gang that went, */
    int64_t ended_us;    /* and when */
    unsigned turns_here; /* at this instant */
};

/* --- forward.c ------------------------------------------------------------------------------- */

/* An event of the next turn, to be filled in before the next one is added. */
struct event *forward_add_event(struct forward *forward, enum event_kind kind);

/* The event that was added last is about that pod; one made here gets its name before the turn. */
void forward_name_event(struct forward *forward, const struct gang *gang, size_t pod);

/* A text, ours now, that the next turn's events may point to; NULL is none. */
void forward_take_text(struct forward *forward, char *text);

/* The nodes as they are now. */
void forward_load_place(struct forward *forward);

/* --- forward_gang.c -------------------------------------------------------------------------- */

struct gang *gang_find(const struct forward *forward, uint64_t job_id);
struct gang *gang_add(struct forward *forward, uint64_t job_id, uint32_t attempt);
struct gang_pod *gang_add_pod(struct gang *gang, uint32_t group, uint32_t node);
void gang_drop(struct forward *forward, struct gang *gang);

/* A whole gang onto the nodes: its pods are created and bound. False: there is no way. */
bool gang_place(struct forward *forward, struct gang *gang);

/* All that the core hears of a creation that went well. */
void gang_tell_start(struct forward *forward, struct gang *gang);
void gang_tell_pod(struct forward *forward, const struct gang *gang, size_t pod,
                   enum pod_standing standing);

/* Its pods run, since then. */
void gang_run(struct forward *forward, struct gang *gang, int64_t since_us);

/* The program ends well; or somebody deletes the main pod. The gang is no more. */
void gang_end(struct forward *forward, struct gang *gang);
void gang_delete(struct forward *forward, struct gang *gang);

bool gang_main_is_called(const struct gang *gang, const char *name);

/* --- forward_adopt.c ------------------------------------------------------------------------- */

void forward_adopt(struct forward *forward);

#endif
