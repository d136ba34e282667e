#include "policy/resources.h"

#include <stdlib.h>

#include <stdio.h>

#include "tests/test.h"

TEST(resource_intern__gives_each_name_one_kind) {
    struct resource_names names = {0};
    size_t kind = 99;

    CHECK_OK(resource_intern(&names, "memory", &kind), "a fixed kind");
    CHECK_EQ(kind, RESOURCE_MEMORY, "memory");
    CHECK_EQ(resource_find(&names, "nvidia.com/gpu"), RESOURCE_NONE, "not yet");
    CHECK_OK(resource_intern(&names, "nvidia.com/gpu", &kind), "an extended one");
    CHECK_EQ(kind, RESOURCE_FIXED_COUNT, "the first free kind");
    CHECK_OK(resource_intern(&names, "nvidia.com/gpu", &kind), "again");
    CHECK_EQ(kind, RESOURCE_FIXED_COUNT, "the same kind");
    CHECK_EQ(resource_find(&names, "nvidia.com/gpu"), kind, "found");
    CHECK_STR(resource_name(&names, kind), "nvidia.com/gpu", "its name");
    CHECK_STR(resource_name(&names, RESOURCE_EPHEMERAL_STORAGE), "ephemeral-storage", "fixed");
    CHECK_EQ(resource_intern(&names, "not a name", &kind), ERR_INVALID, "no resource name");
    CHECK_EQ(resource_intern(&names, "", &kind), ERR_INVALID, "nothing");
    resource_names_finish(&names);
    resource_names_finish(NULL);
}

TEST(resource_intern__is_full_at_its_bound) {
    struct resource_names names = {0};
    size_t kind;
    char name[32];

    for (int i = RESOURCE_FIXED_COUNT; i < RESOURCE_KIND_MAX; i++) {
        (void)snprintf(name, sizeof name, "example.com/r%d", i);
        CHECK_OK(resource_intern(&names, name, &kind), name);
        CHECK_EQ(kind, i, name);
    }
    CHECK_EQ(resource_intern(&names, "example.com/more", &kind), ERR_FULL, "one too many");
    CHECK_OK(resource_intern(&names, "example.com/r15", &kind), "those inside still work");
    resource_names_finish(&names);
}

TEST(resource_parse_and_print__use_the_kinds_own_unit) {
    static const struct {
        const char *name;
        const char *quantity;
        int want;
        int64_t amount;
        const char *printed;
    } rows[] = {
        {"cpu", "1500m", OK, 1500, "1500m"},
        {"cpu", "2", OK, 2000, "2"},
        {"cpu", "0.0001", OK, 1, "1m"},
        {"memory", "1408Mi", OK, INT64_C(1476395008), "1408Mi"},
        {"memory", "1000", OK, 1000, "1000"},
        {"memory", "1.5", OK, 2, "2"},
        {"ephemeral-storage", "10Gi", OK, INT64_C(10737418240), "10Gi"},
        {"pods", "3", OK, 3, "3"},
        {"nvidia.com/gpu", "2", OK, 2, "2"},
        {"nvidia.com/gpu", "2000", OK, 2000, "2k"},
        {"hugepages-2Mi", "4Mi", OK, 4194304, "4Mi"},
        {"cpu", "-1", ERR_INVALID, 0, NULL},
        {"memory", "1Gb", ERR_INVALID, 0, NULL},
        {"memory", "10E", ERR_FULL, 0, NULL},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[QUANTITY_BYTES_MAX];
        int64_t amount = 0;
        size_t kind;

        CHECK_OK(resource_intern(&names, rows[i].name, &kind), rows[i].name);
        CHECK_EQ(resource_parse(&names, kind, rows[i].quantity, &amount), rows[i].want,
                 rows[i].quantity);
        CHECK_EQ(amount, rows[i].amount, rows[i].quantity);
        if (rows[i].printed != NULL) {
            resource_print(&names, kind, amount, text);
            CHECK_STR(text, rows[i].printed, rows[i].name);
        }
    }
    resource_names_finish(&names);
}

