#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

#define INDENT_MAX 16

static const char *or_dash(const char *text) {
    return text[0] != '\0' ? text : "-";
}

static void add_team(const struct cli *cli, struct table *table, const struct wire_team *team) {
    const int depth = team->depth < INDENT_MAX ? (int)team->depth : INDENT_MAX;
    const bool is_root = strcmp(team->kind, "all") == 0;
    const bool is_user = strcmp(team->kind, "user") == 0;

    table_add_format(table, "%*s%s%s", depth > 0 ? 2 * (depth - 1) : 0, "",
                     is_root ? "(all)" : team->name, is_user ? " (user)" : "");
    table_add(table, team->weight);
    table_add_format(table, "%s%s", team->share, team->is_borrowing ? " borrowing" : "");
    table_add(table, team->running);
    table_add(table, team->used);
    table_add(table, or_dash(team->resource));
    table_add_format(table, "%" PRId64, team->running_jobs);
    table_add_format(table, "%" PRId64, team->waiting_jobs);
    if (cli->options.output == CLI_WIDE) {
        table_add(table, or_dash(team->holds));
    }
    table_add(table, or_dash(team->limits));
}

static void print_teams(const struct cli *cli, const struct wire_team_list *list) {
    static const char *const heading[] = {"TEAM", "WEIGHT", "SHARE", "RUNNING",
                                          "USED", "OF",     "JOBS",  "WAITING"};
    const bool is_wide = cli->options.output == CLI_WIDE;
    struct table table;

    table_init(&table, ARRAY_LEN(heading) + 1 + is_wide);
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, heading[i]);
    }
    if (is_wide) {
        table_add(&table, "HOLDS");
    }
    table_add(&table, "LIMITS");
    for (size_t i = 0; i < list->item_count; i++) {
        add_team(cli, &table, &list->items[i]);
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
    if (strcmp(list->mode, "fair") != 0) {
        printf("The order is \"%s\": shares do not count (scheduling.mode).\n", list->mode);
    }
}

static int print_answer(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_team_list list;
    struct error error = {0};
    int exit_status = CLI_OK;

    if (wire_decode_team_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        exit_status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < list.item_count; i++) {
            if (strcmp(list.items[i].kind, "team") == 0) {
                print_clean(stdout, list.items[i].name);
                (void)putchar('\n');
            }
        }
    } else {
        print_teams(cli, &list);
    }
    wire_memory_finish(&memory);
    return exit_status;
}

int verb_teams(struct cli *cli) {
    return remote_show(cli, "/v1/teams", print_answer);
}
