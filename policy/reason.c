#include "policy/reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/text.h"

static const char *const code_texts[REASON_CODE_COUNT] = {
#define REASON_TEXT(name, text) [name] = text,
    REASON_LIST(REASON_TEXT)
#undef REASON_TEXT
};

const char *reason_code_text(enum reason_code code) {
    ENSURE(code < REASON_CODE_COUNT);
    return code_texts[code];
}

struct reason reason_plain(enum reason_code code) {
    struct reason reason;

    memset(&reason, 0, sizeof reason);
    reason.code = code;
    return reason;
}

struct reason reason_retry_wait(int64_t until_us) {
    struct reason reason = reason_plain(REASON_RETRY_WAIT);

    reason.until_us = until_us;
    return reason;
}

struct reason reason_breaker(const struct reason_broken *broken) {
    struct reason reason = reason_plain(REASON_BREAKER);

    reason.wanted = broken->failures;
    (void)text_copy(reason.key, sizeof reason.key, broken->failure);
    reason.used = broken->exit_code;
    reason.until_us = broken->until_us;
    reason.job_id = broken->probe_id;
    (void)text_copy(reason.name, sizeof reason.name, broken->key);
    return reason;
}

struct reason reason_pod_name(enum reason_holder holder, uint64_t job_id, const char *pod) {
    struct reason reason = reason_plain(REASON_POD_NAME);

    reason.field = (uint8_t)holder;
    reason.job_id = job_id;
    (void)text_copy(reason.name, sizeof reason.name, pod);
    return reason;
}

struct reason reason_behind(uint64_t job_id, enum reason_code ahead_code) {
    struct reason reason = reason_plain(REASON_BEHIND);

    reason.job_id = job_id;
    reason.ahead_code = (uint8_t)ahead_code;
    return reason;
}

static struct reason reason_must_specify(const struct quota_answer *answer,
                                         const struct demand *demand) {
    struct reason reason = reason_plain(REASON_QUOTA_MUST_SPECIFY);

    (void)text_copy(reason.name, sizeof reason.name, answer->quota->name);
    quota_missing_print(answer->quota, demand, reason.key, sizeof reason.key);
    return reason;
}

struct reason reason_quota(const struct quota_answer *answer, const struct demand *demand) {
    struct reason reason;
    size_t namespace_bytes;

    ENSURE(answer->verdict != QUOTA_FITS);
    if (answer->verdict == QUOTA_MUST_SPECIFY) {
        return reason_must_specify(answer, demand);
    }
    reason = reason_plain(answer->verdict == QUOTA_NEVER ? REASON_QUOTA_NEVER : REASON_QUOTA);
    reason.field = (uint8_t)answer->item->field;
    reason.kind = (uint8_t)answer->item->kind;
    reason.needs = answer->needs;
    reason.free = answer->free;
    reason.hard = answer->item->hard;
    reason.used = answer->taken;
    reason.own = answer->own;
    reason.reserved = answer->reserved;
    namespace_bytes = strnlen(answer->quota->namespace, LIMIT_LABEL_BYTES);
    memcpy(reason.name, answer->quota->namespace, namespace_bytes);
    reason.name[namespace_bytes++] = '/';
    (void)text_copy(reason.name + namespace_bytes, sizeof reason.name - namespace_bytes,
                    answer->quota->name);
    (void)text_copy(reason.key, sizeof reason.key, answer->item->key);
    return reason;
}

struct reason reason_limit(const struct share_answer *answer, const char *whose) {
    struct reason reason =
        reason_plain(answer->of_namespace ? REASON_NAMESPACE_LIMIT : REASON_TEAM_LIMIT);

    ENSURE(answer->limit != SHARE_WITHIN);
    reason.field = (uint8_t)answer->limit;
    reason.kind = (uint8_t)answer->kind;
    reason.needs = answer->needs;
    reason.used = answer->used;
    reason.hard = answer->hard;
    reason.free = amount_subtract(answer->hard, answer->used);
    (void)text_copy(reason.name, sizeof reason.name, whose);
    return reason;
}

