/* cli/print.h - tables, times and documents for people and for other programs. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"

/* What comes from pods may hold escape sequences: control characters become '?'. */
void print_clean(FILE *file, const char *text);

/* Rows of cells, aligned by what a terminal shows. Cells are copied. */
struct table {
    char **cells;
    size_t count, room;
    size_t columns;
};
void table_init(struct table *table, size_t columns);
void table_finish(struct table *table);
void table_add(struct table *table, const char *cell);
void table_add_format(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
/* The first row is the heading. colour_column: job states there get colours; SIZE_MAX: none. */
void table_print(const struct table *table, const struct cli *cli, size_t colour_column);

/* "2026-11-22 22:00:00", local or UTC ("...Z"); "-" for 0. */
void print_time(const struct cli *cli, int64_t time_us, char out_text[40]);
/* "3h12m" from one to the other; "-" if either is 0. */
void print_span(int64_t from_us, int64_t to_us, char out_text[32]);

/* A JSON text, indented, or as YAML. CLI_SERVER if it is none. */
int print_document(const struct cli *cli, const struct buf *json);

/* Is the output a document (json, yaml)? */
bool print_is_document(const struct cli *cli);

#endif
