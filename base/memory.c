#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

#define SMALL_BYTES 1024

static void *checked(void *memory) {
    if (memory == NULL) {
        (void)fputs("out of memory; stopping, the queue on disk is whole\n", stderr);
        abort();
    }
    return memory;
}

/* glibc's calloc() does not look at what its thread freed last, as its malloc() does: small blocks
 * cost twice as much by it. Of large ones it knows which are zero already. */
void *mem_alloc(size_t count, size_t size) {
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SMALL_BYTES) {
        return checked(calloc(count, size));
    }
    memory = checked(malloc(bytes > 0 ? bytes : 1));
    memset(memory, 0, bytes);
    return memory;
}

void *mem_grow(void *old, size_t count, size_t size) {
    ENSURE(size > 0 && count <= SIZE_MAX / size);
    return checked(realloc(old, count > 0 ? count * size : 1));
}

void *mem_alloc_aligned(size_t alignment, size_t bytes) {
    void *memory = NULL;

    return checked(posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL);
}

void *mem_copy(const void *bytes, size_t size) {
    void *copy = checked(malloc(size > 0 ? size : 1));

    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *mem_copy_text(const char *text) {
    return text == NULL ? NULL : mem_copy(text, strlen(text) + 1);
}

char *mem_copy_text_n(const char *text, size_t length) {
    char *copy = mem_alloc(1, length + 1);

    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *mem_join(const char *head, const char *tail) {
    const size_t head_bytes = strlen(head);
    const size_t tail_bytes = strlen(tail);
    char *text = mem_grow(NULL, head_bytes + tail_bytes + 2, 1);

    memcpy(text, head, head_bytes);
    text[head_bytes] = '/';
    memcpy(text + head_bytes + 1, tail, tail_bytes + 1);
    return text;
}

char *mem_format(const char *format, ...) {
    va_list args;
    va_list again;
    char *text;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    ENSURE(length >= 0);
    text = mem_alloc(1, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
