/* policy/notice.h - which events of jobs somebody is told of, and who.
 *
 * An event is of one class at most. Routes say which receivers hear of which classes of which
 * teams' jobs; what a receiver is, is elsewhere (config/notifications.h).
 */
#ifndef POLICY_NOTICE_H
#define POLICY_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, text in configurations and messages. Stored, so the order stays. */
#define NOTICE_CLASS_LIST(X)                                                                 \
    X(NOTICE_FAILED, "failed") /* failed for good, or rejected */                            \
    X(NOTICE_MISSED, "missed") /* a deadline */                                              \
    X(NOTICE_RISK, "risk")     /* a deadline will be missed, or will not be after all */     \
    X(NOTICE_LONG, "long")     /* a run takes longer than maxRuntime.warn */                 \
    X(NOTICE_SKIPPED, "skipped")                                                             \
    X(NOTICE_RETRIED, "retried") /* an attempt failed, and there will be another */          \
    X(NOTICE_SUCCEEDED, "succeeded")                                                         \
    X(NOTICE_CANCELLED, "cancelled")                                                         \
    X(NOTICE_HALTED, "halted") /* too many failures in a row stopped its team or schedule */ \
    X(NOTICE_REPORT, "report") /* the report that was asked for is due; not of a job */

enum notice_class {
#define NOTICE_CLASS_ENUM(name, text) name,
    NOTICE_CLASS_LIST(NOTICE_CLASS_ENUM)
#undef NOTICE_CLASS_ENUM
    NOTICE_CLASS_COUNT,
};

/* By class, ended by NULL. */
extern const char *const notice_class_texts[NOTICE_CLASS_COUNT + 1];

/* The class of an event of this kind ("finish_missed"); false: nobody is told of it. */
bool notice_class_of(const char *event_kind, enum notice_class *out_class);

#define NOTICE_RECEIVERS_MAX 64

/* Texts are owned. */
struct notice_route {
    uint32_t classes; /* bits 1 << enum notice_class */
    char **teams;     /* none: all */
    size_t team_count;
    uint64_t receivers; /* bits, by their place in the list */
};

/* Never changed once others share it. */
struct notice_routes {
    size_t users;
    char **receivers;
    size_t receiver_count; /* at most NOTICE_RECEIVERS_MAX */
    struct notice_route *routes;
    size_t route_count;
    int64_t give_up_us; /* what could not be sent for so long is put aside */
};

struct notice_routes *notice_routes_create(void);
struct notice_routes *notice_routes_share(struct notice_routes *routes); /* Accepts NULL. */
void notice_routes_destroy(struct notice_routes *routes); /* One user less. Accepts NULL. */

/* Who hears of it: bits, by their place in the list. routes may be NULL. */
uint64_t notice_receivers(const struct notice_routes *routes, enum notice_class class,
                          const char *team);

#endif
