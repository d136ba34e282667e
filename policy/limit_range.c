#include "policy/limit_range.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/demand.h"

/* What a check looks at: a container, or a whole pod. */
struct limit_subject {
    const char *type;
    uint16_t requests_set;
    uint16_t limits_set;
    struct resources requests;
    struct resources limits;
};

void limit_range_init(struct limit_range *range, const char *namespace, const char *name) {
    *range =
        (struct limit_range){.namespace = mem_copy_text(namespace), .name = mem_copy_text(name)};
}

void limit_range_finish(struct limit_range *range) {
    if (range != NULL) {
        free(range->namespace);
        free(range->name);
        free(range->items);
        *range = (struct limit_range){0};
    }
}

void limit_range_copy(const struct limit_range *range, struct limit_range *out_range) {
    limit_range_init(out_range, range->namespace, range->name);
    if (range->item_count > 0) {
        out_range->items = mem_copy(range->items, range->item_count * sizeof *range->items);
        out_range->item_count = range->item_count;
    }
}

struct limit_item *limit_range_add_item(struct limit_range *range, enum limit_type type) {
    struct limit_item *item;

    range->items = mem_grow(range->items, range->item_count + 1, sizeof *range->items);
    item = &range->items[range->item_count++];
    memset(item, 0, sizeof *item);
    item->type = type;
    return item;
}

void limit_bounds_set(struct limit_bounds *bounds, size_t kind, int64_t amount) {
    ENSURE(kind < RESOURCE_KIND_MAX);
    bounds->set |= RESOURCE_BIT(kind);
    bounds->amounts.amount[kind] = amount;
}

/* The server writes a request equal to the limit before any admission sees the pod. */
static void request_what_is_limited(struct container_demand *container) {
    const unsigned missing = container->limits_set & ~(unsigned)container->requests_set;

    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        if ((missing & RESOURCE_BIT(kind)) != 0) {
            container_demand_request(container, kind, container->limits.amount[kind]);
        }
    }
}

static void fill_in(const struct limit_item *item, struct container_demand *container) {
    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        const uint16_t bit = RESOURCE_BIT(kind);

        if ((item->default_limit.set & bit) != 0 && (container->limits_set & bit) == 0) {
            container_demand_limit(container, kind, item->default_limit.amounts.amount[kind]);
        }
        if ((item->default_request.set & bit) != 0 && (container->requests_set & bit) == 0) {
            container_demand_request(container, kind, item->default_request.amounts.amount[kind]);
        }
    }
}

static void fill_in_pod(const struct limit_range *const *ranges, size_t count,
                        struct pod_demand *pod) {
    for (size_t c = 0; c < pod->container_count; c++) {
        request_what_is_limited(&pod->containers[c]);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < ranges[i]->item_count; j++) {
                if (ranges[i]->items[j].type == LIMIT_TYPE_CONTAINER) {
                    fill_in(&ranges[i]->items[j], &pod->containers[c]);
                }
            }
        }
    }
}

struct demand *limit_ranges_apply(const struct limit_range *const *ranges, size_t count,
                                  struct demand *demand) {
    struct demand *filled;

    ENSURE(demand->settled);
    if (count == 0) {
        return demand_share(demand);
    }
    filled = demand_copy(demand);
    for (size_t i = 0; i < filled->group_count; i++) {
        fill_in_pod(ranges, count, &filled->groups[i].pod);
    }
    demand_settle(filled);
    if (demand_equal(filled, demand)) {
        demand_destroy(filled);
        return demand_share(demand);
    }
    return filled;
}

static struct limit_subject of_container(const struct container_demand *container) {
    struct container_demand defaulted = *container;

    request_what_is_limited(&defaulted);
    return (struct limit_subject){.type = "Container",
                                  .requests_set = defaulted.requests_set,
                                  .limits_set = defaulted.limits_set,
                                  .requests = defaulted.requests,
                                  .limits = defaulted.limits};
}

static void add_subject(struct limit_subject *sum, const struct limit_subject *more) {
    sum->requests_set |= more->requests_set;
    sum->limits_set |= more->limits_set;
    resources_add(&sum->requests, &more->requests);
    resources_add(&sum->limits, &more->limits);
}

static void raise_subject(struct limit_subject *most, const struct limit_subject *other) {
    most->requests_set |= other->requests_set;
    most->limits_set |= other->limits_set;
    resources_max(&most->requests, &other->requests);
    resources_max(&most->limits, &other->limits);
}

