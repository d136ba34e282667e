#!/usr/bin/python3
"""What follows a failure: each class provoked in a cluster, through the real daemon.

Usage: retry_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]
"""
import json
import os
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

def hit(world, fault, name="plain", **more):
    """A running pod is hit; returns its job."""
    job_id = world.daemon.submit(pod_job(name, sim={"runtime": "10m"}, retry={
        "maxRetries": 3, "backoff": SOON, **more.pop("retry", {})}))
    pod = attempt_runs(world, job_id, 1)
    world.sim.fault(fault=fault, namespace="default", pod=pod["metadata"]["name"], **more)
    return job_id


CLASSES = [
    # fault, its parameters, class, exit code, retries and infrastructure retries spent, signs
    ("evict", {}, "evicted", 137, 0, ("reason Evicted", "DisruptionTarget TerminationByKubelet")),
    ("preempt", {}, "preempted", None, 0, ("DisruptionTarget PreemptionByScheduler",)),
    ("pod-vanish", {}, "node_lost", None, 0, ()),
    ("oom-kill", {}, "oom", 137, 1, ("OOMKilled", "main ended with exit code 137")),
    ("kill-pod", {"exitCode": 3}, "app", 3, 1, ("main ended with exit code 3",)),
    ("kill-pod", {"exitCode": 127}, "image", 127, 1, ("exit code 127",)),
    ("kill-pod", {"exitCode": 137}, "app", 137, 1, ("exit code 137",)),
]


@row("each sign of a running pod's end has its class, budget and cause")
def classes(world):
    # Each has a name of its own: what one learns is not the next one's.
    jobs = [(hit(world, fault, "job-%s" % "abcdefg"[n], **params), fault, name, code, spent, signs)
            for n, (fault, params, name, code, spent, signs) in enumerate(CLASSES)]
    for job_id, fault, name, code, spent, signs in jobs:
        failed = attempt_failed(world, job_id)
        same(failed["failure"], name, fault)
        if code is not None:
            same(failed["exitCode"], code, fault)
        told(failed, *signs)
        attempt_runs(world, job_id, 2)
        same(world.daemon.job(job_id)["retries"], spent, fault)
        same((failed["pods"], failed["driverMemoryBytes"]), (1, 64 * MIB), "what it reserved")
        world.daemon.post("/v1/jobs/%d/cancel" % job_id)


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


@row("an image that can't be pulled is given up after its grace time, a wrong name at once",
     config={"retry": {"classes": {"image": {"grace": "300ms"}}}})
def image(world):
    stuck = world.daemon.submit(pod_job("stuck", image="busybox:missing",
                                        retry={"maxRetries": 0}))
    job = world.daemon.wait_final(stuck, "FAILED")
    same(job["failure"], "image")
    told(job["attemptList"][0], "phase Pending", "ImagePull")
    if "could not start for 300ms" not in job["attemptList"][0]["message"]:
        raise AssertionError(job["attemptList"][0]["message"])


@row("a secret that is missing is a matter of configuration, and is given up after its grace time")
def secret(world):
    job = pod_job(retry={"maxRetries": 0, "classes": {"config": {"grace": "300ms"}}})
    job["spec"]["pod"]["spec"]["containers"][0]["env"] = [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "nowhere", "key": "p"}}}]
    job = world.daemon.wait_final(world.daemon.submit(job), "FAILED")
    same(job["failure"], "config")
    told(job["attemptList"][0], "CreateContainerConfigError")


@row("what is not placed in time is unschedulable",
     config={"scheduling": {"startTimeout": "1s"}})
def unschedulable(world):
    job = pod_job(retry={"infraRetries": 0})
    # Only the scheduler of that name would place it, and there is none.
    job["spec"]["pod"]["spec"]["schedulerName"] = "nobody"
    job = world.daemon.wait_final(world.daemon.submit(job), "FAILED")
    same(job["failure"], "unschedulable")


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


@row("a real process: it takes more memory than it may, and has enough the next time", sim=REAL)
def real_oom(world):
    take = "import time; x = bytearray(b'x') * (64 << 20); time.sleep(0.5)"
    job_id = world.daemon.submit(command(pod_job(memory="64Mi", retry={
        "maxRetries": 5, "backoff": SOON, "memoryGrowth": {"percent": 300}}),
        "/usr/bin/python3", "-c", take))
    job = world.daemon.wait_final(job_id, "SUCCEEDED")
    same((job["attempts"], job["attemptList"][0]["failure"], job["attemptList"][0]["exitCode"]),
         (2, "oom", 137))
    same(job["attemptList"][1]["driverMemoryBytes"], 192 * MIB)


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


if __name__ == "__main__":
    table.main(ROWS)
