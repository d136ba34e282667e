#include "scheduler/team_settings.h"

#include <string.h>

#include "base/memory.h"
#include "policy/share.h"
#include "tests/test.h"

static void read_config(const char *text, struct config *out_config) {
    struct problems problems = {0};

    CHECK_OK(config_parse(text, strlen(text), out_config, &problems), text);
}

TEST(team_settings_init__names_resources_as_the_core_does) {
    struct resource_names names = {0};
    struct team_settings settings;
    struct config config;
    size_t dropped;

    read_config("scheduling: {mode: fair, usageHalfLife: 2h, priorityAging: 1m}\n"
                "teams:\n"
                "  - name: a\n"
                "    nominal: {cpu: 1500m, example.com/disk: 3}\n"
                "    borrowingLimit: {memory: 1Gi}\n"
                "    users: [{name: ann, weight: 3}]\n"
                "    teams: [{name: b, limits: {runningJobs: 4}}]\n"
                "priorityClasses: [{name: high, tier: 5}]\n",
                &config);
    team_settings_init(&settings, &config, &names, &dropped);
    CHECK_EQ(dropped, 0, "all have room");
    CHECK_EQ(team_settings_order(&config).mode, ORDER_FAIR, "the mode");
    CHECK_EQ(team_settings_order(&config).aging_us, 60000000, "aging");
    CHECK_EQ(settings.core.share.half_life_us, INT64_C(7200000000), "half-life");
    CHECK_EQ(settings.core.share.team_count, 2, "teams");
    CHECK_EQ(settings.teams[0].limits.nominal.amounts.amount[RESOURCE_CPU], 1500, "milli-cores");
    CHECK_EQ(settings.teams[0].limits.nominal.set,
             RESOURCE_BIT(RESOURCE_CPU) | RESOURCE_BIT(resource_find(&names, "example.com/disk")),
             "two kinds");
    CHECK_EQ(settings.teams[0].limits.borrowing_max.amounts.amount[RESOURCE_MEMORY], 1 << 30,
             "bytes");
    CHECK_EQ(settings.teams[1].limits.running_max, 4, "a limit");
    CHECK_EQ(settings.teams[1].limits.waiting_max, SHARE_UNLIMITED, "and none");
    CHECK_EQ(settings.classes[0].tier, 5, "a class");
    team_settings_finish(&settings);
    config_finish(&config);
    resource_names_finish(&names);
}

TEST(team_settings_init__leaves_out_what_has_no_room) {
    struct resource_names names = {0};
    struct team_settings settings;
    struct config config;
    size_t dropped;

    for (char last = 'a'; last < 'a' + RESOURCE_KIND_MAX - RESOURCE_FIXED_COUNT; last++) {
        char name[] = {'r', last, '\0'};
        size_t kind;

        CHECK_OK(resource_intern(&names, name, &kind), "room");
    }
    read_config("teams: [{name: a, nominal: {cpu: 1, one.too/many: 3}}]", &config);
    team_settings_init(&settings, &config, &names, &dropped);
    CHECK_EQ(dropped, 1, "told");
    CHECK_EQ(settings.teams[0].limits.nominal.set, RESOURCE_BIT(RESOURCE_CPU), "the other stays");
    team_settings_finish(&settings);
    config_finish(&config);
    resource_names_finish(&names);
}
