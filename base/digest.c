#include "base/digest.h"

#include <openssl/evp.h>

#include "base/ensure.h"

void digest_sha256(const void *bytes, size_t count, unsigned char out_digest[DIGEST_BYTES]) {
    unsigned int size = 0;
    int done = EVP_Digest(bytes, count, out_digest, &size, EVP_sha256(), NULL);

    ENSURE(done == 1); /* Only a broken installation of OpenSSL lacks it. */
    ENSURE(size == DIGEST_BYTES);
}

void digest_print_hex(const unsigned char *bytes, size_t count, char *out_text) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out_text[2 * i] = digits[bytes[i] >> 4];
        out_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    out_text[2 * count] = '\0';
}
