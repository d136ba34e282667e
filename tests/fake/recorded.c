#include "tests/fake/recorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"

#define FILE_BYTES_MAX (4 << 20)

static char *read_file(const char *name) {
    char *path = mem_format("tests/fixtures/kube/%s.http", name);
    FILE *file = fopen(path, "r");
    struct buf text;
    char part[4096];
    size_t got;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    }
    ENSURE(file != NULL);
    buf_init(&text, FILE_BYTES_MAX);
    while ((got = fread(part, 1, sizeof part, file)) > 0) {
        buf_add(&text, part, got);
    }
    fclose(file);
    free(path);
    return buf_take_text(&text);
}

static bool starts_with(const char *line, const char *start) {
    return strncasecmp(line, start, strlen(start)) == 0;
}

static void take_line(struct recorded *recorded, struct buf *head, const char *line, size_t bytes) {
    if (starts_with(line, "Connection:") || starts_with(line, "Content-Length:")) {
        return;
    }
    if (starts_with(line, "Retry-After: ")) {
        recorded->retry_after = mem_copy_text_n(line + 13, bytes - 13);
    }
    recorded->chunked = recorded->chunked || starts_with(line, "Transfer-Encoding: chunked");
    buf_add(head, line, bytes);
    buf_add_text(head, "\r\n");
}

struct recorded recorded_load(const char *name) {
    char *text = read_file(name);
    const char *line = strstr(text, "\nHTTP/1.1 ");
    struct recorded recorded = {0};
    struct buf head;

    ENSURE(line != NULL);
    line++;
    recorded.status = (int)strtol(line + strlen("HTTP/1.1 "), NULL, 10);
    buf_init(&head, FILE_BYTES_MAX);
    while (*line != '\n') {
        size_t bytes = strcspn(line, "\n");

        take_line(&recorded, &head, line, bytes);
        line += bytes + 1;
    }
    recorded.head = buf_take_text(&head);
    recorded.body = mem_copy_text(line + 1);
    free(text);
    return recorded;
}

void recorded_finish(struct recorded *recorded) {
    free(recorded->head);
    free(recorded->body);
    free(recorded->retry_after);
    *recorded = (struct recorded){0};
}
