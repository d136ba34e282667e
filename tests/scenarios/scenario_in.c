#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/window.h"
#include "tests/scenarios/scenario.h"

#define WORDS_MAX 48

/* A line cut into words. What follows " : " stays in one piece. */
struct words {
    struct scenario *scenario;
    char *word[WORDS_MAX];
    size_t count;
    size_t at;
    char *rest; /* "" if there is none */
};

static struct words cut(struct scenario *scenario, char *text) {
    struct words words = {.scenario = scenario, .rest = text + strlen(text)};
    char *colon = strstr(text, " : ");
    char *state = NULL;

    if (colon != NULL) {
        *colon = '\0';
        words.rest = colon + 3;
    }
    for (char *word = strtok_r(text, " ", &state); word != NULL;
         word = strtok_r(NULL, " ", &state)) {
        if (words.count == WORDS_MAX) {
            scenario_bad(scenario, "too many words", word);
        }
        words.word[words.count++] = word;
    }
    return words;
}

static char *next(struct words *words) {
    return words->at < words->count ? words->word[words->at++] : NULL;
}

static char *need(struct words *words, const char *what) {
    char *word = next(words);

    if (word == NULL) {
        scenario_bad(words->scenario, "a word is missing", what);
    }
    return word;
}

/* The value of "key=value"; NULL for another key. */
static char *value_of(char *word, const char *key) {
    size_t length = strlen(key);

    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static char *after(char *word, const char *prefix) {
    return text_starts_with(word, prefix) ? word + strlen(prefix) : NULL;
}

/* Cut at the first such byte; the part behind it, or NULL. */
static char *split(char *word, int byte) {
    char *at = strchr(word, byte);

    if (at != NULL) {
        *at++ = '\0';
    }
    return at;
}

static int64_t number(struct words *words, const char *text) {
    int64_t value;

    if (text_parse_int64(text, &value) != OK) {
        scenario_bad(words->scenario, "not a number", text);
    }
    return value;
}

static int64_t duration_us(struct words *words, const char *text) {
    int64_t us;

    if (text_parse_duration_us(text, &us) != OK) {
        scenario_bad(words->scenario, "not a duration", text);
    }
    return us;
}

/* A word out of a list. */
static size_t choice(struct words *words, const char *word, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0) {
            return i;
        }
    }
    scenario_bad(words->scenario, "not one of those it could be", word);
}

/* "key=amount", with the key's kind interned. */
static int64_t amount(struct words *words, char *key, size_t *out_kind) {
    struct resource_names *names = core_resource_names(words->scenario->core);
    char *quantity = split(key, '=');
    int64_t value = 0;

    if (quantity == NULL || resource_intern(names, key, out_kind) != OK ||
        resource_parse(names, *out_kind, quantity, &value) != OK) {
        scenario_bad(words->scenario, "neither known nor resource=quantity", key);
    }
    return value;
}

static char *namespaced(struct words *words, char *name, const char **out_namespace) {
    char *bare = split(name, '/');

    if (bare == NULL) {
        scenario_bad(words->scenario, "not namespace/name", name);
    }
    *out_namespace = name;
    return bare;
}

static struct event *add(struct words *words, enum event_kind kind) {
    struct scenario *scenario = words->scenario;

    if (scenario->event_count == SCENARIO_EVENTS_MAX) {
        scenario_bad(scenario, "too many events in a turn", "");
    }
    scenario->events[scenario->event_count] = (struct event){.kind = kind};
    return &scenario->events[scenario->event_count++];
}

/* --- Demands --------------------------------------------------------------------------------- */

static enum taint_effect effect_of(struct words *words, const char *word) {
    static const char *const effects[] = {"", "NoSchedule", "PreferNoSchedule", "NoExecute"};

    return (enum taint_effect)choice(words, word == NULL ? "" : word, effects, ARRAY_LEN(effects));
}

