#!/usr/bin/python3
"""nightshiftd against kubesim over real sockets and TLS: a row per row of a job's life cycle.

Usage: daemon_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]
"""
import datetime
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import (  # noqa: E402
    FINAL, PATIENCE_S, Nightshiftd, exchange, pod_job, spark_job, until)

ROWS = table.Rows("daemon")
row = ROWS.row
ONE_NODE = ("--nodes", "1", "--node-cpu", "2", "--node-memory", "4Gi")
NODES = "/api/v1/nodes"


def seconds(text):
    """Since the epoch, of a time of the interface's."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").timestamp()


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in %r" % (part, text))


def pod_of(world, job_id, namespace="default"):
    """The job's main pod, once it's there."""
    return until("job %d has a pod" % job_id, lambda: next(
        (pod for pod in world.pods(namespace, job_id)
         if pod["metadata"]["labels"].get("spark-role") != "executor"), None))


def pod_name(world, job_id):
    return pod_of(world, job_id)["metadata"]["name"]


def refusals(world, code):
    """How many creations of pods were answered with that code."""
    stats = world.kube("GET", "/sim/stats")
    return stats["requests"].get("create", {}).get("pods", {}).get(str(code), 0)


# --- From submit to the end --------------------------------------------------------------------

@row("a Spark application goes from submit to success, with its executors")
def spark_succeeds(world):
    daemon = world.daemon
    job_id = daemon.submit(spark_job(executors=2, sim={"runtime": "300ms"}))
    job = daemon.wait_final(job_id, "SUCCEEDED")
    same(daemon.kinds(job_id), ["submitted", "admitted", "starting", "running", "succeeded"])
    same([event["state"] for event in daemon.events(job_id)],
         ["QUEUED", "SUBMITTING", "STARTING", "RUNNING", "SUCCEEDED"])
    times = [job[key] for key in ("submittedAt", "admittedAt", "startedAt", "finishedAt")]
    same(times, sorted(times), "submitted, admitted, started, finished")
    same((job["kind"], job["attempts"], job["retries"], job["exitCode"], job["failure"]),
         ("Spark", 1, 0, 0, None))
    attempt = job["attemptList"][0]
    same((attempt["podName"], attempt["exitCode"]), ("pi-%d-1-driver" % job_id, 0))
    times = [attempt[key] for key in ("admittedAt", "startedAt", "finishedAt")]
    same(times, sorted(times), "times of the attempt")
    stats = world.kube("GET", "/sim/stats")
    same(stats["requests"]["create"]["pods"], {"201": 1}, "the driver makes its executors itself")
    same(stats["requests"]["create"]["services"], {"201": 1})
    same(stats["requests"]["create"]["configmaps"], {"201": 1})
    same(stats["exceededQuota"], 0)
    world.check_once()


@row("a plain pod runs as a job, and is labelled as ours")
def pod_succeeds(world):
    job_id = world.daemon.submit(pod_job())
    job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["kind"], job["exitCode"]), ("Pod", 0))
    labels = pod_of(world, job_id)["metadata"]["labels"]
    uid = world.daemon.get("/v1/status")["queueUid"]
    same((labels["nightshift/job-uid"], labels["nightshift/attempt"]),
         ("%s-%d" % (uid, job_id), "1"))
    same(set(world.kube("GET", "/sim/stats")["requests"]["create"]), {"pods"})


@row("SparkApplication and Pod are taken as they are, several documents at once")
def foreign_manifests(world):
    status, answer = world.daemon.try_submit("""
apiVersion: v1
kind: Pod
metadata: {name: bare, annotations: {nightshift/priority: "7"}}
spec:
  restartPolicy: Never
  containers: [{name: main, image: "busybox:1"}]
---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: app}
spec:
  type: Scala
  mode: cluster
  sparkVersion: 3.5.6
  image: apache/spark:3.5.6
  mainClass: a.B
  mainApplicationFile: local:///x.jar
  driver: {cores: 1, memory: 512m, annotations: {kubesim/runtime: 100ms}}
  executor: {instances: 1, cores: 1, memory: 512m}
