/* schedules: what makes jobs again and again; to look at, to pause, to trigger, to delete. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

#define NEXT_DEFAULT 10
#define PATH         "/v1/schedules"

/* --- The list -------------------------------------------------------------------------------- */

static void add_time(const struct cli *cli, struct table *table, int64_t time_us, int64_t now_us) {
    char when[40];
    char span[32];

    if (time_us == 0) {
        table_add(table, "-");
        return;
    }
    print_time(cli, time_us, when);
    if (time_us > now_us) {
        print_span(now_us, time_us, span);
        table_add_format(table, "%s (in %s)", when, span);
    } else {
        table_add(table, when);
    }
}

static void print_list(const struct cli *cli, const struct wire_schedule_list *list) {
    static const char *const heading[] = {"NAME", "NAMESPACE", "TEAM",   "STATE", "CRON",
                                          "ZONE", "NEXT",      "ACTIVE", "RUNS",  "SKIPPED"};
    struct table table;

    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, heading[i]);
    }
    for (size_t i = 0; i < list->item_count; i++) {
        const struct wire_schedule *schedule = &list->items[i];

        table_add(&table, schedule->name);
        table_add(&table, schedule->namespace);
        table_add(&table, schedule->team);
        table_add(&table, schedule->state);
        table_add(&table, schedule->cron);
        table_add(&table, schedule->zone);
        add_time(cli, &table, schedule->next_us, list->now_us);
        table_add_format(&table, "%" PRId64, schedule->active);
        table_add_format(&table, "%" PRId64, schedule->runs);
        table_add_format(&table, "%" PRId64, schedule->skipped);
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static int print_list_answer(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_schedule_list list;
    struct error error = {0};
    int status = CLI_OK;

    if (wire_decode_schedule_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < list.item_count; i++) {
            print_clean(stdout, list.items[i].namespace);
            (void)putchar('/');
            print_clean(stdout, list.items[i].name);
            (void)putchar('\n');
        }
    } else {
        print_list(cli, &list);
    }
    wire_memory_finish(&memory);
    return status;
}

static int list(struct cli *cli) {
    struct buf path;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_add_text(&path, PATH);
    http_add_query(&path, "namespace", cli->options.namespace);
    status = remote_show(cli, buf_text(&path), print_list_answer);
    buf_finish(&path);
    return status;
}

/* --- One of them ----------------------------------------------------------------------------- */

/* The only one of that name, in any namespace. */
static int find_namespace(const char *name, const struct wire_schedule_list *list,
                          const char **out_namespace) {
    size_t found = 0;

    for (size_t i = 0; i < list->item_count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            *out_namespace = list->items[i].namespace;
            found++;
        }
    }
    if (found == 1) {
        return CLI_OK;
    }
    cli_complain(found == 0 ? "there is no schedule %s"
                            : "there are several schedules %s: name one as NAMESPACE/NAME",
                 name);
    return found == 0 ? CLI_NOT_FOUND : CLI_USAGE;
}

