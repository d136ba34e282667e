#include "config/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/pod_schema.h"
#include "config/schema.h"
#include "policy/indices.h"

#define INDEX_BYTES 24

static const struct field spec_fields[] = {
    FIELD_RANGE("first", 0, INDEX_MAX),
    FIELD("names", FIELD_TEXTS),
    {.name = "rows", .type = FIELD_IGNORED, .required = true},
};
static const struct schema spec_schema = SCHEMA(spec_fields);

static const struct field rows_fields[] = {
    FIELD_NEEDED("apiVersion", FIELD_TEXT),
    FIELD_NEEDED("kind", FIELD_TEXT),
    {.name = "spec", .type = FIELD_OBJECT, .object = &spec_schema, .required = true},
};
static const struct schema rows_schema = SCHEMA(rows_fields);

struct reader {
    struct arena *arena;
    struct problems *problems;
    struct rows *rows;
    struct buf text;
};

bool rows_is(const struct text_node *document) {
    const struct text_node *kind = node_member(document, "kind");

    return kind != NULL && kind->kind == NODE_TEXT && strcmp(kind->text, "Rows") == 0;
}

static bool is_column_name(const char *text) {
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return length > 0 && length <= LIMIT_LABEL_BYTES && text[length] == '\0' &&
           !(text[0] >= '0' && text[0] <= '9') && strcmp(text, "index") != 0;
}

static bool is_given_before(const struct text_node *names, uint32_t at) {
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(names->items[i].text, names->items[at].text) == 0) {
            return true;
        }
    }
    return false;
}

static void check_names(const struct reader *r, const struct text_node *names) {
    const struct trail spec = {NULL, "spec", 0};
    const struct trail up = {&spec, "names", 0};

    if (names->count > LIMIT_ROW_COLUMNS) {
        problems_add_at(r->problems, node_place(names), &up, "more than %d columns",
                        LIMIT_ROW_COLUMNS);
        return;
    }
    for (uint32_t i = 0; i < names->count; i++) {
        const struct text_node *name = &names->items[i];
        const struct trail trail = {&up, NULL, i};

        if (!is_column_name(name->text)) {
            problems_add_at(r->problems, node_place(name), &trail,
                            "\"%s\" is not a column: 1 to 63 of letters, digits and _, not a digit "
                            "first, and not \"index\"",
                            name->text);
        } else if (is_given_before(names, i)) {
            problems_add_at(r->problems, node_place(name), &trail, "\"%s\" is given twice",
                            name->text);
        }
    }
}

static bool is_value(const struct text_node *node) {
    return node->kind != NODE_LIST && node->kind != NODE_OBJECT && node->kind != NODE_NULL;
}

/* [index,"value",...]; false after a complaint. */
static bool print_row(struct reader *r, const struct text_node *row, size_t at) {
    const struct trail spec = {NULL, "spec", 0};
    const struct trail up = {&spec, "rows", 0};
    const struct trail trail = {&up, NULL, at};
    uint32_t columns = r->rows->names != NULL ? r->rows->names->count : 0;
    char index[INDEX_BYTES];

    if (row->kind != NODE_LIST || row->count != columns) {
        problems_add_at(r->problems, node_place(row), &trail, "must be a list of %u values",
                        columns);
        return false;
    }
    (void)snprintf(index, sizeof index, "[%" PRId64, r->rows->first + (int64_t)at);
    buf_clear(&r->text);
    buf_add_text(&r->text, index);
    for (uint32_t i = 0; i < row->count; i++) {
        if (!is_value(&row->items[i])) {
            problems_add_at(r->problems, node_place(&row->items[i]), &trail,
                            "column %u must be text, a number, true or false", i + 1);
            return false;
        }
        buf_add_char(&r->text, ',');
        json_print_text(row->items[i].text, &r->text);
    }
    buf_add_char(&r->text, ']');
    if (r->text.full) {
        problems_add_at(r->problems, node_place(row), &trail, "has more than %d bytes",
                        LIMIT_ROW_BYTES);
    }
    return !r->text.full;
}

