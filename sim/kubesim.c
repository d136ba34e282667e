/* kubesim: a Kubernetes cluster in one process, for people and tests that have none. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"
#include "base/rng.h"
#include "base/text.h"
#include "scheduler/loop.h"
#include "sim/api_faults.h"
#include "sim/builtin.h"
#include "sim/cluster.h"
#include "sim/image.h"
#include "sim/objects.h"
#include "sim/process_kubelet.h"
#include "sim/rest.h"
#include "sim/server.h"
#include "sim/store.h"
#include "sim/tls_self_signed.h"

#define FILES_MAX         16
#define OBJECTS_BYTES_MAX (64 * LIMIT_MIB)

struct options {
    char host[256];
    uint16_t port;
    const char *kubeconfig_out;
    bool tls;
    bool auth;
    bool living; /* with controllers, binder and runtime */
    const char *tokens[LIMIT_SIM_TOKENS];
    size_t token_count;
    const char *objects[FILES_MAX];
    size_t object_count;
    uint64_t seed;
    bool seeded;
    int64_t nodes;
    const char *node_cpu;
    const char *node_memory;
    int64_t log_entries;
    int64_t chunk_bytes;
    const char *images[LIMIT_SIM_IMAGES];
    size_t image_count;
    bool processes; /* containers are local processes */
    bool shared;    /* ... among the machine's own files */
    struct cluster_config cluster;
};

struct kubesim {
    struct options options;
    struct loop *loop;
    struct sim_store *store;
    struct cluster *cluster;
    struct image_set *images;
    struct process_kubelet *processes;
    struct api_faults *faults;
    struct sim_rest rest;
    struct sim_server *server;
    struct poller_timer timer; /* the cluster's next instant */
    struct sim_certificates certificates;
    char token[2 * DIGEST_BYTES + 1];
    uint16_t port;
};

static const char usage[] =
    "Usage: kubesim [OPTION]...\n"
    "A Kubernetes cluster in memory: the API, quotas, a binder and containers that only wait.\n"
    "\n"
    "  --listen HOST:PORT     where (127.0.0.1:0: a port that is free)\n"
    "  --kubeconfig-out FILE  write a kubeconfig for it, readable by its owner alone\n"
    "  --no-tls               plain HTTP\n"
    "  --token TOKEN          let this bearer token in (may be repeated; default: one by chance)\n"
    "  --no-auth              let everybody in\n"
    "  --objects FILE         load these objects first, YAML or JSON (may be repeated)\n"
    "  --nodes N              begin with N nodes node-1, node-2, ...\n"
    "  --node-cpu QUANTITY    of each of them (4)\n"
    "  --node-memory QUANTITY (16Gi)\n"
    "  --runtime DURATION     of pods that don't say kubesim/runtime (5s)\n"
    "  --runtime process      containers are processes of this machine, of the images that\n"
    "                         --image names; they end when kubesim ends\n"
    "  --image NAME=FOLDER    the image NAME (NAME*: all that begin so) is FOLDER laid over the\n"
    "                         machine's root; \"/\" for the machine itself (may be repeated)\n"
    "  --no-isolation         containers see the machine's own files, and paths are mapped, also\n"
    "                         where namespaces could keep them apart\n"
    "  --start-delay DURATION from binding to running (200ms)\n"
    "  --quota-lag DURATION   until the quota controller has recounted (20ms)\n"
    "  --bare                 the API alone: nothing binds or runs pods\n"
    "  --watch-log N          changes kept per resource (8192); older ones give 410\n"
    "  --chunk-bytes N        of watch streams (2048)\n"
    "  --seed N               of everything that is drawn by chance\n"
    "  --help\n"
    "\n"
    "It prints its address once it's ready. POST /sim/faults makes it misbehave, GET /sim/stats\n"
    "says what it has seen.\n";

/* Options. */

