#include "k8s/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char letter) {
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);

    return found == NULL ? -1 : (int)(found - letters);
}

int base64_decode(const char *text, char **out_data, size_t *out_bytes) {
    char *data = mem_alloc(strlen(text) / 4 * 3 + 4, 1);
    size_t bytes = 0;
    size_t count = 0;
    size_t padding = 0;
    uint32_t bits = 0;

    for (; *text != '\0'; text++) {
        int value = value_of(*text);

        if (strchr(" \t\r\n", *text) != NULL) {
            continue;
        }
        if (*text == '=') {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0) {
            free(data);
            return ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 != 1) {
            data[bytes++] = (char)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0) & 0xff);
        }
    }
    if (count % 4 == 1 || padding > 2 || (padding > 0 && (count + padding) % 4 != 0)) {
        free(data);
        return ERR_INVALID;
    }
    *out_data = data;
    *out_bytes = bytes;
    return OK;
}

char *base64_encode(const char *data, size_t bytes) {
    const unsigned char *from = (const unsigned char *)data;
    char *text = mem_alloc((bytes + 2) / 3 * 4 + 1, 1);
    char *out = text;

    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t bits = (uint32_t)from[i] << 16 | (i + 1 < bytes ? (uint32_t)from[i + 1] << 8 : 0) |
                        (i + 2 < bytes ? from[i + 2] : 0u);

        *out++ = letters[bits >> 18];
        *out++ = letters[bits >> 12 & 63];
        *out++ = i + 1 < bytes ? letters[bits >> 6 & 63] : '=';
        *out++ = i + 2 < bytes ? letters[bits & 63] : '=';
    }
    return text;
}
