#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"

int input_read(const char *path, struct buf *out) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char bytes[16384];
    size_t count;
    int status = CLI_OK;

    if (file == NULL) {
        cli_complain("%s: %s", path, strerror(errno));
        return errno == ENOENT ? CLI_NOT_FOUND : CLI_REFUSED;
    }
    while (!out->full && (count = fread(bytes, 1, sizeof bytes, file)) > 0) {
        buf_add(out, bytes, count);
    }
    if (ferror(file) != 0) {
        cli_complain("%s: %s", path, strerror(errno));
        status = CLI_REFUSED;
    } else if (out->full) {
        cli_complain("%s: larger than %zu KiB", path, out->bytes_max / LIMIT_KIB);
        status = CLI_REFUSED;
    }
    if (file != stdin) {
        (void)fclose(file);
    }
    return status;
}

const char *input_name(const char *path) {
    const char *slash = strrchr(path, '/');

    if (strcmp(path, "-") == 0) {
        return "stdin";
    }
    return strlen(path) <= LIMIT_NAME_BYTES || slash == NULL ? path : slash + 1;
}

const char *input_type(const char *path) {
    return text_ends_with(path, ".json") ? "application/json" : "application/yaml";
}
