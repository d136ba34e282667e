/* Java's property files, as spark-submit reads them. */
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "cli/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_copy_text_n((const char *)data, size);
    struct properties properties = {0};
    struct error error = {0};

    if (properties_parse(text, &properties, &error) != OK) {
        ENSURE(error.code != OK);
    }
    for (size_t i = 0; i < properties.count; i++) {
        ENSURE(properties_get(&properties, properties.items[i].key) == properties.items[i].value);
    }
    properties_finish(&properties);
    free(text);
    return 0;
}
