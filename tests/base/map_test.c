#include "base/map.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/test.h"

TEST(map__keeps_texts_in_the_order_they_came) {
    static const char *const keys[] = {"driver", "executor", "", "a much longer key than the rest"};
    struct map map = {0};
    struct map_entry *entry;
    size_t at = 0;
    size_t seen = 0;
    int values[ARRAY_LEN(keys)];

    CHECK_EQ(map_get(&map, "driver"), NULL, "an empty map has nothing");
    CHECK_EQ(map_remove(&map, "driver"), NULL, "and nothing to remove");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CHECK_EQ(map_put(&map, keys[i], &values[i]), NULL, keys[i]);
        map_verify(&map);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CHECK_EQ(map_get(&map, keys[i]), &values[i], keys[i]);
    }
    CHECK_EQ(map_get(&map, "drive"), NULL, "a prefix is another key");
    while ((entry = map_next(&map, &at)) != NULL) {
        CHECK_STR(entry->text, keys[seen], "insertion order");
        CHECK(entry->text != keys[seen], "the key is copied");
        seen++;
    }
    CHECK_EQ(seen, ARRAY_LEN(keys), "all seen");
    map_finish(&map);
    CHECK_EQ(map.count, 0, "finished is empty");
    map_finish(&map);
    map_finish(NULL);
}

TEST(map__replaces_and_removes) {
    struct map map = {0};
    int one;
    int two;

    CHECK_EQ(map_put(&map, "a", &one), NULL, "new");
    CHECK_EQ(map_put(&map, "a", &two), &one, "the old value comes back");
    CHECK_EQ(map.count, 1, "replaced, not added");
    CHECK_EQ(map_remove(&map, "a"), &two, "removed");
    CHECK_EQ(map_remove(&map, "a"), NULL, "only once");
    CHECK_EQ(map_get(&map, "a"), NULL, "gone");
    CHECK_EQ(map_put(&map, "a", &one), NULL, "back again");
    map_verify(&map);
    map_finish(&map);
}

TEST(map_next__allows_removing_what_it_returned) {
    struct map map = {0};
    struct map_entry *entry;
    size_t at = 0;
    int value;

    for (uint64_t id = 0; id < 100; id++) {
        (void)map_put_id(&map, id, &value);
    }
    while ((entry = map_next(&map, &at)) != NULL) {
        if (entry->id % 3 != 0) {
            CHECK_EQ(map_remove_id(&map, entry->id), &value, "present");
        }
    }
    CHECK_EQ(map.count, 34, "a third stays");
    map_verify(&map);
    map_finish(&map);
}

#define IDS 257

/* Against an array that needs no cleverness; ids collide in their low bits. */
TEST(map__agrees_with_an_array) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static int things[IDS];
        void *want[IDS] = {0};
        struct map map = {0};
        struct rng rng;
        size_t count = 0;

        rng_init(&rng, seed);
        for (int step = 0; step < 5000; step++) {
            const size_t i = rng_below(&rng, IDS);
            const uint64_t id = (uint64_t)i << 32;

            if (rng_below(&rng, 2) == 0) {
                CHECK_EQ(map_put_id(&map, id, &things[i]), want[i], "put gives the old");
                count += want[i] == NULL;
                want[i] = &things[i];
            } else {
                CHECK_EQ(map_remove_id(&map, id), want[i], "remove gives the old");
                count -= want[i] != NULL;
                want[i] = NULL;
            }
            CHECK_EQ(map.count, count, "count");
        }
        map_verify(&map);
        for (size_t i = 0; i < IDS; i++) {
            CHECK_EQ(map_get_id(&map, (uint64_t)i << 32), want[i], "get");
        }
        map_finish(&map);
    }
}

/* A queue: put at the end, remove the oldest. Holes must not pile up. */
TEST(map__stays_small_when_used_as_a_queue) {
    struct map map = {0};
    int value;

    for (uint64_t id = 0; id < 100000; id++) {
        (void)map_put_id(&map, id, &value);
        if (id >= 10) {
            CHECK_EQ(map_remove_id(&map, id - 10), &value, "the oldest");
        }
    }
    CHECK_EQ(map.count, 10, "ten left");
    CHECK(map.entry_room <= 32, "the holes are reused");
    map_verify(&map);
    map_finish(&map);
}

TEST(map_seek_id__goes_on_behind_an_id) {
    struct map map = {0};
    int value = 0;

    for (uint64_t id = 2; id <= 200; id += 2) {
        (void)map_put_id(&map, id, &value);
    }
    for (uint64_t id = 50; id <= 150; id += 2) {
        (void)map_remove_id(&map, id);
    }
    for (uint64_t id = 0; id <= 201; id++) {
        uint64_t want = id < 48    ? id - id % 2 + 2
                        : id < 152 ? (id < 48 ? 48 : 152)
                                   : id - id % 2 + 2;
        size_t at = map_seek_id(&map, id);
        const struct map_entry *entry = map_next(&map, &at);

        if (want > 200) {
            CHECK(entry == NULL, "nothing is behind the last");
        } else {
            CHECK(entry != NULL, "there is one");
            CHECK_EQ(entry->id, want, "the next one that is there");
        }
    }
    map_finish(&map);
}
