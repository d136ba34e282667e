/* policy/place_fill.h - one group onto the nodes: a part of policy/place.c.
 *
 * place_fill.c takes the first nodes with room, or goes pod by pod where rules about other pods
 * say so; place_miss.c says what kept a group off; place.c puts a gang together.
 */
#ifndef POLICY_PLACE_FILL_H
#define POLICY_PLACE_FILL_H

#include "policy/place.h"

/* One group being placed. */
struct batch {
    const struct pod_demand *pod;
    const struct resources *requests;
    uint64_t where_hash;
    uint32_t group;
    uint32_t count;
    const struct node_choice *choice;
    struct node_needs needs;
};

struct batch place_batch_of(const struct demand *demand, size_t group);

/* The choice is valid until another one is asked for. */
void place_choose(struct place *place, struct batch *batch);

/* How many pods find room, up to `wanted`. */
uint32_t place_fit_count(const struct node_needs *needs, const struct resources *free,
                         uint32_t wanted);

/* So many pods of the batch go to the node; for the rules about other pods they are there. */
void place_push_run(struct place *place, const struct batch *batch, uint32_t node, uint32_t count);
void place_note(struct place *place, uint32_t node, uint32_t count, const struct pod_demand *pod);

/* Put what fits on the nodes; how many were placed. */
uint32_t place_fill(struct place *place, struct batch *batch);

/* Give back what the runs took, from the last one on. */
void place_undo(struct place *place, const struct demand *demand);

/* Why no more than `placed` of the batch found room. */
struct place_miss place_find_miss(struct place *place, struct batch *batch, uint32_t placed);

#endif
