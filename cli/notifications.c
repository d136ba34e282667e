/* notifications [ls], notifications retry ID..., notifications drop ID... */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

static void print_notices(const struct cli *cli, const struct wire_notice_list *list) {
    static const char *const heading[] = {"ID",  "STATE", "RECEIVER", "EVENT",
                                          "JOB", "AT",    "TRIES",    "ERROR"};
    struct table table;

    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, heading[i]);
    }
    for (size_t i = 0; i < list->item_count; i++) {
        const struct wire_notice *notice = &list->items[i];
        char at[40];

        print_time(cli, notice->at_us, at);
        table_add_format(&table, "%" PRIu64, notice->id);
        table_add(&table, notice->state);
        table_add(&table, notice->receiver);
        table_add(&table, notice->event);
        table_add_format(&table, "%" PRIu64, notice->job_id);
        table_add(&table, at);
        table_add_format(&table, "%" PRId64, notice->tries);
        table_add(&table, notice->error[0] != '\0' ? notice->error : "-");
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static int print_list(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_notice_list list;
    struct error error = {0};
    int status = CLI_OK;

    if (wire_decode_notice_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < list.item_count; i++) {
            printf("%" PRIu64 "\n", list.items[i].id);
        }
    } else {
        print_notices(cli, &list);
    }
    wire_memory_finish(&memory);
    return status;
}

/* One id; the worst outcome is the verb's. */
static int decide(struct cli *cli, const char *what, const char *id) {
    struct buf path, body;
    int64_t number;
    int status;

    if (text_parse_int64(id, &number) != OK || number < 1) {
        cli_complain("\"%s\" is no notification's number; see: nightshift notifications", id);
        return CLI_USAGE;
    }
    buf_init(&path, LIMIT_NAME_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_format(&path, "/v1/notifications/%" PRId64 "/%s", number, what);
    status = remote_post(cli, buf_text(&path), &body);
    buf_finish(&path);
    buf_finish(&body);
    return status;
}

int verb_notifications(struct cli *cli) {
    const struct cli_options *options = &cli->options;
    const char *what = options->operand_count > 0 ? options->operands[0] : "ls";
    int worst = CLI_OK;

    if (strcmp(what, "ls") == 0 && options->operand_count <= 1) {
        return remote_show(cli, "/v1/notifications", print_list);
    }
    if ((strcmp(what, "retry") != 0 && strcmp(what, "drop") != 0) || options->operand_count < 2) {
        cli_complain("usage: nightshift notifications [ls | retry ID... | drop ID...]");
        return CLI_USAGE;
    }
    for (size_t i = 1; i < options->operand_count; i++) {
        int status = decide(cli, what, options->operands[i]);

        worst = status > worst ? status : worst;
    }
    return worst;
}
