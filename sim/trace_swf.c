#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/trace_inside.h"

/* Fields of the format, from 0. */
enum {
    SWF_ID,
    SWF_SUBMIT,
    SWF_WAIT,
    SWF_RUN,
    SWF_PROCESSORS,
    SWF_CPU_TIME,
    SWF_MEMORY,
    SWF_PROCESSORS_ASKED,
    SWF_TIME_ASKED,
    SWF_MEMORY_ASKED,
    SWF_STATUS,
    SWF_USER,
    SWF_GROUP,
    SWF_APPLICATION,
    SWF_QUEUE,
    SWF_PARTITION,
    SWF_AFTER,
    SWF_THINK_TIME,
    SWF_FIELDS,
};

#define ALEA_NODES     20 /* the third column behind them */
#define FIELDS_MAX     21
#define SECONDS_MAX    INT64_C(100000000000)
#define PROCESSORS_MAX 10000000
#define CHUNKS_MAX     (DEMAND_GROUPS_MAX / 2)

/* A line taken apart. */
struct swf {
    const struct trace_line *line;
    int64_t field[SWF_FIELDS];
    char *nodes; /* NULL: the line has none */
};

/* "; MaxProcs: 128" */
static void read_header(const struct trace_line *line) {
    const char *colon = strchr(line->text, ':');
    int64_t value;
    char name[32];

    if (colon == NULL || sscanf(line->text, "; %31[A-Za-z]", name) != 1 ||
        text_parse_int64(colon + 1 + strspn(colon + 1, " \t"), &value) != OK) {
        return;
    }
    if (strcmp(name, "UnixStartTime") == 0 && value > 0 && value < SECONDS_MAX) {
        line->trace->begin_us = value * CLOCK_US_PER_SECOND;
    } else if (strcmp(name, "MaxProcs") == 0 && value > 0) {
        line->trace->processors = value;
    }
}

/* Some logs write decimals where the format wants whole numbers; what is behind the point is less
 * than a second. */
static int read_number(struct swf *swf, size_t at, char *word) {
    char *point = strchr(word, '.');

    if (point != NULL && strspn(point + 1, "0123456789") == strlen(point + 1)) {
        *point = '\0';
    }
    if (text_parse_int64(word, &swf->field[at]) != OK) {
        return error_set(swf->line->error, ERR_INVALID,
                         "field %zu is \"%.40s\", not a number; mend or remove the line, or leave "
                         "such lines out with --skip-bad-lines",
                         at + 1, word);
    }
    return OK;
}

static int split(struct swf *swf) {
    char *rest = swf->line->text;
    size_t count = 0;

    for (char *word; count < FIELDS_MAX && (word = strtok_r(rest, " \t", &rest)) != NULL; count++) {
        int r = count < SWF_FIELDS ? read_number(swf, count, word) : OK;

        if (r < 0) {
            return r;
        }
        if (count == ALEA_NODES) {
            swf->nodes = word;
        }
    }
    if (count < SWF_FIELDS) {
        return error_set(swf->line->error, ERR_INVALID,
                         "%zu fields, and the Standard Workload Format has 18; is it a trace of "
                         "that format, or JSON lines that begin with {?",
                         count);
    }
    return OK;
}

static int check_range(const struct swf *swf, size_t at, const char *what, int64_t most) {
    if (swf->field[at] >= 0 && swf->field[at] <= most) {
        return OK;
    }
    return error_set(swf->line->error, ERR_INVALID,
                     "field %zu, the %s, is %" PRId64 ", not in 0 to %" PRId64
                     "; mend or remove the line, or leave such lines out with --skip-bad-lines",
                     at + 1, what, swf->field[at], most);
}

/* --- Pods ------------------------------------------------------------------------------------ */

/* What one part of "1:ppn=8:cl_zegox+2:ppn=4" asks for. */
struct chunk {
    int64_t nodes;
    int64_t processors; /* of each */
    char cluster[64];   /* "": any */
};

static bool read_chunk(char *text, struct chunk *out_chunk) {
    struct chunk chunk = {.processors = 1};
    char *rest = text;
    char *word = strtok_r(rest, ":", &rest);

    if (word == NULL || text_parse_int64(word, &chunk.nodes) != OK || chunk.nodes < 1) {
        return false;
    }
    while ((word = strtok_r(rest, ":", &rest)) != NULL) {
        word[strcspn(word, "#")] = '\0';
        if (text_starts_with(word, "ppn=") &&
            (text_parse_int64(word + 4, &chunk.processors) != OK || chunk.processors < 1)) {
            return false;
        }
        if (text_starts_with(word, "cl_")) {
            (void)text_copy(chunk.cluster, sizeof chunk.cluster, word + 3);
        }
    }
    *out_chunk = chunk;
    return true;
}

