#include "scheduler/lookahead.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"

#define NICENESS 10

struct lookahead {
    struct poller *poller;
    struct instant (*clock)(void *owner);
    void *owner;
    pid_t child; /* 0: none */
    struct poller_fd pipe;
    struct buf received;
    struct lookahead_question question; /* that is being answered */
    int64_t asked_mono_us;
    int64_t fork_us;
};

/* --- In the children ------------------------------------------------------------------------- */

/* Before a future's starts and runs, and before a forecast's jobs and runs. */
struct head {
    uint64_t count;
    uint64_t run_count;
    int64_t until_us;
    uint64_t turns;
    uint32_t futures;
    uint32_t end;
    uint32_t chance;
};

static void send_bytes(int fd, const void *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        ssize_t sent = write(fd, (const char *)bytes + at, count - at);

        if (sent < 0 && errno != EINTR) {
            _exit(1); /* Nobody listens any more. */
        }
        at += sent > 0 ? (size_t)sent : 0;
    }
}

static bool receive_bytes(int fd, void *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        ssize_t got = read(fd, (char *)bytes + at, count - at);

        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        at += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* The first to go if memory runs out; if that can't be said, nothing is lost. */
static void volunteer(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, "1000", 4);
        (void)close(fd);
    }
}

/* Whoever waits for a connection's end must not wait for us; files are closed, not touched: what
 * they share with the parent (offsets, locks, the queue's map) stays as it is. */
static void close_all_but(int fd) {
    if (fd > 3) {
        (void)close_range(3, (unsigned)fd - 1, 0);
    }
    (void)close_range((unsigned)fd + 1, ~0u, 0);
}

static void become_child(const struct lookahead_limits *limits, pid_t parent) {
    rlim_t seconds = (rlim_t)(limits->spend_us / CLOCK_US_PER_SECOND) + 2;
    const struct rlimit limit = {.rlim_cur = seconds, .rlim_max = seconds + 1};
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    (void)sigemptyset(&none);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setrlimit(RLIMIT_CPU, &limit);
}

/* Time for a future: what is left is shared by those to come, but the first may take half. */
struct patience {
    int64_t until_us; /* monotonic */
};

static bool may_go_on(void *context) {
    const struct patience *patience = context;

    return clock_sample().mono_us < patience->until_us;
}

_Noreturn static void run_one(const struct lookahead_question *question, struct event *added,
                              uint64_t seed, int64_t until_us, int fd) {
    struct patience patience = {.until_us = until_us};
    struct future future;
    struct head head = {0};

    future_run(&(struct future_options){.core = question->core,
                                        .now = question->now,
                                        .seed = seed,
                                        .added = added,
                                        .horizon_us = question->limits.horizon_us,
                                        .starts_max = question->limits.starts_max,
                                        .runs_max = question->limits.runs_max,
                                        .runs_us = question->limits.runs_us,
                                        .may_go_on = may_go_on,
                                        .context = &patience},
               &future);
    head.count = future.count;
    head.run_count = future.runs.count;
    head.until_us = future.until_us;
    head.turns = future.turns;
    head.end = future.end;
    head.chance = future.chance;
    send_bytes(fd, &head, sizeof head);
    send_bytes(fd, future.starts, future.count * sizeof *future.starts);
    send_bytes(fd, future.runs.items, future.runs.count * sizeof *future.runs.items);
    _exit(0);
}

static bool receive_future(int fd, const struct lookahead_limits *limits,
                           struct future *out_future) {
    struct head head;

    if (!receive_bytes(fd, &head, sizeof head) || head.count > limits->starts_max ||
        head.run_count > limits->runs_max) {
        return false;
    }
    *out_future =
        (struct future){.starts = mem_alloc(head.count, sizeof *out_future->starts),
                        .count = head.count,
                        .runs = {.items = mem_alloc(head.run_count, sizeof *out_future->runs.items),
                                 .count = head.run_count},
                        .end = (enum future_end)head.end,
                        .until_us = head.until_us,
                        .chance = head.chance != 0,
                        .turns = head.turns};
    return receive_bytes(fd, out_future->starts, head.count * sizeof *out_future->starts) &&
           receive_bytes(fd, out_future->runs.items,
                         head.run_count * sizeof *out_future->runs.items);
}

