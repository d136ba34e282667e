/* The policy's check of quotas and limit ranges against the simulated API server's admission, which
 * was written apart from it, on a hundred thousand random cases: a namespace with limit ranges,
 * quotas and pods, and gangs that want in. The policy must never admit what admission refuses,
 * nor hold what it accepts. Each key, scope, operator and kind of limit is seen both ways. A case
 * on which they differ is made smaller and printed.
 *
 * FIRST_SEED=n in the environment takes other cases. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/rng.h"
#include "k8s/codec_json.h"
#include "k8s/codec_limit_range.h"
#include "k8s/codec_pod.h"
#include "k8s/codec_pod_rules.h"
#include "k8s/codec_pod_spec.h"
#include "k8s/codec_quota.h"
#include "k8s/runtime_class.h"
#include "policy/ledger.h"
#include "policy/limit_range.h"
#include "sim/resource.h"
#include "sim/store.h"
#include "tests/sim/kit.h"
#include "tests/test.h"

/* In all; a quarter in each test, half in each of two targets. Sanitizers see the same code with
 * fewer of them. */
#ifdef __SANITIZE_ADDRESS__
#define CASES 40000
#else
#define CASES 100000
#endif
#define TESTS          4
#define GANGS          10 /* cases of one namespace, one after the other */
#define SEEDS          (CASES / TESTS / GANGS)
#define SEEDS_OF_KIT   10
#define SEEN_AT_LEAST  (CASES / 10000)
#define TEXT_BYTES_MAX 16384
#define PARTS_MAX      64

/* --- What is covered -------------------------------------------------------------------------- */

/* Keys of pods come first: those alone go with scopes; and of these, the first may go with any. */
static const char *const keys[] = {
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
    "pods",
    "ephemeral-storage",
    "requests.ephemeral-storage",
    "limits.ephemeral-storage",
    "hugepages-2Mi",
    "requests.hugepages-2Mi",
    "requests.nvidia.com/gpu",
    "count/pods",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "count/services",
    "configmaps",
    "count/configmaps",
    "secrets",
    "count/secrets",
    "count/leases.coordination.k8s.io",
    "persistentvolumeclaims",
    "count/persistentvolumeclaims",
    "requests.storage",
    "fast.storageclass.storage.k8s.io/requests.storage",
    "fast.storageclass.storage.k8s.io/persistentvolumeclaims",
    "slow.storageclass.storage.k8s.io/requests.storage",
    "limits.nvidia.com/gpu", /* stored, and counted by nobody */
};

#define SCOPED_KEYS   7
#define KEY_COUNT     ARRAY_LEN(keys)
#define KEY_UNCOUNTED (KEY_COUNT - 1)
#define FIRST_CLAIM   23
#define LAST_CLAIM    28
#define KEY_PODS      6

static const struct {
    const char *scope;
    const char *operator; /* NULL: among spec.scopes */
    const char *values;
} scopes[] = {
    {"Terminating", NULL, ""},
    {"NotTerminating", NULL, ""},
    {"BestEffort", NULL, ""},
    {"NotBestEffort", NULL, ""},
    {"PriorityClass", NULL, ""},
    {"CrossNamespacePodAffinity", NULL, ""},
    {"Terminating", "Exists", ""},
    {"NotTerminating", "Exists", ""},
    {"BestEffort", "Exists", ""},
    {"NotBestEffort", "Exists", ""},
    {"CrossNamespacePodAffinity", "Exists", ""},
    {"PriorityClass", "In", "'high'"},
    {"PriorityClass", "NotIn", "'high'"},
    {"PriorityClass", "Exists", ""},
    {"PriorityClass", "DoesNotExist", ""},
    {"VolumeAttributesClass", "In", "'gold'"},
    {"VolumeAttributesClass", "NotIn", "'gold'"},
    {"VolumeAttributesClass", "Exists", ""},
    {"VolumeAttributesClass", "DoesNotExist", ""},
};

#define FIRST_CLAIM_SCOPE 15

static const char *const limit_types[] = {"Container", "Pod", "PersistentVolumeClaim"};
static const char *const limit_words[] = {"minimum", "maximum", "ratio"};

struct coverage {
    unsigned asked[KEY_COUNT];   /* something of it, and all was admitted */
    unsigned refused[KEY_COUNT]; /* the key that the policy names */
    unsigned scope_in[ARRAY_LEN(scopes)];
    unsigned scope_out[ARRAY_LEN(scopes)];
    unsigned limits[ARRAY_LEN(limit_types)][ARRAY_LEN(limit_words)];
    unsigned fits;
    unsigned shorts;
    unsigned nevers;
    unsigned unspecified;
    unsigned limited;
};

/* --- A case ----------------------------------------------------------------------------------- */

enum part_kind {
    PART_LIMIT_RANGE,
    PART_QUOTA,
    PART_POD_THERE, /* `times` pods in the namespace */
    PART_POD,       /* `times` pods of the gang */
    PART_SERVICE,
    PART_CONFIG_MAP,
    PART_SECRET,
    PART_LEASE,
    PART_CLAIM,
};

