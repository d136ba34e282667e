#include "tests/queue/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/journal.h"
#include "tests/test.h"

static const char *const specs[] = {"{\"a\":1}", "{\"b\":2}"};

static struct queue_change spec(size_t which) {
    struct queue_change change = {.kind = CHANGE_SPEC_ADD};

    change.spec.text = specs[which];
    change.spec.bytes = strlen(specs[which]);
    digest_sha256(specs[which], strlen(specs[which]), change.spec.hash);
    return change;
}

static struct queue_change job(uint64_t id, size_t which, uint32_t attempts, uint32_t events) {
    struct queue_change change = {.kind = CHANGE_JOB_PUT,
                                  .job = {.id = id,
                                          .name = "etl",
                                          .namespace = "a",
                                          .team = "a",
                                          .submitter = "ann",
                                          .attempt = attempts,
                                          .event_count = events}};

    digest_sha256(specs[which], strlen(specs[which]), change.job.spec_hash);
    return change;
}

static struct queue_change event(uint64_t id, uint32_t sequence) {
    return (struct queue_change){
        .kind = CHANGE_EVENT_ADD,
        .event = {.job_id = id, .sequence = sequence, .kind = "what", .text = "why"}};
}

static struct queue_change attempt(uint64_t id, uint32_t number, const char *pod) {
    return (struct queue_change){.kind = CHANGE_ATTEMPT_PUT,
                                 .attempt = {.job_id = id,
                                             .number = number,
                                             .pod_name = pod,
                                             .pod_uid = "",
                                             .node = "",
                                             .message = ""}};
}

static struct queue_change submission(const char *key, int64_t at_us) {
    return (struct queue_change){
        .kind = CHANGE_SUBMISSION_PUT,
        .submission = {.key = key, .first_id = 1, .count = 2, .at_us = at_us}};
}

/* Every kind of change, and more than one page. */
void history_fill(struct history *history) {
    const struct history commits[HISTORY_COMMITS] = {
        {{spec(0), event(1, 0), job(1, 0, 0, 1), event(2, 0), job(2, 0, 0, 1),
          submission("monday", 100)},
         6},
        {{event(1, 1), job(1, 0, 1, 2), attempt(1, 1, ""), spec(1), event(3, 0), job(3, 1, 0, 1)},
         6},
        {{event(1, 2),
          job(1, 0, 2, 3),
          attempt(1, 1, "pod"),
          attempt(1, 2, ""),
          submission("tuesday", 200),
          {.kind = CHANGE_SUBMISSIONS_EXPIRE, .before_us = 150},
          {.kind = CHANGE_JOB_DROP, .job_id = 3}},
         7},
        {{{.kind = CHANGE_JOB_DROP, .job_id = 1}, spec(1), event(4, 0), job(4, 1, 0, 1)}, 4},
    };

    memcpy(history, commits, sizeof commits);
}

int history_commit(struct queue *queue, const struct history *commit) {
    struct error error = {0};

    return queue_commit(queue, commit->changes, commit->count, &error);
}

void history_must_commit(struct queue *queue, const struct history *commit) {
    struct error error = {0};
    int r = queue_commit(queue, commit->changes, commit->count, &error);

    CHECK(r == OK, error.text);
}

void history_fill_journal(struct queue *queue, size_t commits) {
    const struct history nothing = {{submission("filler", 150)}, 1};

    for (size_t i = commits; i < LIMIT_QUEUE_JOURNAL_BYTES_FIRST / JOURNAL_BLOCK_BYTES; i++) {
        history_must_commit(queue, &nothing);
    }
}

struct queue *history_must_open(const char *folder) {
    struct error error = {0};
    struct queue *queue = NULL;
    int r = queue_open(folder, &error, &queue);

    CHECK(r == OK, error.text);
    return queue;
}

/* --- What a queue holds, as text ------------------------------------------------------------- */

struct dump {
    struct queue *queue;
    struct buf *out;
};

static int dump_attempt(void *context, const struct attempt *attempt) {
    buf_add_format(context, " attempt %u %s %s %s %d %s", attempt->number, attempt->pod_name,
                   attempt->node, failure_text(attempt->failure), attempt->exit_code,
                   attempt->message);
    return OK;
}

static int dump_event(void *context, const struct job_event *event) {
    buf_add_format(context, " event %u %s %s", event->sequence, event->kind, event->text);
    return OK;
}

static int dump_job(void *context, const struct job *job) {
    struct dump *dump = context;

    buf_add_format(dump->out, "job %u %s/%s %s %s %u %u %d %u %d", (unsigned)job->id,
                   job->namespace, job->name, job->team, job_state_text(job->state), job->attempt,
                   job->event_count, job->priority, job->retries, job->exit_code);
    return OK;
}

char *history_describe(struct queue *queue) {
    static const char *const keys[] = {"monday", "tuesday", "bulk"};
    struct buf out;
    struct dump dump = {.queue = queue, .out = &out};
    uint64_t damaged = 0;
    struct error error = {0};

    buf_init(&out, 1 << 20);
    CHECK_OK(queue_each_job(queue, dump_job, &dump, &damaged), "jobs");
    CHECK_EQ(damaged, 0, "no damage");
    for (uint64_t id = 1; id < queue_next_id(queue); id++) {
        CHECK_OK(queue_each_attempt(queue, id, dump_attempt, &out), "attempts");
        CHECK_OK(queue_each_event(queue, id, 0, dump_event, &out), "events");
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct submission found;

        if (queue_get_submission(queue, keys[i], &found) == OK) {
            buf_add_format(&out, " key %s %u %u", keys[i], (unsigned)found.first_id, found.count);
        }
    }
    buf_add_format(&out, " next %u", (unsigned)queue_next_id(queue));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    return buf_take_text(&out);
}

/* What it should hold after so many commits. */
void history_describe_all(char *out_texts[HISTORY_COMMITS + 1], const struct history *history) {
    char *folder = mem_format("%s/model", test_folder());
    struct queue *queue = history_must_open(folder);

    out_texts[0] = history_describe(queue);
    for (size_t i = 0; i < HISTORY_COMMITS; i++) {
        history_must_commit(queue, &history[i]);
        out_texts[i + 1] = history_describe(queue);
        CHECK(strcmp(out_texts[i], out_texts[i + 1]) != 0, "each commit shows");
    }
    queue_close(queue);
    free(folder);
}

void history_free_all(char *texts[HISTORY_COMMITS + 1]) {
    for (size_t i = 0; i <= HISTORY_COMMITS; i++) {
        free(texts[i]);
    }
}

void history_check_holds(struct queue *queue, const char *want, const char *what) {
    char *got = history_describe(queue);

    CHECK_STR(got, want, what);
    free(got);
}
