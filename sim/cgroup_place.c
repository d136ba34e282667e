#include "sim/cgroup_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define FIELD_ROOT  3 /* of a line of mountinfo: what of the file system is mounted */
#define FIELD_MOUNT 4

bool cgroup_list_has(const char *list, const char *word, char separator) {
    size_t length = strlen(word);

    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == list || at[-1] == separator;

        if (begins && (at[length] == separator || at[length] == '\n' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* The n-th word of a line, from 0; owned by the caller, NULL when the line has fewer. */
static char *word_of(const char *line, int number) {
    size_t bytes;

    for (int i = 0; i < number; i++) {
        line += strcspn(line, " \n");
        if (*line != ' ') {
            return NULL;
        }
        line++;
    }
    bytes = strcspn(line, " \n");
    return bytes == 0 ? NULL : mem_copy_text_n(line, bytes);
}

/* After the " - " of a line: type, source, options of the file system. */
static char *word_of_type(const char *line, int number) {
    const char *end = line + strcspn(line, "\n");
    const char *dash = strstr(line, " - ");

    return dash == NULL || dash > end ? NULL : word_of(dash + 3, number);
}

static bool is_tree(const char *line, bool v2) {
    char *type = word_of_type(line, 0);
    char *options = word_of_type(line, 2);
    bool is;

    if (type == NULL || options == NULL) {
        is = false;
    } else if (v2) {
        is = strcmp(type, "cgroup2") == 0;
    } else {
        is = strcmp(type, "cgroup") == 0 && cgroup_list_has(options, "memory", ',');
    }
    free(type);
    free(options);
    return is;
}

/* The line of /proc/self/cgroup is "number:controllers:path"; version 2 is "0::path". */
static char *path_of(const char *groups, bool v2) {
    for (const char *line = groups; *line != '\0'; line += *line == '\n') {
        const char *end = line + strcspn(line, "\n");
        const char *first = memchr(line, ':', (size_t)(end - line));
        const char *second =
            first == NULL ? NULL : memchr(first + 1, ':', (size_t)(end - first - 1));

        if (second != NULL) {
            char *controllers = mem_copy_text_n(first + 1, (size_t)(second - first - 1));
            bool is =
                v2 ? text_starts_with(line, "0::") : cgroup_list_has(controllers, "memory", ',');

            free(controllers);
            if (is) {
                return mem_copy_text_n(second + 1, (size_t)(end - second - 1));
            }
        }
        line = end;
    }
    return NULL;
}

/* A container sees a part of the tree: the path is of the whole, unless namespaces shorten it. */
static char *join(const char *mount, const char *root, const char *path) {
    size_t shared = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(path, root, shared) != 0 || (path[shared] != '/' && path[shared] != '\0') ||
        strstr(path, "/..") != NULL) {
        return mem_copy_text(mount);
    }
    path += shared;
    return strcmp(path, "/") == 0 ? mem_copy_text(mount) : mem_format("%s%s", mount, path);
}

static bool find(const char *mountinfo, const char *groups, bool v2, struct cgroup_place *out) {
    char *path = path_of(groups, v2);
    bool found = false;

    for (const char *line = mountinfo; path != NULL && !found && *line != '\0';
         line += *line == '\n') {
        if (is_tree(line, v2)) {
            char *root = word_of(line, FIELD_ROOT);
            char *mount = word_of(line, FIELD_MOUNT);

            *out = (struct cgroup_place){.mount = mount, .own = join(mount, root, path)};
            free(root);
            found = true;
        }
        line += strcspn(line, "\n");
    }
    free(path);
    return found;
}

bool cgroup_place_v2(const char *mountinfo, const char *groups, struct cgroup_place *out) {
    return find(mountinfo, groups, true, out);
}

bool cgroup_place_v1_memory(const char *mountinfo, const char *groups, struct cgroup_place *out) {
    return find(mountinfo, groups, false, out);
}

void cgroup_place_finish(struct cgroup_place *place) {
    free(place->mount);
    free(place->own);
    *place = (struct cgroup_place){.mount = NULL};
}
