#include "scheduler/custody.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

/* A process that has the folder, and is stopped. */
static pid_t start_owner(const char *folder, const char *identity) {
    int ready[2];
    char byte;
    pid_t pid;

    CHECK_EQ(pipe(ready), 0, "pipe");
    pid = fork();
    if (pid == 0) {
        struct custody *custody = custody_create(folder);
        struct error error = {0};

        if (custody_take(custody, &error) != OK || custody_sign(custody, identity, &error) != OK ||
            write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    CHECK_EQ(read(ready[0], &byte, 1), 1, "it has the folder");
    (void)close(ready[0]);
    (void)close(ready[1]);
    CHECK_EQ(kill(pid, SIGSTOP), 0, "stopped");
    return pid;
}

TEST(custody__is_one_process_s_at_a_time_and_ends_with_it) {
    const char *folder = test_folder();
    pid_t pid = start_owner(folder, "host_a");
    struct custody *custody = custody_create(folder);
    char owner[LEASE_IDENTITY_BYTES];
    struct error error = {0};
    pid_t ended = 0;

    CHECK_EQ(custody_take(custody, &error), ERR_BUSY, "another has it");
    custody_owner(custody, owner);
    CHECK_STR(owner, "host_a", "and said who it is");
    CHECK_OK(custody_end_owner(custody, &ended, &error), error.text);
    CHECK_EQ(ended, pid, "stopped or not, it is ended");
    CHECK_EQ(waitpid(pid, NULL, 0), pid, "gone");
    CHECK_OK(custody_take(custody, &error), "the kernel dropped its lock");
    custody_owner(custody, owner);
    CHECK_STR(owner, "host_a", "who had it last");
    CHECK_EQ(custody_end_owner(custody, &ended, &error), ERR_NOT_FOUND, "nobody is left to end");
    CHECK_OK(custody_sign(custody, "host_b", &error), error.text);
    custody_owner(custody, owner);
    CHECK_STR(owner, "host_b", "now it is ours");
    custody_destroy(custody);
}

TEST(custody__can_be_asked_for) {
    const char *folder = test_folder();
    struct custody *owner = custody_create(folder);
    struct custody *other = custody_create(folder);
    struct error error = {0};

    CHECK_OK(custody_take(owner, &error), error.text);
    CHECK(!custody_is_claimed(owner), "nobody asks");
    custody_claim(other);
    CHECK(custody_is_claimed(owner), "somebody does");
    custody_unclaim(other);
    CHECK(!custody_is_claimed(owner), "not any more");
    custody_claim(other);
    custody_drop(owner);
    CHECK_OK(custody_take(other, &error), "it gets it");
    CHECK(!custody_is_claimed(owner), "and asks no more");
    custody_destroy(other);
    custody_destroy(owner);
}
