#include "tests/fake/nights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/heap.h"
#include "policy/node.h"
#include "policy/quota.h"

#define NEWS_LATE_US 500000
#define START_US     2000000

struct pod {
    char name[64];
    char uid[24];
    uint64_t job_id;
    uint32_t attempt;
    unsigned namespace;
    unsigned node; /* nodes: not bound */
    enum pod_standing standing;
    bool exists;
    struct nights_program program;
    const struct pod_group *group;
    struct news *next; /* that it runs, or that its program ends */
    int64_t told_us;   /* the last news of it arrives then */
};

enum news_kind {
    NEWS_POD,     /* told */
    NEWS_STARTED, /* told */
    NEWS_DELETED, /* told */
    NEWS_NODE,    /* told */
    NEWS_RUNS,    /* happens: a pod runs */
    NEWS_ENDS,    /* happens: its program is through */
    NEWS_BACK,    /* happens: a node is */
    NEWS_API,     /* happens: it can be reached again */
};

struct news {
    struct heap_item item;
    int64_t due_us;
    uint64_t order;
    enum news_kind kind;
    struct pod *pod;
    struct pod as_it_was;
    unsigned index; /* of the node */
    enum start_result result;
};

struct nights {
    struct nights_options options;
    struct rng rng;
    int64_t now_us;
    int64_t cut_until_us; /* 0: the API server is there */
    struct heap news;
    uint64_t order;
    struct map pods; /* by name, those that are gone too */
    unsigned unbound;
    unsigned alive;
    struct node *nodes;
    int64_t *free_milli;   /* of the nodes */
    int64_t *used_milli;   /* of the namespaces */
    uint8_t *alive_by;     /* by job */
    uint8_t *succeeded_by; /* by job */
};

static bool is_earlier(void *context, const struct heap_item *a, const struct heap_item *b) {
    const struct news *left = (const struct news *)(const void *)a;
    const struct news *right = (const struct news *)(const void *)b;

    (void)context;
    return left->due_us != right->due_us ? left->due_us < right->due_us
                                         : left->order < right->order;
}

static struct news *add_news(struct nights *nights, enum news_kind kind, int64_t after_us) {
    struct news *news = mem_alloc(1, sizeof *news);

    news->kind = kind;
    news->due_us = nights->now_us + after_us;
    news->order = nights->order++;
    heap_push(&nights->news, &news->item);
    return news;
}

static int64_t late_us(struct nights *nights) {
    return (int64_t)rng_below(&nights->rng, NEWS_LATE_US);
}

/* News of a pod never overtake each other; while the server is away there are none. */
static void tell_pod(struct nights *nights, struct pod *pod) {
    struct news *news;
    int64_t after_us = late_us(nights);

    if (nights->cut_until_us != 0) {
        return;
    }
    if (pod->told_us > nights->now_us + after_us) {
        after_us = pod->told_us - nights->now_us;
    }
    pod->told_us = nights->now_us + after_us;
    news = add_news(nights, NEWS_POD, after_us);
    news->pod = pod;
    news->as_it_was = *pod;
}

static void tell_node(struct nights *nights, unsigned node) {
    if (nights->cut_until_us == 0) {
        add_news(nights, NEWS_NODE, late_us(nights))->index = node;
    }
}

/* --- Pods ------------------------------------------------------------------------------------ */

static bool is_alive(const struct pod *pod) {
    return pod->exists &&
           (pod->standing == POD_STANDS_WAITING || pod->standing == POD_STANDS_RUNNING);
}

static int64_t cpu_of(const struct pod *pod) {
    return pod->group->requests.amount[RESOURCE_CPU];
}

static bool bind(struct nights *nights, struct pod *pod) {
    for (unsigned i = 0; i < nights->options.nodes; i++) {
        if (nights->nodes[i].ready && nights->free_milli[i] >= cpu_of(pod)) {
            nights->free_milli[i] -= cpu_of(pod);
            nights->unbound--;
            pod->node = i;
            pod->next = add_news(nights, NEWS_RUNS, START_US + late_us(nights));
            pod->next->pod = pod;
            return true;
        }
    }
    return false;
}

static bool is_unbound(const struct nights *nights, const struct pod *pod) {
    return is_alive(pod) && pod->node == nights->options.nodes;
}

static void bind_waiting(struct nights *nights) {
    const struct map_entry *entry;

    for (size_t at = 0; nights->unbound > 0 && (entry = map_next(&nights->pods, &at)) != NULL;) {
        if (is_unbound(nights, entry->value) && !bind(nights, entry->value)) {
            return;
        }
    }
}

