#include "sim/near.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/amounts.h"
#include "sim/census.h"
#include "sim/tree.h"

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";

/* One rule of the pod, with how many pods it is about by value of its topology key. */
struct tally {
    const json_t *rule;
    struct amounts counts;
    int64_t total;
    bool about_itself;
};

/* A domain that somebody's anti-affinity keeps the pod out of. */
struct closed {
    const char *key;
    const char *value;
};

struct near {
    const struct census *census;
    const json_t *pod;
    struct tally *affinities;
    size_t affinity_count;
    struct tally *antis;
    size_t anti_count;
    struct tally *spreads;
    size_t spread_count;
    struct closed *closed;
    size_t closed_count;
};

static const json_t *terms_of(const json_t *pod, const char *kind) {
    return tree_at(tree_at(tree_at(pod, "spec/affinity"), kind), required);
}

bool near_has_anti(const json_t *pod) {
    return json_array_size(terms_of(pod, "podAntiAffinity")) > 0;
}

static bool is_hard(const json_t *constraint) {
    const char *when = tree_text(constraint, "whenUnsatisfiable");

    return when == NULL || strcmp(when, "DoNotSchedule") == 0;
}

bool near_has_rules(const json_t *pod) {
    return near_has_anti(pod) || json_array_size(terms_of(pod, "podAffinity")) > 0 ||
           json_array_size(tree_at(pod, "spec/topologySpreadConstraints")) > 0;
}

/* --- Selectors -------------------------------------------------------------------------------- */

static bool lists(const json_t *values, const char *text) {
    json_t *value;
    size_t i;

    json_array_foreach(values, i, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), text) == 0) {
            return true;
        }
    }
    return false;
}

static bool expression_holds(const json_t *expression, const json_t *pod) {
    const char *key = tree_text(expression, "key");
    const char *label = key != NULL ? tree_label(pod, key) : NULL;
    const json_t *values = tree_at(expression, "values");

    if (tree_is(expression, "operator", "In")) {
        return label != NULL && lists(values, label);
    }
    if (tree_is(expression, "operator", "NotIn")) {
        return label == NULL || !lists(values, label);
    }
    return tree_is(expression, "operator", "Exists") ? label != NULL : label == NULL;
}

static bool selector_holds(const json_t *selector, const json_t *pod) {
    const char *key;
    json_t *value;
    size_t i;

    if (selector == NULL) {
        return false;
    }
    json_object_foreach(tree_walkable(tree_at(selector, "matchLabels")), key, value) {
        const char *label = tree_label(pod, key);

        if (label == NULL || !json_is_string(value) ||
            strcmp(label, json_string_value(value)) != 0) {
            return false;
        }
    }
    json_array_foreach(tree_at(selector, "matchExpressions"), i, value) {
        if (!expression_holds(value, pod)) {
            return false;
        }
    }
    return true;
}

/* Is the term of `owner` about this pod? */
static bool is_about(const json_t *term, const json_t *owner, const json_t *pod) {
    const json_t *namespaces = tree_at(term, "namespaces");
    const bool everywhere = tree_at(term, "namespaceSelector") != NULL;
    const bool near_home =
        json_array_size(namespaces) == 0 && strcmp(tree_namespace(owner), tree_namespace(pod)) == 0;

    return (everywhere || near_home || lists(namespaces, tree_namespace(pod))) &&
           selector_holds(tree_at(term, "labelSelector"), pod);
}

/* --- Looking at all pods ---------------------------------------------------------------------- */

static const char *domain_of(const json_t *rule, const json_t *node) {
    const char *key = tree_text(rule, "topologyKey");

    return key != NULL ? tree_label(node, key) : NULL;
}

static struct tally *tallies_create(const json_t *rules, const json_t *pod, size_t *out_count) {
    struct tally *tallies = mem_alloc(json_array_size(rules) + 1, sizeof *tallies);
    json_t *rule;
    size_t i;

    *out_count = 0;
    json_array_foreach(rules, i, rule) {
        if (is_hard(rule)) {
            tallies[(*out_count)++] =
                (struct tally){.rule = rule, .about_itself = is_about(rule, pod, pod)};
        }
    }
    return tallies;
}

static void count(struct tally *tallies, size_t tally_count, const json_t *owner,
                  const json_t *other, const json_t *node) {
    for (size_t i = 0; i < tally_count; i++) {
        const char *domain = domain_of(tallies[i].rule, node);

        if (domain != NULL && is_about(tallies[i].rule, owner, other)) {
            amounts_add(&tallies[i].counts, domain, 1, false);
            tallies[i].total++;
        }
    }
}

static void close_domains(struct near *near, const json_t *other, const json_t *node) {
    json_t *term;
    size_t i;

    json_array_foreach(terms_of(other, "podAntiAffinity"), i, term) {
        const char *domain = domain_of(term, node);

        if (domain != NULL && is_about(term, other, near->pod)) {
            near->closed = mem_grow(near->closed, near->closed_count + 1, sizeof *near->closed);
            near->closed[near->closed_count++] =
                (struct closed){tree_text(term, "topologyKey"), domain};
        }
    }
}

