/* scheduler/custody.h - which process has the data folder, when more than one may want it.
 *
 * A lock on the file `owner` in it, which the kernel drops with its process: whoever has it may
 * open the queue, nobody else, whatever any lease says. The file names its last owner. A second
 * lock, on `claim`, is how the process that has the lease asks an owner without one to go. Sound
 * where flock is: on a file system that one host mounts at a time, for processes of that host.
 */
#ifndef SCHEDULER_CUSTODY_H
#define SCHEDULER_CUSTODY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "k8s/codec_lease.h"

struct custody;

/* Nothing is locked yet. The folder exists; the text is copied. */
struct custody *custody_create(const char *folder);

/* Drops what it holds. Accepts NULL. */
void custody_destroy(struct custody *custody);

/* Lock the folder, if nobody else has. ERR_BUSY: somebody has. ERR_IO. OK if it is ours already. */
int custody_take(struct custody *custody, struct error *error) MUST_CHECK;
void custody_drop(struct custody *custody);

/* Who had it last and signed, or has it now; "" if nobody ever did. */
void custody_owner(const struct custody *custody, char out_identity[LEASE_IDENTITY_BYTES]);

/* Write our name into it, for the next one. It must be held. */
int custody_sign(struct custody *custody, const char *identity, struct error *error) MUST_CHECK;

/* Ask its owner to go, until custody_take() or custody_unclaim(). */
void custody_claim(struct custody *custody);
void custody_unclaim(struct custody *custody);

/* Does another process ask for it? */
bool custody_is_claimed(struct custody *custody);

/* End the process that has it, by SIGKILL; it may take a moment to be gone. ERR_NOT_FOUND: it is
 * gone. ERR_DENIED: it can't be ended from here (another user's, another container's); the text
 * says which and why. */
int custody_end_owner(struct custody *custody, pid_t *out_pid, struct error *error) MUST_CHECK;

#endif
