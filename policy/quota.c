#include "policy/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"

#define MISSING_BYTES_MAX 512

/* Keys by which a quota asks every container to set something, in the order the API server
 * lists them. Only these: what else is not set counts as nothing. */
static const struct {
    const char *key;
    enum quota_field field;
    enum resource_kind kind;
} demanded_keys[] = {
    {"cpu", QUOTA_REQUESTS, RESOURCE_CPU},
    {"limits.cpu", QUOTA_LIMITS, RESOURCE_CPU},
    {"limits.memory", QUOTA_LIMITS, RESOURCE_MEMORY},
    {"memory", QUOTA_REQUESTS, RESOURCE_MEMORY},
    {"requests.cpu", QUOTA_REQUESTS, RESOURCE_CPU},
    {"requests.memory", QUOTA_REQUESTS, RESOURCE_MEMORY},
};

void quota_init(struct quota *quota, const char *namespace, const char *name) {
    *quota = (struct quota){.namespace = mem_copy_text(namespace), .name = mem_copy_text(name)};
}

void quota_finish(struct quota *quota) {
    if (quota == NULL) {
        return;
    }
    for (size_t i = 0; i < quota->item_count; i++) {
        free(quota->items[i].key);
    }
    for (size_t i = 0; i < quota->selector_count; i++) {
        for (size_t j = 0; j < quota->selectors[i].value_count; j++) {
            free(quota->selectors[i].values[j]);
        }
        free(quota->selectors[i].values);
    }
    free(quota->items);
    free(quota->selectors);
    free(quota->namespace);
    free(quota->name);
    *quota = (struct quota){0};
}

static void push_item(struct quota *quota, const struct quota_item *item) {
    quota->items = mem_grow(quota->items, quota->item_count + 1, sizeof *quota->items);
    quota->items[quota->item_count] = *item;
    quota->items[quota->item_count].key = mem_copy_text(item->key);
    quota->item_count++;
}

static void push_selector(struct quota *quota, const struct quota_selector *selector,
                          const char *const *values) {
    struct quota_selector *copy;

    quota->selectors =
        mem_grow(quota->selectors, quota->selector_count + 1, sizeof *quota->selectors);
    copy = &quota->selectors[quota->selector_count++];
    *copy = *selector;
    copy->values = copy->value_count > 0 ? mem_alloc(copy->value_count, sizeof *values) : NULL;
    for (size_t i = 0; i < copy->value_count; i++) {
        copy->values[i] = mem_copy_text(values[i]);
    }
}

void quota_copy(const struct quota *quota, struct quota *out_quota) {
    struct quota copy;

    quota_init(&copy, quota->namespace, quota->name);
    copy.version = quota->version;
    copy.seen_us = quota->seen_us;
    copy.released_version = quota->released_version;
    copy.floor_is_old = quota->floor_is_old;
    for (size_t i = 0; i < quota->item_count; i++) {
        push_item(&copy, &quota->items[i]);
    }
    for (size_t i = 0; i < quota->selector_count; i++) {
        push_selector(&copy, &quota->selectors[i], (const char *const *)quota->selectors[i].values);
    }
    *out_quota = copy;
}

/* A resource that pods request under its bare name too; others are objects' names. */
static bool is_compute(const char *name) {
    return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
           strcmp(name, "ephemeral-storage") == 0;
}

static bool is_bare_resource(const char *name) {
    return is_compute(name) || text_starts_with(name, "hugepages-");
}

static int read_key(const char *key, struct resource_names *names, struct quota_item *item) {
    item->kind = RESOURCE_NONE;
    if (strcmp(key, "pods") == 0) {
        item->field = QUOTA_PODS;
        return OK;
    }
    if (strcmp(key, "count/pods") == 0) {
        item->field = QUOTA_PODS_ALL;
        return OK;
    }
    if (text_starts_with(key, "limits.")) {
        const char *name = key + strlen("limits.");

        item->field = is_compute(name) ? QUOTA_LIMITS : QUOTA_NOTHING;
        return item->field == QUOTA_LIMITS ? resource_intern(names, name, &item->kind) : OK;
    }
    if (text_starts_with(key, "requests.") && strcmp(key, "requests.storage") != 0) {
        item->field = QUOTA_REQUESTS;
        return resource_intern(names, key + strlen("requests."), &item->kind);
    }
    item->field = is_bare_resource(key) ? QUOTA_REQUESTS : QUOTA_OBJECTS;
    return item->field == QUOTA_REQUESTS ? resource_intern(names, key, &item->kind) : OK;
}

