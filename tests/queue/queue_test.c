#include "queue/queue.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tests/test.h"

static const char spec_text[] = "{\"spec\":{}}";

static struct queue *open_here(void) {
    struct error error = {0};
    struct queue *queue = NULL;
    int r = queue_open(test_folder(), &error, &queue);

    CHECK(r == OK, error.text);
    return queue;
}

static const struct spec plain_spec = {
    .hash = {0x53, 0xaa, 0x77, 0x8a, 0x9b, 0x13, 0x7a, 0x0c, 0xa7, 0xab, 0x79,
             0x93, 0x7d, 0x06, 0x98, 0x70, 0xb1, 0x44, 0x40, 0xda, 0xe5, 0x92,
             0x2f, 0x51, 0xd9, 0x40, 0xff, 0xa4, 0xb1, 0x78, 0xd5, 0xcb},
    .text = spec_text,
    .bytes = sizeof spec_text - 1,
};

/* A job that is new. */
static struct queue_change job_put(uint64_t id) {
    return (struct queue_change){.kind = CHANGE_JOB_PUT,
                                 .job = {.id = id,
                                         .name = "etl",
                                         .namespace = "a",
                                         .team = "a",
                                         .submitter = "me",
                                         .exit_code = -1},
                                 .spec = &plain_spec};
}

static void commit(struct queue *queue, const struct queue_change *changes, size_t count) {
    struct error error = {0};
    int r = queue_commit(queue, changes, count, &error);

    CHECK(r == OK, error.text);
}

static void commit_jobs(struct queue *queue, uint64_t first, uint64_t last) {
    size_t count = 0;
    struct queue_change *changes = mem_alloc((size_t)(last - first) + 2, sizeof *changes);

    for (uint64_t id = first; id <= last; id++) {
        changes[count++] = job_put(id);
    }
    commit(queue, changes, count);
    free(changes);
}

struct seen {
    uint64_t count;
    uint64_t last_id;
};

static int see_job(void *context, const struct job *job) {
    struct seen *seen = context;

    CHECK(job->id > seen->last_id, "in id order");
    seen->last_id = job->id;
    seen->count++;
    return OK;
}

static struct seen see_all(struct queue *queue) {
    struct seen seen = {0};
    uint64_t damaged = 0;

    CHECK_OK(queue_each_job(queue, see_job, &seen, &damaged), "scan");
    CHECK_EQ(damaged, 0, "nothing damaged");
    return seen;
}

TEST(queue_commit__is_there_after_reopening) {
    struct queue *queue = open_here();
    char uid[QUEUE_UID_BYTES];
    struct error error = {0};

    CHECK_EQ(queue_next_id(queue), 1, "ids begin at 1");
    memcpy(uid, queue_uid(queue), sizeof uid);
    commit_jobs(queue, 1, 1000);
    queue_close(queue);
    queue = open_here();
    CHECK_EQ(see_all(queue).count, 1000, "all jobs came back");
    CHECK_EQ(queue_next_id(queue), 1001, "the next id too");
    CHECK_STR(queue_uid(queue), uid, "the same queue");
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    queue_close(queue);
}

TEST(queue_open__refuses_a_second_process) {
    struct queue *queue = open_here();
    struct queue *second = NULL;
    struct error error = {0};

    CHECK_EQ(queue_open(test_folder(), &error, &second), ERR_BUSY, "one at a time");
    CHECK(strstr(error.text, "another process") != NULL, error.text);
    queue_close(queue);
}