struct part {
    enum part_kind kind;
    unsigned gang; /* from 1; 0: there before */
    unsigned times;
    bool finished; /* of PART_POD_THERE */
    size_t scope;  /* of PART_QUOTA: 1 + into scopes; 0: none */
    int ports;     /* of PART_SERVICE */
    bool balanced;
    int64_t bytes;     /* of PART_CLAIM */
    const char *class; /* "" or a storage class */
    struct buf json;   /* of a quota or limit range the spec; of others all but the name */
};

struct kase {
    struct part parts[PARTS_MAX];
    size_t count;
    unsigned gang; /* being drawn */
};

static void kase_finish(struct kase *kase) {
    for (size_t i = 0; i < kase->count; i++) {
        buf_finish(&kase->parts[i].json);
    }
}

static struct part *add_part(struct kase *kase, enum part_kind kind) {
    struct part *part = &kase->parts[kase->count++];

    CHECK(kase->count <= PARTS_MAX, "room for parts");
    *part = (struct part){.kind = kind, .gang = kase->gang, .times = 1, .class = ""};
    buf_init(&part->json, TEXT_BYTES_MAX);
    return part;
}

static bool chance(struct rng *rng, unsigned one_in) {
    return rng_below(rng, one_in) == 0;
}

static const char *draw(struct rng *rng, const char *const *texts, size_t count) {
    return texts[rng_below(rng, count)];
}

static void add_pair(struct buf *json, const char *name, const char *value) {
    buf_add_format(json, "%s'%s':'%s'", json->bytes > 0 ? "," : "", name, value);
}

/* A request, a limit that is no less, both or neither. */
static void draw_resource(struct rng *rng, const char *name, const char *unit, struct buf *requests,
                          struct buf *limits) {
    char text[32];

    if (!chance(rng, 4)) {
        (void)snprintf(text, sizeof text, "%d%s", 1 + (int)rng_below(rng, 3), unit);
        add_pair(requests, name, text);
    }
    if (!chance(rng, 3)) {
        (void)snprintf(text, sizeof text, "%d%s", 3 + (int)rng_below(rng, 4), unit);
        add_pair(limits, name, text);
    }
}

/* Of these a request is the limit. */
static void draw_fixed(struct rng *rng, const char *name, const char *unit, struct buf *requests,
                       struct buf *limits) {
    char text[32];

    (void)snprintf(text, sizeof text, "%d%s", 1 + (int)rng_below(rng, 2), unit);
    add_pair(limits, name, text);
    if (chance(rng, 2)) {
        add_pair(requests, name, text);
    }
}

static void add_resources(struct rng *rng, struct buf *json) {
    struct buf requests;
    struct buf limits;

    buf_init(&requests, TEXT_BYTES_MAX);
    buf_init(&limits, TEXT_BYTES_MAX);
    if (!chance(rng, 6)) {
        draw_resource(rng, "cpu", chance(rng, 2) ? "00m" : "", &requests, &limits);
        draw_resource(rng, "memory", "Gi", &requests, &limits);
        if (chance(rng, 3)) {
            draw_resource(rng, "ephemeral-storage", "Gi", &requests, &limits);
        }
        if (chance(rng, 4)) {
            draw_fixed(rng, "nvidia.com/gpu", "", &requests, &limits);
        }
        if (chance(rng, 3)) {
            draw_fixed(rng, "hugepages-2Mi", "Mi", &requests, &limits);
        }
    }
    buf_add_format(json, "'resources':{'requests':{%s},'limits':{%s}}", buf_text(&requests),
                   buf_text(&limits));
    buf_finish(&requests);
    buf_finish(&limits);
}

static void add_container(struct rng *rng, struct buf *list, const char *more) {
    buf_add_format(list, "%s{'name':'c%zu','image':'i'%s,", list->bytes > 0 ? "," : "", list->bytes,
                   more);
    add_resources(rng, list);
    buf_add_text(list, "}");
}

/* As a whole a pod asks for no less than its containers can. */
static void add_pod_level(struct rng *rng, struct buf *json) {
    static const char *const forms[] = {
        ",'resources':{'requests':{'cpu':'21','memory':'21Gi'},"
        "'limits':{'cpu':'22','memory':'22Gi'}}",
        ",'resources':{'limits':{'cpu':'22'}}",
        ",'resources':{'requests':{'memory':'21Gi'}}",
    };

    buf_add_text(json, draw(rng, forms, ARRAY_LEN(forms)));
}

static void add_affinity(struct rng *rng, struct buf *json) {
    static const char *const forms[] = {
        ",'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
        "'topologyKey':'zone','labelSelector':{},'namespaces':['x']}]}}",
        ",'affinity':{'podAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{"
        "'weight':1,'podAffinityTerm':{'topologyKey':'zone','namespaceSelector':{}}}]}}",
        ",'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
        "'topologyKey':'zone','labelSelector':{}}]}}",
    };

    buf_add_text(json, draw(rng, forms, ARRAY_LEN(forms)));
}

/* What a cluster's RuntimeClasses add, in the words of both sides. */
#define BOXED                                                                 \
    "{'metadata':{'name':'boxed'},'handler':'boxed','overhead':{'podFixed':{" \
    "'cpu':'50m','memory':'64Mi','ephemeral-storage':'1Gi'}},'scheduling':{"  \
    "'nodeSelector':{'box':'yes'},'tolerations':[{'key':'box','operator':'Exists'}]}}"
#define BARE "{'metadata':{'name':'bare'},'handler':'bare'}"

