/* sim/quantities.h - the resource lists inside objects: parsed, refused, made canonical. */
#ifndef SIM_QUANTITIES_H
#define SIM_QUANTITIES_H

struct json_t;

/* Make every quantity of this list canonical ("0.5" -> "500m", 1 -> "1"). A value that is no
 * quantity gives an owned 400; NULL otherwise. list may be NULL. */
struct json_t *sim_quantities_decode(const char *kind, struct json_t *list);

/* The lists of a LimitRange's items, and of a Node's status. */
struct json_t *sim_quantities_decode_limits(struct json_t *limit_range);
struct json_t *sim_quantities_decode_node(struct json_t *node);

/* Negative, zero or positive as quantity a is below, equal to or above b. Texts that are no
 * quantities count as zero. */
int sim_quantities_compare(const char *a, const char *b);

#endif
