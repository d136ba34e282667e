/* queue/store.h - the LMDB environment beneath queue.h: its tables, keys and errors.
 *
 * Private to queue/. store.c opens, closes and reopens the file, format.c makes it, migrates it and
 * owns its own record; commit.c writes, read.c reads and verify.c checks what is in it.
 *
 * One transaction is always open: it holds the commits that the journal alone has made durable,
 * and everything is read through it. When the journal is full the transaction is committed and
 * the journal starts over. After a crash the journal is played again into a new transaction.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "queue/key_set.h"
#include "queue/queue.h"

/* LMDB's own, complete where lmdb.h is included first. */
struct MDB_cursor;
struct MDB_env;
struct MDB_txn;
struct MDB_val;

struct shelf_desk;

enum store_table {
    TABLE_META,
    TABLE_JOBS,        /* id, big-endian */
    TABLE_ATTEMPTS,    /* job id and number, big-endian */
    TABLE_EVENTS,      /* job id and sequence, big-endian */
    TABLE_TERMS,       /* a number; the shelves' tables: see shelf.h */
    TABLE_TERMS_INDEX, /* eight bytes of the content's hash */
    TABLE_TERMS_USERS, /* the number */
    TABLE_SPECS,
    TABLE_SPECS_INDEX,
    TABLE_SPECS_USERS,
    TABLE_DEMANDS,
    TABLE_DEMANDS_INDEX,
    TABLE_DEMANDS_USERS,
    TABLE_SUBMISSIONS, /* idempotency key */
    TABLE_FACTS,       /* a byte for the kind, the key and its NUL */
    TABLE_QUARANTINE,  /* what a damaged record was, as text */
    TABLE_COUNT,
};

#define STORE_OLD_TABLES 2 /* of a format that is being migrated */

/* The commit that the writer is at. */
struct store_pending {
    const struct queue_change *changes;
    size_t count;
    uint64_t next_id; /* the queue's, once it is committed */
    struct error error;
};

struct queue {
    char *folder;
    int lock_fd;
    struct MDB_env *env; /* both NULL after a failed write, until the file can be opened again */
    struct MDB_txn *txn;
    struct error why_closed; /* when they are NULL */
    struct journal *journal;
    uint64_t generation; /* the journal's: drawn anew whenever the transaction is committed */
    unsigned int tables[TABLE_COUNT];
    size_t map_bytes;
    uint32_t migrated_from; /* the format that was found; 0: ours */
    char uid[QUEUE_UID_BYTES];
    uint64_t next_id;
    struct key_set keys;         /* of the submissions */
    struct key_set damaged_keys; /* of those that can't be read: never expired */
    struct writer *writer;       /* NULL: whoever commits waits for the disk */
    bool is_writing;             /* a commit waits for its end */
    bool is_away;                /* the writer has the tables, until it shares them again */
    bool is_torn;                /* the transaction has what could not be made durable */
    bool is_mending;             /* the writer opens the file anew; nobody waits for that */
    struct store_pending pending;
    bool is_past_journal; /* what is being put is committed with the tables, as in a migration */
    struct buf scratch;   /* the record being encoded */
    struct shelf_desk *desks;
    struct store_damage *damage; /* found, not moved yet */
    size_t damage_count;
    char **moved; /* names, for queue_quarantine() to tell */
    size_t moved_count;
};

const char *store_table_name(enum store_table table);

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

/* Names within the folder. */
#define STORE_FILE     "data.mdb"
#define STORE_FILE_NEW "data.mdb.new" /* not a queue yet: what is found is removed */

/* Open the tables, making those that are missing. LMDB's code. */
int store_open_tables(struct queue *queue, struct MDB_txn *txn);

/* ERR_CORRUPT: the file ends before its last page; to read there would end the process. */
int store_check_size(struct MDB_env *env, struct error *error) MUST_CHECK;

/* For a file that may have grown. */
size_t store_map_bytes_wanted(const char *folder);

/* The new folder's name is durable, too. */
int store_make_folder(const char *folder, struct error *error) MUST_CHECK;

