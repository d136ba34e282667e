#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

#include "tests/test.h"

#define BYTES 100

/* Any bit of the input changes about half of the hash, wherever it is. */
TEST(hash_bytes__is_changed_by_each_bit) {
    unsigned char bytes[BYTES];

    for (size_t count = 1; count <= sizeof bytes; count++) {
        uint64_t plain;

        memset(bytes, 'x', sizeof bytes);
        plain = hash_bytes(0, bytes, count);
        for (size_t bit = 0; bit < 8 * count; bit++) {
            uint64_t other;

            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            other = hash_bytes(0, bytes, count);
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            CHECK(__builtin_popcountll(plain ^ other) > 8, "a bit");
        }
    }
}

TEST(hash_bytes__is_changed_by_length_and_seed) {
    static const unsigned char zeros[BYTES];

    for (size_t count = 0; count + 1 < sizeof zeros; count++) {
        CHECK(hash_bytes(0, zeros, count) != hash_bytes(0, zeros, count + 1), "zeros that differ");
        CHECK(hash_bytes(0, zeros, count) != hash_bytes(1, zeros, count), "a seed");
    }
    CHECK(hash_bytes(hash_bytes(0, "ab", 2), "c", 1) != hash_bytes(hash_bytes(0, "a", 1), "bc", 2),
          "cut elsewhere");
    CHECK_EQ(hash_bytes(7, "same", 4), hash_bytes(7, "same", 4), "equal ones are equal");
}

/* Names that count: the low bits, which a table takes, spread. */
TEST(hash_bytes__spreads_numbered_names) {
    static bool seen[1 << 16];
    size_t used = 0;

    for (unsigned i = 0; i < 1 << 16; i++) {
        char name[] = "job-00000";
        size_t slot;

        for (unsigned n = i, at = 8; at > 3; at--, n /= 10) {
            name[at] = (char)('0' + n % 10);
        }
        slot = hash_bytes(0, name, sizeof name - 1) & (ARRAY_LEN(seen) - 1);
        used += !seen[slot];
        seen[slot] = true;
    }
    CHECK(used > 40000 && used < 43000, "as many as chance would have: 41,427");
}
