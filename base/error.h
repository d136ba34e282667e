/* base/error.h - what can go wrong, named for what the caller does next.
 *
 * A function that can fail returns `int`: OK or one of the negative codes below,
 * and is marked MUST_CHECK. Text for people travels beside the code in a
 * struct error, and only at the edges (config, api, k8s), where the cause is known.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK                       __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define ARRAY_LEN(array)                 (sizeof(array) / sizeof((array)[0]))

/* code, value, sentence for people who know no more than the code */
#define ERROR_LIST(X)                                                   \
    X(OK, 0, "success")                                                 \
    X(ERR_INVALID, -1, "the input is not valid; tell whoever sent it")  \
    X(ERR_NOT_FOUND, -2, "there is no such thing")                      \
    X(ERR_EXISTS, -3, "it exists already")                              \
    X(ERR_STALE, -4, "it changed meanwhile; read it again and retry")   \
    X(ERR_FULL, -5, "a limit is reached; shed load")                    \
    X(ERR_BUSY, -6, "not now; try again later")                         \
    X(ERR_IO, -7, "input or output failed; retry with back-off")        \
    X(ERR_CORRUPT, -8, "stored data is damaged; stop and ask a person") \
    X(ERR_NO_MEMORY, -9, "out of memory")                               \
    X(ERR_DENIED, -10, "not permitted; fix the credentials or the rights")

enum err {
#define ERROR_ENUM(name, value, sentence) name = (value),
    ERROR_LIST(ERROR_ENUM)
#undef ERROR_ENUM
};

/* The code's name, such as "ERR_BUSY"; "ERR_?" for a number that is no code. */
const char *err_name(int code);

/* The code's sentence. Never NULL. */
const char *err_sentence(int code);

/* What a failed open() or exec() means: ERR_NOT_FOUND, ERR_DENIED, else ERR_IO. */
int err_from_errno(int number);

#define ERROR_TEXT_BYTES_MAX 1024

/* A code with words. The first cause wins: error_set() on an error that already
 * has a code changes nothing; callers add context with error_prefix(). */
struct error {
    int code; /* OK while nothing failed */
    char text[ERROR_TEXT_BYTES_MAX];
};

/* Fill *error, if it is not NULL and empty, and return code. Text that is too long is cut. */
int error_set(struct error *error, int code, const char *format, ...) PRINTF_LIKE(3, 4);
int error_set_v(struct error *error, int code, const char *format, va_list args) PRINTF_LIKE(3, 0);

/* Put "prefix: " before the text of a filled error; NULL and empty errors stay as they are. */
void error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
