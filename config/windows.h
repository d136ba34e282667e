/* config/windows.h - the windows and freezes of a configuration.
 *
 *     windows:
 *       - name: nightly
 *         zone: Europe/Berlin
 *         open: "22:00"
 *         close: "06:00"               # not after open: of the next day
 *         days: [mon-fri, sun]         # the days it opens on; every day if neither is said
 *         on: [month-end]              # also on the days of these calendars
 *         except: [holidays]           # never on these
 *         hours: [{days: [sat], open: "20:00", close: "24:00"}]   # more hours
 *         spill: 30m
 *         atClose: finish | requeue | kill
 *     freezes:
 *       - {name: release, zone: Europe/Berlin, from: 2026-12-20, until: 2026-12-27T06:00,
 *          windows: [nightly]}
 *
 * Zones are files of the system's tzdata; one that is missing is a problem, never UTC.
 */
#ifndef CONFIG_WINDOWS_H
#define CONFIG_WINDOWS_H

#include "config/node.h"
#include "policy/window.h"

/* The members of the root that are read here: a list in that order, ended by NULL. */
extern const char *const windows_members[];

/* Where zones come from: tzdata's folder, and the name of the one at home ("UTC" needs no file). */
struct windows_zones {
    const char *folder;
    const char *home;
};

/* Read them from the root of a configuration, which may be NULL. Never NULL; empty on problems. */
struct window_set *windows_read(struct text_node *root, const struct windows_zones *zones,
                                struct problems *problems);

/* Another number once a file of a zone has changed: tzdata was updated, or has gone. */
uint64_t windows_zones_stamp(const struct window_set *set, const char *zoneinfo_dir);

#endif
