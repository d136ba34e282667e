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

/* Append one: "12", an element "12_7", or of an array's id how many of its elements stand how. */
int jobs_get(struct cli *cli, const char *name, struct job_set *set);

/* In the form that --output asks for. An exit status. */
int jobs_print(const struct cli *cli, const struct job_set *set);

/* One line: "17 etl RUNNING", of an array "12 parts[0-9] 7 SUCCEEDED, 3 RUNNING". */
void jobs_print_line(const struct cli *cli, const struct wire_job *job);

/* The job itself; and of an array all elements. */
bool job_is_over(const struct wire_job *job);
bool job_is_finished(const struct wire_job *job);
bool job_has_succeeded(const struct wire_job *job);

/* Sleep between two looks. */
void jobs_pause(int64_t us);

#endif
