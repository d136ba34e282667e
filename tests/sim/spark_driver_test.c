#include "sim/spark_driver.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "sim/pod_log.h"
#include "sim/resource.h"
#include "sim/store.h"
#include "sim/tree.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

#define THREE_SECONDS "{'kubesim/runtime':'3s'}"

static void add_quota(struct kit *kit, const char *hard) {
    CHECK_EQ(kit_post(kit, SIM_RESOURCEQUOTAS, "a", "{'metadata':{'name':'q'},'spec':{'hard':%s}}",
                      hard),
             201, kit->message);
    kit_run(kit, 100 * KIT_MS);
}

TEST(spark_driver__runs_an_application_to_its_end) {
    struct kit kit;
    struct pod_log from;
    struct buf log;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "16", "64Gi");
    CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", THREE_SECONDS, "spark.executor.instances=7"),
             201, kit.message);
    kit_run(&kit, 700 * KIT_MS);
    CHECK_EQ(kit_count_pods(&kit, "Running", "driver"), 1, "the driver runs first");
    CHECK_EQ(sim_store_count(kit.store, SIM_PODS, "a"), 6, "a batch of five in 3.5");
    CHECK_STR(kit_text(&kit, SIM_PODS, "pi-driver", "status/phase"), "Running", "phase");
    kit_run(&kit, 2 * KIT_SECOND);
    CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 7, "all of them after two rounds");
    CHECK_EQ(sim_store_count(kit.store, SIM_CONFIGMAPS, "a"),
             2 + (sim_store_get(kit.store, SIM_CONFIGMAPS, "a", "kube-root-ca.crt") != NULL),
             "the executors' own ConfigMap");
    kit_run(&kit, 4 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "pi-driver"), "Succeeded", "the end");
    CHECK_EQ(sim_store_count(kit.store, SIM_PODS, "a"), 1, "the executors are deleted");
    CHECK_EQ(sim_store_count(kit.store, SIM_SERVICES, "a"), 0, "so is the Service");
    CHECK(sim_store_get(kit.store, SIM_CONFIGMAPS, "a", "pi-conf-map") != NULL,
          "the driver's ConfigMap stays");
    from = (struct pod_log){.namespace = "a", .pod = "pi-driver"};
    buf_init(&log, 100000);
    CHECK_OK(cluster_pod_log(kit.cluster, &from, &log), "it wrote a log");
    CHECK(strstr(buf_text(&log), "Going to request 5 executors") != NULL, buf_text(&log));
    buf_finish(&log);
    kit_close(&kit);
}

TEST(spark_driver__waits_for_eighty_percent_of_its_executors) {
    static const struct {
        const char *what;
        const char *cpu; /* of the only node: the driver takes one */
        const char *want;
    } rows[] = {
        {"4 of 5 are enough", "5", "Succeeded"},
        {"3 of 5 are not", "4", "Running"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;

        kit_open(&kit, NULL);
        kit_add_node(&kit, "n1", rows[i].cpu, "64Gi");
        CHECK_EQ(kit_submit_spark(&kit, "pi", "4.0.1", THREE_SECONDS, "spark.executor.instances=5"),
                 201, kit.message);
        kit_run(&kit, 60 * KIT_SECOND);
        CHECK_STR(kit_phase(&kit, "pi-driver"), rows[i].want, rows[i].what);
        kit_close(&kit);
    }
}

/* Three jobs of a driver and three executors fit; ten drivers at once take their room away. */
TEST(spark_driver__ten_without_a_queue_hang_for_ever) {
    struct kit kit;
    char name[16];
    int64_t drivers;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "64", "256Gi");
    add_quota(&kit, "{'requests.cpu':'12','pods':'12'}");
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "job-%d", i);
        CHECK_EQ(kit_submit_spark(&kit, name, "3.5.6", THREE_SECONDS, "spark.executor.instances=3"),
                 201, kit.message);
    }
    kit_run(&kit, 600 * KIT_SECOND);
    drivers = kit_count_pods(&kit, "Running", "driver");
    CHECK_EQ(drivers, 10, "all drivers run");
    CHECK_EQ(kit_count_pods(&kit, "Succeeded", "driver"), 0, "none gets anywhere");
    CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 2, "what the quota leaves");
    CHECK(cluster_quota_refusals(kit.cluster) > 1000, "refused round after round");
    CHECK_EQ(cluster_quota_peak(kit.cluster, "a", "q", "pods"), 12, "the quota was full");
    kit_close(&kit);
}

