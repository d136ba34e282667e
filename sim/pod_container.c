#include "sim/pod_container.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "base/quantity.h"
#include "sim/files.h"
#include "sim/image.h"
#include "sim/pod_process.h"
#include "sim/pod_process_inside.h"
#include "sim/pod_volumes.h"
#include "sim/pod_words.h"
#include "sim/process.h"
#include "sim/process_cgroup.h"
#include "sim/tree.h"

void pod_container_finish(struct pod_container *container) {
    process_destroy(container->process);
    process_cgroup_destroy(container->group);
    free(container->message);
}

/* All that a start is made of. */
struct parts {
    const struct image *image;
    struct word_list environment;
    struct word_list command;
    struct mount_list mounts;
    char *scratch;
};

static void parts_finish(struct parts *parts) {
    word_list_finish(&parts->environment);
    word_list_finish(&parts->command);
    mount_list_finish(&parts->mounts);
    free(parts->scratch);
}

static int gather(const struct pod_container *container, const struct pod_container_start *start,
                  struct parts *parts, struct error *error) {
    const struct pod_process_config *config = start->config;
    struct pod_words_query words = {.store = config->store,
                                    .pod = start->pod,
                                    .container = container->spec,
                                    .image = parts->image,
                                    .ip = start->ip,
                                    .api_host = config->api_host,
                                    .api_port = config->api_port};
    struct pod_volumes_query volumes = pod_process_volumes(start);
    int r = pod_words_environment(&words, &parts->environment, error);

    r = r == OK ? pod_words_command(&words, &parts->environment, &parts->command, error) : r;
    if (r == OK) {
        mount_list_add(&parts->mounts, start->hosts, "/etc/hosts", false);
        r = pod_volumes_mounts(&volumes, container->spec, &parts->environment, &parts->mounts,
                               error);
    }
    if (r == OK) {
        parts->scratch = mem_format("%s/root.%s.%d", start->folder,
                                    tree_text(container->spec, "name"), container->log_number);
        r = files_make_folder(parts->scratch, 0755, error);
    }
    return r;
}

static void wait_for(struct pod_container *container, const struct pod_container_start *start,
                     int r, const struct error *error) {
    free(container->message);
    container->message = mem_copy_text(error->text);
    container->waiting_reason =
        r == ERR_NOT_FOUND ? "CreateContainerConfigError" : "CreateContainerError";
    container->state = CONTAINER_WAITING;
    container->retry_us = start->now_us + start->config->retry_us;
}

static const char *folder_of(const struct pod_container *container, const struct image *image) {
    const char *own = tree_text(container->spec, "workingDir");
    const char *given = tree_text(image->config, "WorkingDir");

    if (own != NULL && own[0] != '\0') {
        return own;
    }
    return given != NULL && given[0] != '\0' ? given : "/";
}

static void on_end(void *context) {
    struct pod_container *container = context;

    pod_process_note_change(container->pod);
}

static int spawn(struct pod_container *container, const struct pod_container_start *start,
                 struct parts *parts, struct error *error) {
    struct process_options options = {
        .poller = start->config->poller,
        .isolated = start->config->isolated,
        .root = parts->image->root,
        .scratch = parts->scratch,
        .hostname = tree_name(start->pod),
        .folder = folder_of(container, parts->image),
        .mounts = parts->mounts.items,
        .mount_count = parts->mounts.count,
        .group = container->group,
        .log_bytes_max = POD_PROCESS_LOG_BYTES,
        .on_end = on_end,
        .context = container,
    };

    if (!start->config->isolated) {
        mount_list_map_words(&parts->mounts, parts->environment.items, parts->environment.count);
        mount_list_map_words(&parts->mounts, parts->command.items, parts->command.count);
    }
    options.arguments = (const char *const *)parts->command.items;
    options.environment = (const char *const *)parts->environment.items;
    return process_start(&options, &container->process, error);
}

/* Where the kernel can't be asked for it the limit is watched (sim/process_kubelet.h). */
static void set_limit(struct pod_container *container, const struct pod_container_start *start) {
    const char *limit = tree_text(container->spec, "resources/limits/memory");
    struct error error = {0};
    char *name;

    process_cgroup_destroy(container->group);
    container->group = NULL;
    if (limit == NULL || quantity_parse_units(limit, &container->memory_bytes) != OK) {
        container->memory_bytes = 0;
    }
    if (container->memory_bytes > 0 && start->config->groups != NULL) {
        name = mem_format("%s.%s.%d", tree_text(start->pod, "metadata/uid"),
                          tree_text(container->spec, "name"), container->log_number);
        (void)!process_cgroup_create(start->config->groups, name, container->memory_bytes,
                                     &container->group, &error);
        free(name);
    }
}

void pod_container_run(struct pod_container *container, const struct pod_container_start *start) {
    const char *image = tree_text(container->spec, "image");
    struct parts parts = {.image =
                              image_set_find(start->config->images, image == NULL ? "" : image)};
    struct error error = {0};
    int r;

    process_destroy(container->process);
    container->process = NULL;
    set_limit(container, start);
    r = parts.image == NULL ? error_set(&error, ERR_NOT_FOUND, "image \"%s\" is not there", image)
                            : gather(container, start, &parts, &error);
    r = r == OK ? spawn(container, start, &parts, &error) : r;
    if (r != OK) {
        wait_for(container, start, r, &error);
    } else {
        container->state = CONTAINER_RUNNING;
        container->started_us = start->now_us;
        container->out_of_memory = false;
        container->log_number++;
    }
    parts_finish(&parts);
}

bool pod_container_lacked_memory(const struct pod_container *container) {
    return container->group != NULL && process_cgroup_killed(container->group);
}

void pod_container_note_end(struct pod_container *container, int64_t now_us) {
    const char *failure = process_failure(container->process);

    container->state = CONTAINER_TERMINATED;
    container->finished_us = now_us;
    container->exit_code = process_exit_code(container->process);
    container->out_of_memory |= pod_container_lacked_memory(container);
    if (container->out_of_memory) {
        container->exit_code = PROCESS_KILLED; /* As one: a part that lived on had no time to. */
    }
    free(container->message);
    container->message = mem_copy_text(failure);
}

/* Why it ended, in the kubelet's words; NULL: Completed or Error. */
static const char *end_reason(const struct pod_container *container) {
    if (container->out_of_memory) {
        return "OOMKilled";
    }
    return container->process != NULL && process_failure(container->process) != NULL ? "StartError"
                                                                                     : NULL;
}

void pod_container_set_back(struct pod_container *container, int64_t retry_us) {
    container->last_exit =
        (struct pod_exit){.code = container->exit_code, .reason = end_reason(container)};
    container->last_started_us = container->started_us;
    container->last_finished_us = container->finished_us;
    container->restarts++;
    container->state = CONTAINER_WAITING;
    container->waiting_reason = "CrashLoopBackOff";
    container->retry_us = retry_us;
}

struct container_report pod_container_report(const struct pod_container *container) {
    return (struct container_report){
        .spec = container->spec,
        .init = container->kind != CONTAINER_MAIN,
        .state = container->state,
        .reason = container->state == CONTAINER_WAITING ? container->waiting_reason
                                                        : end_reason(container),
        .message = container->message,
        .exit_code = container->exit_code,
        .started_us = container->started_us,
        .finished_us = container->finished_us,
        .restarts = container->restarts,
        .last_exit = container->last_exit,
        .last_started_us = container->last_started_us,
        .last_finished_us = container->last_finished_us,
    };
}