static void override(struct resources *amounts, uint16_t *set, const struct resources *whole,
                     uint16_t whole_set) {
    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        if ((whole_set & RESOURCE_BIT(kind)) != 0) {
            amounts->amount[kind] = whole->amount[kind];
        }
    }
    *set |= whole_set;
}

/* The most at one time, as for a quota but without overhead: an init container runs beside the
 * sidecars before it. What the whole pod says goes first. */
static struct limit_subject of_pod(const struct pod_demand *pod) {
    struct limit_subject running = {.type = "Pod"};
    struct limit_subject starting = {.type = "Pod"};
    struct limit_subject sidecars = {.type = "Pod"};

    for (size_t i = 0; i < pod->container_count; i++) {
        struct limit_subject one = of_container(&pod->containers[i]);

        if (pod->containers[i].kind == CONTAINER_INIT) {
            add_subject(&one, &sidecars);
            raise_subject(&starting, &one);
            continue;
        }
        add_subject(&running, &one);
        if (pod->containers[i].kind == CONTAINER_SIDECAR) {
            add_subject(&sidecars, &one);
        }
    }
    raise_subject(&running, &starting);
    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        /* The server writes a request equal to the pod's limit where no container has one. */
        if ((pod->pod_level.limits_set & ~running.requests_set & RESOURCE_BIT(kind)) != 0) {
            running.requests_set |= RESOURCE_BIT(kind);
            running.requests.amount[kind] = pod->pod_level.limits.amount[kind];
        }
    }
    override(&running.requests, &running.requests_set, &pod->pod_level.requests,
             pod->pod_level.requests_set);
    override(&running.limits, &running.limits_set, &pod->pod_level.limits,
             pod->pod_level.limits_set);
    return running;
}

/* One amount with its words. */
struct limit_amount {
    const char *what; /* "request" or "limit" */
    bool set;
    int64_t amount;
};

/* "minimum cpu usage per Container is 1, but request is 500m" and its three siblings. The order
 * of the amounts is the server's: for a minimum the request must be there, for a maximum the
 * limit. */
static int refuse_bound(const struct resource_names *names, size_t kind, const char *bound_name,
                        const char *type, int64_t bound, const struct limit_amount *amount,
                        struct error *error) {
    char bound_text[QUANTITY_BYTES_MAX];
    char amount_text[QUANTITY_BYTES_MAX];

    resource_print(names, kind, bound, bound_text);
    if (!amount->set) {
        return error_set(error, ERR_INVALID, "%s %s usage per %s is %s.  No %s is specified",
                         bound_name, resource_name(names, kind), type, bound_text, amount->what);
    }
    resource_print(names, kind, amount->amount, amount_text);
    return error_set(error, ERR_INVALID, "%s %s usage per %s is %s, but %s is %s", bound_name,
                     resource_name(names, kind), type, bound_text, amount->what, amount_text);
}

static int check_min(const struct limit_item *item, const struct limit_subject *subject,
                     size_t kind, const struct resource_names *names, struct error *error) {
    const int64_t min = item->min.amounts.amount[kind];
    const struct limit_amount request = {"request",
                                         (subject->requests_set & RESOURCE_BIT(kind)) != 0,
                                         subject->requests.amount[kind]};
    const struct limit_amount limit = {"limit", (subject->limits_set & RESOURCE_BIT(kind)) != 0,
                                       subject->limits.amount[kind]};

    if (!request.set || request.amount < min) {
        return refuse_bound(names, kind, "minimum", subject->type, min, &request, error);
    }
    if (limit.set && limit.amount < min) {
        return refuse_bound(names, kind, "minimum", subject->type, min, &limit, error);
    }
    return OK;
}

static int check_max(const struct limit_item *item, const struct limit_subject *subject,
                     size_t kind, const struct resource_names *names, struct error *error) {
    const int64_t max = item->max.amounts.amount[kind];
    const struct limit_amount request = {"request",
                                         (subject->requests_set & RESOURCE_BIT(kind)) != 0,
                                         subject->requests.amount[kind]};
    const struct limit_amount limit = {"limit", (subject->limits_set & RESOURCE_BIT(kind)) != 0,
                                       subject->limits.amount[kind]};

    if (!limit.set || limit.amount > max) {
        return refuse_bound(names, kind, "maximum", subject->type, max, &limit, error);
    }
    if (request.set && request.amount > max) {
        return refuse_bound(names, kind, "maximum", subject->type, max, &request, error);
    }
    return OK;
}

