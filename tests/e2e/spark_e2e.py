#!/usr/bin/env python3
"""A real Spark runs through nightshiftd and kubesim's process runtime, to its real result.

Usage: spark_e2e.py KUBESIM NIGHTSHIFTD NIGHTSHIFT SPARK_HOME... [--only=PART OF A ROW'S NAME]

The image is SPARK_HOME laid over the machine. The driver's process asks kubesim's API for its executors,
which run as processes too and find the driver by its Service's name. Checked are results, exit codes,
logs, retries and events.
"""
import collections
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from nightshift_process import FINAL, World, batch_job, pod_job, until  # noqa: E402  pylint: disable=wrong-import-position

PATIENCE_S = 600  # A JVM takes its time on a busy machine.
AT_ONCE = 2  # Rows; most of their time is a JVM's start.
# These JVMs live for seconds: to compile less is faster.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
IMAGE = "local/spark:%s"
TEXT = "/usr/share/common-licenses/GPL-3"
ROWS = []


def row(what):
    def keep(function):
        ROWS.append((what, function))
        return function
    return keep


# --- The image ----------------------------------------------------------------------------------

def compile_pi(home, folder):
    """SparkPi as a jar. The compiler is a part of Debian's JRE, without a command of its own."""
    classes = tempfile.mkdtemp(dir=folder)
    jars = ":".join(glob.glob(os.path.join(home, "jars", "*.jar")))
    subprocess.run(["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-nowarn", "-proc:none",
                    "-cp", jars, "-d", classes,
                    os.path.join(HERE, "spark", "SparkPi.java")], check=True)
    with zipfile.ZipFile(os.path.join(folder, "spark-pi.jar"), "w") as jar:
        for name in os.listdir(classes):
            jar.write(os.path.join(classes, name), name)
    shutil.rmtree(classes)


def make_image(home, folder):
    jobs = os.path.join(folder, "opt", "jobs")
    os.makedirs(jobs)
    for name in os.listdir(os.path.join(HERE, "spark")):
        shutil.copy(os.path.join(HERE, "spark", name), jobs)
    compile_pi(home, jobs)
    os.symlink(home, os.path.join(folder, "opt", "spark"))
    python = os.path.join(sys.prefix, "bin", "python3")
    # The venv that holds this pyspark.
    found = re.match(r"(.*)/lib/python[^/]*/site-packages/pyspark$", home)
    if found:
        python = os.path.join(found.group(1), "bin", "python3")
    config = {"Entrypoint": ["/opt/jobs/entrypoint.sh"], "WorkingDir": "/tmp",
              "Env": ["SPARK_HOME=/opt/spark", "JAVA_TOOL_OPTIONS=" + JAVA, "PYSPARK_PYTHON=" + python,
                      "PYSPARK_DRIVER_PYTHON=" + python]}
    with open(os.path.join(folder, "image.json"), "w", encoding="utf-8") as file:
        json.dump({"config": config}, file)


# --- A world with Spark in it -------------------------------------------------------------------

class Spark:
    """The world, the command, and applications."""

    def __init__(self, world, programs, version):
        self.world = world
        self.daemon = world.daemon
        self.command = programs["nightshift"]
        self.version = version
        self.image = IMAGE % version

    def nightshift(self, *words):
        """(exit status, stdout, stderr)"""
        ran = subprocess.run([self.command, *words],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                             timeout=PATIENCE_S, env={
                                 "PATH": os.environ["PATH"], "HOME": "/nowhere",
                                 "NIGHTSHIFT_SERVER": "unix:" + self.daemon.socket})
        return ran.returncode, ran.stdout, ran.stderr

    def application(self, name, file, arguments, **fields):
        spark = {"type": "Python", "sparkVersion": self.version, "image": self.image,
                 "mainApplicationFile": "local:///opt/jobs/" + file, "arguments": arguments,
                 "driver": {"cores": 1, "memory": "512m"},
                 "executor": {"instances": 2, "cores": 1, "memory": "512m"}}
        spark.update(fields.pop("spark", {}))
        return self.daemon.submit(batch_job(name, {"spark": spark}, **fields))

    def finish(self, job_id, state):
        """The job, once it has ended in this state."""
        job = self.daemon.wait_state(job_id, *FINAL, seconds=PATIENCE_S)
        if job["state"] != state:
            raise AssertionError("%s\n%s\n%s" % (job, self.daemon.events(job_id), self.log(job_id)))
        return job

    def log(self, job_id, *options):
        status, out, err = self.nightshift("logs", str(job_id), *options)
        if status != 0:
            raise AssertionError("logs: %d %s" % (status, err))
        return out

    def pod_events(self, job_id, role):
        """(event's type, pod) of all drivers or executors that this job ever had, in order."""
        seen = []
        connection, response = self.world.sim.open(
            "GET", "/api/v1/pods?watch=1&resourceVersion=1&timeoutSeconds=1", timeout=PATIENCE_S)
        for line in response:
            event = json.loads(line)
            pod = event["object"]
            labels = pod["metadata"].get("labels", {})
            if (labels.get("spark-role"), labels.get("nightshift/job-id")) == (role, str(job_id)):
                seen.append((event["type"], pod))
        connection.close()
        return seen

    def ran_executors(self, job_id):
        return {pod["metadata"]["name"] for _, pod in self.pod_events(job_id, "executor")
                if pod["status"].get("phase") == "Running"}

    def accounted_cores(self, waiting_id):
        """What the daemon has in its books, as it tells a job that waits for its quota."""
        for check in self.daemon.get("/v1/jobs/%d/why" % waiting_id)["checks"]:
            found = re.search(r"requests.cpu: .*\(pods (\d+), reserved (\d+)\)", check["message"])
            if found:
                return int(found.group(1)) + int(found.group(2))
        return 0


