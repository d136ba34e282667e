#include "k8s/kube.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/poller.h"
#include "base/rng.h"
#include "k8s/credentials.h"
#include "k8s/kube_access.h"
#include "k8s/kube_pool.h"
#include "k8s/kube_transfer.h"
#include "k8s/rate_limit.h"

#define ATTEMPTS_MAX    5
#define BACKOFF_MIN_US  (200 * CLOCK_US_PER_MS)
#define BACKOFF_MAX_US  (5 * CLOCK_US_PER_SECOND)
#define RETIRED_MAX     8
#define POOL_AGE_MIN_US (5 * CLOCK_US_PER_SECOND)

enum call_state {
    CALL_WAITING, /* for its turn */
    CALL_PAUSED,  /* until it may be sent again */
    CALL_ACTIVE,  /* on the wire */
    CALL_DOOMED   /* cancelled; freed when curl is not looking */
};

struct call {
    struct call *next;
    struct call *previous;
    struct call_list *list;
    struct kube *kube;
    uint64_t id;
    enum call_state state;
    struct kube_call spec; /* its texts are copies */
    kube_bytes *on_bytes;  /* the caller's */
    kube_done *done;
    void *context;
    int64_t deadline_mono_us;
    struct poller_timer deadline;
    struct poller_timer pause;
    struct kube_transfer *transfer;
    struct kube_pool *pool;
    uint64_t credential_generation;
    unsigned attempts;
    bool is_reauthorized;
    struct kube_status *last; /* of the attempt before; NULL at the first */
};

struct call_list {
    struct call *first;
    struct call *last;
    uint32_t count;
};

struct kube {
    struct kube_options options;
    struct kube_access access;
    struct credentials *credentials;
    struct rate_limit rate_limit;
    struct map calls; /* by id; not the doomed */
    struct call_list waiting[KUBE_PRIORITY_COUNT];
    struct call_list paused;
    struct call_list active;
    struct call_list doomed;
    struct kube_pool *pool;
    int64_t pool_began_mono_us;
    struct kube_pool *retired[RETIRED_MAX];
    size_t retired_count;
    struct poller_timer pump;
    uint64_t last_id;
    uint32_t in_flight;
    uint32_t streams;
    struct kube_figures figures;
};

/* --- Lists ------------------------------------------------------------------------------------ */

static void list_add(struct call_list *list, struct call *call) {
    ENSURE(call->list == NULL);
    call->list = list;
    call->next = NULL;
    call->previous = list->last;
    if (list->last == NULL) {
        list->first = call;
    } else {
        list->last->next = call;
    }
    list->last = call;
    list->count++;
}

static void list_remove(struct call *call) {
    struct call_list *list = call->list;

    ENSURE(list != NULL);
    if (call->previous == NULL) {
        list->first = call->next;
    } else {
        call->previous->next = call->next;
    }
    if (call->next == NULL) {
        list->last = call->previous;
    } else {
        call->next->previous = call->previous;
    }
    list->count--;
    call->list = NULL;
}

static void move_call(struct call *call, enum call_state state, struct call_list *list) {
    list_remove(call);
    list_add(list, call);
    call->state = state;
}

/* --- A call's end ----------------------------------------------------------------------------- */

static bool is_stream(const struct call *call) {
    return call->on_bytes != NULL;
}

/* How many are in flight, counted where a call enters or leaves the wire. */
static void count_active(struct call *call, int change) {
    uint32_t *count = is_stream(call) ? &call->kube->streams : &call->kube->in_flight;

    *count = (uint32_t)((int64_t)*count + change);
}

/* Off the wire, if it is there. Not from inside curl. */
static void disconnect(struct call *call) {
    if (call->pool != NULL) {
        kube_pool_remove(call->pool, kube_transfer_easy(call->transfer));
        call->pool = NULL;
    }
    kube_transfer_destroy(call->transfer);
    call->transfer = NULL;
}

static void stop_timers(struct call *call) {
    poller_timer_stop(call->kube->options.poller, &call->deadline);
    poller_timer_stop(call->kube->options.poller, &call->pause);
}