struct near *near_create(const struct census *census, const json_t *pod) {
    struct near *near = mem_alloc(1, sizeof *near);
    const struct map_entry *entry;

    near->census = census;
    near->pod = pod;
    near->affinities = tallies_create(terms_of(pod, "podAffinity"), pod, &near->affinity_count);
    near->antis = tallies_create(terms_of(pod, "podAntiAffinity"), pod, &near->anti_count);
    near->spreads =
        tallies_create(tree_at(pod, "spec/topologySpreadConstraints"), pod, &near->spread_count);
    for (size_t at = 0; (entry = map_next(&census->pods, &at)) != NULL;) {
        const struct census_pod *other = entry->value;
        const struct census_node *node =
            other->occupies != NULL ? census_find_node(census, other->occupies) : NULL;

        if (node == NULL || node->object == NULL) {
            continue;
        }
        count(near->affinities, near->affinity_count, pod, other->object, node->object);
        count(near->antis, near->anti_count, pod, other->object, node->object);
        count(near->spreads, near->spread_count, pod, other->object, node->object);
        close_domains(near, other->object, node->object);
    }
    return near;
}

static void tallies_destroy(struct tally *tallies, size_t tally_count) {
    for (size_t i = 0; i < tally_count; i++) {
        amounts_finish(&tallies[i].counts);
    }
    free(tallies);
}

void near_destroy(struct near *near) {
    if (near != NULL) {
        tallies_destroy(near->affinities, near->affinity_count);
        tallies_destroy(near->antis, near->anti_count);
        tallies_destroy(near->spreads, near->spread_count);
        free(near->closed);
        free(near);
    }
}

/* --- One node --------------------------------------------------------------------------------- */

static bool say(char *out_reason, const char *text) {
    (void)text_copy(out_reason, FIT_REASON_BYTES_MAX, text);
    return false;
}

static bool affinities_allow(const struct near *near, const json_t *node) {
    for (size_t i = 0; i < near->affinity_count; i++) {
        const struct tally *tally = &near->affinities[i];
        const char *domain = domain_of(tally->rule, node);

        if (domain == NULL || (amounts_value(&tally->counts, domain) == 0 &&
                               !(tally->total == 0 && tally->about_itself))) {
            return false;
        }
    }
    return true;
}

static bool antis_allow(const struct near *near, const json_t *node) {
    for (size_t i = 0; i < near->anti_count; i++) {
        const char *domain = domain_of(near->antis[i].rule, node);

        if (domain != NULL && amounts_value(&near->antis[i].counts, domain) > 0) {
            return false;
        }
    }
    return true;
}

static bool is_closed(const struct near *near, const json_t *node) {
    for (size_t i = 0; i < near->closed_count; i++) {
        const char *value = tree_label(node, near->closed[i].key);

        if (value != NULL && strcmp(value, near->closed[i].value) == 0) {
            return true;
        }
    }
    return false;
}

/* The fewest pods in any domain of the nodes that the pod selects. */
static int64_t least_count(const struct near *near, const struct tally *tally) {
    const struct map_entry *entry;
    struct amounts domains = {0};
    int64_t least = INT64_MAX;

    for (size_t at = 0; (entry = map_next(&near->census->nodes, &at)) != NULL;) {
        const struct census_node *node = entry->value;
        const char *domain = node->object != NULL && fit_selected(near->pod, node->object)
                                 ? domain_of(tally->rule, node->object)
                                 : NULL;

        if (domain != NULL) {
            const int64_t here = amounts_value(&tally->counts, domain);

            amounts_set(&domains, domain, 1, false);
            least = here < least ? here : least;
        }
    }
    if (domains.count == 0 || (int64_t)domains.count < tree_int(tally->rule, "minDomains", 1)) {
        least = 0;
    }
    amounts_finish(&domains);
    return least;
}

static bool spread_allows(const struct near *near, const struct tally *tally, const json_t *node) {
    const char *domain = domain_of(tally->rule, node);

    return amounts_value(&tally->counts, domain) + tally->about_itself - least_count(near, tally) <=
           tree_int(tally->rule, "maxSkew", 1);
}

bool near_allows(const struct near *near, const json_t *node,
                 char out_reason[FIT_REASON_BYTES_MAX]) {
    for (size_t i = 0; i < near->spread_count; i++) {
        if (domain_of(near->spreads[i].rule, node) == NULL) {
            return say(out_reason, "node(s) didn't match pod topology spread constraints (missing "
                                   "required label)");
        }
        if (!spread_allows(near, &near->spreads[i], node)) {
            return say(out_reason, "node(s) didn't match pod topology spread constraints");
        }
    }
    if (is_closed(near, node)) {
        return say(out_reason, "node(s) didn't satisfy existing pods anti-affinity rules");
    }
    if (!affinities_allow(near, node)) {
        return say(out_reason, "node(s) didn't match pod affinity rules");
    }
    if (!antis_allow(near, node)) {
        return say(out_reason, "node(s) didn't match pod anti-affinity rules");
    }
    return true;
}
