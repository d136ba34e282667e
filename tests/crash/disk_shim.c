/* A disk that fails, for a whole program: LD_PRELOAD it.
 *
 * DISK_SHIM_FILE names a file that says what is wrong now, read anew at each call: "28 pwrite"
 * fails calls of that name (or "*") with that errno, for files whose path has "/queue/"; 9999 lets
 * them hang until it says something else; no file: nothing. DISK_SHIM_KILL=N ends the program by
 * SIGKILL before its N-th call; N. after it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HANG 9999

static atomic_long calls;

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        abort();
    }
    return function;
}

#define CALL_REAL(name, ...)         \
    (((union {                       \
         void *object;               \
         __typeof__(&name) function; \
     }){.object = real(#name)})      \
         .function(__VA_ARGS__))

static bool is_of_queue(int fd) {
    char link[64];
    char path[4096];
    ssize_t bytes;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bytes = readlink(link, path, sizeof path - 1);
    path[bytes > 0 ? bytes : 0] = '\0';
    return strstr(path, "/queue/") != NULL;
}

/* The errno the call is to fail with; 0: none. */
static int wish(const char *name, int fd) {
    const char *file = getenv("DISK_SHIM_FILE");
    char text[64] = "";
    char which[32] = "";
    int code = 0;
    long control;

    if (file == NULL || !is_of_queue(fd)) {
        return 0;
    }
    control = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    if (control < 0) {
        return 0;
    }
    (void)!syscall(SYS_read, control, text, sizeof text - 1);
    (void)!syscall(SYS_close, control);
    if (sscanf(text, "%d %31s", &code, which) != 2) {
        return 0;
    }
    return strcmp(which, "*") == 0 || strcmp(which, name) == 0 ? code : 0;
}

static void count(bool after) {
    const char *text = getenv("DISK_SHIM_KILL");
    char *end;
    long nth = text != NULL ? strtol(text, &end, 10) : 0;

    if (nth == 0) {
        return;
    }
    if (!after) {
        atomic_fetch_add(&calls, 1);
    }
    if (atomic_load(&calls) == nth && (*end == '.') == after) {
        (void)kill(getpid(), SIGKILL);
    }
}

static bool fails(const char *name, int fd) {
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    int code;

    while ((code = wish(name, fd)) == HANG) {
        (void)nanosleep(&moment, NULL);
    }
    count(false);
    if (code != 0) {
        errno = code;
    }
    return code != 0;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    ssize_t r;

    if (fails("pwrite", fd)) {
        return -1;
    }
    r = CALL_REAL(pwrite, fd, bytes, size, at);
    count(true);
    return r;
}

ssize_t writev(int fd, const struct iovec *parts, int size) {
    ssize_t r;

    if (fails("writev", fd)) {
        return -1;
    }
    r = CALL_REAL(writev, fd, parts, size);
    count(true);
    return r;
}

int fdatasync(int fd) {
    int r;

    if (fails("fdatasync", fd)) {
        return -1;
    }
    r = CALL_REAL(fdatasync, fd);
    count(true);
    return r;
}

int fsync(int fd) {
    int r;

    if (fails("fsync", fd)) {
        return -1;
    }
    r = CALL_REAL(fsync, fd);
    count(true);
    return r;
}

int rename(const char *from, const char *to) {
    int r;

    count(false);
    r = CALL_REAL(rename, from, to);
    count(true);
    return r;
}

int link(const char *from, const char *to) {
    int r;

    count(false);
    r = CALL_REAL(link, from, to);
    count(true);
    return r;
}

int unlink(const char *path) {
    int r;

    count(false);
    r = CALL_REAL(unlink, path);
    count(true);
    return r;
}
