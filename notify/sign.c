#include "notify/sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

void sign(const char *secret, size_t secret_bytes, const struct sign_of *of,
          char out_text[SIGN_TEXT_BYTES]) {
    char *head = mem_format("%" PRId64 ".%s.", of->time_s, of->id);
    const size_t head_bytes = strlen(head);
    unsigned char *whole = mem_alloc(head_bytes + of->body_bytes + 1, 1);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    size_t at;

    memcpy(whole, head, head_bytes);
    memcpy(whole + head_bytes, of->body, of->body_bytes);
    ENSURE(HMAC(EVP_sha256(), secret, (int)secret_bytes, whole, head_bytes + of->body_bytes, digest,
                &bytes) != NULL);
    at = (size_t)snprintf(out_text, SIGN_TEXT_BYTES, "sha256=");
    for (unsigned i = 0; i < bytes; i++) {
        at += (size_t)snprintf(out_text + at, SIGN_TEXT_BYTES - at, "%02x", digest[i]);
    }
    free(head);
    free(whole);
}
