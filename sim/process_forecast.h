/* sim/process_forecast.h - what the scheduler would have told a job of its start when it came.
 *
 * A forked child runs the core forward (scheduler/forecast.h) with what the core knows then, not
 * with what the trace knows: the difference to the real start is the forecast's error.
 */
#ifndef SIM_PROCESS_FORECAST_H
#define SIM_PROCESS_FORECAST_H

#include "scheduler/core.h"

/* Wall clock; CLOCK_NEVER_US: unknown, or further than a look goes. Waits for the child. */
int64_t process_forecast(struct core *core, struct instant now, uint64_t seed, uint64_t job_id);

#endif