/* The nearest node, or the pool of a node that may come; and what keeps the pod from the node if
 * none accepts it. */
static void name_nearest(struct reason *reason, const struct place *place,
                         const struct demand *demand, const struct place_miss *miss) {
    const struct node *node;

    if (miss->node >= place->index.node_end || place->index.nodes[miss->node].node == NULL) {
        return;
    }
    node = place->index.nodes[miss->node].node;
    (void)text_copy(reason->name, sizeof reason->name,
                    node->pool != NULL ? node->pool : node->name);
    reason->is_pool = node->pool != NULL;
    if (miss->nodes_matching == 0) {
        (void)node_refusal(node, &demand->groups[miss->group].pod, place->index.some_day,
                           reason->key, sizeof reason->key);
    }
}

struct reason reason_capacity(enum reason_code code, const struct place *place,
                              const struct demand *demand, const struct place_miss *miss) {
    struct reason reason = reason_plain(code);

    reason.kind = (uint8_t)miss->kind;
    reason.role = (uint8_t)demand->groups[miss->group].role;
    reason.placed = miss->placed;
    reason.wanted = miss->wanted;
    reason.nodes = miss->nodes;
    reason.nodes_matching = miss->nodes_matching;
    reason.needs = miss->needs;
    reason.free = miss->free;
    if (miss->kind != RESOURCE_NONE || miss->nodes_matching == 0) {
        name_nearest(&reason, place, demand, miss);
    }
    if (miss->kept_off) {
        reason.field = miss->rule != NULL ? (uint8_t)miss->rule->kind : REASON_RULE_OF_OTHERS;
        (void)text_copy(reason.key, sizeof reason.key,
                        miss->rule != NULL ? miss->rule->topology_key : "a pod there");
    }
    return reason;
}

void reason_promise(struct reason *reason, int64_t starts_us, uint32_t nodes, const char *node) {
    reason->starts_us = starts_us;
    reason->starts_nodes = nodes;
    if (node != NULL) {
        (void)text_copy(reason->starts_on, sizeof reason->starts_on, node);
    }
}

/* An amount in the form of the reason's resource or key; less than nothing is nothing. */
static void print_amount(const struct reason *reason, const struct resource_names *names,
                         int64_t amount, char out_text[QUANTITY_BYTES_MAX]) {
    amount = amount > 0 ? amount : 0;
    if (reason->kind != RESOURCE_NONE) {
        resource_print(names, reason->kind, amount, out_text);
    } else if (text_ends_with(reason->key, "requests.storage")) {
        quantity_print_bytes(amount, out_text);
    } else {
        quantity_print_units(amount, out_text);
    }
}

static void print_quota(const struct reason *reason, const struct resource_names *names,
                        char *out_text) {
    const bool floor = reason->used > reason->own;
    char needs[QUANTITY_BYTES_MAX];
    char free[QUANTITY_BYTES_MAX];
    char hard[QUANTITY_BYTES_MAX];
    char taken[QUANTITY_BYTES_MAX];
    char reserved[QUANTITY_BYTES_MAX];

    print_amount(reason, names, reason->needs, needs);
    print_amount(reason, names, reason->free, free);
    print_amount(reason, names, reason->hard, hard);
    print_amount(reason, names, floor ? reason->used : reason->own, taken);
    print_amount(reason, names, reason->reserved, reserved);
    if (reason->code == REASON_QUOTA_NEVER) {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "quota %s %s: needs %s, more than its hard %s",
                       reason->name, reason->key, needs, hard);
        return;
    }
    if (reason->needs <= reason->free) {
        (void)snprintf(out_text, REASON_TEXT_BYTES,
                       "quota %s %s: the API server has not counted what is used of it yet",
                       reason->name, reason->key);
        return;
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "quota %s %s: needs %s, free %s of %s (%s %s, reserved %s)", reason->name,
                   reason->key, needs, free, hard, floor ? "used" : "pods", taken, reserved);
}

