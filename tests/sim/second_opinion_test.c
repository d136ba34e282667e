/* The policy's quota rules and the simulated API server's were written apart. Here they judge the
 * same random gangs under the same random quotas, and must agree. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/quota.h"
#include "sim/resource.h"
#include "tests/policy/samples.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

#define TEXT_BYTES_MAX 8192
#define GROUPS_MAX     2
#define QUOTAS_MAX     2

/* One world in both languages. */
struct world {
    struct buf demand;           /* as tests/policy/samples.h reads it */
    struct buf pods[GROUPS_MAX]; /* JSON of the spec, with ' for " */
    unsigned counts[GROUPS_MAX];
    size_t group_count;
    struct buf quotas[QUOTAS_MAX];
    struct buf hards[QUOTAS_MAX]; /* JSON of spec.hard */
    const char *scopes[QUOTAS_MAX];
    size_t quota_count;
};

static const char *draw(struct rng *rng, const char *const *texts, size_t count) {
    return texts[rng_below(rng, count)];
}

static void add_json_pair(struct buf *json, const char *name, const char *value) {
    buf_add_format(json, "%s'%s':'%s'", json->bytes > 0 ? "," : "", name, value);
}

/* A request, a limit that is no less, both or neither. */
static void draw_resource(struct rng *rng, const char *name, struct buf *text, struct buf *requests,
                          struct buf *limits) {
    static const char *const small[] = {"250m", "1", "1500m"};
    static const char *const large[] = {"2", "3", "3500m"};
    const char *request = rng_below(rng, 4) > 0 ? draw(rng, small, ARRAY_LEN(small)) : "";
    const char *limit = rng_below(rng, 3) > 0 ? draw(rng, large, ARRAY_LEN(large)) : "";

    if (request[0] == '\0' && limit[0] == '\0') {
        return;
    }
    buf_add_format(text, " %s=%s%s%s", name, request, limit[0] != '\0' ? "/" : "", limit);
    if (request[0] != '\0') {
        add_json_pair(requests, name, request);
    }
    if (limit[0] != '\0') {
        add_json_pair(limits, name, limit);
    }
}

static void draw_container(struct rng *rng, const char *kind, size_t number, struct buf *text,
                           struct buf *json) {
    struct buf requests;
    struct buf limits;

    buf_init(&requests, TEXT_BYTES_MAX);
    buf_init(&limits, TEXT_BYTES_MAX);
    buf_add_format(text, " %s", kind);
    draw_resource(rng, "cpu", text, &requests, &limits);
    draw_resource(rng, "memory", text, &requests, &limits);
    if (rng_below(rng, 4) == 0) {
        buf_add_text(text, " nvidia.com/gpu=1/1");
        add_json_pair(&requests, "nvidia.com/gpu", "1");
        add_json_pair(&limits, "nvidia.com/gpu", "1");
    }
    buf_add_format(json,
                   "%s{'name':'c%zu','image':'i'%s,'resources':{'requests':{%s},'limits':{%s}}}",
                   json->bytes > 0 ? "," : "", number,
                   strcmp(kind, "sidecar") == 0 ? ",'restartPolicy':'Always'" : "",
                   buf_text(&requests), buf_text(&limits));
    buf_finish(&requests);
    buf_finish(&limits);
}

static void draw_pod(struct rng *rng, struct buf *text, struct buf *json) {
    struct buf inits;
    struct buf mains;
    uint64_t init_count = rng_below(rng, 3);
    uint64_t main_count = 1 + rng_below(rng, 2);
    bool deadline = rng_below(rng, 4) == 0;

    buf_init(&inits, TEXT_BYTES_MAX);
    buf_init(&mains, TEXT_BYTES_MAX);
    for (size_t i = 0; i < init_count; i++) {
        draw_container(rng, rng_below(rng, 2) == 0 ? "init" : "sidecar", i, text, &inits);
    }
    for (size_t i = 0; i < main_count; i++) {
        draw_container(rng, "main", 10 + i, text, &mains);
    }
    if (deadline) {
        buf_add_text(text, " !deadline");
    }
    buf_add_format(json, "{'schedulerName':'none','initContainers':[%s],'containers':[%s]%s}",
                   buf_text(&inits), buf_text(&mains),
                   deadline ? ",'activeDeadlineSeconds':60" : "");
    buf_finish(&inits);
    buf_finish(&mains);
}

static void draw_quota(struct rng *rng, struct world *world, size_t at) {
    static const char *const scopes[] = {
        NULL, NULL, NULL, "NotBestEffort", "Terminating", "NotTerminating"};
    static const char *const keys[] = {"requests.cpu", "cpu",           "limits.cpu",
                                       "memory",       "limits.memory", "requests.memory",
                                       "pods",         "count/pods",    "requests.nvidia.com/gpu"};
    size_t first = (size_t)rng_below(rng, ARRAY_LEN(keys));
    uint64_t count = 1 + rng_below(rng, 3);

    world->scopes[at] = scopes[rng_below(rng, ARRAY_LEN(scopes))];
    buf_init(&world->quotas[at], TEXT_BYTES_MAX);
    buf_init(&world->hards[at], TEXT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *key = keys[(first + 2 * i) % ARRAY_LEN(keys)];
        char hard[16];

        if (world->scopes[at] != NULL && strcmp(key, "count/pods") == 0) {
            key = "pods";
        }
        (void)snprintf(hard, sizeof hard, "%llu", (unsigned long long)rng_below(rng, 14));
        buf_add_format(&world->quotas[at], " %s=%s", key, hard);
        add_json_pair(&world->hards[at], key, hard);
    }
}