/* One word of a pod's demand. */
static void pod_word(struct words *words, struct pod_demand *pod, char *word) {
    struct container_demand *container;
    size_t kind;
    int64_t value;
    char *tail;

    if ((tail = after(word, "on:")) != NULL) {
        char *wanted = split(tail, '=');

        pod_demand_add_selector(pod, tail, wanted == NULL ? "" : wanted);
    } else if ((tail = after(word, "tolerates:")) != NULL) {
        char *effect = split(tail, ':');
        char *wanted = split(tail, '=');

        pod_demand_add_toleration(pod, &(struct toleration){.key = tail,
                                                            .value = wanted,
                                                            .exists = wanted == NULL,
                                                            .effect = effect_of(words, effect)});
    } else {
        if (pod->container_count == 0) {
            (void)pod_demand_add_container(pod, CONTAINER_MAIN);
        }
        container = &pod->containers[0];
        tail = after(word, "limits.");
        value = amount(words, tail != NULL ? tail : word, &kind);
        if (tail != NULL) {
            container_demand_limit(container, kind, value);
        } else {
            container_demand_request(container, kind, value);
        }
    }
}

static enum pod_role role_of(struct words *words, const char *word) {
    static const char *const roles[] = {"pod", "driver", "executor"};

    return (enum pod_role)choice(words, word, roles, ARRAY_LEN(roles));
}

/* "driver cpu=1 memory=1Gi", "3 executor cpu=2", "objects services=1". */
static void group(struct words *words, struct demand *demand) {
    char *first = need(words, "driver, executor, pod or objects");
    int64_t count = 1;
    struct pod_group *pods;
    char *word;

    if (strcmp(first, "objects") == 0) {
        while ((word = next(words)) != NULL) {
            char *value = split(word, '=');

            demand_add_object(demand, word, number(words, value == NULL ? "" : value));
        }
        return;
    }
    if (first[0] >= '0' && first[0] <= '9') {
        count = number(words, first);
        first = need(words, "a role");
    }
    pods = demand_add_group(demand, role_of(words, first), (uint32_t)count);
    (void)pod_demand_add_container(&pods->pod, CONTAINER_MAIN);
    while ((word = next(words)) != NULL) {
        char *least = after(word, "least=");

        if (least != NULL) {
            pods->least = (uint32_t)number(words, least);
        } else {
            pod_word(words, &pods->pod, word);
        }
    }
}

/* Groups, with " | " between them. */
static struct demand *demand_of(struct scenario *scenario, char *text) {
    struct demand *demand = demand_create();

    while (text != NULL) {
        char *more = strstr(text, " | ");
        struct words words;

        if (more != NULL) {
            *more = '\0';
            more += 3;
        }
        words = cut(scenario, text);
        group(&words, demand);
        text = more;
    }
    demand_settle(demand);
    return demand;
}

/* --- People ---------------------------------------------------------------------------------- */

/* As a job's record has it. */
static void waits_for(struct words *words, struct new_job *job, const char *text) {
    struct scenario *scenario = words->scenario;
    struct after_reader reader = {.at = text};
    struct new_after *items = mem_alloc(WORDS_MAX, sizeof *items);

    while (job->after_count < WORDS_MAX && after_next(&reader, &items[job->after_count].item)) {
        job->after_count++;
    }
    if (reader.failed) {
        scenario_bad(scenario, "not what a job waits for", text);
    }
    job->after = items;
    scenario->parts.afters[scenario->parts.after_count++] = items;
}