""")
    same((status, len(answer["jobs"])), (201, 2), answer)
    for number, priority in enumerate((7, 0)):
        job = world.daemon.wait_final(answer["jobs"][number]["id"], "SUCCEEDED")
        same(job["priority"], priority)


# --- Failures and retries ----------------------------------------------------------------------

@row("failures are retried with growing back-off until the program succeeds")
def retried(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"fail-attempts": "3", "exit-code": "3"}, retry={
        "maxRetries": 3, "backoff": {"initial": "50ms", "max": "400ms"}}))
    job = daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["retries"]), (3, 2), "attempts and retries spent")
    same([(a["number"], a["failure"]) for a in job["attemptList"]],
         [(1, "app"), (2, "app"), (3, None)])
    for event in daemon.events(job_id):
        if event["kind"] == "retry":
            same(event["state"], "RETRY_WAIT")
            holds(event["text"], "app: ", "tried again in", "of 3)")
    same(daemon.kinds(job_id).count("retry"), 2)
    world.check_once()


@row("without retries left the job fails, with class, exit code and all attempts")
def exhausted(world):
    daemon = world.daemon
    job_id = daemon.submit(spark_job(sim={"exit-code": "42"}, retry={"maxRetries": 2}))
    job = daemon.wait_final(job_id, "FAILED")
    same((job["failure"], job["exitCode"], job["attempts"], job["retries"]), ("app", 42, 3, 2))
    same([(a["number"], a["failure"], a["exitCode"], a["podName"]) for a in job["attemptList"]],
         [(n, "app", 42, "pi-%d-%d-driver" % (job_id, n)) for n in (1, 2, 3)])
    holds(job["reason"]["message"], "exit code 42")
    holds(daemon.events(job_id)[-1]["text"], "retries 2 of 2 used")
    same(daemon.get("/v1/jobs/%d/attempts" % job_id)["items"], job["attemptList"])
    world.check_once()


@row("a back-off is as long as the manifest says, and is the reason meanwhile")
def backoff_waits(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"exit-code": "1"}, retry={
        "maxRetries": 1, "backoff": {"initial": "10m", "max": "20m"}}))
    job = daemon.wait_state(job_id, "RETRY_WAIT")
    same(job["reason"]["code"], "RetryWait")
    if not job["eligibleAt"] > job["attemptList"][0]["finishedAt"]:
        raise AssertionError(job)
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")


@row("an out-of-memory kill is told as such")
def oom(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"exit-code": "137", "exit-reason": "OOMKilled"},
                                   retry={"maxRetries": 0}))
    job = daemon.wait_final(job_id, "FAILED")
    same((job["failure"], job["exitCode"]), ("oom", 137))
    second = daemon.submit(pod_job("victim", sim={"runtime": "10m"}, retry={"maxRetries": 0}))
    daemon.wait_state(second, "RUNNING")
    world.sim.fault(fault="oom-kill", namespace="default", pod=pod_name(world, second))
    same(daemon.wait_final(second, "FAILED")["failure"], "oom")


def infrastructure(world, fault, failure):
    """The first attempt is hit, the second succeeds, and no retry is spent."""
    daemon = world.daemon
    job_id = daemon.submit(spark_job(sim={"runtime": "10m"}, retry={"maxRetries": 0}))
    daemon.wait_state(job_id, "RUNNING")
    world.sim.fault(fault=fault, namespace="default", pod=pod_name(world, job_id))
    job = daemon.wait_job(job_id, "the second attempt runs",
                          lambda job: job["attempts"] == 2 and job["state"] == "RUNNING")
    same((job["retries"], job["attemptList"][0]["failure"]), (0, failure))
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")
    world.check_once()


@row("an eviction does not spend a retry")
def eviction(world):
    infrastructure(world, "evict", "evicted")


@row("a pod that vanishes is tried again as infrastructure's failure")
def vanish(world):
    infrastructure(world, "pod-vanish", "node_lost")


@row("a preempted pod does not spend a retry")
def preemption(world):
    infrastructure(world, "preempt", "preempted")


@row("an image that can't be pulled fails after the start time-out, and spends retries",
     config={"scheduling": {"startTimeout": "1s"}})
def image_missing(world):
    daemon = world.daemon
    world.sim.fault(fault="image-missing", image="nowhere")
    job_id = daemon.submit(pod_job(image="nowhere/x:1", retry={"maxRetries": 1}))
    job = daemon.wait_final(job_id, "FAILED")
    same((job["failure"], job["attempts"]), ("image", 2))
    holds(job["reason"]["message"], "not running 1s after it was created")
    until("its pods are gone", lambda: not world.pods(job_id=job_id))
    world.check_once()


@row("a node that falls silent for good gives its pod back to the queue")
def node_lost(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"runtime": "10m"}, retry={"maxRetries": 0}))
    node = daemon.wait_state(job_id, "RUNNING")["node"]
    world.sim.fault(fault="node-loss", node=node, deleteNode=True)
    job = daemon.wait_job(job_id, "it runs elsewhere",
                          lambda job: job["attempts"] == 2 and job["state"] == "RUNNING")
    same((job["attemptList"][0]["failure"], job["retries"]), ("node_lost", 0))
    if job["node"] == node:
        raise AssertionError(job)


# --- Waiting, and why --------------------------------------------------------------------------

def waits_for_capacity(world):
    """Submits until the daemon has heard that no node takes pods; returns the job that waits."""
    while True:
        job_id = world.daemon.submit(pod_job())
        job = world.daemon.wait_job(
            job_id, "a decision", lambda job: job["state"] not in ("QUEUED", "SUBMITTING") or
            job["reason"]["code"] == "Capacity")
        if job["state"] == "QUEUED":
            return job_id
        # It started too early for the news; its pod may have to wait for the node. Not for it.
        time.sleep(0.1)


@row("a job waits for a cordoned node with that reason, and starts when it's back", sim=ONE_NODE)
def cordon(world):
    daemon = world.daemon
    world.sim.fault(fault="cordon", node="node-1")
    job_id = waits_for_capacity(world)
    holds(daemon.wait_reason(job_id, "Capacity"), "none of 1 accepts the pod", "cordon")
    world.sim.fault(fault="uncordon", node="node-1")
    daemon.wait_final(job_id, "SUCCEEDED")


@row("a gang larger than the room waits for capacity as a whole, with numbers", sim=ONE_NODE)
def capacity(world):
    daemon = world.daemon
    first = daemon.submit(spark_job("first", sim={"runtime": "10m"}))
    daemon.wait_state(first, "RUNNING")
    second = daemon.submit(spark_job("second"))
    holds(daemon.wait_reason(second, "Capacity"), "node-1", "cpu")
    why = daemon.get("/v1/jobs/%d/why" % second)
    failed = [check for check in why["checks"] if not check["passed"]]
    same([check["check"] for check in failed], ["capacity"], why)
    daemon.post("/v1/jobs/%d/cancel" % first)
    daemon.wait_final(second, "SUCCEEDED")


@row("a full quota makes jobs wait with its numbers, the next ones behind, and nothing is refused")
def quota(world):
    daemon = world.daemon
    world.namespace("team")
    world.quota("team", requests_cpu="2", pods="4")
    ids = [daemon.submit(spark_job(namespace="team", sim={"runtime": "700ms"}))
           for _ in range(4)]
    daemon.wait_state(ids[0], "RUNNING")
    holds(daemon.wait_reason(ids[1], "Quota"), "quota team/quota", "requests.cpu", "needs 2")
    holds(daemon.wait_reason(ids[2], "Behind"), str(ids[1]))
    why = daemon.get("/v1/jobs/%d/why" % ids[3])
    same(why["ahead"], 2)
    checks = {check["check"]: check for check in why["checks"]}
    same((checks["order"]["passed"], checks["quota"]["passed"]), (False, False))
    for job_id in ids:
        daemon.wait_final(job_id, "SUCCEEDED")
    starts = [daemon.job(job_id)["admittedAt"] for job_id in ids]
    same(starts, sorted(starts), "in order of submission")
    stats = world.kube("GET", "/sim/stats")
    same(stats["exceededQuota"], 0, "403s")
    world.check_once()


@row("a forecast says when jobs start, and what a new one would change", sim=ONE_NODE)
def forecast(world):
    daemon = world.daemon
    ids = [daemon.submit(pod_job(name, cpu="2", sim={"runtime": "10m"}, expectedRuntime=expected))
           for name, expected in (("a", "10m"), ("b", "20m"), ("c", "5m"))]
    unknown = daemon.submit(pod_job("d", cpu="2", sim={"runtime": "10m"}))
    last = daemon.submit(pod_job("e", cpu="2"))
    daemon.wait_state(ids[0], "RUNNING")
    began = seconds(daemon.job(ids[0])["startedAt"])
    answer = daemon.get("/v1/forecast")
    found = {item["id"]: item for item in answer["items"]}
    same(list(found), [ids[1], ids[2], unknown, last], "in the order of their starts")
    for job_id, after in ((ids[1], 600), (ids[2], 1800), (unknown, 2100)):
        same(found[job_id]["start"], "expected", found)
        same(abs(seconds(found[job_id]["p50"]) - began - after) < 5, True, found[job_id])
    same((found[last]["start"], found[last]["p50"]), ("unknown", None),
         "nobody knows how long the one before it runs")
    why = daemon.get("/v1/jobs/%d/why?forecast=true" % ids[1])
    same((why["p50"], why["after"]), (found[ids[1]]["p50"], ids[0]), "why tells the same")
    why = daemon.get("/v1/jobs/%d/why" % ids[2])
    order = [check["message"] for check in why["checks"] if check["check"] == "order"][0]
    holds(order, "1 waiting job", "%d b (submitted earlier)" % ids[1])
    counts = re.findall(r'nightshift_waiting_jobs\{team="default",reason="(\w+)"\} (\d+)',
                        daemon.ask("GET", "/metrics")[1])
    same(sum(int(count) for _, count in counts), 4, counts)
    same("Capacity" in dict(counts), True, counts)
    same(daemon.get("/v1/jobs/%d/why" % ids[1])["start"], None, "if it is asked")
    alone = daemon.get("/v1/jobs/%d/forecast" % ids[2])
    same([item["p50"] for item in alone["items"]], [found[ids[2]]["p50"]])

    new = pod_job("new", cpu="2", priority=5, expectedRuntime="1m")
    status, simulated = daemon.ask("POST", "/v1/forecast", json.dumps(new))[:2]
    same(status, 200, simulated)
    same(simulated["items"][0]["p50"], found[ids[1]]["p50"], "it goes before the others")
    same([(item["id"], round(seconds(item["p50"]) - seconds(item["withoutP50"])))
          for item in simulated["delayed"]],
         [(ids[1], 60), (ids[2], 60), (unknown, 60)], "whom it delays, and by how much")
    same(len(daemon.get("/v1/jobs")["items"]), 5, "nothing was submitted")
    status, refused = daemon.ask("POST", "/v1/forecast", "kind: Nothing\n")[:2]
    same(status, 422, refused)


@row("very short pods under a full quota: what ended is not free before the server has counted")
def short_pods(world):
    world.quota("default", pods="12", requests_cpu="6")
    ids = [world.daemon.submit(pod_job(sim={"runtime": "%dms" % (10 + 7 * (n % 20))}))
           for n in range(250)]
    for job_id in ids:
        world.daemon.wait_final(job_id, "SUCCEEDED")
    stats = world.kube("GET", "/sim/stats")
    same((stats["requests"]["create"]["pods"], stats["exceededQuota"]), ({"201": 250}, 0))


@row("a quota that is raised lets the waiting job in")
def quota_raised(world):
    daemon = world.daemon
    world.namespace("team")
    world.quota("team", pods="1")
    job_id = daemon.submit(spark_job(namespace="team"))
    daemon.wait_job(job_id, "it waits for quota",
                    lambda job: job["reason"]["code"].startswith("Quota"))
    path = "/api/v1/namespaces/team/resourcequotas/quota"
    value = world.kube("GET", path)
    value["spec"]["hard"]["pods"] = "2"
    world.kube("PUT", path, value)
    daemon.wait_final(job_id, "SUCCEEDED")


@row("higher priority goes first, then the order of submission")
def priority(world):
    daemon = world.daemon
    world.namespace("team")
    world.quota("team", pods="1")
    blocker = daemon.submit(pod_job("blocker", namespace="team", sim={"runtime": "10m"}))
    daemon.wait_state(blocker, "RUNNING")
    ids = {value: daemon.submit(pod_job(namespace="team", priority=value)) for value in (0, 5, 9)}
    again = daemon.submit(pod_job(namespace="team", priority=5))
    daemon.post("/v1/jobs/%d/cancel" % blocker)
    order = [ids[9], ids[5], again, ids[0]]
    starts = [daemon.wait_final(job_id, "SUCCEEDED")["admittedAt"] for job_id in order]
    same(starts, sorted(starts), "by priority")


@row("a held job waits for its release, and a queued one can be held")
def hold(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(hold=True))
    same((daemon.job(job_id)["state"], daemon.job(job_id)["reason"]["code"]), ("HELD", "Held"))
    other = daemon.submit(pod_job())
    daemon.wait_final(other, "SUCCEEDED")
    same(daemon.job(job_id)["attempts"], 0)
    same(daemon.post("/v1/jobs/%d/release" % job_id)["id"], job_id)
    daemon.wait_final(job_id, "SUCCEEDED")
    same(daemon.kinds(job_id)[:3], ["submitted", "released", "admitted"])
    for node in ("node-1", "node-2"):
        world.sim.fault(fault="cordon", node=node)
    waiting = waits_for_capacity(world)
    same(daemon.post("/v1/jobs/%d/hold" % waiting)["state"], "HELD")
    daemon.post("/v1/jobs/%d/release" % job_id, status=409)
    daemon.post("/v1/jobs/%d/hold" % job_id, status=409)
    daemon.post("/v1/jobs/999/hold", status=404)


# --- Handed to the Spark operator --------------------------------------------------------------

APPLICATIONS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications"


def operator_job(**options):
    manifest = spark_job(**options)
    manifest["spec"]["sparkApplication"] = {"operator": True, "spec": manifest["spec"].pop("spark")}
    return manifest


def application(world):
    """The one that was made for the operator, once it is there."""
    return until("the application", lambda: (world.kube("GET", APPLICATIONS)["items"] or [None])[0])


def say_status(world, made, **status):
    current = world.kube("GET", APPLICATIONS + "/" + made["metadata"]["name"])
    current["status"] = status
    world.kube("PUT", APPLICATIONS + "/" + made["metadata"]["name"] + "/status", current)


@row("an application for the Spark operator is made when it fits, and followed by its driver")
def operator_succeeds(world):
    job_id = world.daemon.submit(operator_job(sim={"runtime": "300ms"}))
    made = application(world)
    name = made["metadata"]["name"]
    same((name, made["spec"]["restartPolicy"], made["spec"]["driver"]["podName"]),
         ("pi-%d-1" % job_id, {"type": "Never"}, "pi-%d-1-driver" % job_id))
    until("it is said to wait", lambda: "submit_transient" in world.daemon.kinds(job_id))
    same(world.daemon.job(job_id)["state"], "SUBMITTING")
    driver = made["spec"]["driver"]
    world.kube("POST", "/api/v1/namespaces/default/pods", {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": driver["podName"], "annotations": driver["annotations"],
                     "labels": dict(driver["labels"], **{"spark-role": "driver"})},
        "spec": {"restartPolicy": "Never", "containers": [
            {"name": "spark-kubernetes-driver", "image": "apache/spark:3.5.6"}]}})
    say_status(world, made, applicationState={"state": "SUBMITTED"}, executionAttempts=1)
    job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["attemptList"][0]["podName"]), (1, driver["podName"]))
    same(set(world.kube("GET", "/sim/stats")["requests"]["create"]), {"pods", "sparkapplications"})


@row("an application that the operator can't submit is refused with its words")
def operator_refuses(world):
    job_id = world.daemon.submit(operator_job())
    say_status(world, application(world), applicationState={
        "state": "SUBMISSION_FAILED", "errorMessage": "no such service account"})
    world.daemon.wait_final(job_id, "REJECTED")
    holds(str(world.daemon.events(job_id)[-1]), "could not submit it: no such service account")


@row("a cancelled application is taken back from the operator")
def operator_cancel(world):
    job_id = world.daemon.submit(operator_job())
    application(world)
    until("it is said to wait", lambda: "submit_transient" in world.daemon.kinds(job_id))
    world.daemon.post("/v1/jobs/%d/cancel" % job_id)
    world.daemon.wait_final(job_id, "CANCELLED")
    same(world.kube("GET", APPLICATIONS)["items"], [])


# --- Cancelling --------------------------------------------------------------------------------

def cancel(world, job_id):
    world.daemon.post("/v1/jobs/%d/cancel" % job_id)
    job = world.daemon.wait_final(job_id, "CANCELLED")
    until("its pods are gone", lambda: not world.pods(job_id=job_id))
    world.daemon.post("/v1/jobs/%d/cancel" % job_id, status=409)
    return job


@row("cancel while it waits makes no pod", sim=ONE_NODE)
def cancel_queued(world):
    first = world.daemon.submit(spark_job(sim={"runtime": "10m"}))
    world.daemon.wait_state(first, "RUNNING")
    second = world.daemon.submit(spark_job())
    world.daemon.wait_reason(second, "Capacity")
    same(cancel(world, second)["attempts"], 0)
    held = world.daemon.submit(pod_job(hold=True))
    same(cancel(world, held)["attempts"], 0)


@row("cancel while its pod is being created deletes it")
def cancel_submitting(world):
    world.sim.fault(fault="latency", verb="create", resource="pods", delay="700ms")
    job_id = world.daemon.submit(pod_job(sim={"runtime": "10m"}))
    same(world.daemon.job(job_id)["state"], "SUBMITTING")
    same(cancel(world, job_id)["attempts"], 1)
    same(world.daemon.kinds(job_id)[-1], "cancelled")
    world.check_once()


@row("cancel while its pod starts deletes it")
def cancel_starting(world):
    job_id = world.daemon.submit(pod_job(sim={"start-delay": "10m"}))
    world.daemon.wait_state(job_id, "STARTING")
    cancel(world, job_id)


@row("cancel while it runs deletes driver, executors, service and config map")
def cancel_running(world):
    job_id = world.daemon.submit(spark_job(executors=2, sim={"runtime": "10m"}))
    until("the executors run", lambda: len([pod for pod in world.pods(job_id=job_id)
                                            if pod["status"]["phase"] == "Running"]) == 3)
    same(cancel(world, job_id)["failure"], "cancelled")
    for kind in ("services", "configmaps"):
        until("%s are gone" % kind, lambda kind=kind: not [
            item for item in world.kube("GET", "/api/v1/namespaces/default/" + kind)["items"]
            if item["metadata"].get("ownerReferences")])


@row("cancel after a failed attempt ends its back-off")
def cancel_retry_wait(world):
    job_id = world.daemon.submit(pod_job(sim={"exit-code": "1"}, retry={
        "maxRetries": 5, "backoff": {"initial": "30m", "max": "30m"}}))
    world.daemon.wait_state(job_id, "RETRY_WAIT")
    world.daemon.ask("DELETE", "/v1/jobs/%d" % job_id)
    job = world.daemon.wait_final(job_id, "CANCELLED")
    same(job["attempts"], 1)


# --- Faults of the API server ------------------------------------------------------------------

@row("somebody takes the quota first: back in the queue, no retry spent")
def quota_race(world):
    daemon = world.daemon
    world.namespace("team")
    world.quota("team", pods="1")
    # What the daemon hears of pods stops; so it still counts on the room.
    world.sim.fault(fault="silence-watch", resource="pods")
    world.sim.fault(fault="silence-watch", resource="resourcequotas")
    world.kube("POST", "/api/v1/namespaces/team/pods", {
        "metadata": {"name": "foreign", "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})
    job_id = daemon.submit(pod_job(namespace="team", retry={"maxRetries": 0, "infraRetries": 0}))
    until("the race is told", lambda: "quota_race" in daemon.kinds(job_id))
    job = daemon.job(job_id)
    same((job["retries"], job["attemptList"][0]["failure"]), (0, "quota_race"))
    event = next(e for e in daemon.events(job_id) if e["kind"] == "quota_race")
    same(event["state"], "QUEUED")
    holds(event["text"], "exceeded quota: quota", "no retry spent")
    world.kube("DELETE", "/api/v1/namespaces/team/pods/foreign?gracePeriodSeconds=0")
    until("its pod is made after all", lambda: world.pods("team", job_id))
    if refusals(world, 403) > 12:
        raise AssertionError("a hot loop: %d refusals" % refusals(world, 403))
    world.check_once()


def survives(world, resource, seconds=120, **rule):
    """The fault hits a creation; the job succeeds with one driver per attempt, and one attempt."""
    world.sim.fault(verb="create", resource=resource, **rule)
    job_id = world.daemon.submit(spark_job())
    job = world.daemon.wait_state(job_id, *FINAL, seconds=seconds)
    same((job["state"], job["attempts"], job["retries"]), ("SUCCEEDED", 1, 0),
         world.daemon.events(job_id))
    acted = world.kube("GET", "/sim/faults")["faults"][0]["acted"]
    same(acted, rule.get("count", 1), "how often the fault acted")
    world.check_once()


def add_creation_faults():
    """A row per fault and object."""
    faults = [
        ("500", {"fault": "error", "code": 500}),
        ("500 three times", {"fault": "error", "code": 500, "count": 3}),
        ("503", {"fault": "error", "code": 503}),
        ("429 with Retry-After", {"fault": "error", "code": 429, "retryAfter": 1, "count": 2}),
        ("a reset before", {"fault": "reset"}),
        ("a reset after (lost reply)", {"fault": "lose-reply"}),
    ]
    for resource in ("pods", "services", "configmaps"):
        for what, rule in faults:
            if resource == "pods" or "three" not in what:
                row("%s: create %s" % (what, resource))(
                    lambda world, resource=resource, rule=rule: survives(world, resource, **rule))


add_creation_faults()


@row("a 409 for a pod of somebody else's leads to another name, not to two drivers")
def name_taken(world):
    uid_job = world.daemon.submit(pod_job("first"))
    world.daemon.wait_final(uid_job, "SUCCEEDED")
    name = pod_name(world, uid_job).replace("first-%d" % uid_job, "second-%d" % (uid_job + 1))
    world.kube("POST", "/api/v1/namespaces/default/pods", {
        "metadata": {"name": name, "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})
    job_id = world.daemon.submit(pod_job("second"))
    job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["retries"]), (2, 0))
    holds(str(world.daemon.kinds(job_id)), "conflict")
    same(world.kube("GET", "/api/v1/namespaces/default/pods/" + name)["status"]["phase"],
         "Running", "the other's pod")


@row("a pod the server calls invalid, or a namespace that isn't there, rejects the job at once")
def refused_by_server(world):
    job_id = world.daemon.submit(pod_job(namespace="nowhere"))
    job = world.daemon.wait_final(job_id, "REJECTED")
    holds(job["reason"]["message"], 'namespaces "nowhere" not found')
    same(job["attempts"], 1)


def watches(world, **rule):
    """The fault hits the watch of pods while a job runs; the job is followed all the same."""
    daemon = world.daemon
    first = daemon.submit(spark_job(sim={"runtime": "1500ms"}))
    daemon.wait_state(first, "RUNNING")
    world.sim.fault(resource="pods", **rule)
    second = daemon.submit(pod_job())
    for job_id in (first, second):
        same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)
    world.check_once()


@row("watch events that come twice change nothing")
def duplicated_events(world):
    watches(world, fault="duplicate-event", count=-1)


@row("a watch that expires (410) is listed again")
def expired_watch(world):
    watches(world, fault="expire-watch")


@row("a watch that is cut goes on where it was")
def cut_watch(world):
    watches(world, fault="cut-watch", count=3)


@row("a dropped event is made good by the next one of its pod")
def dropped_event(world):
    # A pod's last event has no next one: it would be missed until the pods are listed again.
    daemon = world.daemon
    world.sim.fault(fault="drop-event", resource="pods", count=2)
    job_id = daemon.submit(pod_job(sim={"runtime": "300ms"}))
    same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)


@row("an API server that answers nothing but 503 for a while is waited for")
def outage(world):
    daemon = world.daemon
    world.sim.fault(fault="error", code=503, count=-1)
    job_id = daemon.submit(pod_job())
    same(daemon.get("/v1/jobs")["items"][0]["id"], job_id)
    until("the failure is told", lambda: "submit_transient" in daemon.kinds(job_id))
    world.kube("DELETE", "/sim/faults")
    same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)
    world.check_once()


@row("finished pods are deleted when their time to live is over, with what belongs to them")
def time_to_live(world):
    daemon = world.daemon
    keeps = daemon.submit(pod_job("keeps", ttlSecondsAfterFinished=3600))
    goes = daemon.submit(spark_job("goes", ttlSecondsAfterFinished=1))
    now = daemon.submit(pod_job("now", ttlSecondsAfterFinished=0))
    for job_id in (keeps, goes, now):
        daemon.wait_final(job_id, "SUCCEEDED")
    for job_id in (goes, now):
        until("the pods of job %d are gone" % job_id, lambda i=job_id: not world.pods(job_id=i))
    until("the service is gone", lambda: not world.kube(
        "GET", "/api/v1/namespaces/default/services")["items"])
    same(len(world.pods(job_id=keeps)), 1)
    same(daemon.job(goes)["state"], "SUCCEEDED")


# --- Refused at submit -------------------------------------------------------------------------

def refused(world, manifest, line, path, *words):
    status, answer = world.daemon.try_submit(manifest)
    same(status, 422, answer)
    detail = answer["error"]["details"][0]
    same((detail["file"], detail["line"], detail["path"]), ("job.yaml", line, path), answer)
    if detail["column"] < 1:
        raise AssertionError(answer)
    holds(detail["message"], *words)
    same(world.daemon.get("/v1/jobs")["items"], [], "nothing is queued")


BAD_FIELD = """apiVersion: nightshift/v1
kind: BatchJob
metadata: {name: x}
spec:
  priorty: 3
  pod:
    spec: {containers: [{name: a, image: b}]}
