#include "sim/process_forecast.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "scheduler/forecast.h"

/* The first start of the job in one future, sent to the parent. */
_Noreturn static void look(struct core *core, struct instant now, uint64_t seed, uint64_t job_id,
                           int fd) {
    int64_t at_us = CLOCK_NEVER_US;
    struct future future;

    future_run(
        &(struct future_options){.core = core,
                                 .now = now,
                                 .seed = seed,
                                 .horizon_us = LIMIT_FORECAST_DAYS * 86400 * CLOCK_US_PER_SECOND,
                                 .starts_max = LIMIT_FORECAST_STARTS,
                                 .until_job = job_id},
        &future);
    for (size_t i = 0; i < future.count && at_us == CLOCK_NEVER_US; i++) {
        at_us = future.starts[i].job_id == job_id ? future.starts[i].at_us : at_us;
    }
    _exit(write(fd, &at_us, sizeof at_us) == (ssize_t)sizeof at_us ? 0 : 1);
}

int64_t process_forecast(struct core *core, struct instant now, uint64_t seed, uint64_t job_id) {
    int64_t at_us = CLOCK_NEVER_US;
    int ends[2];
    pid_t child;

    if (pipe(ends) != 0) {
        return CLOCK_NEVER_US;
    }
    child = fork();
    if (child == 0) {
        look(core, now, seed, job_id, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0 || read(ends[0], &at_us, sizeof at_us) != (ssize_t)sizeof at_us) {
        at_us = CLOCK_NEVER_US;
    }
    (void)close(ends[0]);
    if (child > 0) {
        (void)waitpid(child, NULL, 0);
    }
    return at_us;
}
