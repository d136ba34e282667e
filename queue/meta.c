/* The queue's own record: a few texts, each there twice and with a checksum. */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/digest.h"
#include "queue/store.h"

#define SEAL_BYTES 9 /* '#' and the checksum */
#define TEXT_BYTES 64

static uint32_t sum(const char *name, const char *text, size_t bytes) {
    uLong crc = crc32_z(0, (const Bytef *)name, strlen(name) + 1);

    return (uint32_t)crc32_z(crc, (const Bytef *)text, bytes);
}

/* Written with each commit: without printf, which is most of it. */
void meta_seal(const char *name, const char *text, char out[META_BYTES]) {
    const size_t bytes = strlen(text);
    const size_t kept = bytes < TEXT_BYTES ? bytes : TEXT_BYTES;
    const uint32_t checksum = sum(name, text, bytes);
    unsigned char raw[4];

    for (size_t i = 0; i < sizeof raw; i++) {
        raw[i] = (unsigned char)(checksum >> (24 - 8 * i));
    }
    memcpy(out, text, kept);
    out[kept] = '#';
    digest_print_hex(raw, sizeof raw, out + kept + 1);
}

bool meta_unseal(const char *name, const void *bytes, size_t count, char out[META_BYTES]) {
    char sealed[META_BYTES];

    if (count < SEAL_BYTES || count >= META_BYTES) {
        return false;
    }
    (void)snprintf(out, META_BYTES, "%.*s", (int)(count - SEAL_BYTES), (const char *)bytes);
    meta_seal(name, out, sealed);
    return strlen(sealed) == count && memcmp(sealed, bytes, count) == 0;
}

/* The second one's name. */
static MDB_val copy_key(const char *name, char room[META_BYTES]) {
    const size_t bytes = strlen(name);

    memcpy(room, name, bytes);
    room[bytes] = '~';
    return store_val(room, bytes + 1);
}

/* Format 1 had no checksums. */
static int look_for_seals(MDB_txn *txn, unsigned table, bool *out_unsealed) {
    static const char first[] = "nightshift-queue-1";
    MDB_val key = store_val("format", strlen("format"));
    MDB_val val;
    int r = mdb_get(txn, table, &key, &val);

    *out_unsealed =
        r == 0 && val.mv_size == strlen(first) && memcmp(val.mv_data, first, val.mv_size) == 0;
    return r == MDB_NOTFOUND ? 0 : r;
}

static int get_one(MDB_txn *txn, unsigned table, const char *name, MDB_val key,
                   char out[META_BYTES]) {
    MDB_val val;
    int r = mdb_get(txn, table, &key, &val);

    if (r != 0) {
        return r;
    }
    return meta_unseal(name, val.mv_data, val.mv_size, out) ? 0 : MDB_CORRUPTED;
}

/* Of the record; else of what keeps us from reading it. */
static bool is_told(int code) {
    return code == 0 || code == MDB_NOTFOUND || code == MDB_CORRUPTED;
}

int meta_get(MDB_txn *txn, unsigned table, const char *name, char out[META_BYTES], bool *out_torn) {
    char room[META_BYTES];
    char copy[META_BYTES] = "";
    MDB_val key = store_val(name, strlen(name));
    MDB_val val;
    bool unsealed;
    int second;
    int first = look_for_seals(txn, table, &unsealed);

    out[0] = '\0';
    *out_torn = false;
    if (first != 0) {
        return first;
    }
    if (unsealed) {
        first = mdb_get(txn, table, &key, &val);
        if (first == 0) {
            (void)snprintf(out, META_BYTES, "%.*s", (int)val.mv_size, (const char *)val.mv_data);
        }
        return first;
    }
    first = get_one(txn, table, name, key, out);
    second = get_one(txn, table, name, copy_key(name, room), copy);
    if (!is_told(first) || !is_told(second)) {
        return is_told(first) ? second : first;
    }
    *out_torn = (first == 0) != (second == 0);
    if (first == 0) {
        return 0;
    }
    memcpy(out, copy, sizeof copy);
    return second == MDB_NOTFOUND ? first : second;
}

int meta_put(MDB_txn *txn, unsigned table, const char *name, const char *text) {
    char sealed[META_BYTES];
    char room[META_BYTES];
    MDB_val key = store_val(name, strlen(name));
    MDB_val val;
    int r;

    meta_seal(name, text, sealed);
    val = store_val(sealed, strlen(sealed));
    r = mdb_put(txn, table, &key, &val, 0);
    if (r == 0) {
        key = copy_key(name, room);
        r = mdb_put(txn, table, &key, &val, 0);
    }
    return r;
}

int store_put_meta(struct queue *queue, const char *name, const char *text) {
    char sealed[META_BYTES];
    char room[META_BYTES];
    int r;

    meta_seal(name, text, sealed);
    r = store_put(queue, TABLE_META, store_val(name, strlen(name)),
                  store_val(sealed, strlen(sealed)));
    return r == 0 ? store_put(queue, TABLE_META, copy_key(name, room),
                              store_val(sealed, strlen(sealed)))
                  : r;
}

static int set_aside(struct queue *queue, const char *name, MDB_val key) {
    char text[META_BYTES];

    return get_one(queue->txn, queue->tables[TABLE_META], name, key, text) == MDB_CORRUPTED
               ? store_quarantine(queue, TABLE_META, key)
               : 0;
}

int meta_mend(struct queue *queue, const char *name, const char *text) {
    char room[META_BYTES];
    int r = set_aside(queue, name, store_val(name, strlen(name)));

    r = r == 0 ? set_aside(queue, name, copy_key(name, room)) : r;
    return r == 0 ? store_put_meta(queue, name, text) : r;
}

bool meta_is_whole(MDB_val key, MDB_val val) {
    char name[META_BYTES];
    char text[META_BYTES];
    size_t bytes = key.mv_size;

    if (bytes > 0 && ((const char *)key.mv_data)[bytes - 1] == '~') {
        bytes--;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)bytes, (const char *)key.mv_data);
    return meta_unseal(name, val.mv_data, val.mv_size, text);
}
