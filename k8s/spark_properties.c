#include "k8s/spark_properties.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"

#define SURROGATE_HIGH 0xD800u
#define SURROGATE_LOW  0xDC00u
#define SURROGATE_END  0xE000u

/* The code point at text and its length; text is valid UTF-8. */
static uint32_t decode_utf8(const char *text, size_t *out_bytes) {
    const unsigned char *byte = (const unsigned char *)text;
    size_t more = byte[0] < 0x80 ? 0 : byte[0] < 0xE0 ? 1 : byte[0] < 0xF0 ? 2 : 3;
    uint32_t point = more == 0 ? byte[0] : byte[0] & (0x3Fu >> more);

    for (size_t i = 1; i <= more; i++) {
        if (byte[i] == '\0') { /* Cut short: not valid after all. */
            more = i - 1;
            break;
        }
        point = point << 6 | (byte[i] & 0x3Fu);
    }
    *out_bytes = more + 1;
    return point;
}

static void print_unicode(uint32_t point, struct buf *out) {
    if (point >= 0x10000) {
        buf_add_format(out, "\\u%04X", SURROGATE_HIGH + ((point - 0x10000) >> 10));
        point = SURROGATE_LOW + ((point - 0x10000) & 0x3FF);
    }
    buf_add_format(out, "\\u%04X", point);
}

static void print_point(uint32_t point, bool escape_space, struct buf *out) {
    static const char letters[] = "\tt\nn\rr\ff";
    const char *letter = point < 0x20 && point != 0 ? strchr(letters, (int)point) : NULL;

    if (letter != NULL) {
        buf_add_char(out, '\\');
        buf_add_char(out, letter[1]);
    } else if (point < 0x20 || point > 0x7E) {
        print_unicode(point, out);
    } else {
        if (strchr("=:#!\\", (int)point) != NULL || (point == ' ' && escape_space)) {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, (char)point);
    }
}

static void print_text(const char *text, bool is_key, struct buf *out) {
    size_t step;

    for (const char *at = text; *at != '\0'; at += step) {
        uint32_t point = decode_utf8(at, &step);

        print_point(point, is_key || at == text, out);
    }
}

void spark_properties_print(const struct spark_conf *conf, struct buf *out_text) {
    for (size_t i = 0; i < conf->count; i++) {
        print_text(conf->entries[i].key, true, out_text);
        buf_add_char(out_text, '=');
        print_text(conf->entries[i].value, false, out_text);
        buf_add_char(out_text, '\n');
    }
}

/* What is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\f';
}

static bool is_line_end(char byte) {
    return byte == '\n' || byte == '\r';
}

static void skip_line_end(struct cursor *cursor) {
    if (cursor->at < cursor->end && *cursor->at == '\r') {
        cursor->at++;
    }
    if (cursor->at < cursor->end && *cursor->at == '\n') {
        cursor->at++;
    }
}

static void skip_blanks(struct cursor *cursor) {
    while (cursor->at < cursor->end && is_blank(*cursor->at)) {
        cursor->at++;
    }
}

static void encode_utf8(uint32_t point, struct buf *out) {
    if (point < 0x80) {
        buf_add_char(out, (char)point);
        return;
    }
    if (point < 0x800) {
        buf_add_char(out, (char)(0xC0 | point >> 6));
    } else {
        if (point < 0x10000) {
            buf_add_char(out, (char)(0xE0 | point >> 12));
        } else {
            buf_add_char(out, (char)(0xF0 | point >> 18));
            buf_add_char(out, (char)(0x80 | (point >> 12 & 0x3F)));
        }
        buf_add_char(out, (char)(0x80 | (point >> 6 & 0x3F)));
    }
    buf_add_char(out, (char)(0x80 | (point & 0x3F)));
}

/* Four hex digits after \u. */
static int read_hex(struct cursor *cursor, uint32_t *out_unit) {
    static const char digits[] = "0123456789abcdef";
    uint32_t unit = 0;

    if (cursor->end - cursor->at < 4) {
        return ERR_INVALID;
    }
    for (int i = 0; i < 4; i++) {
        char byte = cursor->at[i];
        const char *digit =
            byte == '\0' ? NULL : strchr(digits, byte >= 'A' && byte <= 'F' ? byte + 32 : byte);

        if (digit == NULL) {
            return ERR_INVALID;
        }
        unit = unit << 4 | (uint32_t)(digit - digits);
    }
    cursor->at += 4;
    *out_unit = unit;
    return OK;
}

