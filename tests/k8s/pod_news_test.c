#include "k8s/pod_news.h"

#include <stdio.h>
#include <string.h>

#include "tests/fake/recorded.h"
#include "tests/test.h"

#define EVENT(type, reason, message, second)                                  \
    "{\"type\":\"" type "\",\"reason\":\"" reason "\",\"message\":\"" message \
    "\",\"lastTimestamp\":\"2026-11-22T14:18:" second "Z\",\"eventTime\":null,\"series\":null}"
#define LIST(items) "{\"kind\":\"EventList\",\"metadata\":{},\"items\":[" items "]}"

#define MOUNT     EVENT("Warning", "FailedMount", "MountVolume.SetUp failed", "10")
#define SCHEDULED EVENT("Normal", "Scheduled", "Successfully assigned", "10")

TEST(pod_news_read__the_latest_event_decides) {
    static const struct {
        const char *what;
        const char *json;
        bool is_gone;
        enum failure want;
        const char *message;
    } rows[] = {
        {"nothing was said", LIST(""), false, FAILURE_NONE, ""},
        {"items may be null", "{\"items\":null}", false, FAILURE_NONE, ""},
        {"a volume", LIST(MOUNT), false, FAILURE_CONFIG, "FailedMount: MountVolume.SetUp failed"},
        {"in one second a warning counts", LIST(SCHEDULED "," MOUNT), false, FAILURE_CONFIG,
         "FailedMount: MountVolume.SetUp failed"},
        {"whatever their order", LIST(MOUNT "," SCHEDULED), false, FAILURE_CONFIG,
         "FailedMount: MountVolume.SetUp failed"},
        {"progress ends it", LIST(MOUNT "," EVENT("Normal", "Pulling", "Pulling image", "11")),
         false, FAILURE_NONE, ""},
        {"no node", LIST(EVENT("Warning", "FailedScheduling", "0/2 nodes", "09")), false,
         FAILURE_UNSCHEDULABLE, "FailedScheduling: 0/2 nodes"},
        {"a sandbox", LIST(EVENT("Warning", "FailedCreatePodSandBox", "cni", "09")), false,
         FAILURE_UNSCHEDULABLE, "FailedCreatePodSandBox: cni"},
        {"a pull", LIST(EVENT("Warning", "Failed", "Failed to pull image x", "09")), false,
         FAILURE_IMAGE, "Failed: Failed to pull image x"},
        {"its back-off", LIST(EVENT("Normal", "BackOff", "Back-off pulling image x", "09")), false,
         FAILURE_IMAGE, "BackOff: Back-off pulling image x"},
        {"a short form", LIST(EVENT("Warning", "Failed", "Error: ErrImagePull", "09")), false,
         FAILURE_IMAGE, "Failed: Error: ErrImagePull"},
        {"a secret", LIST(EVENT("Warning", "Failed", "Error: secret s not found", "09")), false,
         FAILURE_CONFIG, "Failed: Error: secret s not found"},
        {"a container again and again", LIST(EVENT("Warning", "BackOff", "restarting", "09")),
         false, FAILURE_APP, "BackOff: restarting"},
        {"of what waits an end says nothing", LIST(EVENT("Normal", "Preempted", "by x", "09")),
         false, FAILURE_NONE, ""},
        {"a series counts by its last time",
         LIST(SCHEDULED ",{\"type\":\"Warning\",\"reason\":\"FailedMount\",\"message\":\"m\","
                        "\"eventTime\":\"2026-11-22T14:18:01.000001Z\",\"series\":"
                        "{\"lastObservedTime\":\"2026-11-22T14:18:11.000001Z\"}}"),
         false, FAILURE_CONFIG, "FailedMount: m"},
        {"gone: what took it, whatever came after",
         LIST(EVENT("Normal", "Preempted", "by x", "09") "," EVENT("Normal", "Killing", "", "12")),
         true, FAILURE_PREEMPTED, "Preempted: by x"},
        {"gone: evicted", LIST(EVENT("Warning", "Evicted", "low on memory", "09")), true,
         FAILURE_EVICTED, "Evicted: low on memory"},
        {"gone: its node", LIST(EVENT("Normal", "TaintManagerEviction", "Marking", "09")), true,
         FAILURE_NODE_LOST, "TaintManagerEviction: Marking"},
        {"gone: that it could not be mounted is not why", LIST(MOUNT), true, FAILURE_NONE, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_error error = {0};
        struct pod_news news;

        CHECK_OK(pod_news_read(rows[i].json, strlen(rows[i].json), rows[i].is_gone, &news, &error),
                 rows[i].what);
        CHECK_EQ(news.failure, rows[i].want, rows[i].what);
        CHECK_STR(news.message, rows[i].message, rows[i].what);
    }
}

TEST(pod_news_read__reads_a_real_servers_event) {
    struct recorded recorded = recorded_load("09-event-create");
    struct field_error error = {0};
    struct pod_news news;
    char list[8192];

    (void)snprintf(list, sizeof list, "{\"items\":[%s]}", recorded.body);
    CHECK_OK(pod_news_read(list, strlen(list), false, &news, &error), error.error.text);
    CHECK_EQ(news.failure, FAILURE_UNSCHEDULABLE, "class");
    CHECK_STR(news.message, "FailedScheduling: 0/2 nodes are available", "words");
    recorded_finish(&recorded);
}

TEST(pod_news_read__refuses_what_is_none) {
    static const char *const rows[] = {
        "garbage",
        "[]",
        "{\"items\":{}}",
        "{\"items\":[{\"reason\":1}]}",
        "{\"items\":[{\"reason\":\"x\",\"lastTimestamp\":\"yesterday\"}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_error error = {0};
        struct pod_news news;

        CHECK_EQ(pod_news_read(rows[i], strlen(rows[i]), false, &news, &error), ERR_INVALID,
                 rows[i]);
    }
}

TEST(pod_news_read__cuts_long_words_and_long_lists) {
    static char json[LIMIT_POD_NEWS * 8 + 8192];
    struct field_error error = {0};
    struct pod_news news;
    size_t used;

    (void)snprintf(json, sizeof json,
                   "{\"items\":[{\"reason\":\"FailedMount\",\"message\":\"%04000d"
                   "\"}]}",
                   7);
    CHECK_OK(pod_news_read(json, strlen(json), false, &news, &error), "long words");
    CHECK_EQ(strlen(news.message), LIMIT_MESSAGE_BYTES, "are cut");
    used = (size_t)snprintf(json, sizeof json, "{\"items\":[{}");
    for (size_t i = 0; i < LIMIT_POD_NEWS; i++) {
        used += (size_t)snprintf(json + used, sizeof json - used, ",{}");
    }
    (void)snprintf(json + used, sizeof json - used, "]}");
    CHECK_EQ(pod_news_read(json, strlen(json), false, &news, &error), ERR_FULL, "too many");
}
