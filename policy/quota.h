/* policy/quota.h - does a demand fit the ResourceQuotas of its namespace?
 *
 * available = hard - max(status.used, own + leaving) - reserved, for every key of every quota.
 * Our own sums of visible pods are the truth. `leaving` are pods that ended, but that the server
 * has not given back yet as far as we know (policy/quota_floor.h); status.used is a floor, until
 * it is too old to be believed. `hard` is status.hard (what the API server enforces) or spec.hard
 * while that is empty.
 */
#ifndef POLICY_QUOTA_H
#define POLICY_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/resources.h"
#include "policy/usage.h"

/* What a key counts. */
enum quota_field {
    QUOTA_REQUESTS, /* cpu, requests.cpu, requests.nvidia.com/gpu, ... */
    QUOTA_LIMITS,   /* limits.cpu, ... */
    QUOTA_PODS,     /* pods that are not finished */
    QUOTA_PODS_ALL, /* count/pods */
    QUOTA_OBJECTS,  /* services, count/deployments.apps, requests.storage, ... */
    QUOTA_NOTHING,  /* limits.nvidia.com/gpu: a key that the server stores and nobody counts */
};

struct quota_item {
    char *key; /* as the quota has it; owned */
    enum quota_field field;
    size_t kind; /* of QUOTA_REQUESTS and QUOTA_LIMITS; else RESOURCE_NONE */
    int64_t hard;
    int64_t used;
    bool uncounted;  /* hard is there and used is not: the server refuses all it concerns */
    int64_t leaving; /* by policy/quota_floor.h: of pods that ended, not given back yet */
};

enum quota_scope {
    QUOTA_SCOPE_TERMINATING,
    QUOTA_SCOPE_NOT_TERMINATING,
    QUOTA_SCOPE_BEST_EFFORT,
    QUOTA_SCOPE_NOT_BEST_EFFORT,
    QUOTA_SCOPE_PRIORITY_CLASS,
    QUOTA_SCOPE_CROSS_NAMESPACE, /* CrossNamespacePodAffinity */
    QUOTA_SCOPE_VOLUME_CLASS,    /* VolumeAttributesClass: of claims, never of pods */
    QUOTA_SCOPE_UNKNOWN,         /* newer than we are: not checked, the server decides */
};

struct quota_selector {
    enum quota_scope scope;
    enum match_operator operator; /* of the classes: IN, NOT_IN, EXISTS, DOES_NOT_EXIST */
    char **values;
    size_t value_count;
};

/* Texts and arrays are owned. Zeroed is empty. */
struct quota {
    char *namespace;
    char *name;
    struct quota_item *items;
    size_t item_count;
    struct quota_selector *selectors; /* from scopes and scopeSelector; all must match */
    size_t selector_count;
    uint64_t version; /* resourceVersion; 0: not known */
    /* Kept by policy/quota_floor.h: */
    int64_t seen_us;
    uint64_t released_version; /* pods that ended up to this version were given back */
    bool floor_is_old;         /* used says nothing about pods any more */
};

void quota_init(struct quota *quota, const char *namespace, const char *name);
void quota_finish(struct quota *quota);
void quota_copy(const struct quota *quota, struct quota *out_quota);

/* One key with its hard and used quantities ("" or NULL used: 0). ERR_INVALID: bad quantity or
 * key; ERR_FULL: too large or too many extended resources. */
int quota_add_item(struct quota *quota, struct resource_names *names, const char *key,
                   const char *hard, const char *used) MUST_CHECK;

/* Of the item added last: the server has not said how much is used, and refuses what the item is
 * about. */
void quota_mark_uncounted(struct quota *quota);

/* "Terminating", "BestEffort", "PriorityClass", ...; an operator of scopeSelector ("In", "NotIn",
 * "Exists", "DoesNotExist"; NULL for a plain scope) and its values. */
void quota_add_scope(struct quota *quota, const char *scope, const char *operator,
                     const char * const * values, size_t value_count);

/* Does the quota count pods of this scope? */
bool quota_matches(const struct quota *quota, const struct pod_scope *scope);

/* What a usage holds of one of the quota's items. */
int64_t quota_item_amount(const struct quota *quota, const struct quota_item *item,
                          const struct usage *usage);

/* What is taken of an item when our own sum is `own`. */
int64_t quota_taken(const struct quota *quota, const struct quota_item *item, int64_t own);

/* An item's amount as Kubernetes prints it. */
void quota_item_print(const struct quota_item *item, const struct resource_names *names,
                      int64_t amount, char out_text[QUANTITY_BYTES_MAX]);

enum quota_verdict {
    QUOTA_FITS,
    QUOTA_SHORT,        /* not now */
    QUOTA_NEVER,        /* more than hard */
    QUOTA_MUST_SPECIFY, /* a container does not set what the quota covers: quota_missing_print() */
};

/* What was short, with all the numbers; pointers into the quotas that were checked. */
struct quota_answer {
    enum quota_verdict verdict;
    const struct quota *quota;
    const struct quota_item *item; /* NULL with QUOTA_FITS and QUOTA_MUST_SPECIFY */
    int64_t needs;
    int64_t free; /* may be negative */
    int64_t own;  /* our sum of visible pods, leaving ones too; hard is in the item */
    int64_t taken;
    int64_t reserved;
};

/* A settled demand, LimitRanges applied, against every quota of its namespace. `reserved` are
 * usages on top of `own`. The worst verdict wins (MUST_SPECIFY, then NEVER, then SHORT), then
 * the first in order. O(items). */
struct quota_answer quota_check(const struct quota *const *quotas, size_t quota_count,
                                const struct demand *demand, const struct usage *own,
                                const struct usage *const *reserved, size_t reserved_count);

/* The first that covers what a container does not set; NULL: none does. */
const struct quota *quota_find_missing(const struct quota *const *quotas, size_t quota_count,
                                       const struct demand *demand);

/* What the quota covers and a container does not set: "limits.cpu,requests.cpu". The API server
 * puts "failed quota: NAME: must specify " before it. */
void quota_missing_print(const struct quota *quota, const struct demand *demand, char *out_text,
                         size_t bytes_max);

#endif