static void print_must_specify(const struct reason *reason, const struct resource_names *names,
                               char *out_text) {
    (void)names;
    (void)snprintf(out_text, REASON_TEXT_BYTES, "failed quota: %s: must specify %s", reason->name,
                   reason->key);
}

static void print_no_node(const struct reason *reason, const char *role, char *out_text) {
    const bool never = reason->code == REASON_CAPACITY_NEVER;

    if (reason->name[0] != '\0') {
        (void)snprintf(out_text, REASON_TEXT_BYTES,
                       "nodes: none of %u accepts the %spod; the nearest%s, %s, %s", reason->nodes,
                       role, reason->is_pool ? ", a new node of pool" : "", reason->name,
                       reason->key);
        return;
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES, "nodes: none of %u accepts the %spod (%s)",
                   reason->nodes, role,
                   never ? "node selector, affinity, taints"
                         : "node selector, affinity, taints, readiness, cordon");
}

/* There is room, but not where the rules about other pods let it go. */
static void print_rule(const struct reason *reason, const char *role, char *out_text) {
    static const char *const rules[] = {
        [POD_RULE_AFFINITY] = "its affinity to pods by ",
        [POD_RULE_ANTI_AFFINITY] = "its anti-affinity by ",
        [POD_RULE_SPREAD] = "its topology spread by ",
        [REASON_RULE_OF_OTHERS] = "the anti-affinity of ",
    };

    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "nodes: %splaces for %u of %u %spods; %s%s keeps one more off the nodes with "
                   "room, such as %s (%u of %u nodes match)",
                   reason->code == REASON_CAPACITY_NEVER ? "even empty, " : "", reason->placed,
                   reason->wanted, role, rules[reason->field & 3], reason->key, reason->name,
                   reason->nodes_matching, reason->nodes);
}

static void print_capacity(const struct reason *reason, const struct resource_names *names,
                           char *out_text) {
    const char *role = reason->role == POD_ROLE_DRIVER     ? "driver "
                       : reason->role == POD_ROLE_EXECUTOR ? "executor "
                                                           : "";
    const bool never = reason->code == REASON_CAPACITY_NEVER;
    const bool waits_for_pool = reason->is_pool && !never;
    char needs[QUANTITY_BYTES_MAX];
    char free[QUANTITY_BYTES_MAX];

    if (reason->kind == RESOURCE_NONE) {
        print_no_node(reason, role, out_text);
        return;
    }
    if (reason->key[0] != '\0') {
        print_rule(reason, role, out_text);
        return;
    }
    print_amount(reason, names, reason->needs, needs);
    print_amount(reason, names, reason->free, free);
    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "nodes: %s%s%sroom for %u of %u %spods; one more needs %s %s, %s, %s, has %s "
                   "(%u of %u nodes match)",
                   waits_for_pool ? "waiting for node pool "
                   : never        ? "even empty, "
                                  : "",
                   waits_for_pool ? reason->name : "", waits_for_pool ? " to grow; " : "",
                   reason->placed, reason->wanted, role, resource_name(names, reason->kind), needs,
                   reason->is_pool ? "the nearest, a new node of pool" : "the nearest node",
                   reason->name, free, reason->nodes_matching, reason->nodes);
}

/* Jobs are counted, or a resource has its arithmetic. The root has no name. */
static void print_limit(const struct reason *reason, const struct resource_names *names,
                        char *out_text) {
    const char *what = reason->code == REASON_NAMESPACE_LIMIT ? "namespace "
                       : reason->name[0] != '\0'              ? "team "
                                                              : "all teams";
    const char *limit =
        reason->field == SHARE_LIMIT_BORROWING ? "nominal and borrowing limit" : "limit";
    char needs[QUANTITY_BYTES_MAX];
    char used[QUANTITY_BYTES_MAX];
    char hard[QUANTITY_BYTES_MAX];
    char free[QUANTITY_BYTES_MAX];

    if (reason->kind == RESOURCE_NONE) {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "%s%s: %lld of its %lld jobs %s", what,
                       reason->name, (long long)reason->used, (long long)reason->hard,
                       reason->field == SHARE_LIMIT_WAITING ? "wait" : "run");
        return;
    }
    print_amount(reason, names, reason->needs, needs);
    print_amount(reason, names, reason->used, used);
    print_amount(reason, names, reason->hard, hard);
    print_amount(reason, names, reason->free, free);
    if (reason->needs > reason->hard) {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "%s%s %s: needs %s, more than its %s %s", what,
                       reason->name, resource_name(names, reason->kind), needs, limit, hard);
        return;
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "%s%s %s: needs %s, free %s of its %s %s (running %s)", what, reason->name,
                   resource_name(names, reason->kind), needs, free, limit, hard, used);
}

