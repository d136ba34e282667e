/* Thirty nights of four hundred scheduled jobs of three teams, in virtual time: windows, chains of
 * jobs, deadlines, failures, nodes that die, the night that changes the clocks, a holiday, an API
 * server that is away for two hours, and a daemon that dies now and then. The core is the daemon's
 * own; cluster, disk and clock are not. A failure names its seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/intern.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/rng.h"
#include "policy/demand.h"
#include "policy/window.h"
#include "policy/zone.h"
#include "scheduler/core.h"
#include "tests/fake/nights.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

#define TEAMS     3
#define NIGHTS    30
#define SCHEDULES 400
#define JOBS_MAX  (NIGHTS * SCHEDULES + 1000)
#define NODES     12
#define MINUTE_US INT64_C(60000000)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

/* Saturday, 10 October 2026, at noon in Berlin, as a day and as an instant; and when summer time
 * ends there. */
#define FIRST_DAY     20736
#define BEGIN_US      (INT64_C(1791626400) * 1000000)
#define WINTER_S      INT64_C(1792890000)
#define HOLIDAY       (FIRST_DAY + 12)
#define OUTAGE_NIGHT  9
#define ALARM_LATE_US (2 * MINUTE_US)
#define RULES         "x 1 0 * 97;" /* what a job makes of exit code 97, which none has */

static const char *const teams[TEAMS] = {"finance", "search", "weather"};
static const char *const windows[TEAMS] = {"late", "small-hours", "whole-night"};
/* By the wall clocks of Berlin: from, to; above 24 it is the next day. */
static const int hours[TEAMS][2] = {{22, 30}, {1, 5}, {20, 31}};

/* A job on the fake disk. */
struct stored {
    struct job job;
    struct attempt attempt;
    uint32_t events;
    unsigned start_missed; /* times that this was told */
    unsigned finish_missed;
    struct demand *demand;
};

struct month {
    uint64_t seed;
    struct rng rng;
    struct instant now;
    int64_t wake_us;
    struct core *core;
    struct nights *nights;
    struct intern texts;
    struct map disk;   /* id -> struct stored */
    struct map states; /* of schedules, by key -> struct fact_schedule_state */
    struct demand *demands[TEAMS];
    struct window_set *windows;
    uint64_t next_id;
    unsigned crashes;
    unsigned alarms;
};

_Noreturn static void broken(const struct month *month, const char *what, uint64_t job_id) {
    (void)fprintf(stderr, "seed %" PRIu64 " at %" PRId64 " s: %s (job %" PRIu64 ")\n", month->seed,
                  month->now.now_us / 1000000, what, job_id);
    abort();
}

/* --- What must hold -------------------------------------------------------------------------- */

/* What the clocks of Berlin show, by arithmetic of its own. */
static int64_t berlin_s(int64_t time_us) {
    int64_t time_s = time_us / 1000000;

    return time_s + (time_s < WINTER_S ? 7200 : 3600);
}

/* The hours of an opening are counted from the midnight of the day on which it opens; the holiday
 * is a day on which nothing opens. */
static void check_window(const struct month *month, const struct job *job) {
    unsigned team = 0;
    const int64_t civil_s = berlin_s(month->now.now_us);
    bool open = false;

    while (strcmp(job->window, windows[team]) != 0) {
        team++;
    }
    for (int back = 0; back < 2; back++) {
        int64_t day = civil_s / 86400 - back;
        int64_t hour = (civil_s - day * 86400) / 3600;

        open = open || (day != HOLIDAY && hour >= hours[team][0] && hour < hours[team][1]);
    }
    if (!open) {
        broken(month, "started outside of its window", job->id);
    }
}

static void check_predecessor(struct month *month, const struct job *job);

static void check_move(struct month *month, const struct stored *stored, const struct job *job) {
    if (job_state_is_final(stored->job.state) && job->state != stored->job.state) {
        broken(month, "a final job moved", job->id);
    }
    if (job->state == JOB_SUBMITTING && job->attempt != stored->job.attempt) {
        check_window(month, job);
        check_predecessor(month, job);
    }
    if (job->retries > job->retry.retries_max ||
        job->infra_retries > job->retry.infra_retries_max) {
        broken(month, "more retries than it has", job->id);
    }
    if (job->state == JOB_SUCCEEDED && nights_succeeded(month->nights, job->id) != 1) {
        broken(month, "succeeded, but not exactly once", job->id);
    }
    if (nights_alive(month->nights, job->id) > 1) {
        broken(month, "two pods of one job are alive", job->id);
    }
}

