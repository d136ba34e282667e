/* Who used what: teams and their users, who used most first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/wire.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

#define DIGITS_MAX 12

/* A number with four places, as the daemon prints shares, in ten thousandths. */
static int64_t ten_thousandths(const char *text) {
    int64_t number = 0;

    for (size_t i = 0; i < DIGITS_MAX && text[i] != '\0'; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            number = number * 10 + (text[i] - '0');
        }
    }
    return number;
}

static int compare_use(const void *a, const void *b) {
    const struct wire_team *x = *(const struct wire_team *const *)a;
    const struct wire_team *y = *(const struct wire_team *const *)b;
    const int64_t used = ten_thousandths(x->used) - ten_thousandths(y->used);
    const int64_t running = ten_thousandths(x->running) - ten_thousandths(y->running);

    if (used != 0) {
        return used > 0 ? -1 : 1;
    }
    if (running != 0) {
        return running > 0 ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* Those of one kind (and of one team; NULL: any), the largest first; how many. */
static size_t pick(const struct wire_team_list *list, const char *kind, const char *parent,
                   const struct wire_team **out_picked) {
    size_t count = 0;

    for (size_t i = 0; i < list->item_count; i++) {
        const struct wire_team *team = &list->items[i];

        if (strcmp(team->kind, kind) == 0 &&
            (parent == NULL || strcmp(team->parent, parent) == 0)) {
            out_picked[count++] = team;
        }
    }
    if (count > 1) {
        qsort(out_picked, count, sizeof(struct wire_team *), compare_use);
    }
    return count;
}

static void add_part(struct table *table, const char *part, const char *whole) {
    const int64_t all = ten_thousandths(whole);

    if (all == 0) {
        table_add(table, "-");
        return;
    }
    table_add_format(table, "%.1f %%", 100 * (double)ten_thousandths(part) / (double)all);
}

static void add_row(const struct cli *cli, struct table *table, const struct wire_team *team,
                    const struct wire_team *all) {
    const bool is_user = strcmp(team->kind, "user") == 0;

    table_add(table, team == all ? "(all)" : is_user ? team->parent : team->name);
    table_add(table, is_user ? team->name : "-");
    table_add(table, team->used);
    add_part(table, team->used, all->used);
    table_add(table, team->running);
    add_part(table, team->running, all->running);
    table_add_format(table, "%" PRId64, team->running_jobs);
    if (cli->options.output == CLI_WIDE) {
        table_add(table, team->weight);
        table_add(table, team->holds[0] != '\0' ? team->holds : "-");
    }
}

static void add_teams(const struct cli *cli, struct table *table, const struct wire_team_list *list,
                      const struct wire_team *all) {
    const struct wire_team **teams = mem_alloc(list->item_count, sizeof(struct wire_team *));
    const struct wire_team **users = mem_alloc(list->item_count, sizeof(struct wire_team *));
    const size_t team_count = pick(list, "team", NULL, teams);

    for (size_t i = 0; i < team_count; i++) {
        const size_t user_count = pick(list, "user", teams[i]->name, users);

        add_row(cli, table, teams[i], all);
        for (size_t j = 0; j < user_count; j++) {
            add_row(cli, table, users[j], all);
        }
    }
    free(teams);
    free(users);
}

static void print_usage(const struct cli *cli, const struct wire_team_list *list) {
    static const char *const heading[] = {"TEAM",   "USER", "USED",   "OF ALL", "RUNNING",
                                          "OF ALL", "JOBS", "WEIGHT", "HOLDS"};
    const size_t columns = ARRAY_LEN(heading) - (cli->options.output == CLI_WIDE ? 0 : 2);
    struct table table;

    table_init(&table, columns);
    for (size_t i = 0; i < columns; i++) {
        table_add(&table, heading[i]);
    }
    for (size_t i = 0; i < list->item_count; i++) {
        if (strcmp(list->items[i].kind, "all") == 0) {
            add_row(cli, &table, &list->items[i], &list->items[i]);
            add_teams(cli, &table, list, &list->items[i]);
            break;
        }
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
    if (strcmp(list->mode, "fair") != 0) {
        printf("The order is \"%s\": what was used before a restart is not known.\n", list->mode);
    }
}

static void print_names(const struct wire_team_list *list) {
    const struct wire_team **teams = mem_alloc(list->item_count, sizeof(struct wire_team *));
    const size_t count = pick(list, "team", NULL, teams);

    for (size_t i = 0; i < count; i++) {
        print_clean(stdout, teams[i]->name);
        (void)putchar('\n');
    }
    free(teams);
}

static int print_answer(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_team_list list;
    struct error error = {0};
    int exit_status = CLI_OK;

    if (wire_decode_team_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        exit_status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        print_names(&list);
    } else {
        print_usage(cli, &list);
    }
    wire_memory_finish(&memory);
    return exit_status;
}

int verb_usage(struct cli *cli) {
    return remote_show(cli, "/v1/teams", print_answer);
}
