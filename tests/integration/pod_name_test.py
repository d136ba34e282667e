#!/usr/bin/python3
"""Jobs that give their driver's pod a name: one at a time has it, whoever fails or dies in between.

Usage: pod_name_test.py KUBESIM NIGHTSHIFTD NIGHTSHIFT [PART OF A ROW'S NAME]
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import spark_job, until  # noqa: E402

ROWS = table.Rows("pod_name")
row = ROWS.row
PODS = "/api/v1/namespaces/default/pods"
APPLICATIONS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications"


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError("%r is not in %r" % (part, text))


def etl(name="etl", pod="etl-driver", **fields):
    job = spark_job(name, **dict({"ttlSecondsAfterFinished": 3600}, **fields))
    job["spec"]["spark"]["driver"]["podName"] = pod
    return job


def stranger(world, name="etl-driver"):
    """A pod of somebody else's that has the name. Returns its uid."""
    return world.kube("POST", PODS, {
        "metadata": {"name": name, "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})["metadata"]["uid"]


def pod(world, name="etl-driver"):
    """None: there is none of that name."""
    return next((pod for pod in world.pods() if pod["metadata"]["name"] == name), None)


def uid_of(world):
    found = pod(world)
    return found["metadata"]["uid"] if found else None


def holder(world):
    """(job, attempt) of the pod that has the name."""
    labels = pod(world)["metadata"]["labels"]
    return int(labels["nightshift/job-id"]), int(labels["nightshift/attempt"])


def waits(world, job_id, *parts):
    """For the name, and says so."""
    world.daemon.wait_reason(job_id, "PodName")
    until("the reason names %s" % (parts,), lambda: all(
        part in world.daemon.job(job_id)["reason"]["message"] for part in parts))


def nightshift(world, *args):
    return subprocess.run(
        [world.programs["nightshift"], *args, "--server", "unix:" + world.daemon.socket], text=True,
        capture_output=True, timeout=120, check=False, env={"PATH": os.environ["PATH"]})


@row("a retry has the same name, once the pod of the last attempt and its log are put away")
def retried(world):
    daemon = world.daemon
    job_id = daemon.submit(etl(sim={"exit-code": "3"}, retry={"maxRetries": 2, "backoff": {"initial": "100ms"}}))
    job = daemon.wait_final(job_id, "FAILED")
    same([attempt["podName"] for attempt in job["attemptList"]], ["etl-driver"] * 3)
    same(holder(world), (job_id, 3))
    for attempt in (1, 2, 3):
        log = daemon.get("/v1/jobs/%d/logs?attempt=%d" % (job_id, attempt))
        holds(log, "ended with exit code 3")
    world.check_once()
    made = world.creations()
    same(len({uids[0] for uids in made.values()}), 3, "three pods")
    same(world.kube("GET", "/sim/stats")["requests"]["create"]["pods"].get("409", 0), 0)
    shown = nightshift(world, "show", str(job_id)).stdout
    holds(shown, "etl-driver")


@row("the next night's run of the same manifest replaces the ended pod of the last one")
def next_night(world):
    daemon = world.daemon
    first = daemon.submit(etl())
    daemon.wait_final(first, "SUCCEEDED")
    uid = uid_of(world)
    second = daemon.submit(etl())
    daemon.wait_final(second, "SUCCEEDED")
    same(holder(world), (second, 1))
    if uid_of(world) == uid:
        raise AssertionError("the same pod")
    holds(daemon.get("/v1/jobs/%d/logs" % first), "etl-driver started")
    world.check_once()


@row("of two jobs with one name the second waits, and says for which; --kill means the first")
def one_by_one(world):
    daemon = world.daemon
    first = daemon.submit(etl(sim={"runtime": "10m"}))
    daemon.wait_state(first, "RUNNING")
    second = daemon.submit(etl("other"))
    third = daemon.submit(etl("elsewhere", pod="another-name"))
    waits(world, second, "default/etl-driver", "job %d has it" % first)
    holds(nightshift(world, "why", str(second)).stdout, "pod name default/etl-driver")
    daemon.wait_final(third, "SUCCEEDED")
    killed = subprocess.run(
        [world.programs["nightshift"], "spark-submit", "--server", "unix:" + daemon.socket,
         "--kill", "default:etl-driver"], text=True, capture_output=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"]})
    same(killed.returncode, 0, killed.stderr)
    daemon.wait_final(first, "CANCELLED")
    daemon.wait_final(second, "SUCCEEDED")
    world.check_once()


@row("a stranger's pod is waited for and never deleted; a restart changes nothing")
def strangers(world):
    daemon = world.daemon
    uid = stranger(world)
    job_id = daemon.submit(etl())
    waits(world, job_id, "not of this queue", "left alone")
    daemon.kill()
    daemon.start()
    waits(world, job_id, "not of this queue")
    cancelled = daemon.submit(etl("cancelled"))
    waits(world, cancelled, "not of this queue")
    daemon.post("/v1/jobs/%d/cancel" % cancelled)
    daemon.wait_final(cancelled, "CANCELLED")
    same((uid_of(world), daemon.job(job_id)["attempts"]), (uid, 0))
    world.kube("DELETE", PODS + "/etl-driver?gracePeriodSeconds=0")
    same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)


@row("a stranger's pod that the watch has not shown is found by its 409, and waited for")
def unseen(world):
    daemon = world.daemon
    world.sim.fault(fault="silence-watch", resource="pods")
    uid = stranger(world)
    job_id = daemon.submit(etl())
    until("the conflict is told", lambda: "conflict" in daemon.kinds(job_id))
    event = next(e for e in daemon.events(job_id) if e["kind"] == "conflict")
    holds(event["text"], "default/etl-driver exists that is not of this queue")
    same((uid_of(world), daemon.job(job_id)["retries"]), (uid, 0))
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")
    same(uid_of(world), uid, "it is left alone")


@row("killed between the deletion and the creation, it goes on with the next attempt")
def killed_between(world):
    daemon = world.daemon
    job_id = daemon.submit(etl(sim={"exit-code": "3"}, retry={"maxRetries": 1, "backoff": {"initial": "1s"}}))
    daemon.wait_state(job_id, "RETRY_WAIT", "QUEUED")
    world.sim.fault(fault="error", code=503, verb="create", resource="pods", count=-1)
    until("the last attempt's pod is gone", lambda: pod(world) is None)
    daemon.kill()
    world.kube("DELETE", "/sim/faults")
    daemon.start()
    same(daemon.wait_final(job_id, "FAILED")["attempts"], 2)
    same(holder(world), (job_id, 2))
    world.check_once()


@row("a creation whose reply was lost is adopted after a kill, and made once")
def adopted(world):
    daemon = world.daemon
    world.sim.fault(fault="lose-reply", verb="create", resource="pods")
    job_id = daemon.submit(etl(sim={"runtime": "1s"}))
    until("its pod is there", lambda: pod(world))
    daemon.kill()
    daemon.start()
    same(daemon.wait_final(job_id, "SUCCEEDED")["attempts"], 1)
    world.check_once()


@row("a cancel of a creation that failed deletes no pod that has the name since")
def cancelled(world):
    daemon = world.daemon
    world.sim.fault(fault="error", code=503, verb="create", resource="pods", count=-1)
    world.sim.fault(fault="silence-watch", resource="pods")
    job_id = daemon.submit(etl())
    until("it is asked again", lambda: "submit_transient" in daemon.kinds(job_id))
    world.kube("DELETE", "/sim/faults")
    world.sim.fault(fault="error", code=503, verb="get", resource="pods", count=-1)
    uid = until("the stranger is there", lambda: uid_of_posted(world))
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    world.kube("DELETE", "/sim/faults")
    daemon.wait_final(job_id, "CANCELLED")
    same(uid_of(world), uid)


def uid_of_posted(world):
    """Unless our own creation was quicker: then of none."""
    status, answer, _ = world.sim.ask("POST", PODS, {
        "metadata": {"name": "etl-driver", "annotations": {"kubesim/runtime": "10m"}}, "spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}})
    if status == 409:
        world.kube("DELETE", PODS + "/etl-driver?gracePeriodSeconds=0")
    return answer["metadata"]["uid"] if status == 201 else None


@row("elements of an array can't share a name, and two names of one pod can't both hold")
def refused(world):
    def details(manifest):
        status, answer = world.daemon.try_submit(manifest)
        same(status, 422 if status == 422 else 400, answer)
        return json.dumps(answer)
    holds(details(etl(array="0-9")), "spec.spark.driver.podName", "one pod at a time can have it")
    both = etl()
    both["spec"]["spark"]["sparkConf"] = {"spark.kubernetes.driver.pod.name": "b"}
    holds(details(both), "leave one out")
    holds(details(etl(pod="Not_A_Name")), "podName")
    same(world.daemon.get("/v1/jobs")["items"], [])


@row("the Spark operator's application has the name, too; the next one waits for it")
def operator(world):
    def handed():
        manifest = etl()
        manifest["spec"]["sparkApplication"] = {"operator": True, "spec": manifest["spec"].pop("spark")}
        return world.daemon.submit(manifest)

    def submits(job_id):
        """What an operator does with it. Returns the application."""
        made = until("the application of job %d" % job_id, lambda: next(
            (item for item in world.kube("GET", APPLICATIONS)["items"]
             if item["metadata"]["labels"]["nightshift/job-id"] == str(job_id)), None))
        driver = made["spec"]["driver"]
        same(driver["podName"], "etl-driver")
        world.kube("POST", PODS, {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": driver["podName"], "annotations": driver["annotations"],
                         "labels": dict(driver["labels"], **{"spark-role": "driver"})},
            "spec": {"restartPolicy": "Never", "containers": [
                {"name": "spark-kubernetes-driver", "image": "apache/spark:3.5.6"}]}})
        path = APPLICATIONS + "/" + made["metadata"]["name"]
        made = world.kube("GET", path)
        made["status"] = {"applicationState": {"state": "SUBMITTED"}, "executionAttempts": 1}
        world.kube("PUT", path + "/status", made)

    first = handed()
    second = handed()
    waits(world, second, "job %d has it" % first)
    submits(first)
    world.daemon.wait_final(first, "SUCCEEDED")
    submits(second)
    world.daemon.wait_final(second, "SUCCEEDED")
    same(holder(world), (second, 1))


if __name__ == "__main__":
    table.main(ROWS)