static int read_amount(const struct quota_item *item, const struct resource_names *names,
                       const char *quantity, int64_t *out_amount) {
    if (quantity == NULL || quantity[0] == '\0') {
        *out_amount = 0;
        return OK;
    }
    if (item->kind != RESOURCE_NONE) {
        return resource_parse(names, item->kind, quantity, out_amount);
    }
    return quantity_parse_units(quantity, out_amount);
}

int quota_add_item(struct quota *quota, struct resource_names *names, const char *key,
                   const char *hard, const char *used) {
    struct quota_item item = {0};
    char *copy = mem_copy_text(key);
    int r = read_key(copy, names, &item);

    if (r == OK) {
        r = read_amount(&item, names, hard, &item.hard);
    }
    if (r == OK) {
        r = read_amount(&item, names, used, &item.used);
    }
    if (r == OK) {
        item.key = copy;
        push_item(quota, &item);
    }
    free(copy);
    return r;
}

void quota_mark_uncounted(struct quota *quota) {
    ENSURE(quota->item_count > 0);
    quota->items[quota->item_count - 1].uncounted = true;
}

static enum quota_scope scope_of(const char *text) {
    static const char *const texts[QUOTA_SCOPE_UNKNOWN] = {
        [QUOTA_SCOPE_TERMINATING] = "Terminating",
        [QUOTA_SCOPE_NOT_TERMINATING] = "NotTerminating",
        [QUOTA_SCOPE_BEST_EFFORT] = "BestEffort",
        [QUOTA_SCOPE_NOT_BEST_EFFORT] = "NotBestEffort",
        [QUOTA_SCOPE_PRIORITY_CLASS] = "PriorityClass",
        [QUOTA_SCOPE_CROSS_NAMESPACE] = "CrossNamespacePodAffinity",
        [QUOTA_SCOPE_VOLUME_CLASS] = "VolumeAttributesClass",
    };

    for (size_t i = 0; i < QUOTA_SCOPE_UNKNOWN; i++) {
        if (strcmp(texts[i], text) == 0) {
            return (enum quota_scope)i;
        }
    }
    return QUOTA_SCOPE_UNKNOWN;
}

/* A plain scope PriorityClass matches pods that have one. */
static bool operator_of(const char *text, enum match_operator *out_operator) {
    static const struct {
        const char *text;
        enum match_operator operator;
    } operators[] = {{"In", MATCH_IN},
                     {"NotIn", MATCH_NOT_IN},
                     {"Exists", MATCH_EXISTS},
                     {"DoesNotExist", MATCH_DOES_NOT_EXIST}};

    if (text == NULL) {
        *out_operator = MATCH_EXISTS;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (strcmp(operators[i].text, text) == 0) {
            *out_operator = operators[i].operator;
            return true;
        }
    }
    return false;
}

void quota_add_scope(struct quota *quota, const char *scope, const char *operator,
                     const char * const * values, size_t value_count) {
    struct quota_selector selector = {.scope = scope_of(scope), .value_count = value_count};

    if (!operator_of(operator, & selector.operator)) {
        selector.scope = QUOTA_SCOPE_UNKNOWN;
    }
    push_selector(quota, &selector, values);
}

static bool class_matches(const struct quota_selector *selector, const char *class) {
    bool among = false;

    for (size_t i = 0; class != NULL && i < selector->value_count; i++) {
        among = among || strcmp(selector->values[i], class) == 0;
    }
    switch (selector->operator) {
    case MATCH_IN:
        return among;
    case MATCH_NOT_IN:
        return !among;
    case MATCH_DOES_NOT_EXIST:
        return class == NULL;
    default:
        return class != NULL;
    }
}

static bool selector_matches(const struct quota_selector *selector, const struct pod_scope *scope) {
    const char *class = scope->priority_class;

    switch (selector->scope) {
    case QUOTA_SCOPE_TERMINATING:
        return scope->has_run_deadline;
    case QUOTA_SCOPE_NOT_TERMINATING:
        return !scope->has_run_deadline;
    case QUOTA_SCOPE_BEST_EFFORT:
        return scope->best_effort;
    case QUOTA_SCOPE_NOT_BEST_EFFORT:
        return !scope->best_effort;
    case QUOTA_SCOPE_PRIORITY_CLASS:
        return class_matches(selector, class != NULL && class[0] != '\0' ? class : NULL);
    case QUOTA_SCOPE_CROSS_NAMESPACE:
        return scope->crosses_namespaces;
    case QUOTA_SCOPE_VOLUME_CLASS:
    case QUOTA_SCOPE_UNKNOWN:
        break;
    }
    return false;
}