static void call_destroy(struct call *call) {
    stop_timers(call);
    disconnect(call);
    list_remove(call);
    free((char *)(uintptr_t)call->spec.path);
    free((char *)(uintptr_t)call->spec.query);
    free((char *)(uintptr_t)call->spec.content_type);
    free((char *)(uintptr_t)call->spec.body);
    free(call->last);
    free(call);
}

static void wake(struct kube *kube) {
    poller_timer_set(kube->options.poller, &kube->pump, 0);
}

/* Tell the caller and forget the call. */
static void finish(struct call *call, const struct kube_status *status) {
    struct kube *kube = call->kube;
    struct kube_answer answer = {.status = *status, .body = "", .content_type = ""};

    if (call->state == CALL_ACTIVE) {
        count_active(call, -1);
    }
    if (call->transfer != NULL) {
        answer.body = kube_transfer_body(call->transfer, &answer.body_bytes);
        answer.content_type = kube_transfer_content_type(call->transfer);
    }
    stop_timers(call);
    (void)map_remove_id(&kube->calls, call->id);
    move_call(call, CALL_DOOMED, &kube->doomed);
    kube->figures.outcomes[status->outcome]++;
    call->done(call->context, &answer);
    call_destroy(call);
    wake(kube);
}

/* --- Repeating -------------------------------------------------------------------------------- */

static int64_t backoff_us(struct kube *kube, unsigned attempts) {
    int64_t cap_us = BACKOFF_MIN_US;

    for (unsigned i = 1; i < attempts && cap_us < BACKOFF_MAX_US; i++) {
        cap_us *= 2;
    }
    cap_us = cap_us < BACKOFF_MAX_US ? cap_us : BACKOFF_MAX_US;
    return (int64_t)rng_below(kube->options.rng, (uint64_t)cap_us) + 1;
}

/* Throttled calls were not carried out, whatever their method; a budget that forbids an eviction
 * also says 429, but is no throttling. */
static bool may_repeat(const struct call *call, const struct kube_status *status) {
    if (call->spec.no_retry || is_stream(call) || call->attempts >= ATTEMPTS_MAX) {
        return false;
    }
    if (status->outcome == KUBE_THROTTLED) {
        return status->cause[0] == '\0';
    }
    return call->spec.method == KUBE_GET && kube_outcome_is_transient(status->outcome);
}

/* Pause the call; false when it may not be repeated or its deadline comes first. */
static bool pause_call(struct call *call, const struct kube_status *status) {
    struct kube *kube = call->kube;
    int64_t wait_us;

    if (!may_repeat(call, status)) {
        return false;
    }
    wait_us = backoff_us(kube, call->attempts);
    if (status->retry_after_us > 0) {
        wait_us = status->retry_after_us +
                  (int64_t)rng_below(kube->options.rng, (uint64_t)status->retry_after_us / 4 + 1);
    }
    if (kube->options.clock().mono_us + wait_us >= call->deadline_mono_us) {
        return false;
    }
    free(call->last);
    call->last = mem_copy(status, sizeof *status);
    kube->figures.retries++;
    move_call(call, CALL_PAUSED, &kube->paused);
    poller_timer_set(kube->options.poller, &call->pause, wait_us);
    return true;
}

static void queue_call(struct call *call) {
    move_call(call, CALL_WAITING, &call->kube->waiting[call->spec.priority]);
    wake(call->kube);
}

static bool renew_credentials(struct call *call, const struct kube_status *status) {
    if (status->outcome != KUBE_UNAUTHORIZED || call->is_reauthorized ||
        !credentials_reject(call->kube->credentials, call->credential_generation)) {
        return false;
    }
    call->is_reauthorized = true;
    return true;
}

/* An attempt is over. */
static void settle(struct call *call, const struct kube_status *status) {
    struct kube *kube = call->kube;
    bool again = renew_credentials(call, status);

    if (status->outcome == KUBE_THROTTLED) {
        kube->figures.throttled_by_server++;
    }
    if (!again && !may_repeat(call, status)) {
        finish(call, status);
        return;
    }
    if (call->state == CALL_ACTIVE) {
        count_active(call, -1);
    }
    if (again) {
        disconnect(call);
        queue_call(call);
    } else if (pause_call(call, status)) {
        disconnect(call);
    } else {
        call->state = CALL_PAUSED; /* Counted out already. */
        finish(call, status);
    }
    wake(kube);
}

