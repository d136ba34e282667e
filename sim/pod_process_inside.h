/* sim/pod_process_inside.h - what a pod's process and its containers know of each other. */
#ifndef SIM_POD_PROCESS_INSIDE_H
#define SIM_POD_PROCESS_INSIDE_H

#include "sim/pod_volumes.h"

struct pod_container_start;
struct pod_process;

/* One of its containers has ended. */
void pod_process_note_change(struct pod_process *process);

struct pod_volumes_query pod_process_volumes(const struct pod_container_start *start);

#endif
