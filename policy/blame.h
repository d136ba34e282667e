/* policy/blame.h - how much a node failed jobs of anybody lately.
 *
 * Pure. Each job that failed on it weighs 1 against the node, however often it did, and halves with
 * each half-life since it last did so. policy/avoid.h has what a node did to one job.
 */
#ifndef POLICY_BLAME_H
#define POLICY_BLAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAME_JOBS_MAX 16 /* the one that failed there least recently makes way */

/* As it is stored (FACT_NODE): pairs of a job's id and the instant, the latest last. */
struct blame {
    uint32_t count; /* of marks: twice the jobs */
    int64_t marks[2 * BLAME_JOBS_MAX];
};

/* The job failed there. */
void blame_note(struct blame *blame, uint64_t job_id, int64_t now_us);

/* In thousandths. half_life_us of 0: nothing weighs. A clock that went back adds no weight. */
int64_t blame_milli(const struct blame *blame, int64_t half_life_us, int64_t now_us);

/* When it weighs that much, or less: now_us or later. */
int64_t blame_ends_us(const struct blame *blame, int64_t milli, int64_t half_life_us,
                      int64_t now_us);

size_t blame_jobs(const struct blame *blame);

/* Was it made by blame_note()? */
bool blame_is_valid(const struct blame *blame);

#endif
