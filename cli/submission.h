/* cli/submission.h - a text of manifests sent to the daemon. */
#ifndef CLI_SUBMISSION_H
#define CLI_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "api/wire.h"
#include "base/buf.h"
#include "cli/cli.h"

/* What was accepted, of all texts. Zeroed is empty. */
struct accepted {
    struct wire_submitted *jobs;
    size_t count;
    int64_t job_count; /* with all elements of arrays, each of which is one above */
    struct wire_put *schedules;
    size_t schedule_count;
    bool replayed;
    struct wire_memory memory;
};

void accepted_finish(struct accepted *accepted);

/* Submit one text; file is what messages call it. An exit status; what was accepted is added. */
int submission_send(struct cli *cli, const char *file, const char *content_type,
                    const struct buf *text, struct accepted *accepted);

#endif
