#include "config/settings.h"

#include "base/limits.h"
#include "config/spark_schema.h"

#define AT(member_) .offset = offsetof(struct config, member_)

#define TEXT(path_, member_, initial_, about_)                                            \
    {                                                                                     \
        .field = {.name = (path_), .type = FIELD_TEXT}, .store = STORE_TEXT, AT(member_), \
        .initial = (initial_), .about = (about_)                                          \
    }
#define FLAG(path_, member_, initial_, about_)                                            \
    {                                                                                     \
        .field = {.name = (path_), .type = FIELD_BOOL}, .store = STORE_BOOL, AT(member_), \
        .initial = (initial_), .about = (about_)                                          \
    }
#define BODIES_BYTES_MAX ((int64_t)4096 * LIMIT_MIB)
#define GROWTH_BYTES_MAX ((int64_t)1024 * 1024 * LIMIT_MIB)

#define COUNT(path_, member_, min_, max_, initial_, about_)                          \
    {                                                                                \
        .field = {.name = (path_), .type = FIELD_INT, .min = (min_), .max = (max_)}, \
        .store = STORE_INT, AT(member_), .initial = (initial_), .about = (about_)    \
    }
#define TIME(path_, member_, initial_, about_)                                                    \
    {                                                                                             \
        .field = {.name = (path_), .type = FIELD_DURATION}, .store = STORE_DURATION, AT(member_), \
        .initial = (initial_), .about = (about_)                                                  \
    }
#define NAME(path_, member_, type_, initial_, about_)                                  \
    {                                                                                  \
        .field = {.name = (path_), .type = (type_)}, .store = STORE_TEXT, AT(member_), \
        .initial = (initial_), .about = (about_)                                       \
    }

