/* The one-shot function of OpenSSL 3 looks its algorithm up by name at each call, which costs as
 * much as the digest of a kilobyte, and to keep what it found would take a global. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/digest.h"

#include <stdbool.h>

#include <openssl/sha.h>

#include "base/ensure.h"

void digest_sha256(const void *bytes, size_t count, unsigned char out_digest[DIGEST_BYTES]) {
    SHA256_CTX context;
    bool done = SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes, count) == 1 &&
                SHA256_Final(out_digest, &context) == 1;

    _Static_assert(DIGEST_BYTES == SHA256_DIGEST_LENGTH, "a digest is one of SHA-256");
    ENSURE(done); /* It has no other outcome. */
}

void digest_print_hex(const unsigned char *bytes, size_t count, char *out_text) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out_text[2 * i] = digits[bytes[i] >> 4];
        out_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    out_text[2 * count] = '\0';
}
