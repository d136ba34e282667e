#include "scheduler/loop.h"

#include <ev.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/poller.h"

#define SIGNALS_MAX 8
#define YEAR_US     (INT64_C(366) * 24 * 3600 * CLOCK_US_PER_SECOND)

struct loop_signal {
    ev_signal watcher;
    void (*on_signal)(int signal_number, void *owner);
    void *owner;
};

struct loop {
    struct poller poller; /* first: a poller is cast back to its loop */
    struct ev_loop *ev;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle; /* active: the next round doesn't wait */
    bool (*before_wait)(void *owner);
    void *before_wait_owner;
    struct poller_fd **fed; /* to run in the next round; NULL where stopped since */
    size_t fed_count;
    size_t fed_room;
    struct loop_signal signals[SIGNALS_MAX];
    size_t signal_count;
};

/* What lies in a watch's implementation bytes. */
struct fd_part {
    ev_io io;
    unsigned fed_events; /* 0: not fed */
};

_Static_assert(sizeof(struct fd_part) <= sizeof(((struct poller_fd *)0)->implementation),
               "a descriptor's watcher fits");
_Static_assert(sizeof(ev_timer) <= sizeof(((struct poller_timer *)0)->implementation),
               "a timer's watcher fits");
_Static_assert(_Alignof(struct fd_part) <= 8 && _Alignof(ev_timer) <= 8, "and is aligned");

static struct loop *loop_of(struct poller *poller) {
    return (struct loop *)(void *)poller;
}

static struct fd_part *fd_part(struct poller_fd *watch) {
    return (struct fd_part *)(void *)watch->implementation;
}

static ev_timer *timer_part(struct poller_timer *timer) {
    return (ev_timer *)(void *)timer->implementation;
}

/* Descriptors. */

static void on_io(struct ev_loop *ev, ev_io *io, int revents) {
    struct poller_fd *watch = io->data;
    unsigned events = 0;

    (void)ev;
    events |= (revents & EV_READ) != 0 ? POLLER_READ : 0;
    events |= (revents & EV_WRITE) != 0 ? POLLER_WRITE : 0;
    if ((revents & EV_ERROR) != 0) {
        events = watch->events; /* The descriptor is bad: its owner finds out by using it. */
    }
    watch->on_ready(watch, events);
}

static int ev_events(unsigned events) {
    int out = 0;

    out |= (events & POLLER_READ) != 0 ? EV_READ : 0;
    out |= (events & POLLER_WRITE) != 0 ? EV_WRITE : 0;
    return out;
}

static void forget_fed(struct loop *loop, struct poller_fd *watch) {
    fd_part(watch)->fed_events = 0;
    for (size_t i = 0; i < loop->fed_count; i++) {
        if (loop->fed[i] == watch) {
            loop->fed[i] = NULL;
        }
    }
}

static void fd_set_events(struct poller *poller, struct poller_fd *watch, unsigned events) {
    struct loop *loop = loop_of(poller);
    struct fd_part *part = fd_part(watch);

    if (watch->events == events) {
        return;
    }
    if (watch->events == 0) {
        *part = (struct fd_part){0};
        ev_init(&part->io, on_io);
        part->io.data = watch;
    } else {
        ev_io_stop(loop->ev, &part->io);
    }
    watch->events = events;
    if (events != 0) {
        ev_io_set(&part->io, watch->fd, ev_events(events));
        ev_io_start(loop->ev, &part->io);
    } else if (part->fed_events != 0) {
        forget_fed(loop, watch);
    }
}

static void fd_feed(struct poller *poller, struct poller_fd *watch, unsigned events) {
    struct loop *loop = loop_of(poller);
    struct fd_part *part = fd_part(watch);

    ENSURE((watch->events & events) == events);
    if (part->fed_events == 0) {
        if (loop->fed_count == loop->fed_room) {
            loop->fed_room = loop->fed_room == 0 ? 16 : loop->fed_room * 2;
            loop->fed = mem_grow(loop->fed, loop->fed_room, sizeof(struct poller_fd *));
        }
        loop->fed[loop->fed_count++] = watch;
    }
    part->fed_events |= events;
}

/* Timers. */

static void on_timer(struct ev_loop *ev, ev_timer *part, int revents) {
    struct poller_timer *timer = part->data;

    (void)ev;
    (void)revents;
    timer->armed = false;
    timer->on_time(timer);
}

static void timer_stop(struct poller *poller, struct poller_timer *timer) {
    if (timer->armed) {
        ev_timer_stop(loop_of(poller)->ev, timer_part(timer));
        timer->armed = false;
    }
}

