#include "queue/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

static int open_file(void) {
    char *path = mem_format("%s/file", test_folder());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0, path);
    free(path);
    return fd;
}

static struct writer *must_create(void) {
    struct writer *writer = NULL;

    CHECK_EQ(writer_create(&writer), OK, "a thread");
    return writer;
}

static bool is_readable(const struct writer *writer, int wait_ms) {
    struct pollfd watch = {.fd = writer_fd(writer), .events = POLLIN};

    return poll(&watch, 1, wait_ms) == 1;
}

static int do_write(void *context) {
    return writer_do(context);
}

/* The work is the caller's, until it has ended. */
static void begin(struct writer *writer, struct writer_work *work) {
    writer_begin(writer, &(struct writer_job){.run = do_write, .context = work});
}

/* A job that shares what it has, or does not, before it waits to be let go. */
struct sharing {
    struct writer *writer;
    int go_fd; /* readable: go on */
    bool shares;
};

static int share_and_wait(void *context) {
    struct sharing *sharing = context;
    struct pollfd watch = {.fd = sharing->go_fd, .events = POLLIN};

    if (sharing->shares) {
        writer_share(sharing->writer);
    }
    CHECK_EQ(poll(&watch, 1, 60000), 1, "let go");
    return 7;
}

TEST(writer__shares_before_its_end) {
    struct writer *writer = must_create();

    for (size_t i = 0; i < 4; i++) {
        struct sharing sharing = {.writer = writer, .shares = i % 2 == 0};
        int pipe_fds[2];

        CHECK_EQ(pipe(pipe_fds), 0, "pipe");
        sharing.go_fd = pipe_fds[0];
        writer_begin(writer, &(struct writer_job){.run = share_and_wait, .context = &sharing});
        CHECK_EQ(writer_shares(writer, sharing.shares ? 60000 : 5), sharing.shares,
                 "while it runs");
        CHECK(!writer_is_done(writer, 0), "it is not over");
        CHECK_EQ(write(pipe_fds[1], "x", 1), 1, "go");
        CHECK(writer_shares(writer, 60000), "once it is over everything is the owner's");
        CHECK_EQ(writer_end(writer), 7, "its result");
        CHECK_EQ(writer_has_shared(writer), sharing.shares, "the one that was ended");
        CHECK_EQ(close(pipe_fds[0]) + close(pipe_fds[1]), 0, "close");
    }
    writer_destroy(writer);
}

TEST(writer__writes_behind_its_owners_back) {
    static const char text[] = "0123456789";
    struct writer *writer = must_create();
    int fd = open_file();
    char got[sizeof text] = "";

    CHECK(!is_readable(writer, 0), "nothing is over yet");
    for (size_t i = 0; i < 10; i++) {
        struct writer_work work = {.fd = fd, .bytes = text + i, .count = 1, .at = i};

        begin(writer, &work);
        if (i % 2 == 0) {
            CHECK(is_readable(writer, 10000), "it says when it is over");
        }
        CHECK_EQ(writer_end(writer), 0, "written");
        CHECK(!is_readable(writer, 0), "and says so no more");
    }
    CHECK_EQ(pread(fd, got, sizeof got, 0), 10, "all of it");
    CHECK_STR(got, text, "each at its place");
    writer_destroy(writer);
    (void)close(fd);
}

TEST(writer__tells_what_went_wrong) {
    struct writer *writer = must_create();
    int fd = open_file();

    begin(writer, &(struct writer_work){.fd = -1, .bytes = "x", .count = 1});
    CHECK_EQ(writer_end(writer), EBADF, "no file");
    begin(writer, &(struct writer_work){.fd = fd, .bytes = "x", .count = 1});
    CHECK_EQ(writer_end(writer), 0, "the next one is another matter");
    CHECK_EQ(writer_do(&(struct writer_work){.fd = -1, .bytes = "x", .count = 1}), EBADF,
             "the same without the thread");
    writer_destroy(writer);
    (void)close(fd);
}

static int wait_for_byte(void *context) {
    char byte;

    return read(*(int *)context, &byte, 1) == 1 ? 7 : -1;
}

TEST(writer_is_done__waits_no_longer_than_it_may) {
    struct writer *writer = must_create();
    int ends[2];

    CHECK_EQ(pipe(ends), 0, "a pipe");
    writer_begin(writer, &(struct writer_job){.run = wait_for_byte, .context = &ends[0]});
    CHECK(!writer_is_done(writer, 0) && !writer_is_done(writer, 20), "it hangs");
    CHECK_EQ(write(ends[1], "x", 1), 1, "no more");
    CHECK(writer_is_done(writer, 10000), "done");
    CHECK_EQ(writer_end(writer), 7, "what it returned");
    writer_destroy(writer);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TEST(writer_destroy__ends_what_is_under_way) {
    static char block[1 << 20];
    struct writer *writer = must_create();
    int fd = open_file();

    begin(writer, &(struct writer_work){.fd = fd, .bytes = block, .count = sizeof block});
    writer_destroy(writer);
    CHECK_EQ(lseek(fd, 0, SEEK_END), (off_t)sizeof block, "nothing is left half done");
    writer_destroy(must_create()); /* without a write */
    writer_destroy(NULL);
    (void)close(fd);
}