static void submit_word(struct words *words, struct event *event, struct new_job *job, char *word) {
    char *value;

    if ((value = value_of(word, "token")) != NULL) {
        event->token = (uint64_t)number(words, value);
    } else if ((value = value_of(word, "count")) != NULL) {
        event->submit.count = (size_t)number(words, value);
    } else if ((value = value_of(word, "priority")) != NULL) {
        job->priority = (int32_t)number(words, value);
    } else if ((value = value_of(word, "expected")) != NULL) {
        job->expected_runtime_us = duration_us(words, value);
    } else if ((value = value_of(word, "longest")) != NULL) {
        job->max_runtime_us = duration_us(words, value);
    } else if ((value = value_of(word, "warned")) != NULL) {
        job->warn_runtime_us = duration_us(words, value);
    } else if ((value = value_of(word, "start-by")) != NULL) {
        job->start_by_us = words->scenario->now.now_us + duration_us(words, value);
    } else if ((value = value_of(word, "finish-by")) != NULL) {
        job->finish_by_us = words->scenario->now.now_us + duration_us(words, value);
    } else if (strcmp(word, "or-skip") == 0) {
        job->start_miss = START_MISS_SKIP;
    } else if ((value = value_of(word, "class")) != NULL) {
        job->priority_class = value;
    } else if ((value = value_of(word, "team")) != NULL) {
        job->team = value;
    } else if (strcmp(word, "preemptible") == 0) {
        job->preemptible = true;
    } else if ((value = value_of(word, "team")) != NULL) {
        job->team = value;
    } else if ((value = value_of(word, "class")) != NULL) {
        job->priority_class = value;
    } else if ((value = value_of(word, "by")) != NULL) {
        event->submit.submitter = value;
    } else if ((value = value_of(word, "retries")) != NULL) {
        job->retry.retries_max = (uint32_t)number(words, value);
    } else if ((value = value_of(word, "infra-retries")) != NULL) {
        job->retry.infra_retries_max = (uint32_t)number(words, value);
    } else if ((value = value_of(word, "rules")) != NULL) {
        for (char *at = value; *at != '\0'; at++) { /* Words end at spaces. */
            *at = *at == '_' ? ' ' : *at;
        }
        job->retry.rules = value;
    } else if ((value = value_of(word, "ttl")) != NULL) {
        job->ttl_s = (uint32_t)(duration_us(words, value) / CLOCK_US_PER_SECOND);
    } else if ((value = value_of(word, "key")) != NULL) {
        event->submit.key = value;
    } else if ((value = value_of(word, "window")) != NULL) {
        job->window = value;
    } else if ((value = value_of(word, "expected")) != NULL) {
        job->expected_runtime_us = duration_us(words, value);
    } else if ((value = value_of(word, "after")) != NULL) {
        waits_for(words, job, value);
    } else if (strcmp(word, "for-operator") == 0) {
        job->for_operator = true;
    } else if ((value = value_of(word, "pod-name")) != NULL) {
        job->pod_name = value;
    } else if ((value = value_of(word, "array")) != NULL) {
        job->array = value;
    } else if ((value = value_of(word, "elements")) != NULL) {
        job->element_count = (uint64_t)number(words, value);
    } else if (strcmp(word, "always") == 0) {
        job->retry.always = true;
    } else if (strcmp(word, "hold") == 0) {
        job->hold = true;
    } else {
        scenario_bad(words->scenario, "not a word of submit", word);
    }
}

static void submit(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct event *event = add(words, EVENT_SUBMIT);
    struct new_job job = {.ttl_s = JOB_TTL_NEVER,
                          .retry = {.infra_retries_max = 3,
                                    .backoff_first_us = 10 * CLOCK_US_PER_SECOND,
                                    .backoff_max_us = 60 * CLOCK_US_PER_SECOND},
                          .spec = {.text = "{}", .bytes = 2}};
    const char *namespace;
    char *word;

    job.name = namespaced(words, need(words, "namespace/name"), &namespace);
    job.namespace = job.team = namespace;
    event->token = 1;
    event->submit.count = 1;
    event->submit.submitter = "ann";
    while ((word = next(words)) != NULL) {
        submit_word(words, event, &job, word);
    }
    if (scenario->shape_count == SCENARIO_SHAPES_MAX) {
        scenario_bad(scenario, "too many submits", "");
    }
    job.demand = demand_of(scenario, words->rest);
    job.spec.hash[0] = (unsigned char)scenario->shape_count;
    scenario->shapes[scenario->shape_count++] = job.demand;
    event->submit.jobs = mem_alloc(event->submit.count, sizeof job);
    for (size_t i = 0; i < event->submit.count; i++) {
        event->submit.jobs[i] = job;
        event->submit.jobs[i].array_place = i;
    }
    scenario->parts.submits[scenario->parts.submit_count++] = event->submit.jobs;
}

static void of_job(struct words *words, enum event_kind kind) {
    struct event *event = add(words, kind);
    char *word;

    event->job_id = (uint64_t)number(words, need(words, "a job's id"));
    event->token = 1;
    while ((word = next(words)) != NULL) {
        char *value = value_of(word, "token");

        if (strcmp(word, "whole") == 0) { /* Of the array. */
            event->whole = true;
            continue;
        }
        event->token = (uint64_t)number(words, value == NULL ? word : value);
    }
}