static void on_pause_over(struct poller_timer *timer) {
    queue_call(timer->owner);
}

static struct kube_status status_at_deadline(struct call *call) {
    if (call->state == CALL_ACTIVE) {
        return kube_transfer_status_timed_out(call->transfer);
    }
    if (call->last != NULL) {
        return *call->last;
    }
    return kube_status_of(KUBE_TIMEOUT, KUBE_NOT_EXECUTED,
                          "the deadline came while the request waited for its turn");
}

static void on_deadline(struct poller_timer *timer) {
    struct call *call = timer->owner;
    struct kube_status status = status_at_deadline(call);

    if (call->state == CALL_ACTIVE && !kube_transfer_heard(call->transfer)) {
        kube_distrust_connections(call->kube);
    }
    finish(call, &status);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static int on_stream_bytes(void *context, const char *bytes, size_t count) {
    struct call *call = context;
    int r;

    if (call->state == CALL_DOOMED) {
        return ERR_BUSY;
    }
    r = call->on_bytes(call->context, bytes, count);
    return call->state == CALL_DOOMED ? ERR_BUSY : r;
}

static void on_transfer_done(void *context, void *easy, int curl_code) {
    struct kube *kube = context;
    struct call *call = kube_transfer_owner(easy);
    struct kube_status status;
    int version;

    call->pool = NULL;
    if (call->state == CALL_DOOMED) {
        wake(kube);
        return;
    }
    status = kube_transfer_status(call->transfer, curl_code);
    version = kube_transfer_http_version(call->transfer);
    if (version != 0) {
        kube->figures.http_version = version;
    }
    settle(call, &status);
}

/* Put a call on the wire. */
static int send_call(struct call *call, const struct credential *credential, struct error *error) {
    struct kube *kube = call->kube;
    struct kube_transfer_options options = {
        .access = &kube->access,
        .credential = credential,
        .user_agent = kube->options.user_agent,
        .call = &call->spec,
        .bytes_context = call,
        .owner = call,
        .connect_us = kube->options.connect_us,
        .http1_only = kube->options.http1_only,
    };
    int r = kube_transfer_create(&options, &call->transfer, error);

    if (r != OK) {
        return r;
    }
    r = kube_pool_add(kube->pool, kube_transfer_easy(call->transfer));
    if (r != OK) {
        return error_set(error, r, "curl is out of memory");
    }
    call->pool = kube->pool;
    call->credential_generation = credential->generation;
    call->attempts++;
    kube->figures.requests++;
    move_call(call, CALL_ACTIVE, &kube->active);
    count_active(call, 1);
    return OK;
}

static void fail_call(struct call *call, const struct error *error) {
    struct kube_status status =
        kube_status_of(KUBE_CREDENTIALS, KUBE_NOT_EXECUTED, "%s", error->text);

    call->attempts++;
    settle(call, &status);
}

static struct call *first_waiting(struct kube *kube) {
    for (size_t i = 0; i < KUBE_PRIORITY_COUNT; i++) {
        if (kube->waiting[i].first != NULL) {
            return kube->waiting[i].first;
        }
    }
    return NULL;
}

/* The lease's renewal never waits; whoever follows pays for it. */
static bool is_held_back(struct kube *kube, const struct call *call) {
    int64_t mono_us = kube->options.clock().mono_us;

    if (call->spec.priority == KUBE_PRIORITY_LEASE) {
        (void)rate_limit_take(&kube->rate_limit, mono_us);
        return false;
    }
    if (!is_stream(call) && kube->in_flight >= kube->options.in_flight_max) {
        return true; /* The end of any of them wakes us. */
    }
    if (rate_limit_take(&kube->rate_limit, mono_us)) {
        return false;
    }
    poller_timer_set(kube->options.poller, &kube->pump,
                     rate_limit_wait_us(&kube->rate_limit, mono_us));
    return true;
}

static void free_doomed(struct kube *kube) {
    while (kube->doomed.first != NULL) {
        call_destroy(kube->doomed.first);
    }
}

static void free_retired(struct kube *kube) {
    size_t kept = 0;

    for (size_t i = 0; i < kube->retired_count; i++) {
        if (kube_pool_transfer_count(kube->retired[i]) == 0) {
            kube_pool_destroy(kube->retired[i]);
        } else {
            kube->retired[kept++] = kube->retired[i];
        }
    }
    kube->retired_count = kept;
}

/* However long it waited for its turn: what counts is whether it may be sent now. */
static bool may_send(const struct kube *kube, const struct call *call) {
    return kube->options.may_write == NULL || call->spec.method == KUBE_GET ||
           call->spec.priority == KUBE_PRIORITY_LEASE ||
           kube->options.may_write(kube->options.context);
}

static void hold_back(struct call *call) {
    struct kube_status status =
        kube_status_of(KUBE_HELD_BACK, KUBE_NOT_EXECUTED, "held back: another may be in charge");

    finish(call, &status);
}

static void on_pump(struct poller_timer *timer) {
    struct kube *kube = timer->owner;
    struct call *call;

    free_doomed(kube);
    free_retired(kube);
    while ((call = first_waiting(kube)) != NULL) {
        struct credential credential;
        struct error error = {0};
        int r;

        if (!may_send(kube, call)) {
            hold_back(call);
            continue;
        }
        r = credentials_get(kube->credentials, &credential, &error);
        if (r == ERR_BUSY || (r == OK && is_held_back(kube, call))) {
            return;
        }
        if (r == OK) {
            r = send_call(call, &credential, &error);
        }
        if (r != OK) {
            fail_call(call, &error);
        }
    }
}

static void on_credentials_change(void *context) {
    wake(context);
}

/* --- Calls ------------------------------------------------------------------------------------ */

static struct kube_call copy_spec(const struct kube_call *call) {
    struct kube_call copy = *call;

    copy.path = mem_copy_text(call->path);
    copy.query = mem_copy_text(call->query);
    copy.content_type = mem_copy_text(call->content_type);
    copy.body = call->body == NULL ? NULL : mem_copy_text_n(call->body, call->body_bytes);
    copy.on_bytes = call->on_bytes == NULL ? NULL : on_stream_bytes;
    return copy;
}

static void arm_deadline(struct call *call) {
    int64_t after_us =
        call->spec.deadline_us == 0 ? call->kube->options.deadline_us : call->spec.deadline_us;

    call->deadline_mono_us = CLOCK_NEVER_US;
    if (after_us != KUBE_DEADLINE_NONE) {
        call->deadline_mono_us = call->kube->options.clock().mono_us + after_us;
        poller_timer_set(call->kube->options.poller, &call->deadline, after_us);
    }
}

uint64_t kube_request(struct kube *kube, const struct kube_call *call_spec, kube_done *done,
                      void *context) {
    struct call *call = mem_alloc(1, sizeof *call);

    ENSURE(call_spec->method < KUBE_METHOD_COUNT);
    ENSURE(call_spec->priority < KUBE_PRIORITY_COUNT);
    call->kube = kube;
    call->id = ++kube->last_id;
    call->spec = copy_spec(call_spec);
    call->on_bytes = call_spec->on_bytes;
    call->done = done;
    call->context = context;
    call->deadline = (struct poller_timer){.on_time = on_deadline, .owner = call};
    call->pause = (struct poller_timer){.on_time = on_pause_over, .owner = call};
    list_add(&kube->waiting[call->spec.priority], call);
    (void)map_put_id(&kube->calls, call->id, call);
    arm_deadline(call);
    wake(kube);
    return call->id;
}

void kube_cancel(struct kube *kube, uint64_t id) {
    struct call *call = map_remove_id(&kube->calls, id);

    if (call == NULL) {
        return;
    }
    if (call->state == CALL_ACTIVE) {
        count_active(call, -1);
    }
    stop_timers(call);
    move_call(call, CALL_DOOMED, &kube->doomed);
    wake(kube);
}

/* --- The client ------------------------------------------------------------------------------- */

static struct credentials *make_credentials(struct kube *kube) {
    struct credentials_options options = {
        .poller = kube->options.poller,
        .clock = kube->options.clock,
        .access = &kube->access,
        .on_change = on_credentials_change,
        .context = kube,
    };

    return credentials_create(&options);
}

static void set_defaults(struct kube_options *options) {
    if (options->qps == 0) {
        options->qps = KUBE_QPS_DEFAULT;
    }
    if (options->burst == 0) {
        options->burst = KUBE_BURST_DEFAULT;
    }
    if (options->in_flight_max == 0) {
        options->in_flight_max = LIMIT_KUBE_REQUESTS_IN_FLIGHT;
    }
    if (options->deadline_us == 0) {
        options->deadline_us = KUBE_DEADLINE_DEFAULT_US;
    }
    if (options->connect_us == 0) {
        options->connect_us = KUBE_CONNECT_DEFAULT_US;
    }
}

int kube_open(const struct kube_options *options, struct kube **out_kube, struct error *error) {
    struct kube *kube;
    int r = kube_access_check(options->access, error);

    if (r != OK) {
        return r;
    }
    kube = mem_alloc(1, sizeof *kube);
    kube->pool = kube_pool_create(options->poller, on_transfer_done, kube);
    if (kube->pool == NULL) {
        free(kube);
        return error_set(error, ERR_NO_MEMORY, "curl is out of memory");
    }
    kube->options = *options;
    kube->options.access = NULL;
    kube->options.user_agent = mem_copy_text(options->user_agent);
    set_defaults(&kube->options);
    kube->access = kube_access_copy(options->access);
    kube->credentials = make_credentials(kube);
    kube->rate_limit = rate_limit_make(kube->options.qps, kube->options.burst);
    kube->pump = (struct poller_timer){.on_time = on_pump, .owner = kube};
    kube->pool_began_mono_us = options->clock().mono_us;
    *out_kube = kube;
    return OK;
}

static void close_list(struct call_list *list) {
    while (list->first != NULL) {
        struct call *call = list->first;
        struct kube_status status = kube_status_of(
            KUBE_CLOSED, call->state == CALL_ACTIVE ? KUBE_EXECUTION_UNKNOWN : KUBE_NOT_EXECUTED,
            "the client was closed");

        finish(call, &status);
    }
}

void kube_close(struct kube *kube) {
    if (kube == NULL) {
        return;
    }
    close_list(&kube->active);
    close_list(&kube->paused);
    for (size_t i = 0; i < KUBE_PRIORITY_COUNT; i++) {
        close_list(&kube->waiting[i]);
    }
    free_doomed(kube);
    free_retired(kube);
    ENSURE(kube->retired_count == 0);
    poller_timer_stop(kube->options.poller, &kube->pump);
    credentials_destroy(kube->credentials);
    kube_pool_destroy(kube->pool);
    kube_access_finish(&kube->access);
    map_finish(&kube->calls);
    free((char *)(uintptr_t)kube->options.user_agent);
    free(kube);
}

/* The old connections serve what is on them; nothing new goes there. */
static int renew_pool(struct kube *kube) {
    struct kube_pool *pool;

    if (kube->retired_count == RETIRED_MAX) {
        return ERR_FULL;
    }
    pool = kube_pool_create(kube->options.poller, on_transfer_done, kube);
    if (pool == NULL) {
        return ERR_NO_MEMORY;
    }
    kube->retired[kube->retired_count++] = kube->pool;
    kube->pool = pool;
    kube->pool_began_mono_us = kube->options.clock().mono_us;
    wake(kube);
    return OK;
}

void kube_distrust_connections(struct kube *kube) {
    /* Many calls may complain about the same dead connection. */
    if (kube->options.clock().mono_us - kube->pool_began_mono_us >= POOL_AGE_MIN_US) {
        (void)!renew_pool(kube);
    }
}

int kube_set_access(struct kube *kube, const struct kube_access *access, struct error *error) {
    int r = kube_access_check(access, error);

    if (r != OK) {
        return r;
    }
    r = renew_pool(kube);
    if (r != OK) {
        return error_set(error, r, "too many connections are still busy; try again");
    }
    credentials_destroy(kube->credentials);
    kube_access_finish(&kube->access);
    kube->access = kube_access_copy(access);
    kube->credentials = make_credentials(kube);
    return OK;
}

struct kube_figures kube_figures(const struct kube *kube) {
    struct kube_figures figures = kube->figures;

    for (size_t i = 0; i < KUBE_PRIORITY_COUNT; i++) {
        figures.waiting += kube->waiting[i].count;
    }
    figures.waiting += kube->paused.count;
    figures.in_flight = kube->in_flight;
    figures.streams = kube->streams;
    return figures;
}
