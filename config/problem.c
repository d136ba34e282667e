#include "config/problem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"

void problems_finish(struct problems *problems) {
    if (problems == NULL) {
        return;
    }
    problems_cut(problems, 0);
    free(problems->items);
    *problems = (struct problems){0};
}

/* Names in a message come from the text: they must not steer a terminal. */
static void make_printable(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

static void add_v(struct problems *problems, struct position place, const char *path,
                  const char *format, va_list args) PRINTF_LIKE(4, 0);

static void add_v(struct problems *problems, struct position place, const char *path,
                  const char *format, va_list args) {
    char message[ERROR_TEXT_BYTES_MAX];
    struct problem *problem;

    if (problems->count == LIMIT_PROBLEMS) {
        problems->dropped++;
        return;
    }
    (void)vsnprintf(message, sizeof message, format, args);
    if (problems->items == NULL) {
        problems->items = mem_alloc(LIMIT_PROBLEMS, sizeof *problems->items);
    }
    problem = &problems->items[problems->count++];
    problem->place = place;
    problem->path = mem_copy_text(path);
    problem->message = mem_copy_text(message);
    make_printable(problem->path);
    make_printable(problem->message);
}

void problems_add(struct problems *problems, struct position place, const char *path,
                  const char *format, ...) {
    va_list args;

    va_start(args, format);
    add_v(problems, place, path, format, args);
    va_end(args);
}

void problems_add_at(struct problems *problems, struct position place, const struct trail *trail,
                     const char *format, ...) {
    struct buf path;
    va_list args;

    buf_init(&path, ERROR_TEXT_BYTES_MAX);
    trail_print(trail, &path);
    va_start(args, format);
    add_v(problems, place, buf_text(&path), format, args);
    va_end(args);
    buf_finish(&path);
}

void problems_cut(struct problems *problems, size_t count) {
    while (problems->count > count) {
        struct problem *last = &problems->items[--problems->count];

        free(last->path);
        free(last->message);
    }
}

void trail_print(const struct trail *trail, struct buf *out) {
    if (trail == NULL) {
        return;
    }
    trail_print(trail->up, out);
    if (trail->key == NULL) {
        buf_add_format(out, "[%zu]", trail->index);
    } else {
        buf_add_format(out, "%s%s", out->bytes > 0 ? "." : "", trail->key);
    }
}

static bool place_before(struct position a, struct position b) {
    return a.line < b.line || (a.line == b.line && a.column < b.column);
}

/* Insertion sort: few items, and stable. */
void problems_sort(struct problems *problems) {
    for (size_t i = 1; i < problems->count; i++) {
        struct problem problem = problems->items[i];
        size_t at = i;

        while (at > 0 && place_before(problem.place, problems->items[at - 1].place)) {
            problems->items[at] = problems->items[at - 1];
            at--;
        }
        problems->items[at] = problem;
    }
}

void problem_print(const struct problem *problem, const char *file, struct buf *out) {
    buf_add_text(out, file);
    if (problem->place.line > 0) {
        buf_add_format(out, ":%u:%u", problem->place.line, problem->place.column);
    }
    if (problem->path[0] != '\0') {
        buf_add_format(out, ": %s", problem->path);
    }
    buf_add_format(out, ": %s", problem->message);
}

void problems_print(const struct problems *problems, const char *file, struct buf *out) {
    for (size_t i = 0; i < problems->count; i++) {
        problem_print(&problems->items[i], file, out);
        buf_add_char(out, '\n');
    }
    if (problems->dropped > 0) {
        buf_add_format(out, "%s: %zu more problem%s\n", file, problems->dropped,
                       problems->dropped == 1 ? "" : "s");
    }
}
