#include "api/report.h"

#include <inttypes.h>

#include "api/wire_text.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "policy/report.h"
#include "policy/zone.h"

const char *const report_form_texts[REPORT_FORM_COUNT + 1] = {"json", "text", "html"};

static const char *const group_texts[REPORT_BY_COUNT] = {"teams", "nodePools", "labels"};
static const char *const group_heads[REPORT_BY_COUNT] = {"team", "node pool", "label"};
static const char *const list_heads[REPORT_LIST_COUNT] = {
    [REPORT_FAILED] = "Failed",   [REPORT_RETRIED] = "Needed retries", [REPORT_LATE] = "Late",
    [REPORT_SKIPPED] = "Skipped", [REPORT_AT_RISK] = "At risk",
};

const char *report_content_type(enum report_form form) {
    static const char *const types[REPORT_FORM_COUNT] = {
        "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"};

    return types[form];
}

static const char *state_text(const struct report_job *job) {
    return job->id != 0 ? job_state_text(job->state) : "PLANNED";
}

static bool has_prices(const struct report *report) {
    return report->price_cpu_hour > 0 || report->price_gib_hour > 0;
}

/* Of what the nodes could have given while the window was open; -1: not known. */
static double percent_of(const struct report *report, const struct report_window *window) {
    double most = report->capacity_cpu * window->open_hours;

    return most > 0 ? 100 * window->used_cpu_hours / most : -1;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_key(struct buf *out, const char *key) {
    buf_add_format(out, "\"%s\":", key);
}

static void add_text(struct buf *out, const char *key, const char *text) {
    add_key(out, key);
    wire_text_quote(out, text);
    buf_add_char(out, ',');
}

static void add_time(struct buf *out, const char *key, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    add_key(out, key);
    if (time_us == 0) {
        buf_add_text(out, "null,");
        return;
    }
    rfc3339_print(time_us, text);
    buf_add_format(out, "\"%s\",", text);
}

static void add_number(struct buf *out, const char *key, uint64_t number) {
    buf_add_format(out, "\"%s\":%" PRIu64 ",", key, number);
}

/* In place of the comma behind the last member. */
static void close_with(struct buf *out, char bracket) {
    if (out->bytes > 0 && out->data[out->bytes - 1] == ',') {
        out->data[out->bytes - 1] = bracket;
    } else {
        buf_add_char(out, bracket);
    }
}

static void json_usage(const struct report *report, const struct report_usage *usage,
                       struct buf *out) {
    buf_add_format(out, "\"cpuHours\":%.3f,\"gibHours\":%.3f,", usage->cpu_hours, usage->gib_hours);
    if (has_prices(report)) {
        buf_add_format(out, "\"cost\":%.2f,", report_cost(report, usage));
    }
}

static void json_list(const struct report_jobs *list, const char *name, struct buf *out) {
    buf_add_format(out, "\"%s\":{\"count\":%zu,\"jobs\":[", name, list->count);
    for (size_t i = 0; i < list->listed; i++) {
        const struct report_job *job = &list->items[i];

        buf_add_char(out, '{');
        if (job->id != 0) {
            add_number(out, "id", job->id);
        } else {
            buf_add_text(out, "\"id\":null,");
        }
        add_text(out, "name", job->name);
        add_text(out, "namespace", job->namespace);
        add_text(out, "team", job->team);
        add_text(out, "state", state_text(job));
        add_text(out, "failure", job->failure != FAILURE_NONE ? failure_text(job->failure) : "");
        add_number(out, "attempts", job->attempts);
        add_time(out, "due", job->due_us);
        add_text(out, "message", job->message);
        close_with(out, '}');
        buf_add_char(out, ',');
    }
    close_with(out, ']');
    buf_add_text(out, "},");
}

static void json_groups(const struct report *report, enum report_by by, struct buf *out) {
    const struct report_groups *groups = &report->groups[by];

    buf_add_format(out, "\"%s\":[", group_texts[by]);
    for (size_t i = 0; i < groups->count; i++) {
        buf_add_char(out, '{');
        add_text(out, "name", groups->items[i].name);
        add_number(out, "jobs", groups->items[i].jobs);
        json_usage(report, &groups->items[i].usage, out);
        close_with(out, '}');
        buf_add_char(out, ',');
    }
    close_with(out, ']');
    buf_add_char(out, ',');
}

static void json_windows(const struct report *report, struct buf *out) {
    buf_add_text(out, "\"windows\":[");
    for (size_t i = 0; i < report->window_count; i++) {
        const struct report_window *window = &report->windows[i];
        double percent = percent_of(report, window);

        buf_add_char(out, '{');
        add_text(out, "name", window->name);
        add_number(out, "openings", window->span_count);
        buf_add_format(out, "\"openHours\":%.3f,", window->open_hours);
        add_number(out, "jobs", window->jobs);
        buf_add_format(out, "\"cpuHours\":%.3f,", window->used_cpu_hours);
        if (percent >= 0) {
            buf_add_format(out, "\"usedPercent\":%.1f,", percent);
        }
        close_with(out, '}');
        buf_add_char(out, ',');
    }
    close_with(out, ']');
    buf_add_char(out, ',');
}

static void print_json(const struct report *report, struct buf *out) {
    buf_add_char(out, '{');
    add_time(out, "from", report->from_us);
    add_time(out, "until", report->until_us);
    add_text(out, "window", report->window);
    add_number(out, "jobs", report->jobs);
    add_number(out, "ran", report->ran);
    add_number(out, "failedAttempts", report->failed_attempts);
    buf_add_text(out, "\"states\":{");
    for (size_t i = 0; i < JOB_STATE_COUNT; i++) {
        add_number(out, job_state_text((enum job_state)i), report->states[i]);
    }
    close_with(out, '}');
    buf_add_char(out, ',');
    json_usage(report, &report->usage, out);
    if (has_prices(report)) {
        add_text(out, "currency", report->currency);
    }
    for (size_t i = 0; i < REPORT_LIST_COUNT; i++) {
        json_list(&report->lists[i], report_list_texts[i], out);
    }
    for (size_t by = 0; by < REPORT_BY_COUNT; by++) {
        json_groups(report, (enum report_by)by, out);
    }
    json_windows(report, out);
    close_with(out, '}');
}

/* --- Text and HTML have the same tables ------------------------------------------------------- */

struct form {
    bool html;
    const struct zone *zone;
    struct buf *out;
};

static void say(const struct form *form, const char *text) {
    for (; *text != '\0'; text++) {
        const char byte = *text;

        if (form->html && byte == '&') {
            buf_add_text(form->out, "&amp;");
        } else if (form->html && byte == '<') {
            buf_add_text(form->out, "&lt;");
        } else if (form->html && byte == '>') {
            buf_add_text(form->out, "&gt;");
        } else if (form->html && byte == '"') {
            buf_add_text(form->out, "&quot;");
        } else if ((unsigned char)byte < ' ' || byte == 0x7f) {
            buf_add_char(form->out, ' '); /* A terminal would obey. */
        } else {
            buf_add_char(form->out, byte);
        }
    }
}

static void say_time(const struct form *form, int64_t time_us) {
    const int64_t time_s = time_us / CLOCK_US_PER_SECOND;
    const int64_t civil_s = form->zone != NULL ? zone_civil_s(form->zone, time_s) : time_s;
    const int64_t day = civil_day_of(civil_s);
    const int minute = (int)((civil_s - day * CIVIL_DAY_S) / 60);
    char date[CIVIL_DATE_BYTES];

    if (time_us == 0) {
        buf_add_char(form->out, '-');
        return;
    }
    civil_print_date(day, date);
    buf_add_format(form->out, "%s %02d:%02d", date, minute / 60, minute % 60);
}

static void head(const struct form *form, const char *text, size_t count, size_t listed) {
    buf_add_text(form->out, form->html ? "<h2>" : "\n");
    say(form, text);
    buf_add_format(form->out, ": %zu", count);
    if (listed < count) {
        buf_add_format(form->out, " (the first %zu)", listed);
    }
    buf_add_text(form->out, form->html ? "</h2>\n<table>\n" : "\n");
}

static void cell(const struct form *form, const char *text) {
    buf_add_text(form->out, form->html ? "<td>" : "  ");
    say(form, text);
    buf_add_text(form->out, form->html ? "</td>" : "");
}

static void row_begin(const struct form *form) {
    buf_add_text(form->out, form->html ? "<tr>" : "");
}

static void row_end(const struct form *form) {
    buf_add_text(form->out, form->html ? "</tr>\n" : "\n");
}

static void table_end(const struct form *form) {
    buf_add_text(form->out, form->html ? "</table>\n" : "");
}

static void number_cell(const struct form *form, double number, int decimals, const char *unit) {
    buf_add_format(form->out, form->html ? "<td class=n>%.*f %s</td>" : "  %.*f %s", decimals,
                   number, unit);
}

static void print_id(const struct report_job *job, const struct form *form) {
    if (job->id == 0) {
        buf_add_text(form->out, form->html ? "<td class=n>-</td>" : "  -");
    } else {
        buf_add_format(form->out, form->html ? "<td class=n>%" PRIu64 "</td>" : "  %" PRIu64,
                       job->id);
    }
}

static void print_list(const struct report *report, enum report_list which,
                       const struct form *form) {
    const struct report_jobs *list = &report->lists[which];

    if (list->count == 0) {
        return;
    }
    head(form, list_heads[which], list->count, list->listed);
    for (size_t i = 0; i < list->listed; i++) {
        const struct report_job *job = &list->items[i];

        row_begin(form);
        print_id(job, form);
        buf_add_text(form->out, form->html ? "<td>" : "  ");
        say(form, job->namespace);
        buf_add_char(form->out, '/');
        say(form, job->name);
        buf_add_text(form->out, form->html ? "</td>" : "");
        cell(form, job->team);
        cell(form, state_text(job));
        if (job->due_us != 0) {
            buf_add_text(form->out, form->html ? "<td>due " : "  due ");
            say_time(form, job->due_us);
            buf_add_text(form->out, form->html ? "</td>" : "");
        }
        if (job->failure != FAILURE_NONE) {
            cell(form, failure_text(job->failure));
        }
        cell(form, job->message);
        row_end(form);
    }
    table_end(form);
}

static void usage_cells(const struct report *report, const struct report_usage *usage,
                        const struct form *form) {
    number_cell(form, usage->cpu_hours, 1, "cpu-hours");
    number_cell(form, usage->gib_hours, 1, "GiB-hours");
    if (has_prices(report)) {
        buf_add_format(form->out, form->html ? "<td class=n>%.2f " : "  %.2f ",
                       report_cost(report, usage));
        say(form, report->currency);
        buf_add_text(form->out, form->html ? "</td>" : "");
    }
}

static void print_groups(const struct report *report, enum report_by by, const struct form *form) {
    const struct report_groups *groups = &report->groups[by];

    if (groups->count == 0) {
        return;
    }
    buf_add_format(form->out, form->html ? "<h2>Used by %s</h2>\n<table>\n" : "\nUsed by %s\n",
                   group_heads[by]);
    for (size_t i = 0; i < groups->count; i++) {
        row_begin(form);
        cell(form, groups->items[i].name);
        buf_add_format(form->out, form->html ? "<td class=n>%zu jobs</td>" : "  %zu jobs",
                       groups->items[i].jobs);
        usage_cells(report, &groups->items[i].usage, form);
        row_end(form);
    }
    table_end(form);
}

static void print_windows(const struct report *report, const struct form *form) {
    if (report->window_count == 0) {
        return;
    }
    buf_add_text(form->out, form->html ? "<h2>Windows</h2>\n<table>\n" : "\nWindows\n");
    for (size_t i = 0; i < report->window_count; i++) {
        const struct report_window *window = &report->windows[i];

        row_begin(form);
        cell(form, window->name);
        number_cell(form, window->open_hours, 1, "hours open");
        buf_add_format(form->out, form->html ? "<td class=n>%zu jobs</td>" : "  %zu jobs",
                       window->jobs);
        number_cell(form, window->used_cpu_hours, 1, "cpu-hours");
        if (percent_of(report, window) >= 0) {
            number_cell(form, percent_of(report, window), 1, "% of the nodes' cpu");
        }
        row_end(form);
    }
    table_end(form);
}

static void print_summary(const struct report *report, const struct form *form) {
    struct buf *out = form->out;

    buf_add_text(out, form->html ? "<h1>nightshift: " : "nightshift: ");
    say_time(form, report->from_us);
    buf_add_text(out, " to ");
    say_time(form, report->until_us);
    buf_add_char(out, ' ');
    say(form, form->zone != NULL ? zone_name(form->zone) : "UTC");
    if (report->window[0] != '\0') {
        buf_add_text(out, ", window ");
        say(form, report->window);
    }
    buf_add_text(out, form->html ? "</h1>\n<p>" : "\n\n");
    buf_add_format(
        out,
        "%zu jobs ran: %zu succeeded, %zu failed, %zu cancelled; %zu skipped; %zu late; "
        "%zu failed attempts. %zu wait, %zu are under way, %zu are at risk.",
        report->ran, report->states[JOB_SUCCEEDED], report->lists[REPORT_FAILED].count,
        report->states[JOB_CANCELLED], report->states[JOB_SKIPPED],
        report->lists[REPORT_LATE].count, report->failed_attempts,
        report->states[JOB_QUEUED] + report->states[JOB_HELD] + report->states[JOB_RETRY_WAIT],
        report->states[JOB_SUBMITTING] + report->states[JOB_STARTING] + report->states[JOB_RUNNING],
        report->lists[REPORT_AT_RISK].count);
    buf_add_text(out, form->html ? "</p>\n<table>\n" : "\n");
    row_begin(form);
    cell(form, "all");
    usage_cells(report, &report->usage, form);
    row_end(form);
    table_end(form);
}

static void print_tables(const struct report *report, const struct form *form) {
    if (form->html) {
        buf_add_text(form->out,
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<title>nightshift</title>\n<style>body{font-family:sans-serif;margin:2em}"
                     "td{padding:.1em .8em .1em 0;vertical-align:top}.n{text-align:right}"
                     "h2{font-size:1.1em}</style></head><body>\n");
    }
    print_summary(report, form);
    for (size_t i = 0; i < REPORT_LIST_COUNT; i++) {
        print_list(report, (enum report_list)i, form);
    }
    for (size_t by = 0; by < REPORT_BY_COUNT; by++) {
        print_groups(report, (enum report_by)by, form);
    }
    print_windows(report, form);
    buf_add_text(form->out, form->html ? "</body></html>\n" : "");
}

void report_print(const struct report *report, enum report_form form, const struct zone *zone,
                  struct buf *out) {
    if (form == REPORT_JSON) {
        print_json(report, out);
    } else {
        print_tables(report, &(struct form){.html = form == REPORT_HTML, .zone = zone, .out = out});
    }
}
