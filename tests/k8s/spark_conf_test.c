#include "k8s/spark_conf.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "tests/test.h"

TEST(spark_size_parse__reads_sparks_sizes_and_no_others) {
    static const struct {
        const char *text;
        int64_t bare;
        int want;
        int64_t want_bytes;
    } rows[] = {
        {"512m", 1, OK, INT64_C(512) << 20},
        {"1g", 1, OK, INT64_C(1) << 30},
        {"1G", 1, OK, INT64_C(1) << 30},
        {"2gb", 1, OK, INT64_C(2) << 30},
        {"1t", 1, OK, INT64_C(1) << 40},
        {"1p", 1, OK, INT64_C(1) << 50},
        {"1536k", 1, OK, 1536 * 1024},
        {"1536KB", 1, OK, 1536 * 1024},
        {"500b", 1, OK, 500},
        {"0", 1, OK, 0},
        {"2048", 1 << 20, OK, INT64_C(2048) << 20},
        {"2048", 1, OK, 2048},
        {"", 1, ERR_INVALID, 0},
        {"g", 1, ERR_INVALID, 0},
        {"1.5g", 1, ERR_INVALID, 0},
        {"4Gi", 1, ERR_INVALID, 0},
        {"4 g", 1, ERR_INVALID, 0},
        {"-1g", 1, ERR_INVALID, 0},
        {"+1g", 1, ERR_INVALID, 0},
        {"1gg", 1, ERR_INVALID, 0},
        {"1e", 1, ERR_INVALID, 0},
        {"9999999999999p", 1, ERR_FULL, 0},
        {"99999999999999999999999", 1, ERR_FULL, 0},
        {"1024p", 1, OK, INT64_C(1) << 60},
        {"1025p", 1, ERR_FULL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t bytes = -1;
        int r = spark_size_parse(rows[i].text, rows[i].bare, &bytes);

        CHECK_EQ(r, rows[i].want, rows[i].text);
        CHECK_EQ(bytes, rows[i].want == OK ? rows[i].want_bytes : -1, rows[i].text);
    }
}

TEST(spark_conf__keeps_one_value_a_key_in_the_keys_order) {
    static const char *const keys[] = {"spark.b", "spark.a.x", "spark.c", "spark.a.y", "spark.a"};
    static const char *const order[] = {"spark.a", "spark.a.x", "spark.a.y", "spark.b", "spark.c"};
    struct spark_conf conf = {0};
    const struct spark_conf_entry *entry;
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CHECK_OK(spark_conf_set(&conf, keys[i], "1", "here"), keys[i]);
    }
    CHECK_OK(spark_conf_set(&conf, "spark.b", "2", "there"), "a second value");
    CHECK_EQ(conf.count, ARRAY_LEN(order), "one entry a key");
    for (size_t i = 0; i < conf.count; i++) {
        CHECK_STR(conf.entries[i].key, order[i], "in order");
    }
    CHECK_STR(spark_conf_get(&conf, "spark.b"), "2", "the later value");
    CHECK_STR(spark_conf_find(&conf, "spark.b")->path, "there", "and its place");
    entry = spark_conf_next(&conf, "spark.a.", &at);
    CHECK_STR(entry->key, "spark.a.x", "the first of a family");
    entry = spark_conf_next(&conf, "spark.a.", &at);
    CHECK_STR(entry->key, "spark.a.y", "the second");
    CHECK(spark_conf_next(&conf, "spark.a.", &at) == NULL, "no third");
    spark_conf_remove(&conf, "spark.a");
    spark_conf_remove(&conf, "spark.absent");
    CHECK_STR(spark_conf_get(&conf, "spark.a"), NULL, "removed");
    CHECK_EQ(conf.count, 4, "the others stay");
    spark_conf_finish(&conf);
}

TEST(spark_conf_set__refuses_one_key_too_many) {
    struct spark_conf conf = {0};
    char key[32];

    for (int i = 0; i < LIMIT_SPARK_CONF_KEYS; i++) {
        (void)snprintf(key, sizeof key, "spark.%d", i);
        CHECK_OK(spark_conf_set(&conf, key, "", ""), key);
    }
    CHECK_EQ(spark_conf_set(&conf, "spark.more", "", ""), ERR_FULL, "one too many");
    CHECK_OK(spark_conf_set(&conf, "spark.0", "x", ""), "a key that is there");
    spark_conf_finish(&conf);
}

TEST(spark_conf_get__names_the_field_of_a_bad_value) {
    struct spark_conf conf = {0};
    struct field_error error = {0};
    int64_t value = 7;
    bool truth = true;
    double factor = 0.5;

    CHECK_OK(spark_conf_set(&conf, "spark.x", "none", "spec.driver.x"), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.t", "FALSE", ""), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.f", "0.25", ""), "set");
    CHECK_OK(spark_conf_set(&conf, "spark.k", "1536k", ""), "set");
    CHECK_EQ(spark_conf_get_mib(&conf, "spark.x", &value, &error), ERR_INVALID, "a size");
    CHECK_STR(error.path, "spec.driver.x", "its place");
    CHECK_EQ(spark_conf_get_count(&conf, "spark.x", 1, &value, NULL), ERR_INVALID, "a number");
    CHECK_EQ(spark_conf_get_milli(&conf, "spark.x", &value, NULL), ERR_INVALID, "a quantity");
    CHECK_EQ(spark_conf_get_bool(&conf, "spark.x", &truth, NULL), ERR_INVALID, "a truth");
    CHECK_EQ(spark_conf_get_factor(&conf, "spark.x", &factor, NULL), ERR_INVALID, "a factor");
    CHECK_EQ(value, 7, "left alone");
    CHECK_OK(spark_conf_get_bool(&conf, "spark.t", &truth, NULL), "any case");
    CHECK(!truth, "it is false");
    CHECK_OK(spark_conf_get_factor(&conf, "spark.f", &factor, NULL), "a factor");
    CHECK(factor > 0.24 && factor < 0.26, "its value");
    CHECK_OK(spark_conf_get_mib(&conf, "spark.k", &value, NULL), "kibibytes");
    CHECK_EQ(value, 1, "floored");
    CHECK_OK(spark_conf_get_mib(&conf, "spark.absent", &value, NULL), "absent is fine");
    CHECK_EQ(value, 1, "and leaves alone");
    spark_conf_finish(&conf);
}
