#include "base/memory.h"

#include <stdlib.h>

#include "tests/test.h"

TEST(mem_join__says_what_formatting_does) {
    static const char *const rows[][2] = {{"", ""}, {"a", ""}, {"", "b"}, {"team-a", "pod-1"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *joined = mem_join(rows[i][0], rows[i][1]);
        char *formatted = mem_format("%s/%s", rows[i][0], rows[i][1]);

        CHECK_STR(joined, formatted, "joined");
        free(joined);
        free(formatted);
    }
}
