#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "scheduler/team_settings.h"
#include "tests/scenarios/scenario.h"

void scenario_set_teams(struct scenario *scenario, const char *text) {
    struct problems problems = {0};
    struct team_settings teams;
    struct config config;
    size_t dropped;

    scenario->teams = text;
    if (config_parse(text, strlen(text), &config, &problems) != OK) {
        scenario_bad(scenario, problems.items[0].message, text);
    }
    team_settings_init(&teams, &config, core_resource_names(scenario->core), &dropped);
    core_set_teams(scenario->core, &teams.core, scenario->now.now_us);
    scenario->settings.order = team_settings_order(&config);
    team_settings_finish(&teams);
    config_finish(&config);
}

void scenario_keep_usage(struct scenario *scenario, const struct fact *fact, bool gone) {
    size_t at = 0;

    while (at < scenario->usage_count && (scenario->usages[at].kind != fact->kind ||
                                          strcmp(scenario->usages[at].key, fact->key) != 0)) {
        at++;
    }
    if (gone && (fact->kind == FACT_GROUP || fact->kind == FACT_NODE) &&
        at < scenario->usage_count) {
        scenario->usages[at] = scenario->usages[--scenario->usage_count];
    }
    if (gone) {
        return; /* What is left of use would not be seen in these numbers. */
    }
    if (at == scenario->usage_count && ++scenario->usage_count > SCENARIO_SHAPES_MAX) {
        scenario_bad(scenario, "too many users", fact->key);
    }
    scenario->usages[at] = *fact;
    scenario->usages[at].key = intern_take(&scenario->texts, fact->key);
}

void scenario_load_usages(struct scenario *scenario) {
    for (size_t i = 0; i < scenario->usage_count; i++) {
        const struct fact *fact = &scenario->usages[i];

        if ((fact->kind == FACT_GROUP  ? core_load_group(scenario->core, fact)
             : fact->kind == FACT_NODE ? core_load_node(scenario->core, fact)
                                       : core_load_usage(scenario->core, fact)) != OK) {
            scenario_bad(scenario, "a fact", fact->key);
        }
    }
}
