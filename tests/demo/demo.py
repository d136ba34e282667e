#!/usr/bin/env python3
"""Ten Spark applications, and a namespace whose quota holds three of them.

With nightshift the queue lets them in as they fit, and all ten succeed. With
--without-queue the same ten go straight to the same cluster: their drivers take
the quota, no executor fits, and all hang. Nothing is left running either way.
"""
import argparse
import base64
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMESPACE = "etl"
APPLICATIONS = 10
DEADLINE_S = 180

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: etl}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: etl}
spec:
  hard: {requests.cpu: "9", requests.memory: 12800Mi, pods: "9", services: "10", configmaps: "40"}
"""

# Three pods of 1 cpu and 1408Mi each: the driver and two executors.
APPLICATION = """\
apiVersion: nightshift/v1
kind: BatchJob
metadata: {{name: nightly-{number}, namespace: etl}}
spec:
  team: data
  spark:
    type: Scala
    sparkVersion: 3.5.6
    image: apache/spark:3.5.6
    mainClass: org.apache.spark.examples.SparkPi
    mainApplicationFile: local:///opt/spark/examples/jars/spark-examples_2.12-3.5.6.jar
    driver:
      cores: 1
      memory: 1g
      annotations: {{kubesim/runtime: {runtime}, kubesim/start-delay: {start}}}
    executor: {{cores: 1, memory: 1g, instances: 2}}
