#include "sim/process_mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "sim/process.h"

#define LINKS_MAX      32
#define PATH_BYTES_MAX 4096

static int fail(struct error *error, const char *what, const char *path) {
    return error_set(error, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

/* --- Namespaces ------------------------------------------------------------------------------- */

static int write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0) {
        (void)close(fd);
    }
    return written ? OK : ERR_IO;
}

/* The same user inside as outside. */
static int map_user(uid_t user, gid_t group, struct error *error) {
    char users[64];
    char groups[64];

    (void)snprintf(users, sizeof users, "%u %u 1\n", (unsigned)user, (unsigned)user);
    (void)snprintf(groups, sizeof groups, "%u %u 1\n", (unsigned)group, (unsigned)group);
    if (write_text("/proc/self/setgroups", "deny") != OK ||
        write_text("/proc/self/uid_map", users) != OK ||
        write_text("/proc/self/gid_map", groups) != OK) {
        return fail(error, "map the user in", "/proc/self/uid_map");
    }
    return OK;
}

int process_mounts_unshare(struct error *error) {
    uid_t user = geteuid();
    gid_t group = getegid();
    int spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | (user != 0 ? CLONE_NEWUSER : 0);

    if (unshare(spaces) != 0) {
        return fail(error, "new", "namespaces");
    }
    return user != 0 ? map_user(user, group, error) : OK;
}

/* --- Paths ------------------------------------------------------------------------------------ */

/* Where a path of the container leads, links of the image and of the machine's root followed: a
 * directory made in a layer above would hide the link. Owned; NULL after too many links. */
static char *follow_links(const char *root, const char *path) {
    char *rest = mem_copy_text(path);
    char *done = mem_copy_text("");

    for (int links = 0; links <= LINKS_MAX;) {
        char *at = rest + strspn(rest, "/");
        size_t length = strcspn(at, "/");
        char link[PATH_BYTES_MAX];
        char *next;
        char *place;
        ssize_t got;

        if (length == 0) {
            free(rest);
            return done;
        }
        next = mem_format("%s/%.*s", done, (int)length, at);
        place = mem_format("%s%s", strcmp(root, "/") == 0 ? "" : root, next);
        got = readlink(place, link, sizeof link - 1);
        if (got < 0 && errno == ENOENT) {
            got = readlink(next, link, sizeof link - 1);
        }
        free(place);
        if (got < 0) {
            at = mem_copy_text(at + length);
            free(done);
            done = next;
        } else {
            links++;
            at = mem_format("%.*s/%s", (int)got, link, at + length);
            free(next);
            if (link[0] == '/') {
                done[0] = '\0';
            }
        }
        free(rest);
        rest = at;
    }
    free(rest);
    free(done);
    return NULL;
}

/* Make the directories above the path. */
static int make_parents(const char *path) {
    char *part = mem_copy_text(path);
    int r = OK;

    for (char *at = strchr(part + 1, '/'); r == OK && at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            r = ERR_IO;
        }
        *at = '/';
    }
    free(part);
    return r;
}

/* --- The tree --------------------------------------------------------------------------------- */

struct tree {
    const struct process_options *options;
    char *layer; /* what the mounts need to be mounted on */
    char *upper; /* what the container writes */
    char *work;
    char *root;
    int *sources;   /* descriptors of the mounts' sources */
    char **targets; /* in the container, without links */
};

static int make_folders(const struct tree *tree, struct error *error) {
    const char *const folders[] = {tree->layer, tree->upper, tree->work, tree->root};

    if (mount("tmpfs", tree->options->scratch, "tmpfs", 0, "mode=755") != 0) {
        return fail(error, "mount tmpfs on", tree->options->scratch);
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (mkdir(folders[i], 0755) != 0) {
            return fail(error, "make", folders[i]);
        }
    }
    return OK;
}

/* A directory or an empty file to mount on, as the source is. */
static int make_place(const char *place, int source, struct error *error) {
    struct stat info;
    int r = make_parents(place);

    if (fstat(source, &info) != 0) {
        r = -1;
    } else if (r == OK) {
        r = S_ISDIR(info.st_mode) ? mkdir(place, 0755) : mknod(place, S_IFREG | 0644, 0);
        r = r != 0 && errno == EEXIST ? OK : r;
    }
    return r == OK ? OK : fail(error, "make", place);
}

/* Its place in the layer. */
static int make_target(struct tree *tree, size_t i, struct error *error) {
    const struct process_mount *one = &tree->options->mounts[i];
    char *place;
    int r;

    tree->sources[i] = open(one->source, O_PATH | O_CLOEXEC);
    tree->targets[i] = follow_links(tree->options->root, one->target);
    if (tree->sources[i] < 0) {
        return fail(error, "open", one->source);
    }
    if (tree->targets[i] == NULL || tree->targets[i][0] == '\0') {
        return error_set(error, ERR_IO, "mount on %s: not a usable path", one->target);
    }
    place = mem_format("%s%s", tree->layer, tree->targets[i]);
    r = make_place(place, tree->sources[i], error);
    free(place);
    return r;
}