static int read_unicode(struct cursor *cursor, struct buf *out) {
    uint32_t low;
    uint32_t unit;
    int r = read_hex(cursor, &unit);

    if (r < 0 || unit == 0) { /* A NUL would end the text early. */
        return ERR_INVALID;
    }
    if (unit < SURROGATE_HIGH || unit >= SURROGATE_END) {
        encode_utf8(unit, out);
        return OK;
    }
    if (unit >= SURROGATE_LOW || cursor->end - cursor->at < 6 || cursor->at[0] != '\\' ||
        cursor->at[1] != 'u') {
        return ERR_INVALID; /* Half a pair. */
    }
    cursor->at += 2;
    r = read_hex(cursor, &low);
    if (r < 0 || low < SURROGATE_LOW || low >= SURROGATE_END) {
        return ERR_INVALID;
    }
    encode_utf8(0x10000 + ((unit - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW), out);
    return OK;
}

/* What follows a backslash. */
static int read_escape(struct cursor *cursor, struct buf *out) {
    static const char letters[] = "t\tn\nr\rf\f";
    const char *letter;
    char byte;

    if (cursor->at == cursor->end) {
        return OK;
    }
    if (is_line_end(*cursor->at)) { /* The line goes on in the next one. */
        skip_line_end(cursor);
        skip_blanks(cursor);
        return OK;
    }
    byte = *cursor->at++;
    if (byte == 'u') {
        return read_unicode(cursor, out);
    }
    letter = byte >= 'f' && byte <= 't' ? strchr(letters, byte) : NULL;
    buf_add_char(out, letter != NULL ? letter[1] : byte);
    return OK;
}

/* Up to the end of the line, or of the key. */
static int read_text(struct cursor *cursor, bool is_key, struct buf *out) {
    while (cursor->at < cursor->end && !is_line_end(*cursor->at)) {
        char byte = *cursor->at;
        int r = OK;

        if (is_key && (byte == '=' || byte == ':' || is_blank(byte))) {
            return OK;
        }
        cursor->at++;
        if (byte == '\\') {
            r = read_escape(cursor, out);
        } else {
            buf_add_char(out, byte);
        }
        if (r < 0) {
            return r;
        }
    }
    return OK;
}

static void skip_separator(struct cursor *cursor) {
    skip_blanks(cursor);
    if (cursor->at < cursor->end && (*cursor->at == '=' || *cursor->at == ':')) {
        cursor->at++;
        skip_blanks(cursor);
    }
}

static void skip_comment(struct cursor *cursor) {
    while (cursor->at < cursor->end && !is_line_end(*cursor->at)) {
        cursor->at++;
    }
}

static int read_line(struct cursor *cursor, struct buf *key, struct buf *value,
                     struct spark_conf *conf) {
    int r;

    skip_blanks(cursor);
    if (cursor->at < cursor->end && (*cursor->at == '#' || *cursor->at == '!')) {
        skip_comment(cursor);
    }
    if (cursor->at == cursor->end || is_line_end(*cursor->at)) {
        skip_line_end(cursor);
        return OK;
    }
    buf_clear(key);
    buf_clear(value);
    r = read_text(cursor, true, key);
    if (r < 0) {
        return r;
    }
    skip_separator(cursor);
    r = read_text(cursor, false, value);
    if (r < 0) {
        return r;
    }
    skip_line_end(cursor);
    return spark_conf_set(conf, buf_text(key), buf_text(value), "");
}

int spark_properties_parse(const char *text, size_t bytes, struct spark_conf *conf) {
    struct cursor cursor = {text, text + bytes};
    struct buf key;
    struct buf value;
    int r = OK;

    buf_init(&key, LIMIT_SPEC_BYTES);
    buf_init(&value, LIMIT_SPEC_BYTES);
    while (r == OK && cursor.at < cursor.end) {
        r = read_line(&cursor, &key, &value, conf);
    }
    if (r == OK && (key.full || value.full)) {
        r = ERR_FULL;
    }
    buf_finish(&key);
    buf_finish(&value);
    return r;
}
