/* The n-th call fails, for every n, and the power goes off after every write.
 *
 * The functions below take the places of LMDB's and of the C library's that LMDB itself calls;
 * they count, fail when it is their turn, record what is written, and else pass the call on. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/journal.h"
#include "queue/queue.h"
#include "tests/test.h"

/* --- Failing --------------------------------------------------------------------------------- */

enum layer {
    LAYER_LMDB,   /* what queue/ calls */
    LAYER_SYSTEM, /* what LMDB calls to write */
};

/* One write to a file of the queue; synced: it is on disk when the call returns. */
struct disk_write {
    const char *file;
    off_t at;
    size_t bytes;
    char *data;
    bool syncs; /* everything up to here is durable */
};

/* Interposed functions have no other place for what they need to know. */
static struct {
    bool armed;
    enum layer layer;
    bool for_ever; /* all calls from the n-th on */
    int code;
    int calls_left;
    bool hit;
    bool no_more_maps;
    bool recording;
    struct disk_write *writes;
    size_t write_count;
} faults;

static void arm(enum layer layer, int nth, int code, bool for_ever) {
    faults.layer = layer;
    faults.calls_left = nth;
    faults.code = code;
    faults.for_ever = for_ever;
    faults.hit = false;
    faults.armed = true;
}

static void disarm(void) {
    faults.armed = false;
}

static bool fails(enum layer layer) {
    if (!faults.armed || faults.layer != layer) {
        return false;
    }
    if (faults.calls_left > 0) {
        faults.calls_left--;
    }
    if (faults.calls_left > 0 || (faults.hit && !faults.for_ever)) {
        return false;
    }
    faults.hit = true;
    return true;
}

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        abort();
    }
    return function;
}

/* ISO C has no cast from an object's pointer to a function's. */
#define CALL_REAL(name, ...)         \
    (((union {                       \
         void *object;               \
         __typeof__(&name) function; \
     }){.object = real(#name)})      \
         .function(__VA_ARGS__))

int mdb_env_create(MDB_env **env) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_env_create, env);
}

int mdb_env_set_maxdbs(MDB_env *env, MDB_dbi dbs) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_env_set_maxdbs, env, dbs);
}

int mdb_env_set_mapsize(MDB_env *env, size_t size) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_env_set_mapsize, env, size);
}

int mdb_env_open(MDB_env *env, const char *path, unsigned int flags, mdb_mode_t mode) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_env_open, env, path, flags, mode);
}

int mdb_dbi_open(MDB_txn *txn, const char *name, unsigned int flags, MDB_dbi *dbi) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_dbi_open, txn, name, flags, dbi);
}

int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_get, txn, dbi, key, data);
}

int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_put, txn, dbi, key, data, flags);
}

int mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_del, txn, dbi, key, data);
}

int mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_cursor_open, txn, dbi, cursor);
}

int mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_cursor_get, cursor, key, data, op);
}

int mdb_cursor_del(MDB_cursor *cursor, unsigned int flags) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_cursor_del, cursor, flags);
}

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned int flags, MDB_txn **txn) {
    return fails(LAYER_LMDB) ? faults.code : CALL_REAL(mdb_txn_begin, env, parent, flags, txn);
}

/* A commit that fails has ended its transaction all the same. */
int mdb_txn_commit(MDB_txn *txn) {
    if (fails(LAYER_LMDB)) {
        mdb_txn_abort(txn);
        return faults.code;
    }
    return CALL_REAL(mdb_txn_commit, txn);
}

static const char *file_of(int fd) {
    char link[64];
    char path[512];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path);
    return n > 8 && memcmp(path + n - 8, "/journal", 8) == 0 ? "journal" : "data.mdb";
}

static void record(int fd, off_t at, const void *bytes, size_t count, bool syncs) {
    if (faults.recording) {
        faults.writes = mem_grow(faults.writes, faults.write_count + 1, sizeof *faults.writes);
        faults.writes[faults.write_count] =
            (struct disk_write){.file = file_of(fd), .at = at, .bytes = count, .syncs = syncs};
        faults.writes[faults.write_count].data = mem_alloc(count + 1, 1);
        memcpy(faults.writes[faults.write_count++].data, bytes, count);
    }
}

