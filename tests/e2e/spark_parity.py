#!/usr/bin/env python3
"""The objects that the real spark-submit creates, beside those that nightshift spark-submit would.

Usage: spark_parity.py KUBESIM NIGHTSHIFTD NIGHTSHIFT SPARK_HOME [PATTERN OF NAMES]

Each configuration is submitted twice: by SPARK_HOME's spark-submit to a simulated cluster that only records,
and by ours to the same cluster. What the cluster then holds is compared field by field, names that are
drawn by chance apart. A difference has to stand in DIFFERENCES, with its reason, or the row fails.
"""
import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import nightshift_process  # noqa: E402  pylint: disable=wrong-import-position
from kubesim_process import Kubesim  # noqa: E402  pylint: disable=wrong-import-position

AT_ONCE = 4
# These JVMs live for seconds: to compile less is faster.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
JAR = "local:///opt/spark/examples/jars/spark-examples.jar"
PI = ["--class", "org.apache.spark.examples.SparkPi"]
PYTHON = "local:///opt/spark/examples/src/main/python/pi.py"

# Where ours differ on purpose: a pattern of the path, and why. docs/manual/spark.md tells the same.
DIFFERENCES = (
    (r"(labels|selector)\.nightshift/", "all objects of a job bear its id, and the Service looks for it"),
    (r"properties\.spark\.kubernetes\.executor\.label\.nightshift/", "so do executors"),
    (r"map\.metadata\.labels\.spark-app-selector$", "the map can be found by its application"),
    (r"properties\.spark\.executor\.instances$", "the default of 2 is written down"),
    (r"properties\.spark\.dynamicAllocation\.maxExecutors$", "an allocation without a bound has one"),
    (r"^persistentvolumeclaim\.metadata\.(labels|annotations)\.[ac]$", "3.5 leaves out what 4.0 brought"),
    (r"\.hostPath\.type$", "the same"),
    (r"properties\.spark\.app\.submitTime$", "another moment"),
    (r"properties\.spark\.kubernetes\.submission\.waitAppCompletion$", "given to one of the two"),
    (r"annotations\.kubectl\.kubernetes\.io/default-container$",
     "by it the Spark container is known where a template names it otherwise"),
    (r"^secret-keytab\.metadata\.labels|^secret-credentials\.metadata\.labels", "they can be found by their application"),
    (r"env\[SPARK_USER\]\.value$", "the name of somebody on the submitting machine says nothing there"),
)


def conf(*pairs):
    return [word for pair in pairs for word in ("--conf", pair)]


