#include "k8s/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, struct error *error) {
    int number = errno;

    return error_set(error, err_from_errno(number), "%s: %s", path, strerror(number));
}

static int read_all(int fd, const char *path, struct buf *out, struct error *error) {
    char part[4096];
    ssize_t got;

    for (;;) {
        got = read(fd, part, sizeof part);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(path, error);
        }
        if (got == 0) {
            return OK;
        }
        buf_add(out, part, (size_t)got);
        if (out->full) {
            return error_set(error, ERR_FULL, "%s: larger than %zu bytes", path, out->bytes_max);
        }
    }
}

int kube_file_read(const char *path, struct buf *out, struct error *error) {
    /* O_NONBLOCK: a FIFO in the file's place must not stop the daemon. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    int r;

    if (fd < 0) {
        return fail(path, error);
    }
    if (fstat(fd, &about) < 0) {
        r = fail(path, error);
    } else if (!S_ISREG(about.st_mode)) {
        r = error_set(error, ERR_INVALID, "%s: not a regular file", path);
    } else {
        r = read_all(fd, path, out, error);
    }
    (void)close(fd);
    return r;
}
