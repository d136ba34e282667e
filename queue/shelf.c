#include "queue/shelf.h"

#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"

/* --- The three tables ------------------------------------------------------------------------ */

static const enum store_table content_tables[SHELF_COUNT] = {
    [SHELF_TERMS] = TABLE_TERMS,
    [SHELF_SPECS] = TABLE_SPECS,
    [SHELF_DEMANDS] = TABLE_DEMANDS,
};

static enum store_table content_table(enum shelf shelf) {
    return content_tables[shelf];
}

static enum store_table index_table(enum shelf shelf) {
    return (enum store_table)(content_tables[shelf] + 1);
}

static enum store_table users_table(enum shelf shelf) {
    return (enum store_table)(content_tables[shelf] + 2);
}

/* FNV-1a. Source: Fowler, Noll, Vo. */
static uint64_t short_hash(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t first_part(const unsigned char sha256[SPEC_HASH_BYTES]) {
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof value; i++) {
        value = value << 8 | sha256[i];
    }
    return value;
}

static uint64_t hash_of(enum shelf shelf, const struct shelf_content *content) {
    unsigned char sha256[SPEC_HASH_BYTES];

    if (shelf != SHELF_SPECS) {
        return short_hash(content->bytes, content->count);
    }
    if (content->sha256 != NULL) {
        return first_part(content->sha256);
    }
    digest_sha256(content->bytes, content->count, sha256);
    return first_part(sha256);
}

static uint64_t hash_of_read(enum shelf shelf, const struct buf *content) {
    return hash_of(shelf, &(struct shelf_content){.bytes = content->data, .count = content->bytes});
}

/* --- Reading --------------------------------------------------------------------------------- */

int shelf_look(struct queue *queue, enum shelf shelf, uint64_t number, const void **out_bytes,
               size_t *out_count) {
    struct store_key room;
    MDB_val key = store_id_key(&room, number);
    MDB_val val;
    int r = mdb_get(queue->txn, queue->tables[content_table(shelf)], &key, &val);

    if (r != 0) {
        return r;
    }
    return record_decode_content(shelf, number, val.mv_data, val.mv_size, out_bytes, out_count) ==
                   OK
               ? 0
               : MDB_CORRUPTED;
}

int shelf_read(struct queue *queue, enum shelf shelf, uint64_t number, struct buf *out) {
    const void *bytes;
    size_t count;
    int r = shelf_look(queue, shelf, number, &bytes, &count);

    if (r == 0) {
        buf_add(out, bytes, count);
    }
    return r == 0 && out->full ? MDB_CORRUPTED : r;
}

/* A number has as few bytes as it needs. */
static int find_number(struct queue *queue, enum shelf shelf, uint64_t hash, uint64_t *out_number) {
    struct store_key room;
    MDB_val key = store_id_key(&room, hash);
    MDB_val val;
    int r = mdb_get(queue->txn, queue->tables[index_table(shelf)], &key, &val);

    if (r == 0) {
        *out_number = store_key_id(val);
    }
    return r;
}

static int put_number(struct queue *queue, enum shelf shelf, uint64_t hash, uint64_t number) {
    struct store_key key_room;
    struct store_key val_room;
    MDB_val key = store_id_key(&key_room, hash);
    MDB_val val = store_id_key(&val_room, number);

    while (val.mv_size > 1 && *(const unsigned char *)val.mv_data == 0) {
        val.mv_data = (unsigned char *)val.mv_data + 1;
        val.mv_size--;
    }
    return store_put(queue, index_table(shelf), key, val);
}

static uint64_t number_of(const struct stored_job *job, enum shelf shelf) {
    return shelf == SHELF_TERMS ? job->terms : shelf == SHELF_SPECS ? job->spec : job->demand;
}

/* Of all jobs, those whose records refer to it: slow, and only after damage. */
static int recount_users(struct queue *queue, enum shelf shelf, uint64_t number,
                         uint64_t *out_users) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    uint64_t users = 0;
    int r = mdb_cursor_open(queue->txn, queue->tables[TABLE_JOBS], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        struct stored_job job;

        users += record_decode_job(store_key_id(key), val.mv_data, val.mv_size, &job) == OK &&
                 number_of(&job, shelf) == number;
    }
    mdb_cursor_close(cursor);
    *out_users = users;
    return r == MDB_NOTFOUND ? 0 : r;
}

