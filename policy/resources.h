/* policy/resources.h - amounts of cpu, memory and whatever else a node gives and a pod takes.
 *
 * A vector has one amount per kind. Four kinds are always there; extended resources
 * ("nvidia.com/gpu", "hugepages-2Mi") get the next free index of a struct resource_names,
 * which one daemon has one of: vectors made with different tables must not meet.
 * Arithmetic saturates at the ends of int64: no sum of a cluster overflows into room.
 */
#ifndef POLICY_RESOURCES_H
#define POLICY_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/quantity.h"

#define RESOURCE_KIND_MAX  16
#define RESOURCE_NONE      RESOURCE_KIND_MAX /* no kind */
#define RESOURCE_BIT(kind) ((uint16_t)(1u << (kind)))

/* The most of one kind that a pod is counted with: 64 TiB of memory. A hundred thousand such pods
 * still add up without saturating, so what is added can be taken away again. */
#define RESOURCE_POD_AMOUNT_MAX (INT64_MAX >> 17)

enum resource_kind {
    RESOURCE_CPU,               /* thousandths of a core */
    RESOURCE_MEMORY,            /* bytes */
    RESOURCE_EPHEMERAL_STORAGE, /* bytes */
    RESOURCE_PODS,              /* count */
    RESOURCE_FIXED_COUNT, /* extended resources follow: bytes of hugepages-, counts of others */
};

/* A plain value; zeroed is nothing at all. */
struct resources {
    int64_t amount[RESOURCE_KIND_MAX];
};

/* Zeroed is ready: it knows the fixed kinds. Kinds are never given back. */
struct resource_names {
    char *extended[RESOURCE_KIND_MAX]; /* owned; the first RESOURCE_FIXED_COUNT stay NULL */
    size_t extended_count;
};

void resource_names_finish(struct resource_names *names);

/* The kind of a name as Kubernetes writes it ("cpu", "nvidia.com/gpu"), a new one if need be.
 * ERR_INVALID: not a resource name. ERR_FULL: RESOURCE_KIND_MAX kinds are in use. */
int resource_intern(struct resource_names *names, const char *name, size_t *out_kind) MUST_CHECK;

/* The same, but a name that is not there gives RESOURCE_NONE. */
size_t resource_find(const struct resource_names *names, const char *name);

/* The name of a kind; borrowed from the table. */
const char *resource_name(const struct resource_names *names, size_t kind);

/* A quantity in the kind's own unit, rounded up. ERR_INVALID (also when negative), ERR_FULL. */
int resource_parse(const struct resource_names *names, size_t kind, const char *quantity,
                   int64_t *out_amount) MUST_CHECK;

/* The amount as Kubernetes prints it: "1500m", "24Gi", "2". */
void resource_print(const struct resource_names *names, size_t kind, int64_t amount,
                    char out_text[QUANTITY_BYTES_MAX]);

/* All that is not zero of some kinds, in their own units:
 * "ephemeral-storage=1024,nvidia.com/gpu=2". The text is the caller's to free. */
char *resources_write(const struct resource_names *names, const struct resources *amounts,
                      uint16_t kinds) MUST_CHECK;

/* Such a text read, beside what is in *amounts. ERR_INVALID, ERR_FULL as with resource_intern(). */
int resources_read(struct resource_names *names, const char *text,
                   struct resources *amounts) MUST_CHECK;

/* Saturating arithmetic on amounts. */
int64_t amount_add(int64_t a, int64_t b);
int64_t amount_subtract(int64_t a, int64_t b);
int64_t amount_multiply(int64_t a, int64_t b);

/* In place, kind by kind: sum += more, and so on. */
void resources_add(struct resources *sum, const struct resources *more);
void resources_add_times(struct resources *sum, const struct resources *more, int64_t times);
void resources_subtract(struct resources *sum, const struct resources *less);
void resources_max(struct resources *most, const struct resources *other);

bool resources_equal(const struct resources *a, const struct resources *b);

/* Is there room for `need` in `free`? Kinds of which nothing is needed do not count, even
 * where free is negative. */
bool resources_fit(const struct resources *need, const struct resources *free);

/* The first kind that does not fit, or RESOURCE_NONE. */
size_t resources_first_short(const struct resources *need, const struct resources *free);

#endif
