/* base/text.h - small questions about text that C leaves open. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Copy what fits and always end with a NUL; false when it was cut. */
bool text_copy(char *out_text, size_t bytes_max, const char *text);

bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);

/* A whole decimal number and nothing else; ERR_INVALID otherwise or out of range. */
int text_parse_int64(const char *text, int64_t *out_value) MUST_CHECK;

/* "90s", "15m", "2h", "1h30m", "1d", "250ms": a duration; a bare number is refused. */
int text_parse_duration_us(const char *text, int64_t *out_us) MUST_CHECK;

/* "3h12m", "45s", "250ms": at most the two largest units. */
void text_print_duration(int64_t us, char out_text[32]);

/* The candidate that was probably meant (Damerau-Levenshtein distance at most 1 + length/4),
 * or NULL. Ties go to the first. */
const char *text_closest(const char *text, const char *const *candidates, size_t count);

/* RFC 1123: a DNS label (at most 63 bytes) or a subdomain (at most 253; Kubernetes does not
 * bound its parts). */
bool text_is_dns_label(const char *text);
bool text_is_dns_subdomain(const char *text);

/* Kubernetes' syntax of label values (may be empty) and of keys with an optional prefix/. */
bool text_is_label_value(const char *text);
bool text_is_label_key(const char *text);

/* The length of the UTF-8 sequence that text begins with; 0 if it is none: also at the end of the
 * text, and of overlong forms, surrogates and what is beyond U+10FFFF (RFC 3629). */
size_t text_utf8_bytes(const char *text);

/* How many of the bytes stand for themselves in a text of JSON: up to the first quote, backslash or
 * control character. */
size_t text_plain_bytes(const char *text, size_t bytes);

bool text_is_ascii(const char *text, size_t bytes);

/* Two texts or byte runs compared in a time that does not depend on their content. */
bool text_equal_constant_time(const void *a, const void *b, size_t count);

#endif