/* Told once each, not before its time, and not much after it. */
static void hear(struct month *month, const struct job_event *event) {
    struct stored *stored = map_get_id(&month->disk, event->job_id);
    const bool is_start = strcmp(event->kind, "start_missed") == 0;
    unsigned *told = is_start ? &stored->start_missed : &stored->finish_missed;
    int64_t by_us = is_start ? stored->job.start_by_us : stored->job.finish_by_us;

    if (!is_start && strcmp(event->kind, "finish_missed") != 0) {
        return;
    }
    if (++*told > 1) {
        broken(month, "an alarm was told twice", event->job_id);
    }
    if (by_us == 0 || month->now.now_us < by_us || month->now.now_us > by_us + ALARM_LATE_US) {
        broken(month, "an alarm at another time than its own", event->job_id);
    }
    month->alarms++;
}

/* --- The disk -------------------------------------------------------------------------------- */

static const char *keep(struct month *month, const char *text) {
    return intern_take(&month->texts, text == NULL ? "" : text);
}

static struct stored *stored_of(struct month *month, uint64_t id) {
    struct stored *stored = map_get_id(&month->disk, id);

    if (stored == NULL) {
        stored = mem_alloc(1, sizeof *stored);
        (void)map_put_id(&month->disk, id, stored);
    }
    return stored;
}

static void store_job(struct month *month, const struct job *job, const struct spec *spec) {
    struct stored *stored = stored_of(month, job->id);

    check_move(month, stored, job);
    if (spec != NULL) {
        stored->demand = month->demands[spec->hash[0]];
    }
    stored->job = *job;
    stored->job.name = keep(month, job->name);
    stored->job.namespace = keep(month, job->namespace);
    stored->job.team = keep(month, job->team);
    stored->job.submitter = keep(month, job->submitter);
    stored->job.priority_class = keep(month, job->priority_class);
    stored->job.window = keep(month, job->window);
    stored->job.schedule = keep(month, job->schedule);
    stored->job.after = keep(month, job->after);
    stored->job.array = keep(month, job->array);
    stored->job.pod_name = keep(month, job->pod_name);
    stored->job.avoid = keep(month, job->avoid);
    stored->job.retry.rules = keep(month, job->retry.rules);
    if (job->id >= month->next_id) {
        month->next_id = job->id + 1;
    }
}

static void store_attempt(struct month *month, const struct attempt *attempt) {
    struct stored *stored = stored_of(month, attempt->job_id);

    if (attempt->number < stored->attempt.number) {
        broken(month, "an older attempt was stored", attempt->job_id);
    }
    stored->attempt = *attempt;
    stored->attempt.pod_name = keep(month, attempt->pod_name);
    stored->attempt.pod_uid = keep(month, attempt->pod_uid);
    stored->attempt.node = keep(month, attempt->node);
    stored->attempt.message = keep(month, attempt->message);
    stored->attempt.cause = keep(month, attempt->cause);
    stored->attempt.charge = keep(month, attempt->charge);
}

static void store_event(struct month *month, const struct job_event *event) {
    if (event->sequence != stored_of(month, event->job_id)->events++) {
        broken(month, "an event's sequence number", event->job_id);
    }
    hear(month, event);
}

static void store_state(struct month *month, const struct fact *fact) {
    struct fact_schedule_state *state = map_get(&month->states, fact->key);

    if (state == NULL) {
        state = mem_alloc(1, sizeof *state);
        (void)map_put(&month->states, fact->key, state);
    }
    *state = fact->value.schedule_state;
}

