#include "base/intern.h"

#include "tests/test.h"

TEST(intern_take__gives_one_copy_of_equal_texts) {
    struct intern table = {0};
    char text[] = "team-a";
    const char *first = intern_take(&table, text);

    CHECK_STR(first, "team-a", "the text");
    CHECK(first != text, "a copy");
    CHECK_EQ(intern_take(&table, "team-a"), first, "shared");
    CHECK(intern_take(&table, "team-b") != first, "another text, another copy");
    CHECK_EQ(intern_take(&table, NULL), NULL, "NULL stays NULL");
    CHECK_EQ(table.texts.count, 2, "two texts");
    intern_finish(&table);
    intern_finish(NULL);
}

TEST(intern_drop__frees_at_the_last_use) {
    struct intern table = {0};
    const char *text = intern_take(&table, "team-a");

    CHECK_EQ(intern_take(&table, "team-a"), text, "used twice");
    intern_drop(&table, text);
    CHECK_EQ(table.texts.count, 1, "one use is left");
    CHECK_STR(text, "team-a", "still there");
    intern_drop(&table, text);
    CHECK_EQ(table.texts.count, 0, "none is left");
    intern_drop(&table, NULL);
    intern_finish(&table);
}
