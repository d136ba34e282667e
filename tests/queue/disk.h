/* tests/queue/disk.h - a disk that fails, and remembers what was written to it.
 *
 * Linked into a test, it takes the places of LMDB's functions and of those of the C library that
 * LMDB and queue/ write with: they count, fail when it is their turn, are recorded, and else pass
 * the call on. From a recording come the images that a power loss may leave.
 */
#ifndef TESTS_QUEUE_DISK_H
#define TESTS_QUEUE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng;

enum disk_layer {
    DISK_LMDB,   /* what queue/ calls */
    DISK_SYSTEM, /* what is called to write, and it does nothing */
    DISK_CACHE,  /* what is called to write: the system's memory has it, the disk perhaps */
};

/* The nth call of a layer fails with the code from now on: once, or it and all after it. */
void disk_arm(enum disk_layer layer, int nth, int code, bool for_ever);
void disk_disarm(void);
bool disk_was_hit(void); /* since it was armed */

/* mmap() fails. */
void disk_refuse_maps(bool refuse);

/* --- Recording ------------------------------------------------------------------------------- */

/* Forgets what was recorded before. */
void disk_record(bool on);
size_t disk_op_count(void);

enum disk_loss {
    DISK_ALL,    /* what was not synced has come through nevertheless */
    DISK_NONE,   /* none of it has */
    DISK_CHANCE, /* some sectors of it have */
};

/* Make the folder hold what the power left when it went in the middle of operation `count`: all
 * before it that was synced, and of the rest, and of that operation, what `loss` says. base: the
 * file there was before the recording; NULL: none. */
void disk_make_image(const char *folder, const char *base, size_t count, enum disk_loss loss,
                     struct rng *rng);

#endif
