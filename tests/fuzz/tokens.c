/* The tokens file: never a crash, and every token taken has a user. */
#include "config/tokens.h"

#include <stdint.h>

#include "base/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct problems problems = {0};
    struct token_list list = {0};

    if (token_list_parse((const char *)data, size, &list, &problems) == OK) {
        for (size_t i = 0; i < list.count; i++) {
            ENSURE(list.items[i].user != NULL);
        }
    } else {
        ENSURE(problems.count > 0);
    }
    token_list_finish(&list);
    problems_finish(&problems);
    return 0;
}
