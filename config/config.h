/* config/config.h - nightshift.yaml as a value.
 *
 * One table (config_settings) says every setting's name, type, default and meaning; the
 * parser, `nightshift config`, and the manual's reference are all made from it.
 * Unknown keys are problems. Reading it changes nothing: who reloads compares values.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/node_pools.h"
#include "config/notifications.h"
#include "config/problem.h"
#include "config/teams.h"
#include "policy/retry.h"
#include "policy/window.h"

/* Texts are owned and never NULL; "" is "not set". */
struct config {
    char *data_dir;

    char *secrets_key_file; /* "": our own in the data folder */

    char *unix_path;
    uint32_t unix_mode; /* permission bits */
    char *unix_group;   /* "": the daemon's own */

    char *tcp_address; /* "host:port"; "": no TCP */
    char *tls_cert;
    char *tls_key;
    char *tls_client_ca;
    char *tokens_file;

    char *kubeconfig;    /* "": KUBECONFIG, then ~/.kube/config, then the pod's service account */
    char *context;       /* "": the current one */
    bool in_cluster;     /* only the pod's service account */
    bool allow_insecure; /* accept a server that nobody vouches for */
    char **namespaces;
    size_t namespace_count; /* 0: all */
    int64_t kube_qps_milli; /* thousandths of a request per second */
    int64_t kube_burst;
    int64_t kube_timeout_us;  /* of one request */
    int64_t watch_silence_us; /* then a watch is opened anew */
    int64_t resync_us;        /* then everything is listed again; 0: never */

    bool leader_enabled;
    char *lease_name;
    char *lease_namespace; /* "": the credentials' own */
    int64_t lease_us;
    int64_t lease_renew_us;
    int64_t lease_retry_us;
    char *leader_address; /* "": not told */

    char *mode; /* order_mode_text() */
    int64_t usage_half_life_us;
    int64_t priority_aging_us;
    char *default_priority_class; /* "": none */
    int64_t starts_per_turn_max;
    int64_t start_timeout_us; /* driver pod made to driver running */
    int64_t events_after_us;
    int64_t executor_timeout_us; /* driver running without an executor; 0: for ever */
    char *preemption;            /* off, lower-tier or reclaim */
    int64_t preempt_protection_us;
    char *backfill; /* none, easy or conservative */
    int64_t backfill_depth;
    int64_t backfill_jobs;
    int64_t backfill_horizon_us;
    int64_t backfill_interval_us;
    int64_t runtime_percent;
    int64_t runtime_default_us; /* 0: unknown */
    int64_t look_ahead_us;      /* between forecasts for deadlines; 0: none */

    int64_t retries_max;
    int64_t infra_retries_max;
    int64_t backoff_first_us;
    int64_t backoff_max_us;
    int64_t growth_percent;
    int64_t growth_ceiling_bytes;
    int64_t learnt_age_us;
    int64_t avoid_half_life_us;
    int64_t blame_above;
    char *blame_avoid; /* no, preferred or required */
    int64_t breaker_jobs;
    int64_t breaker_team_jobs;
    int64_t breaker_pause_us;
    struct retry_settings retry; /* all of these and retry.classes, as the rules take them */
    int64_t ttl_us;              /* finished pods are deleted after it */

    char *default_namespace;
    char *default_team;
    char *spark_image;           /* "": every application must name its own */
    int64_t spark_max_executors; /* of dynamic allocation that says none; 0: without a bound */
    char *spark_reserve;         /* of dynamic allocation that says none: initial, max or min */
    char *spark_version;         /* of it, and where no image tells; "": 3.5 */

    int64_t body_bytes_max;
    int64_t bodies_bytes_max;
    int64_t header_bytes_max;
    int64_t catch_up_per_s;
    int64_t jobs_per_request_max;
    int64_t connections_max;
    int64_t unix_connections_max;
    int64_t header_timeout_us;
    int64_t body_timeout_us;
    int64_t idle_timeout_us;
    int64_t send_timeout_us;
    int64_t jobs_waiting_max;
    int64_t history_age_us;
    int64_t history_count;
    char *logs_collect; /* none, drivers or all */
    int64_t logs_streams;
    int64_t logs_file_bytes;
    int64_t logs_total_bytes;
    int64_t logs_age_us;
    int64_t logs_timeout_us;
    char *log_level; /* error, warn, info or debug */

    char *zoneinfo_dir;
    char *price_cpu_hour; /* a decimal */
    char *price_gib_hour;
    char *currency;
    char *report_pool_label; /* of nodes; "": pools are not told apart */
    char *report_job_label;
    char *zone; /* at home: of business dates */
    struct notification_set notifications;
    struct window_set *windows; /* shared by who needs it longer */
    struct team_set teams;
    struct pool_set node_pools;
};

/* The configuration of an empty file. */
void config_init_default(struct config *config);

/* ERR_INVALID with problems, sorted; the output is then untouched. An empty text is valid. */
int config_parse(const char *text, size_t bytes, struct config *out_config,
                 struct problems *problems) MUST_CHECK;

/* The same from a file. ERR_NOT_FOUND, ERR_DENIED, ERR_IO with one problem of line 0. */
int config_load(const char *path, struct config *out_config, struct problems *problems) MUST_CHECK;

void config_finish(struct config *config);

/* Every setting as YAML, with its meaning as a comment: the defaults as a file to start from. */
void config_print(const struct config *config, struct buf *out);

/* The reference as a Markdown table. */
void config_print_manual(struct buf *out);

#endif
