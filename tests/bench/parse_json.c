/* parse_json FILE SECONDS: how often a second jansson, which has the daemon's JSON, parses the text
 * of the file. Nothing is done with what it says. */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"

#define BYTES_MAX ((size_t)64 << 20)

int main(int argc, char **argv) {
    char *text = mem_alloc(BYTES_MAX, 1);
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    int64_t start_us, end_us;
    size_t bytes;
    size_t count = 0;

    if (file == NULL) {
        (void)fputs("usage: parse_json FILE SECONDS\n", stderr);
        return 2;
    }
    bytes = fread(text, 1, BYTES_MAX, file);
    start_us = clock_sample().mono_us;
    end_us = start_us + (int64_t)(strtod(argv[2], NULL) * 1e6);
    while (clock_sample().mono_us < end_us || count == 0) {
        json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);

        ENSURE(json != NULL);
        json_decref(json);
        count++;
    }
    (void)printf("%.3f\n", (double)count * 1e6 / (double)(clock_sample().mono_us - start_us));
    (void)fclose(file);
    free(text);
    return 0;
}