static const char *const runtimes[] = {
    ",'runtimeClassName':'boxed'",
    ",'runtimeClassName':'bare'",
    ",'runtimeClassName':'boxed','overhead':{'cpu':'0.05','memory':'65536Ki',"
    "'ephemeral-storage':'1Gi'}",
    ",'runtimeClassName':'bare','overhead':{}",
};

static void draw_pod(struct rng *rng, struct buf *json) {
    struct buf inits;
    struct buf mains;

    buf_init(&inits, TEXT_BYTES_MAX);
    buf_init(&mains, TEXT_BYTES_MAX);
    for (uint64_t i = rng_below(rng, 3); i > 0; i--) {
        add_container(rng, &inits, chance(rng, 2) ? ",'restartPolicy':'Always'" : "");
    }
    for (uint64_t i = 1 + rng_below(rng, 2); i > 0; i--) {
        add_container(rng, &mains, "");
    }
    buf_add_format(json, "'spec':{'schedulerName':'none','initContainers':[%s],'containers':[%s]",
                   buf_text(&inits), buf_text(&mains));
    buf_add_text(json, chance(rng, 4) ? ",'activeDeadlineSeconds':60" : "");
    buf_add_text(json, chance(rng, 4)   ? ",'priorityClassName':'high'"
                       : chance(rng, 4) ? ",'priorityClassName':'low'"
                                        : "");
    if (chance(rng, 4)) {
        buf_add_text(json, draw(rng, runtimes, ARRAY_LEN(runtimes)));
    }
    if (chance(rng, 6)) {
        add_pod_level(rng, json);
    }
    if (chance(rng, 5)) {
        add_affinity(rng, json);
    }
    buf_add_text(json, "}");
    buf_finish(&inits);
    buf_finish(&mains);
}

static bool is_bytes(const char *key) {
    return strstr(key, "memory") != NULL || strstr(key, "storage") != NULL ||
           strstr(key, "hugepages") != NULL;
}

/* Mostly so little that a few gangs fill it. */
static uint64_t hard_below(struct rng *rng, const char *key) {
    if (strstr(key, "services") != NULL || strstr(key, "hugepages") != NULL) {
        return 4;
    }
    if (strstr(key, "persistentvolumeclaims") != NULL) {
        return 6;
    }
    if (chance(rng, 3)) {
        return 120;
    }
    return is_bytes(key) ? 20 : 10;
}

static void draw_hard(struct rng *rng, size_t key, struct buf *hard) {
    const bool is_count = strstr(keys[key], "persistentvolumeclaims") != NULL;
    const char *unit = strstr(keys[key], "hugepages") != NULL ? "Mi" : "Gi";
    char text[32];

    (void)snprintf(text, sizeof text, "%d%s", (int)rng_below(rng, hard_below(rng, keys[key])),
                   is_bytes(keys[key]) && !is_count ? unit : "");
    add_pair(hard, keys[key], text);
}

/* Keys that go with the scope. */
static size_t draw_key(struct rng *rng, size_t scope) {
    if (scope == 0) {
        return rng_below(rng, KEY_COUNT);
    }
    if (scope - 1 >= FIRST_CLAIM_SCOPE) {
        return FIRST_CLAIM + rng_below(rng, LAST_CLAIM - FIRST_CLAIM + 1);
    }
    return strcmp(scopes[scope - 1].scope, "BestEffort") == 0 ? KEY_PODS
                                                              : rng_below(rng, SCOPED_KEYS);
}

static void draw_quota(struct rng *rng, struct kase *kase) {
    struct part *part = add_part(kase, PART_QUOTA);
    bool used[KEY_COUNT] = {false};
    struct buf hard;

    part->scope = chance(rng, 2) ? 1 + rng_below(rng, ARRAY_LEN(scopes)) : 0;
    buf_init(&hard, TEXT_BYTES_MAX);
    for (uint64_t i = 1 + rng_below(rng, 4); i > 0; i--) {
        const size_t key = draw_key(rng, part->scope);

        if (!used[key]) {
            draw_hard(rng, key, &hard);
        }
        used[key] = true;
    }
    buf_add_format(&part->json, "'spec':{'hard':{%s}", buf_text(&hard));
    if (part->scope > 0 && scopes[part->scope - 1].operator== NULL) {
        buf_add_format(&part->json, ",'scopes':['%s']", scopes[part->scope - 1].scope);
    } else if (part->scope > 0) {
        buf_add_format(&part->json,
                       ",'scopeSelector':{'matchExpressions':[{'scopeName':'%s','operator':'%s'"
                       "%s%s%s}]}",
                       scopes[part->scope - 1].scope, scopes[part->scope - 1].operator,
                       scopes[part->scope - 1].values[0] != '\0' ? ",'values':[" : "",
                       scopes[part->scope - 1].values,
                       scopes[part->scope - 1].values[0] != '\0' ? "]" : "");
    }
    buf_add_text(&part->json, "}");
    buf_finish(&hard);
}

