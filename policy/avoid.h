/* policy/avoid.h - the nodes that failed a job, and for how long they are avoided.
 *
 * Pure. Each failure on a node weighs 1 against it and halves with time; a node is avoided while it
 * weighs more than a half: for one half-life after one failure, longer after more. Kept as a text
 * with the job: "node-a=2000@1795384800000000 node-b=...": thousandths, and as of when.
 */
#ifndef POLICY_AVOID_H
#define POLICY_AVOID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

#define AVOID_OWN_MAX     8 /* of a job itself; the lightest makes way */
#define AVOID_FOR_ALL_MAX 8 /* that failed several jobs: policy/blame.h */
#define AVOID_NODES_MAX   (AVOID_OWN_MAX + AVOID_FOR_ALL_MAX)

struct avoid_node {
    char name[LIMIT_NAME_BYTES + 1];
    bool is_required;
    int64_t milli;
    int64_t at_us;
};

struct avoid_list {
    struct avoid_node nodes[AVOID_NODES_MAX];
    size_t count;
};

/* What can't be read is left out: nothing depends on it but a preference. */
void avoid_parse(const char *text, struct avoid_list *out_list);
void avoid_print(const struct avoid_list *list, struct buf *out);

/* The node failed the job. */
void avoid_note(struct avoid_list *list, const char *node, bool is_required, int64_t half_life_us,
                int64_t now_us);

/* Only those that are avoided at the instant, in order of their names. */
void avoid_settle(struct avoid_list *list, int64_t half_life_us, int64_t now_us);

/* In order of their names. */
void avoid_sort(struct avoid_list *list);

/* When the next of them is avoided no longer; INT64_MAX: none is. */
int64_t avoid_ends_us(const struct avoid_list *list, int64_t half_life_us, int64_t now_us);

#endif
