#include "cli/jobs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "policy/indices.h"
#include "policy/job.h"

#define LIMIT_DEFAULT 500
#define STATES_BYTES  512

void job_set_finish(struct job_set *set) {
    free(set->items);
    wire_memory_finish(&set->memory);
    *set = (struct job_set){0};
}

static void append(struct job_set *set, const struct wire_job *job) {
    if (set->count == set->room) {
        set->room = set->room > 0 ? 2 * set->room : 64;
        set->items = mem_grow(set->items, set->room, sizeof *set->items);
    }
    set->items[set->count++] = *job;
}

static bool is_final(const char *text) {
    enum job_state state;

    return job_state_parse(text, &state) == OK && job_state_is_final(state);
}

bool job_is_over(const struct wire_job *job) {
    return is_final(job->state);
}

bool job_is_finished(const struct wire_job *job) {
    bool finished = job->element_count > 0 || is_final(job->state);

    for (size_t i = 0; i < job->element_count; i++) {
        finished = finished && is_final(job->elements[i].state);
    }
    return finished;
}

bool job_has_succeeded(const struct wire_job *job) {
    static const char succeeded[] = "SUCCEEDED";

    if (job->element_count > 0) {
        return job->element_count == 1 && strcmp(job->elements[0].state, succeeded) == 0;
    }
    return strcmp(job->state, succeeded) == 0;
}

static void add_states(struct buf *path, const struct cli_options *options) {
    char states[STATES_BYTES] = "";
    size_t used = 0;

    if (options->state != NULL) {
        for (; options->state[used] != '\0' && used + 1 < sizeof states; used++) {
            states[used] = (char)toupper((unsigned char)options->state[used]);
        }
    } else if (!options->all) {
        for (int i = 0; i < JOB_STATE_COUNT; i++) {
            if (!job_state_is_final((enum job_state)i)) {
                used += (size_t)snprintf(states + used, sizeof states - used, "%s%s",
                                         used > 0 ? "," : "", job_state_text((enum job_state)i));
            }
        }
    }
    http_add_query(path, "state", states);
}

static void list_path(struct buf *path, const struct cli *cli, int64_t limit, const char *next) {
    char number[24];

    (void)snprintf(number, sizeof number, "%" PRId64, limit);
    buf_add_text(path, "/v1/jobs");
    http_add_query(path, "limit", number);
    http_add_query(path, "namespace", cli->options.namespace);
    http_add_query(path, "team", cli->options.team);
    http_add_query(path, "name", cli->options.name);
    http_add_query(path, "selector", cli->options.selector);
    add_states(path, &cli->options);
    http_add_query(path, "continue", next);
}