static bool is_synchronous(int fd) {
    return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    if (fails(LAYER_SYSTEM)) {
        errno = faults.code;
        return -1;
    }
    record(fd, at, bytes, count, is_synchronous(fd));
    return CALL_REAL(pwrite, fd, bytes, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    off_t at = lseek(fd, 0, SEEK_CUR);

    if (fails(LAYER_SYSTEM)) {
        errno = faults.code;
        return -1;
    }
    for (int i = 0; i < count; i++) {
        record(fd, at, parts[i].iov_base, parts[i].iov_len, false);
        at += (off_t)parts[i].iov_len;
    }
    return CALL_REAL(writev, fd, parts, count);
}

int fdatasync(int fd) {
    if (fails(LAYER_SYSTEM)) {
        errno = faults.code;
        return -1;
    }
    record(fd, 0, "", 0, true);
    return CALL_REAL(fdatasync, fd);
}

int fsync(int fd) {
    if (fails(LAYER_SYSTEM)) {
        errno = faults.code;
        return -1;
    }
    record(fd, 0, "", 0, true);
    return CALL_REAL(fsync, fd);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t at) {
    if (faults.no_more_maps) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return CALL_REAL(mmap, address, bytes, protection, flags, fd, at);
}

/* --- A history ------------------------------------------------------------------------------- */

#define HISTORY_COMMITS 4
#define HISTORY_CHANGES 12

struct history_commit {
    struct queue_change changes[HISTORY_CHANGES];
    size_t count;
};

static const char *const specs[] = {"{\"a\":1}", "{\"b\":2}"};

static struct queue_change spec(size_t which) {
    struct queue_change change = {.kind = CHANGE_SPEC_ADD};

    change.spec.text = specs[which];
    change.spec.bytes = strlen(specs[which]);
    digest_sha256(specs[which], strlen(specs[which]), change.spec.hash);
    return change;
}

static struct queue_change job(uint64_t id, size_t which, uint32_t attempts, uint32_t events) {
    struct queue_change change = {.kind = CHANGE_JOB_PUT,
                                  .job = {.id = id,
                                          .name = "etl",
                                          .namespace = "a",
                                          .team = "a",
                                          .submitter = "ann",
                                          .attempt = attempts,
                                          .event_count = events}};

    digest_sha256(specs[which], strlen(specs[which]), change.job.spec_hash);
    return change;
}

static struct queue_change event(uint64_t id, uint32_t sequence) {
    return (struct queue_change){
        .kind = CHANGE_EVENT_ADD,
        .event = {.job_id = id, .sequence = sequence, .kind = "what", .text = "why"}};
}

static struct queue_change attempt(uint64_t id, uint32_t number, const char *pod) {
    return (struct queue_change){.kind = CHANGE_ATTEMPT_PUT,
                                 .attempt = {.job_id = id,
                                             .number = number,
                                             .pod_name = pod,
                                             .pod_uid = "",
                                             .node = "",
                                             .message = ""}};
}

static struct queue_change submission(const char *key, int64_t at_us) {
    return (struct queue_change){
        .kind = CHANGE_SUBMISSION_PUT,
        .submission = {.key = key, .first_id = 1, .count = 2, .at_us = at_us}};
}

/* Every kind of change, and more than one page. */
static void fill(struct history_commit *history) {
    const struct history_commit commits[HISTORY_COMMITS] = {
        {{spec(0), event(1, 0), job(1, 0, 0, 1), event(2, 0), job(2, 0, 0, 1),
          submission("monday", 100)},
         6},
        {{event(1, 1), job(1, 0, 1, 2), attempt(1, 1, ""), spec(1), event(3, 0), job(3, 1, 0, 1)},
         6},
        {{event(1, 2),
          job(1, 0, 2, 3),
          attempt(1, 1, "pod"),
          attempt(1, 2, ""),
          submission("tuesday", 200),
          {.kind = CHANGE_SUBMISSIONS_EXPIRE, .before_us = 150},
          {.kind = CHANGE_JOB_DROP, .job_id = 3}},
         7},
        {{{.kind = CHANGE_JOB_DROP, .job_id = 1}, spec(1), event(4, 0), job(4, 1, 0, 1)}, 4},
    };

    memcpy(history, commits, sizeof commits);
}

static int commit(struct queue *queue, const struct history_commit *commit) {
    struct error error = {0};

    return queue_commit(queue, commit->changes, commit->count, &error);
}

static void must_commit(struct queue *queue, const struct history_commit *commit) {
    struct error error = {0};
    int r = queue_commit(queue, commit->changes, commit->count, &error);

    CHECK(r == OK, error.text);
}

/* Leave no room in the journal after so many commits: the next one goes to the tables. What is
 * committed here shows nowhere. */
static void fill_journal(struct queue *queue, size_t commits) {
    const struct history_commit nothing = {{submission("filler", 150)}, 1};

    for (size_t i = commits; i < LIMIT_QUEUE_JOURNAL_BYTES_FIRST / JOURNAL_BLOCK_BYTES; i++) {
        must_commit(queue, &nothing);
    }
}

static struct queue *must_open(const char *folder) {
    struct error error = {0};
    struct queue *queue = NULL;
    int r = queue_open(folder, &error, &queue);

    CHECK(r == OK, error.text);
    return queue;
}

/* --- What a queue holds, as text ------------------------------------------------------------- */

struct dump {
    struct queue *queue;
    struct buf *out;
};

static int dump_attempt(void *context, const struct attempt *attempt) {
    buf_add_format(context, " attempt %u %s", attempt->number, attempt->pod_name);
    return OK;
}

static int dump_event(void *context, const struct job_event *event) {
    buf_add_format(context, " event %u %s", event->sequence, event->text);
    return OK;
}

static int dump_job(void *context, const struct job *job) {
    struct dump *dump = context;

    buf_add_format(dump->out, "job %u %u %u", (unsigned)job->id, job->attempt, job->event_count);
    return OK;
}

static char *describe(struct queue *queue) {
    static const char *const keys[] = {"monday", "tuesday"};
    struct buf out;
    struct dump dump = {.queue = queue, .out = &out};
    uint64_t damaged = 0;
    struct error error = {0};

    buf_init(&out, 65536);
    CHECK_OK(queue_each_job(queue, dump_job, &dump, &damaged), "jobs");
    CHECK_EQ(damaged, 0, "no damage");
    for (uint64_t id = 1; id < queue_next_id(queue); id++) {
        CHECK_OK(queue_each_attempt(queue, id, dump_attempt, &out), "attempts");
        CHECK_OK(queue_each_event(queue, id, 0, dump_event, &out), "events");
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct submission found;

        if (queue_get_submission(queue, keys[i], &found) == OK) {
            buf_add_format(&out, " key %s", keys[i]);
        }
    }
    buf_add_format(&out, " next %u", (unsigned)queue_next_id(queue));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    return buf_take_text(&out);
}

/* What it should hold after so many commits. */
static void describe_all(char *out_texts[HISTORY_COMMITS + 1],
                         const struct history_commit *history) {
    char *folder = mem_format("%s/model", test_folder());
    struct queue *queue = must_open(folder);

    out_texts[0] = describe(queue);
    for (size_t i = 0; i < HISTORY_COMMITS; i++) {
        must_commit(queue, &history[i]);
        out_texts[i + 1] = describe(queue);
        CHECK(strcmp(out_texts[i], out_texts[i + 1]) != 0, "each commit shows");
    }
    queue_close(queue);
    free(folder);
}

static void free_all(char *texts[HISTORY_COMMITS + 1]) {
    for (size_t i = 0; i <= HISTORY_COMMITS; i++) {
        free(texts[i]);
    }
}

static void check_holds(struct queue *queue, const char *want, const char *what) {
    char *got = describe(queue);

    CHECK_STR(got, want, what);
    free(got);
}

/* --- Commits --------------------------------------------------------------------------------- */

struct fault_row {
    const char *what;
    enum layer layer;
    int code;
    bool for_ever;
};

/* Which commit fails, and whether the journal is full before it. */
struct fault_place {
    size_t last;
    bool is_full;
};

static const struct fault_place fault_places[] = {{3, false}, {2, true}};

/* A queue at that place. */
static struct queue *open_at(const char *folder, const struct fault_place *place,
                             const struct history_commit *history) {
    struct queue *queue = must_open(folder);

    for (size_t i = 0; i < place->last; i++) {
        must_commit(queue, &history[i]);
    }
    if (place->is_full) {
        fill_journal(queue, place->last);
    }
    return queue;
}

static const struct fault_row fault_rows[] = {
    {"an LMDB call: EIO", LAYER_LMDB, EIO, false},
    {"an LMDB call: ENOSPC", LAYER_LMDB, ENOSPC, false},
    {"an LMDB call: map full", LAYER_LMDB, MDB_MAP_FULL, false},
    {"an LMDB call: ENOMEM", LAYER_LMDB, ENOMEM, false},
    {"an LMDB call: panic", LAYER_LMDB, MDB_PANIC, false},
    {"LMDB from there on: EIO", LAYER_LMDB, EIO, true},
    {"LMDB from there on: ENOMEM", LAYER_LMDB, ENOMEM, true},
    {"a write or sync: EIO", LAYER_SYSTEM, EIO, false},
    {"a write or sync: ENOSPC", LAYER_SYSTEM, ENOSPC, false},
    {"all writes from there on: ENOSPC", LAYER_SYSTEM, ENOSPC, true},
};

/* Make the n-th call of the last commit fail; false when it makes fewer calls. */
static bool fail_commit(const struct fault_row *row, int nth, const struct fault_place *place,
                        const struct history_commit *history,
                        char *const texts[HISTORY_COMMITS + 1]) {
    const size_t last = place->last;
    char *folder = mem_format("%s/%d-%d-%d", test_folder(), (int)(row - fault_rows),
                              (int)(place - fault_places), nth);
    struct queue *queue = open_at(folder, place, history);
    int r;

    arm(row->layer, nth, row->code, row->for_ever);
    r = commit(queue, &history[last]);
    disarm();
    CHECK(r == OK || faults.hit, row->what);
    if (r == OK) {
        check_holds(queue, texts[last + 1], row->what);
    } else {
        must_commit(queue, &history[last]); /* The same again is no more than once. */
        check_holds(queue, texts[last + 1], row->what);
    }
    queue_close(queue);
    queue = must_open(folder);
    check_holds(queue, texts[last + 1], row->what);
    queue_close(queue);
    free(folder);
    return faults.hit;
}

/* The same, but the process ends after the failure: the disk has what was there before, or all of
 * the commit if only the sync of its bytes had failed. */
static void fail_commit_and_close(const struct fault_row *row, int nth,
                                  const struct fault_place *place,
                                  const struct history_commit *history,
                                  char *const texts[HISTORY_COMMITS + 1]) {
    const size_t last = place->last;
    char *folder = mem_format("%s/c%d-%d-%d", test_folder(), (int)(row - fault_rows),
                              (int)(place - fault_places), nth);
    struct queue *queue = open_at(folder, place, history);
    char *got;
    int r;

    arm(row->layer, nth, row->code, row->for_ever);
    r = commit(queue, &history[last]);
    disarm();
    queue_close(queue);
    queue = must_open(folder);
    got = describe(queue);
    if (r == OK || row->layer == LAYER_LMDB || strcmp(got, texts[last + 1]) != 0) {
        CHECK_STR(got, texts[r == OK ? last + 1 : last], row->what);
    }
    free(got);
    queue_close(queue);
    free(folder);
}

TEST_WITHIN(queue_commit__survives_the_failure_of_its_nth_call, 60) {
    struct history_commit history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];

    fill(history);
    describe_all(texts, history);
    for (size_t i = 0; i < ARRAY_LEN(fault_rows); i++) {
        for (size_t at = 0; at < ARRAY_LEN(fault_places); at++) {
            int nth = 1;

            while (fail_commit(&fault_rows[i], nth, &fault_places[at], history, texts)) {
                fail_commit_and_close(&fault_rows[i], nth, &fault_places[at], history, texts);
                nth++;
                CHECK(nth < 500, "a commit makes so many calls");
            }
            CHECK(nth > 2, fault_rows[i].what);
        }
    }
    free_all(texts);
}

