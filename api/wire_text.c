#include "api/wire_text.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

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

static size_t plain_bytes(const unsigned char *text) {
    size_t bytes = 0;

    while (is_plain(text[bytes])) {
        bytes++;
    }
    return bytes;
}

/* Most texts have nothing to escape. */
static void add_plain(struct buf *out, const unsigned char *text, size_t bytes) {
    char *room = buf_add_room(out, bytes + 2);

    if (room != NULL) {
        room[0] = '"';
        memcpy(room + 1, text, bytes);
        room[bytes + 1] = '"';
    }
}

static void add_any(struct buf *out, const unsigned char *at) {
    buf_add_char(out, '"');
    while (*at != '\0') {
        size_t plain = plain_bytes(at), bytes;

        buf_add(out, at, plain);
        at += plain;
        if (*at == '\0') {
            break;
        }
        bytes = text_utf8_bytes((const char *)at);
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

void wire_text_quote(struct buf *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    size_t plain = plain_bytes(at);

    if (at[plain] == '\0') {
        add_plain(out, at, plain);
    } else {
        add_any(out, at);
    }
}