TEST(queue_open__refuses_what_is_not_a_queue) {
    static const struct {
        const char *what;
        const char *content;
        int want;
    } rows[] = {
        {"a text file in its place", "not a database, but long enough to look like a page",
         ERR_CORRUPT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *folder = mem_format("%s/%zu", test_folder(), i);
        char *path = mem_format("%s/data.mdb", folder);
        struct queue *queue = NULL;
        struct error error = {0};
        char page[8192];
        FILE *file;

        CHECK_EQ(queue_open(folder, &error, &queue), OK, "made");
        queue_close(queue);
        memset(page, 'x', sizeof page);
        memcpy(page, rows[i].content, strlen(rows[i].content));
        file = fopen(path, "r+");
        CHECK(file != NULL, path);
        CHECK_EQ(fwrite(page, 1, sizeof page, file), sizeof page, "overwritten");
        CHECK_EQ(fclose(file), 0, "closed");
        CHECK_EQ(queue_open(folder, &error, &queue), rows[i].want, rows[i].what);
        free(folder);
        free(path);
    }
}

TEST(queue_next_id__never_gives_an_id_twice) {
    struct queue *queue = open_here();
    struct queue_change drop = {.kind = CHANGE_JOB_DROP, .job_id = 3};

    commit_jobs(queue, 1, 3);
    commit(queue, &drop, 1);
    CHECK_EQ(queue_next_id(queue), 4, "though job 3 is gone");
    queue_close(queue);
    queue = open_here();
    CHECK_EQ(queue_next_id(queue), 4, "also after reopening");
    CHECK_EQ(see_all(queue).last_id, 2, "job 3 is gone");
    queue_close(queue);
}

TEST(queue_commit__keeps_one_spec_until_its_last_job_goes) {
    struct queue *queue = open_here();
    struct queue_change drop = {.kind = CHANGE_JOB_DROP};
    struct queue_change again = job_put(1);
    struct queue_stats stats;
    struct buf text;

    commit_jobs(queue, 1, 3);
    again.spec = NULL;
    commit(queue, &again, 1); /* Replacing a job is no further user, and keeps its spec. */
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.specs, 1, "shared");
    for (uint64_t id = 1; id <= 3; id++) {
        buf_init(&text, LIMIT_SPEC_BYTES);
        CHECK_OK(queue_get_spec(queue, id, &text), "there while a job needs it");
        CHECK_STR(buf_text(&text), spec_text, "its text");
        buf_finish(&text);
        drop.job_id = id;
        commit(queue, &drop, 1);
    }
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.specs, 0, "gone with the last");
    queue_close(queue);
}

static int count_attempt(void *context, const struct attempt *attempt) {
    *(uint32_t *)context = *(uint32_t *)context * 10 + attempt->number;
    return OK;
}

static int print_event(void *context, const struct job_event *event) {
    buf_add_format(context, "%u %u %d %s: %s; ", (unsigned)event->job_id, event->sequence,
                   (int)event->at_us, event->kind, event->text);
    return OK;
}

static int print_stored(void *context, const struct queue_job *stored) {
    buf_add_format(context, "%u team %s spec %u demand %u; ", (unsigned)stored->job->id,
                   stored->job->team, (unsigned)stored->spec, (unsigned)stored->demand);
    return OK;
}

static int print_demand(void *context, uint64_t number, const void *bytes, size_t count) {
    buf_add_format(context, "%u=%.*s ", (unsigned)number, (int)count, (const char *)bytes);
    return OK;
}

static int count_event(void *context, const struct job_event *event) {
    *(uint32_t *)context = *(uint32_t *)context * 10 + event->sequence;
    return OK;
}

TEST(queue_each__gives_a_jobs_own_parts_in_order) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {
        job_put(1),
        job_put(2),
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 1, .number = 2}},
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 1, .number = 1}},
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 2, .number = 1}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 1, .sequence = 1, .kind = "b"}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 1, .sequence = 0, .kind = "a"}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 1, .sequence = 2, .kind = "c"}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 2, .sequence = 0, .kind = "a"}},
    };
    struct queue_change drop = {.kind = CHANGE_JOB_DROP, .job_id = 1};
    struct error error = {0};
    struct queue_stats stats;
    uint32_t digits = 0;

    changes[0].job.attempt = 2;
    changes[0].job.event_count = 3;
    changes[1].job.attempt = 1;
    changes[1].job.event_count = 1;
    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    CHECK_OK(queue_each_attempt(queue, 1, count_attempt, &digits), "attempts");
    CHECK_EQ(digits, 12, "1 then 2, none of job 2");
    digits = 0;
    CHECK_OK(queue_each_event(queue, 1, 1, count_event, &digits), "events");
    CHECK_EQ(digits, 12, "from 1 on");
    commit(queue, &drop, 1);
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.attempts, 1, "job 2's attempt stays");
    CHECK_EQ(stats.events, 1, "job 2's event stays");
    queue_close(queue);
}

