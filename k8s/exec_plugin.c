#include "k8s/exec_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/pipe.h"
#include "base/poller.h"

/* One of the program's outputs. */
struct stream {
    struct poller_fd watch; /* fd -1: closed */
    struct buf bytes;
};

struct exec_plugin {
    struct poller *poller;
    exec_plugin_done *done;
    void *context;
    pid_t pid;
    struct poller_fd end; /* a pidfd: readable once the program has ended */
    struct poller_timer limit;
    struct stream output;
    struct stream error_output;
    bool timed_out;
};

/* --- Starting --------------------------------------------------------------------------------- */

/* The program begins with no signal blocked or ignored, in a process group of its own. */
static void set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none;
    sigset_t usual;

    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    (void)sigaddset(&usual, SIGHUP);
    (void)sigaddset(&usual, SIGINT);
    (void)sigaddset(&usual, SIGTERM);
    (void)sigaddset(&usual, SIGCHLD);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    (void)posix_spawnattr_setsigdefault(attributes, &usual);
    (void)posix_spawnattr_setpgroup(attributes, 0);
    (void)posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETPGROUP);
}

static char **make_argv(const struct exec_plugin_options *options) {
    size_t count = 0;
    char **argv;

    while (options->args[count] != NULL) {
        count++;
    }
    argv = mem_alloc(count + 2, sizeof *argv);
    argv[0] = mem_copy_text(options->command);
    memcpy(argv + 1, options->args, count * sizeof *argv);
    return argv;
}

/* Returns an errno. */
static int spawn(const struct exec_plugin_options *options, int output_fd, int error_fd,
                 pid_t *out_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **argv;
    int number = posix_spawn_file_actions_init(&actions);

    if (number != 0) {
        return number;
    }
    number = posix_spawnattr_init(&attributes);
    if (number != 0) {
        goto out;
    }
    set_attributes(&attributes);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
    argv = make_argv(options);
    number =
        posix_spawnp(out_pid, options->command, &actions, &attributes, argv, options->environment);
    free(argv[0]);
    free(argv);
    (void)posix_spawnattr_destroy(&attributes);
out:
    (void)posix_spawn_file_actions_destroy(&actions);
    return number;
}

static int fail(const char *command, int number, struct error *error) {
    return error_set(error, err_from_errno(number), "can't run %s: %s", command, strerror(number));
}

/* --- Ending ----------------------------------------------------------------------------------- */

static void close_watch(struct exec_plugin *plugin, struct poller_fd *watch) {
    if (watch->fd >= 0) {
        poller_fd_set(plugin->poller, watch, 0);
        (void)close(watch->fd);
        watch->fd = -1;
    }
}

/* The exit status, as a shell counts. The child has ended or been killed. */
static int reap(pid_t pid) {
    siginfo_t info = {0};

    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0) {
        if (errno != EINTR) {
            return 0; /* Somebody else has reaped it. */
        }
    }
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void exec_plugin_destroy(struct exec_plugin *plugin) {
    if (plugin == NULL) {
        return;
    }
    poller_timer_stop(plugin->poller, &plugin->limit);
    close_watch(plugin, &plugin->end);
    close_watch(plugin, &plugin->output.watch);
    close_watch(plugin, &plugin->error_output.watch);
    if (plugin->pid > 0) {
        (void)kill(-plugin->pid, SIGKILL);
        (void)reap(plugin->pid);
    }
    if (plugin->output.bytes.data != NULL) {
        explicit_bzero(plugin->output.bytes.data, plugin->output.bytes.bytes);
    }
    buf_finish(&plugin->output.bytes);
    buf_finish(&plugin->error_output.bytes);
    free(plugin);
}

static void kill_all(struct exec_plugin *plugin) {
    if (plugin->pid > 0) {
        (void)kill(-plugin->pid, SIGKILL);
    }
}

/* Read what there is; close at the end. More than the bound ends the program. */
static void drain(struct exec_plugin *plugin, struct stream *stream) {
    char part[4096];

    while (stream->watch.fd >= 0 && !stream->bytes.full) {
        ssize_t got = read(stream->watch.fd, part, sizeof part);

        if (got > 0) {
            buf_add(&stream->bytes, part, (size_t)got);
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_watch(plugin, &stream->watch);
        } else if (errno == EAGAIN) {
            return;
        }
    }
    if (stream->bytes.full) {
        close_watch(plugin, &stream->watch);
        kill_all(plugin);
    }
}

