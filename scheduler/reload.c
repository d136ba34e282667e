#include "scheduler/daemon.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "config/problem.h"
#include "config/windows.h"
#include "policy/room.h"
#include "scheduler/log_collector.h"
#include "scheduler/settings.h"
#include "scheduler/team_settings.h"

/* Amounts that the table of resources has no room for are left out: no pod asks for them. */
static void read_pool(const struct pool_setting *setting, struct resource_names *names,
                      struct node_pool *out_pool) {
    *out_pool = (struct node_pool){.node_max = setting->node_max};
    node_init(&out_pool->node, setting->name);
    for (size_t i = 0; i < setting->label_count; i++) {
        node_add_label(&out_pool->node, setting->labels[i].key, setting->labels[i].value);
    }
    for (size_t i = 0; i < setting->taint_count; i++) {
        node_add_taint(&out_pool->node, setting->taints[i].key, setting->taints[i].value,
                       taint_effect_of(setting->taints[i].effect));
    }
    for (size_t i = 0; i < setting->allocatable_count; i++) {
        size_t kind;
        int64_t amount;

        if (resource_intern(names, setting->allocatable[i].key, &kind) == OK &&
            resource_parse(names, kind, setting->allocatable[i].value, &amount) == OK) {
            out_pool->node.allocatable.amount[kind] = amount;
        }
    }
}

static void set_pools(struct daemon *daemon) {
    const struct pool_set *set = &daemon->config.node_pools;
    struct node_pool *pools = mem_alloc(set->count + 1, sizeof *pools);

    for (size_t i = 0; i < set->count; i++) {
        read_pool(&set->pools[i], core_resource_names(daemon->core), &pools[i]);
    }
    core_set_pools(daemon->core, pools, set->count);
    for (size_t i = 0; i < set->count; i++) {
        node_finish(&pools[i].node);
    }
    free(pools);
}

static void set_teams(struct daemon *daemon) {
    const int64_t now_us = daemon_now(daemon).now_us;
    struct team_settings teams;
    size_t dropped;

    team_settings_init(&teams, &daemon->config, core_resource_names(daemon->core), &dropped);
    core_set_teams(daemon->core, &teams.core, now_us);
    team_settings_finish(&teams);
    if (dropped > 0) {
        log_warn(&daemon->log, now_us,
                 "event=limits_ignored count=%zu error=\"too many kinds of resources\"", dropped);
    }
}

void daemon_apply_lists(struct daemon *daemon) {
    set_teams(daemon);
    set_pools(daemon);
}

static bool same_namespaces(const struct config *now, const struct config *next) {
    bool same = now->namespace_count == next->namespace_count;

    for (size_t i = 0; same && i < now->namespace_count; i++) {
        same = strcmp(now->namespaces[i], next->namespaces[i]) == 0;
    }
    return same;
}

static bool same_doors(const struct config *now, const struct config *next) {
    return strcmp(now->unix_path, next->unix_path) == 0 && now->unix_mode == next->unix_mode &&
           strcmp(now->unix_group, next->unix_group) == 0 &&
           strcmp(now->tcp_address, next->tcp_address) == 0 &&
           strcmp(now->tls_cert, next->tls_cert) == 0 && strcmp(now->tls_key, next->tls_key) == 0 &&
           strcmp(now->tls_client_ca, next->tls_client_ca) == 0;
}

static bool same_cluster(const struct config *now, const struct config *next) {
    return strcmp(now->kubeconfig, next->kubeconfig) == 0 &&
           strcmp(now->context, next->context) == 0 && now->in_cluster == next->in_cluster &&
           now->allow_insecure == next->allow_insecure && same_namespaces(now, next) &&
           now->kube_qps_milli == next->kube_qps_milli && now->kube_burst == next->kube_burst &&
           now->kube_timeout_us == next->kube_timeout_us &&
           now->watch_silence_us == next->watch_silence_us && now->resync_us == next->resync_us;
}

static bool same_leader(const struct config *now, const struct config *next) {
    return now->leader_enabled == next->leader_enabled &&
           strcmp(now->lease_name, next->lease_name) == 0 &&
           strcmp(now->lease_namespace, next->lease_namespace) == 0 &&
           strcmp(now->leader_address, next->leader_address) == 0 &&
           now->lease_us == next->lease_us && now->lease_renew_us == next->lease_renew_us &&
           now->lease_retry_us == next->lease_retry_us;
}

/* What can't change while we run: nobody watches the quotas of a namespace that comes later. */
static const char *unchangeable(const struct config *now, const struct config *next) {
    if (strcmp(now->data_dir, next->data_dir) != 0) {
        return "dataDir";
    }
    if (!same_doors(now, next)) {
        return "listen (all but listen.tcp.tokensFile)";
    }
    if (!same_leader(now, next)) {
        return "leader";
    }
    return same_cluster(now, next) ? NULL : "kubernetes";
}

/* What an event of settings borrows. */
struct shared_settings {
    struct window_set *windows;
    struct notice_routes *notices;
};

static struct shared_settings *share_settings(const struct config *config) {
    struct shared_settings *shared = mem_alloc(1, sizeof *shared);

    *shared = (struct shared_settings){
        .windows = window_set_share(config->windows),
        .notices = notice_routes_share(config->notifications.routes),
    };
    return shared;
}

static void drop_settings(void *value) {
    struct shared_settings *shared = value;

    window_set_destroy(shared->windows);
    notice_routes_destroy(shared->notices);
    free(shared);
}

static int reload(struct daemon *daemon, struct error *error) {
    struct config next;
    struct problems problems = {0};
    const char *fixed;
    struct buf text;
    int r = config_load(daemon->config_path, &next, &problems);

    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, daemon->config_path, &text);
        error_set(error, r, "%s", buf_text(&text));
        buf_finish(&text);
        problems_finish(&problems);
        return r;
    }
    fixed = unchangeable(&daemon->config, &next);
    if (fixed != NULL) {
        r = error_set(error, ERR_INVALID, "%s can't change without a restart", fixed);
    } else {
        r = cluster_reload(daemon, &next, error);
    }
    if (r == OK) {
        r = front_reload(daemon, &next, error);
    }
    if (r < 0) {
        config_finish(&next);
        return r;
    }
    config_finish(&daemon->config);
    daemon->config = next;
    daemon->zones_stamp = windows_zones_stamp(next.windows, next.zoneinfo_dir);
    known_texts_finish(&daemon->known_texts); /* Defaults are written into what was read. */
    (void)!log_level_parse(next.log_level, &daemon->log.level);
    if (daemon->core != NULL) {
        daemon_apply_lists(daemon);
        log_collector_reload(daemon->logs);
        inbox_add(
            &daemon->inbox,
            &(struct event){.kind = EVENT_SETTINGS, .settings = core_settings_of(&daemon->config)},
            share_settings(&next), drop_settings);
    }
    return OK;
}

void daemon_reload_if_due(struct daemon *daemon) {
    struct error error = {0};
    int64_t now_us = daemon_now(daemon).now_us;

    if (!daemon->reload_due || daemon->committing || daemon->stalled) {
        return; /* It changes the core: not under the feet of a turn that is being committed. */
    }
    daemon->reload_due = false;
    if (daemon->config_path[0] == '\0') {
        log_warn(&daemon->log, now_us, "event=reload action=\"none: started without a file\"");
    } else if (reload(daemon, &error) == OK) {
        log_info(&daemon->log, now_us, "event=reloaded file=%s", daemon->config_path);
    } else {
        log_error(&daemon->log, now_us,
                  "event=reload_refused action=\"nothing changed\" error=\"%s\"", error.text);
    }
}
