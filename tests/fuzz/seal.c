/* Sealed secrets and key files: the first line is a key file (with ; for an end of line), the rest
 * a sealed text. What doesn't open says why; what is closed opens as it was, and nowhere else. */
#include "base/seal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_anything(const char *keys_text, const char *sealed) {
    struct seal_keys keys = {.count = 0};
    struct error error = {0};
    char *secret = NULL;
    size_t bytes = 0;

    if (seal_keys_parse(keys_text, &keys, &error) != OK) {
        ENSURE(error.code != OK && error.text[0] != '\0');
        return;
    }
    ENSURE(keys.count > 0 && keys.count <= SEAL_KEYS_MAX);
    error = (struct error){0};
    if (seal_open(&keys, "place", sealed, &secret, &bytes, &error) == OK) {
        ENSURE(secret[bytes] == '\0');
        free(secret);
    } else {
        ENSURE(error.code != OK && secret == NULL);
    }
}

static void there_and_back(const uint8_t *data, size_t size) {
    static const unsigned char nonce[SEAL_NONCE_BYTES] = {1};
    struct seal_keys keys;
    struct error error = {0};
    int r = seal_keys_parse(KEY, &keys, &error);
    char *sealed = seal_close(&keys.items[0], nonce, "place", data, size);
    char *secret = NULL;
    size_t bytes = 0;

    ENSURE(r == OK);
    ENSURE(seal_is_sealed(sealed));
    r = seal_open(&keys, "elsewhere", sealed, &secret, &bytes, &error);
    ENSURE(r == ERR_CORRUPT && secret == NULL);
    r = seal_open(&keys, "place", sealed, &secret, &bytes, &error);
    ENSURE(r == OK && bytes == size && memcmp(secret, data, size) == 0);
    free(secret);
    free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_copy_text_n((const char *)data, size);
    char *line_end = strchr(text, '\n');

    if (line_end != NULL) {
        *line_end = '\0';
        for (char *at = text; *at != '\0'; at++) {
            *at = *at == ';' ? '\n' : *at;
        }
        open_anything(text, line_end + 1);
    }
    free(text);
    there_and_back(data, size);
    return 0;
}