/* One that has no count has one user. MDB_CORRUPTED: the count is damaged. */
static int read_users(struct queue *queue, enum shelf shelf, uint64_t number, uint64_t *out_users) {
    struct store_key room;
    MDB_val key = store_id_key(&room, number);
    MDB_val val;
    int r = mdb_get(queue->txn, queue->tables[users_table(shelf)], &key, &val);

    if (r == MDB_NOTFOUND) {
        *out_users = 1;
        return 0;
    }
    if (r == 0 && record_decode_users(shelf, number, val.mv_data, val.mv_size, out_users) != OK) {
        return MDB_CORRUPTED;
    }
    return r;
}

/* --- A desk ---------------------------------------------------------------------------------- */

void shelf_desk_init(struct shelf_desk *desk, struct queue *queue, enum shelf shelf) {
    *desk = (struct shelf_desk){.shelf = shelf, .queue = queue};
    buf_init(&desk->content, LIMIT_SPEC_BYTES);
}

void shelf_desk_finish(struct shelf_desk *desk) {
    buf_finish(&desk->content);
}

static void forget(struct shelf_desk *desk) {
    desk->number = 0;
    desk->users = 0;
    desk->more = 0;
    buf_clear(&desk->content);
}

struct shelf_desk *shelf_desks_create(struct queue *queue) {
    struct shelf_desk *desks = mem_alloc(SHELF_COUNT, sizeof *desks);

    for (size_t i = 0; i < SHELF_COUNT; i++) {
        shelf_desk_init(&desks[i], queue, (enum shelf)i);
    }
    return desks;
}

void shelf_desks_destroy(struct shelf_desk *desks) {
    for (size_t i = 0; i < SHELF_COUNT && desks != NULL; i++) {
        shelf_desk_finish(&desks[i]);
    }
    free(desks);
}

void shelf_desks_forget(struct shelf_desk *desks) {
    for (size_t i = 0; i < SHELF_COUNT && desks != NULL; i++) {
        forget(&desks[i]);
    }
}

static int put_users(struct shelf_desk *desk, uint64_t number, uint64_t users) {
    struct buf *scratch = &desk->queue->scratch;
    struct store_key room;
    MDB_val key = store_id_key(&room, number);

    if (users < 2) {
        int r = store_del(desk->queue, users_table(desk->shelf), key);

        return r == MDB_NOTFOUND ? 0 : r;
    }
    buf_clear(scratch);
    record_encode_users(scratch, desk->shelf, number, users);
    return store_put(desk->queue, users_table(desk->shelf), key,
                     store_val(scratch->data, scratch->bytes));
}

/* Instead of a damaged count: those that the records of jobs tell of, the latest takers too. */
static int count_anew(struct shelf_desk *desk, uint64_t number, uint64_t *out_users) {
    struct store_key room;
    int r = store_quarantine(desk->queue, users_table(desk->shelf), store_id_key(&room, number));

    if (r == 0) {
        r = recount_users(desk->queue, desk->shelf, number, out_users);
    }
    return r == 0 ? put_users(desk, number, *out_users) : r;
}

/* The count as it is to be. */
static int count_users(struct shelf_desk *desk, uint64_t *out_users) {
    uint64_t users = desk->users;
    int r = users > 0 ? 0 : read_users(desk->queue, desk->shelf, desk->number, &users);

    if (r == MDB_CORRUPTED) {
        return count_anew(desk, desk->number, out_users);
    }
    if (r == 0) {
        *out_users = users + desk->more;
        r = put_users(desk, desk->number, *out_users);
    }
    return r;
}

int shelf_flush(struct shelf_desk *desk) {
    uint64_t users = 0;
    int r;

    if (desk->more == 0) {
        return 0;
    }
    r = count_users(desk, &users);
    desk->users = r == 0 ? users : 0;
    desk->more = 0;
    return r;
}

/* Numbers go up from the last one there is. */
static int next_number(const struct shelf_desk *desk, uint64_t *out_number) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    int r =
        mdb_cursor_open(desk->queue->txn, desk->queue->tables[content_table(desk->shelf)], &cursor);

    if (r != 0) {
        return r;
    }
    r = mdb_cursor_get(cursor, &key, &val, MDB_LAST);
    mdb_cursor_close(cursor);
    if (r == 0) {
        *out_number = store_key_id(key) + 1;
    } else if (r == MDB_NOTFOUND) {
        *out_number = 1;
        r = 0;
    }
    return r;
}

