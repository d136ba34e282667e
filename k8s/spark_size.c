#include "k8s/spark_size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/quantity.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/spark_app.h"
#include "k8s/spark_template.h"
#include "policy/demand_change.h"

#define BYTES_PER_MIB          ((int64_t)1 << 20)
#define HEAP_DEFAULT_MIB       1024
#define OVERHEAD_MIN_MIB       384
#define FACTOR_JVM             0.1
#define FACTOR_OTHER           0.4
#define MEMORY_MAX_MIB         ((int64_t)1 << 40)
#define EXECUTORS_DEFAULT      1
#define KEY_BYTES_MAX          256
#define MILLI_PER_CORE         1000
#define EXTENDED_KEY_BYTES_MAX 400

/* A role's resolution under way. */
struct sizing {
    const struct spark_app *app;
    const struct spark_conf *conf;
    const char *role;
    struct spark_size *size;
    struct field_error *error;
    char key[KEY_BYTES_MAX]; /* of role_key() */
};

static const char *role_key(struct sizing *sizing, const char *pattern) {
    spark_role_key(pattern, sizing->role, sizing->key, sizeof sizing->key);
    return sizing->key;
}

static int resolve_cpu(struct sizing *sizing) {
    int64_t cores = 1;
    int64_t milli;
    int r = spark_conf_get_count(sizing->conf, role_key(sizing, "spark.*.cores"), 1, &cores,
                                 sizing->error);

    milli = cores * MILLI_PER_CORE;
    r = r < 0 ? r
              : spark_conf_get_milli(sizing->conf,
                                     role_key(sizing, "spark.kubernetes.*.request.cores"), &milli,
                                     sizing->error);
    sizing->size->cpu_request_milli = milli;
    return r < 0 ? r
                 : spark_conf_get_milli(sizing->conf,
                                        role_key(sizing, "spark.kubernetes.*.limit.cores"),
                                        &sizing->size->cpu_limit_milli, sizing->error);
}

/* The API server would refuse the pod (or the driver its executors, again and again). */
static int check_cpu(struct sizing *sizing) {
    const struct spark_size *size = sizing->size;
    const struct spark_conf_entry *entry;

    if (size->cpu_limit_milli == 0 || size->cpu_limit_milli >= size->cpu_request_milli) {
        return OK;
    }
    entry = spark_conf_find(sizing->conf, role_key(sizing, "spark.kubernetes.*.limit.cores"));
    return spark_conf_fail(entry, sizing->error, ERR_INVALID,
                           "the cpu limit %s is below the request of %" PRId64 "m", entry->value,
                           size->cpu_request_milli);
}

static int resolve_heap(struct sizing *sizing) {
    int64_t heap = HEAP_DEFAULT_MIB;
    const char *key = role_key(sizing, "spark.*.memory");
    int r = spark_conf_get_mib(sizing->conf, key, &heap, sizing->error);

    if (r == OK && (heap <= 0 || heap > MEMORY_MAX_MIB)) {
        r = spark_conf_fail(spark_conf_find(sizing->conf, key), sizing->error, ERR_INVALID,
                            "%s must be at least 1m, and not beyond all reason", key);
    }
    sizing->size->heap_mib = heap;
    return r;
}

static int resolve_overhead(struct sizing *sizing) {
    struct spark_size *size = sizing->size;
    int64_t overhead = -1;
    int r;

    size->overhead_min_mib = OVERHEAD_MIN_MIB;
    size->overhead_factor = sizing->app->overhead_factor;
    r = spark_conf_get_factor(sizing->conf, role_key(sizing, "spark.*.memoryOverheadFactor"),
                              &size->overhead_factor, sizing->error);
    if (r == OK && spark_version_at_least(&sizing->app->version, 4, 0)) {
        r = spark_conf_get_mib(sizing->conf, role_key(sizing, "spark.*.minMemoryOverhead"),
                               &size->overhead_min_mib, sizing->error);
    }
    r = r < 0 ? r
              : spark_conf_get_mib(sizing->conf, role_key(sizing, "spark.*.memoryOverhead"),
                                   &overhead, sizing->error);
    if (r < 0) {
        return r;
    }
    size->overhead_given = overhead >= 0;
    if (overhead < 0) {
        overhead = (int64_t)(size->overhead_factor * (double)size->heap_mib);
        overhead = overhead > size->overhead_min_mib ? overhead : size->overhead_min_mib;
    }
    size->overhead_mib = overhead;
    return OK;
}

