/* policy/zone.h - a time zone: what the clocks on its walls show at an instant, and back.
 *
 * A plain list of periods with one offset each; where they come from is elsewhere
 * (config/zone_file.h).
 *
 * Instants are seconds since the Unix epoch, civil times are base/civil.h's.
 */
#ifndef POLICY_ZONE_H
#define POLICY_ZONE_H

#include <stddef.h>
#include <stdint.h>

struct zone;

#define ZONE_ABBREVIATION_BYTES 16
#define ZONE_OFFSET_S_MAX       (26 * 3600) /* RFC 9636 3.2 recommends -25 h to 26 h */

/* Has no period yet, and can't be asked before it has one. */
struct zone *zone_create(const char *name);

/* From from_s on, until the next one: ascending, the first from INT64_MIN on. */
void zone_add_period(struct zone *zone, int64_t from_s, int32_t offset_s, const char *abbreviation);

/* Accepts NULL. */
void zone_destroy(struct zone *zone);

const char *zone_name(const struct zone *zone);

/* East of Greenwich is positive. O(log n). */
int32_t zone_offset_s(const struct zone *zone, int64_t time_s);

/* The first instant after this one at which another period begins; INT64_MAX: none does. */
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
