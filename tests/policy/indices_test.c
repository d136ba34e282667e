#include "policy/indices.h"

#include "base/buf.h"
#include "tests/test.h"

TEST(indices_parse__takes_what_Slurm_users_write_and_says_what_is_wrong) {
    static const struct {
        const char *text;
        uint64_t count; /* 0: refused */
        uint32_t running_max;
        const char *again; /* how it is written, or the complaint */
    } rows[] = {
        {"0-999%50", 1000, 50, "0-999%50"},
        {"7", 1, 0, "7"},
        {"0-10:2,20", 7, 0, "0-10:2,20"},
        {"0-9:4", 3, 0, "0-8:4"},
        {"3-3", 1, 0, "3"},
        {"5-6:9", 1, 0, "5"},
        {"1,3,5%1", 3, 1, "1,3,5%1"},
        {"0-999999999", 1000000000, 0, "0-999999999"},
        {"", 0, 0, "an index of up to nine digits is missing at \"\""},
        {"-3", 0, 0, "an index of up to nine digits is missing at \"-3\""},
        {"1000000000", 0, 0, "an index of up to nine digits is missing at \"1000000000\""},
        {"1-", 0, 0, "the last index of a range is missing at \"\""},
        {"1-5:0", 0, 0, "a step is a number above 0, at \"\""},
        {"5-1", 0, 0, "the range 5-1 goes down"},
        {"1-5,5", 0, 0, "5 stands behind 5; indices ascend, each once"},
        {"9,3", 0, 0, "3 stands behind 9; indices ascend, each once"},
        {"0-9%0", 0, 0, "behind % stands how many elements may run at once, from 1"},
        {"0-9%", 0, 0, "behind % stands how many elements may run at once, from 1"},
        {"0-9x", 0, 0, "can't be read from \"x\" on; write it like 0-999%50"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct indices indices = {.count = 0};
        struct error error = {0};
        struct buf again;
        int r = indices_parse(rows[i].text, &indices, &error);

        CHECK_EQ(r, rows[i].count > 0 ? OK : ERR_INVALID, rows[i].text);
        CHECK_EQ(indices.count, rows[i].count, rows[i].text);
        CHECK_EQ(indices.running_max, rows[i].running_max, rows[i].text);
        buf_init(&again, INDICES_TEXT_BYTES);
        indices_print(&indices, &again);
        CHECK_STR(r == OK ? buf_text(&again) : error.text, rows[i].again, rows[i].text);
        buf_finish(&again);
    }
}

TEST(indices_at__and_find_agree_on_every_place) {
    static const char *const texts[] = {"0-20", "3-17:2,20,30-39:3", "0,2,4-9"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct indices indices;
        struct error error = {0};
        int64_t before = -1;
        uint64_t found = 0;

        CHECK_OK(indices_parse(texts[i], &indices, &error), texts[i]);
        for (uint64_t place = 0; place < indices.count; place++) {
            int64_t index = indices_at(&indices, place);
            uint64_t back = 0;

            CHECK(index > before, "they ascend");
            CHECK(indices_find(&indices, index, &back), "each is found");
            CHECK_EQ(back, place, "at its place");
            before = index;
        }
        for (int64_t index = 0; index < 60; index++) {
            uint64_t place;

            found += indices_find(&indices, index, &place);
        }
        CHECK_EQ(found, indices.count, "and no others");
    }
}

TEST(indices_add__makes_ranges_of_what_comes_one_after_the_other) {
    struct indices indices = {.count = 0};
    struct buf text;

    for (int64_t index = 0; index < 5; index++) {
        CHECK(indices_add(&indices, index), "in a row");
    }
    CHECK(indices_add(&indices, 9), "behind a gap");
    buf_init(&text, INDICES_TEXT_BYTES);
    indices_print(&indices, &text);
    CHECK_STR(buf_text(&text), "0-4,9", "two ranges");
    buf_finish(&text);
    for (uint32_t i = 2; i < INDICES_RANGES_MAX; i++) {
        CHECK(indices_add(&indices, 10 * (int64_t)i), "up to the most");
    }
    CHECK(!indices_add(&indices, 100000), "and no more");
}
