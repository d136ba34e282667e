/* How long placing takes: the ledger's room alone, without quotas, plan and core.
 *
 *     place_times NODES GANGS
 *
 * Nodes of 64 cores, in three zones, one in sixteen with GPUs and a taint. Gangs of a driver and
 * one to eight executors; one in eight asks for a zone. One line of JSON, times in nanoseconds:
 *
 *     placed    a gang is placed, until the first one is not, or GANGS are
 *     missed    a gang is not, on the nodes as they are then, without asking why
 *     explained the same, with the nearest miss
 *     refresh   a pod of a running gang came or went: the room is put in order for a pass
 *     anew      a node changed: the room is made anew
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/ledger.h"
#include "policy/node.h"
#include "policy/place.h"
#include "policy/room.h"

#define SHAPES 64
#define MISSES 1000
#define GIB    (INT64_C(1) << 30)

struct bench {
    struct ledger *ledger;
    struct room *room;
    struct demand *demands[SHAPES];
    struct demand *wide;
    struct pod_demand pod;
};

static void put_node(struct bench *bench, size_t at, bool ready) {
    char name[32];
    const char zone[2] = {(char)('a' + at % 3), '\0'};
    struct node node;

    (void)snprintf(name, sizeof name, "node-%06zu", at);
    node_init(&node, name);
    node.ready = ready;
    node.allocatable.amount[RESOURCE_CPU] = 64000;
    node.allocatable.amount[RESOURCE_MEMORY] = 256 * GIB;
    node.allocatable.amount[RESOURCE_PODS] = 110;
    node_add_label(&node, "kubernetes.io/hostname", name);
    node_add_label(&node, "topology.kubernetes.io/zone", zone);
    if (at % 16 == 0) {
        node.allocatable.amount[RESOURCE_FIXED_COUNT] = 8;
        node_add_taint(&node, "nvidia.com/gpu", "", TAINT_NO_SCHEDULE);
    }
    ledger_put_node(bench->ledger, &node);
    node_finish(&node);
}

static struct demand *make_demand(size_t shape, struct rng *rng) {
    struct demand *demand = demand_create();

    for (unsigned role = 0; role < 2; role++) {
        struct pod_group *group =
            demand_add_group(demand, role == 0 ? POD_ROLE_DRIVER : POD_ROLE_EXECUTOR,
                             role == 0 ? 1 : 1 + (uint32_t)rng_below(rng, 8));
        struct container_demand *container = pod_demand_add_container(&group->pod, CONTAINER_MAIN);

        container_demand_request(container, RESOURCE_CPU, 1000 + 1000 * (int64_t)rng_below(rng, 7));
        container_demand_request(container, RESOURCE_MEMORY, GIB * (1 + (int64_t)shape % 16));
        if (shape % 8 == 0) {
            pod_demand_add_selector(&group->pod, "topology.kubernetes.io/zone", "b");
        }
    }
    demand_settle(demand);
    return demand;
}

static void set_up(struct bench *bench, size_t nodes) {
    struct rng rng;
    struct pod_group *group;

    rng_init(&rng, 1);
    bench->ledger = ledger_create();
    bench->room = ledger_room(bench->ledger);
    for (size_t i = 0; i < nodes; i++) {
        put_node(bench, i, true);
    }
    for (size_t i = 0; i < SHAPES; i++) {
        bench->demands[i] = make_demand(i, &rng);
    }
    bench->wide = demand_create();
    group = demand_add_group(bench->wide, POD_ROLE_POD, 1);
    container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             63000);
    demand_settle(bench->wide);
    container_demand_request(pod_demand_add_container(&bench->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             1000);
}

static void tear_down(struct bench *bench) {
    ledger_destroy(bench->ledger);
    for (size_t i = 0; i < SHAPES; i++) {
        demand_destroy(bench->demands[i]);
    }
    demand_destroy(bench->wide);
    pod_demand_finish(&bench->pod);
}

static int64_t now_us(void) {
    return clock_sample().mono_us;
}

static double per_ns(int64_t start_us, size_t count) {
    return count > 0 ? 1000.0 * (double)(now_us() - start_us) / (double)count : 0;
}

static double time_placed(struct bench *bench, size_t gangs, size_t *out_placed) {
    const int64_t start_us = now_us();
    size_t placed = 0;

    while (placed < gangs &&
           place_gang(room_place(bench->room), bench->demands[placed % SHAPES], NULL)) {
        placed++;
    }
    *out_placed = placed;
    return per_ns(start_us, placed);
}

static double time_missed(struct bench *bench, bool why) {
    const int64_t start_us = now_us();
    struct place_miss miss;

    for (size_t i = 0; i < MISSES; i++) {
        ENSURE(!place_gang(room_place(bench->room), bench->wide, why ? &miss : NULL));
    }
    return per_ns(start_us, MISSES);
}

static double time_refresh(struct bench *bench, size_t nodes) {
    char node[32];
    char uid[32];
    int64_t start_us = now_us();

    for (size_t i = 0; i < MISSES; i++) {
        (void)snprintf(node, sizeof node, "node-%06zu", i * 7919 % nodes);
        (void)snprintf(uid, sizeof uid, "u%zu", i / 2);
        ledger_put_pod(bench->ledger, &(struct ledger_pod){.uid = uid,
                                                           .namespace = "a",
                                                           .node = node,
                                                           .finished = i % 2 != 0,
                                                           .demand = &bench->pod});
        room_refresh(bench->room);
    }
    return per_ns(start_us, MISSES);
}

static double time_anew(struct bench *bench) {
    const int64_t start_us = now_us();

    for (size_t i = 0; i < 20; i++) {
        put_node(bench, 1, i % 2 == 0);
        put_node(bench, 2, i % 2 == 1);
        room_refresh(bench->room);
    }
    return per_ns(start_us, 20);
}

int main(int argc, char **argv) {
    const size_t nodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    const size_t gangs = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    struct bench bench = {0};
    size_t placed;
    double placed_ns;

    ENSURE(nodes > 2);
    set_up(&bench, nodes);
    room_refresh(bench.room);
    placed_ns = time_placed(&bench, gangs, &placed);
    (void)printf("{\"nodes\": %zu, \"gangs\": %zu, \"placed_ns\": %.0f", nodes, placed, placed_ns);
    for (size_t i = 0; i < nodes; i++) {
        /* Whatever is left: no node holds a wide pod any more. */
        const struct resources little = {{1000, GIB, 0, 9}};

        node_index_set_free(&room_place(bench.room)->index, (uint32_t)i, &little);
    }
    (void)printf(", \"missed_ns\": %.0f", time_missed(&bench, false));
    (void)printf(", \"explained_ns\": %.0f", time_missed(&bench, true));
    room_refresh(bench.room);
    (void)printf(", \"refresh_ns\": %.0f", time_refresh(&bench, nodes));
    (void)printf(", \"anew_ns\": %.0f}\n", time_anew(&bench));
    tear_down(&bench);
    return 0;
}
