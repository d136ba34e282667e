/* sim/process_mounts.h - the namespaces and the file tree of an isolated process.
 *
 * Both functions change the calling process, which is a child that is about to become a
 * container. ERR_IO with words when the system refuses.
 */
#ifndef SIM_PROCESS_MOUNTS_H
#define SIM_PROCESS_MOUNTS_H

#include "base/error.h"

struct process_options;

/* New namespaces: of mounts and host name for the caller, of processes for its next child. */
int process_mounts_unshare(struct error *error) MUST_CHECK;

/* In that child: build the tree below options->scratch, make it the root, mount the folders. */
int process_mounts_enter(const struct process_options *options, struct error *error) MUST_CHECK;

#endif
