/* policy/decay.h - averages over the past in which what lies one half-life back counts half.
 *
 * Pure; nothing but IEEE sums and products, which give the same on every machine. Times are
 * microseconds of one clock.
 */
#ifndef POLICY_DECAY_H
#define POLICY_DECAY_H

#include <stdint.h>

/* What is left of 1 after so long: 2^-(elapsed / half-life); 1 if no time passed. */
double decay_left(int64_t elapsed_us, double half_life_us);

/* What 1, held from one instant to another, is of the average at a third one; what was held after
 * that does not count. */
double decay_held(int64_t from_us, int64_t to_us, int64_t at_us, double half_life_us);

#endif
