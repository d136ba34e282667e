#include "scheduler/log_shelf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "scheduler/log_file.h"

#define JOBS_PER_FOLDER 1000
#define TRIM_PER_CALL   64
#define NAME_BYTES      64

struct kept {
    struct log_key key;
    int64_t bytes;
    int64_t stored_us;
};

/* The oldest first, from `first` on. */
struct log_shelf {
    char *folder;
    struct log_shelf_limits limits;
    struct kept *items;
    size_t first;
    size_t end;
    size_t room;
    int64_t bytes;
    uint64_t removed;
    struct log_key *salvaged; /* at this start, and not written again since */
    size_t salvaged_count;
};

/* --- Names ------------------------------------------------------------------------------------ */

static void print_name(const struct log_key *key, char out_name[NAME_BYTES]) {
    if (key->executor == LOG_EXECUTOR_NONE) {
        (void)snprintf(out_name, NAME_BYTES, "%" PRIu64 ".%" PRIu32 ".driver.zst", key->job_id,
                       key->attempt);
    } else {
        (void)snprintf(out_name, NAME_BYTES, "%" PRIu64 ".%" PRIu32 ".executor-%" PRIu32 ".zst",
                       key->job_id, key->attempt, key->executor);
    }
}

/* Only a name that print_name() would give: the rest is none of ours. */
static bool read_name(const char *name, struct log_key *out_key) {
    struct log_key key = {0};
    char again[NAME_BYTES];

    if (sscanf(name, "%" SCNu64 ".%" SCNu32 ".executor-%" SCNu32, &key.job_id, &key.attempt,
               &key.executor) < 2) {
        return false;
    }
    print_name(&key, again);
    *out_key = key;
    return strcmp(name, again) == 0;
}

static char *folder_of(const struct log_shelf *shelf, const struct log_key *key) {
    return mem_format("%s/%" PRIu64, shelf->folder, key->job_id / JOBS_PER_FOLDER);
}

char *log_shelf_path(const struct log_shelf *shelf, const struct log_key *key) {
    char name[NAME_BYTES];

    print_name(key, name);
    return mem_format("%s/%" PRIu64 "/%s", shelf->folder, key->job_id / JOBS_PER_FOLDER, name);
}

char *log_shelf_make_path(const struct log_shelf *shelf, const struct log_key *key) {
    char *folder = folder_of(shelf, key);

    (void)mkdir(folder, 0700); /* That it can't be made is told when the file can't be. */
    free(folder);
    return log_shelf_path(shelf, key);
}

static bool is_same(const struct log_key *a, const struct log_key *b) {
    return a->job_id == b->job_id && a->attempt == b->attempt && a->executor == b->executor;
}

/* Its place among those salvaged, or their count. */
static size_t find_salvaged(const struct log_shelf *shelf, const struct log_key *key) {
    size_t i = 0;

    while (i < shelf->salvaged_count && !is_same(&shelf->salvaged[i], key)) {
        i++;
    }
    return i;
}

bool log_shelf_has(const struct log_shelf *shelf, const struct log_key *key) {
    char *path = log_shelf_path(shelf, key);
    bool has = access(path, F_OK) == 0;

    free(path);
    return has && find_salvaged(shelf, key) == shelf->salvaged_count;
}

/* A disk that can't tell is asked by writing. */
int log_shelf_check_room(const struct log_shelf *shelf, struct error *error) {
    struct statvfs info;

    if (statvfs(shelf->folder, &info) != 0 ||
        (uint64_t)info.f_bavail * info.f_frsize >= LIMIT_LOG_ROOM_BYTES) {
        return OK;
    }
    return error_set(error, ERR_FULL, "%s: less than %d MiB are free on the disk", shelf->folder,
                     LIMIT_LOG_ROOM_BYTES / LIMIT_MIB);
}

/* --- What is there ---------------------------------------------------------------------------- */

static void append(struct log_shelf *shelf, const struct kept *item) {
    if (shelf->end == shelf->room && shelf->first > shelf->room / 2) {
        memmove(shelf->items, shelf->items + shelf->first,
                (shelf->end - shelf->first) * sizeof *shelf->items);
        shelf->end -= shelf->first;
        shelf->first = 0;
    }
    if (shelf->end == shelf->room) {
        shelf->room = shelf->room == 0 ? 64 : shelf->room * 2;
        shelf->items = mem_grow(shelf->items, shelf->room, sizeof *shelf->items);
    }
    shelf->items[shelf->end++] = *item;
    shelf->bytes += item->bytes;
}

static void look_at(struct log_shelf *shelf, const char *path, const char *name) {
    struct kept item = {0};
    struct stat info;

    if (!read_name(name, &item.key) || stat(path, &info) != 0) {
        return;
    }
    if (info.st_size == 0) {
        (void)unlink(path); /* Since the power went. */
        return;
    }
    item.bytes = (int64_t)info.st_size;
    item.stored_us = (int64_t)info.st_mtim.tv_sec * CLOCK_US_PER_SECOND;
    append(shelf, &item);
}

