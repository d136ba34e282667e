#include "scheduler/team_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/order.h"

static struct share_amounts amounts_of(const struct team_amounts *amounts,
                                       struct resource_names *names, size_t *dropped) {
    struct share_amounts out = {.set = 0};

    for (size_t i = 0; i < amounts->count; i++) {
        size_t kind;
        int64_t amount;

        if (resource_intern(names, amounts->items[i].resource, &kind) < 0 ||
            resource_parse(names, kind, amounts->items[i].quantity, &amount) < 0) {
            (*dropped)++;
            continue;
        }
        out.set |= RESOURCE_BIT(kind);
        out.amounts.amount[kind] = amount;
    }
    return out;
}

static struct share_limits limits_of(const struct team_limits *limits, struct resource_names *names,
                                     size_t *dropped) {
    return (struct share_limits){
        .running_max = limits->running_jobs,
        .waiting_max = limits->waiting_jobs,
        .resources_max = amounts_of(&limits->resources, names, dropped),
    };
}

static struct share_team team_of(const struct team *team, struct resource_names *names,
                                 size_t *dropped) {
    struct share_user *users = mem_alloc(team->user_count + 1, sizeof *users);
    struct share_team out = {
        .name = team->name,
        .parent = team->parent,
        .weight = team->weight,
        .limits = limits_of(&team->limits, names, dropped),
        .namespaces = (const char *const *)team->namespaces,
        .namespace_count = team->namespace_count,
        .users = users,
        .user_count = team->user_count,
    };

    out.limits.nominal = amounts_of(&team->nominal, names, dropped);
    out.limits.borrowing_max = amounts_of(&team->borrowing, names, dropped);
    for (size_t i = 0; i < team->user_count; i++) {
        users[i] =
            (struct share_user){.name = team->users[i].name, .weight = team->users[i].weight};
    }
    return out;
}

void team_settings_init(struct team_settings *settings, const struct config *config,
                        struct resource_names *names, size_t *out_dropped) {
    const struct team_set *set = &config->teams;
    size_t dropped = 0;

    *settings = (struct team_settings){
        .classes = mem_alloc(set->class_count + 1, sizeof *settings->classes),
        .teams = mem_alloc(set->team_count + 1, sizeof *settings->teams),
        .namespaces = mem_alloc(set->namespace_count + 1, sizeof *settings->namespaces),
    };
    for (size_t i = 0; i < set->class_count; i++) {
        settings->classes[i] =
            (struct priority_class){.name = set->classes[i].name, .tier = set->classes[i].tier};
    }
    for (size_t i = 0; i < set->team_count; i++) {
        settings->teams[i] = team_of(&set->teams[i], names, &dropped);
    }
    for (size_t i = 0; i < set->namespace_count; i++) {
        settings->namespaces[i] = (struct share_namespace){
            .name = set->namespaces[i].name,
            .limits = limits_of(&set->namespaces[i].limits, names, &dropped)};
    }
    settings->core = (struct core_teams){
        .classes = settings->classes,
        .class_count = set->class_count,
        .share = {.half_life_us = config->usage_half_life_us,
                  .teams = settings->teams,
                  .team_count = set->team_count,
                  .namespaces = settings->namespaces,
                  .namespace_count = set->namespace_count},
    };
    *out_dropped = dropped;
}

void team_settings_finish(struct team_settings *settings) {
    for (size_t i = 0; i < settings->core.share.team_count; i++) {
        free((void *)(uintptr_t)settings->teams[i].users);
    }
    free(settings->classes);
    free(settings->teams);
    free(settings->namespaces);
    *settings = (struct team_settings){0};
}

static enum order_mode mode_of(const char *text) {
    for (int mode = 0; mode < ORDER_MODE_COUNT; mode++) {
        if (strcmp(order_mode_text((enum order_mode)mode), text) == 0) {
            return (enum order_mode)mode;
        }
    }
    return ORDER_PRIORITY;
}

struct order_settings team_settings_order(const struct config *config) {
    return (struct order_settings){.mode = mode_of(config->mode),
                                   .aging_us = config->priority_aging_us};
}
