/* cli/dry_run.h - what a submission would create, shown and not done. */
#ifndef CLI_DRY_RUN_H
#define CLI_DRY_RUN_H

#include "base/buf.h"
#include "cli/cli.h"

/* Print the objects of a text of manifests, and what they ask for: as YAML, or with --output json
 * as the daemon's answer. file is what messages call it. An exit status. */
int dry_run(struct cli *cli, const char *file, const char *content_type, const struct buf *text);

#endif
