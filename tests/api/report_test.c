#include "api/report.h"

#include <string.h>

#include "base/buf.h"
#include "policy/report.h"
#include "tests/test.h"

#define HOUR INT64_C(3600000000)

static void make(struct report *report) {
    const struct report_attempt attempts[] = {{.admitted_us = 24 * HOUR,
                                               .finished_us = 26 * HOUR,
                                               .cpu_milli = 1500,
                                               .memory_bytes = INT64_C(1) << 31,
                                               .failed = true,
                                               .pool = ""}};

    report_init(report, 24 * HOUR, 48 * HOUR, "", NULL);
    report_add(report,
               &(struct job){.id = 7,
                             .name = "etl",
                             .namespace = "n",
                             .team = "<b>&\"",
                             .state = JOB_FAILED,
                             .failure = FAILURE_APP,
                             .submitted_us = 24 * HOUR,
                             .finished_us = 26 * HOUR,
                             .finish_by_us = 25 * HOUR,
                             .alarms = ALARM_FINISH_MISSED,
                             .attempt = 1},
               "", "a\x1b[31m \"quoted\" <script>", attempts, 1);
    report_settle(report);
    report->price_cpu_hour = 0.5;
    report->currency = "EUR";
}

TEST(report_print__has_three_forms) {
    struct report report;
    struct buf out;

    make(&report);
    buf_init(&out, 1 << 20);
    report_print(&report, REPORT_JSON, NULL, &out);
    CHECK(strstr(buf_text(&out), "\"cpuHours\":3.000,\"gibHours\":4.000,\"cost\":1.50") != NULL,
          buf_text(&out));
    CHECK(strstr(buf_text(&out), "\"late\":{\"count\":1,\"jobs\":[{\"id\":7,") != NULL,
          buf_text(&out));
    buf_clear(&out);
    report_print(&report, REPORT_TEXT, NULL, &out);
    CHECK_STR(buf_text(&out),
              "nightshift: 1970-01-02 00:00 to 1970-01-03 00:00 UTC\n\n"
              "1 jobs ran: 0 succeeded, 1 failed, 0 cancelled; 0 skipped; 1 late; 1 failed "
              "attempts. 0 wait, 0 are under way, 0 are at risk.\n"
              "  all  3.0 cpu-hours  4.0 GiB-hours  1.50 EUR\n"
              "\nFailed: 1\n"
              "  7  n/etl  <b>&\"  FAILED  app  a [31m \"quoted\" <script>\n"
              "\nLate: 1\n"
              "  7  n/etl  <b>&\"  FAILED  due 1970-01-02 01:00  app  a [31m \"quoted\" <script>\n"
              "\nUsed by team\n"
              "  <b>&\"  1 jobs  3.0 cpu-hours  4.0 GiB-hours  1.50 EUR\n",
              "text without what a terminal would obey");
    buf_clear(&out);
    report_print(&report, REPORT_HTML, NULL, &out);
    CHECK(strstr(buf_text(&out), "<script") == NULL, "nothing runs");
    CHECK(strstr(buf_text(&out), "src=") == NULL && strstr(buf_text(&out), "href=") == NULL,
          "nothing is fetched");
    CHECK(strstr(buf_text(&out), "<td>&lt;b&gt;&amp;&quot;</td>") != NULL, buf_text(&out));
    buf_finish(&out);
    report_finish(&report);
}