static void commit(struct month *month, const struct turn *turn) {
    for (size_t i = 0; i < turn->change_count; i++) {
        const struct queue_change *change = &turn->changes[i];

        if (change->kind == CHANGE_JOB_PUT) {
            store_job(month, &change->job, change->spec);
        } else if (change->kind == CHANGE_ATTEMPT_PUT) {
            store_attempt(month, &change->attempt);
        } else if (change->kind == CHANGE_EVENT_ADD) {
            store_event(month, &change->event);
        } else if (change->kind == CHANGE_FACT_PUT && change->fact.kind == FACT_SCHEDULE_STATE) {
            store_state(month, &change->fact);
        }
    }
}

/* --- Turns ----------------------------------------------------------------------------------- */

/* By job and attempt, so that it is the same whenever it is asked. One job in fifty is broken. */
static struct nights_program program_of(const struct month *month, uint64_t job_id,
                                        uint32_t attempt) {
    struct nights_program program = {.runs_us = 5 * MINUTE_US};
    struct rng rng;

    rng_init(&rng, (month->seed << 40) + (job_id << 8) + attempt);
    program.runs_us += (int64_t)rng_below(&rng, 25 * MINUTE_US);
    if (rng_below(&rng, 1000) < 80 || job_id % 50 == 0) {
        program.failure = FAILURE_APP;
        program.exit_code = 1;
    }
    return program;
}

static void act(struct month *month, const struct turn *turn) {
    for (size_t i = 0; i < turn->command_count; i++) {
        const struct command *command = &turn->commands[i];

        if (command->kind == COMMAND_START) {
            nights_start(month->nights, command, stored_of(month, command->job_id)->demand,
                         program_of(month, command->job_id, command->attempt));
        } else if (command->kind == COMMAND_DELETE) {
            nights_delete(month->nights, command);
        }
    }
}

static void take_turn(void *context, struct event *events, size_t count) {
    struct month *month = context;
    struct turn turn;

    do {
        scheduler_turn(month->core, month->now, events, count, &turn);
        commit(month, &turn);
        act(month, &turn);
        count = 0;
    } while (turn.wake_after_us == 0);
    month->wake_us = turn.wake_after_us == CLOCK_NEVER_US ? CLOCK_NEVER_US
                                                          : month->now.now_us + turn.wake_after_us;
}

/* --- Schedules ------------------------------------------------------------------------------- */

/* In the evening or at night; one in twenty in the hour that comes twice. */
static void print_cron(unsigned i, char text[32]) {
    if (i % 20 == 0) {
        (void)snprintf(text, 32, "30 2 * * *");
    } else {
        (void)snprintf(text, 32, "%u %u * * *", i % 60, (18 + i % 7) % 24);
    }
}

/* Four of a team are a chain. */
static bool has_predecessor(unsigned i) {
    return i >= TEAMS && i / TEAMS % 4 != 0;
}

static void put_name(char name[16], unsigned i) {
    (void)snprintf(name, 16, "job-%u", i);
}

static void check_predecessor(struct month *month, const struct job *job) {
    unsigned i = (unsigned)strtoul(job->schedule + strlen("job-"), NULL, 10);
    const struct map_entry *entry;
    char name[16];

    if (!has_predecessor(i)) {
        return;
    }
    put_name(name, i - TEAMS);
    for (size_t at =
             map_seek_id(&month->disk, job->id > 2 * SCHEDULES ? job->id - 2 * SCHEDULES : 0);
         (entry = map_next(&month->disk, &at)) != NULL;) {
        const struct stored *stored = entry->value;

        if (strcmp(stored->job.schedule, name) == 0 &&
            stored->job.occurrence.business_date == job->occurrence.business_date) {
            if (stored->job.state != JOB_SUCCEEDED) {
                broken(month, "started before its predecessor had succeeded", job->id);
            }
            return;
        }
    }
    broken(month, "started without its predecessor", job->id);
}

