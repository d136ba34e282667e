#include "config/days.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"

void days_finish(struct days *days) {
    free(days->items);
    *days = (struct days){0};
}

static void add_one(struct days *days, int64_t day) {
    if (days->count == LIMIT_CALENDAR_DAYS) {
        days->full = true;
        return;
    }
    if (days->count == days->room) {
        days->room = days->room == 0 ? 16 : 2 * days->room;
        days->items = mem_grow(days->items, days->room, sizeof *days->items);
    }
    days->items[days->count++] = (int32_t)day;
}

void days_add(struct days *days, int64_t first, int64_t last) {
    for (int64_t day = first; day <= last && !days->full; day++) {
        add_one(days, day);
    }
}

void days_add_all(struct days *days, const struct days *more) {
    for (size_t i = 0; i < more->count; i++) {
        add_one(days, more->items[i]);
    }
}

void days_remove_all(struct days *days, const struct days *less) {
    size_t kept = 0;
    size_t at = 0;

    for (size_t i = 0; i < days->count; i++) {
        while (at < less->count && less->items[at] < days->items[i]) {
            at++;
        }
        if (at == less->count || less->items[at] != days->items[i]) {
            days->items[kept++] = days->items[i];
        }
    }
    days->count = kept;
}

static int by_day(const void *a, const void *b) {
    const int32_t *left = a;
    const int32_t *right = b;

    return (*left > *right) - (*left < *right);
}

void days_settle(struct days *days) {
    size_t kept = 0;

    if (days->count == 0) {
        return;
    }
    qsort(days->items, days->count, sizeof *days->items, by_day);
    for (size_t i = 0; i < days->count; i++) {
        if (i == 0 || days->items[i] != days->items[i - 1]) {
            days->items[kept++] = days->items[i];
        }
    }
    days->count = kept;
}

struct day_set days_set(const struct days *days) {
    if (days->count == 0) {
        return (struct day_set){0};
    }
    return (struct day_set){mem_copy(days->items, days->count * sizeof *days->items), days->count};
}
