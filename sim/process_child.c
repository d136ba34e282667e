#include "sim/process_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "sim/process.h"
#include "sim/process_cgroup.h"
#include "sim/process_mounts.h"

extern char **environ;

/* --- The command ------------------------------------------------------------------------------ */

_Noreturn static void give_up(int report_fd, const struct error *error) {
    (void)!write(report_fd, error->text, strlen(error->text));
    _exit(PROCESS_START_FAILED);
}

static int take_outputs(const struct process_child *child) {
    int null_fd = open("/dev/null", O_RDONLY);

    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(child->log_fd, STDOUT_FILENO) < 0 ||
        dup2(child->log_fd, STDERR_FILENO) < 0) {
        return -1;
    }
    return close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

/* All that it starts will be in it, too. */
static int enter_group(const struct process_cgroup *group, struct error *error) {
    if (group != NULL && write(process_cgroup_fd(group), "0", 1) != 1) {
        return error_set(error, ERR_IO, "cgroup: %s", strerror(errno));
    }
    return OK;
}

static void reset_signals(void) {
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void become_command(const struct process_child *child) {
    const struct process_options *options = child->options;
    struct error error = {0};
    int r;

    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    r = enter_group(options->group, &error);
    if (r == OK && options->isolated) {
        r = process_mounts_enter(options, &error);
    }
    if (r == OK && chdir(options->folder) != 0) {
        r = error_set(&error, ERR_IO, "chdir to \"%s\": %s", options->folder, strerror(errno));
    }
    if (r == OK && take_outputs(child) != 0) {
        r = error_set(&error, ERR_IO, "outputs: %s", strerror(errno));
    }
    if (r != OK) {
        give_up(child->report_fd, &error);
    }
    reset_signals();
    environ = (char **)(uintptr_t)options->environment; /* PATH is the container's. */
    (void)execvp(options->arguments[0], (char *const *)(uintptr_t)options->arguments);
    (void)error_set(&error, ERR_IO, "exec: \"%s\": %s", options->arguments[0], strerror(errno));
    give_up(child->report_fd, &error);
}

/* --- The shim --------------------------------------------------------------------------------- */

/* Kill each child. What a killed child leaves behind becomes ours, and is killed in its turn. */
static void kill_children(void) {
    char path[64];
    FILE *file;
    int pid;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%d", &pid) == 1) {
        (void)kill(pid, SIGKILL);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static int code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

_Noreturn static void end_with(int code) {
    do {
        kill_children();
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
    _exit(code);
}

static void reap(pid_t command) {
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            end_with(code_of(status));
        }
    }
}

_Noreturn static void watch_command(pid_t command, const sigset_t *signals) {
    for (;;) {
        int number = sigwaitinfo(signals, NULL);

        if (number == SIGTERM) {
            (void)kill(command, SIGTERM);
        } else if (number == SIGUSR2) {
            (void)kill(command, SIGKILL);
            kill_children();
        }
        reap(command);
    }
}

static int prepare(const struct process_child *child, struct error *error) {
    int r = child->options->isolated ? process_mounts_unshare(error) : OK;

    if (r == OK &&
        (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGUSR2) != 0)) {
        r = error_set(error, ERR_IO, "prctl: %s", strerror(errno));
    }
    return r;
}

_Noreturn void process_child_run(const struct process_child *child) {
    struct error error = {0};
    sigset_t signals;
    pid_t command;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGUSR2);
    (void)sigprocmask(SIG_SETMASK, &signals, NULL);
    if (prepare(child, &error) != OK) {
        give_up(child->report_fd, &error);
    }
    if (getppid() != child->parent) {
        _exit(PROCESS_START_FAILED); /* It died before the kernel knew that we want to know. */
    }
    command = fork();
    if (command == 0) {
        become_command(child);
    }
    if (command < 0) {
        (void)error_set(&error, ERR_IO, "fork: %s", strerror(errno));
        give_up(child->report_fd, &error);
    }
    (void)close_range(0, ~0u, 0);
    watch_command(command, &signals);
}
