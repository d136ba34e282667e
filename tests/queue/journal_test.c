#include "queue/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "tests/test.h"

#define FILE_BYTES (4 * JOURNAL_BLOCK_BYTES)

/* What an interposed function has to know. */
static struct {
    bool refuses_direct; /* as some file systems do, though they open the file */
    size_t direct_writes;
} disk;

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    bool is_direct = (fcntl(fd, F_GETFL) & O_DIRECT) != 0;

    if (is_direct && disk.refuses_direct) {
        errno = EINVAL;
        return -1;
    }
    disk.direct_writes += is_direct;
    return pwritev(fd, &part, 1, at);
}

static char *path_of(const char *name) {
    return mem_format("%s/%s", test_folder(), name);
}

static struct journal *must_open(const char *path) {
    struct journal *journal = NULL;
    struct error error = {0};
    int r = journal_open(path, FILE_BYTES, 2 * FILE_BYTES, &error, &journal);

    CHECK(r == OK, error.text);
    return journal;
}

static int list_op(void *context, const struct journal_op *op) {
    buf_add_format(context, "%s%d:%.*s=%.*s ", op->is_delete ? "-" : "+", op->table,
                   (int)op->key_bytes, (const char *)op->key, (int)op->value_bytes,
                   (const char *)op->value);
    return 0;
}

static void check_replay(struct journal *journal, uint64_t generation, const char *want,
                         const char *what) {
    struct buf got;

    buf_init(&got, 65536);
    CHECK_EQ(journal_replay(journal, generation, list_op, &got), OK, what);
    CHECK_STR(buf_text(&got), want, what);
    buf_finish(&got);
}

static void add(struct journal *journal, const char *key, const char *value) {
    journal_add(journal, &(struct journal_op){.table = 1,
                                              .is_delete = value == NULL,
                                              .key = key,
                                              .key_bytes = strlen(key),
                                              .value = value,
                                              .value_bytes = value != NULL ? strlen(value) : 0});
}

static void write_one(struct journal *journal, const char *key, const char *value) {
    add(journal, key, value);
    CHECK(journal_fits(journal), key);
    CHECK_EQ(journal_write(journal), 0, key);
}

TEST(journal__plays_its_own_generation_in_order) {
    char *path = path_of("order");
    struct journal *journal = must_open(path);

    check_replay(journal, 7, "", "a new file");
    CHECK(journal_is_empty(journal), "a new file");
    add(journal, "a", "1");
    write_one(journal, "b", "2");
    write_one(journal, "a", NULL);
    CHECK(!journal_is_empty(journal), "two records");
    add(journal, "never", "written");
    journal_drop(journal);
    check_replay(journal, 7, "+1:a=1 +1:b=2 -1:a= ", "the same process");
    journal_close(journal);
    journal = must_open(path);
    check_replay(journal, 7, "+1:a=1 +1:b=2 -1:a= ", "another one");
    write_one(journal, "c", "3");
    check_replay(journal, 7, "+1:a=1 +1:b=2 -1:a= +1:c=3 ", "it goes on behind the last");
    check_replay(journal, 8, "", "another generation has nothing");
    journal_restart(journal, 8);
    write_one(journal, "d", "4");
    check_replay(journal, 8, "+1:d=4 ", "a new generation begins in front");
    journal_close(journal);
    journal = must_open(path);
    check_replay(journal, 8, "+1:d=4 ", "what is left of the old one does not count");
    journal_close(journal);
    free(path);
}

TEST(journal__says_when_it_is_full) {
    char *path = path_of("full");
    struct journal *journal = must_open(path);
    char *large = mem_alloc(2 * FILE_BYTES + 1, 1);

    check_replay(journal, 1, "", "new");
    for (size_t i = 0; i < FILE_BYTES / JOURNAL_BLOCK_BYTES; i++) {
        write_one(journal, "k", "v");
    }
    add(journal, "k", "v");
    CHECK(!journal_fits(journal), "no block is left");
    journal_restart(journal, 2);
    CHECK(journal_fits(journal), "a new generation has room");
    CHECK_EQ(journal_write(journal), 0, "and takes what waited");
    for (size_t i = 1; i < 2 * FILE_BYTES / JOURNAL_BLOCK_BYTES; i++) {
        write_one(journal, "k", "v");
    }
    add(journal, "k", "v");
    CHECK(!journal_fits(journal), "it has doubled");
    journal_restart(journal, 3);
    journal_drop(journal);
    memset(large, 'x', 2 * FILE_BYTES);
    add(journal, "k", large);
    CHECK(!journal_fits(journal), "larger than all");
    journal_drop(journal);
    large[6 * JOURNAL_BLOCK_BYTES] = '\0';
    write_one(journal, "k", large);
    write_one(journal, "l", "v");
    add(journal, "m", "v");
    CHECK(!journal_fits(journal), "seven blocks and one, of eight: it has not grown again");
    journal_close(journal);
    free(large);
    free(path);
}

