#include "sim/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define DEPTH_MAX 64 /* of folders that are removed */

int files_make_folder(const char *path, unsigned mode, struct error *error) {
    char *part = mem_copy_text(path);
    int r = OK;

    for (char *at = strchr(part + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(part, 0755);
        *at = '/';
    }
    if (mkdir(part, 0755) != 0 && errno != EEXIST) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    (void)chmod(part, mode);
    free(part);
    return r;
}

int files_write(const char *path, const void *data, size_t bytes, unsigned mode,
                struct error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const char *at = data;
    ssize_t put = 0;

    while (fd >= 0 && bytes > 0 && (put = write(fd, at, bytes)) > 0) {
        at += put;
        bytes -= (size_t)put;
    }
    if (fd < 0 || bytes > 0 || fchmod(fd, mode) != 0) {
        (void)error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd < 0 || bytes > 0 ? ERR_IO : OK;
}

static void remove_entries(int folder, int depth);

static void remove_one(int folder, const char *name, int depth) {
    int fd;

    if (unlinkat(folder, name, 0) == 0 || depth == DEPTH_MAX) {
        return;
    }
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        remove_entries(fd, depth + 1);
    }
    (void)unlinkat(folder, name, AT_REMOVEDIR);
}

/* Takes the descriptor. */
static void remove_entries(int folder, int depth) {
    DIR *entries = fdopendir(folder);
    struct dirent *entry;

    if (entries == NULL) {
        (void)close(folder);
        return;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_one(dirfd(entries), entry->d_name, depth);
        }
    }
    (void)closedir(entries);
}

void files_remove_all(const char *path) {
    remove_one(AT_FDCWD, path, 0);
}
