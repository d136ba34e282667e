/* base/memory.h - our own small allocations, which abort on exhaustion.
 *
 * The queue on disk is the truth and a restart is the recovery, so code of ours
 * does not carry a branch for a failed malloc of a few bytes. Sizes that a user
 * or the network chooses are bounded by base/limits.h before they come here.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* Zeroed room for count things of size bytes; never NULL. */
void *mem_alloc(size_t count, size_t size);

/* Room for count things, the old content kept, the rest not zeroed; never NULL. */
void *mem_grow(void *old, size_t count, size_t size);

/* Room that begins at a multiple of `alignment`, a power of two of at least 8; not zeroed. Pages
 * that are never touched cost nothing. */
void *mem_alloc_aligned(size_t alignment, size_t bytes);

/* Owned copies; free() them. mem_copy_text(NULL) is NULL. */
void *mem_copy(const void *bytes, size_t size);
char *mem_copy_text(const char *text);
char *mem_copy_text_n(const char *text, size_t length);

/* "head/tail", as in the keys "namespace/name": a tenth of what formatting takes. Owned. */
char *mem_join(const char *head, const char *tail);

/* An owned, formatted text of any length. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
