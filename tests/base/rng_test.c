#include "base/rng.h"

#include <string.h>

#include "tests/test.h"

TEST(rng__repeats_from_its_seed) {
    struct rng a;
    struct rng b;

    rng_init(&a, 7);
    rng_init(&b, 7);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(rng_next(&a), rng_next(&b), "equal seeds, equal streams");
    }
    rng_init(&b, 8);
    CHECK(rng_next(&a) != rng_next(&b), "another seed, another stream");
}

/* The reference generator, started from the state {1, 2, 3, 4}. */
TEST(rng_next__is_xoshiro256_starstar) {
    static const uint64_t want[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    struct rng rng = {{1, 2, 3, 4}};

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK_EQ(rng_next(&rng), want[i], "the published stream");
    }
}

TEST(rng_below__reaches_every_value_evenly) {
    static const uint64_t bounds[] = {1, 2, 3, 7, 10};
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        size_t seen[10] = {0};
        const size_t draws = 1000 * bounds[i];

        for (size_t n = 0; n < draws; n++) {
            const uint64_t value = rng_below(&rng, bounds[i]);

            CHECK(value < bounds[i], "below the bound");
            seen[value]++;
        }
        for (size_t value = 0; value < bounds[i]; value++) {
            CHECK(seen[value] > 800 && seen[value] < 1200, "about a thousand times each");
        }
    }
    CHECK(rng_below(&rng, UINT64_MAX) < UINT64_MAX, "the largest bound");
}

TEST(rng_unit__is_in_the_half_open_interval) {
    struct rng rng;
    double sum = 0;

    rng_init(&rng, 2);
    for (int i = 0; i < 10000; i++) {
        const double unit = rng_unit(&rng);

        CHECK(unit >= 0 && unit < 1, "in [0, 1)");
        sum += unit;
    }
    CHECK(sum > 4800 && sum < 5200, "half on average");
}

TEST(rng_secret__fills_all_bytes) {
    unsigned char bytes[64] = {0};
    unsigned char again[64] = {0};
    size_t zeros = 0;

    rng_secret(bytes, sizeof bytes);
    rng_secret(again, sizeof again);
    CHECK(memcmp(bytes, again, sizeof bytes) != 0, "not twice the same");
    for (size_t i = 0; i < sizeof bytes; i++) {
        zeros += bytes[i] == 0;
    }
    CHECK(zeros < 16, "written to the end");
    CHECK(rng_seed_from_system() != rng_seed_from_system(), "seeds nobody chose");
}
