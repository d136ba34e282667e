#include "sim/executor_plan.h"

#include "tests/test.h"

/* The worked examples of Spark's own formulae, each with what its driver then asks for. */
TEST(executor_plan_resolve__sizes_executors_as_spark_does) {
    static const struct {
        const char *what;
        const char *version;
        const char *properties;
        int64_t want_count;
        int64_t want_mib;
        int64_t want_batch;
    } rows[] = {
        {"nothing said", "3.5.6", "spark.kubernetes.memoryOverheadFactor=0.1", 2, 1408, 5},
        {"five of the default", "3.5.6", "spark.executor.instances=5", 5, 1408, 5},
        {"python with off-heap", "4.0.1",
         "spark.executor.instances=3\nspark.executor.memory=4g\nspark.executor.cores=2\n"
         "spark.executor.pyspark.memory=1g\nspark.memory.offHeap.enabled=true\n"
         "spark.memory.offHeap.size=512m\nspark.kubernetes.memoryOverheadFactor=0.4\n"
         "spark.kubernetes.resource.type=python",
         3, 7270, 10},
        {"python memory is for python alone", "4.0.1",
         "spark.executor.pyspark.memory=1g\nspark.kubernetes.resource.type=java", 2, 1408, 10},
        {"overhead as given", "4.1.0",
         "spark.executor.memory=8g\nspark.executor.memoryOverhead=2g\nspark.executor.instances=4",
         4, 10240, 10},
        {"overhead may be small if it's said", "3.5.6", "spark.executor.memoryOverhead=10", 2, 1034,
         5},
        {"dynamic allocation", "3.5.6",
         "spark.executor.memory=2g\nspark.executor.memoryOverheadFactor=0.2\n"
         "spark.dynamicAllocation.enabled=true\nspark.dynamicAllocation.minExecutors=2\n"
         "spark.dynamicAllocation.initialExecutors=4\nspark.dynamicAllocation.maxExecutors=20\n"
         "spark.executor.instances=3",
         4, 2457, 5},
        {"a large heap", "4.2.0", "spark.executor.memory=16g", 2, 18022, 20},
        {"the least overhead can be set since 4.0", "4.0.0",
         "spark.executor.minMemoryOverhead=512m", 2, 1536, 10},
        {"but not in 3.5", "3.5.0", "spark.executor.minMemoryOverhead=512m", 2, 1408, 5},
        {"the product is cut, not rounded", "3.5.0",
         "spark.executor.memory=2g\nspark.kubernetes.memoryOverheadFactor=0.4", 2, 2048 + 819, 5},
        {"the driver works alone", "3.5.0",
         "spark.kubernetes.driver.master=local[4]\nspark.executor.instances=7", 0, 1408, 5},
        {"a bare number is MiB", "3.5.0", "spark.executor.memory=2048", 2, 2432, 5},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct java_properties properties = {0};
        struct executor_plan plan;

        java_properties_read(&properties, rows[i].properties);
        CHECK_OK(executor_plan_resolve(&properties, rows[i].version, &plan, NULL), rows[i].what);
        CHECK_EQ(plan.executor_count, rows[i].want_count, rows[i].what);
        CHECK_EQ(plan.executor_memory_mib, rows[i].want_mib, rows[i].what);
        CHECK_EQ(plan.batch_size, rows[i].want_batch, rows[i].what);
        java_properties_finish(&properties);
    }
}

TEST(executor_plan_resolve__refuses_what_spark_can_not_read) {
    static const char *const rows[] = {
        "spark.executor.memory=1Gi",
        "spark.executor.memory=1.5g",
        "spark.executor.instances=two",
        "spark.memory.offHeap.enabled=true",
        ("spark.dynamicAllocation.enabled=true\nspark.dynamicAllocation.minExecutors=5\n"
         "spark.dynamicAllocation.maxExecutors=3"),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct java_properties properties = {0};
        struct executor_plan plan;
        struct error error = {0};

        java_properties_read(&properties, rows[i]);
        CHECK_EQ(executor_plan_resolve(&properties, "3.5.0", &plan, &error), ERR_INVALID, rows[i]);
        CHECK(error.text[0] != '\0', rows[i]);
        java_properties_finish(&properties);
    }
}
