#include "queue/writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/memory.h"

enum writer_state {
    WRITER_IDLE,
    WRITER_BUSY, /* the thread's turn */
    WRITER_DONE,
    WRITER_STOP,
};

struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of the state; all below is behind the lock */
    enum writer_state state;
    struct writer_job job;
    bool is_shared; /* by the job, before its end */
    int result;
    int fd;
};

/* --- Writing --------------------------------------------------------------------------------- */

/* All of it, or errno. */
int writer_put(const struct writer_work *work) {
    size_t done = 0;

    while (done < work->count) {
        ssize_t n =
            pwrite(work->fd, work->bytes + done, work->count - done, (off_t)(work->at + done));

        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n == 0) {
            return EIO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int writer_do(const struct writer_work *work) {
    int r = writer_put(work);

    return r == 0 && fdatasync(work->fd) != 0 ? errno : r;
}

/* --- The thread ------------------------------------------------------------------------------ */

/* True: there is something to write. */
static bool wait_for_work(struct writer *writer) {
    while (writer->state == WRITER_IDLE || writer->state == WRITER_DONE) {
        (void)pthread_cond_wait(&writer->changed, &writer->lock);
    }
    return writer->state == WRITER_BUSY;
}

static void tell(const struct writer *writer) {
    static const uint64_t one = 1;

    (void)!write(writer->fd, &one, sizeof one); /* The count is 0 here: it can't fail. */
}

static void *run(void *context) {
    struct writer *writer = context;

    (void)pthread_mutex_lock(&writer->lock);
    while (wait_for_work(writer)) {
        struct writer_job job = writer->job;
        int result;

        (void)pthread_mutex_unlock(&writer->lock);
        result = job.run(job.context);
        (void)pthread_mutex_lock(&writer->lock);
        writer->result = result;
        writer->state = WRITER_DONE;
        (void)pthread_cond_broadcast(&writer->changed);
        (void)pthread_mutex_unlock(&writer->lock);
        tell(writer); /* Whom it wakes finds the lock open. */
        (void)pthread_mutex_lock(&writer->lock);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* --- Its owner's side ------------------------------------------------------------------------ */

/* Signals are the owner's: its loop waits for them. */
static int start(struct writer *writer) {
    sigset_t all;
    sigset_t before;
    int r;

    (void)sigfillset(&all);
    r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0) {
        r = pthread_create(&writer->thread, NULL, run, writer);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return r;
}

int writer_create(struct writer **out_writer) {
    struct writer *writer = mem_alloc(1, sizeof *writer);

    writer->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->changed, NULL);
    if (writer->fd < 0 || start(writer) != 0) {
        (void)pthread_cond_destroy(&writer->changed);
        (void)pthread_mutex_destroy(&writer->lock);
        if (writer->fd >= 0) {
            (void)close(writer->fd);
        }
        free(writer);
        return ERR_IO;
    }
    *out_writer = writer;
    return OK;
}

static void set_state(struct writer *writer, enum writer_state state) {
    writer->state = state;
    (void)pthread_cond_broadcast(&writer->changed);
}

static void wait_until_done(struct writer *writer) {
    while (writer->state == WRITER_BUSY) {
        (void)pthread_cond_wait(&writer->changed, &writer->lock);
    }
}

void writer_destroy(struct writer *writer) {
    if (writer == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&writer->lock);
    wait_until_done(writer);
    set_state(writer, WRITER_STOP);
    (void)pthread_mutex_unlock(&writer->lock);
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->lock);
    (void)close(writer->fd);
    free(writer);
}

int writer_fd(const struct writer *writer) {
    return writer->fd;
}

void writer_begin(struct writer *writer, const struct writer_job *job) {
    (void)pthread_mutex_lock(&writer->lock);
    ENSURE(writer->state == WRITER_IDLE);
    writer->job = *job;
    writer->is_shared = false;
    writer->state = WRITER_BUSY;
    (void)pthread_mutex_unlock(&writer->lock);
    (void)pthread_cond_broadcast(&writer->changed);
}

static bool is_done(struct writer *writer) {
    bool done;

    (void)pthread_mutex_lock(&writer->lock);
    done = writer->state == WRITER_DONE;
    (void)pthread_mutex_unlock(&writer->lock);
    return done;
}

bool writer_is_done(struct writer *writer, int patience_ms) {
    struct pollfd watch = {.fd = writer->fd, .events = POLLIN};

    return is_done(writer) || (patience_ms > 0 && poll(&watch, 1, patience_ms) == 1);
}

void writer_share(struct writer *writer) {
    (void)pthread_mutex_lock(&writer->lock);
    writer->is_shared = true;
    (void)pthread_mutex_unlock(&writer->lock);
}

static bool is_shared(struct writer *writer) {
    bool shared;

    (void)pthread_mutex_lock(&writer->lock);
    shared = writer->is_shared || writer->state == WRITER_DONE;
    (void)pthread_mutex_unlock(&writer->lock);
    return shared;
}

/* Looked at again and again: it is told to nobody, since hardly ever somebody waits for it. */
bool writer_shares(struct writer *writer, int patience_ms) {
    bool shared = is_shared(writer);

    for (int ms = 0; ms < patience_ms && !shared; ms++) {
        (void)writer_is_done(writer, 1);
        shared = is_shared(writer);
    }
    return shared;
}

/* What the thread told, or is about to tell. */
static void hear(const struct writer *writer) {
    struct pollfd watch = {.fd = writer->fd, .events = POLLIN};
    uint64_t count;

    while (read(writer->fd, &count, sizeof count) < 0 && (errno == EAGAIN || errno == EINTR)) {
        (void)poll(&watch, 1, -1);
    }
}

int writer_end(struct writer *writer) {
    int result;

    (void)pthread_mutex_lock(&writer->lock);
    ENSURE(writer->state != WRITER_IDLE);
    wait_until_done(writer);
    writer->state = WRITER_IDLE;
    result = writer->result;
    (void)pthread_mutex_unlock(&writer->lock);
    hear(writer);
    return result;
}

bool writer_has_shared(const struct writer *writer) {
    return writer->is_shared; /* The thread is idle. */
}