TEST(amount__saturates) {
    static const struct {
        int64_t a;
        int64_t b;
        int64_t sum;
        int64_t difference;
        int64_t product;
    } rows[] = {
        {2, 3, 5, -1, 6},
        {-2, 3, 1, -5, -6},
        {INT64_MAX, 1, INT64_MAX, INT64_MAX - 1, INT64_MAX},
        {INT64_MIN, 1, INT64_MIN + 1, INT64_MIN, INT64_MIN},
        {INT64_MAX, -1, INT64_MAX - 1, INT64_MAX, -INT64_MAX},
        {INT64_MAX, INT64_MAX, INT64_MAX, 0, INT64_MAX},
        {INT64_MIN, INT64_MIN, INT64_MIN, 0, INT64_MAX},
        {INT64_MAX, INT64_MIN, -1, INT64_MAX, INT64_MIN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(amount_add(rows[i].a, rows[i].b), rows[i].sum, "sum");
        CHECK_EQ(amount_subtract(rows[i].a, rows[i].b), rows[i].difference, "difference");
        CHECK_EQ(amount_multiply(rows[i].a, rows[i].b), rows[i].product, "product");
    }
}

TEST(resources__work_kind_by_kind) {
    struct resources sum = {{1, 2, 3}};
    const struct resources more = {{10, 0, -5}};
    struct resources most = {{5, 5, 5}};

    resources_add(&sum, &more);
    CHECK(resources_equal(&sum, &(struct resources){{11, 2, -2}}), "added");
    resources_subtract(&sum, &more);
    CHECK(resources_equal(&sum, &(struct resources){{1, 2, 3}}), "and taken away");
    resources_add_times(&sum, &more, 3);
    CHECK(resources_equal(&sum, &(struct resources){{31, 2, -12}}), "three times");
    resources_max(&most, &more);
    CHECK(resources_equal(&most, &(struct resources){{10, 5, 5}}), "the most of each");
}

TEST(resources_fit__asks_only_for_what_is_needed) {
    static const struct {
        const char *what;
        struct resources need;
        struct resources free;
        size_t want;
    } rows[] = {
        {"nothing needs nothing", {{0}}, {{0}}, RESOURCE_NONE},
        {"an exact fit", {{5, 5}}, {{5, 5}}, RESOURCE_NONE},
        {"one too many", {{5, 6}}, {{5, 5}}, RESOURCE_MEMORY},
        {"the first of several", {{6, 6}}, {{5, 5}}, RESOURCE_CPU},
        {"an overrun kind that is not needed", {{5}}, {{5, -3}}, RESOURCE_NONE},
        {"an overrun kind that is needed", {{5, 1}}, {{5, -3}}, RESOURCE_MEMORY},
        {"the last kind", {{[15] = 1}}, {{0}}, 15},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_EQ(resources_first_short(&rows[i].need, &rows[i].free), rows[i].want, rows[i].what);
        CHECK_EQ(resources_fit(&rows[i].need, &rows[i].free), rows[i].want == RESOURCE_NONE,
                 rows[i].what);
    }
}

TEST(resources_read__reads_what_was_written) {
    struct resource_names names = {0};
    struct resource_names others = {0};
    struct resources read = {{9, 9}};
    struct resources amounts = {{1, 2, 3, 4, 5, 0, 7}};
    static const char *const bad[] = {"cpu", "cpu=", "=1", "cpu=1x", "a b=1", "cpu=1,memory"};
    size_t kind;
    char *text;

    CHECK_OK(resource_intern(&names, "nvidia.com/gpu", &kind), "one");
    CHECK_OK(resource_intern(&names, "none.example/x", &kind), "two");
    CHECK_OK(resource_intern(&names, "hugepages-2Mi", &kind), "three");
    text = resources_write(&names, &amounts, (uint16_t)~RESOURCE_BIT(RESOURCE_MEMORY));
    CHECK_STR(text, "cpu=1,ephemeral-storage=3,pods=4,nvidia.com/gpu=5,hugepages-2Mi=7", "text");
    CHECK_OK(resource_intern(&others, "hugepages-2Mi", &kind), "in another order");
    CHECK_OK(resources_read(&others, text, &read), text);
    CHECK(resources_equal(&read, &(struct resources){{1, 9, 3, 4, 7, 5}}), "beside what was there");
    CHECK_OK(resources_read(&others, "", &read), "nothing");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_EQ(resources_read(&others, bad[i], &read), ERR_INVALID, bad[i]);
    }
    CHECK(resources_equal(&read, &(struct resources){{1, 9, 3, 4, 7, 5}}), "untouched");
    free(text);
    resource_names_finish(&names);
    resource_names_finish(&others);
}
