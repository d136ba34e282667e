/* backup, restore, compact: a whole file, swapped in or out. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/memory.h"
#include "queue/queue.h"

/* Ids after a restore: days since 2026, so many to a day. What was given after the backup was made
 * is unknown; no queue gives so many. */
#define EPOCH_START_US INT64_C(1767225600000000)
#define EPOCH_IDS      UINT64_C(1000000000)
#define DAY_US         (24 * 3600 * CLOCK_US_PER_SECOND)

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static int64_t size_of(const char *path) {
    struct stat info;

    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int admin_backup(struct admin *admin) {
    const char *path = admin->operands[0];
    char *partial = mem_format("%s.partial", path);
    int r = place_check_outside(admin, path, &admin->error);

    if (r == OK && exists(path) && !admin->force) {
        r = error_set(&admin->error, ERR_EXISTS, "%s exists; --force replaces it", path);
    }
    if (r == OK) {
        r = queue_copy(admin->folder, partial, &admin->error);
    }
    if (r == OK) {
        r = place_rename(partial, path, &admin->error);
    }
    if (r == OK) {
        (void)fprintf(admin->out, "%s: %" PRId64 " bytes\n", path, size_of(path));
    }
    free(partial);
    return r;
}

int admin_open_copy(struct admin *admin, const char *file, struct queue **out_queue) {
    char *path;
    int r = place_make_work(admin);

    if (r < 0) {
        return r;
    }
    path = place_in_work(admin, "data.mdb");
    r = file == NULL ? queue_copy(admin->folder, path, &admin->error)
                     : place_copy_file(file, path, &admin->error);
    free(path);
    return r == OK ? queue_open(admin->work, &admin->error, out_queue) : r;
}

/* The first id that nobody can have seen, whatever was given since the backup. */
static uint64_t skip_ids(const struct admin *admin, uint64_t known) {
    uint64_t day =
        admin->now_us > EPOCH_START_US ? (uint64_t)((admin->now_us - EPOCH_START_US) / DAY_US) : 0;
    uint64_t epoch = known / EPOCH_IDS + 1;

    return (epoch > day ? epoch : day) * EPOCH_IDS + 1;
}

/* Of the file and of the queue it replaces, as far as that can be read. */
static uint64_t highest_next_id(const struct admin *admin, const struct queue *queue) {
    struct error ignored = {0};
    uint64_t current = 0;

    if (queue_peek_next_id(admin->folder, &current, &ignored) != OK) {
        current = 0;
    }
    return current > queue_next_id(queue) ? current : queue_next_id(queue);
}

static int check_backup(struct admin *admin, uint64_t *out_next_id) {
    struct queue *queue = NULL;
    uint64_t next_id;
    int r = admin_open_copy(admin, admin->operands[0], &queue);

    if (r == OK) {
        r = admin_verify_open(admin, queue);
    }
    if (r == OK) {
        next_id = skip_ids(admin, highest_next_id(admin, queue));
        r = queue_adopt(queue, NULL, next_id, &admin->error);
        *out_next_id = next_id;
    }
    queue_close(queue);
    return r;
}

static int swap_in(struct admin *admin) {
    char *path = place_in_work(admin, "data.mdb");
    int r = place_sync_file(path, &admin->error);

    if (r == OK) {
        r = queue_swap(admin->folder, path, true, &admin->error);
    }
    free(path);
    return r;
}

/* ERR_EXISTS: there is a queue, and nobody said that it may go. */
static int check_place(struct admin *admin) {
    char *path = mem_format("%s/data.mdb", admin->folder);
    int r = OK;

    if (exists(path) && !admin->force) {
        r = error_set(&admin->error, ERR_EXISTS,
                      "%s holds a queue; --force replaces it, and keeps it as data.mdb.replaced",
                      admin->folder);
    }
    free(path);
    return r;
}

int admin_restore(struct admin *admin) {
    uint64_t next_id = 0;
    int lock = -1;
    int r = check_place(admin);

    if (r == OK) {
        r = queue_hold(admin->folder, &lock, &admin->error);
    }
    if (r == OK) {
        r = check_backup(admin, &next_id);
    }
    if (r == OK) {
        r = swap_in(admin);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    if (r == OK) {
        (void)fprintf(admin->out, "restored; the next job's id is %" PRIu64 "\n", next_id);
    }
    return r;
}

static int compact(struct admin *admin) {
    char *path = mem_format("%s/data.mdb", admin->folder);
    char *fresh = mem_format("%s/data.mdb.compact", admin->folder);
    int64_t before = size_of(path);
    int r = queue_copy(admin->folder, fresh, &admin->error);

    if (r == OK) {
        r = queue_swap(admin->folder, fresh, false, &admin->error);
    }
    if (r == OK) {
        (void)fprintf(admin->out, "%" PRId64 " bytes, before %" PRId64 "\n", size_of(path), before);
    }
    free(fresh);
    free(path);
    return r;
}

int admin_compact(struct admin *admin) {
    int lock = -1;
    int r;

    if (!exists(admin->folder)) {
        return error_set(&admin->error, ERR_NOT_FOUND, "%s: %s", admin->folder, strerror(ENOENT));
    }
    r = queue_hold(admin->folder, &lock, &admin->error);
    if (r == OK) {
        r = compact(admin);
        (void)close(lock);
    }
    return r;
}