static bool is_on_desk(const struct shelf_desk *desk, const struct shelf_content *content) {
    return desk->number != 0 && desk->content.bytes == content->count &&
           memcmp(desk->content.data, content->bytes, content->count) == 0;
}

static void lay_on_desk(struct shelf_desk *desk, const struct shelf_content *content) {
    forget(desk);
    buf_add(&desk->content, content->bytes, content->count);
}

/* Put the content under its number. */
static int put_content(struct shelf_desk *desk, uint64_t number,
                       const struct shelf_content *content) {
    struct buf *scratch = &desk->queue->scratch;
    struct store_key room;

    buf_clear(scratch);
    record_encode_content(scratch, desk->shelf, number, content->bytes, content->count);
    return store_put(desk->queue, content_table(desk->shelf), store_id_key(&room, number),
                     store_val(scratch->data, scratch->bytes));
}

static int add_content(struct shelf_desk *desk, const struct shelf_content *content,
                       bool is_indexed) {
    uint64_t number = 0;
    int r = next_number(desk, &number);

    lay_on_desk(desk, content);
    if (r == 0) {
        r = put_content(desk, number, content);
    }
    if (r == 0 && is_indexed) {
        r = put_number(desk->queue, desk->shelf, hash_of(desk->shelf, content), number);
    }
    if (r == 0) {
        desk->number = number;
        desk->users = 1;
    }
    return r;
}

int shelf_restore(struct shelf_desk *desk, uint64_t number, const struct shelf_content *content) {
    struct store_key room;
    int r = shelf_flush(desk);

    if (r == 0) {
        r = store_quarantine(desk->queue, content_table(desk->shelf), store_id_key(&room, number));
    }
    if (r == 0) {
        r = put_content(desk, number, content);
    }
    if (r == 0) {
        r = put_number(desk->queue, desk->shelf, hash_of(desk->shelf, content), number);
    }
    return r;
}

/* The hash is known and the content is lost: whoever has the number gets it back. */
static int take_restored(struct shelf_desk *desk, const struct shelf_content *content,
                         uint64_t number) {
    uint64_t users = 0;
    int r = shelf_restore(desk, number, content);

    if (r == 0) {
        r = recount_users(desk->queue, desk->shelf, number, &users);
    }
    if (r == 0) {
        r = put_users(desk, number, users);
    }
    lay_on_desk(desk, content);
    desk->number = number;
    desk->more = users > 0 ? 1 : 0;
    return r;
}

/* One more user of what has this hash, if it is the content. */
static int take_found(struct shelf_desk *desk, const struct shelf_content *content,
                      uint64_t number) {
    int r;

    forget(desk);
    r = shelf_read(desk->queue, desk->shelf, number, &desk->content);
    if (r == MDB_NOTFOUND || r == MDB_CORRUPTED) {
        return take_restored(desk, content, number);
    }
    if (r != 0) {
        return r;
    }
    desk->number = number;
    if (!is_on_desk(desk, content)) {
        return add_content(desk, content, false);
    }
    desk->more++;
    return 0;
}

int shelf_take(struct shelf_desk *desk, const struct shelf_content *content, uint64_t *out_number) {
    uint64_t number = 0;
    int r = 0;

    if (is_on_desk(desk, content)) {
        desk->more++;
    } else {
        r = shelf_flush(desk);
        if (r == 0) {
            r = find_number(desk->queue, desk->shelf, hash_of(desk->shelf, content), &number);
        }
        if (r == 0) {
            r = take_found(desk, content, number);
        } else if (r == MDB_NOTFOUND) {
            r = add_content(desk, content, true);
        }
    }
    if (r == 0) {
        *out_number = desk->number;
    }
    return r;
}

uint64_t shelf_take_again(struct shelf_desk *desk) {
    ENSURE(desk->number != 0);
    desk->more++;
    return desk->number;
}

static int remove_content(struct shelf_desk *desk, uint64_t number) {
    struct store_key room;
    uint64_t indexed = 0;
    uint64_t hash;
    int r;

    forget(desk);
    r = shelf_read(desk->queue, desk->shelf, number, &desk->content);
    if (r == MDB_CORRUPTED) {
        return store_quarantine(desk->queue, content_table(desk->shelf),
                                store_id_key(&room, number));
    }
    if (r != 0) {
        return r == MDB_NOTFOUND ? 0 : r;
    }
    hash = hash_of_read(desk->shelf, &desk->content);
    r = find_number(desk->queue, desk->shelf, hash, &indexed);
    if (r == 0 && indexed == number) {
        r = store_del(desk->queue, index_table(desk->shelf), store_id_key(&room, hash));
    }
    if (r != 0 && r != MDB_NOTFOUND) {
        return r;
    }
    return store_del(desk->queue, content_table(desk->shelf), store_id_key(&room, number));
}

