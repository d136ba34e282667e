#include "scheduler/histogram.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/error.h"

/* Around what is promised of a turn: 10 ms and 50 ms. As seconds they are printed as they stand. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[] = {
    {50, "0.00005"},  {100, "0.0001"},  {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},
    {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
    {100000, "0.1"},  {250000, "0.25"}, {1000000, "1"},   {5000000, "5"},
};

_Static_assert(ARRAY_LEN(bounds) == HISTOGRAM_BOUNDS, "each bound has its count");

void histogram_add(struct histogram *histogram, int64_t took_us) {
    size_t at = 0;

    took_us = took_us > 0 ? took_us : 0; /* A clock that was set back. */
    while (at < HISTOGRAM_BOUNDS && took_us > bounds[at].us) {
        at++;
    }
    histogram->counts[at]++;
    histogram->sum_us += took_us;
}

void histogram_print(const struct histogram *histogram, const char *name, const char *help,
                     struct buf *out) {
    uint64_t count = 0;

    buf_add_format(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
        buf_add_format(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i].seconds, count);
    }
    count += histogram->counts[HISTOGRAM_BOUNDS];
    buf_add_format(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    buf_add_format(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name,
                   (double)histogram->sum_us / 1e6, name, count);
}
