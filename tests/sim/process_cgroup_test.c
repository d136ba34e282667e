#include "sim/process_cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

#define MIB ((size_t)1024 * 1024)

static struct process_cgroups *open_groups(void) {
    struct process_cgroups *groups = NULL;
    struct error error = {0};

    if (process_cgroups_open(&groups, &error) != OK) {
        printf("no memory limits by the kernel here: %s\n", error.text);
        SKIP("no control group with a memory limit can be made here");
    }
    return groups;
}

/* Enter the group and touch so much memory. */
static int run_in(const struct process_cgroup *group, size_t bytes) {
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        char *memory = malloc(bytes);

        if (write(process_cgroup_fd(group), "0", 1) != 1 || memory == NULL) {
            _exit(1);
        }
        for (size_t i = 0; i < bytes; i += 4096) {
            ((volatile char *)memory)[i] = 1;
        }
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

TEST(process_cgroup__kills_what_needs_more_than_its_limit) {
    struct process_cgroups *groups = open_groups();
    struct process_cgroup *fat = NULL;
    struct process_cgroup *slim = NULL;
    struct process_cgroup *again = NULL;
    struct error error = {0};
    char *folder = mem_copy_text(process_cgroups_folder(groups));
    int status;

    CHECK_OK(process_cgroup_create(groups, "fat", 32 * (int64_t)MIB, &fat, &error), error.text);
    CHECK_OK(process_cgroup_create(groups, "slim", 256 * (int64_t)MIB, &slim, &error), error.text);
    CHECK_EQ(process_cgroup_create(groups, "fat", 1, &again, &error), ERR_IO, "a name, twice");
    CHECK(!process_cgroup_killed(fat), "nothing has run yet");

    status = run_in(fat, 96 * MIB);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it was killed");
    CHECK(process_cgroup_killed(fat), "and the kernel says so");

    CHECK_EQ(run_in(slim, 96 * MIB), 0, "enough is enough");
    CHECK(!process_cgroup_killed(slim), "nobody was killed");

    process_cgroup_destroy(fat);
    process_cgroup_destroy(slim);
    process_cgroups_close(groups);
    CHECK_EQ(access(folder, F_OK), -1, "nothing is left");
    free(folder);
}

/* A folder of the kernel's, and one in it, as one has them who is killed. */
static void leave_groups(void) {
    struct process_cgroups *groups = NULL;
    struct process_cgroup *group = NULL;
    struct error error = {0};

    _exit(process_cgroups_open(&groups, &error) == OK &&
                  process_cgroup_create(groups, "left", 1 << 30, &group, &error) == OK
              ? 0
              : 1);
}

TEST(process_cgroups_open__removes_what_a_killed_one_left) {
    struct process_cgroups *groups = open_groups();
    char *own = mem_copy_text(process_cgroups_folder(groups));
    char *theirs;
    int status = -1;
    pid_t pid;

    process_cgroups_close(groups);
    pid = fork();
    if (pid == 0) {
        leave_groups();
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid, "it ended");
    CHECK_EQ(status, 0, "it made its groups");
    *strrchr(own, '-') = '\0';
    theirs = mem_format("%s-%d/left", own, (int)pid);
    CHECK_EQ(access(theirs, F_OK), 0, "and left them");
    groups = open_groups();
    CHECK_EQ(access(theirs, F_OK), -1, "they are gone");
    process_cgroups_close(groups);
    free(theirs);
    free(own);
}
