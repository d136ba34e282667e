#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "base/clock.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

static void line(const char *name, const char *value) {
    printf("%-12s", name);
    print_clean(stdout, value[0] != '\0' ? value : "-");
    (void)putchar('\n');
}

static void time_line(const struct cli *cli, const char *name, int64_t time_us) {
    char text[40];

    print_time(cli, time_us, text);
    line(name, text);
}

/* The signs behind a failure, and the memory that its pods had. */
static void print_cause(const struct wire_attempt *attempt) {
    char driver[QUANTITY_BYTES_MAX];
    char executor[QUANTITY_BYTES_MAX];

    if (attempt->cause[0] == '\0') {
        return;
    }
    quantity_print_bytes(attempt->driver_memory_bytes, driver);
    quantity_print_bytes(attempt->executor_memory_bytes, executor);
    printf("cause of %" PRId64 ": ", attempt->number);
    print_clean(stdout, attempt->cause);
    printf("; memory %s", driver);
    if (attempt->executor_memory_bytes > 0) {
        printf(", of an executor %s", executor);
    }
    (void)putchar('\n');
}

static void print_attempts(const struct cli *cli, const struct wire_job *job) {
    static const char *const heads[] = {"ATTEMPT", "STARTED", "RAN",  "FAILURE", "EXIT",   "NODE",
                                        "CPU*S",   "GIB*S",   "PODS", "POD",     "MESSAGE"};
    struct table table;

    table_init(&table, ARRAY_LEN(heads));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < job->attempt_list_count; i++) {
        const struct wire_attempt *attempt = &job->attempt_list[i];
        char started[40], ran[32];

        print_time(cli, attempt->started_us, started);
        print_span(attempt->started_us, attempt->finished_us, ran);
        table_add_format(&table, "%" PRId64, attempt->number);
        table_add(&table, started);
        table_add(&table, ran);
        table_add(&table, attempt->failure);
        if (attempt->exit_code == WIRE_UNKNOWN) {
            table_add(&table, "-");
        } else {
            table_add_format(&table, "%" PRId64, attempt->exit_code);
        }
        table_add(&table, attempt->node);
        table_add_format(&table, "%" PRId64, attempt->cpu_seconds);
        table_add_format(&table, "%" PRId64, attempt->gib_seconds);
        table_add_format(&table, "%" PRId64, attempt->pods);
        table_add(&table, attempt->pod_name);
        table_add(&table, attempt->message);
    }
    (void)putchar('\n');
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
    for (size_t i = 0; i < job->attempt_list_count; i++) {
        print_cause(&job->attempt_list[i]);
    }
}

/* "6Gi for its main pod, learnt from attempt 2 of job 4711 on ..." */
static void print_grown(const struct cli *cli, const struct wire_grown *grown) {
    char driver[QUANTITY_BYTES_MAX];
    char executor[QUANTITY_BYTES_MAX];
    char when[40];

    quantity_print_bytes(grown->driver_memory_bytes, driver);
    quantity_print_bytes(grown->executor_memory_bytes, executor);
    print_time(cli, grown->learnt_us, when);
    printf("%-12s%s%s%s%s%s", "memory", grown->driver_memory_bytes > 0 ? driver : "",
           grown->driver_memory_bytes > 0 ? " for its main pod" : "",
           grown->driver_memory_bytes > 0 && grown->executor_memory_bytes > 0 ? ", " : "",
           grown->executor_memory_bytes > 0 ? executor : "",
           grown->executor_memory_bytes > 0 ? " for an executor" : "");
    if (grown->job_id != 0) {
        printf(", learnt from attempt %" PRId64 " of job %" PRId64 " on %s", grown->attempt,
               grown->job_id, when);
    }
    (void)putchar('\n');
}

static void print_avoided(const struct cli *cli, const struct wire_avoided *avoided) {
    char until[40];

    print_time(cli, avoided->until_us, until);
    printf("%-12s%s %s", "keeps off", avoided->name,
           avoided->required ? "(required)" : "(preferred)");
    if (avoided->jobs > 0) {
        printf(", which failed %" PRId64 " jobs,", avoided->jobs);
    }
    printf(" until %s\n", until);
}

