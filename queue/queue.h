/* queue/queue.h - the durable truth: jobs, attempts, events and specs in LMDB.
 *
 * Owns one folder, which no second process may open (a lock file is held). Each commit is one
 * transaction and one sync: all of it is on disk when it returns OK. Records are versioned,
 * little-endian and checksummed; a damaged one is reported, never guessed at. Never logs, never
 * decides.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "queue/change.h"

struct queue;

#define QUEUE_UID_BYTES 17 /* 16 hex digits and a NUL */

struct queue_stats {
    uint64_t jobs;
    uint64_t attempts;
    uint64_t events;
    uint64_t specs;
    uint64_t quarantined;
    uint64_t journal_lost; /* commits that the last opening found damaged in the journal */
    uint64_t file_bytes;
    uint64_t map_bytes;
};

/* Open or create the queue in a folder (created, mode 0700, if its parent exists).
 * ERR_BUSY: another process holds it. ERR_CORRUPT: not a queue, or of a later version. */
int queue_open(const char *folder, struct error *error, struct queue **out_queue) MUST_CHECK;

/* Accepts NULL. */
void queue_close(struct queue *queue);

/* Random, made when the queue was created: tells our pods from another queue's. */
const char *queue_uid(const struct queue *queue);

/* The id after the highest ever committed; ids are never used twice. */
uint64_t queue_next_id(const struct queue *queue);

/* The format that queue_open() migrated the file from; 0: it had ours. */
uint32_t queue_migrated_from(const struct queue *queue);

/* Write all changes in order, durable together when it returns OK: in the journal, or, when that
 * is full, with all that is in it in one transaction of the tables. On failure nothing is changed,
 * and the same changes may be committed again; if the process ends first, all of them may be found
 * the next time, or none. ERR_IO: disk full or a failed write (the queue has reopened its file; try
 * again later). ERR_CORRUPT: stop. O(changes). */
int queue_commit(struct queue *queue, const struct queue_change *changes, size_t count,
                 struct error *error) MUST_CHECK;

/* The same in two steps, so that the caller can do something else while the disk writes, or does
 * not come to an end: nothing is durable, and the queue may only be read (what is being committed
 * may be read too, reading may wait for some milliseconds, and ERR_IO is possible), until the
 * second one returns. The first sets
 * *out_is_writing if there is a second one to come; else all is as after queue_commit(). The
 * changes are borrowed until then. The second waits if it must; queue_commit_is_done() tells, and
 * waits so long at most.
 *
 * A thread writes; the descriptor, the queue's, is readable when there is a second step to be
 * taken, or else queue_attend() to be called: after a failure the thread opens the file anew.
 * Without a thread nothing is left to the second step. ERR_IO: there is no thread to be had. */
int queue_start_writer(struct queue *queue, int *out_fd, struct error *error) MUST_CHECK;
int queue_commit_begin(struct queue *queue, const struct queue_change *changes, size_t count,
                       bool *out_is_writing, struct error *error) MUST_CHECK;
/* The same, but what goes to the journal alone is written at once, by the caller: it waits for as
 * long as the disk takes. */
int queue_commit_here(struct queue *queue, const struct queue_change *changes, size_t count,
                      bool *out_is_writing, struct error *error) MUST_CHECK;
bool queue_commit_is_done(const struct queue *queue, int patience_ms);
int queue_commit_end(struct queue *queue, struct error *error) MUST_CHECK;
bool queue_attend(struct queue *queue); /* False: the thread is still at it. */

/* ERR_IO: so little room is left on the disk that it is kept for the jobs there are. */
int queue_check_room(const struct queue *queue, struct error *error) MUST_CHECK;

/* Can what is stored be read? Not while a turn is put there, nor while the file is opened again
 * after trouble: waits a moment for that. What follows reads nothing else (ERR_IO) until it can. */
bool queue_can_read(struct queue *queue);

/* Call back for each job in id order. Texts live until the callback returns. A callback's
 * negative result ends the scan and is returned. Damaged records are counted, not visited. */
int queue_each_job(struct queue *queue, int (*visit)(void *context, const struct job *job),
                   void *context, uint64_t *out_damaged) MUST_CHECK;

/* The same, with the numbers of what it shares (a demand's is 0 if none is stored): equal numbers
 * are equal contents. */
struct queue_job {
    const struct job *job;
    uint64_t terms;
    uint64_t spec;
    uint64_t demand;
};

int queue_each_stored(struct queue *queue, int (*visit)(void *context, const struct queue_job *job),
                      void *context, uint64_t *out_damaged) MUST_CHECK;

