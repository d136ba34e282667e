/* sim/amounts.h - a set of named quantities, as in a pod's requests or a quota's hard.
 *
 * Kept in the order of the names, the order in which the API server lists them. Cpu
 * counts thousandths of a core, everything else whole units. This is the simulated
 * cluster's own arithmetic, apart from the policy's, so that each can check the other.
 */
#ifndef SIM_AMOUNTS_H
#define SIM_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/quantity.h"

struct buf;
struct json_t;

#define AMOUNTS_NAME_BYTES_MAX 128 /* longer names are refused */

struct amount {
    char name[AMOUNTS_NAME_BYTES_MAX];
    int64_t value;
    bool binary; /* printed as 4Gi and not as 4G: how it was first written */
};

/* A plain value; zeroed is empty and ready. */
struct amounts {
    struct amount *items; /* sorted by name */
    size_t count;
    size_t room;
};

void amounts_finish(struct amounts *set); /* Accepts NULL. */

/* NULL when the name is not in the set. */
const struct amount *amounts_find(const struct amounts *set, const char *name);

/* The value, 0 when absent. */
int64_t amounts_value(const struct amounts *set, const char *name);

void amounts_set(struct amounts *set, const char *name, int64_t value, bool binary);

/* Sums are capped at INT64_MAX. A name that is not there yet comes in. */
void amounts_add(struct amounts *set, const char *name, int64_t value, bool binary);
void amounts_add_all(struct amounts *set, const struct amounts *more);

/* Raise to at least this; comes in when absent. */
void amounts_raise(struct amounts *set, const char *name, int64_t value, bool binary);
void amounts_raise_all(struct amounts *set, const struct amounts *more);

/* Add every member of a JSON object {"cpu": "1", ...}, leaving out what does not parse:
 * validation has refused it where it matters. NULL adds nothing. */
void amounts_add_readable(struct amounts *set, const struct json_t *object);

/* A new JSON object, owned by the caller. */
struct json_t *amounts_json(const struct amounts *set);

/* One value as the API server prints it. */
void amount_print(const struct amount *amount, char out_text[QUANTITY_BYTES_MAX]);

/* "limits.cpu=8,requests.cpu=8" */
void amounts_print(const struct amounts *set, struct buf *out);

/* One quantity in the unit its name wants. */
int amount_parse(const char *name, const char *text, int64_t *out_value,
                 bool *out_binary) MUST_CHECK;

#endif