static int search(struct cli *cli, const char *name, struct buf *path) {
    struct wire_memory memory = {0};
    struct wire_schedule_list list;
    struct error error = {0};
    const char *namespace = "";
    struct buf body;
    int status;

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = remote_get(cli, PATH, &body);
    if (status == CLI_OK &&
        wire_decode_schedule_list(buf_text(&body), body.bytes, &memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    }
    if (status == CLI_OK) {
        status = find_namespace(name, &list, &namespace);
    }
    if (status == CLI_OK) {
        buf_add_format(path, PATH "/%s/%s", namespace, name);
    }
    wire_memory_finish(&memory);
    buf_finish(&body);
    return status;
}

/* The path of the schedule named NAME (its namespace by -n, or the only one there is) or
 * NAMESPACE/NAME. */
static int find(struct cli *cli, const char *name, struct buf *path) {
    const char *bare = strchr(name, '/') != NULL ? strchr(name, '/') + 1 : name;

    if (!text_is_dns_label(bare) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-./") != strlen(name)) {
        cli_complain("%s is not the name of a schedule", name);
        return CLI_USAGE;
    }
    if (bare != name) {
        buf_add_format(path, PATH "/%s", name);
        return CLI_OK;
    }
    if (cli->options.namespace != NULL) {
        buf_add_format(path, PATH "/%s/%s", cli->options.namespace, name);
        return CLI_OK;
    }
    return search(cli, name, path);
}

static void line(const char *name, const char *value) {
    printf("%-12s", name);
    print_clean(stdout, value[0] != '\0' ? value : "-");
    (void)putchar('\n');
}

static void time_line(const struct cli *cli, const char *name, int64_t time_us) {
    char text[40] = "";

    if (time_us != 0) {
        print_time(cli, time_us, text);
    }
    line(name, text);
}

static void number_line(const char *name, int64_t number) {
    printf("%-12s%" PRId64 "\n", name, number);
}

static void print_upcoming(const struct cli *cli, const struct wire_schedule *schedule) {
    static const char *const heading[] = {"OCCURRENCE", "STARTS", "FOR DATE", "OUTCOME"};
    struct table table;

    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, heading[i]);
    }
    for (size_t i = 0; i < schedule->upcoming_count; i++) {
        const struct wire_upcoming *upcoming = &schedule->upcoming[i];
        bool runs = strcmp(upcoming->verdict, "run") == 0;
        char when[40];

        print_time(cli, upcoming->at_us, when);
        table_add(&table, upcoming->occurrence);
        table_add(&table, when);
        table_add(&table, upcoming->business_date);
        table_add_format(&table, runs ? "%s" : "skipped (%s)", upcoming->verdict);
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static void print_one(const struct cli *cli, const struct wire_schedule *schedule) {
    line("name", schedule->name);
    line("namespace", schedule->namespace);
    line("team", schedule->team);
    line("submitter", schedule->submitter);
    line("kind", schedule->kind);
    line("state", schedule->state);
    line("cron", schedule->cron);
    line("zone", schedule->zone);
    line("overlap", schedule->overlap);
    line("misfire", schedule->misfire);
    line("window", schedule->window);
    time_line(cli, "created", schedule->created_us);
    time_line(cli, "changed", schedule->changed_us);
    line("last", schedule->last);
    number_line("last job", schedule->last_job);
    line("next", schedule->next);
    time_line(cli, "starts", schedule->next_us);
    number_line("active", schedule->active);
    number_line("runs", schedule->runs);
    number_line("skipped", schedule->skipped);
}

/* What has been asked of one schedule. */
struct request {
    const char *suffix; /* of the path */
    const char *method;
    void (*print)(const struct cli *cli, const struct wire_schedule *schedule);
};

static int print_answer(struct cli *cli, const struct buf *body,
                        void (*print)(const struct cli *cli,
                                      const struct wire_schedule *schedule)) {
    struct wire_memory memory = {0};
    struct wire_schedule schedule;
    struct error error = {0};
    int status = CLI_OK;

    if (print_is_document(cli)) {
        return print_document(cli, body);
    }
    if (wire_decode_schedule(buf_text(body), body->bytes, &memory, &schedule, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        printf("%s/%s\n", schedule.namespace, schedule.name);
    } else {
        print(cli, &schedule);
    }
    wire_memory_finish(&memory);
    return status;
}

static int ask(struct cli *cli, const char *name, const struct request *request) {
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = find(cli, name, &path);
    if (status == CLI_OK) {
        buf_add_text(&path, request->suffix);
        status = remote_perform(
            cli, &(struct http_call){.method = request->method, .path = buf_text(&path)}, &body);
    }
    if (status == CLI_OK && request->print != NULL) {
        status = print_answer(cli, &body, request->print);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

static void print_state(const struct cli *cli, const struct wire_schedule *schedule) {
    (void)cli;
    printf("%s/%s is %s\n", schedule->namespace, schedule->name, schedule->state);
}

static int show(struct cli *cli, const char *name) {
    return ask(cli, name, &(struct request){"", "GET", print_one});
}

static int pause(struct cli *cli, const char *name) {
    return ask(cli, name, &(struct request){"/pause", "POST", print_state});
}

static int resume(struct cli *cli, const char *name) {
    return ask(cli, name, &(struct request){"/resume", "POST", print_state});
}

static int delete (struct cli *cli, const char *name) {
    int status = ask(cli, name, &(struct request){"", "DELETE", NULL});

    if (status == CLI_OK) {
        printf("%s is deleted; its jobs stay\n", name);
    }
    return status;
}

static int next(struct cli *cli, const char *name) {
    int64_t count = NEXT_DEFAULT;
    char suffix[32];

    if (cli->options.operand_count == 3 &&
        (text_parse_int64(cli->options.operands[2], &count) != OK || count < 1)) {
        cli_complain("%s is not a number", cli->options.operands[2]);
        return CLI_USAGE;
    }
    (void)snprintf(suffix, sizeof suffix, "?next=%" PRId64, count);
    return ask(cli, name, &(struct request){suffix, "GET", print_upcoming});
}

/* The answer is the job. */
static int trigger(struct cli *cli, const char *name) {
    struct wire_memory memory = {0};
    struct wire_job job;
    struct error error = {0};
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = find(cli, name, &path);
    if (status == CLI_OK) {
        buf_add_text(&path, "/trigger");
        http_add_query(&path, "date", cli->options.date);
        status = remote_post(cli, buf_text(&path), &body);
    }
    if (status == CLI_OK && print_is_document(cli)) {
        status = print_document(cli, &body);
    } else if (status == CLI_OK &&
               wire_decode_job(buf_text(&body), body.bytes, &memory, &job, &error) != OK) {
        status = remote_garbled(&error);
    } else if (status == CLI_OK && cli->options.output == CLI_NAME) {
        printf("%" PRIu64 "\n", job.id);
    } else if (status == CLI_OK) {
        printf("job %" PRIu64 " for %s\n", job.id, job.business_date);
    }
    wire_memory_finish(&memory);
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

int verb_schedules(struct cli *cli) {
    static const struct {
        const char *name;
        size_t operands_max; /* itself too */
        int (*run)(struct cli *cli, const char *name);
    } verbs[] = {
        {"show", 2, show},     {"next", 3, next},       {"pause", 2, pause},
        {"resume", 2, resume}, {"trigger", 2, trigger}, {"delete", 2, delete},
    };
    const char *wanted = cli->options.operand_count > 0 ? cli->options.operands[0] : "ls";

    if (strcmp(wanted, "ls") == 0 && cli->options.operand_count <= 1) {
        return list(cli);
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(wanted, verbs[i].name) == 0 && cli->options.operand_count >= 2 &&
            cli->options.operand_count <= verbs[i].operands_max) {
            return verbs[i].run(cli, cli->options.operands[1]);
        }
    }
    cli_complain("schedules: [ls], or one of show, next, pause, resume, trigger, delete and a "
                 "schedule's name");
    return CLI_USAGE;
}
