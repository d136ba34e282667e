/* base/seal.h - secrets that are stored as texts only the holder of a key can read.
 *
 * "sealed:1:<key's id>:<base64>": AES-256-GCM over the secret, with the place it belongs to as
 * associated data: opened elsewhere, or changed by a bit, it is refused. A key file has a key a
 * line, 32 bytes in base64; the first one seals, each of them opens.
 */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SEAL_KEYS_MAX    8
#define SEAL_KEY_BYTES   32
#define SEAL_NONCE_BYTES 12

struct seal_key {
    char id[17]; /* hex, of its digest */
    unsigned char bytes[SEAL_KEY_BYTES];
};

struct seal_keys {
    struct seal_key items[SEAL_KEYS_MAX];
    size_t count;
};

/* Read a key file's text. Empty lines and those that begin with # are skipped. ERR_INVALID: it has
 * no key, too many, or a line that is none. */
int seal_keys_parse(const char *text, struct seal_keys *out_keys, struct error *error) MUST_CHECK;

/* Overwrite what must not stay in memory; the compiler doesn't leave it out. */
void seal_wipe(void *bytes, size_t count);

/* Has it the form of a sealed text? No base64 has. */
bool seal_is_sealed(const char *text);

/* An owned text. place tells what the secret belongs to. A nonce is used once: rng_secret(). */
char *seal_close(const struct seal_key *key, const unsigned char nonce[SEAL_NONCE_BYTES],
                 const char *place, const void *secret, size_t bytes);

/* *out_secret is owned, NUL-ended (not counted), to be wiped. ERR_NOT_FOUND: none of these keys
 * sealed it. ERR_CORRUPT: it was changed, or belongs elsewhere. ERR_INVALID: no sealed text. */
int seal_open(const struct seal_keys *keys, const char *place, const char *sealed,
              char **out_secret, size_t *out_bytes, struct error *error) MUST_CHECK;

#endif
