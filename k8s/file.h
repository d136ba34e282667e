/* k8s/file.h - a small file, read whole. */
#ifndef K8S_FILE_H
#define K8S_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* Append the file's bytes to out, which bounds them. ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_FULL (too large) or ERR_INVALID (no regular file). The text names the path. */
int kube_file_read(const char *path, struct buf *out, struct error *error) MUST_CHECK;

#endif
