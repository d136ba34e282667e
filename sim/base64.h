/* sim/base64.h - RFC 4648 base64, both alphabets. */
#ifndef SIM_BASE64_H
#define SIM_BASE64_H

#include <stddef.h>

/* With padding. Owned. */
char *sim_base64(const void *bytes, size_t count);

/* The URL's alphabet, without padding. Owned. */
char *sim_base64_url(const void *bytes, size_t count);

/* Owned and NUL-ended, or NULL if it isn't base64 of that kind. */
char *sim_base64_url_decode(const char *text, size_t *out_bytes);

#endif
