/* policy/after.h - what a job waits for: other jobs, whole arrays, runs of schedules.
 *
 * The rule is a table over a tally: how many of those waited for have run, and how they ended. As a
 * text, which is stored, the items stand one behind the other, with what is usual left out:
 *
 *   17            job 17 has succeeded; if it can't any more, the job is skipped
 *   20-29:any     ten jobs, each of which has ended
 *   100+50:start  all 50 elements of the array of job 100 have started
 *   100*50        of the same, the element with the job's own index has succeeded
 *   load@20779    the run of schedule load of that business date (days since 1970)
 *   17:failure:wait
 */
#ifndef POLICY_AFTER_H
#define POLICY_AFTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "policy/job.h"

#define AFTER_TEXT_BYTES 4000 /* a job's, stored; more is refused */
#define AFTER_ITEMS_MAX  1000

/* name, text in manifests: what they are to have done */
#define AFTER_ON_LIST(X)                                          \
    X(AFTER_SUCCESS, "success") /* all succeeded */               \
    X(AFTER_FAILURE, "failure") /* all ended, and one failed */   \
    X(AFTER_ANY, "any")         /* all ended, one way or other */ \
    X(AFTER_START, "start")     /* all have started */

enum after_on {
#define AFTER_ENUM(name, text) name,
    AFTER_ON_LIST(AFTER_ENUM)
#undef AFTER_ENUM
    AFTER_ON_COUNT,
};

/* What becomes of a job that waits for what can't come any more. */
#define AFTER_OTHERWISE_LIST(X)         \
    X(AFTER_SKIP, "skip") /* SKIPPED */ \
    X(AFTER_FAIL, "fail") /* FAILED */  \
    X(AFTER_WAIT, "wait") /* until a person helps */

enum after_otherwise {
#define AFTER_ENUM(name, text) name,
    AFTER_OTHERWISE_LIST(AFTER_ENUM)
#undef AFTER_ENUM
    AFTER_OTHERWISE_COUNT,
};

extern const char *const after_on_texts[AFTER_ON_COUNT + 1];               /* ended by NULL */
extern const char *const after_otherwise_texts[AFTER_OTHERWISE_COUNT + 1]; /* the same */

struct after_item {
    enum after_on on;
    enum after_otherwise otherwise;
    uint64_t first_id;
    uint64_t count;        /* of an array's elements, or 1; 0: a schedule's runs */
    bool is_array;         /* also of one element */
    bool each;             /* of an array: the one with the job's own index */
    const char *namespace; /* of the schedule, as the reader was told; NULL: it was not */
    const char *schedule;  /* not ended: schedule_bytes of it */
    size_t schedule_bytes;
    int32_t business_date;
};

/* Append an item to others. */
void after_print(const struct after_item *item, struct buf *out);

/* The items of a text, one after the other. Begin with {.at = text} and whose it is. */
struct after_reader {
    const char *at;
    const char *namespace; /* of the job: its schedules are meant; NULL: it does not matter */
    struct after_item item;
    uint64_t left; /* more jobs of the item's range */
    bool failed;   /* the text is no text of ours */
};
bool after_next(struct after_reader *reader, struct after_item *out_item);

/* How it stands with them. */
struct after_tally {
    uint64_t total; /* 0: there is none yet */
    uint64_t ran;   /* have started, sometime */
    uint64_t succeeded;
    uint64_t failed;    /* FAILED and REJECTED */
    uint64_t cancelled; /* and those whose record was lost */
    uint64_t skipped;
    uint64_t never_ran; /* of those that ended */
};

enum after_verdict {
    AFTER_WAITS,
    AFTER_MET,
    AFTER_BROKEN, /* as it stands, it can't be met any more */
};

enum after_verdict after_judge(const struct after_tally *tally, enum after_on on);

/* How many of the total have done what they are to do; of FAILURE: have ended. */
uint64_t after_done(const struct after_tally *tally, enum after_on on);

/* Count a job in (1) or out (-1). */
void after_count(struct after_tally *tally, enum job_state state, bool has_run, int times);

#endif
