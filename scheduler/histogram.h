/* scheduler/histogram.h - how long something takes: counts of durations, for Prometheus.
 *
 * A plain value; zeroed is empty.
 */
#ifndef SCHEDULER_HISTOGRAM_H
#define SCHEDULER_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define HISTOGRAM_BOUNDS 14

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* up to each bound, from the one before; beyond all */
    int64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t took_us);

/* Append it as Prometheus has it: HELP and TYPE, the buckets, sum and count. */
void histogram_print(const struct histogram *histogram, const char *name, const char *help,
                     struct buf *out);

#endif
