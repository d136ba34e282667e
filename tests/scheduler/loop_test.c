#include "scheduler/loop.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/poller.h"
#include "tests/test.h"

struct seen {
    struct loop *loop;
    struct poller *poller;
    unsigned rounds;
    unsigned calls;
    unsigned events;
    unsigned round_of_last_call;
    unsigned stop_after_calls;
    unsigned more_rounds;
    int signal_number;
    int64_t fired_us;
};

static bool count_round(void *owner) {
    struct seen *seen = owner;

    seen->rounds++;
    if (seen->more_rounds > 0 && seen->rounds >= seen->more_rounds) {
        loop_stop(seen->loop);
    }
    return seen->more_rounds > 0;
}

static void setup(struct seen *seen) {
    *seen = (struct seen){.loop = loop_create()};
    CHECK(seen->loop != NULL, "a loop");
    seen->poller = loop_poller(seen->loop);
    loop_before_wait(seen->loop, count_round, seen);
}

static void on_time(struct poller_timer *timer) {
    struct seen *seen = timer->owner;

    seen->fired_us = clock_sample().mono_us;
    loop_stop(seen->loop);
}

TEST(loop_timer__never_fires_early_and_says_it_is_not_armed) {
    static const int64_t after_us[] = {0, 1, 999, 1500, 20001};

    for (size_t i = 0; i < ARRAY_LEN(after_us); i++) {
        struct seen seen;
        struct poller_timer timer = {.on_time = on_time};
        int64_t begin_us;

        setup(&seen);
        timer.owner = &seen;
        begin_us = clock_sample().mono_us;
        poller_timer_set(seen.poller, &timer, after_us[i]);
        CHECK(timer.armed, "armed once set");
        loop_run(seen.loop);
        CHECK(seen.fired_us - begin_us >= after_us[i], "not early");
        CHECK(!timer.armed, "one shot");
        loop_destroy(seen.loop);
    }
}

TEST(loop_timer__counts_from_now_and_not_from_when_the_loop_woke_up) {
    struct seen seen;
    struct poller_timer timer = {.on_time = on_time, .owner = &seen};
    int64_t begin_us;

    setup(&seen);
    usleep(30000);
    begin_us = clock_sample().mono_us;
    poller_timer_set(seen.poller, &timer, 10000);
    loop_run(seen.loop);
    CHECK(seen.fired_us - begin_us >= 10000, "the sleep isn't taken off");
    loop_destroy(seen.loop);
}

TEST(loop_timer__stopped_or_set_again_forgets_the_old_time) {
    struct seen seen;
    struct poller_timer stopped = {.on_time = on_time, .owner = &seen};
    struct poller_timer again = {.on_time = on_time, .owner = &seen};
    int64_t begin_us;

    setup(&seen);
    begin_us = clock_sample().mono_us;
    poller_timer_set(seen.poller, &stopped, 1000);
    poller_timer_set(seen.poller, &again, 1000);
    poller_timer_set(seen.poller, &again, 30000);
    poller_timer_stop(seen.poller, &stopped);
    poller_timer_stop(seen.poller, &stopped);
    loop_run(seen.loop);
    CHECK(seen.fired_us - begin_us >= 30000, "only the later time counts");
    loop_destroy(seen.loop);
}

static void on_ready(struct poller_fd *watch, unsigned events) {
    struct seen *seen = watch->owner;

    seen->calls++;
    seen->events |= events;
    CHECK(seen->calls == 1 || seen->round_of_last_call < seen->rounds, "one call per round");
    seen->round_of_last_call = seen->rounds;
    if (seen->calls == seen->stop_after_calls) {
        loop_stop(seen->loop);
    } else {
        poller_fd_feed(seen->poller, watch, POLLER_READ);
    }
}

TEST(loop_fd__tells_what_is_ready) {
    struct seen seen;
    struct poller_fd watch = {.on_ready = on_ready, .owner = &seen};
    int ends[2];

    setup(&seen);
    seen.stop_after_calls = 1;
    CHECK_EQ(pipe(ends), 0, "a pipe");
    watch.fd = ends[1];
    poller_fd_set(seen.poller, &watch, POLLER_WRITE);
    loop_run(seen.loop);
    CHECK_EQ(seen.events, POLLER_WRITE, "an empty pipe takes bytes");
    poller_fd_set(seen.poller, &watch, 0);

    watch.fd = ends[0];
    seen.calls = 0;
    seen.events = 0;
    CHECK_EQ(write(ends[1], "x", 1), 1, "a byte");
    poller_fd_set(seen.poller, &watch, POLLER_READ);
    loop_run(seen.loop);
    CHECK_EQ(seen.events, POLLER_READ, "a byte is there");
    poller_fd_set(seen.poller, &watch, 0);
    loop_destroy(seen.loop);
    close(ends[0]);
    close(ends[1]);
}

TEST(loop_feed__runs_once_in_the_next_round_without_waiting) {
    struct seen seen;
    struct poller_fd watch = {.on_ready = on_ready, .owner = &seen};
    int ends[2];

    setup(&seen);
    seen.stop_after_calls = 5;
    CHECK_EQ(pipe(ends), 0, "a pipe");
    watch.fd = ends[0]; /* Never readable: all calls are fed ones. */
    poller_fd_set(seen.poller, &watch, POLLER_READ);
    poller_fd_feed(seen.poller, &watch, POLLER_READ);
    poller_fd_feed(seen.poller, &watch, POLLER_READ);
    loop_run(seen.loop);
    CHECK_EQ(seen.calls, 5, "each call fed the next");
    poller_fd_set(seen.poller, &watch, 0);
    loop_destroy(seen.loop);
    close(ends[0]);
    close(ends[1]);
}

TEST(loop_feed__is_forgotten_when_the_watch_stops) {
    struct seen seen;
    struct poller_fd watch = {.on_ready = on_ready, .owner = &seen};
    struct poller_timer timer = {.on_time = on_time, .owner = &seen};
    int ends[2];

    setup(&seen);
    seen.stop_after_calls = 1;
    CHECK_EQ(pipe(ends), 0, "a pipe");
    watch.fd = ends[0];
    poller_fd_set(seen.poller, &watch, POLLER_READ);
    poller_fd_feed(seen.poller, &watch, POLLER_READ);
    poller_fd_set(seen.poller, &watch, 0);
    poller_timer_set(seen.poller, &timer, 2000);
    loop_run(seen.loop);
    CHECK_EQ(seen.calls, 0, "a stopped watch is silent");
    loop_destroy(seen.loop);
    close(ends[0]);
    close(ends[1]);
}

TEST(loop_before_wait__that_wants_more_gets_rounds_without_waiting) {
    struct seen seen;

    setup(&seen);
    seen.more_rounds = 100;
    loop_run(seen.loop);
    CHECK_EQ(seen.rounds, 100, "nothing else was there to wake it");
    loop_destroy(seen.loop);
}

static void on_signal(int signal_number, void *owner) {
    struct seen *seen = owner;

    seen->signal_number = signal_number;
    loop_stop(seen->loop);
}

TEST(loop_signal__comes_through_the_loop) {
    struct seen seen;

    setup(&seen);
    loop_on_signal(seen.loop, SIGHUP, on_signal, &seen);
    loop_on_signal(seen.loop, SIGTERM, on_signal, &seen);
    CHECK_EQ(kill(getpid(), SIGTERM), 0, "sent");
    loop_run(seen.loop);
    CHECK_EQ(seen.signal_number, SIGTERM, "and told apart");
    loop_destroy(seen.loop);
}
