/* cli/row_file.h - a table of parameters, read row by row: CSV with a head, or JSON lines. */
#ifndef CLI_ROW_FILE_H
#define CLI_ROW_FILE_H

#include <stddef.h>
#include <stdio.h>

struct json_t;

struct row_file {
    const char *path;
    FILE *file;
    size_t row_count; /* read so far */
    int (*next)(struct row_file *rows, struct json_t **out_row);
    struct json_t *names; /* of the columns: an array of texts */
    struct json_t *first; /* of JSON lines: what told the names, and is a row too */
};

/* By its name: .csv, or .jsonl, .ndjson and .json for JSON lines; - is CSV from stdin. An exit
 * status, after saying why. */
int row_file_open(struct row_file *rows, const char *path);
void row_file_close(struct row_file *rows);

/* The next row's values, an array of texts for the caller to drop; NULL behind the last. */
int row_file_next(struct row_file *rows, struct json_t **out_row);

#endif
