/* sim/status.h - the Status objects with which an API server says no.
 *
 * Each function returns a new JSON object, owned by the caller (json_decref). Texts
 * and details are those of recorded exchanges of a real API server.
 */
#ifndef SIM_STATUS_H
#define SIM_STATUS_H

#include <stdint.h>

#include "base/error.h"

struct json_t;
struct sim_resource;

/* Failure with this code and reason; reason "" and name NULL are left out. The details' kind
 * and group come from resource, which may be NULL. */
struct json_t *sim_status(int code, const char *reason, const struct sim_resource *resource,
                          const char *name, const char *format, ...) PRINTF_LIKE(5, 6);

/* 403 `pods "X" is forbidden: ` and then the text. */
struct json_t *sim_status_forbidden(const struct sim_resource *resource, const char *name,
                                    const char *format, ...) PRINTF_LIKE(3, 4);

struct json_t *sim_status_not_found(const struct sim_resource *resource, const char *name);
struct json_t *sim_status_exists(const struct sim_resource *resource, const char *name);

/* 409 `Operation cannot be fulfilled on pods "X": ` and then the text. */
struct json_t *sim_status_conflict(const struct sim_resource *resource, const char *name,
                                   const char *format, ...) PRINTF_LIKE(3, 4);

struct json_t *sim_status_bad_request(const char *format, ...) PRINTF_LIKE(1, 2);

/* 422 in the making: add causes, then finish. The message is composed of them. */
struct sim_invalid {
    struct json_t *causes; /* NULL while there is none; owned */
};
/* reason such as FieldValueInvalid, FieldValueRequired; the text follows the field's name. */
void sim_invalid_add(struct sim_invalid *invalid, const char *reason, const char *field,
                     const char *format, ...) PRINTF_LIKE(4, 5);
/* The Status, or NULL if there was no cause. Empties *invalid. */
struct json_t *sim_invalid_finish(struct sim_invalid *invalid, const struct sim_resource *resource,
                                  const char *name);

/* Status Success, as a DELETE or a binding answers. */
struct json_t *sim_status_success(int code);

/* The code inside a Status. */
int sim_status_code(const struct json_t *status);

#endif
