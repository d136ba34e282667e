/* sim/pod_volumes.h - a pod's volumes as folders of the machine, and where its containers see them.
 *
 * ConfigMaps, Secrets, projected volumes and the downward API become files, written once, when the
 * pod starts; an emptyDir is an empty folder; a claim is a folder that outlives the pod; a hostPath
 * is itself. The service account's token and the cluster's certificate are mounted into each
 * container, as the API server's own admission has it.
 */
#ifndef SIM_POD_VOLUMES_H
#define SIM_POD_VOLUMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "sim/process.h"

struct json_t;
struct sim_store;
struct word_list;

struct pod_volumes_query {
    const struct sim_store *store;
    const struct json_t *pod;
    const char *folder;    /* of the pod: is there, and empty */
    const char *claims;    /* of all claims: is there */
    const char *ip;        /* the pod's */
    const char *token;     /* "" mounts none */
    const char *authority; /* PEM; NULL: plain HTTP */
};

/* Make the folders. ERR_INVALID, with words: a volume of a kind that is not known here. */
int pod_volumes_make(const struct pod_volumes_query *query, struct error *error) MUST_CHECK;

struct mount_list {
    struct process_mount *items; /* with texts that the list owns */
    size_t count;
};
void mount_list_finish(struct mount_list *list);

/* What this container mounts. subPaths are made if they are not there. */
int pod_volumes_mounts(const struct pod_volumes_query *query, const struct json_t *container,
                       const struct word_list *environment, struct mount_list *out,
                       struct error *error) MUST_CHECK;

/* For a container that sees the machine's own files: write the sources in the place of the targets
 * wherever these stand as a path, or begin one, in the words. */
void mount_list_map_words(const struct mount_list *list, char **words, size_t count);

/* Append one; the texts are copied. */
void mount_list_add(struct mount_list *list, const char *source, const char *target,
                    bool read_only);

#endif
