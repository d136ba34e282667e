#include "sim/process_memory.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "base/memory.h"

#define GENERATIONS_MAX 64

/* One process of the machine. */
struct entry {
    pid_t pid;
    pid_t parent;
};

struct table {
    struct entry *entries;
    size_t count;
    struct map by_pid; /* pid -> index + 1, as a pointer into entries can't stay */
};

static bool read_parent(pid_t pid, pid_t *out_parent) {
    char path[64];
    char line[512];
    const char *end;
    FILE *file;
    bool read = false;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    if (fgets(line, sizeof line, file) != NULL) {
        end = NULL;
        for (const char *at = line; *at != '\0'; at++) {
            end = *at == ')' ? at : end; /* The name before it may hold any byte. */
        }
        read = end != NULL && sscanf(end, ") %*c %d", out_parent) == 1;
    }
    (void)fclose(file);
    return read;
}

static void read_table(struct table *table) {
    DIR *folder = opendir("/proc");
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct entry one = {0};

        if (!isdigit((unsigned char)entry->d_name[0])) {
            continue;
        }
        one.pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (read_parent(one.pid, &one.parent)) {
            table->entries = mem_grow(table->entries, table->count + 1, sizeof *table->entries);
            table->entries[table->count++] = one;
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    for (size_t i = 0; i < table->count; i++) {
        (void)map_put_id(&table->by_pid, (uint64_t)table->entries[i].pid, &table->entries[i]);
    }
}

static struct process_memory *find_root(struct process_memory *items, size_t count, pid_t pid) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].root == pid) {
            return &items[i];
        }
    }
    return NULL;
}

/* The item that the process descends from, or NULL. */
static struct process_memory *ancestor(const struct table *table, const struct entry *entry,
                                       struct process_memory *items, size_t count) {
    for (int i = 0; i < GENERATIONS_MAX && entry != NULL && entry->parent > 0; i++) {
        struct process_memory *found = find_root(items, count, entry->parent);

        if (found != NULL) {
            return found;
        }
        entry = map_get_id(&table->by_pid, (uint64_t)entry->parent);
    }
    return NULL;
}

static int64_t resident_bytes(pid_t pid) {
    char path[64];
    long long resident = 0;
    long long shared = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%*d %lld %lld", &resident, &shared) != 2) {
        resident = shared = 0;
    }
    (void)fclose(file);
    return (resident - shared) * sysconf(_SC_PAGESIZE);
}

void process_memory_measure(struct process_memory *items, size_t count) {
    struct table table = {0};

    read_table(&table);
    for (size_t i = 0; i < count; i++) {
        items[i].bytes = 0;
    }
    for (size_t i = 0; i < table.count; i++) {
        struct process_memory *item = ancestor(&table, &table.entries[i], items, count);

        if (item != NULL) {
            item->bytes += resident_bytes(table.entries[i].pid);
        }
    }
    map_finish(&table.by_pid);
    free(table.entries);
}
