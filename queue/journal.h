/* queue/journal.h - commits made durable by one write to one file, until the store has them.
 *
 * The file's blocks are written before they are needed: a record changes no size and no extent,
 * so that a sync is one write and not the three of a tree's pages, its root and the file system's
 * own journal. It goes past the system's cache where the file system lets it. A commit's puts and
 * deletes, as the store would apply them, become one record at the start of a block that nothing
 * acknowledged shares.
 *
 * All records belong to one generation of the store: what is not of the current one is forgotten.
 * Knows no LMDB and no record of ours. Never logs.
 */
#ifndef QUEUE_JOURNAL_H
#define QUEUE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct journal;

struct journal_op {
    uint8_t table;
    bool is_delete;
    const void *key;
    size_t key_bytes;
    const void *value;
    size_t value_bytes;
};

#define JOURNAL_BLOCK_BYTES 4096

/* Open the file, or make one of bytes_first; journal_restart() doubles it up to bytes_last. Both
 * are multiples of JOURNAL_BLOCK_BYTES. ERR_IO. */
int journal_open(const char *path, size_t bytes_first, size_t bytes_last, struct error *error,
                 struct journal **out_journal) MUST_CHECK;
void journal_close(struct journal *journal); /* Accepts NULL. */

/* Call back for each op of each record of that generation, in order, and stand behind the last
 * one: the next write follows it. Of records that were written since the file was opened, only
 * those whose write succeeded. The callback's result that is not 0 ends it and is returned.
 * ERR_IO. Ops that are pending are dropped. */
int journal_replay(struct journal *journal, uint64_t generation,
                   int (*visit)(void *context, const struct journal_op *op),
                   void *context) MUST_CHECK;

/* The same for somebody else's file, which may be being written: nothing is changed, and a file
 * that is not there has no records. */
int journal_peek(const char *path, uint64_t generation,
                 int (*visit)(void *context, const struct journal_op *op),
                 void *context) MUST_CHECK;

/* A new generation: the store has everything, the file is empty. A file that was filled grows, if
 * the disk has room. */
void journal_restart(struct journal *journal, uint64_t generation);

/* Add to the pending record; the bytes are copied. */
void journal_add(struct journal *journal, const struct journal_op *op);
void journal_drop(struct journal *journal); /* Forget the pending record. */

/* Has it records of this generation? */
bool journal_is_empty(const struct journal *journal);

/* How many of them the replay found damaged, with later ones behind them that it played. */
uint64_t journal_lost(const struct journal *journal);

/* Does the pending record fit behind the others? */
bool journal_fits(const struct journal *journal);

/* Write the pending record and sync; it must fit. 0, or the errno: the record is then not of
 * this journal, though its bytes may be found in the file after the process's end. */
int journal_write(struct journal *journal) MUST_CHECK;

#endif
