#include "scheduler/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "scheduler/runtimes.h"
#include "scheduler/view.h"

#define NODES_MAX 20000 /* beyond them, the longest way is not looked for */

/* --- Nodes ----------------------------------------------------------------------------------- */

struct graph_node {
    uint64_t id;
    const struct entry *entry; /* of an array, one that is not over */
    int64_t left_us;           /* 0 where it is unknown */
    bool is_unknown;
    bool is_behind; /* of the job: what is to end last */
    bool is_wanted; /* or leads there */
    int64_t ends_us;
    int64_t tail_us; /* the longest way behind it */
    size_t missing;  /* predecessors that were not looked at yet */
    size_t before;   /* the predecessor that ends last, from 1; 0: none */
};

struct edge {
    size_t from;
    size_t to;
};

struct net {
    const struct core *core;
    struct graph_node *nodes;
    size_t node_count;
    size_t node_room;
    struct map by_id;   /* id -> 1 + place */
    struct edge *edges; /* by where they begin, once all are known */
    size_t edge_count;
    size_t edge_room;
    struct edge *back; /* the same, turned round, and so in order too */
    size_t *queue;     /* room for all nodes */
};

static uint64_t unit_of(const struct entry *entry) {
    return entry->terms->array[0] != '\0' ? entry->terms->array_id : entry->id;
}

static bool is_over(const struct entry *entry) {
    return job_state_is_final((enum job_state)entry->state);
}

/* Of an array, how many still have to run. */
static uint64_t elements_left(const struct group *array) {
    uint64_t left = 0;

    for (size_t state = 0; state < JOB_STATE_COUNT; state++) {
        left += job_state_is_final((enum job_state)state) ? 0 : array->states[state];
    }
    return left;
}

static int64_t left_us(const struct core *core, const struct entry *entry) {
    const struct group *array = groups_array(entry);
    const int64_t started_us = entry_course(entry)->started_us;
    int64_t expected_us = runtimes_expect(core, entry).us;
    uint64_t rounds = 1;

    if (expected_us == 0) {
        return GRAPH_UNKNOWN_US;
    }
    if (array != NULL) {
        const uint64_t at_once = array->running_max > 0 ? array->running_max : array->tally.total;

        rounds = (elements_left(array) + at_once - 1) / at_once;
        return expected_us * (int64_t)rounds;
    }
    if (entry->state == JOB_RUNNING && started_us != 0) {
        expected_us -= core->instant.now_us - started_us;
    }
    return expected_us > 0 ? expected_us : 0;
}

/* Its place; made if it is none. SIZE_MAX: there are too many. */
static size_t node_of(struct net *net, const struct entry *entry) {
    const uint64_t id = unit_of(entry);
    const size_t known = (size_t)(uintptr_t)map_get_id(&net->by_id, id);
    int64_t us;

    if (known != 0) {
        return known - 1;
    }
    if (net->node_count == NODES_MAX) {
        return SIZE_MAX;
    }
    if (net->node_count == net->node_room) {
        net->node_room = net->node_room > 0 ? 2 * net->node_room : 64;
        net->nodes = mem_grow(net->nodes, net->node_room, sizeof *net->nodes);
    }
    us = left_us(net->core, entry);
    net->nodes[net->node_count] = (struct graph_node){.id = id,
                                                      .entry = entry,
                                                      .left_us = us == GRAPH_UNKNOWN_US ? 0 : us,
                                                      .is_unknown = us == GRAPH_UNKNOWN_US};
    net->node_count++;
    (void)map_put_id(&net->by_id, id, (void *)(uintptr_t)net->node_count);
    return net->node_count - 1;
}

static void add_edge(struct net *net, size_t from, size_t to) {
    if (from == SIZE_MAX || to == SIZE_MAX) {
        return;
    }
    if (net->edge_count == net->edge_room) {
        net->edge_room = net->edge_room > 0 ? 2 * net->edge_room : 64;
        net->edges = mem_grow(net->edges, net->edge_room, sizeof *net->edges);
    }
    net->edges[net->edge_count++] = (struct edge){from, to};
}

/* --- Items ----------------------------------------------------------------------------------- */

/* One of the jobs that an item means, rather one that is not over; NULL: none is known. */
static const struct entry *entry_of(const struct core *core, const struct after_item *item) {
    const struct group *group = groups_peek(core, item);
    const uint64_t first = item->count > 0 ? item->first_id : group != NULL ? group->first_id : 0;
    const uint64_t count = item->count > 0 ? item->count : 1;
    const struct entry *any = NULL;

    for (uint64_t i = 0; i < count && first > 0; i++) {
        const struct entry *entry = view_entry(core, first + i);

        if (entry != NULL && !is_over(entry)) {
            return entry;
        }
        any = any != NULL ? any : entry;
    }
    return any;
}

static struct after_tally tally_of(const struct core *core, const struct after_item *item) {
    const struct group *group = groups_peek(core, item);
    const struct entry *entry = item->count == 1 ? view_entry(core, item->first_id) : NULL;
    struct after_tally tally = {.total = item->count};

