#include "tests/queue/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "queue/journal.h"
#include "tests/test.h"

static const struct spec specs[] = {
    {.hash = {0x01, 0x5a, 0xbd, 0x7f, 0x5c, 0xc5, 0x7a, 0x2d, 0xd9, 0x4b, 0x75,
              0x90, 0xf0, 0x4a, 0xd8, 0x08, 0x42, 0x73, 0x90, 0x5e, 0xe3, 0x3e,
              0xc5, 0xce, 0xbe, 0xae, 0x62, 0x27, 0x6a, 0x97, 0xf8, 0x62},
     .text = "{\"a\":1}",
     .bytes = 7,
     .demand = "one",
     .demand_bytes = 3},
    {.hash = {0x0a, 0xb1, 0xa6, 0xd3, 0x94, 0xcd, 0x30, 0x19, 0x5f, 0x06, 0x42,
              0xb6, 0x7a, 0xe1, 0x18, 0x0c, 0x37, 0x5f, 0xfa, 0xdf, 0x5d, 0xd7,
              0xf3, 0x9c, 0x39, 0x06, 0x68, 0xb5, 0xfd, 0xb6, 0xda, 0x93},
     .text = "{\"b\":2}",
     .bytes = 7},
};

/* New with its first event. */
static struct queue_change job(uint64_t id, size_t which, uint32_t attempts, uint32_t events) {
    return (struct queue_change){.kind = CHANGE_JOB_PUT,
                                 .job = {.id = id,
                                         .name = "etl",
                                         .namespace = "a",
                                         .team = "a",
                                         .submitter = "ann",
                                         .attempt = attempts,
                                         .event_count = events},
                                 .spec = events == 1 ? &specs[which] : NULL};
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
        {{event(1, 0), job(1, 0, 0, 1), event(2, 0), job(2, 0, 0, 1), submission("monday", 100)},
         5},
        {{event(1, 1), job(1, 0, 1, 2), attempt(1, 1, ""), event(3, 0), job(3, 1, 0, 1)}, 5},
        {{event(1, 2),
          job(1, 0, 2, 3),
          attempt(1, 1, "pod"),
          attempt(1, 2, ""),
          submission("tuesday", 200),
          {.kind = CHANGE_SUBMISSIONS_EXPIRE, .before_us = 150},
          {.kind = CHANGE_JOB_DROP, .job_id = 3}},
         7},
        {{{.kind = CHANGE_JOB_DROP, .job_id = 1}, event(4, 0), job(4, 1, 0, 1)}, 3},
    };

    memcpy(history, commits, sizeof commits);
}

int history_commit(struct queue *queue, const struct history *commit) {
    struct error error = {0};

    return queue_commit(queue, commit->changes, commit->count, &error);
}

int history_commit_in_two_steps(struct queue *queue, const struct history *commit) {
    struct error error = {0};
    bool is_writing = false;
    int r = queue_commit_begin(queue, commit->changes, commit->count, &is_writing, &error);

    CHECK(r == OK || !is_writing, "what has failed waits for nothing");
    return is_writing ? queue_commit_end(queue, &error) : r;
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

static int dump_demand(void *context, uint64_t number, const void *bytes, size_t count) {
    buf_add_format(context, " demand %u %.*s", (unsigned)number, (int)count, (const char *)bytes);
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
    CHECK_OK(queue_each_demand(queue, dump_demand, &out), "demands");
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
