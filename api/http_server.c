#include "api/http_server.h"

#include <stdlib.h>

#include "api/http_connection.h"
#include "api/http_request.h"
#include "api/tls.h"
#include "base/ensure.h"
#include "base/memory.h"

/* Deadlines are looked at this often at most. */
#define SWEEP_GAP_US (50 * CLOCK_US_PER_MS)

static struct http_server *server_of(const struct poller_timer *timer) {
    return timer->owner;
}

static struct instant instant_of(const struct http_server *server) {
    return server->ready.now_us != 0 ? server->ready : server->config.clock(server->config.owner);
}

int64_t http_server_now(const struct http_server *server) {
    return instant_of(server).mono_us;
}

const char *http_server_date(struct http_server *server) {
    int64_t now_us = instant_of(server).now_us;

    if (now_us / CLOCK_US_PER_SECOND != server->date_second) {
        server->date_second = now_us / CLOCK_US_PER_SECOND;
        http_date_print(now_us, server->date);
    }
    return server->date;
}

/* --- Rounds: what was put off until no caller stands above us --------------------------------- */

void http_server_schedule(struct http_connection *connection) {
    struct http_server *server = connection->server;

    if (connection->scheduled) {
        return;
    }
    connection->scheduled = true;
    connection->scheduled_next = server->scheduled;
    server->scheduled = connection;
    if (!server->round_timer.armed) {
        poller_timer_set(server->config.poller, &server->round_timer, 0);
    }
}

static void tell_drained(struct http_server *server) {
    void (*on_drained)(void *owner) = server->on_drained;

    if (server->draining && server->connections == NULL && on_drained != NULL) {
        server->on_drained = NULL;
        on_drained(server->config.owner);
    }
}

static void run_round(struct http_server *server) {
    struct http_connection *connection = server->scheduled;

    server->scheduled = NULL;
    while (connection != NULL) {
        struct http_connection *next = connection->scheduled_next;

        connection->scheduled = false;
        if (connection->phase == HTTP_PHASE_DEAD) {
            http_connection_free(connection);
        } else {
            http_connection_settle(connection);
        }
        connection = next;
    }
}

static void on_round(struct poller_timer *timer) {
    struct http_server *server = server_of(timer);

    run_round(server);
    tell_drained(server);
}

/* --- Deadlines -------------------------------------------------------------------------------- */

void http_server_wake_by(struct http_server *server, int64_t at_us, int64_t now_us) {
    int64_t wake_us = at_us > now_us + server->sweep_gap_us ? at_us : now_us + server->sweep_gap_us;

    if (wake_us < server->sweep_at_us) {
        server->sweep_at_us = wake_us;
        poller_timer_set(server->config.poller, &server->sweep_timer, wake_us - now_us);
    }
}

static void on_sweep(struct poller_timer *timer) {
    struct http_server *server = server_of(timer);
    int64_t now_us = http_server_now(server);
    int64_t next_us = CLOCK_NEVER_US;
    struct http_connection *next;

    server->sweep_at_us = CLOCK_NEVER_US;
    for (struct http_connection *c = server->connections; c != NULL; c = next) {
        next = c->next;
        if (c->deadline_us <= now_us) {
            http_connection_expire(c);
        }
        next_us = c->deadline_us < next_us ? c->deadline_us : next_us;
    }
    if (next_us != CLOCK_NEVER_US) {
        http_server_wake_by(server, next_us, now_us);
    }
    http_listeners_resume(server);
    http_listeners_retry(server);
}

/* --- Life cycle ------------------------------------------------------------------------------- */

/* Short deadlines (of tests) want a finer sweep. */
static int64_t sweep_gap_us(const struct http_limits *limits) {
    const int64_t all_us[] = {limits->handshake_us, limits->header_us, limits->body_us,
                              limits->idle_us,      limits->linger_us, limits->send_us};
    int64_t gap_us = SWEEP_GAP_US;

    for (size_t i = 0; i < ARRAY_LEN(all_us); i++) {
        gap_us = all_us[i] / 8 < gap_us ? all_us[i] / 8 : gap_us;
    }
    return gap_us > CLOCK_US_PER_MS ? gap_us : CLOCK_US_PER_MS;
}

struct http_server *http_server_create(const struct http_server_config *config) {
    struct http_server *server = mem_alloc(1, sizeof *server);

    ENSURE(config->poller != NULL);
    ENSURE(config->clock != NULL);
    ENSURE(config->on_request != NULL);
    server->config = *config;
    server->round_timer = (struct poller_timer){.on_time = on_round, .owner = server};
    server->sweep_timer = (struct poller_timer){.on_time = on_sweep, .owner = server};
    server->sweep_at_us = CLOCK_NEVER_US;
    server->sweep_gap_us = sweep_gap_us(&config->limits);
    server->read_buffer = mem_alloc(1, HTTP_READ_BYTES);
    server->requests = http_request_pool_create();
    server->date_second = -1;
    return server;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits) {
    server->config.limits = *limits;
    http_listeners_resume(server);
}

void http_server_drain(struct http_server *server, void (*on_drained)(void *owner)) {
    server->draining = true;
    server->on_drained = on_drained;
    http_listeners_close(server);
    for (struct http_connection *c = server->connections; c != NULL; c = c->next) {
        http_server_schedule(c);
    }
    if (!server->round_timer.armed) {
        poller_timer_set(server->config.poller, &server->round_timer, 0);
    }
}

void http_server_destroy(struct http_server *server) {
    if (server == NULL) {
        return;
    }
    http_listeners_close(server);
    while (server->connections != NULL) {
        http_connection_kill(server->connections);
    }
    while (server->scheduled != NULL) {
        run_round(server);
    }
    poller_timer_stop(server->config.poller, &server->round_timer);
    poller_timer_stop(server->config.poller, &server->sweep_timer);
    http_request_pool_destroy(server->requests);
    free(server->read_buffer);
    free(server);
}

struct http_stats http_server_stats(const struct http_server *server) {
    return server->stats;
}

size_t http_server_connections(const struct http_server *server) {
    size_t count = 0;

    for (size_t i = 0; i < HTTP_TRANSPORT_COUNT; i++) {
        count += server->stats.connections[i];
    }
    return count;
}
