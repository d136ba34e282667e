#include "config/notifications.h"

#include <string.h>

#include "base/buf.h"
#include "config/document.h"
#include "tests/test.h"

static int read_text(const char *text, struct notification_set *out_set,
                     struct problems *problems) {
    struct document_set documents;

    CHECK_OK(document_set_parse(text, strlen(text), 1 << 20, &documents, problems), text);
    notifications_read(&documents.documents[0], out_set, problems);
    problems_sort(problems);
    document_set_destroy(&documents);
    return problems->count == 0 ? OK : ERR_INVALID;
}

TEST(notifications_read__knows_receivers_and_routes) {
    struct notification_set set;
    struct problems problems = {0};

    CHECK_OK(read_text("notifications:\n"
                       "  giveUp: 2h\n"
                       "  receivers:\n"
                       "  - {name: hook, webhook: {url: 'https://h/x', secretFile: /s}}\n"
                       "  - {name: chat, slack: {urlFile: /u}}\n"
                       "  - {name: mail, email: {server: 'smtp://m:587', from: a@b, to: [c@d]}}\n"
                       "  - {name: pods, kubernetes: {}}\n"
                       "  routes:\n"
                       "  - {receivers: [hook, pods], events: [failed, missed], teams: [red]}\n"
                       "  reports:\n"
                       "  - {at: 07:00, receivers: [mail], window: nightly}\n",
                       &set, &problems),
             "a good one");
    CHECK_EQ(set.receiver_count, 4, "receivers");
    CHECK_EQ(set.receivers[1].kind, RECEIVER_SLACK, "their kinds");
    CHECK_STR(set.receivers[0].secret_file, "/s", "their files");
    CHECK_EQ(set.routes->give_up_us, INT64_C(7200000000), "the patience");
    CHECK_EQ(notice_receivers(set.routes, NOTICE_FAILED, "red"), 9, "the first and the last");
    CHECK_EQ(notice_receivers(set.routes, NOTICE_FAILED, "blue"), 0, "of one team");
    CHECK_EQ(set.reports[0].receivers, 4, "the report's");
    CHECK_EQ(set.reports[0].time_s, 25200, "when it is due");
    notifications_finish(&set);
}

#define LIST(text) "notifications: {receivers: [{name: a, " text "}]}"

TEST(notifications_read__says_what_is_wrong_and_where) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"two kinds", LIST("slack: {url: 'https://x'}, kubernetes: {}"),
         "f:1:29: notifications.receivers[0]: exactly one of webhook, slack, email and kubernetes "
         "says what it is\n"},
        {"nowhere to go", LIST("webhook: {}"),
         "f:1:39: notifications.receivers[0].webhook: exactly one of url and urlFile says where "
         "to\n"},
        {"another scheme", LIST("webhook: {url: 'ftp://x'}"),
         "f:1:39: notifications.receivers[0].webhook: must begin with https:// or http://\n"},
        {"an address that would be a header",
         LIST("email: {server: 'smtps://x', from: \"a@b\\r\\nBcc: c\", to: [c@d]}"),
         "f:1:39: notifications.receivers[0].email: from and to are addresses such as "
         "data@example.com, and to has one\n"},
        {"a user without a password",
         LIST("email: {server: 'smtps://x', from: a@b, to: [c@d], userFile: /u}"),
         "f:1:39: notifications.receivers[0].email: userFile and passwordFile go together\n"},
        {"the same name twice",
         "notifications: {receivers: [{name: a, kubernetes: {}}, {name: a, kubernetes: {}}]}",
         "f:1:56: notifications.receivers[1]: there is a receiver \"a\" already\n"},
        {"nobody of that name, nor such an event",
         "notifications: {routes: [{receivers: [b], events: [fail]}]}",
         "f:1:39: notifications.routes[0].receivers[0]: there is no receiver \"b\"\n"
         "f:1:52: notifications.routes[0].events[0]: must be failed, missed, risk, long, skipped, "
         "retried, succeeded, cancelled, halted or report, not \"fail\"\n"},
        {"a route for reports", "notifications: {routes: [{receivers: [], events: [report]}]}",
         "f:1:51: notifications.routes[0].events[0]: reports go where notifications.reports "
         "says\n"},
        {"a report that is not of every day",
         "notifications: {reports: [{at: +1d 07:00, receivers: []}]}",
         "f:1:32: notifications.reports[0]: a report is due each day at a time such as 07:00\n"},
        {"no object", "notifications: 5",
         "f:1:16: notifications: must be an object (key: value)\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct notification_set set;
        struct problems problems = {0};
        struct buf out;

        buf_init(&out, 1 << 16);
        CHECK_EQ(read_text(rows[i].text, &set, &problems), ERR_INVALID, rows[i].what);
        problems_print(&problems, "f", &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        notifications_finish(&set);
        problems_finish(&problems);
        buf_finish(&out);
    }
}
