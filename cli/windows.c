#include <inttypes.h>
#include <stdio.h>

#include "api/wire.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

/* "opens 2026-11-23 22:00:00 (in 3h12m)" */
static void add_change(const struct cli *cli, struct table *table, const struct wire_window *window,
                       int64_t now_us) {
    char when[40];
    char left[32];

    if (window->changes_us == 0) {
        table_add(table, "never");
        return;
    }
    print_time(cli, window->changes_us, when);
    print_span(now_us, window->changes_us, left);
    table_add_format(table, "%s (in %s)", when, left);
}

static void print_windows(const struct cli *cli, const struct wire_window_list *list) {
    static const char *const heading[] = {"NAME", "STATE",    "NEXT CHANGE", "LASTS",
                                          "ZONE", "AT CLOSE", "WAITING",     "FREEZE"};
    struct table table;

    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, heading[i]);
    }
    for (size_t i = 0; i < list->item_count; i++) {
        const struct wire_window *window = &list->items[i];
        char lasts[32];

        print_span(window->opens_us, window->closes_us, lasts);
        table_add(&table, window->name);
        table_add(&table, window->open ? "open" : "closed");
        add_change(cli, &table, window, list->now_us);
        table_add(&table, lasts);
        table_add(&table, window->zone);
        table_add(&table, window->at_close);
        table_add_format(&table, "%" PRId64, window->waiting);
        table_add(&table, window->freeze[0] != '\0' ? window->freeze : "-");
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static int print_answer(const struct cli *cli, const struct buf *body) {
    struct wire_memory memory = {0};
    struct wire_window_list list;
    struct error error = {0};
    int exit_status = CLI_OK;

    if (wire_decode_window_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        exit_status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < list.item_count; i++) {
            print_clean(stdout, list.items[i].name);
            (void)putchar('\n');
        }
    } else {
        print_windows(cli, &list);
    }
    wire_memory_finish(&memory);
    return exit_status;
}

int verb_windows(struct cli *cli) {
    return remote_show(cli, "/v1/windows", print_answer);
}
