#include "sim/admission.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "sim/amounts.h"
#include "sim/limit_range.h"
#include "sim/quota_usage.h"
#include "sim/status.h"
#include "sim/store.h"
#include "sim/tree.h"

#define TEXT_BYTES_MAX 8192

json_t *admission_mutate(struct admission *admission, struct sim_attempt *attempt) {
    struct sim_walk walk = {0};
    const json_t *limit_range;

    if (attempt->old != NULL || attempt->subresource[0] != '\0') {
        return NULL;
    }
    if (attempt->resource->id == SIM_LIMITRANGES) {
        limit_range_complete(attempt->object);
    }
    if (attempt->resource->id != SIM_PODS) {
        return NULL;
    }
    while ((limit_range = sim_store_next(admission->store, SIM_LIMITRANGES, attempt->namespace,
                                         &walk)) != NULL) {
        limit_range_fill(limit_range, attempt->object);
    }
    return NULL;
}

static json_t *check_limit_ranges(struct admission *admission, const struct sim_attempt *attempt) {
    struct sim_walk walk = {0};
    const json_t *limit_range;

    if (attempt->old != NULL && attempt->resource->id == SIM_PODS) {
        return NULL;
    }
    while ((limit_range = sim_store_next(admission->store, SIM_LIMITRANGES, attempt->namespace,
                                         &walk)) != NULL) {
        struct buf text;
        json_t *refusal = NULL;

        buf_init(&text, TEXT_BYTES_MAX);
        if (!limit_range_allows(limit_range, attempt->resource->id, attempt->object, &text)) {
            refusal = sim_status_forbidden(attempt->resource, attempt->name, "%s", buf_text(&text));
            admission->limit_range_refusals += attempt->dry_run ? 0 : 1;
        }
        buf_finish(&text);
        if (refusal != NULL) {
            return refusal;
        }
    }
    return NULL;
}

/* One quota that counts what is attempted. */
struct counting {
    char *name;
    struct amounts hard; /* status.hard and status.used, as far as they concern this resource */
    struct amounts used;
    struct amounts cost; /* what the attempt adds to those keys */
};

static void counting_finish(struct counting *counting) {
    free(counting->name);
    amounts_finish(&counting->hard);
    amounts_finish(&counting->used);
    amounts_finish(&counting->cost);
}

static void take_concerned(const json_t *object, enum sim_resource_id id, struct amounts *out) {
    struct amounts all = {0};

    amounts_add_readable(&all, object);
    for (size_t i = 0; i < all.count; i++) {
        if (quota_key_concerns(all.items[i].name, id)) {
            amounts_set(out, all.items[i].name, all.items[i].value, all.items[i].binary);
        }
    }
    amounts_finish(&all);
}

static void mask(const struct amounts *all, const struct amounts *wanted, struct amounts *out) {
    for (size_t i = 0; i < all->count; i++) {
        if (amounts_find(wanted, all->items[i].name) != NULL) {
            amounts_set(out, all->items[i].name, all->items[i].value, all->items[i].binary);
        }
    }
}

/* What the attempt adds: all it costs at a create, the growth at an update. */
static void attempt_cost(const struct sim_attempt *attempt, struct amounts *out) {
    struct amounts before = {0};

    quota_usage(attempt->resource->id, attempt->object, attempt->now_us, out);
    if (attempt->old != NULL) {
        quota_usage(attempt->resource->id, attempt->old, attempt->now_us, &before);
        for (size_t i = 0; i < before.count; i++) {
            amounts_add(out, before.items[i].name, -before.items[i].value, before.items[i].binary);
        }
    }
    amounts_finish(&before);
}

static json_t *refuse_unspecified(struct admission *admission, const struct sim_attempt *attempt,
                                  const struct counting *counting) {
    struct buf names;
    json_t *refusal = NULL;

    if (attempt->resource->id != SIM_PODS) {
        return NULL;
    }
    buf_init(&names, TEXT_BYTES_MAX);
    if (quota_unspecified(attempt->object, &counting->hard, &names)) {
        refusal = sim_status_forbidden(attempt->resource, attempt->name,
                                       "failed quota: %s: must specify %s", counting->name,
                                       buf_text(&names));
        admission->unspecified_refusals += attempt->dry_run ? 0 : 1;
    }
    buf_finish(&names);
    return refusal;
}

/* A key of status.hard whose used nobody has counted yet. */
static json_t *refuse_uncounted(const struct sim_attempt *attempt,
                                const struct counting *counting) {
    struct buf names;
    json_t *refusal = NULL;

    buf_init(&names, TEXT_BYTES_MAX);
    for (size_t i = 0; i < counting->hard.count; i++) {
        if (amounts_find(&counting->used, counting->hard.items[i].name) == NULL) {
            buf_add_format(&names, "%s%s", names.bytes > 0 ? "," : "",
                           counting->hard.items[i].name);
        }
    }
    if (names.bytes > 0) {
        refusal = sim_status_forbidden(attempt->resource, attempt->name,
                                       "status unknown for quota: %s, resources: %s",
                                       counting->name, buf_text(&names));
    }
    buf_finish(&names);
    return refusal;
}

static void print_masked(const struct amounts *all, const struct amounts *wanted, const char *label,
                         struct buf *out) {
    struct amounts some = {0};

    mask(all, wanted, &some);
    buf_add_text(out, label);
    amounts_print(&some, out);
    amounts_finish(&some);
}

