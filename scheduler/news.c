#include "scheduler/news.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "scheduler/lifecycle.h"

#define ASKED_LONGEST_US (5 * 60 * CLOCK_US_PER_SECOND) /* between two looks at one pod */
#define ANSWER_US        (60 * CLOCK_US_PER_SECOND)     /* more than any call may take */

static void ask(struct core *core, struct entry *entry, bool of_end) {
    struct run *run = entry->run;

    run->news_due_us = core->instant.mono_us + ANSWER_US;
    run->news_in_flight = true;
    outbox_add_command(
        &core->outbox,
        &(struct command){.kind = COMMAND_NEWS,
                          .job_id = entry->id,
                          .attempt = run->attempt.number,
                          .namespace = entry->terms->namespace,
                          .pod_name = outbox_text(&core->outbox, run->attempt.pod_name),
                          .pod_uid = outbox_text(&core->outbox, run->attempt.pod_uid),
                          .of_end = of_end});
    lifecycle_wake_at(core, entry->id, run->news_due_us);
}

static bool may_ask(const struct core *core, const struct run *run) {
    return core->settings.events_after_us > 0 && run->attempt.pod_uid[0] != '\0';
}

/* Twice as long after each look. */
static int64_t next_us(const struct core *core, struct run *run) {
    const unsigned doublings = run->news_asked < 16 ? run->news_asked : 16;
    const int64_t wait_us = core->settings.events_after_us << doublings;

    return wait_us > 0 && wait_us < ASKED_LONGEST_US ? wait_us : ASKED_LONGEST_US;
}

void news_tick(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (!may_ask(core, run) || !run->seen) {
        return;
    }
    if (run->news_due_us == 0) {
        run->news_due_us = core->instant.mono_us + next_us(core, run);
    }
    if (run->news_due_us > core->instant.mono_us) {
        lifecycle_wake_at(core, entry->id, run->news_due_us);
        return;
    }
    run->news_asked++;
    ask(core, entry, false);
}

bool news_ask_of_end(struct core *core, struct entry *entry) {
    struct run *run = entry->run;

    if (run->asked_of_end) {
        return run->news_in_flight && run->news_due_us > core->instant.mono_us;
    }
    if (!may_ask(core, run)) {
        return false;
    }
    run->asked_of_end = true;
    news_forget(run);
    ask(core, entry, true);
    return true;
}

void news_forget(struct run *run) {
    free(run->news);
    run->news = NULL;
    run->news_failure = FAILURE_NONE;
    run->news_mono_us = 0;
}

/* What it waits for has another reason: that is told, once for each. */
static void note_wait(struct core *core, struct entry *entry, const struct news_event *news) {
    struct run *run = entry->run;
    const bool is_other = run->news_failure != news->failure;
    const int64_t since_us = is_other ? core->instant.mono_us : run->news_mono_us;

    news_forget(run);
    if (news->failure != FAILURE_NONE) {
        run->news = mem_copy_text(news->message);
        run->news_failure = news->failure;
        run->news_mono_us = since_us;
    }
    if (strcmp(run->attempt.message, news->message) != 0) {
        run_set_text(&run->attempt.message, news->message); /* Shown while it waits. */
        view_run_changed(core, entry);
    }
    if (is_other && news->failure != FAILURE_NONE) {
        lifecycle_note(core, entry, "pod_waits", news->message);
    }
}

static void note_end(struct core *core, struct entry *entry, const struct news_event *news) {
    struct run *run = entry->run;

    if (news->failure != FAILURE_NONE) {
        run->standing_failure = news->failure;
        free(run->standing_message);
        run->standing_message = mem_copy_text(news->message);
        free(run->standing_cause);
        run->standing_cause = mem_format("its pod is gone; event %s", news->message);
    }
    attempt_observe(core, entry);
}

void news_take(struct core *core, const struct news_event *news) {
    struct entry *entry = view_entry(core, news->job_id);
    struct run *run;

    if (entry == NULL || !attempt_is_current(entry, news->attempt) ||
        strcmp(entry->run->attempt.pod_uid, news->pod_uid) != 0) {
        return;
    }
    run = entry->run;
    run->news_in_flight = false;
    run->news_due_us = core->instant.mono_us + next_us(core, run);
    if (news->of_end) {
        note_end(core, entry, news);
    } else if (entry->state == JOB_STARTING && news->is_known) {
        note_wait(core, entry, news);
    }
    lifecycle_tick(core, entry);
}