/* It holds nothing any more. */
static void release(struct nights *nights, struct pod *pod) {
    nights->alive--;
    nights->alive_by[pod->job_id]--;
    nights->used_milli[pod->namespace] -= cpu_of(pod);
    if (pod->node < nights->options.nodes) {
        nights->free_milli[pod->node] += cpu_of(pod);
    } else {
        nights->unbound--;
    }
    if (pod->next != NULL) {
        heap_remove(&nights->news, &pod->next->item);
        free(pod->next);
        pod->next = NULL;
    }
}

static void remove_pod(struct nights *nights, struct pod *pod) {
    if (!pod->exists) {
        return;
    }
    if (is_alive(pod)) {
        release(nights, pod);
    }
    pod->exists = false;
    tell_pod(nights, pod);
    bind_waiting(nights);
}

static void run_pod(struct nights *nights, struct pod *pod) {
    pod->standing = POD_STANDS_RUNNING;
    pod->next = add_news(nights, NEWS_ENDS, pod->program.runs_us);
    pod->next->pod = pod;
    tell_pod(nights, pod);
}

static void end_pod(struct nights *nights, struct pod *pod) {
    const bool is_good = pod->program.failure == FAILURE_NONE;

    release(nights, pod);
    pod->standing = is_good ? POD_STANDS_SUCCEEDED : POD_STANDS_FAILED;
    nights->succeeded_by[pod->job_id] += is_good;
    tell_pod(nights, pod);
    bind_waiting(nights);
}

/* --- Commands -------------------------------------------------------------------------------- */

static unsigned namespace_index(const struct nights *nights, const char *name) {
    unsigned i = 0;

    while (strcmp(nights->options.namespaces[i], name) != 0) {
        i++;
        ENSURE(i < nights->options.namespace_count);
    }
    return i;
}

static void make_pod(struct nights *nights, const struct command *command, const char *name,
                     const struct demand *demand, struct nights_program program) {
    struct pod *pod = mem_alloc(1, sizeof *pod);

    ENSURE(command->job_id < nights->options.jobs_max);
    *pod = (struct pod){.job_id = command->job_id,
                        .attempt = command->attempt,
                        .namespace = namespace_index(nights, command->namespace),
                        .node = nights->options.nodes,
                        .standing = POD_STANDS_WAITING,
                        .exists = true,
                        .program = program,
                        .group = &demand->groups[0]};
    (void)snprintf(pod->name, sizeof pod->name, "%s", name);
    (void)snprintf(pod->uid, sizeof pod->uid, "u%" PRIu64, nights->order);
    ENSURE(map_put(&nights->pods, pod->name, pod) == NULL); /* Each attempt's name is new. */
    nights->used_milli[pod->namespace] += cpu_of(pod);
    nights->alive_by[pod->job_id]++;
    nights->alive++;
    nights->unbound++;
    (void)bind(nights, pod);
    tell_pod(nights, pod);
}

static enum start_result carry_out(struct nights *nights, const struct command *command,
                                   const char *name, const struct demand *demand,
                                   struct nights_program program) {
    const struct pod *pod = map_get(&nights->pods, name);

    if (nights->cut_until_us != 0) {
        return START_TRANSIENT;
    }
    if (pod != NULL && pod->exists) {
        return START_DONE;
    }
    if (command->only_look) {
        return START_REFUSED;
    }
    if (nights->used_milli[namespace_index(nights, command->namespace)] +
            demand->groups[0].requests.amount[RESOURCE_CPU] >
        nights->options.quota_cpu_milli) {
        return START_QUOTA;
    }
    make_pod(nights, command, name, demand, program);
    return START_DONE;
}

void nights_start(struct nights *nights, const struct command *command, const struct demand *demand,
                  struct nights_program program) {
    struct news *news = add_news(nights, NEWS_STARTED, late_us(nights));
    const struct pod *pod;

    (void)snprintf(news->as_it_was.name, sizeof news->as_it_was.name, "j%" PRIu64 "-%" PRIu32,
                   command->job_id, command->attempt);
    news->as_it_was.job_id = command->job_id;
    news->as_it_was.attempt = command->attempt;
    news->result = carry_out(nights, command, news->as_it_was.name, demand, program);
    pod = map_get(&nights->pods, news->as_it_was.name);
    if (pod != NULL) {
        news->as_it_was = *pod;
    }
}

void nights_delete(struct nights *nights, const struct command *command) {
    struct news *news = add_news(nights, NEWS_DELETED, late_us(nights));
    struct pod *pod = map_get(&nights->pods, command->pod_name);

    news->result = nights->cut_until_us == 0 ? START_DONE : START_TRANSIENT;
    news->as_it_was.namespace = namespace_index(nights, command->namespace);
    (void)snprintf(news->as_it_was.name, sizeof news->as_it_was.name, "%s", command->pod_name);
    if (pod != NULL && news->result == START_DONE) {
        remove_pod(nights, pod);
    }
}