static void cancel(struct words *words) {
    of_job(words, EVENT_CANCEL);
}

static void hold(struct words *words) {
    of_job(words, EVENT_HOLD);
}

static void release(struct words *words) {
    of_job(words, EVENT_RELEASE);
}

/* Its demand is the one it was submitted with. */
static void retry(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct event *event = add(words, EVENT_RETRY);
    uint64_t id = (uint64_t)number(words, need(words, "a job's id"));
    const char *word = next(words);

    event->token = 1;
    event->retry = (struct retry_event){.job_id = id,
                                        .demand = word == NULL && id < scenario->next_id
                                                      ? scenario->shapes[scenario->jobs[id].shape]
                                                      : NULL}; /* "retry 1 unreadable" */
}

static void forget(struct words *words) {
    static const char *const kinds[] = {"memory", "breaker", "node"};
    struct event *event = add(words, EVENT_FORGET);

    event->token = 1;
    event->forget.what = (enum forget_what)choice(words, need(words, "memory, breaker or node"),
                                                  kinds, ARRAY_LEN(kinds));
    event->forget.key = need(words, "a key");
}

static void ask(struct words *words) {
    struct scenario *scenario = words->scenario;

    if (scenario->ask_count == SCENARIO_EVENTS_MAX) {
        scenario_bad(scenario, "too many questions in a turn", "");
    }
    scenario->asks[scenario->ask_count].namespace = need(words, "a namespace");
    scenario->asks[scenario->ask_count++].demand = demand_of(scenario, words->rest);
}

/* --- Pods ------------------------------------------------------------------------------------ */

/* "7.2": the second attempt of job 7. */
static uint64_t job_and_attempt(struct words *words, char *word, uint32_t *out_attempt) {
    char *attempt = split(word, '.');

    *out_attempt = (uint32_t)number(words, attempt == NULL ? "" : attempt);
    return (uint64_t)number(words, word);
}

static bool pod_standing_word(struct pod_event *pod, const char *word) {
    static const char *const standings[] = {"waiting", "stuck",     "hopeless",
                                            "running", "succeeded", "failed"};

    for (size_t i = 0; i < ARRAY_LEN(standings); i++) {
        if (strcmp(word, standings[i]) == 0) {
            pod->standing = (enum pod_standing)i;
            return true;
        }
    }
    return false;
}

static enum failure failure_of(struct words *words, const char *word) {
    for (int i = 0; i < FAILURE_COUNT; i++) {
        if (strcmp(word, failure_text((enum failure)i)) == 0) {
            return (enum failure)i;
        }
    }
    scenario_bad(words->scenario, "not a failure", word);
}

static void one_pod_word(struct words *words, struct pod_event *pod, struct pod_demand *demand,
                         char *word) {
    char *value;

    if (pod_standing_word(pod, word)) {
        return;
    }
    if ((value = value_of(word, "uid")) != NULL) {
        pod->uid = value;
    } else if ((value = value_of(word, "job")) != NULL) {
        pod->job_id = job_and_attempt(words, value, &pod->attempt);
    } else if ((value = value_of(word, "node")) != NULL) {
        pod->node = value;
    } else if ((value = value_of(word, "failure")) != NULL) {
        pod->failure = failure_of(words, value);
    } else if ((value = value_of(word, "exit")) != NULL) {
        pod->exit_code = (int32_t)number(words, value);
    } else if (strcmp(word, "terminating") == 0) {
        pod->terminating = true;
    } else if (strcmp(word, "driver") == 0 || strcmp(word, "executor") == 0) {
        pod->role = role_of(words, word);
    } else {
        pod_word(words, demand, word);
    }
}

