/* policy/limit_range.h - a namespace's LimitRanges: what admission fills in, and what it refuses.
 *
 * Applied before anything is summed, in the order of the ranges' names, as the API server's
 * LimitRanger does: container defaults first, then the checks of containers, pods and claims.
 */
#ifndef POLICY_LIMIT_RANGE_H
#define POLICY_LIMIT_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/resources.h"

struct demand;

enum limit_type {
    LIMIT_TYPE_CONTAINER,
    LIMIT_TYPE_POD,
    LIMIT_TYPE_CLAIM, /* PersistentVolumeClaim: storage_min and storage_max alone */
    LIMIT_TYPE_OTHER, /* kept, never applied */
};

/* A vector of which only the kinds with their bit set count. */
struct limit_bounds {
    uint16_t set; /* RESOURCE_BIT()s */
    struct resources amounts;
};

struct limit_item {
    enum limit_type type;
    struct limit_bounds max;
    struct limit_bounds min;
    struct limit_bounds default_limit;
    struct limit_bounds default_request;
    struct limit_bounds ratio_max_milli; /* limit / request, in thousandths whatever the kind */
    int64_t storage_min;                 /* bytes; 0: none */
    int64_t storage_max;                 /* 0: none */
};

/* Texts and items are owned. Zeroed is empty. */
struct limit_range {
    char *namespace;
    char *name;
    struct limit_item *items;
    size_t item_count;
};

void limit_range_init(struct limit_range *range, const char *namespace, const char *name);
void limit_range_finish(struct limit_range *range);
void limit_range_copy(const struct limit_range *range, struct limit_range *out_range);

/* A zeroed item; valid until the next one is added. */
struct limit_item *limit_range_add_item(struct limit_range *range, enum limit_type type);

void limit_bounds_set(struct limit_bounds *bounds, size_t kind, int64_t amount);

/* A settled demand with the defaults filled in: the same one, shared, when there is nothing to
 * fill in. Ranges: those of the job's namespace, sorted by name. The caller destroys it. */
struct demand *limit_ranges_apply(const struct limit_range *const *ranges, size_t count,
                                  struct demand *demand);

/* ERR_INVALID, with the sentence the API server would refuse the first bad pod with. */
int limit_ranges_check(const struct limit_range *const *ranges, size_t count,
                       const struct demand *demand, const struct resource_names *names,
                       struct error *error) MUST_CHECK;

#endif
