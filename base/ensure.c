#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>

void ensure_failed(const char *condition, const char *file, int line) {
    (void)fprintf(stderr, "%s:%d: bug: ENSURE(%s) does not hold\n", file, line, condition);
    abort();
}
