/* sim/cgroup_place.h - where the kernel keeps this process's memory group, by its own tables.
 *
 * Pure: texts in, a folder out. Version 2 is preferred; version 1's memory controller is found
 * where a machine has both and gives it to that.
 */
#ifndef SIM_CGROUP_PLACE_H
#define SIM_CGROUP_PLACE_H

#include <stdbool.h>

/* Both are owned by the caller. */
struct cgroup_place {
    char *mount; /* the root of the tree; NULL: there is none */
    char *own;   /* the group of the process that the tables are of: in mount, or mount itself */
};

/* mountinfo and groups: the texts of /proc/self/mountinfo and /proc/self/cgroup. False, and
 * nothing in *out, where there is no tree of this version. */
bool cgroup_place_v2(const char *mountinfo, const char *groups, struct cgroup_place *out);
bool cgroup_place_v1_memory(const char *mountinfo, const char *groups, struct cgroup_place *out);

void cgroup_place_finish(struct cgroup_place *place);

/* Does a list such as "cpu memory pids" have the word? separator is between its words. */
bool cgroup_list_has(const char *list, const char *word, char separator);

#endif
