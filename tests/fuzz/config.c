/* nightshift.yaml: never a crash, and what is taken prints as a file that means the same. */
#include "config/config.h"

#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(const struct config *config) {
    struct problems problems = {0};
    struct config again;
    struct buf first;
    struct buf second;
    int result;

    buf_init(&first, LIMIT_MIB);
    buf_init(&second, LIMIT_MIB);
    config_print(config, &first);
    result = config_parse(buf_text(&first), first.bytes, &again, &problems);
    ENSURE(result == OK);
    config_print(&again, &second);
    ENSURE(strcmp(buf_text(&first), buf_text(&second)) == 0);
    config_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct problems problems = {0};
    struct config config = {0};

    if (config_parse((const char *)data, size, &config, &problems) == OK) {
        check_print(&config);
    }
    config_finish(&config);
    problems_finish(&problems);
    return 0;
}