static int make_targets(struct tree *tree, struct error *error) {
    int r = OK;

    for (size_t i = 0; r == OK && i < tree->options->mount_count; i++) {
        r = make_target(tree, i, error);
    }
    return r;
}

/* One directory of the root: the mounts' places, the image's files, the machine's own. */
static int mount_layers(const struct tree *tree, const char *name, const char *image_part,
                        const char *machine_part) {
    char *words = mem_format("lowerdir=%s/%s%s%s%s%s,upperdir=%s/%s,workdir=%s/%s%s", tree->layer,
                             name, image_part[0] == '\0' ? "" : ":", image_part,
                             machine_part[0] == '\0' ? "" : ":", machine_part, tree->upper, name,
                             tree->work, name, geteuid() != 0 ? ",userxattr" : "");
    char *place = mem_format("%s/%s", tree->root, name);
    int r = mount("overlay", place, "overlay", 0, words) == 0 ? OK : ERR_IO;

    free(place);
    free(words);
    return r;
}

static bool is_folder(const char *path) {
    struct stat info;

    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int make_in_all(const struct tree *tree, const char *name) {
    const char *const folders[] = {tree->layer, tree->upper, tree->work, tree->root};

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char *path = mem_format("%s/%s", folders[i], name);
        int r = mkdir(path, 0755);

        free(path);
        if (r != 0 && errno != EEXIST) {
            return ERR_IO;
        }
    }
    return OK;
}

/* An image that holds a directory it lies in itself hides the machine's: no overlay takes both. */
static int add_folder(const struct tree *tree, const char *name, struct error *error) {
    bool own = strcmp(tree->options->root, "/") == 0;
    char *image = own ? mem_copy_text("") : mem_format("%s/%s", tree->options->root, name);
    char *machine = mem_format("/%s", name);
    char *place = mem_format("%s/%s", tree->root, name);
    const char *image_part = is_folder(image) ? image : "";
    const char *machine_part = is_folder(machine) ? machine : "";
    int r = make_in_all(tree, name);

    if (r == OK && mount_layers(tree, name, image_part, machine_part) != OK &&
        (image_part[0] == '\0' || mount_layers(tree, name, image_part, "") != OK) &&
        mount(machine, place, NULL, MS_BIND | MS_REC, NULL) != 0) {
        r = ERR_IO;
    }
    r = r == OK ? OK : fail(error, "mount an overlay on", machine);
    free(place);
    free(machine);
    free(image);
    return r;
}

/* A link or a file of the root itself. */
static int add_other(const struct tree *tree, const char *path, const char *name,
                     struct error *error) {
    char *place = mem_format("%s/%s", tree->root, name);
    char link[PATH_BYTES_MAX] = "";
    int r = OK;

    if (readlink(path, link, sizeof link - 1) > 0) {
        r = symlink(link, place) == 0 ? OK : ERR_IO;
    } else if (mknod(place, S_IFREG | 0644, 0) == 0) {
        (void)mount(path, place, NULL, MS_BIND, NULL); /* Nothing that runs needs it. */
    }
    r = r == OK ? OK : fail(error, "make", path);
    free(place);
    return r;
}

static bool is_system(const char *name) {
    return strcmp(name, "proc") == 0 || strcmp(name, "sys") == 0 || strcmp(name, "dev") == 0;
}

static int add_entry(const struct tree *tree, const char *folder, const char *name,
                     struct error *error) {
    char *place = mem_format("%s/%s", tree->root, name);
    char *path = mem_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
    struct stat info;
    int r = OK;

    if (lstat(place, &info) == 0 || lstat(path, &info) != 0) {
        r = OK; /* A layer above has it. */
    } else if (!S_ISDIR(info.st_mode)) {
        r = add_other(tree, path, name, error);
    } else if (!is_system(name)) {
        r = add_folder(tree, name, error);
    } else if (mkdir(place, 0755) != 0 || (strcmp(name, "proc") != 0 &&
                                           mount(path, place, NULL, MS_BIND | MS_REC, NULL) != 0)) {
        r = fail(error, "mount", path);
    }
    free(path);
    free(place);
    return r;
}

static int add_entries(const struct tree *tree, const char *folder, struct error *error) {
    DIR *entries = opendir(folder);
    struct dirent *entry;
    int r = OK;

    if (entries == NULL) {
        return fail(error, "read", folder);
    }
    while (r == OK && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            r = add_entry(tree, folder, entry->d_name, error);
        }
    }
    (void)closedir(entries);
    return r;
}

/* Its own file tree: each directory of the root is an overlay, so that nothing that the container
 * writes reaches the machine's. One overlay of the whole root can't be: the image lies in it. */
