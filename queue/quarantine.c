/* Damaged records leave the tables, and are kept for a person to look at. */
#include <ctype.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/shelf.h"
#include "queue/store.h"

#define NAME_BYTES 500 /* of LMDB's 511 */

/* A record that was found damaged: where it is. */
struct store_damage {
    enum store_table table;
    size_t key_bytes;
    unsigned char key[STORE_KEY_BYTES];
};

void store_note_damage(struct queue *queue, enum store_table table, MDB_val key) {
    struct store_damage *damage;

    ENSURE(key.mv_size <= sizeof damage->key);
    for (size_t i = 0; i < queue->damage_count; i++) {
        damage = &queue->damage[i];
        if (damage->table == table && damage->key_bytes == key.mv_size &&
            memcmp(damage->key, key.mv_data, key.mv_size) == 0) {
            return;
        }
    }
    if (queue->damage_count == LIMIT_QUEUE_DAMAGE_NOTED) {
        return; /* Found again when these have been moved. */
    }
    queue->damage = mem_grow(queue->damage, queue->damage_count + 1, sizeof *queue->damage);
    damage = &queue->damage[queue->damage_count++];
    damage->table = table;
    damage->key_bytes = key.mv_size;
    memcpy(damage->key, key.mv_data, key.mv_size);
}

/* --- Names ----------------------------------------------------------------------------------- */

static bool is_printable(MDB_val key) {
    const unsigned char *bytes = key.mv_data;

    for (size_t i = 0; i < key.mv_size; i++) {
        if (!isgraph(bytes[i])) {
            return false;
        }
    }
    return key.mv_size > 0;
}

static void add_hex(struct buf *out, MDB_val key) {
    const unsigned char *bytes = key.mv_data;

    for (size_t i = 0; i < key.mv_size; i++) {
        buf_add_format(out, "%02x", bytes[i]);
    }
}

/* "jobs/42", "events/42/7", "submissions/monday", "specs/00ff...". */
static void print_name(struct buf *out, enum store_table table, MDB_val key) {
    unsigned long long id = store_key_id(key);

    buf_add_format(out, "%s/", store_table_name(table));
    if (table == TABLE_JOBS && key.mv_size == 8) {
        buf_add_format(out, "%llu", id);
    } else if ((table == TABLE_ATTEMPTS || table == TABLE_EVENTS) && key.mv_size == 12) {
        buf_add_format(out, "%llu/%u", id, store_key_part(key));
    } else if (table == TABLE_FACTS && key.mv_size > 2) {
        buf_add_format(out, "%u/%.*s", *(const unsigned char *)key.mv_data, (int)key.mv_size - 2,
                       (const char *)key.mv_data + 1);
    } else if ((table == TABLE_SUBMISSIONS || table == TABLE_META) && is_printable(key)) {
        buf_add(out, key.mv_data, key.mv_size);
    } else {
        add_hex(out, key);
    }
    if (out->bytes > NAME_BYTES) {
        out->bytes = NAME_BYTES;
    }
}

/* --- Moving ---------------------------------------------------------------------------------- */

/* In quarantine: the reason and its NUL, then the record as it was found. */
static int put_in_quarantine(struct queue *queue, const struct buf *name, const char *reason,
                             MDB_val val) {
    struct buf record;
    int r;

    buf_init(&record, val.mv_size + 1024);
    buf_add(&record, reason, strlen(reason) + 1);
    buf_add(&record, val.mv_data, val.mv_size);
    r = store_put(queue, TABLE_QUARANTINE, store_val(name->data, name->bytes),
                  store_val(record.data, record.bytes));
    buf_finish(&record);
    return r;
}

static void remember_moved(struct queue *queue, const struct buf *name) {
    queue->moved = mem_grow(queue->moved, queue->moved_count + 1, sizeof *queue->moved);
    queue->moved[queue->moved_count++] = mem_format("%.*s", (int)name->bytes, name->data);
}

int store_quarantine(struct queue *queue, enum store_table table, MDB_val key) {
    unsigned char copy[STORE_KEY_BYTES];
    struct buf name;
    MDB_val val;
    int r = mdb_get(queue->txn, queue->tables[table], &key, &val);

    if (r != 0) {
        return r == MDB_NOTFOUND ? 0 : r;
    }
    memcpy(copy, key.mv_data, key.mv_size); /* It may point into the page that changes. */
    key.mv_data = copy;
    buf_init(&name, 4096);
    print_name(&name, table, key);
    r = put_in_quarantine(queue, &name, "its checksum or its form is wrong", val);
    if (r == 0) {
        r = store_del(queue, table, key);
    }
    if (r == 0) {
        remember_moved(queue, &name);
    }
    buf_finish(&name);
    return r;
}