static const char *const log_collections[] = {"none", "drivers", "all", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const modes[] = {"fifo", "priority", "fair", NULL};
static const char *const preemptions[] = {"off", "lower-tier", "reclaim", NULL};
static const char *const avoids[] = {"no", "preferred", "required", NULL};
static const char *const backfills[] = {"none", "easy", "conservative", NULL};

const struct setting config_settings[] = {
    TEXT("dataDir", data_dir, "/var/lib/nightshift", "folder of the queue; made when missing"),
    TEXT("zoneinfoDir", zoneinfo_dir, "/usr/share/zoneinfo",
         "folder of the time zones that windows name, as tzdata installs it"),

    TEXT("zone", zone, "UTC",
         "the time zone of business dates, so of deadlines such as 06:00, and of reports"),

    NAME("prices.cpuHour", price_cpu_hour, FIELD_NUMBER_TEXT, "0",
         "of a core reserved for an hour, for reports; 0 with the next: no cost is told"),
    NAME("prices.gibHour", price_gib_hour, FIELD_NUMBER_TEXT, "0",
         "of a GiB of memory reserved for an hour"),
    TEXT("prices.currency", currency, "", "what prices are in, such as EUR"),
    TEXT("report.nodePoolLabel", report_pool_label, "",
         "label of nodes that names their pool; empty: reports don't tell pools apart"),
    TEXT("report.jobLabel", report_job_label, "",
         "label of jobs by which reports sum up what they used; empty: none"),

    TEXT("secrets.keyFile", secrets_key_file, "",
         "keys that submitted secrets are sealed with, 32 bytes in base64 a line; empty: "
         "secrets.key of dataDir, made when it is needed"),

    TEXT("listen.unix.path", unix_path, "/run/nightshift/nightshift.sock",
         "socket for this machine; empty: none"),
    {.field = {.name = "listen.unix.mode", .type = FIELD_TEXT},
     .store = STORE_MODE,
     AT(unix_mode),
     .initial = "0660",
     .about = "permission bits of the socket: who may write it may submit"},
    TEXT("listen.unix.group", unix_group, "", "group of the socket; empty: the daemon's own"),
    TEXT("listen.tcp.address", tcp_address, "",
         "host:port for other machines; empty: none. Needs TLS and tokens"),
    TEXT("listen.tcp.tls.cert", tls_cert, "", "certificate chain, a PEM file"),
    TEXT("listen.tcp.tls.key", tls_key, "", "its private key, a PEM file"),
    TEXT("listen.tcp.tls.clientCA", tls_client_ca, "",
         "if set, clients need a certificate of this CA beside their token"),
    TEXT("listen.tcp.tokensFile", tokens_file, "", "hashes of the tokens that may come in"),

    TEXT("kubernetes.kubeconfig", kubeconfig, "",
         "empty: $KUBECONFIG, ~/.kube/config, then the pod's service account"),
    TEXT("kubernetes.context", context, "", "empty: the kubeconfig's current one"),
    FLAG("kubernetes.inCluster", in_cluster, "false", "use the pod's service account only"),
    FLAG("kubernetes.allowInsecure", allow_insecure, "false",
         "accept insecure-skip-tls-verify and plain http; for tests alone"),
    {.field = {.name = "kubernetes.namespaces", .type = FIELD_IGNORED},
     .store = STORE_NAMESPACES,
     AT(namespaces),
     .initial = "all",
     .about = "a list of the namespaces to serve, or all (needs rights on the whole cluster)"},
    {.field = {.name = "kubernetes.qps", .type = FIELD_NUMBER, .min = 0},
     .store = STORE_RATE,
     AT(kube_qps_milli),
     .initial = "50",
     .about = "requests per second to the API server, in the long run"},
    COUNT("kubernetes.burst", kube_burst, 1, 10000, "100", "requests that may come at once"),
    TIME("kubernetes.requestTimeout", kube_timeout_us, "30s",
         "a request without a whole answer by then has failed, its fate unknown; lists have three "
         "times as long"),
    TIME("kubernetes.watchSilence", watch_silence_us, "90s",
         "a watch that says nothing for so long is opened anew; servers say something each minute"),
    TIME("kubernetes.resync", resync_us, "10m",
         "everything watched is listed again after it (20 % more or less), should a watch have "
         "left something out; 0: never"),

    FLAG("leader.enabled", leader_enabled, "false",
         "several daemons share dataDir; the one with the Lease works, the others stand by"),
    NAME("leader.leaseName", lease_name, FIELD_LABEL, "nightshift",
         "of the coordination.k8s.io/v1 Lease"),
    TEXT("leader.leaseNamespace", lease_namespace, "",
         "its namespace; empty: the pod's or kubeconfig's own, else default"),
    TIME("leader.leaseDuration", lease_us, "15s",
         "a standby takes over when the leader has not renewed for so long; whole seconds"),
    TIME("leader.renewDeadline", lease_renew_us, "10s",
         "a leader that can't renew for so long starts nothing more"),
    TIME("leader.retryPeriod", lease_retry_us, "2s", "between tries to renew or to take over"),
    TEXT("leader.address", leader_address, "",
         "where clients find this daemon, told to those who ask a standby"),

    {.field = {.name = "scheduling.mode", .type = FIELD_WORD, .words = modes},
     .store = STORE_TEXT,
     AT(mode),
     .initial = "priority",
     .about = "fifo: in order of submission; priority: higher first; fair: by shares of teams"},
    TIME("scheduling.usageHalfLife", usage_half_life_us, "7d",
         "fair: what a team used so long ago counts half"),
    TIME("scheduling.priorityAging", priority_aging_us, "5m",
         "fair: so much waiting outweighs one point of priority; 0s: no waiting does"),
    NAME("scheduling.defaultPriorityClass", default_priority_class, FIELD_TEXT, "",
         "of jobs that name none; empty: tier 0"),
    COUNT("scheduling.maxStartsPerTurn", starts_per_turn_max, 1, LIMIT_TURN_STARTS, "64",
          "jobs started at once"),
    TIME("scheduling.startTimeout", start_timeout_us, "15m",
         "a pod that does not run by then is deleted and its job tried again"),
    TIME("scheduling.eventsAfter", events_after_us, "10s",
         "a pod that does not run by then is looked up in the cluster's events, and again later; "
         "0s: never"),
    TIME("scheduling.executorTimeout", executor_timeout_us, "15m",
         "a Spark driver that runs for so long without a running executor is stopped and its job "
         "tried again; 0s: never"),

    {.field = {.name = "scheduling.backfill", .type = FIELD_WORD, .words = backfills},
     .store = STORE_TEXT,
     AT(backfill),
     .initial = "easy",
     .about =
         "none: what a blocked job could use is kept for it; easy: the first blocked one has it "
         "reserved from the instant it is expected to start, later ones start if they keep clear "
         "of it; conservative: every blocked one"},
    COUNT("scheduling.backfillDepth", backfill_depth, 1, 1000, "32",
          "jobs that have something reserved, at most"),
    COUNT("scheduling.backfillJobs", backfill_jobs, 1, 1000000, "1000",
          "kinds of equal jobs looked at, at most, once something is reserved"),
    TIME("scheduling.backfillHorizon", backfill_horizon_us, "7d",
         "nothing is reserved that starts later"),
    TIME("scheduling.backfillInterval", backfill_interval_us, "5s",
         "where a look for instants takes longer than an event may, it goes in slices, and begins "
         "so often at least; 0s: each event is such a look, however long it takes"),
    {.field = {.name = "scheduling.preemption", .type = FIELD_WORD, .words = preemptions},
     .store = STORE_TEXT,
     AT(preemption),
     .initial = "off",
     .about =
         "off; lower-tier: preemptible jobs of lower priority classes are stopped for a job that "
         "has to wait; reclaim: those of teams that hold more than their share too"},
    TIME("scheduling.preemptionProtection", preempt_protection_us, "1h",
         "a job that was preempted is not preempted again so soon"),
    COUNT("scheduling.runtimePercentile", runtime_percent, 0, 100, "75",
          "jobs are expected to run as long as so many of a hundred earlier runs of their name; "
          "0: earlier runs don't count"),
    TIME("scheduling.defaultRuntime", runtime_default_us, "0s",
         "expected of jobs of which nothing else is known; 0s: unknown"),
    TIME("scheduling.lookAhead", look_ahead_us, "1m",
         "a forecast is made so often while jobs or schedules have deadlines, to warn of misses; "
         "0s: never"),

    NAME("jobs.defaultNamespace", default_namespace, FIELD_LABEL, "default",
         "of manifests without one"),
    NAME("jobs.defaultTeam", default_team, FIELD_LABEL_VALUE, "default",
         "of manifests without one"),
    TIME("jobs.ttlAfterFinished", ttl_us, "1h",
         "finished pods are deleted after it, unless the manifest says otherwise"),

    COUNT("retry.maxRetries", retries_max, 0, LIMIT_JOB_ATTEMPTS - 1, "2",
          "after failures of the program itself"),
    COUNT("retry.infraRetries", infra_retries_max, 0, LIMIT_JOB_ATTEMPTS - 1, "20",
          "after failures that are not the program's: lost nodes, evictions, API faults"),
    TIME("retry.backoff.initial", backoff_first_us, "10s",
         "the first wait is up to this, and doubles with every failure"),
    TIME("retry.backoff.max", backoff_max_us, "10m", "no wait is longer"),
    COUNT("retry.memoryGrowth.percent", growth_percent, 100, 1000, "150",
          "of the memory it had, for the next attempt of what was out of it; 100: it stays"),
    {.field = {.name = "retry.memoryGrowth.ceiling",
               .type = FIELD_QUANTITY,
               .max = GROWTH_BYTES_MAX},
     .store = STORE_BYTES,
     AT(growth_ceiling_bytes),
     .initial = "1Ti",
     .about = "no pod grows beyond; nor beyond what a node and the quotas could hold"},
    TIME("retry.memoryGrowth.keep", learnt_age_us, "30d",
         "grown memory that no job of the name used for so long is forgotten"),
    TIME("retry.avoidNodes.halfLife", avoid_half_life_us, "1h",
         "a node that failed a job once is avoided by it for so long, longer after more; 0s: none "
         "is"),
    COUNT("retry.avoidNodes.forAllAbove", blame_above, 0, 15, "2",
          "a node that failed more jobs lately is avoided by all; a failure halves with each "
          "halfLife; 0: never"),
    {.field = {.name = "retry.avoidNodes.forAll", .type = FIELD_WORD, .words = avoids},
     .store = STORE_TEXT,
     AT(blame_avoid),
     .initial = "preferred",
     .about = "how (no, preferred, required); required: nothing starts there, and room on it does "
              "not count"},
    COUNT("retry.breaker.failures", breaker_jobs, 0, 1000000, "10",
          "jobs of one name or schedule that fail alike in a row stop the next ones; 0: never"),
    COUNT("retry.breaker.teamFailures", breaker_team_jobs, 0, 1000000, "0", "the same of one team"),
    TIME("retry.breaker.pause", breaker_pause_us, "30m", "then one of them may try"),

    TEXT("spark.defaultImage", spark_image, "",
         "image of applications that name none; empty: they must"),
    COUNT("spark.defaultMaxExecutors", spark_max_executors, 0, LIMIT_JOB_PODS - 1, "100",
          "dynamicAllocation.maxExecutors of applications that do not say it, or the number they "
          "begin with if that is more; 0: Spark has no bound"),
    {.field = {.name = "spark.defaultReserve", .type = FIELD_WORD, .words = spark_reserves},
     .store = STORE_TEXT,
     AT(spark_reserve),
     .initial = "initial",
     .about = "dynamicAllocation.reserve of applications that do not say it: for how many of their "
              "executors room is kept (initial, max, min)"},
    TEXT("spark.defaultVersion", spark_version, "",
         "Spark's version where neither an application nor its image's tag tells it; empty: 3.5"),

    {.field = {.name = "limits.bodyBytes", .type = FIELD_QUANTITY, .max = LIMIT_HTTP_BODY_BYTES},
     .store = STORE_BYTES,
     AT(body_bytes_max),
     .initial = "32Mi",
     .about = "the largest request to the API"},
    {.field = {.name = "limits.bodiesBytes", .type = FIELD_QUANTITY, .max = BODIES_BYTES_MAX},
     .store = STORE_BYTES,
     AT(bodies_bytes_max),
     .initial = "256Mi",
     .about = "all requests that are being read or answered, together"},
    COUNT("limits.headerBytes", header_bytes_max, 1024, 65536, "8192",
          "a request's line and headers"),
    COUNT("limits.catchUpPerSecond", catch_up_per_s, 1, 1000, "10",
          "runs of schedules made in a second of those that were missed"),
    COUNT("limits.jobsPerRequest", jobs_per_request_max, 1, LIMIT_MANIFEST_DOCUMENTS, "10000",
          "jobs of one request, rows of templates included; an array of indices is one"),
    COUNT("limits.connections", connections_max, 1, 100000, "10240",
          "clients at once from other machines; for one more, the longest idle connection is "
          "closed"),
    COUNT("limits.unixConnections", unix_connections_max, 1, 100000, "1024",
          "the same of the unix socket"),
    TIME("limits.headerTimeout", header_timeout_us, "10s",
         "from a request's first byte to its headers' end"),
    TIME("limits.bodyTimeout", body_timeout_us, "2m", "from there to the end of its body"),
    TIME("limits.idleTimeout", idle_timeout_us, "75s",
         "a connection without a request is closed after it"),
    TIME("limits.sendTimeout", send_timeout_us, "30s",
         "a client that takes less than 64 KiB of its answer in it is cut off"),
    COUNT("limits.waitingJobs", jobs_waiting_max, 1, 10000000, "1000000",
          "jobs waiting at once; more are refused"),

    TIME("history.age", history_age_us, "30d", "finished jobs are forgotten after it"),
    COUNT("history.count", history_count, 0, 10000000, "100000", "finished jobs kept at most"),

    {.field = {.name = "logs.collect", .type = FIELD_WORD, .words = log_collections},
     .store = STORE_TEXT,
     AT(logs_collect),
     .initial = "drivers",
     .about = "whose logs are stored before their pods go: none, drivers (and plain pods), or all: "
              "executors too"},
    COUNT("logs.streams", logs_streams, 0, LIMIT_LOG_STREAMS, "256",
          "executors whose logs are followed while they run, at most (logs.collect: all)"),
    {.field = {.name = "logs.fileBytes", .type = FIELD_QUANTITY, .max = LIMIT_LOG_FILE_BYTES},
     .store = STORE_BYTES,
     AT(logs_file_bytes),
     .initial = "8Mi",
     .about = "kept of one log: of a longer one its first quarter and its last three"},
    {.field = {.name = "logs.totalBytes", .type = FIELD_QUANTITY, .max = INT64_MAX},
     .store = STORE_BYTES,
     AT(logs_total_bytes),
     .initial = "10Gi",
     .about = "all stored logs together, compressed; the oldest go"},
    TIME("logs.age", logs_age_us, "30d", "stored logs are removed after it"),
    TIME("logs.timeout", logs_timeout_us, "10s",
         "the deletion of a pod waits no longer for its log"),

    {.field = {.name = "log.level", .type = FIELD_WORD, .words = log_levels},
     .store = STORE_TEXT,
     AT(log_level),
     .initial = "info",
     .about = "error, warn, info or debug"},
};
const size_t config_setting_count = ARRAY_LEN(config_settings);
