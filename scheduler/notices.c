#include "scheduler/notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/notice.h"
#include "scheduler/lifecycle.h"
#include "scheduler/view.h"

#define KEY_BYTES       17
#define IN_FLIGHT_MAX   4 /* of a receiver that answers; of one that fails: one */
#define BACKOFF_LEAST   (1 * CLOCK_US_PER_SECOND)
#define BACKOFF_FIRST   (4 * CLOCK_US_PER_SECOND)
#define BACKOFF_MOST    (600 * CLOCK_US_PER_SECOND)
#define REFUSED_REST_US CLOCK_US_PER_SECOND

struct notice {
    uint64_t number;
    struct fact_notice value; /* texts are owned */
    struct notice *next;      /* in its line */
    bool in_line;
    bool in_flight;
};

/* --- One -------------------------------------------------------------------------------------- */

static const size_t texts[] = {
    offsetof(struct fact_notice, receiver),  offsetof(struct fact_notice, kind),
    offsetof(struct fact_notice, text),      offsetof(struct fact_notice, name),
    offsetof(struct fact_notice, namespace), offsetof(struct fact_notice, team),
    offsetof(struct fact_notice, pod_name),  offsetof(struct fact_notice, pod_uid),
    offsetof(struct fact_notice, error),
};

static const char **text_at(struct fact_notice *value, size_t offset) {
    return (const char **)(void *)((char *)value + offset);
}

static void own_texts(struct fact_notice *value) {
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char **text = text_at(value, texts[i]);

        *text = mem_copy_text(*text != NULL ? *text : "");
    }
}

static void notice_destroy(struct notice *notice) {
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free((void *)(uintptr_t)*text_at(&notice->value, texts[i]));
    }
    free(notice);
}

static const char *key_of(struct core *core, uint64_t number) {
    return outbox_format(&core->outbox, "%016" PRIx64, number);
}

static void store(struct core *core, const struct notice *notice) {
    struct queue_change change = {
        .kind = CHANGE_FACT_PUT,
        .fact = {.kind = FACT_NOTICE, .key = key_of(core, notice->number)}};

    change.fact.value.notice = notice->value;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char **text = text_at(&change.fact.value.notice, texts[i]);

        *text = outbox_text(&core->outbox, *text);
    }
    outbox_add_change(&core->outbox, &change);
}

/* --- Lines ------------------------------------------------------------------------------------ */

static struct receiver_line *line_of(struct notices *notices, const char *receiver) {
    for (size_t i = 0; i < notices->line_count; i++) {
        if (strcmp(notices->lines[i].name, receiver) == 0) {
            return &notices->lines[i];
        }
    }
    notices->lines = mem_grow(notices->lines, notices->line_count + 1, sizeof *notices->lines);
    notices->lines[notices->line_count] = (struct receiver_line){.name = mem_copy_text(receiver)};
    return &notices->lines[notices->line_count++];
}

static void line_up(struct notices *notices, struct notice *notice) {
    struct receiver_line *line = line_of(notices, notice->value.receiver);

    ENSURE(!notice->in_line);
    notice->next = NULL;
    notice->in_line = true;
    if (line->last != NULL) {
        line->last->next = notice;
    } else {
        line->first = notice;
    }
    line->last = notice;
}

static void leave_line(struct notices *notices, struct notice *notice) {
    struct receiver_line *line = line_of(notices, notice->value.receiver);
    struct notice *before = NULL;

    if (!notice->in_line) {
        return;
    }
    for (struct notice *at = line->first; at != notice; at = at->next) {
        before = at;
    }
    if (before != NULL) {
        before->next = notice->next;
    } else {
        line->first = notice->next;
    }
    line->last = line->last == notice ? before : line->last;
    notice->in_line = false;
}

/* --- All of them ------------------------------------------------------------------------------ */

void notices_finish(struct notices *notices) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&notices->by_number, &at)) != NULL;) {
        notice_destroy(item->value);
    }
    map_finish(&notices->by_number);
    for (size_t i = 0; i < notices->line_count; i++) {
        free(notices->lines[i].name);
    }
    free(notices->lines);
    *notices = (struct notices){0};
}

static void forget(struct core *core, struct notice *notice) {
    outbox_add_change(&core->outbox,
                      &(struct queue_change){
                          .kind = CHANGE_FACT_DROP,
                          .fact = {.kind = FACT_NOTICE, .key = key_of(core, notice->number)},
                      });
    leave_line(&core->notices, notice);
    core->notices.dead_count -= notice->value.dead_us != 0;
    (void)map_remove_id(&core->notices.by_number, notice->number);
    notice_destroy(notice);
}