"""
TOO_LARGE = """apiVersion: nightshift/v1
kind: BatchJob
metadata: {name: x}
spec:
  pod:
    spec:
      restartPolicy: Never
      containers:
        - name: a
          image: b
          resources: {requests: {cpu: 100}}
"""


@row("a manifest with a mistake is refused with its place and a suggestion")
def bad_manifest(world):
    refused(world, BAD_FIELD, 5, "spec.priorty", "unknown field", 'did you mean "priority"')
    refused(world, "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers: 5\n",
            5, "spec.containers", "")
    good = "apiVersion: v1\nkind: Pod\nmetadata: {name: ok}\nspec: {restartPolicy: Never, " \
           "containers: [{name: a, image: b}]}\n---\n"
    status, answer = world.daemon.try_submit(good + BAD_FIELD)
    same(status, 422, answer)
    same(world.daemon.get("/v1/jobs")["items"], [], "a file is taken whole or not at all")
    same([world.daemon.try_submit(text)[0] for text in ("", "{", "- 1")], [400, 422, 422])


@row("what no node could ever hold is refused at submit, with the nearest miss")
def impossible(world):
    status, answer = world.daemon.try_submit(TOO_LARGE)
    same(status, 422, answer)
    detail = answer["error"]["details"][0]
    same(detail["file"], "job.yaml", answer)
    if not (detail["line"] >= 1 and detail["column"] >= 1):
        raise AssertionError(answer)
    holds(detail["message"], "cpu", "100", "node")
    same(world.daemon.get("/v1/jobs")["items"], [])


# --- The HTTP interface ------------------------------------------------------------------------

@row("an idempotency key is one submission, also after a restart, and only for the same request")
def idempotency(world):
    daemon = world.daemon
    first = daemon.try_submit(pod_job(), key="k1")
    again = daemon.try_submit(pod_job(), key="k1")
    same((first[0], again[0]), (201, 200))
    same((first[1]["replayed"], again[1]["replayed"]), (False, True))
    same(again[1]["jobs"][0]["id"], first[1]["jobs"][0]["id"])
    same(daemon.try_submit(pod_job("other"), key="k1")[0], 409)
    daemon.kill()
    daemon.start()
    after = daemon.try_submit(pod_job(), key="k1")
    same((after[0], after[1]["jobs"][0]["id"]), (200, first[1]["jobs"][0]["id"]))
    same(len(daemon.get("/v1/jobs")["items"]), 1)


@row("listing filters, pages and names")
def listing(world):
    daemon = world.daemon
    for number in range(5):
        daemon.submit(pod_job("job-%d" % (number % 2), hold=True, team="t%d" % number))
    same([job["id"] for job in daemon.get("/v1/jobs?name=job-1")["items"]], [2, 4])
    same([job["id"] for job in daemon.get("/v1/jobs?team=t3")["items"]], [4])
    same(daemon.get("/v1/jobs?state=RUNNING")["items"], [])
    page = daemon.get("/v1/jobs?limit=2&state=HELD")
    ids = [job["id"] for job in page["items"]]
    while page["continue"]:
        page = daemon.get("/v1/jobs?limit=2&state=HELD&continue=" + page["continue"])
        ids += [job["id"] for job in page["items"]]
    same(ids, [1, 2, 3, 4, 5])
    same(daemon.ask("GET", "/v1/jobs?nope=1")[0], 400)
    same(daemon.ask("GET", "/v1/jobs/77")[0], 404)
    same(daemon.ask("PUT", "/v1/jobs")[0], 405)


def stored_logs(world):
    """{name: mode} of the files in dataDir/logs."""
    top = os.path.join(world.folder.name, "data", "logs")
    return {name: os.stat(os.path.join(folder, name)).st_mode & 0o777
            for folder, _, names in os.walk(top) for name in names}


def metric(daemon, name):
    return int(re.search(r"^%s (\d+)$" % name, daemon.ask("GET", "/metrics")[1], re.M).group(1))


def pods_are_gone(world, job_id):
    until("its pods are gone", lambda: not world.pods(job_id=job_id))


@row("logs are stored before their pods go, of each attempt")
def logs_stored(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"exit-code": "3"}, ttlSecondsAfterFinished=0,
                                   retry={"maxRetries": 1}))
    daemon.wait_final(job_id, "FAILED")
    pods_are_gone(world, job_id)
    for attempt in (1, 2):
        log = daemon.get("/v1/jobs/%d/logs?attempt=%d" % (job_id, attempt))
        holds(log, "ended with exit code 3")
        same(daemon.get("/v1/jobs/%d/logs?attempt=%d&tail=1" % (job_id, attempt)),
             log.splitlines()[-1] + "\n")
    same(daemon.get("/v1/jobs/%d/logs" % job_id), log, "the last attempt's")
    same(stored_logs(world), {"%d.%d.driver.zst" % (job_id, n): 0o600 for n in (1, 2)})
    same(metric(daemon, "nightshift_logs_stored_total"), 2)
    same(metric(daemon, "nightshift_logs_files"), 2)


@row("a log is stored when its pod is cancelled, and found after a crash")
def logs_cancelled(world):
    daemon = world.daemon
    cancelled = daemon.submit(pod_job(sim={"runtime": "100s"}, ttlSecondsAfterFinished=0))
    daemon.wait_state(cancelled, "RUNNING")
    daemon.post("/v1/jobs/%d/cancel" % cancelled)
    pods_are_gone(world, cancelled)
    holds(daemon.get("/v1/jobs/%d/logs" % cancelled), "started")
    unseen = daemon.submit(pod_job(sim={"runtime": "300ms"}, ttlSecondsAfterFinished=3600))
    daemon.wait_state(unseen, "RUNNING")
    daemon.kill()
    until("it has ended", lambda: world.pods(job_id=unseen)[0]["status"]["phase"] == "Succeeded")
    folder = os.path.join(world.folder.name, "data", "logs", "0")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "%d.1.driver.zst.part" % unseen), "wb") as file:
        file.write(b"half")
    daemon.start()
    until("its log is stored", lambda: "%d.1.driver.zst" % unseen in stored_logs(world))
    same([name for name in stored_logs(world) if name.endswith(".part")], [])


@row("a deletion waits for the log, but not for ever", config={"logs": {"timeout": "1s"}})
def logs_timeout(world):
    daemon = world.daemon
    world.sim.fault(fault="hang", verb="get", subresource="log", count=-1)
    job_id = daemon.submit(pod_job(ttlSecondsAfterFinished=0))
    daemon.wait_final(job_id, "SUCCEEDED")
    pods_are_gone(world, job_id)
    until("nothing half is left", lambda: stored_logs(world) == {})
    until("it is given up", lambda: metric(daemon, "nightshift_logs_failed_total") > 0)
    world.kube("DELETE", "/sim/faults")
    status, answer, _ = daemon.ask("GET", "/v1/jobs/%d/logs" % job_id)
    same(status, 404)
    holds(json.dumps(answer), "no log of it is stored")
    holds(daemon.log(), "event=log_not_stored")


@row("logs of executors, live and stored", config={"logs": {"collect": "all"}})
def logs_executors(world):
    daemon = world.daemon
    job = spark_job(executors=2, sim={"runtime": "1500ms"})
    job["spec"]["spark"]["sparkConf"] = {"spark.kubernetes.executor.annotation.kubesim/stop-delay": "3s"}
    job_id = daemon.submit(job)
    until("its executors run", lambda: [pod["status"].get("phase") for pod in world.pods(job_id=job_id)
                                        ].count("Running") == 3)
    holds(daemon.get("/v1/jobs/%d/logs?executor=2" % job_id), "exec-2")
    daemon.wait_final(job_id, "SUCCEEDED")
    until("they are stored", lambda: {"%d.1.%s.zst" % (job_id, who) for who in (
        "driver", "executor-1", "executor-2")} <= set(stored_logs(world)))
    until("they are gone", lambda: len(world.pods(job_id=job_id)) == 1)
    holds(daemon.get("/v1/jobs/%d/logs?executor=1" % job_id), "exec-1")
    status, answer, _ = daemon.ask("GET", "/v1/jobs/%d/logs?executor=9" % job_id)
    same(status, 404)
    holds(json.dumps(answer), "has no executor 9")


@row("no log is stored where none is wanted", config={"logs": {"collect": "none"}})
def logs_none(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(ttlSecondsAfterFinished=0))
    daemon.wait_final(job_id, "SUCCEEDED")
    pods_are_gone(world, job_id)
    same(stored_logs(world), {})


@row("logs are the driver's, whole or followed or its last lines")
def logs(world):
    daemon = world.daemon
    job_id = daemon.submit(spark_job(sim={"runtime": "500ms"}))
    daemon.wait_state(job_id, "RUNNING")
    followed = daemon.get("/v1/jobs/%d/logs?follow=true" % job_id)
    holds(followed, "started", "exit code 0")
    daemon.wait_final(job_id, "SUCCEEDED")
    same(daemon.get("/v1/jobs/%d/logs" % job_id), followed)
    same(daemon.get("/v1/jobs/%d/logs?tail=1" % job_id), followed.splitlines()[-1] + "\n")
    held = daemon.submit(pod_job(hold=True))
    if daemon.ask("GET", "/v1/jobs/%d/logs" % held)[0] < 400:
        raise AssertionError("logs of a job that never ran")


@row("events can be followed from the first to the end")
def events_follow(world):
    daemon = world.daemon
    job_id = daemon.submit(pod_job(sim={"runtime": "300ms"}))
    text = daemon.ask("GET", "/v1/jobs/%d/events?follow=true" % job_id)[1]
    kinds = [json.loads(line)["kind"] for line in text.splitlines()]
    same(kinds, ["submitted", "admitted", "starting", "running", "succeeded"])
    same([event["sequence"] for event in daemon.events(job_id)], [0, 1, 2, 3, 4])
    later = daemon.get("/v1/jobs/%d/events?after=2" % job_id)["items"]
    same([event["kind"] for event in later], ["running", "succeeded"])


@row("readyz, healthz, status and metrics tell the truth")
def telling(world):
    daemon = world.daemon
    daemon.wait_final(daemon.submit(pod_job()), "SUCCEEDED")
    same(daemon.ask("GET", "/healthz")[0], 200)
    same(daemon.ask("GET", "/readyz")[1], "ok\n")
    status = daemon.get("/v1/status")
    same((status["ready"], status["jobs"]["SUCCEEDED"], status["nodesCheck"]), (True, 1, True))
    same({sync["state"] for sync in status["syncs"]}, {"synced"})
    metrics = daemon.get("/metrics")
    holds(metrics, "nightshift_ready 1", 'nightshift_jobs{state="SUCCEEDED"} 1',
          "nightshift_admissions_total 1", "nightshift_nodes 2")
    for line in metrics.splitlines():
        if not line.startswith("#") and len(line.rsplit(" ", 1)) != 2:
            raise AssertionError(line)


@row("until the cluster has been listed it takes jobs, is not ready and starts nothing",
     start=False)
def not_ready(world):
    daemon = world.daemon
    world.sim.fault(fault="error", code=503, resource="pods", verb="list", count=-1)
    daemon.start(ready=False)

    def answers():
        try:
            return daemon.ask("GET", "/healthz")[0] == 200
        except OSError:
            return None
    until("it answers", answers)
    status, text, _ = daemon.ask("GET", "/readyz")
    same(status, 503)
    holds(text, "not ready: ")
    job_id = daemon.submit(pod_job())
    same(daemon.job(job_id)["state"], "QUEUED")
    world.kube("DELETE", "/sim/faults")
    daemon.wait_final(job_id, "SUCCEEDED")


# --- The network door --------------------------------------------------------------------------

class Door:
    """The daemon's TCP port, with a certificate made for it and tokens for ann, bob and eve."""

    def __init__(self, world, ready=True, **tls):
        self.world = world
        folder = world.daemon.folder
        self.files = {name: os.path.join(folder, name) for name in ("cert", "key", "tokens")}
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", self.files["key"],
             "-out", self.files["cert"]], check=True, stderr=subprocess.DEVNULL)
        self.write_tokens({"ann-token": "ann,etl", "bob-token": "bob,research"})
        settings = world.daemon.settings
        settings["listen"]["tcp"] = {
            "address": "127.0.0.1:0", "tokensFile": self.files["tokens"],
            "tls": dict(tls, cert=self.files["cert"], key=self.files["key"])}
        world.daemon.write_config(settings)
        world.daemon.start(ready)
        until("the port is known", lambda: " port=" in world.daemon.log())
        self.port = int(re.findall(r"address=127.0.0.1 port=(\d+)", world.daemon.log())[-1])

    def write_tokens(self, tokens):
        descriptor = os.open(self.files["tokens"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            for token, who in tokens.items():
                file.write("sha256:%s %s\n" % (hashlib.sha256(token.encode()).hexdigest(), who))

    def ask(self, method, path, token=None, body=None, trust=None):
        """Returns (status, answer)."""
        trust = trust or ssl.create_default_context(cafile=self.files["cert"])
        head = {"Content-Type": "application/json"}
        if token is not None:
            head["Authorization"] = "Bearer " + token
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=trust,
                                                 timeout=PATIENCE_S)
        return exchange(connection, method, path, body, head)[:2]

    def statuses(self, method, path, *tokens):
        return [self.ask(method, path, token)[0] for token in tokens]


@row("over the network only TLS and a token come in", start=False)
def network_door(world):
    door = Door(world)
    same(door.statuses("GET", "/v1/jobs", None, "wrong", "", "ann-token"), [401, 401, 401, 200])
    same(door.statuses("GET", "/v1/status", None, "bob-token"), [401, 200])
    same(door.statuses("GET", "/healthz", None, "wrong"), [200, 200])
    plain = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE_S)
    same(exchange(plain, "GET", "/v1/jobs", None, {"Authorization": "Bearer ann-token"})[0], 400,
         "plain HTTP, even with a good token")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        exchange(http.client.HTTPSConnection("127.0.0.1", door.port, context=old,
                                             timeout=PATIENCE_S), "GET", "/healthz")
        raise AssertionError("TLS 1.1 was let in")
    except OSError:
        pass
    holds(world.daemon.get("/metrics"), "nightshift_api_unauthenticated_total 4")