static void draw_bounds(struct rng *rng, const char *name, int from, int below, struct buf *items) {
    struct buf list;
    char text[32];

    buf_init(&list, TEXT_BYTES_MAX);
    if (chance(rng, 2)) {
        (void)snprintf(text, sizeof text, "%d", from + (int)rng_below(rng, (uint64_t)below));
        add_pair(&list, "cpu", text);
    }
    if (list.bytes == 0 || chance(rng, 2)) {
        (void)snprintf(text, sizeof text, "%dGi", from + (int)rng_below(rng, (uint64_t)below));
        add_pair(&list, "memory", text);
    }
    buf_add_format(items, ",'%s':{%s}", name, buf_text(&list));
    buf_finish(&list);
}

static void draw_limit_range(struct rng *rng, struct kase *kase) {
    struct part *part = add_part(kase, PART_LIMIT_RANGE);
    const size_t type = rng_below(rng, ARRAY_LEN(limit_types));
    static const char *const ratios[] = {"1", "2", "1500m", "4", "2.5"};

    buf_add_format(&part->json, "'spec':{'limits':[{'type':'%s'", limit_types[type]);
    if (type == 2) {
        buf_add_format(&part->json, ",'max':{'storage':'%dGi'},'min':{'storage':'%dGi'}",
                       3 + (int)rng_below(rng, 4), 1 + (int)rng_below(rng, 3));
    } else {
        const int scale = type == 1 ? 4 : 1;

        if (chance(rng, 2)) {
            draw_bounds(rng, "max", 5 * scale, 4 * scale, &part->json);
        }
        if (chance(rng, 3)) {
            draw_bounds(rng, "min", 1, 1, &part->json);
        }
        if (chance(rng, 4)) {
            buf_add_format(&part->json, ",'maxLimitRequestRatio':{'%s':'%s'}",
                           chance(rng, 2) ? "cpu" : "memory", draw(rng, ratios, ARRAY_LEN(ratios)));
        }
        if (type == 0 && chance(rng, 2)) {
            draw_bounds(rng, "default", 3, 2, &part->json);
        }
        if (type == 0 && chance(rng, 2)) {
            draw_bounds(rng, "defaultRequest", 1, 2, &part->json);
        }
    }
    buf_add_text(&part->json, "}]}");
}

static void draw_service(struct rng *rng, struct kase *kase) {
    static const char *const types[] = {"ClusterIP", "NodePort", "LoadBalancer"};
    struct part *part = add_part(kase, PART_SERVICE);
    const size_t type = chance(rng, 3) ? 2 : rng_below(rng, ARRAY_LEN(types));
    const int ports = 1 + (int)rng_below(rng, 2);

    part->ports = type > 0 ? ports : 0;
    part->balanced = type == 2;
    buf_add_format(&part->json, "'spec':{'type':'%s','ports':[{'name':'a','port':1}%s]}",
                   types[type], ports == 2 ? ",{'name':'b','port':2}" : "");
}

static void draw_claim(struct rng *rng, struct kase *kase) {
    static const char *const classes[] = {"", "fast", "slow"};
    struct part *part = add_part(kase, PART_CLAIM);

    part->times = 1 + (unsigned)rng_below(rng, 3);
    part->bytes = (1 + (int64_t)rng_below(rng, 6)) << 30;
    part->class = draw(rng, classes, ARRAY_LEN(classes));
    buf_add_format(&part->json,
                   "'spec':{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':"
                   "'%lld'}}%s%s%s}",
                   (long long)part->bytes, part->class[0] != '\0' ? ",'storageClassName':'" : "",
                   part->class, part->class[0] != '\0' ? "'" : "");
}

static void draw_gang(struct rng *rng, struct kase *kase) {
    for (uint64_t i = 1 + rng_below(rng, 2); i > 0; i--) {
        struct part *part = add_part(kase, PART_POD);

        part->times = 1 + (unsigned)rng_below(rng, 2);
        draw_pod(rng, &part->json);
    }
    if (chance(rng, 3)) {
        draw_service(rng, kase);
    }
    for (int kind = PART_CONFIG_MAP; kind <= PART_LEASE; kind++) {
        if (chance(rng, 5)) {
            add_part(kase, (enum part_kind)kind)->times = 1 + (unsigned)rng_below(rng, 3);
        }
    }
    if (chance(rng, 3)) {
        draw_claim(rng, kase);
    }
}

static void kase_draw(struct kase *kase, uint64_t seed) {
    struct rng rng;

    *kase = (struct kase){.count = 0};
    rng_init(&rng, seed);
    for (uint64_t i = chance(&rng, 3) ? 1 + rng_below(&rng, 2) : 0; i > 0; i--) {
        draw_limit_range(&rng, kase);
    }
    for (uint64_t i = 1 + rng_below(&rng, 3); i > 0; i--) {
        draw_quota(&rng, kase);
    }
    for (uint64_t i = rng_below(&rng, 3); i > 0; i--) {
        struct part *part = add_part(kase, PART_POD_THERE);

        part->finished = chance(&rng, 3);
        draw_pod(&rng, &part->json);
    }
    while (kase->gang < GANGS) {
        kase->gang++;
        draw_gang(&rng, kase);
    }
}

/* --- The simulated API server ----------------------------------------------------------------- */

