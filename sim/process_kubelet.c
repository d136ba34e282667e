#include "sim/process_kubelet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/poller.h"
#include "sim/files.h"
#include "sim/image.h"
#include "sim/pod_math.h"
#include "sim/pod_process.h"
#include "sim/process.h"
#include "sim/process_cgroup.h"
#include "sim/process_memory.h"
#include "sim/store.h"
#include "sim/tree.h"

#define NETWORK_FIRST   2 /* 127.2.0.0/16 */
#define NETWORK_LAST    250
#define NETWORK_PORT    10250 /* a kubelet's own: bound as the sign that a network is taken */
#define ADDRESSES       65024 /* 254 * 256 */
#define MEMORY_EVERY_US (100 * CLOCK_US_PER_MS)
#define LIMITED_MAX     1024
#define NAMES_BYTES_MAX (4 * 1024 * 1024)

struct process_kubelet {
    struct process_kubelet_config config;
    struct pod_process_config pods_config;
    struct map pods; /* id -> struct pod_process */
    struct poller_timer memory_timer;
    unsigned network;
    int network_fd;
    char *folder;
    char *api_host;
    char *token;
    char *authority;
    char *no_isolation;             /* why; NULL: there is */
    struct process_cgroups *groups; /* NULL: limits are watched */
    char *no_groups;                /* why */
    bool names_changed;
    void (*on_change)(void *context, uint64_t id, int64_t now_us);
    void *change_context;
};

/* --- Start and end ---------------------------------------------------------------------------- */

