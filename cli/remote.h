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

/* The id, as the interface writes it, behind "7", "12_7", "NAME" or "NAMESPACE/NAME": of an element
 * with its index, for the id of an array's first element is the whole array's. Names mean the one
 * job that has not finished, else the only one there is. CLI_NOT_FOUND, CLI_USAGE when there are
 * several. */
#define REMOTE_JOB_BYTES 48
int remote_job_name(struct cli *cli, const char *operand, char out_name[REMOTE_JOB_BYTES]);

/* That of a job that was listed; called: NULL, or an array's name means the array. */
void remote_name_of(const struct wire_job *job, const char *called,
                    char out_name[REMOTE_JOB_BYTES]);

/* "/v1/jobs/ID" and the suffix, for the job named by an operand. The caller finishes out_path. */
int remote_job_path(struct cli *cli, const char *name, const char *suffix, struct buf *out_path);

#endif
