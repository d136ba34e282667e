/* scheduler/preempting.h - stopping jobs so that others can start.
 *
 * Private to scheduler/core. Who goes for whom is policy's choice (policy/plan.h).
 */
#ifndef SCHEDULER_PREEMPTING_H
#define SCHEDULER_PREEMPTING_H

#include "scheduler/view.h"

/* After a pass, before its starts are admitted: choose. Then, once they are: stop the victims. */
void preempting_choose(struct core *core, const struct plan_input *input);
void preempting_carry_out(struct core *core);

#endif