int shelf_drop(struct shelf_desk *desk, uint64_t number) {
    uint64_t users = 0;
    int r = shelf_flush(desk);

    desk->users = 0;
    if (r == 0) {
        r = read_users(desk->queue, desk->shelf, number, &users);
    }
    if (r == MDB_CORRUPTED) {
        r = count_anew(desk, number, &users);
    }
    if (r != 0) {
        return r;
    }
    return users > 1 ? put_users(desk, number, users - 1) : remove_content(desk, number);
}

/* --- Verifying ------------------------------------------------------------------------------- */

static const char *const shelf_words[SHELF_COUNT] = {
    [SHELF_TERMS] = "terms",
    [SHELF_SPECS] = "spec",
    [SHELF_DEMANDS] = "demand",
};

#define PROBLEM_BYTES 160

static void tell(const struct shelf_check *check, uint64_t number, const char *what) {
    char text[PROBLEM_BYTES];

    (void)snprintf(text, sizeof text, "%s %" PRIu64 ": %s", shelf_words[check->shelf], number,
                   what);
    check->problem(check->context, text);
}

static void check_users(struct queue *queue, const struct shelf_check *check, uint64_t number) {
    uint64_t want = check->users_of(check->users, number);
    uint64_t users = 0;
    char text[PROBLEM_BYTES];

    if (read_users(queue, check->shelf, number, &users) != 0) {
        tell(check, number, "its count of jobs is damaged");
    } else if (users != want) {
        (void)snprintf(text, sizeof text, "is counted for %" PRIu64 " jobs, %" PRIu64 " have it",
                       users, want);
        tell(check, number, text);
    }
}

static int check_content(struct queue *queue, const struct shelf_check *check, uint64_t number) {
    uint64_t indexed = 0;
    struct buf content;
    int r;

    buf_init(&content, LIMIT_SPEC_BYTES);
    r = shelf_read(queue, check->shelf, number, &content);
    if (r != 0) {
        tell(check, number, "its record is damaged");
    } else if (find_number(queue, check->shelf, hash_of_read(check->shelf, &content), &indexed) !=
               0) {
        tell(check, number, "is not found by its hash");
    }
    buf_finish(&content);
    check_users(queue, check, number);
    return 0;
}

static int check_users_record(struct queue *queue, const struct shelf_check *check,
                              uint64_t number) {
    const void *bytes;
    size_t count;

    if (shelf_look(queue, check->shelf, number, &bytes, &count) == MDB_NOTFOUND) {
        tell(check, number, "is counted, and not there");
    }
    return 0;
}

/* Under a hash is the number of a content that has it. */
static int check_index_record(struct queue *queue, const struct shelf_check *check, uint64_t hash) {
    uint64_t number = 0;
    struct buf content;
    int r = find_number(queue, check->shelf, hash, &number);

    if (r != 0) {
        return r;
    }
    buf_init(&content, LIMIT_SPEC_BYTES);
    r = shelf_read(queue, check->shelf, number, &content);
    if (r == MDB_NOTFOUND || (r == 0 && hash_of_read(check->shelf, &content) != hash)) {
        tell(check, number, "is found by a hash that is not its own");
    }
    buf_finish(&content);
    return 0;
}

static int each_number(struct queue *queue, const struct shelf_check *check, enum store_table table,
                       int (*visit)(struct queue *queue, const struct shelf_check *check,
                                    uint64_t number)) {
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(queue->txn, queue->tables[table], &cursor);

    while (r == 0 && (r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        r = visit(queue, check, store_key_id(key));
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

int shelf_verify(struct queue *queue, const struct shelf_check *check) {
    int r = each_number(queue, check, content_table(check->shelf), check_content);

    if (r == 0) {
        r = each_number(queue, check, users_table(check->shelf), check_users_record);
    }
    if (r == 0) {
        r = each_number(queue, check, index_table(check->shelf), check_index_record);
    }
    return store_err(r);
}
