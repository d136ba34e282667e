/* policy/profile_parts.h - what the files of policy/profile share.
 *
 * profile.c keeps what ends and what is reserved; profile_dips.c says what reservations take from
 * the nodes, and profile_search.c finds the instant at which a gang fits.
 */
#ifndef POLICY_PROFILE_PARTS_H
#define POLICY_PROFILE_PARTS_H

#include "policy/profile.h"

/* At an instant something is given back (sign 1) or taken (-1). */
struct change {
    int64_t at_us;
    int sign;
    bool is_put;     /* kept from pass to pass */
    uint32_t order;  /* of arrival */
    uint64_t job_id; /* whose */
    size_t namespace_index;
    const struct demand *demand;
    size_t first_run;
    size_t run_count;
};

/* Changes by instant, once sorted; at one instant, what is given back goes first. */
struct changes {
    struct change *list;
    size_t count;
    size_t room;
    size_t sorted;  /* the first so many are */
    uint32_t order; /* of the last one to arrive */
    struct profile_run *runs;
    size_t run_count;
    size_t run_room;
};

/* So many of the ends, and of the changes of the pass. */
struct reach {
    size_t end;
    size_t own;
};

/* Per node, by how much a stretch of time changes what is free there. */
struct dip {
    struct resources now;   /* so far */
    struct resources least; /* the lowest so far, kind by kind; at most 0 */
    bool touched;
    bool is_new; /* has changed since the nodes were moved */
};

struct dips {
    struct dip *by_node;
    uint32_t *touched; /* the nodes to look at */
    size_t touched_count;
};

struct profile {
    struct place *now;
    int64_t now_us;
    struct profile_limits limits;
    struct changes ends; /* put, and kept from pass to pass */
    struct changes own;  /* of this pass */
    uint64_t steps;
    size_t node_room;  /* of what is per node */
    struct dips moved; /* up to the instant that a search has come to; `least` is where the
                            nodes were moved to */
    uint32_t *unmoved; /* nodes that have changed since */
    size_t unmoved_count;
    struct dips window;  /* of a search */
    struct dips lowered; /* of profile_lower() */
    bool is_lowered;
    bool lowered_is_old;      /* something has changed since */
    size_t lowered_for;       /* so many reservations */
    int64_t last_reserved_us; /* the latest start of a reservation */
    size_t reservation_count;
    struct place place; /* borrows the index of `now` for an answer */
    struct usage swept; /* of one namespace */
};

/* Sorted by instant, from here on. */
void profile_sort(struct profile *profile);

/* The next change; NULL: no more. profile_next() goes beyond it. */
const struct change *profile_peek(const struct profile *profile, const struct reach *at);
const struct change *profile_next(const struct profile *profile, struct reach *at);

/* What it gives back or takes, on the nodes. */
const struct profile_run *profile_runs_of(const struct profile *profile,
                                          const struct change *change);

/* --- profile_dips.c -------------------------------------------------------------------------- */

void profile_clear_dips(struct dips *dips);
void profile_grow_dips(struct dips *dips, size_t from, size_t to);
void profile_touch(struct dips *dips, uint32_t node);
void profile_take_least(struct dip *dip);

/* The nodes from which reservations take something, from `first` on, up to until_us: how far down
 * do they go? */
void profile_find_dips(struct profile *profile, struct reach first, int64_t until_us,
                       struct dips *dips);

#endif
