#include "sim/spark_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "sim/agenda.h"
#include "sim/executor_plan.h"
#include "sim/pod_math.h"
#include "sim/pod_plan.h"
#include "sim/pod_status.h"
#include "sim/runtime.h"
#include "sim/spark_executor.h"
#include "sim/spark_launch.h"
#include "sim/store.h"
#include "sim/tree.h"

enum driver_state {
    DRIVER_STARTING, /* the JVM starts */
    DRIVER_WORKING,  /* makes executors and works when they run */
    DRIVER_ENDED,    /* the pod is over; executors that are left are to stop */
    DRIVER_STATE_COUNT,
};

/* One driver pod whose container runs or ran. */
struct driver {
    uint64_t id;
    char *uid;
    char *namespace;
    char *name;
    enum driver_state state;
    int64_t due_us;
    int64_t round_us; /* when the next round of requests may be made */
    struct java_properties properties;
    struct executor_plan wanted;
    char *executor_prefix;
    char *config_map;     /* NULL when there is none */
    struct map executors; /* names of its executor pods that exist -> the driver itself */
    int64_t executor_number;
    int64_t failed_executors;
    int64_t work_us; /* still to do */
    int64_t seen_us; /* until when work has been counted */
    bool at_work;    /* enough executors ran since then */
};

struct spark_drivers {
    struct spark_drivers_config config;
    struct map drivers; /* uid -> struct driver */
    struct map by_id;
    struct agenda agenda;
    uint64_t id;
    struct spark_drivers_counts counts;
};

struct spark_drivers *spark_drivers_create(const struct spark_drivers_config *config) {
    struct spark_drivers *drivers = mem_alloc(1, sizeof *drivers);

    drivers->config = *config;
    return drivers;
}

static void driver_destroy(struct driver *driver) {
    free(driver->uid);
    free(driver->namespace);
    free(driver->name);
    java_properties_finish(&driver->properties);
    free(driver->executor_prefix);
    free(driver->config_map);
    map_finish(&driver->executors);
    free(driver);
}

void spark_drivers_destroy(struct spark_drivers *drivers) {
    const struct map_entry *entry;

    if (drivers == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&drivers->drivers, &at)) != NULL;) {
        driver_destroy(entry->value);
    }
    map_finish(&drivers->drivers);
    map_finish(&drivers->by_id);
    agenda_finish(&drivers->agenda);
    free(drivers);
}

static void plan(struct spark_drivers *drivers, struct driver *driver, int64_t due_us) {
    driver->due_us = due_us;
    if (due_us != CLOCK_NEVER_US) {
        agenda_set(&drivers->agenda, due_us, driver->id);
    }
}

/* Sooner than planned, because something has changed. */
static void wake(struct spark_drivers *drivers, struct driver *driver, int64_t now_us) {
    if (driver->state != DRIVER_STARTING && now_us < driver->due_us) {
        plan(drivers, driver, now_us);
    }
}

/* What is seen of the pods. */

static void driver_started(struct spark_drivers *drivers, const struct sim_change *change) {
    struct driver *driver = mem_alloc(1, sizeof *driver);

    driver->id = ++drivers->id;
    driver->uid = mem_copy_text(tree_uid(change->object));
    driver->namespace = mem_copy_text(change->namespace);
    driver->name = mem_copy_text(change->name);
    (void)map_put(&drivers->drivers, driver->uid, driver);
    (void)map_put_id(&drivers->by_id, driver->id, driver);
    drivers->counts.drivers++;
    plan(drivers, driver, change->now_us + drivers->config.start_us);
}

static void driver_changed(struct spark_drivers *drivers, const struct sim_change *change) {
    struct driver *driver = map_get(&drivers->drivers, tree_uid(change->object));

    if (driver == NULL) {
        if (change->type != SIM_DELETED && tree_is(change->object, "status/phase", "Running")) {
            driver_started(drivers, change);
        }
        return;
    }
    if (change->type == SIM_DELETED) {
        (void)map_remove_id(&drivers->by_id, driver->id);
        (void)map_remove(&drivers->drivers, tree_uid(change->object));
        driver_destroy(driver);
    } else if (pod_finished(change->object) && driver->state != DRIVER_ENDED) {
        driver->state = DRIVER_ENDED;
        plan(drivers, driver, change->now_us);
    }
}