/* What runs again and again forgets what was, and its history goes on where it stood. */
TEST(queue_commit__drops_the_history_of_a_job_and_keeps_the_job) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {
        job_put(1),
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 1, .number = 1}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 1, .sequence = 1, .kind = "b"}},
        job_put(2),
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 2, .number = 1}},
    };
    struct queue_change next[] = {
        {.kind = CHANGE_HISTORY_DROP, .job_id = 1},
        job_put(1),
        {.kind = CHANGE_ATTEMPT_PUT, .attempt = {.job_id = 1, .number = 2}},
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 1, .sequence = 2, .kind = "c"}},
    };
    struct error error = {0};
    struct queue_stats stats;
    uint32_t digits = 0;

    changes[0].job.attempt = changes[3].job.attempt = 1;
    changes[0].job.event_count = 2;
    changes[3].job.event_count = 1;
    changes[3].job.submitted_held = true;
    next[1].job.attempt = 2;
    next[1].job.event_count = 3;
    next[1].job.retry.always = changes[0].job.retry.always = true;
    next[1].spec = NULL;
    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    commit(queue, next, ARRAY_LEN(next));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    CHECK_OK(queue_each_attempt(queue, 1, count_attempt, &digits), "attempts");
    CHECK_EQ(digits, 2, "the second only");
    digits = 0;
    CHECK_OK(queue_each_event(queue, 1, 1, count_event, &digits), "events");
    CHECK_EQ(digits, 2, "the second only");
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.attempts, 2, "another job's attempt stays");
    queue_close(queue);
}

/* The first event is told by the job's own record, unless it has one of its own. */
TEST(queue_each_event__tells_of_the_submission) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {
        job_put(1),
        {.kind = CHANGE_EVENT_ADD},
        job_put(2),
        {.kind = CHANGE_EVENT_ADD, .event = {.job_id = 2, .kind = "a", .text = "by hand"}},
    };
    char text[CHANGE_FIRST_TEXT_BYTES];
    struct queue_stats stats;
    struct error error = {0};
    struct buf seen;

    changes[0].job.state = JOB_QUEUED;
    changes[0].job.submitted_us = changes[0].job.eligible_us = 77;
    changes[0].job.event_count = changes[2].job.event_count = 1;
    change_first_event(&changes[0].job, text, &changes[1].event);
    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.events, 1, "job 1's event takes no room");
    buf_init(&seen, LIMIT_MIB);
    CHECK_OK(queue_each_event(queue, 1, 0, print_event, &seen), "the implied one");
    CHECK_OK(queue_each_event(queue, 1, 1, print_event, &seen), "none after it");
    CHECK_OK(queue_each_event(queue, 2, 0, print_event, &seen), "the stored one");
    CHECK_STR(buf_text(&seen), "1 0 77 submitted: by me; 2 0 0 a: by hand; ", "what they say");
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    buf_finish(&seen);
    queue_close(queue);
}

/* Terms are stored once; a job that changes them leaves the others alone. */
TEST(queue_commit__shares_terms_and_demands) {
    struct queue *queue = open_here();
    struct spec spec = plain_spec;
    struct spec newer = {.demand = "two", .demand_bytes = 3};
    struct queue_change changes[] = {job_put(1), job_put(2), job_put(3)};
    struct queue_change drop = {.kind = CHANGE_JOB_DROP, .job_id = 3};
    struct error error = {0};
    struct buf seen;

    spec.demand = "one";
    spec.demand_bytes = 3;
    changes[0].spec = changes[1].spec = &spec;
    changes[2].job.team = "b";
    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    changes[0].spec = NULL;
    changes[0].job.team = "c";
    changes[1].spec = &newer;
    commit(queue, changes, 2);
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    commit(queue, &drop, 1);
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    buf_init(&seen, LIMIT_MIB);
    CHECK_OK(queue_each_stored(queue, print_stored, &seen, &(uint64_t){0}), "jobs");
    CHECK_OK(queue_each_demand(queue, print_demand, &seen), "demands");
    CHECK_STR(buf_text(&seen), "1 team c spec 1 demand 1; 2 team a spec 1 demand 2; 1=one 2=two ",
              "each has its own");
    buf_finish(&seen);
    queue_close(queue);
}

