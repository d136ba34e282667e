#include "config/ics.h"

#include <stdbool.h>
#include <string.h>

#include <libical/ical.h>

#include "base/civil.h"
#include "config/days.h"

#define LAST_YEAR       2100
#define EVENT_DAYS_MAX  3660 /* ten years */
#define OCCURRENCES_MAX 100000

static int64_t day_of(struct icaltimetype time) {
    return civil_days(time.year, time.month, time.day);
}

static int fail(struct error *error, icalcomponent *event, const char *why) {
    const char *summary = icalcomponent_get_summary(event);

    return error_set(error, ERR_INVALID, "event \"%.80s\": %s",
                     summary == NULL ? "without a summary" : summary, why);
}

/* How many days an event touches; 0: it ends before it begins. */
static int64_t length_of(icalcomponent *event, struct icaltimetype start) {
    struct icaltimetype end = icalcomponent_get_dtend(event);
    int64_t last;

    if (icaltime_is_null_time(end)) {
        return 1;
    }
    last = day_of(end);
    /* The end is not part of it: a date, or midnight, ends with the day before. */
    if (last > day_of(start) && (end.is_date || (end.hour | end.minute | end.second) == 0)) {
        last--;
    }
    return last - day_of(start) + 1;
}

/* An occurrence that an event of its own replaces. */
static bool is_moved(icalcomponent *calendar, icalcomponent *event, int64_t day) {
    const char *uid = icalcomponent_get_uid(event);
    bool found = false;

    for (icalcompiter at = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
         uid != NULL && !found && icalcompiter_deref(&at) != NULL; icalcompiter_next(&at)) {
        icalcomponent *other = icalcompiter_deref(&at);
        struct icaltimetype replaced = icalcomponent_get_recurrenceid(other);
        const char *other_uid = icalcomponent_get_uid(other);

        found = other_uid != NULL && strcmp(uid, other_uid) == 0 &&
                !icaltime_is_null_time(replaced) && day_of(replaced) == day;
    }
    return found;
}

static bool is_excluded(icalcomponent *event, int64_t day) {
    for (icalproperty *at = icalcomponent_get_first_property(event, ICAL_EXDATE_PROPERTY);
         at != NULL; at = icalcomponent_get_next_property(event, ICAL_EXDATE_PROPERTY)) {
        if (day_of(icalproperty_get_exdate(at)) == day) {
            return true;
        }
    }
    return false;
}

/* Which event, and how long each of its occurrences is. */
struct event {
    icalcomponent *calendar;
    icalcomponent *component;
    int64_t length;
    bool repeats;
    struct days *days;
};

static void add_occurrence(const struct event *event, int64_t day) {
    if (event->repeats &&
        (is_excluded(event->component, day) || is_moved(event->calendar, event->component, day))) {
        return;
    }
    days_add(event->days, day, day + event->length - 1);
}

/* The days of a rule, before the exceptions: looking for those moves the component's cursor. */
static int read_rule(icalproperty *property, struct icaltimetype start, struct days *out) {
    icalrecur_iterator *iterator = icalrecur_iterator_new(icalproperty_get_rrule(property), start);
    struct icaltimetype at;

    if (iterator == NULL) {
        return ERR_INVALID;
    }
    for (int i = 0; i < OCCURRENCES_MAX; i++) {
        at = icalrecur_iterator_next(iterator);
        if (icaltime_is_null_time(at) || at.year > LAST_YEAR) {
            break;
        }
        days_add(out, day_of(at), day_of(at));
    }
    icalrecur_iterator_free(iterator);
    return OK;
}