static bool try_network(unsigned number, int *out_fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(NETWORK_PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl((127u << 24) | (number << 16) | 0xfffeu);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        *out_fd = fd;
        return true;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return false;
}

static int claim_network(struct process_kubelet *kubelet, struct error *error) {
    for (unsigned number = NETWORK_FIRST; number <= NETWORK_LAST; number++) {
        if (try_network(number, &kubelet->network_fd)) {
            kubelet->network = number;
            return OK;
        }
    }
    return error_set(error, ERR_IO, "no part of 127.0.0.0/8 is free for pods");
}

static void on_container(void *context, uint64_t id) {
    struct process_kubelet *kubelet = context;

    kubelet->on_change(kubelet->change_context, id,
                       kubelet->config.clock(kubelet->config.clock_context).now_us);
}

static void on_memory_time(struct poller_timer *timer);

static void probe(struct process_kubelet *kubelet) {
    char *scratch = mem_format("%s/probe", kubelet->folder);
    struct error error = {0};

    if (kubelet->config.shared) {
        kubelet->no_isolation = mem_copy_text("as asked");
    } else if (files_make_folder(scratch, 0700, &error) != OK ||
               !process_can_isolate(scratch, &error)) {
        kubelet->no_isolation = mem_copy_text(error.text);
    }
    files_remove_all(scratch);
    free(scratch);
}

static void probe_groups(struct process_kubelet *kubelet) {
    struct error error = {0};

    if (process_cgroups_open(&kubelet->groups, &error) != OK) {
        kubelet->groups = NULL;
        kubelet->no_groups = mem_copy_text(error.text);
    }
}

int process_kubelet_create(const struct process_kubelet_config *config,
                           struct process_kubelet **out, struct error *error) {
    struct process_kubelet *kubelet = mem_alloc(1, sizeof *kubelet);
    int r;

    kubelet->config = *config;
    kubelet->network_fd = -1;
    kubelet->folder = mem_copy_text(config->folder);
    kubelet->memory_timer = (struct poller_timer){.on_time = on_memory_time, .owner = kubelet};
    r = claim_network(kubelet, error);
    if (r != OK) {
        process_kubelet_destroy(kubelet);
        return r;
    }
    probe(kubelet);
    probe_groups(kubelet);
    kubelet->pods_config = (struct pod_process_config){
        .poller = config->poller,
        .store = config->store,
        .images = config->images,
        .folder = kubelet->folder,
        .isolated = kubelet->no_isolation == NULL,
        .groups = kubelet->groups,
        .token = "",
        .retry_us = config->retry_us,
        .on_change = on_container,
        .context = kubelet,
    };
    *out = kubelet;
    return OK;
}

void process_kubelet_destroy(struct process_kubelet *kubelet) {
    const struct map_entry *entry;

    if (kubelet == NULL) {
        return;
    }
    poller_timer_stop(kubelet->config.poller, &kubelet->memory_timer);
    for (size_t at = 0; (entry = map_next(&kubelet->pods, &at)) != NULL;) {
        pod_process_destroy(entry->value);
    }
    map_finish(&kubelet->pods);
    if (kubelet->network_fd >= 0) {
        (void)close(kubelet->network_fd);
    }
    files_remove_all(kubelet->folder);
    free(kubelet->folder);
    free(kubelet->api_host);
    free(kubelet->token);
    free(kubelet->authority);
    free(kubelet->no_isolation);
    process_cgroups_close(kubelet->groups);
    free(kubelet->no_groups);
    free(kubelet);
}

void process_kubelet_set_api(struct process_kubelet *kubelet,
                             const struct process_kubelet_api *api) {
    free(kubelet->api_host);
    free(kubelet->token);
    free(kubelet->authority);
    kubelet->api_host = mem_copy_text(api->host);
    kubelet->token = mem_copy_text(api->token);
    kubelet->authority = mem_copy_text(api->authority);
    kubelet->pods_config.api_host = kubelet->api_host;
    kubelet->pods_config.api_port = api->port;
    kubelet->pods_config.token = kubelet->token;
    kubelet->pods_config.authority = kubelet->authority;
}

void process_kubelet_on_change(struct process_kubelet *kubelet,
                               void (*on_change)(void *context, uint64_t id, int64_t now_us),
                               void *context) {
    kubelet->on_change = on_change;
    kubelet->change_context = context;
}

bool process_kubelet_isolates(const struct process_kubelet *kubelet, const char **out_reason) {
    *out_reason = kubelet->no_isolation;
    return kubelet->no_isolation == NULL;
}

char *process_kubelet_tell_limits(const struct process_kubelet *kubelet) {
    return kubelet->groups != NULL
               ? mem_format("memory limits are held by the kernel: cgroup v%d, %s",
                            process_cgroups_version(kubelet->groups),
                            process_cgroups_folder(kubelet->groups))
               : mem_format("memory limits are watched, each 100 ms: %s", kubelet->no_groups);
}

/* --- Pods ------------------------------------------------------------------------------------- */

const char *process_kubelet_missing_image(const struct process_kubelet *kubelet,
                                          const json_t *pod) {
    static const char *const lists[] = {"spec/initContainers", "spec/containers"};
    json_t *container;
    size_t i;

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        json_array_foreach(tree_at(pod, lists[k]), i, container) {
            const char *image = tree_text(container, "image");

            if (image != NULL && image_set_find(kubelet->config.images, image) == NULL) {
                return image;
            }
        }
    }
    return NULL;
}

int process_kubelet_add(struct process_kubelet *kubelet, const json_t *pod, uint64_t id,
                        struct pod_process **out, struct error *error) {
    unsigned number = (unsigned)(id % ADDRESSES);
    char ip[32];
    int r;

    (void)snprintf(ip, sizeof ip, "127.%u.%u.%u", kubelet->network, number / 254, number % 254 + 1);
    r = pod_process_create(&kubelet->pods_config, pod, id, ip, out, error);
    if (r == OK) {
        (void)map_put_id(&kubelet->pods, id, *out);
        process_kubelet_note_names(kubelet);
        process_kubelet_write_names(kubelet);
    }
    return r;
}

void process_kubelet_remove(struct process_kubelet *kubelet, uint64_t id) {
    pod_process_destroy(map_remove_id(&kubelet->pods, id));
}

/* --- Names ------------------------------------------------------------------------------------ */

