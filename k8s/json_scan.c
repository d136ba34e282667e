#include "k8s/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    return at;
}

/* Past the closing quote, or NULL. */
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end; at++) {
        at += text_plain_bytes(at, (size_t)(end - at));
        if (at < end && *at == '"') {
            return at + 1;
        }
        if (at == end || *at != '\\') {
            return NULL;
        }
        at++; /* What it escapes. */
    }
    return NULL;
}

/* Past a number or one of true, false, null. */
static const char *skip_word(const char *at, const char *end) {
    const char *from = at;

    while (at < end && *at != '\0' &&
           strchr("+-.0123456789Eabcdefghijklmnopqrstuvwxyz", *at) != NULL) {
        at++;
    }
    return at == from ? NULL : at;
}

static const char *skip_scalar(const char *at, const char *end) {
    return *at == '"' ? skip_string(at, end) : skip_word(at, end);
}

/* What may come next inside brackets. */
enum expect {
    EXPECT_FIRST, /* a member or the closing bracket */
    EXPECT_MEMBER,
    EXPECT_COMMA /* or the closing bracket */
};

/* "key": and the blanks around the colon; NULL when it is not there. */
static const char *skip_key(const char *at, const char *end) {
    if (at >= end || *at != '"') {
        return NULL;
    }
    at = skip_string(at, end);
    if (at == NULL) {
        return NULL;
    }
    at = skip_blanks(at, end);
    return at < end && *at == ':' ? skip_blanks(at + 1, end) : NULL;
}

/* Past one value of any depth, or NULL. One pass without recursion: the stack of open brackets is
 * a bit per level. */
static const char *skip_value(const char *at, const char *end) {
    uint8_t is_object[JSON_SCAN_DEPTH_MAX];
    size_t depth = 0;
    enum expect expect = EXPECT_MEMBER;

    do {
        at = skip_blanks(at, end);
        if (at >= end) {
            return NULL;
        }
        if (depth > 0 && *at == (is_object[depth - 1] ? '}' : ']') && expect != EXPECT_MEMBER) {
            depth--;
            at++;
            expect = EXPECT_COMMA;
            continue;
        }
        if (expect == EXPECT_COMMA) {
            if (*at != ',') {
                return NULL;
            }
            at++;
            expect = EXPECT_MEMBER;
            continue;
        }
        if (depth > 0 && is_object[depth - 1]) {
            at = skip_key(at, end);
            if (at == NULL || at >= end) {
                return NULL;
            }
        }
        if (*at == '{' || *at == '[') {
            if (depth == JSON_SCAN_DEPTH_MAX) {
                return NULL;
            }
            is_object[depth++] = *at == '{';
            at++;
            expect = EXPECT_FIRST;
            continue;
        }
        at = skip_scalar(at, end);
        if (at == NULL) {
            return NULL;
        }
        expect = EXPECT_COMMA;
    } while (depth > 0);
    return at;
}

int json_scan_text(const char *text, size_t bytes, struct json_slice *out_value) {
    const char *end = text + bytes;
    const char *from = skip_blanks(text, end);
    const char *to = from < end ? skip_value(from, end) : NULL;

    if (to == NULL || skip_blanks(to, end) != end) {
        return ERR_INVALID;
    }
    *out_value = (struct json_slice){from, (size_t)(to - from)};
    return OK;
}

struct json_cursor json_scan_members(struct json_slice value) {
    const char *end = value.at + value.bytes;
    struct json_cursor cursor = {.at = skip_blanks(value.at, end), .end = end};

    if (cursor.at == end || (*cursor.at != '{' && *cursor.at != '[')) {
        cursor.at = end;
        return cursor;
    }
    cursor.is_object = *cursor.at == '{';
    cursor.at++;
    return cursor;
}

static bool cursor_fail(struct json_cursor *cursor) {
    cursor->failed = true;
    cursor->at = cursor->end;
    return false;
}

bool json_scan_next(struct json_cursor *cursor, struct json_slice *out_key,
                    struct json_slice *out_value) {
    struct json_slice key = {cursor->at, 0};
    const char *at;
    const char *to;

    if (cursor->at >= cursor->end || cursor->ended) {
        return false;
    }
    at = skip_blanks(cursor->at, cursor->end);
    if (at < cursor->end && *at == (cursor->is_object ? '}' : ']')) {
        cursor->at = at + 1;
        cursor->ended = true;
        return false;
    }
    if (cursor->has_begun) {
        if (at >= cursor->end || *at != ',') {
            return cursor_fail(cursor);
        }
        at = skip_blanks(at + 1, cursor->end);
    }
    if (cursor->is_object) {
        const char *value = skip_key(at, cursor->end);
        const char *key_end = value == NULL ? NULL : skip_string(at, cursor->end);

        if (key_end == NULL) {
            return cursor_fail(cursor);
        }
        key = (struct json_slice){at, (size_t)(key_end - at)};
        at = value;
    }
    to = at < cursor->end ? skip_value(at, cursor->end) : NULL;
    if (to == NULL) {
        return cursor_fail(cursor);
    }
    cursor->has_begun = true;
    cursor->at = to;
    *out_key = key;
    *out_value = (struct json_slice){at, (size_t)(to - at)};
    return true;
}

bool json_scan_is_whole(const struct json_cursor *cursor) {
    return cursor->ended && skip_blanks(cursor->at, cursor->end) == cursor->end;
}

bool json_scan_member(struct json_slice object, const char *key, struct json_slice *out_value) {
    struct json_cursor cursor = json_scan_members(object);
    struct json_slice name;
    struct json_slice value;

    while (cursor.is_object && json_scan_next(&cursor, &name, &value)) {
        if (json_scan_is_text(name, key)) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

bool json_scan_is_text(struct json_slice value, const char *text) {
    size_t length = strlen(text);

    return value.bytes == length + 2 && value.at[0] == '"' &&
           memcmp(value.at + 1, text, length) == 0;
}

bool json_scan_copy_text(struct json_slice value, char *out_text, size_t room) {
    if (value.bytes < 2 || value.at[0] != '"' || value.bytes - 2 >= room ||
        memchr(value.at, '\\', value.bytes) != NULL) {
        return false;
    }
    memcpy(out_text, value.at + 1, value.bytes - 2);
    out_text[value.bytes - 2] = '\0';
    return true;
}