/* The map is full and the system has no address space for a larger one: LMDB has no map at all
 * then. */
TEST(queue_commit__survives_a_map_that_cannot_grow) {
    struct history_commit history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];
    struct queue *queue = must_open(test_folder());

    fill(history);
    describe_all(texts, history);
    must_commit(queue, &history[0]);
    arm(LAYER_LMDB, 2, MDB_MAP_FULL, false);
    faults.no_more_maps = true;
    CHECK(commit(queue, &history[1]) < 0, "it is told");
    CHECK(commit(queue, &history[1]) < 0, "and told again");
    faults.no_more_maps = false;
    disarm();
    must_commit(queue, &history[1]);
    check_holds(queue, texts[2], "the system has room again");
    queue_close(queue);
    queue = must_open(test_folder());
    check_holds(queue, texts[2], "and it is on disk");
    queue_close(queue);
    free_all(texts);
}

/* --- Opening --------------------------------------------------------------------------------- */

static bool fail_open(const struct fault_row *row, int nth, bool is_new,
                      const struct history_commit *history,
                      char *const texts[HISTORY_COMMITS + 1]) {
    char *folder = mem_format("%s/o%d-%d-%d", test_folder(), (int)(row - fault_rows), nth, is_new);
    struct error error = {0};
    struct queue *queue = NULL;
    int r;

    if (!is_new) {
        queue = must_open(folder);
        must_commit(queue, &history[0]);
        queue_close(queue);
        queue = NULL;
    }
    arm(row->layer, nth, row->code, row->for_ever);
    r = queue_open(folder, &error, &queue);
    disarm();
    if (faults.hit) {
        /* A larger map is tried, and may do. */
        CHECK(r < 0 || row->layer == LAYER_SYSTEM || row->code == MDB_MAP_FULL, "told");
        CHECK(r == OK || error.text[0] != '\0', "with words");
    }
    if (r < 0) {
        queue = must_open(folder);
    }
    check_holds(queue, texts[is_new ? 0 : 1], row->what);
    queue_close(queue);
    free(folder);
    return faults.hit;
}