/* Calls `put` with schedule i; what it points to lives that long. */
static void with_schedule(struct month *month, unsigned i,
                          void put(struct month *month, struct new_schedule *schedule)) {
    const unsigned team = i % TEAMS;
    struct error error = {0};
    char name[16], before[16], cron[32], rules[] = RULES;
    struct new_after after = {.item = {.schedule = before}};
    struct new_schedule schedule = {
        .namespace = teams[team],
        .name = name,
        .cron = cron,
        .rule = {.clocks = {.repeat = CRON_REPEAT_FIRST},
                 .overlap = SCHEDULE_ALLOW,
                 .misfire = SCHEDULE_MISFIRE_ALL,
                 .from_civil_s = SCHEDULE_ANY_CIVIL,
                 .until_civil_s = SCHEDULE_ANY_CIVIL,
                 .day_start_s = 12 * 3600},
        .zone = zones_read("Europe/Berlin"),
        .succeeded_max = -1,
        .failed_max = -1,
        .job = {.namespace = teams[team],
                .team = teams[team],
                .window = windows[team],
                .kind = JOB_KIND_POD,
                .ttl_s = 3600,
                .retry = {.retries_max = 2,
                          .infra_retries_max = 20,
                          .rules = rules,
                          .backoff_first_us = 1000000,
                          .backoff_max_us = 5 * MINUTE_US},
                .expected_runtime_us = 30 * MINUTE_US,
                .demand = month->demands[team],
                .spec = {.text = "{}", .bytes = 2}},
        .text = "{}",
        .creator = "ann",
    };

    put_name(name, i);
    print_cron(i, cron);
    CHECK_OK(cron_parse(cron, CRON_CRONIE, &error, &schedule.rule.cron), cron);
    schedule.job.spec.hash[0] = (unsigned char)team;
    if (has_predecessor(i)) {
        put_name(before, i - TEAMS);
        after.item.schedule_bytes = strlen(before);
        schedule.job.after = &after;
        schedule.job.after_count = 1;
    }
    if (i % 5 == 0) {
        schedule.finish_by = (struct deadline){DEADLINE_OFFSET, .days = 1, .time_s = 4 * 3600};
    } else if (i % 5 == 1) {
        schedule.start_by = (struct deadline){DEADLINE_OFFSET, .days = 1, .time_s = 3 * 3600};
        schedule.job.start_miss = i % 2 == 0 ? START_MISS_SKIP : START_MISS_WARN;
    }
    put(month, &schedule);
    zone_destroy(schedule.zone);
    memset(rules, 'x', sizeof rules); /* Borrowed for the call alone. */
}

static void submit_schedule(struct month *month, struct new_schedule *schedule) {
    struct event event = {
        .kind = EVENT_SUBMIT,
        .token = 1,
        .submit = {.schedules = schedule, .schedule_count = 1, .submitter = "ann"}};

    take_turn(month, &event, 1);
}

static void load_schedule(struct month *month, struct new_schedule *schedule) {
    char *key = mem_format("%s/%s", schedule->namespace, schedule->name);
    const struct fact_schedule_state *state = map_get(&month->states, key);

    core_load_schedule(month->core, schedule);
    if (state != NULL) {
        CHECK_OK(
            core_load_schedule_state(month->core, &(struct fact){.kind = FACT_SCHEDULE_STATE,
                                                                 .key = key,
                                                                 .value.schedule_state = *state}),
            key);
    }
    free(key);
}

/* --- Windows, teams, and the core over them --------------------------------------------------- */

static void add_window(struct window_set *set, unsigned team) {
    struct window *window = &set->windows[set->window_count++];

    *window = (struct window){.name = mem_copy_text(windows[team]),
                              .zone = set->zones[0],
                              .at_close = WINDOW_CLOSE_REQUEUE,
                              .hours = mem_alloc(1, sizeof *window->hours),
                              .hours_count = 1,
                              .except = {mem_alloc(1, sizeof(int32_t)), 1}};
    window->hours[0] = (struct window_hours){.weekdays = WINDOW_EVERY_DAY,
                                             .open_s = hours[team][0] * 3600,
                                             .close_s = hours[team][1] * 3600};
    window->except.days[0] = HOLIDAY;
}

static struct window_set *make_windows(void) {
    struct window_set *set = window_set_create();

    set->zones = mem_alloc(1, sizeof(struct zone *));
    set->zones[set->zone_count++] = zones_read("Europe/Berlin");
    set->windows = mem_alloc(TEAMS, sizeof *set->windows);
    for (unsigned i = 0; i < TEAMS; i++) {
        add_window(set, i);
    }
    return set;
}

static struct demand *make_demand(int64_t cpu_milli) {
    struct demand *demand = demand_create();
    struct pod_group *group = demand_add_group(demand, POD_ROLE_POD, 1);

