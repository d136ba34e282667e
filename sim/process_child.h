/* sim/process_child.h - what a forked child does to become a container. Never returns.
 *
 * Two processes: the shim waits, passes signals on and clears up; its child, in namespaces of
 * its own if wanted, becomes the command. SIGTERM to the shim is SIGTERM to the command; SIGUSR2,
 * which the kernel also sends when the parent dies, kills all there is.
 */
#ifndef SIM_PROCESS_CHILD_H
#define SIM_PROCESS_CHILD_H

#include <sys/types.h>

struct process_options;

#define PROCESS_START_FAILED 128 /* the exit code when the command could not be run */

struct process_child {
    const struct process_options *options;
    pid_t parent;
    int log_fd;    /* the command's outputs */
    int report_fd; /* takes one line, if the command can't be run */
};

_Noreturn void process_child_run(const struct process_child *child);

#endif
