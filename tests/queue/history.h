/* tests/queue/history.h - a few commits with every kind of change, and what a queue holds, as text.
 */
#ifndef TESTS_QUEUE_HISTORY_H
#define TESTS_QUEUE_HISTORY_H

#include "queue/queue.h"

#define HISTORY_COMMITS 4
#define HISTORY_CHANGES 12

/* The changes of one commit. */
struct history {
    struct queue_change changes[HISTORY_CHANGES];
    size_t count;
};

/* Each shows, and takes more than one page. */
void history_fill(struct history *history);

struct queue *history_must_open(const char *folder);
int history_commit(struct queue *queue, const struct history *commit);
int history_commit_in_two_steps(struct queue *queue, const struct history *commit);
void history_must_commit(struct queue *queue, const struct history *commit);

/* Leave no room in the journal after so many commits: the next one goes to the tables. What is
 * committed here shows nowhere. */
void history_fill_journal(struct queue *queue, size_t commits);

/* All that the queue holds, after queue_verify(). The caller frees it. */
char *history_describe(struct queue *queue);
void history_check_holds(struct queue *queue, const char *want, const char *what);

/* What it should hold after so many commits. */
void history_describe_all(char *out_texts[HISTORY_COMMITS + 1], const struct history *history);
void history_free_all(char *texts[HISTORY_COMMITS + 1]);

#endif
