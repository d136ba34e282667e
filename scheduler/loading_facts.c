#include "scheduler/daemon.h"

#include "queue/queue.h"
#include "scheduler/submission.h"

/* What earlier runs took is worth having, not worth stopping for. */
static int load_runs(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_runs(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=runtimes_ignored name=\"%s\" error=\"%s\"", fact->key, err_sentence(r));
    }
    return OK;
}

static int load_learnt(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = fact->kind == FACT_MEMORY    ? core_load_memory(daemon->core, fact)
            : fact->kind == FACT_BREAKER ? core_load_breaker(daemon->core, fact)
                                         : core_load_node(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=learnt_ignored name=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Nor is what teams used. */
static int load_usage(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_usage(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=usage_ignored name=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Whoever waits for them is told that they are not known. */
static int load_group(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_group(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us, "event=group_ignored group=\"%s\" error=\"%s\"",
                 fact->key, err_sentence(r));
    }
    return OK;
}

/* Receivers may miss something then: who reads the log may not. */
static int load_notice(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    int r = core_load_notice(daemon->core, fact);

    if (r < 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=notification_ignored notification=%s error=\"%s\"", fact->key,
                 err_sentence(r));
    }
    return OK;
}

/* One that can't be read any more stays in the queue, and makes nothing. */
static int load_schedule(void *context, const struct fact *fact) {
    struct daemon *daemon = context;
    struct error error = {0};

    if (submission_load_schedule(daemon, fact, &error) < 0) {
        daemon->unreadable_schedules++;
        log_error(&daemon->log, daemon->started_us,
                  "event=schedule_unreadable schedule=%s error=\"%s\" action=\"it makes no runs: "
                  "submit it again\"",
                  fact->key, error.text);
    }
    return OK;
}

static int load_schedule_state(void *context, const struct fact *fact) {
    struct daemon *daemon = context;

    (void)!core_load_schedule_state(daemon->core, fact); /* Not found: see above. */
    return OK;
}

static int load_schedules(struct daemon *daemon) {
    uint64_t damaged = 0;
    int r = queue_each_fact(daemon->queue, FACT_SCHEDULE, load_schedule, daemon, &damaged);

    return r < 0 ? r
                 : queue_each_fact(daemon->queue, FACT_SCHEDULE_STATE, load_schedule_state, daemon,
                                   &damaged);
}

int daemon_load_facts(struct daemon *daemon) {
    static const struct {
        enum fact_kind kind;
        int (*load)(void *daemon, const struct fact *fact);
    } kinds[] = {
        {FACT_RUNS, load_runs},      {FACT_USAGE, load_usage}, {FACT_MEMORY, load_learnt},
        {FACT_BREAKER, load_learnt}, {FACT_GROUP, load_group}, {FACT_NOTICE, load_notice},
        {FACT_NODE, load_learnt},
    };
    uint64_t damaged = 0;
    int r = OK;

    for (size_t i = 0; r == OK && i < ARRAY_LEN(kinds); i++) {
        r = queue_each_fact(daemon->queue, kinds[i].kind, kinds[i].load, daemon, &damaged);
    }
    return r < 0 ? r : load_schedules(daemon);
}