@row("without a socket the network door is the only one", start=False)
def no_socket(world):
    world.daemon.settings["listen"]["unix"]["path"] = ""
    door = Door(world, ready=False)
    same(door.statuses("GET", "/v1/jobs", None, "ann-token"), [401, 200])
    same(os.path.exists(world.daemon.socket), False)


@row("with a clientCA nobody comes in without a certificate of it", start=False)
def client_certificates(world):
    door = Door(world, clientCA=os.path.join(world.daemon.folder, "cert"))
    try:
        raise AssertionError("was let in: %d" % door.ask("GET", "/v1/jobs", "ann-token")[0])
    except OSError:
        pass
    trust = ssl.create_default_context(cafile=door.files["cert"])
    trust.load_cert_chain(door.files["cert"], door.files["key"])
    for token, status in ((None, 401), ("ann-token", 200)):
        same(door.ask("GET", "/v1/jobs", token, trust=trust)[0], status, token)


@row("a token acts for its user's teams only", start=False)
def teams(world):
    door = Door(world)
    mine, other = (json.dumps(pod_job(team=team, hold=True)) for team in ("etl", "research"))
    status, answer = door.ask("POST", "/v1/jobs", "ann-token", mine)
    same(status, 201, answer)
    job = "/v1/jobs/%d" % answer["jobs"][0]["id"]
    same(door.ask("GET", job, "ann-token")[1]["submitter"], "token:ann")
    same(door.ask("POST", "/v1/jobs", "ann-token", other)[0], 403)
    same(door.statuses("POST", job + "/release", "bob-token", None), [403, 401])
    same(door.statuses("POST", job + "/cancel", "bob-token", "ann-token"), [403, 200])
    same(world.daemon.job(answer["jobs"][0]["id"])["state"], "CANCELLED")


