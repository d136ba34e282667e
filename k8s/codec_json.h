/* k8s/codec_json.h - strict reading of JSON whose writer we do not control.
 *
 * A struct json_at is a place in a document: a value and how one gets there. Places live on
 * the reader's stack and borrow the document and the place above them, so an error can name
 * its field, as in "spec.driver.volumeMounts[2].name" or "spec.sparkConf.spark.driver.memory"
 * (keys may hold dots), without a path being built on the way down.
 *
 * The document is either a tree of jansson's, which may be changed and printed, or one that is only
 * read (k8s/json_document.h), in a tenth of the time: what a cluster sends.
 *
 * Members nobody asks for are ignored; a member of the wrong type is an error. A member that
 * is null counts as absent, as in Kubernetes.
 */
#ifndef K8S_CODEC_JSON_H
#define K8S_CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct json_document;
struct json_node;
struct json_t; /* jansson's */

#define FIELD_PATH_BYTES_MAX 512

/* What is wrong, and with which field of the payload ("" is the payload as a whole). */
struct field_error {
    struct error error;
    char path[FIELD_PATH_BYTES_MAX];
};

struct json_at {
    const struct json_at *parent; /* NULL at the top */
    const char *key;              /* NULL in an array and at the top */
    size_t index;                 /* in an array */
    struct json_t *value;         /* of a tree, borrowed; NULL when absent */
    const struct json_node *node; /* the same of a document that is only read */
};

/* Parse one whole object of at most bytes_max bytes. The caller drops it with json_drop().
 * ERR_INVALID: not JSON, or not an object; ERR_FULL: too long. */
int json_parse_object(const char *text, size_t bytes, size_t bytes_max, struct json_t **out_root,
                      struct field_error *error) MUST_CHECK;

void json_drop(struct json_t *root); /* Accepts NULL. */

struct json_at json_at_root(struct json_t *root);

/* The same for a text that is only read; json_document_finish() drops it, but after a failure. */
int json_read_object(const char *text, size_t bytes, size_t bytes_max,
                     struct json_document *out_document, struct field_error *error) MUST_CHECK;

struct json_at json_at_document(const struct json_document *document);

/* The member, or an absent place if at is absent, is no object or has no such member. */
struct json_at json_at_key(const struct json_at *at, const char *key);
struct json_at json_at_index(const struct json_at *at, size_t index);

bool json_is_there(const struct json_at *at);

/* "a.b[0].c", cut at the room there is. */
void json_at_path(const struct json_at *at, char out_path[FIELD_PATH_BYTES_MAX]);

/* Fill the error with the place's path and words; the first cause wins. Returns code. */
int json_fail(const struct json_at *at, struct field_error *error, int code, const char *format,
              ...) PRINTF_LIKE(4, 5);

/* Each leaves *out_value alone when the place is absent, and fails with ERR_INVALID when it
 * holds another type. Texts are borrowed from the document. */
int json_get_text(const struct json_at *at, const char **out_value,
                  struct field_error *error) MUST_CHECK;
int json_get_int64(const struct json_at *at, int64_t *out_value,
                   struct field_error *error) MUST_CHECK;
int json_get_bool(const struct json_at *at, bool *out_value, struct field_error *error) MUST_CHECK;
int json_get_time_us(const struct json_at *at, int64_t *out_time_us,
                     struct field_error *error) MUST_CHECK;

/* A Kubernetes quantity, written as text or as a bare number. */
int json_get_milli(const struct json_at *at, int64_t *out_milli,
                   struct field_error *error) MUST_CHECK;
int json_get_units(const struct json_at *at, int64_t *out_units,
                   struct field_error *error) MUST_CHECK;

/* Absent, or of this type. */
int json_expect_object(const struct json_at *at, struct field_error *error) MUST_CHECK;
int json_expect_array(const struct json_at *at, struct field_error *error) MUST_CHECK;

/* The members of an array (0 when absent), at most count_max or ERR_FULL. */
int json_get_count(const struct json_at *at, size_t count_max, size_t *out_count,
                   struct field_error *error) MUST_CHECK;

/* Walk an object's members in the order they were written; an absent place or another type
 * has none. Start with *iterator NULL; false at the end. */
bool json_next(const struct json_at *at, void **iterator, struct json_at *out_member);

/* The whole member as compact JSON; owned by the caller, never NULL. */
char *json_print(const struct json_t *value);

/* A resourceVersion as a number; 0 if it is none. Versions are opaque by contract and numbers
 * in every server: used to tell which of two things was later, never to ask for one. */
uint64_t codec_version_read(const char *version);

#endif
