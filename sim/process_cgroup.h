/* sim/process_cgroup.h - memory limits that the kernel holds: a control group for each container.
 *
 * Owns one group of ours ("kubesim-PID"), below the group we are in or the nearest above it in
 * which groups with a memory limit can be made, and the containers' groups in it. Version 2
 * (memory.max, memory.oom.group) where its memory controller is given to us, else version 1.
 * Groups that a kubesim left when it was killed are removed by the next.
 */
#ifndef SIM_PROCESS_CGROUP_H
#define SIM_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct process_cgroup;
struct process_cgroups;

/* Tries it: makes a group, sets a limit, lets a child enter it. ERR_NOT_FOUND, with the reason:
 * this is not to be had here. */
int process_cgroups_open(struct process_cgroups **out, struct error *error) MUST_CHECK;

/* After all of its groups. Accepts NULL. */
void process_cgroups_close(struct process_cgroups *groups);

int process_cgroups_version(const struct process_cgroups *groups); /* 1 or 2 */
const char *process_cgroups_folder(const struct process_cgroups *groups);

/* A group that holds at most this many bytes, swap included. ERR_IO with words. */
int process_cgroup_create(struct process_cgroups *groups, const char *name, int64_t bytes_max,
                          struct process_cgroup **out, struct error *error) MUST_CHECK;

/* When all in it have ended. Accepts NULL. */
void process_cgroup_destroy(struct process_cgroup *group);

/* A process that writes "0" to it is in the group, and all it starts then are. */
int process_cgroup_fd(const struct process_cgroup *group);

/* Has the kernel killed one of the group for want of memory? */
bool process_cgroup_killed(const struct process_cgroup *group);

#endif