/* What the job's groups say for a pod of its role. */
static void copy_demand_of_job(struct words *words, const struct pod_event *pod,
                               struct pod_demand *out) {
    struct scenario *scenario = words->scenario;
    const struct demand *demand;

    if (pod->job_id > SCENARIO_JOBS_MAX || !scenario->jobs[pod->job_id].exists) {
        scenario_bad(scenario, "a pod of a job that is not there needs cpu=, ...", pod->name);
    }
    demand = scenario->shapes[scenario->jobs[pod->job_id].shape];
    for (size_t i = 0; i < demand->group_count; i++) {
        if (demand->groups[i].role == pod->role) {
            pod_demand_copy(&demand->groups[i].pod, out);
            return;
        }
    }
    scenario_bad(scenario, "the job has no such pod", pod->name);
}

static void pod(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct pod_demand *demand = &scenario->parts.pods[scenario->parts.pod_count++];
    struct pod_event *pod = &add(words, EVENT_POD)->pod;
    const char *namespace;
    char *word;

    *pod = (struct pod_event){.node = "", .exit_code = -1, .message = words->rest};
    pod->name = namespaced(words, need(words, "namespace/name"), &namespace);
    pod->namespace = namespace;
    pod->uid = pod->name;
    while ((word = next(words)) != NULL) {
        one_pod_word(words, pod, demand, word);
    }
    pod->is_main = pod->job_id != 0 && pod->role != POD_ROLE_EXECUTOR;
    if (demand->container_count == 0) {
        copy_demand_of_job(words, pod, demand);
    }
    pod->demand = demand;
}

static void started(struct words *words) {
    static const char *const results[] = {"done",     "quota", "refused",
                                          "conflict", "anew",  "transient"};
    struct started_event *started = &add(words, EVENT_STARTED)->started;
    char *word;

    *started = (struct started_event){.pod_name = "", .pod_uid = "", .message = words->rest};
    started->job_id = job_and_attempt(words, need(words, "job.attempt"), &started->attempt);
    started->result =
        (enum start_result)choice(words, need(words, "the result"), results, ARRAY_LEN(results));
    while ((word = next(words)) != NULL) {
        char *value;

        if ((value = value_of(word, "pod")) != NULL) {
            started->pod_name = value;
            started->pod_uid = started->pod_uid[0] != '\0' ? started->pod_uid : value;
        } else if ((value = value_of(word, "uid")) != NULL) {
            started->pod_uid = value;
        } else if ((value = value_of(word, "retry-after")) != NULL) {
            started->retry_after_us = duration_us(words, value);
        } else {
            scenario_bad(words->scenario, "not a word of started", word);
        }
    }
}

/* application JOB.ATTEMPT going|completed|failed : what the Spark operator says */
static void application(struct words *words) {
    static const char *const ends[] = {"going", "completed", "failed", "suspended"};
    struct application_event *application = &add(words, EVENT_APPLICATION)->application;

    application->job_id = job_and_attempt(words, need(words, "job.attempt"), &application->attempt);
    application->end =
        (enum application_end)choice(words, need(words, "its end"), ends, ARRAY_LEN(ends));
    application->text = words->rest;
}

static void applications(struct words *words) {
    static const char *const results[] = {"known", "denied"};

    add(words, EVENT_APPLICATIONS)->applications_denied =
        choice(words, need(words, "known or denied"), results, ARRAY_LEN(results)) == 1;
}

static void deleted(struct words *words) {
    static const char *const results[] = {"failed", "gone"};
    struct deleted_event *deleted = &add(words, EVENT_DELETED)->deleted;

    deleted->name = namespaced(words, need(words, "namespace/name"), &deleted->namespace);
    deleted->gone = choice(words, need(words, "gone or failed"), results, ARRAY_LEN(results)) == 1;
    deleted->message = words->rest;
}

/* --- The cluster ----------------------------------------------------------------------------- */

static void node(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct node *node = &scenario->parts.nodes[scenario->parts.node_count++];
    char *word;

    node_init(node, need(words, "a name"));
    node->ready = true;
    node->allocatable.amount[RESOURCE_PODS] = 110;
    while ((word = next(words)) != NULL) {
        char *tail;
        size_t kind;
        int64_t value;

        if (strcmp(word, "not-ready") == 0) {
            node->ready = false;
        } else if (strcmp(word, "cordoned") == 0) {
            node->unschedulable = true;
        } else if ((tail = after(word, "label:")) != NULL) {
            char *label = split(tail, '=');

            node_add_label(node, tail, label);
        } else if ((tail = after(word, "taint:")) != NULL) {
            char *effect = split(tail, ':');
            char *taint = split(tail, '=');

            node_add_taint(node, tail, taint, effect_of(words, effect));
        } else {
            value = amount(words, word, &kind);
            node->allocatable.amount[kind] = value;
        }
    }
    add(words, EVENT_NODE)->node = node;
}

