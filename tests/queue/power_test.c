/* The power goes off in the middle of every write and sync: see tests/queue/disk.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "tests/queue/disk.h"
#include "tests/queue/history.h"
#include "tests/test.h"

#define CHANCES 4 /* images of chance per operation */
#define FOLDED  2 /* this commit finds the journal full, and goes to the tables */

struct story {
    struct history history[HISTORY_COMMITS];
    char *texts[HISTORY_COMMITS + 1];
    size_t ends[HISTORY_COMMITS + 1]; /* operations when that commit had returned; 0: the opening */
    char *image;
    struct rng rng;
};

static void story_init(struct story *story) {
    history_fill(story->history);
    history_describe_all(story->texts, story->history);
    story->image = mem_format("%s/image", test_folder());
    rng_init(&story->rng, 1);
}

static void story_finish(struct story *story) {
    disk_record(true); /* Drops the recording. */
    disk_record(false);
    history_free_all(story->texts);
    free(story->image);
}

/* It opens, verifies, and holds what the last commit that had returned left, or the next one. */
static void check_image(struct story *story, size_t done, const char *what) {
    struct queue *queue = history_must_open(story->image);
    char *got = history_describe(queue);

    if (done == HISTORY_COMMITS || strcmp(got, story->texts[done + 1]) != 0) {
        CHECK_STR(got, story->texts[done], what);
    }
    free(got);
    queue_close(queue);
}

static void check_losses(struct story *story, size_t count, size_t done) {
    disk_make_image(story->image, NULL, count, DISK_ALL, &story->rng);
    check_image(story, done, "all came through");
    disk_make_image(story->image, NULL, count, DISK_NONE, &story->rng);
    check_image(story, done, "only what was synced");
    for (int i = 0; i < CHANCES; i++) {
        disk_make_image(story->image, NULL, count, DISK_CHANCE, &story->rng);
        check_image(story, done, "some sectors came through");
    }
}

static void check_every_moment(struct story *story, size_t from) {
    size_t done = 0;

    for (size_t count = from; count <= disk_op_count(); count++) {
        while (done < HISTORY_COMMITS && count >= story->ends[done + 1]) {
            done++;
        }
        check_losses(story, count, done);
    }
}

/* From the first creation of the file on. */
TEST_WITHIN(queue_commit__survives_power_loss_in_every_write, 240) {
    char *folder = mem_format("%s/recorded", test_folder());
    struct story story = {0};
    struct queue *queue;

    story_init(&story);
    disk_record(true);
    queue = history_must_open(folder);
    story.ends[0] = disk_op_count();
    for (size_t i = 0; i < HISTORY_COMMITS; i++) {
        if (i == FOLDED) {
            history_fill_journal(queue, i);
        }
        history_must_commit(queue, &story.history[i]);
        story.ends[i + 1] = disk_op_count();
    }
    disk_record(false);
    queue_close(queue);
    check_every_moment(&story, 0);
    story_finish(&story);
    free(folder);
}

/* A commit fails in its n-th write or sync, whose pages then pass for clean though the disk may not
 * have them; it is made again, and the power goes off then or later. */
static bool fail_and_go_on(struct story *story, size_t which, int nth) {
    char *folder = mem_format("%s/failed-%d-%d", test_folder(), (int)which, nth);
    struct queue *queue;
    size_t failed_at = 0;
    bool hit;

    disk_record(true);
    queue = history_must_open(folder);
    story->ends[0] = disk_op_count();
    for (size_t i = 0; i < HISTORY_COMMITS; i++) {
        int r;

        if (i == FOLDED) {
            history_fill_journal(queue, i);
        }
        if (i == which) {
            failed_at = disk_op_count();
            disk_arm(DISK_CACHE, nth, EIO, false);
        }
        r = history_commit(queue, &story->history[i]);
        disk_disarm();
        if (r < 0) {
            history_must_commit(queue, &story->history[i]);
        }
        story->ends[i + 1] = disk_op_count();
    }
    hit = disk_was_hit();
    disk_record(false);
    queue_close(queue);
    if (hit) {
        check_every_moment(story, failed_at);
    }
    free(folder);
    return hit;
}

