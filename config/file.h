/* config/file.h - a small file read whole. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/problem.h"

/* Permission bits that must not be set. */
enum file_mode {
    FILE_ANY_MODE = 0,
    FILE_OTHERS_DO_NOT_WRITE = 022,
    FILE_OTHERS_DO_NOT_READ = 037, /* its group may */
    FILE_FOR_ITS_OWNER = 077,
};

/* Up to the buffer's maximum. ERR_NOT_FOUND, ERR_DENIED (also by forbidden bits), ERR_IO or
 * ERR_INVALID (too large, no plain file) with one problem of line 0. */
int file_read(const char *path, enum file_mode forbidden, struct buf *out,
              struct problems *problems) MUST_CHECK;

/* Another number whenever another content could stand there: of its identity, size and time of
 * change. 0: there is no such file. */
uint64_t file_stamp(const char *path);

#endif
