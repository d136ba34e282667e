/* config/teams.h - the teams, the priority classes and the limits of namespaces of a configuration.
 *
 *     priorityClasses:
 *       - {name: critical, tier: 2}             # a higher tier always goes first; others have 0
 *       - {name: bulk, tier: -1, priority: 10}  # the priority of jobs that do not say theirs
 *     teams:
 *       - name: analytics
 *         weight: 2                             # 1 if it is not said
 *         namespaces: [analytics, reports]      # their jobs are this team's
 *         users: [{name: ann, weight: 2}]       # all others weigh 1
 *         nominal: {cpu: 20, memory: 80Gi}      # what the team is good for,
 *         borrowingLimit: {cpu: 80}             # and how much more it may borrow
 *         limits: {runningJobs: 10, waitingJobs: 1000, resources: {cpu: 40}}
 *         teams: [{name: reports}]              # below it, and the same again
 *     namespaceLimits:
 *       - {name: reports, runningJobs: 5}
 *
 * Amounts stay texts, checked: what a resource is called and measured in is the scheduler's.
 */
#ifndef CONFIG_TEAMS_H
#define CONFIG_TEAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/node.h"
#include "config/problem.h"

#define TEAM_UNLIMITED INT64_MAX

/* A resource and a quantity of it. */
struct team_amount {
    char *resource;
    char *quantity;
};

struct team_amounts {
    struct team_amount *items;
    size_t count;
};

struct team_limits {
    int64_t running_jobs; /* TEAM_UNLIMITED: not said */
    int64_t waiting_jobs;
    struct team_amounts resources;
};

struct team_user {
    char *name;
    double weight;
};

/* Texts and arrays are owned. */
struct team {
    char *name;
    char *parent; /* an earlier one of the list; NULL: none */
    double weight;
    struct team_limits limits;
    struct team_amounts nominal;
    struct team_amounts borrowing;
    char **namespaces;
    size_t namespace_count;
    struct team_user *users;
    size_t user_count;
};

struct team_namespace {
    char *name;
    struct team_limits limits;
};

struct team_class {
    char *name;
    int32_t tier;
    int32_t priority; /* of jobs that do not say theirs */
};

/* Zeroed is empty. */
struct team_set {
    struct team *teams; /* parents before their children */
    size_t team_count;
    struct team_namespace *namespaces;
    size_t namespace_count;
    struct team_class *classes;
    size_t class_count;
};

/* The members of the root that are read here: a list in that order, ended by NULL. */
extern const char *const teams_members[];

/* Read them from the root of a configuration. On problems out_set is empty. */
void teams_read(struct text_node *root, struct team_set *out_set, struct problems *problems);
void team_set_finish(struct team_set *set); /* Accepts NULL. */

/* NULL: there is none. */
const struct team_class *team_set_class(const struct team_set *set, const char *name);

#endif
