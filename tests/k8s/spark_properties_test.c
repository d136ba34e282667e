#include "k8s/spark_properties.h"

#include <string.h>

#include "base/limits.h"
#include "tests/test.h"

/* A hard value: every escape there is, and a character beyond the first plane. */
#define HARD_VALUE " lead=:#!\\\t\n\r\f mid \xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80"

TEST(spark_properties_print__escapes_as_java_does) {
    struct spark_conf conf = {0};
    struct buf text;

    CHECK_OK(spark_conf_set(&conf, "spark.a b:c", "local:///x", ""), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.z", HARD_VALUE, ""), "set");
    buf_init(&text, LIMIT_MIB);
    spark_properties_print(&conf, &text);
    CHECK_STR(buf_text(&text),
              "spark.a\\ b\\:c=local\\:///x\n"
              "spark.z=\\ lead\\=\\:\\#\\!\\\\\\t\\n\\r\\f mid "
              "\\u00E9\\u20AC\\uD83D\\uDE80\n",
              "the file");
    buf_finish(&text);
    spark_conf_finish(&conf);
}

TEST(spark_properties_parse__gives_back_what_was_printed) {
    struct spark_conf conf = {0};
    struct spark_conf again = {0};
    struct buf text;

    CHECK_OK(spark_conf_set(&conf, "spark.k=e:y #!\\", "", ""), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.z", HARD_VALUE, ""), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.\xF0\x9F\x9A\x80", "\x01", ""), "set");
    buf_init(&text, LIMIT_MIB);
    spark_properties_print(&conf, &text);
    CHECK_OK(spark_properties_parse(buf_text(&text), text.bytes, &again), "readable");
    CHECK_EQ(again.count, conf.count, "as many");
    for (size_t i = 0; i < conf.count; i++) {
        CHECK_STR(again.entries[i].key, conf.entries[i].key, "a key");
        CHECK_STR(again.entries[i].value, conf.entries[i].value, "a value");
    }
    buf_finish(&text);
    spark_conf_finish(&again);
    spark_conf_finish(&conf);
}

TEST(spark_properties_parse__reads_what_people_write) {
    static const struct {
        const char *text;
        int want;
        const char *key;
        const char *value;
    } rows[] = {
        {"# c\n! c\n\n  spark.a = b \n", OK, "spark.a", "b "},
        {"spark.a:b", OK, "spark.a", "b"},
        {"spark.a   b", OK, "spark.a", "b"},
        {"spark.a\tb\r\nspark.c=d", OK, "spark.c", "d"},
        {"spark.a=b\\\n    c", OK, "spark.a", "bc"},
        {"spark.a=b\\\r\n c", OK, "spark.a", "bc"},
        {"spark.a", OK, "spark.a", ""},
        {"spark.a=1\nspark.a=2", OK, "spark.a", "2"},
        {"spark.a=\\z\\u0041", OK, "spark.a", "zA"},
        {"spark.a=\xC3\xA9", OK, "spark.a", "\xC3\xA9"},
        {"spark.a=x\\", OK, "spark.a", "x"},
        {"spark.a=\\u00g0", ERR_INVALID, NULL, NULL},
        {"spark.a=\\u00", ERR_INVALID, NULL, NULL},
        {"spark.a=\\u0000", ERR_INVALID, NULL, NULL},
        {"spark.a=\\uD83D", ERR_INVALID, NULL, NULL},
        {"spark.a=\\uD83D\\u0041", ERR_INVALID, NULL, NULL},
        {"spark.a=\\uDE80", ERR_INVALID, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct spark_conf conf = {0};

        CHECK_EQ(spark_properties_parse(rows[i].text, strlen(rows[i].text), &conf), rows[i].want,
                 rows[i].text);
        if (rows[i].key != NULL) {
            CHECK_STR(spark_conf_get(&conf, rows[i].key), rows[i].value, rows[i].text);
        }
        spark_conf_finish(&conf);
    }
}
