#include "policy/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/map.h"
#include "base/memory.h"
#include "policy/room.h"
#include "policy/usage.h"

/* What the books keep of a visible pod. */
struct kept_pod {
    size_t namespace_index;
    struct ledger_node *node; /* NULL: not bound */
    uint64_t job_id;
    enum pod_role role;
    bool finished;
    bool overdue;
    int64_t overdue_us;
    struct pod_scope scope;
    char *priority_class; /* owned; scope's text */
    struct resources requests;
    struct resources limits;
    struct ledger_unbound *unbound; /* NULL: bound or finished */
    struct kept_pod *next_of_job;
    struct kept_pod **link_of_job; /* what points here */
    struct pod_demand company;     /* of a bound live pod: namespace, labels and rules */
};

/* Of one job's visible pods. */
struct kept_job {
    uint64_t id;
    uint64_t live[POD_ROLE_COUNT];
    uint64_t pod_count;
    struct kept_pod *pods;
};

struct ledger {
    struct map namespaces_by_name; /* size_t: the index */
    struct ledger_namespace **namespaces;
    uint64_t *versions; /* of the namespaces, side by side: a pass looks at all of them */
    size_t namespace_count;
    struct map pods; /* by uid: struct kept_pod */
    struct map nodes_by_name;
    struct ledger_node **nodes; /* sorted by name */
    size_t node_count;
    uint64_t nodes_version;
    struct resources capacity; /* allocatable of all listed nodes */
    struct map unbound;        /* by order of arrival */
    uint64_t unbound_order;
    struct map jobs;        /* by job id: struct kept_job */
    struct map antis;       /* by uid: struct kept_pod, bound, live, with anti-affinity */
    struct map terminating; /* by uid: struct kept_pod with an overdue_us to come */
    struct map leaving;     /* by job id: struct kept_job of those without a reservation */
    uint64_t version;       /* the newest seen */
    uint64_t changes;       /* of namespaces' books */
    int64_t now_us;
    int64_t due_us;                           /* when ledger_advance() has something to do */
    struct ledger_reservation **reservations; /* sorted by job id */
    size_t reservation_count;
    size_t stay_count; /* of them with a known run time */
    size_t leaving_count;
    struct room *room;
};

struct ledger *ledger_create(void) {
    struct ledger *ledger = mem_alloc(1, sizeof *ledger);

    ledger->room = room_create(ledger);
    ledger->due_us = CLOCK_NEVER_US;
    return ledger;
}

struct room *ledger_room(const struct ledger *ledger) {
    return ledger->room;
}

static void free_values(struct map *map) {
    struct map_entry *entry;
    size_t at = 0;

    while ((entry = map_next(map, &at)) != NULL) {
        free(entry->value);
    }
    map_finish(map);
}

static void namespace_destroy(struct ledger_namespace *namespace) {
    for (size_t i = 0; i < namespace->quota_count; i++) {
        quota_finish(namespace->quotas[i]);
        free(namespace->quotas[i]);
    }
    quota_floor_finish(&namespace->floor);
    usage_finish(&namespace->own);
    usage_finish(&namespace->reserved);
    free(namespace->quotas);
    free(namespace->name);
    free(namespace);
}

static void node_record_destroy(struct ledger_node *record) {
    node_finish(record->node);
    free(record->node);
    free(record->name);
    free(record);
}

static void reservation_destroy(struct ledger_reservation *reservation) {
    demand_destroy(reservation->demand);
    free(reservation);
}

void ledger_destroy(struct ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    ledger_forget_pods(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        namespace_destroy(ledger->namespaces[i]);
    }
    for (size_t i = 0; i < ledger->node_count; i++) {
        node_record_destroy(ledger->nodes[i]);
    }
    for (size_t i = 0; i < ledger->reservation_count; i++) {
        reservation_destroy(ledger->reservations[i]);
    }
    free_values(&ledger->namespaces_by_name);
    map_finish(&ledger->pods);
    map_finish(&ledger->terminating);
    map_finish(&ledger->antis);
    map_finish(&ledger->nodes_by_name);
    map_finish(&ledger->unbound);
    map_finish(&ledger->jobs);
    map_finish(&ledger->leaving);
    free(ledger->namespaces);
    free(ledger->versions);
    free(ledger->nodes);
    free(ledger->reservations);
    room_destroy(ledger->room);
    free(ledger);
}

/* Namespaces. */

size_t ledger_namespace_index(struct ledger *ledger, const char *name) {
    size_t *index = map_get(&ledger->namespaces_by_name, name);
    struct ledger_namespace *namespace;

    if (index != NULL) {
        return *index;
    }
    namespace = mem_alloc(1, sizeof *namespace);
    namespace->name = mem_copy_text(name);
    ledger->namespaces = mem_grow(ledger->namespaces, ledger->namespace_count + 1,
                                  sizeof(struct ledger_namespace *));
    ledger->versions =
        mem_grow(ledger->versions, ledger->namespace_count + 1, sizeof *ledger->versions);
    ledger->namespaces[ledger->namespace_count] = namespace;
    ledger->versions[ledger->namespace_count] = 1;
    index = mem_alloc(1, sizeof *index);
    *index = ledger->namespace_count++;
    (void)map_put(&ledger->namespaces_by_name, name, index);
    return *index;
}