/* Jobs come, change and go by chance, some in a commit, and share what there are few of: what a
 * commit knows of the one before it stays right. */
TEST(queue_commit__counts_shares_from_commit_to_commit) {
    static const char *const texts[] = {"[1]", "[2]", "[3]"};
    static const char *const teams[] = {"a", "b"};
    struct queue *queue = open_here();
    bool lives[1000] = {false};
    uint64_t next_id = 1;
    struct rng rng;

    rng_init(&rng, 7);
    for (int round = 0; round < 300; round++) {
        struct queue_change changes[4];
        struct spec specs[4];
        size_t count = 1 + rng_below(&rng, ARRAY_LEN(changes));
        struct error error = {0};

        for (size_t i = 0; i < count; i++) {
            const char *text = texts[rng_below(&rng, ARRAY_LEN(texts))];
            uint64_t back = rng_below(&rng, 12); /* 0: a new one; else one of the last */
            uint64_t id = next_id > back ? next_id - back : next_id;

            changes[i] = job_put(id);
            changes[i].job.team = teams[rng_below(&rng, ARRAY_LEN(teams))];
            specs[i] = (struct spec){
                .text = text, .bytes = 3, .demand = text + rng_below(&rng, 2), .demand_bytes = 2};
            digest_sha256(text, 3, specs[i].hash);
            changes[i].spec = id == next_id || rng_below(&rng, 2) == 0 ? &specs[i] : NULL;
            if (id < next_id && (!lives[id] || rng_below(&rng, 3) == 0)) {
                changes[i] = (struct queue_change){.kind = CHANGE_JOB_DROP, .job_id = id};
            }
            lives[id] = changes[i].kind == CHANGE_JOB_PUT;
            next_id += id == next_id;
            CHECK(next_id < ARRAY_LEN(lives), "few enough");
        }
        commit(queue, changes, count);
        if (round % 4 == 0) {
            CHECK_EQ(queue_verify(queue, &error), OK, error.text);
        }
        if (rng_below(&rng, 40) == 0) {
            queue_close(queue);
            queue = open_here();
        }
    }
    queue_close(queue);
}

/* The hash is as wrong as can be: nothing is mixed up, the second text is only not shared. */
TEST(queue_commit__keeps_texts_with_one_hash_apart) {
    struct queue *queue = open_here();
    const struct spec specs[] = {{.text = "[1]", .bytes = 3}, {.text = "[2]", .bytes = 3}};
    struct queue_change changes[] = {job_put(1), job_put(2), job_put(3)};
    struct buf text;

    changes[0].spec = changes[2].spec = &specs[0];
    changes[1].spec = &specs[1];
    commit(queue, changes, ARRAY_LEN(changes));
    buf_init(&text, LIMIT_SPEC_BYTES);
    for (uint64_t id = 1; id <= 3; id++) {
        CHECK_OK(queue_get_spec(queue, id, &text), "there");
    }
    CHECK_STR(buf_text(&text), "[1][2][1]", "each job's own");
    buf_finish(&text);
    queue_close(queue);
}

TEST(queue_verify__notices_a_missing_event) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {job_put(1)};
    struct error error = {0};

    changes[0].job.event_count = 2;
    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_EQ(queue_verify(queue, &error), ERR_CORRUPT, "one event is claimed, none is there");
    queue_close(queue);
}

