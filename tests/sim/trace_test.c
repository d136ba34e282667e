#include "sim/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "tests/test.h"

/* The file's name; the caller frees it. */
static char *write_trace(const char *text, bool packed) {
    char *path = mem_format("%s/t", test_folder());
    gzFile file = gzopen(path, packed ? "wb" : "wbT");

    CHECK(file != NULL && gzputs(file, text) >= 0 && gzclose(file) == Z_OK, "written");
    return path;
}

static int read_text(const char *text, struct trace_options options, struct trace *out_trace,
                     struct error *error) {
    char *path = write_trace(text, false);
    int r;

    options.pod_cpus = options.pod_cpus > 0 ? options.pod_cpus : 1;
    r = trace_read(path, &options, out_trace, error);
    free(path);
    return r;
}

#define TAIL " -1 1 7 2 3 5 -1 -1 -1\n" /* of an SWF line, from the status on */

TEST(trace_read__tells_the_line_and_what_to_do) {
    static const struct {
        const char *what;
        const char *text;
        const char *want; /* in the message */
    } rows[] = {
        {"words are not numbers", "1 0 -1 x 4 -1 -1 4 -1 -1" TAIL,
         ":1: field 4 is \"x\", not a number; mend or remove the line"},
        {"too few fields", "; a header\n1 0 -1 60\n", ":2: 4 fields, and the Standard Workload"},
        {"a job can't end before it starts", "1 0 -1 -60 4 -1 -1 4 -1 -1" TAIL,
         ":1: field 4, the run time, is -60"},
        {"time does not run before its beginning", "1 -5 -1 60 4 -1 -1 4 -1 -1" TAIL,
         ":1: field 2, the time of submission, is -5"},
        {"more processors than anybody has", "1 0 -1 60 4 -1 -1 99999999999 -1 -1" TAIL,
         ":1: field 8, the number of processors"},
        {"not JSON", "{\"submit\": 0,\n", ":1: not a JSON object"},
        {"an unknown key", "{\"submit\": 0, \"runtim\": 1, \"pods\": []}\n",
         ":1: there is no \"runtim\"; did you mean runtime"},
        {"nothing to run", "{\"submit\": 0, \"runtime\": 1, \"pods\": []}\n",
         ":1: \"pods\" must be"},
        {"a run time is needed", "{\"submit\": 0, \"pods\": [{\"cpu\": 1}]}\n",
         ":1: \"runtime\" is missing"},
        {"negative seconds", "{\"submit\": -1, \"runtime\": 1, \"pods\": [{\"cpu\": 1}]}\n",
         ":1: \"submit\" must be seconds"},
        {"no quantity", "{\"submit\": 0, \"runtime\": 1, \"pods\": [{\"cpu\": \"two\"}]}\n",
         ":1: \"cpu\" must be a quantity"},
        {"no such number of pods",
         "{\"submit\": 0, \"runtime\": 1, \"pods\": [{\"cpu\": 1, \"count\": 0}]}\n",
         ":1: \"count\" must be"},
        {"SWIM: not a number", "job0\t4\t4\tx\t0\t0\n", ":1: field 4 is \"x\""},
        {"SWIM: too short", "job0\t4\t4\n", ":1: a line of SWIM's logs has"},
        {"an empty file", "", "there is no job in it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = {0};
        struct error error = {0};

        CHECK_EQ(read_text(rows[i].text, (struct trace_options){0}, &trace, &error), ERR_INVALID,
                 rows[i].what);
        CHECK(strstr(error.text, rows[i].want) != NULL, error.text);
        CHECK(trace.jobs == NULL, rows[i].what);
    }
}

TEST(trace_read__leaves_bad_lines_out_if_it_is_told_to) {
    struct trace trace = {0};
    struct error error = {0};

    CHECK_OK(read_text("1 0 -1 60 4 -1 -1 4 -1 -1" TAIL "2 0 -1 -1 4 -1 -1 4 -1 -1" TAIL
                       "3 9 -1 60 4 -1 -1 4 -1 -1" TAIL,
                       (struct trace_options){.skip_bad = true}, &trace, &error),
             error.text);
    CHECK_EQ(trace.count, 2, "the good ones");
    CHECK_EQ(trace.skipped, 1, "the bad one is counted");
    trace_finish(&trace);
}

TEST(trace_read__reads_the_standard_workload_format) {
    static const struct {
        const char *what;
        const char *line;
        int64_t pod_cpus;
        int64_t want_pods;
        int64_t want_cpu_milli;
        int64_t want_memory;
    } rows[] = {
        {"a pod a processor", "1 5 -1 60 4 -1 -1 -1 90 -1" TAIL, 1, 4, 4000, 0},
        {"what was asked for counts more than what was used", "1 5 -1 60 4 -1 -1 6 90 -1" TAIL, 1,
         6, 6000, 0},
        {"wider pods, and the rest", "1 5 -1 60 10 -1 -1 -1 90 -1" TAIL, 4, 3, 10000, 0},
        {"memory in KiB a processor", "1 5 -1 60 3 -1 -1 -1 90 1024" TAIL, 2, 2, 3000, 3 << 20},
        {"nodes as Alea has them, memory in bytes a node",
         "1 5 -1 60 16 -1 -1 16 90 1000 1 1 7 2 3 -1 -1 -1 {12} q 2:ppn=8:cl_x\n", 1, 2, 16000,
         2000},
        {"nodes that do not add up are not believed",
         "1 5 -1 60 4 -1 -1 4 90 -1 1 1 7 2 3 -1 -1 -1 {12} q 2:ppn=8\n", 1, 4, 4000, 0},
        {"decimals are cut off", "1 5.25 -1 60.9 4 -1 -1 -1 90 -1" TAIL, 1, 4, 4000, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = {0};
        struct error error = {0};
        const struct trace_job *job;

        CHECK_OK(read_text(rows[i].line, (struct trace_options){.pod_cpus = rows[i].pod_cpus},
                           &trace, &error),
                 error.text);
        job = &trace.jobs[0];
        CHECK_EQ(job->demand->requests.amount[RESOURCE_PODS], rows[i].want_pods, rows[i].what);
        CHECK_EQ(job->demand->requests.amount[RESOURCE_CPU], rows[i].want_cpu_milli, rows[i].what);
        CHECK_EQ(job->demand->requests.amount[RESOURCE_MEMORY], rows[i].want_memory, rows[i].what);
        CHECK_EQ(job->demand->groups[0].count, 1, "the job ends with its first pod");
        CHECK_EQ(job->submit_us, 5000000, rows[i].what);
        CHECK_EQ(job->runtime_us, 60000000, rows[i].what);
        CHECK_EQ(job->limit_us, 90000000, rows[i].what);
        trace_finish(&trace);
    }
}

TEST(trace_read__takes_teams_from_where_it_is_told) {
    static const struct {
        enum trace_team team;
        const char *want;
    } rows[] = {
        {TRACE_TEAM_USER, "user-1"}, {TRACE_TEAM_GROUP, "group-7"}, {TRACE_TEAM_QUEUE, "queue-3"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = {0};
        struct error error = {0};

        CHECK_OK(read_text("1 5 -1 60 4 -1 -1 -1 90 -1 1 1 7 2 3 -1 -1 -1\n",
                           (struct trace_options){.team = rows[i].team}, &trace, &error),
                 error.text);
        CHECK_STR(trace.jobs[0].team, rows[i].want, "a field of the line");
        CHECK_STR(trace.jobs[0].user, "user-1", "whatever the team is");
        trace_finish(&trace);
    }
}

TEST(trace_read__reads_what_gzip_packed_and_sorts_by_time) {
    static const char text[] = "; UnixStartTime: 1000\n; MaxProcs: 64\n"
                               "1 30 -1 60 4 -1 -1 4 -1 -1" TAIL "2 10 -1 60 4 -1 -1 4 -1 -1" TAIL
                               "3 30 -1 61 4 -1 -1 4 -1 -1" TAIL;
    char *path = write_trace(text, true);
    struct trace trace = {0};
    struct error error = {0};

    CHECK_OK(trace_read(path, &(struct trace_options){.pod_cpus = 1}, &trace, &error), error.text);
    free(path);
    CHECK_EQ(trace.begin_us, 1000000000, "from the header");
    CHECK_EQ(trace.processors, 64, "from the header");
    CHECK_EQ(trace.count, 3, "all lines");
    CHECK_EQ(trace.jobs[0].submit_us, 10000000, "the first to come");
    CHECK_EQ(trace.jobs[1].runtime_us, 60000000, "equal times: as in the file");
    trace_set_load(&trace, 0.5, 4);
    /* 4 processors for 181 s are 724; half of 4 processors does that in 362 s. */
    CHECK_EQ((trace.jobs[2].submit_us - trace.jobs[0].submit_us) / 1000000, 362, "half the load");
    trace_finish(&trace);
}

TEST(trace_read__refuses_damaged_gzip_data) {
    char *path = write_trace("1 30 -1 60 4 -1 -1 4 -1 -1" TAIL, true);
    FILE *file = fopen(path, "r+b");
    struct trace trace = {0};
    struct error error = {0};

    CHECK(file != NULL && fseek(file, 12, SEEK_SET) == 0 && fputs("nonsense", file) >= 0 &&
              fclose(file) == 0,
          "damaged");
    CHECK(trace_read(path, &(struct trace_options){.pod_cpus = 1}, &trace, &error) < 0, "refused");
    CHECK(error.text[0] != '\0', "and said");
    free(path);
}

TEST(trace_read__reads_json_lines) {
    struct trace trace = {0};
    struct error error = {0};
    const struct trace_job *job;

    CHECK_OK(read_text("\n{\"submit\": 1.5, \"runtime\": 60, \"expected\": 70, \"limit\": 80, "
                       "\"team\": \"a\", \"name\": \"etl\", \"priority\": -3, \"pods\": [{\"cpu\": "
                       "\"500m\", \"memory\": \"1Gi\"}, {\"count\": 3, \"cpu\": 2, \"memory\": "
                       "\"4Gi\", \"nodeSelector\": {\"pool\": \"big\"}}]}\n",
                       (struct trace_options){0}, &trace, &error),
             error.text);
    job = &trace.jobs[0];
    CHECK_EQ(job->submit_us, 1500000, "parts of a second");
    CHECK_EQ(job->expected_us, 70000000, "the submitter's estimate");
    CHECK_EQ(job->limit_us, 80000000, "the limit");
    CHECK_EQ(job->priority, -3, "priority");
    CHECK_STR(job->name, "etl", "name");
    CHECK_STR(job->team, "a", "team");
    CHECK_STR(job->user, "a", "the team, unless it says one");
    CHECK_EQ(job->demand->requests.amount[RESOURCE_CPU], 6500, "all pods");
    CHECK_EQ(job->demand->group_count, 2, "driver and executors");
    CHECK_EQ(job->demand->groups[1].pod.selector_count, 1, "only there");
    trace_finish(&trace);
}

TEST(trace_read__makes_times_of_the_bytes_of_swim) {
    static const struct {
        const char *what;
        const char *line;
        int64_t want_pods; /* the driver among them */
        int64_t want_run_us;
        const char *want_team;
    } rows[] = {
        {"nothing at all", "job0\t49\t49\t0\t0\t0\n", 2, 20000000, "small"},
        {"half an executor's share", "job0\t49\t49\t500000000\t0\t0\n", 2, 70000000, "small"},
        {"ten executors", "job0\t49\t49\t4000000000\t4000000000\t2000000000\n", 11, 120000000,
         "medium"},
        {"no more than 64", "job0\t49\t49\t6400000000000\t0\t0\n", 65, 10020000000, "large"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = {0};
        struct error error = {0};

        CHECK_OK(read_text(rows[i].line, (struct trace_options){0}, &trace, &error), error.text);
        CHECK_EQ(trace.jobs[0].submit_us, 49000000, rows[i].what);
        CHECK_EQ(trace.jobs[0].runtime_us, rows[i].want_run_us, rows[i].what);
        CHECK_EQ(trace.jobs[0].demand->requests.amount[RESOURCE_PODS], rows[i].want_pods,
                 rows[i].what);
        CHECK_STR(trace.jobs[0].team, rows[i].want_team, rows[i].what);
        trace_finish(&trace);
    }
}
