#include "config/json_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "config/arena.h"
#include "config/node.h"

#define KEY_BYTES_MAX  1000 /* YAML's own bound on a key is a little above */
#define INSERTION_MOST 24   /* members that are sorted without qsort() */

struct reader {
    const char *text;
    char *copy; /* of the text, where the strings are unescaped and ended in place */
    size_t bytes;
    size_t at;
    size_t line_start;
    uint32_t line;
    struct arena *arena;
    struct text_node *open; /* items of the lists and objects being read, innermost last */
    size_t open_count;
    size_t open_room;
    size_t node_count;
};

static bool read_value(struct reader *r, size_t depth, struct text_node *out);

static char peek(const struct reader *r) {
    return r->at < r->bytes ? r->text[r->at] : '\0';
}

static struct position place_of(const struct reader *r) {
    return (struct position){r->line, (uint32_t)(r->at - r->line_start) + 1};
}

/* False at a lone carriage return, which YAML takes for the end of a line. */
static bool skip_space(struct reader *r) {
    for (;; r->at++) {
        switch (peek(r)) {
        case '\n':
            r->line++;
            r->line_start = r->at + 1;
            break;
        case '\r':
            if (r->at + 1 >= r->bytes || r->text[r->at + 1] != '\n') {
                return false;
            }
            break;
        case ' ':
        case '\t':
            break;
        default:
            return true;
        }
    }
}

static bool take(struct reader *r, char byte) {
    if (peek(r) != byte) {
        return false;
    }
    r->at++;
    return true;
}

/* What stands for an escape's letter; NUL: not ours. */
static char escaped(char letter) {
    static const char letters[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    return found != NULL ? bytes[found - letters] : '\0';
}

static bool read_string(struct reader *r, const char **out_text) {
    char *start = r->copy + r->at + 1;
    char *end = start;

    for (r->at++; r->at < r->bytes; r->at++) {
        unsigned char byte = (unsigned char)r->text[r->at];

        if (byte == '"') {
            *end = '\0';
            *out_text = start;
            r->at++;
            return true;
        }
        if (byte < 0x20 || byte >= 0x7f) {
            return false;
        }
        if (byte == '\\') {
            r->at++;
            byte = (unsigned char)escaped(peek(r));
            if (byte == '\0') {
                return false;
            }
        }
        *end++ = (char)byte;
    }
    return false;
}

static const char *skip_digits(const char *at) {
    return at + strspn(at, "0123456789");
}

/* JSON's grammar; the text is ended. */
static bool is_number(const char *text) {
    const char *at = text[0] == '-' ? text + 1 : text;

    if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9')) {
        return false;
    }
    at = skip_digits(at);
    if (*at == '.') {
        const char *fraction = at + 1;

        at = skip_digits(fraction);
        if (at == fraction) {
            return false;
        }
    }
    if (*at == 'e' || *at == 'E') {
        const char *digits = at[1] == '-' || at[1] == '+' ? at + 2 : at + 1;

        at = skip_digits(digits);
        if (at == digits) {
            return false;
        }
    }
    return *at == '\0';
}

/* A number, true, false or null. */
static bool read_word(struct reader *r, struct text_node *out) {
    const char *rest = r->text + r->at;
    size_t length = 0;
    char *word = r->copy + r->at;

    while (r->at + length < r->bytes && strchr(",]} \t\r\n", rest[length]) == NULL) {
        length++;
    }
    if (length == 0 || r->at + length == r->bytes) {
        return false;
    }
    word[length] = '\0';
    out->plain = true;
    out->text = word;
    out->kind = node_plain_kind(word);
    r->at += length;
    return strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "null") == 0 ||
           is_number(word);
}

static void push(struct reader *r, const struct text_node *node) {
    if (r->open_count == r->open_room) {
        r->open_room = r->open_room > 0 ? 2 * r->open_room : 64;
        r->open = mem_grow(r->open, r->open_room, sizeof *r->open);
    }
    r->open[r->open_count++] = *node;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const struct text_node *)a)->key, ((const struct text_node *)b)->key);
}

