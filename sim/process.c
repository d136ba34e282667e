#include "sim/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/pipe.h"
#include "base/poller.h"
#include "sim/process_child.h"

#define READ_BYTES        16384
#define FAILURE_BYTES_MAX ERROR_TEXT_BYTES_MAX

struct process {
    struct poller *poller;
    pid_t pid;            /* 0: ended */
    struct poller_fd end; /* a pidfd: readable once the shim has ended */
    struct poller_fd output;
    int report_fd;
    struct buf log;
    size_t log_bytes_max;
    size_t log_dropped; /* bytes that came before those in the log */
    char *failure;
    int exit_code;
    void (*on_end)(void *context);
    void *context;
};

/* --- The log ---------------------------------------------------------------------------------- */

/* The oldest go, up to the end of a line, until half of the room is free. */
static void drop_oldest(struct process *process) {
    size_t drop;
    const char *line;

    if (process->log.bytes <= process->log_bytes_max) {
        return;
    }
    drop = process->log.bytes - process->log_bytes_max / 2;
    line = memchr(process->log.data + drop, '\n', process->log.bytes - drop);
    drop = line == NULL ? drop : (size_t)(line - process->log.data) + 1;
    buf_drop_front(&process->log, drop);
    process->log_dropped += drop;
}

static void close_watch(struct process *process, struct poller_fd *watch) {
    if (watch->fd >= 0) {
        poller_fd_set(process->poller, watch, 0);
        (void)close(watch->fd);
        watch->fd = -1;
    }
}

