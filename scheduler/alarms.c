#include "scheduler/alarms.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "scheduler/lifecycle.h"
#include "scheduler/runtimes.h"
#include "scheduler/view.h"

#define LOOK_AT_LEAST_US (60 * CLOCK_US_PER_SECOND)
#define UNSEEN_US        (300 * CLOCK_US_PER_SECOND) /* then it is told as far as is known */
#define TELL_PER_TURN    512

void alarms_finish(struct alarms *alarms) {
    timers_finish(&alarms->due);
    timers_finish(&alarms->unseen);
}

static bool was_told(const struct entry *entry, enum alarm alarm) {
    return (entry_course(entry)->alarms & alarm) != 0;
}

/* False if it was told before. */
static bool tell(struct core *core, struct entry *entry, enum alarm alarm, const char *kind,
                 const char *text) {
    if (was_told(entry, alarm)) {
        return false;
    }
    entry_edit(entry)->alarms |= alarm;
    lifecycle_note(core, entry, kind, text);
    return true;
}

/* --- What is due ------------------------------------------------------------------------------ */

static bool awaits_start(const struct entry *entry) {
    return entry->terms->start_by_us != 0 && !entry_course(entry)->has_run &&
           !was_told(entry, ALARM_START_MISSED);
}

static bool awaits_finish(const struct entry *entry) {
    return entry->terms->finish_by_us != 0 && !was_told(entry, ALARM_FINISH_MISSED);
}

/* The next of its deadlines that nothing is known of yet; CLOCK_NEVER_US: none. */
static int64_t next_due_us(const struct entry *entry) {
    int64_t due_us = CLOCK_NEVER_US;

    if (job_state_is_final((enum job_state)entry->state)) {
        return due_us;
    }
    if (awaits_start(entry)) {
        due_us = entry->terms->start_by_us;
    }
    if (awaits_finish(entry) && entry->terms->finish_by_us < due_us) {
        due_us = entry->terms->finish_by_us;
    }
    return due_us;
}

static bool is_armed(void *context, uint64_t id) {
    const struct entry *entry = view_entry(context, id);

    return entry != NULL && next_due_us(entry) != CLOCK_NEVER_US;
}

void alarms_arm(struct core *core, const struct entry *entry) {
    struct timers *due = &core->alarms.due;
    int64_t due_us = next_due_us(entry);

    if (due_us == CLOCK_NEVER_US) {
        return;
    }
    if (due->count == due->room && due->count > 0) {
        timers_keep(due, is_armed, core); /* Jobs that ended in time leave theirs behind. */
    }
    timers_add(due, due_us, entry->id);
}

static bool is_blind(const struct core *core) {
    return !core->adopted || core->counts.lost[CLUSTER_PODS];
}

static void start_is_due(struct core *core, struct entry *entry) {
    const char *also = "";
    char by[RFC3339_BYTES_MAX];

    rfc3339_print(entry->terms->start_by_us, by);
    if (entry->terms->start_miss == START_MISS_SKIP &&
        job_state_is_active((enum job_state)entry->state)) {
        also = ", as it is being started; it is skipped if that fails";
    }
    (void)tell(core, entry, ALARM_START_MISSED, "start_missed",
               outbox_format(&core->outbox, "it has not started by %s%s", by, also));
    if (job_state_is_waiting((enum job_state)entry->state) && alarms_forbid_start(entry)) {
        alarms_skip(core, entry);
    }
}

static void finish_is_due(struct core *core, struct entry *entry) {
    char by[RFC3339_BYTES_MAX];

    rfc3339_print(entry->terms->finish_by_us, by);
    (void)tell(core, entry, ALARM_FINISH_MISSED, "finish_missed",
               outbox_format(&core->outbox, "it is not done by %s", by));
}

