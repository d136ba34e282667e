/* policy/runtime_history.h - how long jobs of a name ran before.
 *
 * Kept by namespace and stem of the name, so that the runs of a nightly job add up: the stem is
 * the name without its last parts (between '-', '_' and '.') as long as those are counters or
 * times: digits alone, or digits with one 't' among them and perhaps a 'z' at the end.
 * "etl-2026-11-22", "etl-20261122t0210z" and "etl-7" are runs of "etl"; "load-step2" is not one of
 * "load-step". The last RUNTIME_RUNS_MAX runs count. Beyond names_max names, the one that was
 * heard of least recently is forgotten. Pure; whoever owns it stores each name's runs.
 */
#ifndef POLICY_RUNTIME_HISTORY_H
#define POLICY_RUNTIME_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RUNTIME_RUNS_MAX  20
#define RUNTIME_KEY_BYTES 320

struct runtime_history;

struct runtime_history *runtime_history_create(size_t names_max);
void runtime_history_destroy(struct runtime_history *history); /* Accepts NULL. */

/* "namespace/stem" */
void runtime_history_key(const char *namespace, const char *name, char out_key[RUNTIME_KEY_BYTES]);

/* A run that came to its end at at_us (wall clock). True with the key of the name that was
 * forgotten for it, if one was. */
bool runtime_history_add(struct runtime_history *history, const char *key, int64_t ran_us,
                         int64_t at_us, char out_forgotten[RUNTIME_KEY_BYTES]);

/* The shortest time in which at least so many of a hundred runs were through; 0: no run is known.
 * out_runs: how many are. */
int64_t runtime_history_quantile_us(const struct runtime_history *history, const char *key,
                                    unsigned percent, unsigned *out_runs);

/* A name's runs, the latest last, to be stored; and back. ERR_CORRUPT: no runs, too many, or of
 * no time; ERR_FULL: as many names as there may be are known. */
struct runtime_runs {
    int64_t updated_us; /* when the latest came to its end, wall clock */
    size_t count;
    int64_t runs_us[RUNTIME_RUNS_MAX];
};

void runtime_history_get(const struct runtime_history *history, const char *key,
                         struct runtime_runs *out_runs);
int runtime_history_load(struct runtime_history *history, const char *key,
                         const struct runtime_runs *runs) MUST_CHECK;

#endif