static int resolve_off_heap(struct sizing *sizing) {
    static const char key[] = "spark.memory.offHeap.size";
    bool enabled = false;
    int64_t mib = 0;
    int r =
        spark_conf_get_bool(sizing->conf, "spark.memory.offHeap.enabled", &enabled, sizing->error);

    r = r < 0 ? r : spark_conf_get_bytes_as_mib(sizing->conf, key, &mib, sizing->error);
    if (r < 0 || !enabled) {
        return r;
    }
    if (mib <= 0) {
        return spark_conf_fail(spark_conf_find(sizing->conf, "spark.memory.offHeap.enabled"),
                               sizing->error, ERR_INVALID,
                               "spark.memory.offHeap.enabled needs %s above 0", key);
    }
    sizing->size->off_heap_mib = mib;
    return OK;
}

static int resolve_pyspark(struct sizing *sizing) {
    int64_t mib = 0;
    int r = spark_conf_get_mib(sizing->conf, "spark.executor.pyspark.memory", &mib, sizing->error);

    if (r == OK && sizing->app->language == SPARK_PYTHON) {
        sizing->size->pyspark_mib = mib;
    }
    return r;
}

/* One spark.<role>.resource.<name>.amount and its vendor. */
static int resolve_extended(struct sizing *sizing, const struct spark_conf_entry *entry,
                            const char *name, size_t name_bytes) {
    struct spark_size *size = sizing->size;
    char vendor_key[EXTENDED_KEY_BYTES_MAX];
    const char *vendor;
    int64_t amount = 0;
    int r = spark_conf_get_count(sizing->conf, entry->key, 0, &amount, sizing->error);

    if (r < 0 || amount == 0) {
        return r;
    }
    (void)snprintf(vendor_key, sizeof vendor_key, "spark.%s.resource.%.*s.vendor", sizing->role,
                   (int)name_bytes, name);
    vendor = spark_conf_get(sizing->conf, vendor_key);
    if (vendor == NULL) {
        return spark_conf_fail(entry, sizing->error, ERR_INVALID, "%s is missing, such as %s",
                               vendor_key, "nvidia.com");
    }
    if (size->extended_count == SPARK_EXTENDED_MAX) {
        return spark_conf_fail(entry, sizing->error, ERR_FULL, "more than %d custom resources",
                               SPARK_EXTENDED_MAX);
    }
    (void)snprintf(size->extended[size->extended_count].name, SPARK_EXTENDED_NAME_BYTES, "%s/%.*s",
                   vendor, (int)name_bytes, name);
    size->extended[size->extended_count++].amount = amount;
    return OK;
}

static int resolve_all_extended(struct sizing *sizing) {
    const struct spark_conf_entry *entry;
    char prefix[KEY_BYTES_MAX];
    size_t at = 0;
    int r = OK;

    spark_role_key("spark.*.resource.", sizing->role, prefix, sizeof prefix);
    while (r == OK && (entry = spark_conf_next(sizing->conf, prefix, &at)) != NULL) {
        const char *name = entry->key + strlen(prefix);
        const char *dot = strrchr(name, '.');

        if (dot != NULL && strcmp(dot, ".amount") == 0 && dot - name < 64) {
            r = resolve_extended(sizing, entry, name, (size_t)(dot - name));
        }
    }
    return r;
}

static int resolve_role(struct spark_app *app, const char *role, struct spark_size *size,
                        struct field_error *error) {
    struct sizing sizing = {
        .app = app, .conf = &app->conf, .role = role, .size = size, .error = error};
    int r = resolve_cpu(&sizing);

    r = r < 0 ? r : check_cpu(&sizing);
    r = r < 0 ? r : resolve_heap(&sizing);
    r = r < 0 ? r : resolve_overhead(&sizing);
    r = r < 0 ? r : resolve_all_extended(&sizing);
    if (r == OK && size == &app->executor_size) {
        r = resolve_off_heap(&sizing);
        r = r < 0 ? r : resolve_pyspark(&sizing);
    }
    size->memory_mib = size->heap_mib + size->overhead_mib + size->off_heap_mib + size->pyspark_mib;
    return r;
}

