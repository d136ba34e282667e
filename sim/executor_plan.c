#include "sim/executor_plan.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

#define MIB               INT64_C(1048576)
#define OVERHEAD_MIB_MIN  384
#define EXECUTORS_DEFAULT 2
#define NUMBER_BYTES_MAX  32

struct reader {
    const struct java_properties *properties;
    bool is_3;
    bool is_python;
    struct error *error;
    int code;
};

static const char *get(const struct reader *reader, const char *key) {
    const char *text = java_properties_get(reader->properties, key);

    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void bad(struct reader *reader, const char *key, const char *text) {
    reader->code = error_set(reader->error, ERR_INVALID, "%s: '%s' is not valid", key, text);
}

static int64_t get_number(struct reader *reader, const char *key, int64_t fallback) {
    const char *text = get(reader, key);
    int64_t number;

    if (text == NULL) {
        return fallback;
    }
    if (text_parse_int64(text, &number) != OK) {
        bad(reader, key, text);
        return fallback;
    }
    return number;
}

static bool get_true(const struct reader *reader, const char *key, bool fallback) {
    const char *text = get(reader, key);

    return text != NULL ? strcasecmp(text, "true") == 0 : fallback;
}

/* Digits, then b k m g t p, with or without a b behind; no unit: the key's own. */
static int parse_size(const char *text, int64_t unit, int64_t *out_bytes) {
    static const char letters[] = "bkmgtp";
    char number[NUMBER_BYTES_MAX];
    size_t digits = strspn(text, "0123456789");
    const char *suffix = text + digits;
    const char *letter;
    int64_t value;

    if (digits == 0 || digits >= sizeof number) {
        return ERR_INVALID;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (text_parse_int64(number, &value) != OK) {
        return ERR_INVALID;
    }
    if (suffix[0] != '\0') {
        letter = strchr(letters, tolower((unsigned char)suffix[0]));
        if (letter == NULL || (suffix[1] != '\0' && strcasecmp(suffix + 1, "b") != 0)) {
            return ERR_INVALID;
        }
        unit = INT64_C(1) << (10 * (letter - letters));
    }
    return __builtin_mul_overflow(value, unit, out_bytes) ? ERR_INVALID : OK;
}

static int64_t get_mib(struct reader *reader, const char *key, int64_t unit, int64_t fallback_mib) {
    const char *text = get(reader, key);
    int64_t bytes;

    if (text == NULL) {
        return fallback_mib;
    }
    if (parse_size(text, unit, &bytes) != OK) {
        bad(reader, key, text);
        return fallback_mib;
    }
    return bytes / MIB;
}

static double overhead_factor(const struct reader *reader) {
    const char *text = get(reader, "spark.executor.memoryOverheadFactor");

    if (text == NULL) {
        text = get(reader, "spark.kubernetes.memoryOverheadFactor");
    }
    return text != NULL ? strtod(text, NULL) : 0.1;
}

static int64_t overhead_mib(struct reader *reader, int64_t heap_mib) {
    int64_t least_mib =
        reader->is_3 ? OVERHEAD_MIB_MIN
                     : get_mib(reader, "spark.executor.minMemoryOverhead", MIB, OVERHEAD_MIB_MIN);
    int64_t share_mib = (int64_t)(overhead_factor(reader) * (double)heap_mib);

    return get_mib(reader, "spark.executor.memoryOverhead", MIB,
                   share_mib > least_mib ? share_mib : least_mib);
}

static void read_memory(struct reader *reader, struct executor_plan *plan) {
    int64_t off_heap_mib = 0;
    int64_t python_mib = 0;

    plan->heap_mib = get_mib(reader, "spark.executor.memory", MIB, 1024);
    if (get_true(reader, "spark.memory.offHeap.enabled", false)) {
        off_heap_mib = get_mib(reader, "spark.memory.offHeap.size", 1, 0);
        if (off_heap_mib <= 0) {
            bad(reader, "spark.memory.offHeap.size", "0");
        }
    }
    if (reader->is_python) {
        python_mib = get_mib(reader, "spark.executor.pyspark.memory", MIB, 0);
    }
    plan->executor_memory_mib =
        plan->heap_mib + overhead_mib(reader, plan->heap_mib) + off_heap_mib + python_mib;
}

static int64_t largest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void read_count(struct reader *reader, struct executor_plan *plan) {
    const char *master = get(reader, "spark.kubernetes.driver.master");
    int64_t instances = get_number(reader, "spark.executor.instances", -1);
    int64_t least;

    if (master != NULL && text_starts_with(master, "local")) {
        return;
    }
    if (!get_true(reader, "spark.dynamicAllocation.enabled", false)) {
        plan->executor_count = instances >= 0 ? instances : EXECUTORS_DEFAULT;
        plan->executor_count_max = plan->executor_count;
        return;
    }
    least = get_number(reader, "spark.dynamicAllocation.minExecutors", 0);
    plan->executor_count = largest(
        largest(least, get_number(reader, "spark.dynamicAllocation.initialExecutors", least)),
        instances);
    plan->executor_count_max = get_number(reader, "spark.dynamicAllocation.maxExecutors", INT_MAX);
    if (plan->executor_count > plan->executor_count_max) {
        bad(reader, "spark.dynamicAllocation.maxExecutors",
            get(reader, "spark.dynamicAllocation.maxExecutors"));
    }
}

static void read_cpu(struct reader *reader, struct executor_plan *plan) {
    plan->executor_cores = get_number(reader, "spark.executor.cores", 1);
    plan->cpu_request = get(reader, "spark.kubernetes.executor.request.cores");
    plan->cpu_limit = get(reader, "spark.kubernetes.executor.limit.cores");
}

static int64_t default_batch_size(const char *version) {
    if (text_starts_with(version, "3.")) {
        return 5;
    }
    return text_starts_with(version, "4.0") || text_starts_with(version, "4.1") ? 10 : 20;
}

static void read_rounds(struct reader *reader, const char *version, struct executor_plan *plan) {
    const char *delay = get(reader, "spark.kubernetes.allocation.batch.delay");
    int64_t failures = largest(3, 2 * plan->executor_count);

    plan->batch_size =
        get_number(reader, "spark.kubernetes.allocation.batch.size", default_batch_size(version));
    if (delay != NULL && text_parse_duration_us(delay, &plan->batch_delay_us) != OK) {
        bad(reader, "spark.kubernetes.allocation.batch.delay", delay);
    }
    plan->failures_max = get_number(reader, "spark.executor.maxNumFailures", failures);
    plan->keep_executors = !get_true(reader, "spark.kubernetes.executor.deleteOnTermination", true);
    plan->no_config_map = get_true(reader, "spark.kubernetes.executor.disableConfigMap", false);
}

int executor_plan_resolve(const struct java_properties *properties, const char *version,
                          struct executor_plan *out_plan, struct error *error) {
    struct reader reader = {
        .properties = properties, .is_3 = text_starts_with(version, "3."), .error = error};
    const char *type = get(&reader, "spark.kubernetes.resource.type");
    struct executor_plan plan = {0};

    reader.is_python = type != NULL && strcmp(type, "python") == 0;
    read_memory(&reader, &plan);
    read_count(&reader, &plan);
    read_cpu(&reader, &plan);
    read_rounds(&reader, version, &plan);
    if (reader.code == OK) {
        *out_plan = plan;
    }
    return reader.code;
}
