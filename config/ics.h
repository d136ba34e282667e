/* config/ics.h - the days of an iCalendar file (RFC 5545), such as a list of holidays.
 *
 * A day counts if an event touches it: events of several days, repeated ones (RRULE, RDATE,
 * EXDATE, single occurrences that were moved) until the end of 2100, events with a time on the
 * dates they are written with. Cancelled events do not count; to-dos and the rest are ignored.
 */
#ifndef CONFIG_ICS_H
#define CONFIG_ICS_H

#include "base/error.h"

struct days;

/* Add the days of a text. ERR_INVALID with a sentence for what is no calendar, or holds an event
 * that can't be read. */
int ics_read(const char *text, struct days *days, struct error *error) MUST_CHECK;

#endif
