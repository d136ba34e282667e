#include "policy/avoid.h"

#include "tests/test.h"

#define HOUR_US ((int64_t)3600 * 1000000)

TEST(avoid_note__a_node_is_avoided_for_a_half_life_and_longer_after_more) {
    struct avoid_list list = {0};

    avoid_note(&list, "b", false, HOUR_US, HOUR_US);
    avoid_note(&list, "a", true, HOUR_US, HOUR_US);
    avoid_note(&list, "a", false, HOUR_US, HOUR_US);
    CHECK_EQ(list.count, 2, "two nodes");
    CHECK_STR(list.nodes[0].name, "a", "in order of names");
    CHECK(list.nodes[0].is_required && !list.nodes[1].is_required, "once required is required");
    CHECK_EQ(avoid_ends_us(&list, HOUR_US, HOUR_US), 2 * HOUR_US + 1, "one failure: one half-life");
    avoid_settle(&list, HOUR_US, 2 * HOUR_US + 1);
    CHECK_EQ(list.count, 1, "the one with one failure is over");
    CHECK_STR(list.nodes[0].name, "a", "the other is not");
    CHECK_EQ(avoid_ends_us(&list, HOUR_US, 2 * HOUR_US + 1), 3 * HOUR_US + 1, "two: two");
    avoid_settle(&list, HOUR_US, 3 * HOUR_US + 1);
    CHECK_EQ(list.count, 0, "now it is");
}

TEST(avoid_print__comes_back) {
    struct avoid_list list = {0};
    struct avoid_list back;
    struct buf text;

    buf_init(&text, 4096);
    avoid_note(&list, "node-a", true, HOUR_US, 7);
    avoid_note(&list, "node-b.example", false, HOUR_US, 7);
    avoid_print(&list, &text);
    CHECK_STR(buf_text(&text), "node-a=!1000@7 node-b.example=1000@7", "as text");
    avoid_parse(buf_text(&text), &back);
    CHECK_EQ(back.count, 2, "both");
    CHECK(back.nodes[0].is_required && !back.nodes[1].is_required, "how");
    CHECK_EQ(back.nodes[1].milli, 1000, "how heavy");
    CHECK_EQ(back.nodes[1].at_us, 7, "since when");
    avoid_parse("x=1@ y =1@2 z=1@2", &back);
    CHECK_EQ(back.count, 1, "what can't be read is left out");
    CHECK_STR(back.nodes[0].name, "z", "the rest is not");
    avoid_parse(NULL, &back);
    CHECK_EQ(back.count, 0, "nothing");
    buf_finish(&text);
}

TEST(avoid_note__the_lightest_makes_way) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct avoid_list list = {0};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        avoid_note(&list, names[i], false, HOUR_US, 0);
        avoid_note(&list, names[i], false, HOUR_US, 0);
    }
    avoid_note(&list, "a", false, HOUR_US, HOUR_US / 2);
    avoid_note(&list, "z", false, HOUR_US, HOUR_US / 2);
    CHECK_EQ(list.count, AVOID_OWN_MAX, "no more than fit");
    CHECK_STR(list.nodes[AVOID_OWN_MAX - 1].name, "z", "the new one");
    CHECK_STR(list.nodes[0].name, "a", "the heaviest stays");
}
