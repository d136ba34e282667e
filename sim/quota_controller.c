#include "sim/quota_controller.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "sim/amounts.h"
#include "sim/pod_math.h"
#include "sim/quota_usage.h"
#include "sim/store.h"
#include "sim/tree.h"

/* One namespace that has, or had, quotas. */
struct site {
    int64_t due_us;    /* of its recount; CLOCK_NEVER_US when nothing changed */
    int64_t resync_us; /* of the recount without a cause; CLOCK_NEVER_US without a quota */
    int64_t asleep_until_us;
};

struct peak {
    struct amounts used;
    struct amounts hard; /* when used was last looked at */
};

struct quota_controller {
    struct sim_store *store;
    struct quota_controller_config config;
    struct map sites; /* namespace -> struct site */
    struct map peaks; /* "namespace/quota" -> struct peak */
    int64_t overruns;
};

struct quota_controller *quota_controller_create(struct sim_store *store,
                                                 const struct quota_controller_config *config) {
    struct quota_controller *controller = mem_alloc(1, sizeof *controller);

    *controller = (struct quota_controller){.store = store, .config = *config};
    return controller;
}

static void peak_destroy(struct peak *peak) {
    amounts_finish(&peak->used);
    amounts_finish(&peak->hard);
    free(peak);
}

void quota_controller_destroy(struct quota_controller *controller) {
    const struct map_entry *entry;

    if (controller == NULL) {
        return;
    }
    for (size_t at = 0; (entry = map_next(&controller->sites, &at)) != NULL;) {
        free(entry->value);
    }
    for (size_t at = 0; (entry = map_next(&controller->peaks, &at)) != NULL;) {
        peak_destroy(entry->value);
    }
    map_finish(&controller->sites);
    map_finish(&controller->peaks);
    free(controller);
}

static struct site *site_of(struct quota_controller *controller, const char *namespace) {
    struct site *site = map_get(&controller->sites, namespace);

    if (site == NULL) {
        site = mem_alloc(1, sizeof *site);
        site->due_us = CLOCK_NEVER_US;
        site->resync_us = CLOCK_NEVER_US;
        (void)map_put(&controller->sites, namespace, site);
    }
    return site;
}

/* Where there is no quota nothing is counted: one that comes plans its own. */
static void plan_recount(struct quota_controller *controller, const char *namespace,
                         int64_t due_us) {
    struct site *site;

    if (sim_store_count(controller->store, SIM_RESOURCEQUOTAS, namespace) == 0) {
        return;
    }
    site = site_of(controller, namespace);
    if (due_us < site->due_us) {
        site->due_us = due_us;
    }
}

static struct peak *peak_of(struct quota_controller *controller, const struct sim_change *change) {
    char *key = mem_join(change->namespace, change->name);
    struct peak *peak = map_get(&controller->peaks, key);

    if (peak == NULL) {
        peak = mem_alloc(1, sizeof *peak);
        (void)map_put(&controller->peaks, key, peak);
    }
    free(key);
    return peak;
}

static void count_overruns(struct quota_controller *controller, const struct amounts *before,
                           const struct amounts *now, const struct amounts *hard) {
    for (size_t i = 0; i < now->count; i++) {
        const char *name = now->items[i].name;
        const struct amount *bound = amounts_find(hard, name);

        if (bound != NULL && now->items[i].value > bound->value &&
            now->items[i].value > amounts_value(before, name) &&
            amounts_find(before, name) != NULL) {
            controller->overruns++;
        }
    }
}

static void note_peak(struct quota_controller *controller, const struct sim_change *change) {
    struct peak *peak = peak_of(controller, change);
    struct amounts before = {0};
    struct amounts now = {0};

    amounts_finish(&peak->hard);
    amounts_add_readable(&peak->hard, tree_at(change->object, "status/hard"));
    amounts_add_readable(&now, tree_at(change->object, "status/used"));
    amounts_add_readable(&before, tree_at(change->old, "status/used"));
    count_overruns(controller, &before, &now, &peak->hard);
    amounts_raise_all(&peak->used, &now);
    amounts_finish(&before);
    amounts_finish(&now);
}