/* Does it come from the server, to whoever listens? */
static bool is_told(enum news_kind kind) {
    return kind <= NEWS_NODE;
}

static void forget_news(struct nights *nights) {
    for (uint32_t i = nights->news.count; i > 0; i--) {
        struct news *news = (struct news *)(void *)nights->news.items[i - 1];

        if (is_told(news->kind)) {
            heap_remove(&nights->news, &news->item);
            free(news);
            i = nights->news.count + 1; /* The others have moved. */
        }
    }
}

/* --- What is told ---------------------------------------------------------------------------- */

static struct event event_of_pod(const struct nights *nights, const struct pod *pod) {
    const char *const namespace = nights->options.namespaces[pod->namespace];

    if (!pod->exists) {
        return (struct event){.kind = EVENT_POD_GONE,
                              .gone = {.namespace = namespace, .name = pod->name}};
    }
    return (struct event){
        .kind = EVENT_POD,
        .pod = {.namespace = namespace,
                .name = pod->name,
                .uid = pod->uid,
                .node = pod->node < nights->options.nodes ? nights->nodes[pod->node].name : "",
                .job_id = pod->job_id,
                .attempt = pod->attempt,
                .is_main = true,
                .standing = pod->standing,
                .failure = pod->standing == POD_STANDS_FAILED ? pod->program.failure : FAILURE_NONE,
                .exit_code = pod->standing == POD_STANDS_FAILED ? pod->program.exit_code : 0,
                .message = "",
                .role = POD_ROLE_POD,
                .demand = &pod->group->pod}};
}

static struct event event_of(const struct nights *nights, const struct news *news) {
    switch (news->kind) {
    case NEWS_POD:
        return event_of_pod(nights, &news->as_it_was);
    case NEWS_STARTED:
        return (struct event){.kind = EVENT_STARTED,
                              .started = {.job_id = news->as_it_was.job_id,
                                          .attempt = news->as_it_was.attempt,
                                          .result = news->result,
                                          .pod_name = news->as_it_was.name,
                                          .pod_uid = news->as_it_was.uid,
                                          .message = ""}};
    case NEWS_DELETED:
        return (struct event){
            .kind = EVENT_DELETED,
            .deleted = {.namespace = nights->options.namespaces[news->as_it_was.namespace],
                        .name = news->as_it_was.name,
                        .gone = news->result == START_DONE,
                        .message = ""}};
    default:
        return (struct event){.kind = EVENT_NODE, .node = &nights->nodes[news->index]};
    }
}

static void tell_parts(enum event_kind kind, nights_fn *tell, void *context) {
    struct event events[CLUSTER_PART_COUNT];

    for (unsigned i = 0; i < CLUSTER_PART_COUNT; i++) {
        events[i] = (struct event){.kind = kind, .synced = {.part = (enum cluster_part)i}};
    }
    tell(context, events, CLUSTER_PART_COUNT);
}

static void tell_quotas(const struct nights *nights, struct resource_names *names, nights_fn *tell,
                        void *context) {
    char hard[32];

    (void)snprintf(hard, sizeof hard, "%" PRId64 "m", nights->options.quota_cpu_milli);
    for (unsigned i = 0; i < nights->options.namespace_count; i++) {
        struct quota quota;
        struct event event = {.kind = EVENT_QUOTA, .quota = &quota};

        quota_init(&quota, nights->options.namespaces[i], "quota");
        ENSURE(quota_add_item(&quota, names, "requests.cpu", hard, "0") == OK);
        tell(context, &event, 1);
        quota_finish(&quota);
    }
}

/* Also what is gone, as a second list of a watch finds it out. */
static void tell_pods(const struct nights *nights, nights_fn *tell, void *context) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&nights->pods, &at)) != NULL;) {
        struct event event = event_of_pod(nights, entry->value);

        tell(context, &event, 1);
    }
}

static void tell_all(const struct nights *nights, nights_fn *tell, void *context) {
    for (unsigned i = 0; i < nights->options.nodes; i++) {
        struct event event = {.kind = EVENT_NODE, .node = &nights->nodes[i]};

        tell(context, &event, 1);
    }
    tell_pods(nights, tell, context);
    tell_parts(EVENT_SYNCED, tell, context);
}

