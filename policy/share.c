#include "policy/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/share_tree.h"

#define HALF_LIFE_DEFAULT_US (7 * 24 * 3600 * 1000000.0)
#define WEIGHT_DEFAULT       1.0
/* A user that used less of everything than this part of the cluster is forgotten. */
#define SWEEP_PART 1e-6

static const struct share_limits no_limits = SHARE_LIMITS_NONE;

/* --- Nodes ----------------------------------------------------------------------------------- */

static uint32_t free_index(struct share *share) {
    if (share->free_count > 0) {
        return share->free_nodes[--share->free_count];
    }
    share->nodes = mem_grow(share->nodes, share->node_count + 1, sizeof(struct share_tree_node *));
    share->free_nodes =
        mem_grow(share->free_nodes, share->node_count + 1, sizeof *share->free_nodes);
    return (uint32_t)share->node_count++;
}

static int sibling_order(const struct share_tree_node *a, const struct share_tree_node *b) {
    const int by_name = strcmp(a->name, b->name);

    return by_name != 0 ? by_name : (int)b->is_user - (int)a->is_user;
}

int share_sibling_order(const struct share *share, uint32_t a, uint32_t b) {
    return sibling_order(share->nodes[a], share->nodes[b]);
}

/* Where the child of that name is, or belongs. */
static size_t child_at(const struct share *share, const struct share_tree_node *parent,
                       const struct share_tree_node *child) {
    size_t low = 0;
    size_t high = parent->child_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sibling_order(child, share->nodes[parent->children[middle]]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void attach(struct share *share, struct share_tree_node *node, uint32_t parent_index) {
    struct share_tree_node *parent = share->nodes[parent_index];
    const size_t at = child_at(share, parent, node);

    node->parent = parent_index;
    parent->children =
        mem_grow(parent->children, parent->child_count + 1, sizeof *parent->children);
    memmove(&parent->children[at + 1], &parent->children[at],
            (parent->child_count - at) * sizeof *parent->children);
    parent->children[at] = node->index;
    parent->child_count++;
}

static struct share_tree_node *add_node(struct share *share, const char *name, char *key) {
    struct share_tree_node *node = mem_alloc(1, sizeof *node);

    node->index = free_index(share);
    node->name = mem_copy_text(name);
    node->key = key;
    node->weight = WEIGHT_DEFAULT;
    node->limits = no_limits;
    share->nodes[node->index] = node;
    if (key != NULL) {
        (void)map_put(&share->by_key, key, node);
    }
    return node;
}

static void node_destroy(struct share_tree_node *node) {
    if (node != NULL) {
        free(node->children);
        free(node->name);
        free(node->key);
        free(node);
    }
}

static void remove_node(struct share *share, struct share_tree_node *node) {
    struct share_tree_node *parent = share->nodes[node->parent];
    const size_t at = child_at(share, parent, node);

    ENSURE(node->child_count == 0 && parent->children[at] == node->index);
    parent->child_count--;
    memmove(&parent->children[at], &parent->children[at + 1],
            (parent->child_count - at) * sizeof *parent->children);
    (void)map_remove(&share->by_key, node->key);
    share->nodes[node->index] = NULL;
    share->free_nodes[share->free_count++] = node->index;
    node_destroy(node);
}

/* Names hold no line feeds, so the two kinds of keys never meet. */
static char *key_of(const char *team, const char *user) {
    return user != NULL ? mem_format("%s\n%s", team, user) : mem_copy_text(team);
}

static struct share_tree_node *find(const struct share *share, const char *team, const char *user) {
    char *key = user != NULL ? key_of(team, user) : NULL;
    struct share_tree_node *node = map_get(&share->by_key, key != NULL ? key : team);

    free(key);
    return node;
}

static struct share_tree_node *need_team(struct share *share, const char *name) {
    struct share_tree_node *node = find(share, name, NULL);

    if (node == NULL) {
        node = add_node(share, name, key_of(name, NULL));
        attach(share, node, SHARE_ROOT);
    }
    return node;
}

static struct share_tree_node *need_user(struct share *share, const char *team, const char *user) {
    struct share_tree_node *node = find(share, team, user);

    if (node == NULL) {
        const struct share_tree_node *parent = need_team(share, team);

        node = add_node(share, user, key_of(team, user));
        node->is_user = true;
        node->since_us = share->latest_us;
        attach(share, node, parent->index);
    }
    return node;
}

struct share *share_create(void) {
    struct share *share = mem_alloc(1, sizeof *share);
    struct share_tree_node *root;

    share->half_life_us = HALF_LIFE_DEFAULT_US;
    root = add_node(share, "", NULL);
    root->configured = true;
    return share;
}

static void forget_settings(struct share *share) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&share->teams_of_namespaces, &at)) != NULL;) {
        free(item->value);
    }
    for (size_t at = 0; (item = map_next(&share->namespace_limits, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&share->teams_of_namespaces);
    map_finish(&share->namespace_limits);
    share->teams_of_namespaces = (struct map){0};
    share->namespace_limits = (struct map){0};
}

void share_destroy(struct share *share) {
    if (share == NULL) {
        return;
    }
    forget_settings(share);
    for (size_t i = 0; i < share->node_count; i++) {
        node_destroy(share->nodes[i]);
    }
    for (size_t i = 0; i < share->space_count; i++) {
        free(share->spaces[i].name);
    }
    map_finish(&share->by_key);
    free(share->nodes);
    free(share->free_nodes);
    free(share->spaces);
    free(share->changed);
    free(share);
}

uint32_t share_hold(struct share *share, const char *team, const char *user) {
    struct share_tree_node *node = need_user(share, team, user);

    node->holds++;
    return node->index;
}

void share_drop(struct share *share, uint32_t node) {
    ENSURE(node < share->node_count && share->nodes[node] != NULL);
    ENSURE(share->nodes[node]->holds > 0);
    share->nodes[node]->holds--;
}

bool share_used_something(const struct share *share, const struct share_tree_node *node,
                          int64_t now_us) {
    double used[RESOURCE_KIND_MAX];

    share_decay(share, node, now_us, used);
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (used[i] > SWEEP_PART * (double)share->capacity.amount[i] && used[i] > 0) {
            return true;
        }
    }
    return false;
}