static enum sim_resource_id resource_of(enum part_kind kind) {
    static const enum sim_resource_id ids[] = {
        [PART_LIMIT_RANGE] = SIM_LIMITRANGES,
        [PART_QUOTA] = SIM_RESOURCEQUOTAS,
        [PART_POD_THERE] = SIM_PODS,
        [PART_POD] = SIM_PODS,
        [PART_SERVICE] = SIM_SERVICES,
        [PART_CONFIG_MAP] = SIM_CONFIGMAPS,
        [PART_SECRET] = SIM_SECRETS,
        [PART_LEASE] = SIM_LEASES,
        [PART_CLAIM] = SIM_PERSISTENTVOLUMECLAIMS,
    };

    return ids[kind];
}

static int post(struct kit *kit, const char *namespace, const struct part *part, size_t at,
                unsigned number) {
    return kit_post(kit, resource_of(part->kind), namespace, "{'metadata':{'name':'p%zu-%u'}%s%s}",
                    at, number, part->json.bytes > 0 ? "," : "", buf_text(&part->json));
}

static void finish_pod(struct kit *kit, const char *namespace, size_t at) {
    char name[32];
    json_t *status = json_pack("{s:s}", "phase", "Succeeded");

    (void)snprintf(name, sizeof name, "p%zu-0", at);
    (void)sim_store_put_status(kit->store, SIM_PODS, namespace, name, status, kit->now_us);
    json_decref(status);
}

/* What is there before: limit ranges and quotas come after the pods, and refuse nothing. */
static void set_up(struct kit *kit, const char *namespace, const struct kase *kase) {
    CHECK_EQ(kit_post(kit, SIM_NAMESPACES, "", "{'metadata':{'name':'%s'}}", namespace), 201,
             kit->message);
    kit_run(kit, 20 * KIT_MS);
    for (size_t i = 0; i < kase->count; i++) {
        if (kase->parts[i].kind == PART_POD_THERE) {
            CHECK_EQ(post(kit, namespace, &kase->parts[i], i, 0), 201, kit->message);
            if (kase->parts[i].finished) {
                finish_pod(kit, namespace, i);
            }
        }
    }
    for (size_t i = 0; i < kase->count; i++) {
        if (kase->parts[i].kind <= PART_QUOTA) {
            CHECK_EQ(post(kit, namespace, &kase->parts[i], i, 0), 201, kit->message);
        }
    }
    kit_run(kit, 50 * KIT_MS);
}

/* Is everything admitted? The first refusal stays in kit->message. */
static bool ask_cluster(struct kit *kit, const char *namespace, const struct kase *kase,
                        unsigned gang) {
    for (size_t i = 0; i < kase->count; i++) {
        for (unsigned j = 0; kase->parts[i].gang == gang && j < kase->parts[i].times; j++) {
            const int code = post(kit, namespace, &kase->parts[i], i, j);

            CHECK(code == 201 || code == 403, kit->message);
            if (code == 403) {
                return false;
            }
        }
    }
    return true;
}

/* --- The policy ------------------------------------------------------------------------------- */

struct books {
    struct resource_names names;
    struct ledger *ledger;
    struct limit_range ranges[PARTS_MAX];
    const struct limit_range *range_pointers[PARTS_MAX];
    size_t range_count;
    struct runtime_classes *classes;
};

enum verdict {
    VERDICT_FITS,
    VERDICT_SHORT,
    VERDICT_NEVER,
    VERDICT_UNSPECIFIED,
    VERDICT_LIMITED,
};

struct opinion {
    enum verdict verdict;
    char key[96];
    struct error error; /* of VERDICT_LIMITED */
};

static char *stored(const struct kit *kit, enum sim_resource_id id, const char *namespace,
                    size_t at) {
    char name[32];
    json_t *object;

    (void)snprintf(name, sizeof name, "p%zu-0", at);
    object = sim_store_get(kit->store, id, namespace, name);
    CHECK(object != NULL, name);
    return json_dumps(object, JSON_COMPACT);
}

static void read_pod_there(struct books *books, const char *json) {
    struct field_error error = {0};
    struct pod_demand demand;
    struct pod_state pod;

    CHECK_OK(codec_pod_read(json, strlen(json), &books->names, &pod, &demand, &error),
             error.error.text);
    ledger_put_pod(books->ledger, &(struct ledger_pod){.uid = pod.uid,
                                                       .namespace = pod.namespace_,
                                                       .finished = pod.phase == POD_SUCCEEDED,
                                                       .version = pod.version,
                                                       .demand = &demand});
    pod_demand_finish(&demand);
}

static void read_quota(struct books *books, const char *json) {
    struct field_error error = {0};
    struct quota quota;

    CHECK_OK(codec_quota_read(json, strlen(json), &books->names, &quota, &error), error.error.text);
    ledger_put_quota(books->ledger, &quota);
    quota_finish(&quota);
}

static void read_range(struct books *books, const char *json) {
    struct field_error error = {0};
    struct limit_range *range = &books->ranges[books->range_count];

    CHECK_OK(codec_limit_range_read(json, strlen(json), &books->names, range, &error),
             error.error.text);
    books->range_pointers[books->range_count++] = range;
}