/* The text that all the elements' records have, in the arena. */
static const char *print_indices(const struct indices *indices, struct arena *arena) {
    struct buf text;
    const char *copy;

    buf_init(&text, INDICES_TEXT_BYTES);
    indices_print(indices, &text);
    copy = arena_text(arena, buf_text(&text), text.bytes);
    buf_finish(&text);
    return copy;
}

static void read_rows(struct reader *r, const struct text_node *list) {
    const struct trail spec = {NULL, "spec", 0};
    const struct trail trail = {&spec, "rows", 0};
    bool ok = true;

    if (list->kind != NODE_LIST || list->count == 0) {
        problems_add_at(r->problems, node_place(list), &trail, "must be a list of rows");
        return;
    }
    if (r->rows->first + (int64_t)list->count - 1 > INDEX_MAX) {
        problems_add_at(r->problems, node_place(list), &trail, "an index is above %" PRId64,
                        INDEX_MAX);
        return;
    }
    r->rows->texts = arena_take(r->arena, list->count, sizeof *r->rows->texts);
    for (uint32_t i = 0; ok && i < list->count; i++) {
        ok = print_row(r, &list->items[i], i);
        r->rows->texts[i] = ok ? arena_text(r->arena, r->text.data, r->text.bytes) : "";
    }
    r->rows->count = list->count;
    r->rows->last = r->rows->first + (int64_t)list->count - 1;
    r->rows->indices = print_indices(
        &(struct indices){.range_count = 1,
                          .ranges[0] = {.first = r->rows->first, .last = r->rows->last, .step = 1},
                          .count = list->count},
        r->arena);
}

void rows_read(struct text_node *document, struct arena *arena, struct problems *problems,
               struct rows *out_rows) {
    struct reader r = {.arena = arena, .problems = problems, .rows = out_rows};
    size_t before = problems->count + problems->dropped;
    const struct text_node *spec;
    const struct text_node *first;

    schema_check(&rows_schema, document, NULL, problems);
    if (problems->count + problems->dropped > before) {
        return;
    }
    spec = node_member(document, "spec");
    first = node_member(spec, "first");
    out_rows->names = node_member(spec, "names");
    out_rows->first = first != NULL ? node_int(first) : 0;
    if (out_rows->names != NULL) {
        check_names(&r, out_rows->names);
    }
    if (problems->count + problems->dropped > before) {
        return;
    }
    buf_init(&r.text, LIMIT_ROW_BYTES);
    read_rows(&r, node_member(spec, "rows"));
    buf_finish(&r.text);
}

void rows_of_indices(const char *text, struct position place, struct arena *arena,
                     struct problems *problems, struct rows *out_rows) {
    struct indices indices;
    struct error error = {0};

    if (indices_parse(text, &indices, &error) < 0) {
        problems_add(problems, place, "spec.array", "%s", error.text);
        return;
    }
    if (indices.count > LIMIT_ARRAY_ELEMENTS) {
        problems_add(problems, place, "spec.array",
                     "has %" PRIu64 " elements, more than %d; submit it in several", indices.count,
                     LIMIT_ARRAY_ELEMENTS);
        return;
    }
    out_rows->count = indices.count;
    out_rows->last = indices_at(&indices, indices.count - 1);
    out_rows->indices = print_indices(&indices, arena);
}

void rows_print_names(const struct rows *rows, struct buf *out) {
    buf_add_char(out, '[');
    for (uint32_t i = 0; rows->names != NULL && i < rows->names->count; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        json_print_text(rows->names->items[i].text, out);
    }
    buf_add_char(out, ']');
}

size_t rows_suffix_bytes(const struct rows *rows) {
    char text[INDEX_BYTES];

    return (size_t)snprintf(text, sizeof text, "-%" PRId64, rows->last);
}

const char *rows_job_name(const struct rows *rows, const char *name, size_t at,
                          struct arena *arena) {
    char text[LIMIT_LABEL_BYTES + INDEX_BYTES];
    int bytes = snprintf(text, sizeof text, "%.*s-%" PRId64, LIMIT_LABEL_BYTES, name,
                         rows->first + (int64_t)at);

    return arena_text(arena, text, (size_t)bytes);
}