/* Most objects are small, and many are sorted already. */
static void sort_members(struct text_node *items, size_t count) {
    if (count > INSERTION_MOST) {
        qsort(items, count, sizeof *items, compare_keys);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        size_t to = i;
        struct text_node item = items[i];

        while (to > 0 && strcmp(items[to - 1].key, item.key) > 0) {
            to--;
        }
        if (to < i) {
            memmove(&items[to + 1], &items[to], (i - to) * sizeof *items);
            items[to] = item;
        }
    }
}

/* False when a key is given twice. */
static bool settle_members(struct text_node *items, size_t count) {
    sort_members(items, count);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(items[i - 1].key, items[i].key) == 0) {
            return false;
        }
    }
    return true;
}

static bool read_key(struct reader *r, struct text_node *item) {
    size_t from = r->at;

    item->key_place = place_of(r);
    return peek(r) == '"' && ++r->node_count <= LIMIT_DOCUMENT_NODES &&
           read_string(r, &item->key) && r->at - from <= KEY_BYTES_MAX && skip_space(r) &&
           take(r, ':') && skip_space(r);
}

static bool read_item(struct reader *r, enum node_kind kind, size_t depth) {
    struct text_node item = {0};
    struct text_node value = {0};

    if ((kind == NODE_OBJECT && !read_key(r, &item)) || !read_value(r, depth, &value)) {
        return false;
    }
    value.key = item.key;
    value.key_place = kind == NODE_OBJECT ? item.key_place : value.place;
    push(r, &value);
    return skip_space(r);
}

/* The items of a list or object whose bracket was taken, up to its end. */
static bool read_items(struct reader *r, struct text_node *node, size_t depth) {
    const char end = node->kind == NODE_OBJECT ? '}' : ']';
    size_t first = r->open_count;

    if (depth == LIMIT_MANIFEST_DEPTH || !skip_space(r)) {
        return false;
    }
    if (!take(r, end)) {
        do {
            if (!skip_space(r) || !read_item(r, node->kind, depth + 1)) {
                return false;
            }
        } while (take(r, ','));
        if (!take(r, end)) {
            return false;
        }
    }
    node->count = (uint32_t)(r->open_count - first);
    node->items = arena_take(r->arena, node->count, sizeof *node->items);
    if (node->count > 0) {
        memcpy(node->items, &r->open[first], node->count * sizeof *node->items);
    }
    r->open_count = first;
    return node->kind == NODE_LIST || settle_members(node->items, node->count);
}

static bool read_value(struct reader *r, size_t depth, struct text_node *out) {
    out->place = place_of(r);
    out->key_place = out->place;
    if (++r->node_count > LIMIT_DOCUMENT_NODES) {
        return false;
    }
    switch (peek(r)) {
    case '{':
        out->kind = NODE_OBJECT;
        r->at++;
        return read_items(r, out, depth);
    case '[':
        out->kind = NODE_LIST;
        r->at++;
        return read_items(r, out, depth);
    case '"':
        out->kind = NODE_TEXT;
        return read_string(r, &out->text);
    default:
        return read_word(r, out);
    }
}

bool json_text_parse(const char *text, size_t bytes, uint32_t first_line, struct arena *arena,
                     struct text_node *out_root) {
    struct reader r = {.text = text, .bytes = bytes, .line = first_line, .arena = arena};
    struct text_node root = {0};
    bool ok;

    if (!skip_space(&r) || peek(&r) != '{') {
        return false;
    }
    r.copy = arena_text(arena, text, bytes);
    ok = read_value(&r, 0, &root) && skip_space(&r) && r.at == bytes;
    free(r.open);
    if (ok) {
        *out_root = root;
    }
    return ok;
}
