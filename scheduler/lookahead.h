/* scheduler/lookahead.h - forecasts made in a child process, beside the daemon.
 *
 * The child is a fork: it has the core as it is at this moment, shared page by page until one of
 * the two writes. It forks once more for each future, runs the core forward there, and sends what
 * it found through a pipe. The daemon's loop waits for nothing but the fork itself. A child only
 * computes: it closes all files but its pipe, gives way to the daemon, is the first to go when
 * memory runs out, dies with its parent, and is bounded in processor time.
 */
#ifndef SCHEDULER_LOOKAHEAD_H
#define SCHEDULER_LOOKAHEAD_H

#include "scheduler/forecast.h"

struct lookahead;
struct poller;

struct lookahead_limits {
    unsigned futures_max; /* fewer when nothing is left to chance, or time runs out */
    size_t starts_max;    /* told of each future */
    size_t runs_max;      /* the same of runs to come, */
    int64_t runs_us;      /* due within this time */
    int64_t horizon_us;
    int64_t spend_us; /* of time, for all futures of one question */
};

/* What was found. */
struct lookahead_answer {
    struct forecast as_is;
    struct forecast with; /* with the submission that was asked about; else empty */
    int64_t asked_us;     /* wall clock: as of then */
    int64_t fork_us;      /* how long the daemon was held up */
    int64_t took_us;      /* until the answer was there */
};

struct lookahead *lookahead_create(struct poller *poller, struct instant (*clock)(void *owner),
                                   void *owner);

/* What runs is killed; nobody hears of it. Accepts NULL. */
void lookahead_destroy(struct lookahead *lookahead);

bool lookahead_is_busy(const struct lookahead *lookahead);

struct lookahead_question {
    struct core *core; /* as it is; it is not changed */
    struct instant now;
    uint64_t seed;
    struct event *added; /* NULL: none; needed until this returns */
    struct lookahead_limits limits;
    /* From the loop, once. The answer's texts and arrays live until this returns; NULL with an
     * error if there is none. */
    void (*on_answer)(void *context, const struct lookahead_answer *answer,
                      const struct error *error);
    void *context;
};

/* One at a time: ERR_BUSY. ERR_IO: the system gives no pipe or no process. */
int lookahead_ask(struct lookahead *lookahead, const struct lookahead_question *question,
                  struct error *error) MUST_CHECK;

#endif
