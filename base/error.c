#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *err_name(int code) {
    switch (code) {
#define ERROR_NAME(name, value, sentence) \
    case value:                           \
        return #name;
        ERROR_LIST(ERROR_NAME)
#undef ERROR_NAME
    default:
        return "ERR_?";
    }
}

const char *err_sentence(int code) {
    switch (code) {
#define ERROR_SENTENCE(name, value, sentence) \
    case value:                               \
        return sentence;
        ERROR_LIST(ERROR_SENTENCE)
#undef ERROR_SENTENCE
    default:
        return "an unknown error";
    }
}

int err_from_errno(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

int error_set_v(struct error *error, int code, const char *format, va_list args) {
    if (error != NULL && error->code == OK) {
        error->code = code;
        (void)vsnprintf(error->text, sizeof error->text, format, args);
    }
    return code;
}

int error_set(struct error *error, int code, const char *format, ...) {
    va_list args;

    va_start(args, format);
    (void)error_set_v(error, code, format, args);
    va_end(args);
    return code;
}

void error_prefix(struct error *error, const char *format, ...) {
    char text[ERROR_TEXT_BYTES_MAX];
    size_t used;
    va_list args;

    if (error == NULL || error->code == OK) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, ": %s", error->text);
    memcpy(error->text, text, sizeof error->text);
}
