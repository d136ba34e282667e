#include "policy/runtime_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"

#define US_PER_MS INT64_C(1000)

/* The last runs of one name, the oldest first. */
struct runs {
    int64_t last_us; /* when the latest came to its end */
    uint32_t ms[RUNTIME_RUNS_MAX];
    size_t count;
};

struct runtime_history {
    struct map names; /* by key: struct runs */
    size_t names_max;
};

struct runtime_history *runtime_history_create(size_t names_max) {
    struct runtime_history *history = mem_alloc(1, sizeof *history);

    ENSURE(names_max > 0);
    history->names_max = names_max;
    return history;
}

void runtime_history_destroy(struct runtime_history *history) {
    struct map_entry *item;

    if (history == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&history->names, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&history->names);
    free(history);
}

/* The key. */

static bool is_separator(char c) {
    return c == '-' || c == '_' || c == '.';
}

/* "7", "20261122", "0210z", "20261122t0210z" */
static bool is_counter(const char *part, size_t bytes) {
    size_t marks = 0;

    if (bytes > 1 && (part[bytes - 1] == 'z' || part[bytes - 1] == 'Z')) {
        bytes--;
    }
    for (size_t i = 0; i < bytes; i++) {
        const bool mark = i > 0 && i + 1 < bytes && (part[i] == 't' || part[i] == 'T');

        marks += mark;
        if (!mark && (part[i] < '0' || part[i] > '9')) {
            return false;
        }
    }
    return bytes > 0 && marks <= 1;
}

static size_t stem_bytes(const char *name) {
    size_t bytes = strlen(name);

    for (;;) {
        size_t start = bytes;

        while (start > 0 && !is_separator(name[start - 1])) {
            start--;
        }
        if (start < 2 || !is_counter(name + start, bytes - start)) {
            return bytes;
        }
        bytes = start - 1;
    }
}

void runtime_history_key(const char *namespace, const char *name, char out_key[RUNTIME_KEY_BYTES]) {
    size_t at = strnlen(namespace, RUNTIME_KEY_BYTES - 2);
    size_t bytes = stem_bytes(name);

    bytes = bytes < RUNTIME_KEY_BYTES - 2 - at ? bytes : RUNTIME_KEY_BYTES - 2 - at;
    memcpy(out_key, namespace, at);
    out_key[at] = '/';
    memcpy(out_key + at + 1, name, bytes);
    out_key[at + 1 + bytes] = '\0';
}

/* Runs. */

/* Heard of least recently; the lower key of two. */
static const struct map_entry *find_oldest(const struct runtime_history *history) {
    const struct map_entry *oldest = NULL;
    const struct map_entry *item;

    for (size_t at = 0; (item = map_next(&history->names, &at)) != NULL;) {
        const int64_t last_us = ((const struct runs *)item->value)->last_us;
        const int64_t least_us =
            oldest != NULL ? ((const struct runs *)oldest->value)->last_us : last_us;

        if (oldest == NULL || last_us < least_us ||
            (last_us == least_us && strcmp(item->text, oldest->text) < 0)) {
            oldest = item;
        }
    }
    return oldest;
}

static bool forget_oldest(struct runtime_history *history, char out_forgotten[RUNTIME_KEY_BYTES]) {
    if (history->names.count < history->names_max) {
        return false;
    }
    (void)text_copy(out_forgotten, RUNTIME_KEY_BYTES, find_oldest(history)->text);
    free(map_remove(&history->names, out_forgotten));
    return true;
}

bool runtime_history_add(struct runtime_history *history, const char *key, int64_t ran_us,
                         int64_t at_us, char out_forgotten[RUNTIME_KEY_BYTES]) {
    struct runs *runs = map_get(&history->names, key);
    const int64_t ms = ran_us / US_PER_MS;
    bool forgotten = false;

    ENSURE(ran_us >= 0);
    if (runs == NULL) {
        forgotten = forget_oldest(history, out_forgotten);
        runs = mem_alloc(1, sizeof *runs);
        (void)map_put(&history->names, key, runs);
    }
    if (runs->count == RUNTIME_RUNS_MAX) {
        memmove(&runs->ms[0], &runs->ms[1], (--runs->count) * sizeof runs->ms[0]);
    }
    /* A run of no time is a run all the same: 0 would mean that nothing is known. */
    runs->ms[runs->count++] = ms > UINT32_MAX ? UINT32_MAX : ms > 0 ? (uint32_t)ms : 1;
    runs->last_us = at_us;
    return forgotten;
}

static int compare_ms(const void *a, const void *b) {
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

int64_t runtime_history_quantile_us(const struct runtime_history *history, const char *key,
                                    unsigned percent, unsigned *out_runs) {
    const struct runs *runs = map_get(&history->names, key);
    uint32_t sorted[RUNTIME_RUNS_MAX];
    size_t rank;

    ENSURE(percent >= 1 && percent <= 100);
    *out_runs = 0;
    if (runs == NULL) {
        return 0;
    }
    memcpy(sorted, runs->ms, runs->count * sizeof sorted[0]);
    qsort(sorted, runs->count, sizeof sorted[0], compare_ms);
    rank = (runs->count * percent + 99) / 100;
    *out_runs = (unsigned)runs->count;
    return sorted[rank - 1] * US_PER_MS;
}

void runtime_history_get(const struct runtime_history *history, const char *key,
                         struct runtime_runs *out_runs) {
    const struct runs *runs = map_get(&history->names, key);

    ENSURE(runs != NULL);
    *out_runs = (struct runtime_runs){.updated_us = runs->last_us, .count = runs->count};
    for (size_t i = 0; i < runs->count; i++) {
        out_runs->runs_us[i] = runs->ms[i] * US_PER_MS;
    }
}

static bool are_runs(const struct runtime_runs *runs) {
    if (runs->count < 1 || runs->count > RUNTIME_RUNS_MAX) {
        return false;
    }
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->runs_us[i] <= 0) {
            return false;
        }
    }
    return true;
}

int runtime_history_load(struct runtime_history *history, const char *key,
                         const struct runtime_runs *runs) {
    char forgotten[RUNTIME_KEY_BYTES];

    if (strlen(key) >= RUNTIME_KEY_BYTES || !are_runs(runs)) {
        return ERR_CORRUPT;
    }
    free(map_remove(&history->names, key));
    if (history->names.count >= history->names_max) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < runs->count; i++) {
        (void)runtime_history_add(history, key, runs->runs_us[i], runs->updated_us, forgotten);
    }
    return OK;
}
