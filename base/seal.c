#include "base/seal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define PREFIX    "sealed:1:"
#define ID_BYTES  16
#define TAG_BYTES 16

void seal_wipe(void *bytes, size_t count) {
    OPENSSL_cleanse(bytes, count);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static int add_key(const char *line, size_t number, struct seal_keys *keys, struct error *error) {
    struct seal_key *key = &keys->items[keys->count];
    unsigned char digest[DIGEST_BYTES];
    char *bytes = NULL;
    size_t count = 0;
    int r = base64_decode(line, BASE64_USUAL, &bytes, &count);

    if (keys->count == SEAL_KEYS_MAX) {
        r = error_set(error, ERR_INVALID, "line %zu: more than %d keys", number, SEAL_KEYS_MAX);
    } else if (r < 0 || count != SEAL_KEY_BYTES) {
        r = error_set(error, ERR_INVALID, "line %zu: not %d bytes in base64", number,
                      SEAL_KEY_BYTES);
    } else {
        memcpy(key->bytes, bytes, SEAL_KEY_BYTES);
        digest_sha256(bytes, count, digest);
        digest_print_hex(digest, ID_BYTES / 2, key->id);
        keys->count++;
    }
    if (bytes != NULL) {
        seal_wipe(bytes, count);
        free(bytes);
    }
    return r;
}

int seal_keys_parse(const char *text, struct seal_keys *out_keys, struct error *error) {
    struct seal_keys keys = {.count = 0};
    int r = OK;

    for (size_t number = 1; r == OK && *text != '\0'; number++) {
        size_t length = strcspn(text, "\n");
        char *line = mem_copy_text_n(text, length);

        if (line[strspn(line, " \t\r")] != '\0' && line[0] != '#') {
            r = add_key(line, number, &keys, error);
        }
        seal_wipe(line, length);
        free(line);
        text += length;
        text += *text == '\n' ? 1 : 0;
    }
    if (r == OK && keys.count == 0) {
        r = error_set(error, ERR_INVALID, "it has no key: a line of %d bytes in base64",
                      SEAL_KEY_BYTES);
    }
    if (r == OK) {
        *out_keys = keys;
    }
    seal_wipe(&keys, sizeof keys);
    return r;
}

static const struct seal_key *find_key(const struct seal_keys *keys, const char *id) {
    for (size_t i = 0; i < keys->count; i++) {
        if (strncmp(keys->items[i].id, id, ID_BYTES) == 0) {
            return &keys->items[i];
        }
    }
    return NULL;
}

/* --- Sealing --------------------------------------------------------------------------------- */

bool seal_is_sealed(const char *text) {
    return text_starts_with(text, "sealed:");
}

/* A cipher with key and nonce, that has seen the place. seals: 1, or 0 to open. */
static EVP_CIPHER_CTX *begin(const struct seal_key *key, const unsigned char *nonce,
                             const char *place, int seals) {
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int length = 0;
    bool done = cipher != NULL &&
                EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seals) == 1 &&
                EVP_CipherUpdate(cipher, NULL, &length, (const unsigned char *)place,
                                 (int)strlen(place)) == 1;

    ENSURE(done); /* But for memory, which we don't go on without, it can't fail. */
    return cipher;
}

char *seal_close(const struct seal_key *key, const unsigned char nonce[SEAL_NONCE_BYTES],
                 const char *place, const void *secret, size_t bytes) {
    unsigned char *box = mem_alloc(SEAL_NONCE_BYTES + bytes + TAG_BYTES, 1);
    unsigned char *inside = box + SEAL_NONCE_BYTES;
    EVP_CIPHER_CTX *cipher = begin(key, nonce, place, 1);
    int length = 0;
    char *encoded;
    char *text;
    bool done;

    ENSURE(bytes <= LIMIT_SPEC_BYTES);
    memcpy(box, nonce, SEAL_NONCE_BYTES);
    done = EVP_CipherUpdate(cipher, inside, &length, secret, (int)bytes) == 1 &&
           EVP_CipherFinal_ex(cipher, inside + bytes, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, inside + bytes) == 1;
    ENSURE(done);
    EVP_CIPHER_CTX_free(cipher);
    encoded = base64_encode(box, SEAL_NONCE_BYTES + bytes + TAG_BYTES, BASE64_USUAL);
    text = mem_format(PREFIX "%s:%s", key->id, encoded);
    free(encoded);
    free(box);
    return text;
}

/* The box is nonce, bytes and tag. False: it is not what was sealed for that place. */
static bool open_box(const struct seal_key *key, const char *place, unsigned char *box,
                     size_t bytes, unsigned char *out_secret) {
    EVP_CIPHER_CTX *cipher = begin(key, box, place, 0);
    unsigned char *inside = box + SEAL_NONCE_BYTES;
    unsigned char none[1];
    int length = 0;
    bool done =
        EVP_CipherUpdate(cipher, out_secret, &length, inside, (int)bytes) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, inside + bytes) == 1 &&
        EVP_CipherFinal_ex(cipher, none, &length) == 1;

    EVP_CIPHER_CTX_free(cipher);
    return done;
}

/* What is behind the key's id. */
static int decode_box(const char *sealed, unsigned char **out_box, size_t *out_bytes,
                      struct error *error) {
    static const size_t head = sizeof PREFIX - 1 + ID_BYTES;
    char *box = NULL;
    size_t bytes = 0;
    int r = ERR_INVALID;

    if (text_starts_with(sealed, PREFIX) && strlen(sealed) > head && sealed[head] == ':') {
        r = base64_decode(sealed + head + 1, BASE64_USUAL, &box, &bytes);
    }
    if (r < 0 || bytes < SEAL_NONCE_BYTES + TAG_BYTES || bytes > LIMIT_SPEC_BYTES) {
        free(box);
        return error_set(error, ERR_INVALID, "not a secret as this version seals it");
    }
    *out_box = (unsigned char *)box;
    *out_bytes = bytes;
    return OK;
}

int seal_open(const struct seal_keys *keys, const char *place, const char *sealed,
              char **out_secret, size_t *out_bytes, struct error *error) {
    const struct seal_key *key;
    unsigned char *box = NULL;
    char *secret;
    size_t bytes = 0;
    int r = decode_box(sealed, &box, &bytes, error);

    if (r < 0) {
        return r;
    }
    key = find_key(keys, sealed + strlen(PREFIX));
    if (key == NULL) {
        free(box);
        return error_set(error, ERR_NOT_FOUND, "it is sealed with the key %.*s, which is not here",
                         ID_BYTES, sealed + strlen(PREFIX));
    }
    bytes -= SEAL_NONCE_BYTES + TAG_BYTES;
    secret = mem_alloc(bytes + 1, 1);
    if (open_box(key, place, box, bytes, (unsigned char *)secret)) {
        *out_secret = secret;
        *out_bytes = bytes;
    } else {
        seal_wipe(secret, bytes);
        free(secret);
        r = error_set(error, ERR_CORRUPT, "its sealed text was changed, or belongs elsewhere");
    }
    free(box);
    return r;
}
