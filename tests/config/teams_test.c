#include "config/teams.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/document.h"
#include "tests/test.h"

static void read_text(const char *text, struct team_set *out_set, struct problems *problems) {
    struct document_set documents;

    CHECK_OK(document_set_parse(text, strlen(text), 1 << 20, &documents, problems), text);
    teams_read(&documents.documents[0], out_set, problems);
    problems_sort(problems);
    document_set_destroy(&documents);
}

TEST(teams_read__gives_the_tree) {
    static const char text[] =
        "priorityClasses: [{name: critical, tier: 2}, {name: bulk, tier: -1, priority: 7}]\n"
        "teams:\n"
        "  - name: analytics\n"
        "    weight: 2.5\n"
        "    namespaces: [a, b]\n"
        "    nominal: {cpu: 20, memory: 80Gi}\n"
        "    borrowingLimit: {cpu: 80}\n"
        "    users: [{name: ann, weight: 2}]\n"
        "    teams: [{name: reports, limits: {runningJobs: 3, resources: {nvidia.com/gpu: 4}}}]\n"
        "  - name: etl\n"
        "namespaceLimits: [{name: a, waitingJobs: 9}]\n";
    struct problems problems = {0};
    struct team_set set;

    read_text(text, &set, &problems);
    CHECK_EQ(problems.count, 0, "no problems");
    CHECK_EQ(set.team_count, 3, "teams");
    CHECK_STR(set.teams[0].name, "analytics", "the first");
    CHECK(set.teams[0].weight == 2.5 && set.teams[2].weight == 1, "weights");
    CHECK_STR(set.teams[0].namespaces[1], "b", "its namespaces");
    CHECK_STR(set.teams[0].nominal.items[1].quantity, "80Gi", "memory comes second");
    CHECK_STR(set.teams[0].borrowing.items[0].quantity, "80", "what it may borrow");
    CHECK_STR(set.teams[0].users[0].name, "ann", "a user");
    CHECK_STR(set.teams[1].parent, "analytics", "below it");
    CHECK_EQ(set.teams[1].limits.running_jobs, 3, "its limit");
    CHECK_STR(set.teams[1].limits.resources.items[0].resource, "nvidia.com/gpu", "of gpus");
    CHECK(set.teams[2].parent == NULL, "beside it");
    CHECK_EQ(set.teams[2].limits.running_jobs, TEAM_UNLIMITED, "not limited");
    CHECK_EQ(set.namespaces[0].limits.waiting_jobs, 9, "of a namespace");
    CHECK_EQ(team_set_class(&set, "critical")->tier, 2, "a tier");
    CHECK_EQ(team_set_class(&set, "bulk")->priority, 7, "a priority");
    CHECK(team_set_class(&set, "none") == NULL, "none such");
    team_set_finish(&set);
}

TEST(teams_read__says_what_is_wrong_and_where) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"no teams", "teams: null", ""},
        {"not a list", "teams: {name: a}", "c:1:1: teams: must be a list, not an object\n"},
        {"no name", "teams: [{weight: 2}]", "c:1:9: teams[0].name: missing; it is required\n"},
        {"an unknown key", "teams: [{name: a, wieght: 2}]",
         "c:1:19: teams[0].wieght: unknown field (did you mean \"weight\"?)\n"},
        {"no weight at all", "teams: [{name: a, weight: 0}]",
         "c:1:27: teams[0].weight: must be above 0 and at most 1000000, not 0\n"},
        {"twice", "teams: [{name: a, teams: [{name: b}]}, {name: b}]",
         "c:1:47: teams[1]: a second team \"b\"\n"},
        {"a namespace of two", "teams: [{name: a, namespaces: [n]}, {name: b, namespaces: [n]}]",
         "c:1:60: teams[1].namespaces[0]: namespace \"n\" is team \"a\"'s already\n"},
        {"no such resource", "teams: [{name: a, nominal: {cpus: 1}}]",
         "c:1:29: teams[0].nominal.cpus: unknown field (did you mean \"cpu\"?)\n"},
        {"no quantity", "teams: [{name: a, limits: {resources: {cpu: many}}}]",
         "c:1:45: teams[0].limits.resources.cpu: \"many\" is not a quantity; write it like 500m, 2 "
         "or 4Gi\n"},
        {"fewer than none", "namespaceLimits: [{name: n, runningJobs: -1}]",
         "c:1:42: namespaceLimits[0].runningJobs: must be between 0 and 2147483647, not -1\n"},
        {"a class without tier", "priorityClasses: [{name: x}]",
         "c:1:19: priorityClasses[0].tier: missing; it is required\n"},
        {"two classes", "priorityClasses: [{name: x, tier: 1}, {name: x, tier: 2}]",
         "c:1:46: priorityClasses[1]: a second priority class \"x\"\n"},
        {"deeper than it goes",
         "teams: [{name: a, teams: [{name: b, teams: [{name: c, teams: [{name: d, teams: [{name: "
         "e, teams: [{name: f, teams: [{name: g, teams: [{name: h, teams: [{name: "
         "i}]}]}]}]}]}]}]}]}]",
         "c:1:153: "
         "teams[0].teams[0].teams[0].teams[0].teams[0].teams[0].teams[0].teams[0].teams[0]: more "
         "than 10000 teams, or more than 8 below each other\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct team_set set;
        struct buf out;

        buf_init(&out, 10000);
        read_text(rows[i].text, &set, &problems);
        problems_print(&problems, "c", &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        CHECK_EQ(set.team_count + set.class_count + set.namespace_count, 0, "nothing is kept");
        team_set_finish(&set);
        problems_finish(&problems);
        buf_finish(&out);
    }
}
