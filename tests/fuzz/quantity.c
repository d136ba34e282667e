/* Quantities: the canonical text is its own canonical text and means the same. */
#include "base/quantity.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text) {
    char canonical[QUANTITY_BYTES_MAX];
    char again[QUANTITY_BYTES_MAX];
    int64_t value = 0;
    int64_t same = 0;

    if (quantity_parse_milli(text, &value) == OK) {
        quantity_print_milli(value, again);
        ENSURE(quantity_parse_milli(again, &same) == OK);
        ENSURE(same == value);
    }
    if (quantity_canonical(text, canonical) != OK) {
        return;
    }
    ENSURE(quantity_canonical(canonical, again) == OK);
    ENSURE(strcmp(canonical, again) == 0);
    if (quantity_parse_units(text, &value) == OK) {
        ENSURE(quantity_parse_units(canonical, &same) == OK);
        ENSURE(same == value);
        quantity_print_bytes(value, again);
        ENSURE(quantity_parse_units(again, &same) == OK);
        ENSURE(same == value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_copy_text_n((const char *)data, size);

    check(text);
    free(text);
    return 0;
}
