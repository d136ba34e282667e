#!/usr/bin/python3
"""Every field of a SparkApplication (v1beta2), and what it becomes: a row each, against the daemon's dry run.

Usage: spark_fields_test.py KUBESIM NIGHTSHIFTD SPARK_SCHEMA.C

The fields are those of the schema's own source: one without a row fails, as does a row without a field.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nightshift_process import World  # noqa: E402
from rows import programs_of  # noqa: E402

BASE = {"type": "Scala", "sparkVersion": "3.5.6", "image": "apache/spark:3.5.6", "mainClass": "org.example.Main",
        "mainApplicationFile": "local:///x.jar"}
ABSENT = "(absent)"
COUNT = {"failed": 0, "ok": 0}


def check(what, good, told=""):
    COUNT["ok" if good else "failed"] += 1
    print("test %s: spark fields: %s" % ("ok" if good else "failed", what))
    if not good:
        print("    | " + str(told).replace("\n", "\n    | "))


# --- What the fields are -----------------------------------------------------------------------

def schema_fields(path):
    """{"driver.cores", ...} of the tables in the source."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    common = re.search(r"#define SPARK_POD_FIELDS(.*?)\n\n", text, re.S).group(1)
    tables = dict(re.findall(r"static const struct field (\w+)_fields\[\] = \{(.*?)\n\};", text, re.S))

    def expand(name, prefix):
        body = tables[name].replace("SPARK_POD_FIELDS", common)
        found = set()
        pattern = (r'FIELD_OF\("(\w+)",\s*FIELD_OBJECTS?,\s*(\w+)\)|FIELD\w*\("([\w-]+)"'
                   r'|\.name = "(\w+)", \.type = FIELD_OBJECT, \.object = &(\w+)|\.name = "(\w+)"')
        for of, schema, plain, named, inner, other in re.findall(pattern, body):
            field, below = of or plain or named or other, schema or inner
            if below in tables and below not in ("name_path", "secret", "gpu", "port", "template"):
                found |= expand(below, prefix + field + ".")
            else:
                found.add(prefix + field)
        return found

    return expand("spark_spec", "")


# --- What they become --------------------------------------------------------------------------

def conf(key, value):
    return ("sparkConf." + key, value)


ROWS = {}


def row(fields, spec, *wants, refused=None):
    """fields: one or more that this row shows. wants: (path, value) of what is made of spec."""
    for field in fields.split():
        if field in ROWS:
            raise AssertionError("%s has two rows" % field)
        ROWS[field] = None
    ROWS[fields] = (spec, wants, refused)
    if " " in fields:
        for field in fields.split():
            ROWS[field] = ROWS.get(field)


K = "spark.kubernetes."
CONTAINER = "spec.containers.0."

row("type", {"type": "Python", "mainApplicationFile": "local:///x.py", "mainClass": None},
    conf(K + "resource.type", "python"))
row("sparkVersion", {"sparkVersion": "4.1.0", "image": "own"}, ("pod.metadata.labels.spark-version", "4.1.0"))
row("mode", {"mode": "client"}, refused="no quota counts")
row("mainClass mainApplicationFile arguments", {"arguments": ["a b", "--c"]}, (
    "pod." + CONTAINER + "args", ["driver", "--properties-file", "/opt/spark/conf/spark.properties", "--class",
                                  "org.example.Main", "local:///x.jar", "a b", "--c"]))
row("proxyUser", {"proxyUser": "bob"}, ("pod." + CONTAINER + "args.1", "--proxy-user"),
    ("pod." + CONTAINER + "args.2", "bob"))
row("image imagePullPolicy imagePullSecrets", {"imagePullPolicy": "Always", "imagePullSecrets": ["a", "b"]},
    ("pod." + CONTAINER + "image", "apache/spark:3.5.6"), ("pod." + CONTAINER + "imagePullPolicy", "Always"),
    ("pod.spec.imagePullSecrets", [{"name": "a"}, {"name": "b"}]), conf(K + "container.image", "apache/spark:3.5.6"),
    conf(K + "container.image.pullPolicy", "Always"), conf(K + "container.image.pullSecrets", "a,b"))
