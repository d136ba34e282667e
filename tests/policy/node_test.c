#include "policy/node.h"

#include "tests/policy/samples.h"
#include "tests/test.h"

TEST(node_accepts__reads_selectors_taints_and_state) {
    static const struct {
        const char *what;
        const char *node;
        const char *pod;
        bool now;
        bool some_day;
    } rows[] = {
        {"a plain pod on a plain node", "cpu=4", "main", true, true},
        {"the label is there", "@disk=ssd", "main @disk=ssd", true, true},
        {"another value", "@disk=hdd", "main @disk=ssd", false, false},
        {"no such label", "", "main @disk=ssd", false, false},
        {"all must match", "@disk=ssd @zone=a", "main @disk=ssd @zone=b", false, false},
        {"an empty value is a value", "@spot=", "main @spot=", true, true},
        {"a taint refuses", "%gpu=yes", "main", false, false},
        {"tolerated by value", "%gpu=yes", "main ~gpu=yes", true, true},
        {"tolerated whatever its value", "%gpu=yes", "main ~gpu", true, true},
        {"another value is not tolerated", "%gpu=yes", "main ~gpu=no", false, false},
        {"another key is not tolerated", "%gpu=yes", "main ~cpu", false, false},
        {"every taint must be tolerated", "%gpu=yes %spot=", "main ~gpu", false, false},
        {"no key tolerates everything", "%gpu=yes %spot=", "main ~", true, true},
        {"cordoned", "!cordoned", "main", false, true},
        {"cordoned, tolerated", "!cordoned", "main ~node.kubernetes.io/unschedulable", true, true},
        {"not ready", "!notready", "main ~", false, true},
        {"a taint that passes", "%node.kubernetes.io/not-ready=", "main", false, true},
        {"a taint of the cloud that passes", "%node.cloudprovider.kubernetes.io/shutdown=", "main",
         false, true},
    };
    struct resource_names names = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node made = sample_node(&names, "node-1", rows[i].node);
        struct node node;
        struct pod_demand pod = {0};

        node_copy(&made, &node);
        node_finish(&made);
        (void)sample_pod(&pod, &names, rows[i].pod);
        CHECK_EQ(node_accepts(&node, &pod), rows[i].now, rows[i].what);
        CHECK_EQ(node_might_accept(&node, &pod), rows[i].some_day, rows[i].what);
        pod_demand_finish(&pod);
        node_finish(&node);
    }
    node_finish(NULL);
    resource_names_finish(&names);
}

