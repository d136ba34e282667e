#include "cli/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "policy/job.h"

#define DEFAULT_SERVER "unix:///run/nightshift/nightshift.sock"
#define FOUND_MAX      "50"

static const char *or_environment(const char *option, const char *variable) {
    if (option == NULL) {
        option = getenv(variable);
    }
    return option != NULL && option[0] != '\0' ? option : NULL;
}

int remote_open(struct cli *cli) {
    struct http_place place = {
        .server = or_environment(cli->options.server, "NIGHTSHIFT_SERVER"),
        .token_file = or_environment(cli->options.token_file, "NIGHTSHIFT_TOKEN_FILE"),
        .ca_file = or_environment(cli->options.ca_file, "NIGHTSHIFT_CA_FILE"),
    };
    struct error error = {0};
    int r;

    if (place.server == NULL) {
        place.server = DEFAULT_SERVER;
    }
    r = http_open(&place, &cli->http, &error);
    if (r == OK) {
        return CLI_OK;
    }
    cli_complain("%s", error.text);
    return r == ERR_NOT_FOUND ? CLI_NOT_FOUND : CLI_USAGE;
}

static int exit_of(int status) {
    switch (status) {
    case 401:
    case 403:
        return CLI_DENIED;
    case 404:
        return CLI_NOT_FOUND;
    case 429:
        return CLI_SERVER;
    default:
        return status >= 400 && status < 500 ? CLI_REFUSED : CLI_SERVER;
    }
}

/* A place in a file as compilers print it, so that editors find it. */
static void print_detail(const struct wire_detail *detail) {
    struct buf line;

    buf_init(&line, LIMIT_HTTP_BODY_BYTES);
    buf_add_text(&line, detail->file);
    if (detail->line > 0) {
        buf_add_format(&line, ":%" PRId64 ":%" PRId64, detail->line, detail->column);
    }
    buf_add_text(&line, ": ");
    if (detail->path[0] != '\0') {
        buf_add_format(&line, "%s: ", detail->path);
    }
    buf_add_text(&line, detail->message);
    print_clean(stderr, buf_text(&line));
    (void)fputc('\n', stderr);
    buf_finish(&line);
}

static int complain_of(int status, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_error told;
    struct error error = {0};

    if (wire_decode_error(buf_text(body), body->bytes, &memory, &told, &error) != OK) {
        cli_complain("the daemon answered with HTTP status %d", status);
    } else if (told.detail_count == 0) {
        cli_complain("%s", told.message);
    } else {
        for (size_t i = 0; i < told.detail_count; i++) {
            print_detail(&told.details[i]);
        }
    }
    wire_memory_finish(&memory);
    return exit_of(status);
}

int remote_perform(struct cli *cli, const struct http_call *call, struct buf *out_body) {
    struct error error = {0};
    int status = 0;
    int r = http_perform(cli->http, call, &status, out_body, &error);

    if (r != OK) {
        if (!cli->patient || !cli->reached) {
            cli_complain("%s", error.text);
        }
        return r == ERR_DENIED ? CLI_DENIED : CLI_UNREACHABLE;
    }
    cli->reached = true;
    return status >= 200 && status < 300 ? CLI_OK : complain_of(status, out_body);
}

int remote_get(struct cli *cli, const char *path, struct buf *out_body) {
    struct http_call call = {.method = "GET", .path = path};

    return remote_perform(cli, &call, out_body);
}

int remote_post(struct cli *cli, const char *path, struct buf *out_body) {
    struct http_call call = {.method = "POST", .path = path};

    return remote_perform(cli, &call, out_body);
}

int remote_show(struct cli *cli, const char *path,
                int (*print)(const struct cli *cli, const struct buf *body)) {
    struct buf body;
    int status;

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    status = remote_get(cli, path, &body);
    if (status == CLI_OK) {
        status = print_is_document(cli) ? print_document(cli, &body) : print(cli, &body);
    }
    buf_finish(&body);
    return status;
}

int remote_garbled(const struct error *error) {
    cli_complain("the daemon's answer is not understood: %s", error->text);
    return CLI_SERVER;
}

