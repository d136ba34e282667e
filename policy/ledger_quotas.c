/* Quotas of the namespaces. */
#include "policy/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t quota_at(const struct ledger_namespace *namespace, const char *name) {
    size_t at = 0;

    while (at < namespace->quota_count && strcmp(namespace->quotas[at]->name, name) < 0) {
        at++;
    }
    return at;
}

static bool has_quota_at(const struct ledger_namespace *namespace, size_t at, const char *name) {
    return at < namespace->quota_count && strcmp(namespace->quotas[at]->name, name) == 0;
}

void ledger_put_quota(struct ledger *ledger, const struct quota *quota) {
    const size_t index = ledger_namespace_index(ledger, quota->namespace);
    struct ledger_namespace *namespace = ledger_change_namespace(ledger, index);
    const size_t at = quota_at(namespace, quota->name);
    struct quota old = {.namespace = NULL};
    bool replaces = has_quota_at(namespace, at, quota->name);

    if (replaces) {
        old = *namespace->quotas[at];
    } else {
        namespace->quotas =
            mem_grow(namespace->quotas, namespace->quota_count + 1, sizeof(struct quota *));
        memmove(&namespace->quotas[at + 1], &namespace->quotas[at],
                (namespace->quota_count - at) * sizeof(struct quota *));
        namespace->quotas[at] = mem_alloc(1, sizeof(struct quota));
        namespace->quota_count++;
    }
    quota_copy(quota, namespace->quotas[at]);
    ledger_note_version(ledger, quota->version);
    ledger_note_due(ledger,
                    quota_floor_note(&namespace->floor, namespace->quotas, namespace->quota_count,
                                     at, replaces ? &old : NULL,
                                     &(struct quota_clock){ledger->now_us, &namespace->own}));
    quota_finish(&old);
}

void ledger_quota_refused(struct ledger *ledger, const char *name) {
    struct ledger_namespace *namespace =
        ledger_change_namespace(ledger, ledger_namespace_index(ledger, name));

    for (size_t i = 0; i < namespace->quota_count; i++) {
        ledger_note_due(ledger,
                        quota_floor_renew(namespace->quotas[i],
                                          &(struct quota_clock){ledger->now_us, &namespace->own}));
    }
}

static void remove_quota_at(struct ledger_namespace *namespace, size_t at) {
    quota_finish(namespace->quotas[at]);
    free(namespace->quotas[at]);
    namespace->quota_count--;
    memmove(&namespace->quotas[at], &namespace->quotas[at + 1],
            (namespace->quota_count - at) * sizeof(struct quota *));
}

void ledger_remove_quota(struct ledger *ledger, const char *namespace, const char *name) {
    const size_t *index = map_get(&ledger->namespaces_by_name, namespace);
    size_t at;

    if (index == NULL) {
        return;
    }
    at = quota_at(ledger->namespaces[*index], name);
    if (has_quota_at(ledger->namespaces[*index], at, name)) {
        remove_quota_at(ledger_change_namespace(ledger, *index), at);
    }
}
