#include "api/wire.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

#define BYTES_MAX (1 << 20)

static const struct wire_attempt attempts[] = {
    {1, "etl-7-1-driver", "uid-1", "node-a", 1000001, 2000000, 3000000, 4000000, "oom", 137,
     "killed", "phase Failed", 6, 7, 3, 8, 9},
    {.number = 2, .pod_name = "etl-7-2-driver", .exit_code = WIRE_UNKNOWN, .admitted_us = 5000000},
};

static const struct wire_elements elements[] = {{"FAILED", 2, "3-4"}};
static const struct wire_relation relations[] = {
    {3, "load", "RUNNING", "success", "skip", "waits", 0, 1, true, 60000000}};

static const struct wire_grown grown = {
    .driver_memory_bytes = 6, .job_id = 5, .attempt = 2, .learnt_us = 6000000};

static const struct wire_term demand[] = {{"driver: cpu 1"}, {"all requests: cpu 3"}};
static const struct wire_avoided avoided[] = {
    {.name = "node-a", .required = true, .jobs = 3, .until_us = 7000000},
};

static const struct wire_job shown = {
    .id = 7,
    .name = "etl",
    .namespace = "team-a",
    .team = "a",
    .submitter = "uid:1000(alice)",
    .window = "nightly",
    .schedule = "etl",
    .occurrence = "2026-11-22T23:00:00",
    .occurrence_us = 1795384800000000,
    .business_date = "2026-11-22",
    .array = "0-9%2",
    .array_id = 5,
    .array_index = 2,
    .kind = "Spark",
    .state = "RUNNING",
    .reason = {"Quota", "needs \"24Gi\",\nfree 10Gi \xe2\x80\x93 \\"},
    .priority = -5,
    .attempts = 2,
    .retries = 1,
    .failure = "oom",
    .exit_code = WIRE_UNKNOWN,
    .submitted_us = 1795384800000000,
    .started_us = 1795384800123456,
    .expected_runtime_us = 90000000,
    .max_runtime_us = 3600000000,
    .warn_runtime_us = 1800000000,
    .start_by_us = 1795384800000000,
    .start_miss = "skip",
    .preemptible = true,
    .preemptions = 2,
    .pod_name = "etl-7-2-driver",
    .cancel_requested = true,
    .runs_again = true,
    .elements = elements,
    .element_count = ARRAY_LEN(elements),
    .predecessors = relations,
    .predecessor_count = ARRAY_LEN(relations),
    .critical_seconds = 90,
    .slack_seconds = WIRE_UNKNOWN,
    .attempt_list = attempts,
    .attempt_list_count = ARRAY_LEN(attempts),
    .infra_retries = 3,
    .retries_max = 4,
    .infra_retries_max = 20,
    .grown = &grown,
    .grown_count = 1,
    .avoided = avoided,
    .avoided_count = ARRAY_LEN(avoided),
    .demand = demand,
    .demand_count = ARRAY_LEN(demand),
};

