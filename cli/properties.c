#include "cli/properties.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"

#define BLANKS " \t\f"

void properties_finish(struct properties *properties) {
    for (size_t i = 0; i < properties->count; i++) {
        free(properties->items[i].key);
        free(properties->items[i].value);
    }
    free(properties->items);
    *properties = (struct properties){0};
}

static struct property *find(const struct properties *properties, const char *key) {
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].key, key) == 0) {
            return &properties->items[i];
        }
    }
    return NULL;
}

void properties_set(struct properties *properties, const char *key, const char *value) {
    struct property *found = find(properties, key);

    if (found != NULL) {
        free(found->value);
        found->value = mem_copy_text(value);
        return;
    }
    if (properties->count == properties->room) {
        properties->room = properties->room == 0 ? 16 : 2 * properties->room;
        properties->items =
            mem_grow(properties->items, properties->room, sizeof *properties->items);
    }
    properties->items[properties->count++] =
        (struct property){mem_copy_text(key), mem_copy_text(value)};
}

const char *properties_get(const struct properties *properties, const char *key) {
    const struct property *found = find(properties, key);

    return found == NULL ? NULL : found->value;
}

/* --- Reading --------------------------------------------------------------------------------- */

struct reader {
    const char *at;
    size_t line;
    struct error *error;
};

static bool is_end(char c) {
    return c == '\0' || c == '\n' || c == '\r';
}

static void skip_newline(struct reader *reader) {
    if (reader->at[0] == '\r' && reader->at[1] == '\n') {
        reader->at++;
    }
    if (*reader->at != '\0') {
        reader->at++;
        reader->line++;
    }
}

static void skip_blanks(struct reader *reader) {
    reader->at += strspn(reader->at, BLANKS);
}

/* A backslash before the end of a line joins it with the next, less its indent. */
static bool joins(struct reader *reader) {
    if (reader->at[0] != '\\' || !is_end(reader->at[1]) || reader->at[1] == '\0') {
        return false;
    }
    reader->at++;
    skip_newline(reader);
    skip_blanks(reader);
    return true;
}

static void add_utf8(struct buf *out, unsigned code) {
    if (code < 0x80) {
        buf_add_char(out, (char)code);
    } else if (code < 0x800) {
        buf_add_char(out, (char)(0xc0 | code >> 6));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_add_char(out, (char)(0xe0 | code >> 12));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xf0 | code >> 18));
        buf_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* The four digits behind "\u"; false if they are not there. */
static bool read_unit(const char *at, unsigned *out_unit) {
    char digits[5] = {0};
    char *end;

    strncpy(digits, at, 4);
    *out_unit = (unsigned)strtoul(digits, &end, 16);
    return end == digits + 4 && strspn(digits, "0123456789abcdefABCDEF") == 4;
}

/* Behind the backslash and the u; a pair of surrogates is one character. */
static int add_unicode(struct reader *reader, struct buf *out) {
    unsigned unit;
    unsigned low;

    if (!read_unit(reader->at, &unit)) {
        return error_set(reader->error, ERR_INVALID, "line %zu: \\u needs four hexadecimal digits",
                         reader->line);
    }
    reader->at += 4;
    if (unit >= 0xd800 && unit < 0xe000) {
        if (unit >= 0xdc00 || strncmp(reader->at, "\\u", 2) != 0 ||
            !read_unit(reader->at + 2, &low) || low < 0xdc00 || low >= 0xe000) {
            return error_set(reader->error, ERR_INVALID, "line %zu: half a character",
                             reader->line);
        }
        reader->at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    if (unit == 0) {
        return error_set(reader->error, ERR_INVALID, "line %zu: a NUL character", reader->line);
    }
    add_utf8(out, unit);
    return OK;
}

static int add_escaped(struct reader *reader, struct buf *out) {
    static const char letters[] = "tnrf";
    static const char meanings[] = "\t\n\r\f";
    char c = *++reader->at;
    const char *known;

    if (c == '\0') {
        return OK; /* A lone backslash at the end is dropped. */
    }
    reader->at++;
    if (c == 'u') {
        return add_unicode(reader, out);
    }
    known = strchr(letters, c);
    buf_add_char(out, known != NULL ? meanings[known - letters] : c);
    return OK;
}

/* Up to the end of the logical line, or one of the terminators. */
static int read_part(struct reader *reader, const char *terminators, struct buf *out) {
    int r = OK;

    while (r == OK && !is_end(*reader->at) && strchr(terminators, *reader->at) == NULL) {
        if (joins(reader)) {
            continue;
        }
        if (*reader->at == '\\') {
            r = add_escaped(reader, out);
        } else {
            buf_add_char(out, *reader->at++);
        }
    }
    return r;
}

/* White space, one = or :, white space. */
static void skip_separator(struct reader *reader) {
    do {
        skip_blanks(reader);
    } while (joins(reader));
    if (*reader->at == '=' || *reader->at == ':') {
        reader->at++;
        do {
            skip_blanks(reader);
        } while (joins(reader));
    }
}

/* What Spark strips: all up to the space, but the ends of lines. */
static char *strip(char *text) {
    size_t length = strlen(text);
    size_t first = 0;

    while (length > 0 && (unsigned char)text[length - 1] <= ' ' && !is_end(text[length - 1])) {
        length--;
    }
    text[length] = '\0';
    while ((unsigned char)text[first] <= ' ' && !is_end(text[first])) {
        first++;
    }
    return text + first;
}

static int read_pair(struct reader *reader, struct properties *properties) {
    struct buf key;
    struct buf value;
    char *value_text;
    int r;

    buf_init(&key, LIMIT_SPEC_BYTES);
    buf_init(&value, LIMIT_SPEC_BYTES);
    r = read_part(reader, "=:" BLANKS, &key);
    skip_separator(reader);
    if (r == OK) {
        r = read_part(reader, "", &value);
    }
    if (r == OK) {
        value_text = buf_take_text(&value);
        properties_set(properties, buf_text(&key), strip(value_text));
        free(value_text);
    }
    buf_finish(&key);
    buf_finish(&value);
    return r;
}

int properties_parse(const char *text, struct properties *properties, struct error *error) {
    struct reader reader = {text, 1, error};
    int r = OK;

    while (r == OK && *reader.at != '\0') {
        reader.at += strspn(reader.at, BLANKS);
        if (*reader.at == '#' || *reader.at == '!') {
            reader.at += strcspn(reader.at, "\r\n");
        } else if (!is_end(*reader.at)) {
            r = read_pair(&reader, properties);
        }
        skip_newline(&reader);
    }
    return r;
}
