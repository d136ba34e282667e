#include "cli/row_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"

static int complain(const struct row_file *rows, const char *what) {
    cli_complain("%s: row %zu: %s", rows->path, rows->row_count + 1, what);
    return CLI_REFUSED;
}

/* --- CSV (RFC 4180) -------------------------------------------------------------------------- */

/* One field up to its comma or line end, which is *out_end; EOF at the end of the file. */
static int read_field(struct row_file *rows, struct buf *out, int *out_end) {
    int c = getc(rows->file);
    bool quoted = c == '"';

    buf_clear(out);
    if (quoted) {
        while ((c = getc(rows->file)) != EOF) {
            if (c == '"' && (c = getc(rows->file)) != '"') {
                break;
            }
            buf_add_char(out, (char)c);
        }
    }
    for (; c != EOF && c != ',' && c != '\n'; c = getc(rows->file)) {
        if (c != '\r') {
            if (quoted) {
                return complain(rows, "text behind a closing quote");
            }
            buf_add_char(out, (char)c);
        }
    }
    *out_end = c;
    return out->full ? complain(rows, "a field is too long") : CLI_OK;
}

/* The fields of a line; NULL at the end of the file. */
static int read_line(struct row_file *rows, json_t **out_fields) {
    json_t *fields = json_array();
    struct buf field;
    int end = ',';
    int status = CLI_OK;

    buf_init(&field, LIMIT_ROW_BYTES);
    while (status == CLI_OK && end == ',') {
        status = read_field(rows, &field, &end);
        if (status == CLI_OK && (end == ',' || json_array_size(fields) > 0 || field.bytes > 0) &&
            json_array_append_new(fields, json_string(buf_text(&field))) != 0) {
            status = complain(rows, "is not UTF-8");
        }
    }
    buf_finish(&field);
    if (status != CLI_OK || (end == EOF && json_array_size(fields) == 0)) {
        json_decref(fields);
        fields = NULL;
    }
    *out_fields = fields;
    return status;
}

static int next_csv(struct row_file *rows, json_t **out_row) {
    int status = CLI_OK;

    do { /* Empty lines are none. */
        status = read_line(rows, out_row);
    } while (status == CLI_OK && *out_row != NULL && json_array_size(*out_row) == 0 &&
             (json_decref(*out_row), true));
    if (*out_row != NULL && json_array_size(*out_row) != json_array_size(rows->names)) {
        json_decref(*out_row);
        *out_row = NULL;
        return complain(rows, "has more or fewer fields than the head");
    }
    return status;
}

static int open_csv(struct row_file *rows) {
    int status = read_line(rows, &rows->names);

    if (status == CLI_OK && rows->names == NULL) {
        status = complain(rows, "the head is missing");
    }
    rows->next = next_csv;
    return status;
}

/* --- JSON lines ------------------------------------------------------------------------------ */

static int read_object(struct row_file *rows, json_t **out_object) {
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    int status = CLI_OK;

    *out_object = NULL;
    do {
        bytes = getline(&line, &room, rows->file);
    } while (bytes >= 0 && line[strspn(line, " \t\r\n")] == '\0');
    if (bytes >= 0) {
        *out_object = json_loadb(line, (size_t)bytes, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(*out_object)) {
            json_decref(*out_object);
            *out_object = NULL;
            status = complain(rows, "is not a JSON object");
        }
    }
    free(line);
    return status;
}

/* Texts stay as they are, numbers and flags as JSON has them. */
static json_t *text_of(const json_t *value) {
    char *text;
    json_t *string;

    if (value == NULL || json_is_object(value) || json_is_array(value) || json_is_null(value)) {
        return NULL;
    }
    if (json_is_string(value)) {
        return json_string(json_string_value(value));
    }
    text = json_dumps(value, JSON_ENCODE_ANY);
    string = json_string(text);
    free(text);
    return string;
}

static int next_json(struct row_file *rows, json_t **out_row) {
    json_t *object = rows->first;
    json_t *name;
    size_t i;
    int status = object != NULL ? CLI_OK : read_object(rows, &object);

    rows->first = NULL;
    *out_row = NULL;
    if (status != CLI_OK || object == NULL) {
        return status;
    }
    if (json_object_size(object) != json_array_size(rows->names)) {
        status = complain(rows, "has more or fewer members than the first");
    }
    *out_row = json_array();
    json_array_foreach(rows->names, i, name) {
        json_t *text = text_of(json_object_get(object, json_string_value(name)));

        if (text == NULL && status == CLI_OK) {
            status = complain(rows, "a member is missing, null, a list or an object");
        }
        (void)json_array_append_new(*out_row, text);
    }
    json_decref(object);
    if (status != CLI_OK) {
        json_decref(*out_row);
        *out_row = NULL;
    }
    return status;
}

static int open_json(struct row_file *rows) {
    const char *key;
    json_t *value;
    int status = read_object(rows, &rows->first);

    rows->names = json_array();
    rows->next = next_json;
    json_object_foreach(rows->first, key, value) {
        (void)json_array_append_new(rows->names, json_string(key));
    }
    return status;
}

/* --------------------------------------------------------------------------------------------- */

int row_file_open(struct row_file *rows, const char *path) {
    bool is_json = text_ends_with(path, ".jsonl") || text_ends_with(path, ".ndjson") ||
                   text_ends_with(path, ".json");

    *rows = (struct row_file){.path = path};
    rows->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (rows->file == NULL) {
        cli_complain("%s: %s", path, strerror(errno));
        return errno == ENOENT ? CLI_NOT_FOUND : CLI_REFUSED;
    }
    return is_json ? open_json(rows) : open_csv(rows);
}

void row_file_close(struct row_file *rows) {
    json_decref(rows->names);
    json_decref(rows->first);
    if (rows->file != NULL && rows->file != stdin) {
        (void)fclose(rows->file);
    }
}

int row_file_next(struct row_file *rows, json_t **out_row) {
    int status = rows->next(rows, out_row);

    rows->row_count += status == CLI_OK && *out_row != NULL ? 1 : 0;
    return status;
}