/* "requests.cpu=3" or, with what the status says is used, "requests.cpu=3/1". */
static void quota(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct quota *quota = &scenario->parts.quotas[scenario->parts.quota_count++];
    const char *namespace;
    char *name = namespaced(words, need(words, "namespace/name"), &namespace);
    char *word;

    quota_init(quota, namespace, name);
    while ((word = next(words)) != NULL) {
        char *hard = split(word, '=');
        char *used = hard != NULL ? split(hard, '/') : NULL;
        char *scope = after(word, "scope:");

        if (scope != NULL) {
            quota_add_scope(quota, scope, NULL, NULL, 0);
        } else if (hard == NULL || quota_add_item(quota, core_resource_names(scenario->core), word,
                                                  hard, used) != OK) {
            scenario_bad(scenario, "not key=hard/used", word);
        }
    }
    add(words, EVENT_QUOTA)->quota = quota;
}

/* "container default:cpu=1 max:memory=2Gi pod max:cpu=4". */
static void limits(struct words *words) {
    static const char *const types[] = {"container", "pod"};
    static const char *const bounds[] = {"max", "min", "default", "default-request"};
    struct scenario *scenario = words->scenario;
    struct limit_range *range = &scenario->parts.ranges[scenario->parts.range_count++];
    const char *namespace;
    char *name = namespaced(words, need(words, "namespace/name"), &namespace);
    struct limit_item *item = NULL;
    char *word;

    limit_range_init(range, namespace, name);
    while ((word = next(words)) != NULL) {
        char *resource = split(word, ':');
        size_t kind;
        int64_t value;

        if (resource == NULL) {
            item = limit_range_add_item(
                range, (enum limit_type)choice(words, word, types, ARRAY_LEN(types)));
            continue;
        }
        if (item == NULL) {
            scenario_bad(scenario, "container or pod comes first", word);
        }
        value = amount(words, resource, &kind);
        limit_bounds_set(
            (struct limit_bounds *[]){
                &item->max, &item->min, &item->default_limit,
                &item->default_request}[choice(words, word, bounds, ARRAY_LEN(bounds))],
            kind, value);
    }
    add(words, EVENT_LIMIT_RANGE)->limit_range = range;
}

static void gone(struct words *words) {
    static const char *const kinds[] = {"pod", "node", "quota", "limits"};
    static const enum event_kind events[] = {EVENT_POD_GONE, EVENT_NODE_GONE, EVENT_QUOTA_GONE,
                                             EVENT_LIMIT_RANGE_GONE};
    size_t which = choice(words, need(words, "a kind"), kinds, ARRAY_LEN(kinds));
    struct event *event = add(words, events[which]);

    event->gone.namespace = "";
    event->gone.name = need(words, "a name");
    if (events[which] != EVENT_NODE_GONE) {
        event->gone.name = namespaced(words, words->word[words->at - 1], &event->gone.namespace);
    }
}

static void parts_known(struct words *words, bool denied) {
    static const char *const parts[] = {"pods", "nodes", "quotas", "limits"};
    char *word;

    while ((word = next(words)) != NULL) {
        struct event *event;

        if (strcmp(word, "all") == 0) {
            for (int i = 0; i < CLUSTER_PART_COUNT; i++) {
                event = add(words, EVENT_SYNCED);
                event->synced = (struct synced_event){.part = (enum cluster_part)i};
            }
            continue;
        }
        event = add(words, EVENT_SYNCED);
        event->synced.part = (enum cluster_part)choice(words, word, parts, ARRAY_LEN(parts));
        event->synced.denied = denied;
    }
}

static void synced(struct words *words) {
    parts_known(words, false);
}

static void denied(struct words *words) {
    parts_known(words, true);
}

