/* config/calendars.h - the calendars of a configuration: named sets of days.
 *
 *     calendars:
 *       - name: holidays
 *         ics: /etc/nightshift/holidays.ics
 *         dates: [2026-12-24, 2026-12-27..2026-12-31]
 *         include: [bank-holidays]     # the days of other calendars too
 *         exclude: [open-sundays]      # but not these
 */
#ifndef CONFIG_CALENDARS_H
#define CONFIG_CALENDARS_H

#include <stddef.h>

#include "config/days.h"
#include "config/node.h"

struct calendar;

/* Zeroed is empty. */
struct calendars {
    struct calendar *items;
    size_t count;
};

/* Read the list, which was not checked yet; NULL: there is none. Files are read. */
void calendars_read(struct text_node *list, struct calendars *out_calendars,
                    struct problems *problems);
void calendars_finish(struct calendars *calendars);

/* The days of the calendars that a list names, settled; unknown names are problems. NULL list:
 * none. */
void calendars_days(const struct calendars *calendars, const struct text_node *names,
                    const struct trail *trail, struct days *out_days, struct problems *problems);

#endif
