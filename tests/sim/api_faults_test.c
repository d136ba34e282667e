#include "sim/api_faults.h"

#include <jansson.h>
#include <stdio.h>

#include "sim/resource.h"
#include "sim/rest.h"
#include "tests/test.h"

static void add(struct api_faults *faults, json_t *rule_take) {
    struct error error = {0};

    CHECK(rule_take != NULL, "a rule");
    CHECK_OK(api_faults_add(faults, rule_take, &error), error.text);
    json_decref(rule_take);
}

static struct sim_target target_of(const char *verb, enum sim_resource_id id, const char *name) {
    struct sim_target target = {.verb = verb, .resource = sim_resource(id)};

    snprintf(target.namespace, sizeof target.namespace, "team");
    snprintf(target.name, sizeof target.name, "%s", name);
    return target;
}

static int code_of(struct api_faults *faults, const char *verb, enum sim_resource_id id,
                   const char *name) {
    struct sim_target target = target_of(verb, id, name);

    return api_faults_of_request(faults, &target).code;
}

TEST(api_faults__match_count_and_skip) {
    struct api_faults *faults = api_faults_create(1);

    add(faults, json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i}", "fault", "error", "verb", "get",
                          "resource", "pods", "name", "dri", "skip", 1, "count", 2, "code", 503));
    CHECK_EQ(code_of(faults, "list", SIM_PODS, "driver"), 0, "another verb");
    CHECK_EQ(code_of(faults, "get", SIM_NODES, "driver"), 0, "another resource");
    CHECK_EQ(code_of(faults, "get", SIM_PODS, "executor"), 0, "another name");
    CHECK_EQ(code_of(faults, "get", SIM_PODS, "a-driver"), 0, "the first is let pass");
    CHECK_EQ(code_of(faults, "get", SIM_PODS, "a-driver"), 503, "the second");
    CHECK_EQ(code_of(faults, "get", SIM_PODS, "a-driver"), 503, "the third");
    CHECK_EQ(code_of(faults, "get", SIM_PODS, "a-driver"), 0, "that was all");
    api_faults_destroy(faults);
}

TEST(api_faults__add_up_and_can_be_cleared) {
    struct api_faults *faults = api_faults_create(1);
    struct sim_target target = target_of("create", SIM_PODS, "");
    struct api_fault_plan plan;

    add(faults, json_pack("{s:s, s:s, s:i}", "fault", "latency", "delay", "20ms", "count", -1));
    add(faults, json_pack("{s:s, s:s, s:i}", "fault", "latency", "delay", "5ms", "count", -1));
    add(faults, json_pack("{s:s}", "fault", "lose-reply"));
    plan = api_faults_of_request(faults, &target);
    CHECK_EQ(plan.delay_us, 25000, "both delays");
    CHECK(plan.lose_reply, "and the reply");
    plan = api_faults_of_request(faults, &target);
    CHECK_EQ(plan.delay_us, 25000, "for ever");
    CHECK(!plan.lose_reply, "once");
    api_faults_clear(faults);
    plan = api_faults_of_request(faults, &target);
    CHECK_EQ(plan.delay_us, 0, "cleared");
    api_faults_destroy(faults);
}

TEST(api_faults__draw_from_their_seed) {
    unsigned hits[2] = {0};

    for (size_t round = 0; round < 2; round++) {
        struct api_faults *faults = api_faults_create(42);

        add(faults,
            json_pack("{s:s, s:f, s:i}", "fault", "error", "probability", 0.25, "count", -1));
        for (unsigned i = 0; i < 1000; i++) {
            hits[round] += code_of(faults, "get", SIM_PODS, "x") != 0 ? i : 0;
        }
        api_faults_destroy(faults);
    }
    CHECK_EQ(hits[0], hits[1], "equal seeds hit the same requests");
    CHECK(hits[0] > 0, "some are hit");
    CHECK(hits[0] < 999 * 500, "not all");
}

TEST(api_faults_act__is_for_events_and_watches) {
    struct api_faults *faults = api_faults_create(1);
    struct sim_target target = target_of("watch", SIM_PODS, "");

    add(faults, json_pack("{s:s}", "fault", "drop-event"));
    CHECK_EQ(api_faults_of_request(faults, &target).code, 0, "a request isn't an event");
    CHECK(!api_faults_act(faults, API_FAULT_DUPLICATE_EVENT, &target), "another kind");
    CHECK(api_faults_act(faults, API_FAULT_DROP_EVENT, &target), "this one");
    CHECK(!api_faults_act(faults, API_FAULT_DROP_EVENT, &target), "once");
    api_faults_destroy(faults);
}
