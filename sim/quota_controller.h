/* sim/quota_controller.h - recounts what namespaces use, some time after it changed.
 *
 * Fills status.hard of new quotas and gives back what finished and deleted objects
 * had used. Remembers the highest used of every quota and key. It can be told to
 * sleep on a namespace: then used goes stale, as with a controller that hangs.
 */
#ifndef SIM_QUOTA_CONTROLLER_H
#define SIM_QUOTA_CONTROLLER_H

#include <stdint.h>

struct json_t;
struct quota_controller;
struct sim_change;
struct sim_store;

struct quota_controller_config {
    int64_t lag_us;    /* from a change that gives something back to the recount */
    int64_t resync_us; /* between recounts without a cause: they find charges that leaked */
};

/* The store is borrowed. */
struct quota_controller *quota_controller_create(struct sim_store *store,
                                                 const struct quota_controller_config *config);
void quota_controller_destroy(struct quota_controller *controller);

void quota_controller_on_change(struct quota_controller *controller,
                                const struct sim_change *change);

void quota_controller_step(struct quota_controller *controller, int64_t now_us);
int64_t quota_controller_next_us(const struct quota_controller *controller);

/* Do not recount this namespace before until_us. */
void quota_controller_sleep(struct quota_controller *controller, const char *namespace,
                            int64_t until_us);

/* The highest used ever seen of this quota and key, in the key's unit (cpu: thousandths); 0 when
 * never seen. */
int64_t quota_controller_peak(const struct quota_controller *controller, const char *namespace,
                              const char *quota, const char *key);

/* How often used went up to a value above hard: must stay 0. */
int64_t quota_controller_overruns(const struct quota_controller *controller);

/* {"namespace/quota": {"key": {"peak": "3", "hard": "4"}}}: a new object, owned by the caller. */
struct json_t *quota_controller_peaks_json(const struct quota_controller *controller);

#endif
