/* policy/window.h - when a job may start: recurring hours in a time zone, minus freezes.
 *
 * A window opens when the wall clock of its zone first reaches the opening time of a day that
 * counts, and closes when it first reaches the closing time: 22:00 to 06:00 lasts 7 or 9 hours
 * in the nights that change the clocks, 02:30 on a night without it is the instant of the jump,
 * and an hour that comes twice opens once. Hours that touch are one opening.
 *
 * Pure values over zones and days that were read elsewhere. Instants are microseconds since the
 * Unix epoch.
 */
#ifndef POLICY_WINDOW_H
#define POLICY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct zone;

#define WINDOWS_PER_JOB_MAX 8
#define WINDOW_EVERY_DAY    0x7f

/* Days since 1970-01-01, ascending, each once. */
struct day_set {
    int32_t *days;
    size_t count;
};

/* What happens at close to a job that runs. Stored, so values stay. */
enum window_close {
    WINDOW_CLOSE_FINISH = 0,  /* it runs on */
    WINDOW_CLOSE_REQUEUE = 1, /* it is stopped, and waits for the next opening */
    WINDOW_CLOSE_KILL = 2,    /* it is stopped and has failed */
    WINDOW_CLOSE_COUNT,
};

/* The words for it in configurations and on the wire, ended by NULL. */
extern const char *const window_close_texts[WINDOW_CLOSE_COUNT + 1];

struct window_hours {
    uint8_t weekdays;    /* bit 0 is Sunday */
    struct day_set also; /* these days too */
    int32_t open_s;      /* since midnight on the wall clock, below 24 h */
    int32_t close_s;     /* the same; above 24 h it is the next day; above open_s */
};

struct window {
    char *name;
    const struct zone *zone;
    struct window_hours *hours; /* by open_s */
    size_t hours_count;
    struct day_set except; /* not on these days, whatever the hours say */
    int64_t spill_us;      /* an expected run may end this much after close */
    enum window_close at_close;
};

/* No starts in between. */
struct freeze {
    char *name;
    int64_t from_us;
    int64_t until_us;
    char **windows; /* only in these; none: every job, with a window or without */
    size_t window_count;
};

/* All of a configuration, zones too. Never changed once others share it. */
struct window_set {
    size_t users;
    struct window *windows; /* by name */
    size_t window_count;
    struct freeze *freezes; /* by from_us */
    size_t freeze_count;
    const struct zone *home; /* of business dates and of what names no zone; one of these: */
    struct zone **zones;
    size_t zone_count;
};

struct window_set *window_set_create(void);
struct window_set *window_set_share(struct window_set *set); /* One more user. Accepts NULL. */
void window_set_destroy(struct window_set *set);             /* One less. Accepts NULL. */

/* NULL if there is none of that name. */
const struct window *window_find(const struct window_set *set, const char *name);

/* From opening to close; CLOCK_NEVER_US: not within 400 days from when it was asked for. */
struct window_span {
    int64_t opens_us;
    int64_t closes_us;
};

/* The opening that now_us is in, or the next one; false if there is none within three years. An
 * opening cut by freezes is several. */
bool window_span_at(const struct window_set *set, const struct window *window, int64_t now_us,
                    struct window_span *out_span);

/* The longest opening in the 400 days from now_us on, freezes left aside, and spill: no run that
 * takes longer can ever start. 0: it does not open. */
int64_t window_longest_us(const struct window *window, int64_t now_us);

bool window_is_frozen_by(const struct window *window, const struct freeze *freeze);

/* May a job start now? */
struct window_answer {
    bool may_start;
    bool too_short;              /* a window is open, and what is left of it too short */
    const struct window *window; /* the one it starts in, or waits for; NULL: none, or a freeze */
    const struct freeze *freeze; /* the one that holds it */
    int64_t closes_us;           /* of the window it starts in, or that is too short */
    int64_t again_us;            /* the answer changes then; CLOCK_NEVER_US: not in sight */
};

/* Windows of several names are alternatives; none at all (count 0) asks for freezes only.
 * expected_us: the run's, 0 if not known, which fits into any window. */
struct window_answer window_ask(const struct window_set *set, const struct window *const *windows,
                                size_t count, int64_t now_us, int64_t expected_us);

#endif