/* One that was being written when the daemon ended. A whole one of before is better. */
static void salvage(struct log_shelf *shelf, const char *path, const char *name) {
    struct log_key key = {0};
    char *whole;
    char *whole_name;
    int64_t bytes;

    if (!text_ends_with(name, LOG_FILE_PART)) {
        return;
    }
    whole = mem_copy_text_n(path, strlen(path) - strlen(LOG_FILE_PART));
    whole_name = strrchr(whole, '/') + 1;
    if (!read_name(whole_name, &key) || access(whole, F_OK) == 0) {
        (void)unlink(path);
    } else if (log_file_salvage(whole, &bytes) == OK) {
        shelf->salvaged =
            mem_grow(shelf->salvaged, shelf->salvaged_count + 1, sizeof *shelf->salvaged);
        shelf->salvaged[shelf->salvaged_count++] = key;
    }
    free(whole);
}

typedef void file_visit(struct log_shelf *shelf, const char *path, const char *name);

static void scan(struct log_shelf *shelf, const char *folder, bool top, file_visit *visit) {
    DIR *entries = opendir(folder);
    struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char *path = mem_format("%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.') {
            /* Itself, the one above, or somebody's own. */
        } else if (top) {
            scan(shelf, path, false, visit);
        } else {
            visit(shelf, path, entry->d_name);
        }
        free(path);
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

static int by_age(const void *a, const void *b) {
    const struct kept *one = a;
    const struct kept *other = b;

    if (one->stored_us != other->stored_us) {
        return one->stored_us < other->stored_us ? -1 : 1;
    }
    return one->key.job_id < other->key.job_id ? -1 : one->key.job_id > other->key.job_id;
}

int log_shelf_open(const char *folder, const struct log_shelf_limits *limits, int64_t now_us,
                   struct log_shelf **out_shelf, struct error *error) {
    struct log_shelf *shelf;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set(error, ERR_IO, "can't make the folder %s: %s", folder, strerror(errno));
    }
    shelf = mem_alloc(1, sizeof *shelf);
    shelf->folder = mem_copy_text(folder);
    shelf->limits = *limits;
    scan(shelf, folder, true, salvage);
    scan(shelf, folder, true, look_at);
    if (shelf->end > 0) {
        qsort(shelf->items, shelf->end, sizeof *shelf->items, by_age);
    }
    while (log_shelf_trim(shelf, now_us)) {
    }
    *out_shelf = shelf;
    return OK;
}

void log_shelf_close(struct log_shelf *shelf) {
    if (shelf != NULL) {
        free(shelf->items);
        free(shelf->salvaged);
        free(shelf->folder);
        free(shelf);
    }
}

void log_shelf_set_limits(struct log_shelf *shelf, const struct log_shelf_limits *limits) {
    shelf->limits = *limits;
}

/* --- Coming and going ------------------------------------------------------------------------- */

/* One that was written again: not often, and then lately. */
static void forget(struct log_shelf *shelf, const struct log_key *key) {
    for (size_t i = shelf->end; i > shelf->first && shelf->end - i < TRIM_PER_CALL; i--) {
        struct kept *item = &shelf->items[i - 1];

        if (is_same(&item->key, key)) {
            shelf->bytes -= item->bytes;
            memmove(item, item + 1, (shelf->end - i) * sizeof *item);
            shelf->end--;
            return;
        }
    }
}

void log_shelf_note(struct log_shelf *shelf, const struct log_key *key, int64_t bytes,
                    int64_t now_us) {
    size_t salvaged = find_salvaged(shelf, key);

    if (salvaged < shelf->salvaged_count) {
        shelf->salvaged[salvaged] = shelf->salvaged[--shelf->salvaged_count];
    }
    forget(shelf, key);
    append(shelf, &(struct kept){.key = *key, .bytes = bytes, .stored_us = now_us});
}

bool log_shelf_trim(struct log_shelf *shelf, int64_t now_us) {
    for (int i = 0; i < TRIM_PER_CALL; i++) {
        const struct kept *oldest = &shelf->items[shelf->first];
        char *path;

        if (shelf->first == shelf->end ||
            (shelf->bytes <= shelf->limits.bytes_max &&
             shelf->end - shelf->first <= LIMIT_LOG_FILES &&
             now_us - oldest->stored_us <= shelf->limits.age_us_max)) {
            return false;
        }
        path = log_shelf_path(shelf, &oldest->key);
        (void)unlink(path);
        free(path);
        shelf->bytes -= oldest->bytes;
        shelf->removed++;
        shelf->first++;
    }
    return true;
}

struct log_shelf_figures log_shelf_figures(const struct log_shelf *shelf) {
    return (struct log_shelf_figures){
        .files = shelf->end - shelf->first, .bytes = shelf->bytes, .removed = shelf->removed};
}