/* A bounded number of bytes, so that one that writes without end can't hold up the others. */
static void drain(struct process *process, int reads) {
    char part[READ_BYTES];

    for (int i = 0; i < reads && process->output.fd >= 0; i++) {
        ssize_t got = read(process->output.fd, part, sizeof part);

        if (got > 0) {
            buf_add(&process->log, part, (size_t)got);
            drop_oldest(process);
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_watch(process, &process->output);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

size_t process_read_log(const struct process *process, size_t from, struct buf *out) {
    size_t skip = from > process->log_dropped ? from - process->log_dropped : 0;

    if (skip < process->log.bytes) {
        buf_add(out, process->log.data + skip, process->log.bytes - skip);
    }
    return process->log_dropped + process->log.bytes;
}

/* --- The end ---------------------------------------------------------------------------------- */

static int reap(pid_t pid) {
    siginfo_t info = {0};

    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0) {
        if (errno != EINTR) {
            return 0; /* Somebody else has reaped it. */
        }
    }
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void read_report(struct process *process) {
    char text[FAILURE_BYTES_MAX];
    ssize_t got = read(process->report_fd, text, sizeof text - 1);

    if (got > 0) {
        text[got] = '\0';
        process->failure = mem_copy_text(text);
    }
}

static void on_end(struct poller_fd *watch, unsigned events) {
    struct process *process = watch->owner;

    (void)events;
    drain(process, 1024); /* More than a pipe holds, and nobody is left to write. */
    read_report(process);
    process->exit_code = reap(process->pid);
    process->pid = 0;
    close_watch(process, &process->end);
    close_watch(process, &process->output);
    process->on_end(process->context);
}

static void on_output(struct poller_fd *watch, unsigned events) {
    (void)events;
    drain(watch->owner, 16);
}

void process_destroy(struct process *process) {
    if (process == NULL) {
        return;
    }
    close_watch(process, &process->end);
    close_watch(process, &process->output);
    if (process->pid > 0) {
        (void)kill(process->pid, SIGUSR2);
        (void)reap(process->pid);
    }
    (void)close(process->report_fd);
    buf_finish(&process->log);
    free(process->failure);
    free(process);
}

void process_terminate(struct process *process) {
    if (process->pid > 0) {
        (void)kill(process->pid, SIGTERM);
    }
}

void process_kill(struct process *process) {
    if (process->pid > 0) {
        (void)kill(process->pid, SIGUSR2);
    }
}

bool process_ended(const struct process *process) {
    return process->pid == 0;
}

int process_exit_code(const struct process *process) {
    return process->exit_code;
}

const char *process_failure(const struct process *process) {
    return process->failure;
}

pid_t process_pid(const struct process *process) {
    return process->pid;
}

/* --- The start -------------------------------------------------------------------------------- */

/* Returns an errno. No signal may come between the fork and the shim's own mask. */
static int spawn(const struct process_options *options, const struct pipe_pair *output,
                 const struct pipe_pair *report, pid_t *out_pid, int *out_end_fd) {
    struct process_child child = {.options = options,
                                  .parent = getpid(),
                                  .log_fd = output->write_fd,
                                  .report_fd = report->write_fd};
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int number = 0;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        process_child_run(&child);
    }
    number = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        return number;
    }
    *out_end_fd = pidfd_open(pid, 0);
    if (*out_end_fd < 0) {
        number = errno;
        (void)kill(pid, SIGUSR2);
        (void)reap(pid);
        return number;
    }
    *out_pid = pid;
    return 0;
}

static void watch_fd(struct process *process, struct poller_fd *watch, int fd,
                     void (*on_ready)(struct poller_fd *watch, unsigned events)) {
    *watch = (struct poller_fd){.fd = fd, .on_ready = on_ready, .owner = process};
    poller_fd_set(process->poller, watch, POLLER_READ);
}

int process_start(const struct process_options *options, struct process **out_process,
                  struct error *error) {
    struct pipe_pair output = PIPE_CLOSED;
    struct pipe_pair report = PIPE_CLOSED;
    struct process *process;
    pid_t pid = 0;
    int end_fd = -1;
    int number = pipe_open(&output);

    number = number == 0 ? pipe_open(&report) : number;
    number = number == 0 ? spawn(options, &output, &report, &pid, &end_fd) : number;
    if (number != 0) {
        pipe_close(&output);
        pipe_close(&report);
        return error_set(error, ERR_IO, "start %s: %s", options->arguments[0], strerror(number));
    }
    (void)close(output.write_fd);
    (void)close(report.write_fd);
    process = mem_alloc(1, sizeof *process);
    *process = (struct process){.poller = options->poller,
                                .pid = pid,
                                .report_fd = report.read_fd,
                                .log_bytes_max = options->log_bytes_max,
                                .on_end = options->on_end,
                                .context = options->context};
    buf_init(&process->log, options->log_bytes_max + READ_BYTES);
    watch_fd(process, &process->end, end_fd, on_end);
    watch_fd(process, &process->output, output.read_fd, on_output);
    *out_process = process;
    return OK;
}

/* --- What the system permits ------------------------------------------------------------------ */

bool process_can_isolate(const char *scratch, struct error *error) {
    const char *arguments[] = {"/bin/true", NULL};
    const char *environment[] = {NULL};
    struct process_options options = {.isolated = true,
                                      .root = "/",
                                      .scratch = scratch,
                                      .hostname = "probe",
                                      .folder = "/",
                                      .arguments = arguments,
                                      .environment = environment};
    struct pipe_pair output = PIPE_CLOSED;
    struct pipe_pair report = PIPE_CLOSED;
    struct process probe = {0};
    pid_t pid = 0;
    int end_fd = -1;
    int number = pipe_open(&output);
    bool can = false;

    number = number == 0 ? pipe_open(&report) : number;
    number = number == 0 ? spawn(&options, &output, &report, &pid, &end_fd) : number;
    if (number == 0) {
        can = reap(pid) == 0;
        probe.report_fd = report.read_fd;
        read_report(&probe);
        (void)close(end_fd);
    }
    if (!can) {
        (void)error_set(error, ERR_IO, "%s",
                        probe.failure == NULL ? strerror(number) : probe.failure);
    }
    free(probe.failure);
    pipe_close(&output);
    pipe_close(&report);
    return can;
}
