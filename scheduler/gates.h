/* scheduler/gates.h - windows and freezes: which shapes of jobs may start at this hour.
 *
 * Private to scheduler/core. Jobs with the same windows and expected run time share a gate, which
 * opens and shuts by the wall clock; a shut one keeps its shapes out of the pass, and says why and
 * until when. A freeze of everything shuts out all jobs, those without windows too.
 */
#ifndef SCHEDULER_GATES_H
#define SCHEDULER_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "policy/reason.h"
#include "policy/window.h"

struct core;

struct gate;

/* Zeroed is empty and ready; the windows come with core_settings. */
struct gates {
    struct map by_key;           /* "windows expected_us" -> struct gate */
    struct map longest;          /* "windows" -> struct longest */
    int64_t looked_us;           /* when they were looked at last */
    int64_t due_us;              /* and are to be again */
    const struct freeze *freeze; /* of everything; NULL: none now */
    struct reason freeze_reason;
};

void gates_finish(struct core *core);

/* The windows were replaced: everything is looked at again. */
void gates_replaced(struct core *core);

/* See what the clock has opened or shut; a pass is needed if it did. */
void gates_tick(struct core *core);

/* When to look again, from the turn's instant; CLOCK_NEVER_US. Never far ahead: the wall clock may
 * be set. */
int64_t gates_wake_after_us(const struct core *core);

/* The gate of jobs with these windows that are expected to run so long (0: unknown), with one more
 * user; NULL: there are no windows. */
struct gate *gate_take(struct core *core, const char *windows, int64_t expected_us);
void gate_drop(struct core *core, struct gate *gate); /* Accepts NULL. */

/* Rounded up, so that jobs that hardly differ share a gate. */
int64_t gate_rounded_us(int64_t expected_us);

/* Could such a job ever start? ERR_INVALID with the window that is not there, or the numbers. */
int gate_check(struct core *core, const char *windows, int64_t expected_us,
               struct error *error) MUST_CHECK;

/* Is the window one of the gate's? gate may be NULL. */
bool gate_has_window(const struct gate *gate, const char *name);

/* When a job admitted now is to be stopped, and what becomes of it then; 0: it may run on. */
int64_t gate_close_us(const struct gate *gate, enum window_close *out_at_close);

/* Why jobs behind it may not start; NULL: they may. gate may be NULL. */
const struct reason *gate_reason(const struct core *core, const struct gate *gate);

#endif