/* One page; out_next lives in the set. */
static int list_page(struct cli *cli, struct job_set *set, int64_t limit, const char **next) {
    struct wire_job_list list;
    struct error error = {0};
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    list_path(&path, cli, limit, *next);
    status = remote_get(cli, buf_text(&path), &body);
    if (status == CLI_OK &&
        wire_decode_job_list(buf_text(&body), body.bytes, &set->memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    }
    for (size_t i = 0; status == CLI_OK && i < list.item_count; i++) {
        append(set, &list.items[i]);
    }
    if (status == CLI_OK) {
        *next = list.next;
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

int jobs_list(struct cli *cli, struct job_set *set) {
    int64_t limit = cli->options.limit >= 0 ? cli->options.limit : LIMIT_DEFAULT;
    const char *next = "";
    int status = CLI_OK;

    while (status == CLI_OK && (int64_t)set->count < limit) {
        int64_t page = limit - (int64_t)set->count;

        status =
            list_page(cli, set, page < LIMIT_API_LIST_ITEMS ? page : LIMIT_API_LIST_ITEMS, &next);
        if (next[0] == '\0') {
            break; /* A page may be empty and not the last: the server looks at so many jobs. */
        }
    }
    set->more = next[0] != '\0';
    return status;
}

int jobs_get(struct cli *cli, const char *name, struct job_set *set) {
    struct error error = {0};
    struct wire_job job;
    char path[64];
    struct buf body;
    int status;

    (void)snprintf(path, sizeof path, "/v1/jobs/%s?brief=true", name);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = remote_get(cli, path, &body);
    if (status == CLI_OK) {
        if (wire_decode_job(buf_text(&body), body.bytes, &set->memory, &job, &error) != OK) {
            status = remote_garbled(&error);
        } else {
            append(set, &job);
        }
    }
    buf_finish(&body);
    return status;
}

/* How long it waited, ran, or took: whichever its state makes interesting. */
static void add_age(struct table *table, int64_t from_us, int64_t to_us) {
    char span[32];

    print_span(from_us, to_us, span);
    table_add(table, span);
}

/* Elements of one array that wait for the same are one row; how many from this one on. */
static size_t count_alike(const struct job_set *set, size_t at) {
    const struct wire_job *first = &set->items[at];
    size_t count = 1;

    while (first->array_id != WIRE_UNKNOWN && first->attempts == 0 && !job_is_finished(first) &&
           at + count < set->count) {
        const struct wire_job *job = &set->items[at + count];

        if (job->array_id != first->array_id || job->attempts > 0 ||
            strcmp(job->state, first->state) != 0 ||
            strcmp(job->reason.code, first->reason.code) != 0) {
            break;
        }
        count++;
    }
    return count;
}

/* "12", of an element "12_7", of several "12_[7-9,12]". */
static void add_id(struct table *table, const struct wire_job *jobs, size_t count) {
    struct indices indices = {.count = 0};
    struct buf text;
    bool fits = true;

    if (jobs->array_id == WIRE_UNKNOWN) {
        table_add_format(table, "%" PRIu64, jobs->id);
        return;
    }
    for (size_t i = 0; fits && i < count; i++) {
        fits = indices_add(&indices, jobs[i].array_index);
    }
    buf_init(&text, INDICES_TEXT_BYTES);
    indices_print(&indices, &text);
    table_add_format(table, count > 1 ? "%" PRId64 "_[%s%s]" : "%" PRId64 "_%s%s", jobs->array_id,
                     buf_text(&text), fits ? "" : ",...");
    buf_finish(&text);
}

/* Of several elements, the array's. */
static void add_name(struct table *table, const struct wire_job *job, size_t count) {
    const char *dash = strrchr(job->name, '-');

    table_add_format(
        table, "%.*s",
        (int)(count > 1 && dash != NULL ? (size_t)(dash - job->name) : strlen(job->name)),
        job->name);
}

static void add_row(struct table *table, const struct cli *cli, const struct wire_job *job,
                    size_t count, int64_t now_us) {
    char started[40];

    add_id(table, job, count);
    add_name(table, job, count);
    table_add(table, job->namespace);
    table_add(table, job->team);
    table_add(table, job->state);
    table_add_format(table, "%" PRId64, job->priority);
    table_add_format(table, "%" PRId64, job->attempts);
    add_age(table, job->submitted_us, now_us);
    add_age(table, job->started_us, job->finished_us != 0 ? job->finished_us : now_us);
    if (cli->options.output == CLI_WIDE) {
        print_time(cli, job->started_us, started);
        table_add(table, job->kind);
        table_add(table, job->submitter);
        table_add(table, started);
        table_add(table, job->node);
        table_add(table, job->pod_name);
    }
    table_add(table, job->reason.message[0] != '\0' ? job->reason.message : job->reason.code);
}

static void print_table(const struct cli *cli, const struct job_set *set) {
    static const char *const heads[] = {"ID",   "NAME",     "NAMESPACE", "TEAM", "STATE",
                                        "PRIO", "ATTEMPTS", "AGE",       "RAN"};
    static const char *const wide[] = {"KIND", "SUBMITTER", "STARTED", "NODE", "POD"};
    bool is_wide = cli->options.output == CLI_WIDE;
    int64_t now_us = clock_sample().now_us;
    struct table table;

    table_init(&table, ARRAY_LEN(heads) + 1 + (is_wide ? ARRAY_LEN(wide) : 0));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; is_wide && i < ARRAY_LEN(wide); i++) {
        table_add(&table, wide[i]);
    }
    table_add(&table, "REASON");
    for (size_t i = 0, count; i < set->count; i += count) {
        count = count_alike(set, i);
        add_row(&table, cli, &set->items[i], count, now_us);
    }
    table_print(&table, cli, 4);
    table_finish(&table);
}

static int print_list_document(const struct cli *cli, const struct job_set *set) {
    struct wire_job_list list = {.items = set->items, .item_count = set->count, .next = ""};
    struct buf json;
    int status;

    buf_init(&json, SIZE_MAX / 2);
    wire_encode_job_list(&json, &list);
    status = print_document(cli, &json);
    buf_finish(&json);
    return status;
}

int jobs_print(const struct cli *cli, const struct job_set *set) {
    if (print_is_document(cli)) {
        return print_list_document(cli, set);
    }
    if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < set->count; i++) {
            printf("%" PRIu64 "\n", set->items[i].id);
        }
        return CLI_OK;
    }
    if (set->count == 0) {
        (void)fprintf(stderr, "no jobs\n");
    } else {
        print_table(cli, set);
    }
    if (set->more) {
        (void)fprintf(stderr, "there are more: see --limit\n");
    }
    return CLI_OK;
}

/* "12 parts[0-999] 940 SUCCEEDED, 60 FAILED" */
static void print_array_line(const struct wire_job *job) {
    const char *dash = strrchr(job->name, '-');

    printf("%" PRId64 " ", job->array_id);
    printf("%.*s", (int)(dash != NULL ? (size_t)(dash - job->name) : strlen(job->name)), job->name);
    printf("[%s]", job->array);
    for (size_t i = 0; i < job->element_count; i++) {
        printf("%s %" PRId64 " %s", i > 0 ? "," : "", job->elements[i].count,
               job->elements[i].state);
    }
    printf("\n");
    (void)fflush(stdout);
}

void jobs_print_line(const struct cli *cli, const struct wire_job *job) {
    (void)cli;
    if (job->element_count > 0) {
        print_array_line(job);
        return;
    }
    printf("%" PRIu64 " ", job->id);
    print_clean(stdout, job->name);
    printf(" %s", job->state);
    if (job->reason.message[0] != '\0') {
        printf(" ");
        print_clean(stdout, job->reason.message);
    }
    printf("\n");
    (void)fflush(stdout);
}

void jobs_pause(int64_t us) {
    struct timespec pause = {.tv_sec = us / CLOCK_US_PER_SECOND,
                             .tv_nsec = (us % CLOCK_US_PER_SECOND) * 1000};

    (void)nanosleep(&pause, NULL);
}
