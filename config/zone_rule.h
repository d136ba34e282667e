/* config/zone_rule.h - the rule of the years to come at the end of a TZif file.
 *
 * Private to config:zone_file. A POSIX TZ text, such as "CET-1CEST,M3.5.0,M10.5.0/3" or
 * "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0". Source: POSIX 8.3; RFC 9636 3.3 allows hours from -167
 * to 167.
 */
#ifndef CONFIG_ZONE_RULE_H
#define CONFIG_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/zone.h"

enum zone_day_kind {
    ZONE_DAY_JULIAN, /* 1 to 365, 29 February is never counted */
    ZONE_DAY_YEAR,   /* 0 to 365 */
    ZONE_DAY_MONTH,  /* weekday of a week of a month; week 5 is the last */
};

struct zone_change {
    enum zone_day_kind kind;
    int month;
    int week;
    int day;
    int32_t time_s; /* of that day on the wall clock before the change */
};

struct zone_rule {
    char standard[ZONE_ABBREVIATION_BYTES];
    char summer[ZONE_ABBREVIATION_BYTES];
    int32_t standard_s; /* east is positive */
    int32_t summer_s;
    bool has_summer;
    struct zone_change to_summer;
    struct zone_change to_standard;
};

int zone_rule_parse(const char *text, struct zone_rule *out_rule) MUST_CHECK;

/* The instants of a year's two changes. */
int64_t zone_rule_to_summer(const struct zone_rule *rule, int year);
int64_t zone_rule_to_standard(const struct zone_rule *rule, int year);

#endif
