/* cli/jobs.h - jobs fetched from the daemon, and how they are shown. */
#ifndef CLI_JOBS_H
#define CLI_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/wire.h"
#include "cli/cli.h"

struct job_set { /* zeroed is empty and ready */
    struct wire_job *items;
    size_t count, room;
    bool more; /* there are more than --limit */
    struct wire_memory memory;
};
void job_set_finish(struct job_set *set);

/* Append what the options ask for, page by page. An exit status. */
int jobs_list(struct cli *cli, struct job_set *set);

/* Append one. */
int jobs_get(struct cli *cli, uint64_t id, struct job_set *set);

/* In the form that --output asks for. An exit status. */
int jobs_print(const struct cli *cli, const struct job_set *set);

/* One line: "17 etl RUNNING". */
void jobs_print_line(const struct cli *cli, const struct wire_job *job);

bool job_is_finished(const struct wire_job *job);

/* Ask after these jobs until all have finished; says of each how it ended. An exit status. A daemon
 * that has answered once may be away for half a minute: it restarts. */
int jobs_wait(struct cli *cli, const uint64_t *ids, size_t count);

/* The connection is lost, since *lost_us (0: just now, which is said and noted): is it worth
 * another try? Whoever gets through sets it back to 0. */
bool jobs_bear_loss(int64_t *lost_us);

/* Sleep between two looks. */
void jobs_pause(int64_t us);

#endif
