#include "api/wire_text.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Length of the UTF-8 sequence at text, 0 if it is none (also overlong ones and surrogates). */
static size_t sequence_bytes(const unsigned char *text) {
    static const struct {
        unsigned char mask, lead;
        size_t bytes;
        uint32_t min;
    } forms[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

    if (text[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        uint32_t point = text[0] & (unsigned char)~forms[i].mask;

        if ((text[0] & forms[i].mask) != forms[i].lead) {
            continue;
        }
        for (size_t k = 1; k < forms[i].bytes; k++) {
            if ((text[k] & 0xc0) != 0x80) { /* The ending NUL stops us too. */
                return 0;
            }
            point = point << 6 | (text[k] & 0x3fu);
        }
        return point < forms[i].min || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)
                   ? 0
                   : forms[i].bytes;
    }
    return 0;
}

static void add_escaped(struct buf *out, unsigned char byte) {
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = strchr(names, byte);

    if (found != NULL) {
        buf_add_char(out, '\\');
        buf_add_char(out, letters[found - names]);
    } else {
        buf_add_format(out, "\\u%04x", byte);
    }
}

static bool is_plain(unsigned char byte) {
    return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

void wire_text_quote(struct buf *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;

    buf_add_char(out, '"');
    while (*at != '\0') {
        size_t plain = 0, bytes;

        while (is_plain(at[plain])) {
            plain++;
        }
        buf_add(out, at, plain);
        at += plain;
        if (*at == '\0') {
            break;
        }
        bytes = sequence_bytes(at);
        if (bytes == 0) {
            buf_add_text(out, "\xef\xbf\xbd");
        } else if (bytes == 1) {
            add_escaped(out, *at);
        } else {
            buf_add(out, at, bytes);
        }
        at += bytes > 0 ? bytes : 1;
    }
    buf_add_char(out, '"');
}
