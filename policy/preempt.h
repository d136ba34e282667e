/* policy/preempt.h - which running jobs have to go so that a blocked one can start.
 *
 * Of all sets of victims without which it fits, the one that takes the fewest pods of the highest
 * tier among them, then of the next lower one, and so on; then the one that loses the least work
 * (pods by the time they ran). What fits is asked of the caller, who places the gang as if the
 * victims were gone: nobody goes for a job that would not start. The best set is found as long as
 * checks_max questions are enough; after that a set of which nobody can be spared. Pure.
 */
#ifndef POLICY_PREEMPT_H
#define POLICY_PREEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct preempt_victim {
    uint64_t job_id;
    int32_t tier;
    uint32_t pods;
    int64_t ran_us; /* its pods, each */
};

/* Would it fit if these were gone? What fits without some fits without more. */
typedef bool preempt_fits_fn(void *context, const uint32_t *chosen, size_t count);

struct preempt_ask {
    const struct preempt_victim *victims; /* no two of one job */
    size_t count;
    preempt_fits_fn *fits;
    void *context;
    size_t checks_max; /* questions for the best set */
};

/* The indexes of the victims, ascending, into out_chosen (room for all), and how many; 0: it does
 * not fit even without all of them. Asks at most checks_max + tiers + count questions. */
size_t preempt_choose(const struct preempt_ask *ask, uint32_t *out_chosen);

#endif