static bool is_needed(const struct share_tree_node *node) {
    return node->configured || node->child_count > 0 || node->holds > 0 || node->running_jobs > 0 ||
           node->waiting_jobs > 0 || node->is_listed;
}

/* The next to nothing that a user used is of no team any more: sums stay sums. */
static void take_away(struct share *share, struct share_tree_node *user, int64_t now_us) {
    uint32_t index = user->index;

    share_rebase(share, user, now_us);
    while (index != SHARE_ROOT) {
        struct share_tree_node *above = share->nodes[share->nodes[index]->parent];

        share_rebase(share, above, now_us);
        for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
            above->used[i] -= user->used[i];
        }
        index = above->index;
    }
}

/* First the record goes, then the node. */
static void sweep_node(struct share *share, struct share_tree_node *node, int64_t now_us) {
    if (is_needed(node) || share_used_something(share, node, now_us)) {
        return;
    }
    if (node->is_stored) {
        share_note_changed(share, node);
    } else {
        if (node->is_user) {
            take_away(share, node, now_us);
        }
        remove_node(share, node);
    }
}

/* Users before teams: a child's index may be above or below its parent's. */
void share_sweep(struct share *share, int64_t now_us) {
    for (int users = 1; users >= 0; users--) {
        for (size_t i = 0; i < share->node_count; i++) {
            if (share->nodes[i] != NULL && share->nodes[i]->is_user == (users == 1)) {
                sweep_node(share, share->nodes[i], now_us);
            }
        }
    }
}

uint32_t share_find(const struct share *share, const char *team, const char *user) {
    const struct share_tree_node *node = find(share, team, user);

    return node != NULL ? node->index : SHARE_NONE;
}

uint32_t share_parent(const struct share *share, uint32_t node) {
    return share->nodes[node]->parent;
}

bool share_node_exists(const struct share *share, uint32_t node) {
    return node < share->node_count && share->nodes[node] != NULL;
}

size_t share_node_count(const struct share *share) {
    return share->node_count;
}

static uint32_t depth_of(const struct share *share, uint32_t node) {
    uint32_t depth = 0;

    while (node != SHARE_ROOT) {
        node = share->nodes[node]->parent;
        depth++;
    }
    return depth;
}

struct share_node_info share_node(const struct share *share, uint32_t index) {
    const struct share_tree_node *node;

    ENSURE(index < share->node_count && share->nodes[index] != NULL);
    node = share->nodes[index];
    return (struct share_node_info){
        .name = node->name,
        .parent = node->parent,
        .depth = depth_of(share, index),
        .is_user = node->is_user,
        .weight = node->weight,
        .limits = &node->limits,
        .running_jobs = node->running_jobs,
        .waiting_jobs = node->waiting_jobs,
        .running = &node->running,
        .nominal_total = node->nominal_total,
        .children = node->children,
        .child_count = node->child_count,
    };
}

/* --- Settings -------------------------------------------------------------------------------- */

static void forget_node_settings(struct share *share, int64_t now_us) {
    for (size_t i = 0; i < share->node_count; i++) {
        struct share_tree_node *node = share->nodes[i];

        if (node != NULL) {
            share_rebase(share, node, now_us);
            node->configured = i == SHARE_ROOT;
            node->weight = WEIGHT_DEFAULT;
            node->limits = no_limits;
            node->child_count = 0;
            if (!node->is_user) {
                node->parent = SHARE_ROOT;
            }
        }
    }
}

static void configure_team(struct share *share, const struct share_team *team) {
    struct share_tree_node *node = find(share, team->name, NULL);

    if (node == NULL) {
        node = add_node(share, team->name, key_of(team->name, NULL));
    }
    ENSURE(team->weight > 0);
    node->configured = true;
    node->weight = team->weight;
    node->limits = team->limits;
    if (team->parent != NULL) {
        const struct share_tree_node *parent = find(share, team->parent, NULL);

        ENSURE(parent != NULL && parent->configured && parent != node);
        node->parent = parent->index;
    }
    for (size_t i = 0; i < team->namespace_count; i++) {
        free(map_put(&share->teams_of_namespaces, team->namespaces[i], mem_copy_text(team->name)));
    }
}

