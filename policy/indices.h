/* policy/indices.h - the indices of an array of jobs: "0-999%50", "0-10:2,20".
 *
 * Ranges ascend and don't overlap, so an element's place among them is its index's, and the other
 * way round. As a text they are stored once for all elements.
 */
#ifndef POLICY_INDICES_H
#define POLICY_INDICES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define INDICES_RANGES_MAX 64
#define INDICES_TEXT_BYTES 2048
#define INDEX_MAX          INT64_C(999999999)

struct index_range {
    int64_t first;
    int64_t last; /* one of them */
    int64_t step; /* from 1 */
};

struct indices {
    struct index_range ranges[INDICES_RANGES_MAX];
    uint32_t range_count;
    uint32_t running_max; /* elements that may run at once; 0: all */
    uint64_t count;
};

/* ERR_INVALID says why. */
int indices_parse(const char *text, struct indices *out_indices, struct error *error) MUST_CHECK;

/* "3-17:2%4": the shortest text that reads the same. */
void indices_print(const struct indices *indices, struct buf *out);

/* The index at a place from 0, below count; and its place. O(ranges). */
int64_t indices_at(const struct indices *indices, uint64_t place);
bool indices_find(const struct indices *indices, int64_t index, uint64_t *out_place);

/* Append an index, above all there are; false: that takes too many ranges. */
bool indices_add(struct indices *indices, int64_t index);

#endif