/* A status that this controller or the admission wrote needs no recount, a new spec does. */
static void look_at_quota(struct quota_controller *controller, const struct sim_change *change) {
    struct site *site = site_of(controller, change->namespace);

    if (change->type == SIM_DELETED) {
        return;
    }
    note_peak(controller, change);
    if (!json_equal(tree_at(change->old, "spec"), tree_at(change->object, "spec"))) {
        plan_recount(controller, change->namespace, change->now_us + controller->config.lag_us);
    }
    if (site->resync_us == CLOCK_NEVER_US) {
        site->resync_us = change->now_us + controller->config.resync_us;
    }
}

/* Creates are charged by the admission; only what gives something back is recounted at once. */
static bool gives_back(const struct sim_change *change) {
    if (change->type != SIM_MODIFIED) {
        return change->type == SIM_DELETED;
    }
    if (change->resource->id == SIM_PODS) {
        return pod_finished(change->object) && !pod_finished(change->old);
    }
    return change->resource->id == SIM_SERVICES ||
           change->resource->id == SIM_PERSISTENTVOLUMECLAIMS;
}

void quota_controller_on_change(struct quota_controller *controller,
                                const struct sim_change *change) {
    if (!change->resource->namespaced) {
        return;
    }
    if (change->resource->id == SIM_RESOURCEQUOTAS) {
        look_at_quota(controller, change);
    }
    if (gives_back(change)) {
        plan_recount(controller, change->namespace, change->now_us + controller->config.lag_us);
    }
}

/* What all objects of one kind in the quota's scope use. */
static void count_kind(const struct quota_controller *controller, const json_t *quota,
                       enum sim_resource_id id, int64_t now_us, struct amounts *usage) {
    struct sim_walk walk = {0};
    const json_t *object;

    while ((object = sim_store_next(controller->store, id, tree_namespace(quota), &walk)) != NULL) {
        if (quota_scope_covers(quota, id, object)) {
            quota_usage(id, object, now_us, usage);
        }
    }
}

static bool hard_concerns(const struct amounts *hard, enum sim_resource_id id) {
    for (size_t i = 0; i < hard->count; i++) {
        if (quota_key_concerns(hard->items[i].name, id)) {
            return true;
        }
    }
    return false;
}

static json_t *recounted_status(const struct quota_controller *controller, const json_t *quota,
                                int64_t now_us) {
    struct amounts hard = {0};
    struct amounts usage = {0};
    struct amounts used = {0};
    json_t *status;

    amounts_add_readable(&hard, tree_at(quota, "spec/hard"));
    for (int id = 0; id < SIM_RESOURCE_COUNT; id++) {
        if (sim_resource((enum sim_resource_id)id)->namespaced &&
            hard_concerns(&hard, (enum sim_resource_id)id)) {
            count_kind(controller, quota, (enum sim_resource_id)id, now_us, &usage);
        }
    }
    for (size_t i = 0; i < hard.count; i++) {
        const struct amount *found = amounts_find(&usage, hard.items[i].name);

        amounts_set(&used, hard.items[i].name, found != NULL ? found->value : 0,
                    found != NULL && found->binary);
    }
    status = json_object();
    tree_put(status, "hard", amounts_json(&hard));
    tree_put(status, "used", amounts_json(&used));
    amounts_finish(&hard);
    amounts_finish(&usage);
    amounts_finish(&used);
    return status;
}

