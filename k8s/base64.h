/* k8s/base64.h - RFC 4648 base64, as kubeconfig files hold certificates. */
#ifndef K8S_BASE64_H
#define K8S_BASE64_H

#include <stddef.h>

#include "base/error.h"

/* Decode; blanks and line ends are skipped, padding may be left out. out_data is owned, NUL-ended
 * (not counted). ERR_INVALID for any other byte. */
int base64_decode(const char *text, char **out_data, size_t *out_bytes) MUST_CHECK;

/* An owned text, padded, without line ends. */
char *base64_encode(const char *data, size_t bytes);

#endif
