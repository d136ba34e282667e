#include "base/rng.h"

#include <sys/random.h>

#include "base/ensure.h"

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return (value << bits) | (value >> (64 - bits));
}

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        rng->state[i] = splitmix(&seed);
    }
}

uint64_t rng_next(struct rng *rng) {
    uint64_t *s = rng->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound) {
    uint64_t value;
    uint64_t limit;

    ENSURE(bound > 0);
    limit = UINT64_MAX - UINT64_MAX % bound; /* Values from here on would favour small results. */
    do {
        value = rng_next(rng);
    } while (value >= limit);
    return value % bound;
}

double rng_unit(struct rng *rng) {
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

void rng_secret(void *out_bytes, size_t count) {
    char *bytes = out_bytes;

    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);

        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        }
    }
}

uint64_t rng_seed_from_system(void) {
    uint64_t seed;

    rng_secret(&seed, sizeof seed);
    return seed;
}
