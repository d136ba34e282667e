/* sim/files.h - small deeds on the file system: whole files, folders, and all that is in one. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include <stddef.h>

#include "base/error.h"

/* Make the folder and those above it, with these rights for the last. */
int files_make_folder(const char *path, unsigned mode, struct error *error) MUST_CHECK;

/* In place: whoever has the file open or mounted sees the new content. */
int files_write(const char *path, const void *data, size_t bytes, unsigned mode,
                struct error *error) MUST_CHECK;

/* The folder and everything in it; what can't be removed stays. Never follows a link. */
void files_remove_all(const char *path);

#endif
