#include "scheduler/log_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "tests/test.h"

/* A log of numbered lines, in parts of this size, through a file. */
static char *through_file(int lines, size_t part, size_t head, size_t tail) {
    char *path = mem_format("%s/log.zst", test_folder());
    struct log_writer_options options = {.path = path, .head_bytes = head, .tail_bytes = tail};
    struct log_writer *writer = NULL;
    struct error error = {0};
    struct buf text, back;
    struct stat info;
    int64_t bytes = 0;

    buf_init(&text, 1 << 24);
    buf_init(&back, 1 << 24);
    for (int i = 0; i < lines; i++) {
        buf_add_format(&text, "line %06d\n", i);
    }
    (void)unlink(path); /* One of before. */
    CHECK_OK(log_writer_open(&options, &writer, &error), error.text);
    for (size_t at = 0; at < text.bytes; at += part) {
        size_t count = text.bytes - at < part ? text.bytes - at : part;

        CHECK_OK(log_writer_add(writer, text.data + at, count), "add");
    }
    CHECK(access(path, F_OK) != 0, "not there before it is whole");
    CHECK_OK(log_writer_finish(writer, &bytes, &error), error.text);
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600, "for the owner alone");
    CHECK_EQ(bytes, info.st_size, "its size is told");
    CHECK_OK(log_file_read(path, &back), "read back");
    buf_finish(&text);
    free(path);
    return buf_take_text(&back);
}

TEST(log_writer__keeps_a_short_log_whole) {
    static const struct {
        const char *what;
        int lines;
        size_t part, head, tail;
    } rows[] = {
        {"empty", 0, 10, 100, 100},
        {"below the head", 5, 7, 100, 100},
        {"into the tail", 15, 1000, 100, 100},
        {"to the last byte of both", 20, 3, 120, 120},
        {"large, in one part", 100000, 1 << 24, 1 << 20, 1 << 20},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = through_file(rows[i].lines, rows[i].part, rows[i].head, rows[i].tail);
        char last[32] = "";

        CHECK_EQ(strlen(text), (size_t)rows[i].lines * 12, rows[i].what);
        if (rows[i].lines > 0) {
            (void)snprintf(last, sizeof last, "line %06d\n", rows[i].lines - 1);
            CHECK_STR(text + strlen(text) - 12, last, rows[i].what);
        }
        free(text);
    }
}

TEST(log_writer__cuts_the_middle_of_a_long_one_and_says_so) {
    for (size_t part = 1; part < 5000; part = part * 3 + 1) {
        char *text = through_file(1000, part, 24, 48);

        /* Of the last 48 bytes the first line goes, too: it may be the end of one. */
        CHECK_STR(text,
                  "line 000000\nline 000001\n"
                  "\n[nightshift: 11940 bytes of this log were cut out here]\n"
                  "line 000997\nline 000998\nline 000999\n",
                  "head, mark, tail");
        free(text);
    }
}

TEST(log_writer__leaves_nothing_behind_when_it_is_given_up) {
    char *path = mem_format("%s/log.zst", test_folder());
    char *part = mem_format("%s" LOG_FILE_PART, path);
    struct log_writer_options options = {.path = path, .head_bytes = 10, .tail_bytes = 10};
    struct log_writer *writer = NULL;
    struct error error = {0};

    CHECK_OK(log_writer_open(&options, &writer, &error), error.text);
    CHECK_OK(log_writer_add(writer, "abc", 3), "add");
    CHECK(access(part, F_OK) == 0, "it is being written");
    log_writer_abandon(writer);
    CHECK(access(part, F_OK) != 0 && access(path, F_OK) != 0, "nothing is left");
    free(part);
    free(path);
}

static void write_lines(struct log_writer *writer, int lines) {
    char line[32];

    for (int i = 0; i < lines; i++) {
        (void)snprintf(line, sizeof line, "line %06d\n", i);
        CHECK_OK(log_writer_add(writer, line, strlen(line)), "add");
    }
}

