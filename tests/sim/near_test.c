#include "sim/near.h"

#include <stdio.h>
#include <string.h>

#include "sim/resource.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

static void add_node(struct kit *kit, const char *name, const char *zone) {
    CHECK_EQ(kit_post(kit, SIM_NODES, "",
                      "{'metadata':{'name':'%s','labels':{'host':'%s','zone':'%s'}},"
                      "'status':{'capacity':{'cpu':'8','memory':'8Gi','pods':'20'}}}",
                      name, name, zone),
             201, kit->message);
    kit_run(kit, 10 * KIT_MS);
}

/* The pod's node after a while; "" while it waits. */
static const char *post(struct kit *kit, const char *name, const char *app, const char *rules) {
    CHECK_EQ(kit_post(kit, SIM_PODS, "a",
                      "{'metadata':{'name':'%s','labels':{'app':'%s'}},'spec':{%s'containers':[{"
                      "'name':'m','image':'i:1','resources':{'requests':{'cpu':'1'}}}]}}",
                      name, app, rules),
             201, kit->message);
    kit_run(kit, 100 * KIT_MS);
    return kit_text(kit, SIM_PODS, name, "spec/nodeName");
}

#define TERM(key, app)                                                       \
    "'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'" key \
    "','labelSelector':{'matchLabels':{'app':'" app "'}}}]"

TEST(near__the_binder_keeps_pods_apart) {
    static const char apart[] = "'affinity':{'podAntiAffinity':{" TERM("host", "x") "}},";
    struct kit kit;
    char first[32];

    kit_open(&kit, NULL);
    add_node(&kit, "n1", "a");
    add_node(&kit, "n2", "b");
    (void)snprintf(first, sizeof first, "%s", post(&kit, "p1", "x", apart));
    CHECK(strcmp(post(&kit, "p2", "x", apart), first) != 0, "on the other node");
    CHECK_STR(post(&kit, "p3", "x", apart), "", "none is left");
    CHECK_STR(kit_text(&kit, SIM_PODS, "p3", "status/phase"), "Pending", "it waits");
    CHECK_STR(post(&kit, "p4", "x", ""), "", "those that are there keep others off too");
    CHECK(strlen(post(&kit, "p5", "y", "")) > 0, "but not all others");
    kit_close(&kit);
}

TEST(near__the_binder_keeps_pods_together) {
    static const char together[] = "'affinity':{'podAffinity':{" TERM("zone", "x") "}},";
    struct kit kit;

    kit_open(&kit, NULL);
    add_node(&kit, "n1", "a");
    add_node(&kit, "n2", "b");
    CHECK_STR(post(&kit, "p0", "y", together), "", "there is no such pod");
    CHECK_STR(post(&kit, "p1", "x", "'nodeSelector':{'zone':'b'},"), "n2", "one is");
    CHECK_STR(kit_text(&kit, SIM_PODS, "p0", "spec/nodeName"), "n2", "the first follows it");
    CHECK_STR(post(&kit, "p2", "y", together), "n2", "near it");
    kit_close(&kit);
}

TEST(near__the_binder_spreads_over_zones) {
    static const char spread[] = "'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'zone',"
                                 "'whenUnsatisfiable':'DoNotSchedule','labelSelector':{"
                                 "'matchLabels':{'app':'x'}}}],";
    struct kit kit;
    unsigned in_b = 0;

    kit_open(&kit, NULL);
    add_node(&kit, "n1", "a");
    add_node(&kit, "n2", "a");
    add_node(&kit, "n3", "b");
    for (int i = 0; i < 6; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "p%d", i);
        in_b += strcmp(post(&kit, name, "x", spread), "n3") == 0;
    }
    CHECK_EQ(in_b, 3, "half of them, on a third of the nodes");
    CHECK_STR(post(&kit, "q", "x", "'nodeSelector':{'zone':'c'},"), "", "no such zone");
    kit_close(&kit);
}
