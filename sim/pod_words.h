/* sim/pod_words.h - what a container is started with: its environment and its command line.
 *
 * As the kubelet makes them: the image's variables, those of the cluster, envFrom, env with the
 * downward API, and $(NAME) written out. Reads the store; changes nothing.
 */
#ifndef SIM_POD_WORDS_H
#define SIM_POD_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct image;
struct json_t;
struct sim_store;

/* A list of texts with NULL at its end; owned. */
struct word_list {
    char **items;
    size_t count;
};
void word_list_finish(struct word_list *list);
void word_list_add(struct word_list *list, char *take_word);

struct pod_words_query {
    const struct sim_store *store;
    const struct json_t *pod;
    const struct json_t *container;
    const struct image *image;
    const char *ip;       /* the pod's */
    const char *api_host; /* where pods reach the API */
    uint16_t api_port;
};

/* "NAME=value". ERR_NOT_FOUND, with the kubelet's words: what a variable refers to is not there. */
int pod_words_environment(const struct pod_words_query *query, struct word_list *out,
                          struct error *error) MUST_CHECK;

/* ERR_INVALID: neither the container nor its image says what to run. */
int pod_words_command(const struct pod_words_query *query, const struct word_list *environment,
                      struct word_list *out, struct error *error) MUST_CHECK;

/* A field of the pod as the downward API gives it: "metadata.name", "status.podIP". Owned. */
char *pod_words_field(const struct json_t *pod, const char *ip, const char *path);

/* A container's limit or request: "limits.memory". The container is the one that the reference
 * names, or this one. Owned. */
char *pod_words_resource(const struct pod_words_query *query, const struct json_t *reference);

/* $(NAME) written out, $$ as $. Owned. */
char *pod_words_expand(const char *text, const struct word_list *environment);

#endif