void remote_name_of(const struct wire_job *job, const char *called,
                    char out_name[REMOTE_JOB_BYTES]) {
    const bool is_element =
        job->array_id != WIRE_UNKNOWN && (called == NULL || strcmp(job->name, called) == 0);

    if (is_element) {
        (void)snprintf(out_name, REMOTE_JOB_BYTES, "%" PRId64 "_%" PRId64, job->array_id,
                       job->array_index);
    } else {
        (void)snprintf(out_name, REMOTE_JOB_BYTES, "%" PRIu64, job->id);
    }
}

/* Those of a name so far. */
struct search {
    const char *called;
    size_t found;
    size_t live;
    char name[REMOTE_JOB_BYTES]; /* of the latest that is live, else of the latest */
};

static void take_found(struct search *search, const struct wire_job_list *list) {
    for (size_t i = 0; i < list->item_count; i++) {
        const bool is_live = !job_is_over(&list->items[i]);

        search->found++;
        search->live += is_live;
        if (is_live || search->live == 0) {
            remote_name_of(&list->items[i], search->called, search->name);
        }
    }
}

/* Of several jobs of a name, the one that is meant. */
static int choose(const char *operand, const struct search *search,
                  char out_name[REMOTE_JOB_BYTES]) {
    if (search->found == 0) {
        cli_complain("there is no job %s", operand);
        return CLI_NOT_FOUND;
    }
    if (search->live > 1 || (search->live == 0 && search->found > 1)) {
        cli_complain("there are several jobs %s: take an id from nightshift ls --all --name %s",
                     operand, search->called);
        return CLI_USAGE;
    }
    (void)text_copy(out_name, REMOTE_JOB_BYTES, search->name);
    return CLI_OK;
}

/* One page, which is not the last one if *next is not "" then. */
static int search_page(struct cli *cli, struct search *search, const char *namespace,
                       char next[REMOTE_JOB_BYTES]) {
    struct wire_memory memory = {0};
    struct wire_job_list list;
    struct error error = {0};
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&path, "/v1/jobs?limit=" FOUND_MAX);
    http_add_query(&path, "name", search->called);
    http_add_query(&path, "namespace", namespace);
    http_add_query(&path, "continue", next);
    status = remote_get(cli, buf_text(&path), &body);
    if (status == CLI_OK &&
        wire_decode_job_list(buf_text(&body), body.bytes, &memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    }
    if (status == CLI_OK) {
        take_found(search, &list);
        (void)text_copy(next, REMOTE_JOB_BYTES, list.next);
    }
    wire_memory_finish(&memory);
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

static int find_by_name(struct cli *cli, const char *operand, char out_name[REMOTE_JOB_BYTES]) {
    const char *slash = strchr(operand, '/');
    struct search search = {.called = slash != NULL ? slash + 1 : operand};
    char namespace[LIMIT_NAME_BYTES + 1] = "";
    char next[REMOTE_JOB_BYTES] = "";
    int status;

    if (slash != NULL) {
        (void)snprintf(namespace, sizeof namespace, "%.*s", (int)(slash - operand), operand);
    } else if (cli->options.namespace != NULL) {
        (void)text_copy(namespace, sizeof namespace, cli->options.namespace);
    }
    do {
        status = search_page(cli, &search, namespace, next);
    } while (status == CLI_OK && next[0] != '\0' && search.live < 2);
    return status == CLI_OK ? choose(operand, &search, out_name) : status;
}

/* "12_7": an array's id and an index. */
static bool is_element(const char *name) {
    size_t digits = strspn(name, "0123456789");

    return digits > 0 && name[digits] == '_' && name[digits + 1] != '\0' &&
           strspn(name + digits + 1, "0123456789") == strlen(name + digits + 1);
}

int remote_job_name(struct cli *cli, const char *operand, char out_name[REMOTE_JOB_BYTES]) {
    int64_t id;

    if ((text_parse_int64(operand, &id) == OK && id > 0) || is_element(operand)) {
        (void)text_copy(out_name, REMOTE_JOB_BYTES, operand);
        return CLI_OK;
    }
    return find_by_name(cli, operand, out_name);
}

int remote_job_path(struct cli *cli, const char *name, const char *suffix, struct buf *out_path) {
    char id[REMOTE_JOB_BYTES];
    int status = remote_job_name(cli, name, id);

    buf_init(out_path, LIMIT_HTTP_URL_BYTES);
    buf_add_format(out_path, "/v1/jobs/%s%s", id, suffix);
    return status;
}