bool quota_matches(const struct quota *quota, const struct pod_scope *scope) {
    for (size_t i = 0; i < quota->selector_count; i++) {
        if (!selector_matches(&quota->selectors[i], scope)) {
            return false;
        }
    }
    return true;
}

static int64_t sum_amount(const struct quota_item *item, const struct usage_sum *sum) {
    switch (item->field) {
    case QUOTA_REQUESTS:
        return sum->requests.amount[item->kind];
    case QUOTA_LIMITS:
        return sum->limits.amount[item->kind];
    case QUOTA_PODS:
        return sum->requests.amount[RESOURCE_PODS];
    case QUOTA_PODS_ALL:
        return sum->pods_all;
    case QUOTA_OBJECTS:
    case QUOTA_NOTHING:
        break;
    }
    return 0;
}

static bool is_of_claims(const char *key) {
    return text_ends_with(key, "persistentvolumeclaims") || text_ends_with(key, "requests.storage");
}

/* Objects have no scopes: a quota with scopes does not count them. Claims have one: that of their
 * attributes' class, and those of a gang have no such class. */
static bool counts_objects(const struct quota *quota, const char *key) {
    for (size_t i = 0; i < quota->selector_count; i++) {
        const struct quota_selector *selector = &quota->selectors[i];

        if (selector->scope != QUOTA_SCOPE_VOLUME_CLASS || !is_of_claims(key) ||
            !class_matches(selector, NULL)) {
            return false;
        }
    }
    return true;
}

int64_t quota_taken(const struct quota *quota, const struct quota_item *item, int64_t own) {
    const int64_t sum = amount_add(own, item->leaving);

    /* Of objects we see those of our own gangs alone. */
    if ((quota->floor_is_old && item->field != QUOTA_OBJECTS) || item->used < sum) {
        return sum;
    }
    return item->used;
}

int64_t quota_item_amount(const struct quota *quota, const struct quota_item *item,
                          const struct usage *usage) {
    int64_t amount = 0;

    if (item->field == QUOTA_OBJECTS) {
        return counts_objects(quota, item->key) ? usage_object_amount(usage, item->key) : 0;
    }
    for (size_t i = 0; i < usage->bucket_count; i++) {
        if (quota_matches(quota, &usage->buckets[i].scope)) {
            amount = amount_add(amount, sum_amount(item, &usage->buckets[i].sum));
        }
    }
    return amount;
}

void quota_item_print(const struct quota_item *item, const struct resource_names *names,
                      int64_t amount, char out_text[QUANTITY_BYTES_MAX]) {
    if (item->kind != RESOURCE_NONE) {
        resource_print(names, item->kind, amount, out_text);
    } else if (text_ends_with(item->key, "requests.storage")) {
        quantity_print_bytes(amount, out_text);
    } else {
        quantity_print_units(amount, out_text);
    }
}

/* The same for a demand, without a usage made for it. */
static int64_t demand_amount(const struct quota *quota, const struct quota_item *item,
                             const struct demand *demand) {
    int64_t amount = 0;

    if (item->field == QUOTA_OBJECTS) {
        return counts_objects(quota, item->key) ? demand_object_amount(demand, item->key) : 0;
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];
        const struct usage_sum one = {
            .requests = group->requests, .limits = group->limits, .pods_all = 1};
        const struct pod_scope scope = pod_group_scope(group);

        if (quota_matches(quota, &scope)) {
            amount = amount_add(amount, amount_multiply(sum_amount(item, &one), group->count));
        }
    }
    return amount;
}

static bool container_sets(const struct container_demand *container, enum quota_field field,
                           size_t kind) {
    const unsigned limits = container->limits_set;
    const unsigned requests = container->requests_set | limits; /* defaulted by the server */

    return ((field == QUOTA_LIMITS ? limits : requests) & RESOURCE_BIT(kind)) != 0;
}

/* Where the whole pod says what it needs, nobody asks its containers. */
static bool says_as_a_whole(const struct pod_demand *pod) {
    return (pod->pod_level.requests_set | pod->pod_level.limits_set) != 0;
}

