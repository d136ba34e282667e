#include "config/windows.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rfc3339.h"
#include "config/document.h"
#include "policy/zone.h"
#include "tests/test.h"

#define ZONEINFO "/usr/share/zoneinfo"

static int read_text(const char *text, const char *zoneinfo, struct window_set **out_set,
                     struct problems *problems) {
    struct document_set documents;

    CHECK_OK(document_set_parse(text, strlen(text), 1 << 20, &documents, problems), text);
    *out_set = windows_read(&documents.documents[0],
                            &(struct windows_zones){.folder = zoneinfo, .home = "UTC"}, problems);
    problems_sort(problems);
    document_set_destroy(&documents);
    return problems->count == 0 ? OK : ERR_INVALID;
}

/* The next openings of the first window, "opens closes" each, of a text that is right. */
static void print_openings(const char *text, const char *from, size_t count, struct buf *out) {
    struct problems problems = {0};
    struct window_set *set;
    struct window_span span;
    char shown[RFC3339_BYTES_MAX];
    int64_t at_us;

    CHECK_OK(rfc3339_parse(from, &at_us), from);
    if (read_text(text, ZONEINFO, &set, &problems) != OK) {
        problems_print(&problems, "c", out);
        count = 0;
    }
    for (size_t i = 0; i < count && window_span_at(set, &set->windows[0], at_us, &span); i++) {
        rfc3339_print(span.opens_us, shown);
        buf_add_format(out, "%s%s", i == 0 ? "" : ", ", shown);
        rfc3339_print(span.closes_us, shown);
        buf_add_format(out, "..%s", shown + strlen("2026-11-"));
        at_us = span.closes_us;
    }
    problems_finish(&problems);
    window_set_destroy(set);
}