static const char *owner_uid(const json_t *object) {
    const json_t *owner = json_array_get(tree_at(object, "metadata/ownerReferences"), 0);
    const char *uid = tree_text(owner, "uid");

    return uid != NULL ? uid : "";
}

static void executor_changed(struct spark_drivers *drivers, const struct sim_change *change) {
    struct driver *driver = map_get(&drivers->drivers, owner_uid(change->object));

    if (driver == NULL) {
        return;
    }
    if (change->type == SIM_DELETED) {
        (void)map_remove(&driver->executors, change->name);
    } else if (change->type == SIM_ADDED) {
        (void)map_put(&driver->executors, change->name, driver);
    }
    if (tree_is(change->object, "status/phase", "Failed") &&
        !tree_is(change->old, "status/phase", "Failed") && !pod_terminating(change->object)) {
        driver->failed_executors++;
    }
    wake(drivers, driver, change->now_us);
}

void spark_drivers_on_change(struct spark_drivers *drivers, const struct sim_change *change) {
    if (change->resource->id != SIM_PODS) {
        return;
    }
    if (pod_is_spark_driver(change->object)) {
        driver_changed(drivers, change);
    } else if (pod_is_spark_executor(change->object)) {
        executor_changed(drivers, change);
    }
}

/* The application. */

static json_t *get_pod(const struct spark_drivers *drivers, const struct driver *driver) {
    return sim_store_get(drivers->config.store, SIM_PODS, driver->namespace, driver->name);
}

static void end_pod(struct spark_drivers *drivers, struct driver *driver,
                    const struct pod_exit *exit, int64_t now_us) {
    /* The pod may have been ended by somebody else in this very instant. */
    if (runtime_exit(drivers->config.runtime, driver->namespace, driver->name, exit, now_us) !=
        OK) {
        plan(drivers, driver, CLOCK_NEVER_US);
    }
}

static void fail_start(struct spark_drivers *drivers, struct driver *driver, const char *why,
                       int64_t now_us) {
    struct pod_exit exit = {.code = 1};

    runtime_log(drivers->config.runtime, driver->namespace, driver->name, now_us,
                "ERROR SparkContext: Error initializing SparkContext. %s", why);
    end_pod(drivers, driver, &exit, now_us);
}

static bool read_properties(struct spark_drivers *drivers, struct driver *driver,
                            const json_t *pod) {
    const char *text = spark_launch_properties(drivers->config.store, pod);

    if (text == NULL) {
        return false;
    }
    java_properties_read(&driver->properties, text);
    return true;
}

static struct spark_application application_of(const struct driver *driver, const json_t *pod) {
    return (struct spark_application){.driver_pod = pod,
                                      .properties = &driver->properties,
                                      .plan = &driver->wanted,
                                      .name_prefix = driver->executor_prefix,
                                      .config_map = driver->config_map};
}

/* POST to the same front door as everybody; the answer's code, and its message in the log if it is
 * a refusal. */
static bool post(struct spark_drivers *drivers, struct driver *driver, enum sim_resource_id id,
                 const json_t *object, int64_t now_us) {
    struct sim_write write = {.id = id, .namespace = driver->namespace, .now_us = now_us};
    struct sim_answer answer = sim_store_post(drivers->config.store, &write, object);
    bool ok = answer.code == 201;

    if (!ok) {
        const char *message = tree_text(answer.body, "message");

        runtime_log(drivers->config.runtime, driver->namespace, driver->name, now_us,
                    "WARN ExecutorPodsSnapshotsStoreImpl: Failure executing: POST. Message: %s",
                    message != NULL ? message : "");
    }
    sim_answer_finish(&answer);
    return ok;
}

