/* base/rfc3339.h - UTC times as Kubernetes writes them.
 *
 * Source: RFC 3339. Years 1970 to 9999. No time zones but numeric offsets.
 */
#ifndef BASE_RFC3339_H
#define BASE_RFC3339_H

#include <stdint.h>

#include "base/error.h"

#define RFC3339_BYTES_MAX 40

/* "2026-11-22T22:00:00Z", the fraction cut off. */
void rfc3339_print(int64_t time_us, char out_text[RFC3339_BYTES_MAX]);

/* "2026-11-22T22:00:00.000000Z": always six digits, as a Lease's renewTime wants. */
void rfc3339_print_us(int64_t time_us, char out_text[RFC3339_BYTES_MAX]);

/* Any fraction (cut to microseconds), "Z" or an offset. ERR_INVALID for all else. */
int rfc3339_parse(const char *text, int64_t *out_time_us) MUST_CHECK;

#endif
