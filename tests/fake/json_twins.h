/* tests/fake/json_twins.h - k8s/json_document.h and jansson, given the same text. */
#ifndef TESTS_FAKE_JSON_TWINS_H
#define TESTS_FAKE_JSON_TWINS_H

#include <stdbool.h>
#include <stddef.h>

/* True when both refuse it, or both take it and find the same in it. Two things one of them refuses
 * alone: text deeper than a document may be, and a NUL, which jansson overlooks behind a word. */
bool json_twins_agree(const char *text, size_t bytes);

#endif
