#include "sim/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sim/trace_inside.h"

#define LINE_BYTES_MAX (1 << 20)

struct trace_job *trace_add(struct trace *trace) {
    if (trace->count == trace->room) {
        trace->room = trace->room > 0 ? 2 * trace->room : 1024;
        trace->jobs = mem_grow(trace->jobs, trace->room, sizeof *trace->jobs);
    }
    trace->jobs[trace->count] = (struct trace_job){0};
    return &trace->jobs[trace->count++];
}

static void job_finish(struct trace_job *job) {
    free(job->name);
    free(job->user);
    free(job->team);
    free(job->namespace);
    free(job->window);
    free(job->priority_class);
    demand_destroy(job->demand);
}

void trace_drop_last(struct trace *trace) {
    job_finish(&trace->jobs[--trace->count]);
}

void trace_finish(struct trace *trace) {
    while (trace->count > 0) {
        trace_drop_last(trace);
    }
    free(trace->jobs);
    *trace = (struct trace){0};
}

struct pod_demand *trace_add_pods(struct demand *demand, enum pod_role role, uint32_t count,
                                  int64_t cpu_milli, int64_t memory) {
    struct pod_group *group = demand_add_group(demand, role, count);
    struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

    container_demand_request(container, RESOURCE_CPU, cpu_milli);
    container_demand_request(container, RESOURCE_MEMORY, memory);
    return &group->pod;
}

/* --- Reading --------------------------------------------------------------------------------- */

static int (*reader_of(char first))(const struct trace_line *line) {
    if (first == '{') {
        return trace_json_line;
    }
    return first == 'j' ? trace_swim_line : trace_swf_line;
}

/* The first line that is not empty tells the format. */
static int read_line(struct trace_line *line, int *format) {
    char *text = line->text + strspn(line->text, " \t");

    if (text[0] == '\0') {
        return OK;
    }
    if (*format == 0) {
        *format = text[0];
    }
    line->text = text;
    return reader_of((char)*format)(line);
}

static int read_lines(gzFile file, const char *path, struct trace_line *line, char *room) {
    struct error *error = line->error;
    unsigned long number = 0;
    int format = 0;
    int r;

    while (gzgets(file, room, LINE_BYTES_MAX) != NULL) {
        size_t bytes = strcspn(room, "\r\n");
        bool cut = room[bytes] == '\0' && bytes == LINE_BYTES_MAX - 1;

        number++;
        room[bytes] = '\0';
        line->text = room;
        r = cut ? error_set(error, ERR_INVALID, "longer than a line may be (%d bytes)",
                            LINE_BYTES_MAX)
                : read_line(line, &format);
        if (r < 0 && line->options->skip_bad && !cut) {
            line->trace->skipped++;
            *error = (struct error){0};
        } else if (r < 0) {
            error_prefix(error, "%s:%lu", path, number);
            return r;
        }
        if (line->options->jobs_max > 0 && line->trace->count >= (size_t)line->options->jobs_max) {
            return OK;
        }
    }
    (void)gzerror(file, &r);
    return r == Z_OK || r == Z_STREAM_END
               ? OK
               : error_set(error, ERR_IO, "%s: can't be read to its end (damaged gzip data?)",
                           path);
}

/* Stable: equal times stay as in the file. */
static void merge_sort(struct trace_job *jobs, struct trace_job *room, size_t count) {
    size_t half = count / 2;
    size_t left = 0;
    size_t right = half;

    if (count < 2) {
        return;
    }
    merge_sort(jobs, room, half);
    merge_sort(jobs + half, room, count - half);
    for (size_t i = 0; i < count; i++) {
        bool take_left =
            left < half && (right == count || jobs[left].submit_us <= jobs[right].submit_us);

        room[i] = take_left ? jobs[left++] : jobs[right++];
    }
    memcpy(jobs, room, count * sizeof *jobs);
}

static void sort_jobs(struct trace *trace) {
    struct trace_job *room = mem_alloc(trace->count, sizeof *room);

    merge_sort(trace->jobs, room, trace->count);
    free(room);
}

int trace_read(const char *path, const struct trace_options *options, struct trace *out_trace,
               struct error *error) {
    struct trace trace = {0};
    struct trace_line line = {.options = options, .trace = &trace, .error = error};
    gzFile file = gzopen(path, "rb"); /* Also reads what is not compressed. */
    char *room;
    int r;

    if (file == NULL) {
        return error_set(error, err_from_errno(errno), "%s: %s", path, strerror(errno));
    }
    room = mem_alloc(LINE_BYTES_MAX, 1);
    r = read_lines(file, path, &line, room);
    free(room);
    (void)gzclose_r(file);
    if (r == OK && trace.count == 0) {
        r = error_set(error, ERR_INVALID, "%s: there is no job in it", path);
    }
    if (r < 0) {
        trace_finish(&trace);
        return r;
    }
    sort_jobs(&trace);
    *out_trace = trace;
    return OK;
}

/* --- Work ------------------------------------------------------------------------------------ */

double trace_job_cpus(const struct trace_job *job) {
    return (double)job->demand->requests.amount[RESOURCE_CPU] / 1000;
}

double trace_work(const struct trace *trace) {
    double work = 0;

    for (size_t i = 0; i < trace->count; i++) {
        work += trace_job_cpus(&trace->jobs[i]) * (double)trace->jobs[i].runtime_us /
                CLOCK_US_PER_SECOND;
    }
    return work;
}

void trace_set_load(struct trace *trace, double load, double processors) {
    int64_t first_us = trace->jobs[0].submit_us;
    double span_s =
        (double)(trace->jobs[trace->count - 1].submit_us - first_us) / CLOCK_US_PER_SECOND;
    double factor = span_s > 0 ? trace_work(trace) / (processors * span_s) / load : 1;

    for (size_t i = 0; i < trace->count; i++) {
        struct trace_job *job = &trace->jobs[i];

        job->submit_us = first_us + (int64_t)((double)(job->submit_us - first_us) * factor);
    }
}
