/* Bytes of the file are changed at random: a queue that opens can be read to its end, and one that
 * could not be is refused. Nothing ends the process. */
#include "queue/pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rng.h"
#include "tests/queue/history.h"
#include "tests/test.h"

#define JOBS   400
#define ROUNDS 600

static char *make_queue(void) {
    char *folder = mem_format("%s/whole", test_folder());
    struct history history[HISTORY_COMMITS];
    struct queue *queue = history_must_open(folder);

    history_fill(history);
    history_must_commit(queue, &history[0]);
    for (uint64_t id = 3; id < JOBS; id++) {
        struct history more = {{history[0].changes[2], history[0].changes[1]}, 2};

        more.changes[0].job.id = id;
        more.changes[1].event.job_id = id;
        history_must_commit(queue, &more);
        if (id % 7 == 0) {
            history_must_commit(
                queue, &(struct history){{{.kind = CHANGE_JOB_DROP, .job_id = id - 3}}, 1});
        }
    }
    queue_close(queue);
    return folder;
}

static char *read_all(const char *path, size_t *out_bytes) {
    struct stat info;
    int fd = open(path, O_RDONLY);
    char *bytes;

    CHECK_EQ(fstat(fd, &info), 0, path);
    bytes = mem_alloc((size_t)info.st_size, 1);
    CHECK_EQ(read(fd, bytes, (size_t)info.st_size), info.st_size, path);
    (void)close(fd);
    *out_bytes = (size_t)info.st_size;
    return bytes;
}

static int write_all(const char *path, const char *bytes, size_t count) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK_EQ(write(fd, bytes, count), count, path);
    return fd;
}

TEST(pages_check__finds_a_whole_file_whole) {
    char *folder = make_queue();
    char *path = mem_format("%s/data.mdb", folder);
    struct error error = {0};
    int fd = open(path, O_RDONLY);

    CHECK_EQ(pages_check(fd, 0, &error), OK, error.text);
    (void)close(fd);
    free(path);
    free(folder);
}

static void count_problem(void *context, const char *text) {
    (void)text;
    ++*(size_t *)context;
}

/* As the daemon does it. Whatever it says, it comes back. */
static bool can_be_used(const char *folder) {
    struct queue *queue = NULL;
    struct error error = {0};
    size_t problems = 0;
    uint64_t all = 0;

    if (queue_open(folder, &error, &queue) != OK) {
        CHECK(error.text[0] != '\0', "with words");
        return false;
    }
    (void)!queue_verify_all(queue, count_problem, &problems, &all);
    queue_close(queue);
    return true;
}

/* Half of the rounds change a few bytes, the others tear a page or put another in its place. */
static void change(char *bytes, size_t count, int round, struct rng *rng) {
    size_t pages = count / 4096;
    size_t page = rng_below(rng, pages);
    size_t other = rng_below(rng, pages);

    if (round % 4 == 0) {
        memcpy(bytes + page * 4096, bytes + other * 4096, 512 * (1 + rng_below(rng, 8)));
    } else if (round % 4 == 1) {
        memset(bytes + page * 4096, 0, 512 * (1 + rng_below(rng, 8)));
    } else {
        for (int i = 0; i < 3; i++) { /* Mostly where the page says what it is. */
            bytes[page * 4096 + rng_below(rng, round % 4 == 2 ? 64 : 4096)] = (char)rng_next(rng);
        }
    }
}

TEST_WITHIN(queue_open__comes_back_from_any_damage, 120) {
    char *whole = make_queue();
    char *path = mem_format("%s/data.mdb", whole);
    char *folder = mem_format("%s/damaged", test_folder());
    char *target = mem_format("%s/data.mdb", folder);
    size_t count;
    char *good = read_all(path, &count);
    char *bytes = mem_alloc(count, 1);
    int refused = 0;
    struct rng rng;

    rng_init(&rng, 7);
    (void)mkdir(folder, 0700);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(bytes, good, count);
        change(bytes, count, round, &rng);
        (void)close(write_all(target, bytes, count));
        refused += !can_be_used(folder);
    }
    CHECK(refused > ROUNDS / 10, "some damage is in pages");
    CHECK(refused < ROUNDS, "and some in records alone");
    free(bytes);
    free(good);
    free(target);
    free(folder);
    free(path);
    free(whole);
}