static void look(struct core *core, struct entry *entry) {
    const int64_t now_us = core->instant.now_us;
    const int64_t due_us = next_due_us(entry);

    if (due_us <= now_us && now_us - due_us < UNSEEN_US && is_blind(core) &&
        job_state_is_active((enum job_state)entry->state)) {
        timers_add(&core->alarms.unseen, due_us, entry->id); /* It may have begun, or ended. */
        return;
    }
    if (awaits_start(entry) && entry->terms->start_by_us <= now_us) {
        start_is_due(core, entry);
    }
    if (!job_state_is_final((enum job_state)entry->state) && awaits_finish(entry) &&
        entry->terms->finish_by_us <= now_us) {
        finish_is_due(core, entry);
    }
    alarms_arm(core, entry);
}

void alarms_tick(struct core *core) {
    struct alarms *alarms = &core->alarms;
    int64_t unseen_us = is_blind(core) ? core->instant.now_us - UNSEEN_US : INT64_MAX;
    uint64_t id;

    while (timers_take_due(&alarms->unseen, unseen_us, &id)) {
        timers_add(&alarms->due, INT64_MIN, id);
    }
    for (unsigned told = 0;
         told < TELL_PER_TURN && timers_take_due(&alarms->due, core->instant.now_us, &id); told++) {
        struct entry *entry = view_entry(core, id);

        if (entry != NULL && next_due_us(entry) != CLOCK_NEVER_US) {
            look(core, entry);
        }
    }
}

int64_t alarms_wake_after_us(const struct core *core) {
    const int64_t next_us = timers_next_us(&core->alarms.due);
    int64_t after_us;

    if (next_us == CLOCK_NEVER_US) {
        return core->alarms.unseen.count > 0 ? LOOK_AT_LEAST_US : CLOCK_NEVER_US;
    }
    after_us = next_us > core->instant.now_us ? next_us - core->instant.now_us : 0;
    return after_us < LOOK_AT_LEAST_US ? after_us : LOOK_AT_LEAST_US;
}

/* --- What happened ---------------------------------------------------------------------------- */

static const char *late_text(struct core *core, const char *what, int64_t at_us, int64_t by_us) {
    char at[RFC3339_BYTES_MAX];
    char by[RFC3339_BYTES_MAX];
    char late[32];

    rfc3339_print(at_us, at);
    rfc3339_print(by_us, by);
    text_print_duration(at_us - by_us, late);
    return outbox_format(&core->outbox, "it %s at %s, %s after %s", what, at, late, by);
}

void alarms_started(struct core *core, struct entry *entry, int64_t started_us) {
    const int64_t by_us = entry->terms->start_by_us;

    if (awaits_start(entry) && started_us > by_us) {
        (void)tell(core, entry, ALARM_START_MISSED, "start_missed",
                   late_text(core, "started", started_us, by_us));
    }
}

void alarms_ended(struct core *core, struct entry *entry, int64_t ended_us) {
    const int64_t by_us = entry->terms->finish_by_us;

    if (awaits_finish(entry) && ended_us > by_us) {
        (void)tell(core, entry, ALARM_FINISH_MISSED, "finish_missed",
                   late_text(core, "ended", ended_us, by_us));
    }
}

void alarms_ran(struct core *core, struct entry *entry, int64_t ran_us) {
    const int64_t warn_us = entry->terms->warn_runtime_us;
    char warn[32];

    if (warn_us == 0 || ran_us < warn_us) {
        return;
    }
    text_print_duration(warn_us, warn);
    (void)tell(core, entry, ALARM_RUNTIME, "runtime_long",
               outbox_format(&core->outbox, "it runs for longer than %s", warn));
}

bool alarms_forbid_start(const struct entry *entry) {
    return entry->terms->start_miss == START_MISS_SKIP && !entry_course(entry)->has_run &&
           !entry_course(entry)->is_retried && was_told(entry, ALARM_START_MISSED);
}

void alarms_skip(struct core *core, struct entry *entry) {
    char by[RFC3339_BYTES_MAX];

    rfc3339_print(entry->terms->start_by_us, by);
    entry_edit(entry)->failure = FAILURE_DEADLINE;
    lifecycle_move(core, entry, JOB_SKIPPED, "skipped",
                   outbox_format(&core->outbox, "deadline: it had to start by %s", by));
}

