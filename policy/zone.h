/* policy/zone.h - a time zone: what the clocks on its walls show at an instant, and back.
 *
 * Made from the bytes of a TZif file; who reads files is elsewhere. What the file's footer says
 * of the years to come is written out to the year 2200; later instants keep the last offset.
 * Files with leap seconds are refused: the wall clock of Unix does not count them. Source: RFC
 * 9636 (TZif), POSIX 8.3 (the TZ text of the footer).
 *
 * Instants are seconds since the Unix epoch, civil times are base/civil.h's.
 */
#ifndef POLICY_ZONE_H
#define POLICY_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct zone;

/* ERR_INVALID with a sentence for anything that is no such file. */
int zone_parse(const char *name, const void *bytes, size_t count, struct error *error,
               struct zone **out_zone) MUST_CHECK;

/* Accepts NULL. */
void zone_destroy(struct zone *zone);

const char *zone_name(const struct zone *zone);

/* East of Greenwich is positive. O(log n). */
int32_t zone_offset_s(const struct zone *zone, int64_t time_s);

/* When clocks change next: the first instant after time_s with another offset, or at which the file
 * lists a change that alters nothing; INT64_MAX: never again. */
int64_t zone_next_change_s(const struct zone *zone, int64_t time_s);

/* What the wall clock shows. */
int64_t zone_civil_s(const struct zone *zone, int64_t time_s);

/* The first instant at which the wall clock shows this or a later time: where clocks jump over
 * it, the instant of the jump; where it comes twice, the first. */
int64_t zone_reach(const struct zone *zone, int64_t civil_s);

/* The instants at which the wall clock shows exactly this, ascending: none where clocks jump over
 * it, two where they are put back. Returns how many. */
size_t zone_instants(const struct zone *zone, int64_t civil_s, int64_t out_times_s[2]);

/* "CET"; borrowed. */
const char *zone_abbreviation(const struct zone *zone, int64_t time_s);

#endif