static int by_number(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Ascending, the caller's to free. */
static uint64_t *list_numbers(const struct notices *notices, size_t *out_count) {
    uint64_t *numbers = mem_alloc(notices->by_number.count + 1, sizeof *numbers);
    struct map_entry *item;
    size_t count = 0;

    for (size_t at = 0; (item = map_next(&notices->by_number, &at)) != NULL;) {
        numbers[count++] = ((const struct notice *)item->value)->number;
    }
    qsort(numbers, count, sizeof *numbers, by_number);
    *out_count = count;
    return numbers;
}

/* The oldest of what was put aside; NULL: nothing was. */
static struct notice *oldest_dead(const struct notices *notices) {
    struct notice *oldest = NULL;
    struct map_entry *item;

    for (size_t at = 0;
         notices->dead_count > 0 && (item = map_next(&notices->by_number, &at)) != NULL;) {
        struct notice *notice = item->value;

        if (notice->value.dead_us != 0 && (oldest == NULL || notice->number < oldest->number)) {
            oldest = notice;
        }
    }
    return oldest;
}

/* The oldest of what was put aside makes room; if there is none, there is no room. */
static bool make_room(struct core *core) {
    struct notices *notices = &core->notices;
    struct notice *oldest;

    if (notices->by_number.count < LIMIT_NOTICES) {
        return true;
    }
    notices->dropped++;
    oldest = oldest_dead(notices);
    if (oldest == NULL) {
        return false;
    }
    forget(core, oldest);
    return true;
}

static void add(struct core *core, const struct fact_notice *value) {
    struct notices *notices = &core->notices;
    struct notice *notice;

    if (!make_room(core)) {
        return;
    }
    notice = mem_alloc(1, sizeof *notice);
    notices->next_number += notices->next_number == 0;
    *notice = (struct notice){.number = notices->next_number++, .value = *value};
    notice->value.since_us = core->instant.now_us;
    own_texts(&notice->value);
    (void)map_put_id(&notices->by_number, notice->number, notice);
    line_up(notices, notice);
    store(core, notice);
}

static void add_for_all(struct core *core, struct fact_notice *value, uint64_t receivers) {
    const struct notice_routes *routes = core->settings.notices;

    for (size_t i = 0; receivers != 0 && i < routes->receiver_count; i++, receivers >>= 1) {
        if ((receivers & 1) != 0) {
            value->receiver = routes->receivers[i];
            add(core, value);
        }
    }
}

void notices_take(struct core *core, const struct entry *entry, const char *kind, const char *text,
                  uint32_t sequence) {
    const struct attempt *attempt = entry->run != NULL ? &entry->run->attempt : NULL;
    enum notice_class class;
    struct fact_notice value = {
        .job_id = entry->id,
        .sequence = sequence,
        .attempt = entry_course(entry)->attempt,
        .state = (enum job_state)entry->state,
        .at_us = core->instant.now_us,
        .kind = kind,
        .text = text,
        .name = entry->name,
        .namespace = entry->terms->namespace,
        .team = entry->terms->team,
        .pod_name = attempt != NULL ? attempt->pod_name : "",
        .pod_uid = attempt != NULL ? attempt->pod_uid : "",
    };

    if (core->settings.notices == NULL || !notice_class_of(kind, &class)) {
        return;
    }
    value.class = (uint32_t) class;
    add_for_all(core, &value, notice_receivers(core->settings.notices, class, value.team));
}

void notices_report(struct core *core, const struct report_event *report) {
    struct fact_notice value = {.class = NOTICE_REPORT,
                                .at_us = report->until_us,
                                .from_us = report->from_us,
                                .kind = "report",
                                .text = "",
                                .name = report->window};

    if (core->settings.notices != NULL) {
        add_for_all(core, &value, report->receivers);
    }
}

int core_load_notice(struct core *core, const struct fact *fact) {
    struct notices *notices = &core->notices;
    struct notice *notice;
    char *end = NULL;
    uint64_t number = strtoull(fact->key, &end, 16);

    ENSURE(fact->kind == FACT_NOTICE);
    if (*end != '\0' || number == 0 || map_get_id(&notices->by_number, number) != NULL ||
        fact->value.notice.class >= NOTICE_CLASS_COUNT) {
        return ERR_CORRUPT;
    }
    notice = mem_alloc(1, sizeof *notice);
    *notice = (struct notice){.number = number, .value = fact->value.notice};
    own_texts(&notice->value);
    (void)map_put_id(&notices->by_number, number, notice);
    notices->next_number = number >= notices->next_number ? number + 1 : notices->next_number;
    if (notice->value.dead_us != 0) {
        notices->dead_count++;
    } else {
        line_up(notices, notice);
    }
    return OK;
}

/* --- Sending ---------------------------------------------------------------------------------- */

static bool may_send(const struct core *core, const struct receiver_line *line) {
    const uint32_t most = line->failures > 0 ? 1 : IN_FLIGHT_MAX;

    return line->first != NULL && line->in_flight < most && line->due_us <= core->instant.mono_us;
}

void notices_tick(struct core *core) {
    for (size_t i = 0; i < core->notices.line_count; i++) {
        struct receiver_line *line = &core->notices.lines[i];

        while (may_send(core, line)) {
            struct notice *notice = line->first;

            leave_line(&core->notices, notice);
            notice->in_flight = true;
            line->in_flight++;
            outbox_add_command(&core->outbox,
                               &(struct command){.kind = COMMAND_NOTIFY, .notice = notice->number});
        }
    }
}

int64_t notices_wake_after_us(const struct core *core) {
    int64_t after_us = CLOCK_NEVER_US;

    for (size_t i = 0; i < core->notices.line_count; i++) {
        const struct receiver_line *line = &core->notices.lines[i];
        int64_t left_us = line->due_us - core->instant.mono_us;

        if (line->first != NULL && line->in_flight == 0) {
            left_us = left_us > 0 ? left_us : 0;
            after_us = left_us < after_us ? left_us : after_us;
        }
    }
    return after_us;
}

static void bury(struct core *core, struct notice *notice) {
    notice->value.dead_us = core->instant.now_us;
    core->notices.dead_count++;
}

static void set_error(struct notice *notice, const char *message) {
    free((void *)(uintptr_t)notice->value.error);
    notice->value.error = mem_copy_text(message);
}

static void failed(struct core *core, struct notice *notice, struct receiver_line *line,
                   const struct notice_sent_event *sent) {
    const struct retry_policy policy = {.backoff_first_us = BACKOFF_FIRST,
                                        .backoff_max_us = BACKOFF_MOST};
    int64_t wait_us = retry_backoff_us(&policy, ++line->failures, rng_unit(&core->rng));
    int64_t least_us = sent->retry_after_us > BACKOFF_LEAST ? sent->retry_after_us : BACKOFF_LEAST;

    wait_us = wait_us > least_us ? wait_us : least_us;
    line->due_us = core->instant.mono_us + wait_us;
    notice->value.tries++;
    set_error(notice, sent->message);
    if (core->settings.notices == NULL ||
        core->instant.now_us - notice->value.since_us >= core->settings.notices->give_up_us) {
        bury(core, notice);
    } else {
        line_up(&core->notices, notice);
    }
    store(core, notice);
}

static void refused(struct core *core, struct notice *notice, struct receiver_line *line,
                    const struct notice_sent_event *sent) {
    line->due_us = core->instant.mono_us + REFUSED_REST_US;
    notice->value.tries++;
    set_error(notice, sent->message);
    bury(core, notice);
    store(core, notice);
}

void notices_sent(struct core *core, const struct notice_sent_event *sent) {
    struct notices *notices = &core->notices;
    struct notice *notice = map_get_id(&notices->by_number, sent->number);
    struct receiver_line *line;

    if (notice == NULL || !notice->in_flight) {
        return;
    }
    line = line_of(notices, notice->value.receiver);
    notice->in_flight = false;
    line->in_flight--;
    if (sent->result == NOTICE_SENT) {
        line->failures = 0;
        notices->sent++;
        forget(core, notice);
    } else if (sent->result == NOTICE_REFUSED) {
        refused(core, notice, line, sent);
    } else {
        failed(core, notice, line, sent);
    }
}

/* --- People ----------------------------------------------------------------------------------- */

/* To be tried at once, and with all its time before it again. */
static void revive(struct core *core, struct notice *notice) {
    struct receiver_line *line = line_of(&core->notices, notice->value.receiver);

    line->due_us = 0;
    if (notice->value.dead_us == 0) {
        return;
    }
    notice->value.dead_us = 0;
    notice->value.since_us = core->instant.now_us;
    core->notices.dead_count--;
    line_up(&core->notices, notice);
    store(core, notice);
}

bool notices_retry(struct core *core, uint64_t number) {
    struct notice *notice = map_get_id(&core->notices.by_number, number);

    if (notice != NULL) {
        revive(core, notice);
    }
    return notice != NULL;
}

bool notices_drop(struct core *core, uint64_t number) {
    struct notice *notice = map_get_id(&core->notices.by_number, number);

    if (notice != NULL && !notice->in_flight) { /* What is being sent is beyond recall. */
        forget(core, notice);
    }
    return notice != NULL;
}

bool core_notice(const struct core *core, uint64_t number, struct core_notice *out_notice) {
    const struct notice *notice = map_get_id(&core->notices.by_number, number);

    if (notice != NULL) {
        *out_notice = (struct core_notice){
            .number = notice->number, .value = notice->value, .in_flight = notice->in_flight};
    }
    return notice != NULL;
}

void core_each_notice(const struct core *core, core_notice_fn *tell, void *context) {
    size_t count;
    uint64_t *numbers = list_numbers(&core->notices, &count);

    for (size_t i = 0; i < count; i++) {
        struct core_notice notice;

        if (core_notice(core, numbers[i], &notice)) {
            tell(context, &notice);
        }
    }
    free(numbers);
}
