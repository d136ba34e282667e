/* policy/share.h - the team tree: who uses how much, who used how much, and what each may use.
 *
 * A node is the root, a team, or a user of a team; each has a weight among its siblings. What a
 * node's jobs have reserved now is its `running`; `used` is the average of that over the past, in
 * which what lies one half-life back counts half: between two changes of running
 *
 *     used(t) = running + (used(t0) - running) * 2^-((t - t0) / half-life)
 *
 * applied when somebody looks. The share of a node is the largest, over all resources, of
 * (running + used) / capacity, divided by its weight; among siblings the lowest goes first. A
 * team's numbers are the sums of its users', so only those are stored.
 *
 * Limits are kept by each team for itself and all below it, and for namespaces. A nominal
 * amount is what a team is good for; it may borrow up to its borrowing limit from what its
 * siblings leave, and a team and all below it never use more than their nominal amounts and
 * what they borrow.
 *
 * Pure; arithmetic is the same on every machine. Times are microseconds of the wall clock.
 */
#ifndef POLICY_SHARE_H
#define POLICY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/resources.h"

struct share;

#define SHARE_ROOT      0u
#define SHARE_NONE      UINT32_MAX
#define SHARE_UNLIMITED INT64_MAX

/* An amount counts only where its bit is set. */
struct share_amounts {
    uint16_t set; /* RESOURCE_BIT()s */
    struct resources amounts;
};

struct share_limits {
    int64_t running_max; /* jobs at once; SHARE_UNLIMITED */
    int64_t waiting_max; /* submissions beyond it are refused */
    struct share_amounts resources_max;
    struct share_amounts nominal;       /* of teams alone, */
    struct share_amounts borrowing_max; /* and this too; not set: no limit */
};

#define SHARE_LIMITS_NONE \
    { .running_max = SHARE_UNLIMITED, .waiting_max = SHARE_UNLIMITED }

/* As configured; all texts are borrowed for the call. */
struct share_user {
    const char *name;
    double weight;
};

struct share_team {
    const char *name;   /* no two are equal */
    const char *parent; /* a team earlier in the list; NULL: the root */
    double weight;      /* above 0 */
    struct share_limits limits;
    const char *const *namespaces; /* whose jobs are this team's if they do not say */
    size_t namespace_count;
    const struct share_user *users; /* those that do not weigh 1 */
    size_t user_count;
};

struct share_namespace {
    const char *name;
    struct share_limits limits;
};

struct share_settings {
    int64_t half_life_us; /* above 0 */
    const struct share_team *teams;
    size_t team_count;
    const struct share_namespace *namespaces;
    size_t namespace_count;
};

struct share *share_create(void); /* no teams, half-life a week */
void share_destroy(struct share *share);

/* Takes effect at once; accounts stay. A team that is gone, or never was in the settings, weighs 1
 * below the root and has no limits. now_us: history until now counts by the old half-life. */
void share_configure(struct share *share, const struct share_settings *settings, int64_t now_us);

/* The team of a namespace's jobs that name none; NULL: no team has it. */
const char *share_team_of_namespace(const struct share *share, const char *namespace);

/* The team above a team; NULL: none, or there is no such team. */
const char *share_team_above(const struct share *share, const char *team);

/* Does anything limit how many jobs wait? */
bool share_limits_waiting(const struct share *share);

/* Is `team` the other one, or below it? */
bool share_team_is_within(const struct share *share, const char *team, const char *other);

/* --- Nodes ----------------------------------------------------------------------------------- */

/* A user's node, made if it is new. It stays as long as it is held, or has used something. */
uint32_t share_hold(struct share *share, const char *team, const char *user);
void share_drop(struct share *share, uint32_t node);

/* Forget users whom nobody holds and who used next to nothing. Once in a while; O(nodes). */
void share_sweep(struct share *share, int64_t now_us);

/* What a node is. Users of a team may be siblings of teams. */
struct share_node_info {
    const char *name;
    uint32_t parent; /* of the root: itself */
    uint32_t depth;  /* 0: the root */
    bool is_user;
    double weight;
    const struct share_limits *limits;
    int64_t running_jobs;
    int64_t waiting_jobs;
    const struct resources *running;
    struct share_amounts nominal_total; /* of the node and all below it */
    const uint32_t *children;           /* in order of names */
    size_t child_count;
};
struct share_node_info share_node(const struct share *share, uint32_t node);
uint32_t share_parent(const struct share *share, uint32_t node);

/* Which of two children of one node comes first by name; a user before a team of that name. */
int share_sibling_order(const struct share *share, uint32_t a, uint32_t b);
bool share_node_exists(const struct share *share, uint32_t node);
size_t share_node_count(const struct share *share); /* all nodes are below it */

/* The node of a team, or of a user of it; SHARE_NONE: there is none. user may be NULL. */
uint32_t share_find(const struct share *share, const char *team, const char *user);

/* --- The books ------------------------------------------------------------------------------- */

