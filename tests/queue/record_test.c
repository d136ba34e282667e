#include "queue/record.h"

#include <string.h>

#include "base/limits.h"
#include "base/rng.h"
#include "tests/test.h"

static const struct attempt full_attempt = {
    .job_id = 7,
    .number = 2,
    .pod_name = "etl-7-2",
    .pod_uid = "u",
    .node = "n1",
    .admitted_us = 1,
    .created_us = 2,
    .started_us = 3,
    .finished_us = 4,
    .failure = FAILURE_OOM,
    .exit_code = 137,
    .message = "OOMKilled",
    .cause = "phase Failed",
    .cpu_milli = 5,
    .memory_bytes = 6,
    .pods = 7,
    .driver_memory_bytes = 8,
    .executor_memory_bytes = 9,
};

static const struct stored_job full_job = {
    .job = {.id = UINT64_MAX - 1,
            .name = "etl",
            .namespace = "team-a",
            .team = "red",
            .submitter = "uid:1000",
            .priority_class = "night",
            .schedule = "nightly",
            .occurrence = {.civil_s = 3600, .time_us = 1, .business_date = -1, .fold = true},
            .kind = JOB_KIND_POD,
            .state = JOB_RETRY_WAIT,
            .priority = -7,
            .attempt = 3,
            .failures = 2,
            .retries = 1,
            .infra_retries = 1,
            .failed_as = {3, 4},
            .is_retried = true,
            .driver_growth = 1500,
            .executor_growth = 2250,
            .avoid = "n1=1000@17",
            .ttl_s = JOB_TTL_NEVER,
            .event_count = 9,
            .retry = {.retries_max = 5,
                      .infra_retries_max = 6,
                      .backoff_first_us = 7,
                      .backoff_max_us = 8,
                      .rules = "oom retries=3"},
            .submitted_us = 1,
            .eligible_us = 2,
            .admitted_us = 3,
            .started_us = 4,
            .finished_us = 5,
            .expected_runtime_us = INT64_MAX,
            .max_runtime_us = 11,
            .warn_runtime_us = 14,
            .start_by_us = 15,
            .start_miss = START_MISS_SKIP,
            .finish_by_us = 16,
            .alarms = ALARM_RUNTIME,
            .preemptible = true,
            .preemptions = 12,
            .preempted_us = 13,
            .preempt_requested = true,
            .failure = FAILURE_OOM,
            .exit_code = 137,
            .cancel_requested = true,
            .pods_deleted = true,
            .has_run = true,
            .after = "17+1:success:skip",
            .array = "0-9%3",
            .pod_name = "etl-driver",
            .for_operator = true,
            .array_id = 70,
            .submitted_held = true},
    .terms = 300,
    .spec = 70000,
    .demand = 2,
};

TEST(record_job__comes_back_as_it_was) {
    struct stored_job stored;
    struct buf bytes;
    struct buf terms;
    struct buf again;
    struct job job;

    buf_init(&bytes, LIMIT_MIB);
    buf_init(&terms, LIMIT_MIB);
    buf_init(&again, LIMIT_MIB);
    record_encode_job(&bytes, &full_job);
    record_encode_terms(&terms, &full_job.job);
    CHECK_OK(record_decode_job(full_job.job.id, bytes.data, bytes.bytes, &stored), "decodes");
    CHECK_OK(record_decode_terms(terms.data, terms.bytes, &stored.job), "and its terms");
    job = stored.job;
    CHECK_EQ(stored.terms, 300, "terms");
    CHECK_EQ(stored.spec, 70000, "spec");
    CHECK_EQ(stored.demand, 2, "demand");
    CHECK_EQ(job.id, full_job.job.id, "id");
    CHECK_STR(job.name, "etl", "name");
    CHECK_STR(job.submitter, "uid:1000", "submitter");
    CHECK_EQ(job.priority, -7, "a negative number");
    CHECK_EQ(job.exit_code, 137, "an exit code");
    CHECK_EQ(job.expected_runtime_us, INT64_MAX, "the largest time");
    CHECK(job.cancel_requested && job.pods_deleted && job.submitted_held && job.has_run,
          "the flags");
    /* Every field at once: encoding what came back gives the same bytes. */
    record_encode_job(&again, &stored);
    CHECK_EQ(again.bytes, bytes.bytes, "size");
    CHECK_MEM(again.data, bytes.data, bytes.bytes, "all fields");
    buf_clear(&again);
    record_encode_terms(&again, &stored.job);
    CHECK_EQ(again.bytes, terms.bytes, "size of the terms");
    CHECK_MEM(again.data, terms.data, terms.bytes, "all their fields");
    buf_finish(&bytes);
    buf_finish(&terms);
    buf_finish(&again);
}

TEST(record_attempt__comes_back_as_it_was) {
    struct attempt attempt;
    struct buf bytes;
    struct buf again;

    buf_init(&bytes, LIMIT_MIB);
    buf_init(&again, LIMIT_MIB);
    record_encode_attempt(&bytes, &full_attempt);
    CHECK_OK(record_decode_attempt(7, 2, bytes.data, bytes.bytes, &attempt), "decodes");
    CHECK_STR(attempt.cause, "phase Failed", "its cause");
    CHECK_EQ(attempt.executor_memory_bytes, 9, "the last field");
    record_encode_attempt(&again, &attempt);
    CHECK_EQ(again.bytes, bytes.bytes, "size");
    CHECK_MEM(again.data, bytes.data, bytes.bytes, "all fields");
    buf_finish(&bytes);
    buf_finish(&again);
}

