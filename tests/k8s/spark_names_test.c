#include "k8s/spark_names.h"

#include <string.h>

#include "base/error.h"
#include "tests/test.h"

#define LONG_NAME "a-job-whose-name-alone-fills-more-than-half-of-a-label"

TEST(spark_names_make__cleans_names_as_spark_does) {
    static const struct {
        const char *job;
        const char *prefix;
        const char *label;
    } rows[] = {
        {"spark-pi", "spark-pi-7-2", "spark-pi"},
        {"9Lives!!", "xlives-7-2", "9lives"},
        {"etl_daily.v2", "etl-daily-v2-7-2", "etl-daily-v2"},
        {"  Big  Job  ", "big-job-7-2", "big-job"},
        {"--x--y--", "x-y-7-2", "x-y"},
        {"!!!", "spark-7-2", ""},
        {"", "spark-7-2", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_id id = {
            .job_name = rows[i].job, .store_uid = "store", .job_id = 7, .attempt = 2};
        struct spark_names names;
        char label[64];

        spark_names_make(&id, &names);
        CHECK_STR(names.prefix, rows[i].prefix, rows[i].job);
        spark_app_name_label(rows[i].job, label);
        CHECK_STR(label, rows[i].label, rows[i].job);
        CHECK_STR(names.conf_map, "spark-drv-7-2-conf-map", rows[i].job);
    }
}

TEST(spark_names_make__falls_back_when_the_service_would_be_too_long) {
    static const struct {
        const char *what;
        const char *job;
        const char *service; /* NULL: a short one */
    } rows[] = {
        {"a prefix of 52", "a23456789-123456789-123456789-123456789-12345678",
         "a23456789-123456789-123456789-123456789-12345678-7-2-driver-svc"},
        {"a prefix of 53", "a23456789-123456789-123456789-123456789-123456789", NULL},
        {"a long one", LONG_NAME, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_id id = {
            .job_name = rows[i].job, .store_uid = "store", .job_id = 7, .attempt = 2};
        struct spark_names names;

        spark_names_make(&id, &names);
        CHECK(strlen(names.service) <= 63, rows[i].what);
        if (rows[i].service != NULL) {
            CHECK_STR(names.service, rows[i].service, rows[i].what);
        } else {
            CHECK_EQ(strlen(names.service), strlen("spark-0123456789abcdef-driver-svc"),
                     rows[i].what);
            CHECK(strncmp(names.service, "spark-", 6) == 0, rows[i].what);
        }
    }
}

TEST(spark_names_make__derives_the_same_again_and_other_names_from_other_ids) {
    const struct attempt_id ids[] = {
        {.job_name = "j", .store_uid = "store", .job_id = 7, .attempt = 1},
        {.job_name = "j", .store_uid = "store", .job_id = 7, .attempt = 2},
        {.job_name = "j", .store_uid = "store", .job_id = 71, .attempt = 1},
        {.job_name = "j", .store_uid = "other", .job_id = 7, .attempt = 1},
    };
    struct spark_names first;
    struct spark_names again;

    spark_names_make(&ids[0], &first);
    spark_names_make(&ids[0], &again);
    CHECK_STR(again.app_id, first.app_id, "the same id");
    CHECK_STR(again.local_dir, first.local_dir, "the same directory");
    CHECK_EQ(strlen(first.app_id), strlen("spark-") + 32, "an id as Spark makes them");
    for (size_t i = 1; i < ARRAY_LEN(ids); i++) {
        spark_names_make(&ids[i], &again);
        CHECK(strcmp(again.app_id, first.app_id) != 0, "another id");
        CHECK(strcmp(again.local_dir, first.local_dir) != 0, "another directory");
    }
}

TEST(spark_names_make__stays_in_bounds_whatever_the_name) {
    char name[1000];
    struct attempt_id id = {
        .job_name = name, .store_uid = "store", .job_id = UINT64_MAX, .attempt = UINT32_MAX};
    struct spark_names names;
    char label[64];
    char uid[64];

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    spark_names_make(&id, &names);
    CHECK(strlen(names.pod) <= 253, "the pod's name");
    CHECK(strstr(names.pod, "-18446744073709551615-4294967295-driver") != NULL, "ids are whole");
    spark_app_name_label(name, label);
    CHECK_EQ(strlen(label), 63, "the label");
    id.store_uid = name;
    attempt_job_uid(&id, uid);
    CHECK_EQ(strlen(uid), 63, "our label");
    CHECK(strstr(uid, "-18446744073709551615") != NULL, "with the whole id");
}