/* The pods of a gang, as far as they were made. */
static void read_pods(struct books *books, const struct kit *kit, const char *namespace,
                      const struct kase *kase, unsigned gang) {
    for (size_t i = 0; i < kase->count; i++) {
        const struct part *part = &kase->parts[i];

        for (unsigned j = 0;
             part->gang == gang && resource_of(part->kind) == SIM_PODS && j < part->times; j++) {
            char name[32];
            json_t *pod;
            char *json;

            (void)snprintf(name, sizeof name, "p%zu-%u", i, j);
            pod = sim_store_get(kit->store, SIM_PODS, namespace, name);
            json = pod != NULL ? json_dumps(pod, JSON_COMPACT) : NULL;
            if (json != NULL) {
                read_pod_there(books, json);
            }
            free(json);
        }
    }
}

/* As the watches would tell: what the last gang changed. Limit ranges are there from the start. */
static void books_read(struct books *books, const struct kit *kit, const char *namespace,
                       const struct kase *kase, unsigned gang) {
    read_pods(books, kit, namespace, kase, gang - 1);
    for (size_t i = 0; i < kase->count; i++) {
        const enum part_kind kind = kase->parts[i].kind;
        char *json;

        if (kind > PART_QUOTA || (kind == PART_LIMIT_RANGE && gang > 1)) {
            continue;
        }
        json = stored(kit, resource_of(kind), namespace, i);
        if (kind == PART_QUOTA) {
            read_quota(books, json);
        } else {
            read_range(books, json);
        }
        free(json);
    }
}

static struct runtime_classes *make_classes(void) {
    struct runtime_classes *classes = runtime_classes_create();
    char texts[][sizeof BOXED] = {BOXED, BARE};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct field_error error = {0};

        for (char *c = texts[i]; *c != '\0'; c++) {
            *c = *c == '\'' ? '"' : *c;
        }
        CHECK_OK(runtime_classes_put(classes, i == 0 ? "boxed" : "bare", texts[i], strlen(texts[i]),
                                     &error),
                 error.error.text);
    }
    runtime_classes_set_state(classes, RUNTIME_CLASSES_KNOWN);
    return classes;
}

static void books_finish(struct books *books) {
    for (size_t i = 0; i < books->range_count; i++) {
        limit_range_finish(&books->ranges[i]);
    }
    ledger_destroy(books->ledger);
    resource_names_finish(&books->names);
    runtime_classes_destroy(books->classes);
}

/* The pod as it would be posted. */
static void read_own_pod(struct books *books, const char *namespace, const struct part *part,
                         struct pod_demand *pod) {
    char *text = mem_format("{'metadata':{'namespace':'%s'},%s}", namespace, buf_text(&part->json));
    struct field_error error = {0};
    struct json_t *root;
    struct json_at top;
    struct json_at metadata;
    struct json_at spec;
    struct json_t *admitted = NULL;

    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    CHECK_OK(json_parse_object(text, strlen(text), TEXT_BYTES_MAX, &root, &error), text);
    top = json_at_root(root);
    metadata = json_at_key(&top, "metadata");
    spec = json_at_key(&top, "spec");
    CHECK_OK(codec_pod_company_read(&metadata, pod, &error), error.error.text);
    CHECK_OK(runtime_class_admit(books->classes, &spec, &admitted, &error), error.error.text);
    spec.value = admitted;
    CHECK_OK(codec_pod_spec_read(&spec, &books->names, CODEC_NAMES_STRICT, pod, &error),
             error.error.text);
    json_drop(admitted);
    json_drop(root);
    free(text);
}

static void add_to_demand(struct books *books, const char *namespace, const struct part *part,
                          struct demand *demand) {
    switch (part->kind) {
    case PART_POD:
        read_own_pod(books, namespace, part,
                     &demand_add_group(demand, POD_ROLE_POD, part->times)->pod);
        break;
    case PART_SERVICE:
        demand_add_object(demand, "services", 1);
        demand_add_object(demand, "services.nodeports", part->ports);
        demand_add_object(demand, "services.loadbalancers", part->balanced ? 1 : 0);
        break;
    case PART_CONFIG_MAP:
        demand_add_object(demand, "configmaps", part->times);
        break;
    case PART_SECRET:
        demand_add_object(demand, "secrets", part->times);
        break;
    case PART_LEASE:
        demand_add_object(demand, "leases.coordination.k8s.io", part->times);
        break;
    case PART_CLAIM:
        demand_add_claims(demand, part->class, part->bytes, part->times);
        break;
    case PART_LIMIT_RANGE:
    case PART_QUOTA:
    case PART_POD_THERE:
        break;
    }
}

static void note_demand(const struct ledger_namespace *books, const struct demand *demand,
                        bool fits, struct coverage *coverage, const struct kase *kase) {
    struct usage usage = {0};
    size_t quota = 0;

    usage_add_demand(&usage, demand, 1);
    for (size_t i = 0; i < kase->count; i++) {
        const struct quota *with;

        if (kase->parts[i].kind != PART_QUOTA) {
            continue;
        }
        with = books->quotas[quota++];
        for (size_t k = 0; k < with->item_count; k++) {
            const int64_t asked = quota_item_amount(with, &with->items[k], &usage);

            if (kase->parts[i].scope > 0) {
                coverage->scope_in[kase->parts[i].scope - 1] += asked > 0;
                coverage->scope_out[kase->parts[i].scope - 1] += asked == 0;
            }
            for (size_t key = 0; fits && key < KEY_COUNT; key++) {
                coverage->asked[key] +=
                    strcmp(with->items[k].key, keys[key]) == 0 &&
                    (asked > 0 || (key == KEY_UNCOUNTED && demand->limits.amount[4] > 0));
            }
        }
    }
    usage_finish(&usage);
}