TEST(pod_tolerates__compares_effects) {
    static const struct {
        const char *what;
        enum taint_effect taint;
        enum taint_effect toleration;
        bool want;
    } rows[] = {
        {"the same effect", TAINT_NO_EXECUTE, TAINT_NO_EXECUTE, true},
        {"any effect", TAINT_NO_EXECUTE, TAINT_ANY_EFFECT, true},
        {"another effect", TAINT_NO_EXECUTE, TAINT_NO_SCHEDULE, false},
        {"a preference refuses nobody", TAINT_PREFER_NO_SCHEDULE, TAINT_NO_EXECUTE, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char key[] = "gpu";
        char value[] = "yes";
        const struct taint taint = {.key = key, .value = value, .effect = rows[i].taint};
        const struct toleration toleration = {
            .key = key, .value = value, .effect = rows[i].toleration};
        struct pod_demand pod = {0};

        CHECK_EQ(pod_tolerates(&pod, &taint), rows[i].taint == TAINT_PREFER_NO_SCHEDULE,
                 "without tolerations");
        pod_demand_add_toleration(&pod, &toleration);
        CHECK_EQ(pod_tolerates(&pod, &taint), rows[i].want, rows[i].what);
        pod_demand_finish(&pod);
    }
}

TEST(pod_tolerates__takes_no_key_for_every_key_only_with_exists) {
    char key[] = "gpu";
    char value[] = "";
    const struct taint taint = {.key = key, .value = value, .effect = TAINT_NO_SCHEDULE};
    const struct toleration equal = {.key = NULL, .value = NULL};
    const struct toleration exists = {.key = NULL, .exists = true};
    struct pod_demand pod = {0};

    pod_demand_add_toleration(&pod, &equal);
    CHECK(!pod_tolerates(&pod, &taint), "operator Equal needs a key");
    pod_demand_add_toleration(&pod, &exists);
    CHECK(pod_tolerates(&pod, &taint), "operator Exists does not");
    pod_demand_finish(&pod);
}

static bool accepts_rule(const struct node *node, const struct match_rule *rule) {
    struct pod_demand pod = {0};
    bool accepts;

    match_term_add_rule(pod_demand_add_term(&pod), rule);
    accepts = node_accepts(node, &pod);
    pod_demand_finish(&pod);
    return accepts;
}

TEST(node_accepts__reads_affinity) {
    static const struct {
        const char *what;
        const char *key;
        enum match_operator operator;
        const char *values[2];
        bool want;
    } rows[] = {
        {"in", "zone", MATCH_IN, {"b", "a"}, true},
        {"not in the list", "zone", MATCH_IN, {"b", "c"}, false},
        {"in, without the label", "rack", MATCH_IN, {"a"}, false},
        {"not in", "zone", MATCH_NOT_IN, {"b"}, true},
        {"not in, but it is", "zone", MATCH_NOT_IN, {"a"}, false},
        {"not in, without the label", "rack", MATCH_NOT_IN, {"a"}, true},
        {"exists", "zone", MATCH_EXISTS, {NULL}, true},
        {"exists, but does not", "rack", MATCH_EXISTS, {NULL}, false},
        {"does not exist", "rack", MATCH_DOES_NOT_EXIST, {NULL}, true},
        {"does not exist, but does", "zone", MATCH_DOES_NOT_EXIST, {NULL}, false},
        {"greater", "cores", MATCH_GT, {"15"}, true},
        {"not greater than itself", "cores", MATCH_GT, {"16"}, false},
        {"less", "cores", MATCH_LT, {"17"}, true},
        {"not less than itself", "cores", MATCH_LT, {"16"}, false},
        {"as numbers, not as text", "cores", MATCH_GT, {"9"}, true},
        {"a label that is no number", "zone", MATCH_GT, {"1"}, false},
        {"a bound that is no number", "cores", MATCH_LT, {"x"}, false},
        {"no label to compare", "rack", MATCH_LT, {"1"}, false},
    };
    struct resource_names names = {0};
    struct node node = sample_node(&names, "node-1", "@zone=a @cores=16");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *values[2] = {mem_copy_text(rows[i].values[0]), mem_copy_text(rows[i].values[1])};
        char *key = mem_copy_text(rows[i].key);
        const struct match_rule rule = {.key = key,
                                        .operator= rows[i].operator,
                                        .values = values,
                                        .value_count =
                                            (size_t)((values[0] != NULL) + (values[1] != NULL))};

        CHECK_EQ(accepts_rule(&node, &rule), rows[i].want, rows[i].what);
        free(key);
        free(values[0]);
        free(values[1]);
    }
    node_finish(&node);
    resource_names_finish(&names);
}

TEST(node_accepts__takes_one_of_the_terms_and_all_of_its_rules) {
    struct resource_names names = {0};
    struct node node = sample_node(&names, "node-1", "@zone=a");
    char zone[] = "zone";
    char name[] = "node-1";
    char *names_wanted[] = {name};
    const struct match_rule exists = {.key = zone, .operator= MATCH_EXISTS };
    const struct match_rule absent = {.key = zone, .operator= MATCH_DOES_NOT_EXIST };
    const struct match_rule by_name = {
        .operator= MATCH_IN, .on_name = true, .values = names_wanted, .value_count = 1};
    struct pod_demand pod = {0};
    struct match_term *term = pod_demand_add_term(&pod);

    CHECK(!node_accepts(&node, &pod), "a term without rules matches nothing");
    match_term_add_rule(term, &exists);
    CHECK(node_accepts(&node, &pod), "one rule");
    match_term_add_rule(term, &absent);
    CHECK(!node_accepts(&node, &pod), "both rules must hold");
    match_term_add_rule(pod_demand_add_term(&pod), &by_name);
    CHECK(node_accepts(&node, &pod), "another term does, by the node's name");
    pod_demand_finish(&pod);
    node_finish(&node);
    resource_names_finish(&names);
}
