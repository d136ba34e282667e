/* The n-th call fails, for every n: see tests/queue/disk.h. */
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "queue/queue.h"
#include "tests/queue/disk.h"
#include "tests/queue/history.h"
#include "tests/test.h"

/* --- Commits --------------------------------------------------------------------------------- */

struct fault_row {
    const char *what;
    enum disk_layer layer;
    int code;
    bool for_ever;
    int stride; /* every so many-th call: other codes take the same ways out as the first */
};

/* Which commit fails, whether the journal is full before it, and whether a thread writes it. */
struct fault_place {
    size_t last;
    bool is_full;
    bool in_two_steps;
};

static const struct fault_place fault_places[] = {
    {3, false, false}, {2, true, false}, {3, false, true}, {2, true, true}};

/* Where a thread does it, LMDB's codes take the same ways out. */
static bool is_tried(const struct fault_row *row, const struct fault_place *place) {
    return row->layer == DISK_SYSTEM || !place->in_two_steps ||
           (row->code == EIO && place->is_full && !row->for_ever);
}

static int commit_last(const struct fault_place *place, struct queue *queue,
                       const struct history *commit) {
    return place->in_two_steps ? history_commit_in_two_steps(queue, commit)
                               : history_commit(queue, commit);
}

/* A queue at that place. */
static struct queue *open_at(const char *folder, const struct fault_place *place,
                             const struct history *history) {
    struct queue *queue = history_must_open(folder);

    for (size_t i = 0; i < place->last; i++) {
        history_must_commit(queue, &history[i]);
    }
    if (place->is_full) {
        history_fill_journal(queue, place->last);
    }
    if (place->in_two_steps) {
        struct error error = {0};
        int fd;

        CHECK_EQ(queue_start_writer(queue, &fd, &error), OK, error.text);
    }
    return queue;
}

static const struct fault_row fault_rows[] = {
    {"an LMDB call: EIO", DISK_LMDB, EIO, false, 1},
    {"an LMDB call: ENOSPC", DISK_LMDB, ENOSPC, false, 5},
    {"an LMDB call: map full", DISK_LMDB, MDB_MAP_FULL, false, 1},
    {"an LMDB call: ENOMEM", DISK_LMDB, ENOMEM, false, 5},
    {"an LMDB call: panic", DISK_LMDB, MDB_PANIC, false, 5},
    {"LMDB from there on: EIO", DISK_LMDB, EIO, true, 2},
    {"LMDB from there on: ENOMEM", DISK_LMDB, ENOMEM, true, 5},
    {"a write or sync: EIO", DISK_SYSTEM, EIO, false, 1},
    {"a write or sync: ENOSPC", DISK_SYSTEM, ENOSPC, false, 1},
    {"all writes from there on: ENOSPC", DISK_SYSTEM, ENOSPC, true, 1},
};

/* Make the n-th call of the last commit fail; false when it makes fewer calls. */
static bool fail_commit(const struct fault_row *row, int nth, const struct fault_place *place,
                        const struct history *history, char *const texts[HISTORY_COMMITS + 1]) {
    const size_t last = place->last;
    char *folder = mem_format("%s/%d-%d-%d", test_folder(), (int)(row - fault_rows),
                              (int)(place - fault_places), nth);
    struct queue *queue = open_at(folder, place, history);
    int r;

    disk_arm(row->layer, nth, row->code, row->for_ever);
    r = commit_last(place, queue, &history[last]);
    disk_disarm();
    CHECK(r == OK || disk_was_hit(), row->what);
    if (r == OK) {
        history_check_holds(queue, texts[last + 1], row->what);
    } else {
        history_must_commit(queue, &history[last]); /* The same again is no more than once. */
        history_check_holds(queue, texts[last + 1], row->what);
    }
    queue_close(queue);
    queue = history_must_open(folder);
    history_check_holds(queue, texts[last + 1], row->what);
    queue_close(queue);
    free(folder);
    return disk_was_hit();
}

/* The same, but the process ends after the failure: the disk has what was there before, or all of
 * the commit if only the sync of its bytes had failed. */
