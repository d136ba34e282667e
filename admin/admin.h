/* admin/admin.h - the operator's tools on a queue: `nightshiftd admin VERB`.
 *
 * What only looks (backup, verify, export, quarantine ls) copies the queue first, as of one
 * instant, and works beside a running daemon. What changes it (restore, compact, import, quarantine
 * drop) builds a new file beside the old one and renames it; the queue is locked meanwhile, so that
 * the daemon must be stopped. Killed at any moment, the queue is the old one or the new one.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* As `nightshift` has them: docs/manual/cli.md. */
enum admin_exit {
    ADMIN_OK = 0,
    ADMIN_DAMAGED = 1,
    ADMIN_USAGE = 2,
    ADMIN_REFUSED = 3, /* the daemon runs, something would be overwritten, bad input */
    ADMIN_NOT_FOUND = 4,
    ADMIN_DENIED = 6,
    ADMIN_TROUBLE = 8, /* the disk or the system failed */
};

struct admin {
    const char *data_dir;
    const char *operands[3];
    size_t operand_count;
    bool force;
    bool all;
    char *folder; /* the queue's */
    char *work;   /* a folder of our own beside it; NULL: none (yet) */
    int work_fd;  /* keeps others from clearing it away */
    int64_t now_us;
    FILE *out;
    struct error error;
};

/* From `admin` on: argv[0] is that word. */
int admin_main(int argc, char **argv, const char *default_config);

/* --- place.c: folders and files --------------------------------------------------------------- */

/* A new folder in the data folder, on the same disk as the queue. Those of processes that were
 * killed are cleared away. */
int place_make_work(struct admin *admin) MUST_CHECK;
void place_clear_work(struct admin *admin);

/* The caller frees it. */
char *place_in_work(const struct admin *admin, const char *name);

/* The folder of a path, to be freed: "." for a bare name. */
char *place_folder_of(const char *path);

/* Copy bytes to a new file (0600), and sync it. */
int place_copy_file(const char *from, const char *to, struct error *error) MUST_CHECK;
int place_sync_file(const char *path, struct error *error) MUST_CHECK;

/* Rename, and sync the folder. */
int place_rename(const char *from, const char *to, struct error *error) MUST_CHECK;

/* ERR_INVALID: the path is within the queue's folder, which is not a place for copies. */
int place_check_outside(const struct admin *admin, const char *path,
                        struct error *error) MUST_CHECK;

/* --- The verbs: OK or an error, with words in admin->error ------------------------------------ */

int admin_backup(struct admin *admin) MUST_CHECK;
int admin_restore(struct admin *admin) MUST_CHECK;
int admin_compact(struct admin *admin) MUST_CHECK;
int admin_verify(struct admin *admin) MUST_CHECK;
int admin_export(struct admin *admin) MUST_CHECK;
int admin_import(struct admin *admin) MUST_CHECK;
int admin_quarantine(struct admin *admin) MUST_CHECK;

struct queue;

/* Print what is wrong with a queue that is open, and add up. */
int admin_verify_open(struct admin *admin, struct queue *queue) MUST_CHECK;

/* A copy of the queue, or of a file (NULL: the queue), opened in the work folder: migrated and
 * settled there, the original is untouched. */
int admin_open_copy(struct admin *admin, const char *file, struct queue **out_queue) MUST_CHECK;

#endif
