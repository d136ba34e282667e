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
    uint32_t order;  /* of arrival */
    uint64_t job_id; /* of what is taken */
    size_t namespace_index;
    const struct demand *demand;
    size_t first_run;
    size_t run_count;
};

/* Per node, by how much a stretch of time changes what is free there. */
struct dip {
    struct resources now;   /* so far */
    struct resources least; /* the lowest so far, kind by kind; at most 0 */
    bool touched;
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
    struct change *changes; /* once sorted, by instant; what is given back goes first */
    size_t change_count;
    size_t change_room;
    bool sorted;
    struct change *ends; /* kept, sorted: the first changes of a pass */
    size_t end_count;
    size_t end_run_count; /* their runs are the first ones */
    struct profile_run *runs;
    size_t run_count;
    size_t run_room;
    size_t node_room;    /* of what is per node */
    struct dips moved;   /* up to the instant that a search has come to */
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

/* --- profile_dips.c -------------------------------------------------------------------------- */

void profile_clear_dips(struct dips *dips);
void profile_grow_dips(struct dips *dips, size_t from, size_t to);
void profile_touch(struct dips *dips, uint32_t node);
void profile_take_least(struct dip *dip);

/* The nodes from which reservations take something, from change `first` on, up to until_us: how far
 * down do they go? */
void profile_find_dips(const struct profile *profile, size_t first, int64_t until_us,
                       struct dips *dips);

#endif
