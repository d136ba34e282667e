#include "scheduler/log_shelf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

#define SECOND   INT64_C(1000000)
#define START_US (INT64_C(1800000000) * SECOND)
#define AGE_US   (100 * SECOND)

static const struct log_shelf_limits limits = {.bytes_max = 100, .age_us_max = AGE_US};

static struct log_shelf *open_shelf(int64_t now_us) {
    char *folder = mem_format("%s/logs", test_folder());
    struct log_shelf *shelf = NULL;
    struct error error = {0};

    CHECK_OK(log_shelf_open(folder, &limits, now_us, &shelf, &error), error.text);
    free(folder);
    return shelf;
}

static void put(struct log_shelf *shelf, const struct log_key *key, int64_t bytes, int64_t now_us) {
    char *path = log_shelf_make_path(shelf, key);
    struct timespec times[2] = {{.tv_sec = now_us / SECOND}, {.tv_sec = now_us / SECOND}};
    FILE *file = fopen(path, "we");

    CHECK(file != NULL, path);
    for (int64_t i = 0; i < bytes; i++) {
        CHECK(fputc('x', file) == 'x', "write");
    }
    CHECK(fclose(file) == 0 && utimensat(AT_FDCWD, path, times, 0) == 0, "its time");
    log_shelf_note(shelf, key, bytes, now_us);
    free(path);
}

static bool trim_all(struct log_shelf *shelf, int64_t now_us) {
    while (log_shelf_trim(shelf, now_us)) {
    }
    return true;
}

TEST(log_shelf__names_jobs_attempts_and_pods_apart) {
    static const struct log_key keys[] = {{1, 1, 0},  {1, 2, 0},    {1, 1, 1},
                                          {1, 1, 12}, {1001, 1, 0}, {11, 1, 0}};
    struct log_shelf *shelf = open_shelf(START_US);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CHECK(!log_shelf_has(shelf, &keys[i]), "not there yet");
        put(shelf, &keys[i], 1, START_US);
        CHECK(log_shelf_has(shelf, &keys[i]), "there");
    }
    CHECK_EQ(log_shelf_figures(shelf).files, ARRAY_LEN(keys), "all are their own");
    log_shelf_close(shelf);
    shelf = open_shelf(START_US);
    CHECK_EQ(log_shelf_figures(shelf).files, ARRAY_LEN(keys), "and found again");
    CHECK_EQ(log_shelf_figures(shelf).bytes, (int64_t)ARRAY_LEN(keys), "with their sizes");
    log_shelf_close(shelf);
}

TEST(log_shelf_trim__removes_the_oldest_beyond_size_and_age) {
    struct log_shelf *shelf = open_shelf(START_US);
    struct log_key old = {1, 1, 0}, middle = {2, 1, 0}, young = {3, 1, 0};

    put(shelf, &old, 40, START_US);
    put(shelf, &middle, 40, START_US + 10 * SECOND);
    CHECK(trim_all(shelf, START_US + 10 * SECOND) && log_shelf_has(shelf, &old), "room for both");
    put(shelf, &young, 40, START_US + 20 * SECOND);
    trim_all(shelf, START_US + 20 * SECOND);
    CHECK(!log_shelf_has(shelf, &old), "the oldest makes room");
    CHECK(log_shelf_has(shelf, &middle) && log_shelf_has(shelf, &young), "the others stay");
    trim_all(shelf, START_US + 10 * SECOND + AGE_US);
    CHECK(log_shelf_has(shelf, &middle), "to the instant");
    trim_all(shelf, START_US + 10 * SECOND + AGE_US + 1);
    CHECK(!log_shelf_has(shelf, &middle) && log_shelf_has(shelf, &young), "and no longer");
    CHECK_EQ(log_shelf_figures(shelf).removed, 2, "counted");
    CHECK_EQ(log_shelf_figures(shelf).bytes, 40, "what is left");
    log_shelf_close(shelf);
    /* The same by the files' own times, after a restart. */
    shelf = open_shelf(START_US + 20 * SECOND + AGE_US + SECOND);
    CHECK_EQ(log_shelf_figures(shelf).files, 0, "too old when it is opened");
    log_shelf_close(shelf);
}

TEST(log_shelf_note__knows_one_that_is_written_again) {
    struct log_shelf *shelf = open_shelf(START_US);
    struct log_key key = {1, 1, 0}, other = {2, 1, 0};

    put(shelf, &key, 10, START_US);
    put(shelf, &other, 10, START_US + SECOND);
    put(shelf, &key, 30, START_US + 2 * SECOND);
    CHECK_EQ(log_shelf_figures(shelf).files, 2, "one file each");
    CHECK_EQ(log_shelf_figures(shelf).bytes, 40, "with its new size");
    trim_all(shelf, START_US + SECOND + AGE_US + 1);
    CHECK(log_shelf_has(shelf, &key) && !log_shelf_has(shelf, &other), "and its new age");
    log_shelf_close(shelf);
}

TEST(log_shelf_open__clears_up_after_a_crash_and_leaves_strangers_alone) {
    struct log_shelf *shelf = open_shelf(START_US);
    struct log_key key = {1, 1, 0}, empty = {2, 1, 0};
    char *path = log_shelf_make_path(shelf, &key);
    char *part = mem_format("%s.part", path);
    char *stranger = mem_format("%s/logs/0/notes.txt", test_folder());
    struct log_key none = {3, 1, 0};

    put(shelf, &none, 5, START_US);
    put(shelf, &empty, 0, START_US);
    log_shelf_close(shelf);
    CHECK(fclose(fopen(part, "we")) == 0 && fclose(fopen(stranger, "we")) == 0, "files");
    shelf = open_shelf(START_US);
    CHECK(access(part, F_OK) != 0, "half of a log goes");
    CHECK(!log_shelf_has(shelf, &empty), "and one that the power took the content of");
    CHECK(access(stranger, F_OK) == 0, "what is not ours stays");
    CHECK_EQ(log_shelf_figures(shelf).files, 1, "one is left");
    log_shelf_close(shelf);
    free(stranger);
    free(part);
    free(path);
}