static bool selects(const json_t *service, const json_t *pod) {
    const json_t *selector = tree_at(service, "spec/selector");
    const char *key;
    json_t *value;

    if (json_object_size(selector) == 0 ||
        strcmp(tree_namespace(service), tree_namespace(pod)) != 0 || pod_finished(pod)) {
        return false;
    }
    json_object_foreach(tree_walkable(selector), key, value) {
        const char *label = tree_label(pod, key);

        if (label == NULL || !json_is_string(value) ||
            strcmp(label, json_string_value(value)) != 0) {
            return false;
        }
    }
    return true;
}

static void add_service(const struct process_kubelet *kubelet, const json_t *service,
                        struct buf *out) {
    const char *name = tree_name(service);
    const char *namespace = tree_namespace(service);
    struct sim_walk walk = {0};
    const json_t *pod;

    while ((pod = sim_store_next(kubelet->config.store, SIM_PODS, namespace, &walk)) != NULL) {
        const char *ip = tree_text(pod, "status/podIP");

        if (ip != NULL && selects(service, pod)) {
            buf_add_format(out, "%s\t%s.%s.svc.cluster.local %s.%s.svc %s.%s %s\n", ip, name,
                           namespace, name, namespace, name, namespace, name);
        }
    }
}

/* Straight to the pods, for services with a cluster address too: there is no proxy here. */
static char *names_text(const struct process_kubelet *kubelet) {
    struct sim_walk walk = {0};
    const json_t *service;
    struct buf out;

    buf_init(&out, NAMES_BYTES_MAX);
    buf_add_format(&out,
                   "%s\tkubernetes.default.svc.cluster.local kubernetes.default.svc "
                   "kubernetes.default kubernetes\n",
                   kubelet->api_host == NULL ? "127.0.0.1" : kubelet->api_host);
    while ((service = sim_store_next(kubelet->config.store, SIM_SERVICES, NULL, &walk)) != NULL) {
        add_service(kubelet, service, &out);
    }
    return buf_take_text(&out);
}

void process_kubelet_note_names(struct process_kubelet *kubelet) {
    kubelet->names_changed = true;
}

void process_kubelet_write_names(struct process_kubelet *kubelet) {
    const struct map_entry *entry;
    char *names;

    if (!kubelet->names_changed || kubelet->pods.count == 0) {
        return;
    }
    kubelet->names_changed = false;
    names = names_text(kubelet);
    for (size_t at = 0; (entry = map_next(&kubelet->pods, &at)) != NULL;) {
        pod_process_write_names(entry->value, names);
    }
    free(names);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static size_t count_limited(const struct process_kubelet *kubelet, struct process_memory *out,
                            size_t room) {
    const struct map_entry *entry;
    size_t count = 0;

    for (size_t at = 0; (entry = map_next(&kubelet->pods, &at)) != NULL;) {
        count += pod_process_limited(entry->value, out + count, room - count);
    }
    return count;
}

/* Is there any limit? */
static bool check_groups(const struct process_kubelet *kubelet) {
    const struct map_entry *entry;
    bool limited = false;

    for (size_t at = 0; (entry = map_next(&kubelet->pods, &at)) != NULL;) {
        limited |= pod_process_check_groups(entry->value);
    }
    return limited;
}

void process_kubelet_watch_memory(struct process_kubelet *kubelet) {
    if (!kubelet->memory_timer.armed) {
        poller_timer_set(kubelet->config.poller, &kubelet->memory_timer, MEMORY_EVERY_US);
    }
}

static void on_memory_time(struct poller_timer *timer) {
    struct process_kubelet *kubelet = timer->owner;
    struct process_memory measured[LIMITED_MAX];
    size_t count = count_limited(kubelet, measured, LIMITED_MAX);
    const struct map_entry *entry;
    size_t done = 0;

    if (!check_groups(kubelet)) {
        return; /* The next container that starts begins it again. */
    }
    if (count > 0) {
        process_memory_measure(measured, count);
    }
    for (size_t at = 0; (entry = map_next(&kubelet->pods, &at)) != NULL && done < count;) {
        done += pod_process_check_memory(entry->value, measured + done, count - done);
    }
    process_kubelet_watch_memory(kubelet);
}
