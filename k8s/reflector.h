/* k8s/reflector.h - one kind of object, listed and then watched for ever.
 *
 * Gives the owner a stream of changes that is complete: whatever the server, the network or a
 * restart of either does, the owner's picture becomes right again. Remembers of each object only
 * its name, uid and resourceVersion; the objects' bytes belong to the owner's codecs.
 *
 * Survives: expired continue tokens and resource versions (410), broken and silent streams,
 * duplicated, repeated and reordered events, bookmarks, 429, garbage.
 */
#ifndef K8S_REFLECTOR_H
#define K8S_REFLECTOR_H

#include <stdint.h>

#include "base/clock.h"
#include "k8s/kube_status.h"
#include "k8s/resource.h"

struct kube;
struct poller;
struct reflector;
struct rng;

enum reflector_event_type {
    REFLECTOR_UPSERT, /* it exists, and is like this now; objects may repeat unchanged */
    REFLECTOR_DELETE, /* it is gone; its last state in json, NULL when only its absence was seen */
    REFLECTOR_SYNCED, /* a list is complete: what was not named before this is not there */
    REFLECTOR_LOST    /* the picture ages: status says why; retried for ever, with back-off */
};

/* Borrowed for the callback's time. */
struct reflector_event {
    enum reflector_event_type type;
    enum kube_resource resource;
    const char *namespace_; /* "" for what has none */
    const char *name;
    const char *uid;
    const char *version; /* of the object, or of its deletion; "" when a list lacks it */
    const char *json;    /* the raw object; items of a list lack kind and apiVersion */
    size_t json_bytes;
    struct kube_status status; /* LOST alone; FORBIDDEN: no right to list or watch this scope */
    int64_t behind_us;         /* LOST: for how long nothing was heard, monotonic */
};

/* Must not destroy the reflector. */
typedef void reflector_sink(void *context, const struct reflector_event *event);

#define REFLECTOR_PROGRESS_DEFAULT_US (INT64_C(90) * CLOCK_US_PER_SECOND)

struct reflector_options {
    struct kube *kube;
    struct poller *poller;
    struct rng *rng;
    struct instant (*clock)(void);
    enum kube_resource resource;
    const char *namespace_;     /* NULL: the whole cluster */
    const char *label_selector; /* NULL: all */
    const char *field_selector;
    reflector_sink *sink;
    void *context;
    /* A watch that says nothing for so long is cut and opened again; bookmarks come each minute.
     * 0: the default. */
    int64_t progress_us;
    int64_t list_us; /* for one page of a list; 0: 90 s, as a server without its store takes 60 s */
    uint32_t page_limit;    /* 0: LIMIT_KUBE_LIST_PAGE */
    int64_t backoff_min_us; /* 0: 250 ms */
    int64_t backoff_max_us; /* 0: 30 s */
    /* List again after this time (20 % more or less), should the watch have left out something; 0:
     * never. */
    int64_t resync_us;
};

/* Starts at once; the first events come from the loop. Texts are copied. */
struct reflector *reflector_create(const struct reflector_options *options);

/* No callback after this. Accepts NULL. */
void reflector_destroy(struct reflector *reflector);

/* True from the first SYNCED on, also while the watch is being repaired. */
bool reflector_is_synced(const struct reflector *reflector);

/* The server has answered somebody: if we rest because it could not be reached, or failed, rest no
 * longer. Not from the sink. */
void reflector_hasten(struct reflector *reflector);

/* Say nothing more until reflector_resume(), which goes on from where it was: for an owner that has
 * no room. Not from the sink. */
void reflector_pause(struct reflector *reflector);
void reflector_resume(struct reflector *reflector);

/* List again now, such as after the owner saw a 404 for an object it believes in. */
void reflector_resync(struct reflector *reflector);

struct reflector_figures {
    uint64_t lists;
    uint64_t watches;
    uint64_t events;
    uint64_t stale_events; /* duplicated or out of order, and dropped */
    uint64_t failures;
    uint32_t objects;
    int64_t heard_mono_us; /* when the server last said anything, 0: never */
};
struct reflector_figures reflector_figures(const struct reflector *reflector);

#endif