def equal(got, want, what=""):
    if got != want:
        raise AssertionError("got  %r\nwant %r\n%s" % (got, want, what))


def contains(text, pattern):
    if not re.search(pattern, text, re.M):
        raise AssertionError("%r is not in:\n%s" % (pattern, text[-6000:]))


# --- Rows ---------------------------------------------------------------------------------------

@row("SparkPi, a JVM application, by spark-submit's own command line")
def spark_pi(spark):
    status, out, err = spark.nightshift(
        "spark-submit", "--master", "k8s://https://unused:443", "--deploy-mode", "cluster", "--name", "pi",
        "--class", "SparkPi", "--driver-memory", "512m", "--executor-memory", "512m", "--num-executors", "2",
        "--conf", "spark.kubernetes.container.image=" + spark.image,
        "local:///opt/jobs/spark-pi.jar", "20")
    equal(status, 0, out + err)
    job = [one for one in spark.daemon.get("/v1/jobs")["items"] if one["name"] == "pi"][0]
    equal((job["state"], job.get("exitCode", 0)), ("SUCCEEDED", 0))
    contains(spark.log(job["id"]), r"^Pi is roughly 3\.1[34]")
    equal(len(spark.ran_executors(job["id"])), 2)
    equal(spark.daemon.kinds(job["id"]),
          ["submitted", "admitted", "starting", "running", "succeeded"])


@row("a PySpark word count over a real text")
def words(spark):
    with open(TEXT, encoding="utf-8") as file:
        counts = collections.Counter(word.lower() for word in file.read().split())
    job_id = spark.application("words", "words.py", [TEXT])
    spark.finish(job_id, "SUCCEEDED")
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
    log = spark.log(job_id)
    for word, count in most:
        contains(log, "^%s: %d$" % (re.escape(word), count))
    contains(log, "^words: %d$" % sum(counts.values()))


class Sampler:
    """Looks again and again, beside the test."""

    def __init__(self, look):
        self.look = look
        self.seen = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.done.wait(0.1):
            self.seen.append(self.look())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.done.set()
        self.thread.join()


@row("dynamic allocation: executors come and go, and are accounted at once")
def dynamic(spark):
    spark.world.namespace("elastic")
    spark.world.quota("elastic", requests_cpu="8")
    job_id = spark.application("elastic", "elastic.py", ["12", "2", "1"], namespace="elastic", spark={
        "executor": {"cores": 1, "memory": "512m"},
        "dynamicAllocation": {"enabled": True, "initialExecutors": 1, "minExecutors": 1,
                              "maxExecutors": 3, "shuffleTrackingTimeout": 1000},
        "sparkConf": {"spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
                      "spark.dynamicAllocation.sustainedSchedulerBacklogTimeout": "1s",
                      "spark.dynamicAllocation.executorIdleTimeout": "4s"}})
    spark.daemon.wait_state(job_id, "RUNNING", seconds=PATIENCE_S)
    waits = spark.daemon.submit(pod_job("waits", cpu="8", image=spark.image, namespace="elastic"))
    with Sampler(lambda: spark.accounted_cores(waits)) as sampler:
        spark.daemon.wait_job(job_id, "its executors have gone", lambda _: "left: " in spark.log(job_id),
                              seconds=PATIENCE_S)
        until("they are accounted no more", lambda: sampler.seen[-1] == 2)
    spark.daemon.post("/v1/jobs/%d/cancel" % waits)
    spark.finish(job_id, "SUCCEEDED")
    contains(spark.log(job_id), r"^left: 1$")
    count = len(spark.ran_executors(job_id))
    if not 2 <= count <= 3:
        raise AssertionError("%d executors, of 1 to 3" % count)
    # A core each: driver and one executor were reserved, then all that came were in the books.
    if max(sampler.seen) != 1 + count:
        raise AssertionError("accounted: at most %d cores; %d executors ran" % (max(sampler.seen), count))
    gone = [pod for kind, pod in spark.pod_events(job_id, "executor") if kind == "DELETED"]
    driver_end = int(spark.pod_events(job_id, "driver")[-1][1]["metadata"]["resourceVersion"])
    if not any(int(pod["metadata"]["resourceVersion"]) < driver_end for pod in gone):
        raise AssertionError("no executor went before its driver")


