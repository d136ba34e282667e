/* sim/process_memory.h - how much memory processes and all their descendants hold. */
#ifndef SIM_PROCESS_MEMORY_H
#define SIM_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_memory {
    pid_t root;
    int64_t bytes; /* filled in: resident and not of a file, without the root's own */
};

/* Reads /proc once for all of them. Cost O(processes of the machine). */
void process_memory_measure(struct process_memory *items, size_t count);

#endif