/* A job of the node starts to hold what its gang requests, or gives it back (times -1). Its
 * namespace has an index, which is the ledger's, and a name. Returns the instant of that, which is
 * later than now_us if the clock was set back. O(depth of the tree). */
struct share_charge {
    uint32_t node;
    size_t namespace_index;
    const struct resources *requests;
};
int64_t share_charge(struct share *share, const struct share_charge *charge, int times,
                     int64_t now_us);

/* Of each user there are two accounts, so that one can be checked by the other. `used` follows what
 * runs; `carried` is the part of it that is of charges which nobody remembers one by one any more.
 * At any instant
 *
 *     used = carried + the sum over the charges that are remembered
 *
 * where those before since_us do not count: carried began with all that was used until then. */
struct share_past {
    uint32_t node;
    const struct resources *requests;
    int64_t from_us; /* as share_charge() returned them */
    int64_t to_us;
};

/* A charge that is over is being forgotten. */
void share_carry(struct share *share, const struct share_past *past, int64_t now_us);

/* Some charges are not known: with the next share_settle() each user's accounts begin anew, with
 * all that was used until then. Another half-life has the same effect. */
void share_doubt(struct share *share);

/* The instant at which the books would take a change now: never before the latest one, which may
 * also be one from before the start. */
int64_t share_instant(const struct share *share, int64_t now_us);
void share_reach(struct share *share, int64_t at_us);

/* The same of a waiting submission; requests are not looked at. */
void share_wait(struct share *share, const struct share_charge *charge, int times);

/* The index a namespace has from now on; its limits are found by name. */
void share_name_namespace(struct share *share, size_t index, const char *name);
const char *share_namespace_name(const struct share *share, size_t index);

/* What the nodes of the cluster have in all; shares are parts of it. Kinds of which there is
 * nothing do not count, nor does the number of pods. */
void share_set_capacity(struct share *share, const struct resources *capacity);

/* (running + used) / capacity of the dominant resource, by weight. */
double share_value(const struct share *share, uint32_t node, int64_t now_us);

/* Does it run as much as its nominal amount, or more, of anything? Never without such an amount. */
bool share_is_borrowing(const struct share *share, uint32_t node);

/* The same number with its parts, for people. */
struct share_parts {
    size_t kind;    /* the dominant resource; RESOURCE_NONE: nothing is running or used */
    double running; /* of the capacity, 0 to 1 */
    double used;
    double weight;
    double share; /* (running + used) / weight */
};
struct share_parts share_explain(const struct share *share, uint32_t node, int64_t now_us);

/* --- Limits ---------------------------------------------------------------------------------- */

enum share_limit {
    SHARE_WITHIN,
    SHARE_LIMIT_RUNNING,   /* so many jobs run */
    SHARE_LIMIT_RESOURCES, /* so much of a resource is held */
    SHARE_LIMIT_BORROWING, /* nominal amounts and the borrowing limit are held */
    SHARE_LIMIT_WAITING,   /* so many wait; of share_check_waiting() alone */
};

/* Which limit, whose, and the numbers. */
struct share_answer {
    enum share_limit limit;
    bool of_namespace; /* of the charge's namespace, not of a node */
    uint32_t node;
    size_t kind; /* RESOURCE_NONE where jobs are counted */
    int64_t needs;
    int64_t used;
    int64_t hard;
    bool never; /* it needs more than hard by itself */
};

/* May one more job run? The namespace answers first, then the nodes from the user's up. */
struct share_answer share_check(const struct share *share, const struct share_charge *charge);

/* Does one job need more than a limit by itself? As nobody's limits ask how many there are, a limit
 * of no jobs at all counts too. */
struct share_answer share_check_never(const struct share *share, const struct share_charge *charge);

/* May `count` more wait? */
struct share_answer share_check_waiting(const struct share *share,
                                        const struct share_charge *charge, int64_t count);

/* --- Keeping --------------------------------------------------------------------------------- */

/* What is to be stored of a user: nothing else survives a restart. Texts are borrowed. */
struct share_record {
    const char *team;
    const char *user;
    int64_t at_us;
    int64_t since_us;
    int64_t half_life_us; /* 0: not known, nor is what is carried */
    bool gone;            /* nothing is left to store */
    double used[RESOURCE_KIND_MAX];
    double carried[RESOURCE_KIND_MAX];
};

/* A user that changed since it was taken; false: no more. Between two changes a record stays good:
 * used follows from it. */
bool share_take_changed(struct share *share, int64_t now_us, struct share_record *out_record);

/* At start, before the jobs that run are charged (with now_us 0: they ran already at the record's
 * instant); then share_settle() once. Several of one user add up. */
void share_restore(struct share *share, const struct share_record *record);
void share_settle(struct share *share, int64_t now_us);

/* Teams must hold the sums of what is below them; by ENSURE. */
void share_verify(const struct share *share, int64_t now_us);

#endif