GIVEN_NAME = "etl.driver-1"
D = "spark.kubernetes.driver."
E = "spark.kubernetes.executor."
ROWS = (
    ("a JVM application", PI + [JAR, "100"]),
    ("Python", [PYTHON, "10"]),
    ("Python with modules", ["--py-files", "local:///a.py,https://h/b.zip", PYTHON]),
    ("R", ["local:///opt/spark/examples/src/main/r/dataframe.R"]),
    ("cores and memory", ["--driver-cores", "2", "--driver-memory", "3g", "--executor-memory", "2g",
                          "--executor-cores", "3", "--num-executors", "4"] + PI + [JAR]),
    ("core requests and limits", conf(D + "request.cores=500m", D + "limit.cores=1500m",
                                      E + "request.cores=250m", E + "limit.cores=2") + PI + [JAR]),
    ("overhead in bytes", conf("spark.driver.memoryOverhead=1g",
                               "spark.executor.memoryOverhead=700m") + PI + [JAR]),
    ("overhead by a factor", conf("spark.kubernetes.memoryOverheadFactor=0.4") + PI + [JAR]),
    ("the driver's own factor", conf("spark.driver.memoryOverheadFactor=0.25",
                                     "spark.driver.memory=8g") + PI + [JAR]),
    ("Python's factor", conf("spark.driver.memory=8g") + [PYTHON]),
    ("labels", conf(D + "label.team=etl", D + "label.a.b/c=d", E + "label.x=y",
                    D + "service.label.s=t") + PI + [JAR]),
    ("annotations", conf(D + "annotation.a.b/c=d e=f", D + "service.annotation.s/t=u v",
                         E + "annotation.x=y") + PI + [JAR]),
    ("node selectors", conf("spark.kubernetes.node.selector.disk=ssd",
                            D + "node.selector.zone=a", E + "node.selector.zone=b") + PI + [JAR]),
    ("environment", conf("spark.kubernetes.driverEnv.A=b", "spark.kubernetes.driverEnv.C=d=e f",
                         "spark.executorEnv.X=y") + PI + [JAR]),
    ("secrets as files", conf(D + "secrets.keys=/etc/keys", D + "secrets.other=/etc/other",
                              E + "secrets.keys=/etc/keys") + PI + [JAR]),
    ("secrets as variables", conf(D + "secretKeyRef.PASSWORD=db:password",
                                  E + "secretKeyRef.P=db:p") + PI + [JAR]),
    ("an empty folder", conf(D + "volumes.emptyDir.scratch.mount.path=/scratch",
                             D + "volumes.emptyDir.scratch.options.sizeLimit=5Gi",
                             D + "volumes.emptyDir.scratch.options.medium=Memory") + PI + [JAR]),
    ("a folder of the node", conf(D + "volumes.hostPath.data.mount.path=/data",
                                  D + "volumes.hostPath.data.mount.readOnly=true",
                                  D + "volumes.hostPath.data.options.path=/mnt/data") + PI + [JAR]),
    ("nfs", conf(D + "volumes.nfs.n.mount.path=/n", D + "volumes.nfs.n.options.server=nfs.example",
                 D + "volumes.nfs.n.options.path=/export") + PI + [JAR]),
    ("a claim that is there", conf(
        D + "volumes.persistentVolumeClaim.p.mount.path=/p",
        D + "volumes.persistentVolumeClaim.p.mount.subPath=sub",
        D + "volumes.persistentVolumeClaim.p.options.claimName=mine") + PI + [JAR]),
    ("local folders of its own", conf(
        D + "volumes.emptyDir.spark-local-dir-1.mount.path=/tmp/spark-local",
        E + "volumes.emptyDir.spark-local-dir-1.mount.path=/tmp/spark-local") + PI + [JAR]),
    ("local folders in memory", conf("spark.kubernetes.local.dirs.tmpfs=true") + PI + [JAR]),
    ("GPUs", conf("spark.driver.resource.gpu.amount=1", "spark.driver.resource.gpu.vendor=nvidia.com",
                  "spark.driver.resource.gpu.discoveryScript=/opt/gpus.sh",
                  "spark.executor.resource.gpu.amount=1",
                  "spark.executor.resource.gpu.vendor=nvidia.com",
                  "spark.executor.resource.gpu.discoveryScript=/opt/gpus.sh") + PI + [JAR]),
    ("dynamic allocation", conf("spark.dynamicAllocation.enabled=true",
                                "spark.dynamicAllocation.shuffleTracking.enabled=true",
                                "spark.dynamicAllocation.minExecutors=1",
                                "spark.dynamicAllocation.initialExecutors=2",
                                "spark.dynamicAllocation.maxExecutors=5") + PI + [JAR]),
    ("another scheduler", conf("spark.kubernetes.scheduler.name=volcano",
                               D + "scheduler.name=yunikorn") + PI + [JAR]),
    ("a service account", conf("spark.kubernetes.authenticate.driver.serviceAccountName=default") +
     PI + [JAR]),
    ("image pull secrets and policy", conf("spark.kubernetes.container.image.pullSecrets=a,b",
                                           "spark.kubernetes.container.image.pullPolicy=Always") +
     PI + [JAR]),
    ("images of their own", conf(D + "container.image=apache/spark:VERSION-driver",
                                 E + "container.image=apache/spark:VERSION-executor") + PI + [JAR]),
    ("remote files", ["--jars", "https://h/a.jar,local:///c.jar", "--files", "https://h/f",
                      "--archives", "https://h/x.tgz#x"] + PI +
     ["https://h/app.jar"]),
    ("arguments of every kind", PI + [JAR, "Zürich – 東京", "a b", "--conf", "x=y", "'q'", "\"d\"", "$HOME",
                                      "back\\slash", "tab\there"]),
    ("values to be escaped", conf("spark.driver.extraJavaOptions=-Da=b:c -Dd='e f' #g !h",
                                  "spark.x.unicode=Zürich 東京 😀", "spark.x.space= lead",
                                  "spark.x.path=C:\\dir\\file") + PI + [JAR]),
    ("an odd name", ["--name", "My  App: 7 Nächte_(test)!"] + PI + [JAR]),
    ("a name that begins with a digit", ["--name", "7nights"] + PI + [JAR]),
    ("a long name", ["--name", "long-" * 30] + PI + [JAR]),
    ("a driver's pod with a name of its own", conf(D + "pod.name=" + GIVEN_NAME) + PI + [JAR]),
    ("ports", conf("spark.driver.port=7000", "spark.driver.blockManager.port=7001",
                   "spark.ui.port=4444") + PI + [JAR]),
    ("memory off the heap", conf("spark.memory.offHeap.enabled=true",
                                 "spark.memory.offHeap.size=1g") + PI + [JAR]),
    ("a proxy user", ["--proxy-user", "bob"] + PI + [JAR]),
    ("class path and library path", ["--driver-class-path", "/a:/b", "--driver-library-path", "/l",
                                     "--driver-java-options", "-Xss2m -Dk=v"] + PI + [JAR]),
)
TEMPLATE = {
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"labels": {"from": "template"}, "annotations": {"a": "b"}},
    "spec": {
        "priorityClassName": "system-cluster-critical", "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]}}},
        "securityContext": {"fsGroup": 185}, "imagePullSecrets": [{"name": "first"}],
        "terminationGracePeriodSeconds": 45, "serviceAccountName": "default",
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["h"]}],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "initContainers": [{"name": "init", "image": "busybox", "command": ["true"]}],
        "containers": [
            {"name": "beside", "image": "busybox", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}},
            {"name": "main", "image": "ignored", "env": [{"name": "T", "value": "1"}],
             "ports": [{"name": "debug", "containerPort": 5005, "protocol": "TCP"}],
             "resources": {"requests": {"cpu": "7", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "9"}},
             "securityContext": {"runAsUser": 185}, "workingDir": "/work",
             "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}]}}
ROWS += (
    ("a template of the driver", conf(D + "podTemplateFile=TEMPLATE") + PI + [JAR]),
    ("a template's second container", conf(
        D + "podTemplateFile=TEMPLATE", D + "podTemplateContainerName=main", D + "label.team=etl",
        D + "node.selector.zone=a", D + "limit.cores=2", D + "volumes.emptyDir.v.mount.path=/v",
        "spark.kubernetes.container.image.pullSecrets=second") + PI + [JAR]),
    ("a template's container that is not there", conf(
        D + "podTemplateFile=TEMPLATE", D + "podTemplateContainerName=nobody") + PI + [JAR]),
    ("a template of the executors", conf(
        E + "podTemplateFile=TEMPLATE", E + "podTemplateContainerName=main") + PI + [JAR]),
    ("templates of both", conf(D + "podTemplateFile=TEMPLATE", E + "podTemplateFile=TEMPLATE") +
     [PYTHON]),
)
CLAIM = "volumes.persistentVolumeClaim.%s.%s"


def claim(role, name, claim_name, *more):
    return [role + CLAIM % (name, tail) for tail in ("mount.path=/" + name, "options.claimName=" + claim_name,
                                                     "options.storageClass=fast", "options.sizeLimit=5Gi") + more]


FILES = {"HADOOP": {"core-site.xml": "<configuration/>", "hdfs-site.xml": "<configuration></configuration>"},
         "SPARK": {"log4j2.properties": "rootLogger.level = warn\n", "metrics.properties.template": "x",
                   "spark-defaults.conf": "spark.eventLog.enabled false\n", "jars.zip": "x"}}
KERBEROS = "spark.kubernetes.kerberos."
ROWS += (
    ("a claim made on demand", conf(*claim(D, "data", "OnDemand"), *claim(E, "spark-local-dir-1", "OnDemand")) +
     PI + [JAR]),
    ("a claim made under its own name", conf(*claim(D, "data", "mine")) + PI + [JAR]),
    ("Hadoop's ConfigMap", conf("spark.kubernetes.hadoop.configMapName=hadoop") + PI + [JAR]),
    ("Hadoop's folder", ["HADOOP_CONF_DIR=HADOOP"] + PI + [JAR]),
    ("Spark's folder", ["SPARK_CONF_DIR=SPARK"] + PI + [JAR]),
    ("krb5.conf in a ConfigMap", conf(KERBEROS + "krb5.configMapName=krb5") + PI + [JAR]),
    ("krb5.conf of this machine", conf(KERBEROS + "krb5.path=KRB5") + PI + [JAR]),
    ("tokens in a Secret", conf(KERBEROS + "tokenSecret.name=tokens", KERBEROS + "tokenSecret.itemKey=item") +
     PI + [JAR]),
)
AUTH = "spark.kubernetes.authenticate.driver."
# Bytes that a login would need to be right; without Hadoop's security spark-submit only packs them.
SECRETS = {"KEYTAB": ("alice.keytab", b"\x05\x02\x00\xff\x00keytab\n"), "CA": ("ca.crt", b"CA\n"),
           "CERT": ("c.crt", b"\x80cert"), "KEY": ("c.key", b"key\n")}
ROWS += (
    ("a keytab of this machine", conf("spark.kerberos.principal=alice@EXAMPLE", "spark.kerberos.keytab=KEYTAB") +
     PI + [JAR]),
    ("a keytab of the image", conf("spark.kerberos.principal=alice@EXAMPLE", "spark.kerberos.keytab=local:///k") +
     PI + [JAR]),
    ("credentials for the API server", conf(
        AUTH + "caCertFile=CA", AUTH + "clientCertFile=CERT", AUTH + "clientKeyFile=KEY", AUTH + "oauthToken=hush",
        AUTH + "serviceAccountName=default", D + "secrets.keys=/etc/keys") + PI + [JAR]),
    ("a credential in another place", conf(AUTH + "caCertFile=CA", AUTH + "mounted.caCertFile=/mine",
                                           AUTH + "mounted.oauthTokenFile=/token") + PI + [JAR]),
    ("credentials of the submission", conf(
        "spark.kubernetes.authenticate.submission.caCertFile=SIMCA",
        "spark.kubernetes.authenticate.submission.oauthToken=SIMTOKEN") + PI + [JAR]),
)
ROWS += (
    ("more: an allocation without a bound", conf("spark.dynamicAllocation.enabled=true",
                                                 "spark.dynamicAllocation.initialExecutors=2") + PI + [JAR]),
    ("more: the block manager's common port", conf("spark.blockManager.port=7100") + PI + [JAR]),
    ("more: the least overhead", conf("spark.driver.minMemoryOverhead=600m",
                                      "spark.executor.minMemoryOverhead=700m") + PI + [JAR]),
    ("more: a driver that works alone", conf(D + "master=local[2]") + PI + [JAR]),
    ("more: a master without a scheme", ["NO_SCHEME=1"] + PI + [JAR]),
    ("more: no jar", PI + ["spark-internal", "x"]),
    ("more: a class beside Python", PI + [PYTHON]),
    ("more: the application's id in an annotation", conf(
        D + "annotation.app=x-{{APP_ID}}-{{EXECUTOR_ID}}") + PI + [JAR]),
    ("more: two families of addresses", conf(D + "service.ipFamilyPolicy=PreferDualStack",
                                             D + "service.ipFamilies=IPv4,IPv6") + PI + [JAR]),
    ("more: a name of executors", conf(E + "podNamePrefix=mine", E + "deleteOnTermination=false") + PI + [JAR]),
    ("more: several local folders", conf("spark.local.dir=/a,/b") + PI + [JAR]),
    ("more: Pythons of its own", conf("spark.pyspark.python=/p3", "spark.pyspark.driver.python=/d3") + [PYTHON]),
    ("more: what is not the user's to set", conf(
        "spark.app.id=mine", "spark.driver.host=h", "spark.kubernetes.submitInDriver=false",
        "spark.kubernetes.resource.type=r") + PI + [JAR]),
    ("more: a folder of the node of a type", conf(
        D + "volumes.hostPath.data.mount.path=/data", D + "volumes.hostPath.data.options.path=/mnt",
        D + "volumes.hostPath.data.options.type=Directory") + PI + [JAR]),
    ("more: a claim with labels", conf(*claim(D, "data", "OnDemand", "label.a=b", "annotation.c=d")) + PI + [JAR]),
)


class Parity:
    def __init__(self, programs, spark_home):
        self.programs, self.home = programs, spark_home
        self.folder = tempfile.TemporaryDirectory(prefix="spark-submitted-")
        objects = os.path.join(self.folder.name, "node.json")
        with open(objects, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "List", "items": [node("a"), node("b")]}, file)
        self.sim = Kubesim(programs["kubesim"], "--bare", "--objects", objects)
        self.daemon = nightshift_process.Nightshiftd(programs["nightshiftd"], self.folder.name,
                                                     self.sim.kubeconfig, {})
        self.daemon.start()
        self.template = os.path.join(self.folder.name, "template.yaml")
        with open(self.template, "w", encoding="utf-8") as file:
            json.dump(TEMPLATE, file)
        self.places = {"TEMPLATE": self.template}
        for name, files in FILES.items():
            self.places[name] = os.path.join(self.folder.name, name.lower())
            os.mkdir(self.places[name])
            for key, text in files.items():
                with open(os.path.join(self.places[name], key), "w", encoding="utf-8") as file:
                    file.write(text)
        self.places["KRB5"] = os.path.join(self.places["HADOOP"], "core-site.xml")
        for place, (name, data) in SECRETS.items():
            self.places[place] = os.path.join(self.folder.name, name)
            with open(self.places[place], "wb") as file:
                file.write(data)
        self.places["SIMCA"] = os.path.join(self.folder.name, "sim.crt")
        with open(self.places["SIMCA"], "wb") as file:
            file.write(self.sim.authority)
        self.places["SIMTOKEN"] = self.sim.token
        self.world, self.lock = None, threading.Lock()
        self.numbers = itertools.count(1)
        version = re.search(r"spark-core_[\d.]+-(\d[\w.]*)\.jar", " ".join(
            os.listdir(os.path.join(spark_home, "jars"))))
        self.version = version.group(1)

    def close(self):
        if self.world is not None:
            self.world.close()
        self.daemon.kill()
        self.sim.stop()
        self.folder.cleanup()

    def namespace(self):
        name = "parity-%d" % next(self.numbers)
        status, answer, _ = self.sim.ask("POST", "/api/v1/namespaces", {
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        if status != 201:
            raise AssertionError(answer)
        return name

    def words(self, namespace, args):
        return ["--master", "k8s://https://%s:%d" % (self.sim.host, self.sim.port),
                "--deploy-mode", "cluster"] + (
                    ["--master", "k8s://%s:%d" % (self.sim.host, self.sim.port)] if "NO_SCHEME=1" in args else []) + [
                "--conf", "spark.kubernetes.namespace=" + namespace,
                "--conf", "spark.kubernetes.container.image=apache/spark:" + self.version] + [
                    self.filled(word) for word in args if not re.match("[A-Z_]+=", word)]

    def filled(self, word):
        found = re.search("=([A-Z0-9]+)$", word)
        if found and found.group(1) in self.places:
            word = word[:found.start() + 1] + self.places[found.group(1)]
        return word.replace(":VERSION-", ":" + self.version + "-")

    def environment(self, args):
        return dict(self.filled(word).split("=") for word in args if re.match("[A-Z_]+=", word))

    def by_spark(self, args):
        """Returns the objects in a namespace after the real spark-submit."""
        namespace = self.namespace()
        done = subprocess.run(
            [os.path.join(self.home, "bin", "spark-submit"), "--conf",
             "spark.kubernetes.submission.waitAppCompletion=false"] + self.words(namespace, args),
            env={"PATH": os.environ["PATH"], "SPARK_HOME": self.home, "HOME": self.folder.name,
                 "KUBECONFIG": self.sim.kubeconfig, "SPARK_LOCAL_IP": "127.0.0.1",
                 "LC_ALL": "C.UTF-8", "JAVA_TOOL_OPTIONS": JAVA, **self.environment(args)},
            capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise AssertionError("spark-submit ended with %d:\n%s" % (done.returncode,
                                                                      done.stderr[-2000:]))
        return self.found(namespace)

    def by_us(self, args):
        """The same of ours: what --dry-run shows is created, so that the server fills in what it does."""
        namespace = self.namespace()
        done = subprocess.run(
            [self.programs["nightshift"], "spark-submit", "--server",
             "unix:" + self.daemon.socket, "--dry-run", "-o", "json"] + self.words(namespace, args),
            env={"PATH": os.environ["PATH"], **self.environment(args)}, capture_output=True, text=True, timeout=60,
            check=False)
        if done.returncode != 0:
            raise AssertionError("nightshift ended with %d:\n%s" % (done.returncode, done.stderr))
        objects = json.loads(done.stdout)["items"][0]["objects"]
        if any(made["kind"] == "Secret" for made in objects):
            self.fill_secrets(namespace, args, [made for made in objects if made["kind"] == "Secret"])
        for made in objects:
            group = "/api/v1" if made["apiVersion"] == "v1" else "/apis/" + made["apiVersion"]
            plural = "networkpolicies" if made["kind"] == "NetworkPolicy" else made["kind"].lower() + "s"
            status, answer, _ = self.sim.ask(
                "POST", "%s/namespaces/%s/%s" % (group, namespace, plural), made)
            if status != 201:
                raise AssertionError("%s: %s" % (made["kind"], answer))
        return self.found(namespace)

    def fill_secrets(self, namespace, args, secrets):
        """A dry run redacts them: they are taken from a cluster where the application is started."""
        world = self.running()
        world.namespace(namespace)
        subprocess.run(
            [self.programs["nightshift"], "spark-submit", "--server", "unix:" + world.daemon.socket, "--conf",
             "spark.kubernetes.submission.waitAppCompletion=false"] + self.words(namespace, args),
            env={"PATH": os.environ["PATH"], **self.environment(args)}, capture_output=True, timeout=60, check=True)
        made = nightshift_process.until("its Secrets are there", lambda: self.secrets_of(
            world, namespace, len(secrets)))
        for secret in secrets:
            tail = "-".join(secret["metadata"]["name"].rsplit("-", 2)[-2:])
            real = next(one for one in made if one["metadata"]["name"].endswith(tail))
            del secret["stringData"]
            secret["data"] = real["data"]

    @staticmethod
    def secrets_of(world, namespace, count):
        made = world.kube("GET", "/api/v1/namespaces/%s/secrets" % namespace)["items"]
        return made if len(made) == count else None

    def running(self):
        with self.lock:
            if self.world is None:
                self.world = nightshift_process.World(self.programs)
                self.world.daemon.start()
        return self.world

    def found(self, namespace):
        found = {}
        for kind, path in (("pod", "api/v1"), ("service", "api/v1"), ("configmap", "api/v1"),
                           ("networkpolicie", "apis/networking.k8s.io/v1"),
                           ("persistentvolumeclaim", "api/v1"), ("secret", "api/v1")):
            status, answer, _ = self.sim.ask("GET", "/%s/namespaces/%s/%ss" % (path, namespace, kind))
            items = answer.get("items", []) if status == 200 else []
            items = [item for item in items if item["metadata"]["name"] != "kube-root-ca.crt"]
            for number, item in enumerate(items):
                found[kind + (str(number) if number else "")] = item
        return flat(normal(found, namespace))


def node(zone):
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": "8",
               "ephemeral-storage": "1Ti"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {
        "name": "large-" + zone, "labels": {"disk": "ssd", "zone": zone}}, "status": {
            "capacity": amounts, "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True"}]}}


