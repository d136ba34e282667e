#include "sim/process_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "sim/cgroup_place.h"

#define TABLE_BYTES (256 * 1024) /* of what the kernel tells in one file */
#define OURS        "kubesim-"
#define PROBE_BYTES (64 * 1024 * 1024)

struct process_cgroups {
    int version;
    char *folder; /* our own group */
};

struct process_cgroup {
    char *folder;
    int version;
    int procs_fd;
};

/* --- Small files ------------------------------------------------------------------------------ */

/* The text of a file of the kernel's, owned by the caller; empty if it can't be read. */
static char *read_text(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = mem_alloc(1, TABLE_BYTES);
    size_t used = 0;
    ssize_t got = 0;

    while (fd >= 0 && used + 1 < TABLE_BYTES &&
           (got = read(fd, text + used, TABLE_BYTES - 1 - used)) > 0) {
        used += (size_t)got;
    }
    text[used] = '\0';
    if (fd >= 0) {
        (void)close(fd);
    }
    return text;
}

static char *read_of(const char *folder, const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    char *text = read_text(path);

    free(path);
    return text;
}

static int write_of(const char *folder, const char *name, const char *text, struct error *error) {
    char *path = mem_format("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int r = OK;

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return r;
}

/* --- One group -------------------------------------------------------------------------------- */

static int set_limit(const struct process_cgroup *group, int64_t bytes_max, struct error *error) {
    struct error unimportant = {0};
    char text[32];
    int r;

    (void)snprintf(text, sizeof text, "%" PRId64, bytes_max);
    if (group->version == 2) {
        r = write_of(group->folder, "memory.max", text, error);
        /* Where the kernel knows no swap there is nothing to forbid. */
        (void)!write_of(group->folder, "memory.swap.max", "0", &unimportant);
        (void)!write_of(group->folder, "memory.oom.group", "1", &unimportant);
    } else {
        r = write_of(group->folder, "memory.limit_in_bytes", text, error);
        (void)!write_of(group->folder, "memory.memsw.limit_in_bytes", text, &unimportant);
    }
    return r;
}

static int open_procs(struct process_cgroup *group, struct error *error) {
    char *path = mem_format("%s/cgroup.procs", group->folder);
    int r = OK;

    group->procs_fd = open(path, O_WRONLY | O_CLOEXEC);
    if (group->procs_fd < 0) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    free(path);
    return r;
}

int process_cgroup_create(struct process_cgroups *groups, const char *name, int64_t bytes_max,
                          struct process_cgroup **out, struct error *error) {
    char *folder = mem_format("%s/%s", groups->folder, name);
    struct process_cgroup *group;
    int r;

    if (mkdir(folder, 0755) != 0) {
        r = error_set(error, ERR_IO, "%s: %s", folder, strerror(errno));
        free(folder);
        return r;
    }
    group = mem_alloc(1, sizeof *group);
    *group = (struct process_cgroup){.folder = folder, .version = groups->version, .procs_fd = -1};
    r = set_limit(group, bytes_max, error);
    r = r == OK ? open_procs(group, error) : r;
    if (r != OK) {
        process_cgroup_destroy(group);
        return r;
    }
    *out = group;
    return OK;
}

void process_cgroup_destroy(struct process_cgroup *group) {
    if (group == NULL) {
        return;
    }
    if (group->procs_fd >= 0) {
        (void)close(group->procs_fd);
    }
    (void)rmdir(group->folder);
    free(group->folder);
    free(group);
}

int process_cgroup_fd(const struct process_cgroup *group) {
    return group->procs_fd;
}

bool process_cgroup_killed(const struct process_cgroup *group) {
    char *text =
        read_of(group->folder, group->version == 2 ? "memory.events.local" : "memory.oom_control");
    const char *line = strstr(text, "oom_kill ");
    bool killed;

    if (line == NULL && group->version == 2) { /* Before Linux 5.2. */
        free(text);
        text = read_of(group->folder, "memory.events");
        line = strstr(text, "oom_kill ");
    }
    killed = line != NULL && strtoll(line + strlen("oom_kill "), NULL, 10) > 0;
    free(text);
    return killed;
}

/* --- Where they can be made ------------------------------------------------------------------- */

/* Can a process of ours be put into a group there? */
static int try_group(struct process_cgroups *groups, struct error *error) {
    struct process_cgroup *group = NULL;
    int status = -1;
    pid_t pid;
    int r = process_cgroup_create(groups, "probe", PROBE_BYTES, &group, error);

    if (r != OK) {
        return r;
    }
    pid = fork();
    if (pid == 0) {
        _exit(write(process_cgroup_fd(group), "0", 1) == 1 ? 0 : 1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || status != 0) {
        r = error_set(error, ERR_IO, "%s: no process can be put into it", groups->folder);
    }
    process_cgroup_destroy(group);
    return r;
}

static void remove_group(const char *folder) {
    DIR *groups = opendir(folder);
    struct dirent *entry;

    while (groups != NULL && (entry = readdir(groups)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(groups), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (groups != NULL) {
        (void)closedir(groups);
    }
    (void)rmdir(folder);
}

/* Groups of kubesims that are no more. */
static void remove_stale(const char *parent) {
    DIR *groups = opendir(parent);
    struct dirent *entry;
    int64_t pid;

    while (groups != NULL && (entry = readdir(groups)) != NULL) {
        if (text_starts_with(entry->d_name, OURS) &&
            text_parse_int64(entry->d_name + strlen(OURS), &pid) == OK && pid > 0 &&
            kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
            char *folder = mem_format("%s/%s", parent, entry->d_name);

            remove_group(folder);
            free(folder);
        }
    }
    if (groups != NULL) {
        (void)closedir(groups);
    }
}

/* Our own group below this one, with all that containers' groups need. */
static int settle(struct process_cgroups *groups, const char *parent, int version,
                  struct error *error) {
    int r = OK;

    remove_stale(parent);
    groups->version = version;
    groups->folder = mem_format("%s/" OURS "%d", parent, (int)getpid());
    if (mkdir(groups->folder, 0755) != 0) {
        r = error_set(error, ERR_IO, "%s: %s", groups->folder, strerror(errno));
    } else if (version == 2) {
        r = write_of(groups->folder, "cgroup.subtree_control", "+memory", error);
    }
    r = r == OK ? try_group(groups, error) : r;
    if (r != OK) {
        (void)rmdir(groups->folder);
        free(groups->folder);
        groups->folder = NULL;
    }
    return r;
}

static bool gives_memory(const char *folder) {
    char *controllers = read_of(folder, "cgroup.subtree_control");
    bool gives = cgroup_list_has(controllers, "memory", ' ');

    free(controllers);
    return gives;
}

/* A group of version 2 with processes in it can't have others with controllers below it, so the
 * groups above ours are asked, too: the first that hands its memory controller on. */
static int settle_v2(struct process_cgroups *groups, const struct cgroup_place *place,
                     struct error *error) {
    char *at = mem_copy_text(place->own);
    size_t top = strlen(place->mount);
    int r = ERR_NOT_FOUND;

    while (r != OK) {
        char *slash;

        if (gives_memory(at)) {
            r = settle(groups, at, 2, error);
        }
        slash = strrchr(at, '/');
        if (r == OK || strlen(at) <= top || slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    if (r != OK) {
        r = error_set(error, ERR_NOT_FOUND, "cgroup v2 at %s hands no memory controller on",
                      place->own);
    }
    free(at);
    return r;
}

int process_cgroups_open(struct process_cgroups **out, struct error *error) {
    struct process_cgroups *groups = mem_alloc(1, sizeof *groups);
    char *mountinfo = read_text("/proc/self/mountinfo");
    char *own = read_text("/proc/self/cgroup");
    struct cgroup_place place = {.mount = NULL};
    int r = ERR_NOT_FOUND;

    if (cgroup_place_v2(mountinfo, own, &place)) {
        r = settle_v2(groups, &place, error);
        cgroup_place_finish(&place);
    }
    if (r != OK && cgroup_place_v1_memory(mountinfo, own, &place)) {
        struct error of_v1 = {0};

        r = settle(groups, place.own, 1, &of_v1);
        cgroup_place_finish(&place);
        if (r != OK) {
            error_prefix(error, "%s; ", of_v1.text);
        }
    }
    free(mountinfo);
    free(own);
    if (r != OK) {
        free(groups);
        return error_set(error, ERR_NOT_FOUND, "no cgroup is mounted");
    }
    *out = groups;
    return OK;
}

void process_cgroups_close(struct process_cgroups *groups) {
    if (groups != NULL) {
        remove_group(groups->folder);
        free(groups->folder);
        free(groups);
    }
}

int process_cgroups_version(const struct process_cgroups *groups) {
    return groups->version;
}

const char *process_cgroups_folder(const struct process_cgroups *groups) {
    return groups->folder;
}
