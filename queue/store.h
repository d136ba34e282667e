/* queue/store.h - the LMDB environment beneath queue.h: its tables, keys and errors.
 *
 * Private to queue/. store.c opens, closes and reopens the file; commit.c writes, read.c reads and
 * verify.c checks what is in it.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "queue/queue.h"

/* LMDB's own, complete where lmdb.h is included first. */
struct MDB_env;
struct MDB_txn;
struct MDB_val;

enum store_table {
    TABLE_META,
    TABLE_JOBS,        /* id, big-endian */
    TABLE_ATTEMPTS,    /* job id and number, big-endian */
    TABLE_EVENTS,      /* job id and sequence, big-endian */
    TABLE_SPECS,       /* SHA-256 of the text */
    TABLE_USERS,       /* the same key: how many jobs share the spec */
    TABLE_SUBMISSIONS, /* idempotency key */
    TABLE_FACTS,       /* a byte for the kind, the key and its NUL */
    TABLE_COUNT,
};

struct queue {
    char *folder;
    int lock_fd;
    struct MDB_env *env; /* NULL after a failed write, until the file can be opened again */
    unsigned int tables[TABLE_COUNT];
    size_t map_bytes;
    char uid[QUEUE_UID_BYTES];
    uint64_t next_id;
    struct buf scratch; /* the record being encoded */
};

/* An LMDB code as one of ours; store_fail() adds LMDB's words and what we were doing. */
int store_err(int code);
int store_fail(struct error *error, int code, const char *doing);

/* --- Keys: they live in what the caller lends ------------------------------------------------- */

#define STORE_KEY_BYTES 512

struct store_key {
    unsigned char bytes[STORE_KEY_BYTES];
};

struct MDB_val store_id_key(struct store_key *key, uint64_t id);
struct MDB_val store_part_key(struct store_key *key, uint64_t id, uint32_t part);
uint64_t store_key_id(struct MDB_val key);   /* of either */
uint32_t store_key_part(struct MDB_val key); /* of a part */
struct MDB_val store_fact_key(struct store_key *key, enum fact_kind kind, const char *text);
struct MDB_val store_val(const void *bytes, size_t count);

/* --- The file --------------------------------------------------------------------------------- */

/* LMDB's code. */
int store_put_meta(struct queue *queue, struct MDB_txn *txn, const char *name, const char *value);

/* After a failed write LMDB may refuse everything until the file is opened anew; env is NULL if
 * that fails too. */
void store_reopen(struct queue *queue);

/* A transaction that reads. ERR_IO while the file can't be opened. */
int store_begin_read(struct queue *queue, struct MDB_txn **out_txn) MUST_CHECK;

#endif
