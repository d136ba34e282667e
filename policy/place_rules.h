/* policy/place_rules.h - where the rules about other pods let a pod go: a part of policy/place.c.
 *
 * Inter-pod affinity and anti-affinity (that of pods which are there too), and topology spread.
 * Pod by pod, and each against all nodes: O(nodes) a pod, and O(pods in the cluster) once a
 * group. Pods without rules that nobody's anti-affinity is about never come here.
 */
#ifndef POLICY_PLACE_RULES_H
#define POLICY_PLACE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/place.h"

struct place_rules;

/* Do rules concern such a pod: its own, or the anti-affinity of one that is there? */
bool place_rules_concern(const struct place *place, const struct pod_demand *pod);

/* All that is there now, looked at for pods like this one. */
struct place_rules *place_rules_create(struct place *place, const struct pod_demand *pod);
void place_rules_destroy(struct place_rules *rules);

/* May the next pod go there? Otherwise *out_rule is the rule that keeps it off; NULL: the
 * anti-affinity of a pod that is there. */
bool place_rules_allow(const struct place_rules *rules, uint32_t node,
                       const struct pod_rule **out_rule);

/* How full the node's domains are, for topology spread: lower is better. */
int64_t place_rules_weight(const struct place_rules *rules, uint32_t node);

/* A pod like this one went there. */
void place_rules_note(struct place_rules *rules, uint32_t node);

/* In how many domains pods like this one can be at most, each in one of its own; UINT32_MAX: no
 * rule of theirs keeps them apart. *out_rule is the rule that does. */
uint32_t place_rules_domains(struct place *place, const struct pod_demand *pod,
                             const struct node_choice *choice, const struct pod_rule **out_rule);

#endif