TEST(wire_encode_job__is_what_the_reference_says) {
    struct buf out;

    buf_init(&out, BYTES_MAX);
    wire_encode_job(&out, &shown);
    CHECK_STR(
        buf_text(&out),
        "{\"id\":7,\"name\":\"etl\",\"namespace\":\"team-a\",\"team\":\"a\","
        "\"submitter\":\"uid:1000(alice)\",\"window\":\"nightly\",\"schedule\":\"etl\","
        "\"occurrence\":\"2026-11-22T23:00:00\","
        "\"occurrenceAt\":\"2026-11-22T22:00:00.000000Z\","
        "\"businessDate\":\"2026-11-22\",\"array\":\"0-9%2\",\"arrayId\":5,"
        "\"arrayIndex\":2,\"kind\":\"Spark\",\"state\":"
        "\"RUNNING\","
        "\"reason\":{\"code\":\"Quota\",\"message\":\"needs \\\"24Gi\\\",\\nfree 10Gi "
        "\xe2\x80\x93 \\\\\"},"
        "\"priority\":-5,\"attempts\":2,\"retries\":1,\"failure\":\"oom\",\"exitCode\":null,"
        "\"submittedAt\":\"2026-11-22T22:00:00.000000Z\",\"eligibleAt\":null,\"admittedAt\":null,"
        "\"startedAt\":\"2026-11-22T22:00:00.123456Z\",\"finishedAt\":null,"
        "\"expectedRuntimeSeconds\":90,\"maxRuntimeSeconds\":3600,"
        "\"warnRuntimeSeconds\":1800,\"startBy\":\"2026-11-22T22:00:00.000000Z\","
        "\"onStartMiss\":\"skip\",\"finishBy\":null,\"preemptible\":true,"
        "\"preemptions\":2,\"podName\":\"etl-7-2-driver\",\"node\":null,"
        "\"cancelRequested\":true,\"runsAgain\":true,"
        "\"elements\":[{\"state\":\"FAILED\",\"count\":2,\"indices\":\"3-4\"}],"
        "\"predecessors\":[{\"id\":3,\"name\":\"load\",\"state\":\"RUNNING\",\"on\":\"success\","
        "\"otherwise\":\"skip\",\"stands\":\"waits\",\"done\":0,\"total\":1,\"each\":true,"
        "\"expectedSeconds\":60}],\"criticalPathSeconds\":90,\"slackSeconds\":null,"
        "\"attemptList\":["
        "{\"number\":1,\"podName\":\"etl-7-1-driver\",\"podUid\":\"uid-1\",\"node\":\"node-a\","
        "\"admittedAt\":\"1970-01-01T00:00:01.000001Z\","
        "\"createdAt\":\"1970-01-01T00:00:02.000000Z\","
        "\"startedAt\":\"1970-01-01T00:00:03.000000Z\","
        "\"finishedAt\":\"1970-01-01T00:00:04.000000Z\","
        "\"failure\":\"oom\",\"exitCode\":137,\"message\":\"killed\",\"cause\":\"phase Failed\","
        "\"cpuSeconds\":6,\"gibSeconds\":7,\"pods\":3,\"driverMemoryBytes\":8,"
        "\"executorMemoryBytes\":9},"
        "{\"number\":2,\"podName\":\"etl-7-2-driver\",\"podUid\":null,\"node\":null,"
        "\"admittedAt\":\"1970-01-01T00:00:05.000000Z\",\"createdAt\":null,\"startedAt\":null,"
        "\"finishedAt\":null,\"failure\":null,\"exitCode\":null,\"message\":\"\",\"cause\":null,"
        "\"cpuSeconds\":0,\"gibSeconds\":0,\"pods\":0,\"driverMemoryBytes\":0,"
        "\"executorMemoryBytes\":0}],"
        "\"infraRetries\":3,\"maxRetries\":4,\"maxInfraRetries\":20,"
        "\"learntMemory\":[{\"driverMemoryBytes\":6,\"executorMemoryBytes\":0,\"jobId\":5,"
        "\"attempt\":2,\"learntAt\":\"1970-01-01T00:00:06.000000Z\"}],"
        "\"avoidedNodes\":[{\"name\":\"node-a\",\"required\":true,\"failedJobs\":3,"
        "\"until\":\"1970-01-01T00:00:07.000000Z\"}],"
        "\"demand\":[{\"text\":\"driver: cpu 1\"},{\"text\":\"all requests: cpu 3\"}]}",
        "a job with everything");
    buf_finish(&out);
}

/* Encode, decode, encode: the texts are equal, so nothing was lost (and the first test says that
 * encoding leaves nothing out). */