@row("SIGHUP takes new tokens, and a wrong tokens file changes nothing", start=False)
def tokens_reloaded(world):
    door = Door(world)
    door.write_tokens({"eve-token": "eve,etl"})
    world.daemon.process.send_signal(signal.SIGHUP)
    until("the new token is known", lambda: door.ask("GET", "/v1/jobs", "eve-token")[0] == 200)
    same(door.statuses("GET", "/v1/jobs", "ann-token", "eve-token"), [401, 200])
    with open(door.files["tokens"], "w", encoding="utf-8") as file:
        file.write("plain-text-token eve\n")
    world.daemon.process.send_signal(signal.SIGHUP)
    until("the refusal is told", lambda: "event=reload_refused" in world.daemon.log())
    same(door.statuses("GET", "/v1/jobs", "ann-token", "eve-token"), [401, 200])


# --- The process -------------------------------------------------------------------------------

@row("it serves the namespaces it is told, and no other", start=False)
def namespaces(world):
    daemon = world.daemon
    world.namespace("mine")
    world.namespace("other")
    daemon.settings["kubernetes"]["namespaces"] = ["mine", "default"]
    daemon.write_config(daemon.settings)
    daemon.start()
    daemon.wait_final(daemon.submit(spark_job(namespace="mine")), "SUCCEEDED")
    listed = world.kube("GET", "/sim/stats")["requests"]["list"]
    holds(str(sorted(listed)), "pods")
    status, answer = daemon.try_submit(pod_job(namespace="other"))
    same(status, 422, answer)
    holds(answer["error"]["details"][0]["message"], "does not serve that namespace")