static void print_behind(const struct reason *reason, const struct resource_names *names,
                         char *out_text) {
    const char *what = "";

    (void)names;
    if (reason->ahead_code == REASON_QUOTA) {
        what = ", which waits for quota";
    } else if (reason->ahead_code == REASON_CAPACITY) {
        what = ", which waits for room on the nodes";
    } else if (reason->ahead_code == REASON_TEAM_LIMIT) {
        what = ", which waits for its team's limit";
    } else if (reason->ahead_code == REASON_NAMESPACE_LIMIT) {
        what = ", which waits for its namespace's limit";
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES, "behind job %llu%s",
                   (unsigned long long)reason->job_id, what);
}

static void print_retry_wait(const struct reason *reason, const struct resource_names *names,
                             char *out_text) {
    char until[RFC3339_BYTES_MAX];

    (void)names;
    rfc3339_print(reason->until_us, until);
    (void)snprintf(out_text, REASON_TEXT_BYTES, "the next attempt starts at %s at the earliest",
                   until);
}

static void print_breaker(const struct reason *reason, const struct resource_names *names,
                          char *out_text) {
    char until[RFC3339_BYTES_MAX];
    int used;

    (void)names;
    rfc3339_print(reason->until_us, until);
    used = snprintf(out_text, REASON_TEXT_BYTES,
                    "the breaker of %s is open: %" PRIu32 " in a row ended with %s, exit code "
                    "%" PRId64 "; ",
                    reason->name, reason->wanted, reason->key, reason->used);
    if (reason->job_id != 0) {
        (void)snprintf(out_text + used, REASON_TEXT_BYTES - (size_t)used, "job %" PRIu64 " tries",
                       reason->job_id);
    } else {
        (void)snprintf(out_text + used, REASON_TEXT_BYTES - (size_t)used, "one may try at %s",
                       until);
    }
}

static void print_would_delay(const struct reason *reason, const struct resource_names *names,
                              char *out_text) {
    char until[RFC3339_BYTES_MAX];

    (void)names;
    rfc3339_print(reason->until_us, until);
    (void)snprintf(
        out_text, REASON_TEXT_BYTES, "%s at %s, when what it would take is promised to job %llu",
        reason->needs > 0 ? "it would still run" : "it may still run (for how long is not known)",
        until, (unsigned long long)reason->job_id);
}

/* "; reserved from 2026-11-22T22:40:00Z on n1 and 3 more" */
static void add_promise(const struct reason *reason, char out_text[REASON_TEXT_BYTES]) {
    const size_t bytes = strlen(out_text);
    char starts[RFC3339_BYTES_MAX];
    char where[REASON_NAME_BYTES + 32] = "";

    rfc3339_print(reason->starts_us, starts);
    if (reason->starts_nodes > 1) {
        (void)snprintf(where, sizeof where, " on %s and %u more", reason->starts_on,
                       reason->starts_nodes - 1);
    } else if (reason->starts_nodes == 1) {
        (void)snprintf(where, sizeof where, " on %s", reason->starts_on);
    }
    (void)snprintf(out_text + bytes, REASON_TEXT_BYTES - bytes, "; reserved from %s%s", starts,
                   where);
}

/* "window nightly opens Mon 2026-11-23 22:00 CET" */
static void print_window(const struct reason *reason, const struct resource_names *names,
                         char *out_text) {
    (void)names;
    if (reason->until_us == CLOCK_NEVER_US) {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "window %s does not open any more",
                       reason->name);
    } else {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "window %s opens %s", reason->name,
                       reason->key);
    }
}

