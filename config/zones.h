/* config/zones.h - time zones by their names, out of the folder where tzdata installs them. */
#ifndef CONFIG_ZONES_H
#define CONFIG_ZONES_H

#include <stdint.h>

#include "base/error.h"

struct zone;

/* ERR_INVALID with a sentence: there is none of that name, or its file can't be read. UTC needs no
 * file. */
int zones_load(const char *folder, const char *name, struct error *error,
               struct zone **out_zone) MUST_CHECK;

/* Another number once the zone's file has changed, or has gone. */
uint64_t zones_stamp(const char *folder, const char *name);

#endif