/* "load (12, RUNNING)", "parts (20, 3 of 10)" */
static void print_relation(const char *head, const struct wire_relation *relation) {
    printf("%-12s", head);
    print_clean(stdout, relation->name[0] != '\0' ? relation->name : "?");
    if (relation->id == WIRE_UNKNOWN) {
        printf(" (no run yet");
    } else if (relation->state[0] != '\0') {
        printf(" (%" PRId64 ", %s", relation->id, relation->state);
    } else {
        printf(" (%" PRId64 ", %" PRId64 " of %" PRId64, relation->id, relation->done,
               relation->total);
    }
    printf("): %s%s: %s", relation->each ? "each its own, " : "", relation->on, relation->stands);
    printf(strcmp(relation->stands, "met") == 0 ? "\n" : ", else %s\n", relation->otherwise);
}

static void print_seconds(const char *name, int64_t seconds) {
    char span[32] = "unknown";

    if (seconds != WIRE_UNKNOWN) {
        print_span(CLOCK_US_PER_SECOND, (seconds + 1) * CLOCK_US_PER_SECOND, span);
    }
    line(name, seconds == 0 ? "none" : span);
}

/* Who is before it and behind it, and the way that ends last. */
static void print_graph(const struct wire_job *job) {
    for (size_t i = 0; i < job->predecessor_count; i++) {
        print_relation(i == 0 ? "after" : "", &job->predecessors[i]);
    }
    for (size_t i = 0; i < job->successor_count; i++) {
        print_relation(i == 0 ? "before" : "", &job->successors[i]);
    }
    if (job->critical_count == 0) {
        return;
    }
    printf("%-12s", "longest way");
    for (size_t i = 0; i < job->critical_count; i++) {
        printf(i > 0 ? " -> " : "");
        print_clean(stdout, job->critical[i].name);
    }
    (void)putchar('\n');
    print_seconds("  is left", job->critical_seconds);
    print_seconds("slack", job->slack_seconds);
}

static void print_array(const struct wire_job *job) {
    char text[64];

    if (job->array_id == WIRE_UNKNOWN) {
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRId64 "_%" PRId64, job->array_id, job->array_index);
    line("element", text);
    line("array", job->array);
    for (size_t i = 0; i < job->element_count; i++) {
        printf("  %-10s%" PRId64 ": %s\n", job->elements[i].state, job->elements[i].count,
               job->elements[i].indices);
    }
}

static void print_job(const struct cli *cli, const struct wire_job *job) {
    char number[32];

    (void)snprintf(number, sizeof number, "%" PRIu64, job->id);
    line("id", number);
    line("name", job->name);
    line("namespace", job->namespace);
    line("team", job->team);
    line("kind", job->kind);
    line("submitter", job->submitter);
    line("window", job->window);
    if (job->schedule[0] != '\0') {
        line("schedule", job->schedule);
        line("occurrence", job->occurrence);
        line("for date", job->business_date);
    }
    line("state", job->state);
    if (job->cancel_requested) {
        line("", "(to be cancelled)");
    }
    line("reason", job->reason.message[0] != '\0' ? job->reason.message : job->reason.code);
    (void)snprintf(number, sizeof number, "%" PRId64, job->priority);
    line("priority", number);
    (void)snprintf(number, sizeof number, "%" PRId64 " of %" PRId64, job->retries,
                   job->retries_max);
    line("retries", number);
    (void)snprintf(number, sizeof number, "%" PRId64 " of %" PRId64, job->infra_retries,
                   job->infra_retries_max);
    line("  of infra", number);
    for (size_t i = 0; i < job->grown_count; i++) {
        print_grown(cli, &job->grown[i]);
    }
    for (size_t i = 0; i < job->avoided_count; i++) {
        print_avoided(cli, &job->avoided[i]);
    }
    if (job->runs_again) {
        line("runs again", "whenever it ends (restartPolicy Always), and spends no retries");
    }
    line("failure", job->failure);
    time_line(cli, "submitted", job->submitted_us);
    time_line(cli, "started", job->started_us);
    time_line(cli, "finished", job->finished_us);
    if (job->start_by_us != 0) {
        time_line(cli, "start by", job->start_by_us);
    }
    if (job->finish_by_us != 0) {
        time_line(cli, "finish by", job->finish_by_us);
    }
    print_array(job);
    print_graph(job);
    line("pod", job->pod_name);
    line("node", job->node);
    for (size_t i = 0; i < job->demand_count; i++) {
        line(i == 0 ? "demand" : "", job->demand[i].text);
    }
    if (job->attempt_list_count > 0) {
        print_attempts(cli, job);
    } else if (job->attempts > 0) {
        printf("\nWhat is stored of its attempts can't be read now; ask again.\n");
    }
}

