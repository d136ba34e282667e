/* base/rng.h - the only source of chance: xoshiro256**, seeded by splitmix64.
 *
 * Seeded once per process or per simulation, so that a run can be repeated from
 * its seed. Not for secrets: those come from rng_secret(), the kernel's own.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators".
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);

uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [0, 1) with 53 bits. */
double rng_unit(struct rng *rng);

/* A seed nobody chose, to be logged by whoever uses it. */
uint64_t rng_seed_from_system(void);

/* Bytes fit for keys and tokens. */
void rng_secret(void *out_bytes, size_t count);

#endif
