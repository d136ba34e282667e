#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 8192

static int complain(struct problems *problems, int code, const char *message) {
    problems_add(problems, (struct position){0}, "", "%s", message);
    return code;
}

static int fail(struct problems *problems, int number) {
    char text[128];

    return complain(problems, err_from_errno(number), strerror_r(number, text, sizeof text));
}

static const char *remedy(enum file_mode forbidden) {
    switch (forbidden) {
    case FILE_OTHERS_DO_NOT_READ:
        return "others may read it, or its group may write it; use chmod 0640 on it";
    case FILE_FOR_ITS_OWNER:
        return "others than its owner may read it; use chmod 0600 on it";
    default:
        return "its group or others may write it; use chmod go-w on it";
    }
}

static int check_file(int fd, enum file_mode forbidden, struct problems *problems) {
    struct stat about;

    if (fstat(fd, &about) != 0) {
        return fail(problems, errno);
    }
    if (S_ISDIR(about.st_mode)) {
        return complain(problems, ERR_INVALID, "is a folder");
    }
    if ((about.st_mode & (mode_t)forbidden) != 0) {
        return complain(problems, ERR_DENIED, remedy(forbidden));
    }
    return OK;
}

static int read_all(int fd, struct buf *out, struct problems *problems) {
    char bytes[READ_BYTES];
    ssize_t count;

    do {
        count = read(fd, bytes, sizeof bytes);
        if (count > 0) {
            buf_add(out, bytes, (size_t)count);
        }
    } while ((count > 0 && !out->full) || (count < 0 && errno == EINTR));
    if (count < 0) {
        return fail(problems, errno);
    }
    return out->full ? complain(problems, ERR_INVALID, "too large") : OK;
}

int file_read(const char *path, enum file_mode forbidden, struct buf *out,
              struct problems *problems) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result;

    if (fd < 0) {
        return fail(problems, errno);
    }
    result = check_file(fd, forbidden, problems);
    if (result == OK) {
        result = read_all(fd, out, problems);
    }
    (void)close(fd);
    return result;
}

uint64_t file_stamp(const char *path) {
    struct stat about;
    uint64_t stamp = 1;

    if (stat(path, &about) != 0) {
        return 0;
    }
    for (size_t i = 0; i < 4; i++) {
        const uint64_t parts[] = {(uint64_t)about.st_ino, (uint64_t)about.st_size,
                                  (uint64_t)about.st_mtim.tv_sec, (uint64_t)about.st_mtim.tv_nsec};

        stamp = (stamp ^ parts[i]) * UINT64_C(0x100000001b3);
    }
    return stamp;
}
