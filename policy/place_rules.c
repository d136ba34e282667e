#include "policy/place_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"

#define NO_DOMAIN UINT32_MAX

/* The nodes by the value of a label. */
struct domains {
    const char *key;
    uint32_t *of_node; /* NO_DOMAIN: it has no such label */
    uint32_t count;
};

/* A rule of the pod's own. */
struct own_rule {
    const struct pod_rule *rule;
    struct domains domains;
    int64_t *counts; /* by domain: pods that the rule is about */
    bool *eligible;  /* by domain, of SPREAD: counts for the minimum */
    int64_t total;
    bool about_itself;
};

/* Anti-affinity of others that is about the pod, by topology key. */
struct foreign_rule {
    struct domains domains;
    bool *blocked; /* by domain */
};

struct place_rules {
    const struct place *place;
    const struct pod_demand *pod;
    struct own_rule *own;
    size_t own_count;
    struct foreign_rule *foreign;
    size_t foreign_count;
};

static struct domains find_domains(const struct place *place, const char *key) {
    const size_t nodes = place->index.node_end;
    struct domains domains = {.key = key, .of_node = mem_alloc(nodes, sizeof *domains.of_node)};
    struct map ids = {0};

    for (size_t i = 0; i < nodes; i++) {
        const struct node *node = place->index.nodes[i].node;
        const char *value = node != NULL ? node_label(node, key) : NULL;
        uintptr_t id = value != NULL ? (uintptr_t)map_get(&ids, value) : 0;

        if (value != NULL && id == 0) {
            id = ++domains.count;
            (void)map_put(&ids, value, (void *)id);
        }
        domains.of_node[i] = id != 0 ? (uint32_t)(id - 1) : NO_DOMAIN;
    }
    map_finish(&ids);
    return domains;
}

static bool selects(const struct pod_rule *rule, const struct pod_demand *pod) {
    return pod_rule_selects(rule, pod->namespace, pod->labels, pod->label_count);
}

static bool keeps_off(const struct pod_demand *resident, const struct pod_demand *pod) {
    for (size_t i = 0; i < resident->rule_count; i++) {
        if (resident->rules[i].kind == POD_RULE_ANTI_AFFINITY &&
            selects(&resident->rules[i], pod)) {
            return true;
        }
    }
    return false;
}

bool place_rules_concern(const struct place *place, const struct pod_demand *pod) {
    if (pod->rule_count > 0) {
        return true;
    }
    for (size_t i = 0; i < place->anti_count; i++) {
        if (keeps_off(place->antis[i].pod, pod)) {
            return true;
        }
    }
    for (size_t i = 0; place->placed_antis > 0 && i < place->placed_count; i++) {
        if (keeps_off(place->placed[i].pod, pod)) {
            return true;
        }
    }
    return false;
}

/* --- The pod's own rules ---------------------------------------------------------------------- */

static void count_resident(struct own_rule *own, const struct place_resident *resident) {
    const uint32_t domain = own->domains.of_node[resident->node];

    if (domain != NO_DOMAIN && selects(own->rule, resident->pod)) {
        own->counts[domain] += resident->count;
        own->total += resident->count;
    }
}

/* A node that the pod can't use may be left out of the domains to spread over. */
static bool is_eligible(const struct place_rules *rules, const struct pod_rule *rule,
                        const struct node *node) {
    struct pod_demand where = {0};
    bool eligible = true;

    if (!rule->ignores_where) {
        where.selectors = rules->pod->selectors;
        where.selector_count = rules->pod->selector_count;
        where.terms = rules->pod->terms;
        where.term_count = rules->pod->term_count;
        eligible = node_labels_match(node, &where);
    }
    for (size_t i = 0; eligible && rule->honours_taints && i < node->taint_count; i++) {
        eligible = pod_tolerates(rules->pod, &node->taints[i]);
    }
    return eligible;
}

static void find_eligible(const struct place_rules *rules, struct own_rule *own) {
    for (size_t i = 0; i < rules->place->index.node_end; i++) {
        const uint32_t domain = own->domains.of_node[i];

        if (domain != NO_DOMAIN && !own->eligible[domain] &&
            is_eligible(rules, own->rule, rules->place->index.nodes[i].node)) {
            own->eligible[domain] = true;
        }
    }
}

static void add_own(struct place_rules *rules, const struct pod_rule *rule) {
    const struct place *place = rules->place;
    struct own_rule *own = &rules->own[rules->own_count++];

    *own = (struct own_rule){.rule = rule,
                             .domains = find_domains(place, rule->topology_key),
                             .about_itself = selects(rule, rules->pod)};
    own->counts = mem_alloc(own->domains.count + (size_t)1, sizeof *own->counts);
    own->eligible = mem_alloc(own->domains.count + (size_t)1, sizeof *own->eligible);
    for (size_t i = 0; i < place->resident_count; i++) {
        count_resident(own, &place->residents[i]);
    }
    for (size_t i = 0; i < place->placed_count; i++) {
        count_resident(own, &place->placed[i]);
    }
    if (rule->kind == POD_RULE_SPREAD) {
        find_eligible(rules, own);
    }
}

/* --- The rules of others ---------------------------------------------------------------------- */

static struct foreign_rule *foreign_for(struct place_rules *rules, const char *key) {
    struct foreign_rule *foreign;

    for (size_t i = 0; i < rules->foreign_count; i++) {
        if (strcmp(rules->foreign[i].domains.key, key) == 0) {
            return &rules->foreign[i];
        }
    }
    rules->foreign = mem_grow(rules->foreign, rules->foreign_count + 1, sizeof *rules->foreign);
    foreign = &rules->foreign[rules->foreign_count++];
    foreign->domains = find_domains(rules->place, key);
    foreign->blocked = mem_alloc(foreign->domains.count + (size_t)1, sizeof *foreign->blocked);
    return foreign;
}

