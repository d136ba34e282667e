#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/memory.h"

#define WORK_PREFIX "admin-work-"
#define OWNER_FILE  "owner"
#define COPY_BYTES  65536

static int fail(struct error *error, const char *path) {
    return error_set(error, err_from_errno(errno), "%s: %s", path, strerror(errno));
}

char *place_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return mem_copy_text(".");
    }
    return slash == path ? mem_copy_text("/") : mem_copy_text_n(path, (size_t)(slash - path));
}

/* --- The work folder ------------------------------------------------------------------------- */

/* Ours has files and no folders. */
static void remove_flat(const char *folder) {
    DIR *dir = opendir(folder);
    struct dirent *item;

    while (dir != NULL && (item = readdir(dir)) != NULL) {
        char *path = mem_format("%s/%s", folder, item->d_name);

        (void)unlink(path); /* "." and ".." refuse. */
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(folder);
}

static int lock_owner(const char *folder) {
    char *path = mem_format("%s/" OWNER_FILE, folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    free(path);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void clear_stale(const char *data_dir) {
    DIR *dir = opendir(data_dir);
    struct dirent *item;

    while (dir != NULL && (item = readdir(dir)) != NULL) {
        char *path = mem_format("%s/%s", data_dir, item->d_name);
        int fd;

        if (strncmp(item->d_name, WORK_PREFIX, strlen(WORK_PREFIX)) == 0 &&
            (fd = lock_owner(path)) >= 0) {
            remove_flat(path);
            (void)close(fd);
        }
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

int place_make_work(struct admin *admin) {
    char *folder = mem_format("%s/" WORK_PREFIX "XXXXXX", admin->data_dir);

    clear_stale(admin->data_dir);
    if (mkdtemp(folder) == NULL) {
        int r = fail(&admin->error, admin->data_dir);

        free(folder);
        return r;
    }
    admin->work = folder;
    admin->work_fd = lock_owner(folder);
    return OK;
}

void place_clear_work(struct admin *admin) {
    if (admin->work == NULL) {
        return;
    }
    remove_flat(admin->work);
    if (admin->work_fd >= 0) {
        (void)close(admin->work_fd);
    }
    free(admin->work);
    admin->work = NULL;
}

char *place_in_work(const struct admin *admin, const char *name) {
    return mem_format("%s/%s", admin->work, name);
}

/* --- Files ----------------------------------------------------------------------------------- */

static int copy_bytes(int from, int to) {
    char *bytes = mem_alloc(COPY_BYTES, 1);
    ssize_t count;
    int r = 0;

    while (r == 0 && (count = read(from, bytes, COPY_BYTES)) != 0) {
        if (count < 0 || write(to, bytes, (size_t)count) != count) {
            r = -1;
        }
    }
    free(bytes);
    return r == 0 ? fsync(to) : r;
}

int place_copy_file(const char *from, const char *to, struct error *error) {
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out;
    int r = OK;

    if (in < 0) {
        return fail(error, from);
    }
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0 || copy_bytes(in, out) != 0) {
        r = fail(error, to);
    }
    (void)close(in);
    if (out >= 0) {
        (void)close(out);
    }
    return r;
}

int place_sync_file(const char *path, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = OK;

    if (fd < 0 || fsync(fd) != 0) {
        r = fail(error, path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return r;
}

int place_rename(const char *from, const char *to, struct error *error) {
    char *folder = place_folder_of(to);
    int r = OK;

    if (rename(from, to) != 0) {
        r = fail(error, to);
    } else {
        r = place_sync_file(folder, error);
    }
    free(folder);
    return r;
}

int place_check_outside(const struct admin *admin, const char *path, struct error *error) {
    char *folder = place_folder_of(path);
    char *real = realpath(folder, NULL);
    int r = real != NULL ? OK : fail(error, folder);
    char *queue = realpath(admin->folder, NULL);
    size_t length = queue != NULL ? strlen(queue) : 0;

    if (r == OK && queue != NULL && strncmp(real, queue, length) == 0 &&
        (real[length] == '/' || real[length] == '\0')) {
        r = error_set(error, ERR_INVALID, "%s is inside the queue's own folder %s", path, queue);
    }
    free(queue);
    free(real);
    free(folder);
    return r;
}