static void make_printable(struct buf *text) {
    for (size_t i = 0; i < text->bytes; i++) {
        unsigned char byte = (unsigned char)text->data[i];

        if (byte < 0x20 || byte >= 0x7f) {
            text->data[i] = ' ';
        }
    }
    while (text->bytes > 0 && text->data[text->bytes - 1] == ' ') {
        text->data[--text->bytes] = '\0';
    }
}

static void on_end(struct poller_fd *watch, unsigned events) {
    struct exec_plugin *plugin = watch->owner;
    struct exec_plugin_result result = {.timed_out = plugin->timed_out};

    (void)events;
    /* A grandchild may hold the outputs open: what is there now is all that counts. */
    drain(plugin, &plugin->output);
    drain(plugin, &plugin->error_output);
    result.exit_status = reap(plugin->pid);
    (void)kill(-plugin->pid, SIGKILL);
    plugin->pid = 0;
    make_printable(&plugin->error_output.bytes);
    result.output_too_large = plugin->output.bytes.full;
    result.output = buf_text(&plugin->output.bytes);
    result.output_bytes = plugin->output.bytes.bytes;
    result.error_output = buf_text(&plugin->error_output.bytes);
    close_watch(plugin, &plugin->end);
    poller_timer_stop(plugin->poller, &plugin->limit);
    plugin->done(plugin->context, &result);
}

static void on_output(struct poller_fd *watch, unsigned events) {
    struct exec_plugin *plugin = watch->owner;

    (void)events;
    drain(plugin, watch == &plugin->output.watch ? &plugin->output : &plugin->error_output);
}

static void on_limit(struct poller_timer *timer) {
    struct exec_plugin *plugin = timer->owner;

    plugin->timed_out = true;
    kill_all(plugin); /* on_end() follows. */
}

static void watch_fd(struct exec_plugin *plugin, struct poller_fd *watch, int fd,
                     void (*on_ready)(struct poller_fd *watch, unsigned events)) {
    *watch = (struct poller_fd){.fd = fd, .on_ready = on_ready, .owner = plugin};
    poller_fd_set(plugin->poller, watch, POLLER_READ);
}

int exec_plugin_start(const struct exec_plugin_options *options, exec_plugin_done *done,
                      void *context, struct exec_plugin **out_plugin, struct error *error) {
    struct pipe_pair output = PIPE_CLOSED;
    struct pipe_pair error_output = PIPE_CLOSED;
    struct exec_plugin *plugin;
    pid_t pid;
    int end_fd;
    int number = pipe_open(&output);

    if (number == 0) {
        number = pipe_open(&error_output);
    }
    if (number == 0) {
        number = spawn(options, output.write_fd, error_output.write_fd, &pid);
    }
    if (number != 0) {
        pipe_close(&output);
        pipe_close(&error_output);
        return fail(options->command, number, error);
    }
    end_fd = pidfd_open(pid, 0);
    if (end_fd < 0) {
        number = errno;
        (void)kill(-pid, SIGKILL);
        (void)reap(pid);
        pipe_close(&output);
        pipe_close(&error_output);
        return fail(options->command, number, error);
    }
    (void)close(output.write_fd);
    (void)close(error_output.write_fd);
    plugin = mem_alloc(1, sizeof *plugin);
    *plugin = (struct exec_plugin){
        .poller = options->poller, .done = done, .context = context, .pid = pid};
    buf_init(&plugin->output.bytes, options->output_bytes_max);
    buf_init(&plugin->error_output.bytes, options->output_bytes_max);
    watch_fd(plugin, &plugin->end, end_fd, on_end);
    watch_fd(plugin, &plugin->output.watch, output.read_fd, on_output);
    watch_fd(plugin, &plugin->error_output.watch, error_output.read_fd, on_output);
    plugin->limit = (struct poller_timer){.on_time = on_limit, .owner = plugin};
    poller_timer_set(plugin->poller, &plugin->limit, options->time_limit_us);
    *out_plugin = plugin;
    return OK;
}
