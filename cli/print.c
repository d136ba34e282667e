#include "cli/print.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

/* Bytes of the control character at text, 0 if there is none. C1 controls are two bytes of UTF-8,
 * and terminals obey them too. */
static size_t control_bytes(const char *text) {
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[first != 0 ? 1 : 0];

    if (first < ' ' || first == 0x7f) {
        return 1;
    }
    return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

void print_clean(FILE *file, const char *text) {
    while (*text != '\0') {
        size_t bytes = control_bytes(text);

        (void)fputc(bytes > 0 ? '?' : *text, file);
        text += bytes > 0 ? bytes : 1;
    }
}

/* --- Tables ----------------------------------------------------------------------------------- */

void table_init(struct table *table, size_t columns) {
    *table = (struct table){.columns = columns};
}

void table_finish(struct table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}

static void take_cell(struct table *table, char *cell) {
    if (table->count == table->room) {
        table->room = table->room > 0 ? 2 * table->room : 64;
        table->cells = mem_grow(table->cells, table->room, sizeof *table->cells);
    }
    table->cells[table->count++] = cell;
}

void table_add(struct table *table, const char *cell) {
    take_cell(table, mem_copy_text(cell[0] != '\0' ? cell : "-"));
}

void table_add_format(struct table *table, const char *format, ...) {
    char cell[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cell, sizeof cell, format, args);
    va_end(args);
    table_add(table, cell);
}

/* Characters, not bytes: what continues one in UTF-8 is not counted. */
static size_t width_of(const char *cell) {
    size_t width = 0;

    for (; *cell != '\0'; cell++) {
        width += ((unsigned char)*cell & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

static const char *colour_of(const char *state) {
    static const struct {
        const char *state, *colour;
    } colours[] = {
        {"RUNNING", "\033[32m"},    {"SUBMITTING", "\033[36m"},  {"STARTING", "\033[36m"},
        {"RETRY_WAIT", "\033[33m"}, {"HELD", "\033[35m"},        {"FAILED", "\033[31m"},
        {"REJECTED", "\033[31m"},   {"SUCCEEDED", "\033[2;32m"}, {"CANCELLED", "\033[2m"},
    };

    for (size_t i = 0; i < ARRAY_LEN(colours); i++) {
        if (strcmp(colours[i].state, state) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

static void print_cell(const char *cell, size_t width, const char *colour) {
    size_t used = width_of(cell);

    printf("%s", colour);
    print_clean(stdout, cell);
    printf("%s%*s", colour[0] != '\0' ? "\033[0m" : "", (int)(width > used ? width - used : 0), "");
}

void table_print(const struct table *table, const struct cli *cli, size_t colour_column) {
    size_t *widths = mem_alloc(table->columns, sizeof *widths);

    for (size_t i = 0; i < table->count; i++) {
        size_t width = width_of(table->cells[i]);
        size_t *widest = &widths[i % table->columns];

        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;

        print_cell(table->cells[i], last ? 0 : widths[column] + 2,
                   cli->colour && column == colour_column ? colour_of(table->cells[i]) : "");
        if (last) {
            (void)putchar('\n');
        }
    }
    free(widths);
}

/* --- Times ------------------------------------------------------------------------------------ */

void print_time(const struct cli *cli, int64_t time_us, char out_text[40]) {
    time_t seconds = (time_t)(time_us / CLOCK_US_PER_SECOND);
    struct tm tm;

    (void)snprintf(out_text, 40, "-");
    if (time_us == 0) {
        return;
    }
    if (cli->options.utc ? gmtime_r(&seconds, &tm) != NULL : localtime_r(&seconds, &tm) != NULL) {
        (void)strftime(out_text, 40, cli->options.utc ? "%Y-%m-%d %H:%M:%SZ" : "%Y-%m-%d %H:%M:%S",
                       &tm);
    }
}

void print_span(int64_t from_us, int64_t to_us, char out_text[32]) {
    int64_t span_us = to_us - from_us;

    if (from_us == 0 || to_us == 0) {
        (void)snprintf(out_text, 32, "-");
    } else if (span_us < CLOCK_US_PER_SECOND) { /* Clocks of two machines may differ. */
        (void)snprintf(out_text, 32, "0s");
    } else {
        text_print_duration(span_us / CLOCK_US_PER_SECOND * CLOCK_US_PER_SECOND, out_text);
    }
}

/* --- Documents -------------------------------------------------------------------------------- */

bool print_is_document(const struct cli *cli) {
    return cli->options.output == CLI_JSON || cli->options.output == CLI_YAML;
}

/* A text that no reader of YAML takes for anything else. */
static bool is_plain_scalar(const char *text) {
    static const char *const others[] = {"true", "false", "null", "yes", "no", "on",
                                         "off",  "y",     "n",    "inf", "nan"};
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";

    if (strspn(text, safe) != strlen(text) || strspn(text, "0123456789-._") > 0 ||
        text[0] == '\0' || text[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcasecmp(others[i], text) == 0) {
            return false;
        }
    }
    return true;
}

static void print_yaml_text(const char *text) {
    json_t *json;
    char *quoted;

    if (is_plain_scalar(text)) {
        printf("%s", text);
        return;
    }
    json = json_string(text); /* JSON's quotes are YAML's double quotes. */
    quoted = json_dumps(json, JSON_ENCODE_ANY);
    printf("%s", quoted != NULL ? quoted : "\"\"");
    free(quoted);
    json_decref(json);
}

static void print_yaml(json_t *json, int indent, bool after_dash);

static void print_yaml_object(json_t *json, int indent, bool after_dash) {
    const char *key;
    json_t *value;

    json_object_foreach(json, key, value) {
        bool nested = (json_is_object(value) && json_object_size(value) > 0) ||
                      (json_is_array(value) && json_array_size(value) > 0);

        printf("%*s", after_dash ? 0 : indent, "");
        after_dash = false;
        print_yaml_text(key);
        printf(nested ? ":\n" : ": ");
        print_yaml(value, json_is_object(value) ? indent + 2 : indent, false);
    }
}

static void print_yaml_array(json_t *json, int indent, bool after_dash) {
    size_t i;
    json_t *value;

    json_array_foreach(json, i, value) {
        printf("%*s- ", after_dash ? 0 : indent, "");
        after_dash = false;
        print_yaml(value, indent + 2, true);
    }
}

static void print_yaml(json_t *json, int indent, bool after_dash) {
    if (json_is_object(json) && json_object_size(json) > 0) {
        print_yaml_object(json, indent, after_dash);
    } else if (json_is_array(json) && json_array_size(json) > 0) {
        print_yaml_array(json, indent, after_dash);
    } else if (json_is_string(json)) {
        print_yaml_text(json_string_value(json));
        (void)putchar('\n');
    } else {
        char *text = json_dumps(json, JSON_ENCODE_ANY);

        printf("%s\n", text != NULL ? text : "null");
        free(text);
    }
}

int print_document(const struct cli *cli, const struct buf *text) {
    json_error_t cause;
    json_t *json = json_loadb(buf_text(text), text->bytes, 0, &cause);

    if (json == NULL) {
        cli_complain("the daemon's answer is not JSON: %s", cause.text);
        return CLI_SERVER;
    }
    if (cli->options.output == CLI_YAML) {
        print_yaml(json, 0, false);
    } else {
        (void)json_dumpf(json, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_decref(json);
    return CLI_OK;
}
