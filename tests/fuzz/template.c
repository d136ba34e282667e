/* Pod templates that a command line names: what is taken prints as JSON, and reads as itself. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/ensure.h"
#include "base/error.h"
#include "cli/spark_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char folder[] = "/dev/shm/template-XXXXXX";
    struct error error = {0};
    json_t *template = NULL;
    char path[64];
    FILE *file;

    ENSURE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/pod.yaml", folder);
    file = fopen(path, "we");
    ENSURE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    if (spark_template_read(path, &template, &error) == OK) {
        char *text = json_dumps(template, JSON_COMPACT);
        json_t *again = json_loads(text, 0, NULL);

        ENSURE(json_equal(template, again));
        json_decref(again);
        json_decref(template);
        free(text);
    } else {
        ENSURE(error.code != OK && error.text[0] != '\0');
    }
    ENSURE(unlink(path) == 0 && rmdir(folder) == 0);
    return 0;
}