/* The column must speak of as many processors as the line; else it is not believed. */
static size_t read_chunks(const struct swf *swf, int64_t processors,
                          struct chunk out_chunks[CHUNKS_MAX]) {
    char *rest = swf->nodes;
    size_t count = 0;
    int64_t sum = 0;

    for (char *part; rest != NULL && (part = strtok_r(rest, "+", &rest)) != NULL; count++) {
        if (count == CHUNKS_MAX || !read_chunk(part, &out_chunks[count])) {
            return 0;
        }
        sum += out_chunks[count].nodes * out_chunks[count].processors;
    }
    return sum == processors ? count : 0;
}

/* The first pod of a job is its driver, so that the job ends with it. */
static void add_pods(struct demand *demand, uint32_t count, int64_t cpus, int64_t memory,
                     const char *cluster) {
    bool first = demand->group_count == 0;

    for (int i = 0; i < 2; i++) {
        uint32_t pods = i == 0 ? (uint32_t)first : count - first;
        struct pod_demand *pod;

        if (pods > 0) {
            pod = trace_add_pods(demand, i == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR, pods,
                                 1000 * cpus, memory);
            if (cluster[0] != '\0') {
                pod_demand_add_selector(pod, "cluster", cluster);
            }
        }
    }
}

/* Memory of the format is in KiB a processor; Alea's logs have bytes a node. */
static struct demand *make_demand(const struct swf *swf, int64_t processors) {
    struct demand *demand = demand_create();
    struct chunk chunks[CHUNKS_MAX];
    size_t count = read_chunks(swf, processors, chunks);
    int64_t memory = swf->field[SWF_MEMORY_ASKED] > 0 ? swf->field[SWF_MEMORY_ASKED] : 0;
    int64_t most = swf->line->options->pod_cpus;

    for (size_t i = 0; i < count; i++) {
        add_pods(demand, (uint32_t)chunks[i].nodes, chunks[i].processors, memory,
                 chunks[i].cluster);
    }
    if (count == 0) {
        if (processors >= most) {
            add_pods(demand, (uint32_t)(processors / most), most, memory * 1024 * most, "");
        }
        if (processors % most > 0) {
            add_pods(demand, 1, processors % most, memory * 1024 * (processors % most), "");
        }
    }
    demand_settle(demand);
    return demand;
}

/* --- Jobs ------------------------------------------------------------------------------------ */

static char *team_of(const struct swf *swf) {
    switch (swf->line->options->team) {
    case TRACE_TEAM_GROUP:
        return mem_format("group-%" PRId64, swf->field[SWF_GROUP]);
    case TRACE_TEAM_QUEUE:
        return mem_format("queue-%" PRId64, swf->field[SWF_QUEUE]);
    case TRACE_TEAM_USER:
        break;
    }
    return mem_format("user-%" PRId64, swf->field[SWF_USER]);
}

static int64_t seconds(int64_t value) {
    return value > 0 && value < SECONDS_MAX ? value * CLOCK_US_PER_SECOND : 0;
}

/* The time that was asked for is when the machine would have stopped the job: a limit, which users
 * overstate, and no estimate. */
static void add_job(const struct swf *swf, int64_t processors) {
    struct trace_job *job = trace_add(swf->line->trace);

    job->name = mem_format("u%" PRId64 "-app%" PRId64 "-p%" PRId64, swf->field[SWF_USER],
                           swf->field[SWF_APPLICATION], processors);
    job->user = mem_format("user-%" PRId64, swf->field[SWF_USER]);
    job->team = team_of(swf);
    job->namespace = mem_copy_text("replay");
    job->submit_us = seconds(swf->field[SWF_SUBMIT]);
    job->runtime_us = seconds(swf->field[SWF_RUN]);
    job->limit_us = seconds(swf->field[SWF_TIME_ASKED]);
    job->demand = make_demand(swf, processors);
}

int trace_swf_line(const struct trace_line *line) {
    struct swf swf = {.line = line};
    size_t processors_at;
    int r;

    if (line->text[0] == ';') {
        read_header(line);
        return OK;
    }
    r = split(&swf);
    processors_at = swf.field[SWF_PROCESSORS_ASKED] > 0 ? SWF_PROCESSORS_ASKED : SWF_PROCESSORS;
    r = r < 0 ? r : check_range(&swf, SWF_SUBMIT, "time of submission", SECONDS_MAX);
    r = r < 0 ? r : check_range(&swf, SWF_RUN, "run time", SECONDS_MAX);
    r = r < 0 ? r : check_range(&swf, processors_at, "number of processors", PROCESSORS_MAX);
    if (r == OK && swf.field[processors_at] > 0) {
        add_job(&swf, swf.field[processors_at]);
    }
    return r;
}
