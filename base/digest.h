/* base/digest.h - SHA-256, for names that follow from content. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_BYTES 32

void digest_sha256(const void *bytes, size_t count, unsigned char out_digest[DIGEST_BYTES]);

/* Two lower-case hex digits a byte and a NUL: room for 2 * count + 1. */
void digest_print_hex(const unsigned char *bytes, size_t count, char *out_text);

#endif
