/* sim/spark_driver.h - what the JVM in a Spark driver pod would do with the cluster.
 *
 * Reads spark.properties from the ConfigMap that is mounted, makes its executors in
 * rounds of a batch through the same front door as everybody, and tries again each
 * round when it's refused, for ever. Its work goes on only while at least 80 % of its
 * executors run; then it deletes them, its Service and their ConfigMap, and ends as
 * its annotations say. Executors whose driver has ended stop with exit code 1.
 */
#ifndef SIM_SPARK_DRIVER_H
#define SIM_SPARK_DRIVER_H

#include <stdint.h>

struct rng;
struct runtime;
struct sim_change;
struct sim_store;
struct spark_drivers;

struct spark_drivers_config {
    struct sim_store *store; /* borrowed, as the others */
    struct runtime *runtime;
    struct rng *rng;    /* names of executors */
    int64_t start_us;   /* from the pod's running to the first executors */
    int64_t round_us;   /* between rounds, unless the application says */
    int64_t runtime_us; /* of the work, unless the application says */
};

struct spark_drivers_counts {
    int64_t drivers;
    int64_t executors_created;
    int64_t executors_refused; /* POSTs answered by an error */
    int64_t completed;         /* applications whose work was done */
};

struct spark_drivers *spark_drivers_create(const struct spark_drivers_config *config);
void spark_drivers_destroy(struct spark_drivers *drivers);

void spark_drivers_on_change(struct spark_drivers *drivers, const struct sim_change *change);

void spark_drivers_step(struct spark_drivers *drivers, int64_t now_us);
int64_t spark_drivers_next_us(const struct spark_drivers *drivers);

struct spark_drivers_counts spark_drivers_counts(const struct spark_drivers *drivers);

#endif