static void print_window_too_short(const struct reason *reason, const struct resource_names *names,
                                   char *out_text) {
    char closes[RFC3339_BYTES_MAX];
    char expected[32];

    (void)names;
    rfc3339_print(reason->hard, closes);
    text_print_duration(reason->needs, expected);
    (void)snprintf(
        out_text, REASON_TEXT_BYTES, "window %s closes %s, too soon for the expected %s; %s%s",
        reason->name, closes, expected,
        reason->until_us == CLOCK_NEVER_US ? "it never opens for so long" : "it opens again ",
        reason->key);
}

static void print_window_unknown(const struct reason *reason, const struct resource_names *names,
                                 char *out_text) {
    (void)names;
    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "no window \"%s\" is configured any more; configure it, or cancel the job",
                   reason->name);
}

static void print_freeze(const struct reason *reason, const struct resource_names *names,
                         char *out_text) {
    char until[RFC3339_BYTES_MAX];

    (void)names;
    rfc3339_print(reason->until_us, until);
    (void)snprintf(out_text, REASON_TEXT_BYTES, "freeze %s lasts until %s", reason->name, until);
}

/* "waits for 2 of 3 predecessors: job 12 (load) is RUNNING, and is to succeed first" */
static void print_dependency(const struct reason *reason, const struct resource_names *names,
                             char *out_text) {
    static const char *const wishes[] = {"succeed", "fail", "end", "start"};
    const char *wish = reason->field < ARRAY_LEN(wishes) ? wishes[reason->field] : "";
    char done[64] = "";
    char of[96] = "";

    (void)names;
    if (reason->hard == 0) {
        (void)snprintf(done, sizeof done, " is not there yet,");
    } else if (reason->hard > 1) {
        (void)snprintf(done, sizeof done, ": %lld of %lld did,", (long long)reason->used,
                       (long long)reason->hard);
    } else {
        (void)snprintf(done, sizeof done, ",");
    }
    if (reason->needs > 1) {
        (void)snprintf(of, sizeof of, "%lld of %lld predecessors are through; ",
                       (long long)reason->free, (long long)reason->needs);
    }
    if (reason->code == REASON_DEPENDENCY) {
        (void)snprintf(out_text, REASON_TEXT_BYTES, "%s%s%s and is to %s first", of, reason->name,
                       done, wish);
    } else {
        (void)snprintf(out_text, REASON_TEXT_BYTES,
                       "%s%s%s and can't %s any more: waits until somebody retries it, or cancels "
                       "this job",
                       of, reason->name, done, wish);
    }
}

static void print_array_limit(const struct reason *reason, const struct resource_names *names,
                              char *out_text) {
    (void)names;
    if (reason->hard == 0) {
        (void)snprintf(out_text, REASON_TEXT_BYTES,
                       "%s is being cancelled or held: nothing more of it starts", reason->name);
        return;
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES,
                   "%s: %lld of its elements run or are next, of %lld "
                   "that may at once",
                   reason->name, (long long)reason->used, (long long)reason->hard);
}

/* "pod name spark/etl-driver: job 12 has it, or is next to; jobs of one name run one by one" */
static void print_pod_name(const struct reason *reason, const struct resource_names *names,
                           char *out_text) {
    /* What stands around the job's id; without a second part there is none. */
    static const struct {
        const char *before;
        const char *behind;
    } texts[HOLDER_COUNT] = {
        [HOLDER_JOB] = {"job ", " has it, or is next to; jobs of one name run one by one"},
        [HOLDER_NEXT] = {"nobody has it; not looked at yet", NULL},
        [HOLDER_POD] = {"the pod of job ", " has it, and has neither finished nor gone yet"},
        [HOLDER_ENDED] = {"the ended pod of job ", " has it, and goes once its log is stored"},
        [HOLDER_FOREIGN] = {"a pod that is not of this queue has it, and is left alone; the job "
                            "can start as soon as that pod is gone",
                            NULL},
        [HOLDER_FOREIGN_ENDED] = {"an ended pod that is not of this queue has it, and is left "
                                  "alone; the job can start as soon as somebody deletes that pod",
                                  NULL},
    };
    const enum reason_holder holder = (enum reason_holder)(reason->field % HOLDER_COUNT);
    char job[24] = "";

    (void)names;
    if (texts[holder].behind != NULL) {
        (void)snprintf(job, sizeof job, "%" PRIu64, reason->job_id);
    }
    (void)snprintf(out_text, REASON_TEXT_BYTES, "pod name %s: %s%s%s", reason->name,
                   texts[holder].before, job,
                   texts[holder].behind != NULL ? texts[holder].behind : "");
}

