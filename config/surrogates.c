#include "config/surrogates.h"

#include <jansson.h>
#include <stdint.h>

static bool is_json(const char *text, size_t bytes) {
    json_error_t error;
    json_t *json = json_loadb(text, bytes, 0, &error);
    bool ok = json != NULL;

    json_decref(json);
    return ok;
}

/* The unit of a \uXXXX at text, or 0. */
static uint32_t escaped_unit(const char *text, const char *end) {
    uint32_t unit = 0;

    if (end - text < 6 || text[0] != '\\' || text[1] != 'u') {
        return 0;
    }
    for (int i = 2; i < 6; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

        unit = unit << 4 | ((uint32_t)digit & 0xf);
    }
    return unit;
}

static void add_utf8(struct buf *out, uint32_t point) {
    char bytes[4] = {
        (char)(0xf0 | point >> 18),
        (char)(0x80 | (point >> 12 & 0x3f)),
        (char)(0x80 | (point >> 6 & 0x3f)),
        (char)(0x80 | (point & 0x3f)),
    };

    buf_add(out, bytes, sizeof bytes);
}

/* In JSON a backslash occurs only within strings, so no other context matters. */
bool surrogates_replace(const char *text, size_t bytes, struct buf *out) {
    const char *end = text + bytes;

    if (!is_json(text, bytes)) {
        return false;
    }
    while (text < end) {
        uint32_t high = escaped_unit(text, end);
        size_t taken = *text == '\\' && end - text >= 2 ? 2 : 1;

        if (high >= 0xd800 && high < 0xdc00) {
            uint32_t low = escaped_unit(text + 6, end);

            add_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            taken = 12;
        } else {
            buf_add(out, text, taken);
        }
        text += taken;
    }
    return true;
}
