/* breakers, memory, nodes: what failures taught the daemon, shown and reset. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/wire.h"
#include "base/limits.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/http.h"
#include "cli/print.h"
#include "cli/remote.h"

static void add_memory(struct table *table, int64_t bytes) {
    char text[QUANTITY_BYTES_MAX] = "-";

    if (bytes > 0) {
        quantity_print_bytes(bytes, text);
    }
    table_add(table, text);
}

static void add_breaker(const struct cli *cli, struct table *table,
                        const struct wire_learnt *item) {
    char when[40];

    print_time(cli, item->until_us, when);
    table_add(table, item->key);
    table_add(table, item->state);
    table_add_format(table, "%" PRId64, item->failures);
    table_add(table, item->failure);
    if (item->exit_code == WIRE_UNKNOWN) {
        table_add(table, "-");
    } else {
        table_add_format(table, "%" PRId64, item->exit_code);
    }
    if (item->probe_id != 0) {
        table_add_format(table, "job %" PRId64 " tries", item->probe_id);
    } else {
        table_add(table, strcmp(item->state, "open") == 0 ? when : "-");
    }
}

static void add_node(const struct cli *cli, struct table *table, const struct wire_learnt *item) {
    char when[40];

    print_time(cli, item->until_us, when);
    table_add(table, item->key);
    table_add_format(table, "%" PRId64, item->failures);
    table_add_format(table, "%" PRId64 ".%03" PRId64, item->milli / 1000, item->milli % 1000);
    table_add(table, strcmp(item->state, "noted") == 0 ? "-" : item->state);
    table_add(table, item->until_us != 0 ? when : "-");
}

/* "attempt 2 of 4711" */
static void add_source(struct table *table, const struct wire_learnt *item) {
    if (item->job_id == 0) {
        table_add(table, "-");
    } else {
        table_add_format(table, "attempt %" PRId64 " of %" PRId64, item->attempt, item->job_id);
    }
}

static void add_item(const struct cli *cli, struct table *table, const struct wire_learnt *item) {
    char when[40];

    if (strcmp(item->kind, "breaker") == 0) {
        add_breaker(cli, table, item);
        return;
    }
    if (strcmp(item->kind, "node") == 0) {
        add_node(cli, table, item);
        return;
    }
    print_time(cli, item->learnt_us != 0 ? item->learnt_us : item->updated_us, when);
    table_add(table, item->key);
    add_memory(table, item->driver_memory_bytes);
    add_memory(table, item->executor_memory_bytes);
    table_add(table, when);
    add_source(table, item);
}

static const char *const breaker_heads[] = {"NAME", "STATE", "FAILURES", "CLASS", "EXIT", "NEXT"};
static const char *const memory_heads[] = {"NAME", "DRIVER", "EXECUTOR", "LEARNT", "AFTER"};
static const char *const node_heads[] = {"NODE", "JOBS", "WEIGHT", "AVOIDED", "UNTIL"};

/* kind in JSON, columns, and what its names begin with when they are reset */
static const struct kind {
    const char *name;
    const char *const *heads;
    size_t columns;
    const char *prefix;
} breaker_kind = {"breaker", breaker_heads, ARRAY_LEN(breaker_heads), ""},
  memory_kind = {"memory", memory_heads, ARRAY_LEN(memory_heads), ""},
  node_kind = {"node", node_heads, ARRAY_LEN(node_heads), "node:"};

static void print_kind(const struct cli *cli, const struct wire_learnt_list *list,
                       const struct kind *kind) {
    struct table table;

    table_init(&table, kind->columns);
    for (size_t i = 0; i < kind->columns; i++) {
        table_add(&table, kind->heads[i]);
    }
    for (size_t i = 0; i < list->item_count; i++) {
        if (strcmp(list->items[i].kind, kind->name) == 0) {
            add_item(cli, &table, &list->items[i]);
        }
    }
    table_print(&table, cli, SIZE_MAX);
    table_finish(&table);
}

static int print_list(const struct cli *cli, const struct buf *body, const struct kind *kind) {
    struct wire_memory memory = {0};
    struct wire_learnt_list list;
    struct error error = {0};
    int status = CLI_OK;

    if (wire_decode_learnt_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        status = remote_garbled(&error);
    } else if (cli->options.output == CLI_NAME) {
        for (size_t i = 0; i < list.item_count; i++) {
            if (strcmp(list.items[i].kind, kind->name) == 0) {
                print_clean(stdout, list.items[i].key);
                (void)putchar('\n');
            }
        }
    } else {
        print_kind(cli, &list, kind);
    }
    wire_memory_finish(&memory);
    return status;
}

static int print_breakers(const struct cli *cli, const struct buf *body) {
    return print_list(cli, body, &breaker_kind);
}

static int print_memory(const struct cli *cli, const struct buf *body) {
    return print_list(cli, body, &memory_kind);
}

static int print_nodes(const struct cli *cli, const struct buf *body) {
    return print_list(cli, body, &node_kind);
}

static int reset(struct cli *cli, const struct kind *kind, const char *name) {
    struct buf path, body, key;
    int status;

    buf_init(&key, LIMIT_HTTP_URL_BYTES);
    buf_add_format(&key, "%s%s", kind->prefix, name);
    buf_init(&path, LIMIT_HTTP_URL_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&path, "/v1/learnt/forget");
    http_add_query(&path, "name", buf_text(&key));
    status = remote_post(cli, buf_text(&path), &body);
    buf_finish(&path);
    buf_finish(&body);
    buf_finish(&key);
    return status;
}

/* Without operands the list; "reset NAME..." closes, or forgets. */
static int show_or_reset(struct cli *cli, const struct kind *kind,
                         int (*print)(const struct cli *cli, const struct buf *body)) {
    const struct cli_options *options = &cli->options;
    int worst = CLI_OK;

    if (options->operand_count == 0) {
        return remote_show(cli, "/v1/learnt", print);
    }
    if (strcmp(options->operands[0], "reset") != 0 || options->operand_count == 1) {
        cli_complain("reset what? say: reset NAME...");
        return CLI_USAGE;
    }
    for (size_t i = 1; i < options->operand_count; i++) {
        int status = reset(cli, kind, options->operands[i]);

        worst = status > worst ? status : worst;
    }
    return worst;
}

int verb_breakers(struct cli *cli) {
    return show_or_reset(cli, &breaker_kind, print_breakers);
}

int verb_memory(struct cli *cli) {
    return show_or_reset(cli, &memory_kind, print_memory);
}

int verb_nodes(struct cli *cli) {
    return show_or_reset(cli, &node_kind, print_nodes);
}