static struct opinion ask_policy(struct books *books, const char *namespace,
                                 const struct kase *kase, unsigned gang,
                                 struct coverage *coverage) {
    const size_t index = ledger_namespace_index(books->ledger, namespace);
    const struct ledger_namespace *kept = ledger_namespace(books->ledger, index);
    struct demand *demand = demand_create();
    struct opinion opinion = {.verdict = VERDICT_LIMITED};
    struct demand *filled;

    for (size_t i = 0; i < kase->count; i++) {
        if (kase->parts[i].gang == gang) {
            add_to_demand(books, namespace, &kase->parts[i], demand);
        }
    }
    demand_settle(demand);
    filled = limit_ranges_apply(books->range_pointers, books->range_count, demand);
    if (limit_ranges_check(books->range_pointers, books->range_count, filled, &books->names,
                           &opinion.error) == OK) {
        const struct quota_answer answer =
            quota_check((const struct quota *const *)kept->quotas, kept->quota_count, filled,
                        &kept->own, NULL, 0);

        opinion.verdict = answer.verdict == QUOTA_FITS    ? VERDICT_FITS
                          : answer.verdict == QUOTA_SHORT ? VERDICT_SHORT
                          : answer.verdict == QUOTA_NEVER ? VERDICT_NEVER
                                                          : VERDICT_UNSPECIFIED;
        (void)snprintf(opinion.key, sizeof opinion.key, "%s",
                       answer.item != NULL ? answer.item->key : "");
    }
    note_demand(kept, filled, opinion.verdict == VERDICT_FITS, coverage, kase);
    demand_destroy(filled);
    demand_destroy(demand);
    return opinion;
}

/* --- Holding one against the other ----------------------------------------------------------- */

struct rig {
    struct kit kit;
    bool open;
    unsigned namespaces;
    unsigned cases;
    struct opinion opinion; /* the last */
    struct coverage coverage;
};

static void rig_ready(struct rig *rig) {
    if (rig->open && rig->namespaces % SEEDS_OF_KIT == 0) {
        kit_close(&rig->kit);
        rig->open = false;
    }
    if (!rig->open) {
        static const char *const classes[] = {"high", "low"};

        kit_open(&rig->kit, NULL);
        for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
            CHECK_EQ(kit_post(&rig->kit, SIM_PRIORITYCLASSES, "",
                              "{'metadata':{'name':'%s'},'value':%zu}", classes[i], i),
                     201, rig->kit.message);
        }
        CHECK_EQ(kit_post(&rig->kit, SIM_RUNTIMECLASSES, "", BOXED), 201, rig->kit.message);
        CHECK_EQ(kit_post(&rig->kit, SIM_RUNTIMECLASSES, "", BARE), 201, rig->kit.message);
        rig->open = true;
    }
    rig->namespaces++;
}

static void note(struct rig *rig);

/* Do they agree on one gang? */
static bool try_gang(struct rig *rig, struct books *books, const char *namespace,
                     const struct kase *kase, unsigned gang) {
    bool admitted;

    rig->cases++;
    books_read(books, &rig->kit, namespace, kase, gang);
    rig->opinion = ask_policy(books, namespace, kase, gang, &rig->coverage);
    admitted = ask_cluster(&rig->kit, namespace, kase, gang);
    note(rig);
    return (rig->opinion.verdict == VERDICT_FITS) == admitted;
}

/* 0 if they agree on all gangs, else the first on which they differ. */
static unsigned try_case(struct rig *rig, const struct kase *kase) {
    struct books books = {.ledger = ledger_create(), .classes = make_classes()};
    char namespace[32];
    unsigned gang = 1;

    rig_ready(rig);
    (void)snprintf(namespace, sizeof namespace, "n%u", rig->namespaces);
    set_up(&rig->kit, namespace, kase);
    while (gang <= GANGS && try_gang(rig, &books, namespace, kase, gang)) {
        gang++;
    }
    books_finish(&books);
    return gang <= GANGS ? gang : 0;
}

static void drop_part(struct kase *kase, size_t at) {
    buf_finish(&kase->parts[at].json);
    kase->count--;
    memmove(&kase->parts[at], &kase->parts[at + 1], (kase->count - at) * sizeof kase->parts[0]);
}

/* Draw it again without the parts of a mask. */
static void draw_without(struct kase *kase, uint64_t seed, uint64_t without) {
    kase_draw(kase, seed);
    for (size_t i = kase->count; i-- > 0;) {
        if ((without & (UINT64_C(1) << i)) != 0) {
            drop_part(kase, i);
        }
    }
}

static void print_case(const struct kase *kase, const struct rig *rig, uint64_t seed,
                       unsigned gang) {
    static const char *const words[] = {"limit range", "quota",  "pod there", "pod",  "service",
                                        "config map",  "secret", "lease",     "claim"};

    (void)printf("seed %llu, gang %u: the policy says %s %s%s, the API server: %s\n",
                 (unsigned long long)seed, gang,
                 rig->opinion.verdict == VERDICT_FITS ? "yes" : "no", rig->opinion.key,
                 rig->opinion.error.text, rig->kit.message[0] != '\0' ? rig->kit.message : "yes");
    for (size_t i = 0; i < kase->count && kase->parts[i].gang <= gang; i++) {
        (void)printf("  gang %u: %u %s%s: %s\n", kase->parts[i].gang, kase->parts[i].times,
                     words[kase->parts[i].kind], kase->parts[i].finished ? " (finished)" : "",
                     buf_text(&kase->parts[i].json));
    }
}

