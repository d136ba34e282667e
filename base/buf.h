/* base/buf.h - a growing run of bytes, born with its maximum.
 *
 * Appending past the maximum sets `full` and appends nothing more; whoever
 * builds a text appends freely and asks once at the end. The bytes always end
 * in a NUL that is not counted, so that text can be read as a C string.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;   /* NULL until the first append; NUL-ended otherwise */
    size_t bytes; /* used, without the NUL */
    size_t bytes_room;
    size_t bytes_max;
    bool full; /* an append was refused */
};

/* An empty buffer that may grow to bytes_max. Allocates nothing. */
void buf_init(struct buf *buf, size_t bytes_max);

/* Free the memory and zero the struct. Accepts NULL and a zeroed struct. */
void buf_finish(struct buf *buf);

/* Forget the content and the refusal, keep the memory. */
void buf_clear(struct buf *buf);

void buf_add(struct buf *buf, const void *bytes, size_t count);

/* Append so many bytes for the caller to fill in; NULL: they were refused. */
char *buf_add_room(struct buf *buf, size_t count);

void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char byte);
void buf_add_uint64(struct buf *buf, uint64_t number); /* in decimal digits */
void buf_add_int64(struct buf *buf, int64_t number);
void buf_add_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first count bytes. O(bytes left). */
void buf_drop_front(struct buf *buf, size_t count);

/* The content as text, "" when empty. Borrowed until the next change. */
const char *buf_text(const struct buf *buf);

/* Give the content away as an owned text (never NULL) and start over empty. */
char *buf_take_text(struct buf *buf);

#endif