/* Which of them is kept room for; what appears beyond is counted when it does. */
static int reserve_dynamic(struct spark_app *app, struct field_error *error) {
    const int64_t counts[] = {[SPARK_RESERVE_INITIAL] = app->executor_count_initial,
                              [SPARK_RESERVE_MIN] = app->executor_count_min,
                              [SPARK_RESERVE_MAX] = app->executor_count_max};

    app->executor_count = counts[app->reserve];
    if (app->executor_count < INT32_MAX) {
        return OK;
    }
    error_set(&error->error, ERR_INVALID, "is max, but there is no maxExecutors");
    (void)text_copy(error->path, sizeof error->path, "spec.dynamicAllocation.reserve");
    return ERR_INVALID;
}

static int resolve_dynamic_count(struct spark_app *app, int64_t instances,
                                 struct field_error *error) {
    static const char initial_key[] = "spark.dynamicAllocation.initialExecutors";
    static const char max_key[] = "spark.dynamicAllocation.maxExecutors";
    const struct spark_conf_entry *most;
    int64_t least = 0;
    int64_t initial = 0;
    int r =
        spark_conf_get_count(&app->conf, "spark.dynamicAllocation.minExecutors", 0, &least, error);

    r = r < 0 ? r : spark_conf_get_count(&app->conf, initial_key, 0, &initial, error);
    r = r < 0 ? r : spark_conf_get_count(&app->conf, max_key, 1, &app->executor_count_max, error);
    if (r < 0) {
        return r;
    }
    initial = initial > least ? initial : least;
    initial = initial > instances ? initial : instances;
    most = spark_conf_find(&app->conf, max_key);
    if (initial > app->executor_count_max) {
        return spark_conf_fail(most, error, ERR_INVALID,
                               "%s is %s, but the application begins with %" PRId64 " executors",
                               max_key, most->value, initial);
    }
    app->executor_count_initial = initial;
    app->executor_count_min = least;
    return reserve_dynamic(app, error);
}

static int resolve_count(struct spark_app *app, struct field_error *error) {
    static const char key[] = "spark.executor.instances";
    const char *master = spark_conf_get(&app->conf, "spark.kubernetes.driver.master");
    int64_t instances = 0;
    int r = spark_conf_get_bool(&app->conf, "spark.dynamicAllocation.enabled",
                                &app->dynamic_allocation, error);

    r = r < 0 ? r
              : spark_conf_get_count(&app->conf, key, app->dynamic_allocation ? 0 : 1, &instances,
                                     error);
    if (r < 0) {
        return r;
    }
    app->executor_count_max = INT32_MAX;
    if (master != NULL && text_starts_with(master, "local")) {
        return OK; /* The driver does all the work itself. */
    }
    if (app->dynamic_allocation) {
        return resolve_dynamic_count(app, instances, error);
    }
    if (instances == 0) { /* Said to Spark too, whose own default differs. */
        instances = EXECUTORS_DEFAULT;
        r = spark_conf_set(&app->conf, key, "1", "spec.executor.instances");
    }
    app->executor_count = instances;
    app->executor_count_initial = instances;
    app->executor_count_min = instances;
    app->executor_count_max = instances;
    return r;
}

static int check_count(const struct spark_app *app, struct field_error *error) {
    if (app->executor_count < LIMIT_JOB_PODS) {
        return OK;
    }
    error_set(&error->error, ERR_FULL, "%" PRId64 " executors; the limit is %d",
              app->executor_count, LIMIT_JOB_PODS - 1);
    (void)text_copy(error->path, sizeof error->path, "spec.executor.instances");
    return ERR_FULL;
}

/* memoryLimit of a role, against what it asks for. */
static int check_memory_limit(const struct spark_app *app, const char *role, int64_t limit_bytes,
                              struct field_error *error) {
    const struct spark_size *size =
        strcmp(role, "driver") == 0 ? &app->driver_size : &app->executor_size;
    struct json_at top = json_at_root(app->root);
    struct json_at spec = json_at_key(&top, "spec");
    struct json_at at = json_at_key(&spec, role);
    struct json_at limit = json_at_key(&at, "memoryLimit");

    if (!json_is_there(&limit) || limit_bytes >= size->memory_mib * BYTES_PER_MIB) {
        return OK;
    }
    return json_fail(&limit, error, ERR_INVALID, "is below the %s's request of %" PRId64 "Mi", role,
                     size->memory_mib);
}