/* Each stored demand that is not damaged, as it was given, by number. */
int queue_each_demand(struct queue *queue,
                      int (*visit)(void *context, uint64_t number, const void *bytes, size_t count),
                      void *context) MUST_CHECK;

/* A job's attempts from the first, and its events from a sequence number on. */
int queue_each_attempt(struct queue *queue, uint64_t job_id,
                       int (*visit)(void *context, const struct attempt *attempt),
                       void *context) MUST_CHECK;
int queue_each_event(struct queue *queue, uint64_t job_id, uint32_t from_sequence,
                     int (*visit)(void *context, const struct job_event *event),
                     void *context) MUST_CHECK;

/* Append the text of a job's spec to out_text. ERR_NOT_FOUND, ERR_CORRUPT. */
int queue_get_spec(struct queue *queue, uint64_t job_id, struct buf *out_text) MUST_CHECK;

/* Append the row of a template that a job was made from; nothing if it was made from none. */
int queue_get_row(struct queue *queue, uint64_t job_id, struct buf *out_text) MUST_CHECK;

/* What a key was used for; out_submission->key is the caller's. ERR_NOT_FOUND. */
int queue_get_submission(struct queue *queue, const char *key,
                         struct submission *out_submission) MUST_CHECK;

/* Call back for each fact of a kind, in the order of their keys. Texts live until the callback
 * returns. A callback's negative result ends the scan and is returned. */
int queue_each_fact(struct queue *queue, enum fact_kind kind,
                    int (*visit)(void *context, const struct fact *fact), void *context,
                    uint64_t *out_damaged) MUST_CHECK;

/* --- Quarantine: damaged records that were come upon, in a table of their own ----------------- */

struct queue_damage {
    const char *name; /* "jobs/42", "events/42/7", "submissions/KEY" */
    const char *reason;
    const void *bytes; /* as they were found */
    size_t count;
};

/* Is there something for queue_quarantine() to do? */
bool queue_has_damage(const struct queue *queue);

/* Move what was found to the table, durably, and call back for each record that was moved since
 * the last call. On failure nothing was, and it may be tried again. */
int queue_quarantine(struct queue *queue, void (*visit)(void *context, const char *name),
                     void *context, struct error *error) MUST_CHECK;

int queue_each_quarantined(struct queue *queue,
                           int (*visit)(void *context, const struct queue_damage *damage),
                           void *context) MUST_CHECK;
bool queue_is_quarantined(struct queue *queue, const char *name);

/* Forget one of them, or all (NULL). ERR_NOT_FOUND. */
int queue_drop_quarantined(struct queue *queue, const char *name, struct error *error) MUST_CHECK;

int queue_get_stats(struct queue *queue, struct queue_stats *out_stats) MUST_CHECK;

/* Check every record of every table, and what they say of each other: each job's spec, attempts and
 * events, that its history is one the life cycle allows, how many jobs share a spec, which ids were
 * given, that what users used is what they were charged. Calls back with a line for each thing that
 * is wrong. O(everything). */
int queue_verify_all(struct queue *queue, void (*problem)(void *context, const char *text),
                     void *context, uint64_t *out_problems) MUST_CHECK;

/* The same; the first problem is described. */
int queue_verify(struct queue *queue, struct error *error) MUST_CHECK;

/* --- For export and import -------------------------------------------------------------------- */

/* By number. */
int queue_each_spec(struct queue *queue,
                    int (*visit)(void *context, uint64_t number, const char *text, size_t bytes),
                    void *context) MUST_CHECK;
int queue_each_submission(struct queue *queue,
                          int (*visit)(void *context, const struct submission *submission),
                          void *context) MUST_CHECK;

/* Take another uid (NULL: keep it), and give ids from next_id on, if that is higher. */
int queue_adopt(struct queue *queue, const char *uid, uint64_t next_id,
                struct error *error) MUST_CHECK;

/* --- Without opening it: beside the process that has it --------------------------------------- */

/* Write all that the queue in the folder holds, as of one instant, into a new file, without its
 * free pages; everything acknowledged before the call is in it. It is on disk when it returns OK,
 * in the format that was found. ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
int queue_copy(const char *folder, const char *path, struct error *error) MUST_CHECK;

int queue_peek_next_id(const char *folder, uint64_t *out_next_id, struct error *error) MUST_CHECK;

/* Keep all others from opening it until the file is closed. ERR_BUSY. */
int queue_hold(const char *folder, int *out_fd, struct error *error) MUST_CHECK;

/* Rename a file to be the queue's, durably; the former one is kept beside it if so wished. The
 * queue must be held, and what came back from queue_copy() has no journal. */
int queue_swap(const char *folder, const char *path, bool keep, struct error *error) MUST_CHECK;

#endif
