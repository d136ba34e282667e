#include "policy/cron.h"

#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/rfc3339.h"
#include "policy/zone.h"
#include "tests/fake/zones.h"
#include "tests/test.h"

/* "2026-03-29T02:30" as a civil time, or "2026-03-29T01:00:00Z" as an instant: the same. */
static int64_t seconds(const char *text) {
    char whole[RFC3339_BYTES_MAX];
    int64_t time_us;

    (void)snprintf(whole, sizeof whole, "%s%s", text, text[strlen(text) - 1] == 'Z' ? "" : ":00Z");
    CHECK_OK(rfc3339_parse(whole, &time_us), text);
    return time_us / 1000000;
}

static struct cron parsed(const char *line, enum cron_dialect dialect) {
    struct error error = {0};
    struct cron cron;

    CHECK_OK(cron_parse(line, dialect, &error, &cron), line);
    return cron;
}

TEST(cron_parse__refuses_what_is_no_line) {
    static const struct {
        const char *line;
        enum cron_dialect dialect;
        const char *want; /* of the message; NULL: taken */
    } rows[] = {
        {"* * * *", CRON_CRONIE, "too few fields"},
        {"* * * * * *", CRON_CRONIE, "too many fields"},
        {"", CRON_CRONIE, "too few fields"},
        {"60 * * * *", CRON_CRONIE, "minute \"60\""},
        {"* 24 * * *", CRON_CRONIE, "hour \"24\""},
        {"* * 0 * *", CRON_CRONIE, "day of month \"0\""},
        {"* * 32 * *", CRON_CRONIE, "day of month \"32\""},
        {"* * * 13 *", CRON_CRONIE, "month \"13\""},
        {"* * * foo *", CRON_CRONIE, "month \"foo\""},
        {"* * * * 8", CRON_CRONIE, "day of week \"8\""},
        {"* * * * 7", CRON_CRONIE, NULL},
        {"* * * * 7", CRON_KUBERNETES, "day of week \"7\""},
        {"5/15 * * * *", CRON_CRONIE, "a step needs * or a range"},
        {"5/15 * * * *", CRON_KUBERNETES, NULL},
        {"? * * * *", CRON_CRONIE, "minute \"?\""},
        {"* * ? * *", CRON_KUBERNETES, NULL},
        {"*/0 * * * *", CRON_CRONIE, "minute \"*/0\""},
        {"*/ * * * *", CRON_CRONIE, "minute \"*/\""},
        {"5-1 * * * *", CRON_CRONIE, "ends before it begins"},
        {"5- * * * *", CRON_CRONIE, "has no end"},
        {"1,,2 * * * *", CRON_CRONIE, "minute \"\""},
        {"1, * * * *", CRON_CRONIE, "minute \"\""},
        {"1x * * * *", CRON_CRONIE, "minute \"1x\""},
        {"-1 * * * *", CRON_CRONIE, "minute \"-1\""},
        {"99999999999999999999 * * * *", CRON_CRONIE, "minute"},
        {"* * * jan-mar MON-fri", CRON_CRONIE, NULL},
        {"* * * january *", CRON_CRONIE, "month \"january\""},
        {"0 0 * * fri-sun", CRON_CRONIE, NULL},
        {"0 0 L * *", CRON_CRONIE, NULL},
        {"0 0 L-31 * *", CRON_CRONIE, "day of month \"L-31\""},
        {"0 0 15W,lw * *", CRON_KUBERNETES, NULL},
        {"0 0 * * L", CRON_CRONIE, "day of week \"L\""},
        {"0 0 * * 5L,mon#2", CRON_CRONIE, NULL},
        {"0 0 * * 5#6", CRON_CRONIE, "day of week \"5#6\""},
        {"0 0 30 2 *", CRON_CRONIE, "no day of any year"},
        {"0 0 29 2 *", CRON_CRONIE, NULL},
        {"@daily", CRON_CRONIE, NULL},
        {"@reboot", CRON_CRONIE, "@reboot"},
        {"@every 1h", CRON_KUBERNETES, "@every 1h"},
        {"TZ=UTC 0 0 * * *", CRON_KUBERNETES, "a zone is not said in the line"},
        {"0~30 * * * *", CRON_CRONIE, "jitter"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error error = {0};
        struct cron cron;
        int r = cron_parse(rows[i].line, rows[i].dialect, &error, &cron);

        CHECK_EQ(r, rows[i].want == NULL ? OK : ERR_INVALID, rows[i].line);
        if (rows[i].want != NULL) {
            CHECK(strstr(error.text, rows[i].want) != NULL, error.text);
        }
    }
}

TEST(cron_matches__follows_the_fields) {
    static const struct {
        const char *line;
        enum cron_dialect dialect;
        const char *civil;
        bool want;
    } rows[] = {
        {"*/15 * * * *", CRON_CRONIE, "2026-11-22T10:45", true},
        {"*/15 * * * *", CRON_CRONIE, "2026-11-22T10:46", false},
        {"10-20/5 9 * * *", CRON_CRONIE, "2026-11-22T09:20", true},
        {"10-20/5 9 * * *", CRON_CRONIE, "2026-11-22T09:25", false},
        {"5/15 * * * *", CRON_KUBERNETES, "2026-11-22T09:50", true},
        {"5/15 * * * *", CRON_KUBERNETES, "2026-11-22T09:00", false},
        {"0 0 * * 7", CRON_CRONIE, "2026-11-22T00:00", true},
        {"0 0 * * sun", CRON_CRONIE, "2026-11-22T00:00", true},
        {"0 0 * * fri-sun", CRON_CRONIE, "2026-11-22T00:00", true},
        {"0 0 * * fri-sun", CRON_CRONIE, "2026-11-23T00:00", false},
        {"0 0 * * 5-7", CRON_CRONIE, "2026-11-22T00:00", true},
        /* Both day fields: either, unless one leaves it open. */
        {"0 0 1 * mon", CRON_CRONIE, "2026-11-23T00:00", true},
        {"0 0 1 * mon", CRON_CRONIE, "2026-11-01T00:00", true},
        {"0 0 1 * mon", CRON_CRONIE, "2026-11-22T00:00", false},
        {"0 0 * * mon", CRON_CRONIE, "2026-11-24T00:00", false},
        /* cronie: what begins with * leaves it open, so both must match. */
        {"0 0 */2 * mon", CRON_CRONIE, "2026-11-23T00:00", true},
        {"0 0 */2 * mon", CRON_CRONIE, "2026-11-30T00:00", false},
        {"0 0 */2 * mon", CRON_CRONIE, "2026-11-25T00:00", false},
        /* Kubernetes: a step restricts, so either is enough. */
        {"0 0 */2 * mon", CRON_KUBERNETES, "2026-11-30T00:00", true},
        {"0 0 */2 * mon", CRON_KUBERNETES, "2026-11-25T00:00", true},
        {"0 0 1,15 * */2", CRON_KUBERNETES, "2026-11-24T00:00", true},
        {"0 0 1,15 * */2", CRON_CRONIE, "2026-11-24T00:00", false},
        {"0 0 1,15 * */2", CRON_CRONIE, "2026-11-15T00:00", true},
        /* Quartz' own. */
        {"0 0 L * *", CRON_CRONIE, "2028-02-29T00:00", true},
        {"0 0 L * *", CRON_CRONIE, "2028-02-28T00:00", false},
        {"0 0 L-3 * *", CRON_CRONIE, "2026-11-27T00:00", true},
        {"0 0 15W * *", CRON_CRONIE, "2026-11-16T00:00", true},  /* The 15th is a Sunday. */
        {"0 0 1W * *", CRON_CRONIE, "2026-08-03T00:00", true},   /* The 1st is a Saturday. */
        {"0 0 31W * *", CRON_CRONIE, "2026-05-29T00:00", true},  /* The 31st is a Sunday. */
        {"0 0 31W * *", CRON_CRONIE, "2026-04-30T00:00", false}, /* There is none. */
        {"0 0 LW * *", CRON_CRONIE, "2026-01-30T00:00", true},
        {"0 0 * * 5L", CRON_CRONIE, "2026-11-27T00:00", true},
        {"0 0 * * 5L", CRON_CRONIE, "2026-11-20T00:00", false},
        {"0 0 * * fri#2", CRON_CRONIE, "2026-11-13T00:00", true},
        {"0 0 * * fri#2", CRON_CRONIE, "2026-11-06T00:00", false},
        {"@weekly", CRON_CRONIE, "2026-11-22T00:00", true},
        {"@monthly", CRON_CRONIE, "2026-11-01T00:00", true},
        {"@monthly", CRON_CRONIE, "2026-11-02T00:00", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cron cron = parsed(rows[i].line, rows[i].dialect);
        char what[96];

        (void)snprintf(what, sizeof what, "%s at %s", rows[i].line, rows[i].civil);
        CHECK_EQ(cron_matches(&cron, seconds(rows[i].civil)), rows[i].want, what);
    }
}

/* The documented ways of two daemons: cron(8) of cronie, "Local time changes of less than three
 * hours ..."; and robfig/cron v3, which Kubernetes' CronJob controller asks, whose own tests have
 * the New York rows. Each row's instants are all there are in the stretch. */
TEST(cron_next__does_what_each_dialects_daemon_does) {
    static const struct {
        const char *what;
        enum cron_dialect dialect;
        const char *zone;
        const char *line;
        const char *from, *until;
        const char *want[6];
    } rows[] = {
        {"cronie: a fixed time in the gap runs at the jump",
         CRON_CRONIE,
         "Europe/Berlin",
         "30 2 * * *",
         "2026-03-28T22:00:00Z",
         "2026-03-30T22:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        {"Kubernetes: it is skipped",
         CRON_KUBERNETES,
         "Europe/Berlin",
         "30 2 * * *",
         "2026-03-28T22:00:00Z",
         "2026-03-30T22:00:00Z",
         {"2026-03-30T00:30:00Z"}},
        {"cronie: several in the gap, and the one at its end",
         CRON_CRONIE,
         "Europe/Berlin",
         "0,30 2,3 * * *",
         "2026-03-28T22:00:00Z",
         "2026-03-29T22:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z",
          "2026-03-29T01:30:00Z"}},
        {"cronie: a wildcard line has nothing in the gap",
         CRON_CRONIE,
         "Europe/Berlin",
         "*/30 1-3 * * *",
         "2026-03-28T22:00:00Z",
         "2026-03-29T22:00:00Z",
         {"2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z",
          "2026-03-29T01:30:00Z"}},
        {"cronie: an hour that begins with * is a wildcard too",
         CRON_CRONIE,
         "Europe/Berlin",
         "15 */2 * * *",
         "2026-03-29T00:00:00Z",
         "2026-03-29T03:00:00Z",
         {"2026-03-29T02:15:00Z"}},
        {"cronie: a fixed time that comes twice runs once",
         CRON_CRONIE,
         "Europe/Berlin",
         "30 2 * * *",
         "2026-10-24T22:00:00Z",
         "2026-10-25T22:00:00Z",
         {"2026-10-25T00:30:00Z"}},
        {"Kubernetes: it runs twice",
         CRON_KUBERNETES,
         "Europe/Berlin",
         "30 2 * * *",
         "2026-10-24T22:00:00Z",
         "2026-10-25T22:00:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}},
        {"cronie: a wildcard line runs in both hours",
         CRON_CRONIE,
         "Europe/Berlin",
         "0 * * * *",
         "2026-10-24T23:30:00Z",
         "2026-10-25T02:30:00Z",
         {"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
        {"cronie: no more than three hours are made up for",
         CRON_CRONIE,
         "Pacific/Apia",
         "0 12 * * *",
         "2011-12-29T00:00:00Z",
         "2011-12-31T12:00:00Z",
         {"2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"}},
        {"cronie: by half an hour",
         CRON_CRONIE,
         "Australia/Lord_Howe",
         "15 2 * * *",
         "2026-10-03T12:00:00Z",
         "2026-10-04T12:00:00Z",
         {"2026-10-03T15:30:00Z"}},
        {"robfig: New York, 2:30 on the day of the change",
         CRON_KUBERNETES,
         "America/New_York",
         "30 2 11 3 ?",
         "2012-03-11T05:00:00Z",
         "2013-03-12T00:00:00Z",
         {"2013-03-11T06:30:00Z"}},
        {"robfig: hourly over the change",
         CRON_KUBERNETES,
         "America/New_York",
         "0 * * * ?",
         "2012-03-11T05:30:00Z",
         "2012-03-11T08:30:00Z",
         {"2012-03-11T06:00:00Z", "2012-03-11T07:00:00Z", "2012-03-11T08:00:00Z"}},
        {"robfig: 1am nightly runs twice",
         CRON_KUBERNETES,
         "America/New_York",
         "0 1 * * ?",
         "2012-11-04T04:00:00Z",
         "2012-11-05T07:00:00Z",
         {"2012-11-04T05:00:00Z", "2012-11-04T06:00:00Z", "2012-11-05T06:00:00Z"}},
        {"robfig: 2am nightly once",
         CRON_KUBERNETES,
         "America/New_York",
         "0 2 * * ?",
         "2012-11-04T04:00:00Z",
         "2012-11-05T08:00:00Z",
         {"2012-11-04T07:00:00Z", "2012-11-05T07:00:00Z"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *zone = zones_read(rows[i].zone);
        struct cron cron = parsed(rows[i].line, rows[i].dialect);
        struct cron_time at = {.time_s = seconds(rows[i].from), .civil_s = CRON_FROM};
        size_t count = 0;

        while (cron_next(&cron, zone, cron_policy_of(rows[i].dialect), &at, &at) &&
               at.time_s < seconds(rows[i].until)) {
            CHECK(count < ARRAY_LEN(rows[i].want) && rows[i].want[count] != NULL, rows[i].what);
            CHECK_EQ(at.time_s, seconds(rows[i].want[count]), rows[i].what);
            count++;
        }
        CHECK(count == ARRAY_LEN(rows[i].want) || rows[i].want[count] == NULL, rows[i].what);
        zone_destroy(zone);
    }
}

/* Taken up again behind any occurrence, or at any instant, nothing is left out or comes again. */
TEST(cron_next__goes_on_where_it_was) {
    struct zone *zone = zones_read("Europe/Berlin");
    struct cron cron = parsed("0,30 2,3 * * *", CRON_CRONIE);
    struct cron_policy policy = {CRON_GAP_RUN, CRON_REPEAT_BOTH, 0};
    struct cron_time at = {.time_s = seconds("2026-10-24T22:00:00Z"), .civil_s = CRON_FROM};
    static const struct {
        const char *time, *civil;
        bool fold;
    } want[] = {
        {"2026-10-25T00:00:00Z", "2026-10-25T02:00", false},
        {"2026-10-25T00:30:00Z", "2026-10-25T02:30", false},
        {"2026-10-25T01:00:00Z", "2026-10-25T02:00", true},
        {"2026-10-25T01:30:00Z", "2026-10-25T02:30", true},
        {"2026-10-25T02:00:00Z", "2026-10-25T03:00", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct cron_time again;

        CHECK(cron_next(&cron, zone, policy, &at, &at), want[i].time);
        CHECK_EQ(at.time_s, seconds(want[i].time), want[i].time);
        CHECK_EQ(at.civil_s, seconds(want[i].civil), want[i].time);
        CHECK_EQ(at.fold, want[i].fold, want[i].time);
        CHECK(cron_next(&cron, zone, policy,
                        &(struct cron_time){.time_s = at.time_s, .civil_s = CRON_FROM}, &again),
              "from its instant");
        CHECK_EQ(again.civil_s, at.civil_s, "it is still to come");
        CHECK(cron_next(&cron, zone, policy,
                        &(struct cron_time){.time_s = at.time_s, .civil_s = CRON_BEHIND}, &again),
              "behind its instant");
        CHECK(again.time_s > at.time_s, "it is over");
    }
    zone_destroy(zone);
}