/* A journal written past the system's cache and one written through it are the same file. */
TEST(journal__does_without_direct_writes) {
    static const char want[] = "+1:a=1 +1:b=2 +1:c=3 +1:d=4 ";
    char *path = path_of("direct");
    struct journal *journal = must_open(path);

    check_replay(journal, 7, "", "a new file");
    write_one(journal, "a", "1");
    write_one(journal, "b", "2");
    check_replay(journal, 7, "+1:a=1 +1:b=2 ", "read through the cache");
    disk.refuses_direct = true;
    write_one(journal, "c", "3");
    disk.refuses_direct = false;
    disk.direct_writes = 0;
    write_one(journal, "d", "4");
    CHECK_EQ(disk.direct_writes, 0, "it is not tried again");
    check_replay(journal, 7, want, "the same process");
    journal_close(journal);
    journal = must_open(path);
    check_replay(journal, 7, want, "another one");
    journal_close(journal);
    free(path);
}

/* Any byte of the last record that is not as it was written: the record is not there, and those
 * before it are. */
TEST(journal__ends_at_the_first_damage) {
    static const size_t places[] = {0, 7, 8, 16, 24, 27, 32, 40, 41, 42, 44, 48, 49, 52};
    char *path = path_of("damage");
    struct journal *journal = must_open(path);

    check_replay(journal, 7, "", "new");
    write_one(journal, "a", "1");
    write_one(journal, "bc", "23");
    journal_close(journal);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char what[64];
        int fd = open(path, O_RDWR);
        off_t at = (off_t)(JOURNAL_BLOCK_BYTES + places[i]);
        char byte;

        (void)snprintf(what, sizeof what, "byte %zu", places[i]);
        CHECK_EQ(pread(fd, &byte, 1, at), 1, what);
        byte ^= 0x40;
        CHECK_EQ(pwrite(fd, &byte, 1, at), 1, what);
        journal = must_open(path);
        places[i] < 52 ? check_replay(journal, 7, "+1:a=1 ", what)
                       : check_replay(journal, 7, "+1:a=1 +1:bc=23 ", "the padding");
        journal_close(journal);
        byte ^= 0x40;
        CHECK_EQ(pwrite(fd, &byte, 1, at), 1, what);
        CHECK_EQ(close(fd), 0, what);
    }
    free(path);
}

/* Damage with a record behind it is no end: what is whole is played, and the rest is counted. */
TEST(journal__plays_what_is_whole_behind_damage) {
    char *path = path_of("hole");
    struct journal *journal = must_open(path);
    int fd = open(path, O_RDWR);

    check_replay(journal, 7, "", "new");
    write_one(journal, "a", "1");
    write_one(journal, "b", "2");
    write_one(journal, "c", "3");
    journal_close(journal);
    CHECK_EQ(pwrite(fd, "x", 1, 3), 1, "the first record's head");
    CHECK_EQ(pwrite(fd, "x", 1, JOURNAL_BLOCK_BYTES + 49), 1, "the second one's value");
    journal = must_open(path);
    check_replay(journal, 7, "+1:c=3 ", "the last");
    CHECK_EQ(journal_lost(journal), 2, "two are lost");
    write_one(journal, "d", "4");
    journal_close(journal);
    journal = must_open(path);
    check_replay(journal, 7, "+1:c=3 +1:d=4 ", "it goes on behind the last");
    journal_restart(journal, 8);
    CHECK_EQ(journal_lost(journal), 0, "a new generation has lost nothing");
    CHECK_EQ(close(fd), 0, "close");
    journal_close(journal);
    free(path);
}

/* What this process was told is durable must be found: less of it is no end, but damage. */
TEST(journal__misses_what_it_wrote_itself) {
    char *path = path_of("missing");
    struct journal *journal = must_open(path);
    struct buf got;
    int fd = open(path, O_RDWR);

    check_replay(journal, 7, "", "new");
    write_one(journal, "a", "1");
    write_one(journal, "b", "2");
    CHECK_EQ(pwrite(fd, "x", 1, JOURNAL_BLOCK_BYTES), 1, "damage");
    buf_init(&got, 4096);
    CHECK_EQ(journal_replay(journal, 7, list_op, &got), ERR_CORRUPT, "told");
    CHECK_EQ(journal_replay(journal, 7, list_op, &got), ERR_CORRUPT, "and told again");
    buf_finish(&got);
    CHECK_EQ(close(fd), 0, "close");
    journal_close(journal);
    free(path);
}

TEST(journal_open__says_what_it_cannot_open) {
    struct journal *journal = NULL;
    struct error error = {0};

    CHECK_EQ(journal_open("/nowhere/journal", FILE_BYTES, FILE_BYTES, &error, &journal), ERR_IO,
             "no folder");
    CHECK_STR(error.text, "/nowhere/journal: No such file or directory", "with its name");
}
