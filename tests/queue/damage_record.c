/* damage_record FOLDER TABLE KEY      flips a bit of a record of a queue that nobody has open
 * damage_record FOLDER TABLE #N HOW   harms the table's N-th record, from 0: HOW is value (a bit of
 *                                     it is flipped), key (likewise) or cut (its last bytes go);
 *                                     status 3: the table has no so many
 *
 * KEY: a job's id, or id/number for an attempt or event, or a text. */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_SUCH_RECORD 3

static size_t put_big_endian(unsigned char *out, unsigned long long value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
    }
    return bytes;
}

/* The key's size. */
static size_t read_key(const char *table, const char *text, unsigned char out[512]) {
    char *end;
    size_t bytes;

    if (strcmp(table, "jobs") != 0 && strcmp(table, "attempts") != 0 &&
        strcmp(table, "events") != 0) {
        bytes = strlen(text);
        memcpy(out, text, bytes);
        return bytes;
    }
    bytes = put_big_endian(out, strtoull(text, &end, 10), 8);
    return *end == '/' ? bytes + put_big_endian(out + 8, strtoull(end + 1, NULL, 10), 4) : bytes;
}

/* The key of the N-th record. LMDB's code. */
static int find_nth(MDB_txn *txn, MDB_dbi dbi, unsigned long nth, MDB_val *key) {
    MDB_cursor *cursor;
    MDB_val found;
    MDB_val val;
    int r = mdb_cursor_open(txn, dbi, &cursor);

    for (unsigned long i = 0; r == 0 && i <= nth; i++) {
        r = mdb_cursor_get(cursor, &found, &val, MDB_NEXT);
    }
    if (r == 0) {
        memcpy(key->mv_data, found.mv_data, found.mv_size);
        key->mv_size = found.mv_size;
        mdb_cursor_close(cursor);
    }
    return r;
}

static int harm(MDB_txn *txn, MDB_dbi dbi, MDB_val key, const char *how) {
    MDB_val val;
    char *copy;
    int r = mdb_get(txn, dbi, &key, &val);

    if (r != 0) {
        return r;
    }
    copy = malloc(val.mv_size + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, val.mv_data, val.mv_size);
    val.mv_data = copy;
    if (strcmp(how, "cut") == 0) {
        val.mv_size -= val.mv_size > 3 ? 3 : val.mv_size;
    } else if (strcmp(how, "key") == 0) {
        r = mdb_del(txn, dbi, &key, NULL);
        ((unsigned char *)key.mv_data)[key.mv_size - 1] ^= 0x10;
    } else {
        copy[val.mv_size - 1] ^= 0x10;
    }
    r = r == 0 ? mdb_put(txn, dbi, &key, &val, 0) : r;
    free(copy);
    return r;
}

static int run(MDB_env *env, char **argv, const char *how) {
    unsigned char bytes[512];
    MDB_val key = {.mv_data = bytes};
    MDB_txn *txn;
    MDB_dbi dbi;
    int r = mdb_env_set_maxdbs(env, 2);

    r = r != 0 ? r : mdb_env_open(env, argv[1], 0, 0600);
    r = r != 0 ? r : mdb_txn_begin(env, NULL, 0, &txn);
    if (r != 0) {
        return r;
    }
    r = mdb_dbi_open(txn, argv[2], 0, &dbi);
    if (r == 0 && argv[3][0] == '#') {
        r = find_nth(txn, dbi, strtoul(argv[3] + 1, NULL, 10), &key);
    } else {
        key.mv_size = read_key(argv[2], argv[3], bytes);
    }
    r = r != 0 ? r : harm(txn, dbi, key, how);
    if (r != 0) {
        mdb_txn_abort(txn);
        return r;
    }
    return mdb_txn_commit(txn);
}

int main(int argc, char **argv) {
    MDB_env *env;
    int r;

    if ((argc != 4 && argc != 5) || strlen(argv[3]) > 511 || mdb_env_create(&env) != 0) {
        return 2;
    }
    r = run(env, argv, argc == 5 ? argv[4] : "value");
    mdb_env_close(env);
    if (r != 0 && r != MDB_NOTFOUND) {
        (void)fprintf(stderr, "damage_record: %s\n", mdb_strerror(r));
    }
    return r == 0 ? 0 : r == MDB_NOTFOUND && argc == 5 ? NO_SUCH_RECORD : 1;
}
