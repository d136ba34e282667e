#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *letters_of(enum base64_alphabet alphabet) {
    return alphabet == BASE64_URL
               ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

char *base64_encode(const void *data, size_t bytes, enum base64_alphabet alphabet) {
    const char *letters = letters_of(alphabet);
    const unsigned char *from = data;
    char *text = mem_alloc((bytes + 2) / 3 * 4 + 1, 1);
    char *to = text;

    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (i + k < bytes ? from[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            if (i + k <= bytes) {
                *to++ = letters[bits >> (18 - 6 * k) & 63];
            } else if (alphabet == BASE64_USUAL) {
                *to++ = '=';
            }
        }
    }
    return text;
}

/* The bytes of a text of letters and padding; false when it is not one. */
static bool decode(const char *text, const char *letters, char *data, size_t *out_bytes) {
    size_t bytes = 0;
    size_t count = 0;
    size_t padding = 0;
    uint32_t bits = 0;

    for (; *text != '\0'; text++) {
        const char *letter = strchr(letters, *text);

        if (strchr(" \t\r\n", *text) != NULL) {
            continue;
        }
        if (*text == '=') {
            padding++;
            continue;
        }
        if (letter == NULL || padding > 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(letter - letters);
        if (++count % 4 != 1) {
            data[bytes++] = (char)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0) & 0xff);
        }
    }
    *out_bytes = bytes;
    return count % 4 != 1 && padding <= 2 && (padding == 0 || (count + padding) % 4 == 0);
}

int base64_decode(const char *text, enum base64_alphabet alphabet, char **out_data,
                  size_t *out_bytes) {
    char *data = mem_alloc(strlen(text) / 4 * 3 + 4, 1);
    size_t bytes;

    if (!decode(text, letters_of(alphabet), data, &bytes)) {
        free(data);
        return ERR_INVALID;
    }
    *out_data = data;
    *out_bytes = bytes;
    return OK;
}
