#include "sim/amounts.h"

#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "tests/test.h"

TEST(amounts__add_up_and_print_as_the_api_server_does) {
    static const struct {
        const char *what;
        const char *a;
        const char *b;
        const char *want;
    } rows[] = {
        {"cpu in thousandths", "{\"cpu\":\"500m\"}", "{\"cpu\":\"1\"}", "cpu=1500m"},
        {"whole cpus have no suffix", "{\"limits.cpu\":\"500m\"}", "{\"limits.cpu\":\"500m\"}",
         "limits.cpu=1"},
        {"binary stays binary", "{\"memory\":\"1Gi\"}", "{\"memory\":\"512Mi\"}", "memory=1536Mi"},
        {"the first one gives the form", "{\"memory\":\"1k\"}", "{\"memory\":\"1Ki\"}",
         "memory=2024"},
        {"a zero takes the other's form", "{\"memory\":\"0\"}", "{\"memory\":\"1Gi\"}",
         "memory=1Gi"},
        {"numbers too", "{\"cpu\":2}", "{\"pods\":1}", "cpu=2,pods=1"},
        {"sorted by name", "{\"z\":\"1\",\"a\":\"2\"}", "{\"m\":\"3\"}", "a=2,m=3,z=1"},
        {"nothing", "{}", "{}", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct amounts sum = {0};
        struct buf text;
        json_t *a = json_loads(rows[i].a, 0, NULL);
        json_t *b = json_loads(rows[i].b, 0, NULL);

        buf_init(&text, 1000);
        amounts_add_readable(&sum, a);
        amounts_add_readable(&sum, b);
        amounts_print(&sum, &text);
        CHECK_STR(buf_text(&text), rows[i].want, rows[i].what);
        buf_finish(&text);
        json_decref(a);
        json_decref(b);
        amounts_finish(&sum);
    }
}

TEST(amounts_add_readable__leaves_out_what_does_not_parse) {
    struct amounts sum = {0};
    json_t *object = json_loads("{\"a\":\"1\",\"b\":\"lots\"}", 0, NULL);

    amounts_add_readable(&sum, object);
    CHECK_EQ(sum.count, 1, "lots is no quantity");
    CHECK_EQ(amounts_value(&sum, "a"), 1, "its neighbour counts");
    json_decref(object);
    amounts_finish(&sum);
}

TEST(amounts_raise__takes_the_larger_of_each) {
    struct amounts a = {0};
    struct amounts b = {0};

    amounts_set(&a, "cpu", 5, false);
    amounts_set(&a, "memory", 5, true);
    amounts_set(&b, "cpu", 7, false);
    amounts_set(&b, "memory", 3, true);
    amounts_set(&b, "pods", 1, false);
    amounts_raise_all(&a, &b);
    CHECK_EQ(amounts_value(&a, "cpu"), 7, "raised");
    CHECK_EQ(amounts_value(&a, "memory"), 5, "kept");
    CHECK_EQ(amounts_value(&a, "pods"), 1, "new");
    CHECK_EQ(amounts_value(&a, "none"), 0, "absent is 0");
    amounts_finish(&a);
    amounts_finish(&b);
}
