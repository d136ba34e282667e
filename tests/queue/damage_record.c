/* damage_record FOLDER TABLE KEY: flips a bit of a record of a queue that nobody has open.
 *
 * KEY: a job's id, or id/number for an attempt or event, or a text. */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int flip(MDB_env *env, const char *folder, const char *table, MDB_val key) {
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val val;
    char *copy;
    int r = mdb_env_set_maxdbs(env, 2);

    r = r != 0 ? r : mdb_env_open(env, folder, 0, 0600);
    r = r != 0 ? r : mdb_txn_begin(env, NULL, 0, &txn);
    if (r != 0) {
        return r;
    }
    r = mdb_dbi_open(txn, table, 0, &dbi);
    r = r != 0 ? r : mdb_get(txn, dbi, &key, &val);
    if (r != 0) {
        mdb_txn_abort(txn);
        return r;
    }
    copy = malloc(val.mv_size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, val.mv_data, val.mv_size);
    copy[val.mv_size - 1] ^= 0x10;
    val.mv_data = copy;
    r = mdb_put(txn, dbi, &key, &val, 0);
    free(copy);
    return r == 0 ? mdb_txn_commit(txn) : r;
}

int main(int argc, char **argv) {
    unsigned char bytes[512];
    MDB_val key = {.mv_data = bytes};
    MDB_env *env;
    int r;

    if (argc != 4 || strlen(argv[3]) > sizeof bytes || mdb_env_create(&env) != 0) {
        return 2;
    }
    key.mv_size = read_key(argv[2], argv[3], bytes);
    r = flip(env, argv[1], argv[2], key);
    mdb_env_close(env);
    if (r != 0) {
        (void)fprintf(stderr, "damage_record: %s\n", mdb_strerror(r));
    }
    return r == 0 ? 0 : 1;
}
