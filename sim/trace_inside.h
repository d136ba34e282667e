/* sim/trace_inside.h - what the readers of traces share. */
#ifndef SIM_TRACE_INSIDE_H
#define SIM_TRACE_INSIDE_H

#include "sim/trace.h"

/* A line that is being read. */
struct trace_line {
    char *text; /* without its end; readers may cut it up */
    const struct trace_options *options;
    struct trace *trace;
    struct error *error; /* for what is wrong with the line, and what to do */
};

/* Add the line's job, if it holds one. ERR_INVALID with a sentence. */
int trace_swf_line(const struct trace_line *line) MUST_CHECK;
int trace_json_line(const struct trace_line *line) MUST_CHECK;
int trace_swim_line(const struct trace_line *line) MUST_CHECK;

/* A zeroed job at the end. */
struct trace_job *trace_add(struct trace *trace);
void trace_drop_last(struct trace *trace);

/* One more group of equal pods, to a demand that is not settled. */
struct pod_demand *trace_add_pods(struct demand *demand, enum pod_role role, uint32_t count,
                                  int64_t cpu_milli, int64_t memory);

#endif