/* --- What is foreseen ------------------------------------------------------------------------- */

/* A deadline, its three alarms, and when a forecast sees it met: half of the futures by p50_us,
 * nine in ten by p90_us; CLOCK_NEVER_US: not known. */
struct foreseen {
    const char *what;
    int64_t by_us;
    int64_t p50_us;
    int64_t p90_us;
    bool not_before; /* p50_us is the earliest */
    enum alarm missed;
    enum alarm risk;
    enum alarm safe;
    const char *risk_kind;
    const char *safe_kind;
};

static void foresee(struct core *core, struct entry *entry, const struct foreseen *f) {
    char by[RFC3339_BYTES_MAX];
    char at[RFC3339_BYTES_MAX];

    if (f->by_us <= core->instant.now_us || was_told(entry, f->missed)) {
        return;
    }
    rfc3339_print(f->by_us, by);
    if (f->p50_us > f->by_us && f->p50_us != CLOCK_NEVER_US) {
        rfc3339_print(f->p50_us, at);
        (void)tell(core, entry, f->risk, f->risk_kind,
                   outbox_format(&core->outbox, "expected to %s %s %s, and has to by %s", f->what,
                                 f->not_before ? "after" : "at", at, by));
    } else if (was_told(entry, f->risk) && f->p90_us <= f->by_us) {
        rfc3339_print(f->p90_us, at);
        (void)tell(core, entry, f->safe, f->safe_kind,
                   outbox_format(&core->outbox,
                                 "no longer at risk: expected to %s by %s, and has to by %s",
                                 f->what, at, by));
    }
}

static int64_t later(int64_t time_us, int64_t by_us) {
    return time_us == CLOCK_NEVER_US || by_us == CLOCK_NEVER_US ? CLOCK_NEVER_US : time_us + by_us;
}

/* Of a run: when it ends. What has run for longer than expected ends any moment. */
/* Of a run: what has run for longer than expected ends any moment, or never. */
static int64_t run_end_us(const struct core *core, const struct entry *entry, int64_t expected_us,
                          int64_t overdue_us) {
    int64_t ends_us = later(entry_course(entry)->started_us, expected_us);

    return ends_us > core->instant.now_us ? ends_us : overdue_us;
}

static void foresee_job(struct core *core, struct entry *entry, const struct outlook *seen) {
    const int64_t expected_us = runtimes_expect(core, entry).us;
    const int64_t runs_us = expected_us > 0 ? expected_us : CLOCK_NEVER_US;
    const bool runs = entry->state == JOB_RUNNING;

    if (!runs && awaits_start(entry)) {
        foresee(core, entry,
                &(struct foreseen){"start", entry->terms->start_by_us, seen->p50_us, seen->p90_us,
                                   seen->not_before, ALARM_START_MISSED, ALARM_START_RISK,
                                   ALARM_START_SAFE, "start_risk", "start_safe"});
    }
    if (awaits_finish(entry)) {
        foresee(core, entry,
                &(struct foreseen){"be done", entry->terms->finish_by_us,
                                   runs ? run_end_us(core, entry, runs_us, core->instant.now_us)
                                        : later(seen->p50_us, runs_us),
                                   runs ? run_end_us(core, entry, runs_us, CLOCK_NEVER_US)
                                        : later(seen->p90_us, runs_us),
                                   !runs && seen->not_before, ALARM_FINISH_MISSED,
                                   ALARM_FINISH_RISK, ALARM_FINISH_SAFE, "finish_risk",
                                   "finish_safe"});
    }
}

void alarms_foresee(struct core *core, const struct outlook_event *outlook) {
    for (size_t i = 0; i < outlook->count; i++) {
        struct entry *entry = view_entry(core, outlook->jobs[i].job_id);

        if (entry != NULL && !job_state_is_final((enum job_state)entry->state)) {
            foresee_job(core, entry, &outlook->jobs[i]);
        }
    }
}