/* A future uses its core up, so each has a process of its own. */
static bool fork_future(const struct lookahead_question *question, struct event *added,
                        uint64_t seed, int64_t until_us, struct future *out_future) {
    pid_t parent = getpid();
    int ends[2];
    bool known;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    child = fork();
    if (child == 0) {
        become_child(&question->limits, parent);
        (void)close(ends[0]);
        run_one(question, added, seed, until_us, ends[1]);
    }
    (void)close(ends[1]);
    known = child > 0 && receive_future(ends[0], &question->limits, out_future);
    (void)close(ends[0]);
    if (child > 0) {
        (void)waitpid(child, NULL, 0);
    }
    return known;
}

/* As many futures as there is time for; one alone if it leaves nothing to chance. */
static void send_forecast(const struct lookahead_question *question, struct event *added,
                          int64_t spend_us, int fd) {
    int64_t end_us = clock_sample().mono_us + spend_us;
    struct future *futures = mem_alloc(question->limits.futures_max, sizeof *futures);
    struct forecast forecast;
    struct head head = {0};
    size_t count = 0;

    while (count < question->limits.futures_max) {
        int64_t now_us = clock_sample().mono_us;
        int64_t until_us = count == 0 ? now_us + spend_us / 2 : end_us;

        if (count > 0 && (now_us >= end_us || !futures[0].chance)) {
            break;
        }
        if (!fork_future(question, added, question->seed + count, until_us, &futures[count])) {
            break;
        }
        count++;
    }
    /* One that time cut short would make the others' starts look less certain than they are. */
    if (count > 1 && futures[count - 1].end == FUTURE_CUT && futures[0].end != FUTURE_CUT) {
        count--;
    }
    if (count == 0) {
        _exit(1);
    }
    forecast_make(futures, count, &forecast);
    head.count = forecast.count;
    head.run_count = forecast.runs.count;
    head.until_us = forecast.until_us;
    head.turns = forecast.turns;
    head.futures = forecast.futures;
    head.end = forecast.end;
    send_bytes(fd, &head, sizeof head);
    send_bytes(fd, forecast.jobs, forecast.count * sizeof *forecast.jobs);
    send_bytes(fd, forecast.runs.items, forecast.runs.count * sizeof *forecast.runs.items);
}

_Noreturn static void answer(const struct lookahead_question *question, int fd) {
    int64_t spend_us = question->limits.spend_us;

    close_all_but(fd);
    volunteer();
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    send_forecast(question, NULL, question->added != NULL ? spend_us / 2 : spend_us, fd);
    if (question->added != NULL) {
        send_forecast(question, question->added, spend_us / 2, fd);
    }
    _exit(0);
}

/* --- In the daemon --------------------------------------------------------------------------- */

static void end_child(struct lookahead *lookahead) {
    poller_fd_set(lookahead->poller, &lookahead->pipe, 0);
    (void)close(lookahead->pipe.fd);
    (void)waitpid(lookahead->child, NULL, 0);
    lookahead->child = 0;
}

/* Cut from the front of what was received; false: it is not all there. */
static bool take_bytes(const struct buf *received, size_t *at, void *out, size_t bytes) {
    if (received->bytes - *at < bytes) {
        return false;
    }
    if (bytes > 0) {
        memcpy(out, received->data + *at, bytes);
    }
    *at += bytes;
    return true;
}

static bool take_forecast(const struct buf *received, size_t *at,
                          const struct lookahead_limits *limits, struct forecast *out_forecast) {
    const size_t futures_max = limits->futures_max;
    struct head head;

    if (!take_bytes(received, at, &head, sizeof head) ||
        head.count > limits->starts_max * futures_max ||
        head.run_count > limits->runs_max * futures_max) {
        return false;
    }
    *out_forecast = (struct forecast){
        .jobs = mem_alloc(head.count, sizeof *out_forecast->jobs),
        .count = head.count,
        .runs = {.items = mem_alloc(head.run_count, sizeof *out_forecast->runs.items),
                 .count = head.run_count},
        .futures = head.futures,
        .end = (enum future_end)head.end,
        .until_us = head.until_us,
        .turns = head.turns,
    };
    return take_bytes(received, at, out_forecast->jobs, head.count * sizeof *out_forecast->jobs) &&
           take_bytes(received, at, out_forecast->runs.items,
                      head.run_count * sizeof *out_forecast->runs.items);
}

