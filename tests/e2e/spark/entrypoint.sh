#!/bin/bash
# What the arguments of a Spark container mean: "driver ..." and "executor".
set -euo pipefail

role=$1
shift
case $role in
driver)
    # The API is not at port 443 here, and this machine has one network: the UI stays at the pod's
    # own address.
    export SPARK_LOCAL_IP=$SPARK_DRIVER_BIND_ADDRESS
    exec "$SPARK_HOME/bin/spark-submit" --deploy-mode client \
        --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" \
        --conf "spark.kubernetes.driver.master=https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT" \
        "$@"
    ;;
executor)
    options=()
    for name in $(compgen -v SPARK_JAVA_OPT_ | sort -t_ -k4n); do
        options+=("${!name}")
    done
    export SPARK_LOCAL_IP=$SPARK_EXECUTOR_POD_IP
    exec java "${options[@]}" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" \
        -cp "${SPARK_CLASSPATH-}:$SPARK_CONF_DIR:$SPARK_HOME/jars/*" \
        org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
        --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" \
        --cores "$SPARK_EXECUTOR_CORES" --app-id "$SPARK_APPLICATION_ID" \
        --hostname "$SPARK_EXECUTOR_POD_IP" \
        --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
    ;;
*) exec "$role" "$@" ;;
esac