static void block_near(struct place_rules *rules, const struct place_resident *resident) {
    for (size_t i = 0; i < resident->pod->rule_count; i++) {
        const struct pod_rule *rule = &resident->pod->rules[i];
        struct foreign_rule *foreign;
        uint32_t domain;

        if (rule->kind != POD_RULE_ANTI_AFFINITY || !selects(rule, rules->pod)) {
            continue;
        }
        foreign = foreign_for(rules, rule->topology_key);
        domain = foreign->domains.of_node[resident->node];
        if (domain != NO_DOMAIN) {
            foreign->blocked[domain] = true;
        }
    }
}

struct place_rules *place_rules_create(struct place *place, const struct pod_demand *pod) {
    struct place_rules *rules = mem_alloc(1, sizeof *rules);

    place_load_company(place);
    rules->place = place;
    rules->pod = pod;
    rules->own = mem_alloc(pod->rule_count + 1, sizeof *rules->own);
    for (size_t i = 0; i < pod->rule_count; i++) {
        add_own(rules, &pod->rules[i]);
    }
    for (size_t i = 0; i < place->anti_count; i++) {
        block_near(rules, &place->antis[i]);
    }
    for (size_t i = 0; i < place->placed_count; i++) {
        block_near(rules, &place->placed[i]);
    }
    return rules;
}

void place_rules_destroy(struct place_rules *rules) {
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->own_count; i++) {
        free(rules->own[i].domains.of_node);
        free(rules->own[i].counts);
        free(rules->own[i].eligible);
    }
    for (size_t i = 0; i < rules->foreign_count; i++) {
        free(rules->foreign[i].domains.of_node);
        free(rules->foreign[i].blocked);
    }
    free(rules->own);
    free(rules->foreign);
    free(rules);
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* The fewest in any domain that counts; with fewer domains than asked for, none. */
static int64_t least_count(const struct own_rule *own) {
    int64_t least = INT64_MAX;
    uint32_t domains = 0;

    for (uint32_t i = 0; i < own->domains.count; i++) {
        if (own->eligible[i]) {
            least = own->counts[i] < least ? own->counts[i] : least;
            domains++;
        }
    }
    return domains == 0 || domains < own->rule->domains_min ? 0 : least;
}

static bool own_allows(const struct own_rule *own, uint32_t node) {
    const uint32_t domain = own->domains.of_node[node];

    switch (own->rule->kind) {
    case POD_RULE_ANTI_AFFINITY:
        return domain == NO_DOMAIN || own->counts[domain] == 0;
    case POD_RULE_AFFINITY:
        /* The first of pods that want to be near each other may go anywhere. */
        return domain != NO_DOMAIN &&
               (own->counts[domain] > 0 || (own->total == 0 && own->about_itself));
    case POD_RULE_SPREAD:
        return domain != NO_DOMAIN &&
               own->counts[domain] + own->about_itself - least_count(own) <= own->rule->skew_max;
    }
    return true;
}

bool place_rules_allow(const struct place_rules *rules, uint32_t node,
                       const struct pod_rule **out_rule) {
    for (size_t i = 0; i < rules->own_count; i++) {
        if (!own_allows(&rules->own[i], node)) {
            *out_rule = rules->own[i].rule;
            return false;
        }
    }
    for (size_t i = 0; i < rules->foreign_count; i++) {
        const uint32_t domain = rules->foreign[i].domains.of_node[node];

        if (domain != NO_DOMAIN && rules->foreign[i].blocked[domain]) {
            *out_rule = NULL;
            return false;
        }
    }
    return true;
}

int64_t place_rules_weight(const struct place_rules *rules, uint32_t node) {
    int64_t weight = 0;

    for (size_t i = 0; i < rules->own_count; i++) {
        const uint32_t domain = rules->own[i].domains.of_node[node];

        if (rules->own[i].rule->kind == POD_RULE_SPREAD && domain != NO_DOMAIN) {
            weight += rules->own[i].counts[domain];
        }
    }
    return weight;
}

void place_rules_note(struct place_rules *rules, uint32_t node) {
    for (size_t i = 0; i < rules->own_count; i++) {
        const struct place_resident one = {.node = node, .count = 1, .pod = rules->pod};

        count_resident(&rules->own[i], &one);
    }
    block_near(rules, &(struct place_resident){.node = node, .count = 1, .pod = rules->pod});
}

uint32_t place_rules_domains(struct place *place, const struct pod_demand *pod,
                             const struct node_choice *choice, const struct pod_rule **out_rule) {
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < pod->rule_count; i++) {
        const struct pod_rule *rule = &pod->rules[i];
        struct domains domains;
        bool *seen;
        uint32_t count = 0;

        if (rule->kind != POD_RULE_ANTI_AFFINITY || !selects(rule, pod)) {
            continue;
        }
        domains = find_domains(place, rule->topology_key);
        seen = mem_alloc(domains.count + (size_t)1, sizeof *seen);
        for (size_t n = 0; n < place->index.node_end; n++) {
            const uint32_t domain = domains.of_node[n];

            if (place->index.nodes[n].node == NULL ||
                !node_index_chooses(&place->index, choice, (uint32_t)n)) {
                continue;
            }
            if (domain == NO_DOMAIN) {
                count = UINT32_MAX; /* Nodes without the label are not kept apart. */
                break;
            }
            count += !seen[domain];
            seen[domain] = true;
        }
        if (count < least) {
            least = count;
            *out_rule = rule;
        }
        free(domains.of_node);
        free(seen);
    }
    return least;
}