TEST_WITHIN(queue_open__survives_the_failure_of_its_nth_call, 60) {
    struct history_commit history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];

    fill(history);
    describe_all(texts, history);
    for (size_t i = 0; i < ARRAY_LEN(fault_rows); i++) {
        for (int nth = 1; fail_open(&fault_rows[i], nth, false, history, texts); nth++) {
            CHECK(nth < 100, "opening makes so many calls");
        }
        for (int nth = 1; fail_open(&fault_rows[i], nth, true, history, texts); nth++) {
            CHECK(nth < 100, "creating makes so many calls");
        }
    }
    free_all(texts);
}

/* --- Power ----------------------------------------------------------------------------------- */

/* The disk at the moment the power goes: the first `count` writes but for `lost` (SIZE_MAX: none);
 * of the last one, `torn` bytes less. */
static void make_image(const char *folder, size_t count, size_t lost, size_t torn) {
    static const char *const names[] = {"data.mdb", "journal"};

    (void)mkdir(folder, 0700);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        char *path = mem_format("%s/%s", folder, names[n]);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

        CHECK(fd >= 0, path);
        for (size_t i = 0; i < count; i++) {
            const struct disk_write *w = &faults.writes[i];
            size_t bytes = i + 1 == count && torn < w->bytes ? w->bytes - torn : w->bytes;

            if (i != lost && bytes > 0 && strcmp(w->file, names[n]) == 0) {
                CHECK_EQ(pwrite(fd, w->data, bytes, w->at), bytes, "image");
            }
        }
        CHECK_EQ(close(fd), 0, "image");
        free(path);
    }
}

