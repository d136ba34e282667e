/* base/intern.h - one shared copy of each equal text, counted by its users.
 *
 * Two interned texts of one table are equal exactly if their pointers are.
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include "base/map.h"

struct intern {
    struct map texts;
};

/* Zeroed is ready. Finish frees every text, whatever its count. */
void intern_finish(struct intern *table);

/* The shared copy, its count raised by one. NULL gives NULL. */
const char *intern_take(struct intern *table, const char *text);

/* Drop one use; the last one frees the copy. Accepts NULL. The pointer must come from this table.
 */
void intern_drop(struct intern *table, const char *text);

#endif
