#include "scheduler/demands.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "policy/demand.h"
#include "tests/test.h"

#define PAYLOAD(argument, cpu) \
    "{\"spec\":{\"containers\":[{\"args\":[\"" argument "\"],\"cpu\":" cpu "}]}}"

static struct demand *make_demand(int64_t cpu_milli) {
    struct demand *demand = demand_create();
    struct pod_group *group = demand_add_group(demand, POD_ROLE_POD, 1);

    container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             cpu_milli);
    demand_settle(demand);
    return demand;
}

TEST(demands__are_found_by_everything_that_decides_them) {
    static const struct {
        const char *what;
        enum job_kind kind;
        const char *namespace;
        unsigned char last_of_hash;
        bool want;
    } rows[] = {
        {"the same", JOB_KIND_POD, "red", 1, true},
        {"another spec", JOB_KIND_POD, "red", 2, false},
        {"another namespace", JOB_KIND_POD, "redder", 1, false},
        {"another kind", JOB_KIND_SPARK, "red", 1, false},
    };
    unsigned char hash[SPEC_HASH_BYTES] = {[SPEC_HASH_BYTES - 1] = 1};
    const struct demand_key key = {.kind = JOB_KIND_POD, .namespace = "red", .spec_hash = hash};
    struct demands demands = {0};
    struct demand *demand = make_demand(100);

    demands_put(&demands, &key, PAYLOAD("a", "1"), strlen(PAYLOAD("a", "1")), demand);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char other[SPEC_HASH_BYTES] = {[SPEC_HASH_BYTES - 1] = rows[i].last_of_hash};
        struct demand *found =
            demands_get(&demands, &(struct demand_key){.kind = rows[i].kind,
                                                       .namespace = rows[i].namespace,
                                                       .spec_hash = other});

        CHECK_EQ(found == demand, rows[i].want, rows[i].what);
        CHECK_EQ(found == NULL, !rows[i].want, rows[i].what);
        demand_destroy(found);
    }
    CHECK_EQ(demand->uses, 3, "ours, and the kept one: by its hash, and by what is alike");
    demands_finish(&demands);
    CHECK_EQ(demand->uses, 1, "ours");
    demand_destroy(demand);
}

TEST(demands__are_found_by_what_is_alike) {
    static const struct {
        const char *what;
        const char *namespace;
        const char *payload;
        bool want;
    } rows[] = {
        {"the same", "red", PAYLOAD("a", "1"), true},
        {"another argument", "red", PAYLOAD("b", "1"), true},
        {"another need", "red", PAYLOAD("a", "2"), false},
        {"another namespace", "blue", PAYLOAD("a", "1"), false},
        {"no JSON at all", "red", "?", false},
    };
    const unsigned char hash[SPEC_HASH_BYTES] = {1};
    const struct demand_key key = {.kind = JOB_KIND_POD, .namespace = "red", .spec_hash = hash};
    struct demands demands = {0};
    struct demand *demand = make_demand(100);

    demands_put(&demands, &key, PAYLOAD("a", "1"), strlen(PAYLOAD("a", "1")), demand);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned char other_hash[SPEC_HASH_BYTES] = {2, (unsigned char)i};
        const struct demand_key other = {
            .kind = JOB_KIND_POD, .namespace = rows[i].namespace, .spec_hash = other_hash};
        struct demand *found =
            demands_get_alike(&demands, &other, rows[i].payload, strlen(rows[i].payload));
        struct demand *again = demands_get(&demands, &other);

        CHECK(found == (rows[i].want ? demand : NULL), rows[i].what);
        CHECK(again == found, "from now on by its hash");
        demand_destroy(found);
        demand_destroy(again);
    }
    demands_finish(&demands);
    CHECK_EQ(demand->uses, 1, "ours");
    demand_destroy(demand);
}

TEST(demands__stay_within_their_bound) {
    struct demands demands = {0};
    struct demand *demand = make_demand(100);

    for (unsigned i = 0; i <= 2 * LIMIT_DEMANDS_KEPT; i++) {
        unsigned char hash[SPEC_HASH_BYTES] = {(unsigned char)(i >> 8), (unsigned char)i};
        const struct demand_key key = {.namespace = "red", .spec_hash = hash};
        struct demand *found;

        char payload[64];

        (void)snprintf(payload, sizeof payload, "{\"spec\":{\"x\":%u}}", i);
        demands_put(&demands, &key, payload, strlen(payload), demand);
        demands_put(&demands, &key, payload, strlen(payload), demand);
        CHECK(demands.by_key.count <= LIMIT_DEMANDS_KEPT, "bounded");
        found = demands_get(&demands, &key);
        CHECK(found == demand, "the last one is there");
        demand_destroy(found);
    }
    demands_finish(&demands);
    CHECK_EQ(demand->uses, 1, "all are given back");
    demand_destroy(demand);
}
