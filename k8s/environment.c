#include "k8s/environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

const char *environment_get(const char *name) {
    const char *value = getenv(name);

    return value == NULL || *value == '\0' ? NULL : value;
}

static size_t count_entries(char *const *entries) {
    size_t count = 0;

    while (entries[count] != NULL) {
        count++;
    }
    return count;
}

/* Both name the same variable. */
static bool is_same_name(const char *a, const char *b) {
    size_t length = strcspn(a, "=");

    return length == strcspn(b, "=") && strncmp(a, b, length) == 0;
}

static void put(char **entries, size_t *count, const char *entry) {
    for (size_t i = 0; i < *count; i++) {
        if (is_same_name(entries[i], entry)) {
            free(entries[i]);
            entries[i] = mem_copy_text(entry);
            return;
        }
    }
    entries[(*count)++] = mem_copy_text(entry);
}

char **environment_with(char *const *extra) {
    return environment_extend(environ, extra);
}

char **environment_extend(char *const *environment, char *const *extra) {
    size_t own_count = count_entries(environment);
    char **entries = mem_alloc(own_count + count_entries(extra) + 1, sizeof *entries);
    size_t count = 0;

    for (; count < own_count; count++) {
        entries[count] = mem_copy_text(environment[count]);
    }
    for (size_t i = 0; extra[i] != NULL; i++) {
        put(entries, &count, extra[i]);
    }
    return entries;
}

void environment_free(char **environment) {
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        free(environment[i]);
    }
    free(environment);
}