static int read_repeats(const struct event *event, struct icaltimetype start, struct error *error) {
    struct days starts = {0};
    int result = OK;

    days_add(&starts, day_of(start), day_of(start));
    for (icalproperty *at = icalcomponent_get_first_property(event->component, ICAL_RRULE_PROPERTY);
         at != NULL && result == OK;
         at = icalcomponent_get_next_property(event->component, ICAL_RRULE_PROPERTY)) {
        result = read_rule(at, start, &starts);
    }
    for (icalproperty *at = icalcomponent_get_first_property(event->component, ICAL_RDATE_PROPERTY);
         at != NULL; at = icalcomponent_get_next_property(event->component, ICAL_RDATE_PROPERTY)) {
        struct icaltimetype date = icalproperty_get_rdate(at).time;

        days_add(&starts, day_of(date), day_of(date));
    }
    if (result != OK) {
        result = fail(error, event->component, "its RRULE can't be read");
    }
    for (size_t i = 0; result == OK && i < starts.count; i++) {
        add_occurrence(event, starts.items[i]);
    }
    event->days->full = event->days->full || starts.full;
    days_finish(&starts);
    return result;
}

static bool has(icalcomponent *component, icalproperty_kind kind) {
    return icalcomponent_get_first_property(component, kind) != NULL;
}

static int read_event(icalcomponent *calendar, icalcomponent *component, struct days *days,
                      struct error *error) {
    struct icaltimetype start = icalcomponent_get_dtstart(component);
    struct event event = {
        .calendar = calendar,
        .component = component,
        .repeats = has(component, ICAL_RRULE_PROPERTY) || has(component, ICAL_RDATE_PROPERTY),
        .days = days,
    };

    if (icalcomponent_get_status(component) == ICAL_STATUS_CANCELLED) {
        return OK;
    }
    if (icaltime_is_null_time(start) || !icaltime_is_valid_time(start)) {
        return fail(error, component, "it has no DTSTART");
    }
    event.length = length_of(component, start);
    if (event.length < 1 || event.length > EVENT_DAYS_MAX) {
        return fail(error, component, "it ends before it begins, or lasts more than ten years");
    }
    if (!event.repeats) {
        add_occurrence(&event, day_of(start));
        return OK;
    }
    return read_repeats(&event, start, error);
}

static int read_calendar(icalcomponent *calendar, struct days *days, struct error *error) {
    int result = OK;

    for (icalcompiter at = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
         icalcompiter_deref(&at) != NULL && result == OK; icalcompiter_next(&at)) {
        result = read_event(calendar, icalcompiter_deref(&at), days, error);
    }
    return result;
}

/* What the parser could not read, it leaves as a property of its own. */
static const char *first_complaint(icalcomponent *component) {
    icalproperty *property = icalcomponent_get_first_property(component, ICAL_XLICERROR_PROPERTY);
    const char *found = property == NULL ? NULL : icalproperty_get_xlicerror(property);

    for (icalcompiter at = icalcomponent_begin_component(component, ICAL_ANY_COMPONENT);
         found == NULL && icalcompiter_deref(&at) != NULL; icalcompiter_next(&at)) {
        found = first_complaint(icalcompiter_deref(&at));
    }
    return found;
}

/* A file may hold several calendars; the parser then wraps them. */
static int read_root(icalcomponent *root, struct days *days, struct error *error) {
    int result = OK;

    if (icalcomponent_count_errors(root) > 0) {
        const char *complaint = first_complaint(root);

        return error_set(error, ERR_INVALID, "%s",
                         complaint == NULL ? "it can't be read" : complaint);
    }
    if (icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT) {
        return read_calendar(root, days, error);
    }
    if (icalcomponent_isa(root) != ICAL_XROOT_COMPONENT) {
        return error_set(error, ERR_INVALID, "it does not begin with BEGIN:VCALENDAR");
    }
    for (icalcompiter at = icalcomponent_begin_component(root, ICAL_VCALENDAR_COMPONENT);
         icalcompiter_deref(&at) != NULL && result == OK; icalcompiter_next(&at)) {
        result = read_calendar(icalcompiter_deref(&at), days, error);
    }
    return result;
}

int ics_read(const char *text, struct days *days, struct error *error) {
    icalcomponent *root = icalparser_parse_string(text);
    int result;

    if (root == NULL) {
        return error_set(error, ERR_INVALID, "it is no iCalendar file");
    }
    result = read_root(root, days, error);
    icalcomponent_free(root);
    return result;
}
