/* policy/share_tree.h - what the files of policy/share share. */
#ifndef POLICY_SHARE_TREE_H
#define POLICY_SHARE_TREE_H

#include "base/map.h"
#include "policy/share.h"

struct share_tree_node {
    char *key; /* in by_key; of the root: NULL */
    char *name;
    uint32_t index;
    uint32_t parent;
    bool is_user;
    bool configured; /* a team of the settings, and the root */
    double weight;
    struct share_limits limits;
    struct share_amounts nominal_total;
    uint32_t *children; /* by name */
    size_t child_count;
    size_t holds;
    int64_t running_jobs;
    int64_t waiting_jobs;
    struct resources running;
    int64_t used_us; /* the instant of `used` */
    double used[RESOURCE_KIND_MAX];
    double carried[RESOURCE_KIND_MAX]; /* of a user, at the same instant; see share.h */
    int64_t since_us;
    bool is_listed; /* of a user: among those that changed since their record was taken */
    bool is_stored; /* there is a record */
};

/* A namespace's own books. */
struct share_space {
    char *name; /* NULL: not named yet */
    struct share_limits limits;
    int64_t running_jobs;
    int64_t waiting_jobs;
    struct resources running;
};

struct share {
    double half_life_us;
    int64_t latest_us; /* of all charges: time does not run backwards from there */
    struct resources capacity;
    bool has_limits;                /* there may be any */
    bool limits_waiting;            /* anybody */
    struct share_tree_node **nodes; /* by index; NULL is a hole */
    size_t node_count;
    uint32_t *free_nodes;
    size_t free_count;
    struct map by_key;              /* struct share_tree_node */
    struct map teams_of_namespaces; /* the team's name, owned */
    struct map namespace_limits;    /* struct share_limits, owned */
    struct share_space *spaces;     /* by index */
    size_t space_count;
    bool is_doubted;   /* the books begin anew at the next share_settle() */
    uint32_t *changed; /* users */
    size_t changed_count;
    size_t changed_room;
};

/* What the node used on average, as it stands at now_us. */
void share_decay(const struct share *share, const struct share_tree_node *node, int64_t now_us,
                 double out_used[RESOURCE_KIND_MAX]);

/* Write that down, before running changes. */
void share_rebase(const struct share *share, struct share_tree_node *node, int64_t now_us);

/* More than next to nothing, on average. */
bool share_used_something(const struct share *share, const struct share_tree_node *node,
                          int64_t now_us);

/* Put a user into the list of those that changed. */
void share_note_changed(struct share *share, struct share_tree_node *node);

#endif