TEST_WITHIN(queue_commit__never_believes_what_a_failed_sync_left_in_memory, 240) {
    struct story story = {0};

    story_init(&story);
    for (size_t which = FOLDED - 1; which <= FOLDED; which++) {
        int nth = 1;

        while (fail_and_go_on(&story, which, nth)) {
            nth++;
            CHECK(nth < 50, "a commit makes so many calls");
        }
        CHECK(nth > 2, "it writes and syncs");
    }
    story_finish(&story);
}

/* After the failure the process is gone; the next one finds in the system's memory the state before
 * it or the one after, perhaps the other is on the disk, and goes another way. */
struct fork_story {
    struct story story;
    char *before, *failed;
    char *others[2];  /* after it went the other way from each of them */
    const char *want; /* the one of this time */
};

static void check_fork(struct fork_story *fork, bool committed, const char *what) {
    struct queue *queue = history_must_open(fork->story.image);
    char *got = history_describe(queue);

    if (committed || (strcmp(got, fork->before) != 0 && strcmp(got, fork->failed) != 0)) {
        CHECK_STR(got, fork->want, what);
    }
    free(got);
    queue_close(queue);
}

static void check_fork_moments(struct fork_story *fork, size_t from, size_t end) {
    for (size_t count = from; count <= disk_op_count(); count++) {
        for (int i = 0; i < 2 * CHANCES; i++) {
            disk_make_image(fork->story.image, NULL, count, i == 0 ? DISK_NONE : DISK_CHANCE,
                            &fork->story.rng);
            check_fork(fork, count >= end, "it went another way");
        }
    }
}

static bool fail_and_go_another_way(struct fork_story *fork, bool is_full, int nth) {
    char *folder = mem_format("%s/other-%d-%d", test_folder(), is_full, nth);
    struct queue *queue;
    size_t failed_at;
    char *found;
    bool hit;

    disk_record(true);
    queue = history_must_open(folder);
    history_must_commit(queue, &fork->story.history[0]);
    if (is_full) {
        history_fill_journal(queue, 1);
    }
    disk_arm(DISK_CACHE, nth, EIO, false);
    (void)!history_commit(queue, &fork->story.history[1]);
    disk_disarm();
    hit = disk_was_hit();
    failed_at = disk_op_count();
    disk_arm(DISK_SYSTEM, 1, EIO, true); /* As if it were killed: closing leaves no trace. */
    queue_close(queue);
    disk_disarm();
    queue = history_must_open(folder);
    found = history_describe(queue);
    fork->want = fork->others[strcmp(found, fork->failed) == 0];
    free(found);
    history_must_commit(queue, &fork->story.history[3]);
    disk_record(false);
    queue_close(queue);
    if (hit) {
        check_fork_moments(fork, failed_at, disk_op_count());
    }
    free(folder);
    return hit;
}

static char *text_of_other(const struct history *history, size_t before) {
    char *folder = mem_format("%s/other-model-%d", test_folder(), (int)before);
    struct queue *queue = history_must_open(folder);
    char *text;

    for (size_t i = 0; i < before; i++) {
        history_must_commit(queue, &history[i]);
    }
    history_must_commit(queue, &history[3]);
    text = history_describe(queue);
    queue_close(queue);
    free(folder);
    return text;
}

TEST_WITHIN(queue_open__settles_which_commit_was_the_last, 240) {
    struct fork_story fork = {0};

    story_init(&fork.story);
    fork.before = fork.story.texts[1];
    fork.failed = fork.story.texts[2];
    fork.others[0] = text_of_other(fork.story.history, 1);
    fork.others[1] = text_of_other(fork.story.history, 2);
    for (int is_full = 0; is_full < 2; is_full++) {
        for (int nth = 1; fail_and_go_another_way(&fork, is_full != 0, nth); nth++) {
            CHECK(nth < 50, "a commit makes so many calls");
        }
    }
    story_finish(&fork.story);
    free(fork.others[0]);
    free(fork.others[1]);
}