static void say_mib(struct spark_app *app, const char *pattern, const char *role, int64_t mib);

/* Spark makes an executor's limit its request, whatever a template says: its overhead is what is
 * missing, so that it may use as much as was meant. */
static void raise_to_limit(struct spark_app *app) {
    struct spark_size *size = &app->executor_size;
    const int64_t limit_mib = app->executor_memory_limit_bytes / BYTES_PER_MIB;

    if (json_is_true(json_object_get(app->root, "operator"))) {
        return; /* Its webhook patches the limit alone. */
    }
    app->executor_memory_limit_bytes = 0;
    if (limit_mib > size->memory_mib) {
        size->overhead_mib += limit_mib - size->memory_mib;
        size->memory_mib = limit_mib;
        size->overhead_given = true;
        say_mib(app, "spark.*.memoryOverhead", "executor", size->overhead_mib);
    }
}

int spark_size_resolve(struct spark_app *app, struct field_error *error) {
    int r;

    app->overhead_factor = app->language == SPARK_JVM ? FACTOR_JVM : FACTOR_OTHER;
    r = spark_conf_get_factor(&app->conf, "spark.kubernetes.memoryOverheadFactor",
                              &app->overhead_factor, error);
    r = r < 0 ? r : resolve_role(app, "driver", &app->driver_size, error);
    r = r < 0 ? r : resolve_role(app, "executor", &app->executor_size, error);
    r = r < 0 ? r : resolve_count(app, error);
    r = r < 0 ? r : check_memory_limit(app, "driver", app->driver_memory_limit_bytes, error);
    r = r < 0 ? r : check_memory_limit(app, "executor", app->executor_memory_limit_bytes, error);
    if (r == OK) {
        raise_to_limit(app);
    }
    return r < 0 ? r : check_count(app, error);
}

static void put_milli(struct json_t *object, const char *key, int64_t milli) {
    char text[QUANTITY_BYTES_MAX];

    quantity_print_milli(milli, text);
    json_put_text(object, key, text);
}

void spark_size_put(const struct spark_size *size, struct json_t *resources) {
    struct json_t *requests = spark_template_object(resources, "requests");
    struct json_t *limits = spark_template_object(resources, "limits");
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64 "Mi", size->memory_mib);
    put_milli(requests, "cpu", size->cpu_request_milli);
    json_put_text(requests, "memory", text);
    json_put_text(limits, "memory", text);
    if (size->cpu_limit_milli > 0) {
        put_milli(limits, "cpu", size->cpu_limit_milli);
    }
    for (size_t i = 0; i < size->extended_count; i++) {
        (void)snprintf(text, sizeof text, "%" PRId64, size->extended[i].amount);
        json_put_text(limits, size->extended[i].name, text);
    }
}

static void say_mib(struct spark_app *app, const char *pattern, const char *role, int64_t mib) {
    char key[KEY_BYTES_MAX];
    char value[32];

    spark_role_key(pattern, role, key, sizeof key);
    (void)snprintf(value, sizeof value, "%" PRId64 "m", mib);
    /* At the bound of keys it was said before, or Spark takes the old size within the new pod. */
    (void)!spark_conf_set(&app->conf, key, value, "spec.sparkConf");
}

static void grow_role(struct spark_app *app, const char *role, struct spark_size *size,
                      uint32_t permille) {
    const int64_t grown = demand_grown_bytes(size->memory_mib * BYTES_PER_MIB, permille);
    const int64_t added = grown / BYTES_PER_MIB - size->memory_mib;
    const int64_t shared = size->heap_mib + size->overhead_mib;
    const int64_t to_heap = (int64_t)((double)added * (double)size->heap_mib / (double)shared);

    if (added <= 0) {
        return;
    }
    size->heap_mib += to_heap;
    size->overhead_mib += added - to_heap;
    size->memory_mib += added;
    size->overhead_given = true;
    size->grown = true;
    say_mib(app, "spark.*.memory", role, size->heap_mib);
    say_mib(app, "spark.*.memoryOverhead", role, size->overhead_mib);
}

void spark_size_grow(struct spark_app *app, uint32_t driver_permille, uint32_t executor_permille) {
    grow_role(app, "driver", &app->driver_size, driver_permille);
    grow_role(app, "executor", &app->executor_size, executor_permille);
    app->driver_memory_limit_bytes =
        demand_grown_bytes(app->driver_memory_limit_bytes, driver_permille);
}

