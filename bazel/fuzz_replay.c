/* Stands in for libFuzzer's main: runs the fuzz target once for each file named
 * on the command line, and once for no input at all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns the file's bytes in memory of exactly its size, so that ASan sees the first byte read
 * beyond it; NULL if that fails. The caller frees them. */
static uint8_t *read_file(const char *path, size_t *out_size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        goto out;
    }
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        free(data);
        data = NULL;
        goto out;
    }
    *out_size = (size_t)size;
out:
    fclose(file);
    return data;
}

int main(int argc, char **argv) {
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        size_t size = 0;
        uint8_t *data = read_file(argv[i], &size);

        if (data == NULL) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        /* Before the call: a crash is this input's. */
        printf("replaying %s (%zu bytes)\n", argv[i], size);
        fflush(stdout);
        (void)LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    puts("test ok: every input of the corpus");
    return EXIT_SUCCESS;
}
