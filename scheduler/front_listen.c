#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/tokens.h"
#include "scheduler/daemon.h"
#include "scheduler/front.h"

static int split_address(const char *address, char *host, size_t room, uint16_t *out_port,
                         struct error *error) {
    const char *colon = strrchr(address, ':');
    int64_t port;

    if (colon == NULL || (size_t)(colon - address) >= room ||
        text_parse_int64(colon + 1, &port) != OK || port < 0 || port > UINT16_MAX) {
        return error_set(error, ERR_INVALID, "listen.tcp.address: \"%s\" is not host:port",
                         address);
    }
    (void)snprintf(host, room, "%.*s", (int)(colon - address), address);
    if (host[0] == '[' && text_ends_with(host, "]")) {
        host[strlen(host) - 1] = '\0';
        memmove(host, host + 1, strlen(host));
    }
    *out_port = (uint16_t)port;
    return OK;
}

int front_load_tokens(struct api *api, const struct config *config, struct error *error) {
    struct token_list list = {0};
    struct problems problems = {0};
    struct api_token *tokens;
    struct buf text;
    int r = OK;

    if (config->tokens_file[0] != '\0') {
        r = token_list_load(config->tokens_file, &list, &problems);
    }
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, config->tokens_file, &text);
        (void)error_set(error, r, "%s", buf_text(&text));
        buf_finish(&text);
        problems_finish(&problems);
        return r;
    }
    tokens = mem_alloc(list.count, sizeof *tokens);
    for (size_t i = 0; i < list.count; i++) {
        memcpy(tokens[i].sha256, list.items[i].sha256, sizeof tokens[i].sha256);
        tokens[i].user = list.items[i].user;
        tokens[i].teams = (const char *const *)list.items[i].teams;
        tokens[i].team_count = list.items[i].team_count;
    }
    r = api_reload(api, tokens, list.count, error);
    free(tokens);
    token_list_finish(&list);
    return r;
}

int front_listen_network(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    const struct http_tls tls = {
        .certificate_file = config->tls_cert,
        .key_file = config->tls_key,
        .client_ca_file = config->tls_client_ca[0] != '\0' ? config->tls_client_ca : NULL,
        .client_required = config->tls_client_ca[0] != '\0',
    };
    char host[256];
    uint16_t port;
    int r;

    if (config->tcp_address[0] == '\0') {
        return OK;
    }
    r = split_address(config->tcp_address, host, sizeof host, &port, error);
    if (r == OK) {
        r = api_listen_tls(daemon->front->api, host, port, &tls, &port, error);
    }
    if (r == OK) {
        r = front_load_tokens(daemon->front->api, config, error);
    }
    if (r == OK) {
        log_info(&daemon->log, daemon->started_us, "event=listening address=%s port=%u", host,
                 (unsigned)port);
    }
    return r;
}

int front_listen_local(struct daemon *daemon, struct error *error) {
    const struct config *config = &daemon->config;
    int r;

    if (config->unix_path[0] == '\0') {
        return OK;
    }
    r = api_listen_unix(
        daemon->front->api,
        &(struct http_unix){.path = config->unix_path,
                            .mode = (mode_t)config->unix_mode,
                            .group = config->unix_group[0] != '\0' ? config->unix_group : NULL},
        error);
    if (r == OK) {
        log_info(&daemon->log, daemon->started_us, "event=listening socket=%s", config->unix_path);
    }
    return r;
}

struct http_limits front_http_limits(const struct config *config) {
    struct http_limits limits = http_limits_default();

    limits.body_bytes = (size_t)config->body_bytes_max;
    limits.body_bytes_all = (size_t)config->bodies_bytes_max;
    limits.header_bytes = (size_t)config->header_bytes_max;
    limits.connections_network = (size_t)config->connections_max;
    limits.connections_unix = (size_t)config->unix_connections_max;
    limits.header_us = config->header_timeout_us;
    limits.body_us = config->body_timeout_us;
    limits.idle_us = config->idle_timeout_us;
    limits.send_us = config->send_timeout_us;
    return limits;
}