/* Leave out what can be left out while they still differ; then show it. */
static void shrink(struct rig *rig, uint64_t seed) {
    struct kase kase;
    uint64_t without = 0;

    for (unsigned i = 0; i < PARTS_MAX; i++) {
        const uint64_t more = without | (UINT64_C(1) << i);

        draw_without(&kase, seed, more);
        if (try_case(rig, &kase) != 0) {
            without = more;
        }
        kase_finish(&kase);
    }
    draw_without(&kase, seed, without);
    print_case(&kase, rig, seed, try_case(rig, &kase));
    kase_finish(&kase);
}

static void note_refusal(struct rig *rig) {
    struct coverage *coverage = &rig->coverage;

    for (size_t key = 0; key < KEY_COUNT; key++) {
        coverage->refused[key] += strcmp(keys[key], rig->opinion.key) == 0;
    }
    for (size_t type = 0; type < ARRAY_LEN(limit_types); type++) {
        char per[48];

        (void)snprintf(per, sizeof per, "per %s", limit_types[type]);
        for (size_t word = 0; word < ARRAY_LEN(limit_words); word++) {
            coverage->limits[type][word] += rig->opinion.verdict == VERDICT_LIMITED &&
                                            strstr(rig->kit.message, per) != NULL &&
                                            strstr(rig->kit.message, limit_words[word]) != NULL;
        }
    }
}

static void note(struct rig *rig) {
    const enum verdict verdict = rig->opinion.verdict;

    rig->coverage.fits += verdict == VERDICT_FITS;
    rig->coverage.shorts += verdict == VERDICT_SHORT;
    rig->coverage.nevers += verdict == VERDICT_NEVER;
    rig->coverage.unspecified += verdict == VERDICT_UNSPECIFIED;
    rig->coverage.limited += verdict == VERDICT_LIMITED;
    if (verdict != VERDICT_FITS) {
        note_refusal(rig);
    }
}

/* A hit rate says little without these: each rule was seen to let in and to keep out. */
static void check_coverage(const struct coverage *coverage) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        CHECK(coverage->asked[i] >= SEEN_AT_LEAST, keys[i]);
        CHECK(coverage->refused[i] >= SEEN_AT_LEAST || i == KEY_UNCOUNTED, keys[i]);
    }
    CHECK_EQ(coverage->refused[KEY_UNCOUNTED], 0, "a key that nobody counts");
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        const bool never = i >= FIRST_CLAIM_SCOPE && (strcmp(scopes[i].operator, "In") == 0 ||
                                                      strcmp(scopes[i].operator, "Exists") == 0);

        CHECK(never || coverage->scope_in[i] >= SEEN_AT_LEAST, scopes[i].scope);
        CHECK(coverage->scope_out[i] >= SEEN_AT_LEAST, scopes[i].scope);
    }
    for (size_t i = 0; i < ARRAY_LEN(limit_types); i++) {
        for (size_t j = 0; j < (i == 2 ? 2 : ARRAY_LEN(limit_words)); j++) {
            CHECK(coverage->limits[i][j] >= SEEN_AT_LEAST, limit_types[i]);
        }
    }
    CHECK(coverage->fits > 2000 && coverage->shorts > 200 && coverage->nevers > 200 &&
              coverage->unspecified > 200 && coverage->limited > 200,
          "every answer is usual");
}

static void run_quarter(unsigned quarter) {
    const char *from = getenv("FIRST_SEED");
    const uint64_t first = (from != NULL ? strtoull(from, NULL, 10) : 1) + quarter * SEEDS;
    struct rig *rig = mem_alloc(1, sizeof *rig);
    unsigned differ = 0;

    for (uint64_t seed = first; seed < first + SEEDS && differ < 3; seed++) {
        struct kase kase;

        kase_draw(&kase, seed);
        if (try_case(rig, &kase) != 0) {
            shrink(rig, seed);
            differ++;
        }
        kase_finish(&kase);
    }
    (void)printf("%u cases from seed %llu: %u fit, %u short, %u above hard, %u unspecified, %u "
                 "outside limits\n",
                 rig->cases, (unsigned long long)first, rig->coverage.fits, rig->coverage.shorts,
                 rig->coverage.nevers, rig->coverage.unspecified, rig->coverage.limited);
    CHECK_EQ(differ, 0, "the policy and the API server differ");
    check_coverage(&rig->coverage);
    kit_close(&rig->kit);
    free(rig);
}

/* Which half is the environment's to say: two targets run side by side. */
static unsigned first_quarter(void) {
    const char *half = getenv("HALF");

    return half != NULL && strcmp(half, "2") == 0 ? 2 : 0;
}

TEST_WITHIN(quota_check__agrees_with_admission_on_a_quarter_of_100000_cases, 200) {
    run_quarter(first_quarter());
}

TEST_WITHIN(quota_check__agrees_with_admission_on_another_quarter, 200) {
    run_quarter(first_quarter() + 1);
}
