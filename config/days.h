/* config/days.h - a list of days that grows, on its way to a window's set of days. */
#ifndef CONFIG_DAYS_H
#define CONFIG_DAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/window.h"

/* Zeroed is empty. */
struct days {
    int32_t *items; /* in any order, also twice, until days_settle() */
    size_t count;
    size_t room;
    bool full; /* a day beyond LIMIT_CALENDAR_DAYS was refused */
};

void days_finish(struct days *days);

/* first to last, both of them. */
void days_add(struct days *days, int64_t first, int64_t last);
void days_add_all(struct days *days, const struct days *more);

/* Both lists are settled, and so is the result. */
void days_remove_all(struct days *days, const struct days *less);

/* Ascending, each once. */
void days_settle(struct days *days);

/* A copy of its own of a settled list. */
struct day_set days_set(const struct days *days);

#endif