    container_demand_request(pod_demand_add_container(&group->pod, CONTAINER_MAIN), RESOURCE_CPU,
                             cpu_milli);
    demand_settle(demand);
    return demand;
}

static void set_teams(struct month *month) {
    struct share_team shares[TEAMS];

    for (unsigned i = 0; i < TEAMS; i++) {
        shares[i] =
            (struct share_team){.name = teams[i], .weight = 1 + i, .limits = SHARE_LIMITS_NONE};
    }
    core_set_teams(month->core,
                   &(struct core_teams){
                       .share = {.half_life_us = DAY_US, .teams = shares, .team_count = TEAMS}},
                   month->now.now_us);
}

static void load_jobs(struct month *month) {
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&month->disk, &at)) != NULL;) {
        struct stored *stored = entry->value;

        core_load_job(month->core, &stored->job, stored->demand,
                      stored->attempt.number > 0 ? &stored->attempt : NULL);
    }
}

static void start_core(struct month *month) {
    month->core = core_create(&(struct core_options){
        .next_id = month->next_id,
        .seed = rng_next(&month->rng),
        .settings = {.starts_per_turn_max = 100,
                     .start_timeout_us = 20 * MINUTE_US,
                     .backoff_first_us = 1000000,
                     .backoff_max_us = MINUTE_US,
                     .history_age_us = 365 * DAY_US,
                     .history_count = JOBS_MAX,
                     .jobs_waiting_max = JOBS_MAX,
                     .order = {.mode = ORDER_FAIR, .aging_us = HOUR_US},
                     .windows = month->windows},
    });
    set_teams(month);
    if (month->states.count > 0) {
        for (unsigned i = 0; i < SCHEDULES; i++) {
            with_schedule(month, i, load_schedule);
        }
    }
    load_jobs(month);
    nights_listen(month->nights, core_resource_names(month->core), take_turn, month);
}

static void crash(struct month *month) {
    month->crashes++;
    core_destroy(month->core);
    start_core(month);
}

/* --- The month ------------------------------------------------------------------------------- */

static void advance(struct month *month, int64_t until_us) {
    while (month->now.now_us < until_us) {
        int64_t next_us = nights_next_us(month->nights);

        next_us = next_us < month->wake_us ? next_us : month->wake_us;
        next_us = next_us < until_us ? next_us : until_us;
        if (next_us > month->now.now_us) {
            month->now.mono_us += next_us - month->now.now_us;
            month->now.now_us = next_us;
        }
        nights_go(month->nights, month->now.now_us, take_turn, month);
        if (month->wake_us <= month->now.now_us) {
            take_turn(month, NULL, 0);
        }
        if (rng_below(&month->rng, 20000) == 0) {
            crash(month);
        }
    }
}

/* From noon to noon. */
static void live_night(struct month *month, unsigned night) {
    const int64_t noon_us = BEGIN_US + night * DAY_US;

    advance(month, noon_us + 14 * HOUR_US);
    if (rng_below(&month->rng, 1000) < 300) {
        nights_kill_node(month->nights, (unsigned)rng_below(&month->rng, NODES), 2 * HOUR_US);
    }
    if (night == OUTAGE_NIGHT) {
        nights_cut(month->nights, month->now.now_us + 2 * HOUR_US, take_turn, month);
    }
    advance(month, noon_us + DAY_US);
}

/* The alarms that were due, and no other. */
static void check_alarms(const struct month *month, const struct stored *stored) {
    const struct job *job = &stored->job;
    const bool started_late =
        job->start_by_us != 0 && (job->started_us == 0 || job->started_us > job->start_by_us);

    if (job->finish_by_us != 0 && (job->finished_us > job->finish_by_us) != stored->finish_missed &&
        job->state != JOB_SKIPPED) {
        broken(month, "an alarm of its end too few or too many", job->id);
    }
    if (stored->start_missed > 0 && !started_late && job->retries + job->infra_retries == 0) {
        broken(month, "an alarm of its start, which was in time", job->id);
    }
}

