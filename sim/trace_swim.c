#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/trace_inside.h"

/* The model: bytes are known and times are not, so these are made up; sim/trace.h says so. */
#define EXECUTOR_BYTES   1e9 /* of data to one executor, of one processor */
#define EXECUTORS_MAX    64
#define START_S          20.0 /* of a job, however small */
#define EXECUTOR_BYTES_S 10e6 /* that an executor gets through in a second */
#define EXECUTOR_MEMORY  ((int64_t)4 << 30)
#define SMALL_BYTES      1e9
#define LARGE_BYTES      1e12
#define SUBMIT_S_MAX     1e11
#define FIELDS           6

static const char *team_of(double bytes) {
    return bytes < SMALL_BYTES ? "small" : bytes < LARGE_BYTES ? "medium" : "large";
}

static double executors_of(double bytes) {
    return fmin(fmax(ceil(bytes / EXECUTOR_BYTES), 1), EXECUTORS_MAX);
}

static void add_job(const struct trace_line *line, double submit_s, double bytes) {
    struct trace_job *job = trace_add(line->trace);
    double executors = executors_of(bytes);
    double run_s = START_S + bytes / (executors * EXECUTOR_BYTES_S);

    job->team = mem_copy_text(team_of(bytes));
    job->user = mem_copy_text(job->team);
    job->namespace = mem_copy_text("replay");
    /* As if jobs of about the same size came under one name. */
    job->name = mem_format("%s-x%c", job->team, (char)('a' + (int)fmin(log10(bytes + 1), 25)));
    job->submit_us = (int64_t)(submit_s * CLOCK_US_PER_SECOND);
    job->runtime_us = (int64_t)(run_s * CLOCK_US_PER_SECOND);
    job->demand = demand_create();
    trace_add_pods(job->demand, POD_ROLE_DRIVER, 1, 1000, EXECUTOR_MEMORY);
    trace_add_pods(job->demand, POD_ROLE_EXECUTOR, (uint32_t)executors, 1000, EXECUTOR_MEMORY);
    demand_settle(job->demand);
}

/* job, time of submission, gap, and the bytes of input, shuffle and output. */
int trace_swim_line(const struct trace_line *line) {
    double field[FIELDS] = {0};
    char *rest = line->text;
    size_t count = 0;

    for (char *word; count < FIELDS && (word = strtok_r(rest, "\t ", &rest)) != NULL; count++) {
        char *end = word;

        field[count] = count == 0 ? 0 : strtod(word, &end);
        if (count > 0 &&
            (end == word || *end != '\0' || !(field[count] >= 0) || field[count] > 1e18)) {
            return error_set(line->error, ERR_INVALID,
                             "field %zu is \"%.40s\", not a number from 0 on; mend or remove the "
                             "line, or leave such lines out with --skip-bad-lines",
                             count + 1, word);
        }
    }
    if (count < FIELDS || field[1] > SUBMIT_S_MAX) {
        return error_set(line->error, ERR_INVALID,
                         "a line of SWIM's logs has a job's name, when it came, the gap before it, "
                         "and the bytes of its input, shuffle and output");
    }
    add_job(line, field[1], field[3] + field[4] + field[5]);
    return OK;
}
