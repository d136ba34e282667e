#include "sim/java_properties.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"

void java_properties_finish(struct java_properties *properties) {
    const struct map_entry *entry;

    if (properties == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&properties->values, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&properties->values);
}

const char *java_properties_get(const struct java_properties *properties, const char *key) {
    return map_get(&properties->values, key);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at) {
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

static const char *skip_line_end(const char *at) {
    if (at[0] == '\r' && at[1] == '\n') {
        return at + 2;
    }
    return *at != '\0' ? at + 1 : at;
}

static const char *skip_line(const char *at) {
    while (*at != '\0' && !is_line_end(*at)) {
        at++;
    }
    return skip_line_end(at);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits, or -1. */
static int32_t read_unit(const char *at) {
    int32_t unit = 0;

    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static void add_utf8(struct buf *out, int32_t c) {
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_char(out, (char)(0xc0 | (c >> 6)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_char(out, (char)(0xe0 | (c >> 12)));
        buf_add_char(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xf0 | (c >> 18)));
        buf_add_char(out, (char)(0x80 | ((c >> 12) & 0x3f)));
        buf_add_char(out, (char)(0x80 | ((c >> 6) & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* at is behind "\u". */
static const char *read_unicode(const char *at, struct buf *out) {
    int32_t high = read_unit(at);
    int32_t low;

    if (high < 0) {
        buf_add_char(out, 'u');
        return at;
    }
    at += 4;
    if (high >= 0xd800 && high < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
        low = read_unit(at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            add_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            return at + 6;
        }
    }
    if (high >= 0xd800 && high < 0xe000) {
        high = 0xfffd; /* Half a pair has no UTF-8. */
    }
    add_utf8(out, high);
    return at;
}

/* at is behind a backslash. A backslash at the end of a line continues it. */
static const char *read_escape(const char *at, struct buf *out) {
    static const char letters[] = "tnrf";
    static const char controls[] = "\t\n\r\f";
    const char *letter;

    if (*at == '\0') {
        return at;
    }
    if (is_line_end(*at)) {
        return skip_blanks(skip_line_end(at));
    }
    if (*at == 'u') {
        return read_unicode(at + 1, out);
    }
    letter = strchr(letters, *at);
    buf_add_char(out, letter != NULL ? controls[letter - letters] : *at);
    return at + 1;
}

static const char *read_key(const char *at, struct buf *out) {
    while (*at != '\0' && !is_line_end(*at) && !is_blank(*at) && *at != '=' && *at != ':') {
        if (*at == '\\') {
            at = read_escape(at + 1, out);
        } else {
            buf_add_char(out, *at++);
        }
    }
    at = skip_blanks(at);
    if (*at == '=' || *at == ':') {
        at = skip_blanks(at + 1);
    }
    return at;
}

static const char *read_value(const char *at, struct buf *out) {
    while (*at != '\0' && !is_line_end(*at)) {
        if (*at == '\\') {
            at = read_escape(at + 1, out);
        } else {
            buf_add_char(out, *at++);
        }
    }
    return skip_line_end(at);
}

/* All up to a space goes, but line ends stay. */
static bool is_stripped(char c) {
    return c >= 0 && c <= ' ' && c != '\n' && c != '\r';
}

static char *stripped(const struct buf *value) {
    const char *from = buf_text(value);
    size_t length = value->bytes;

    while (length > 0 && is_stripped(from[length - 1])) {
        length--;
    }
    while (length > 0 && is_stripped(*from)) {
        from++;
        length--;
    }
    return mem_copy_text_n(from, length);
}

void java_properties_read(struct java_properties *properties, const char *text) {
    struct buf key;
    struct buf value;

    buf_init(&key, LIMIT_SPEC_BYTES);
    buf_init(&value, LIMIT_SPEC_BYTES);
    for (const char *at = skip_blanks(text); *at != '\0'; at = skip_blanks(at)) {
        if (*at == '#' || *at == '!') {
            at = skip_line(at);
            continue;
        }
        if (is_line_end(*at)) {
            at = skip_line_end(at);
            continue;
        }
        buf_clear(&key);
        buf_clear(&value);
        at = read_value(read_key(at, &key), &value);
        free(map_put(&properties->values, buf_text(&key), stripped(&value)));
    }
    buf_finish(&key);
    buf_finish(&value);
}