static void deliver(struct lookahead *lookahead) {
    const struct lookahead_question question = lookahead->question;
    struct lookahead_answer found = {
        .asked_us = question.now.now_us,
        .fork_us = lookahead->fork_us,
        .took_us = lookahead->clock(lookahead->owner).mono_us - lookahead->asked_mono_us,
    };
    struct error error = {0};
    size_t at = 0;
    bool is_whole = take_forecast(&lookahead->received, &at, &question.limits, &found.as_is) &&
                    (question.added == NULL ||
                     take_forecast(&lookahead->received, &at, &question.limits, &found.with));

    buf_finish(&lookahead->received);
    if (!is_whole) {
        (void)error_set(&error, ERR_BUSY,
                        "the look ahead came to no end (out of time, or of memory)");
    }
    question.on_answer(question.context, is_whole ? &found : NULL, &error);
    forecast_finish(&found.as_is);
    forecast_finish(&found.with);
}

static void on_pipe(struct poller_fd *watch, unsigned events) {
    struct lookahead *lookahead = watch->owner;
    char chunk[16 * LIMIT_KIB];
    ssize_t count = read(watch->fd, chunk, sizeof chunk);

    (void)events;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count > 0) {
        buf_add(&lookahead->received, chunk, (size_t)count);
        return;
    }
    end_child(lookahead);
    deliver(lookahead);
}

struct lookahead *lookahead_create(struct poller *poller, struct instant (*clock)(void *owner),
                                   void *owner) {
    struct lookahead *lookahead = mem_alloc(1, sizeof *lookahead);

    lookahead->poller = poller;
    lookahead->clock = clock;
    lookahead->owner = owner;
    return lookahead;
}

void lookahead_destroy(struct lookahead *lookahead) {
    if (lookahead == NULL) {
        return;
    }
    if (lookahead->child > 0) {
        (void)kill(lookahead->child, SIGKILL);
        end_child(lookahead);
    }
    buf_finish(&lookahead->received);
    free(lookahead);
}

bool lookahead_is_busy(const struct lookahead *lookahead) {
    return lookahead->child > 0;
}

static int fork_child(struct lookahead *lookahead, const struct lookahead_question *question,
                      int out_pipe[2], struct error *error) {
    pid_t parent = getpid();

    if (pipe2(out_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return error_set(error, ERR_IO, "no pipe to look ahead: %s", strerror(errno));
    }
    lookahead->child = fork();
    if (lookahead->child == 0) {
        become_child(&question->limits, parent);
        (void)fcntl(out_pipe[1], F_SETFL, 0); /* The child may wait for its reader. */
        answer(question, out_pipe[1]);
    }
    (void)close(out_pipe[1]);
    if (lookahead->child < 0) {
        lookahead->child = 0;
        (void)close(out_pipe[0]);
        return error_set(error, ERR_IO, "no process to look ahead: %s", strerror(errno));
    }
    return OK;
}

int lookahead_ask(struct lookahead *lookahead, const struct lookahead_question *question,
                  struct error *error) {
    int64_t before_us = lookahead->clock(lookahead->owner).mono_us;
    int ends[2];
    int r;

    ENSURE(question->limits.futures_max > 0);
    if (lookahead->child > 0) {
        return error_set(error, ERR_BUSY, "another look ahead is under way");
    }
    r = fork_child(lookahead, question, ends, error);
    if (r < 0) {
        return r;
    }
    lookahead->question = *question;
    lookahead->asked_mono_us = before_us;
    lookahead->fork_us = lookahead->clock(lookahead->owner).mono_us - before_us;
    buf_init(&lookahead->received, LIMIT_API_ANSWER_BYTES);
    lookahead->pipe = (struct poller_fd){.fd = ends[0], .on_ready = on_pipe, .owner = lookahead};
    poller_fd_set(lookahead->poller, &lookahead->pipe, POLLER_READ);
    return OK;
}
