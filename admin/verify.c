#include <inttypes.h>

#include "admin/admin.h"
#include "queue/queue.h"

static void print_problem(void *context, const char *text) {
    struct admin *admin = context;

    (void)fprintf(admin->out, "%s\n", text);
}

int admin_verify_open(struct admin *admin, struct queue *queue) {
    struct queue_stats stats = {0};
    uint64_t problems = 0;
    int r = queue_verify_all(queue, print_problem, admin, &problems);

    if (r < 0) {
        return error_set(&admin->error, r, "can't read the queue: %s", err_sentence(r));
    }
    (void)!queue_get_stats(queue, &stats);
    if (stats.journal_lost > 0) {
        (void)fprintf(admin->out, "the journal: %" PRIu64 " commits are damaged\n",
                      stats.journal_lost);
        problems += stats.journal_lost;
    }
    (void)fprintf(admin->out,
                  "%" PRIu64 " jobs, %" PRIu64 " attempts, %" PRIu64 " events, %" PRIu64
                  " specs, %" PRIu64 " in quarantine: %" PRIu64 " problems\n",
                  stats.jobs, stats.attempts, stats.events, stats.specs, stats.quarantined,
                  problems);
    return problems == 0 ? OK
                         : error_set(&admin->error, ERR_CORRUPT, "%" PRIu64 " problems", problems);
}

int admin_verify(struct admin *admin) {
    struct queue *queue = NULL;
    int r = admin_open_copy(admin, admin->operands[0], &queue);

    if (r == OK) {
        r = admin_verify_open(admin, queue);
    }
    queue_close(queue);
    return r;
}