void store_forget_moved(struct queue *queue) {
    for (size_t i = 0; i < queue->moved_count; i++) {
        free(queue->moved[i]);
    }
    queue->moved_count = 0;
}

bool queue_has_damage(const struct queue *queue) {
    return queue->damage_count + queue->moved_count > 0;
}

static int move_noted(struct queue *queue) {
    int r = 0;

    shelf_desks_forget(queue->desks); /* What they know may be among it. */
    for (size_t i = 0; i < queue->damage_count && r == 0; i++) {
        const struct store_damage *damage = &queue->damage[i];

        r = store_quarantine(queue, damage->table, store_val(damage->key, damage->key_bytes));
    }
    return r;
}

int queue_quarantine(struct queue *queue, void (*visit)(void *context, const char *name),
                     void *context, struct error *error) {
    int r = queue->damage_count > 0 ? store_transact(queue, move_noted, error) : OK;

    if (r < 0) {
        return r;
    }
    queue->damage_count = 0;
    for (size_t i = 0; i < queue->moved_count; i++) {
        visit(context, queue->moved[i]);
    }
    store_forget_moved(queue);
    return OK;
}

void store_finish_damage(struct queue *queue) {
    store_forget_moved(queue);
    free(queue->moved);
    free(queue->damage);
}

/* --- Looking --------------------------------------------------------------------------------- */

static int visit_one(MDB_val key, MDB_val val,
                     int (*visit)(void *context, const struct queue_damage *damage),
                     void *context) {
    const char *reason = val.mv_data;
    const char *end = memchr(reason, '\0', val.mv_size);
    char *name = mem_format("%.*s", (int)key.mv_size, (const char *)key.mv_data);
    struct queue_damage damage = {.name = name, .reason = ""};
    int r;

    if (end != NULL) {
        damage.reason = reason;
        damage.bytes = end + 1;
        damage.count = val.mv_size - (size_t)(end + 1 - reason);
    }
    r = visit(context, &damage);
    free(name);
    return r;
}

int queue_each_quarantined(struct queue *queue,
                           int (*visit)(void *context, const struct queue_damage *damage),
                           void *context) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val val;
    int r = store_begin_read(queue, &txn);

    if (r < 0) {
        return r;
    }
    r = store_err(mdb_cursor_open(txn, queue->tables[TABLE_QUARANTINE], &cursor));
    while (r == OK && (r = store_err(mdb_cursor_get(cursor, &key, &val, MDB_NEXT))) == OK) {
        r = visit_one(key, val, visit, context);
    }
    mdb_cursor_close(cursor);
    return r == ERR_NOT_FOUND ? OK : r;
}

bool queue_is_quarantined(struct queue *queue, const char *name) {
    MDB_txn *txn = NULL;
    MDB_val key = store_val(name, strlen(name));
    MDB_val val;

    return store_begin_read(queue, &txn) == OK &&
           mdb_get(txn, queue->tables[TABLE_QUARANTINE], &key, &val) == 0;
}

static int drop_all(struct queue *queue) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val val;
    int r = mdb_cursor_open(queue->txn, queue->tables[TABLE_QUARANTINE], &cursor);

    if (r != 0) {
        return r;
    }
    while ((r = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0) {
        r = store_cursor_del(queue, TABLE_QUARANTINE, cursor);
        if (r != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    return r == MDB_NOTFOUND ? 0 : r;
}

static int drop_one(struct queue *queue) {
    return store_del(queue, TABLE_QUARANTINE, store_val(queue->scratch.data, queue->scratch.bytes));
}

int queue_drop_quarantined(struct queue *queue, const char *name, struct error *error) {
    if (name == NULL) {
        return store_transact(queue, drop_all, error);
    }
    if (!queue_is_quarantined(queue, name)) {
        return error_set(error, ERR_NOT_FOUND, "there is no %s in quarantine", name);
    }
    buf_clear(&queue->scratch);
    buf_add(&queue->scratch, name, strlen(name));
    return store_transact(queue, drop_one, error);
}
