#include "sim/replay_print.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/text.h"

/* --- For people ------------------------------------------------------------------------------ */

static const char *duration(double seconds, char out_text[32]) {
    seconds = seconds < 10 ? seconds : round(seconds); /* Nobody reads the milliseconds. */
    text_print_duration((int64_t)(seconds * CLOCK_US_PER_SECOND), out_text);
    return out_text;
}

static void print_head(const struct replay_report *report, struct buf *out) {
    const struct figures *first = &report->rows[0].figures;

    buf_add_format(out,
                   "%s: %zu jobs of %zu teams on %.0f processors of %zu nodes, load %.0f %%, seed "
                   "%" PRIu64 "\n",
                   report->trace, first->jobs + first->refused + first->left_over,
                   first->team_count, report->cpus, report->nodes, 100 * report->load,
                   report->seed);
    if (report->skipped > 0) {
        buf_add_format(out, "%zu lines of the trace were left out\n", report->skipped);
    }
    if (first->refused > 0) {
        buf_add_format(out, "%zu jobs are larger than the cluster and were refused\n",
                       first->refused);
    }
}

/* Of what was forecast: the error, and how long these jobs waited. */
static const char *forecast(const struct figures *figures, char out_text[64]) {
    char error[32];
    char wait[32];

    (void)snprintf(out_text, 64, "-");
    if (figures->forecasts > figures->forecasts_unknown) {
        (void)snprintf(out_text, 64, "%s of %s", duration(figures->forecast_error_mean_s, error),
                       duration(figures->forecast_wait_mean_s, wait));
    }
    return out_text;
}

static void print_left_over(const struct replay_report *report, struct buf *out) {
    for (size_t i = 0; i < report->row_count; i++) {
        if (report->rows[i].figures.left_over > 0) {
            buf_add_format(out, "%s: %zu jobs never ended\n", report->rows[i].policy,
                           report->rows[i].figures.left_over);
        }
    }
}

void replay_print_table(const struct replay_report *report, struct buf *out) {
    char texts[4][32];
    char told[64];

    print_head(report, out);
    buf_add_format(out, "\n%-14s %9s %9s %9s %9s %10s %6s %6s %7s  %s\n", "POLICY", "WAIT", "P50",
                   "P95", "P99", "SLOWDOWN", "UTIL", "LOST", "JAIN", "FORECAST OFF BY");
    for (size_t i = 0; i < report->row_count; i++) {
        const struct figures *figures = &report->rows[i].figures;

        buf_add_format(
            out, "%-14s %9s %9s %9s %9s %10.2f %5.1f%% %5.1f%% %7.4f  %s\n", report->rows[i].policy,
            duration(figures->wait_mean_s, texts[0]), duration(figures->wait_p50_s, texts[1]),
            duration(figures->wait_p95_s, texts[2]), duration(figures->wait_p99_s, texts[3]),
            figures->slowdown_mean, 100 * figures->utilisation, 100 * figures->loss_of_capacity,
            figures->jain, forecast(figures, told));
    }
    print_left_over(report, out);
}

void replay_print_markdown(const struct replay_report *report, struct buf *out) {
    char texts[4][32];
    char told[64];

    print_head(report, out);
    buf_add_text(out, "\n| policy | mean wait | p50 | p95 | p99 | mean bounded slowdown | "
                      "utilisation | lost capacity | Jain | forecast off by |\n"
                      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < report->row_count; i++) {
        const struct figures *figures = &report->rows[i].figures;

        buf_add_format(out, "| %s | %s | %s | %s | %s | %.2f | %.1f %% | %.1f %% | %.4f | %s |\n",
                       report->rows[i].policy, duration(figures->wait_mean_s, texts[0]),
                       duration(figures->wait_p50_s, texts[1]),
                       duration(figures->wait_p95_s, texts[2]),
                       duration(figures->wait_p99_s, texts[3]), figures->slowdown_mean,
                       100 * figures->utilisation, 100 * figures->loss_of_capacity, figures->jain,
                       forecast(figures, told));
    }
    print_left_over(report, out);
}

/* --- For programs ---------------------------------------------------------------------------- */

static json_t *json_of_team(const struct team_figures *team) {
    return json_pack("{s:s, s:f, s:I, s:f, s:f, s:f, s:f}", "team", team->name, "weight",
                     team->weight, "jobs", (json_int_t)team->jobs, "waitMeanSeconds",
                     team->wait_mean_s, "waitP95Seconds", team->wait_p95_s, "boundedSlowdownMean",
                     team->slowdown_mean, "cpuHours", team->cpu_hours);
}

static json_t *json_of_bins(const double bins[FIGURES_BINS]) {
    json_t *list = json_array();

    for (size_t i = 0; i < FIGURES_BINS; i++) {
        json_array_append_new(list, bins[i] < 0 ? json_null() : json_real(bins[i]));
    }
    return list;
}

static json_t *json_of_row(const struct replay_row *row) {
    const struct figures *figures = &row->figures;
    json_t *teams = json_array();

    for (size_t i = 0; i < figures->team_count; i++) {
        json_array_append_new(teams, json_of_team(&figures->teams[i]));
    }
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:{s:f, s:f, s:f, s:f, s:f}, s:{s:f, s:f}, s:f, s:f, s:{s:f, s:I}, "
        "s:f, s:{s:I, s:I, s:f, s:f, s:f}, s:o, s:{s:f, s:o, s:o}}",
        "policy", row->policy, "jobs", (json_int_t)figures->jobs, "refused",
        (json_int_t)figures->refused, "leftOver", (json_int_t)figures->left_over, "waitSeconds",
        "mean", figures->wait_mean_s, "p50", figures->wait_p50_s, "p95", figures->wait_p95_s, "p99",
        figures->wait_p99_s, "max", figures->wait_max_s, "boundedSlowdown", "mean",
        figures->slowdown_mean, "p95", figures->slowdown_p95, "utilisation", figures->utilisation,
        "lossOfCapacity", figures->loss_of_capacity, "fairness", "jain", figures->jain,
        "daysContended", (json_int_t)figures->days_contended, "makespanSeconds",
        figures->makespan_s, "forecast", "jobs", (json_int_t)figures->forecasts, "unknown",
        (json_int_t)figures->forecasts_unknown, "errorMeanSeconds", figures->forecast_error_mean_s,
        "errorP50Seconds", figures->forecast_error_p50_s, "waitMeanSeconds",
        figures->forecast_wait_mean_s, "teams", teams, "timeline", "binSeconds", figures->bin_s,
        "utilisation", json_of_bins(figures->bin_utilisation), "waitMeanSeconds",
        json_of_bins(figures->bin_wait_s));
}

void replay_print_json(const struct replay_report *report, struct buf *out) {
    json_t *rows = json_array();
    json_t *root;
    char *text;

    for (size_t i = 0; i < report->row_count; i++) {
        json_array_append_new(rows, json_of_row(&report->rows[i]));
    }
    root = json_pack("{s:s, s:f, s:I, s:f, s:I, s:I, s:o}", "trace", report->trace, "processors",
                     report->cpus, "nodes", (json_int_t)report->nodes, "load", report->load, "seed",
                     (json_int_t)report->seed, "linesLeftOut", (json_int_t)report->skipped,
                     "policies", rows);
    ENSURE(root != NULL);
    text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    ENSURE(text != NULL);
    buf_add_text(out, text);
    buf_add_char(out, '\n');
    free(text);
    json_decref(root);
}
