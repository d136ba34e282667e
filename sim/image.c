#include "sim/image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "sim/tree.h"

struct image_set {
    struct image *items;
    size_t count;
};

struct image_set *image_set_create(void) {
    return mem_alloc(1, sizeof(struct image_set));
}

static void image_finish(struct image *image) {
    free(image->pattern);
    free(image->root);
    json_decref(image->config);
}

void image_set_destroy(struct image_set *set) {
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        image_finish(&set->items[i]);
    }
    free(set->items);
    free(set);
}

static int read_config(struct image *image, struct error *error) {
    char *path = mem_format("%s/image.json", image->root);
    json_error_t problem;
    json_t *file = access(path, F_OK) == 0 ? json_load_file(path, 0, &problem) : json_object();
    int r = OK;

    if (file == NULL) {
        r = error_set(error, ERR_INVALID, "%s:%d: %s", path, problem.line, problem.text);
    } else {
        image->config = json_incref(tree_make(file, "config"));
    }
    json_decref(file);
    free(path);
    return r;
}

int image_set_add(struct image_set *set, const char *text, struct error *error) {
    const char *equals = strrchr(text, '=');
    struct image image = {0};
    struct stat info;
    int r;

    if (equals == NULL || equals == text) {
        return error_set(error, ERR_INVALID, "\"%s\" is not NAME=FOLDER", text);
    }
    image.pattern = mem_copy_text_n(text, (size_t)(equals - text));
    image.root = realpath(equals + 1, NULL);
    if (image.root == NULL) {
        r = error_set(error, ERR_INVALID, "%s: %s", equals + 1, strerror(errno));
    } else if (stat(image.root, &info) != 0 || !S_ISDIR(info.st_mode)) {
        r = error_set(error, ERR_INVALID, "%s: not a folder", image.root);
    } else if (strpbrk(image.root, ":,\\") != NULL) {
        r = error_set(error, ERR_INVALID, "%s: its path may hold no : , \\", image.root);
    } else {
        r = read_config(&image, error);
    }
    if (r != OK) {
        image_finish(&image);
        return r;
    }
    set->items = mem_grow(set->items, set->count + 1, sizeof *set->items);
    set->items[set->count++] = image;
    return OK;
}

static bool fits(const char *pattern, const char *name) {
    size_t length = strlen(pattern);

    if (length > 0 && pattern[length - 1] == '*') {
        return strncmp(pattern, name, length - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

const struct image *image_set_find(const struct image_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++) {
        if (fits(set->items[i].pattern, name)) {
            return &set->items[i];
        }
    }
    return NULL;
}
