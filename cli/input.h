/* cli/input.h - manifests that the command reads for the daemon. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"

/* The whole of a file, or of stdin for "-". An exit status, after saying why. */
int input_read(const char *path, struct buf *out);

/* What messages call it: a path's last part when all of it is too long. */
const char *input_name(const char *path);

/* By its name. */
const char *input_type(const char *path);

#endif
