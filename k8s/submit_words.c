#include "k8s/submit_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A part of a text, not ended by NUL. */
struct part {
    const char *at;
    size_t bytes;
};

static struct part line_at(const char *text) {
    return (struct part){text, strcspn(text, "\r\n")};
}

static const char *next_line(const char *text) {
    text += strcspn(text, "\n");
    return *text == '\n' ? text + 1 : NULL;
}

static bool begins(struct part part, const char *prefix) {
    return strncmp(part.at, prefix, strlen(prefix)) == 0;
}

/* Where word stands in the part, or NULL. */
static const char *find(struct part part, const char *word) {
    return memmem(part.at, part.bytes, word, strlen(word));
}

static struct part from(struct part part, const char *at) {
    return (struct part){at, part.bytes - (size_t)(at - part.at)};
}

static struct part until(struct part part, const char *word) {
    const char *at = find(part, word);

    return at == NULL ? part : (struct part){part.at, (size_t)(at - part.at)};
}

/* The line that says why: an exception's, or what spark-submit says of its arguments. */
static struct part telling_line(const char *text) {
    static const char *const beginnings[] = {"Exception in thread", "Error:", "org.apache.spark."};

    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        for (const char *at = text; at != NULL; at = next_line(at)) {
            if (begins(line_at(at), beginnings[i])) {
                return line_at(at);
            }
        }
    }
    return (struct part){NULL, 0};
}

/* The innermost cause; empty: none is told. */
static struct part last_cause(const char *text) {
    static const char word[] = "Caused by: ";
    struct part cause = {NULL, 0};

    for (const char *at = text; at != NULL; at = next_line(at)) {
        if (begins(line_at(at), word)) {
            cause = from(line_at(at), at + strlen(word));
        }
    }
    return cause;
}

/* Without the class of the exception, and without what fabric8 wraps around the server's words. */
static struct part sentence_of(struct part line) {
    const char *message = find(line, ". Message: ");
    const char *colon = find(line, ": ");

    if (message != NULL) {
        return until(from(line, message + strlen(". Message: ")), ". Received status: ");
    }
    return begins(line, "Exception in thread") && colon != NULL ? from(line, colon + 2) : line;
}

static void print(struct part sentence, struct part cause, char *out, size_t room) {
    const bool is_told =
        cause.bytes == 0 || memmem(sentence.at, sentence.bytes, cause.at, cause.bytes) != NULL;

    if (!is_told && sentence.bytes > 0 && sentence.at[sentence.bytes - 1] == '.') {
        sentence.bytes--;
    }
    (void)snprintf(out, room, "%.*s%s%.*s", (int)sentence.bytes, sentence.at, is_told ? "" : ": ",
                   is_told ? 0 : (int)cause.bytes, is_told ? "" : cause.at);
    while (out[0] != '\0' && strchr(" \r\n", out[strlen(out) - 1]) != NULL) {
        out[strlen(out) - 1] = '\0';
    }
}

/* fabric8 prints the Status that it got. 0: there is none. */
static int status_code(const char *text) {
    static const char word[] = "code=";
    const char *at = strstr(text, word);

    return at == NULL ? 0 : atoi(at + strlen(word));
}

static bool has_one_of(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum submit_failure class_of(const char *text) {
    static const char *const passing[] = {
        "java.net.", "java.io.IOException",       "Connection re",  "TimeoutException",
        "timed out", "context deadline exceeded", "signal: killed",
    };
    const int code = status_code(text);

    if (strstr(text, "exceeded quota") != NULL) {
        return SUBMIT_QUOTA;
    }
    if (strstr(text, "driver pod already exist") != NULL) {
        return SUBMIT_POD_EXISTS;
    }
    if (code == 409 || code == 429 || code >= 500) {
        return SUBMIT_PASSING;
    }
    return code == 0 && has_one_of(text, passing, ARRAY_LEN(passing)) ? SUBMIT_PASSING
                                                                      : SUBMIT_REFUSED;
}

enum submit_failure submit_words_read(const char *text,
                                      char out_sentence[LIMIT_MESSAGE_BYTES + 1]) {
    struct part line = telling_line(text);
    struct part cause = {NULL, 0};

    if (line.at == NULL) {
        line = (struct part){text, strlen(text)};
    } else if (find(line, ". Message: ") == NULL) {
        cause = last_cause(text);
    }
    print(sentence_of(line), cause, out_sentence, LIMIT_MESSAGE_BYTES + 1);
    return class_of(text);
}
