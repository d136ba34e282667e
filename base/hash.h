/* base/hash.h - a fast hash of bytes, for tables in memory.
 *
 * Eight bytes a step. Its values differ between machines and versions: they are never stored and
 * never decide an order. No defence against who looks for collisions: who must not be slowed down
 * by them bounds his tables.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The first hash's result may seed the next: the hash of several parts, and of where they end. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t count);

#endif