TEST(windows_read__gives_the_openings_that_were_meant) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"every night", "windows: [{name: n, zone: Europe/Berlin, open: '22:00', close: '06:00'}]",
         "2026-11-22T21:00:00Z..23T05:00:00Z, 2026-11-23T21:00:00Z..24T05:00:00Z, "
         "2026-11-24T21:00:00Z..25T05:00:00Z"},
        {"unquoted times are text", "windows: [{name: n, zone: UTC, open: 01:30, close: 02:00}]",
         "2026-11-23T01:30:00Z..23T02:00:00Z, 2026-11-24T01:30:00Z..24T02:00:00Z, "
         "2026-11-25T01:30:00Z..25T02:00:00Z"},
        {"some days",
         "windows: [{name: n, zone: UTC, open: 01:00, close: 02:00, days: [tue, thu-fri]}]",
         "2026-11-24T01:00:00Z..24T02:00:00Z, 2026-11-26T01:00:00Z..26T02:00:00Z, "
         "2026-11-27T01:00:00Z..27T02:00:00Z"},
        {"a weekend over the end of the week",
         "windows: [{name: n, zone: UTC, open: 20:00, close: 24:00, days: [friday], hours: "
         "[{days: [sat-sun], open: 00:00, close: 24:00}, {days: [mon], open: 00:00, close: "
         "06:00}]}]",
         "2026-11-20T20:00:00Z..23T06:00:00Z, 2026-11-27T20:00:00Z..30T06:00:00Z, "
         "2026-12-04T20:00:00Z..07T06:00:00Z"},
        {"on the days of a calendar only",
         "calendars: [{name: ends, dates: [2026-11-30, 2026-12-31]}]\n"
         "windows: [{name: n, zone: UTC, open: 20:00, close: 22:00, on: [ends]}]",
         "2026-11-30T20:00:00Z..30T22:00:00Z, 2026-12-31T20:00:00Z..31T22:00:00Z"},
        {"except a calendar that is made of others",
         "calendars:\n"
         "- {name: off, dates: [2026-11-23..2026-11-30], include: [more], exclude: [open]}\n"
         "- {name: more, dates: [2026-12-01]}\n"
         "- {name: open, dates: [2026-11-26]}\n"
         "windows: [{name: n, zone: UTC, open: 20:00, close: 22:00, except: [off]}]",
         "2026-11-22T20:00:00Z..22T22:00:00Z, 2026-11-26T20:00:00Z..26T22:00:00Z, "
         "2026-12-02T20:00:00Z..02T22:00:00Z"},
        {"a freeze on the wall clock",
         "windows: [{name: n, zone: Europe/Berlin, open: '22:00', close: '06:00'}]\n"
         "freezes: [{name: f, zone: Europe/Berlin, from: 2026-11-23, until: 2026-11-24T23:00}]",
         "2026-11-22T21:00:00Z..22T23:00:00Z, 2026-11-24T22:00:00Z..25T05:00:00Z, "
         "2026-11-25T21:00:00Z..26T05:00:00Z"},
        {"a freeze of other windows",
         "windows: [{name: n, zone: UTC, open: '22:00', close: '23:00'},\n"
         "          {name: o, zone: UTC, open: '22:00', close: '23:00'}]\n"
         "freezes: [{name: f, zone: UTC, from: '2026-11-22T00:00:00+01:00', until: 2027-01-01, "
         "windows: [o]}]",
         "2026-11-22T22:00:00Z..22T23:00:00Z, 2026-11-23T22:00:00Z..23T23:00:00Z, "
         "2026-11-24T22:00:00Z..24T23:00:00Z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 4096);
        print_openings(rows[i].text, "2026-11-22T12:00:00Z", 3, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(windows_read__points_at_what_is_wrong) {
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"windows: 5", "c:1:10: windows: must be a list, not 5\n"},
        {"windows: [{name: n}]", "c:1:11: windows[0].zone: missing; it is required\n"},
        {"windows: [{name: n, zone: UTC}]",
         "c:1:11: windows[0]: needs both open and close, or hours\n"},
        {"windows: [{name: n, zone: UTC, open: 01:00}]",
         "c:1:11: windows[0]: needs both open and close, or hours\n"},
        {"windows: [{name: n, zone: Europe/Berln, open: 01:00, close: 02:00}]",
         "c:1:27: windows[0].zone: time zone \"Europe/Berln\": /usr/share/zoneinfo/Europe/Berln: "
         "No such file or directory\n"},
        {"windows: [{name: n, zone: ../passwd, open: 01:00, close: 02:00}]",
         "c:1:27: windows[0].zone: \"../passwd\" is not a time zone; write it like "
         "Europe/Berlin\n"},
        {"windows: [{name: n, zone: zone.tab, open: 01:00, close: 02:00}]",
         "c:1:27: windows[0].zone: time zone \"zone.tab\": /usr/share/zoneinfo/zone.tab: not a "
         "time zone file: it does not begin with TZif\n"},
        {"windows: [{name: n, zone: UTC, open: 1:00, close: 24:01, days: [mo]}]",
         "c:1:38: windows[0].open: \"1:00\" is not a time of day; write it like 22:00\n"
         "c:1:51: windows[0].close: \"24:01\" is not a time of day; write it like 22:00\n"
         "c:1:65: windows[0].days[0]: \"mo\" is not a day; write it like mon or mon-fri\n"},
        {"windows: [{name: n, zone: UTC, open: '24:00', close: 02:00}]",
         "c:1:11: windows[0]: opens at 24:00; write 00:00, and the next day\n"},
        {"windows: [{name: n, zone: UTC, open: 01:00, close: 02:00, atClose: stop}]",
         "c:1:68: windows[0].atClose: must be finish, requeue or kill, not \"stop\"\n"},
        {"windows:\n- {name: n, zone: UTC, open: 01:00, close: 02:00}\n"
         "- {name: n, zone: UTC, open: 01:00, close: 02:00}",
         "c:3:10: windows[1]: a second window \"n\"\n"},
        {"windows: [{name: n, zone: UTC, open: 01:00, close: 02:00, except: [holiday]}]\n"
         "calendars: [{name: holidays}]",
         "c:1:68: windows[0].except[0]: there is no calendar \"holiday\" (did you mean "
         "\"holidays\"?)\n"},
        {"calendars: [{name: a, include: [b]}, {name: b, exclude: [a]}]",
         "c:1:58: calendars[1].exclude[0]: calendar \"a\" is made of itself\n"},
        {"calendars: [{name: a, dates: [2026-02-30, 2026-12-31..2026-12-24]}]",
         "c:1:31: calendars[0].dates[0]: \"2026-02-30\" is neither a date like 2026-12-24 nor a "
         "range like 2026-12-24..2026-12-31\n"
         "c:1:43: calendars[0].dates[1]: \"2026-12-31..2026-12-24\" is neither a date like "
         "2026-12-24 nor a range like 2026-12-24..2026-12-31\n"},
        {"calendars: [{name: a, dates: [1970-01-01..9999-12-31]}]",
         "c:1:13: calendars[0]: more than 100000 days\n"},
        {"calendars: [{name: a, ics: /does/not/exist.ics}]",
         "c:1:28: calendars[0].ics: /does/not/exist.ics: No such file or directory\n"},
        {"calendars: [{name: a, ics: /etc/hostname}]",
         "c:1:28: calendars[0].ics: /etc/hostname: it is no iCalendar file\n"},
        {"freezes: [{name: f, zone: UTC, from: 2026-12-24, until: 2026-12-24, windows: [n]}]",
         "c:1:11: freezes[0]: ends before it begins: until is not after from\n"
         "c:1:79: freezes[0].windows[0]: there is no window \"n\"\n"},
        {"freezes: [{name: f, zone: UTC, from: tomorrow, until: 2026-12-24T25:00}]",
         "c:1:38: freezes[0].from: \"tomorrow\" is not a time; write it like 2026-12-20, "
         "2026-12-20T18:00 or 2026-12-20T18:00:00+01:00\n"
         "c:1:55: freezes[0].until: \"2026-12-24T25:00\" is not a time; write it like 2026-12-20, "
         "2026-12-20T18:00 or 2026-12-20T18:00:00+01:00\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problems problems = {0};
        struct window_set *set;
        struct buf out;

        buf_init(&out, 4096);
        CHECK_EQ(read_text(rows[i].text, ZONEINFO, &set, &problems), ERR_INVALID, rows[i].text);
        problems_print(&problems, "c", &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].text);
        CHECK_EQ(set->window_count, 0, rows[i].text);
        window_set_destroy(set);
        problems_finish(&problems);
        buf_finish(&out);
    }
}