static void lost(struct words *words) {
    static const char *const parts[] = {"pods", "nodes", "quotas", "limits"};

    add(words, EVENT_LOST)->synced.part =
        (enum cluster_part)choice(words, need(words, "a part"), parts, ARRAY_LEN(parts));
}

static void teams(struct words *words) {
    struct scenario *scenario = words->scenario;

    scenario_set_teams(scenario, words->rest);
    add(words, EVENT_SETTINGS)->settings = scenario->settings;
}

/* "2 p50=200s p90=350s later": of job 2, from now on. */
static void outlook(struct words *words) {
    struct scenario *scenario = words->scenario;
    struct event *event = add(words, EVENT_OUTLOOK);
    struct outlook *seen = &scenario->parts.outlooks[scenario->parts.outlook_count++];
    char *word;
    char *value;

    *seen = (struct outlook){.job_id = (uint64_t)number(words, need(words, "a job"))};
    while ((word = next(words)) != NULL) {
        if ((value = value_of(word, "p50")) != NULL) {
            seen->p50_us = scenario->now.now_us + duration_us(words, value);
        } else if ((value = value_of(word, "p90")) != NULL) {
            seen->p90_us = scenario->now.now_us + duration_us(words, value);
        } else {
            seen->not_before = strcmp(word, "later") == 0;
        }
    }
    event->outlook = (struct outlook_event){.jobs = seen, .count = 1};
}

static void drain(struct words *words) {
    (void)add(words, EVENT_DRAIN);
}

/* --- Settings -------------------------------------------------------------------------------- */

/* The windows of a line are all there are from then on. */
static void begin_windows(struct core_settings *settings, bool *is_begun) {
    if (!*is_begun) {
        window_set_destroy(settings->windows);
        settings->windows = window_set_create();
        *is_begun = true;
    }
}

static struct retry_settings *retry_of(struct words *words, struct core_settings *settings) {
    if (settings->retry == NULL) {
        retry_settings_init(&words->scenario->retry);
        settings->retry = &words->scenario->retry;
    }
    return &words->scenario->retry;
}

static void read_settings(struct words *words, struct core_settings *settings) {
    bool windows_begun = false;
    char *word;

    while ((word = next(words)) != NULL) {
        char *value = split(word, '=');

        if (value == NULL) {
            scenario_bad(words->scenario, "not setting=value", word);
        }
        if (strcmp(word, "starts-per-turn") == 0) {
            settings->starts_per_turn_max = (size_t)number(words, value);
        } else if (strcmp(word, "elements-per-turn") == 0) {
            settings->elements_per_turn_max = (size_t)number(words, value);
        } else if (strcmp(word, "start-timeout") == 0) {
            settings->start_timeout_us = duration_us(words, value);
        } else if (strcmp(word, "executor-timeout") == 0) {
            settings->executor_timeout_us = duration_us(words, value);
        } else if (strcmp(word, "backoff-first") == 0) {
            settings->backoff_first_us = duration_us(words, value);
        } else if (strcmp(word, "backoff-max") == 0) {
            settings->backoff_max_us = duration_us(words, value);
        } else if (strcmp(word, "breaker") == 0) {
            retry_of(words, settings)->breaker_jobs = (uint32_t)number(words, value);
        } else if (strcmp(word, "team-breaker") == 0) {
            retry_of(words, settings)->breaker_team_jobs = (uint32_t)number(words, value);
        } else if (strcmp(word, "breaker-pause") == 0) {
            retry_of(words, settings)->breaker_pause_us = duration_us(words, value);
        } else if (strcmp(word, "blame-above") == 0) {
            retry_of(words, settings)->blame_above = (uint32_t)number(words, value);
        } else if (strcmp(word, "blame-required") == 0) {
            retry_of(words, settings)->blame_avoid =
                number(words, value) == 1 ? RETRY_AVOID_REQUIRED : RETRY_AVOID_PREFERRED;
        } else if (strcmp(word, "history-age") == 0) {
            settings->history_age_us = duration_us(words, value);
        } else if (strcmp(word, "history-count") == 0) {
            settings->history_count = (size_t)number(words, value);
        } else if (strcmp(word, "window") == 0) {
            begin_windows(settings, &windows_begun);
            scenario_add_window(words->scenario, settings->windows, value);
        } else if (strcmp(word, "freeze") == 0) {
            begin_windows(settings, &windows_begun);
            scenario_add_freeze(words->scenario, settings->windows, value);
        } else if (strcmp(word, "no-windows") == 0) {
            begin_windows(settings, &windows_begun);
        } else if (strcmp(word, "jobs-waiting") == 0) {
            settings->jobs_waiting_max = (size_t)number(words, value);
        } else if (strcmp(word, "preemption") == 0) {
            static const char *const modes[] = {"off", "lower-tier", "reclaim"};

            settings->preemption =
                (enum plan_preemption_mode)choice(words, value, modes, ARRAY_LEN(modes));
        } else if (strcmp(word, "preemption-protection") == 0) {
            settings->preempt_protection_us = duration_us(words, value);
        } else if (strcmp(word, "backfill") == 0) {
            static const char *const modes[] = {"none", "easy", "conservative"};

            settings->backfill = (struct plan_backfill){
                .mode = (enum plan_backfill_mode)choice(words, value, modes, ARRAY_LEN(modes)),
                .promises_max = 10,
                .jobs_max = 100,
                .instants_max = 100,
                .horizon_us = 7 * 86400 * CLOCK_US_PER_SECOND};
        } else if (strcmp(word, "runtime-percentile") == 0) {
            settings->runtime_percent = (unsigned)number(words, value);
        } else if (strcmp(word, "runtime-default") == 0) {
            settings->runtime_default_us = duration_us(words, value);
        } else {
            scenario_bad(words->scenario, "not a setting", word);
        }
    }
}

