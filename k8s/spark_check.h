/* k8s/spark_check.h - what of a Spark configuration we refuse, drop or insist on.
 *
 * Source: the rules of spark-submit in cluster mode and of the operator; in addition what would
 * have made spark-submit create objects that we do not.
 */
#ifndef K8S_SPARK_CHECK_H
#define K8S_SPARK_CHECK_H

#include "base/error.h"

struct field_error;
struct json_at;
struct spark_app;

/* The step that makes a NetworkPolicy, as spark.kubernetes.driver.pod.excludedFeatureSteps has it.
 */
#define SPARK_NETWORK_POLICY_STEP "org.apache.spark.deploy.k8s.features.NetworkPolicyFeatureStep"

/* Drops keys that are not Spark's and spark.driver.host; refuses the rest of the tables. */
int spark_check(const struct json_at *spec, const char *namespace_, struct spark_app *app,
                struct field_error *error) MUST_CHECK;

#endif
