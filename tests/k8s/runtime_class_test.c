#include "k8s/runtime_class.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "tests/test.h"

static struct json_t *parse(const char *text) {
    json_t *root = json_loads(text, 0, NULL);

    CHECK(root != NULL, text);
    return root;
}

static void put(struct runtime_classes *classes, const char *name, const char *json) {
    struct field_error error = {0};

    CHECK_OK(runtime_classes_put(classes, name, json, strlen(json), &error), name);
}

static struct runtime_classes *make(enum runtime_classes_state state) {
    struct runtime_classes *classes = runtime_classes_create();

    runtime_classes_set_state(classes, state);
    put(classes, "gvisor",
        "{\"overhead\":{\"podFixed\":{\"cpu\":\"250m\",\"memory\":\"64Mi\"}},"
        "\"scheduling\":{\"nodeSelector\":{\"sandbox\":\"yes\"},"
        "\"tolerations\":[{\"key\":\"sandbox\",\"operator\":\"Exists\"}]}}");
    put(classes, "nvidia", "{\"handler\":\"nvidia\"}");
    return classes;
}

TEST(runtime_class_admit__does_what_admission_does) {
    static const struct {
        const char *what;
        enum runtime_classes_state state;
        const char *spec;
        const char *want; /* NULL: refused */
        const char *path;
    } rows[] = {
        {"no class", RUNTIME_CLASSES_KNOWN, "{\"a\":1}", "{\"a\":1}", NULL},
        {"a class of an overhead", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"gvisor\",\"nodeSelector\":{\"zone\":\"a\"},"
         "\"tolerations\":[{\"key\":\"x\"}]}",
         "{\"runtimeClassName\":\"gvisor\",\"nodeSelector\":{\"zone\":\"a\",\"sandbox\":\"yes\"},"
         "\"tolerations\":[{\"key\":\"x\"},{\"key\":\"sandbox\",\"operator\":\"Exists\"}],"
         "\"overhead\":{\"cpu\":\"250m\",\"memory\":\"64Mi\"}}",
         NULL},
        {"a class of none", RUNTIME_CLASSES_KNOWN, "{\"runtimeClassName\":\"nvidia\"}",
         "{\"runtimeClassName\":\"nvidia\",\"overhead\":{}}", NULL},
        {"told as it is, in other words", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"gvisor\",\"overhead\":{\"cpu\":\"0.25\",\"memory\":\"65536Ki\"}}",
         "{\"runtimeClassName\":\"gvisor\",\"overhead\":{\"cpu\":\"0.25\",\"memory\":\"65536Ki\"},"
         "\"nodeSelector\":{\"sandbox\":\"yes\"},"
         "\"tolerations\":[{\"key\":\"sandbox\",\"operator\":\"Exists\"}]}",
         NULL},
        {"told otherwise", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"gvisor\",\"overhead\":{\"cpu\":\"300m\",\"memory\":\"64Mi\"}}",
         NULL, "overhead"},
        {"told in part", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"gvisor\",\"overhead\":{\"cpu\":\"250m\"}}", NULL, "overhead"},
        {"told where there is none", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"nvidia\",\"overhead\":{\"cpu\":\"1\"}}", NULL, "overhead"},
        {"told of another node", RUNTIME_CLASSES_KNOWN,
         "{\"runtimeClassName\":\"gvisor\",\"nodeSelector\":{\"sandbox\":\"no\"}}", NULL,
         "nodeSelector"},
        {"no such class", RUNTIME_CLASSES_KNOWN, "{\"runtimeClassName\":\"kata\"}", NULL,
         "runtimeClassName"},
        {"unknown, and told", RUNTIME_CLASSES_UNKNOWN,
         "{\"runtimeClassName\":\"kata\",\"overhead\":{\"cpu\":\"1\"}}",
         "{\"runtimeClassName\":\"kata\",\"overhead\":{\"cpu\":\"1\"}}", NULL},
        {"unknown, and not told", RUNTIME_CLASSES_UNKNOWN, "{\"runtimeClassName\":\"kata\"}", NULL,
         "runtimeClassName"},
        {"accepted before, and not told", RUNTIME_CLASSES_ACCEPTED,
         "{\"runtimeClassName\":\"kata\"}", "{\"runtimeClassName\":\"kata\",\"overhead\":{}}",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct runtime_classes *classes = make(rows[i].state);
        json_t *spec = parse(rows[i].spec);
        json_t *before = json_deep_copy(spec);
        json_t *after = NULL;
        struct json_at at = json_at_root(spec);
        struct field_error error = {0};
        const int r = runtime_class_admit(classes, &at, &after, &error);

        CHECK_EQ(r, rows[i].want != NULL ? OK : ERR_INVALID, rows[i].what);
        CHECK(json_equal(spec, before), "the spec itself stays as it is");
        if (r == OK) {
            json_t *want = parse(rows[i].want);

            CHECK(json_equal(after, want), rows[i].what);
            json_decref(want);
        } else {
            CHECK_STR(error.path, rows[i].path, rows[i].what);
        }
        json_decref(after);
        json_decref(before);
        json_decref(spec);
        runtime_classes_destroy(classes);
    }
}

TEST(runtime_classes__forget_what_is_gone) {
    struct runtime_classes *classes = make(RUNTIME_CLASSES_KNOWN);
    json_t *spec = parse("{\"runtimeClassName\":\"nvidia\"}");
    json_t *after = NULL;
    struct json_at at = json_at_root(spec);
    struct field_error error = {0};

    runtime_classes_remove(classes, "nvidia");
    runtime_classes_remove(classes, "nobody");
    CHECK_EQ(runtime_class_admit(classes, &at, &after, &error), ERR_INVALID, "it is gone");
    CHECK_EQ(runtime_classes_put(classes, "bad", "[", 1, &error), ERR_INVALID, "not an object");
    json_decref(spec);
    runtime_classes_destroy(classes);
}

TEST(runtime_classes_put__bounds_how_many_there_are) {
    struct runtime_classes *classes = runtime_classes_create();
    struct field_error error = {0};
    char name[32];

    for (int i = 0; i < LIMIT_RUNTIME_CLASSES; i++) {
        (void)snprintf(name, sizeof name, "class-%d", i);
        put(classes, name, "{}");
    }
    CHECK_EQ(runtime_classes_put(classes, "more", "{}", 2, &error), ERR_FULL, "one more");
    CHECK_STR(error.error.text, "more than 1000 RuntimeClasses", "with the number");
    put(classes, "class-0", "{\"handler\":\"runc\"}");
    runtime_classes_remove(classes, "class-1");
    put(classes, "more", "{}");
    runtime_classes_destroy(classes);
}

/* At a start: what was counted at the submission is counted again, and nothing is refused. */
TEST(runtime_class_admit__takes_what_was_admitted_before) {
    static const struct {
        const char *what;
        const char *spec;
        const char *want;
    } rows[] = {
        {"a class that is remembered", "{\"runtimeClassName\":\"gvisor\"}", "250m"},
        {"another overhead: the class has changed",
         "{\"runtimeClassName\":\"gvisor\",\"overhead\":{\"cpu\":\"1\"}}", "1"},
        {"one that is not known any more", "{\"runtimeClassName\":\"gone\"}", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct runtime_classes *classes = make(RUNTIME_CLASSES_ACCEPTED);
        json_t *spec = parse(rows[i].spec);
        const struct json_at at = json_at_root(spec);
        struct field_error error = {0};
        json_t *after = NULL;
        const json_t *cpu;

        CHECK_OK(runtime_class_admit(classes, &at, &after, &error), rows[i].what);
        cpu = json_object_get(json_object_get(after, "overhead"), "cpu");
        if (rows[i].want == NULL) {
            CHECK(cpu == NULL, rows[i].what);
        } else {
            CHECK_STR(json_string_value(cpu), rows[i].want, rows[i].what);
        }
        json_decref(after);
        json_decref(spec);
        runtime_classes_destroy(classes);
    }
}
