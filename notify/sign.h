/* notify/sign.h - a body's signature, for receivers that share a secret with us.
 *
 * HMAC-SHA256 (RFC 2104) over "<seconds since 1970>.<id>.<body>": with the time and the id in it,
 * neither can be changed, and what is repeated later can be told.
 */
#ifndef NOTIFY_SIGN_H
#define NOTIFY_SIGN_H

#include <stddef.h>
#include <stdint.h>

#define SIGN_TEXT_BYTES 72 /* "sha256=" and 64 hexadecimal digits */

struct sign_of {
    int64_t time_s;
    const char *id;
    const char *body;
    size_t body_bytes;
};

void sign(const char *secret, size_t secret_bytes, const struct sign_of *of,
          char out_text[SIGN_TEXT_BYTES]);

#endif
