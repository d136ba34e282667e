/* tests/fake/poll_poller.h - base/poller.h on poll(2), for tests without the daemon's loop.
 *
 * One thread. A round is one poll() and the callbacks it causes. Watches and timers may be
 * set, stopped and freed from callbacks. Descriptors are watched level-triggered.
 */
#ifndef TESTS_FAKE_POLL_POLLER_H
#define TESTS_FAKE_POLL_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/poller.h"

struct poll_poller;

struct poll_poller *poll_poller_create(void);
void poll_poller_destroy(struct poll_poller *loop); /* Accepts NULL. */

/* For the module under test. */
struct poller *poll_poller_of(struct poll_poller *loop);

/* One round; waits up to wait_us (negative: for ever) if nothing is ready sooner. */
void poll_poller_round(struct poll_poller *loop, int64_t wait_us);

/* Rounds until done(owner) is true; false if that takes longer than limit_us. */
bool poll_poller_run(struct poll_poller *loop, bool (*done)(void *owner), void *owner,
                     int64_t limit_us);

/* Callbacks so far; a quiet loop has few. */
uint64_t poll_poller_callbacks(const struct poll_poller *loop);

#endif
