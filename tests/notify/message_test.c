#include "notify/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/test.h"

static const struct notify_message sample = {
    .id = "u-7-12",
    .class_text = "missed",
    .kind = "finish_missed",
    .text = "it is not done by <b>\"six\"</b> & more",
    .job_id = 7,
    .name = "etl",
    .namespace = "spark",
    .team = "red",
    .state = "RUNNING",
    .attempt = 2,
    .at_us = 1795384800000000,
};

TEST(notify_json__holds_all_of_it) {
    struct buf out;

    buf_init(&out, 65536);
    notify_json(&sample, &out);
    CHECK_STR(buf_text(&out),
              "{\"id\":\"u-7-12\",\"at\":\"2026-11-22T22:00:00Z\",\"class\":\"missed\",\"event\":"
              "\"finish_missed\",\"text\":\"it is not done by <b>\\\"six\\\"</b> & more\",\"job\":{"
              "\"id\":7,\"name\":\"etl\",\"namespace\":\"spark\",\"team\":\"red\",\"state\":"
              "\"RUNNING\",\"attempt\":2}}",
              "of a job");
    buf_finish(&out);
}

TEST(notify_json__takes_any_bytes) {
    struct notify_message message = {.id = "u", .class_text = "failed", .kind = "failed"};
    struct buf out;

    message.text = "\xff\xc3\xa4 \x01";
    buf_init(&out, 65536);
    notify_json(&message, &out);
    CHECK_STR(buf_text(&out),
              "{\"id\":\"u\",\"at\":\"1970-01-01T00:00:00Z\",\"class\":\"failed\",\"event\":"
              "\"failed\",\"text\":\"??? \\u0001\"}",
              "no UTF-8");
    buf_finish(&out);
}

TEST(notify_slack__escapes_its_marks) {
    struct buf out;

    buf_init(&out, 65536);
    notify_slack(&sample, &out);
    CHECK_STR(buf_text(&out),
              "{\"text\":\"*spark/etl (job 7, team red): finish_missed*\\nit is not done by "
              "&lt;b&gt;\\\"six\\\"&lt;/b&gt; &amp; more\"}",
              "one text");
    buf_finish(&out);
}

/* A text can't end a header, nor a line of the body. */
TEST(notify_email__is_of_ascii_lines) {
    static const char *const to[] = {"a@example.com", "b@example.com"};
    struct notify_message message = sample;
    struct buf out;

    message.name = "\xc3\xa4tl\r\nBcc: x@example.com";
    message.text = "line\r\n.\r\nQUIT\r\n";
    buf_init(&out, 65536);
    notify_email(&message,
                 &(struct notify_addresses){.from = "n@example.com", .to = to, .to_count = 2},
                 1795384861000000, &out);
    CHECK_STR(
        buf_text(&out),
        "Date: Sun, 22 Nov 2026 22:01:01 +0000\r\n"
        "From: n@example.com\r\n"
        "To: a@example.com,\r\n\tb@example.com\r\n"
        "Subject: =?UTF-8?B?c3Bhcmsvw6R0bA0KQmNjOiB4QGV4YW1wbGUuY29tIChqb2IgNywgdGVhbSBy?=\r\n"
        " =?UTF-8?B?ZWQpOiBmaW5pc2hfbWlzc2Vk?=\r\n"
        "Message-ID: <u-7-12@nightshift>\r\n"
        "X-Nightshift-Id: u-7-12\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        "c3Bhcmsvw6R0bA0KQmNjOiB4QGV4YW1wbGUuY29tIChqb2IgNywgdGVhbSByZWQpOiBmaW5pc2hf\r\n"
        "bWlzc2VkCgpsaW5lDQouDQpRVUlUDQoKCmF0IDIwMjYtMTEtMjJUMjI6MDA6MDBaLCBpZCB1LTct\r\n"
        "MTIK\r\n",
        "headers and body");
    buf_finish(&out);
}

TEST(notify_event__is_about_the_pod) {
    struct buf out;

    buf_init(&out, 65536);
    notify_event(&sample, "etl-7-2-driver", "uid-1", &out);
    CHECK_STR(buf_text(&out),
              "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"etl-7-2-driver."
              "u-7-12\",\"namespace\":\"spark\"},\"involvedObject\":{\"apiVersion\":\"v1\","
              "\"kind\":\"Pod\",\"name\":\"etl-7-2-driver\",\"namespace\":\"spark\",\"uid\":"
              "\"uid-1\"},\"reason\":\"FinishMissed\",\"message\":\"job 7 etl: it is not done by "
              "<b>\\\"six\\\"</b> & more\",\"type\":\"Warning\",\"firstTimestamp\":"
              "\"2026-11-22T22:00:00Z\",\"lastTimestamp\":\"2026-11-22T22:00:00Z\",\"count\":1,"
              "\"source\":{\"component\":\"nightshift\"}}",
              "a warning");
    buf_clear(&out);
    notify_event(&sample, "", "", &out);
    CHECK(strstr(buf_text(&out),
                 "\"metadata\":{\"name\":\"spark.u-7-12\",\"namespace\":\"spark\"},"
                 "\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":"
                 "\"Namespace\",\"name\":\"spark\",\"namespace\":\"spark\"},") != NULL,
          "without a pod about the namespace");
    buf_finish(&out);
}
