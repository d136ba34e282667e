#include "cli/dry_run.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/limits.h"
#include "cli/http.h"
#include "cli/print.h"
#include "cli/remote.h"

/* "# asks for cpu 3, memory 4224Mi, pods 3" */
static void print_amounts(const char *what, const json_t *amounts) {
    const char *key;
    json_t *value;
    bool any = false;

    json_object_foreach((json_t *)(uintptr_t)amounts, key, value) {
        printf("%s%s ", any ? ", " : what, key);
        print_clean(stdout, json_string_value(value));
        any = true;
    }
    printf(any ? "\n" : "");
}

static int print_object(const struct cli *cli, const json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    struct buf body;
    int status;

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&body, text != NULL ? text : "");
    printf("---\n");
    status = print_document(cli, &body);
    buf_finish(&body);
    free(text);
    return status;
}

/* What it asks for as remarks, then what kubectl would take. */
static int print_job(const struct cli *cli, const json_t *job) {
    const json_t *lines = json_object_get(job, "arithmetic");
    const json_t *objects = json_object_get(job, "objects");
    int status = CLI_OK;

    printf("# ");
    print_clean(stdout, json_string_value(json_object_get(job, "namespace")));
    printf("/");
    print_clean(stdout, json_string_value(json_object_get(job, "name")));
    printf("\n");
    print_amounts("# requests: ", json_object_get(job, "requests"));
    print_amounts("# limits: ", json_object_get(job, "limits"));
    for (size_t i = 0; i < json_array_size(lines); i++) {
        printf("# ");
        print_clean(stdout, json_string_value(json_array_get(lines, i)));
        printf("\n");
    }
    for (size_t i = 0; i < json_array_size(objects) && status == CLI_OK; i++) {
        status = print_object(cli, json_array_get(objects, i));
    }
    return status;
}

static int print_jobs(const struct cli *cli, const struct buf *body) {
    json_t *answer = json_loadb(buf_text(body), body->bytes, 0, NULL);
    const json_t *items = json_object_get(answer, "items");
    struct error error = {0};
    int status = CLI_OK;

    if (!json_is_array(items)) {
        error_set(&error, ERR_INVALID, "no items in it");
        status = remote_garbled(&error);
    }
    for (size_t i = 0; i < json_array_size(items) && status == CLI_OK; i++) {
        status = print_job(cli, json_array_get(items, i));
    }
    json_decref(answer);
    return status;
}

int dry_run(struct cli *cli, const char *file, const char *content_type, const struct buf *text) {
    struct http_call call = {.method = "POST",
                             .body = buf_text(text),
                             .body_bytes = text->bytes,
                             .content_type = content_type};
    struct buf path, body;
    int status;

    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&path, "/v1/jobs");
    http_add_query(&path, "dryRun", "true");
    http_add_query(&path, "file", file);
    http_add_query(&path, "namespace", cli->options.namespace);
    http_add_query(&path, "team", cli->options.team);
    call.path = buf_text(&path);
    status = remote_perform(cli, &call, &body);
    if (status == CLI_OK && cli->options.output == CLI_JSON) {
        status = print_document(cli, &body);
    } else if (status == CLI_OK) {
        cli->options.output = CLI_YAML;
        status = print_jobs(cli, &body);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}
