#include "config/ics.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/civil.h"
#include "config/days.h"
#include "tests/test.h"

#define EVENT(body)                                                                   \
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t\r\nBEGIN:VEVENT\r\nUID:1\r\n" body \
    "END:VEVENT\r\nEND:VCALENDAR\r\n"

/* "2026-12-25 2026-12-26", at most eight of them. */
static void print_days(struct days *days, struct buf *out) {
    days_settle(days);
    for (size_t i = 0; i < days->count && i < 8; i++) {
        char text[CIVIL_DATE_BYTES];

        civil_print_date(days->items[i], text);
        buf_add_format(out, "%s%s", i == 0 ? "" : " ", text);
    }
}

TEST(ics_read__gives_the_days_that_events_touch) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"a day", EVENT("DTSTART;VALUE=DATE:20261225\r\n"), "2026-12-25"},
        {"the end is not part of it",
         EVENT("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n"),
         "2026-12-25 2026-12-26"},
        {"a duration", EVENT("DTSTART;VALUE=DATE:20261225\r\nDURATION:P2D\r\n"),
         "2026-12-25 2026-12-26"},
        {"hours of one day", EVENT("DTSTART:20261225T080000\r\nDTEND:20261225T170000\r\n"),
         "2026-12-25"},
        {"a night", EVENT("DTSTART:20261225T220000\r\nDTEND:20261226T060000\r\n"),
         "2026-12-25 2026-12-26"},
        {"until midnight", EVENT("DTSTART:20261225T220000\r\nDTEND:20261226T000000\r\n"),
         "2026-12-25"},
        {"each year, three times",
         EVENT("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY;COUNT=3\r\n"),
         "2026-12-25 2027-12-25 2028-12-25"},
        {"the last Friday of the month",
         EVENT("DTSTART;VALUE=DATE:20260130\r\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3\r\n"),
         "2026-01-30 2026-02-27 2026-03-27"},
        {"without one of them",
         EVENT("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY;COUNT=3\r\n"
               "EXDATE;VALUE=DATE:20271225\r\n"),
         "2026-12-25 2028-12-25"},
        {"and one more", EVENT("DTSTART;VALUE=DATE:20261225\r\nRDATE;VALUE=DATE:20261231\r\n"),
         "2026-12-25 2026-12-31"},
        {"one was moved",
         EVENT("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY;COUNT=2\r\nEND:VEVENT\r\n"
               "BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID;VALUE=DATE:20271225\r\n"
               "DTSTART;VALUE=DATE:20271227\r\n"),
         "2026-12-25 2027-12-27"},
        {"cancelled", EVENT("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED\r\n"), ""},
        {"for ever, until 2100", EVENT("DTSTART;VALUE=DATE:20980101\r\nRRULE:FREQ=YEARLY\r\n"),
         "2098-01-01 2099-01-01 2100-01-01"},
        {"two calendars in a file",
         EVENT("DTSTART;VALUE=DATE:20261225\r\n") EVENT("DTSTART;VALUE=DATE:20261231\r\n"),
         "2026-12-25 2026-12-31"},
        {"no event", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t\r\nEND:VCALENDAR\r\n", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct days days = {0};
        struct error error = {0};
        struct buf out;

        buf_init(&out, 1024);
        CHECK_EQ(ics_read(rows[i].text, &days, &error), OK, rows[i].what);
        print_days(&days, &out);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
        days_finish(&days);
    }
}

TEST(ics_read__refuses_what_is_no_calendar) {
    static const struct {
        const char *what;
        const char *text;
        const char *why;
    } rows[] = {
        {"nothing", "", "no iCalendar file"},
        {"a page", "<html></html>\r\n", "no iCalendar file"},
        {"an event alone", "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\n",
         "BEGIN:VCALENDAR"},
        {"no date", EVENT("SUMMARY:Christmas\r\n"), "event \"Christmas\": it has no DTSTART"},
        {"a date that is none", EVENT("DTSTART;VALUE=DATE:Christmas\r\n"), "DTSTART"},
        {"backwards", EVENT("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261220\r\n"),
         "ends before it begins"},
        {"a rule that is none", EVENT("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=SOMETIMES\r\n"),
         "RRULE"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct days days = {0};
        struct error error = {0};

        CHECK_EQ(ics_read(rows[i].text, &days, &error), ERR_INVALID, rows[i].what);
        if (strstr(error.text, rows[i].why) == NULL) {
            CHECK_STR(error.text, rows[i].why, rows[i].what);
        }
        days_finish(&days);
    }
}