row("sparkConf", {"sparkConf": {"spark.x": "y", "other": "z"}}, conf("spark.x", "y"), conf("other", ABSENT))
row("hadoopConf", {"hadoopConf": {"a.b": "c"}}, conf("spark.hadoop.a.b", "c"))
row("sparkConfigMap", {"sparkConfigMap": "m"}, ("mounts.m", "/etc/spark/conf"), ("env.SPARK_CONF_DIR", "/etc/spark/conf"))
row("hadoopConfigMap", {"hadoopConfigMap": "m"}, ("mounts.m", "/etc/hadoop/conf"),
    ("env.HADOOP_CONF_DIR", "/etc/hadoop/conf"))
row("volumes driver.volumeMounts executor.volumeMounts", {
    "volumes": [{"name": "v", "emptyDir": {}}, {"name": "spark-local-dir-1", "hostPath": {"path": "/d"}}],
    "driver": {"volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "spark-local-dir-1", "mountPath": "/l"}]},
    "executor": {"volumeMounts": [{"name": "spark-local-dir-1", "mountPath": "/l"}]}},
    ("mounts.v", "/v"), ("mounts.spark-local-dir-1", "/l"), ("env.SPARK_LOCAL_DIRS", "/l"),
    conf(K + "executor.volumes.hostPath.spark-local-dir-1.options.path", "/d"))
HOST = "kubernetes.io/hostname"
row("nodeSelector", {"nodeSelector": {HOST: "node-1"}}, conf(K + "node.selector." + HOST, "node-1"),
    ("pod.spec.nodeSelector." + HOST, "node-1"))
row("memoryOverheadFactor", {"memoryOverheadFactor": "0.5", "driver": {"memory": "4g"}},
    conf(K + "memoryOverheadFactor", "0.5"), ("pod." + CONTAINER + "resources.requests.memory", "6144Mi"))
row("pythonVersion", {"pythonVersion": "3"}, conf(K + "pyspark.pythonVersion", "3"))
row("deps.jars deps.files deps.pyFiles deps.archives deps.packages deps.excludePackages deps.repositories",
    {"deps": {"jars": ["https://h/a.jar"], "files": ["https://h/f"], "pyFiles": ["https://h/p.zip"],
              "archives": ["https://h/t.tgz#t"], "packages": ["g:a:1"], "excludePackages": ["g:b"],
              "repositories": ["https://r"]}},
    conf("spark.jars", "https://h/a.jar,local:///x.jar"), conf("spark.files", "https://h/f"),
    conf("spark.submit.pyFiles", "https://h/p.zip"), conf("spark.archives", "https://h/t.tgz#t"),
    conf("spark.jars.packages", "g:a:1"), conf("spark.jars.excludes", "g:b"),
    conf("spark.jars.repositories", "https://r"))
row("driver.kubernetesMaster", {"driver": {"kubernetesMaster": "https://other:1"}},
    conf(K + "driver.master", "https://other:1"))
row("driver.podName", {"driver": {"podName": "mine"}}, ("pod.metadata.name", "mine"), conf(K + "driver.pod.name", "mine"))
row("driver.serviceLabels driver.serviceAnnotations", {"driver": {"serviceLabels": {"a": "b"}, "serviceAnnotations": {"c": "d"}}},
    ("service.metadata.labels.a", "b"), ("service.metadata.annotations.c", "d"))
row("executor.instances", {"executor": {"instances": 4}}, conf("spark.executor.instances", "4"), ("requests.pods", "5"))
row("executor.deleteOnTermination", {"executor": {"deleteOnTermination": False}},
    conf(K + "executor.deleteOnTermination", "false"))
A = "dynamicAllocation."
row(" ".join(A + name for name in ("enabled", "initialExecutors", "minExecutors", "maxExecutors", "reserve",
                                   "shuffleTrackingEnabled", "shuffleTrackingTimeout")),
    {"dynamicAllocation": {"enabled": True, "initialExecutors": 2, "minExecutors": 1, "maxExecutors": 5, "reserve": "max",
                           "shuffleTrackingEnabled": True, "shuffleTrackingTimeout": 9000}},
    conf("spark.dynamicAllocation.enabled", "true"), conf("spark.dynamicAllocation.initialExecutors", "2"),
    conf("spark.dynamicAllocation.minExecutors", "1"), conf("spark.dynamicAllocation.maxExecutors", "5"),
    conf("spark.dynamicAllocation.shuffleTracking.enabled", "true"),
    conf("spark.dynamicAllocation.shuffleTracking.timeout", "9000"), ("requests.pods", "6"))
M = "monitoring."
row(" ".join(M + name for name in ("exposeDriverMetrics", "exposeExecutorMetrics", "metricsProperties", "prometheus.configuration",
                                   "prometheus.jmxExporterJar", "prometheus.port", "prometheus.portName")),
    {"monitoring": {"exposeDriverMetrics": True, "exposeExecutorMetrics": True, "metricsProperties": "a=b",
                    "prometheus": {"jmxExporterJar": "/j.jar", "port": 9, "portName": "p", "configuration": "x: y"}}},
    ("metrics.metrics.properties", "a=b"), ("metrics.prometheus.yaml", "x: y"),
    ("pod.metadata.annotations.prometheus.io/port", "9"), conf("spark.metrics.namespace", "default.app"),
    conf("spark.metrics.conf", "/etc/metrics/conf/metrics.properties"),
    conf("spark.driver.extraJavaOptions", "-javaagent:/j.jar=9:/etc/metrics/conf/prometheus.yaml"),
    conf("spark.executor.extraJavaOptions", "-javaagent:/j.jar=9:/etc/metrics/conf/prometheus.yaml"))
row(M + "metricsPropertiesFile " + M + "prometheus.configFile",
    {"monitoring": {"exposeDriverMetrics": True, "metricsPropertiesFile": "/m",
                    "prometheus": {"jmxExporterJar": "/j.jar", "configFile": "/c"}}},
    conf("spark.metrics.conf", "/m"), conf("spark.driver.extraJavaOptions", "-javaagent:/j.jar=8090:/c"))
row("batchScheduler batchSchedulerOptions.queue batchSchedulerOptions.priorityClassName batchSchedulerOptions.resources",
    {"batchScheduler": "volcano", "batchSchedulerOptions": {"queue": "q", "priorityClassName": "high",
                                                            "resources": {"cpu": "1"}}},
    ("pod.spec.schedulerName", ABSENT))
UI = {"ingressAnnotations": {"i": "j"}, "ingressTLS": [{"hosts": ["h"]}], "ingressURLFormat": "h.example/{{$appName}}",
      "serviceAnnotations": {"c": "d"}, "serviceLabels": {"a": "b"}, "servicePort": 8080, "servicePortName": "web",
      "serviceType": "NodePort"}
for place, tail, options in (("sparkUIOptions", "ui-svc", UI), ("driverIngressOptions", "driver-8080", [UI])):
    row(" ".join(place + "." + name for name in UI), {place: options},
        ("exposed.%s.spec.type" % tail, "NodePort"), ("exposed.%s.spec.ports.0.port" % tail, 8080),
        ("exposed.%s.spec.ports.0.name" % tail, "web"), ("exposed.%s.metadata.labels.a" % tail, "b"),
        ("exposed.%s.metadata.annotations.c" % tail, "d"), ("ingress.spec.rules.0.host", "h.example"),
        ("ingress.metadata.annotations.i", "j"), ("ingress.spec.tls.0.hosts.0", "h"))
row("driverPodDisruptionBudget", {"driverPodDisruptionBudget": True}, ("budget.spec.minAvailable", 1))
row("localFiles.hadoopConf", {"localFiles": {"hadoopConf": {"core-site.xml": "<x/>"}}}, ("env.HADOOP_CONF_DIR", "/opt/hadoop/conf"))
row("localFiles.krb5Conf", {"localFiles": {"krb5Conf": {"krb5.conf": "x"}}}, ("mountPaths.krb5-file", "/etc/krb5.conf"))
row("localFiles.sparkConf", {"localFiles": {"sparkConf": {"log4j2.properties": "x"}}}, ("map.log4j2.properties", "x"))
row("localFiles.keytab", {"localFiles": {"keytab": {"k": "QQ=="}}, "sparkConf": {"spark.kerberos.principal": "p"}},
    ("mountPaths.kerberos-keytab", "/mnt/secrets/kerberos-keytab"))
row(" ".join("localFiles.driverCredentials." + name for name in ("ca-cert", "client-cert", "client-key", "oauth-token")),
    {"localFiles": {"driverCredentials": {name: "QQ==" for name in ("ca-cert", "client-cert", "client-key", "oauth-token")}}},
    *[conf(K + "authenticate.driver.mounted." + key, "/mnt/secrets/spark-kubernetes-credentials/" + name) for key, name in (
        ("caCertFile", "ca-cert"), ("clientCertFile", "client-cert"), ("clientKeyFile", "client-key"),
        ("oauthTokenFile", "oauth-token"))])
# The queue's: //tests/integration:spark_test and //config:manifest_test show what they do.
row("failureRetries retryInterval suspend timeToLiveSeconds restartPolicy.type restartPolicy.onFailureRetries "
    "restartPolicy.onFailureRetryInterval restartPolicy.onSubmissionFailureRetries "
    "restartPolicy.onSubmissionFailureRetryInterval",
    {"failureRetries": 1, "retryInterval": 1, "suspend": True, "timeToLiveSeconds": 5, "restartPolicy": {
        "type": "OnFailure", "onFailureRetries": 1, "onFailureRetryInterval": 1, "onSubmissionFailureRetries": 1,
        "onSubmissionFailureRetryInterval": 1}}, ("pod.spec.restartPolicy", "Never"))

# Of both roles: what they are as a property, or on the pod. An executor's pod is its template.
for ROLE in ("driver", "executor"):
    S, R, POD = "spark.%s." % ROLE, K + ROLE + ".", "pod" if ROLE == "driver" else "template"
    MAIN = "%s.main." % POD

    def both(fields, spec, *wants, **options):
        row(" ".join(ROLE + "." + name for name in fields.split()), {**options.pop("more", {}), ROLE: spec}, *wants, **options)
    both("cores memory memoryOverhead", {"cores": 2, "memory": "2g", "memoryOverhead": "1g"}, conf(S + "cores", "2"),
         conf(S + "memory", "2g"), conf(S + "memoryOverhead", "1g"))
    both("coreRequest coreLimit", {"coreRequest": "500m", "coreLimit": "1500m"}, conf(R + "request.cores", "500m"),
         conf(R + "limit.cores", "1500m"))
    both("memoryLimit", {"memory": "1g", "memoryLimit": "3g"}, *(
        [("pod.main.resources.limits.memory", "3Gi")] if ROLE == "driver" else [conf(S + "memoryOverhead", "2048m")]))
    both("image", {"image": "own:3.5.6"}, conf(R + "container.image", "own:3.5.6"))
    both("serviceAccount", {"serviceAccount": "robot"}, conf(K + "authenticate.%s.serviceAccountName" % ROLE, "robot"))
    both("javaOptions", {"javaOptions": "-Xss1m"}, conf(S + "extraJavaOptions", "-Xss1m"))
    both("labels annotations", {"labels": {"a": "b"}, "annotations": {"c": "d"}}, conf(R + "label.a", "b"),
         conf(R + "annotation.c", "d"))
    both("envVars", {"envVars": {"A": "b"}}, conf(K + "driverEnv.A" if ROLE == "driver" else "spark.executorEnv.A", "b"))
    both("envSecretKeyRefs", {"envSecretKeyRefs": {"A": {"name": "s", "key": "k"}}}, conf(R + "secretKeyRef.A", "s:k"))
    both("env", {"env": [{"name": "A", "value": "b"}]}, *(
        [("env.A", "b")] if ROLE == "driver" else [conf("spark.executorEnv.A", "b")]))
    both("envFrom", {"envFrom": [{"configMapRef": {"name": "m"}}]}, (MAIN + "envFrom.0.configMapRef.name", "m"))
    both("secrets", {"secrets": [{"name": "s", "path": "/s", "secretType": "GCPServiceAccount"}]}, conf(R + "secrets.s", "/s"),
         conf((K + "driverEnv." if ROLE == "driver" else "spark.executorEnv.") + "GOOGLE_APPLICATION_CREDENTIALS", "/s/key.json"))
    both("configMaps", {"configMaps": [{"name": "m", "path": "/m"}]}, (MAIN + "volumeMounts.0.mountPath", "/m"))
    both("gpu", {"gpu": {"name": "nvidia.com/gpu", "quantity": 1}}, (MAIN + "resources.limits.nvidia.com/gpu", "1"))
    both("ports", {"ports": [{"name": "p", "containerPort": 5, "protocol": "TCP"}]}, (MAIN + "portNamed.p", 5))
    both("securityContext lifecycle", {"securityContext": {"runAsUser": 5}, "lifecycle": {"preStop": {"exec": {"command": ["x"]}}}},
         (MAIN + "securityContext.runAsUser", 5), (MAIN + "lifecycle.preStop.exec.command.0", "x"))
    AFFINITY = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    both("affinity tolerations podSecurityContext dnsConfig hostAliases priorityClassName terminationGracePeriodSeconds "
         "shareProcessNamespace", {
             "affinity": AFFINITY, "tolerations": [{"key": "t", "operator": "Exists"}], "podSecurityContext": {"fsGroup": 5},
             "dnsConfig": {"nameservers": ["1.1.1.1"]}, "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["h"]}],
             "priorityClassName": "high", "terminationGracePeriodSeconds": 5, "shareProcessNamespace": True},
         (POD + ".spec.affinity", AFFINITY), (POD + ".spec.tolerations.0.key", "t"), (POD + ".spec.securityContext.fsGroup", 5),
         (POD + ".spec.dnsConfig.nameservers.0", "1.1.1.1"), (POD + ".spec.hostAliases.0.ip", "1.1.1.1"),
         (POD + ".spec.priorityClassName", "high"), (POD + ".spec.terminationGracePeriodSeconds", 5),
         (POD + ".spec.shareProcessNamespace", True))
    both("hostNetwork", {"hostNetwork": True}, (POD + ".spec.hostNetwork", True),
         (POD + ".spec.dnsPolicy", "ClusterFirstWithHostNet"))
    both("schedulerName", {"schedulerName": "s"}, conf(R + "scheduler.name", "s"))
    both("nodeSelector", {"nodeSelector": {HOST: "node-1"}}, conf(R + "node.selector." + HOST, "node-1"))
    both("sidecars initContainers", {"sidecars": [{"name": "side", "image": "i"}], "initContainers": [{"name": "init", "image": "i"}]},
         (POD + ".spec.initContainers.0.name", "init"), (POD + ".named.side", "i"))
    both("template", {"template": {"spec": {"nodeSelector": {HOST: "node-1"}, "containers": [{"name": "c"}]}}},
         (POD + ".spec.nodeSelector." + HOST, "node-1"))


# --- Looking -----------------------------------------------------------------------------------

def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text)