enum option_id {
    OPTION_LISTEN = 1,
    OPTION_KUBECONFIG,
    OPTION_NO_TLS,
    OPTION_TOKEN,
    OPTION_NO_AUTH,
    OPTION_OBJECTS,
    OPTION_NODES,
    OPTION_NODE_CPU,
    OPTION_NODE_MEMORY,
    OPTION_RUNTIME,
    OPTION_START_DELAY,
    OPTION_QUOTA_LAG,
    OPTION_BARE,
    OPTION_WATCH_LOG,
    OPTION_CHUNK_BYTES,
    OPTION_SEED,
    OPTION_IMAGE,
    OPTION_NO_ISOLATION,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"kubeconfig-out", required_argument, NULL, OPTION_KUBECONFIG},
    {"no-tls", no_argument, NULL, OPTION_NO_TLS},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"no-auth", no_argument, NULL, OPTION_NO_AUTH},
    {"objects", required_argument, NULL, OPTION_OBJECTS},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"node-cpu", required_argument, NULL, OPTION_NODE_CPU},
    {"node-memory", required_argument, NULL, OPTION_NODE_MEMORY},
    {"runtime", required_argument, NULL, OPTION_RUNTIME},
    {"start-delay", required_argument, NULL, OPTION_START_DELAY},
    {"quota-lag", required_argument, NULL, OPTION_QUOTA_LAG},
    {"bare", no_argument, NULL, OPTION_BARE},
    {"watch-log", required_argument, NULL, OPTION_WATCH_LOG},
    {"chunk-bytes", required_argument, NULL, OPTION_CHUNK_BYTES},
    {"no-isolation", no_argument, NULL, OPTION_NO_ISOLATION},
    {"image", required_argument, NULL, OPTION_IMAGE},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int parse_listen(struct options *options, const char *text) {
    const char *colon = strrchr(text, ':');
    int64_t port;
    char *host;
    bool fits;

    if (colon == NULL || text_parse_int64(colon + 1, &port) != OK || port < 0 || port > 65535) {
        return ERR_INVALID;
    }
    host = text[0] == '[' && colon[-1] == ']'
               ? mem_copy_text_n(text + 1, (size_t)(colon - text) - 2)
               : mem_copy_text_n(text, (size_t)(colon - text));
    fits = text_copy(options->host, sizeof options->host, host);
    free(host);
    options->port = (uint16_t)port;
    return fits ? OK : ERR_INVALID;
}

static int parse_count(const char *text, int64_t least, int64_t most, int64_t *out_count) {
    int64_t count;

    if (text_parse_int64(text, &count) != OK || count < least || count > most) {
        return ERR_INVALID;
    }
    *out_count = count;
    return OK;
}

static int add_word(const char **words, size_t *count, size_t room, const char *word) {
    if (*count == room) {
        return ERR_FULL;
    }
    words[(*count)++] = word;
    return OK;
}

static int parse_seed(struct options *options, const char *text) {
    int64_t seed;

    if (text_parse_int64(text, &seed) != OK) {
        return ERR_INVALID;
    }
    options->seed = (uint64_t)seed;
    options->seeded = true;
    return OK;
}

