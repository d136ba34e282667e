/* base/poller.h - the little that a network module needs of an event loop.
 *
 * scheduler/loop.c implements it on libev; tests implement it on poll(2). The
 * module embeds the watches below in its own structs and never sees the loop.
 * Callbacks run on the loop's thread, never from inside a call to the poller.
 */
#ifndef BASE_POLLER_H
#define BASE_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#define POLLER_READ  1u
#define POLLER_WRITE 2u

struct poller;

/* One file descriptor. Zeroed before first use; fd, on_ready and owner set by the
 * module; must not move or be freed while watched. */
struct poller_fd {
    int fd;
    void (*on_ready)(struct poller_fd *watch, unsigned events);
    void *owner;
    unsigned events; /* what is watched now; kept by the poller */
    _Alignas(8) unsigned char implementation[64];
};

/* One timer, one shot. The same rules. */
struct poller_timer {
    void (*on_time)(struct poller_timer *timer);
    void *owner;
    bool armed; /* kept by the poller */
    _Alignas(8) unsigned char implementation[64];
};

struct poller_ops {
    void (*fd_set)(struct poller *poller, struct poller_fd *watch, unsigned events);
    void (*fd_feed)(struct poller *poller, struct poller_fd *watch, unsigned events);
    void (*timer_set)(struct poller *poller, struct poller_timer *timer, int64_t after_us);
    void (*timer_stop)(struct poller *poller, struct poller_timer *timer);
};

/* The implementation embeds this as its first member. */
struct poller {
    const struct poller_ops *ops;
};

/* Watch for these events from now on; 0 stops the watch. Setting the same again is free. */
static inline void poller_fd_set(struct poller *poller, struct poller_fd *watch, unsigned events) {
    poller->ops->fd_set(poller, watch, events);
}

/* Call on_ready with these events in the next round, as if the kernel had said so (for bytes
 * that a TLS library already holds). The fd must be watched for them. */
static inline void poller_fd_feed(struct poller *poller, struct poller_fd *watch, unsigned events) {
    poller->ops->fd_feed(poller, watch, events);
}

/* (Re-)arm to fire once after this time, rounded up; 0 fires in the next round. */
static inline void poller_timer_set(struct poller *poller, struct poller_timer *timer,
                                    int64_t after_us) {
    poller->ops->timer_set(poller, timer, after_us);
}

static inline void poller_timer_stop(struct poller *poller, struct poller_timer *timer) {
    poller->ops->timer_stop(poller, timer);
}

#endif
