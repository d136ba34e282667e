/* sim/selector.h - label and field selectors, parsed once and matched often.
 *
 * Labels: a=b, a==b, a!=b, a in (b,c), a notin (b,c), a, !a. Fields: key=value, key==value
 * and key!=value on the few fields that the API can select on.
 */
#ifndef SIM_SELECTOR_H
#define SIM_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/resource.h"

struct json_t;

struct sim_selector {
    struct sim_term *terms; /* owned; all must hold */
    size_t count;
};

/* NULL on success (text may be NULL or empty: everything matches), else an owned 400. */
struct json_t *sim_selector_parse_labels(const char *text, struct sim_selector *out_selector);
struct json_t *sim_selector_parse_fields(const struct sim_resource *resource, const char *text,
                                         struct sim_selector *out_selector);

void sim_selector_finish(struct sim_selector *selector);

bool sim_selector_matches(const struct sim_selector *selector, const struct json_t *object);

#endif