static void timer_set(struct poller *poller, struct poller_timer *timer, int64_t after_us) {
    struct loop *loop = loop_of(poller);
    ev_timer *part = timer_part(timer);
    double after_seconds = 0;

    timer_stop(poller, timer);
    if (after_us > 0) {
        /* One microsecond more outweighs what the conversion to double takes away. */
        after_us = after_us > YEAR_US ? YEAR_US : after_us + 1;
        after_seconds = (double)after_us / (double)CLOCK_US_PER_SECOND;
    }
    /* libev counts from when it woke up; the caller counts from now. */
    ev_now_update(loop->ev);
    ev_timer_init(part, on_timer, after_seconds, 0);
    part->data = timer;
    ev_timer_start(loop->ev, part);
    timer->armed = true;
}

/* Rounds. */

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int revents) {
    struct loop *loop = prepare->data;
    bool more = false;

    (void)revents;
    if (loop->before_wait != NULL) {
        more = loop->before_wait(loop->before_wait_owner);
    }
    if (more || loop->fed_count > 0) {
        ev_idle_start(ev, &loop->idle);
    } else {
        ev_idle_stop(ev, &loop->idle);
    }
}

static void on_check(struct ev_loop *ev, ev_check *check, int revents) {
    struct loop *loop = check->data;
    size_t count = loop->fed_count;

    (void)revents;
    loop->fed_count = 0; /* No callback runs in here, so nothing is fed meanwhile. */
    for (size_t i = 0; i < count; i++) {
        struct poller_fd *watch = loop->fed[i];

        if (watch != NULL) {
            struct fd_part *part = fd_part(watch);

            unsigned events = part->fed_events & watch->events;

            part->fed_events = 0;
            if (events != 0) {
                ev_feed_event(ev, &part->io, ev_events(events));
            }
        }
    }
}

static void on_idle(struct ev_loop *ev, ev_idle *idle, int revents) {
    (void)ev;
    (void)idle;
    (void)revents;
}

static void on_ev_signal(struct ev_loop *ev, ev_signal *watcher, int revents) {
    struct loop_signal *entry = watcher->data;

    (void)ev;
    (void)revents;
    entry->on_signal(watcher->signum, entry->owner);
}

/* Life cycle. */

static const struct poller_ops loop_ops = {
    .fd_set = fd_set_events,
    .fd_feed = fd_feed,
    .timer_set = timer_set,
    .timer_stop = timer_stop,
};

struct loop *loop_create(void) {
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    struct loop *loop;

    if (ev == NULL) {
        return NULL;
    }
    loop = mem_alloc(1, sizeof *loop);
    loop->poller.ops = &loop_ops;
    loop->ev = ev;
    ev_prepare_init(&loop->prepare, on_prepare);
    loop->prepare.data = loop;
    ev_prepare_start(ev, &loop->prepare);
    ev_check_init(&loop->check, on_check);
    loop->check.data = loop;
    ev_check_start(ev, &loop->check);
    ev_idle_init(&loop->idle, on_idle);
    return loop;
}

void loop_destroy(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    for (size_t i = 0; i < loop->signal_count; i++) {
        ev_signal_stop(loop->ev, &loop->signals[i].watcher);
    }
    ev_idle_stop(loop->ev, &loop->idle);
    ev_check_stop(loop->ev, &loop->check);
    ev_prepare_stop(loop->ev, &loop->prepare);
    ev_loop_destroy(loop->ev);
    free(loop->fed);
    free(loop);
}

struct poller *loop_poller(struct loop *loop) {
    return &loop->poller;
}

void loop_before_wait(struct loop *loop, bool (*before_wait)(void *owner), void *owner) {
    loop->before_wait = before_wait;
    loop->before_wait_owner = owner;
}

void loop_on_signal(struct loop *loop, int signal_number,
                    void (*on_signal)(int signal_number, void *owner), void *owner) {
    struct loop_signal *entry = &loop->signals[loop->signal_count];

    ENSURE(loop->signal_count < ARRAY_LEN(loop->signals));
    loop->signal_count++;
    entry->on_signal = on_signal;
    entry->owner = owner;
    ev_signal_init(&entry->watcher, on_ev_signal, signal_number);
    entry->watcher.data = entry;
    ev_signal_start(loop->ev, &entry->watcher);
}

void loop_run(struct loop *loop) {
    (void)ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop) {
    ev_break(loop->ev, EVBREAK_ONE);
}
