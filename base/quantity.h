/* base/quantity.h - Kubernetes quantities: "100m", "1.5", "24Gi", "1e3", "128974848".
 *
 * Source: the Quantity grammar of Kubernetes' API reference (resource.Quantity):
 * a signed decimal number and one suffix of  n u m "" k M G T P E  |  Ki Mi Gi Ti Pi Ei  |
 * e<int> E<int>. Values are exact; a fraction finer than the unit asked for is rounded
 * away from zero ("rounding up"), as Kubernetes does. What does not fit int64 is capped
 * there by Kubernetes; we refuse it (ERR_FULL), since no real cluster has it.
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdint.h>

#include "base/error.h"

#define QUANTITY_BYTES_MAX 40

/* In thousandths: cpu. ERR_INVALID: not a quantity. ERR_FULL: too large. */
int quantity_parse_milli(const char *text, int64_t *out_milli) MUST_CHECK;

/* In whole units: bytes, counts. The same errors. */
int quantity_parse_units(const char *text, int64_t *out_units) MUST_CHECK;

/* Canonical decimal form of thousandths: "1500m", "2", "0". */
void quantity_print_milli(int64_t milli, char out_text[QUANTITY_BYTES_MAX]);

/* Canonical binary form: the largest of Ei Pi Ti Gi Mi Ki that divides exactly, else plain. */
void quantity_print_bytes(int64_t bytes, char out_text[QUANTITY_BYTES_MAX]);

/* Canonical decimal form of whole units: "1k", "1500", "2M". */
void quantity_print_units(int64_t units, char out_text[QUANTITY_BYTES_MAX]);

/* The canonical text of a parsed quantity in its own format family, as the API server
 * would print it back ("1024Ki" -> "1Mi", "0.5" -> "500m", "1e3" -> "1e3", "1000Mi" stays). */
int quantity_canonical(const char *text, char out_text[QUANTITY_BYTES_MAX]) MUST_CHECK;

#endif