static int set_option(struct options *options, int id, const char *value) {
    switch (id) {
    case OPTION_LISTEN:
        return parse_listen(options, value);
    case OPTION_KUBECONFIG:
        options->kubeconfig_out = value;
        return OK;
    case OPTION_NO_TLS:
        options->tls = false;
        return OK;
    case OPTION_TOKEN:
        return add_word(options->tokens, &options->token_count, LIMIT_SIM_TOKENS, value);
    case OPTION_NO_AUTH:
        options->auth = false;
        return OK;
    case OPTION_OBJECTS:
        return add_word(options->objects, &options->object_count, FILES_MAX, value);
    case OPTION_NODES:
        return parse_count(value, 0, 10000, &options->nodes);
    case OPTION_NODE_CPU:
        options->node_cpu = value;
        return OK;
    case OPTION_NODE_MEMORY:
        options->node_memory = value;
        return OK;
    case OPTION_RUNTIME:
        options->processes = strcmp(value, "process") == 0;
        return options->processes ? OK
                                  : text_parse_duration_us(value, &options->cluster.runtime_us);
    case OPTION_NO_ISOLATION:
        options->shared = true;
        return OK;
    case OPTION_IMAGE:
        return add_word(options->images, &options->image_count, LIMIT_SIM_IMAGES, value);
    case OPTION_START_DELAY:
        return text_parse_duration_us(value, &options->cluster.start_delay_us);
    case OPTION_QUOTA_LAG:
        return text_parse_duration_us(value, &options->cluster.quota_lag_us);
    case OPTION_BARE:
        options->living = false;
        return OK;
    case OPTION_WATCH_LOG:
        return parse_count(value, 1, 10000000, &options->log_entries);
    case OPTION_CHUNK_BYTES:
        return parse_count(value, 1, 1 << 30, &options->chunk_bytes);
    case OPTION_SEED:
        return parse_seed(options, value);
    default:
        return ERR_INVALID;
    }
}

/* OK, or what main is to return as a negative number minus one. */
static bool parse_options(struct options *options, int argc, char **argv, int *out_exit) {
    int at = 0;
    int id;

    *options = (struct options){
        .host = "127.0.0.1",
        .tls = true,
        .auth = true,
        .living = true,
        .node_cpu = "4",
        .node_memory = "16Gi",
        .chunk_bytes = 2048,
        .cluster = cluster_config_default(),
    };
    while ((id = getopt_long(argc, argv, "", long_options, &at)) != -1) {
        if (id == OPTION_HELP) {
            fputs(usage, stdout);
            *out_exit = 0;
            return false;
        }
        if (id == '?' || set_option(options, id, optarg) != OK) {
            if (id != '?') {
                fprintf(stderr, "kubesim: --%s: can't use \"%s\"\n", long_options[at].name, optarg);
            }
            *out_exit = 2;
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kubesim: unexpected \"%s\"; see --help\n", argv[optind]);
        *out_exit = 2;
        return false;
    }
    return true;
}

/* Files. */

