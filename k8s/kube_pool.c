#include "k8s/kube_pool.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/poller.h"

/* By itself curl keeps four for each transfer of the moment: after a burst it closes what the next
 * one opens again. */
#define IDLE_CONNECTIONS_MAX 128L

struct kube_pool {
    struct poller *poller;
    kube_pool_done *done;
    void *context;
    CURLM *multi;
    struct poller_timer timer;
    size_t transfer_count;
};

/* --- From curl to the poller ------------------------------------------------------------------ */

static void on_socket_ready(struct poller_fd *watch, unsigned events);

static void forget_socket(struct kube_pool *pool, curl_socket_t fd, struct poller_fd *watch) {
    if (watch != NULL) {
        poller_fd_set(pool->poller, watch, 0);
        (void)curl_multi_assign(pool->multi, fd, NULL);
        free(watch);
    }
}

static struct poller_fd *know_socket(struct kube_pool *pool, curl_socket_t fd) {
    struct poller_fd *watch = mem_alloc(1, sizeof *watch);

    *watch = (struct poller_fd){.fd = fd, .on_ready = on_socket_ready, .owner = pool};
    (void)curl_multi_assign(pool->multi, fd, watch);
    return watch;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *pool_pointer,
                            void *watch_pointer) {
    struct kube_pool *pool = pool_pointer;
    struct poller_fd *watch = watch_pointer;
    unsigned events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        forget_socket(pool, fd, watch);
        return 0;
    }
    events |= (what & CURL_POLL_IN) != 0 ? POLLER_READ : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? POLLER_WRITE : 0;
    poller_fd_set(pool->poller, watch == NULL ? know_socket(pool, fd) : watch, events);
    return 0;
}

/* curl's -1 is "none", its 0 "now"; both differ from "in some milliseconds". */
static int on_timer_wanted(CURLM *multi, long after_ms, void *pool_pointer) {
    struct kube_pool *pool = pool_pointer;

    (void)multi;
    if (after_ms < 0) {
        poller_timer_stop(pool->poller, &pool->timer);
    } else {
        poller_timer_set(pool->poller, &pool->timer, (int64_t)after_ms * CLOCK_US_PER_MS);
    }
    return 0;
}

/* --- From the poller to curl ------------------------------------------------------------------ */

static void report_ended(struct kube_pool *pool) {
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;

        if (message->msg == CURLMSG_DONE) {
            kube_pool_remove(pool, easy); /* message is void from here on. */
            pool->done(pool->context, easy, (int)code);
        }
    }
}

static void act(struct kube_pool *pool, curl_socket_t fd, int events) {
    int running;

    (void)curl_multi_socket_action(pool->multi, fd, events, &running);
    report_ended(pool);
}

static void on_socket_ready(struct poller_fd *watch, unsigned events) {
    struct kube_pool *pool = watch->owner;
    int what = 0;

    what |= (events & POLLER_READ) != 0 ? CURL_CSELECT_IN : 0;
    what |= (events & POLLER_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
    act(pool, watch->fd, what);
}

static void on_timer(struct poller_timer *timer) {
    act(timer->owner, CURL_SOCKET_TIMEOUT, 0);
}

/* --- Life cycle ------------------------------------------------------------------------------- */

struct kube_pool *kube_pool_create(struct poller *poller, kube_pool_done *done, void *context) {
    struct kube_pool *pool;
    CURLM *multi = curl_multi_init();

    if (multi == NULL) {
        return NULL;
    }
    pool = mem_alloc(1, sizeof *pool);
    *pool = (struct kube_pool){.poller = poller, .done = done, .context = context, .multi = multi};
    pool->timer = (struct poller_timer){.on_time = on_timer, .owner = pool};
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool);
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX);
    return pool;
}

void kube_pool_destroy(struct kube_pool *pool) {
    if (pool == NULL) {
        return;
    }
    ENSURE(pool->transfer_count == 0);
    (void)curl_multi_cleanup(pool->multi); /* Calls on_socket_wanted() for the idle ones. */
    poller_timer_stop(pool->poller, &pool->timer);
    free(pool);
}

int kube_pool_add(struct kube_pool *pool, void *easy) {
    if (curl_multi_add_handle(pool->multi, easy) != CURLM_OK) {
        return ERR_NO_MEMORY;
    }
    pool->transfer_count++;
    return OK;
}

void kube_pool_remove(struct kube_pool *pool, void *easy) {
    ENSURE(pool->transfer_count > 0);
    pool->transfer_count--;
    (void)curl_multi_remove_handle(pool->multi, easy);
}

size_t kube_pool_transfer_count(const struct kube_pool *pool) {
    return pool->transfer_count;
}