TEST(spark_driver__three_at_a_time_finish) {
    struct kit kit;
    char name[16];

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "64", "256Gi");
    add_quota(&kit, "{'requests.cpu':'12','pods':'12'}");
    for (int i = 0; i < 9; i++) {
        (void)snprintf(name, sizeof name, "job-%d", i);
        CHECK_EQ(kit_submit_spark(&kit, name, "3.5.6", THREE_SECONDS, "spark.executor.instances=3"),
                 201, kit.message);
        if (i % 3 == 2) {
            kit_run(&kit, 10 * KIT_SECOND);
        }
    }
    CHECK_EQ(kit_count_pods(&kit, "Succeeded", "driver"), 9, "all are done");
    CHECK_EQ(cluster_quota_refusals(kit.cluster), 0, "nobody was refused");
    kit_close(&kit);
}

TEST(spark_driver__ends_as_its_annotations_say) {
    static const struct {
        const char *what;
        const char *annotations;
        const char *want_phase;
        const char *want_reason;
    } rows[] = {
        {"well", "{'kubesim/runtime':'1s'}", "Succeeded", "Completed"},
        {"with an error", "{'kubesim/runtime':'1s','kubesim/exit-code':'3'}", "Failed", "Error"},
        {"out of memory", "{'kubesim/runtime':'1s','kubesim/exit-reason':'OOMKilled'}", "Failed",
         "OOMKilled"},
        {"a first attempt that fails", "{'kubesim/runtime':'1s','kubesim/fail-attempts':'2'}",
         "Failed", "Error"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit kit;
        const json_t *container;

        kit_open(&kit, NULL);
        kit_add_node(&kit, "n1", "16", "64Gi");
        CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", rows[i].annotations, ""), 201, kit.message);
        kit_run(&kit, 10 * KIT_SECOND);
        CHECK_STR(kit_phase(&kit, "pi-driver"), rows[i].want_phase, rows[i].what);
        container = json_array_get(tree_at(sim_store_get(kit.store, SIM_PODS, "a", "pi-driver"),
                                           "status/containerStatuses"),
                                   0);
        CHECK_STR(tree_text(container, "state/terminated/reason"), rows[i].want_reason,
                  rows[i].what);
        CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 0, "no executor outlives it");
        kit_close(&kit);
    }
}

TEST(spark_driver__without_its_config_map_does_not_start) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "16", "64Gi");
    CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", THREE_SECONDS, ""), 201, kit.message);
    CHECK_EQ(kit_delete(&kit, SIM_CONFIGMAPS, "a", "pi-conf-map"), 200, "taken away");
    kit_run(&kit, 30 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "pi-driver"), "Pending", "the volume is not there");
    CHECK_EQ(kit_post(&kit, SIM_CONFIGMAPS, "a",
                      "{'metadata':{'name':'pi-conf-map'},'data':{'spark.properties':"
                      "'spark.app.id=x\\nspark.executor.instances=1'}}"),
             201, kit.message);
    kit_run(&kit, 60 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "pi-driver"), "Succeeded", "and then it is");
    kit_close(&kit);
}

TEST(spark_driver__replaces_executors_that_die) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "16", "64Gi");
    CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", "{'kubesim/runtime':'20s'}", ""), 201,
             kit.message);
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 2, "two by default");
    CHECK_OK(kit_fault(&kit, "oom-kill", "{'namespace':'a','role':'executor','random':true}"),
             kit.message);
    kit_run(&kit, 100 * KIT_MS);
    CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 1, "one is dead");
    kit_run(&kit, 3 * KIT_SECOND);
    CHECK_EQ(kit_count_pods(&kit, "Running", "executor"), 2, "there is another");
    kit_run(&kit, 30 * KIT_SECOND);
    CHECK_STR(kit_phase(&kit, "pi-driver"), "Succeeded", "and it ends well");
    kit_close(&kit);
}

TEST(spark_driver__deleted_takes_everything_with_it) {
    struct kit kit;

    kit_open(&kit, NULL);
    kit_add_node(&kit, "n1", "16", "64Gi");
    CHECK_EQ(kit_submit_spark(&kit, "pi", "3.5.6", "{'kubesim/runtime':'1h'}", ""), 201,
             kit.message);
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_EQ(sim_store_count(kit.store, SIM_PODS, "a"), 3, "driver and executors");
    CHECK_EQ(kit_delete(&kit, SIM_PODS, "a", "pi-driver"), 200, "cancelled");
    kit_run(&kit, 5 * KIT_SECOND);
    CHECK_EQ(sim_store_count(kit.store, SIM_PODS, "a"), 0, "nothing is left");
    kit_close(&kit);
}
