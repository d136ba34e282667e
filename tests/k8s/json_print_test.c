#include "k8s/json_print.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "tests/test.h"

/* False when it is no JSON. */
static bool compare(json_t *tree, const char *what) {
    struct buf printed;
    char *dumped;

    if (tree == NULL) {
        return false;
    }
    buf_init(&printed, 1 << 20);
    json_print_add(&printed, tree);
    dumped = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
    CHECK_STR(buf_text(&printed), dumped, what);
    free(dumped);
    buf_finish(&printed);
    json_decref(tree);
    return true;
}

TEST(json_print_add__prints_what_jansson_does) {
    static const char *const rows[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "\"\"",
        "[{},[],{\"a\":[1,-2,9223372036854775807,-9223372036854775808]},null,true,false]",
        "[0.5,1e300,-1.25e-10,3.0,0.1]",
        "{\"\":\"\",\"a\\\"b\":\"\\\"\\\\/\\b\\f\\n\\r\\t\",\"\\u0001\":\"\\u001f\\u007f\"}",
        "[\"a long text, with an escape \\n somewhere behind the first word\",\"\\n\\n\\nend\"]",
        "[\"\\u00e9\\u20ac\\ud83d\\ude00\"]",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(compare(json_loads(rows[i], JSON_DECODE_ANY, NULL), rows[i]), rows[i]);
    }
}

static size_t compare_folder(const char *folder) {
    DIR *directory = opendir(folder);
    size_t count = 0;
    struct dirent *entry;

    CHECK(directory != NULL, folder);
    while ((entry = readdir(directory)) != NULL) {
        char path[512];

        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            count += compare(json_load_file(path, 0, NULL), path) ? 1 : 0;
        }
    }
    (void)closedir(directory);
    return count;
}

TEST(json_print_add__prints_recorded_objects_as_jansson_does) {
    CHECK(compare_folder("tests/fixtures/kube") >= 5, "recorded objects");
    CHECK(compare_folder("tests/fuzz/corpus/cluster_object") >= 3, "a fuzzer's");
    CHECK(compare_folder("tests/fuzz/corpus/json_document") >= 2, "escapes");
}