static json_t *refuse_exceeded(struct admission *admission, const struct sim_attempt *attempt,
                               const struct counting *counting) {
    struct amounts exceeded = {0};
    struct buf text;
    json_t *refusal = NULL;

    for (size_t i = 0; i < counting->cost.count; i++) {
        const struct amount *cost = &counting->cost.items[i];
        int64_t used = amounts_value(&counting->used, cost->name);

        if (cost->value > amounts_value(&counting->hard, cost->name) - used) {
            amounts_set(&exceeded, cost->name, cost->value, cost->binary);
        }
    }
    if (exceeded.count > 0) {
        buf_init(&text, TEXT_BYTES_MAX);
        print_masked(&counting->cost, &exceeded, "requested: ", &text);
        print_masked(&counting->used, &exceeded, ", used: ", &text);
        print_masked(&counting->hard, &exceeded, ", limited: ", &text);
        refusal = sim_status_forbidden(attempt->resource, attempt->name, "exceeded quota: %s, %s",
                                       counting->name, buf_text(&text));
        admission->quota_refusals += attempt->dry_run ? 0 : 1;
        buf_finish(&text);
    }
    amounts_finish(&exceeded);
    return refusal;
}

static bool counting_init(struct counting *counting, const struct sim_attempt *attempt,
                          const json_t *quota, const struct amounts *cost) {
    *counting = (struct counting){.name = mem_copy_text(tree_name(quota))};
    take_concerned(tree_at(quota, "status/hard"), attempt->resource->id, &counting->hard);
    take_concerned(tree_at(quota, "status/used"), attempt->resource->id, &counting->used);
    mask(cost, &counting->hard, &counting->cost);
    return counting->hard.count > 0 &&
           quota_scope_covers(quota, attempt->resource->id, attempt->object);
}

/* Updates of pods cost nothing more; shrinking is always allowed. */
static void keep_growth(struct amounts *cost) {
    size_t kept = 0;

    for (size_t i = 0; i < cost->count; i++) {
        if (cost->items[i].value > 0) {
            cost->items[kept++] = cost->items[i];
        }
    }
    cost->count = kept;
}

static void charge(struct admission *admission, const struct sim_attempt *attempt,
                   const struct counting *counting) {
    const json_t *quota =
        sim_store_get(admission->store, SIM_RESOURCEQUOTAS, attempt->namespace, counting->name);
    struct amounts used = {0};
    json_t *status;

    ENSURE(quota != NULL);
    status = json_deep_copy(tree_at(quota, "status"));
    amounts_add_readable(&used, tree_at(status, "used"));
    amounts_add_all(&used, &counting->cost);
    tree_put(status, "used", amounts_json(&used));
    (void)sim_store_put_status(admission->store, SIM_RESOURCEQUOTAS, attempt->namespace,
                               counting->name, status, attempt->now_us);
    json_decref(status);
    amounts_finish(&used);
}

static json_t *check_counting(struct admission *admission, const struct sim_attempt *attempt,
                              const struct counting *counting) {
    json_t *refusal =
        attempt->old == NULL ? refuse_unspecified(admission, attempt, counting) : NULL;

    if (refusal == NULL) {
        refusal = refuse_uncounted(attempt, counting);
    }
    if (refusal == NULL) {
        refusal = refuse_exceeded(admission, attempt, counting);
    }
    return refusal;
}

/* All quotas are checked before any is charged: a refused create leaves no trace. */
static json_t *check_quotas(struct admission *admission, const struct sim_attempt *attempt) {
    size_t room = sim_store_count(admission->store, SIM_RESOURCEQUOTAS, attempt->namespace);
    struct counting *counting = mem_alloc(room + 1, sizeof *counting);
    struct sim_walk walk = {0};
    struct amounts cost = {0};
    const json_t *quota;
    json_t *refusal = NULL;
    size_t count = 0;

    attempt_cost(attempt, &cost);
    if (attempt->old != NULL) {
        keep_growth(&cost);
    }
    while (refusal == NULL && count < room &&
           (quota = sim_store_next(admission->store, SIM_RESOURCEQUOTAS, attempt->namespace,
                                   &walk)) != NULL) {
        if (counting_init(&counting[count], attempt, quota, &cost)) {
            refusal = check_counting(admission, attempt, &counting[count]);
            count++;
        } else {
            counting_finish(&counting[count]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (refusal == NULL && !attempt->dry_run && counting[i].cost.count > 0) {
            charge(admission, attempt, &counting[i]);
        }
        counting_finish(&counting[i]);
    }
    free(counting);
    amounts_finish(&cost);
    return refusal;
}

/* What the quota plugin looks at: creates, and updates of what can grow. */
static bool is_counted(const struct sim_attempt *attempt) {
    enum sim_resource_id id = attempt->resource->id;

    return attempt->resource->namespaced && attempt->subresource[0] == '\0' &&
           (attempt->old == NULL || id == SIM_SERVICES || id == SIM_PERSISTENTVOLUMECLAIMS);
}

json_t *admission_validate(struct admission *admission, const struct sim_attempt *attempt) {
    json_t *refusal;

    if (!is_counted(attempt)) {
        return NULL;
    }
    refusal = check_limit_ranges(admission, attempt);
    return refusal != NULL ? refusal : check_quotas(admission, attempt);
}
