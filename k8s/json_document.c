#include "k8s/json_document.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define COMPARED_MOST 32 /* keys that are compared each with each; more are sorted */

/* An object or array that is being read. */
struct open {
    size_t node;
    uint64_t seen; /* a bit for each key, by what is quickly told of it */
    bool twice;    /* a bit was set already: its keys must be compared */
};

/* The copy ends in a NUL, which no part of JSON may hold: it stops every loop. */
struct reading {
    struct json_document *document;
    char *at;
    char *end;
    bool is_ascii;
    struct open open[JSON_DOCUMENT_DEPTH_MAX]; /* whose closing bracket is to come */
    size_t depth;
};

static void skip_blanks(struct reading *r) {
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r') {
        r->at++;
    }
}

/* --- Texts ------------------------------------------------------------------------------------ */

/* Four hexadecimal digits, or -1. */
static int32_t read_hex(const char *at) {
    int32_t value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *found = at[i] == '\0' ? NULL : strchr(digits, at[i]);

        if (found == NULL) {
            return -1;
        }
        value = value * 16 + (int32_t)((found - digits) % 16);
    }
    return value;
}

static char *put_utf8(char *to, uint32_t point) {
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    }
    return to;
}

/* After "\u": one code point, of two halves if it needs them; 0: none, which a text can't hold. */
static uint32_t read_point(struct reading *r) {
    int32_t high = read_hex(r->at);
    int32_t low;

    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    r->at += 4;
    if (high < 0xd800 || high > 0xdfff) {
        return (uint32_t)high;
    }
    low = r->at[0] == '\\' && r->at[1] == 'u' ? read_hex(r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    r->at += 6;
    return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

/* After a backslash: what it stands for goes to *to. It is never longer. */
static bool read_escape(struct reading *r, char **to) {
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *found = *r->at == '\0' ? NULL : strchr(letters, *r->at);

    if (found != NULL) {
        *(*to)++ = bytes[found - letters];
        r->at++;
        return true;
    }
    if (*r->at == 'u') {
        uint32_t point;

        r->at++;
        point = read_point(r);
        *to = put_utf8(*to, point);
        return point != 0;
    }
    return false;
}

/* The rest of a text, from its first escape or, where not all is ASCII, from its begin. */
static char *read_text_slowly(struct reading *r, char *from) {
    char *to = r->at;

    while (*r->at != '"') {
        size_t bytes = text_utf8_bytes(r->at);

        if (*r->at == '\\') {
            r->at++;
            if (!read_escape(r, &to)) {
                return NULL;
            }
            continue;
        }
        if (bytes == 0 || (unsigned char)*r->at < 0x20) {
            return NULL;
        }
        memmove(to, r->at, bytes);
        to += bytes;
        r->at += bytes;
    }
    *to = '\0';
    r->at++;
    return from;
}

/* At an opening quote. NULL: it is no text. */
static char *read_text(struct reading *r) {
    char *from = ++r->at;

    if (r->is_ascii) {
        r->at += text_plain_bytes(r->at, (size_t)(r->end - r->at));
    }
    if (*r->at != '"') {
        return read_text_slowly(r, from);
    }
    *r->at++ = '\0';
    return from;
}

/* --- Other values ----------------------------------------------------------------------------- */

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool skip_digits(struct reading *r) {
    const char *from = r->at;

    while (is_digit(*r->at)) {
        r->at++;
    }
    return r->at > from;
}

static bool skip_integer(struct reading *r) {
    r->at += *r->at == '-' ? 1 : 0;
    if (*r->at == '0') {
        r->at++;
        return !is_digit(*r->at);
    }
    return skip_digits(r);
}

static bool skip_fraction(struct reading *r) {
    if (*r->at == '.') {
        r->at++;
        if (!skip_digits(r)) {
            return false;
        }
    }
    if (*r->at == 'e' || *r->at == 'E') {
        r->at++;
        r->at += *r->at == '-' || *r->at == '+' ? 1 : 0;
        return skip_digits(r);
    }
    return true;
}

static bool read_number(struct reading *r, struct json_node *out) {
    const char *from = r->at;
    const char *end;

    if (!skip_integer(r)) {
        return false;
    }
    end = r->at;
    if (!skip_fraction(r)) {
        return false;
    }
    errno = 0;
    if (r->at == end) {
        out->kind = JSON_KIND_INTEGER;
        out->integer = strtoll(from, NULL, 10);
        return errno == 0;
    }
    out->kind = JSON_KIND_REAL;
    out->real = strtod(from, NULL);
    return isfinite(out->real);
}

static bool read_word(struct reading *r, struct json_node *out) {
    static const struct {
        const char *word;
        enum json_kind kind;
    } rows[] = {{"true", JSON_KIND_TRUE}, {"false", JSON_KIND_FALSE}, {"null", JSON_KIND_NULL}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (text_starts_with(r->at, rows[i].word)) {
            r->at += strlen(rows[i].word);
            out->kind = rows[i].kind;
            return true;
        }
    }
    return false;
}

/* --- Brackets --------------------------------------------------------------------------------- */

static void grow_nodes(struct json_document *document) {
    bool own = document->nodes == document->own_nodes;

    document->room *= 2;
    document->nodes =
        mem_grow(own ? NULL : document->nodes, document->room, sizeof *document->nodes);
    if (own) {
        memcpy(document->nodes, document->own_nodes, sizeof document->own_nodes);
    }
}

static struct json_node *add_node(struct json_document *document) {
    if (document->count == document->room) {
        grow_nodes(document);
    }
    document->nodes[document->count] = (struct json_node){.size = 1};
    return &document->nodes[document->count++];
}

static struct json_node *innermost(const struct reading *r) {
    return r->depth == 0 ? NULL : &r->document->nodes[r->open[r->depth - 1].node];
}

/* Two keys that are the same set the same bit; two that aren't seldom do. */
static void note_key(struct open *open, const char *key) {
    const size_t bytes = strlen(key);
    const size_t sum = 31 * bytes + 7 * (unsigned char)key[bytes / 2] + (unsigned char)key[0];
    const uint64_t bit = UINT64_C(1) << (sum % 64);

    open->twice = open->twice || (open->seen & bit) != 0;
    open->seen |= bit;
}

/* "key": before a member of an object. */
static bool read_key(struct reading *r, const char **out_key) {
    if (*r->at != '"') {
        return false;
    }
    *out_key = read_text(r);
    skip_blanks(r);
    if (*out_key == NULL || *r->at != ':') {
        return false;
    }
    note_key(&r->open[r->depth - 1], *out_key);
    r->at++;
    skip_blanks(r);
    return true;
}

static bool open_bracket(struct reading *r, struct json_node *node) {
    if (r->depth == JSON_DOCUMENT_DEPTH_MAX) {
        return false;
    }
    node->kind = *r->at == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
    r->open[r->depth++] = (struct open){.node = (size_t)(node - r->document->nodes)};
    r->at++;
    return true;
}

/* A value, or the bracket that begins it. */
static bool read_value(struct reading *r) {
    struct json_node *parent = innermost(r);
    const char *key = NULL;
    struct json_node *node;

    skip_blanks(r);
    if (parent != NULL) {
        parent->count++;
        if (parent->kind == JSON_KIND_OBJECT && !read_key(r, &key)) {
            return false;
        }
    }
    node = add_node(r->document);
    node->key = key;
    switch (*r->at) {
    case '"':
        node->kind = JSON_KIND_TEXT;
        node->text = read_text(r);
        return node->text != NULL;
    case '{':
    case '[':
        return open_bracket(r, node);
    case 't':
    case 'f':
    case 'n':
        return read_word(r, node);
    default:
        return read_number(r, node);
    }
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool sorted_keys_differ(const struct json_node *object) {
    const char **keys = mem_alloc(object->count, sizeof *keys);
    const struct json_node *member = NULL;
    size_t count = 0;
    bool differ = true;

    while ((member = json_node_next(object, member)) != NULL) {
        keys[count++] = member->key;
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        differ = differ && strcmp(keys[i - 1], keys[i]) != 0;
    }
    free(keys);
    return differ;
}

static bool keys_differ(const struct json_node *object) {
    const struct json_node *a = NULL;

    if (object->count > COMPARED_MOST) {
        return sorted_keys_differ(object);
    }
    while ((a = json_node_next(object, a)) != NULL) {
        const struct json_node *b = a;

        while ((b = json_node_next(object, b)) != NULL) {
            if (a->key[0] == b->key[0] && strcmp(a->key, b->key) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Close what ends here; *out_more: another value must follow. */
static bool end_value(struct reading *r, bool *out_more) {
    bool is_new = r->depth > 0 && innermost(r)->count == 0;
    struct json_node *open;

    skip_blanks(r);
    while ((open = innermost(r)) != NULL &&
           *r->at == (open->kind == JSON_KIND_OBJECT ? '}' : ']')) {
        r->at++;
        r->depth--;
        open->size = (uint32_t)(r->document->count - r->open[r->depth].node);
        if (r->open[r->depth].twice && !keys_differ(open)) {
            return false;
        }
        is_new = false;
        skip_blanks(r);
    }
    *out_more = open != NULL;
    if (open != NULL && !is_new) {
        if (*r->at != ',') {
            return false;
        }
        r->at++;
    }
    return true;
}

static bool read_all(struct reading *r) {
    bool more = true;

    while (more) {
        if (!read_value(r) || !end_value(r, &more)) {
            return false;
        }
    }
    return true;
}

/* --- Documents -------------------------------------------------------------------------------- */

static void begin(struct json_document *document, const char *text, size_t bytes) {
    document->nodes = document->own_nodes;
    document->room = JSON_DOCUMENT_OWN_NODES;
    document->count = 0;
    document->text = document->own_text;
    if (bytes >= sizeof document->own_text) {
        document->text = mem_copy_text_n(text, bytes);
        return;
    }
    memcpy(document->own_text, text, bytes);
    document->own_text[bytes] = '\0';
}

int json_document_read(const char *text, size_t bytes, struct json_document *out_document,
                       size_t *out_at) {
    struct reading r; /* Most of it is for depths that are seldom reached: not zeroed. */

    begin(out_document, text, bytes);
    r.document = out_document;
    r.depth = 0;
    r.at = out_document->text;
    r.end = r.at + bytes;
    r.is_ascii = text_is_ascii(text, bytes);
    skip_blanks(&r);
    if ((*r.at != '{' && *r.at != '[') || !read_all(&r) || r.at != r.end) {
        *out_at = (size_t)(r.at - out_document->text);
        json_document_finish(out_document);
        return ERR_INVALID;
    }
    return OK;
}

void json_document_finish(struct json_document *document) {
    if (document->text != document->own_text) {
        free(document->text);
    }
    if (document->nodes != document->own_nodes) {
        free(document->nodes);
    }
}

const struct json_node *json_document_root(const struct json_document *document) {
    return &document->nodes[0];
}

const struct json_node *json_node_next(const struct json_node *parent,
                                       const struct json_node *member) {
    const struct json_node *next = member == NULL ? parent + 1 : member + member->size;

    return next == parent + parent->size ? NULL : next;
}

const struct json_node *json_node_member(const struct json_node *object, const char *key) {
    const struct json_node *member = NULL;

    while ((member = json_node_next(object, member)) != NULL) {
        if (member->key[0] == key[0] && strcmp(member->key, key) == 0) {
            return member;
        }
    }
    return NULL;
}
