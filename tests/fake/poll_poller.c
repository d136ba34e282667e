#include "tests/fake/poll_poller.h"

#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"

/* What we keep inside a watch: its place in loop->watches, and events fed by the module. */
struct watch_state {
    size_t at; /* 1 + index; 0 is unwatched */
    unsigned fed;
};

struct timer_state {
    struct poller_timer *next;
    int64_t at_us;
};

struct poll_poller {
    struct poller base;
    struct poller_fd **watches; /* NULL: stopped during this round */
    struct pollfd *fds;
    size_t watch_count;
    size_t watch_room;
    struct poller_timer *timers;
    uint64_t callbacks;
    bool any_fed;
};

_Static_assert(sizeof(struct watch_state) <= sizeof(((struct poller_fd *)0)->implementation),
               "a watch has room for our state");
_Static_assert(sizeof(struct timer_state) <= sizeof(((struct poller_timer *)0)->implementation),
               "a timer has room for our state");

static struct watch_state *state_of(struct poller_fd *watch) {
    return (struct watch_state *)(void *)watch->implementation;
}

static struct timer_state *timer_state_of(struct poller_timer *timer) {
    return (struct timer_state *)(void *)timer->implementation;
}

static void watch_add(struct poll_poller *loop, struct poller_fd *watch) {
    if (loop->watch_count == loop->watch_room) {
        loop->watch_room = loop->watch_room > 0 ? 2 * loop->watch_room : 16;
        loop->watches = mem_grow(loop->watches, loop->watch_room, sizeof *loop->watches);
        loop->fds = mem_grow(loop->fds, loop->watch_room, sizeof *loop->fds);
    }
    loop->watches[loop->watch_count++] = watch;
    *state_of(watch) = (struct watch_state){.at = loop->watch_count};
}

static void fd_set_events(struct poller *poller, struct poller_fd *watch, unsigned events) {
    struct poll_poller *loop = (struct poll_poller *)(void *)poller;
    struct watch_state *state = state_of(watch);

    if (events == 0 && watch->events != 0) {
        loop->watches[state->at - 1] = NULL;
        state->at = 0;
    } else if (events != 0 && watch->events == 0) {
        ENSURE(watch->fd >= 0);
        watch_add(loop, watch);
    }
    watch->events = events;
}

static void fd_feed(struct poller *poller, struct poller_fd *watch, unsigned events) {
    struct poll_poller *loop = (struct poll_poller *)(void *)poller;

    ENSURE((watch->events & events) == events);
    state_of(watch)->fed |= events;
    loop->any_fed = true;
}

static void timer_stop(struct poller *poller, struct poller_timer *timer) {
    struct poll_poller *loop = (struct poll_poller *)(void *)poller;

    if (!timer->armed) {
        return;
    }
    for (struct poller_timer **link = &loop->timers; *link != NULL;
         link = &timer_state_of(*link)->next) {
        if (*link == timer) {
            *link = timer_state_of(timer)->next;
            break;
        }
    }
    timer->armed = false;
}

/* Timers are kept in the order in which they fire; equal ones in the order of their setting. */
static void timer_set(struct poller *poller, struct poller_timer *timer, int64_t after_us) {
    struct poll_poller *loop = (struct poll_poller *)(void *)poller;
    struct timer_state *state = timer_state_of(timer);
    struct poller_timer **link = &loop->timers;

    ENSURE(after_us >= 0);
    timer_stop(poller, timer);
    state->at_us = clock_sample().mono_us + after_us;
    while (*link != NULL && timer_state_of(*link)->at_us <= state->at_us) {
        link = &timer_state_of(*link)->next;
    }
    state->next = *link;
    *link = timer;
    timer->armed = true;
}

struct poll_poller *poll_poller_create(void) {
    static const struct poller_ops ops = {fd_set_events, fd_feed, timer_set, timer_stop};
    struct poll_poller *loop = mem_alloc(1, sizeof *loop);

