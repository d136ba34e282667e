"""What every benchmark needs: a daemon and a cluster of its own, and figures as JSON."""
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

NAMESPACE_WITHOUT_ROOM = """\
apiVersion: v1
kind: Namespace
metadata: {name: full}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: nothing, namespace: full}
spec: {hard: {pods: "0"}}
"""

# Names are relative, so that the path of the unix socket stays short.
CONFIG = """\
dataDir: %(folder)s
limits: {waitingJobs: 10000000}
listen:
  unix: {path: %(folder)s/socket}
kubernetes:
  kubeconfig: %(folder)s/kubeconfig
  qps: 10000
  burst: 10000
jobs: {defaultNamespace: full}
log: {level: %(level)s}
"""
SCHEDULING = "scheduling: {maxStartsPerTurn: 64}\n"


class Failed(Exception):
    """A benchmark that could not be carried out."""


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def figure(bench, case, unit, values, peer=None, goal=None):
    """Prints one figure. peer and goal are (name, values) and (text, test of the median)."""
    line = {"bench": bench, "case": case, "unit": unit,
            "median": rounded(statistics.median(values)), "min": rounded(min(values)),
            "max": rounded(max(values)), "runs": len(values)}
    if peer:
        name, peer_values = peer
        peer_median = statistics.median(peer_values)
        line["peer"] = name
        line["peer_median"] = rounded(peer_median)
        line["ratio"] = rounded(statistics.median(values) / peer_median) if peer_median else None
    if goal:
        text, is_met = goal
        line["goal"] = text
        line["met"] = bool(is_met(statistics.median(values)))
    print(json.dumps(line), flush=True)


def rounded(value):
    """Three digits: more would be noise."""
    return float("%.3g" % value) if abs(value) < 100 else round(value)


def stop(process):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Rig:
    """kubesim and nightshiftd in a folder of their own. Use it in a with statement."""

    def __init__(self, programs, objects=NAMESPACE_WITHOUT_ROOM, cluster=(), level="info",
                 scheduling=SCHEDULING):
        self.programs = programs
        self.objects = objects
        self.cluster = cluster
        self.level = level
        self.scheduling = scheduling
        self.kubesim = None
        self.daemon = None
        self.folder = None

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nightshift-bench-", dir=bench_folder())
        self.folder = self.temporary.name
        self.socket = os.path.join(self.folder, "socket")
        try:
            self.start_cluster()
            self.start_daemon()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        stop(self.daemon)
        stop(self.kubesim)
        if self.kubesim is not None:
            self.kubesim.stdout.close()
        self.temporary.cleanup()

    def program(self, name):
        return os.path.join(self.programs, name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def start_cluster(self):
        self.kubesim = subprocess.Popen(
            [self.program("kubesim"), "--kubeconfig-out", self.path("kubeconfig"), "--no-tls",
             "--no-auth", "--seed", "1", "--objects", self.write("objects.yaml", self.objects),
             *self.cluster], stdout=subprocess.PIPE, text=True)
        said = self.kubesim.stdout.readline()
        found = re.search(r"http://([^:/]+):(\d+)", said)
        if not found:
            raise Failed("kubesim said: %r" % said)
        self.host, self.port = found.group(1), int(found.group(2))

    def start_daemon(self):
        config = self.write("nightshift.yaml", CONFIG % {
            "folder": self.folder, "level": self.level} + self.scheduling)
        with open(self.path("log"), "ab") as log:
            self.daemon = subprocess.Popen([self.program("nightshiftd"), "--config", config],
                                           stderr=log, stdout=log)
        self.wait_ready()

    def restart_daemon(self):
        """Returns the seconds from its start until it is ready."""
        stop(self.daemon)
        began = time.monotonic()
        self.start_daemon()
        return time.monotonic() - began

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.daemon.poll() is not None:
                with open(self.path("log")) as log:
                    raise Failed("nightshiftd ended: " + log.read()[-2000:])
            said = subprocess.run(["curl", "-s", "--unix-socket", self.socket,
                                   "http://localhost/readyz"], capture_output=True, text=True)
            if said.stdout == "ok\n":
                return
            time.sleep(0.05)
        raise Failed("nightshiftd is not ready after a minute")

    def load(self, body, **options):
        """Runs submit_load; returns what it measured."""
        path = self.write("body", body)
        command = [self.program("bench/submit_load")]
        if "socket" not in options and "port" not in options:
            command += ["--socket", self.socket]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        done = subprocess.run(command + [path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("submit_load: " + done.stderr)
        return json.loads(done.stdout)

    def raw(self, *arguments):
        """Runs raw_lmdb in a folder of its own on the same disk; returns its rates."""
        with tempfile.TemporaryDirectory(prefix="nightshift-raw-", dir=bench_folder()) as folder:
            said = subprocess.run([self.program("bench/raw_lmdb"), folder, *map(str, arguments)],
                                  check=True, capture_output=True, text=True)
            return list(map(float, said.stdout.split()))

    def parse(self, body, seconds):
        """Runs parse_json; returns how often it parses the body, a second."""
        said = subprocess.run([self.program("bench/parse_json"), self.write("body", body),
                               str(seconds)], check=True, capture_output=True, text=True)
        return float(said.stdout)

    def rss_kib(self):
        with open("/proc/%d/status" % self.daemon.pid) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def cpu_seconds(self):
        """Processor time of the daemon so far: the neighbours' noise hardly moves it."""
        return cpu_seconds_of(self.daemon)

    def kubesim_cpu_seconds(self):
        return cpu_seconds_of(self.kubesim)

    def queue_bytes(self):
        """What the queue's file takes on the disk."""
        return os.stat(self.path("queue/data.mdb")).st_blocks * 512


def cpu_seconds_of(process):
    with open("/proc/%d/stat" % process.pid) as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_folder():
    """A disk, if /tmp is none: NIGHTSHIFT_BENCH_DIR says where."""
    return os.environ.get("NIGHTSHIFT_BENCH_DIR", "/tmp")


def pod_job(name, namespace="full", runtime=None, argument=""):
    """The smallest BatchJob of a user's kind, as a value."""
    container = {"name": "main", "image": "busybox:1",
                 "resources": {"requests": {"cpu": "100m", "memory": "64Mi"},
                               "limits": {"cpu": "100m", "memory": "64Mi"}}}
    if argument:
        container["args"] = [argument]
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    if runtime:
        template["metadata"] = {"annotations": {"kubesim/runtime": runtime}}
    return {"apiVersion": "nightshift/v1", "kind": "BatchJob",
            "metadata": {"name": name, "namespace": namespace}, "spec": {"pod": template}}


def spark_job(name, namespace="full", runtime=None, argument="1000"):
    """A Spark application as people write them."""
    driver = {"cores": 1, "memory": "512m"}
    if runtime:
        driver["annotations"] = {"kubesim/runtime": runtime}
    return {"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": "Scala", "mode": "cluster", "image": "apache/spark:3.5.1",
                     "sparkVersion": "3.5.1", "mainClass": "org.apache.spark.examples.SparkPi",
                     "mainApplicationFile": "local:///opt/spark/examples/jars/spark-examples.jar",
                     "arguments": [argument], "driver": driver,
                     "executor": {"cores": 1, "instances": 2, "memory": "512m"}}}
