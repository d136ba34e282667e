/* config/zone_file.h - a time zone out of the bytes of a TZif file, as tzdata installs them.
 *
 * What the file's footer says of the years to come is written out to the year 2200; later instants
 * keep the last offset. Files with leap seconds are refused: the wall clock of Unix does not count
 * them. Source: RFC 9636 (TZif), POSIX 8.3 (the TZ text of the footer).
 */
#ifndef CONFIG_ZONE_FILE_H
#define CONFIG_ZONE_FILE_H

#include <stddef.h>

#include "base/error.h"

struct zone;

/* ERR_INVALID with a sentence for anything that is no such file. */
int zone_file_parse(const char *name, const void *bytes, size_t count, struct error *error,
                    struct zone **out_zone) MUST_CHECK;

#endif