    loop->base.ops = &ops;
    return loop;
}

void poll_poller_destroy(struct poll_poller *loop) {
    if (loop != NULL) {
        free(loop->watches);
        free(loop->fds);
        free(loop);
    }
}

struct poller *poll_poller_of(struct poll_poller *loop) {
    return &loop->base;
}

uint64_t poll_poller_callbacks(const struct poll_poller *loop) {
    return loop->callbacks;
}

/* Close the gaps that stopped watches left, and tell poll() what to look for. */
static void prepare(struct poll_poller *loop) {
    size_t kept = 0;

    for (size_t i = 0; i < loop->watch_count; i++) {
        struct poller_fd *watch = loop->watches[i];

        if (watch != NULL) {
            loop->fds[kept] = (struct pollfd){
                .fd = watch->fd,
                .events = (short)(((watch->events & POLLER_READ) != 0 ? POLLIN : 0) |
                                  ((watch->events & POLLER_WRITE) != 0 ? POLLOUT : 0)),
            };
            loop->watches[kept++] = watch;
            state_of(watch)->at = kept;
        }
    }
    loop->watch_count = kept;
}

static int wait_ms(const struct poll_poller *loop, int64_t wait_us) {
    int64_t us = wait_us;

    if (loop->any_fed) {
        return 0;
    }
    if (loop->timers != NULL) {
        int64_t timer_us = timer_state_of(loop->timers)->at_us - clock_sample().mono_us;

        timer_us = timer_us > 0 ? timer_us : 0;
        us = us < 0 || timer_us < us ? timer_us : us;
    }
    return us < 0 ? -1 : (int)((us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS);
}

static unsigned events_of(const struct pollfd *fd, const struct poller_fd *watch) {
    unsigned events = 0;

    events |= (fd->revents & POLLIN) != 0 ? POLLER_READ : 0;
    events |= (fd->revents & POLLOUT) != 0 ? POLLER_WRITE : 0;
    if ((fd->revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        events |= POLLER_READ | POLLER_WRITE;
    }
    return events & watch->events;
}

/* Watches added by a callback lie behind count and wait for the next round. */
static void dispatch_fds(struct poll_poller *loop) {
    size_t count = loop->watch_count;

    loop->any_fed = false;
    for (size_t i = 0; i < count; i++) {
        struct poller_fd *watch = loop->watches[i];
        unsigned events;

        if (watch == NULL) {
            continue;
        }
        events = events_of(&loop->fds[i], watch) | (state_of(watch)->fed & watch->events);
        state_of(watch)->fed = 0;
        if (events != 0) {
            loop->callbacks++;
            watch->on_ready(watch, events);
        }
    }
}

/* Timers set by a callback, even to 0, wait for the next round. */
static void dispatch_timers(struct poll_poller *loop) {
    int64_t now_us = clock_sample().mono_us;

    while (loop->timers != NULL && timer_state_of(loop->timers)->at_us <= now_us) {
        struct poller_timer *timer = loop->timers;

        loop->timers = timer_state_of(timer)->next;
        timer->armed = false;
        loop->callbacks++;
        timer->on_time(timer);
    }
}

void poll_poller_round(struct poll_poller *loop, int64_t wait_us) {
    int ready;

    prepare(loop);
    ready = poll(loop->fds, (nfds_t)loop->watch_count, wait_ms(loop, wait_us));
    if (ready >= 0) {
        dispatch_fds(loop);
    }
    dispatch_timers(loop);
}

bool poll_poller_run(struct poll_poller *loop, bool (*done)(void *owner), void *owner,
                     int64_t limit_us) {
    int64_t end_us = clock_sample().mono_us + limit_us;

    while (!done(owner)) {
        int64_t left_us = end_us - clock_sample().mono_us;

        if (left_us <= 0) {
            return false;
        }
        poll_poller_round(loop, left_us);
    }
    return true;
}
