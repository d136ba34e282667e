/* tests/scenarios/scenario.h - a scenario under way: what its lines say, and what the turns answer.
 *
 * The format is in README.md. scenario_in.c reads the lines that go in, scenario_out.c prints what
 * comes out; scenario_test.c runs the files. Texts of events point into the file's lines, which
 * outlive the turn.
 */
#ifndef TESTS_SCENARIOS_SCENARIO_H
#define TESTS_SCENARIOS_SCENARIO_H

#include "base/buf.h"
#include "base/intern.h"
#include "policy/limit_range.h"
#include "policy/node.h"
#include "policy/quota.h"
#include "scheduler/core.h"

#define SCENARIO_JOBS_MAX   256
#define SCENARIO_EVENTS_MAX 64
#define SCENARIO_SHAPES_MAX 64
#define SCENARIO_START_US   INT64_C(1700000000000000)
#define SCENARIO_MONO_US    INT64_C(1000000000)

/* A job as the fake disk has it. */
struct scenario_job {
    bool exists;
    struct job job;
    struct attempt attempt;
    uint32_t event_count;
    enum job_state state; /* by its events */
    unsigned shape;
    char *why; /* the last reason printed */
};

/* What the events of the coming turn borrow. */
struct scenario_parts {
    struct node nodes[SCENARIO_EVENTS_MAX];
    size_t node_count;
    struct quota quotas[SCENARIO_EVENTS_MAX];
    size_t quota_count;
    struct limit_range ranges[SCENARIO_EVENTS_MAX];
    size_t range_count;
    struct pod_demand pods[SCENARIO_EVENTS_MAX];
    size_t pod_count;
    struct new_after *afters[SCENARIO_EVENTS_MAX];
    size_t after_count;
    struct new_job *submits[SCENARIO_EVENTS_MAX];
    size_t submit_count;
    struct outlook outlooks[SCENARIO_EVENTS_MAX];
    size_t outlook_count;
};

struct scenario {
    const char *file;
    int line;
    struct core *core; /* NULL before the first turn */
    struct core_settings settings;
    struct retry_settings retry; /* of the settings, once they say something of it */
    struct instant now;
    int64_t wall_shift_us; /* how far somebody set the wall clock */
    struct intern texts;
    struct scenario_job jobs[SCENARIO_JOBS_MAX + 1];
    uint64_t next_id;
    struct demand *shapes[SCENARIO_SHAPES_MAX]; /* a submit's demand is found by its spec's hash */
    size_t shape_count;
    struct event events[SCENARIO_EVENTS_MAX];
    size_t event_count;
    struct scenario_parts parts;
    struct {
        const char *namespace;
        struct demand *demand;
    } asks[SCENARIO_EVENTS_MAX];
    size_t ask_count;
    const char *teams;                       /* as configured last; NULL: nothing is */
    struct fact usages[SCENARIO_SHAPES_MAX]; /* as stored */
    size_t usage_count;
    struct buf *out;               /* the file as it should be */
    bool (*seen)[JOB_STATE_COUNT]; /* transitions, over all scenarios; from and to */
};

/* The scenario can't be read: says where and why, and ends the process. */
_Noreturn void scenario_bad(const struct scenario *scenario, const char *why, const char *word);

/* scenario_in.c: a line without its "< ", cut into words in place. */
void scenario_add_event(struct scenario *scenario, char *text);
/* scenario_windows.c: "NAME,22:15,22:30@finish" and "NAME,FROM,UNTIL" in seconds; the texts are
 * cut. */
void scenario_add_window(struct scenario *scenario, struct window_set *set, char *text);
void scenario_add_freeze(struct scenario *scenario, struct window_set *set, char *text);

/* scenario_teams.c: teams, classes and the order, from a configuration in one line. */
void scenario_set_teams(struct scenario *scenario, const char *text);
void scenario_keep_usage(struct scenario *scenario, const struct fact *fact, bool gone);
void scenario_load_usages(struct scenario *scenario);

void scenario_read_settings(struct scenario *scenario, char *text, struct core_settings *settings);
void scenario_forget_events(struct scenario *scenario);

/* scenario_out.c: store and print what a turn asked for. */
void scenario_take(struct scenario *scenario, const struct turn *turn);

#endif