static void world_init(struct world *world, struct rng *rng) {
    *world = (struct world){.group_count = 1 + (size_t)rng_below(rng, GROUPS_MAX),
                            .quota_count = 1 + (size_t)rng_below(rng, QUOTAS_MAX)};
    buf_init(&world->demand, TEXT_BYTES_MAX);
    for (size_t i = 0; i < world->group_count; i++) {
        world->counts[i] = 1 + (unsigned)rng_below(rng, 3);
        buf_init(&world->pods[i], TEXT_BYTES_MAX);
        buf_add_format(&world->demand, "%s%s*%u", i > 0 ? " | " : "", i > 0 ? "executor" : "driver",
                       world->counts[i]);
        draw_pod(rng, &world->demand, &world->pods[i]);
    }
    for (size_t i = 0; i < world->quota_count; i++) {
        draw_quota(rng, world, i);
    }
}

static void world_finish(struct world *world) {
    buf_finish(&world->demand);
    for (size_t i = 0; i < world->group_count; i++) {
        buf_finish(&world->pods[i]);
    }
    for (size_t i = 0; i < world->quota_count; i++) {
        buf_finish(&world->quotas[i]);
        buf_finish(&world->hards[i]);
    }
}

static enum quota_verdict ask_policy(const struct world *world) {
    struct resource_names names = {0};
    struct demand *demand = sample_demand(&names, buf_text(&world->demand));
    const struct usage none = {0};
    struct quota quotas[QUOTAS_MAX];
    const struct quota *pointers[QUOTAS_MAX];
    struct quota_answer answer;

    for (size_t i = 0; i < world->quota_count; i++) {
        quotas[i] = sample_quota(&names, "a", i == 0 ? "q0" : "q1", buf_text(&world->quotas[i]));
        if (world->scopes[i] != NULL) {
            quota_add_scope(&quotas[i], world->scopes[i], NULL, NULL, 0);
        }
        pointers[i] = &quotas[i];
    }
    answer = quota_check(pointers, world->quota_count, demand, &none, NULL, 0);
    for (size_t i = 0; i < world->quota_count; i++) {
        quota_finish(&quotas[i]);
    }
    demand_destroy(demand);
    resource_names_finish(&names);
    return answer.verdict;
}

/* Create all pods; is every one admitted? The first refusal stays in kit->message. */
static bool create_all(struct kit *kit, const struct world *world) {
    for (size_t i = 0; i < world->group_count; i++) {
        for (unsigned j = 0; j < world->counts[i]; j++) {
            int code = kit_post(kit, SIM_PODS, "a", "{'metadata':{'name':'p-%zu-%u'},'spec':%s}", i,
                                j, buf_text(&world->pods[i]));

            CHECK(code == 201 || code == 403, kit->message);
            if (code == 403) {
                return false;
            }
        }
    }
    return true;
}

static bool ask_cluster(struct kit *kit, const struct world *world) {
    for (size_t i = 0; i < world->quota_count; i++) {
        const char *scope = world->scopes[i];

        CHECK_EQ(kit_post(kit, SIM_RESOURCEQUOTAS, "a",
                          "{'metadata':{'name':'q%zu'},'spec':{'hard':{%s}%s%s%s}}", i,
                          buf_text(&world->hards[i]), scope != NULL ? ",'scopes':['" : "",
                          scope != NULL ? scope : "", scope != NULL ? "']" : ""),
                 201, kit->message);
    }
    kit_run(kit, 100 * KIT_MS);
    return create_all(kit, world);
}

TEST(second_opinion__policy_and_api_server_agree_on_quota) {
    unsigned fits = 0;
    unsigned unspecified = 0;

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct world world;
        struct rng rng;
        struct kit kit;
        enum quota_verdict verdict;
        char what[TEXT_BYTES_MAX];
        bool admitted;

        rng_init(&rng, seed);
        world_init(&world, &rng);
        kit_open(&kit, NULL);
        verdict = ask_policy(&world);
        admitted = ask_cluster(&kit, &world);
        (void)snprintf(what, sizeof what, "seed %llu: %.2000s under %.300s (%s): %.1000s",
                       (unsigned long long)seed, buf_text(&world.demand),
                       buf_text(&world.quotas[0]), world.scopes[0] != NULL ? world.scopes[0] : "",
                       kit.message);
        CHECK_EQ(verdict == QUOTA_FITS, admitted, what);
        if (verdict == QUOTA_NEVER) {
            CHECK(strstr(kit.message, "must specify") == NULL, what);
        }
        fits += admitted;
        unspecified += verdict == QUOTA_MUST_SPECIFY;
        kit_close(&kit);
        world_finish(&world);
    }
    CHECK(fits > 100 && unspecified > 100 && fits + unspecified < 900, "all answers were seen");
}
