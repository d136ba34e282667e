#include "config/node.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

/* Scalars. */

static const char *after_sign(const char *text) {
    return *text == '-' || *text == '+' ? text + 1 : text;
}

/* Nothing but these digits, and at least one. */
static bool all_of(const char *text, const char *digits) {
    return *text != '\0' && text[strspn(text, digits)] == '\0';
}

/* 0x1F, 0o17, 017, 19, -19: what strtoll() needs to read it; base 0: not a whole number. */
static int int_base(const char *text, const char **out_digits) {
    const char *digits = after_sign(text);

    *out_digits = text;
    if (text_starts_with(text, "0x")) {
        return all_of(text + 2, "0123456789abcdefABCDEF") ? 16 : 0;
    }
    if (text_starts_with(text, "0o")) {
        *out_digits = text + 2;
        return all_of(text + 2, "01234567") ? 8 : 0;
    }
    if (digits[0] == '0' && digits[1] != '\0') {
        return all_of(digits, "01234567") ? 8 : 0;
    }
    return all_of(digits, "0123456789") ? 10 : 0;
}

static bool parse_int(const char *text, int64_t *out_value) {
    const char *digits;
    int base = int_base(text, &digits);
    long long value;

    if (base == 0) {
        return false;
    }
    errno = 0;
    value = strtoll(digits, NULL, base);
    if (errno != 0) {
        return false;
    }
    *out_value = value;
    return true;
}

/* [-+]? ( .5 | 5 | 5. | 5.5 ) ( [eE] [-+]? 5 )? */
static bool looks_like_number(const char *text) {
    const char *at = after_sign(text);
    size_t whole = strspn(at, "0123456789");
    size_t fraction = 0;

    at += whole;
    if (*at == '.') {
        fraction = strspn(at + 1, "0123456789");
        at += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        return all_of(after_sign(at + 1), "0123456789");
    }
    return *at == '\0';
}

/* Leading zeros that are no octal number (089) stay text, as do infinities. */
static bool parse_number(const char *text, double *out_value) {
    const char *digits = after_sign(text);
    double value;

    if (!looks_like_number(text) || (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')) {
        return false;
    }
    value = strtod(text, NULL);
    if (!isfinite(value)) {
        return false;
    }
    *out_value = value;
    return true;
}

enum node_kind node_plain_kind(const char *text) {
    static const struct {
        const char *text;
        enum node_kind kind;
    } words[] = {
        {"", NODE_NULL},      {"~", NODE_NULL},     {"null", NODE_NULL},  {"Null", NODE_NULL},
        {"NULL", NODE_NULL},  {"true", NODE_BOOL},  {"True", NODE_BOOL},  {"TRUE", NODE_BOOL},
        {"false", NODE_BOOL}, {"False", NODE_BOOL}, {"FALSE", NODE_BOOL},
    };
    int64_t whole;
    double number;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].text) == 0) {
            return words[i].kind;
        }
    }
    if (parse_int(text, &whole)) {
        return NODE_INT;
    }
    return parse_number(text, &number) ? NODE_NUMBER : NODE_TEXT;
}

int64_t node_int(const struct text_node *node) {
    int64_t value = 0;
    bool ok = parse_int(node->text, &value);

    ENSURE(ok);
    return value;
}

double node_number(const struct text_node *node) {
    double value = 0;
    bool ok = parse_number(node->text, &value);

    if (!ok) {
        value = (double)node_int(node);
    }
    return value;
}

bool node_bool(const struct text_node *node) {
    return node->text[0] == 't' || node->text[0] == 'T';
}

/* Objects. */

static int compare_to_member(const void *key, const void *member) {
    return strcmp(key, ((const struct text_node *)member)->key);
}

struct text_node *node_member_mutable(struct text_node *object, const char *key) {
    if (object == NULL || object->kind != NODE_OBJECT || object->count == 0) {
        return NULL;
    }
    return bsearch(key, object->items, object->count, sizeof *object->items, compare_to_member);
}

const struct text_node *node_member(const struct text_node *object, const char *key) {
    if (object == NULL || object->kind != NODE_OBJECT || object->count == 0) {
        return NULL;
    }
    return bsearch(key, object->items, object->count, sizeof *object->items, compare_to_member);
}

/* Paths. */

/* The bytes of path that key covers, up to a separator or the end; 0: key is not its beginning. */
static size_t key_match(const char *path, const char *key) {
    size_t length = strlen(key);

    if (length == 0 || strncmp(path, key, length) != 0) {
        return 0;
    }
    return path[length] == '\0' || path[length] == '.' || path[length] == '[' ? length : 0;
}

