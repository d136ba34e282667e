/* k8s/json_scan.h - finds the parts of a JSON text without building a tree.
 *
 * For lists of 500 objects and watch events, whose objects go as raw bytes to their codecs.
 * Checks the structure of what it walks over (brackets, strings, commas, depth), not the spelling
 * of numbers and escapes: the codecs do. Allocates nothing.
 */
#ifndef K8S_JSON_SCAN_H
#define K8S_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define JSON_SCAN_DEPTH_MAX 200

/* A stretch of somebody else's bytes: one JSON value without the blanks around it. */
struct json_slice {
    const char *at;
    size_t bytes;
};

/* Walks over the members of an object or the items of an array, in order. */
struct json_cursor {
    const char *at;
    const char *end;
    bool is_object;
    bool has_begun;
    bool failed; /* the text is not JSON */
    bool ended;  /* at is behind the closing bracket */
};

/* The one value of a text, blanks around it allowed. ERR_INVALID when it is none or is cut. */
int json_scan_text(const char *text, size_t bytes, struct json_slice *out_value) MUST_CHECK;

/* Begin at an object or array, blanks before it allowed; anything else has no members. */
struct json_cursor json_scan_members(struct json_slice value);

/* The next member (key with its quotes, empty in an array) or false at the end or on failure. */
bool json_scan_next(struct json_cursor *cursor, struct json_slice *out_key,
                    struct json_slice *out_value);

/* True when the walk came to its end and only blanks are left: the whole text has been checked. */
bool json_scan_is_whole(const struct json_cursor *cursor);

/* The member of that name; its first, if there are several. False when absent or not JSON. */
bool json_scan_member(struct json_slice object, const char *key, struct json_slice *out_value);

/* True when the value is the string `text` and was written without escapes. */
bool json_scan_is_text(struct json_slice value, const char *text);

/* Copy a string without escapes (names, uids, versions and tokens have none; "\u" and such give
 * false). False when it does not fit or is no string. */
bool json_scan_copy_text(struct json_slice value, char *out_text, size_t room);

#endif