static int read_file(const char *path, struct buf *out, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char chunk[65536];
    ssize_t count = 0;

    if (fd < 0) {
        return error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    while ((count = read(fd, chunk, sizeof chunk)) > 0) {
        buf_add(out, chunk, (size_t)count);
    }
    close(fd);
    if (count < 0) {
        return error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return out->full ? error_set(error, ERR_FULL, "%s: larger than 64 MiB", path) : OK;
}

/* Whole or not at all, for the owner alone. */
static int write_file(const char *path, const char *text, struct error *error) {
    char *draft = mem_format("%s.%d", path, (int)getpid());
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t bytes = strlen(text);
    int r = OK;

    if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes) {
        r = error_set(error, ERR_IO, "%s: %s", draft, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (r == OK && rename(draft, path) != 0) {
        r = error_set(error, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (r != OK) {
        unlink(draft);
    }
    free(draft);
    return r;
}

static int load_file(struct kubesim *sim, const char *path, struct error *error) {
    struct buf text;
    json_t *objects = NULL;
    int r;

    buf_init(&text, OBJECTS_BYTES_MAX);
    r = read_file(path, &text, error);
    if (r == OK) {
        r = sim_objects_parse(buf_text(&text), text.bytes, &objects, error);
    }
    if (r == OK) {
        r = sim_objects_load(sim->store, objects, clock_sample().now_us, error);
        json_decref(objects);
    }
    if (r != OK) {
        error_prefix(error, "%s", path);
    }
    buf_finish(&text);
    return r;
}

/* The cluster. */

static json_t *node_amounts(const struct options *options) {
    return json_pack("{s:s, s:s, s:s, s:s}", "cpu", options->node_cpu, "memory",
                     options->node_memory, "ephemeral-storage", "100Gi", "pods", "110");
}

/* NULL when a text of the command line isn't UTF-8. */
static json_t *node_object(const struct options *options, int64_t number) {
    char name[32];
    char ip[32];
    json_t *labels;
    json_t *status;

    snprintf(name, sizeof name, "node-%" PRId64, number);
    snprintf(ip, sizeof ip, "10.0.%" PRId64 ".%" PRId64, number / 250, number % 250 + 1);
    labels = json_pack("{s:s, s:s, s:s}", "kubernetes.io/hostname", name, "kubernetes.io/os",
                       "linux", "kubernetes.io/arch", "amd64");
    status = json_pack("{s:o, s:o, s:[{s:s, s:s}, {s:s, s:s}], s:{s:s, s:s, s:s, s:s}}", "capacity",
                       node_amounts(options), "allocatable", node_amounts(options), "addresses",
                       "type", "InternalIP", "address", ip, "type", "Hostname", "address", name,
                       "nodeInfo", "kubeletVersion", "v1.30.0", "operatingSystem", "linux",
                       "architecture", "amd64", "containerRuntimeVersion", "kubesim://1");
    return json_pack("{s:s, s:s, s:{s:s, s:o}, s:o}", "apiVersion", "v1", "kind", "Node",
                     "metadata", "name", name, "labels", labels, "status", status);
}

static int add_node(struct kubesim *sim, int64_t number, struct error *error) {
    json_t *objects = json_array();
    int r = OK;

    if (json_array_append_new(objects, node_object(&sim->options, number)) != 0) {
        r = error_set(error, ERR_INVALID, "a node's quantity is no text");
    }
    if (r == OK) {
        r = sim_objects_load(sim->store, objects, clock_sample().now_us, error);
    }
    json_decref(objects);
    return r;
}

static int fill(struct kubesim *sim, struct error *error) {
    int r = OK;

    sim_builtin_fill_cluster(sim->store, clock_sample().now_us);
    for (int64_t i = 1; r == OK && i <= sim->options.nodes; i++) {
        r = add_node(sim, i, error);
    }
    for (size_t i = 0; r == OK && i < sim->options.object_count; i++) {
        r = load_file(sim, sim->options.objects[i], error);
    }
    return r;
}

static bool read_log(void *context, struct pod_log *log, struct buf *out) {
    const struct kubesim *sim = context;

    return cluster_pod_log(sim->cluster, log, out) == OK;
}

static void arm_cluster(struct kubesim *sim, int64_t now_us) {
    int64_t next_us = cluster_next_us(sim->cluster);

    if (next_us == CLOCK_NEVER_US) {
        poller_timer_stop(loop_poller(sim->loop), &sim->timer);
    } else {
        poller_timer_set(loop_poller(sim->loop), &sim->timer,
                         next_us > now_us ? next_us - now_us : 0);
    }
}

/* Once a round: let the cluster live up to now, collect garbage, tell the watches. */
static bool turn(void *owner) {
    struct kubesim *sim = owner;
    int64_t now_us = clock_sample().now_us;
    bool more;

    if (sim->cluster != NULL) {
        cluster_step(sim->cluster, now_us);
    }
    more = sim_store_collect(sim->store, now_us);
    if (sim->cluster != NULL) {
        arm_cluster(sim, now_us);
    }
    sim_server_turn(sim->server);
    return more;
}

static void on_cluster_time(struct poller_timer *timer) {
    (void)timer; /* It's only there to make a round. */
}

static void on_signal(int signal_number, void *owner) {
    struct kubesim *sim = owner;

    (void)signal_number;
    loop_stop(sim->loop);
}

static struct instant read_clock(void *context) {
    (void)context;
    return clock_sample();
}

/* Containers that are processes. */
static int begin_processes(struct kubesim *sim, struct error *error) {
    char folder[] = "/tmp/kubesim-pods-XXXXXX";
    int r = OK;

    sim->images = image_set_create();
    for (size_t i = 0; r == OK && i < sim->options.image_count; i++) {
        r = image_set_add(sim->images, sim->options.images[i], error);
    }
    if (r == OK && mkdtemp(folder) == NULL) {
        r = error_set(error, ERR_IO, "%s: %s", folder, strerror(errno));
    }
    if (r != OK) {
        return r;
    }
    (void)chmod(folder, 0755);
    return process_kubelet_create(
        &(struct process_kubelet_config){.poller = loop_poller(sim->loop),
                                         .clock = read_clock,
                                         .store = sim->store,
                                         .images = sim->images,
                                         .folder = folder,
                                         .shared = sim->options.shared,
                                         .retry_us = sim->options.cluster.retry_us},
        &sim->processes, error);
}

static int begin(struct kubesim *sim, struct error *error) {
    struct sim_store_options store = {.seed = sim->options.seed,
                                      .log_entries_max = (size_t)sim->options.log_entries};

    sim->loop = loop_create();
    if (sim->loop == NULL) {
        return error_set(error, ERR_IO, "no event loop: %s", strerror(errno));
    }
    sim->store = sim_store_create(&store);
    sim->faults = api_faults_create(sim->options.seed);
    sim->rest = (struct sim_rest){.store = sim->store};
    if (sim->options.processes) {
        int r = begin_processes(sim, error);

        if (r != OK) {
            return r;
        }
        sim->options.cluster.processes = sim->processes;
    }
    if (sim->options.living) {
        sim->options.cluster.seed = sim->options.seed;
        sim->cluster = cluster_create(sim->store, &sim->options.cluster);
        sim->rest.backend = (struct sim_backend){.log = read_log, .context = sim};
    }
    sim->timer.on_time = on_cluster_time;
    return fill(sim, error);
}

/* Listening. */

static void make_token(struct kubesim *sim) {
    unsigned char secret[DIGEST_BYTES];

    rng_secret(secret, sizeof secret);
    digest_print_hex(secret, sizeof secret, sim->token);
}

static int listen_tls(struct kubesim *sim, struct error *error) {
    char folder[] = "/tmp/kubesim-XXXXXX";
    char certificate[64];
    char key[64];
    int r =
        sim_certificates_make(sim->options.host, clock_sample().now_us, &sim->certificates, error);

    if (r != OK) {
        return r;
    }
    if (mkdtemp(folder) == NULL) {
        return error_set(error, ERR_IO, "%s: %s", folder, strerror(errno));
    }
    snprintf(certificate, sizeof certificate, "%s/tls.crt", folder);
    snprintf(key, sizeof key, "%s/tls.key", folder);
    r = write_file(certificate, sim->certificates.certificate, error);
    if (r == OK) {
        r = write_file(key, sim->certificates.key, error);
    }
    if (r == OK) {
        r = sim_server_listen(sim->server, sim->options.host, sim->options.port, certificate, key,
                              &sim->port, error);
    }
    unlink(certificate);
    unlink(key);
    rmdir(folder);
    return r;
}

static int start_server(struct kubesim *sim, struct error *error) {
    struct sim_server_config config = {
        .poller = loop_poller(sim->loop),
        .clock = read_clock,
        .rest = &sim->rest,
        .faults = sim->faults,
        .cluster = sim->cluster,
        .tokens = sim->options.tokens,
        .token_count = sim->options.auth ? sim->options.token_count : 0,
        .chunk_bytes = (size_t)sim->options.chunk_bytes,
    };

    if (sim->options.auth && sim->options.token_count == 0) {
        make_token(sim);
        sim->options.tokens[0] = sim->token;
        sim->options.token_count = 1;
        config.token_count = 1;
    }
    sim->server = sim_server_create(&config);
    if (sim->options.tls) {
        return listen_tls(sim, error);
    }
    return sim_server_listen(sim->server, sim->options.host, sim->options.port, NULL, NULL,
                             &sim->port, error);
}

static void address(const struct kubesim *sim, char out_text[320]) {
    const char *host = sim->options.host;
    bool v6 = strchr(host, ':') != NULL;

    snprintf(out_text, 320, "%s://%s%s%s:%u", sim->options.tls ? "https" : "http", v6 ? "[" : "",
             strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host, v6 ? "]" : "", (unsigned)sim->port);
}

static int write_kubeconfig(struct kubesim *sim, const char *url, struct error *error) {
    char *authority = NULL;
    char *text;
    int r;

    if (sim->options.tls) {
        char *encoded = base64_encode(sim->certificates.authority,
                                      strlen(sim->certificates.authority), BASE64_USUAL);

        authority = mem_format("\n    certificate-authority-data: %s", encoded);
        free(encoded);
    }
    text = mem_format("apiVersion: v1\n"
                      "kind: Config\n"
                      "current-context: kubesim\n"
                      "clusters:\n"
                      "- name: kubesim\n"
                      "  cluster:\n"
                      "    server: %s%s\n"
                      "users:\n"
                      "- name: admin\n"
                      "  user:\n"
                      "    token: \"%s\"\n"
                      "contexts:\n"
                      "- name: kubesim\n"
                      "  context:\n"
                      "    cluster: kubesim\n"
                      "    user: admin\n"
                      "    namespace: default\n",
                      url, authority == NULL ? "" : authority,
                      sim->options.auth ? sim->options.tokens[0] : "none");
    r = write_file(sim->options.kubeconfig_out, text, error);
    free(text);
    free(authority);
    return r;
}

static void tell_processes(struct kubesim *sim) {
    char *limits = process_kubelet_tell_limits(sim->processes);
    const char *reason;

    fprintf(stderr, "kubesim: %s\n", limits);
    free(limits);
    if (!process_kubelet_isolates(sim->processes, &reason)) {
        fprintf(stderr, "kubesim: containers share the machine's files, and paths are mapped: %s\n",
                reason);
    }
    process_kubelet_set_api(
        sim->processes,
        &(struct process_kubelet_api){
            .host = strcmp(sim->options.host, "0.0.0.0") == 0 ? "127.0.0.1" : sim->options.host,
            .port = sim->port,
            .token = sim->options.auth ? sim->options.tokens[0] : "none",
            .authority = sim->certificates.authority,
        });
}

static int announce(struct kubesim *sim, struct error *error) {
    char url[320];
    int r = OK;

    if (sim->processes != NULL) {
        tell_processes(sim);
    }
    address(sim, url);
    if (sim->options.kubeconfig_out != NULL) {
        r = write_kubeconfig(sim, url, error);
    }
    if (r == OK) {
        printf("kubesim %s seed=%" PRIu64 "\n", url, sim->options.seed);
        fflush(stdout);
    }
    return r;
}

static void finish(struct kubesim *sim) {
    if (sim->loop != NULL) {
        poller_timer_stop(loop_poller(sim->loop), &sim->timer);
    }
    sim_server_destroy(sim->server);
    cluster_destroy(sim->cluster);
    process_kubelet_destroy(sim->processes);
    image_set_destroy(sim->images);
    api_faults_destroy(sim->faults);
    sim_store_destroy(sim->store);
    sim_certificates_finish(&sim->certificates);
    loop_destroy(sim->loop);
}

int main(int argc, char **argv) {
    struct kubesim sim = {0};
    struct error error = {0};
    int exit_code = 0;
    int r;

    if (!parse_options(&sim.options, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (!sim.options.seeded) {
        sim.options.seed = rng_seed_from_system() >> 1;
    }
    r = begin(&sim, &error);
    if (r == OK) {
        r = start_server(&sim, &error);
    }
    if (r == OK) {
        loop_before_wait(sim.loop, turn, &sim);
        loop_on_signal(sim.loop, SIGTERM, on_signal, &sim);
        loop_on_signal(sim.loop, SIGINT, on_signal, &sim);
        r = announce(&sim, &error);
    }
    if (r == OK) {
        loop_run(sim.loop);
    } else {
        fprintf(stderr, "kubesim: %s\n", error.text[0] == '\0' ? err_sentence(r) : error.text);
        exit_code = 1;
    }
    finish(&sim);
    return exit_code;
}
