/* Command lines of spark-submit: words parted by ends of lines. What is taken has properties of
 * Spark's alone and something to run; what isn't says why. No file is read. */
#include "cli/spark_args.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

static void PRINTF_LIKE(1, 2) be_silent(const char *format, ...) {
    (void)format;
}

static size_t cut(char *text, const char *words[WORDS_MAX]) {
    size_t count = 0;

    while (count < WORDS_MAX && text != NULL) {
        words[count++] = text;
        text = strchr(text, '\n');
        if (text != NULL) {
            *text++ = '\0';
        }
    }
    return count;
}

static void check(const struct spark_args *args) {
    for (size_t i = 0; i < args->conf.count; i++) {
        ENSURE(text_starts_with(args->conf.items[i].key, "spark."));
        ENSURE(properties_get(&args->conf, args->conf.items[i].key) != NULL);
    }
    if (args->action == SPARK_SUBMIT) {
        const char *mode = properties_get(&args->conf, "spark.submit.deployMode");

        ENSURE(args->resource != NULL);
        ENSURE(mode == NULL || strcmp(mode, "cluster") == 0);
    }
    if (args->action == SPARK_KILL || args->action == SPARK_STATUS) {
        ENSURE(args->submission != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_copy_text_n((const char *)data, size);
    const char *words[WORDS_MAX];
    struct spark_source source = {.argv = words, .environment = no_environment, .warn = be_silent};
    struct spark_args args;
    struct error error = {0};

    if (strstr(text, "properties-file") == NULL) {
        source.count = cut(text, words);
        if (spark_args_parse(&source, &args, &error) == OK) {
            check(&args);
            spark_args_finish(&args);
        } else {
            ENSURE(error.code != OK && error.text[0] != '\0');
        }
    }
    free(text);
    return 0;
}