/* Writing a status ends a walk, so the names are gathered first. */
static size_t quota_names(const struct quota_controller *controller, const char *namespace,
                          char ***out_names) {
    size_t room = sim_store_count(controller->store, SIM_RESOURCEQUOTAS, namespace);
    struct sim_walk walk = {0};
    const json_t *quota;
    size_t count = 0;

    *out_names = mem_alloc(room + 1, sizeof **out_names);
    while (count < room && (quota = sim_store_next(controller->store, SIM_RESOURCEQUOTAS, namespace,
                                                   &walk)) != NULL) {
        (*out_names)[count++] = mem_copy_text(tree_name(quota));
    }
    return count;
}

static void recount(struct quota_controller *controller, const char *namespace, int64_t now_us) {
    char **names;
    size_t count = quota_names(controller, namespace, &names);

    for (size_t i = 0; i < count; i++) {
        const json_t *quota =
            sim_store_get(controller->store, SIM_RESOURCEQUOTAS, namespace, names[i]);
        json_t *status = recounted_status(controller, quota, now_us);

        (void)sim_store_put_status(controller->store, SIM_RESOURCEQUOTAS, namespace, names[i],
                                   status, now_us);
        json_decref(status);
        free(names[i]);
    }
    free(names);
}

static int64_t site_due_us(const struct site *site) {
    int64_t due_us = site->due_us < site->resync_us ? site->due_us : site->resync_us;

    return due_us < site->asleep_until_us ? site->asleep_until_us : due_us;
}

void quota_controller_step(struct quota_controller *controller, int64_t now_us) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&controller->sites, &at)) != NULL;) {
        struct site *site = entry->value;

        if (site_due_us(site) <= now_us) {
            bool any = sim_store_count(controller->store, SIM_RESOURCEQUOTAS, entry->text) > 0;

            site->due_us = CLOCK_NEVER_US;
            site->resync_us = any ? now_us + controller->config.resync_us : CLOCK_NEVER_US;
            recount(controller, entry->text, now_us);
        }
    }
}

int64_t quota_controller_next_us(const struct quota_controller *controller) {
    const struct map_entry *entry;
    int64_t next_us = CLOCK_NEVER_US;

    for (size_t at = 0; (entry = map_next(&controller->sites, &at)) != NULL;) {
        int64_t due_us = site_due_us(entry->value);

        if (due_us < next_us) {
            next_us = due_us;
        }
    }
    return next_us;
}

void quota_controller_sleep(struct quota_controller *controller, const char *namespace,
                            int64_t until_us) {
    struct site *site = site_of(controller, namespace);

    site->asleep_until_us = until_us;
    site->due_us = until_us; /* Whatever it missed is counted when it wakes. */
}

int64_t quota_controller_peak(const struct quota_controller *controller, const char *namespace,
                              const char *quota, const char *key) {
    char *name = mem_join(namespace, quota);
    const struct peak *peak = map_get(&controller->peaks, name);

    free(name);
    return peak != NULL ? amounts_value(&peak->used, key) : 0;
}

int64_t quota_controller_overruns(const struct quota_controller *controller) {
    return controller->overruns;
}

static json_t *peak_json(const struct peak *peak) {
    json_t *used = amounts_json(&peak->used);
    json_t *hard = amounts_json(&peak->hard);
    json_t *all = json_object();
    const char *key;
    json_t *value;

    json_object_foreach(used, key, value) {
        json_t *row = json_object();
        int r;

        tree_put_text(row, "peak", json_string_value(value));
        if (json_object_get(hard, key) != NULL) {
            tree_put_text(row, "hard", json_string_value(json_object_get(hard, key)));
        }
        r = json_object_set_new(all, key, row);
        ENSURE(r == 0);
    }
    json_decref(used);
    json_decref(hard);
    return all;
}

json_t *quota_controller_peaks_json(const struct quota_controller *controller) {
    const struct map_entry *entry;
    json_t *all = json_object();

    for (size_t at = 0; (entry = map_next(&controller->peaks, &at)) != NULL;) {
        int r = json_object_set_new(all, entry->text, peak_json(entry->value));

        ENSURE(r == 0);
    }
    return all;
}
