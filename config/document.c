#include "config/document.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/json_text.h"
#include "config/surrogates.h"

/* A list or object that is being read. */
struct frame {
    struct text_node node;   /* kind and places; items come at its end */
    char *anchor;            /* owned, or NULL */
    struct text_node *items; /* owned until they are copied into the arena */
    size_t count;
    size_t room;
    bool has_key; /* of an object: the next value belongs to key */
    const char *key;
    struct position key_place;
};

struct anchor {
    char *name; /* owned */
    struct text_node node;
    size_t height; /* levels below and with it */
};

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct problems *problems;
    struct frame frames[LIMIT_MANIFEST_DEPTH];
    size_t depth;
    struct anchor anchors[LIMIT_DOCUMENT_ANCHORS];
    size_t anchor_count;
    size_t node_count;
    struct text_node *documents; /* owned until the end */
    size_t document_count;
    size_t document_room;
    struct text_node root; /* of the document being read */
    bool bad_escape;       /* stopped at an escape that JSON may allow */
};

static struct position place_of(yaml_mark_t mark) {
    return (struct position){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static bool refuse(struct reader *r, struct position place, const char *message) {
    problems_add(r->problems, place, "", "%s", message);
    return false;
}

static bool count_nodes(struct reader *r, struct position place) {
    if (++r->node_count > LIMIT_DOCUMENT_NODES) {
        problems_add(r->problems, place, "", "too large: more than %d values in one file",
                     LIMIT_DOCUMENT_NODES);
        return false;
    }
    return true;
}

/* Anchors. */

static void forget_anchors(struct reader *r) {
    for (size_t i = 0; i < r->anchor_count; i++) {
        free(r->anchors[i].name);
    }
    r->anchor_count = 0;
}

static struct anchor *find_anchor(struct reader *r, const char *name) {
    for (size_t i = 0; i < r->anchor_count; i++) {
        if (strcmp(r->anchors[i].name, name) == 0) {
            return &r->anchors[i];
        }
    }
    return NULL;
}

static size_t node_height(const struct text_node *node) {
    size_t height = 0;

    for (uint32_t i = 0; i < node->count; i++) {
        size_t below = node_height(&node->items[i]);

        height = below > height ? below : height;
    }
    return height + (node->kind == NODE_LIST || node->kind == NODE_OBJECT ? 1 : 0);
}

static bool set_anchor(struct reader *r, const char *name, const struct text_node *node) {
    struct anchor *anchor = find_anchor(r, name);

    if (anchor == NULL) {
        if (r->anchor_count == LIMIT_DOCUMENT_ANCHORS) {
            return refuse(r, node->place, "too many anchors in one document");
        }
        anchor = &r->anchors[r->anchor_count++];
        anchor->name = mem_copy_text(name);
    }
    anchor->node = *node;
    anchor->height = node_height(node);
    return true;
}

/* A copy of its own for every alias: the checker settles types per use. */
static bool copy_items(struct reader *r, struct text_node *node, struct position place) {
    const struct text_node *items = node->items;

    if (node->count == 0) {
        return true;
    }
    if (node->count > LIMIT_DOCUMENT_NODES - r->node_count) {
        r->node_count = LIMIT_DOCUMENT_NODES;
        return count_nodes(r, place);
    }
    r->node_count += node->count;
    node->items = arena_take(r->arena, node->count, sizeof *node->items);
    memcpy(node->items, items, node->count * sizeof *items);
    for (uint32_t i = 0; i < node->count; i++) {
        if (!copy_items(r, &node->items[i], place)) {
            return false;
        }
    }
    return true;
}

/* Building the tree. */

/* A finished value goes where the innermost open frame waits for it. */
static void add_value(struct reader *r, struct text_node node) {
    struct frame *frame;

    if (r->depth == 0) {
        node.key = NULL;
        r->root = node;
        return;
    }
    frame = &r->frames[r->depth - 1];
    node.key = NULL;
    if (frame->node.kind == NODE_OBJECT) {
        node.key = frame->key;
        node.key_place = frame->key_place;
        frame->has_key = false;
    }
    if (frame->count == frame->room) {
        frame->room = frame->room == 0 ? 8 : frame->room * 2;
        frame->items = mem_grow(frame->items, frame->room, sizeof *frame->items);
    }
    frame->items[frame->count++] = node;
}

static bool take_key(struct reader *r, struct frame *frame, const struct text_node *key) {
    if (key->plain && key->kind == NODE_NULL && key->text[0] == '\0') {
        return refuse(r, key->place, "a key is missing before the colon");
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        return refuse(r, key->place, "merge keys (<<) are not supported; write the fields out");
    }
    frame->has_key = true;
    frame->key = key->text;
    frame->key_place = key->place;
    return true;
}

static bool key_is_next(const struct reader *r) {
    const struct frame *frame = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;

    return frame != NULL && frame->node.kind == NODE_OBJECT && !frame->has_key;
}

static bool check_tag(struct reader *r, const yaml_char_t *tag, const char *allowed,
                      struct position place) {
    const char *text = (const char *)tag;

    if (text == NULL || strcmp(text, allowed) == 0 || strcmp(text, "!") == 0) {
        return true;
    }
    problems_add(r->problems, place, "", "the tag %s is not supported", text);
    return false;
}

static bool on_scalar(struct reader *r, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t bytes = event->data.scalar.length;
    struct text_node node = {.place = place_of(event->start_mark)};
    const char *anchor = (const char *)event->data.scalar.anchor;

    node.key_place = node.place;
    if (!check_tag(r, event->data.scalar.tag, YAML_STR_TAG, node.place) ||
        !count_nodes(r, node.place)) {
        return false;
    }
    if (memchr(text, '\0', bytes) != NULL) {
        return refuse(r, node.place, "a NUL character is not allowed");
    }
    node.text = arena_text(r->arena, text, bytes);
    node.plain =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    node.kind = node.plain ? node_plain_kind(node.text) : NODE_TEXT;
    if (anchor != NULL && !set_anchor(r, anchor, &node)) {
        return false;
    }
    if (key_is_next(r)) {
        return take_key(r, &r->frames[r->depth - 1], &node);
    }
    add_value(r, node);
    return true;
}

static bool on_alias(struct reader *r, const yaml_event_t *event) {
    const char *name = (const char *)event->data.alias.anchor;
    struct anchor *anchor = find_anchor(r, name);
    struct position place = place_of(event->start_mark);
    struct text_node node;

    if (anchor == NULL) {
        problems_add(r->problems, place, "", "no anchor &%s before this alias", name);
        return false;
    }
    if (r->depth + anchor->height > LIMIT_MANIFEST_DEPTH) {
        return refuse(r, place, "nested too deeply");
    }
    node = anchor->node;
    node.place = place;
    node.key_place = place;
    if (!count_nodes(r, place) || !copy_items(r, &node, place)) {
        return false;
    }
    if (key_is_next(r)) {
        return node.text != NULL ? take_key(r, &r->frames[r->depth - 1], &node)
                                 : refuse(r, place, "a key must be text");
    }
    add_value(r, node);
    return true;
}

static bool on_start(struct reader *r, enum node_kind kind, const yaml_char_t *anchor,
                     struct position place) {
    struct frame *frame;

    if (key_is_next(r)) {
        return refuse(r, place, "a key must be text");
    }
    if (r->depth == LIMIT_MANIFEST_DEPTH) {
        return refuse(r, place, "nested too deeply");
    }
    if (!count_nodes(r, place)) {
        return false;
    }
    frame = &r->frames[r->depth++];
    *frame = (struct frame){.node = {.kind = kind, .place = place, .key_place = place}};
    frame->anchor = mem_copy_text((const char *)anchor);
    return true;
}

static int compare_keys(const void *a, const void *b) {
    const struct text_node *left = a;
    const struct text_node *right = b;
    int order = strcmp(left->key, right->key);

    if (order != 0) {
        return order;
    }
    if (left->key_place.line != right->key_place.line) {
        return left->key_place.line < right->key_place.line ? -1 : 1;
    }
    return left->key_place.column < right->key_place.column ? -1 : 1;
}

static bool sort_members(struct reader *r, struct frame *frame) {
    bool ok = true;

    if (frame->count > 1) {
        qsort(frame->items, frame->count, sizeof *frame->items, compare_keys);
    }
    for (size_t i = 1; i < frame->count; i++) {
        if (strcmp(frame->items[i - 1].key, frame->items[i].key) == 0) {
            problems_add(r->problems, frame->items[i].key_place, "",
                         "\"%s\" is given twice; first in line %u", frame->items[i].key,
                         frame->items[i - 1].key_place.line);
            ok = false;
        }
    }
    return ok;
}

static void frame_finish(struct frame *frame) {
    free(frame->anchor);
    free(frame->items);
    *frame = (struct frame){0};
}

static bool on_end(struct reader *r) {
    struct frame *frame = &r->frames[--r->depth];
    struct text_node node = frame->node;
    bool ok = node.kind == NODE_LIST || sort_members(r, frame);

    if (ok) {
        node.count = (uint32_t)frame->count;
        node.items = arena_take(r->arena, frame->count, sizeof *node.items);
        if (frame->count > 0) {
            memcpy(node.items, frame->items, frame->count * sizeof *node.items);
        }
        ok = frame->anchor == NULL || set_anchor(r, frame->anchor, &node);
    }
    frame_finish(frame);
    if (ok) {
        add_value(r, node);
    }
    return ok;
}

static void on_document_start(struct reader *r) {
    r->root = (struct text_node){.kind = NODE_NULL, .plain = true, .text = ""};
}

static bool on_document_end(struct reader *r) {
    forget_anchors(r);
    if (r->root.kind == NODE_NULL) {
        return true;
    }
    if (r->document_count == LIMIT_MANIFEST_DOCUMENTS) {
        problems_add(r->problems, r->root.place, "", "more than %d documents in one file",
                     LIMIT_MANIFEST_DOCUMENTS);
        return false;
    }
    if (r->document_count == r->document_room) {
        r->document_room = r->document_room == 0 ? 8 : r->document_room * 2;
        r->documents = mem_grow(r->documents, r->document_room, sizeof *r->documents);
    }
    r->documents[r->document_count++] = r->root;
    return true;
}

static bool on_event(struct reader *r, const yaml_event_t *event) {
    struct position place = place_of(event->start_mark);

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        on_document_start(r);
        return true;
    case YAML_DOCUMENT_END_EVENT:
        return on_document_end(r);
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return on_alias(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return check_tag(r, event->data.sequence_start.tag, YAML_SEQ_TAG, place) &&
               on_start(r, NODE_LIST, event->data.sequence_start.anchor, place);
    case YAML_MAPPING_START_EVENT:
        return check_tag(r, event->data.mapping_start.tag, YAML_MAP_TAG, place) &&
               on_start(r, NODE_OBJECT, event->data.mapping_start.anchor, place);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(r);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        break;
    }
    return true;
}

/* Failures of the library. */

/* Its reader knows only the byte at which it stopped. */
static struct position place_of_byte(const char *text, size_t bytes, size_t at) {
    struct position place = {1, 1};

    for (size_t i = 0; i < at && i < bytes; i++) {
        if (text[i] == '\n') {
            place = (struct position){place.line + 1, 1};
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static void report_failure(struct reader *r, const char *text, size_t bytes) {
    const yaml_parser_t *parser = &r->parser;
    const char *what = parser->problem != NULL ? parser->problem : "it cannot be read";

    if (parser->error == YAML_READER_ERROR) {
        problems_add(r->problems, place_of_byte(text, bytes, parser->problem_offset), "",
                     "not valid UTF-8 text: %s", what);
        return;
    }
    r->bad_escape = strcmp(what, "found invalid Unicode character escape code") == 0;
    problems_add(r->problems, place_of(parser->problem_mark), "", "not valid YAML: %s%s%s", what,
                 parser->context != NULL ? ", " : "",
                 parser->context != NULL ? parser->context : "");
}

static bool read_events(struct reader *r, const char *text, size_t bytes) {
    bool ok = true;
    bool more = true;

    while (ok && more) {
        yaml_event_t event;

        if (yaml_parser_parse(&r->parser, &event) == 0) {
            report_failure(r, text, bytes);
            return false;
        }
        ok = on_event(r, &event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return ok;
}

static void reader_finish(struct reader *r) {
    forget_anchors(r);
    while (r->depth > 0) {
        frame_finish(&r->frames[--r->depth]);
    }
    yaml_parser_delete(&r->parser);
    arena_destroy(r->arena);
    free(r->documents);
    free(r);
}

static void hand_over(struct reader *r, struct document_set *out_set) {
    *out_set = (struct document_set){
        .documents = r->documents, .count = r->document_count, .arena = r->arena};
    r->documents = NULL;
    r->arena = NULL;
}

/* One pass. *out_again: it failed, and at a place where JSON and YAML differ. */
static int parse_once(const char *text, size_t bytes, struct document_set *out_set,
                      struct problems *problems, bool *out_again) {
    struct reader *r = mem_alloc(1, sizeof *r);
    int result = ERR_NO_MEMORY;

    r->arena = arena_create();
    r->problems = problems;
    if (yaml_parser_initialize(&r->parser) != 0) {
        yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, bytes);
        yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
        result = read_events(r, text, bytes) ? OK : ERR_INVALID;
    }
    if (result == OK) {
        hand_over(r, out_set);
    }
    *out_again = r->bad_escape;
    reader_finish(r);
    return result;
}

static int parse_json_again(const char *text, size_t bytes, struct document_set *out_set,
                            struct problems *problems) {
    int result = ERR_INVALID;
    struct buf json;
    bool again;

    buf_init(&json, bytes);
    if (surrogates_replace(text, bytes, &json)) {
        problems_cut(problems, problems->count - 1);
        result = parse_once(json.data, json.bytes, out_set, problems, &again);
    }
    buf_finish(&json);
    return result;
}

/* One object of plain JSON, as programs send it. */
static bool parse_plain_json(const char *text, size_t bytes, struct document_set *out_set) {
    struct arena *arena = arena_create();
    struct text_node root;

    if (!json_text_parse(text, bytes, 1, arena, &root)) {
        arena_destroy(arena);
        return false;
    }
    *out_set = (struct document_set){.documents = mem_alloc(1, sizeof *out_set->documents),
                                     .count = 1,
                                     .plain_json = true,
                                     .arena = arena};
    out_set->documents[0] = root;
    return true;
}

/* Where the last document begins, if it may be plain JSON: behind a line of its own that says
 * ---, which ends whatever stands before it. 0: it is not like that. */
static size_t json_tail(const char *text, size_t bytes) {
    static const char mark[] = "\n---\n{";
    const size_t length = sizeof mark - 1;

    for (size_t at = bytes >= length ? bytes - length + 1 : 0; at > 0; at--) {
        if (text[at - 1] == '\n' && memcmp(text + at - 1, mark, length) == 0) {
            return at - 1 + length - 1;
        }
    }
    return 0;
}

static uint32_t count_lines(const char *text, size_t bytes) {
    uint32_t lines = 0;

    for (const char *at = text; (at = memchr(at, '\n', bytes - (size_t)(at - text))) != NULL;
         at++) {
        lines++;
    }
    return lines;
}

static int parse(const char *text, size_t bytes, struct document_set *out_set,
                 struct problems *problems);

/* A template with the rows of many jobs behind it: those are read quickly. */
static bool parse_with_tail(const char *text, size_t bytes, struct document_set *out_set,
                            struct problems *problems, int *out_result) {
    size_t at = json_tail(text, bytes);
    uint32_t first_line = count_lines(text, at) + 1;
    struct arena *arena;
    struct text_node root;

    if (at == 0) {
        return false;
    }
    arena = arena_create();
    if (!json_text_parse(text + at, bytes - at, first_line, arena, &root)) {
        arena_destroy(arena);
        return false;
    }
    *out_result = parse(text, at - strlen("---\n"), out_set, problems);
    if (*out_result < 0) {
        arena_destroy(arena);
        return true;
    }
    out_set->documents =
        mem_grow(out_set->documents, out_set->count + 1, sizeof *out_set->documents);
    out_set->documents[out_set->count++] = root;
    out_set->plain_json = false;
    out_set->tail = arena;
    return true;
}

int document_set_parse(const char *text, size_t bytes, size_t bytes_max,
                       struct document_set *out_set, struct problems *problems) {
    int result;

    if (bytes > bytes_max) {
        problems_add(problems, (struct position){0}, "",
                     "too large: %zu bytes; at most %zu are read", bytes, bytes_max);
        return ERR_INVALID;
    }
    return parse_with_tail(text, bytes, out_set, problems, &result)
               ? result
               : parse(text, bytes, out_set, problems);
}

static int parse(const char *text, size_t bytes, struct document_set *out_set,
                 struct problems *problems) {
    bool again = false;
    int result;

    if (parse_plain_json(text, bytes, out_set)) {
        return OK;
    }
    result = parse_once(text, bytes, out_set, problems, &again);
    return again ? parse_json_again(text, bytes, out_set, problems) : result;
}

void document_set_destroy(struct document_set *set) {
    if (set == NULL) {
        return;
    }
    free(set->documents);
    arena_destroy(set->arena);
    arena_destroy(set->tail);
    *set = (struct document_set){0};
}