def properties(text):
    pairs = {}
    for line in text.split("\n"):
        if line and line[0] not in "#!":
            found = re.match(r"((?:\\.|[^\\=])*)=(.*)$", line)
            pairs[unescaped(found.group(1))] = unescaped(found.group(2))
    return pairs


def with_main(pod):
    """Handles for rows: the Spark container, ports by name, and the images of containers by name."""
    containers = pod["spec"].get("containers", [])
    main = next((one for one in containers if one["name"].startswith("spark-kubernetes")), (containers or [{}])[0])
    main = dict(main, portNamed={port.get("name"): port["containerPort"] for port in main.get("ports", [])})
    return dict(pod, main=main, named={one["name"]: one.get("image") for one in containers})


def made_of(answer):
    """What the rows' paths begin with."""
    item = answer["items"][0]
    found = {"requests": item["requests"], "exposed": {}}
    for thing in item["objects"]:
        kind, name = thing["kind"], thing["metadata"]["name"]
        data = thing.get("data", {})
        if kind == "Pod":
            sources = {volume["name"]: volume for volume in thing["spec"]["volumes"]}
            found["pod"] = with_main(thing)
            main = found["pod"]["main"]
            found["env"] = {one["name"]: one.get("value") for one in main["env"]}
            found["mountPaths"] = {one["name"]: one["mountPath"] for one in main["volumeMounts"]}
            found["mounts"] = {sources[one["name"]].get("configMap", {}).get("name", one["name"]): one["mountPath"]
                               for one in main["volumeMounts"]}
        elif kind == "Service" and name.endswith("-driver-svc"):
            found["service"] = thing
        elif kind == "Service":
            found["exposed"][re.sub(r"^.*-1-1-", "", name)] = thing
        elif kind == "Ingress":
            found["ingress"] = thing
        elif kind == "PodDisruptionBudget":
            found["budget"] = thing
        elif "spark.properties" in data:
            found["map"], found["sparkConf"] = data, properties(data["spark.properties"])
        elif "podspec-configmap-key" in data:
            found["template"] = with_main(json.loads(data["podspec-configmap-key"]))
        elif name.endswith("-prom-conf"):
            found["metrics"] = data
    return found