/* Any damaged bit and any shorter or longer record is noticed. */
TEST(record_decode__refuses_every_damage) {
    struct buf bytes;
    struct stored_job job;

    buf_init(&bytes, LIMIT_MIB);
    record_encode_job(&bytes, &full_job);
    for (size_t bit = 0; bit < bytes.bytes * 8; bit++) {
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << (bit % 8)));
        CHECK_EQ(record_decode_job(full_job.job.id, bytes.data, bytes.bytes, &job), ERR_CORRUPT,
                 "a flipped bit");
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t cut = 0; cut < bytes.bytes; cut++) {
        CHECK_EQ(record_decode_job(full_job.job.id, bytes.data, cut, &job), ERR_CORRUPT,
                 "a torn record");
    }
    buf_add_char(&bytes, 'x');
    CHECK_EQ(record_decode_job(full_job.job.id, bytes.data, bytes.bytes, &job), ERR_CORRUPT,
             "a byte too many");
    buf_finish(&bytes);
}

TEST(record_decode__refuses_another_kind) {
    struct buf bytes;
    struct job_event event;
    struct attempt attempt;

    buf_init(&bytes, LIMIT_MIB);
    record_encode_job(&bytes, &full_job);
    CHECK_EQ(record_decode_event(full_job.job.id, 0, bytes.data, bytes.bytes, &event), ERR_CORRUPT,
             "job as event");
    CHECK_EQ(record_decode_attempt(full_job.job.id, 1, bytes.data, bytes.bytes, &attempt),
             ERR_CORRUPT, "job as attempt");
    buf_finish(&bytes);
}

TEST(record_decode__refuses_another_key) {
    struct attempt attempt = {.job_id = 7, .number = 2, .exit_code = -1};
    struct fact fact = {.kind = FACT_USAGE, .key = "red", .value.usage = {.updated_us = 1}};
    union fact_value value;
    struct buf bytes;
    struct stored_job job;

    buf_init(&bytes, LIMIT_MIB);
    record_encode_job(&bytes, &full_job);
    CHECK_EQ(record_decode_job(1, bytes.data, bytes.bytes, &job), ERR_CORRUPT, "another job");
    buf_clear(&bytes);
    record_encode_attempt(&bytes, &attempt);
    CHECK_OK(record_decode_attempt(7, 2, bytes.data, bytes.bytes, &attempt), "the attempt");
    CHECK_EQ(record_decode_attempt(7, 3, bytes.data, bytes.bytes, &attempt), ERR_CORRUPT,
             "another attempt");
    CHECK_EQ(record_decode_attempt(8, 2, bytes.data, bytes.bytes, &attempt), ERR_CORRUPT,
             "of another job");
    buf_clear(&bytes);
    record_encode_fact(&bytes, &fact);
    CHECK_OK(record_decode_fact(FACT_USAGE, "red", bytes.data, bytes.bytes, &value), "the fact");
    CHECK_EQ(record_decode_fact(FACT_USAGE, "blue", bytes.data, bytes.bytes, &value), ERR_CORRUPT,
             "of another team");
    CHECK_EQ(record_decode_fact(FACT_RUNS, "red", bytes.data, bytes.bytes, &value), ERR_CORRUPT,
             "of another kind");
    buf_finish(&bytes);
}

/* Most jobs leave most fields as they are: that must cost nothing. */
TEST(record_encode__is_small_for_a_plain_job) {
    struct stored_job job = {.job = {.id = 1000000,
                                     .name = "job-00001234",
                                     .state = JOB_QUEUED,
                                     .event_count = 1,
                                     .exit_code = -1,
                                     .submitted_us = INT64_C(1800000000000000),
                                     .eligible_us = INT64_C(1800000000000000)},
                             .terms = 2,
                             .spec = 2,
                             .demand = 2};
    struct buf bytes;

    buf_init(&bytes, LIMIT_MIB);
    record_encode_job(&bytes, &job);
    CHECK_EQ(bytes.bytes, 5 + (1 + 8) + 3 * (1 + 1) + (1 + 13) + (1 + 1),
             "head, time of submission, what is shared, name, state");
    buf_finish(&bytes);
}

TEST(record_decode__survives_random_bytes) {
    unsigned char bytes[256];
    struct rng rng;

    rng_init(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        size_t count = rng_below(&rng, sizeof bytes);
        struct stored_job job;
        struct attempt attempt;
        const void *text;
        size_t text_bytes;

        for (size_t i = 0; i < count; i++) {
            bytes[i] = (unsigned char)rng_next(&rng);
        }
        CHECK_EQ(record_decode_job(1, bytes, count, &job), ERR_CORRUPT, "noise is no job");
        CHECK_EQ(record_decode_attempt(1, 1, bytes, count, &attempt), ERR_CORRUPT,
                 "nor an attempt");
        CHECK_EQ(record_decode_content(SHELF_SPECS, 1, bytes, count, &text, &text_bytes),
                 ERR_CORRUPT, "nor a spec");
    }
}

TEST(record_encode__cuts_a_text_that_is_too_long) {
    static char longest[2 * LIMIT_RECORD_TEXT_BYTES];
    struct attempt attempt = {.job_id = 1, .number = 1, .message = longest};
    struct buf bytes;

    memset(longest, 'm', sizeof longest - 1);
    buf_init(&bytes, LIMIT_MIB);
    record_encode_attempt(&bytes, &attempt);
    CHECK_OK(record_decode_attempt(1, 1, bytes.data, bytes.bytes, &attempt), "still a record");
    CHECK_EQ(strlen(attempt.message), LIMIT_RECORD_TEXT_BYTES, "cut at the limit");
    CHECK_STR(attempt.pod_name, "", "a missing text is empty");
    buf_finish(&bytes);
}