@row("SIGHUP takes a good file, and a bad one changes nothing")
def reloaded(world):
    daemon = world.daemon
    settings = dict(daemon.settings, scheduling={"startTimeout": "1s"})
    daemon.write_config(settings)
    daemon.process.send_signal(signal.SIGHUP)
    until("the reload is told", lambda: "event=reloaded" in daemon.log())
    world.sim.fault(fault="image-missing", image="nowhere")
    job_id = daemon.submit(pod_job(image="nowhere/x", retry={"maxRetries": 0}))
    holds(daemon.wait_final(job_id, "FAILED")["reason"]["message"], "not running 1s")
    for number, (bad, why) in enumerate((
            ({"scheduling": {"startTimeOut": "2s"}}, "startTimeOut"),
            ({"scheduling": {"startTimeout": "2"}}, "startTimeout"),
            ({"dataDir": "/elsewhere"}, "dataDir"),
            ({"listen": {"unix": {"path": "/elsewhere"}}}, "listen"),
            ({"kubernetes": dict(settings["kubernetes"], namespaces=["default"])},
             "kubernetes can't change"))):
        daemon.write_config(dict(settings, **bad))
        daemon.process.send_signal(signal.SIGHUP)
        until("the refusal is told",
              lambda n=number: daemon.log().count("event=reload_refused") == n + 1)
        holds(daemon.log(), why)
    job_id = daemon.submit(pod_job(image="nowhere/x", retry={"maxRetries": 0}))
    holds(daemon.wait_final(job_id, "FAILED")["reason"]["message"], "not running 1s")


@row("SIGHUP changes the limits of teams and the node pools")
def lists_reloaded(world):
    daemon = world.daemon
    narrow = {"teams": [{"name": "etl", "limits": {"runningJobs": 0}}]}
    reload(daemon, **narrow)
    held = daemon.submit(pod_job(team="etl"))
    holds(daemon.wait_reason(held, "TeamLimit"), "team etl")
    status, answer = daemon.try_submit(pod_job("wide", cpu="900"))
    if status != 422:
        raise AssertionError("%d %s" % (status, answer))
    reload(daemon, teams=[{"name": "etl", "limits": {"runningJobs": 1}}],
           nodePools=[{"name": "giants", "maxCount": 1, "labels": {"size": "giant"},
                       "allocatable": {"cpu": "1000", "memory": "1Ti", "pods": "10"}}])
    daemon.wait_final(held, "SUCCEEDED")
    wide = daemon.submit(pod_job("wide", cpu="900"))
    daemon.wait_state(wide, "QUEUED", "SUBMITTING", "STARTING")


def clock(offset_minutes):
    """HH:MM in UTC, so far from now."""
    return time.strftime("%H:%M", time.gmtime(time.time() + 60 * offset_minutes))


def window(name, opens, closes, **fields):
    return dict({"name": name, "zone": "UTC", "open": clock(opens), "close": clock(closes)},
                **fields)


def reload(daemon, **lists):
    reloads = daemon.log().count("event=reloaded")
    daemon.write_config(dict(daemon.settings, **lists))
    daemon.process.send_signal(signal.SIGHUP)
    until("the reload is told", lambda: daemon.log().count("event=reloaded") == reloads + 1)


@row("a job waits for its window, and says until when; a reload may open it")
def windows(world):
    daemon = world.daemon
    reload(daemon, windows=[window("now", -60, 60), window("later", 120, 180)])
    runs = daemon.submit(pod_job("runs", window="later,now", expectedRuntime="10m"))
    waits = daemon.submit(pod_job("waits", window="later"))
    long = daemon.submit(pod_job("long", window="now", expectedRuntime="110m"))
    daemon.wait_final(runs, "SUCCEEDED")
    holds(daemon.wait_reason(waits, "Window"), "window later opens", " UTC")
    holds(daemon.wait_reason(long, "WindowTooShort"), "too soon for the expected 1h50m")
    same(daemon.job(waits)["window"], "later")
    listed = {item["name"]: item for item in daemon.get("/v1/windows")["items"]}
    same([(name, listed[name]["open"], listed[name]["waiting"]) for name in sorted(listed)],
         [("later", False, 1), ("now", True, 1)])
    for manifest, words in (
            (pod_job("a", window="nightly"), 'there is no window "nightly"; there are now, later'),
            (pod_job("a", window="later", expectedRuntime="2h"), "never open for longer than 1h")):
        status, refused = daemon.try_submit(manifest)
        same(status, 422, refused)
        holds(refused["error"]["details"][0]["message"], words)
    reload(daemon, windows=[window("now", -60, 60), window("later", -60, 60)])
    daemon.wait_final(waits, "SUCCEEDED")
    reload(daemon)
    daemon.wait_reason(long, "WindowUnknown")
    reload(daemon, freezes=[{"name": "stop", "zone": "UTC", "from": "2020-01-01",
                             "until": "2120-01-01"}])
    frozen = daemon.submit(pod_job("frozen"))
    holds(daemon.wait_reason(frozen, "Freeze"), "freeze stop lasts until 2120-01-01")