static void name_things(struct spark_drivers *drivers, struct driver *driver, const json_t *pod) {
    const char *prefix =
        java_properties_get(&driver->properties, "spark.kubernetes.executor.podNamePrefix");
    unsigned long long unique = rng_next(drivers->config.rng);
    const char *label = tree_label(pod, "spark-app-name");

    driver->executor_prefix =
        prefix != NULL ? mem_copy_text(prefix)
                       : mem_format("%s-%016llx", label != NULL ? label : "spark", unique);
    if (!driver->wanted.no_config_map) {
        driver->config_map = mem_format("spark-exec-%016llx-conf-map", unique);
    }
}

static bool make_config_map(struct spark_drivers *drivers, struct driver *driver, const json_t *pod,
                            int64_t now_us) {
    struct spark_application application = application_of(driver, pod);
    json_t *map;
    bool ok;

    if (driver->config_map == NULL) {
        return true;
    }
    map = spark_executor_config_map(&application);
    ok = post(drivers, driver, SIM_CONFIGMAPS, map, now_us);
    json_decref(map);
    return ok;
}

static void start_application(struct spark_drivers *drivers, struct driver *driver,
                              const json_t *pod, int64_t now_us) {
    const char *version = tree_label(pod, "spark-version");
    struct error error = {0};

    version = version != NULL ? version : "3.5.0";
    runtime_log(drivers->config.runtime, driver->namespace, driver->name, now_us,
                "INFO SparkContext: Running Spark version %s", version);
    if (!read_properties(drivers, driver, pod)) {
        fail_start(drivers, driver, "The properties file is not there", now_us);
        return;
    }
    if (executor_plan_resolve(&driver->properties, version, &driver->wanted, &error) != OK) {
        fail_start(drivers, driver, error.text, now_us);
        return;
    }
    name_things(drivers, driver, pod);
    if (!make_config_map(drivers, driver, pod, now_us)) {
        fail_start(drivers, driver, "The executors' ConfigMap was refused", now_us);
        return;
    }
    driver->work_us = spark_launch_work_us(pod, drivers->config.runtime_us);
    driver->seen_us = now_us;
    driver->round_us = now_us;
    driver->state = DRIVER_WORKING;
    plan(drivers, driver, now_us);
}

/* Executors by what is known of them. */
struct tally {
    int64_t live; /* not finished and not told to go: these are not asked for again */
    int64_t running;
};

static void count_executor(const struct spark_drivers *drivers, const json_t *pod,
                           struct tally *tally) {
    if (pod == NULL || pod_finished(pod) || pod_terminating(pod)) {
        return;
    }
    tally->live++;
    if (tree_is(pod, "status/phase", "Running") && pod_node(pod) != NULL &&
        !runtime_node_lost(drivers->config.runtime, pod_node(pod))) {
        tally->running++;
    }
}

static struct tally count_executors(const struct spark_drivers *drivers,
                                    const struct driver *driver) {
    const struct map_entry *entry;
    struct tally tally = {0};

    for (size_t at = 0; (entry = map_next(&driver->executors, &at)) != NULL;) {
        count_executor(
            drivers, sim_store_get(drivers->config.store, SIM_PODS, driver->namespace, entry->text),
            &tally);
    }
    return tally;
}

/* One round: up to a batch, and no more after the first refusal. Numbers are never used again. */
static void request_executors(struct spark_drivers *drivers, struct driver *driver,
                              const json_t *pod, int64_t missing, int64_t now_us) {
    struct spark_application application = application_of(driver, pod);
    int64_t wanted = missing < driver->wanted.batch_size ? missing : driver->wanted.batch_size;

    runtime_log(drivers->config.runtime, driver->namespace, driver->name, now_us,
                "INFO ExecutorPodsAllocator: Going to request %lld executors from Kubernetes for "
                "ResourceProfile Id: 0",
                (long long)wanted);
    for (int64_t i = 0; i < wanted; i++) {
        json_t *executor = spark_executor_pod(&application, ++driver->executor_number);
        bool ok = post(drivers, driver, SIM_PODS, executor, now_us);

        json_decref(executor);
        if (!ok) {
            drivers->counts.executors_refused++;
            return;
        }
        drivers->counts.executors_created++;
    }
}