/* Each of a schedule's thirty occurrences is one job, by what the clocks of Berlin show. */
static void check_occurrences(struct month *month, unsigned *by_state) {
    unsigned char *seen = mem_alloc(SCHEDULES * (NIGHTS + 1), 1);
    const struct map_entry *entry;

    for (size_t at = 0; (entry = map_next(&month->disk, &at)) != NULL;) {
        const struct stored *stored = entry->value;
        const struct job *job = &stored->job;
        unsigned i = (unsigned)strtoul(job->schedule + strlen("job-"), NULL, 10);
        int64_t day = (job->occurrence.civil_s - 12 * 3600) / 86400 - FIRST_DAY;
        char cron[32], meant[32];

        print_cron(i, cron);
        (void)snprintf(meant, sizeof meant, "%d %d * * *", (int)(job->occurrence.civil_s / 60 % 60),
                       (int)(job->occurrence.civil_s / 3600 % 24));
        CHECK_STR(meant, cron, "an occurrence at another time than its own");
        CHECK(day >= 0 && day < NIGHTS, "an occurrence outside of the month");
        CHECK_EQ(seen[i * NIGHTS + (unsigned)day]++, 0, "an occurrence was made twice");
        CHECK_EQ(job->occurrence.business_date, FIRST_DAY + day, "its business date");
        CHECK(job_state_is_final(job->state), "did not come to an end");
        CHECK_STR(job->retry.rules, RULES, "its own rules of retries");
        check_alarms(month, stored);
        by_state[job->state]++;
    }
    free(seen);
    CHECK_EQ(month->disk.count, NIGHTS * SCHEDULES, "every occurrence is a job");
}

static void finish(struct month *month) {
    const struct map_entry *entry;

    core_destroy(month->core);
    nights_destroy(month->nights);
    for (unsigned i = 0; i < TEAMS; i++) {
        demand_destroy(month->demands[i]);
    }
    window_set_destroy(month->windows);
    for (size_t at = 0; (entry = map_next(&month->disk, &at)) != NULL;) {
        free(entry->value);
    }
    for (size_t at = 0; (entry = map_next(&month->states, &at)) != NULL;) {
        free(entry->value);
    }
    map_finish(&month->disk);
    map_finish(&month->states);
    intern_finish(&month->texts);
}

static void run_month(uint64_t seed) {
    struct month month = {.seed = seed,
                          .next_id = 1,
                          .wake_us = CLOCK_NEVER_US,
                          .now = {.now_us = BEGIN_US, .mono_us = 1000000}};
    unsigned by_state[JOB_STATE_COUNT] = {0};

    rng_init(&month.rng, seed);
    for (unsigned i = 0; i < TEAMS; i++) {
        month.demands[i] = make_demand(1000 * (i + 1));
    }
    month.windows = make_windows();
    month.nights = nights_create(&(struct nights_options){.seed = seed,
                                                          .jobs_max = JOBS_MAX,
                                                          .nodes = NODES,
                                                          .node_cpu_milli = 8000,
                                                          .namespaces = teams,
                                                          .namespace_count = TEAMS,
                                                          .quota_cpu_milli = 30000},
                                 month.now.now_us);
    start_core(&month);
    for (unsigned i = 0; i < SCHEDULES; i++) {
        with_schedule(&month, i, submit_schedule);
    }
    for (unsigned night = 0; night < NIGHTS; night++) {
        live_night(&month, night);
    }
    check_occurrences(&month, by_state);
    CHECK_EQ(nights_alive_all(month.nights), 0, "no pod is left over");
    /* The month had it all. */
    CHECK(month.crashes > 0 && month.alarms > 0, "a restart, and an alarm");
    CHECK(by_state[JOB_FAILED] > 0 && by_state[JOB_SKIPPED] > 0, "failures, and what they skip");
    CHECK(by_state[JOB_SUCCEEDED] > NIGHTS * SCHEDULES / 2, "most of the work was done");
    printf("%u succeeded, %u failed, %u skipped, %u alarms, %u restarts\n", by_state[JOB_SUCCEEDED],
           by_state[JOB_FAILED], by_state[JOB_SKIPPED], month.alarms, month.crashes);
    finish(&month);
}

TEST_WITHIN(month__accounts_for_every_night, 120) {
    for (uint64_t seed = 1; seed <= 2; seed++) {
        run_month(seed);
    }
}