/* ERR_BUSY: another process has it. */
int store_lock_folder(const char *folder, int *out_fd, struct error *error) MUST_CHECK;

/* Make names in the folder durable. */
int store_sync_folder(const char *folder, struct error *error) MUST_CHECK;

/* Every write goes through these: the transaction and the journal's pending record. LMDB's code. */
int store_put(struct queue *queue, enum store_table table, struct MDB_val key, struct MDB_val val);
int store_del(struct queue *queue, enum store_table table, struct MDB_val key);
int store_cursor_del(struct queue *queue, enum store_table table, struct MDB_cursor *cursor);

/* Make durable what was put and deleted since the last time; an errno or LMDB's code. After a
 * failure, of these or of the above, the queue must be reopened. */
int store_sync(struct queue *queue);

/* Do it and make it durable, with a larger map or file if need be. LMDB's codes as ours. */
int store_transact(struct queue *queue, int (*work)(struct queue *queue),
                   struct error *error) MUST_CHECK;

/* Do it on the writer's thread, if there is one, and wait: LMDB's lock on writing belongs to the
 * thread that took it, so that with a writer all transactions begin and end there. */
int store_call(struct queue *queue, int (*work)(void *context), void *context);

/* Forget what was not made durable; the file is opened anew, since after a failed write LMDB may
 * refuse everything until then. env and txn are NULL if that fails. On the thread that store_call()
 * takes; store_mend() leaves it to the writer, if there is one, and goes on. */
void store_reopen(struct queue *queue);
void store_mend(struct queue *queue);

/* Keys of submissions to look for from now on: all there are. */
int store_load_keys(struct queue *queue, struct error *error) MUST_CHECK;

/* The transaction to read in. ERR_IO while the file can't be opened, or the disk does not let it
 * be. */
int store_begin_read(struct queue *queue, struct MDB_txn **out_txn) MUST_CHECK;

/* --- quarantine.c ----------------------------------------------------------------------------- */

/* A record can't be read: it is to be moved. */
void store_note_damage(struct queue *queue, enum store_table table, struct MDB_val key);

/* Move it now, with what is being committed. LMDB's code. */
int store_quarantine(struct queue *queue, enum store_table table, struct MDB_val key);

/* The commit that moved them has failed. */
void store_forget_moved(struct queue *queue);
void store_finish_damage(struct queue *queue);

/* --- meta.c: the texts of the queue's own record, twice and with checksums ------------------- */

#define META_BYTES 96

/* LMDB's code; MDB_CORRUPTED: both are damaged. Torn: only one could be read. */
int meta_get(struct MDB_txn *txn, unsigned table, const char *name, char out[META_BYTES],
             bool *out_torn);
int meta_put(struct MDB_txn *txn, unsigned table, const char *name, const char *text);
int store_put_meta(struct queue *queue, const char *name, const char *text); /* as store_put() */

/* Write both again, from the one that could be read; the other goes to the quarantine. */
int meta_mend(struct queue *queue, const char *name, const char *text);

/* As it is stored. */
void meta_seal(const char *name, const char *text, char out[META_BYTES]);
bool meta_unseal(const char *name, const void *bytes, size_t count, char out[META_BYTES]);
bool meta_is_whole(struct MDB_val key, struct MDB_val val);

/* --- format.c: what the record says --------------------------------------------------------- */

/* Make STORE_FILE if it isn't there: all of it or nothing. */
int format_make_file(struct queue *queue, struct error *error) MUST_CHECK;

/* Read uid and generation, and bring an older format to ours, in the open transaction. */
int format_read(struct queue *queue, struct error *error) MUST_CHECK;

/* Written by every commit: read when the journal has been played. */
int format_read_next_id(struct queue *queue, struct error *error) MUST_CHECK;

/* LMDB's code. */
int format_put_next_id(struct queue *queue, uint64_t next_id);
int format_put_generation(struct queue *queue, uint64_t generation);

/* --- migrate_v1.c: format 1 to 2. LMDB's code. ------------------------------------------------ */

int migrate_v1(struct queue *queue, struct MDB_txn *txn);

#endif