@row("the driver's own web interface, through nightshift ui")
def web(spark):
    job_id = spark.application("web", "slow.py", ["8", "8"])
    until = time.monotonic() + PATIENCE_S
    while "Spark Jobs" not in str(spark.daemon.ask("GET", "/v1/jobs/%d/ui" % job_id)[1]):
        if time.monotonic() > until:
            raise AssertionError("no page: %s" % spark.log(job_id))
        time.sleep(0.5)
    with subprocess.Popen([spark.command, "ui", str(job_id), "--port", "0"], stdout=subprocess.PIPE,
                          text=True, env={"NIGHTSHIFT_SERVER": "unix:" + spark.daemon.socket}) as ui:
        try:
            address = ui.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=60) as page:
                contains(page.read().decode(), "Spark Jobs")
            with urllib.request.urlopen(address + "static/webui.css", timeout=60) as page:
                equal(page.headers["Content-Type"].split(";")[0], "text/css")
        finally:
            ui.kill()
    spark.finish(job_id, "SUCCEEDED")


@row("one that fails: its code, its words, and another try by a driver of the same name")
def fails(spark):
    job_id = spark.application("fails", "fails.py", ["3"], retry={"maxRetries": 1}, spark={
        "driver": {"cores": 1, "memory": "512m", "podName": "the-driver"}})
    job = spark.finish(job_id, "FAILED")
    equal(job["exitCode"], 3)
    equal([one["exitCode"] for one in job["attemptList"]], [3, 3])
    equal([one["podName"] for one in job["attemptList"]], ["the-driver"] * 2)
    for number in ("1", "2"):
        log = spark.log(job_id, "--attempt", number)
        contains(log, r"^sum: 4950$")
        contains(log, r"^and now it fails$")
    equal(spark.nightshift("wait", str(job_id))[0] != 0, True)


@row("a driver above its memory limit is OOMKilled, and told as that")
def hungry(spark):
    job_id = spark.application("hungry", "hungry.py", ["2048"], retry={"maxRetries": 0})
    job = spark.finish(job_id, "FAILED")
    equal(job["exitCode"], 137)
    contains(json.dumps(spark.daemon.events(job_id)), "oom|OOMKilled")


# --- Running ------------------------------------------------------------------------------------

def run_row(entry, spark):
    """(is it good?, a line about it)"""
    what, function = entry
    began = time.monotonic()
    good = True
    try:
        function(spark)
    except Exception:  # pylint: disable=broad-except
        print(traceback.format_exc(), flush=True)
        good = False
    line = "%s: Spark %s: %s (%.0f s)" % ("test ok" if good else "test failed", spark.version, what,
                                          time.monotonic() - began)
    print(line, flush=True)
    return good, line


def run_version(programs, home, only):
    """[(is it good?, a line about it)] of all rows with this Spark."""
    with open(os.path.join(home, "version.py"), encoding="utf-8") as file:
        version = re.search(r"__version__[^=]*=\s*['\"](.*)['\"]", file.read()).group(1)
    entries = [entry for entry in ROWS if only in entry[0]]
    with tempfile.TemporaryDirectory(prefix="spark-e2e-", dir="/tmp") as folder:
        make_image(home, folder)
        with World(programs, sim=("--nodes", "2", "--node-cpu", "16", "--runtime", "process",
                                  "--image", "local/spark:*=" + folder)) as world:
            world.daemon.start()
            spark = Spark(world, programs, version)
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                results = list(pool.map(lambda entry: run_row(entry, spark), entries))
            if not all(good for good, _ in results):
                print(world.daemon.log()[-8000:])
    return results


def main():
    arguments = sys.argv[1:]
    only = arguments.pop()[len("--only="):] if arguments[-1].startswith("--only=") else ""
    programs = dict(zip(("kubesim", "nightshiftd", "nightshift"), map(os.path.abspath, arguments)))
    began = time.monotonic()
    results = [result for home in arguments[3:]
               for result in run_version(programs, os.path.realpath(home), only)]
    print("\n".join(["e2e-spark:"] + ["  " + line for _, line in results]))
    print("e2e-spark: %d of %d hold, in %.0f s" % (
        sum(good for good, _ in results), len(results), time.monotonic() - began))
    sys.exit(0 if results and all(good for good, _ in results) else 1)


if __name__ == "__main__":
    main()