def unescape(text):
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), text)
    text = re.sub(r"\\(.)", lambda found: {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(
        found.group(1), found.group(1)), text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def properties_of(text):
    """Java's file as a dict. Its remarks name the map and the date."""
    pairs = {}
    for line in text.split("\n"):
        if line and line[0] not in "#!":
            found = re.match(r"((?:\\.|[^\\=])*)=(.*)$", line)
            pairs[unescape(found.group(1))] = unescape(found.group(2))
    return pairs


def kind_of_map(item):
    """What a ConfigMap is for, by what it holds; what is a text of JSON is taken apart."""
    if "podspec-configmap-key" in item["data"]:
        item["data"]["podspec-configmap-key"] = json.loads(item["data"]["podspec-configmap-key"])
        return "template-map"
    if "spark.properties" in item["data"]:
        return "configmap"
    return "hadoop-map" if "-hadoop-config" in item["metadata"]["name"] else "krb5-map"


def normal(found, namespace):
    """With the names that are drawn by chance, or that are ours, under common ones."""
    for key, item in [entry for entry in found.items() if entry[0].startswith("configmap")]:
        del found[key]
        found[kind_of_map(item)] = item
    for key, item in [entry for entry in found.items() if entry[0].startswith("secret")]:
        del found[key]
        found["secret-keytab" if item["metadata"]["name"].endswith("-kerberos-keytab") else "secret-credentials"] = item
    pod, service, conf_map = found["pod"], found["service"], found["configmap"]
    names = [(item["metadata"]["name"], key.upper()) for key, item in found.items()
             if "-map" in key or key.startswith("secret-")]
    names += [
        (service["metadata"]["name"], "SERVICE"),
        (conf_map["metadata"]["name"], "CONFMAP"),
        (pod["metadata"]["labels"]["spark-app-selector"], "APPLICATION"),
        (namespace, "NAMESPACE"),
    ]
    if pod["metadata"]["name"] != GIVEN_NAME:
        names.insert(-3, (pod["metadata"]["name"], "DRIVER"))
    local = re.search(r"/var/data/spark-[0-9a-f-]{36}", json.dumps(pod))
    if local:
        names.append((local.group(0), "/var/data/LOCAL"))
    for key, item in found.items():
        if key.startswith("persistentvolumeclaim"):
            names.insert(0, (item["metadata"]["name"], "CLAIM" + key[21:]))
    policy = found.get("networkpolicie")
    if policy:
        names.insert(0, (policy["metadata"]["name"], "POLICY"))
    found["properties"] = properties_of(conf_map["data"].pop("spark.properties"))
    text = json.dumps(found)
    for name, common in names:
        text = text.replace(name, common)
    found = json.loads(text)
    found["pod"]["spec"]["volumes"] = without_empty(found["pod"]["spec"]["volumes"])
    for container in found["pod"]["spec"]["containers"]:
        container["volumeMounts"] = without_empty(container.get("volumeMounts", []))
        in_order(container, found["pod"]["spec"]["volumes"])
    for item in found.values():
        metadata = item.get("metadata")
        if isinstance(metadata, dict):
            for key in ("uid", "creationTimestamp", "resourceVersion", "managedFields", "ownerReferences"):
                metadata.pop(key, None)
    return found


def in_order(container, volumes):
    """Local folders by their paths: spark-submit takes them in an order that it draws by chance."""
    for variable in container.get("env", []):
        if variable["name"] == "SPARK_LOCAL_DIRS":
            variable["value"] = ",".join(sorted(variable["value"].split(",")))
    empty = {volume["name"] for volume in volumes
             if volume["name"].startswith("spark-local-dir-") and "emptyDir" in volume}
    mounts = [mount for mount in container["volumeMounts"] if mount["name"] in empty]
    for mount, path in zip(mounts, sorted(mount["mountPath"] for mount in mounts)):
        mount["mountPath"] = path


def without_empty(value):
    """As the server keeps a pod: what is empty or false is not there."""
    if isinstance(value, dict):
        return {key: without_empty(child) for key, child in value.items() if child not in ("", False)}
    if isinstance(value, list):
        return [without_empty(child) for child in value]
    return value


def flat(value, path=""):
    """{"pod.spec.containers[0].image": ...}; lists of named things by name."""
    if isinstance(value, dict) and value:
        return {key: item for name, child in value.items()
                for key, item in flat(child, path + "." + name if path else name).items()}
    if isinstance(value, list) and value:
        named = all(isinstance(child, dict) and "name" in child for child in value)
        return {key: item for number, child in enumerate(value)
                for key, item in flat(child, "%s[%s]" % (
                    path, child["name"] if named else number)).items()}
    return {path: value}


def compare(theirs, ours):
    """The differences that nothing explains, a line each."""
    lines = []
    for path in sorted(set(theirs) | set(ours)):
        left, right = theirs.get(path, "-"), ours.get(path, "-")
        if left != right and not any(re.search(known, path) for known, _ in DIFFERENCES):
            lines.append("%s: spark-submit %r, nightshift %r" % (path, left, right))
    return lines


def run_row(parity, what, args):
    try:
        lines = compare(parity.by_spark(args), parity.by_us(args))
    except AssertionError as error:
        lines = str(error).split("\n")
    print("\n".join(["test %s: parity with %s: %s" % ("failed" if lines else "ok", parity.version, what)] +
                    ["    | " + line for line in lines]), flush=True)
    return not lines


def main():
    names = ("kubesim", "nightshiftd", "nightshift")
    programs = {name: os.path.abspath(path) for name, path in zip(names, sys.argv[1:4])}
    only = sys.argv[5] if len(sys.argv) > 5 else ""
    parity = Parity(programs, sys.argv[4])
    rows = [row for row in ROWS if re.search(only, row[0])]
    failed, tried = 0, len(rows)
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for good in pool.map(lambda row: run_row(parity, *row), rows):
                failed += not good
    finally:
        parity.close()
    print("parity: %d of %d configurations agree with %s" % (tried - failed, tried, parity.version))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