static void fail_commit_and_close(const struct fault_row *row, int nth,
                                  const struct fault_place *place, const struct history *history,
                                  char *const texts[HISTORY_COMMITS + 1]) {
    const size_t last = place->last;
    char *folder = mem_format("%s/c%d-%d-%d", test_folder(), (int)(row - fault_rows),
                              (int)(place - fault_places), nth);
    struct queue *queue = open_at(folder, place, history);
    char *got;
    int r;

    disk_arm(row->layer, nth, row->code, row->for_ever);
    r = commit_last(place, queue, &history[last]);
    disk_disarm();
    queue_close(queue);
    queue = history_must_open(folder);
    got = history_describe(queue);
    if (r == OK || row->layer == DISK_LMDB || strcmp(got, texts[last + 1]) != 0) {
        CHECK_STR(got, texts[r == OK ? last + 1 : last], row->what);
    }
    free(got);
    queue_close(queue);
    free(folder);
}

TEST_WITHIN(queue_commit__survives_the_failure_of_its_nth_call, 120) {
    struct history history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];

    history_fill(history);
    history_describe_all(texts, history);
    for (size_t i = 0; i < ARRAY_LEN(fault_rows); i++) {
        for (size_t at = 0; at < ARRAY_LEN(fault_places); at++) {
            int nth = 1;

            if (!is_tried(&fault_rows[i], &fault_places[at])) {
                continue;
            }
            while (fail_commit(&fault_rows[i], nth, &fault_places[at], history, texts)) {
                fail_commit_and_close(&fault_rows[i], nth, &fault_places[at], history, texts);
                nth += fault_rows[i].stride;
                CHECK(nth < 500, "a commit makes so many calls");
            }
            CHECK(nth > 2, fault_rows[i].what);
        }
    }
    history_free_all(texts);
}

/* The map is full and the system has no address space for a larger one: LMDB has no map at all
 * then. */
TEST(queue_commit__survives_a_map_that_cannot_grow) {
    struct history history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];
    struct queue *queue = history_must_open(test_folder());

    history_fill(history);
    history_describe_all(texts, history);
    history_must_commit(queue, &history[0]);
    disk_arm(DISK_LMDB, 2, MDB_MAP_FULL, false);
    disk_refuse_maps(true);
    CHECK(history_commit(queue, &history[1]) < 0, "it is told");
    CHECK(history_commit(queue, &history[1]) < 0, "and told again");
    disk_refuse_maps(false);
    disk_disarm();
    history_must_commit(queue, &history[1]);
    history_check_holds(queue, texts[2], "the system has room again");
    queue_close(queue);
    queue = history_must_open(test_folder());
    history_check_holds(queue, texts[2], "and it is on disk");
    queue_close(queue);
    history_free_all(texts);
}

/* --- Opening --------------------------------------------------------------------------------- */

static bool fail_open(const struct fault_row *row, int nth, bool is_new,
                      const struct history *history, char *const texts[HISTORY_COMMITS + 1]) {
    char *folder = mem_format("%s/o%d-%d-%d", test_folder(), (int)(row - fault_rows), nth, is_new);
    struct error error = {0};
    struct queue *queue = NULL;
    int r;

    if (!is_new) {
        queue = history_must_open(folder);
        history_must_commit(queue, &history[0]);
        queue_close(queue);
        queue = NULL;
    }
    disk_arm(row->layer, nth, row->code, row->for_ever);
    r = queue_open(folder, &error, &queue);
    disk_disarm();
    if (disk_was_hit()) {
        /* A larger map is tried, and may do. */
        CHECK(r < 0 || row->layer == DISK_SYSTEM || row->code == MDB_MAP_FULL, "told");
        CHECK(r == OK || error.text[0] != '\0', "with words");
    }
    if (r < 0) {
        queue = history_must_open(folder);
    }
    history_check_holds(queue, texts[is_new ? 0 : 1], row->what);
    queue_close(queue);
    free(folder);
    return disk_was_hit();
}

TEST_WITHIN(queue_open__survives_the_failure_of_its_nth_call, 120) {
    struct history history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];

    history_fill(history);
    history_describe_all(texts, history);
    for (size_t i = 0; i < ARRAY_LEN(fault_rows); i++) {
        for (int nth = 1; fail_open(&fault_rows[i], nth, false, history, texts); nth++) {
            CHECK(nth < 100, "opening makes so many calls");
        }
        for (int nth = 1; fail_open(&fault_rows[i], nth, true, history, texts); nth++) {
            CHECK(nth < 100, "creating makes so many calls");
        }
    }
    history_free_all(texts);
}
