/* scheduler/loop.h - the event loop of the daemons: libev behind the poller's seam.
 *
 * Owns no descriptor but its own; watches and timers belong to the modules that embed
 * them (base/poller.h). One round is: wait, run the callbacks of what is ready, then
 * before_wait, which is where the daemon takes its turn. Timers never fire early, by
 * CLOCK_MONOTONIC. Whatever is fed runs in the next round, so that no connection can
 * starve the others. The loop is for one thread.
 */
#ifndef SCHEDULER_LOOP_H
#define SCHEDULER_LOOP_H

#include <stdbool.h>

struct loop;
struct poller;

/* NULL if the system has no descriptors left. */
struct loop *loop_create(void);

/* Every watch is to be stopped before. Accepts NULL. */
void loop_destroy(struct loop *loop);

/* Lives as long as the loop. */
struct poller *loop_poller(struct loop *loop);

/* Call this in each round, after the callbacks and before waiting. While it returns true, the next
 * round doesn't wait. One such hook; NULL takes it away. */
void loop_before_wait(struct loop *loop, bool (*before_wait)(void *owner), void *owner);

/* Call on_signal in a round after the signal came; many may become one. From then on the signal
 * does nothing else, and other threads should block it. At most once per signal. */
void loop_on_signal(struct loop *loop, int signal_number,
                    void (*on_signal)(int signal_number, void *owner), void *owner);

/* Run until loop_stop(). The watches of a returned loop stay armed: it can be run again. */
void loop_run(struct loop *loop);

/* Return from loop_run() when the callback at hand and the hook of this round are done. */
void loop_stop(struct loop *loop);

#endif