TEST(queue_get_submission__remembers_what_a_key_made) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {
        {.kind = CHANGE_SUBMISSION_PUT,
         .submission = {.key = "old", .first_id = 1, .count = 2, .at_us = 100}},
        {.kind = CHANGE_SUBMISSION_PUT,
         .submission = {.key = "new", .first_id = 3, .count = 1, .at_us = 200}},
    };
    struct queue_change expire = {.kind = CHANGE_SUBMISSIONS_EXPIRE, .before_us = 200};
    struct submission submission;

    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_OK(queue_get_submission(queue, "old", &submission), "known");
    CHECK_EQ(submission.first_id, 1, "its jobs");
    CHECK_EQ(submission.count, 2, "their number");
    commit(queue, &expire, 1);
    CHECK_EQ(queue_get_submission(queue, "old", &submission), ERR_NOT_FOUND, "expired");
    CHECK_OK(queue_get_submission(queue, "new", &submission), "kept");
    commit(queue, changes, 1);
    queue_close(queue);
    queue = open_here();
    CHECK_OK(queue_get_submission(queue, "old", &submission), "after a restart");
    CHECK_OK(queue_get_submission(queue, "new", &submission), "after a restart");
    CHECK_EQ(queue_get_submission(queue, "ne", &submission), ERR_NOT_FOUND, "another one");
    queue_close(queue);
}

/* While the writer has the tables, a key that is new is known to be, and who reads waits until what
 * is being committed can be read. */
TEST(queue_commit_begin__lets_read_what_it_has_put) {
    struct queue *queue = open_here();
    struct queue_change *changes = mem_alloc(1001, sizeof *changes);
    struct error error = {0};
    struct submission submission;
    int fd;

    CHECK_OK(queue_start_writer(queue, &fd, &error), error.text);
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t first = 1 + round * 1000;
        bool is_writing = false;
        char key[16];
        int r;

        (void)snprintf(key, sizeof key, "key-%d", (int)round);
        for (uint64_t i = 0; i < 1000; i++) {
            changes[i] = job_put(first + i);
        }
        changes[1000] = (struct queue_change){
            .kind = CHANGE_SUBMISSION_PUT,
            .submission = {.key = key, .first_id = first, .count = 1000, .at_us = 100}};
        CHECK_OK(queue_commit_begin(queue, changes, 1001, &is_writing, &error), error.text);
        CHECK(is_writing, "the writer does all of it");
        CHECK_EQ(queue_get_submission(queue, "another", &submission), ERR_NOT_FOUND, "at once");
        do {
            r = queue_get_submission(queue, key, &submission);
        } while (r == ERR_IO); /* The writer has had no processor for long. */
        CHECK_OK(r, "put");
        CHECK_EQ(submission.first_id, first, "its jobs");
        CHECK_EQ(see_all(queue).count, first + 999, "all of them");
        CHECK_OK(queue_commit_end(queue, &error), error.text);
    }
    CHECK_EQ(queue_verify(queue, &error), OK, error.text);
    free(changes);
    queue_close(queue);
}

static int add_fact(void *context, const struct fact *fact) {
    char *text = context;
    size_t have = strlen(text);

    (void)snprintf(text + have, 256 - have, "%s:%lld/%u ", fact->key,
                   (long long)fact->value.usage.updated_us, fact->value.usage.count);
    return OK;
}

