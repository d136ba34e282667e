/* scheduler/reporter.h - makes reports of what ran, a few jobs a round, so that nobody waits.
 *
 * Private to the daemon: jobs come from the core, their attempts from the queue. Also knows when
 * the configuration wants a report to be sent.
 */
#ifndef SCHEDULER_REPORTER_H
#define SCHEDULER_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct api_call;
struct daemon;
struct report;
struct reporter;

struct reporter *reporter_create(struct daemon *daemon);
void reporter_destroy(struct reporter *reporter); /* Nobody hears of what is under way. */

struct report_question {
    int64_t from_us;
    int64_t until_us;
    const char *window; /* copied; "": of all jobs */
    uint64_t call;      /* only teams that its caller may see, and given up when it has gone; 0 */
    /* From the loop, once; report is NULL if the daemon does not lead any more. */
    void (*on_report)(void *context, const struct report *report);
    void *context; /* forgotten without a word when the call has gone: a call is its own context */
};

/* ERR_FULL: so many are being made already. */
int reporter_ask(struct reporter *reporter, const struct report_question *question,
                 struct error *error) MUST_CHECK;

/* GET /v1/report and POST /v1/report. */
void reporter_call(struct reporter *reporter, struct api_call *call);

#endif
