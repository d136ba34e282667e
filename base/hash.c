#include "base/hash.h"

#include <string.h>

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return value ^ (value >> 32);
}

/* The steps don't wait for each other's multiplication but for one rotation and addition. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t hash = mix(seed ^ count);
    uint64_t word = 0;

    for (; count >= sizeof word; count -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        word *= UINT64_C(0x9fb21c651e98df25);
        word ^= word >> 29;
        hash = (hash << 27 | hash >> 37) * 5 + word;
    }
    word = 0;
    if (count > 0) {
        memcpy(&word, at, count);
    }
    return mix(hash ^ word * UINT64_C(0x9fb21c651e98df25));
}