    if (group != NULL) {
        return groups_tally(core, group);
    }
    if (entry != NULL) {
        after_count(&tally, (enum job_state)entry->state, entry_course(entry)->has_run, 1);
    }
    return tally;
}

static void add(struct graph_relation **list, size_t *count, const struct graph_relation *one) {
    *list = mem_grow(*list, *count + 1, sizeof **list);
    (*list)[(*count)++] = *one;
}

static struct graph_relation relation_of(const struct core *core, const struct entry *entry) {
    struct graph_relation relation = {.left_us = GRAPH_UNKNOWN_US};

    if (entry != NULL) {
        relation.id = unit_of(entry);
        relation.name = entry->name;
        relation.state = (enum job_state)entry->state;
        relation.left_us = is_over(entry) ? 0 : left_us(core, entry);
    }
    return relation;
}

/* --- Neighbours ------------------------------------------------------------------------------ */

static void find_predecessors(const struct core *core, const struct entry *entry,
                              struct graph *graph) {
    struct after_reader reader = {.at = entry->terms->after, .namespace = entry->terms->namespace};
    struct after_item item;

    while (after_next(&reader, &item)) {
        struct graph_relation relation = relation_of(core, entry_of(core, &item));

        relation.item = item;
        if (item.count > 0) {
            relation.id = item.first_id;
        }
        relation.tally = tally_of(core, &item);
        relation.verdict = after_judge(&relation.tally, item.on);
        add(&graph->predecessors, &graph->predecessor_count, &relation);
    }
}

/* Does the item mean the job? */
static bool means(const struct after_item *item, const struct entry *entry) {
    if (item->count > 0) {
        return entry->id >= item->first_id && entry->id < item->first_id + item->count;
    }
    return entry->terms->schedule[0] != '\0' &&
           strcmp(entry->terms->namespace, item->namespace) == 0 &&
           strlen(entry->terms->schedule) == item->schedule_bytes &&
           memcmp(entry->terms->schedule, item->schedule, item->schedule_bytes) == 0 &&
           entry_course(entry)->occurrence.business_date == item->business_date;
}

static void note_successor(const struct core *core, const struct entry *entry,
                           const struct entry *of, struct graph *graph) {
    struct after_reader reader = {.at = entry->terms->after, .namespace = entry->terms->namespace};
    struct after_item item;

    while (after_next(&reader, &item)) {
        if (means(&item, of)) {
            struct graph_relation relation = relation_of(core, entry);

            relation.item = item;
            relation.tally = tally_of(core, &item);
            relation.verdict = after_judge(&relation.tally, item.on);
            add(&graph->successors, &graph->successor_count, &relation);
        }
    }
}

/* Who waits, once each: arrays are stepped over. */
static void each_waiting(const struct core *core, struct net *net, const struct entry *of,
                         struct graph *graph) {
    const struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL;) {
        const struct group *array = groups_array(entry);
        struct after_reader reader = {.at = entry->terms->after,
                                      .namespace = entry->terms->namespace};
        struct after_item item;

        id = array != NULL ? array->first_id + array->tally.total - 1 : entry->id;
        id = id > entry->id ? id : entry->id;
        note_successor(core, entry, of, graph);
        while (!is_over(entry) && after_next(&reader, &item)) {
            const struct entry *before = entry_of(core, &item);

            if (before != NULL && !is_over(before)) {
                add_edge(net, node_of(net, before), node_of(net, entry));
            }
        }
    }
}

/* --- The longest way ------------------------------------------------------------------------- */

static int by_from(const void *a, const void *b) {
    const struct edge *left = a;
    const struct edge *right = b;

    if (left->from != right->from) {
        return left->from < right->from ? -1 : 1;
    }
    return left->to < right->to ? -1 : left->to > right->to;
}

static void sort_edges(struct net *net) {
    net->back = mem_alloc(net->edge_count, sizeof *net->back);
    net->queue = mem_alloc(net->node_count, sizeof *net->queue);
    for (size_t i = 0; i < net->edge_count; i++) {
        net->back[i] = (struct edge){net->edges[i].to, net->edges[i].from};
    }
    qsort(net->edges, net->edge_count, sizeof *net->edges, by_from);
    qsort(net->back, net->edge_count, sizeof *net->back, by_from);
}

