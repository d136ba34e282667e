/* scheduler/secret_keys.h - the file of the keys that submitters' secrets are sealed with.
 *
 * Either the operator's (secrets.keyFile, such as a mounted Secret) or our own in the data folder,
 * made when the first secret comes. It is read whenever it is needed: what was restored or
 * exchanged is used at once, and no key stays in memory.
 */
#ifndef SCHEDULER_SECRET_KEYS_H
#define SCHEDULER_SECRET_KEYS_H

#include <stdbool.h>

#include "base/error.h"

struct seal_keys;

struct secret_keys {
    const char *data_dir;
    const char *given; /* secrets.keyFile; "": our own */
};

/* The keys, to be wiped with seal_wipe(). ERR_NOT_FOUND: there is no file yet, or any more;
 * ERR_DENIED: others may read it; ERR_INVALID, ERR_IO. */
int secret_keys_read(const struct secret_keys *place, struct seal_keys *out_keys,
                     struct error *error) MUST_CHECK;

/* The same, but our own file is made if it is not there. */
int secret_keys_need(const struct secret_keys *place, struct seal_keys *out_keys,
                     struct error *error) MUST_CHECK;

#endif
