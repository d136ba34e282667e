#include "scheduler/secret_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/seal.h"
#include "config/file.h"

#define FILE_NAME "secrets.key"

static char *path_of(const struct secret_keys *place) {
    return place->given[0] != '\0' ? mem_copy_text(place->given)
                                   : mem_format("%s/" FILE_NAME, place->data_dir);
}

/* A mounted Secret belongs to root and to the pod's group; our own file to us alone. */
static enum file_mode forbidden(const struct secret_keys *place) {
    return place->given[0] != '\0' ? FILE_OTHERS_DO_NOT_READ : FILE_FOR_ITS_OWNER;
}

int secret_keys_read(const struct secret_keys *place, struct seal_keys *out_keys,
                     struct error *error) {
    char *path = path_of(place);
    struct problems problems = {0};
    struct buf text;
    int r;

    buf_init(&text, LIMIT_KEY_FILE_BYTES);
    r = file_read(path, forbidden(place), &text, &problems);
    if (r < 0) {
        r = error_set(error, r, "the key file %s: %s", path, problems.items[0].message);
    } else {
        r = seal_keys_parse(buf_text(&text), out_keys, error);
        error_prefix(error, "the key file %s", path);
    }
    problems_finish(&problems);
    if (text.bytes > 0) {
        seal_wipe(text.data, text.bytes);
    }
    buf_finish(&text);
    free(path);
    return r;
}

static bool write_all(int fd, const char *text) {
    size_t bytes = strlen(text);

    return write(fd, text, bytes) == (ssize_t)bytes && fsync(fd) == 0;
}

/* Under another name first: a file of this one is whole. */
static bool make_file(const char *folder, const char *path, const char *text) {
    char *part = mem_format("%s.part", path);
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd;
    bool done;

    (void)unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    done = dir >= 0 && fd >= 0 && write_all(fd, text) && rename(part, path) == 0 && fsync(dir) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (dir >= 0) {
        (void)close(dir);
    }
    free(part);
    return done;
}

static int make(const struct secret_keys *place, struct error *error) {
    unsigned char key[SEAL_KEY_BYTES];
    char *path = path_of(place);
    char *encoded;
    char *text;
    int r = OK;

    rng_secret(key, sizeof key);
    encoded = base64_encode(key, sizeof key, BASE64_USUAL);
    text = mem_format("%s\n", encoded);
    if (!make_file(place->data_dir, path, text)) {
        r = error_set(error, ERR_IO, "the key file %s can't be made: %s", path, strerror(errno));
    }
    seal_wipe(key, sizeof key);
    seal_wipe(encoded, strlen(encoded));
    seal_wipe(text, strlen(text));
    free(text);
    free(encoded);
    free(path);
    return r;
}

int secret_keys_need(const struct secret_keys *place, struct seal_keys *out_keys,
                     struct error *error) {
    struct error missing = {0};
    int r = secret_keys_read(place, out_keys, &missing);

    if (r == ERR_NOT_FOUND && place->given[0] == '\0') {
        r = make(place, error);
        return r < 0 ? r : secret_keys_read(place, out_keys, error);
    }
    return r < 0 ? error_set(error, r, "%s", missing.text) : OK;
}
