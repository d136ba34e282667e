#include "policy/report.h"

#include <math.h>

#include "policy/window.h"
#include "policy/zone.h"
#include "tests/test.h"

#define HOUR    INT64_C(3600000000)
#define GIB     (INT64_C(1) << 30)
#define AT(h)   (INT64_C(1000) * 24 * HOUR + (int64_t)((h)*HOUR)) /* of a day in UTC */
#define NEAR(x) (long)lround((x)*1000)

static const struct job sample = {.id = 1,
                                  .name = "etl",
                                  .namespace = "n",
                                  .team = "red",
                                  .window = "nightly",
                                  .state = JOB_SUCCEEDED,
                                  .submitted_us = AT(0.5),
                                  .finished_us = AT(4),
                                  .attempt = 1};

static struct report_attempt attempt(double from_h, double until_h, int64_t cores, int64_t gib) {
    return (struct report_attempt){.admitted_us = AT(from_h),
                                   .finished_us = until_h > 0 ? AT(until_h) : 0,
                                   .cpu_milli = cores * 1000,
                                   .memory_bytes = gib * GIB,
                                   .pool = "spot"};
}

/* From 01:00 to 07:00, with a window from 02:00 to 06:00, and 0.10 and 0.01 an hour.
 *
 *   job 1  red   00:30-02:30 4 cores 8 GiB  failed   -> 01:00-02:30: 6 cpu-h, 12 GiB-h
 *                03:00-04:00 4 cores 8 GiB  succeeded ->              4 cpu-h,  8 GiB-h
 *   job 2  blue  06:30-      2 cores 1 GiB  runs      -> 06:30-07:00: 1 cpu-h, 0.5 GiB-h
 *   job 3  red   never ran, skipped
 *   job 4  red   ended at 00:50: not of the report
 *
 * In the window: job 1's 02:00-02:30 and 03:00-04:00: 2 + 4 = 6 of its cpu-hours. */
TEST(report__adds_up) {
    struct window_hours hours = {.weekdays = WINDOW_EVERY_DAY, .open_s = 7200, .close_s = 21600};
    struct zone *zone = zone_create("UTC");
    struct window window = {
        .name = (char *)(uintptr_t) "nightly", .zone = zone, .hours = &hours, .hours_count = 1};
    const struct window_set set = {.windows = &window, .window_count = 1};
    struct report_attempt first[] = {attempt(0.5, 2.5, 4, 8), attempt(3, 4, 4, 8)};
    struct report_attempt second[] = {attempt(6.5, 0, 2, 1)};
    struct job blue = sample;
    struct job skipped = sample;
    struct job before = sample;
    struct report report;

    zone_add_period(zone, INT64_MIN, 0, "UTC");
    report_init(&report, AT(1), AT(7), "", &set);
    report.price_cpu_hour = 0.10;
    report.price_gib_hour = 0.01;
    first[0].failed = true;
    blue.id = 2;
    blue.team = "blue";
    blue.window = "";
    blue.state = JOB_RUNNING;
    blue.finished_us = 0;
    blue.finish_by_us = AT(8);
    blue.alarms = ALARM_FINISH_RISK;
    skipped.id = 3;
    skipped.state = JOB_SKIPPED;
    skipped.attempt = 0;
    skipped.alarms = ALARM_START_MISSED;
    before.finished_us = AT(0.8);
    CHECK(report_concerns(&report, &sample), "ended in it");
    CHECK(report_concerns(&report, &blue), "goes on");
    CHECK(!report_concerns(&report, &before), "was over before");
    report_add(&report, &sample, "shop", "", first, 2);
    report_add(&report, &blue, "shop", "", second, 1);
    report_add(&report, &skipped, "", "", NULL, 0);
    report_settle(&report);
    CHECK_EQ(report.jobs, 3, "jobs");
    CHECK_EQ(report.ran, 2, "that ran");
    CHECK_EQ(report.failed_attempts, 1, "failed attempts");
    CHECK_EQ(report.lists[REPORT_RETRIED].count, 1, "one needed another try");
    CHECK_EQ(report.lists[REPORT_SKIPPED].count, 1, "one was skipped");
    CHECK_EQ(report.lists[REPORT_LATE].count, 0, "which is not late beside");
    CHECK_EQ(report.lists[REPORT_AT_RISK].items[0].id, 2, "one is at risk");
    CHECK_EQ(NEAR(report.usage.cpu_hours), 11000, "cpu-hours");
    CHECK_EQ(NEAR(report.usage.gib_hours), 20500, "GiB-hours");
    CHECK_EQ(NEAR(report_cost(&report, &report.usage)), 1305, "cost");
    CHECK_EQ(report.groups[REPORT_BY_TEAM].count, 2, "teams");
    CHECK_STR(report.groups[REPORT_BY_TEAM].items[0].name, "red", "the one that used more");
    CHECK_EQ(NEAR(report.groups[REPORT_BY_TEAM].items[0].usage.cpu_hours), 10000, "its cpu-hours");
    CHECK_EQ(NEAR(report.groups[REPORT_BY_TEAM].items[1].usage.gib_hours), 500, "the other's");
    CHECK_EQ(report.groups[REPORT_BY_POOL].items[0].jobs, 2, "of one pool");
    CHECK_EQ(report.groups[REPORT_BY_LABEL].items[0].jobs, 2, "with one label");
    CHECK_EQ(NEAR(report.windows[0].open_hours), 4000, "the window was open");
    CHECK_EQ(NEAR(report.windows[0].used_cpu_hours), 6000, "and used");
    CHECK_EQ(report.windows[0].jobs, 1, "by one job");
    report_finish(&report);
    zone_destroy(zone);
}

TEST(report__lists_no_more_than_it_may) {
    struct job failed = sample;
    struct report report;

    report_init(&report, AT(1), AT(7), "nightly", NULL);
    failed.state = JOB_FAILED;
    for (unsigned i = 0; i < REPORT_LISTED_MAX + 5; i++) {
        report_add(&report, &failed, "", "why", NULL, 0);
    }
    CHECK_EQ(report.lists[REPORT_FAILED].count, REPORT_LISTED_MAX + 5, "all are counted");
    CHECK_EQ(report.lists[REPORT_FAILED].listed, REPORT_LISTED_MAX, "some are listed");
    failed.window = "nightly-2,weekend";
    CHECK(!report_concerns(&report, &failed), "not of another window");
    report_finish(&report);
}
