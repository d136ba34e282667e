#include "base/intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

struct interned {
    size_t count;
    char text[];
};

void intern_finish(struct intern *table) {
    struct map_entry *entry;
    size_t at = 0;

    if (table == NULL) {
        return;
    }
    while ((entry = map_next(&table->texts, &at)) != NULL) {
        free(entry->value);
    }
    map_finish(&table->texts);
}

const char *intern_take(struct intern *table, const char *text) {
    struct interned *shared;

    if (text == NULL) {
        return NULL;
    }
    shared = map_get(&table->texts, text);
    if (shared == NULL) {
        const size_t bytes = strlen(text) + 1;

        shared = mem_alloc(1, sizeof *shared + bytes);
        memcpy(shared->text, text, bytes);
        (void)map_put(&table->texts, text, shared);
    }
    shared->count++;
    return shared->text;
}

void intern_drop(struct intern *table, const char *text) {
    struct interned *shared;

    if (text == NULL) {
        return;
    }
    shared = map_get(&table->texts, text);
    ENSURE(shared != NULL);
    ENSURE(shared->text == text);
    ENSURE(shared->count > 0);
    if (--shared->count == 0) {
        (void)map_remove(&table->texts, text);
        free(shared);
    }
}