@row("an update of tzdata moves the windows of its zones, and nobody has to say so")
def tzdata(world):
    daemon = world.daemon
    folder = os.path.join(daemon.folder, "zoneinfo")
    os.mkdir(folder)

    def zone_is(name):
        shutil.copyfile("/usr/share/zoneinfo/" + name, os.path.join(folder, "new"))
        os.rename(os.path.join(folder, "new"), os.path.join(folder, "Here"))

    zone_is("UTC")
    reload(daemon, zoneinfoDir=folder,
           windows=[dict(window("shifted", 240, 360), zone="Here")])
    waits = daemon.submit(pod_job("waits", window="shifted"))
    holds(daemon.wait_reason(waits, "Window"), " UTC")
    zone_is("Etc/GMT-5")
    until("the change is told", lambda: "event=tzdata_changed" in daemon.log())
    daemon.wait_final(waits, "SUCCEEDED")
    os.remove(os.path.join(folder, "Here"))
    until("a missing zone is told, and changes nothing",
          lambda: "event=reload_refused" in daemon.log())
    daemon.wait_final(daemon.submit(pod_job("again", window="shifted")), "SUCCEEDED")


@row("what runs when its window closes is left alone, requeued or killed")
def window_closes(world):
    daemon = world.daemon
    ways = ("finish", "requeue", "kill")
    closing = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8))
    until_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    reload(daemon, windows=[window(way, -60, 180, atClose=way) for way in ways],
           freezes=[{"name": "stop", "zone": "UTC", "from": closing, "until": until_}])
    ids = {way: daemon.submit(pod_job(way, window=way, sim={"runtime": "1h"})) for way in ways}
    for job_id in ids.values():
        daemon.wait_state(job_id, "RUNNING")
    failed = daemon.wait_final(ids["kill"], "FAILED")
    same((failed["failure"], failed["attempts"]), ("deadline", 1))
    holds(daemon.wait_reason(ids["requeue"], "Freeze"), "freeze stop lasts until")
    requeued = daemon.job(ids["requeue"])
    same((requeued["retries"], requeued["state"]), (0, "QUEUED"))
    same(daemon.job(ids["finish"])["state"], "RUNNING")
    world.check_once()


@row("applications that are recognised have the names and arguments of their own texts")
def recognised(world):
    daemon = world.daemon
    for request in range(4):
        jobs = [spark_job("etl-%d-%d" % (request, at), sim={"runtime": "100ms"})
                for at in range(2)]
        for at, job in enumerate(jobs):
            job["spec"]["spark"]["arguments"] = ["--day", "%d/%d" % (request, at)]
        whole = jobs[0] if request == 3 else {"apiVersion": "v1", "kind": "List", "items": jobs}
        status, reply = daemon.try_submit(whole)
        same(status, 201, reply)
        same([made["name"] for made in reply["jobs"]],
             [job["metadata"]["name"] for job in (jobs[:1] if request == 3 else jobs)])
        for at, made in enumerate(reply["jobs"]):
            args = pod_of(world, made["id"])["spec"]["containers"][0]["args"]
            same(args[-2:], ["--day", "%d/%d" % (request, at)])
            daemon.wait_final(made["id"], "SUCCEEDED")
    world.check_once()


@row("each row of a table is a job of the template, also after a restart")
def rows_of_a_template(world):
    daemon = world.daemon
    template = pod_job("etl", hold=True)
    container = template["spec"]["pod"]["spec"]["containers"][0]
    container["args"] = ["--day", "{{day}}", "{{index}}"]
    paths = [os.path.join(daemon.folder, name) for name in ("t.yaml", "r.csv", "r.jsonl")]
    with open(paths[0], "w", encoding="utf-8") as file:
        json.dump(template, file)
    with open(paths[1], "w", encoding="utf-8") as file:
        file.write('day,"region"\r\nmon,eu\r\n"t""u,e",us\r\n')
    with open(paths[2], "w", encoding="utf-8") as file:
        file.write('{"day": "x", "region": 1}\n{"region": 2}\n')
    submit = [world.programs["nightshift"], "submit", "--server", "unix:" + daemon.socket, "-o",
              "name", paths[0], "--rows"]
    done = subprocess.run(submit + [paths[1]], text=True, capture_output=True, check=False)
    same((done.returncode, done.stdout), (0, "1\n"), done.stderr)
    done = subprocess.run(submit + [paths[2]], text=True, capture_output=True, check=False)
    same((done.returncode, done.stdout), (3, ""))
    holds(done.stderr, "r.jsonl: row 2: has more or fewer members than the first")
    daemon.kill()
    daemon.start()
    daemon.post("/v1/jobs/2/release")
    same(daemon.wait_final(2, "SUCCEEDED")["name"], "etl-1")
    container = pod_of(world, 2)["spec"]["containers"][0]
    same(container["args"], ["--day", 't"u,e', "1"])
    same({item["name"]: item["value"] for item in container["env"]},
         {"NIGHTSHIFT_ARRAY_INDEX": "1", "JOB_COMPLETION_INDEX": "1",
          "NIGHTSHIFT_PARAM_day": 't"u,e', "NIGHTSHIFT_PARAM_region": "us"})


@row("a file's jobs wait for each other, an array runs so many at once, and a circle is refused")
def graphs_and_arrays(world):
    daemon = world.daemon

    def file_of(*jobs):
        return "\n---\n".join(json.dumps(job) for job in jobs)

    def quick(name, **fields):
        job = pod_job(name, sim={"runtime": "200ms"}, **fields)
        job["metadata"]["labels"] = {"of": name}
        return job

    status, answer = daemon.try_submit(file_of(
        quick("a", after=["c"]), quick("b", after=["a"]), quick("c", after=[{"job": "b"}])))
    same(status, 422)
    holds(answer["error"]["details"][0]["message"], "in a circle: a (line 1) -> c (line 5) -> b (line 3) -> a")
    status, answer = daemon.try_submit(quick("late", after=["none"]))
    same(status, 422)
    holds(answer["error"]["details"][0]["message"], "no job of this file is called none")
    for said, problem in (("none", "no job of this file is called none"),
                          ("1:maybe", "is not TARGET:ON:OTHERWISE"), ("_", "neither a job's name")):
        status, answer = daemon.try_submit(quick("late"), query="&after=" + said)
        same(status, 422)
        holds(answer["error"]["details"][0]["message"], problem)
    status, answer = daemon.try_submit(file_of(
        quick("last", after=[{"selector": {"of": "parts"}, "on": "any"}, "parts_2"]),
        quick("parts", after=["first"], array="0-3%2"),
        quick("own", after=["each/parts"], array="1-2"), quick("first", hold=True)))
    same(status, 201, answer)
    same([(job["name"], job["array"], job["elements"]) for job in answer["jobs"]],
         [("last", None, None), ("parts", "0-3%2", 4), ("own", "1-2", 2), ("first", None, None)])
    same(answer["count"], 8)
    ids = list(range(answer["firstId"], answer["firstId"] + answer["count"]))
    holds(daemon.job(ids[0])["reason"]["message"], "array %d (parts-0): 0 of 4 did" % ids[1])
    behind = daemon.submit(quick("behind"), query="&after=last:any,%d:start" % ids[7])
    same([(one["name"], one["on"]) for one in daemon.job(behind)["predecessors"]],
         [("last", "any"), ("first", "start")])
    array = "/v1/jobs/%d" % ids[1]
    same(daemon.get(array + "_2")["id"], ids[3])
    same(daemon.ask("GET", array + "_4")[0], 404)
    same(daemon.get(array)["elements"], [{"state": "QUEUED", "count": 4, "indices": "0-3"}])
    daemon.post(array + "/hold")
    daemon.post(array + "_1/release")
    same(daemon.get(array)["elements"], [{"state": "HELD", "count": 3, "indices": "0,2-3"},
                                         {"state": "QUEUED", "count": 1, "indices": "1"}])
    daemon.post(array + "/release")
    parts = daemon.get(array)
    same([(one["name"], one["stands"]) for one in parts["predecessors"]], [("first", "waits")])
    same([(one["name"], one["each"]) for one in parts["successors"]],
         [("last", False), ("own-1", True)])
    same([one["name"] for one in parts["criticalPath"]][0], "first")
    same(parts["slackSeconds"], None, "no run time is known")
    run = [world.programs["nightshift"], "ls", "--server", "unix:" + daemon.socket]
    holds(subprocess.run(run, text=True, capture_output=True, check=True).stdout,
          "%d_[0-3]" % ids[1], "%d_[1-2]" % ids[5])
    same(daemon.job(ids[1])["reason"]["code"], "Dependency")
    daemon.kill()
    daemon.start()
    daemon.post("/v1/jobs/%d/release" % ids[-1])
    for each in ids:
        daemon.wait_final(each, "SUCCEEDED")
    last, *parts = [daemon.job(each) for each in ids[:5]]
    first = daemon.job(ids[-1])
    same(last["admittedAt"] >= max(job["finishedAt"] for job in parts), True, "the last is last")
    same(first["finishedAt"] <= min(job["admittedAt"] for job in parts), True, "the first first")
    same([daemon.job(each)["admittedAt"] >= daemon.job(each - 3)["finishedAt"]
          for each in ids[5:7]], [True, True], "each behind its own")
    world.check_once()


