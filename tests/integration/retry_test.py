#!/usr/bin/python3
"""What follows a failure: each class provoked in a cluster, through the real daemon.

Usage: retry_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT [PART OF A ROW'S NAME]
"""
import datetime
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import pod_job, spark_job, until  # noqa: E402

ROWS = table.Rows("retry")
row = ROWS.row
MIB = 1 << 20
SOON = {"initial": "20ms", "max": "50ms"}


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def main_pod(world, job_id, attempt):
    """The attempt's driver, or only pod, once it is there."""
    return until("attempt %d of job %d has a pod" % (attempt, job_id), lambda: next(
        (pod for pod in world.pods("default", job_id)
         if pod["metadata"]["labels"]["nightshift/attempt"] == str(attempt)
         and pod["metadata"]["labels"].get("spark-role") != "executor"), None))


def executors(world, job_id):
    return [pod for pod in world.pods("default", job_id)
            if pod["metadata"]["labels"].get("spark-role") == "executor"
            and pod["status"].get("phase") == "Running"]


def attempt_runs(world, job_id, attempt):
    world.daemon.wait_job(
        job_id, "attempt %d runs" % attempt,
        lambda job: job["attempts"] == attempt and job["state"] == "RUNNING")
    return main_pod(world, job_id, attempt)


def attempt_failed(world, job_id, attempt=1):
    """It, as the interface tells of it."""
    return until("attempt %d of job %d has failed" % (attempt, job_id), lambda: next(
        (one for one in world.daemon.job(job_id)["attemptList"]
         if one["number"] == attempt and one["failure"] is not None), None))


def told(attempt, *words):
    for word in words:
        if word not in (attempt["cause"] or ""):
            raise AssertionError("%r is not in the cause %r" % (word, attempt["cause"]))


def memory_of(pod):
    return pod["spec"]["containers"][0]["resources"]["limits"]["memory"]


# --- A row per class ---------------------------------------------------------------------------

# Long enough for a look at the wait; its end is not waited for.
LATER = {"initial": "30m", "max": "30m"}


def show(world, job_id):
    """As a person sees it who asks for JSON."""
    return json.loads(subprocess.run(
        [world.programs["nightshift"], "show", str(job_id), "-o", "json", "--server",
         "unix:" + world.daemon.socket], check=True, capture_output=True, timeout=60).stdout)


def submit(world, name, spark=False, sim=None, backoff=LATER, retry=None, **fields):
    make = spark_job if spark else pod_job
    return world.daemon.submit(make(name, sim=sim or {"runtime": "10m"}, retry={
        "maxRetries": 3, "infraRetries": 4, "backoff": backoff, **(retry or {})}, **fields))


def strike(world, job_id, fault, **more):
    """Its main pod runs, and is hit."""
    pod = attempt_runs(world, job_id, 1)
    world.sim.fault(fault=fault, namespace="default", pod=pod["metadata"]["name"], **more)
    return job_id


def hit(world, fault, name="plain", **more):
    """A running pod is hit, and its job goes on soon; returns the job."""
    return strike(world, submit(world, name, backoff=SOON, retry=more.pop("retry", None)), fault,
                  **more)


def lose_node(world, name):
    job_id = submit(world, name)
    node = attempt_runs(world, job_id, 1)["spec"]["nodeName"]
    world.sim.fault(fault="node-loss", node=node, deleteNode=True)
    return job_id


def no_image(world, name):
    return submit(world, name, image="busybox:missing", retry={
        "classes": {"image": {"grace": "300ms"}}})


def no_secret(world, name):
    job = pod_job(name, retry={"maxRetries": 3, "infraRetries": 4, "backoff": LATER,
                               "classes": {"config": {"grace": "300ms"}}})
    job["spec"]["pod"]["spec"]["containers"][0]["env"] = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "nowhere", "key": "p"}}}]
    return world.daemon.submit(job)