void spark_print_double(double value, char out_text[32]) {
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(out_text, 32, "%.*g", digits, value);
        if (!(strtod(out_text, NULL) < value) && !(strtod(out_text, NULL) > value)) {
            break;
        }
    }
    if (strpbrk(out_text, ".e") == NULL) {
        (void)snprintf(out_text + strlen(out_text), 3, ".0");
    }
}

static void explain_overhead(const struct spark_size *size, struct buf *out) {
    char factor[32];

    if (size->overhead_given) {
        buf_add_format(out, "%" PRId64 "Mi overhead as set", size->overhead_mib);
        return;
    }
    spark_print_double(size->overhead_factor, factor);
    buf_add_format(out, "%" PRId64 "Mi overhead (max of %s x %" PRId64 " and %" PRId64 ")",
                   size->overhead_mib, factor, size->heap_mib, size->overhead_min_mib);
}

static void explain_role(const char *what, const struct spark_size *size, struct buf *out) {
    char cpu[QUANTITY_BYTES_MAX];

    quantity_print_milli(size->cpu_request_milli, cpu);
    buf_add_format(out, "%s: cpu %s", what, cpu);
    if (size->cpu_limit_milli > 0) {
        quantity_print_milli(size->cpu_limit_milli, cpu);
        buf_add_format(out, " (limit %s)", cpu);
    }
    buf_add_format(out, ", memory %" PRId64 "Mi = %" PRId64 "Mi heap + ", size->memory_mib,
                   size->heap_mib);
    explain_overhead(size, out);
    if (size->off_heap_mib > 0) {
        buf_add_format(out, " + %" PRId64 "Mi off-heap", size->off_heap_mib);
    }
    if (size->pyspark_mib > 0) {
        buf_add_format(out, " + %" PRId64 "Mi pyspark", size->pyspark_mib);
    }
    for (size_t i = 0; i < size->extended_count; i++) {
        buf_add_format(out, ", %s %" PRId64, size->extended[i].name, size->extended[i].amount);
    }
    buf_add_char(out, '\n');
}

/* Said, because somebody may have meant another scheduler. */
static void explain_batch_scheduler(const struct spark_app *app, struct buf *out) {
    const char *name = json_string_value(json_object_get(app->spec, "batchScheduler"));

    if (name != NULL && !json_is_true(json_object_get(app->root, "operator"))) {
        buf_add_format(out, "batchScheduler %s: not used, this queue starts all of it or nothing\n",
                       name);
    }
}

/* What is reserved of it, and what it may come to beside. */
static void explain_allocation(const struct spark_app *app, struct buf *out) {
    static const char *const whats[] = {[SPARK_RESERVE_INITIAL] = "begins with",
                                        [SPARK_RESERVE_MIN] = "keeps, beginning with",
                                        [SPARK_RESERVE_MAX] = "may come to, beginning with"};
    const int64_t most = app->executor_count_max;
    char cpu[QUANTITY_BYTES_MAX];

    buf_add_format(out, "executors: the %" PRId64 " that a dynamic allocation %s",
                   app->executor_count, whats[app->reserve]);
    if (app->reserve != SPARK_RESERVE_INITIAL) {
        buf_add_format(out, " %" PRId64, app->executor_count_initial);
    }
    buf_add_format(out, "; then %" PRId64, app->executor_count_min);
    if (most == INT32_MAX) {
        buf_add_text(out, " or more, without a maximum\n");
        return;
    }
    quantity_print_milli(
        app->driver_size.cpu_request_milli + most * app->executor_size.cpu_request_milli, cpu);
    buf_add_format(out,
                   " to %" PRId64 " (at most cpu %s and memory %" PRId64 "Mi with the driver)\n",
                   most, cpu, app->driver_size.memory_mib + most * app->executor_size.memory_mib);
}

void spark_size_explain(const struct spark_app *app, struct buf *out_text) {
    char what[64];

    explain_role("driver", &app->driver_size, out_text);
    (void)snprintf(what, sizeof what, "%" PRId64 " x executor", app->executor_count);
    explain_role(what, &app->executor_size, out_text);
    if (app->dynamic_allocation) {
        explain_allocation(app, out_text);
    }
    explain_batch_scheduler(app, out_text);
}