static int check_ratio(const struct limit_item *item, const struct limit_subject *subject,
                       size_t kind, const struct resource_names *names, struct error *error) {
    const int64_t max_milli = item->ratio_max_milli.amounts.amount[kind];
    const char *name = resource_name(names, kind);
    char max_text[QUANTITY_BYTES_MAX];
    double ratio;

    quantity_print_milli(max_milli, max_text);
    if (subject->requests.amount[kind] == 0) {
        return error_set(error, ERR_INVALID,
                         "%s max limit to request ratio per %s is %s, but no request is "
                         "specified or request is 0",
                         name, subject->type, max_text);
    }
    if (subject->limits.amount[kind] == 0) {
        return error_set(error, ERR_INVALID,
                         "%s max limit to request ratio per %s is %s, but no limit is "
                         "specified or limit is 0",
                         name, subject->type, max_text);
    }
    ratio = (double)subject->limits.amount[kind] / (double)subject->requests.amount[kind];
    if (ratio * 1000 > (double)max_milli) {
        return error_set(error, ERR_INVALID,
                         "%s max limit to request ratio per %s is %s, but provided ratio is %f",
                         name, subject->type, max_text, ratio);
    }
    return OK;
}

static int check_subject(const struct limit_item *item, const struct limit_subject *subject,
                         const struct resource_names *names, struct error *error) {
    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        const uint16_t bit = RESOURCE_BIT(kind);
        int r = OK;

        if ((item->min.set & bit) != 0) {
            r = check_min(item, subject, kind, names, error);
        }
        if (r == OK && (item->max.set & bit) != 0) {
            r = check_max(item, subject, kind, names, error);
        }
        if (r == OK && (item->ratio_max_milli.set & bit) != 0) {
            r = check_ratio(item, subject, kind, names, error);
        }
        if (r < 0) {
            return r;
        }
    }
    return OK;
}

static int check_pod(const struct limit_item *item, const struct pod_demand *pod,
                     const struct resource_names *names, struct error *error) {
    struct limit_subject subject;

    if (item->type == LIMIT_TYPE_POD) {
        subject = of_pod(pod);
        return check_subject(item, &subject, names, error);
    }
    for (size_t i = 0; item->type == LIMIT_TYPE_CONTAINER && i < pod->container_count; i++) {
        int r;

        subject = of_container(&pod->containers[i]);
        r = check_subject(item, &subject, names, error);
        if (r < 0) {
            return r;
        }
    }
    return OK;
}

static int refuse_claim(const char *bound_name, int64_t bound, int64_t bytes, struct error *error) {
    char bound_text[QUANTITY_BYTES_MAX];
    char bytes_text[QUANTITY_BYTES_MAX];

    quantity_print_bytes(bound, bound_text);
    quantity_print_bytes(bytes, bytes_text);
    return error_set(error, ERR_INVALID,
                     "%s storage usage per PersistentVolumeClaim is %s, but request is %s",
                     bound_name, bound_text, bytes_text);
}

static int check_claims(const struct limit_item *item, const struct demand *demand,
                        struct error *error) {
    for (size_t i = 0; item->type == LIMIT_TYPE_CLAIM && i < demand->claim_count; i++) {
        const int64_t bytes = demand->claims[i].bytes;

        if (bytes < item->storage_min) {
            return refuse_claim("minimum", item->storage_min, bytes, error);
        }
        if (item->storage_max > 0 && bytes > item->storage_max) {
            return refuse_claim("maximum", item->storage_max, bytes, error);
        }
    }
    return OK;
}

static int check_all_claims(const struct limit_range *const *ranges, size_t count,
                            const struct demand *demand, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < ranges[i]->item_count; j++) {
            int r = check_claims(&ranges[i]->items[j], demand, error);

            if (r < 0) {
                return r;
            }
        }
    }
    return OK;
}

int limit_ranges_check(const struct limit_range *const *ranges, size_t count,
                       const struct demand *demand, const struct resource_names *names,
                       struct error *error) {
    for (size_t g = 0; g < demand->group_count; g++) {
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < ranges[i]->item_count; j++) {
                int r = check_pod(&ranges[i]->items[j], &demand->groups[g].pod, names, error);

                if (r < 0) {
                    return r;
                }
            }
        }
    }
    return check_all_claims(ranges, count, demand, error);
}
