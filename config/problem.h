/* config/problem.h - what is wrong with a text, and where.
 *
 * A file is checked to its end and all its problems are told at once, in the
 * order of the text and at most LIMIT_PROBLEMS of them. Lines and columns count
 * from 1, columns in characters; line 0 means the file as a whole.
 */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct position {
    uint32_t line;
    uint32_t column;
};

/* A path as the checker walks it, on the stack: "spec", "volumes", [2], "name". NULL: the root. */
struct trail {
    const struct trail *up;
    const char *key; /* NULL: an index */
    size_t index;
};

void trail_print(const struct trail *trail, struct buf *out);

struct problem {
    struct position place;
    char *path;    /* "spec.driver.memory"; "" when the place says it all; owned */
    char *message; /* one sentence without a full stop; owned */
};

/* Zeroed is empty and ready. */
struct problems {
    struct problem *items;
    size_t count;   /* at most LIMIT_PROBLEMS */
    size_t dropped; /* found beyond that */
};

void problems_finish(struct problems *problems);

/* Append one; texts are copied. The message's control characters become '?'. */
void problems_add(struct problems *problems, struct position place, const char *path,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/* The same with the path as a trail. */
void problems_add_at(struct problems *problems, struct position place, const struct trail *trail,
                     const char *format, ...) PRINTF_LIKE(4, 5);

/* Forget those after the first count. */
void problems_cut(struct problems *problems, size_t count);

/* Order of the text; equal places keep the order in which they were found. */
void problems_sort(struct problems *problems);

/* "job.yaml:12:5: spec.driver.memroy: unknown field", without a newline. */
void problem_print(const struct problem *problem, const char *file, struct buf *out);

/* All of them, a line each, and a last line when some were dropped. */
void problems_print(const struct problems *problems, const char *file, struct buf *out);

#endif
