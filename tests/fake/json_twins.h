/* tests/fake/json_twins.h - k8s/json_document.h and jansson, given the same text. */
#ifndef TESTS_FAKE_JSON_TWINS_H
#define TESTS_FAKE_JSON_TWINS_H

#include <stdbool.h>
#include <stddef.h>

/* True when both refuse it, or both take it and find the same in it. Text of jansson's that is
 * deeper than a document may be is refused by one of them alone. */
bool json_twins_agree(const char *text, size_t bytes);

#endif
