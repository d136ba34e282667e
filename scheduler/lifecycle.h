/* scheduler/lifecycle.h - how jobs move: the core's handlers, in four files and with one table.
 *
 * Private to scheduler/core. Every change of state goes through lifecycle_move(), which asks
 * policy's table and writes the event that says why.
 */
#ifndef SCHEDULER_LIFECYCLE_H
#define SCHEDULER_LIFECYCLE_H

#include "scheduler/view.h"

/* --- lifecycle.c: moving, and what time brings ------------------------------------------------ */

/* Change state, with an event that says why. */
void lifecycle_move(struct core *core, struct entry *entry, enum job_state to, const char *kind,
                    const char *text);
void lifecycle_note(struct core *core, struct entry *entry, const char *kind, const char *text);

/* The event of a job's submission, which its record implies. */
void lifecycle_note_first(struct core *core, struct entry *entry, const struct job *job);

/* Do what is due for the job, and set its next timer. */
void lifecycle_tick(struct core *core, struct entry *entry);

/* Look at the job (0: at the pods to be removed) at this monotonic time. */
void lifecycle_wake_at(struct core *core, uint64_t id, int64_t mono_us);

/* A waiting job may start after this time; and for how much longer it has to wait, at most 0 if it
 * may start. Steps of the clock on the wall change neither. */
void lifecycle_wait(struct core *core, struct entry *entry, int64_t wait_us);
int64_t lifecycle_eligible_in_us(const struct core *core, const struct entry *entry);

/* Before a call of ours to the cluster is repeated; never less than the server asked for. */
int64_t lifecycle_backoff_us(struct core *core, uint32_t failures, int64_t at_least_us);

/* Is a main pod of any of its attempts neither finished nor gone? */
bool lifecycle_has_live_pod(const struct entry *entry);

/* Once the pods are known: jobs whose pod should be there and is not. */
void lifecycle_adopt(struct core *core);

/* Forget old finished jobs, a few at a time. */
void lifecycle_forget(struct core *core);

/* Forget a finished job as soon as its pods are gone, which they are asked to; true: it is. */
bool lifecycle_drop_now(struct core *core, struct entry *entry);

/* --- requests.c: what people ask for ---------------------------------------------------------- */

/* What a job waits for, as its record has it: places in the submission are the ids they get, and
 * schedules' runs are of its own business date. */
void requests_print_after(const struct new_job *new_job, uint64_t first_id, struct buf *out);

/* May a team's user and a namespace have so many waiting jobs more? If not, text says whose limit
 * it is. O(count). */
bool requests_may_wait(struct core *core, const struct new_job *jobs, size_t count,
                       const char *submitter, char text[REASON_TEXT_BYTES]);

/* One job more, of new_job, which must stay until the turn is committed, or an array of its
 * element_count: then the first element, and the others follow in this turn and in those to come.
 * after: what it waits for, as its record has it. */
struct entry *requests_add(struct core *core, const struct new_job *new_job, const char *submitter,
                           const char *after);

/* The job with that id is there from now on. */
struct entry *requests_make(struct core *core, const struct job *job, struct demand *demand,
                            const struct spec *spec);

/* How many jobs more may wait. */
size_t requests_room(const struct core *core);

void requests_submit(struct core *core, struct event *event);
void requests_cancel(struct core *core, const struct event *event);
void requests_hold(struct core *core, const struct event *event);
void requests_release(struct core *core, const struct event *event);
void requests_retry(struct core *core, const struct event *event);
void requests_forget(struct core *core, const struct event *event);

/* --- attempt.c: from admission to the end of one try ------------------------------------------ */

/* Give the job an attempt and ask for its pod. */
void attempt_admit(struct core *core, struct entry *entry);

/* Ask (again) for the pod. */
void attempt_start(struct core *core, struct entry *entry);
void attempt_started(struct core *core, const struct started_event *started);

/* What the Spark operator says of an attempt that was handed to it. */
void attempt_application(struct core *core, const struct application_event *news);

/* All of what it says at first has been told, or it says nothing. */
void attempt_applications(struct core *core, bool denied);

/* A person suspended it on the operator: the job is held. */
void attempt_suspend(struct core *core, struct entry *entry);

/* Follow what the pod shows. */
void attempt_observe(struct core *core, struct entry *entry);

/* The attempt is over: the job succeeds, fails, waits for its next try or is cancelled. */
void attempt_finish(struct core *core, struct entry *entry, enum failure failure, int32_t exit_code,
                    const char *message);
/* Its window closes, and does not let it run on. */
void attempt_close(struct core *core, struct entry *entry);

/* It is stopped for another job, as the text says: its pod is deleted, and what does not succeed
 * until then is queued again, without a retry spent. */
void attempt_preempt(struct core *core, struct entry *entry, const char *text);
void attempt_delete_pod(struct core *core, struct entry *entry);

/* Is the job in this attempt, and not over? */
bool attempt_is_current(const struct entry *entry, uint32_t number);

/* --- pods.c: pods as they come, go, and are removed ------------------------------------------- */

void pods_put(struct core *core, const struct pod_event *pod);
void pods_gone(struct core *core, const char *namespace, const char *name, uint64_t version);
void pods_deleted(struct core *core, const struct deleted_event *deleted);

/* See to it that the pod goes, however often that must be asked for. */
void pods_clean_up(struct core *core, const char *namespace, const char *name, const char *uid,
                   uint64_t job_id);

/* The same for what an attempt handed to the Spark operator: nothing comes of it any more. */
void pods_take_back(struct core *core, const struct entry *entry, uint32_t attempt);
void pods_tick_cleanups(struct core *core);

#endif
