#include "scheduler/custody.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/memory.h"

#define RECORD_BYTES (LEASE_IDENTITY_BYTES + 256)

struct custody {
    int owner_fd; /* -1: can't be opened */
    int claim_fd;
    bool held;
    bool claimed;
};

/* One process of one kernel: a pid alone comes again. */
struct process {
    pid_t pid;
    unsigned long long started; /* in ticks since boot */
    char boot[64];
    char pid_namespace[64];
};

/* --- Processes -------------------------------------------------------------------------------- */

/* The first line of a small file; "" if it can't be read. */
static void read_line(const char *path, char *out, size_t room) {
    FILE *file = fopen(path, "re");

    out[0] = '\0';
    if (file != NULL) {
        if (fgets(out, (int)room, file) == NULL) {
            out[0] = '\0';
        }
        (void)fclose(file);
    }
    out[strcspn(out, "\n")] = '\0';
}

/* When a process began; 0 if there is none, or none that we may see. */
static unsigned long long start_of(pid_t pid) {
    char path[48];
    char line[1024];
    const char *at;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    read_line(path, line, sizeof line);
    at = strrchr(line, ')'); /* Its name may hold anything. */
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

static void describe_self(struct process *self) {
    ssize_t count;

    *self = (struct process){.pid = getpid(), .started = start_of(getpid())};
    read_line("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot);
    count = readlink("/proc/self/ns/pid", self->pid_namespace, sizeof self->pid_namespace - 1);
    self->pid_namespace[count > 0 ? count : 0] = '\0';
}

/* --- The record ------------------------------------------------------------------------------- */

static bool read_record(const struct custody *custody, char identity[LEASE_IDENTITY_BYTES],
                        struct process *process) {
    char text[RECORD_BYTES + 1] = "";
    int pid = 0;

    *process = (struct process){0};
    identity[0] = '\0';
    if (custody->owner_fd < 0 || pread(custody->owner_fd, text, RECORD_BYTES, 0) <= 0 ||
        sscanf(text, "%319s %d %llu %63s %63s", identity, &pid, &process->started, process->boot,
               process->pid_namespace) != 5) {
        identity[0] = '\0';
        return false;
    }
    process->pid = pid;
    return true;
}

void custody_owner(const struct custody *custody, char out_identity[LEASE_IDENTITY_BYTES]) {
    struct process process;

    (void)read_record(custody, out_identity, &process);
}

int custody_sign(struct custody *custody, const char *identity, struct error *error) {
    struct process self;
    char text[RECORD_BYTES];
    int bytes;

    ENSURE(custody->held);
    describe_self(&self);
    bytes = snprintf(text, sizeof text, "%s %d %llu %s %s\n", identity, (int)self.pid, self.started,
                     self.boot, self.pid_namespace);
    ENSURE(bytes > 0 && (size_t)bytes < sizeof text);
    if (pwrite(custody->owner_fd, text, (size_t)bytes, 0) != bytes ||
        ftruncate(custody->owner_fd, bytes) != 0) {
        return error_set(error, ERR_IO, "can't write the data folder's owner file: %s",
                         strerror(errno));
    }
    return OK;
}

/* --- Locks ------------------------------------------------------------------------------------ */

static int open_file(const char *folder, const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    free(path);
    return fd;
}

struct custody *custody_create(const char *folder) {
    struct custody *custody = mem_alloc(1, sizeof *custody);

    custody->owner_fd = open_file(folder, "owner");
    custody->claim_fd = open_file(folder, "claim");
    return custody;
}

void custody_destroy(struct custody *custody) {
    if (custody == NULL) {
        return;
    }
    if (custody->owner_fd >= 0) {
        (void)close(custody->owner_fd);
    }
    if (custody->claim_fd >= 0) {
        (void)close(custody->claim_fd);
    }
    free(custody);
}

int custody_take(struct custody *custody, struct error *error) {
    if (custody->held) {
        return OK;
    }
    if (custody->owner_fd < 0 || custody->claim_fd < 0) {
        return error_set(error, ERR_IO,
                         "the files `owner` and `claim` in the data folder can't be "
                         "opened");
    }
    if (flock(custody->owner_fd, LOCK_EX | LOCK_NB) != 0) {
        return error_set(error, errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO,
                         "can't lock the data folder: %s", strerror(errno));
    }
    custody->held = true;
    custody_unclaim(custody);
    return OK;
}

void custody_drop(struct custody *custody) {
    if (custody->held) {
        (void)flock(custody->owner_fd, LOCK_UN);
        custody->held = false;
    }
}

void custody_claim(struct custody *custody) {
    custody->claimed = custody->claimed ||
                       (custody->claim_fd >= 0 && flock(custody->claim_fd, LOCK_EX | LOCK_NB) == 0);
}

void custody_unclaim(struct custody *custody) {
    if (custody->claimed) {
        (void)flock(custody->claim_fd, LOCK_UN);
        custody->claimed = false;
    }
}

bool custody_is_claimed(struct custody *custody) {
    if (custody->claim_fd < 0 || custody->claimed) {
        return false;
    }
    if (flock(custody->claim_fd, LOCK_SH | LOCK_NB) != 0) {
        return true;
    }
    (void)flock(custody->claim_fd, LOCK_UN);
    return false;
}

/* --- Ending the owner ------------------------------------------------------------------------- */

static int check_reach(const struct process *owner, const char *identity, struct error *error) {
    struct process self;

    describe_self(&self);
    if (strcmp(owner->boot, self.boot) != 0) {
        return error_set(error, ERR_DENIED, "%s is on another host", identity);
    }
    if (strcmp(owner->pid_namespace, self.pid_namespace) != 0) {
        return error_set(error, ERR_DENIED, "%s, pid %d, is in another container", identity,
                         (int)owner->pid);
    }
    return OK;
}

/* The descriptor first, then the look at who it is: from then on it can't become another's. */
static int kill_process(const struct process *owner, const char *identity, struct error *error) {
    int fd = pidfd_open(owner->pid, 0);
    int r = OK;

    if (fd < 0) {
        return errno == ESRCH ? ERR_NOT_FOUND
                              : error_set(error, ERR_DENIED, "pid %d of %s can't be opened: %s",
                                          (int)owner->pid, identity, strerror(errno));
    }
    if (start_of(owner->pid) != owner->started) {
        r = ERR_NOT_FOUND;
    } else if (pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0) {
        r = errno == ESRCH ? ERR_NOT_FOUND
                           : error_set(error, ERR_DENIED, "pid %d of %s can't be ended: %s",
                                       (int)owner->pid, identity, strerror(errno));
    }
    (void)close(fd);
    return r;
}

int custody_end_owner(struct custody *custody, pid_t *out_pid, struct error *error) {
    char identity[LEASE_IDENTITY_BYTES];
    struct process owner;
    int r;

    if (!read_record(custody, identity, &owner)) {
        return error_set(error, ERR_DENIED, "its owner did not say who it is");
    }
    r = check_reach(&owner, identity, error);
    if (r == OK) {
        r = kill_process(&owner, identity, error);
    }
    if (r == OK) {
        *out_pid = owner.pid;
    }
    return r;
}
