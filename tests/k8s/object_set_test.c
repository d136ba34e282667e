#include "k8s/object_set.h"

#include "base/error.h"
#include "tests/test.h"

enum step_type {
    PUT,
    REMOVE,
    LIST,
    BEGIN,
    SWEEP
};

struct step {
    const char *what;
    enum step_type type;
    const char *name;
    const char *uid;
    const char *version;
    enum object_change want; /* of SWEEP: GONE, or SAME at the end */
    const char *want_uid;
};

static void play(const struct step *steps, size_t count, size_t want_count) {
    struct object_set *set = object_set_create();

    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        struct object_id id = {"ns", step->name, step->uid, step->version};
        char uid[OBJECT_UID_BYTES] = "";
        enum object_change change = OBJECT_SAME;

        if (step->type == PUT) {
            change = object_set_put(set, &id, uid);
        } else if (step->type == REMOVE) {
            change = object_set_remove(set, &id, uid);
        } else if (step->type == LIST) {
            change = object_set_list(set, &id, uid);
        } else if (step->type == BEGIN) {
            object_set_begin_list(set);
        } else if (object_set_sweep(set, &id)) {
            change = OBJECT_GONE;
            CHECK_STR(id.name, step->name, step->what);
            CHECK_STR(id.uid, step->want_uid, step->what);
        }
        CHECK_EQ(change, step->want, step->what);
        if (step->want_uid != NULL && step->type != SWEEP) {
            CHECK_STR(uid, step->want_uid, step->what);
        }
    }
    CHECK_EQ(object_set_count(set), want_count, "objects at the end");
    object_set_destroy(set);
}

TEST(object_set__makes_repeated_and_late_events_harmless) {
    static const struct step steps[] = {
        {"first seen", PUT, "a", "u1", "10", OBJECT_NEW, NULL},
        {"duplicated", PUT, "a", "u1", "10", OBJECT_SAME, NULL},
        {"newer", PUT, "a", "u1", "12", OBJECT_NEW, NULL},
        {"late", PUT, "a", "u1", "11", OBJECT_SAME, NULL},
        {"shorter is older, whatever the digits", PUT, "a", "u1", "9", OBJECT_SAME, NULL},
        {"deleted", REMOVE, "a", "u1", "13", OBJECT_GONE, "u1"},
        {"deleted again", REMOVE, "a", "u1", "13", OBJECT_SAME, NULL},
        {"a late event does not raise the dead", PUT, "a", "u1", "12", OBJECT_SAME, NULL},
        {"nor does a later one", PUT, "a", "u1", "14", OBJECT_SAME, NULL},
        {"its successor", PUT, "a", "u2", "15", OBJECT_NEW, NULL},
        {"KUBE 11: the end of the one before", REMOVE, "a", "u1", "13", OBJECT_SAME, NULL},
        {"a successor whose birth hid a death", PUT, "a", "u3", "20", OBJECT_REPLACED, "u2"},
        {"late word of the one before", PUT, "a", "u2", "16", OBJECT_SAME, NULL},
        {"the end of one whose birth was missed", REMOVE, "a", "u4", "30", OBJECT_GONE, "u3"},
        {"an end before its beginning", REMOVE, "b", "u5", "41", OBJECT_SAME, NULL},
        {"and the beginning, late", PUT, "b", "u5", "40", OBJECT_SAME, NULL},
        {"another object is not concerned", PUT, "c", "u6", "39", OBJECT_NEW, NULL},
    };

    play(steps, ARRAY_LEN(steps), 1);
}

TEST(object_set__reports_what_a_new_list_lacks) {
    static const struct step steps[] = {
        {"", BEGIN, "", "", "", OBJECT_SAME, NULL},
        {"a", LIST, "a", "u1", "10", OBJECT_NEW, NULL},
        {"b", LIST, "b", "u2", "11", OBJECT_NEW, NULL},
        {"c", LIST, "c", "u3", "12", OBJECT_NEW, NULL},
        {"d", LIST, "d", "u4", "13", OBJECT_NEW, NULL},
        {"nothing is missing", SWEEP, "", "", "", OBJECT_SAME, NULL},
        {"c ends", REMOVE, "c", "u3", "14", OBJECT_GONE, "u3"},
        {"e begins", PUT, "e", "u5", "15", OBJECT_NEW, NULL},
        {"", BEGIN, "", "", "", OBJECT_SAME, NULL},
        {"a is the same", LIST, "a", "u1", "10", OBJECT_SAME, NULL},
        {"d went back: the list is the truth", LIST, "d", "u4", "7", OBJECT_NEW, NULL},
        {"e is another", LIST, "e", "u6", "16", OBJECT_REPLACED, "u5"},
        {"b is missing", SWEEP, "b", "", "", OBJECT_GONE, "u2"},
        {"and nothing else", SWEEP, "", "", "", OBJECT_SAME, NULL},
        {"from the list's version on", PUT, "d", "u4", "8", OBJECT_NEW, NULL},
    };

    play(steps, ARRAY_LEN(steps), 3);
}

TEST(object_version_is_newer__compares_numbers_of_any_length) {
    static const struct {
        const char *a;
        const char *b;
        bool want;
    } rows[] = {
        {"2", "1", true},      {"1", "1", false},
        {"10", "9", true},     {"9", "10", false},
        {"007", "7", false},   {"99999999999999999999999999", "9999999999999999999999999", true},
        {"1", "", true},       {"abc", "9", true},
        {"abc", "abc", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(object_version_is_newer(rows[i].a, rows[i].b), rows[i].want, rows[i].a);
    }
}
