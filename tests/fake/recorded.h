/* tests/fake/recorded.h - the answer of a recorded exchange in tests/fixtures/kube. */
#ifndef TESTS_FAKE_RECORDED_H
#define TESTS_FAKE_RECORDED_H

#include <stdbool.h>
#include <stddef.h>

/* Owned: recorded_finish(). */
struct recorded {
    int status;
    char *head; /* lines with \r\n, without Content-Length and Connection */
    char *body;
    char *retry_after; /* the header's value, or NULL */
    bool chunked;
};

/* name without folder and ".http". The test must have //tests/fixtures/kube in its data. */
struct recorded recorded_load(const char *name);
void recorded_finish(struct recorded *recorded);

#endif