static const struct text_node *step_member(const struct text_node *object, const char **path) {
    const struct text_node *best = NULL;
    size_t best_length = 0;

    for (uint32_t i = 0; i < object->count; i++) {
        size_t length = key_match(*path, object->items[i].key);

        if (length > best_length) {
            best = &object->items[i];
            best_length = length;
        }
    }
    *path += best_length;
    return best;
}

static const struct text_node *step_index(const struct text_node *list, const char **path) {
    char *end;
    unsigned long index = strtoul(*path + 1, &end, 10);

    if (list->kind != NODE_LIST || *end != ']' || index >= list->count) {
        return NULL;
    }
    *path = end + 1;
    return &list->items[index];
}

const struct text_node *node_find(const struct text_node *root, const char *path, bool *out_exact) {
    const struct text_node *node = root;

    while (*path != '\0') {
        const struct text_node *next = NULL;

        if (*path == '[') {
            next = step_index(node, &path);
        } else if (node->kind == NODE_OBJECT) {
            path += *path == '.' ? 1 : 0;
            next = step_member(node, &path);
        }
        if (next == NULL) {
            break;
        }
        node = next;
    }
    if (out_exact != NULL) {
        *out_exact = *path == '\0';
    }
    return node;
}

struct position node_place(const struct text_node *node) {
    bool inside = node->kind == NODE_LIST || node->kind == NODE_OBJECT;

    return inside || node->kind == NODE_NULL ? node->key_place : node->place;
}

/* JSON. */

/* One code point of UTF-8 that the reader has checked. */
static size_t decode_utf8(const char *text, uint32_t *out_point) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0xffu >> (length + 1));

    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            *out_point = bytes[0];
            return 1;
        }
        point = point << 6 | (bytes[i] & 0x3f);
    }
    *out_point = point;
    return length;
}

/* What YAML would refuse or fold when it reads our JSON again. */
static bool needs_escape(uint32_t point) {
    return point < 0x20 || point == '"' || point == '\\' || (point >= 0x7f && point < 0xa0) ||
           point == 0x2028 || point == 0x2029 || point == 0xfeff || point == 0xfffe ||
           point == 0xffff;
}

static void print_escape(uint32_t point, struct buf *out) {
    static const char letters[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *at = point < 0x80 && point != 0 ? strchr(letters, (int)point) : NULL;

    if (at != NULL) {
        buf_add_format(out, "\\%c", names[at - letters]);
    } else {
        buf_add_format(out, "\\u%04x", point);
    }
}

static bool is_simple(char byte) {
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

void json_print_text(const char *text, struct buf *out) {
    const char *run = text; /* the start of what needs no escape */

    buf_add_char(out, '"');
    while (*text != '\0') {
        uint32_t point;
        size_t length;

        if (is_simple(*text)) {
            text++;
            continue;
        }
        length = decode_utf8(text, &point);

        if (needs_escape(point)) {
            buf_add(out, run, (size_t)(text - run));
            print_escape(point, out);
            run = text + length;
        }
        text += length;
    }
    buf_add(out, run, (size_t)(text - run));
    buf_add_char(out, '"');
}

/* Small ones, as they mostly are, without a format. */
static void print_int(int64_t value, struct buf *out) {
    if (value >= 0 && value <= 9) {
        buf_add_char(out, (char)('0' + value));
    } else {
        buf_add_format(out, "%lld", (long long)value);
    }
}

/* The shortest decimals that read back as the same double; zero has no sign. */
static void print_number(double value, struct buf *out) {
    char text[40] = "0";

    for (int digits = 15; value != 0 && digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buf_add_text(out, text);
}

static void print_items(const struct text_node *node, struct buf *out) {
    buf_add_char(out, node->kind == NODE_LIST ? '[' : '{');
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0) {
            buf_add_char(out, ',');
        }
        if (node->kind == NODE_OBJECT) {
            json_print_text(node->items[i].key, out);
            buf_add_char(out, ':');
        }
        node_print_json(&node->items[i], out);
    }
    buf_add_char(out, node->kind == NODE_LIST ? ']' : '}');
}

void node_print_json(const struct text_node *node, struct buf *out) {
    switch (node->kind) {
    case NODE_NULL:
        buf_add_text(out, "null");
        break;
    case NODE_TEXT:
        json_print_text(node->text, out);
        break;
    case NODE_BOOL:
        buf_add_text(out, node_bool(node) ? "true" : "false");
        break;
    case NODE_INT:
        print_int(node_int(node), out);
        break;
    case NODE_NUMBER:
        print_number(node_number(node), out);
        break;
    case NODE_LIST:
    case NODE_OBJECT:
        print_items(node, out);
        break;
    }
}