/* The queue on that disk holds what was acknowledged, or all of the commit that was under way. */
static void check_image(const char *folder, char *const *texts, size_t done, const char *what) {
    struct queue *queue = must_open(folder);
    char *got = describe(queue);

    if (done == HISTORY_COMMITS || strcmp(got, texts[done + 1]) != 0) {
        CHECK_STR(got, texts[done], what);
    }
    free(got);
    queue_close(queue);
}

/* The first write of the stretch that no sync has made durable before write `at`. */
static size_t stretch_start(size_t at) {
    while (at > 0 && !faults.writes[at - 1].syncs) {
        at--;
    }
    return at;
}

TEST_WITHIN(queue_commit__survives_power_loss_after_every_write, 60) {
    struct history_commit history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];
    size_t ends[HISTORY_COMMITS + 1]; /* writes when that commit had returned */
    char *folder = mem_format("%s/recorded", test_folder());
    char *image = mem_format("%s/image", test_folder());
    struct queue *queue;
    size_t done = 0;

    fill(history);
    describe_all(texts, history);
    faults.recording = true;
    queue = must_open(folder);
    ends[0] = faults.write_count;
    for (size_t i = 0; i < HISTORY_COMMITS; i++) {
        if (i == 2) {
            fill_journal(queue, i); /* The third goes to the tables, the others to the journal. */
        }
        must_commit(queue, &history[i]);
        ends[i + 1] = faults.write_count;
        CHECK(faults.writes[ends[i + 1] - 1].syncs, "a commit returns when it is on disk");
    }
    faults.recording = false;
    queue_close(queue);
    for (size_t count = ends[0]; count <= ends[HISTORY_COMMITS]; count++) {
        while (done < HISTORY_COMMITS && count >= ends[done + 1]) {
            done++; /* Its last write is the one that makes it count. */
        }
        make_image(image, count, SIZE_MAX, 0);
        check_image(image, texts, done, "a prefix of the writes");
        if (count == ends[done]) {
            continue;
        }
        make_image(image, count, SIZE_MAX, 2048);
        check_image(image, texts, done, "the last write is torn");
        for (size_t lost = stretch_start(count); lost < count; lost++) {
            make_image(image, count, lost, 0);
            check_image(image, texts, done, "an earlier write has not reached the disk yet");
        }
    }
    for (size_t i = 0; i < faults.write_count; i++) {
        free(faults.writes[i].data);
    }
    free(faults.writes);
    free(folder);
    free(image);
    free_all(texts);
}