static void reload(struct words *words) {
    struct scenario *scenario = words->scenario;

    read_settings(words, &scenario->settings);
    add(words, EVENT_SETTINGS)->settings = scenario->settings;
}

void scenario_read_settings(struct scenario *scenario, char *text, struct core_settings *settings) {
    struct words words = cut(scenario, text);

    read_settings(&words, settings);
}

/* --- Lines ----------------------------------------------------------------------------------- */

static const struct {
    const char *verb;
    void (*read)(struct words *words);
} verbs[] = {
    {"submit", submit},
    {"cancel", cancel},
    {"hold", hold},
    {"release", release},
    {"ask", ask},
    {"pod", pod},
    {"node", node},
    {"quota", quota},
    {"limits", limits},
    {"gone", gone},
    {"synced", synced},
    {"denied", denied},
    {"started", started},
    {"deleted", deleted},
    {"drain", drain},
    {"outlook", outlook},
    {"settings", reload},
    {"lost", lost},
    {"teams", teams},
    {"retry", retry},
    {"forget", forget},
    {"application", application},
    {"applications", applications},
};

void scenario_add_event(struct scenario *scenario, char *text) {
    struct words words = cut(scenario, text);
    const char *verb = need(&words, "an event");

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verb, verbs[i].verb) == 0) {
            verbs[i].read(&words);
            return;
        }
    }
    scenario_bad(scenario, "not an event", verb);
}

void scenario_forget_events(struct scenario *scenario) {
    struct scenario_parts *parts = &scenario->parts;

    for (size_t i = 0; i < parts->node_count; i++) {
        node_finish(&parts->nodes[i]);
    }
    for (size_t i = 0; i < parts->quota_count; i++) {
        quota_finish(&parts->quotas[i]);
    }
    for (size_t i = 0; i < parts->range_count; i++) {
        limit_range_finish(&parts->ranges[i]);
    }
    for (size_t i = 0; i < parts->pod_count; i++) {
        pod_demand_finish(&parts->pods[i]);
    }
    for (size_t i = 0; i < parts->after_count; i++) {
        free(parts->afters[i]);
    }
    for (size_t i = 0; i < parts->submit_count; i++) {
        free(parts->submits[i]);
    }
    for (size_t i = 0; i < scenario->ask_count; i++) {
        demand_destroy(scenario->asks[i].demand);
    }
    *parts = (struct scenario_parts){0};
    scenario->event_count = 0;
    scenario->ask_count = 0;
}
