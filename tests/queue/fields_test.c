#include "queue/fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "queue/fields_walk.h"
#include "tests/test.h"

enum colour {
    RED,
    GREEN,
    COLOUR_COUNT,
};

struct sample {
    int64_t begun_us;
    int64_t ended_us;
    int64_t looked_us;
    const char *text;
    bool set;
    enum colour colour;
    uint32_t small;
    int32_t either;
    uint64_t large;
    int64_t widest;
    const char *long_text;
    uint32_t count;
    int64_t series[4];
    unsigned char bytes[3];
};

static const struct field rows[] = {
    FIELD(1, FIELD_I64, struct sample, begun_us),
    FIELD_TIME(2, struct sample, ended_us, begun_us, 0),
    FIELD_TIME(3, struct sample, looked_us, begun_us, FIELD_AS_BASE),
    FIELD(4, FIELD_TEXT, struct sample, text),
    FIELD(5, FIELD_BOOL, struct sample, set),
    FIELD_BOUND(6, FIELD_ENUM, struct sample, colour, COLOUR_COUNT),
    FIELD_UNLESS(7, FIELD_U32, struct sample, small, 3),
    FIELD_UNLESS(9, FIELD_I32, struct sample, either, -1),
    FIELD(10, FIELD_U64, struct sample, large),
    FIELD(11, FIELD_I64, struct sample, widest),
    FIELD_LIST(12, struct sample, series, count, 4),
    FIELD(13, FIELD_LONG_TEXT, struct sample, long_text),
    FIELD_BOUND(127, FIELD_BYTES, struct sample, bytes, 3),
};

static const struct field_table table = {rows, ARRAY_LEN(rows), sizeof(struct sample)};

static void check_same(const struct sample *a, const struct sample *b, const char *what) {
    CHECK_EQ(a->begun_us, b->begun_us, what);
    CHECK_EQ(a->ended_us, b->ended_us, what);
    CHECK_EQ(a->looked_us, b->looked_us, what);
    CHECK_STR(a->text, b->text, what);
    CHECK_STR(a->long_text != NULL ? a->long_text : "", b->long_text != NULL ? b->long_text : "",
              what);
    CHECK_EQ(a->set, b->set, what);
    CHECK_EQ(a->colour, b->colour, what);
    CHECK_EQ(a->small, b->small, what);
    CHECK_EQ(a->either, b->either, what);
    CHECK_EQ(a->large, b->large, what);
    CHECK_EQ(a->widest, b->widest, what);
    CHECK_EQ(a->count, b->count, what);
    CHECK_MEM(a->series, b->series, a->count * sizeof a->series[0], what);
    CHECK_MEM(a->bytes, b->bytes, sizeof a->bytes, what);
}

