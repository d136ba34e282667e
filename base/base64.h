/* base/base64.h - RFC 4648 base64: the usual alphabet, and the URL's. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/error.h"

enum base64_alphabet {
    BASE64_USUAL, /* + and /, padded */
    BASE64_URL,   /* - and _, not padded */
};

/* An owned text without line ends. */
char *base64_encode(const void *data, size_t bytes, enum base64_alphabet alphabet);

/* Decode; blanks and line ends are skipped, padding may be left out. out_data is owned, NUL-ended
 * (not counted). ERR_INVALID for any other byte, and for a length that nothing encodes to. */
int base64_decode(const char *text, enum base64_alphabet alphabet, char **out_data,
                  size_t *out_bytes) MUST_CHECK;

#endif
