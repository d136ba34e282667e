/* Stored logs: any bytes in the place of a log, or of one that was not finished; and the resuming
 * of a log, against what it should be. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/log_resume.h"
#include "base/memory.h"
#include "scheduler/log_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_BYTES_MAX (1 << 20)

static void write_file(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "we");

    ENSURE(file != NULL);
    ENSURE(fwrite(data, 1, size, file) == size);
    ENSURE(fclose(file) == 0);
}

static void check_file(const uint8_t *data, size_t size) {
    char folder[] = "/dev/shm/stored-log-XXXXXX";
    char path[64];
    char part[64];
    struct buf text;
    int64_t bytes;

    ENSURE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/log", folder);
    (void)snprintf(part, sizeof part, "%s" LOG_FILE_PART, path);
    buf_init(&text, TEXT_BYTES_MAX);
    write_file(path, data, size);
    (void)!log_file_read(path, &text);
    ENSURE(unlink(path) == 0);
    write_file(part, data, size);
    if (log_file_salvage(path, &bytes) == OK) {
        struct stat info;

        ENSURE(stat(path, &info) == 0 && info.st_size == bytes);
        ENSURE(unlink(path) == 0);
    }
    ENSURE(access(part, F_OK) != 0 && rmdir(folder) == 0);
    buf_finish(&text);
}

/* One log that grows, over connections that break wherever the input says. */
static void check_resume(const uint8_t *data, size_t size) {
    struct log_resume resume = {.taken = 0};
    size_t out = 0;

    for (size_t i = 0; i < size; i++) {
        size_t end = size * (data[i] + 1u) / 256;

        log_resume_again(&resume);
        for (size_t at = 0; at < end;) {
            size_t count = 1 + data[(at + i) % size] % (end - at);
            size_t skip = log_resume_skip(&resume, (const char *)data + at, count);

            ENSURE(skip <= count && !log_resume_take_gap(&resume));
            ENSURE(skip == count || at + skip == out); /* The very next byte. */
            out += count - skip;
            at += count;
        }
        out = out > end ? out : end;
        ENSURE(out == resume.taken);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) {
        check_file(data, size);
        check_resume(data, size < 200 ? size : 200);
    }
    return 0;
}