static int add_machine(const struct tree *tree, struct error *error) {
    int r = add_entries(tree, tree->options->root, error);

    r = r == OK ? add_entries(tree, tree->layer, error) : r;
    return r == OK ? add_entries(tree, "/", error) : r;
}

/* Is something to be mounted below this folder? */
static bool holds_target(const struct tree *tree, const char *folder) {
    size_t length = strlen(folder);

    for (size_t i = 0; i < tree->options->mount_count; i++) {
        if (strncmp(tree->targets[i], folder, length) == 0 && tree->targets[i][length] == '/') {
            return true;
        }
    }
    return false;
}

/* \040 and its like, in place. */
static void decode(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        unsigned value;

        if (from[0] == '\\' && sscanf(from + 1, "%3o", &value) == 1) {
            *to = (char)value;
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* The other file systems of the machine, at their places: an overlay shows none below it. One
 * that is to hold a mount of ours is left away: that would write into the machine's own. */
static void bind_one(const struct tree *tree, const char *folder) {
    char *place;

    if (strchr(folder + 1, '/') == NULL || text_starts_with(folder, "/proc/") ||
        text_starts_with(folder, "/sys/") || text_starts_with(folder, "/dev/") ||
        strcmp(folder, tree->options->scratch) == 0 || holds_target(tree, folder)) {
        return;
    }
    place = mem_format("%s%s", tree->root, folder);
    (void)mount(folder, place, NULL, MS_BIND | MS_REC, NULL);
    free(place);
}

struct mount_line {
    int id;
    int parent;
    char folder[PATH_BYTES_MAX];
};

static bool read_mount_line(FILE *file, struct mount_line *out) {
    char line[2 * PATH_BYTES_MAX];

    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%d %d %*s %*s %4095s", &out->id, &out->parent, out->folder) == 3) {
            decode(out->folder);
            return true;
        }
    }
    return false;
}

static int bind_machine(const struct tree *tree, struct error *error) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    struct mount_line line;
    int root = -1;
    char *place;
    int r = OK;

    if (file == NULL) {
        return fail(error, "read", "/proc/self/mountinfo");
    }
    while (read_mount_line(file, &line)) {
        root = strcmp(line.folder, "/") == 0 ? line.id : root;
    }
    rewind(file);
    while (read_mount_line(file, &line)) {
        if (line.parent == root && strcmp(line.folder, "/") != 0) {
            bind_one(tree, line.folder);
        }
    }
    (void)fclose(file);
    place = mem_format("%s/proc", tree->root);
    if (mount("proc", place, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
        r = fail(error, "mount", "/proc");
    }
    free(place);
    return r;
}

/* The sources are outside of the new root: they are reached through their descriptors. */
static int mount_one(const struct tree *tree, size_t i, struct error *error) {
    char source[64];

    (void)snprintf(source, sizeof source, "/proc/self/fd/%d", tree->sources[i]);
    if (access(tree->targets[i], F_OK) !=
            0 && /* It lies in another mount, which hides the layer. */
        make_place(tree->targets[i], tree->sources[i], error) != OK) {
        return ERR_IO;
    }
    if (mount(source, tree->targets[i], NULL, MS_BIND | MS_REC, NULL) != 0) {
        return fail(error, "mount", tree->options->mounts[i].target);
    }
    if (tree->options->mounts[i].read_only &&
        mount(NULL, tree->targets[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return fail(error, "make read-only", tree->options->mounts[i].target);
    }
    return OK;
}

static int build(struct tree *tree, struct error *error) {
    const struct process_options *options = tree->options;
    int r;

    if (strpbrk(options->root, ":,\\") != NULL) {
        return error_set(error, ERR_INVALID, "an image's folder may not hold : , \\: %s",
                         options->root);
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return fail(error, "make private", "/");
    }
    r = make_folders(tree, error);
    r = r == OK ? make_targets(tree, error) : r;
    r = r == OK ? add_machine(tree, error) : r;
    r = r == OK ? bind_machine(tree, error) : r;
    if (r == OK && (chroot(tree->root) != 0 || chdir("/") != 0)) {
        r = fail(error, "change the root to", tree->root);
    }
    for (size_t i = 0; r == OK && i < options->mount_count; i++) {
        r = mount_one(tree, i, error);
    }
    return r;
}

int process_mounts_enter(const struct process_options *options, struct error *error) {
    struct tree tree = {
        .options = options,
        .layer = mem_format("%s/layer", options->scratch),
        .upper = mem_format("%s/upper", options->scratch),
        .work = mem_format("%s/work", options->scratch),
        .root = mem_format("%s/root", options->scratch),
        .sources = mem_alloc(options->mount_count + 1, sizeof(int)),
        .targets = mem_alloc(options->mount_count + 1, sizeof(char *)),
    };
    int r = build(&tree, error);

    if (r == OK && sethostname(options->hostname, strlen(options->hostname)) != 0) {
        r = fail(error, "set the host name", options->hostname);
    }
    /* What was allocated goes with the exec that follows. */
    return r;
}
