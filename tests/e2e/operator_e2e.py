#!/usr/bin/env python3
"""Applications that a real Spark operator carries out for nightshiftd, on kubesim's process runtime.

Usage: operator_e2e.py KUBESIM NIGHTSHIFTD NIGHTSHIFT OPERATOR SPARK_HOME [--only=PART OF A ROW'S NAME]

OPERATOR is the operator's own program. It runs as a pod, with a service account's token, as its chart
installs it (the controller, without webhook), and has SPARK_HOME's spark-submit create the driver.
"""
import json
import os
import re
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import spark_e2e  # noqa: E402  pylint: disable=wrong-import-position
from nightshift_process import World, batch_job, until  # noqa: E402  pylint: disable=wrong-import-position
from spark_e2e import PATIENCE_S, Spark, contains, equal, run_row  # noqa: E402  pylint: disable=wrong-import-position

GROUP = "/apis/sparkoperator.k8s.io/v1beta2"
TIGHT = "tight"  # A namespace with a quota.
HOME = "spark-operator"
DRIVER_LABELS = ("sparkoperator.k8s.io/app-name", "sparkoperator.k8s.io/submission-id")
ROWS = []


def row(what):
    def keep(function):
        ROWS.append((what, function))
        return function
    return keep


# --- The operator -------------------------------------------------------------------------------