def at(value, path):
    """Keys may hold dots: the longest that fits."""
    while path:
        if isinstance(value, list):
            head, _, path = path.partition(".")
            value = value[int(head)] if int(head) < len(value) else ABSENT
            continue
        keys = [key for key in value if path == key or path.startswith(key + ".")] if isinstance(value, dict) else []
        if not keys:
            return ABSENT
        key = max(keys, key=len)
        value, path = value[key], path[len(key) + 1:]
    return value


def run(world, fields, spec, wants, refused):
    whole = {key: value for key, value in {**BASE, **spec}.items() if value is not None}
    for manifest, prefix in (
            ({"apiVersion": "nightshift/v1", "kind": "BatchJob", "metadata": {"name": "app"}, "spec": {"spark": whole}}, "job"),
            ({"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "metadata": {"name": "app"},
              "spec": whole}, "application")):
        status, answer = world.daemon.try_submit(manifest, query="&dryRun=true")
        what = "%s: %s" % (prefix, fields)
        if refused is not None:
            check(what, status == 422 and refused in json.dumps(answer), answer)
            continue
        if status != 200:
            check(what, False, "%d %s" % (status, answer))
            continue
        made = made_of(answer)
        wrong = ["%s: got %r, wanted %r" % (path, at(made, path), want) for path, want in wants if at(made, path) != want]
        check(what, not wrong, "\n".join(wrong))


def main():
    programs, rest = programs_of(sys.argv[1:])
    fields = schema_fields(rest[0])
    shown = {field for key in ROWS for field in key.split()}
    check("each field has a row", not fields - shown, sorted(fields - shown))
    check("each row has a field", not shown - fields, sorted(shown - fields))
    with World(programs) as world:
        amounts = {"cpu": "64", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": "8", "ephemeral-storage": "1Ti"}
        world.kube("PATCH", "/api/v1/nodes/node-1/status", {"status": {"capacity": amounts, "allocatable": amounts}},
                   headers={"Content-Type": "application/merge-patch+json"})
        world.daemon.start()
        for key, value in ROWS.items():
            if value is not None:
                run(world, key, *value)
        world.daemon.stop()
    print("%(ok)d passed, %(failed)d failed, 0 skipped" % COUNT)
    sys.exit(1 if COUNT["failed"] else 0)


if __name__ == "__main__":
    main()
