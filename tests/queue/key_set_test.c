#include "queue/key_set.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static void add(struct key_set *set, const char *key, int64_t at_us) {
    key_set_add(set, key, strlen(key), at_us);
}

static bool may_have(const struct key_set *set, const char *key) {
    return key_set_may_have(set, key, strlen(key));
}

TEST(key_set__never_denies_a_key_that_was_added) {
    struct key_set set = {0};
    size_t mistaken = 0;
    char key[32];

    CHECK(!may_have(&set, "anything"), "nothing is there");
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i % 15000); /* Some come twice. */
        add(&set, key, i);
    }
    CHECK_EQ(set.young.count, 15000, "each once");
    for (int i = 0; i < 15000; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        CHECK(may_have(&set, key), key);
        (void)snprintf(key, sizeof key, "other-%d", i);
        mistaken += may_have(&set, key);
    }
    CHECK_EQ(mistaken, 0, "of 15,000 others none has the same 64 bits");
    key_set_finish(&set);
}

TEST(key_set__forgets_what_the_store_has_dropped) {
    static const struct {
        const char *what;
        const char *add; /* a key, at the row's instant */
        int64_t at_us;
        int64_t expire_us; /* then, unless 0 */
        const char *has;   /* separated by blanks */
        const char *lacks;
    } rows[] = {
        {"one is added", "a", 100, 0, "a", "b"},
        {"and kept while the store has it", "b", 200, 90, "a b", "c"},
        {"the next is younger", "c", 300, 100, "a b c", "d"},
        {"as long as one of its age is there", "d", 400, 200, "a b c d", "e"},
        {"the elder ones go together", "e", 500, 201, "c d e", "a b"},
        {"the younger are the elder now", "f", 600, 500, "c d e f", "a b"},
        {"and go as well", "g", 700, 501, "f g", "a b c d e"},
    };
    struct key_set set = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        char *rest;

        add(&set, rows[i].add, rows[i].at_us);
        if (rows[i].expire_us != 0) {
            key_set_expire(&set, rows[i].expire_us);
        }
        (void)snprintf(text, sizeof text, "%s", rows[i].has);
        for (char *key = strtok_r(text, " ", &rest); key != NULL;
             key = strtok_r(NULL, " ", &rest)) {
            CHECK(may_have(&set, key), rows[i].what);
        }
        (void)snprintf(text, sizeof text, "%s", rows[i].lacks);
        for (char *key = strtok_r(text, " ", &rest); key != NULL;
             key = strtok_r(NULL, " ", &rest)) {
            CHECK(!may_have(&set, key), rows[i].what);
        }
    }
    key_set_finish(&set);
}