#define ROUND_TRIP(of, literal)                                                                 \
    do {                                                                                        \
        struct wire_##of in = literal, back;                                                    \
        struct wire_memory memory = {0};                                                        \
        struct error error = {0};                                                               \
        struct buf first, second;                                                               \
                                                                                                \
        buf_init(&first, BYTES_MAX);                                                            \
        buf_init(&second, BYTES_MAX);                                                           \
        wire_encode_##of(&first, &in);                                                          \
        CHECK_OK(wire_decode_##of(buf_text(&first), first.bytes, &memory, &back, &error), #of); \
        wire_encode_##of(&second, &back);                                                       \
        CHECK_STR(buf_text(&second), buf_text(&first), #of);                                    \
        wire_memory_finish(&memory);                                                            \
        buf_finish(&first);                                                                     \
        buf_finish(&second);                                                                    \
    } while (0)

TEST(wire__comes_back_as_it_went) {
    static const struct wire_event events[] = {
        {7, 0, 1000000, 0, "QUEUED", "submitted", "by alice"},
        {7, 1, 2000000, 1, "SUBMITTING", "admitted", ""},
    };
    static const struct wire_check checks[] = {{"quota", false, "needs 3"}, {"order", true, ""}};
    static const struct wire_detail details[] = {{"a.yaml", 3, 5, "spec.x", "unknown field"}};
    static const struct wire_submitted submitted[] = {{1, "a", "n", "QUEUED", "", WIRE_UNKNOWN},
                                                      {2, "b", "n", "HELD", "0-9", 10}};
    static const struct wire_sync syncs[] = {{"pods", "synced", 12}, {"nodes", "denied", 0}};
    static const struct wire_count counts[] = {{"QUEUED", 3}, {"RUNNING", INT64_MAX}};
    struct wire_job_list list = {&shown, 1, "7"};
    struct wire_job_list none = {NULL, 0, ""};
    struct wire_attempt_list attempt_list = {attempts, 2};
    struct wire_event_list event_list = {events, 2};
    static const struct wire_outlook outlooks[] = {
        {7, "etl", "n", "t", "QUEUED", "Quota", "expected", 3000000, 4000000, 5, 2000000},
        {8, "dig", "n", "t", "HELD", "Held", "unknown", 0, 0, 0, 0},
    };
    static const struct wire_planned runs[] = {
        {"etl", "n", "t", "2026-11-22T23:00:00", 1000000, "expected", 3000000, 4000000, 5000000, 0,
         0, 4500000, true},
        {"dig", "n", "t", "2026-11-22T23:30:00", 1000000, "skipped", 0, 0, 0, 0, 0, 0, false},
    };
    struct wire_forecast forecast = {1000000, 9000000, 20, outlooks, 2, runs, 2, NULL, 0};
    struct wire_forecast simulated = {1000000, 9000000, 20, outlooks, 1, NULL, 0, outlooks, 2};
    struct wire_why why = {shown, checks, 2, 3, "expected", 3000000, 4000000, 9000000, 5};
    struct wire_error plain = {"NotFound", "no job 9", NULL, 0};
    struct wire_error detailed = {"Invalid", "1 problem", details, 1};
    static const struct wire_put puts[] = {{"nightly", "n", "created"}};
    struct wire_submit_answer answer = {submitted, 2, NULL, 0, 17, 2, true};
    struct wire_submit_answer put = {submitted, 0, puts, 1, 17, 0, false};
    static const struct wire_upcoming upcoming[] = {
        {"2026-11-22T23:00:00", 1795384800000000, "2026-11-22", "run"}};
    struct wire_schedule schedule = {
        .name = "nightly",
        .namespace = "n",
        .team = "a",
        .submitter = "alice",
        .kind = "Pod",
        .cron = "@daily",
        .zone = "UTC",
        .overlap = "Allow",
        .misfire = "last",
        .state = "active",
        .created_us = 1000000,
        .changed_us = 2000000,
        .last = "2026-11-21T23:00:00",
        .last_us = 3000000,
        .last_job = 7,
        .active = 1,
        .runs = 2,
        .skipped = 3,
        .upcoming = upcoming,
        .upcoming_count = 1,
        .definition = "{}",
    };
    struct wire_schedule_list schedules = {&schedule, 1, 4000000};
    struct wire_status status = {
        .version = "0.1",
        .leader = "host-1",
        .role = "standby",
        .leader_address = "https://host-1:8443",
        .lease_renewed_us = 1500000,
        .lease_expires_us = 16500000,
        .lease_transitions = 2,
        .pid = 17,
        .started_us = 1000000,
        .now_us = 2000000,
        .not_ready = "pods are not listed",
        .nodes_check = true,
        .syncs = syncs,
        .sync_count = 2,
        .jobs = counts,
        .job_state_count = 2,
        .kube = counts,
        .kube_count = 1,
    };

    ROUND_TRIP(submit_answer, put);
    ROUND_TRIP(schedule, schedule);
    ROUND_TRIP(schedule_list, schedules);
    ROUND_TRIP(job, shown);
    ROUND_TRIP(job_list, list);
    ROUND_TRIP(job_list, none);
    ROUND_TRIP(attempt_list, attempt_list);
    ROUND_TRIP(event, events[0]);
    ROUND_TRIP(event_list, event_list);
    ROUND_TRIP(why, why);
    ROUND_TRIP(forecast, forecast);
    ROUND_TRIP(forecast, simulated);
    ROUND_TRIP(error, plain);
    ROUND_TRIP(error, detailed);
    ROUND_TRIP(submit_answer, answer);
    ROUND_TRIP(status, status);
}

TEST(wire_encode__keeps_an_answer_readable_whatever_a_pod_says) {
    static const struct {
        const char *what, *text, *want;
    } rows[] = {
        {"control characters", "a\x01\x1f\tb", "a\\u0001\\u001f\\tb"},
        {"delete", "\x7f", "\\u007f"},
        {"a byte alone",
         "a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"cut at the end", "a\xe2\x80", "a\xef\xbf\xbd\xef\xbf\xbd"},
        {"overlong", "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"overlong of three", "\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"beyond the last", "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"the last", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_error error = {rows[i].text, "", NULL, 0};
        char want[100];
        struct buf out;

        (void)snprintf(want, sizeof want, "{\"error\":{\"code\":\"%s\",\"message\":\"\"}}",
                       rows[i].want);
        buf_init(&out, BYTES_MAX);
        wire_encode_error(&out, &error);
        CHECK_STR(buf_text(&out), want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(wire_decode__is_strict_about_types_and_says_where) {
    static const struct {
        const char *what, *text, *want;
    } rows[] = {
        {"a list", "[]", "expected an object"},
        {"an id that is text", "{\"items\":[{},{\"id\":\"7\"}]}", "items[1].id: expected an id"},
        {"an id below 0", "{\"items\":[{\"id\":-1}]}", "items[0].id: expected an id"},
        {"a fraction", "{\"items\":[{\"priority\":1.5}]}",
         "items[0].priority: expected a whole number"},
        {"a number that may not be null", "{\"items\":[{\"attempts\":null}]}",
         "items[0].attempts: expected a whole number"},
        {"a name that is null", "{\"items\":[{\"name\":null}]}", "items[0].name: expected a text"},
        {"a time that is none", "{\"items\":[{\"startedAt\":\"noon\"}]}",
         "items[0].startedAt: expected a time such as 2026-11-22T22:00:00Z"},
        {"a time that is a number", "{\"items\":[{\"startedAt\":5}]}",
         "items[0].startedAt: expected a time such as 2026-11-22T22:00:00Z"},
        {"more seconds than there are", "{\"items\":[{\"expectedRuntimeSeconds\":9223372036855}]}",
         "items[0].expectedRuntimeSeconds: expected a number of seconds"},
        {"a bool that is 1", "{\"items\":[{\"cancelRequested\":1}]}",
         "items[0].cancelRequested: expected true or false"},
        {"an object that is text", "{\"items\":[{\"reason\":\"Quota\"}]}",
         "items[0].reason: expected an object"},
        {"inside an object", "{\"items\":[{\"reason\":{\"code\":1}}]}",
         "items[0].reason.code: expected a text"},
        {"items that are none", "{\"items\":{}}", "items: expected a list"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_memory memory = {0};
        struct wire_job_list list = {.item_count = 42};
        struct error error = {0};

        CHECK_EQ(wire_decode_job_list(rows[i].text, strlen(rows[i].text), &memory, &list, &error),
                 ERR_INVALID, rows[i].what);
        CHECK_STR(error.text, rows[i].want, rows[i].what);
        CHECK_EQ(list.item_count, 42, "the output is untouched");
        wire_memory_finish(&memory);
    }
}

TEST(wire_decode__refuses_what_is_not_json) {
    static const char *const texts[] = {
        "", "{", "nonsense", "{\"id\":1,\"id\":2}", "{} {}", "{\"name\":\"a\\u0000b\"}"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct wire_memory memory = {0};
        struct wire_job job;
        struct error error = {0};

        CHECK_EQ(wire_decode_job(texts[i], strlen(texts[i]), &memory, &job, &error), ERR_INVALID,
                 texts[i]);
        CHECK(error.text[0] != '\0', texts[i]);
        wire_memory_finish(&memory);
    }
}

TEST(wire_decode__takes_what_it_does_not_know_and_does_without) {
    static const char text[] = "{\"id\":3,\"colour\":{\"r\":[1]},\"reason\":{}}";
    struct wire_memory memory = {0};
    struct wire_job job;
    struct error error = {0};

    CHECK_OK(wire_decode_job(text, sizeof text - 1, &memory, &job, &error), error.text);
    CHECK_EQ(job.id, 3, "known");
    CHECK_STR(job.name, "", "missing text");
    CHECK_STR(job.reason.code, "", "missing in an object");
    CHECK_EQ(job.exit_code, WIRE_UNKNOWN, "missing exit code");
    CHECK_EQ(job.attempt_list, NULL, "missing list");
    wire_memory_finish(&memory);

    CHECK_OK(wire_decode_job("{}", 2, &memory, &job, &error), error.text);
    CHECK_STR(job.reason.code, "", "missing object");
    CHECK_EQ(memory.count, 0, "nothing to keep");
    wire_memory_finish(&memory);
}
