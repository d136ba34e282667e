/* sim/process.h - a container that is a local process, with the folders it is to see.
 *
 * Owns one child of ours, the shim (sim/process_child.h), and through it everything that the
 * command starts: none of them outlives the shim, and the shim does not outlive us. What the
 * command writes to its outputs is kept, the oldest going first. Never blocks for longer than
 * a fork.
 *
 * Isolated: in mount, process and host name namespaces of its own (and in a user namespace where
 * we are not root), below an overlay whose lower layers are the image and the machine's own root.
 * Not isolated: among the machine's own files; whoever starts it maps paths.
 */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct buf;
struct poller;
struct process;
struct process_cgroup;

#define PROCESS_KILLED (128 + 9)

struct process_mount {
    const char *source; /* a file or a directory that is there */
    const char *target; /* an absolute path */
    bool read_only;
};

struct process_options {
    struct poller *poller;
    bool isolated;
    const char *root;     /* of the image, laid over the machine's root; "/" is that itself */
    const char *scratch;  /* an empty directory, used when isolated */
    const char *hostname; /* used when isolated */
    const char *folder;   /* to work in */
    const char *const *arguments;       /* the command first; NULL at the end */
    const char *const *environment;     /* "NAME=value"; NULL at the end */
    const struct process_mount *mounts; /* used when isolated */
    size_t mount_count;
    const struct process_cgroup *group; /* to be in; NULL: none of its own */
    size_t log_bytes_max;
    void (*on_end)(void *context); /* once, when all of it has ended; may destroy the process */
    void *context;
};

/* Borrows the options for the call. ERR_IO: no process or descriptor can be had. A command that
 * can't be run ends at once, with process_failure(). */
int process_start(const struct process_options *options, struct process **out_process,
                  struct error *error) MUST_CHECK;

/* Kills what is left. Accepts NULL. */
void process_destroy(struct process *process);

/* SIGTERM to the command. */
void process_terminate(struct process *process);

/* SIGKILL to all that it has started. The end is told later, as always. */
void process_kill(struct process *process);

bool process_ended(const struct process *process);

/* Once it has ended: as a shell counts, 128 and the signal's number for one that was killed. */
int process_exit_code(const struct process *process);

/* Why the command could not be run; NULL when it was. */
const char *process_failure(const struct process *process);

/* Of the shim, whose descendants all the others are. 0 once it has ended. */
pid_t process_pid(const struct process *process);

/* Append what was written from this byte on, counted from the first ever written. Returns the
 * number of the next. */
size_t process_read_log(const struct process *process, size_t from, struct buf *out);

/* Can processes be isolated here? Tries it. The reason in *error if not. */
bool process_can_isolate(const char *scratch, struct error *error);

#endif
