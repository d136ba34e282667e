/* scheduler/graph.h - who waits for whom around a job, and how long the whole takes.
 *
 * Looks at the view between turns, and changes nothing. A node is a job, or a whole array.
 */
#ifndef SCHEDULER_GRAPH_H
#define SCHEDULER_GRAPH_H

#include "scheduler/core.h"

#define GRAPH_UNKNOWN_US (-1)

/* Beside a job: before it, behind it, or on the longest way. Names are borrowed until the next
 * turn. */
struct graph_relation {
    struct after_item item; /* what is waited for; of a way, zeroed */
    uint64_t id;            /* of the job, the array, the latest run; 0: none yet */
    const char *name;       /* NULL: forgotten */
    enum job_state state;   /* of one job */
    struct after_tally tally;
    enum after_verdict verdict;
    int64_t left_us; /* of its run, as expected; GRAPH_UNKNOWN_US */
};

/* Zeroed is empty. */
struct graph {
    struct graph_relation *predecessors;
    size_t predecessor_count;
    struct graph_relation *successors;
    size_t successor_count;
    struct graph_relation *way; /* that ends last of those that lead to, or from, the job */
    size_t way_count;
    int64_t way_us;   /* what is left of it; GRAPH_UNKNOWN_US: a run time on the way is not known */
    int64_t slack_us; /* so much longer may the job take; the same */
};

/* O(jobs that wait for others, and their neighbours); O(jobs) if there are any. */
void graph_around(const struct core *core, uint64_t id, struct graph *out_graph);
void graph_finish(struct graph *graph);

#endif