TEST(log_file_salvage__keeps_what_was_written_and_says_that_it_is_not_all) {
    static const struct {
        const char *what;
        int lines;
        bool suspended; /* else killed */
        size_t want_least;
        off_t cut; /* of the file, by a disk */
    } rows[] = {
        {"suspended: all that came", 100, true, 1200, 0},
        {"suspended: the end of a long one, too", 30000, true, 250000, 0},
        {"killed: whole frames of 64 KiB", 20000, false, 3 * 65536, 0},
        {"killed: a frame was cut off", 20000, false, 2 * 65536, 7},
        {"killed: nothing yet", 100, false, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *path = mem_format("%s/%zu.zst", test_folder(), i);
        char *part = mem_format("%s" LOG_FILE_PART, path);
        struct log_writer_options options = {
            .path = path, .head_bytes = 1 << 18, .tail_bytes = 1 << 14};
        struct log_writer *writer = NULL;
        struct error error = {0};
        struct stat info;
        struct buf text;
        int64_t bytes = -1;
        pid_t pid;

        pid = fork();
        if (pid == 0) {
            CHECK_OK(log_writer_open(&options, &writer, &error), error.text);
            write_lines(writer, rows[i].lines);
            if (rows[i].suspended) {
                log_writer_suspend(writer);
            }
            _exit(0);
        }
        CHECK_EQ(waitpid(pid, NULL, 0), pid, rows[i].what);
        CHECK_OK(stat(part, &info), rows[i].what);
        CHECK_OK(truncate(part, info.st_size - rows[i].cut), rows[i].what);
        buf_init(&text, 1 << 24);
        if (rows[i].want_least == 0) {
            CHECK_EQ(log_file_salvage(path, &bytes), ERR_NOT_FOUND, rows[i].what);
        } else {
            CHECK_OK(log_file_salvage(path, &bytes), rows[i].what);
            CHECK_OK(log_file_read(path, &text), rows[i].what);
            CHECK(text.bytes > rows[i].want_least, rows[i].what);
            CHECK(strncmp(buf_text(&text), "line 000000\nline 000001\n", 24) == 0, rows[i].what);
            CHECK(strstr(buf_text(&text), "the daemon ended here") != NULL, rows[i].what);
            CHECK(stat(path, &info) == 0 && info.st_size == bytes, rows[i].what);
        }
        CHECK(access(part, F_OK) != 0, rows[i].what);
        buf_finish(&text);
        free(part);
        free(path);
    }
}

TEST(log_writer_open__says_what_is_wrong_with_the_place) {
    struct log_writer_options options = {.path = "/nowhere/at/all"};
    struct log_writer *writer = NULL;
    struct error error = {0};

    CHECK_EQ(log_writer_open(&options, &writer, &error), ERR_IO, "no such folder");
    CHECK(strstr(error.text, "/nowhere/at/all") != NULL, error.text);
}

TEST(log_file_read__refuses_what_is_damaged) {
    char *path = mem_format("%s/log.zst", test_folder());
    struct stat info;
    struct buf out;

    free(through_file(2000, 100, 1 << 20, 1 << 20));
    CHECK(stat(path, &info) == 0, "its size");
    for (off_t at = 0; at < info.st_size; at += 1 + info.st_size / 50) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        char byte = 0;
        int r;

        CHECK(pread(fd, &byte, 1, at) == 1, "read");
        byte = (char)(byte ^ 0x20);
        CHECK(pwrite(fd, &byte, 1, at) == 1, "damage");
        buf_init(&out, 1 << 20);
        r = log_file_read(path, &out);
        CHECK(r == ERR_CORRUPT || r == ERR_NO_MEMORY || (at == 4 && r == OK), "refused");
        buf_finish(&out);
        byte = (char)(byte ^ 0x20);
        CHECK(pwrite(fd, &byte, 1, at) == 1, "repair");
        close(fd);
    }
    CHECK(truncate(path, info.st_size / 2) == 0, "cut");
    buf_init(&out, 1 << 20);
    CHECK_EQ(log_file_read(path, &out), ERR_CORRUPT, "half of it");
    CHECK(truncate(path, 0) == 0, "cut");
    CHECK_EQ(log_file_read(path, &out), ERR_CORRUPT, "nothing of it");
    CHECK(unlink(path) == 0, "remove");
    CHECK_EQ(log_file_read(path, &out), ERR_NOT_FOUND, "it is not there");
    buf_finish(&out);
    free(path);
}

TEST(log_file_read__stops_at_its_room) {
    char *path = mem_format("%s/log.zst", test_folder());
    struct buf out;

    free(through_file(2000, 100, 1 << 20, 1 << 20));
    buf_init(&out, 1000);
    CHECK_EQ(log_file_read(path, &out), ERR_FULL, "too little room");
    buf_finish(&out);
    free(path);
}