TEST(queue_each_fact__gives_those_of_a_kind) {
    struct queue *queue = open_here();
    struct queue_change changes[] = {
        {.kind = CHANGE_FACT_PUT,
         .fact = {.kind = FACT_USAGE, .key = "red", .value.usage = {.updated_us = 1}}},
        {.kind = CHANGE_FACT_PUT,
         .fact = {.kind = FACT_USAGE,
                  .key = "blue",
                  .value.usage = {.updated_us = 2, .count = 2, .amounts = {0, -7}}}},
        {.kind = CHANGE_FACT_PUT,
         .fact = {.kind = FACT_RUNS, .key = "a/etl", .value.runs = {.updated_us = 3}}},
    };
    struct queue_change drop = {.kind = CHANGE_FACT_DROP,
                                .fact = {.kind = FACT_USAGE, .key = "blue"}};
    char seen[256] = "";
    uint64_t damaged = 9;

    commit(queue, changes, ARRAY_LEN(changes));
    CHECK_OK(queue_each_fact(queue, FACT_USAGE, add_fact, seen, &damaged), "scan");
    CHECK_STR(seen, "blue:2/2 red:1/0 ", "the accounts, by key");
    CHECK_EQ(damaged, 0, "none damaged");
    changes[0].fact.value.usage.updated_us = 4;
    commit(queue, changes, 1);
    commit(queue, &drop, 1);
    commit(queue, &drop, 1); /* What is not there is not there. */
    queue_close(queue);
    queue = open_here();
    seen[0] = '\0';
    CHECK_OK(queue_each_fact(queue, FACT_USAGE, add_fact, seen, &damaged), "scan");
    CHECK_STR(seen, "red:4/0 ", "replaced, and dropped");
    seen[0] = '\0';
    CHECK_OK(queue_each_fact(queue, FACT_RUNS, add_fact, seen, &damaged), "the other kind");
    CHECK_STR(seen, "a/etl:3/0 ", "is left alone");
    queue_close(queue);
}

/* The map is smaller than what is written: it grows by itself, nothing is lost. */
TEST(queue_commit__grows_the_file) {
    struct queue *queue = open_here();
    struct queue_stats stats;
    size_t bytes = LIMIT_SPEC_BYTES;
    char *text = mem_alloc(1, bytes + 1);
    int count = (int)(LIMIT_QUEUE_MAP_BYTES_FIRST / LIMIT_SPEC_BYTES) + 8;
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = (char)(1 + rng_below(&rng, 255)); /* Nothing to be made smaller. */
    }
    for (int i = 0; i < count; i++) {
        struct spec spec = {.text = text, .bytes = bytes};
        struct queue_change change = job_put((uint64_t)i + 1);

        (void)snprintf(text, 16, "%015d", i);
        digest_sha256(text, bytes, spec.hash);
        change.spec = &spec;
        commit(queue, &change, 1);
    }
    CHECK_OK(queue_get_stats(queue, &stats), "stats");
    CHECK_EQ(stats.specs, count, "all written");
    CHECK(stats.map_bytes > LIMIT_QUEUE_MAP_BYTES_FIRST, "the map grew");
    free(text);
    queue_close(queue);
}

/* Killed at any moment, what was reported as committed is there, and nothing is half there. */
TEST(queue_commit__survives_sigkill) {
    for (int round = 0; round < 10; round++) {
        int pipe_fds[2];
        uint64_t reported = 0;
        uint64_t id;
        pid_t child;
        struct queue *queue;
        struct error error = {0};

        CHECK_EQ(pipe(pipe_fds), 0, "pipe");
        child = fork();
        if (child == 0) {
            queue = open_here();
            for (id = queue_next_id(queue);; id += 2) {
                uint64_t last = id + 1;

                commit_jobs(queue, id, last);
                (void)!write(pipe_fds[1], &last, sizeof last);
            }
        }
        (void)close(pipe_fds[1]);
        for (int i = 0; i < 5 + round * 3; i++) {
            CHECK_EQ(read(pipe_fds[0], &reported, sizeof reported), sizeof reported, "progress");
        }
        (void)usleep((useconds_t)(round * 137));
        (void)kill(child, SIGKILL);
        while (read(pipe_fds[0], &id, sizeof id) == sizeof id) {
            reported = id;
        }
        (void)close(pipe_fds[0]);
        CHECK_EQ(waitpid(child, NULL, 0), child, "reaped");
        queue = open_here();
        id = see_all(queue).last_id;
        CHECK(id >= reported, "every acknowledged job is there");
        CHECK_EQ(id % 2, 0, "no half commit");
        CHECK_EQ(queue_verify(queue, &error), OK, error.text);
        queue_close(queue);
    }
}