static void delete_object(struct spark_drivers *drivers, const struct driver *driver,
                          enum sim_resource_id id, const char *name, int64_t now_us) {
    struct sim_delete request = {.id = id,
                                 .namespace = driver->namespace,
                                 .name = name,
                                 .now_us = now_us,
                                 .grace_seconds = SIM_GRACE_DEFAULT};
    struct sim_answer answer = sim_store_delete(drivers->config.store, &request);

    sim_answer_finish(&answer); /* Gone already is as good. */
}

/* Deletes end a walk, so the names are gathered first. */
static void delete_selected(struct spark_drivers *drivers, const struct driver *driver,
                            enum sim_resource_id id, int64_t now_us) {
    const char *app_id = java_properties_get(&driver->properties, "spark.app.id");
    struct sim_walk walk = {0};
    struct map names = {0};
    const struct map_entry *entry;
    const json_t *object;

    while ((object = sim_store_next(drivers->config.store, id, driver->namespace, &walk)) != NULL) {
        const char *label = tree_label(object, "spark-app-selector");

        if (label == NULL) { /* The driver's Service has the label in its selector only. */
            label = json_string_value(
                json_object_get(tree_at(object, "spec/selector"), "spark-app-selector"));
        }
        if (label != NULL && app_id != NULL && strcmp(label, app_id) == 0) {
            (void)map_put(&names, tree_name(object), drivers);
        }
    }
    for (size_t at = 0; (entry = map_next(&names, &at)) != NULL;) {
        delete_object(drivers, driver, id, entry->text, now_us);
    }
    map_finish(&names);
}

static void delete_executors(struct spark_drivers *drivers, struct driver *driver, int64_t now_us) {
    const struct map_entry *entry;

    /* A delete may take the entry just visited off the map, which is allowed. */
    for (size_t at = 0; (entry = map_next(&driver->executors, &at)) != NULL;) {
        char *name = mem_copy_text(entry->text);

        delete_object(drivers, driver, SIM_PODS, name, now_us);
        free(name);
    }
    if (driver->config_map != NULL) {
        delete_object(drivers, driver, SIM_CONFIGMAPS, driver->config_map, now_us);
    }
}

/* SparkContext.stop() and the end of main. A killed JVM does not get to stop anything. */
static void end_application(struct spark_drivers *drivers, struct driver *driver,
                            const struct pod_exit *exit, int64_t now_us) {
    if (exit->code != 137) {
        runtime_log(drivers->config.runtime, driver->namespace, driver->name, now_us,
                    "INFO SparkContext: SparkContext is stopping with exitCode %d.", exit->code);
        if (!driver->wanted.keep_executors) {
            delete_executors(drivers, driver, now_us);
        }
        delete_selected(drivers, driver, SIM_SERVICES, now_us);
        delete_selected(drivers, driver, SIM_PERSISTENTVOLUMECLAIMS, now_us);
    }
    end_pod(drivers, driver, exit, now_us);
}

static void count_work(struct driver *driver, const struct tally *tally, int64_t now_us) {
    if (driver->at_work) {
        driver->work_us -= now_us - driver->seen_us;
    }
    driver->seen_us = now_us;
    driver->at_work = tally->running * 10 >= driver->wanted.executor_count * 8;
}

static int64_t round_length_us(const struct spark_drivers *drivers, const struct driver *driver) {
    return driver->wanted.batch_delay_us > 0 ? driver->wanted.batch_delay_us
                                             : drivers->config.round_us;
}

/* The next instant at which something can happen by itself. */
static void plan_next(struct spark_drivers *drivers, struct driver *driver, bool incomplete) {
    int64_t due_us = incomplete ? driver->round_us : CLOCK_NEVER_US;

    if (driver->at_work && driver->seen_us + driver->work_us < due_us) {
        due_us = driver->seen_us + driver->work_us;
    }
    plan(drivers, driver, due_us);
}

