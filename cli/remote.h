/* cli/remote.h - the daemon as the verbs see it: ask, and turn refusals into exit statuses. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include <stdint.h>

#include "api/wire.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/http.h"

/* Find the daemon by options and environment. CLI_OK, or an exit status after saying why. */
int remote_open(struct cli *cli);

/* Perform; an error of the daemon's is printed as `file:line:column: path: message` lines or as
 * one sentence. CLI_OK with the body in out_body, or an exit status. */
int remote_perform(struct cli *cli, const struct http_call *call, struct buf *out_body);
int remote_get(struct cli *cli, const char *path, struct buf *out_body);
int remote_post(struct cli *cli, const char *path, struct buf *out_body);

/* Get, then print: as the document that was asked for, or by `print`. An exit status. */
int remote_show(struct cli *cli, const char *path,
                int (*print)(const struct cli *cli, const struct buf *body));

/* After a decoder's refusal: says so. CLI_SERVER. */
int remote_garbled(const struct error *error);

/* The id behind "7", "NAME" or "NAMESPACE/NAME". Names mean the one job that has not finished,
 * else the only one there is. CLI_NOT_FOUND, CLI_USAGE when there are several. */
int remote_find_job(struct cli *cli, const char *name, uint64_t *out_id);

/* "/v1/jobs/ID" and the suffix, for the job named by an operand. The caller finishes out_path. */
int remote_job_path(struct cli *cli, const char *name, const char *suffix, struct buf *out_path);

#endif
