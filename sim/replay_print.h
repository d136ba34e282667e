/* sim/replay_print.h - the figures of several policies side by side: for people, for programs, and
 * as a picture. */
#ifndef SIM_REPLAY_PRINT_H
#define SIM_REPLAY_PRINT_H

#include "base/buf.h"
#include "sim/replay_figures.h"

struct replay_row {
    const char *policy;
    struct figures figures;
};

struct replay_report {
    const char *trace; /* its file's name */
    double cpus;
    size_t nodes;
    double load; /* work over capacity, between the first submission and the last */
    uint64_t seed;
    size_t skipped; /* lines */
    const struct replay_row *rows;
    size_t row_count;
};

void replay_print_table(const struct replay_report *report, struct buf *out);
void replay_print_markdown(const struct replay_report *report, struct buf *out);
void replay_print_json(const struct replay_report *report, struct buf *out);

/* SVG: waits and utilisation over time, a line per policy. */
void replay_print_plot(const struct replay_report *report, struct buf *out);

#endif
