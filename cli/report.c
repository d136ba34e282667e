#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/http.h"
#include "cli/print.h"
#include "cli/remote.h"

/* "text" and "json", "html": "" if it is none of them. */
static const char *form_of(const struct cli_options *options) {
    static const char *const forms[] = {"text", "json", "html"};
    const char *asked = options->form != NULL ? options->form : "text";

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (strcmp(asked, forms[i]) == 0) {
            return forms[i];
        }
    }
    cli_complain("--output: %s is none of text, json, html", asked);
    return "";
}

int verb_report(struct cli *cli) {
    const struct cli_options *options = &cli->options;
    const char *form = form_of(options);
    struct buf path, body;
    int status = CLI_USAGE;

    buf_init(&path, 4 * LIMIT_NAME_BYTES);
    buf_init(&body, LIMIT_API_ANSWER_BYTES);
    buf_add_text(&path, "/v1/report");
    http_add_query(&path, "window", options->window);
    http_add_query(&path, "since", options->since);
    http_add_query(&path, "until", options->until);
    http_add_query(&path, "format", form);
    if (form[0] != '\0') {
        status = options->email ? remote_post(cli, buf_text(&path), &body)
                                : remote_get(cli, buf_text(&path), &body);
    }
    if (status == CLI_OK && options->email) {
        (void)fputs("the report is on its way; see: nightshift notifications\n", stderr);
    }
    if (status == CLI_OK) {
        (void)fwrite(body.data, 1, body.bytes, stdout);
    }
    if (status == CLI_OK && strcmp(form, "json") == 0) {
        (void)putchar('\n');
    }
    buf_finish(&path);
    buf_finish(&body);
    return status;
}