static int print_shown(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct error error = {0};
    struct wire_job job;
    int status = CLI_OK;

    if (wire_decode_job(buf_text(body), body->bytes, &memory, &job, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        printf("%" PRIu64 "\n", job.id);
    } else {
        print_job(cli, &job);
    }
    wire_memory_finish(&memory);
    return status;
}

static void print_after(const struct wire_why *why) {
    if (why->after != 0) {
        printf(" (the end of job %" PRId64 " makes way)", why->after);
    }
    (void)putchar('\n');
}

static void print_start(const struct cli *cli, const struct wire_why *why) {
    char p50[40], p90[40];

    if (why->start[0] == '\0') {
        return;
    }
    print_time(cli, why->p50_us, p50);
    print_time(cli, why->p90_us != 0 ? why->p90_us : why->until_us, p90);
    if (strcmp(why->start, "later") == 0) {
        printf("  expected start: later than %s\n", p90);
    } else if (why->p50_us == 0) {
        printf("  expected start: unknown\n");
    } else if (why->p90_us == why->p50_us) {
        printf("  expected start: %s", p50);
        print_after(why);
    } else {
        printf("  expected start: %s, nine in ten by %s", p50,
               why->p90_us != 0 ? p90 : "a time that is not known");
        print_after(why);
    }
}

static void print_checks(const struct cli *cli, const struct wire_why *why) {
    print_clean(stdout, why->job.name);
    printf(" (job %" PRIu64 ") is %s", why->job.id, why->job.state);
    if (why->job.reason.message[0] != '\0') {
        printf(": ");
        print_clean(stdout, why->job.reason.message);
    }
    (void)putchar('\n');
    for (size_t i = 0; i < why->check_count; i++) {
        const struct wire_check *check = &why->checks[i];
        const char *colour = check->passed ? "\033[32m" : "\033[31m";

        printf("  %s%s%s %-10s", cli->colour ? colour : "", check->passed ? "yes" : "no ",
               cli->colour ? "\033[0m" : "", check->check);
        print_clean(stdout, check->message);
        (void)putchar('\n');
    }
    if (why->ahead > 0) {
        printf("  %" PRId64 " waiting %s before it\n", why->ahead,
               why->ahead == 1 ? "job is" : "jobs are");
    }
    print_start(cli, why);
}

static int print_why(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct error error = {0};
    struct wire_why why;
    int status = CLI_OK;

    if (wire_decode_why(buf_text(body), body->bytes, &memory, &why, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        printf("%s\n", why.job.reason.code);
    } else {
        print_checks(cli, &why);
    }
    wire_memory_finish(&memory);
    return status;
}

static int fetch_and_print(struct cli *cli, const char *suffix,
                           int (*print)(const struct cli *cli, const struct buf *body)) {
    struct buf path;
    int status = remote_job_path(cli, cli->options.operands[0], suffix, &path);

    if (status == CLI_OK) {
        status = remote_show(cli, buf_text(&path), print);
    }
    buf_finish(&path);
    return status;
}

int verb_show(struct cli *cli) {
    return fetch_and_print(cli, "", print_shown);
}

int verb_why(struct cli *cli) {
    return fetch_and_print(cli, "/why?forecast=true", print_why);
}
