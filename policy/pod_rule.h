/* policy/pod_rule.h - what a pod asks of labels: of its node, and of the pods near it.
 *
 * Source: Kubernetes' documentation of node affinity, inter-pod affinity and topology spread
 * constraints. Only what is required is kept; preferences never keep a pod from a node.
 */
#ifndef POLICY_POD_RULE_H
#define POLICY_POD_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_pair {
    char *key;
    char *value;
};

enum match_operator {
    MATCH_IN,
    MATCH_NOT_IN,
    MATCH_EXISTS,
    MATCH_DOES_NOT_EXIST,
    MATCH_GT, /* one value, a whole number; as for MATCH_LT */
    MATCH_LT,
};

struct match_rule {
    char *key; /* of a label; unused when on_name */
    enum match_operator operator;
    bool on_name; /* matchFields: the node's metadata.name */
    char **values;
    size_t value_count;
};

/* Every rule must hold. Of a node: one nodeSelectorTerm, which without rules matches nothing; of
 * pods: a label selector, which without rules matches everything. */
struct match_term {
    struct match_rule *rules;
    size_t rule_count;
};

void match_term_finish(struct match_term *term);
void match_term_add_rule(struct match_term *term, const struct match_rule *rule); /* copies */
bool match_term_equal(const struct match_term *a, const struct match_term *b);

/* Does the rule hold for a value; NULL: the label is not there? */
bool match_rule_holds(const struct match_rule *rule, const char *value);

enum pod_rule_kind {
    POD_RULE_AFFINITY,      /* only into a topology domain where such a pod is */
    POD_RULE_ANTI_AFFINITY, /* not into a domain where such a pod is; and such pods not into ours */
    POD_RULE_SPREAD,        /* topologySpreadConstraints with DoNotSchedule */
};

/* A rule about pods in the same topology domain: the nodes with one value of a label. */
struct pod_rule {
    enum pod_rule_kind kind;
    char *topology_key;
    struct match_term selector;
    bool selects_nothing; /* there is no selector */
    char **namespaces;
    size_t namespace_count;
    bool every_namespace; /* a namespaceSelector: we do not know namespaces' labels */
    /* Of SPREAD: */
    uint32_t skew_max;
    uint32_t domains_min; /* 1: no minimum */
    bool ignores_where;   /* nodeAffinityPolicy Ignore: domains of nodes it can't use count too */
    bool honours_taints;  /* nodeTaintsPolicy Honor: those of nodes it does not tolerate do not */
};

void pod_rule_finish(struct pod_rule *rule);
void pod_rule_copy(const struct pod_rule *rule, struct pod_rule *out_rule);
bool pod_rule_equal(const struct pod_rule *a, const struct pod_rule *b);
void pod_rule_add_namespace(struct pod_rule *rule, const char *namespace);

/* Is a pod of this namespace with these labels one of those the rule is about? */
bool pod_rule_selects(const struct pod_rule *rule, const char *namespace,
                      const struct text_pair *labels, size_t label_count);

#endif