/* The first of a node's edges. */
static size_t first_edge(const struct edge *edges, size_t count, size_t node) {
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (edges[middle].from < node) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* From the job on: what is behind it. */
static size_t mark_behind(struct net *net, size_t job) {
    size_t end = 0;

    net->queue[end++] = job;
    net->nodes[job].is_behind = net->nodes[job].is_wanted = true;
    for (size_t at = 0; at < end; at++) {
        size_t i = first_edge(net->edges, net->edge_count, net->queue[at]);

        for (; i < net->edge_count && net->edges[i].from == net->queue[at]; i++) {
            struct graph_node *node = &net->nodes[net->edges[i].to];

            if (!node->is_behind) {
                node->is_behind = node->is_wanted = true;
                net->queue[end++] = net->edges[i].to;
            }
        }
    }
    return end;
}

/* And all that leads there. */
static void mark_wanted(struct net *net, size_t end) {
    for (size_t at = 0; at < end; at++) {
        size_t i = first_edge(net->back, net->edge_count, net->queue[at]);

        for (; i < net->edge_count && net->back[i].from == net->queue[at]; i++) {
            struct graph_node *node = &net->nodes[net->back[i].to];

            if (!node->is_wanted) {
                node->is_wanted = true;
                net->queue[end++] = net->back[i].to;
            }
        }
    }
}

/* The wanted nodes in the queue, each behind those it waits for, with when each ends. */
static size_t run_through(struct net *net) {
    size_t end = 0;

    for (size_t i = 0; i < net->edge_count; i++) {
        if (net->nodes[net->edges[i].from].is_wanted && net->nodes[net->edges[i].to].is_wanted) {
            net->nodes[net->edges[i].to].missing++;
        }
    }
    for (size_t i = 0; i < net->node_count; i++) {
        if (net->nodes[i].is_wanted && net->nodes[i].missing == 0) {
            net->queue[end++] = i;
        }
    }
    for (size_t at = 0; at < end; at++) {
        struct graph_node *from = &net->nodes[net->queue[at]];
        size_t i = first_edge(net->edges, net->edge_count, net->queue[at]);

        from->ends_us += from->left_us;
        for (; i < net->edge_count && net->edges[i].from == net->queue[at]; i++) {
            struct graph_node *to = &net->nodes[net->edges[i].to];

            if (!to->is_wanted) {
                continue;
            }
            if (to->before == 0 || from->ends_us > to->ends_us) { /* So far when it may begin. */
                to->ends_us = from->ends_us;
                to->before = net->queue[at] + 1;
            }
            if (--to->missing == 0) {
                net->queue[end++] = net->edges[i].to;
            }
        }
    }
    return end;
}

static void run_back(struct net *net, size_t end) {
    while (end > 0) {
        const size_t at = net->queue[--end];
        const struct graph_node *to = &net->nodes[at];
        size_t i = first_edge(net->back, net->edge_count, at);

        for (; i < net->edge_count && net->back[i].from == at; i++) {
            struct graph_node *from = &net->nodes[net->back[i].to];
            const int64_t tail_us = to->left_us + to->tail_us;

            from->tail_us = tail_us > from->tail_us ? tail_us : from->tail_us;
        }
    }
}

/* The way back from the node that ends last; what is unknown on any way makes the sums unknown. */
static void take_way(const struct net *net, size_t job, struct graph *graph) {
    const struct graph_node *last = &net->nodes[job];
    bool unknown = false;

    for (size_t i = 0; i < net->node_count; i++) {
        const struct graph_node *node = &net->nodes[i];

        unknown = unknown || (node->is_wanted && node->is_unknown);
        if (node->is_behind && node->ends_us > last->ends_us) {
            last = node;
        }
    }
    for (const struct graph_node *node = last;; node = &net->nodes[node->before - 1]) {
        const struct graph_relation relation = relation_of(net->core, node->entry);

        add(&graph->way, &graph->way_count, &relation);
        if (node->before == 0) {
            break;
        }
    }
    for (size_t i = 0; i < graph->way_count / 2; i++) {
        const struct graph_relation relation = graph->way[i];

        graph->way[i] = graph->way[graph->way_count - 1 - i];
        graph->way[graph->way_count - 1 - i] = relation;
    }
    graph->way_us = unknown ? GRAPH_UNKNOWN_US : last->ends_us;
    graph->slack_us = unknown ? GRAPH_UNKNOWN_US
                              : last->ends_us - net->nodes[job].ends_us - net->nodes[job].tail_us;
}

static void find_way(struct net *net, size_t job, struct graph *graph) {
    size_t end;

    sort_edges(net);
    end = mark_behind(net, job);
    mark_wanted(net, end);
    end = run_through(net);
    run_back(net, end);
    take_way(net, job, graph);
}

/* --- From outside ---------------------------------------------------------------------------- */

static bool any_waits(const struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->terms, &at)) != NULL;) {
        const struct terms *terms = item->value;

        if (terms->job.after[0] != '\0') {
            return true;
        }
    }
    return false;
}

void graph_around(const struct core *core, uint64_t id, struct graph *out_graph) {
    const struct entry *entry = view_entry(core, id);
    struct graph graph = {.way_us = GRAPH_UNKNOWN_US, .slack_us = GRAPH_UNKNOWN_US};
    struct net net = {.core = core};

    if (entry != NULL && any_waits(core)) {
        find_predecessors(core, entry, &graph);
        each_waiting(core, &net, entry, &graph);
        if (map_get_id(&net.by_id, unit_of(entry)) != NULL && net.node_count < NODES_MAX) {
            find_way(&net, node_of(&net, entry), &graph);
        }
    }
    free(net.nodes);
    free(net.edges);
    free(net.back);
    free(net.queue);
    map_finish(&net.by_id);
    *out_graph = graph;
}

void graph_finish(struct graph *graph) {
    free(graph->predecessors);
    free(graph->successors);
    free(graph->way);
}
