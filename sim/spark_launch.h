/* sim/spark_launch.h - what a driver pod was started with: its properties and its work.
 *
 * Reads the store, changes nothing.
 */
#ifndef SIM_SPARK_LAUNCH_H
#define SIM_SPARK_LAUNCH_H

#include <stdint.h>

struct json_t;
struct sim_store;

/* The file that --properties-file names, out of the ConfigMap volumes of the pod. Borrowed; NULL
 * when it is not there. */
const char *spark_launch_properties(const struct sim_store *store, const struct json_t *pod);

/* How long the application works: the annotation kubesim/runtime, else its first numeric argument
 * as milliseconds (the usual examples take a number of slices there), else the fallback. */
int64_t spark_launch_work_us(const struct json_t *pod, int64_t fallback_us);

#endif
