#include "policy/deadline.h"

#include "base/rfc3339.h"
#include "policy/zone.h"
#include "tests/test.h"

/* An hour east of Greenwich; 02:00 becomes 03:00 on 2026-03-29, and 03:00 02:00 on 2026-10-25. */
static struct zone *berlin(void) {
    struct zone *zone = zone_create("Test/Berlin");

    zone_add_period(zone, INT64_MIN, 3600, "CET");
    zone_add_period(zone, INT64_C(1774746000), 7200, "CEST");
    zone_add_period(zone, INT64_C(1792890000), 3600, "CET");
    return zone;
}

TEST(deadline__is_an_instant_or_an_offset_from_the_business_date) {
    static const struct {
        const char *what;
        const char *text;
        const char *business_day; /* as an instant of that day */
        const char *want;         /* "": refused */
    } rows[] = {
        {"an instant", "2026-12-24T06:00:00+01:00", "2026-01-01T12:00:00Z", "2026-12-24T05:00:00Z"},
        {"a time of the day", "06:00", "2026-12-24T12:00:00Z", "2026-12-24T05:00:00Z"},
        {"with seconds", "06:00:30", "2026-12-24T12:00:00Z", "2026-12-24T05:00:30Z"},
        {"of the next day", "+1d 06:00", "2026-12-31T12:00:00Z", "2027-01-01T05:00:00Z"},
        {"of the same day, said so", "+0d 06:00", "2026-12-31T12:00:00Z", "2026-12-31T05:00:00Z"},
        {"the end of the day", "24:00", "2026-12-31T12:00:00Z", "2026-12-31T23:00:00Z"},
        {"in summer", "06:00", "2026-07-01T12:00:00Z", "2026-07-01T04:00:00Z"},
        {"jumped over: the instant of the jump", "02:30", "2026-03-29T12:00:00Z",
         "2026-03-29T01:00:00Z"},
        {"comes twice: the first", "02:30", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"},
        {"the business date is the wall's", "06:00", "2026-12-23T23:30:00Z",
         "2026-12-24T05:00:00Z"},
        {"a year", "+366d 00:00", "2026-01-01T12:00:00Z", "2027-01-01T23:00:00Z"},
        {"too many days", "+367d 00:00", "2026-01-01T12:00:00Z", ""},
        {"no such hour", "25:00", "2026-01-01T12:00:00Z", ""},
        {"after midnight", "24:01", "2026-01-01T12:00:00Z", ""},
        {"no such minute", "06:60", "2026-01-01T12:00:00Z", ""},
        {"one digit", "6:00", "2026-01-01T12:00:00Z", ""},
        {"an hour alone", "06", "2026-01-01T12:00:00Z", ""},
        {"more behind it", "06:00:00:00", "2026-01-01T12:00:00Z", ""},
        {"a space behind it", "06:00 ", "2026-01-01T12:00:00Z", ""},
        {"no days", "+d 06:00", "2026-01-01T12:00:00Z", ""},
        {"no time", "+1d", "2026-01-01T12:00:00Z", ""},
        {"a duration", "2h", "2026-01-01T12:00:00Z", ""},
        {"nothing", "", "2026-01-01T12:00:00Z", ""},
        {"an instant without an offset", "2026-12-24T06:00:00", "2026-01-01T12:00:00Z", ""},
    };
    struct zone *zone = berlin();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct deadline deadline = {.kind = DEADLINE_NONE};
        char got[RFC3339_BYTES_MAX] = "";
        int64_t day_us;

        CHECK_EQ(rfc3339_parse(rows[i].business_day, &day_us), OK, rows[i].what);
        if (deadline_parse(rows[i].text, &deadline) == OK) {
            rfc3339_print(deadline_us(&deadline, deadline_day_of(day_us, zone), zone), got);
        }
        CHECK_STR(got, rows[i].want, rows[i].what);
    }
    zone_destroy(zone);
}

TEST(deadline__is_none_and_utc_unless_said_otherwise) {
    struct deadline deadline = {.kind = DEADLINE_NONE};

    CHECK_EQ(deadline_us(&deadline, 20000, NULL), 0, "no deadline");
    CHECK_EQ(deadline_parse("01:00", &deadline), OK, "an offset");
    CHECK_EQ(deadline_us(&deadline, 1, NULL), INT64_C(90000000000), "without a zone in UTC");
    CHECK_EQ(deadline_day_of(INT64_C(86399999999), NULL), 0, "the day too");
}
