/* config/rows.h - the parameters of many jobs that are one BatchJob but for them.
 *
 * A document of kind Rows belongs to the BatchJob before it: each of its rows is a job, named after
 * the BatchJob and the row's index. What they share is one specification; a job's own is its row.
 */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "config/node.h"
#include "config/problem.h"

struct arena;

/* Zeroed: no rows. Texts are in the arena. */
struct rows {
    const struct text_node *names; /* of the columns: a list of texts, or NULL */
    const char **texts; /* of each row: [index,"value",...] as JSON; NULL: each is its index */
    size_t count;
    int64_t last;        /* index */
    int64_t first;       /* index */
    const char *indices; /* "0-2": of all of them, and "%2": how many may run at once */
};

/* Is it such a document? */
bool rows_is(const struct text_node *document);

/* Read one, or complain. */
void rows_read(struct text_node *document, struct arena *arena, struct problems *problems,
               struct rows *out_rows);

/* An array's, which need no texts: or complain. */
void rows_of_indices(const char *indices, struct position place, struct arena *arena,
                     struct problems *problems, struct rows *out_rows);

/* Append the names as a JSON list. */
void rows_print_names(const struct rows *rows, struct buf *out);

/* "etl-17", of rows with texts; in the arena. */
const char *rows_job_name(const struct rows *rows, const char *name, size_t at,
                          struct arena *arena);

/* The bytes that the index of the last row adds to a name, "-" included. */
size_t rows_suffix_bytes(const struct rows *rows);

#endif
