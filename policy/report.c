#include "policy/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "policy/window.h"

#define HOUR_US (3600.0 * 1e6)
#define GIB     (1024.0 * 1024 * 1024)

const char *const report_list_texts[REPORT_LIST_COUNT] = {
    [REPORT_FAILED] = "failed",   [REPORT_RETRIED] = "retried", [REPORT_LATE] = "late",
    [REPORT_SKIPPED] = "skipped", [REPORT_AT_RISK] = "atRisk",
};

/* --- Windows ---------------------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void init_window(struct report *report, const struct window_set *set,
                        const struct window *window) {
    struct report_window *added = &report->windows[report->window_count++];
    int64_t at_us = report->from_us;
    struct window_span span;

    *added = (struct report_window){.name = mem_copy_text(window->name)};
    while (added->span_count < REPORT_SPANS_MAX && window_span_at(set, window, at_us, &span) &&
           span.opens_us < report->until_us) {
        struct report_span *cut = &added->spans[added->span_count++];

        cut->opens_us = later(span.opens_us, report->from_us);
        cut->closes_us = sooner(span.closes_us, report->until_us);
        added->open_hours += (double)(cut->closes_us - cut->opens_us) / HOUR_US;
        if (span.closes_us >= report->until_us) {
            break;
        }
        at_us = span.closes_us;
    }
}

void report_init(struct report *report, int64_t from_us, int64_t until_us, const char *window,
                 const struct window_set *windows) {
    *report = (struct report){
        .from_us = from_us, .until_us = until_us, .window = mem_copy_text(window), .currency = ""};
    report->windows =
        mem_alloc((windows != NULL ? windows->window_count : 0) + 1, sizeof *report->windows);
    for (size_t i = 0; windows != NULL && i < windows->window_count; i++) {
        if (window[0] == '\0' || strcmp(windows->windows[i].name, window) == 0) {
            init_window(report, windows, &windows->windows[i]);
        }
    }
}

/* --- Freeing ---------------------------------------------------------------------------------- */

static void free_list(struct report_jobs *list) {
    for (size_t i = 0; i < list->listed; i++) {
        free(list->items[i].name);
        free(list->items[i].namespace);
        free(list->items[i].team);
        free(list->items[i].message);
    }
    free(list->items);
}

void report_finish(struct report *report) {
    for (size_t i = 0; i < REPORT_LIST_COUNT; i++) {
        free_list(&report->lists[i]);
    }
    for (size_t by = 0; by < REPORT_BY_COUNT; by++) {
        for (size_t i = 0; i < report->groups[by].count; i++) {
            free(report->groups[by].items[i].name);
        }
        free(report->groups[by].items);
    }
    for (size_t i = 0; i < report->window_count; i++) {
        free(report->windows[i].name);
    }
    free(report->windows);
    free(report->window);
    *report = (struct report){0};
}

/* --- Jobs ------------------------------------------------------------------------------------- */

/* Is it one of "a,b"? */
static bool names(const char *list, const char *name) {
    size_t length = strlen(name);

    while (list != NULL && *list != '\0') {
        size_t part = strcspn(list, ",");

        if (part == length && strncmp(list, name, length) == 0) {
            return true;
        }
        list += part;
        list += *list == ',';
    }
    return false;
}

bool report_concerns(const struct report *report, const struct job *job) {
    return job->submitted_us < report->until_us &&
           (job->finished_us == 0 || !job_state_is_final(job->state) ||
            job->finished_us >= report->from_us) &&
           (report->window[0] == '\0' || names(job->window, report->window));
}

static void list_job(struct report *report, enum report_list which, const struct job *job,
                     int64_t due_us, const char *message) {
    struct report_jobs *list = &report->lists[which];

    list->count++;
    if (list->listed == REPORT_LISTED_MAX) {
        return;
    }
    list->items = mem_grow(list->items, list->listed + 1, sizeof *list->items);
    list->items[list->listed++] = (struct report_job){
        .id = job->id,
        .name = mem_copy_text(job->name),
        .namespace = mem_copy_text(job->namespace),
        .team = mem_copy_text(job->team),
        .state = job->state,
        .failure = job->failure,
        .attempts = job->attempt,
        .due_us = due_us,
        .message = mem_copy_text(message),
    };
}

/* The deadline that is at risk; 0: none is. */
static int64_t risk_us(const struct job *job) {
    const uint32_t told = job->alarms;

    if (job_state_is_final(job->state)) {
        return 0;
    }
    if ((told & ALARM_START_RISK) != 0 && (told & (ALARM_START_SAFE | ALARM_START_MISSED)) == 0 &&
        !job->has_run) {
        return job->start_by_us;
    }
    if ((told & ALARM_FINISH_RISK) != 0 &&
        (told & (ALARM_FINISH_SAFE | ALARM_FINISH_MISSED)) == 0) {
        return job->finish_by_us;
    }
    return 0;
}

static void list_deadlines(struct report *report, const struct job *job, const char *message) {
    const bool finish = (job->alarms & ALARM_FINISH_MISSED) != 0;
    const int64_t missed_us = finish ? job->finish_by_us : job->start_by_us;

    if ((job->alarms & (ALARM_START_MISSED | ALARM_FINISH_MISSED)) != 0 &&
        job->state != JOB_SKIPPED) {
        list_job(report, REPORT_LATE, job, missed_us, message);
    }
    if (risk_us(job) != 0) {
        list_job(report, REPORT_AT_RISK, job, risk_us(job), message);
    }
}