TEST(fields__come_back_as_they_were) {
    static const struct {
        const char *what;
        struct sample sample;
        size_t want_bytes;
    } cases[] = {
        {"nothing but absent values: no bytes", {.text = "", .small = 3, .either = -1}, 0},
        {"absent together with a base",
         {.begun_us = 1, .looked_us = 1, .text = "", .small = 3, .either = -1},
         2},
        {"zero where zero is not the absent value", {.text = "", .small = 0, .either = 0}, 4},
        {"a time before its base, and one that is not yet",
         {.begun_us = 100, .ended_us = 99, .looked_us = 0, .text = "", .small = 3, .either = -1},
         3 + 2 + 3},
        {"the ends of every range",
         {.begun_us = INT64_MAX,
          .ended_us = INT64_MIN,
          .looked_us = -1,
          .text = "t",
          .set = true,
          .colour = GREEN,
          .small = UINT32_MAX,
          .either = INT32_MIN,
          .large = UINT64_MAX,
          .widest = INT64_MIN,
          .count = 4,
          .series = {INT64_MIN, INT64_MAX, 0, -1},
          .bytes = {0, 0, 1}},
         0},
        {"the other ends",
         {.begun_us = INT64_MIN,
          .ended_us = INT64_MAX,
          .looked_us = INT64_MAX,
          .text = "\xc3\xa9",
          .either = INT32_MAX,
          .widest = INT64_MAX,
          .count = 1,
          .series = {7}},
         0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sample back;
        struct buf bytes;
        struct buf known;

        buf_init(&bytes, LIMIT_MIB);
        buf_init(&known, LIMIT_MIB);
        fields_encode(&bytes, &table, &cases[i].sample);
        fields_encode_known(&known, &table, &cases[i].sample);
        CHECK_EQ(known.bytes, bytes.bytes, cases[i].what);
        CHECK(known.bytes == 0 || memcmp(known.data, bytes.data, bytes.bytes) == 0, cases[i].what);
        buf_finish(&known);
        if (cases[i].want_bytes > 0 || i == 0) {
            CHECK_EQ(bytes.bytes, cases[i].want_bytes, cases[i].what);
        }
        CHECK_OK(fields_decode(&table, bytes.data, bytes.bytes, &back), cases[i].what);
        check_same(&back, &cases[i].sample, cases[i].what);
        buf_finish(&bytes);
    }
}

TEST(fields_decode__refuses_what_no_encoder_wrote) {
    static const struct {
        const char *what;
        unsigned char bytes[16];
        size_t count;
    } cases[] = {
        {"tag 0", {0}, 1},
        {"a tag nobody has", {8, 1}, 2},
        {"a tag of the table's end", {126, 1}, 2},
        {"a tag twice", {5, 5}, 2},
        {"tags out of order", {5, 4, 't', 0}, 4},
        {"no value", {1}, 1},
        {"half a number", {1, 0x80}, 2},
        {"a number with an empty byte", {1, 0x82, 0}, 3},
        {"a number of eleven bytes", {10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 12},
        {"a number of 65 bits", {10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 3}, 11},
        {"an absent number", {1, 0}, 2},
        {"an absent number that is not zero", {7, 3}, 2},
        {"an enum's count", {6, COLOUR_COUNT}, 2},
        {"33 bits where 32 fit", {7, 0x80, 0x80, 0x80, 0x80, 0x10}, 6},
        {"32 bits where 31 fit", {9, 0x80, 0x80, 0x80, 0x80, 0x10}, 6},
        {"a text without its NUL", {4, 't', 't'}, 3},
        {"an empty text", {4, 0}, 2},
        {"no numbers", {12, 0}, 2},
        {"more numbers than fit", {12, 5, 1, 1, 1, 1, 1}, 7},
        {"fewer numbers than said", {12, 3, 1, 1}, 4},
        {"fewer bytes than there are", {127, 1, 1}, 3},
        {"bytes that are all zero", {127, 0, 0, 0}, 4},
        {"a byte too many", {5, 127}, 2},
    };
    struct sample sample;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_EQ(fields_decode(&table, cases[i].bytes, cases[i].count, &sample), ERR_CORRUPT,
                 cases[i].what);
    }
}

/* What decodes was encoded so: there is one way to write a value. */
TEST(fields_decode__accepts_one_form_only) {
    struct rng rng;
    size_t accepted = 0;

    rng_init(&rng, 1);
    for (int round = 0; round < 300000; round++) {
        unsigned char bytes[8];
        size_t count = rng_below(&rng, sizeof bytes);
        struct sample sample;
        struct buf again;

        for (size_t i = 0; i < count; i++) {
            bytes[i] = (unsigned char)rng_below(&rng, rng_below(&rng, 2) == 0 ? 14 : 256);
        }
        if (fields_decode(&table, bytes, count, &sample) != OK) {
            continue;
        }
        accepted++;
        buf_init(&again, LIMIT_MIB);
        fields_encode(&again, &table, &sample);
        CHECK_EQ(again.bytes, count, "as many bytes");
        CHECK(count == 0 || memcmp(again.data, bytes, count) == 0, "the same bytes");
        buf_finish(&again);
    }
    CHECK(accepted > 1000, "some of it decodes");
}

TEST(fields_encode__cuts_a_text_between_characters) {
    static char text[LIMIT_RECORD_TEXT_BYTES + 2];
    struct sample sample = {.text = text};
    struct sample back;
    struct buf bytes;

    memset(text, 'm', LIMIT_RECORD_TEXT_BYTES - 1);
    memcpy(text + LIMIT_RECORD_TEXT_BYTES - 1, "\xc3\xa9", 2);
    buf_init(&bytes, LIMIT_MIB);
    fields_encode(&bytes, &table, &sample);
    CHECK_OK(fields_decode(&table, bytes.data, bytes.bytes, &back), "decodes");
    CHECK_EQ(strlen(back.text), LIMIT_RECORD_TEXT_BYTES - 1, "the last character went whole");
    buf_finish(&bytes);
}

TEST(fields_encode__keeps_a_long_text_whole) {
    struct sample in = {.either = -1};
    struct sample out;
    struct buf bytes;
    char *text = mem_alloc(1, LIMIT_SCHEDULE_BYTES + 1);

    memset(text, 'x', LIMIT_SCHEDULE_BYTES);
    in.long_text = in.text = text;
    buf_init(&bytes, LIMIT_MIB);
    fields_encode(&bytes, &table, &in);
    CHECK_OK(fields_decode(&table, bytes.data, bytes.bytes, &out), "decode");
    CHECK_EQ(strlen(out.long_text), LIMIT_SCHEDULE_BYTES, "whole");
    CHECK_EQ(strlen(out.text), LIMIT_RECORD_TEXT_BYTES, "any other is cut");
    buf_finish(&bytes);
    free(text);
}

TEST(fields_same__sees_each_member_that_differs) {
    struct sample base;
    struct sample other;
    struct buf a, b;

    buf_init(&a, LIMIT_MIB);
    buf_init(&b, LIMIT_MIB);
    memset(&base, 0, sizeof base);
    fields_encode(&a, &table, &base);
    CHECK(fields_same(&table, &base, &base), "itself");
    for (size_t i = 0; i < sizeof base; i++) { /* One is a number, a flag, and no address. */
        memcpy(&other, &base, sizeof other);
        ((char *)&other)[i] = 1;
        if (!fields_same(&table, &base, &other)) {
            continue;
        }
        buf_clear(&b);
        fields_encode(&b, &table, &other);
        CHECK_EQ(a.bytes, b.bytes, "what is the same encodes to the same bytes");
        CHECK(a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0, "all of them");
    }
    buf_finish(&b);
    buf_finish(&a);
}