/* The lifecycle manager deletes executor pods that are over. */
static void reap_executors(struct spark_drivers *drivers, struct driver *driver, int64_t now_us) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&driver->executors, &at)) != NULL;) {
        const json_t *pod =
            sim_store_get(drivers->config.store, SIM_PODS, driver->namespace, entry->text);

        if (!driver->wanted.keep_executors && pod != NULL && pod_finished(pod)) {
            char *name = mem_copy_text(entry->text);

            delete_object(drivers, driver, SIM_PODS, name, now_us);
            free(name);
        }
    }
}

static void work(struct spark_drivers *drivers, struct driver *driver, const json_t *pod,
                 int64_t now_us) {
    struct tally tally = count_executors(drivers, driver);
    struct pod_exit exit = pod_plan_exit(pod);
    int64_t missing = driver->wanted.executor_count - tally.live;

    reap_executors(drivers, driver, now_us);
    count_work(driver, &tally, now_us);
    if (driver->at_work && driver->work_us <= 0) {
        drivers->counts.completed++;
        end_application(drivers, driver, &exit, now_us);
        return;
    }
    if (driver->failed_executors > driver->wanted.failures_max) {
        exit = (struct pod_exit){.code = 11};
        end_application(drivers, driver, &exit, now_us);
        return;
    }
    if (missing > 0 && now_us >= driver->round_us) {
        driver->round_us = now_us + round_length_us(drivers, driver);
        request_executors(drivers, driver, pod, missing, now_us);
    }
    plan_next(drivers, driver, missing > 0);
}

/* Executors notice that their driver is gone. */
static void stop_orphans(struct spark_drivers *drivers, struct driver *driver, int64_t now_us) {
    const struct map_entry *entry;
    struct pod_exit exit = {.code = 1};

    plan(drivers, driver, CLOCK_NEVER_US);
    for (size_t at = 0; (entry = map_next(&driver->executors, &at)) != NULL;) {
        const json_t *pod =
            sim_store_get(drivers->config.store, SIM_PODS, driver->namespace, entry->text);

        if (pod != NULL && !pod_finished(pod) && !pod_terminating(pod)) {
            int r = runtime_exit(drivers->config.runtime, driver->namespace, entry->text, &exit,
                                 now_us);

            (void)r; /* One that has not started yet ends when it's collected. */
        }
    }
}

static void step_driver(struct spark_drivers *drivers, struct driver *driver, int64_t now_us) {
    json_t *pod = get_pod(drivers, driver);

    driver->due_us = CLOCK_NEVER_US;
    if (pod == NULL || pod_node(pod) == NULL) {
        return;
    }
    if (driver->state != DRIVER_ENDED &&
        runtime_node_lost(drivers->config.runtime, pod_node(pod))) {
        driver->at_work = false; /* What it does out there is not seen. */
        plan(drivers, driver, now_us + drivers->config.round_us);
        return;
    }
    json_incref(pod);
    if (driver->state == DRIVER_STARTING) {
        start_application(drivers, driver, pod, now_us);
    } else if (driver->state == DRIVER_WORKING) {
        work(drivers, driver, pod, now_us);
    } else {
        stop_orphans(drivers, driver, now_us);
    }
    json_decref(pod);
}

void spark_drivers_step(struct spark_drivers *drivers, int64_t now_us) {
    struct agenda_item item;

    while (agenda_pop(&drivers->agenda, now_us, &item)) {
        struct driver *driver = map_get_id(&drivers->by_id, item.id);

        if (driver != NULL && driver->due_us == item.due_us) {
            step_driver(drivers, driver, now_us);
        }
    }
}

int64_t spark_drivers_next_us(const struct spark_drivers *drivers) {
    return agenda_next_us(&drivers->agenda);
}

struct spark_drivers_counts spark_drivers_counts(const struct spark_drivers *drivers) {
    return drivers->counts;
}
