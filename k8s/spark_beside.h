/* k8s/spark_beside.h - the smaller objects beside a driver's pod, as JSON to POST.
 *
 * Private to k8s:spark_driver and k8s:payload. Every text is owned by the caller; owner_uid NULL:
 * without an owner.
 */
#ifndef K8S_SPARK_BESIDE_H
#define K8S_SPARK_BESIDE_H

#include <stddef.h>

struct payload_run;
struct spark_app;

char *spark_driver_network_policy(const struct spark_app *app, const struct payload_run *run,
                                  const char *owner_uid); /* NULL before Spark 4.2 */
char *spark_driver_claim(const struct spark_app *app, const struct payload_run *run,
                         const char *owner_uid, size_t index); /* NULL: no claim of that index */

#endif