/* Users have their weights in the settings and may not be there yet: they are made, and stay. */
static void configure_users(struct share *share, const struct share_team *team) {
    for (size_t i = 0; i < team->user_count; i++) {
        struct share_tree_node *node = need_user(share, team->name, team->users[i].name);

        ENSURE(team->users[i].weight > 0);
        node->weight = team->users[i].weight;
        node->configured = true;
    }
}

static void attach_all(struct share *share) {
    for (size_t i = 0; i < share->node_count; i++) {
        if (i != SHARE_ROOT && share->nodes[i] != NULL) {
            attach(share, share->nodes[i], share->nodes[i]->parent);
        }
    }
}

static void configure_space(const struct share *share, struct share_space *space) {
    const struct share_limits *limits =
        space->name != NULL ? map_get(&share->namespace_limits, space->name) : NULL;

    space->limits = limits != NULL ? *limits : no_limits;
}

static void configure_namespaces(struct share *share, const struct share_settings *settings) {
    for (size_t i = 0; i < settings->namespace_count; i++) {
        free(map_put(
            &share->namespace_limits, settings->namespaces[i].name,
            mem_copy(&settings->namespaces[i].limits, sizeof settings->namespaces[i].limits)));
    }
    for (size_t i = 0; i < share->space_count; i++) {
        configure_space(share, &share->spaces[i]);
    }
}

static void add_nominal(struct share_tree_node *node, const struct share_amounts *nominal) {
    node->nominal_total.set |= nominal->set;
    resources_add(&node->nominal_total.amounts, &nominal->amounts);
}

static void sum_nominal(struct share *share, struct share_tree_node *node) {
    node->nominal_total = (struct share_amounts){0};
    add_nominal(node, &node->limits.nominal);
    for (size_t i = 0; i < node->child_count; i++) {
        struct share_tree_node *child = share->nodes[node->children[i]];

        sum_nominal(share, child);
        add_nominal(node, &child->nominal_total);
    }
}

static void note_limits(struct share *share, const struct share_settings *settings) {
    share->has_limits = settings->team_count + settings->namespace_count > 0;
    share->limits_waiting = false;
    for (size_t i = 0; i < settings->team_count; i++) {
        share->limits_waiting |= settings->teams[i].limits.waiting_max != SHARE_UNLIMITED;
    }
    for (size_t i = 0; i < settings->namespace_count; i++) {
        share->limits_waiting |= settings->namespaces[i].limits.waiting_max != SHARE_UNLIMITED;
    }
}

void share_configure(struct share *share, const struct share_settings *settings, int64_t now_us) {
    forget_settings(share);
    forget_node_settings(share, now_us);
    ENSURE(settings->half_life_us > 0);
    if ((int64_t)share->half_life_us != settings->half_life_us) {
        share->half_life_us = (double)settings->half_life_us;
        share_doubt(share);
    }
    for (size_t i = 0; i < settings->team_count; i++) {
        configure_team(share, &settings->teams[i]);
    }
    attach_all(share);
    for (size_t i = 0; i < settings->team_count; i++) {
        configure_users(share, &settings->teams[i]);
    }
    configure_namespaces(share, settings);
    sum_nominal(share, share->nodes[SHARE_ROOT]);
    note_limits(share, settings);
    share_settle(share, now_us);
    share_sweep(share, now_us);
}

const char *share_team_of_namespace(const struct share *share, const char *namespace) {
    return map_get(&share->teams_of_namespaces, namespace);
}

const char *share_team_above(const struct share *share, const char *team) {
    const struct share_tree_node *node = find(share, team, NULL);

    return node != NULL && node->parent != SHARE_ROOT ? share->nodes[node->parent]->name : NULL;
}

bool share_limits_waiting(const struct share *share) {
    return share->limits_waiting;
}

bool share_team_is_within(const struct share *share, const char *team, const char *other) {
    const struct share_tree_node *node = find(share, team, NULL);

    for (; node != NULL; node = share->nodes[node->parent]) {
        if (strcmp(node->name, other) == 0) {
            return true;
        }
        if (node->index == SHARE_ROOT) {
            break;
        }
    }
    return strcmp(team, other) == 0;
}

void share_name_namespace(struct share *share, size_t index, const char *name) {
    if (index >= share->space_count) {
        share->spaces = mem_grow(share->spaces, index + 1, sizeof *share->spaces);
        memset(&share->spaces[share->space_count], 0,
               (index + 1 - share->space_count) * sizeof *share->spaces);
        for (size_t i = share->space_count; i <= index; i++) {
            share->spaces[i].limits = no_limits;
        }
        share->space_count = index + 1;
    }
    if (share->spaces[index].name == NULL) {
        share->spaces[index].name = mem_copy_text(name);
        configure_space(share, &share->spaces[index]);
    }
}

const char *share_namespace_name(const struct share *share, size_t index) {
    ENSURE(index < share->space_count && share->spaces[index].name != NULL);
    return share->spaces[index].name;
}