/* Does every pod the quota counts say enough? */
static bool demand_sets(const struct quota *quota, const struct demand *demand,
                        enum quota_field field, size_t kind) {
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_group *group = &demand->groups[i];
        const struct pod_scope scope = pod_group_scope(group);

        if (group->count == 0 || !quota_matches(quota, &scope) || says_as_a_whole(&group->pod)) {
            continue;
        }
        for (size_t j = 0; j < group->pod.container_count; j++) {
            if (!container_sets(&group->pod.containers[j], field, kind)) {
                return false;
            }
        }
    }
    return true;
}

static bool covers(const struct quota *quota, const char *key) {
    for (size_t i = 0; i < quota->item_count; i++) {
        if (strcmp(quota->items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_missing(const struct quota *quota, const struct demand *demand, size_t at) {
    return covers(quota, demanded_keys[at].key) &&
           !demand_sets(quota, demand, demanded_keys[at].field, demanded_keys[at].kind);
}

static bool misses_any(const struct quota *quota, const struct demand *demand) {
    for (size_t i = 0; i < ARRAY_LEN(demanded_keys); i++) {
        if (is_missing(quota, demand, i)) {
            return true;
        }
    }
    return false;
}

void quota_missing_print(const struct quota *quota, const struct demand *demand, char *out_text,
                         size_t bytes_max) {
    const char *separator = "";
    struct buf buf;

    buf_init(&buf, MISSING_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(demanded_keys); i++) {
        if (is_missing(quota, demand, i)) {
            buf_add_format(&buf, "%s%s", separator, demanded_keys[i].key);
            separator = ",";
        }
    }
    (void)text_copy(out_text, bytes_max, buf_text(&buf));
    buf_finish(&buf);
}

/* Does the demand have anything of the kind that the key is about? The server asks whether used is
 * known before it looks at amounts. */
static bool concerns(const struct quota *quota, const struct quota_item *item,
                     const struct demand *demand) {
    if (item->field == QUOTA_OBJECTS) {
        return counts_objects(quota, item->key) && demand_object_amount(demand, item->key) > 0;
    }
    for (size_t i = 0; i < demand->group_count; i++) {
        const struct pod_scope scope = pod_group_scope(&demand->groups[i]);

        if (demand->groups[i].count > 0 && quota_matches(quota, &scope)) {
            return item->field != QUOTA_NOTHING;
        }
    }
    return false;
}

static struct quota_answer check_item(const struct quota *quota, const struct quota_item *item,
                                      const struct demand *demand, const struct usage *own,
                                      const struct usage *const *reserved, size_t reserved_count) {
    struct quota_answer answer = {.quota = quota, .item = item};

    answer.needs = demand_amount(quota, item, demand);
    answer.own = quota_item_amount(quota, item, own);
    for (size_t i = 0; i < reserved_count; i++) {
        answer.reserved = amount_add(answer.reserved, quota_item_amount(quota, item, reserved[i]));
    }
    answer.taken = quota_taken(quota, item, answer.own);
    answer.own = amount_add(answer.own, item->leaving);
    answer.free = amount_subtract(amount_subtract(item->hard, answer.taken), answer.reserved);
    /* What asks for nothing of a key is not stopped by it, even where it is overrun. */
    if (answer.needs > 0 && answer.needs > answer.free) {
        answer.verdict = answer.needs > item->hard ? QUOTA_NEVER : QUOTA_SHORT;
    } else if (item->uncounted && concerns(quota, item, demand)) {
        answer.verdict = QUOTA_SHORT;
    }
    return answer;
}

const struct quota *quota_find_missing(const struct quota *const *quotas, size_t quota_count,
                                       const struct demand *demand) {
    ENSURE(demand->settled);
    for (size_t i = 0; i < quota_count; i++) {
        if (misses_any(quotas[i], demand)) {
            return quotas[i];
        }
    }
    return NULL;
}

struct quota_answer quota_check(const struct quota *const *quotas, size_t quota_count,
                                const struct demand *demand, const struct usage *own,
                                const struct usage *const *reserved, size_t reserved_count) {
    const struct quota *missing = quota_find_missing(quotas, quota_count, demand);
    struct quota_answer worst = {.verdict = QUOTA_FITS};

    if (missing != NULL) {
        return (struct quota_answer){.verdict = QUOTA_MUST_SPECIFY, .quota = missing};
    }
    for (size_t i = 0; i < quota_count; i++) {
        for (size_t j = 0; j < quotas[i]->item_count; j++) {
            const struct quota_answer answer =
                check_item(quotas[i], &quotas[i]->items[j], demand, own, reserved, reserved_count);

            if (answer.verdict > worst.verdict) {
                worst = answer;
            }
        }
    }
    return worst;
}