"""

CONFIG = """\
dataDir: {folder}/data
listen: {{unix: {{path: {folder}/nightshift.sock}}}}
kubernetes: {{kubeconfig: {folder}/kubeconfig}}
"""


def program(name):
    path = os.path.join(os.environ.get("NIGHTSHIFT_BIN", os.path.join(ROOT, "bin")), name)
    if not os.access(path, os.X_OK):
        sys.exit("demo: %s is not built: ./run build" % path)
    return path


class Cluster:
    """kubesim, and what the demo asks of its API."""

    def __init__(self, folder):
        self.log = open(os.path.join(folder, "kubesim.log"), "w+")
        objects = os.path.join(folder, "cluster.yaml")
        kubeconfig = os.path.join(folder, "kubeconfig")
        with open(objects, "w") as out:
            out.write(CLUSTER)
        self.process = subprocess.Popen(
            [program("kubesim"), "--kubeconfig-out", kubeconfig, "--nodes", "4",
             "--objects", objects], stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True)
        wait_for("the simulated cluster", self.is_up)
        with open(kubeconfig) as text:
            config = text.read()
        self.server = re.search(r"server: (\S+)", config).group(1)
        self.token = re.search(r"token: (\S+)", config).group(1).strip('"')
        authority = re.search(r"certificate-authority-data: (\S+)", config).group(1).strip('"')
        self.tls = ssl.create_default_context(cadata=base64.b64decode(authority).decode())

    def is_up(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            sys.exit("demo: kubesim ended:\n" + self.log.read())
        self.log.seek(0)
        return "kubesim https://" in self.log.read()

    def ask(self, path, body=None):
        request = urllib.request.Request(
            self.server + path, data=body.encode() if body else None,
            headers={"Authorization": "Bearer " + self.token, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def pods(self):
        return self.ask("/api/v1/namespaces/%s/pods" % NAMESPACE)[1]["items"]

    def stats(self):
        return self.ask("/sim/stats")[1]

    def stop(self):
        stop(self.process)
        self.log.close()


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what, is_there, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            sys.exit("demo: %s did not come up in %d s" % (what, seconds))
        time.sleep(0.05)


def role_count(pods, role, phase):
    return sum(pod["metadata"].get("labels", {}).get("spark-role") == role
               and pod.get("status", {}).get("phase") == phase for pod in pods)


class Screen:
    """A table drawn over itself on a terminal; in a pipe, a line for each change."""

    def __init__(self):
        self.live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.height = 0
        self.seen = {}

    def show(self, jobs, started):
        if self.live:
            self.draw(jobs)
            return
        for job in jobs:
            state = (job["state"], job["reason"]["message"] if job["state"] == "QUEUED" else "")
            if self.seen.get(job["id"]) != state:
                self.seen[job["id"]] = state
                print("%6.1f s  %-10s %-10s %s" % (time.monotonic() - started, job["name"],
                                                 state[0], state[1]), flush=True)

    def draw(self, jobs):
        width = shutil.get_terminal_size().columns
        lines = ["%-4s %-12s %-11s %s" % ("ID", "NAME", "STATE", "REASON")]
        for job in jobs:
            lines.append("%-4s %-12s %-11s %s" % (job["id"], job["name"], job["state"],
                                                  job["reason"]["message"]))
        sys.stdout.write("\033[%dF" % self.height if self.height else "")
        for line in lines:
            sys.stdout.write("\033[K%s\n" % line[:width - 1])
        sys.stdout.flush()
        self.height = len(lines)


def seconds_between(job, first, last):
    def parse(text):
        return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float(
            "0." + re.sub(r"\D", "", text[19:]) if len(text) > 20 else 0)
    return parse(job[last]) - parse(job[first])


def cli(folder, *words):
    return subprocess.run(
        [program("nightshift"), *words, "--server", "unix:%s/nightshift.sock" % folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def jobs_now(folder):
    answer = cli(folder, "ls", "--all", "-o", "json")
    if answer.returncode != 0:
        sys.exit("demo: nightshift ls: " + answer.stderr)
    return json.loads(answer.stdout)["items"]


def write_applications(folder, runtime, start="200ms"):
    path = os.path.join(folder, "applications.yaml")
    with open(path, "w") as out:
        out.write("---\n".join(APPLICATION.format(number=i + 1, runtime=runtime,
                                                  start=start)
                               for i in range(APPLICATIONS)))
    return path


def summary(cluster, jobs):
    waits = sorted(seconds_between(job, "submittedAt", "admittedAt") for job in jobs)
    stats = cluster.stats()["cluster"]
    succeeded = sum(job["state"] == "SUCCEEDED" for job in jobs)
    print("\n%d of %d applications SUCCEEDED" % (succeeded, len(jobs)))
    print("waits: shortest %.1f s, median %.1f s, longest %.1f s" %
          (waits[0], waits[len(waits) // 2], waits[-1]))
    print_quota(stats)
    print("403s seen for exceeded quota: %d" % stats["quotaRefusals"])
    return succeeded == len(jobs) and stats["quotaRefusals"] == 0


def print_quota(stats):
    for name, keys in sorted(stats["quotas"].items()):
        for key, amount in sorted(keys.items()):
            print("quota %s %s: peak %s of %s" % (name, key, amount["peak"],
                                                  amount.get("hard", "unknown")))


def with_queue(folder, cluster, runtime):
    config = os.path.join(folder, "nightshift.yaml")
    with open(config, "w") as out:
        out.write(CONFIG.format(folder=folder))
    log = open(os.path.join(folder, "nightshiftd.log"), "w+")
    daemon = subprocess.Popen([program("nightshiftd"), "--config", config], stdout=log,
                              stderr=subprocess.STDOUT, start_new_session=True)
    try:
        socket = os.path.join(folder, "nightshift.sock")
        wait_for("nightshiftd", lambda: os.path.exists(socket) or daemon.poll() is not None)
        started = time.monotonic()
        submitted = cli(folder, "submit", write_applications(folder, runtime))
        if submitted.returncode != 0:
            log.seek(0)
            sys.exit("demo: nightshift submit: %s\n%s" % (submitted.stderr, log.read()))
        print("submitted %d applications of 3 pods each; the quota of namespace %s holds 9 pods\n"
              % (APPLICATIONS, NAMESPACE))
        screen = Screen()
        while True:
            jobs = jobs_now(folder)
            screen.show(jobs, started)
            if all(job["finishedAt"] for job in jobs):
                break
            if time.monotonic() - started > DEADLINE_S:
                sys.exit("demo: not over after %d s" % DEADLINE_S)
            time.sleep(0.25)
        return 0 if summary(cluster, jobs) else 1
    finally:
        stop(daemon)
        log.close()


def create(cluster, line):
    kinds = {"Pod": "pods", "Service": "services", "ConfigMap": "configmaps"}
    body = json.loads(line)
    return cluster.ask("/api/v1/namespaces/%s/%s" % (NAMESPACE, kinds[body["kind"]]), line)[0]


def without_queue(folder, cluster, runtime):
    # A driver's JVM takes its seconds: all are there before the first asks for executors.
    applications = write_applications(folder, runtime, start="5s")
    objects = subprocess.run(
        [os.environ["NIGHTSHIFT_DRIVER_OBJECTS"], applications],
        stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for line in objects:
        create(cluster, line)
    print("submitted %d applications straight to the cluster, as spark-submit would\n"
          % APPLICATIONS)
    quiet = 0
    last = None
    started = time.monotonic()
    while quiet < 12:
        pods = cluster.pods()
        now = (role_count(pods, "driver", "Running"), role_count(pods, "executor", "Running"),
               role_count(pods, "driver", "Succeeded"))
        quiet = quiet + 1 if now == last else 0
        if now != last:
            print("%6.1f s  drivers running %d, executors running %d, applications done %d" %
                  (time.monotonic() - started, *now), flush=True)
        last = now
        time.sleep(1)
        if time.monotonic() - started > DEADLINE_S:
            break
    stats = cluster.stats()["cluster"]
    print("\nnothing has moved for %d s: %d drivers hold the quota, %d of the %d executors they "
          "need run" % (quiet, last[0], last[1], 2 * APPLICATIONS))
    print_quota(stats)
    print("403s seen for exceeded quota: %d, and counting" % stats["quotaRefusals"])
    print("This is the deadlock that nightshift ends: run it again without --without-queue.")
    return 0 if last[0] > 0 and last[2] == 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-queue", action="store_true",
                        help="show what happens without nightshift")
    parser.add_argument("--runtime", default="4s", metavar="DURATION",
                        help="how long each application works (default: 4s)")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    folder = tempfile.mkdtemp(prefix="nightshift-demo-")
    cluster = None
    try:
        cluster = Cluster(folder)
        return (without_queue if given.without_queue else with_queue)(folder, cluster, given.runtime)
    except KeyboardInterrupt:
        return 130
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