void nights_listen(struct nights *nights, struct resource_names *names, nights_fn *tell,
                   void *context) {
    forget_news(nights);
    tell_quotas(nights, names, tell, context);
    if (nights->cut_until_us == 0) {
        tell_all(nights, tell, context);
    }
}

/* --- Time ------------------------------------------------------------------------------------ */

void nights_cut(struct nights *nights, int64_t until_us, nights_fn *tell, void *context) {
    nights->cut_until_us = until_us;
    (void)add_news(nights, NEWS_API, until_us - nights->now_us);
    forget_news(nights);
    tell_parts(EVENT_LOST, tell, context);
}

static void reach_again(struct nights *nights, nights_fn *tell, void *context) {
    nights->cut_until_us = 0;
    tell_all(nights, tell, context);
}

void nights_kill_node(struct nights *nights, unsigned node, int64_t for_us) {
    const struct map_entry *entry;

    nights->nodes[node].ready = false;
    for (size_t at = 0; (entry = map_next(&nights->pods, &at)) != NULL;) {
        struct pod *pod = entry->value;

        if (is_alive(pod) && pod->node == node) {
            remove_pod(nights, pod);
        }
    }
    add_news(nights, NEWS_BACK, for_us)->index = node;
    tell_node(nights, node);
}

int64_t nights_next_us(const struct nights *nights) {
    const struct news *news = (const struct news *)(void *)heap_top(&nights->news);

    return news != NULL ? news->due_us : CLOCK_NEVER_US;
}

static void happen(struct nights *nights, struct news *news, nights_fn *tell, void *context) {
    struct event event;

    if (news->kind == NEWS_RUNS || news->kind == NEWS_ENDS) {
        news->pod->next = NULL;
        (news->kind == NEWS_RUNS ? run_pod : end_pod)(nights, news->pod);
    } else if (news->kind == NEWS_API) {
        reach_again(nights, tell, context);
    } else if (news->kind == NEWS_BACK) {
        nights->nodes[news->index].ready = true;
        tell_node(nights, news->index);
        bind_waiting(nights);
    } else {
        event = event_of(nights, news);
        tell(context, &event, 1);
    }
}

void nights_go(struct nights *nights, int64_t now_us, nights_fn *tell, void *context) {
    while (nights_next_us(nights) <= now_us) {
        struct news *news = (struct news *)(void *)heap_top(&nights->news);

        heap_remove(&nights->news, &news->item);
        nights->now_us = news->due_us;
        happen(nights, news, tell, context);
        free(news);
    }
    nights->now_us = now_us;
}

/* --- Looking --------------------------------------------------------------------------------- */

unsigned nights_alive(const struct nights *nights, uint64_t job_id) {
    return nights->alive_by[job_id];
}

unsigned nights_succeeded(const struct nights *nights, uint64_t job_id) {
    return nights->succeeded_by[job_id];
}

unsigned nights_alive_all(const struct nights *nights) {
    return nights->alive;
}

struct nights *nights_create(const struct nights_options *options, int64_t now_us) {
    struct nights *nights = mem_alloc(1, sizeof *nights);

    nights->options = *options;
    nights->now_us = now_us;
    nights->news.before = is_earlier;
    rng_init(&nights->rng, options->seed);
    nights->nodes = mem_alloc(options->nodes, sizeof *nights->nodes);
    nights->free_milli = mem_alloc(options->nodes, sizeof *nights->free_milli);
    nights->used_milli = mem_alloc(options->namespace_count, sizeof *nights->used_milli);
    nights->alive_by = mem_alloc(options->jobs_max, 1);
    nights->succeeded_by = mem_alloc(options->jobs_max, 1);
    for (unsigned i = 0; i < options->nodes; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "node-%u", i);
        node_init(&nights->nodes[i], name);
        nights->nodes[i].ready = true;
        nights->nodes[i].allocatable.amount[RESOURCE_CPU] = options->node_cpu_milli;
        nights->nodes[i].allocatable.amount[RESOURCE_PODS] = 110;
        nights->free_milli[i] = options->node_cpu_milli;
    }
    return nights;
}

void nights_destroy(struct nights *nights) {
    const struct map_entry *entry;
    struct heap_item *item;

    while ((item = heap_top(&nights->news)) != NULL) {
        heap_remove(&nights->news, item);
        free(item);
    }
    heap_finish(&nights->news);
    for (size_t at = 0; (entry = map_next(&nights->pods, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&nights->pods);
    for (unsigned i = 0; i < nights->options.nodes; i++) {
        node_finish(&nights->nodes[i]);
    }
    free(nights->nodes);
    free(nights->free_milli);
    free(nights->used_milli);
    free(nights->alive_by);
    free(nights->succeeded_by);
    free(nights);
}