class Operator:
    """It is installed: a pod in a namespace of its own. kill() and start() are for restarts."""

    def __init__(self, world, program, image):
        self.world = world
        self.program = program
        self.image = image
        self.count = 0
        self.pod = None
        world.namespace(HOME)
        world.namespace(TIGHT)
        until("its account", lambda: world.sim.ask(
            "GET", "/api/v1/namespaces/%s/serviceaccounts/default" % HOME)[0] == 200)
        self.start()

    def start(self):
        self.count += 1
        self.pod = "spark-operator-controller-%d" % self.count
        self.world.kube("POST", "/api/v1/namespaces/%s/pods" % HOME, {
            "metadata": {"name": self.pod}, "spec": {
                "restartPolicy": "Never", "containers": [{
                    "name": "controller", "image": self.image, "command": [
                        self.program, "controller", "start", "--zap-log-level=info", "--namespaces=default,%s" % TIGHT,
                        "--leader-election=true", "--leader-election-lock-namespace=" + HOME,
                        "--leader-election-lease-duration=4s", "--leader-election-renew-deadline=3s",
                        "--leader-election-retry-period=1s",
                        "--health-probe-bind-address=$(POD_IP):8081"],
                    "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}]}})
        until("the operator works", lambda: "Starting workers" in self.log(), PATIENCE_S)

    def log(self):
        status, text, _ = self.world.sim.ask(
            "GET", "/api/v1/namespaces/%s/pods/%s/log" % (HOME, self.pod))
        return text if status == 200 else ""

    def log_of(self, application):
        return "\n".join(line for line in self.log().splitlines() if '"%s"' % application in line)

    def kill(self):
        """As by kill -9: without a word."""
        self.world.kube("DELETE", "/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0" % (HOME, self.pod))

    def version(self):
        found = re.search(r"Git Version: *(\S+)", self.log())
        return found.group(1) if found else "?"


# --- What rows ask ------------------------------------------------------------------------------

class Handed(Spark):
    """Applications that are handed to the operator."""

    def __init__(self, world, programs, version, operator):
        super().__init__(world, programs, version)
        self.operator = operator

    def hand_over(self, name, file, arguments=(), spark=None, **fields):
        spec = {"type": "Python", "sparkVersion": self.version, "image": self.image,
                "mainApplicationFile": "local:///opt/jobs/" + file, "arguments": list(arguments),
                "driver": {"cores": 1, "memory": "512m"},
                "executor": {"instances": 2, "cores": 1, "memory": "512m"}}
        spec.update(spark or {})
        return self.daemon.submit(batch_job(name, {"sparkApplication": {"operator": True, "spec": spec}}, **fields))

    def applications(self, job_id):
        """Those of this job, as the API has them, by their attempts."""
        return sorted((app for app in self.world.kube("GET", GROUP + "/sparkapplications")["items"]
                       if app["metadata"]["labels"].get("nightshift/job-id") == str(job_id)),
                      key=lambda app: int(app["metadata"]["labels"]["nightshift/attempt"]))

    def state(self, job_id, attempt=1):
        """What the operator says of an attempt's application; None: it is not there."""
        for app in self.applications(job_id):
            if app["metadata"]["labels"]["nightshift/attempt"] == str(attempt):
                return app.get("status", {}).get("applicationState", {}).get("state", "")
        return None

    def wait_operator(self, job_id, *states, attempt=1):
        until("the operator says %s" % " or ".join(map(str, states)),
              lambda: self.state(job_id, attempt) in states, PATIENCE_S)

    def told(self, job_id):
        return [event["text"].replace("the Spark operator: ", "")
                for event in self.daemon.events(job_id) if event["kind"] == "operator"]

    def pods(self, job_id, role):
        """Of all that ever were, the newest state of each."""
        return {pod["metadata"]["name"]: pod for _, pod in self.pod_events(job_id, role)}

    def drivers(self, job_id):
        """The uids of all that ever were."""
        return {pod["metadata"]["uid"] for _, pod in self.pod_events(job_id, "driver")}


# --- Rows ---------------------------------------------------------------------------------------

@row("SparkPi succeeds, and its pods are the job's")
def spark_pi(spark):
    job_id = spark.hand_over("pi", "spark-pi.jar", ["20"], spark={"type": "Scala", "mainClass": "SparkPi"})
    job = spark.finish(job_id, "SUCCEEDED")
    contains(spark.log(job_id), r"^Pi is roughly 3\.1[34]")
    equal(job["attemptList"][0]["podName"], "pi-%d-1-driver" % job_id)
    equal([kind for kind in spark.daemon.kinds(job_id) if kind not in ("operator", "submit_transient")],
          ["submitted", "admitted", "starting", "running", "succeeded"])
    equal(len(spark.ran_executors(job_id)), 2)
    for role in ("driver", "executor"):
        for pod in spark.pods(job_id, role).values():
            labels = pod["metadata"]["labels"]
            equal(labels["nightshift/attempt"], "1", pod["metadata"]["name"])
            equal(labels["sparkoperator.k8s.io/app-name"], "pi-%d-1" % job_id)
    spark.wait_operator(job_id, "COMPLETED")
    order = ["SUBMITTED", "RUNNING", "SUCCEEDING", "COMPLETED"]
    equal(spark.told(job_id), [state for state in order if state in spark.told(job_id)], "in their order")


@row("one that fails has the driver's exit code, and each retry is a new application")
def fails(spark):
    job_id = spark.hand_over("fails", "fails.py", ["3"], retry={"maxRetries": 1})
    job = spark.finish(job_id, "FAILED")
    equal([(one["failure"], one["exitCode"]) for one in job["attemptList"]], [("app", 3)] * 2)
    equal([app["metadata"]["name"] for app in spark.applications(job_id)],
          ["fails-%d-%d" % (job_id, attempt) for attempt in (1, 2)])
    for attempt in ("1", "2"):
        contains(spark.log(job_id, "--attempt", attempt), r"^and now it fails$")
    for attempt in (1, 2):
        spark.wait_operator(job_id, "FAILED", attempt=attempt)
        status = spark.applications(job_id)[attempt - 1]["status"]
        equal(status["applicationState"]["errorMessage"], "driver container failed with ExitCode: 3, Reason: Error")
        equal((status["executionAttempts"], status["submissionAttempts"]), (1, 1))


@row("one that is cancelled while it runs: none of its pods lives on")
def cancelled(spark):
    job_id = spark.hand_over("cancelled", "slow.py", ["600", "600"])
    spark.daemon.wait_state(job_id, "RUNNING", seconds=PATIENCE_S)
    until("an executor runs", lambda: bool(spark.ran_executors(job_id)), PATIENCE_S)
    spark.daemon.post("/v1/jobs/%d/cancel" % job_id)
    spark.finish(job_id, "CANCELLED")
    # Executors that have ended stay with the application, which owns them, too.
    until("none of its pods lives", lambda: all(pod["status"].get("phase") in ("Succeeded", "Failed")
                                                for pod in spark.world.pods(job_id=job_id)), PATIENCE_S)
    spark.wait_operator(job_id, "FAILED", None)


@row("one whose submission fails is refused with the words that matter")
def refused(spark):
    job_id = spark.hand_over("refused", "words.py", ["/dev/null"], spark={
        "driver": {"cores": 1, "memory": "512m", "serviceAccount": "nobody"}})
    spark.finish(job_id, "REJECTED")
    contains(spark.daemon.events(job_id)[-1]["text"], 'serviceaccount "nobody" not found')


def pod_of_somebody(name, cpu):
    amounts = {"cpu": cpu, "memory": "64Mi"}
    return {"metadata": {"name": name}, "spec": {"schedulerName": "nobody", "containers": [
        {"name": "a", "image": "b", "resources": {"requests": amounts, "limits": amounts}}]}}


@row("one that loses a race for its quota is back in the queue, and runs when there is room")
def quota_race(spark):
    path = "/api/v1/namespaces/%s/pods" % TIGHT
    spark.world.quota(TIGHT, requests_cpu="3")
    job_id = spark.hand_over("race", "words.py", ["/dev/null"], namespace=TIGHT)
    until("the application is there", lambda: bool(spark.applications(job_id)))
    spark.world.kube("POST", path, pod_of_somebody("faster", "3"))
    spark.daemon.wait_job(job_id, "back in the queue", lambda job: "quota_race" in spark.daemon.kinds(job_id),
                          seconds=PATIENCE_S)
    spark.world.kube("DELETE", path + "/faster?gracePeriodSeconds=0")
    job = spark.finish(job_id, "SUCCEEDED")
    equal((job["retries"], len(job["attemptList"])), (0, 2))
    contains(json.dumps(spark.daemon.events(job_id)), "exceeded quota: quota, requested: requests.cpu=1")


@row("one that is cancelled while spark-submit runs leaves nothing behind")
def cancelled_early(spark):
    job_id = spark.hand_over("early", "slow.py", ["600", "600"])
    until("it is submitted", lambda: "Running spark-submit" in spark.operator.log_of("early-%d-1" % job_id), PATIENCE_S)
    spark.daemon.post("/v1/jobs/%d/cancel" % job_id)
    spark.finish(job_id, "CANCELLED")
    until("the operator has done its part",
          lambda: "Finished reconciling" in spark.operator.log_of("early-%d-1" % job_id), PATIENCE_S)
    until("its pods are gone", lambda: not spark.world.pods(job_id=job_id), PATIENCE_S)


@row("one that is out of memory is tried again with more")
def grows(spark):
    job_id = spark.hand_over("grows", "hungry.py", ["700"], retry={"maxRetries": 1})
    job = spark.finish(job_id, "SUCCEEDED")
    equal([one["failure"] for one in job["attemptList"]][:1], ["oom"])
    limits = [pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
              for _, pod in sorted(spark.pods(job_id, "driver").items())]
    equal(limits, ["896Mi", "1344Mi"])


@row("one with a podName of its own has it, and the next one waits for it")
def pod_name(spark):
    ids = [spark.hand_over("named-%d" % number, "words.py", ["/dev/null"], spark={
        "driver": {"cores": 1, "memory": "512m", "podName": "my-driver"}}) for number in (1, 2)]
    for job_id in ids:
        job = spark.finish(job_id, "SUCCEEDED")
        equal([one["podName"] for one in job["attemptList"]], ["my-driver"])
    starts = [spark.daemon.job(job_id) for job_id in ids]
    equal(starts[0]["finishedAt"] <= starts[1]["admittedAt"], True, "one after the other")


@row("one whose specification somebody changes is never run twice at once")
def changed(spark):
    job_id = spark.hand_over("changed", "slow.py", ["6", "6"], retry={"maxRetries": 2})
    spark.daemon.wait_state(job_id, "RUNNING", seconds=PATIENCE_S)
    name = spark.applications(job_id)[0]["metadata"]["name"]
    spark.world.kube("PATCH", GROUP + "/namespaces/default/sparkapplications/" + name,
                     {"spec": {"executor": {"instances": 1}}},
                     headers={"Content-Type": "application/merge-patch+json"})
    spark.wait_operator(job_id, "INVALIDATING", "PENDING_RERUN", "SUBMITTED", "FAILED")
    spark.finish(job_id, "SUCCEEDED")
    running = set()
    seen = []
    for kind, pod in spark.pod_events(job_id, "driver"):
        phase = "Gone" if kind == "DELETED" else pod["status"].get("phase")
        seen.append((pod["metadata"]["name"], pod["metadata"]["uid"][:8], phase))
        (running.add if phase == "Running" else running.discard)(pod["metadata"]["uid"])
        equal(len(running) <= 1, True, "two drivers at once: %s" % seen)
    print(seen, flush=True)


@row("kill -9 of nightshiftd: while it is submitted, while it runs, and while it ends")
def killed(spark):
    job_id = spark.hand_over("killed", "slow.py", ["5", "5"], retry={"maxRetries": 0, "infraRetries": 0})
    until("the application is there", lambda: bool(spark.applications(job_id)))
    for wait in (lambda: spark.state(job_id) == "SUBMITTED", lambda: spark.state(job_id) == "RUNNING",
                 lambda: spark.state(job_id) in ("SUCCEEDING", "COMPLETED", "FAILED")):
        spark.daemon.kill()
        until("the operator goes on", wait, PATIENCE_S)
        spark.daemon.start()
    spark.finish(job_id, "SUCCEEDED")
    equal(len(spark.applications(job_id)), 1)
    equal(len(spark.drivers(job_id)), 1)


@row("timeToLiveSeconds: the operator deletes the application, and the job stays as it ended")
def time_to_live(spark):
    job_id = spark.hand_over("short", "words.py", ["/dev/null"], spark={"timeToLiveSeconds": 3})
    spark.finish(job_id, "SUCCEEDED")
    spark.wait_operator(job_id, None)
    equal(spark.daemon.job(job_id)["state"], "SUCCEEDED")


@row("kill -9 of the operator amid spark-submit: one run to the end, and no retry spent")
def operator_killed(spark):
    job_id = spark.hand_over("orphan", "slow.py", ["8", "8"], retry={"maxRetries": 0, "infraRetries": 0})
    until("its driver is there", lambda: bool(spark.world.pods(job_id=job_id)), PATIENCE_S)
    spark.operator.kill()
    spark.operator.start()
    job = spark.finish(job_id, "SUCCEEDED")
    equal(job["retries"], 0)
    ran = {pod["metadata"]["uid"] for _, pod in spark.pod_events(job_id, "driver")
           if pod["status"].get("phase") == "Running"}
    equal(len(ran), 1, "%s: %s" % (job, spark.told(job_id)))


# --- Running ------------------------------------------------------------------------------------

def main():
    arguments = sys.argv[1:]
    only = arguments.pop()[len("--only="):] if arguments[-1].startswith("--only=") else ""
    programs = dict(zip(("kubesim", "nightshiftd", "nightshift"), map(os.path.abspath, arguments)))
    program, home = os.path.abspath(arguments[3]), os.path.realpath(arguments[4])
    with open(os.path.join(home, "version.py"), encoding="utf-8") as file:
        version = re.search(r"__version__[^=]*=\s*['\"](.*)['\"]", file.read()).group(1)
    results = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="operator-e2e-", dir="/tmp") as folder:
        spark_e2e.make_image(home, folder)
        with World(programs, sim=("--nodes", "2", "--node-cpu", "16", "--runtime", "process",
                                  "--image", "local/spark:*=" + folder)) as world:
            world.daemon.start()
            operator = Operator(world, program, spark_e2e.IMAGE % version)
            spark = Handed(world, programs, version, operator)
            print("e2e-operator: the operator is %s" % operator.version(), flush=True)
            results = [run_row(entry, spark) for entry in ROWS if only in entry[0]]
            if not all(good for good, _ in results):
                print(world.daemon.log()[-8000:])
                print(operator.log()[-12000:])
    print("\n".join(["e2e-operator:"] + ["  " + line for _, line in results]))
    print("e2e-operator: %d of %d hold, in %.0f s" % (
        sum(good for good, _ in results), len(results), time.monotonic() - began))
    sys.exit(0 if results and all(good for good, _ in results) else 1)


if __name__ == "__main__":
    main()