static void list_states(struct report *report, const struct job *job, size_t failed,
                        const char *message) {
    report->states[job->state]++;
    if (job->state == JOB_FAILED || job->state == JOB_REJECTED) {
        list_job(report, REPORT_FAILED, job, 0, message);
    } else if (job->state == JOB_SKIPPED) {
        list_job(report, REPORT_SKIPPED, job, job->start_by_us, message);
    } else if (failed > 0) {
        list_job(report, REPORT_RETRIED, job, 0, message);
    }
}

/* --- Usage ------------------------------------------------------------------------------------ */

static struct report_group *group_of(struct report_groups *groups, const char *name) {
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->items[i].name, name) == 0) {
            return &groups->items[i];
        }
    }
    if (groups->count == REPORT_GROUPS_MAX) {
        return &groups->items[REPORT_GROUPS_MAX - 1];
    }
    groups->items = mem_grow(groups->items, groups->count + 1, sizeof *groups->items);
    groups->items[groups->count] = (struct report_group){
        .name = mem_copy_text(groups->count + 1 == REPORT_GROUPS_MAX ? "(others)" : name)};
    return &groups->items[groups->count++];
}

static void charge(struct report_groups *groups, const char *name, bool is_new,
                   const struct report_usage *usage) {
    struct report_group *group = group_of(groups, name);

    group->jobs += is_new;
    group->usage.cpu_hours += usage->cpu_hours;
    group->usage.gib_hours += usage->gib_hours;
}

static double hours_within(int64_t from_us, int64_t until_us, int64_t first_us, int64_t last_us) {
    const int64_t begin_us = later(from_us, first_us);
    const int64_t end_us = sooner(until_us, last_us);

    return end_us > begin_us ? (double)(end_us - begin_us) / HOUR_US : 0;
}

static void charge_windows(struct report *report, const struct job *job,
                           const struct report_attempt *attempt, int64_t end_us, bool is_first) {
    for (size_t i = 0; i < report->window_count; i++) {
        struct report_window *window = &report->windows[i];

        if (!names(job->window, window->name)) {
            continue;
        }
        window->jobs += is_first;
        for (size_t j = 0; j < window->span_count; j++) {
            window->used_cpu_hours +=
                (double)attempt->cpu_milli / 1000 *
                hours_within(window->spans[j].opens_us, window->spans[j].closes_us,
                             attempt->admitted_us, end_us);
        }
    }
}

/* True if it was under way in the stretch. */
static bool add_attempt(struct report *report, const struct job *job, const char *label,
                        const struct report_attempt *attempt, bool is_first) {
    const int64_t end_us = attempt->finished_us != 0 ? attempt->finished_us : report->until_us;
    const double hours =
        hours_within(report->from_us, report->until_us, attempt->admitted_us, end_us);
    const struct report_usage usage = {
        .cpu_hours = (double)attempt->cpu_milli / 1000 * hours,
        .gib_hours = (double)attempt->memory_bytes / GIB * hours,
    };

    if (attempt->admitted_us >= report->until_us || end_us < report->from_us) {
        return false;
    }
    report->usage.cpu_hours += usage.cpu_hours;
    report->usage.gib_hours += usage.gib_hours;
    charge(&report->groups[REPORT_BY_TEAM], job->team, is_first, &usage);
    if (attempt->pool[0] != '\0') {
        charge(&report->groups[REPORT_BY_POOL], attempt->pool, is_first, &usage);
    }
    if (label[0] != '\0') {
        charge(&report->groups[REPORT_BY_LABEL], label, is_first, &usage);
    }
    charge_windows(report, job, attempt, end_us, is_first);
    return true;
}

void report_add(struct report *report, const struct job *job, const char *label,
                const char *message, const struct report_attempt *attempts, size_t count) {
    size_t ran = 0;
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        const struct report_attempt *attempt = &attempts[i];

        ran += add_attempt(report, job, label, attempt, ran == 0);
        failed += attempt->failed && attempt->finished_us >= report->from_us &&
                  attempt->finished_us < report->until_us;
    }
    report->jobs++;
    report->ran += ran > 0;
    report->failed_attempts += failed;
    list_states(report, job, failed, message);
    list_deadlines(report, job, message);
}

void report_add_risk(struct report *report, const struct job *planned, int64_t due_us,
                     const char *message) {
    list_job(report, REPORT_AT_RISK, planned, due_us, message);
}

static int by_usage(const void *a, const void *b) {
    const struct report_group *left = a;
    const struct report_group *right = b;

    if (left->usage.cpu_hours != right->usage.cpu_hours) {
        return left->usage.cpu_hours > right->usage.cpu_hours ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

void report_settle(struct report *report) {
    for (size_t by = 0; by < REPORT_BY_COUNT; by++) {
        if (report->groups[by].count > 0) {
            qsort(report->groups[by].items, report->groups[by].count,
                  sizeof *report->groups[by].items, by_usage);
        }
    }
}

double report_cost(const struct report *report, const struct report_usage *usage) {
    return usage->cpu_hours * report->price_cpu_hour + usage->gib_hours * report->price_gib_hour;
}