TEST(windows_read__takes_holidays_from_an_ics_file) {
    char path[256];
    char text[1024];
    struct buf out;
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/holidays.ics", test_folder());
    file = fopen(path, "w");
    CHECK(file != NULL, path);
    CHECK(fputs("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t\r\nBEGIN:VEVENT\r\nUID:1\r\n"
                "DTSTART;VALUE=DATE:20261123\r\nRRULE:FREQ=WEEKLY;COUNT=2\r\nEND:VEVENT\r\n"
                "END:VCALENDAR\r\n",
                file) >= 0,
          "written");
    CHECK_EQ(fclose(file), 0, "closed");
    (void)snprintf(text, sizeof text,
                   "calendars: [{name: h, ics: %s}]\n"
                   "windows: [{name: n, zone: UTC, open: 20:00, close: 21:00, days: [mon], "
                   "except: [h]}]",
                   path);
    buf_init(&out, 4096);
    print_openings(text, "2026-11-22T12:00:00Z", 1, &out);
    CHECK_STR(buf_text(&out), "2026-12-07T20:00:00Z..07T21:00:00Z", "the third Monday");
    buf_finish(&out);
}

TEST(windows_read__reads_each_zone_once_and_says_when_it_is_missing) {
    struct problems problems = {0};
    struct window_set *set;

    CHECK_OK(read_text("windows: [{name: a, zone: UTC, open: 01:00, close: 02:00},"
                       "{name: b, zone: UTC, open: 01:00, close: 02:00}]",
                       ZONEINFO, &set, &problems),
             "two windows");
    CHECK_EQ(set->zone_count, 1, "of one zone, which is that at home too");
    CHECK_EQ(set->windows[0].zone == set->windows[1].zone, true, "shared");
    window_set_destroy(set);
    CHECK_EQ(read_text("windows: [{name: a, zone: Asia/Tokyo, open: 01:00, close: 02:00}]",
                       "/does/not/exist", &set, &problems),
             ERR_INVALID, "no tzdata");
    CHECK(strstr(problems.items[0].message, "/does/not/exist/Asia/Tokyo") != NULL, "says where");
    window_set_destroy(set);
    problems_finish(&problems);
}
