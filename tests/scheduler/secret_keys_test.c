#include "scheduler/secret_keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/seal.h"
#include "tests/test.h"

#define ONE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static void write_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");

    CHECK(file != NULL, path);
    CHECK(fputs(text, file) >= 0, path);
    CHECK_EQ(fclose(file), 0, path);
    CHECK_EQ(chmod(path, mode), 0, path);
}

TEST(secret_keys_need__makes_our_own_once) {
    const struct secret_keys place = {.data_dir = test_folder(), .given = ""};
    char *path = mem_format("%s/secrets.key", place.data_dir);
    struct seal_keys keys = {.count = 0};
    struct seal_keys again = {.count = 0};
    struct error error = {0};
    struct stat about;

    CHECK_EQ(secret_keys_read(&place, &keys, &error), ERR_NOT_FOUND, "none yet");
    CHECK_OK(secret_keys_need(&place, &keys, &error), "it is made");
    CHECK_EQ(stat(path, &about), 0, path);
    CHECK_EQ(about.st_mode & 0777, 0600, "for its owner alone");
    CHECK_OK(secret_keys_need(&place, &again, &error), "and is there");
    CHECK_STR(again.items[0].id, keys.items[0].id, "the same one");
    CHECK_EQ(unlink(path), 0, path);
    CHECK_OK(secret_keys_need(&place, &again, &error), "made anew");
    CHECK(strcmp(again.items[0].id, keys.items[0].id) != 0, "another one");
    free(path);
}

TEST(secret_keys_read__checks_who_may_read) {
    static const struct {
        const char *what;
        bool given;
        mode_t mode;
        int want;
    } rows[] = {
        {"our own", false, 0600, OK},
        {"our own, read-only", false, 0400, OK},
        {"our own, for the group too", false, 0640, ERR_DENIED},
        {"given, for the group too", true, 0440, OK},
        {"given, for the group to write", true, 0660, ERR_DENIED},
        {"given, for everybody", true, 0644, ERR_DENIED},
    };
    char *path = mem_format("%s/secrets.key", test_folder());

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct secret_keys place = {.data_dir = test_folder(),
                                          .given = rows[i].given ? path : ""};
        struct seal_keys keys = {.count = 0};
        struct error error = {0};

        (void)unlink(path);
        write_file(path, ONE, rows[i].mode);
        CHECK_EQ(secret_keys_need(&place, &keys, &error), rows[i].want, rows[i].what);
        CHECK_EQ(error.code == OK || strstr(error.text, path) != NULL, true, "the file is named");
    }
    free(path);
}

TEST(secret_keys_need__never_makes_or_mends_what_is_not_ours) {
    char *path = mem_format("%s/given.key", test_folder());
    const struct secret_keys given = {.data_dir = test_folder(), .given = path};
    const struct secret_keys nowhere = {.data_dir = "/nonexistent", .given = ""};
    struct seal_keys keys = {.count = 0};
    struct error error = {0};

    CHECK_EQ(secret_keys_need(&given, &keys, &error), ERR_NOT_FOUND, "a given file is not made");
    CHECK_EQ(access(path, F_OK), -1, "nor in passing");
    write_file(path, "rubbish\n", 0600);
    error = (struct error){0};
    CHECK_EQ(secret_keys_need(&given, &keys, &error), ERR_INVALID, "a broken one");
    error = (struct error){0};
    CHECK_EQ(secret_keys_need(&nowhere, &keys, &error), ERR_IO, "no folder");
    free(path);
}