/* Either a sentence or a function that makes one. */
static const struct {
    const char *sentence;
    void (*print)(const struct reason *reason, const struct resource_names *names, char *out_text);
} printers[REASON_CODE_COUNT] = {
    [REASON_NONE] = {"", NULL},
    [REASON_HELD] = {"held until somebody releases it", NULL},
    [REASON_RETRY_WAIT] = {NULL, print_retry_wait},
    [REASON_BREAKER] = {NULL, print_breaker},
    [REASON_POD_NAME] = {NULL, print_pod_name},
    [REASON_CLUSTER_UNKNOWN] = {"the cluster's pods, nodes and quotas are not known yet", NULL},
    [REASON_NAMESPACE_UNKNOWN] = {"the cluster has no such namespace", NULL},
    [REASON_QUOTA] = {NULL, print_quota},
    [REASON_QUOTA_NEVER] = {NULL, print_quota},
    [REASON_QUOTA_MUST_SPECIFY] = {NULL, print_must_specify},
    [REASON_LIMIT_RANGE] = {"refused by a limit range of the namespace", NULL},
    [REASON_CAPACITY] = {NULL, print_capacity},
    [REASON_CAPACITY_NEVER] = {NULL, print_capacity},
    [REASON_BEHIND] = {NULL, print_behind},
    [REASON_TEAM_LIMIT] = {NULL, print_limit},
    [REASON_NAMESPACE_LIMIT] = {NULL, print_limit},
    [REASON_PREEMPTING] = {"jobs were stopped so that it can start; their pods are going", NULL},
    [REASON_WOULD_DELAY] = {NULL, print_would_delay},
    [REASON_BACKFILL_LIMIT] = {"enough jobs were looked at behind one that has to wait", NULL},
    [REASON_START_RATE] = {"enough jobs start already; this one is next in line", NULL},
    [REASON_WAITING_TURN] = {"not looked at yet", NULL},
    [REASON_DRAINING] = {"the scheduler is draining and starts nothing", NULL},
    [REASON_WINDOW] = {NULL, print_window},
    [REASON_WINDOW_TOO_SHORT] = {NULL, print_window_too_short},
    [REASON_WINDOW_UNKNOWN] = {NULL, print_window_unknown},
    [REASON_FREEZE] = {NULL, print_freeze},
    [REASON_NOT_LEADER] = {"the lease could not be renewed, nothing is started meanwhile", NULL},
    [REASON_DEPENDENCY] = {NULL, print_dependency},
    [REASON_DEPENDENCY_NEVER] = {NULL, print_dependency},
    [REASON_ARRAY_LIMIT] = {NULL, print_array_limit},
    [REASON_POD_REMAINS] = {"the pod of an earlier attempt has neither finished nor gone yet",
                            NULL},
};

void reason_print(const struct reason *reason, const struct resource_names *names,
                  char out_text[REASON_TEXT_BYTES]) {
    ENSURE(reason->code < REASON_CODE_COUNT);
    if (printers[reason->code].print != NULL) {
        printers[reason->code].print(reason, names, out_text);
    } else {
        (void)text_copy(out_text, REASON_TEXT_BYTES, printers[reason->code].sentence);
    }
    if (reason->starts_us != 0) {
        add_promise(reason, out_text);
    }
}
