#include "sim/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(const void *bytes, size_t count, const char *digits, bool padded) {
    const unsigned char *from = bytes;
    char *text = mem_alloc((count + 2) / 3 * 4 + 1, 1);
    char *to = text;

    for (size_t i = 0; i < count; i += 3) {
        uint32_t group = 0;

        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (i + k < count ? from[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            if (i + k <= count) {
                *to++ = digits[group >> (18 - 6 * k) & 63];
            } else if (padded) {
                *to++ = '=';
            }
        }
    }
    return text;
}

char *sim_base64(const void *bytes, size_t count) {
    return encode(bytes, count, alphabet, true);
}

char *sim_base64_url(const void *bytes, size_t count) {
    return encode(bytes, count, alphabet_url, false);
}

char *sim_base64_url_decode(const char *text, size_t *out_bytes) {
    size_t length = strlen(text);
    unsigned char *bytes = mem_alloc(length / 4 * 3 + 4, 1);
    size_t count = 0;
    uint32_t group = 0;

    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(alphabet_url, text[i]);

        if (digit == NULL) {
            free(bytes);
            return NULL;
        }
        group = group << 6 | (uint32_t)(digit - alphabet_url);
        if (i % 4 > 0) {
            unsigned shift = 6 - 2 * (unsigned)(i % 4);

            bytes[count++] = (unsigned char)(group >> shift & 0xff);
        }
    }
    *out_bytes = count;
    return (char *)bytes;
}
