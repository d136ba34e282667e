/* cli/waiting.h - until jobs have finished. */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/wire.h"
#include "cli/cli.h"

/* Texts of ids: "12", which of an array is all of it, or "12_7". */
struct job_names {
    char **items;
    size_t count, room;
};
void job_names_add(struct job_names *names, const char *name);
void job_names_finish(struct job_names *names);

/* Those that a submission made, whole arrays by their ids. */
void job_names_add_submitted(struct job_names *names, const struct wire_submitted *jobs,
                             size_t count);

/* Ask after these jobs until all have finished; says of each how it ended. An exit status. A daemon
 * that has answered once may be away for half a minute: it restarts. */
int waiting_run(struct cli *cli, const struct job_names *names);

/* The connection is lost, since *lost_us (0: just now, which is said and noted): is it worth
 * another try? Whoever gets through sets it back to 0. */
bool waiting_bear_loss(int64_t *lost_us);

#endif
