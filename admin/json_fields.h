/* admin/json_fields.h - a record's fields as a JSON object, by the table they are stored with.
 *
 * What a record does not have is not in the object either. States and failures are words, bytes are
 * hex, a field that a later version adds comes along by itself.
 */
#ifndef ADMIN_JSON_FIELDS_H
#define ADMIN_JSON_FIELDS_H

#include "base/error.h"

struct field_table;
struct json_t;

/* The caller's to release. NULL: a text is not UTF-8. */
struct json_t *json_fields_encode(const struct field_table *table, const void *value);

/* Fill *out_value, all that is absent included; texts point into the object. ERR_INVALID. */
int json_fields_decode(const struct field_table *table, const struct json_t *object,
                       void *out_value, struct error *error) MUST_CHECK;

#endif