def no_volume(world, name):
    """The container stays in ContainerCreating: an event alone tells of it."""
    job = pod_job(name, retry={"maxRetries": 3, "infraRetries": 4, "backoff": LATER,
                               "classes": {"config": {"grace": "300ms"}}})
    pod = job["spec"]["pod"]["spec"]
    pod["volumes"] = [{"name": "keys", "secret": {"secretName": "nowhere"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "keys", "mountPath": "/keys"}]
    return world.daemon.submit(job)


def no_sandbox(world, name):
    for node in world.kube("GET", "/api/v1/nodes")["items"]:
        world.sim.fault(fault="sandbox", node=node["metadata"]["name"])
    return submit(world, name, retry={"classes": {"unschedulable": {"grace": "300ms"}}})


def taken_away(event):
    """Gone before anybody saw its last status, as from an older cluster; an event tells."""
    return lambda world, name: strike(world, submit(world, name), "pod-vanish", event=event,
                                      message="for a pod of higher priority")


def no_scheduler(world, name):
    """Only the scheduler of that name would place it, and there is none."""
    job = pod_job(name, retry={"maxRetries": 3, "infraRetries": 4, "backoff": LATER})
    job["spec"]["pod"]["spec"]["schedulerName"] = "nobody"
    return world.daemon.submit(job)


def no_executors(world, name):
    world.sim.fault(fault="image-missing", image="for-executors")
    job = spark_job(name, sim={"runtime": "10m"}, retry={
        "maxRetries": 3, "infraRetries": 4, "backoff": LATER})
    job["spec"]["spark"]["executor"]["image"] = "for-executors:1"
    return world.daemon.submit(job)


def name_taken(world, name):
    """Somebody else's pod has the name of the next job's first attempt."""
    first = submit(world, name)
    taken = main_pod(world, first, 1)["metadata"]["name"].replace(
        "-%d-" % first, "-%d-" % (first + 1))
    world.kube("POST", "/api/v1/namespaces/default/pods", {
        "metadata": {"name": taken, "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})
    return submit(world, name)


def server_fails(world, name):
    world.sim.fault(fault="error", verb="create", resource="pods", name=name, code=503, count=3)
    return submit(world, name)


def race(world, name):
    """What the daemon hears stops; so it still counts on the room that somebody else takes."""
    world.namespace("team")
    world.quota("team", pods="1")
    world.sim.fault(fault="silence-watch", resource="pods")
    world.sim.fault(fault="silence-watch", resource="resourcequotas")
    world.kube("POST", "/api/v1/namespaces/team/pods", {
        "metadata": {"name": "foreign", "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})
    return submit(world, name, namespace="team")


def refused(world, name):
    return submit(world, name, namespace="nowhere")


def outlives(world, name):
    return submit(world, name, maxRuntime="300ms")


def stopped(world, name):
    job_id = submit(world, name)
    attempt_runs(world, job_id, 1)
    world.daemon.post("/v1/jobs/%d/cancel" % job_id)
    return job_id


def bereft(world, name):
    """What it waits for fails, and so does it."""
    first = submit(world, name + "-before", retry={"maxRetries": 0}, sim={"exit-code": "1"})
    return world.daemon.submit(pod_job(name, after=[{"job": first, "otherwise": "fail"}]))


def struck(fault, **more):
    return lambda world, name: strike(world, submit(world, name), fault, **more)


def driver_struck(fault, **more):
    return lambda world, name: strike(world, submit(world, name, spark=True), fault, **more)


class Row:
    """A class of policy/job.h, and how it is provoked. spent: of maxRetries and infraRetries.
    state: once its first attempt is over. tried: another attempt follows. signs: in its cause."""

    def __init__(self, failure, provoke, signs, spent, state="RETRY_WAIT", exit_code=None, **more):
        self.failure = failure
        self.provoke = provoke
        self.signs = signs
        self.spent = spent
        self.state = state
        self.exit_code = exit_code
        self.pods = more.pop("pods", 1)
        self.attempts = more.pop("attempts", 1)
        self.config = more.pop("config", {})


EVENTS = {"scheduling": {"eventsAfter": "200ms"}}

# tests/docs/docs_test.py asks for a row of each class.
CLASSES = [
    Row("evicted", struck("evict"), ("reason Evicted", "DisruptionTarget TerminationByKubelet"),
        (0, 1), exit_code=137),
    Row("preempted", struck("preempt"), ("DisruptionTarget PreemptionByScheduler",), (0, 1)),
    Row("node_lost", struck("pod-vanish"), ("its pod is gone",), (0, 1)),
    Row("node_lost", lose_node, ("is gone",), (0, 1)),
    Row("oom", struck("oom-kill"), ("OOMKilled", "main ended with exit code 137"), (1, 0),
        exit_code=137),
    Row("oom", driver_struck("kill-pod", exitCode=52), ("exit code 52",), (1, 0), exit_code=52,
        pods=2),
    Row("app", struck("kill-pod", exitCode=3), ("main ended with exit code 3",), (1, 0),
        exit_code=3),
    Row("app", struck("kill-pod", exitCode=137), ("exit code 137",), (1, 0), exit_code=137),
    Row("image", struck("kill-pod", exitCode=127), ("exit code 127",), (1, 0), exit_code=127),
    Row("image", no_image, ("phase Pending", "ImagePull"), (1, 0)),
    Row("config", no_secret, ("CreateContainerConfigError",), (1, 0)),
    Row("config", no_volume, ("FailedMount", 'secret "nowhere" not found'), (1, 0), config=EVENTS),
    Row("unschedulable", no_sandbox, ("FailedCreatePodSandBox",), (0, 1), config=EVENTS),
    Row("preempted", taken_away("Preempted"), ("its pod is gone", "Preempted: for"), (0, 1)),
    Row("evicted", taken_away("Evicted"), ("its pod is gone", "Evicted: for"), (0, 1)),
    Row("node_lost", taken_away("TaintManagerEviction"), ("TaintManagerEviction",), (0, 1)),
    Row("unschedulable", no_scheduler, ("did not start",), (0, 1),
        config={"scheduling": {"startTimeout": "1s"}}),
    Row("executor_starved", driver_struck("kill-pod", exitCode=11), ("exit code 11",), (0, 1),
        exit_code=11, pods=2),
    Row("executor_starved", no_executors, ("without a running executor",), (0, 1), pods=2,
        config={"scheduling": {"executorTimeout": "1s"}}),
    Row("submit_transient", name_taken, ("another",), (0, 0), state="RUNNING", attempts=2),
    Row("quota_race", race, ("exceeded quota",), (0, 0), state="QUEUED", pods=1),
    Row("rejected", refused, ('namespaces "nowhere" not found',), (0, 0), state="REJECTED"),
    Row("deadline", outlives, ("ran for its maxRuntime of 300ms",), (0, 0), state="FAILED"),
    Row("cancelled", stopped, (), (0, 0), state="CANCELLED"),
    Row("dependency", bereft, (), (0, 0), state="FAILED", attempts=0, pods=0),
]


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_attempt(failed, row):
    """Its class, cause and cost."""
    same(failed["failure"], row.failure)
    told(failed, *row.signs)
    if row.exit_code is not None:
        same(failed["exitCode"], row.exit_code)
    same(failed["pods"], row.pods, "pods that it reserved")
    memory, cores = (896, 1) if row.pods == 2 else (64, 0.1)
    same(failed["driverMemoryBytes"], memory * MIB, "memory that it reserved")
    seconds = instant(failed["finishedAt"]) - instant(failed["admittedAt"])
    if abs(failed["cpuSeconds"] - row.pods * cores * seconds) > 1 + 0.1 * seconds:
        raise AssertionError("cpuSeconds of %.3f s: %s" % (seconds, failed))


def check_wait(world, job_id, job, failed):
    """The back-off is drawn from [0, 30 min), and the next attempt comes after it, or at once when
    somebody asks for it."""
    wait = instant(job["eligibleAt"]) - instant(failed["finishedAt"])
    if not -1 <= wait <= 1800 + 60:
        raise AssertionError("a back-off of %.3f s" % wait)
    same(job["reason"]["code"], "RetryWait")
    if "tried again in" not in world.daemon.events(job_id)[-1]["text"]:
        raise AssertionError(world.daemon.events(job_id)[-1])
    world.daemon.post("/v1/jobs/%d/retry" % job_id)
    world.daemon.wait_job(job_id, "attempt 2", lambda job: job["attempts"] == 2)


def class_row(number, row):
    def run(world):
        job_id = row.provoke(world, "job-%d" % number)
        if row.attempts > 0:
            attempt_failed(world, job_id)
        world.daemon.wait_job(job_id, row.state, lambda job: job["state"] == row.state)
        job = show(world, job_id)
        same((job["retries"], job["infraRetries"]), row.spent, "budget")
        if row.failure != "quota_race":  # Which goes on until there is room.
            same(job["attempts"], row.attempts)
        if row.attempts == 0:
            same(job["failure"], row.failure)
            return
        failed = job["attemptList"][0]
        check_attempt(failed, row)
        if row.state == "RETRY_WAIT":
            same((job["maxRetries"], job["maxInfraRetries"]), (3, 4))
            check_wait(world, job_id, job, failed)
        elif row.state not in ("RUNNING", "QUEUED"):
            same(job["failure"], row.failure)
    return run


for place, one in enumerate(CLASSES):
    row("class %s, %d" % (one.failure, place), config=one.config)(class_row(place, one))


@row("without the right to read events pods alone are looked at, and the log says so once",
     config={"scheduling": {"eventsAfter": "50ms", "startTimeout": "1500ms"}})
def no_right_to_events(world):
    world.sim.fault(fault="error", verb="list", resource="events", code=403, count=-1)
    jobs = [no_volume(world, name) for name in ("one", "two")]
    for job_id in jobs:
        same(attempt_failed(world, job_id)["failure"], "unschedulable")
    same(world.daemon.log().count("event=denied resource=events"), 1)
    gone = hit(world, "pod-vanish", "gone")
    same(attempt_failed(world, gone)["failure"], "node_lost")


@row("events that can't be read are asked for again", config=EVENTS)
def broken_events(world):
    for fault in ({"fault": "garbage"}, {"fault": "cut-body"}, {"fault": "reset"},
                  {"fault": "error", "code": 500}):
        world.sim.fault(verb="list", resource="events", **fault)
    job_id = no_volume(world, "patient")
    same(attempt_failed(world, job_id)["failure"], "config")


@row("while a pod waits its event is shown; when it goes on it is not, and nothing was spent",
     config=EVENTS)
def waits_and_goes_on(world):
    job_id = no_volume(world, "patient")
    world.daemon.post("/v1/jobs/%d/cancel" % job_id)
    job = pod_job("patient")
    pod = job["spec"]["pod"]["spec"]
    pod["volumes"] = [{"name": "keys", "secret": {"secretName": "later"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "keys", "mountPath": "/keys"}]
    job_id = world.daemon.submit(job)
    shown = world.daemon.wait_job(job_id, "the event is shown",
                                  lambda job: "FailedMount" in job["reason"]["message"])
    same(shown["state"], "STARTING")
    if "FailedMount" not in world.daemon.get("/v1/jobs/%d/why" % job_id)["job"]["reason"]["message"]:
        raise AssertionError("why says nothing of it")
    same(world.daemon.kinds(job_id).count("pod_waits"), 1)
    world.kube("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "later"}})
    job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["retries"], job["infraRetries"]), (1, 0, 0))
    if "FailedMount" in json.dumps(job["attemptList"]):
        raise AssertionError(job["attemptList"])


@row("what the API server fails to do is asked for again, by the same attempt")
def transient(world):
    job_id = server_fails(world, "unlucky")
    attempt_runs(world, job_id, 1)
    job = show(world, job_id)
    same((job["attempts"], job["retries"], job["infraRetries"]), (1, 0, 0))
    same(world.daemon.kinds(job_id).count("submit_transient"), 1)


@row("a node that is lost takes its pod along, and the job keeps off it",
     config={"retry": {"classes": {"node_lost": {"avoidNode": "required"}}}})
def node_lost(world):
    job_id = world.daemon.submit(pod_job(sim={"runtime": "10m"}, retry={"backoff": SOON}))
    first = attempt_runs(world, job_id, 1)
    world.sim.fault(fault="node-loss", node=first["spec"]["nodeName"], deleteNode=True)
    failed = attempt_failed(world, job_id)
    same(failed["failure"], "node_lost")
    second = attempt_runs(world, job_id, 2)
    terms = second["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    same(terms, [{"matchFields": [{"key": "metadata.name", "operator": "NotIn",
                                   "values": [first["spec"]["nodeName"]]}]}])
    if second["spec"]["nodeName"] == first["spec"]["nodeName"]:
        raise AssertionError("it is on the node that failed it")


@row("after an eviction the pods of driver and executors would rather be elsewhere")
def preferred(world):
    job_id = world.daemon.submit(spark_job(sim={"runtime": "10m"}, retry={"backoff": SOON}))
    first = attempt_runs(world, job_id, 1)
    world.sim.fault(fault="evict", namespace="default", pod=first["metadata"]["name"])
    second = attempt_runs(world, job_id, 2)
    wish = {"weight": 100, "preference": {"matchFields": [
        {"key": "metadata.name", "operator": "NotIn", "values": [first["spec"]["nodeName"]]}]}}
    same(second["spec"]["affinity"]["nodeAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"], [wish])
    maps = world.kube("GET", "/api/v1/namespaces/default/configmaps")["items"]
    if not any("NotIn" in text for one in maps for text in (one.get("data") or {}).values()):
        raise AssertionError("the executors' template says nothing of it")


# --- Real processes ----------------------------------------------------------------------------

REAL = ("--runtime", "process", "--image", "busybox:*=/")


def command(job, *words):
    job["spec"]["pod"]["spec"]["containers"][0]["command"] = list(words)
    return job


@row("a real process: its exit code is told, and its rule obeyed", sim=REAL)
def real_exit(world):
    job_id = world.daemon.submit(command(pod_job(retry={
        "maxRetries": 3, "podFailurePolicy": {"rules": [{
            "action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}}),
        "/bin/sh", "-c", "exit 42"))
    job = world.daemon.wait_final(job_id, "FAILED")
    same((job["failure"], job["exitCode"], job["attempts"]), ("app", 42, 1))


@row("a real process: it takes more memory than it may; its next pod has more, and the next night's",
     sim=REAL)
def real_oom(world):
    take = "import time; x = bytearray(b'x') * (64 << 20); time.sleep(0.5)"
    job = command(pod_job(memory="64Mi", retry={
        "maxRetries": 5, "backoff": SOON, "memoryGrowth": {"percent": 300}}),
        "/usr/bin/python3", "-c", take)
    first = world.daemon.submit(job)
    world.daemon.wait_final(first, "SUCCEEDED")
    shown = show(world, first)
    same([(one["failure"], one["exitCode"], one["driverMemoryBytes"] // MIB)
          for one in shown["attemptList"]], [("oom", 137, 64), (None, 0, 192)])
    told(shown["attemptList"][0], "OOMKilled")
    same(memory_of(main_pod(world, first, 1)), "64Mi")
    same(memory_of(main_pod(world, first, 2)), "192Mi")
    world.daemon.stop()
    world.daemon.start()
    second = world.daemon.submit(job)
    world.daemon.wait_final(second, "SUCCEEDED")
    shown = show(world, second)
    same(shown["attempts"], 1, "the next night")
    same(memory_of(main_pod(world, second, 1)), "192Mi", "the next night")
    same([(one["driverMemoryBytes"] // MIB, one["executorMemoryBytes"], one["jobId"],
           one["attempt"]) for one in shown["learntMemory"]], [(192, 0, first, 1)])


@row("real processes: codes by which a program fails, is killed, or can't be run", sim=REAL)
def real_codes(world):
    rows = [("exit 3", "app", 3), ("sleep 99 & kill -9 $!; wait $!", "app", 137), ("exit 127", "image", 127),
            ("sleep 99 & kill -SEGV $!; wait $!", "app", 139)]
    jobs = [(world.daemon.submit(command(pod_job("code-%d" % n, retry={"maxRetries": 0}), "/bin/bash",
                                         "-c", line)), failure, code)
            for n, (line, failure, code) in enumerate(rows)]
    for job_id, failure, code in jobs:
        job = world.daemon.wait_final(job_id, "FAILED")
        same((job["failure"], job["exitCode"]), (failure, code))
    absent = world.daemon.submit(command(pod_job("absent", retry={"maxRetries": 0}), "/no/such"))
    same(world.daemon.wait_final(absent, "FAILED")["failure"], "image")


# --- Rules -------------------------------------------------------------------------------------

@row("rules of exit codes and conditions decide before the class does")
def rules(world):
    daemon = world.daemon
    policy = {"rules": [
        {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In",
                                              "values": [42]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
        {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    fails = daemon.submit(pod_job("fails", sim={"exit-code": "42"}, retry={
        "maxRetries": 5, "podFailurePolicy": policy}))
    job = daemon.wait_final(fails, "FAILED")
    same((job["attempts"], job["exitCode"]), (1, 42), "FailJob")
    ignored = daemon.submit(pod_job("ignored", sim={"fail-attempts": "2", "exit-code": "7"}, retry={
        "maxRetries": 0, "backoff": SOON, "podFailurePolicy": policy}))
    job = daemon.wait_final(ignored, "SUCCEEDED")
    same((job["attempts"], job["retries"]), (2, 0), "Ignore")
    counted = hit(world, "evict", retry={"maxRetries": 0, "podFailurePolicy": policy})
    same(daemon.wait_final(counted, "FAILED")["failure"], "evicted", "Count")


@row("of an array FailIndex fails the element alone, FailJob ends it all; NotIn, and a status")
def array_rules(world):
    daemon = world.daemon
    policy = {"rules": [
        {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [7]}},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [1, 7]}},
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}]}

    def array(name, exit_code, runtime):
        return daemon.submit(pod_job(name, sim={"exit-code": exit_code, "runtime": runtime}, array="0-3%2",
                                     retry={"maxRetries": 5, "backoff": SOON,
                                            "podFailurePolicy": policy}))
    alone = array("alone", "7", "50ms")
    ended = array("ended", "9", "10m")
    for place in range(4):
        job = daemon.wait_final(alone + place, "FAILED")
        same((job["attempts"], job["retries"], job["exitCode"]), (1, 0, 7), "FailIndex")
    pod = attempt_runs(world, ended, 1)
    attempt_runs(world, ended + 1, 1)
    world.sim.fault(fault="kill-pod", namespace="default", pod=pod["metadata"]["name"], exitCode=9)
    same(daemon.wait_final(ended, "FAILED")["attempts"], 1, "FailJob")
    for place in range(1, 4):
        daemon.wait_final(ended + place, "CANCELLED")
    if "so its array is cancelled" not in daemon.events(ended)[-1]["text"]:
        raise AssertionError(daemon.events(ended)[-1])
    for status, attempts in (("False", 2), ("True", 1)):
        evicted = hit(world, "evict", "status-" + status.lower(), retry={"podFailurePolicy": {
            "rules": [{"action": "FailJob", "onPodConditions": [
                {"type": "DisruptionTarget", "status": status}]}]}})
        daemon.wait_job(evicted, "the rule is obeyed", lambda job, attempts=attempts: (
            job["attempts"], job["state"]) == (attempts, "RUNNING" if attempts == 2 else "FAILED"))


@row("retries of the infrastructure are bounded, and spend none of the program's")
def infra_bounded(world):
    job_id = submit(world, "unlucky", backoff=SOON, retry={"maxRetries": 1, "infraRetries": 2})
    for number in (1, 2, 3):
        pod = attempt_runs(world, job_id, number)
        world.sim.fault(fault="evict", namespace="default", pod=pod["metadata"]["name"])
    world.daemon.wait_final(job_id, "FAILED")
    job = show(world, job_id)
    same((job["attempts"], job["retries"], job["infraRetries"], job["failure"]),
         (3, 0, 2, "evicted"))
    if "infrastructure retries 2 of 2 used" not in world.daemon.events(job_id)[-1]["text"]:
        raise AssertionError(world.daemon.events(job_id)[-1])


@row("wrong rules are refused with their place")
def wrong_rules(world):
    for policy in ({"rules": [{"action": "FailJob"}]},
                   {"rules": [{"action": "Stop", "onExitCodes": {"operator": "In", "values": [1]}}]},
                   {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In",
                                                                    "values": [0]}}]},
                   {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In",
                                                                    "values": []}}]}):
        status, answer = world.daemon.try_submit(
            json.dumps(pod_job(retry={"podFailurePolicy": policy})))
        same(status, 422, answer)
        if "podFailurePolicy" not in str(answer):
            raise AssertionError(answer)


@row("a class has a budget and a back-off of its own")
def own_budget(world):
    job_id = world.daemon.submit(pod_job(sim={"exit-code": "3"}, retry={
        "maxRetries": 9, "classes": {"app": {"maxRetries": 1, "backoff": SOON}}}))
    job = world.daemon.wait_final(job_id, "FAILED")
    same((job["attempts"], job["retries"]), (2, 1))


# --- Memory ------------------------------------------------------------------------------------

@row("a pod that was out of memory has half as much again, and so has the next of its name")
def growth(world):
    daemon = world.daemon
    job_id = hit(world, "oom-kill")
    same(memory_of(attempt_runs(world, job_id, 2)), "96Mi")
    world.sim.fault(fault="oom-kill", namespace="default",
                    pod=main_pod(world, job_id, 2)["metadata"]["name"])
    same(memory_of(attempt_runs(world, job_id, 3)), "144Mi")
    same([one["driverMemoryBytes"] // MIB for one in daemon.job(job_id)["attemptList"]],
         [64, 96, 144])
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.stop()
    daemon.start()
    learnt = [one for one in daemon.get("/v1/learnt")["items"] if one["kind"] == "memory"]
    same([(one["key"], one["driverMemoryBytes"]) for one in learnt],
         [("default/plain", 144 * MIB)], "after a restart")
    again = daemon.submit(pod_job(sim={"runtime": "10m"}))
    same(memory_of(attempt_runs(world, again, 1)), "144Mi", "the next night")
    daemon.post("/v1/learnt/forget?name=default/plain")
    same([one for one in daemon.get("/v1/learnt")["items"] if one["kind"] == "memory"], [])
    third = daemon.submit(pod_job(sim={"runtime": "10m"}))
    same(memory_of(attempt_runs(world, third, 1)), "64Mi", "forgotten")


@row("executors that were out of memory grow without their driver, as Spark is told, too")
def executor_growth(world):
    daemon = world.daemon
    job_id = daemon.submit(spark_job(sim={"runtime": "10m"}, retry={"backoff": SOON}))
    attempt_runs(world, job_id, 1)
    pod = until("an executor runs", lambda: next(iter(executors(world, job_id)), None))
    world.sim.fault(fault="oom-kill", namespace="default", pod=pod["metadata"]["name"])
    until("it has ended", lambda: pod["metadata"]["name"] not in [
        one["metadata"]["name"] for one in executors(world, job_id)])
    world.sim.fault(fault="kill-pod", namespace="default", exitCode=1,
                    pod=main_pod(world, job_id, 1)["metadata"]["name"])
    failed = attempt_failed(world, job_id)
    same((failed["failure"], failed["exitCode"]), ("oom", 1))
    told(failed, "1 executor ended with oom")
    attempt_runs(world, job_id, 2)
    second = daemon.job(job_id)["attemptList"][1]
    same((second["driverMemoryBytes"] // MIB, second["executorMemoryBytes"] // MIB),
         (896, 1344))
    pod = until("a larger executor runs", lambda: next(
        (one for one in executors(world, job_id)
         if one["metadata"]["labels"]["nightshift/attempt"] == "2"), None))
    same(memory_of(pod), "1344Mi")


@row("memory grows no further than a node holds",
     sim=("--node-memory", "128Mi", "--node-cpu", "2"))
def ceiling(world):
    job_id = world.daemon.submit(pod_job(memory="100Mi", sim={"runtime": "10m"}, retry={
        "maxRetries": 3, "backoff": SOON}))
    world.sim.fault(fault="oom-kill", namespace="default",
                    pod=attempt_runs(world, job_id, 1)["metadata"]["name"])
    attempt_runs(world, job_id, 2)
    grown = world.daemon.job(job_id)["attemptList"][1]["driverMemoryBytes"] // MIB
    if not 100 < grown <= 128:
        raise AssertionError("grown to %d Mi" % grown)


@row("nor further than a quota could ever hold for the whole gang")
def quota_ceiling(world):
    world.namespace("team")
    world.quota("team", requests_memory="200Mi", limits_memory="160Mi")
    job_id = submit(world, "hungry", backoff=SOON, memory="128Mi", namespace="team",
                    retry={"memoryGrowth": {"percent": 300}})
    until("it runs", lambda: world.daemon.job(job_id)["state"] == "RUNNING")
    pod = world.pods("team", job_id)[0]
    world.sim.fault(fault="oom-kill", namespace="team", pod=pod["metadata"]["name"])
    world.daemon.wait_job(job_id, "attempt 2 runs", lambda job: job["attempts"] == 2 and
                          job["state"] == "RUNNING")
    same(show(world, job_id)["attemptList"][1]["driverMemoryBytes"] // MIB, 160)
    if "the most that could start" not in str(world.daemon.events(job_id)):
        raise AssertionError(world.daemon.events(job_id))


# --- Nodes -------------------------------------------------------------------------------------

def nightshift(world, *words):
    return subprocess.run([world.programs["nightshift"], *words, "--server",
                           "unix:" + world.daemon.socket], check=True, capture_output=True,
                          timeout=60, text=True).stdout


def fail_there(world, count):
    """So many jobs are evicted from one node; returns it."""
    jobs = [submit(world, "victim-%d" % n, retry={"classes": {"evicted": {"avoidNode": "no"}}})
            for n in range(2 * count)]
    where = {}
    for job_id in jobs:
        pod = attempt_runs(world, job_id, 1)
        where.setdefault(pod["spec"]["nodeName"], []).append(pod["metadata"]["name"])
    node, pods = max(where.items(), key=lambda item: len(item[1]))
    for pod in pods[:count]:
        world.sim.fault(fault="evict", namespace="default", pod=pod)
    for job_id in jobs:
        if main_pod(world, job_id, 1)["metadata"]["name"] in pods[:count]:
            attempt_failed(world, job_id)
    return node


def avoided(world):
    return [(one["key"], one["failures"], one["state"]) for one in
            world.daemon.get("/v1/learnt")["items"] if one["kind"] == "node"]


@row("a node that failed three jobs is kept off by all, until somebody says otherwise")
def blamed(world):
    node = fail_there(world, 3)
    same(avoided(world), [(node, 3, "preferred")])
    world.daemon.stop()
    world.daemon.start()
    same(avoided(world), [(node, 3, "preferred")], "after a restart")
    job_id = submit(world, "innocent")
    pod = attempt_runs(world, job_id, 1)
    wish = {"weight": 100, "preference": {"matchFields": [
        {"key": "metadata.name", "operator": "NotIn", "values": [node]}]}}
    same(pod["spec"]["affinity"]["nodeAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"], [wish])
    same([(one["name"], one["required"], one["failedJobs"])
          for one in show(world, job_id)["avoidedNodes"]], [(node, False, 3)])
    if node not in nightshift(world, "nodes") or \
            "which failed 3 jobs" not in nightshift(world, "show", str(job_id)):
        raise AssertionError(nightshift(world, "nodes") + nightshift(world, "show", str(job_id)))
    same("nightshift_nodes_avoided 1\n" in world.daemon.ask("GET", "/metrics")[1], True)
    nightshift(world, "nodes", "reset", node)
    same(avoided(world), [])
    other = submit(world, "later")
    same("affinity" in attempt_runs(world, other, 1)["spec"], False)


@row("with required nothing starts there, and its room does not count",
     config={"retry": {"avoidNodes": {"forAll": "required"}}})
def blamed_required(world):
    node = fail_there(world, 3)
    same(avoided(world), [(node, 3, "required")])
    job_id = world.daemon.submit(pod_job("wide", cpu="3500m", sim={"runtime": "10m"}))
    others = world.daemon.submit(pod_job("wide", cpu="3500m", sim={"runtime": "10m"}))
    until("one of them runs", lambda: "RUNNING" in (world.daemon.job(job_id)["state"],
                                                    world.daemon.job(others)["state"]))
    waits = world.daemon.wait_reason(others, "Capacity")
    if "1 of 2 nodes match" not in waits:
        raise AssertionError(waits)
    why = world.daemon.get("/v1/jobs/%d/why" % others)
    same([one["message"].startswith("keeps off " + node) for one in why["checks"]
          if one["check"] == "nodes"], [True])
    nightshift(world, "nodes", "reset", node)
    attempt_runs(world, others, 1)


# --- By hand, and the breaker ------------------------------------------------------------------

@row("a job that is over gets another attempt, with its budgets new")
def by_hand(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"fail-attempts": "4", "exit-code": "3"}, retry={
        "maxRetries": 1, "backoff": SOON}))
    same(daemon.wait_final(job_id, "FAILED")["attempts"], 2)
    daemon.post("/v1/jobs/%d/retry" % job_id)
    job = daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["retries"]), (4, 1))
    same(daemon.kinds(job_id).count("retried"), 1)
    status, answer = daemon.ask("POST", "/v1/jobs/%d/retry" % job_id)[:2]
    same(status, 409, answer)
    world.check_once()


@row("what fails alike in a row waits, and goes on when it is reset; a restart keeps it",
     config={"retry": {"breaker": {"failures": 2, "pause": "1h"}}})
def breaker(world):
    daemon = world.daemon
    for _ in range(2):
        job_id = daemon.submit(pod_job("bad", sim={"exit-code": "3"}, retry={"maxRetries": 0}))
        daemon.wait_final(job_id, "FAILED")
    waits = daemon.submit(pod_job("bad"))
    other = daemon.submit(pod_job("good"))
    daemon.wait_final(other, "SUCCEEDED")
    same(daemon.job(waits)["reason"]["code"], "Breaker")
    daemon.stop()
    daemon.start()
    job = daemon.wait_job(waits, "it waits again",
                          lambda job: job["reason"]["code"] == "Breaker")
    same(job["state"], "QUEUED")
    learnt = [one for one in daemon.get("/v1/learnt")["items"] if one["state"] == "open"]
    same([(one["key"], one["failures"], one["failure"], one["exitCode"]) for one in learnt],
         [("job:default/bad", 2, "app", 3)])
    daemon.post("/v1/learnt/forget?name=job:default/bad")
    daemon.wait_final(waits, "SUCCEEDED")


@row("a breaker of a schedule, and of a team, is shown and reset by a command",
     config={"retry": {"breaker": {"failures": 2, "teamFailures": 3, "pause": "1h"}},
             "teams": [{"name": "red"}]})
def breakers(world):
    daemon = world.daemon
    status, answer = daemon.try_submit({
        "apiVersion": "nightshift/v1", "kind": "Schedule", "metadata": {"name": "nightly"},
        "spec": {"cron": "0 3 1 1 *", "overlap": "Allow", "template": {
            "spec": pod_job(sim={"exit-code": "3"}, retry={"maxRetries": 0})["spec"]}}})
    same(status, 201, answer)
    for _ in range(2):
        daemon.post("/v1/schedules/default/nightly/trigger")
    key = "schedule:default/nightly"
    until("its breaker is open", lambda: key + "  open" in nightshift(world, "breakers"))
    daemon.post("/v1/schedules/default/nightly/trigger")
    waits = until("one waits", lambda: next(
        (job["id"] for job in daemon.get("/v1/jobs")["items"]
         if job["state"] == "QUEUED" and job["reason"]["code"] == "Breaker"), None))
    nightshift(world, "breakers", "reset", key)
    daemon.wait_final(waits, "FAILED")
    for letter in "abc":  # Names of their own: else the name's breaker opens first.
        daemon.wait_final(daemon.submit(pod_job(
            "red-" + letter, sim={"exit-code": "5"}, team="red", retry={"maxRetries": 0})), "FAILED")
    waits = daemon.submit(pod_job("red-fine", team="red"))
    daemon.wait_reason(waits, "Breaker")
    if "team:red" not in nightshift(world, "breakers"):
        raise AssertionError(nightshift(world, "breakers"))
    nightshift(world, "breakers", "reset", "team:red")
    daemon.wait_final(waits, "SUCCEEDED")


@row("nightshift retry, and --from-failed of a name: what failed gets another attempt, no others")
def from_failed(world):
    daemon = world.daemon
    fails = {"fail-attempts": "2", "exit-code": "3"}
    bad = [submit(world, "bad", sim=fails, retry={"maxRetries": 0}) for _ in range(2)]
    other = submit(world, "other", sim=fails, retry={"maxRetries": 0})
    good = submit(world, "bad", sim={"runtime": "50ms"})
    for job_id in bad + [other]:
        daemon.wait_final(job_id, "FAILED")
    daemon.wait_final(good, "SUCCEEDED")
    nightshift(world, "retry", "--from-failed", "-N", "bad")
    for job_id in bad:
        same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 2)
    same([daemon.job(job_id)["attempts"] for job_id in (other, good)], [1, 1])
    nightshift(world, "retry", str(other))
    same(daemon.wait_final(other, "SUCCEEDED")["attempts"], 2)


if __name__ == "__main__":
    table.main(ROWS)
