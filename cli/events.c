#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/remote.h"

static void add_event(struct table *table, const struct cli *cli, const struct wire_event *event) {
    char at[40];

    print_time(cli, event->at_us, at);
    table_add(table, at);
    table_add_format(table, "%" PRId64, event->attempt);
    table_add(table, event->state);
    table_add(table, event->kind);
    table_add(table, event->text);
}

static int print_list(const struct cli *cli, const struct buf *body) {
    static const char *const heads[] = {"TIME", "ATTEMPT", "STATE", "EVENT", "TEXT"};
    struct wire_memory memory = {0};
    struct wire_event_list list;
    struct error error = {0};
    struct table table;

    if (wire_decode_event_list(buf_text(body), body->bytes, &memory, &list, &error) != OK) {
        wire_memory_finish(&memory);
        return remote_garbled(&error);
    }
    table_init(&table, ARRAY_LEN(heads));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < list.item_count; i++) {
        add_event(&table, cli, &list.items[i]);
    }
    table_print(&table, cli, 2);
    table_finish(&table);
    wire_memory_finish(&memory);
    return CLI_OK;
}

/* A stream of lines, each an event. */
struct follower {
    struct cli *cli;
    struct buf line;
    int status;
};

static void print_event(struct follower *follower) {
    struct wire_memory memory = {0};
    struct wire_event event;
    struct error error = {0};
    char at[40];

    if (print_is_document(follower->cli)) {
        printf("%s\n", buf_text(&follower->line)); /* As it came: a line is a document. */
    } else if (wire_decode_event(buf_text(&follower->line), follower->line.bytes, &memory, &event,
                                 &error) != OK) {
        follower->status = remote_garbled(&error);
    } else {
        print_time(follower->cli, event.at_us, at);
        printf("%s  %" PRId64 "  %s  %s  ", at, event.attempt, event.state, event.kind);
        print_clean(stdout, event.text);
        (void)putchar('\n');
    }
    wire_memory_finish(&memory);
}

static bool on_bytes(void *context, const char *bytes, size_t count) {
    struct follower *follower = context;

    for (size_t i = 0; i < count && follower->status == CLI_OK; i++) {
        if (bytes[i] != '\n') {
            buf_add_char(&follower->line, bytes[i]);
        } else {
            if (follower->line.bytes > 0) {
                print_event(follower);
            }
            buf_clear(&follower->line);
        }
    }
    return fflush(stdout) == 0 && follower->status == CLI_OK;
}

static int follow(struct cli *cli, struct buf *path, struct buf *body) {
    struct follower follower = {.cli = cli};
    struct http_call call = {.method = "GET", .on_bytes = on_bytes, .context = &follower};
    int status;

    buf_init(&follower.line, LIMIT_SPEC_BYTES);
    http_add_query(path, "follow", "true");
    call.path = buf_text(path);
    status = remote_perform(cli, &call, body);
    buf_finish(&follower.line);
    return status != CLI_OK ? status : follower.status;
}

static int print_once(struct cli *cli, const char *path, struct buf *body) {
    int status = remote_get(cli, path, body);

    if (status != CLI_OK) {
        return status;
    }
    return print_is_document(cli) ? print_document(cli, body) : print_list(cli, body);
}

int verb_events(struct cli *cli) {
    struct buf path, body;
    int status = remote_job_path(cli, cli->options.operands[0], "/events", &path);

    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    if (status == CLI_OK) {
        status = cli->options.follow ? follow(cli, &path, &body)
                                     : print_once(cli, buf_text(&path), &body);
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}
