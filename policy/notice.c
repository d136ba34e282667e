#include "policy/notice.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

const char *const notice_class_texts[NOTICE_CLASS_COUNT + 1] = {
#define NOTICE_CLASS_TEXT(name, text) [name] = text,
    NOTICE_CLASS_LIST(NOTICE_CLASS_TEXT)
#undef NOTICE_CLASS_TEXT
};

bool notice_class_of(const char *event_kind, enum notice_class *out_class) {
    static const struct {
        const char *kind;
        enum notice_class class;
    } kinds[] = {
        {"failed", NOTICE_FAILED},       {"rejected", NOTICE_FAILED},
        {"start_missed", NOTICE_MISSED}, {"finish_missed", NOTICE_MISSED},
        {"start_risk", NOTICE_RISK},     {"start_safe", NOTICE_RISK},
        {"finish_risk", NOTICE_RISK},    {"finish_safe", NOTICE_RISK},
        {"runtime_long", NOTICE_LONG},   {"skipped", NOTICE_SKIPPED},
        {"retry", NOTICE_RETRIED},       {"succeeded", NOTICE_SUCCEEDED},
        {"cancelled", NOTICE_CANCELLED}, {"breaker_open", NOTICE_HALTED},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(event_kind, kinds[i].kind) == 0) {
            *out_class = kinds[i].class;
            return true;
        }
    }
    return false;
}

struct notice_routes *notice_routes_create(void) {
    struct notice_routes *routes = mem_alloc(1, sizeof *routes);

    routes->users = 1;
    return routes;
}

struct notice_routes *notice_routes_share(struct notice_routes *routes) {
    if (routes != NULL) {
        routes->users++;
    }
    return routes;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

void notice_routes_destroy(struct notice_routes *routes) {
    if (routes == NULL || --routes->users > 0) {
        return;
    }
    for (size_t i = 0; i < routes->route_count; i++) {
        free_texts(routes->routes[i].teams, routes->routes[i].team_count);
    }
    free(routes->routes);
    free_texts(routes->receivers, routes->receiver_count);
    free(routes);
}

static bool is_for(const struct notice_route *route, enum notice_class class, const char *team) {
    bool found = route->team_count == 0;

    for (size_t i = 0; !found && i < route->team_count; i++) {
        found = strcmp(route->teams[i], team) == 0;
    }
    return found && (route->classes & (1u << class)) != 0;
}

uint64_t notice_receivers(const struct notice_routes *routes, enum notice_class class,
                          const char *team) {
    uint64_t receivers = 0;

    for (size_t i = 0; routes != NULL && i < routes->route_count; i++) {
        if (is_for(&routes->routes[i], class, team)) {
            receivers |= routes->routes[i].receivers;
        }
    }
    return receivers;
}