/* Whose books are about to change. */
static struct ledger_namespace *change_namespace(struct ledger *ledger, size_t index) {
    ledger->versions[index]++;
    ledger->changes++;
    return ledger->namespaces[index];
}

uint64_t ledger_namespace_version(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->namespace_count);
    return ledger->versions[index];
}

uint64_t ledger_changes(const struct ledger *ledger) {
    return ledger->changes;
}

size_t ledger_namespace_count(const struct ledger *ledger) {
    return ledger->namespace_count;
}

const struct ledger_namespace *ledger_namespace(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->namespace_count);
    return ledger->namespaces[index];
}

/* Reservations. */

/* Where the job's reservation is, or would be. */
static size_t reservation_at(const struct ledger *ledger, uint64_t job_id) {
    size_t low = 0;
    size_t high = ledger->reservation_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (ledger->reservations[middle]->job_id < job_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct ledger_reservation *find_reservation(const struct ledger *ledger, uint64_t job_id) {
    const size_t at = reservation_at(ledger, job_id);

    return at < ledger->reservation_count && ledger->reservations[at]->job_id == job_id
               ? ledger->reservations[at]
               : NULL;
}

uint32_t ledger_outstanding(const struct ledger *ledger,
                            const struct ledger_reservation *reservation, size_t group) {
    const struct kept_job *job = map_get_id(&ledger->jobs, reservation->job_id);
    const struct pod_group *wanted = &reservation->demand->groups[group];
    const uint64_t live = job != NULL ? job->live[wanted->role] : 0;

    return live < wanted->count ? wanted->count - (uint32_t)live : 0;
}

/* Charge what the reservation still waits for, `times` times (1 or -1). */
static void charge_reservation(struct ledger *ledger, const struct ledger_reservation *reservation,
                               int64_t times) {
    struct ledger_namespace *namespace = change_namespace(ledger, reservation->namespace_index);
    struct usage *objects = reservation->objects_visible ? &namespace->own : &namespace->reserved;
    const struct demand *demand = reservation->demand;

    for (size_t i = 0; i < demand->group_count; i++) {
        usage_add_group(&namespace->reserved, &demand->groups[i],
                        times * ledger_outstanding(ledger, reservation, i));
    }
    room_touch_job(ledger->room, reservation->job_id);
    for (size_t i = 0; i < demand->object_count; i++) {
        usage_add_object(objects, demand->objects[i].key, times * demand->objects[i].amount);
    }
}

/* A job with pods and no reservation is on its way out. */
static void note_whether_leaving(struct ledger *ledger, uint64_t job_id) {
    struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    if (job != NULL && find_reservation(ledger, job_id) == NULL) {
        (void)map_put_id(&ledger->leaving, job_id, job);
    } else {
        (void)map_remove_id(&ledger->leaving, job_id);
    }
}

void ledger_reserve(struct ledger *ledger, uint64_t job_id, const char *namespace,
                    struct demand *demand) {
    struct ledger_reservation *reservation;
    size_t at;

    ENSURE(job_id != 0);
    reservation = mem_alloc(1, sizeof *reservation);
    *reservation = (struct ledger_reservation){
        .job_id = job_id,
        .namespace_index = ledger_namespace_index(ledger, namespace),
        .demand = demand_share(demand),
    };
    ledger_release(ledger, job_id);
    at = reservation_at(ledger, job_id);
    ledger->reservations = mem_grow(ledger->reservations, ledger->reservation_count + 1,
                                    sizeof(struct ledger_reservation *));
    memmove(&ledger->reservations[at + 1], &ledger->reservations[at],
            (ledger->reservation_count - at) * sizeof(struct ledger_reservation *));
    ledger->reservations[at] = reservation;
    ledger->reservation_count++;
    note_whether_leaving(ledger, job_id);
    charge_reservation(ledger, reservation, 1);
}

void ledger_objects_visible(struct ledger *ledger, uint64_t job_id) {
    struct ledger_reservation *reservation = find_reservation(ledger, job_id);

    if (reservation != NULL) {
        charge_reservation(ledger, reservation, -1);
        reservation->objects_visible = true;
        charge_reservation(ledger, reservation, 1);
    }
}

static void count_stay(struct ledger *ledger, const struct ledger_stay *stay, int times) {
    ledger->stay_count += (size_t)(stay->runtime_us != 0 ? times : 0);
    ledger->leaving_count += (size_t)(stay->is_leaving ? times : 0);
}

void ledger_release(struct ledger *ledger, uint64_t job_id) {
    const size_t at = reservation_at(ledger, job_id);
    struct ledger_reservation *reservation = find_reservation(ledger, job_id);

    if (reservation == NULL) {
        return;
    }
    count_stay(ledger, &reservation->stay, -1);
    charge_reservation(ledger, reservation, -1);
    reservation_destroy(reservation);
    ledger->reservation_count--;
    memmove(&ledger->reservations[at], &ledger->reservations[at + 1],
            (ledger->reservation_count - at) * sizeof(struct ledger_reservation *));
    note_whether_leaving(ledger, job_id);
}

const struct ledger_reservation *ledger_find_reservation(const struct ledger *ledger,
                                                         uint64_t job_id) {
    return find_reservation(ledger, job_id);
}

void ledger_expect(struct ledger *ledger, uint64_t job_id, const struct ledger_stay *stay) {
    struct ledger_reservation *reservation = find_reservation(ledger, job_id);

    if (reservation != NULL) {
        count_stay(ledger, &reservation->stay, -1);
        reservation->stay = *stay;
        count_stay(ledger, stay, 1);
        (void)change_namespace(ledger, reservation->namespace_index);
    }
}

size_t ledger_stay_count(const struct ledger *ledger) {
    return ledger->stay_count;
}

bool ledger_has_leaving(const struct ledger *ledger) {
    size_t at = 0;

    return ledger->leaving_count > 0 || ledger_next_leaving(ledger, &at) != 0;
}

const struct ledger_reservation *ledger_next_reservation(const struct ledger *ledger, size_t *at) {
    return *at < ledger->reservation_count ? ledger->reservations[(*at)++] : NULL;
}

/* Nodes. */

static size_t node_at(const struct ledger *ledger, const char *name) {
    size_t low = 0;
    size_t high = ledger->node_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (strcmp(ledger->nodes[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct ledger_node *need_node(struct ledger *ledger, const char *name) {
    struct ledger_node *record = map_get(&ledger->nodes_by_name, name);
    size_t at;

    if (record != NULL) {
        return record;
    }
    at = node_at(ledger, name);
    record = mem_alloc(1, sizeof *record);
    record->name = mem_copy_text(name);
    ledger->nodes = mem_grow(ledger->nodes, ledger->node_count + 1, sizeof(struct ledger_node *));
    memmove(&ledger->nodes[at + 1], &ledger->nodes[at],
            (ledger->node_count - at) * sizeof(struct ledger_node *));
    ledger->nodes[at] = record;
    ledger->node_count++;
    record->room_at = ROOM_NOWHERE;
    (void)map_put(&ledger->nodes_by_name, name, record);
    return record;
}

static void drop_node_if_unused(struct ledger *ledger, struct ledger_node *record) {
    size_t at;

    if (record->node != NULL || record->pod_count > 0) {
        return;
    }
    at = node_at(ledger, record->name);
    ledger->node_count--;
    memmove(&ledger->nodes[at], &ledger->nodes[at + 1],
            (ledger->node_count - at) * sizeof(struct ledger_node *));
    room_forget_node(ledger->room, record);
    (void)map_remove(&ledger->nodes_by_name, record->name);
    node_record_destroy(record);
}

static void change_node(struct ledger *ledger, struct ledger_node *record, struct node *take_node) {
    if (record->node != NULL) {
        resources_subtract(&ledger->capacity, &record->node->allocatable);
    }
    if (take_node != NULL) {
        resources_add(&ledger->capacity, &take_node->allocatable);
    }
    room_change_node(ledger->room, record, take_node);
    ledger->nodes_version++;
}

static void unlist_node(struct ledger *ledger, struct ledger_node *record) {
    change_node(ledger, record, NULL);
    drop_node_if_unused(ledger, record);
}

void ledger_put_node(struct ledger *ledger, const struct node *node) {
    struct ledger_node *record = need_node(ledger, node->name);
    struct node *copy;

    if (record->node != NULL && node_equal(record->node, node)) {
        return; /* A heartbeat: most of what nodes say. */
    }
    copy = mem_alloc(1, sizeof *copy);
    node_copy(node, copy);
    change_node(ledger, record, copy);
}

void ledger_set_pools(struct ledger *ledger, const struct node_pool *pools, size_t count) {
    room_set_pools(ledger->room, pools, count);
    ledger->nodes_version++;
}

uint64_t ledger_nodes_version(const struct ledger *ledger) {
    return ledger->nodes_version;
}

const struct resources *ledger_capacity(const struct ledger *ledger) {
    return &ledger->capacity;
}

void ledger_remove_node(struct ledger *ledger, const char *name) {
    struct ledger_node *record = map_get(&ledger->nodes_by_name, name);

    if (record != NULL) {
        unlist_node(ledger, record);
    }
}

void ledger_forget_nodes(struct ledger *ledger) {
    for (size_t i = ledger->node_count; i-- > 0;) {
        unlist_node(ledger, ledger->nodes[i]);
    }
}

size_t ledger_node_count(const struct ledger *ledger) {
    return ledger->node_count;
}

const struct ledger_node *ledger_node(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->node_count);
    return ledger->nodes[index];
}

struct ledger_node *ledger_room_node(const struct ledger *ledger, size_t index) {
    ENSURE(index < ledger->node_count);
    return ledger->nodes[index];
}

struct resources ledger_node_free(const struct ledger_node *node) {
    struct resources free = node->node != NULL ? node->node->allocatable : (struct resources){{0}};

    resources_subtract(&free, &node->used);
    return free;
}

/* Quotas. */

static void note_version(struct ledger *ledger, uint64_t version) {
    ledger->version = version > ledger->version ? version : ledger->version;
}

static void note_due(struct ledger *ledger, int64_t due_us) {
    ledger->due_us = due_us < ledger->due_us ? due_us : ledger->due_us;
}

static size_t quota_at(const struct ledger_namespace *namespace, const char *name) {
    size_t at = 0;

    while (at < namespace->quota_count && strcmp(namespace->quotas[at]->name, name) < 0) {
        at++;
    }
    return at;
}

static bool has_quota_at(const struct ledger_namespace *namespace, size_t at, const char *name) {
    return at < namespace->quota_count && strcmp(namespace->quotas[at]->name, name) == 0;
}

void ledger_put_quota(struct ledger *ledger, const struct quota *quota) {
    const size_t index = ledger_namespace_index(ledger, quota->namespace);
    struct ledger_namespace *namespace = change_namespace(ledger, index);
    const size_t at = quota_at(namespace, quota->name);
    struct quota old = {.namespace = NULL};
    bool replaces = has_quota_at(namespace, at, quota->name);

    if (replaces) {
        old = *namespace->quotas[at];
    } else {
        namespace->quotas =
            mem_grow(namespace->quotas, namespace->quota_count + 1, sizeof(struct quota *));
        memmove(&namespace->quotas[at + 1], &namespace->quotas[at],
                (namespace->quota_count - at) * sizeof(struct quota *));
        namespace->quotas[at] = mem_alloc(1, sizeof(struct quota));
        namespace->quota_count++;
    }
    quota_copy(quota, namespace->quotas[at]);
    note_version(ledger, quota->version);
    note_due(ledger, quota_floor_note(&namespace->floor, namespace->quotas, namespace->quota_count,
                                      at, replaces ? &old : NULL,
                                      &(struct quota_clock){ledger->now_us, &namespace->own}));
    quota_finish(&old);
}

void ledger_quota_refused(struct ledger *ledger, const char *name) {
    struct ledger_namespace *namespace =
        change_namespace(ledger, ledger_namespace_index(ledger, name));

    for (size_t i = 0; i < namespace->quota_count; i++) {
        note_due(ledger, quota_floor_renew(namespace->quotas[i],
                                           &(struct quota_clock){ledger->now_us, &namespace->own}));
    }
}

static void remove_quota_at(struct ledger_namespace *namespace, size_t at) {
    quota_finish(namespace->quotas[at]);
    free(namespace->quotas[at]);
    namespace->quota_count--;
    memmove(&namespace->quotas[at], &namespace->quotas[at + 1],
            (namespace->quota_count - at) * sizeof(struct quota *));
}

void ledger_remove_quota(struct ledger *ledger, const char *namespace, const char *name) {
    const size_t *index = map_get(&ledger->namespaces_by_name, namespace);
    size_t at;

    if (index == NULL) {
        return;
    }
    at = quota_at(ledger->namespaces[*index], name);
    if (has_quota_at(ledger->namespaces[*index], at, name)) {
        remove_quota_at(change_namespace(ledger, *index), at);
    }
}

void ledger_forget_quotas(struct ledger *ledger) {
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        while (ledger->namespaces[i]->quota_count > 0) {
            remove_quota_at(change_namespace(ledger, i), ledger->namespaces[i]->quota_count - 1);
        }
    }
}

/* Pods. */

static struct kept_job *need_job(struct ledger *ledger, uint64_t job_id) {
    struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    if (job == NULL) {
        job = mem_alloc(1, sizeof *job);
        job->id = job_id;
        (void)map_put_id(&ledger->jobs, job_id, job);
    }
    return job;
}

static void link_to_job(struct kept_job *job, struct kept_pod *pod) {
    pod->next_of_job = job->pods;
    pod->link_of_job = &job->pods;
    if (job->pods != NULL) {
        job->pods->link_of_job = &pod->next_of_job;
    }
    job->pods = pod;
}

static void unlink_from_job(struct kept_pod *pod) {
    *pod->link_of_job = pod->next_of_job;
    if (pod->next_of_job != NULL) {
        pod->next_of_job->link_of_job = pod->link_of_job;
    }
}

/* Count a pod of ours in (+1) or out (-1), and recharge the reservation it fills. */
static void count_for_job(struct ledger *ledger, struct kept_pod *pod, int times) {
    const struct ledger_reservation *reservation;
    struct kept_job *job;

    if (pod->job_id == 0) {
        return;
    }
    reservation = find_reservation(ledger, pod->job_id);
    if (reservation != NULL) {
        charge_reservation(ledger, reservation, -1);
    }
    job = need_job(ledger, pod->job_id);
    if (times > 0) {
        link_to_job(job, pod);
    } else {
        unlink_from_job(pod);
    }
    job->pod_count += (uint64_t)times;
    job->live[pod->role] += pod->finished ? 0 : (uint64_t)times;
    if (job->pod_count == 0) {
        free(map_remove_id(&ledger->jobs, pod->job_id));
    }
    if (reservation == NULL) {
        note_whether_leaving(ledger, pod->job_id);
    }
    if (reservation != NULL) {
        charge_reservation(ledger, reservation, 1);
    }
}

/* Charge a pod to its namespace, node and job (times 1), or take the charge back (-1). */
static void charge_pod(struct ledger *ledger, struct kept_pod *pod, int times) {
    usage_add_pods(&change_namespace(ledger, pod->namespace_index)->own, &pod->scope,
                   &pod->requests, &pod->limits, pod->finished || pod->overdue, times);
    if (pod->node != NULL) {
        pod->node->pod_count += (size_t)times;
        if (!pod->finished) {
            resources_add_times(&pod->node->used, &pod->requests, times);
            room_touch_node(ledger->room, pod->node);
        }
    }
    count_for_job(ledger, pod, times);
}

static void drop_unbound(struct ledger *ledger, struct ledger_unbound *unbound) {
    if (unbound != NULL) {
        room_touch_unbound(ledger->room, unbound->order);
        (void)map_remove_id(&ledger->unbound, unbound->order);
        pod_demand_finish(&unbound->pod);
        free(unbound);
    }
}

static void drop_pod(struct ledger *ledger, struct kept_pod *pod) {
    charge_pod(ledger, pod, -1);
    drop_unbound(ledger, pod->unbound);
    if (pod->node != NULL) {
        drop_node_if_unused(ledger, pod->node);
    }
    pod_demand_finish(&pod->company);
    free(pod->priority_class);
    free(pod);
}

/* The record for placement: the old one, which keeps its place in line, or a new one. */
static struct ledger_unbound *keep_unbound(struct ledger *ledger, struct ledger_unbound *old,
                                           const struct ledger_pod *pod,
                                           const struct resources *requests) {
    if (old == NULL) {
        old = mem_alloc(1, sizeof *old);
        old->order = ledger->unbound_order++;
        (void)map_put_id(&ledger->unbound, old->order, old);
    } else {
        pod_demand_finish(&old->pod);
    }
    room_touch_unbound(ledger->room, old->order);
    old->job_id = pod->job_id;
    old->requests = *requests;
    pod_demand_copy(pod->demand, &old->pod);
    return old;
}

/* Our sums do not hold (all of) the pod any more: the server may, for a while. */
static void note_leaving(struct ledger *ledger, const struct kept_pod *pod, bool gone,
                         uint64_t version) {
    struct ledger_namespace *namespace = change_namespace(ledger, pod->namespace_index);
    const bool charged = !pod->finished && !pod->overdue;
    struct leaving_pod leaving = {
        .version = version, .until_us = ledger->now_us + QUOTA_LEAVING_US, .scope = pod->scope};

    if (charged) {
        leaving.sum.requests = pod->requests;
        leaving.sum.limits = pod->limits;
    }
    leaving.sum.pods_all = gone ? 1 : 0;
    if (namespace->quota_count > 0 && version != 0) {
        quota_floor_add(&namespace->floor, namespace->quotas, namespace->quota_count, &leaving);
        note_due(ledger, leaving.until_us);
    }
}

static void note_overdue(struct ledger *ledger, struct kept_pod *pod, const char *uid) {
    if (pod->overdue_us == 0 || pod->finished) {
        (void)map_remove(&ledger->terminating, uid);
        return;
    }
    pod->overdue = pod->overdue_us < ledger->now_us;
    (void)map_put(&ledger->terminating, uid, pod);
    if (!pod->overdue) {
        note_due(ledger, pod->overdue_us + 1);
    }
}

static void keep_company(struct ledger *ledger, struct kept_pod *kept,
                         const struct ledger_pod *pod) {
    (void)map_remove(&ledger->antis, pod->uid);
    if (kept->node == NULL || kept->finished) {
        return;
    }
    pod_demand_copy_company(pod->demand, &kept->company);
    if (pod_demand_keeps_apart(&kept->company)) {
        (void)map_put(&ledger->antis, pod->uid, kept);
    }
}

void ledger_put_pod(struct ledger *ledger, const struct ledger_pod *pod) {
    struct kept_pod *old = map_get(&ledger->pods, pod->uid);
    struct kept_pod *kept = mem_alloc(1, sizeof *kept);
    struct ledger_unbound *unbound = NULL;

    ENSURE(pod->role < POD_ROLE_COUNT);
    kept->namespace_index = ledger_namespace_index(ledger, pod->namespace);
    kept->node = pod->node != NULL ? need_node(ledger, pod->node) : NULL;
    kept->job_id = pod->job_id;
    kept->role = pod->role;
    kept->finished = pod->finished;
    kept->priority_class = mem_copy_text(pod->demand->priority_class);
    kept->scope = (struct pod_scope){.priority_class = kept->priority_class,
                                     .has_run_deadline = pod->demand->has_run_deadline,
                                     .best_effort = pod_demand_is_best_effort(pod->demand),
                                     .crosses_namespaces = pod->demand->crosses_namespaces};
    kept->requests = pod_demand_requests(pod->demand);
    kept->limits = pod_demand_limits(pod->demand);
    keep_company(ledger, kept, pod);
    kept->overdue_us = pod->overdue_us;
    note_version(ledger, pod->version);
    note_overdue(ledger, kept, pod->uid);
    charge_pod(ledger, kept, 1);
    (void)map_put(&ledger->pods, pod->uid, kept);
    if (old != NULL && kept->finished && !old->finished) {
        note_leaving(ledger, old, false, pod->version);
    }
    if (old != NULL) {
        unbound = old->unbound;
        old->unbound = NULL;
        drop_pod(ledger, old);
    }
    if (pod->node == NULL && !pod->finished) {
        kept->unbound = keep_unbound(ledger, unbound, pod, &kept->requests);
    } else {
        drop_unbound(ledger, unbound);
    }
}

void ledger_remove_pod(struct ledger *ledger, const char *uid) {
    ledger_remove_pod_at(ledger, uid, ledger->version);
}

void ledger_remove_pod_at(struct ledger *ledger, const char *uid, uint64_t version) {
    struct kept_pod *pod = map_remove(&ledger->pods, uid);

    (void)map_remove(&ledger->terminating, uid);
    (void)map_remove(&ledger->antis, uid);
    if (pod != NULL) {
        note_leaving(ledger, pod, true, version);
        drop_pod(ledger, pod);
    }
}

bool ledger_get_pod(const struct ledger *ledger, const char *uid, struct ledger_seen *out_seen) {
    const struct kept_pod *pod = map_get(&ledger->pods, uid);

    if (pod == NULL) {
        return false;
    }
    *out_seen = (struct ledger_seen){
        .namespace = ledger->namespaces[pod->namespace_index]->name,
        .node = pod->node != NULL ? pod->node->name : "",
        .role = pod->role,
        .finished = pod->finished,
    };
    return true;
}

void ledger_forget_pods(struct ledger *ledger) {
    struct map_entry *entry;
    size_t at = 0;

    while ((entry = map_next(&ledger->pods, &at)) != NULL) {
        drop_pod(ledger, entry->value);
    }
    map_finish(&ledger->pods);
    map_finish(&ledger->terminating);
    map_finish(&ledger->antis);
}

const struct ledger_unbound *ledger_next_unbound(const struct ledger *ledger, size_t *at) {
    const struct map_entry *entry = map_next(&ledger->unbound, at);

    return entry != NULL ? entry->value : NULL;
}

const struct ledger_unbound *ledger_find_unbound(const struct ledger *ledger, uint64_t order) {
    return map_get_id(&ledger->unbound, order);
}

bool ledger_next_company(const struct ledger *ledger, bool antis, size_t *at,
                         const struct ledger_node **out_node,
                         const struct pod_demand **out_company) {
    const struct map_entry *entry;

    while ((entry = map_next(antis ? &ledger->antis : &ledger->pods, at)) != NULL) {
        const struct kept_pod *pod = entry->value;

        if (pod->node != NULL && !pod->finished) {
            *out_node = pod->node;
            *out_company = &pod->company;
            return true;
        }
    }
    return false;
}

/* Time. */

static bool end_overdue_pods(struct ledger *ledger) {
    struct map_entry *entry;
    bool any = false;

    for (size_t at = 0; (entry = map_next(&ledger->terminating, &at)) != NULL;) {
        struct kept_pod *pod = entry->value;

        if (pod->overdue) {
            continue;
        }
        if (pod->overdue_us >= ledger->now_us) {
            note_due(ledger, pod->overdue_us + 1);
            continue;
        }
        charge_pod(ledger, pod, -1);
        pod->overdue = true;
        charge_pod(ledger, pod, 1);
        any = true;
    }
    return any;
}

bool ledger_advance(struct ledger *ledger, int64_t now_us) {
    bool changed;

    ledger->now_us = now_us;
    if (now_us < ledger->due_us) {
        return false;
    }
    ledger->due_us = CLOCK_NEVER_US;
    changed = end_overdue_pods(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        struct ledger_namespace *namespace = ledger->namespaces[i];
        const struct quota_clock clock = {now_us, &namespace->own};
        bool more_room = false;

        note_due(ledger, quota_floor_advance(&namespace->floor, namespace->quotas,
                                             namespace->quota_count, &clock, &more_room));
        if (more_room) {
            (void)change_namespace(ledger, i);
            changed = true;
        }
    }
    return changed;
}

int64_t ledger_due_us(const struct ledger *ledger) {
    return ledger->due_us;
}

void ledger_each_run(const struct ledger *ledger, uint64_t job_id, ledger_run_fn *visit,
                     void *context) {
    const struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    for (const struct kept_pod *pod = job != NULL ? job->pods : NULL; pod != NULL;
         pod = pod->next_of_job) {
        if (pod->unbound != NULL) {
            room_each_unbound_run(ledger->room, pod->unbound->order, visit, context);
        } else if (!pod->finished && pod->node->node != NULL) {
            visit(context, pod->node->room_at, 1, &pod->requests);
        }
    }
    room_each_run(ledger->room, job_id, visit, context);
}

void ledger_add_pods_of(const struct ledger *ledger, uint64_t job_id, size_t namespace_index,
                        struct usage *usage, int64_t times) {
    const struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    for (const struct kept_pod *pod = job != NULL ? job->pods : NULL; pod != NULL;
         pod = pod->next_of_job) {
        if (!pod->finished && pod->namespace_index == namespace_index) {
            usage_add_pods(usage, &pod->scope, &pod->requests, &pod->limits, false, times);
        }
    }
}

uint64_t ledger_next_leaving(const struct ledger *ledger, size_t *at) {
    const struct map_entry *entry = map_next(&ledger->leaving, at);

    return entry != NULL ? ((const struct kept_job *)entry->value)->id : 0;
}

/* Checks. */

static void usages_equal(const struct usage *kept, const struct usage *computed) {
    for (size_t i = 0; i < kept->bucket_count; i++) {
        const struct usage_sum *sum = &kept->buckets[i].sum;
        struct usage_sum want = {.pods_all = 0};

        for (size_t j = 0; j < computed->bucket_count; j++) {
            if (pod_scope_equal(&kept->buckets[i].scope, &computed->buckets[j].scope)) {
                want = computed->buckets[j].sum;
            }
        }
        ENSURE(sum->pods_all == want.pods_all);
        ENSURE(resources_equal(&sum->requests, &want.requests));
        ENSURE(resources_equal(&sum->limits, &want.limits));
    }
    for (size_t i = 0; i < kept->object_count; i++) {
        ENSURE(kept->objects[i].amount == usage_object_amount(computed, kept->objects[i].key));
    }
    ENSURE(kept->bucket_count >= computed->bucket_count);
    ENSURE(kept->object_count >= computed->object_count);
}

/* A second set of books, made from the pods and reservations alone. */
struct recount {
    struct usage *own;
    struct usage *reserved;
    struct resources *node_used;
    size_t *node_pods;
};

static void recount_pods(const struct ledger *ledger, struct recount *recount) {
    struct map_entry *entry;
    size_t at = 0;
    size_t unbound = 0;

    while ((entry = map_next(&ledger->pods, &at)) != NULL) {
        const struct kept_pod *pod = entry->value;

        usage_add_pods(&recount->own[pod->namespace_index], &pod->scope, &pod->requests,
                       &pod->limits, pod->finished || pod->overdue, 1);
        unbound += pod->unbound != NULL;
        ENSURE((pod->unbound != NULL) == (pod->node == NULL && !pod->finished));
        if (pod->node != NULL) {
            const size_t node = node_at(ledger, pod->node->name);

            ENSURE(ledger->nodes[node] == pod->node);
            recount->node_pods[node]++;
            if (!pod->finished) {
                resources_add(&recount->node_used[node], &pod->requests);
            }
        }
    }
    ENSURE(unbound == ledger->unbound.count);
}

static void recount_reservations(const struct ledger *ledger, struct recount *recount) {
    for (size_t i = 0; i < ledger->reservation_count; i++) {
        const struct ledger_reservation *reservation = ledger->reservations[i];
        struct usage *reserved = &recount->reserved[reservation->namespace_index];
        struct usage *objects =
            reservation->objects_visible ? &recount->own[reservation->namespace_index] : reserved;
        const struct demand *demand = reservation->demand;

        ENSURE(i == 0 || ledger->reservations[i - 1]->job_id < reservation->job_id);
        for (size_t g = 0; g < demand->group_count; g++) {
            usage_add_group(reserved, &demand->groups[g],
                            ledger_outstanding(ledger, reservation, g));
        }
        for (size_t o = 0; o < demand->object_count; o++) {
            usage_add_object(objects, demand->objects[o].key, demand->objects[o].amount);
        }
    }
}

/* The counts of live pods by job, against the pods themselves. */
static void verify_jobs(const struct ledger *ledger) {
    struct map_entry *entry;
    uint64_t of_jobs = 0;
    uint64_t of_pods = 0;
    size_t leaving = 0;
    size_t at = 0;

    while ((entry = map_next(&ledger->jobs, &at)) != NULL) {
        const struct kept_job *job = entry->value;

        const struct kept_pod *pod = job->pods;

        of_jobs += job->pod_count;
        for (uint64_t i = 0; i < job->pod_count; i++, pod = pod->next_of_job) {
            ENSURE(pod != NULL && pod->job_id == job->id);
        }
        ENSURE(pod == NULL);
        ENSURE((map_get_id(&ledger->leaving, job->id) == job) ==
               (find_reservation(ledger, job->id) == NULL));
        leaving += find_reservation(ledger, job->id) == NULL;
        ENSURE(job->pod_count > 0);
        ENSURE(job->live[POD_ROLE_POD] + job->live[POD_ROLE_DRIVER] +
                   job->live[POD_ROLE_EXECUTOR] <=
               job->pod_count);
    }
    for (at = 0; (entry = map_next(&ledger->pods, &at)) != NULL;) {
        of_pods += ((const struct kept_pod *)entry->value)->job_id != 0;
    }
    ENSURE(of_jobs == of_pods && leaving == ledger->leaving.count);
}

void ledger_verify(const struct ledger *ledger) {
    struct recount recount = {
        .own = mem_alloc(ledger->namespace_count, sizeof(struct usage)),
        .reserved = mem_alloc(ledger->namespace_count, sizeof(struct usage)),
        .node_used = mem_alloc(ledger->node_count, sizeof(struct resources)),
        .node_pods = mem_alloc(ledger->node_count, sizeof(size_t)),
    };

    recount_pods(ledger, &recount);
    recount_reservations(ledger, &recount);
    verify_jobs(ledger);
    for (size_t i = 0; i < ledger->namespace_count; i++) {
        usages_equal(&ledger->namespaces[i]->own, &recount.own[i]);
        usages_equal(&ledger->namespaces[i]->reserved, &recount.reserved[i]);
        usage_finish(&recount.own[i]);
        usage_finish(&recount.reserved[i]);
    }
    for (size_t i = 0; i < ledger->node_count; i++) {
        const struct ledger_node *node = ledger->nodes[i];

        ENSURE(i == 0 || strcmp(ledger->nodes[i - 1]->name, node->name) < 0);
        ENSURE(resources_equal(&node->used, &recount.node_used[i]));
        ENSURE(node->pod_count == recount.node_pods[i]);
        ENSURE(node->node != NULL || node->pod_count > 0);
    }
    map_verify(&ledger->pods);
    map_verify(&ledger->unbound);
    map_verify(&ledger->jobs);
    free(recount.own);
    free(recount.reserved);
    free(recount.node_used);
    free(recount.node_pods);
}

static int quota_overrun(const struct ledger_namespace *namespace, const struct quota *quota,
                         const struct resource_names *names, struct error *error) {
    for (size_t i = 0; i < quota->item_count; i++) {
        const struct quota_item *item = &quota->items[i];
        const int64_t own = quota_item_amount(quota, item, &namespace->own);
        char own_text[QUANTITY_BYTES_MAX];
        char hard_text[QUANTITY_BYTES_MAX];

        if (own > item->hard) {
            quota_item_print(item, names, own, own_text);
            quota_item_print(item, names, item->hard, hard_text);
            return error_set(error, ERR_FULL, "quota %s/%s %s: pods take %s of %s", namespace->name,
                             quota->name, item->key, own_text, hard_text);
        }
    }
    return OK;
}

static int node_overrun(const struct ledger_node *node, const struct resource_names *names,
                        struct error *error) {
    char used_text[QUANTITY_BYTES_MAX];
    char whole_text[QUANTITY_BYTES_MAX];
    size_t kind;

    if (node->node == NULL) {
        return OK;
    }
    kind = resources_first_short(&node->used, &node->node->allocatable);
    if (kind == RESOURCE_NONE) {
        return OK;
    }
    resource_print(names, kind, node->used.amount[kind], used_text);
    resource_print(names, kind, node->node->allocatable.amount[kind], whole_text);
    return error_set(error, ERR_FULL, "node %s %s: pods take %s of %s", node->name,
                     resource_name(names, kind), used_text, whole_text);
}

int ledger_overrun(const struct ledger *ledger, const struct resource_names *names,
                   struct error *error) {
    int r = OK;

    for (size_t i = 0; r == OK && i < ledger->namespace_count; i++) {
        const struct ledger_namespace *namespace = ledger->namespaces[i];

        for (size_t j = 0; r == OK && j < namespace->quota_count; j++) {
            r = quota_overrun(namespace, namespace->quotas[j], names, error);
        }
    }
    for (size_t i = 0; r == OK && i < ledger->node_count; i++) {
        r = node_overrun(ledger->nodes[i], names, error);
    }
    return r;
}
