#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

#define BUF_BYTES_FIRST 256
#define SHORT_BYTES     200 /* of a formatted text */

void buf_init(struct buf *buf, size_t bytes_max) {
    *buf = (struct buf){.bytes_max = bytes_max};
}

void buf_finish(struct buf *buf) {
    if (buf != NULL) {
        free(buf->data);
        *buf = (struct buf){0};
    }
}

void buf_clear(struct buf *buf) {
    buf->bytes = 0;
    buf->full = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

/* Room for count more bytes and the NUL, or false and `full`. */
static bool reserve(struct buf *buf, size_t count) {
    size_t room = buf->bytes_room > 0 ? buf->bytes_room : BUF_BYTES_FIRST;

    if (buf->full || count > buf->bytes_max - buf->bytes) {
        buf->full = true;
        return false;
    }
    while (room < buf->bytes + count + 1) {
        room *= 2;
    }
    if (room != buf->bytes_room) {
        buf->data = mem_grow(buf->data, room, 1);
        buf->bytes_room = room;
    }
    return true;
}

/* Most of what is added fits what is there: then bytes_room is above bytes. */
static bool has_room(const struct buf *buf, size_t count) {
    return count < buf->bytes_room - buf->bytes && count <= buf->bytes_max - buf->bytes &&
           !buf->full;
}

char *buf_add_room(struct buf *buf, size_t count) {
    char *room;

    if (!has_room(buf, count) && !reserve(buf, count)) {
        return NULL;
    }
    room = buf->data + buf->bytes;
    buf->bytes += count;
    room[count] = '\0';
    return room;
}

void buf_add(struct buf *buf, const void *bytes, size_t count) {
    char *room = buf_add_room(buf, count);

    if (room != NULL && count > 0) {
        memcpy(room, bytes, count);
    }
}

void buf_add_text(struct buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char byte) {
    if (!buf->full && buf->bytes < buf->bytes_max && buf->bytes + 1 < buf->bytes_room) {
        buf->data[buf->bytes++] = byte;
        buf->data[buf->bytes] = '\0';
    } else {
        buf_add(buf, &byte, 1);
    }
}

void buf_add_uint64(struct buf *buf, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_add(buf, digits + at, sizeof digits - at);
}

void buf_add_int64(struct buf *buf, int64_t number) {
    if (number < 0) {
        buf_add_char(buf, '-');
        buf_add_uint64(buf, 0 - (uint64_t)number);
    } else {
        buf_add_uint64(buf, (uint64_t)number);
    }
}

/* Most are short: they are printed once, and copied. */
void buf_add_format(struct buf *buf, const char *format, ...) {
    char text[SHORT_BYTES];
    va_list args;
    va_list again;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(text, sizeof text, format, args);
    ENSURE(length >= 0);
    if ((size_t)length < sizeof text) {
        buf_add(buf, text, (size_t)length);
    } else if (reserve(buf, (size_t)length)) {
        (void)vsnprintf(buf->data + buf->bytes, (size_t)length + 1, format, again);
        buf->bytes += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void buf_drop_front(struct buf *buf, size_t count) {
    ENSURE(count <= buf->bytes);
    if (count > 0) {
        memmove(buf->data, buf->data + count, buf->bytes - count + 1);
        buf->bytes -= count;
    }
}

const char *buf_text(const struct buf *buf) {
    return buf->data != NULL ? buf->data : "";
}

char *buf_take_text(struct buf *buf) {
    char *text = buf->data != NULL ? buf->data : mem_copy_text("");

    buf_init(buf, buf->bytes_max);
    return text;
}