@row("retry of an array is of its elements that failed")
def retries_an_array(world):
    daemon = world.daemon
    job = pod_job("parts", sim={"runtime": "100ms", "exit-code": "3"}, array="4-5",
                  retry={"maxRetries": 0})
    status, answer = daemon.try_submit(job)
    same(status, 201, answer)
    ids = [answer["firstId"], answer["firstId"] + 1]
    for each in ids:
        same(daemon.wait_final(each, "FAILED")["attempts"], 1)
    run = [world.programs["nightshift"], "retry", "--server", "unix:" + daemon.socket, str(ids[0])]
    same(subprocess.run(run, text=True, capture_output=True, check=False).returncode, 0)
    until("both were tried again",
          lambda: [daemon.job(each)["attempts"] for each in ids] == [2, 2])
    for each in ids:
        daemon.wait_final(each, "FAILED")


def spark_submit(world, *args, image="apache/spark:3.5.6"):
    """Returns the finished command."""
    return subprocess.run(
        [world.programs["nightshift"], "spark-submit", "--server", "unix:" + world.daemon.socket,
         "--master", "k8s://https://cluster:6443", "--deploy-mode", "cluster",
         "--conf", "spark.kubernetes.container.image=" + image,
         "--conf", "spark.driver.memory=512m", "--conf", "spark.executor.memory=512m", *args],
        text=True, capture_output=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"]})


@row("spark-submit's command line runs an application, and ends as its driver did")
def submits_as_spark(world):
    daemon = world.daemon
    jar = "local:///opt/spark/examples/jars/spark-examples.jar"
    main_class = ("--class", "org.apache.spark.examples.SparkPi")
    done = spark_submit(world, "--name", "Spark Pi", "--num-executors", "2", "--queue-priority",
                        "7", *main_class, jar, "100")
    same(done.returncode, 0, done.stderr)
    holds(done.stdout, "1 spark-pi submitted to namespace default", "SUCCEEDED")
    job = daemon.job(1)
    same((job["name"], job["priority"], job["kind"]), ("spark-pi", 7, "Spark"))
    done = spark_submit(world, "--conf", "spark.kubernetes.driver.annotation.kubesim/exit-code=3",
                        "--queue-retries", "0", *main_class, jar)
    same(done.returncode, 3, done.stdout + done.stderr)
    done = spark_submit(world, "--conf", "spark.kubernetes.submission.waitAppCompletion=false",
                        "--conf", "spark.kubernetes.driver.annotation.kubesim/runtime=1h",
                        "--queue-hold", "false", *main_class, jar)
    same(done.returncode, 0, done.stderr)
    pod = daemon.wait_state(3, "RUNNING")["podName"]
    shown = spark_submit(world, "--status", "default:" + pod)
    same(shown.returncode, 0, shown.stderr)
    holds(shown.stdout, "RUNNING", pod)
    killed = spark_submit(world, "--kill", "default:" + pod[:-3] + "*")
    same(killed.returncode, 0, killed.stderr)
    jobs = len(daemon.get("/v1/jobs")["items"])
    daemon.wait_final(3, "CANCELLED")
    refused_ = spark_submit(world, "--conf", "spark.driver.cores=0", *main_class, jar)
    same(refused_.returncode, 3, refused_.stderr)
    holds(refused_.stderr, "spark.driver.cores")
    wrong = spark_submit(world, "--queue-prioritty", "7", *main_class, jar)
    same(wrong.returncode, 3, wrong.stderr)
    holds(wrong.stderr, "nightshift/priority")
    same(spark_submit(world, "--status", "default:nobody").returncode, 4)
    dry = spark_submit(world, "--dry-run", "-o", "json", "--num-executors", "3", *main_class, jar)
    same(dry.returncode, 0, dry.stderr)
    shown = json.loads(dry.stdout)["items"][0]
    same([item["kind"] for item in shown["objects"]], ["Pod", "Service", "ConfigMap"])
    same((shown["requests"]["pods"], shown["requests"]["cpu"]), ("4", "4"))
    same(len(daemon.get("/v1/jobs")["items"]), jobs, "nothing was submitted")
    as_yaml = spark_submit(world, "--dry-run", *main_class, jar).stdout
    holds(as_yaml, "# requests: cpu 3", "kind: Service", "---")
    world.check_once()


@row("SIGHUP reads the kubeconfig again, and one that can't be read changes nothing")
def kubeconfig_reloaded(world):
    daemon = world.daemon
    path = daemon.settings["kubernetes"]["kubeconfig"]
    with open(path, encoding="utf-8") as file:
        good = file.read()

    def reload_with(text, event):
        told = daemon.log().count(event)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        daemon.process.send_signal(signal.SIGHUP)
        until(event + " is told", lambda: daemon.log().count(event) == told + 1)

    reload_with("clusters: [", "event=reload_refused")
    daemon.wait_final(daemon.submit(pod_job()), "SUCCEEDED")
    reload_with(re.sub(r"token: .*", "token: wrong", good), "event=reloaded")
    job_id = daemon.submit(pod_job())
    until("the server refuses us",
          lambda: "Unauthorized" in daemon.job(job_id)["reason"]["message"])
    same(daemon.job(job_id)["state"], "SUBMITTING")
    reload_with(good, "event=reloaded")
    daemon.wait_final(job_id, "SUCCEEDED")


@row("SIGTERM ends it with 0, and after the next start running jobs go on as the same attempt")
def stop_and_adopt(world):
    daemon = world.daemon
    ids = [daemon.submit(spark_job(sim={"runtime": "3s"})), daemon.submit(pod_job(hold=True)),
           daemon.submit(pod_job(sim={"runtime": "200ms"}))]
    for job_id in (ids[0], ids[2]):
        daemon.wait_state(job_id, "RUNNING", "SUCCEEDED")
    same(daemon.stop(), 0)
    holds(daemon.log(), "event=stopping", "event=stopped")
    if os.path.exists(daemon.socket):
        raise AssertionError("the socket is left behind")
    until("the short pod ended meanwhile",
          lambda: pod_of(world, ids[2])["status"]["phase"] == "Succeeded")
    daemon.start()
    for job_id in (ids[0], ids[2]):
        same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)
    same(daemon.job(ids[1])["state"], "HELD")
    world.check_once()


@row("SIGTERM doesn't wait for clocks when nothing is under way")
def stops_at_once(world):
    daemon = world.daemon
    for _ in range(6):
        daemon.get("/v1/jobs")
        began = time.monotonic()
        same(daemon.stop(), 0)
        took = time.monotonic() - began
        if took > 7:
            raise AssertionError("stopping took %.1f s" % took)
        daemon.start()


@row("a second daemon on the same data exits with 3 and harms nothing")
def two_daemons(world):
    second = Nightshiftd(world.daemon.program, world.daemon.folder, world.sim.kubeconfig,
                         {"listen": {"unix": {"path": world.daemon.socket + "2"}}})
    second.start(ready=False)
    same(second.wait(), 3)
    world.daemon.wait_final(world.daemon.submit(pod_job()), "SUCCEEDED")


@row("a bad configuration exits with 2 and says where", start=False)
def bad_config(world):
    daemon = world.daemon
    daemon.write_config({"dataDirr": "/x"})
    daemon.start(ready=False)
    same(daemon.wait(), 2)
    holds(daemon.log(), "nightshift.yaml:1:2: dataDirr: unknown field", 'did you mean "dataDir"')


if __name__ == "__main__":
    table.main(ROWS)
