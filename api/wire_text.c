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
