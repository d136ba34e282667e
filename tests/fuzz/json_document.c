/* Any text, for the reader of what a cluster sends: jansson must say the same of it. */
#include <stddef.h>
#include <stdint.h>

#include "base/ensure.h"
#include "tests/fake/json_twins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ENSURE(json_twins_agree((const char *)data, size));
    return 0;
}
