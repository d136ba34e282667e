#!/usr/bin/python3
"""A job that is stopped for another one gets the time to stop that its pod asks for.

Usage: preempt_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]

kubesim runs the pods as processes, so that SIGTERM is one and the time between it and SIGKILL is real.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import batch_job, until  # noqa: E402

ROWS = table.Rows("preempt")
CONFIG = {"scheduling": {"preemption": "lower-tier"},
          "priorityClasses": [{"name": "low", "tier": -1}, {"name": "high", "tier": 1}]}
OPTIONS = {"sim": ("--nodes", "1", "--runtime", "process", "--image", "shell=/"), "config": CONFIG}


def whole_node(world):
    """Two of them don't fit beside each other."""
    free = world.kube("GET", "/api/v1/nodes")["items"][0]["status"]["allocatable"]["cpu"]
    milli = int(free[:-1]) if free.endswith("m") else int(free) * 1000
    return "%dm" % (milli * 2 // 3)


def job(world, name, script, grace, **fields):
    return batch_job(name, {"pod": {"spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": grace, "containers": [{
            "name": "main", "image": "shell", "command": ["/bin/sh", "-c", script],
            "resources": {"requests": {"cpu": whole_node(world), "memory": "10Mi"}}}]}}}, **fields)


def history(world, names):
    """[(name, what)] of pods in the order in which the cluster had it: made, asked to go, over."""
    last, out = world.mark(), []
    connection, response = world.sim.open(
        "GET", "/api/v1/pods?watch=1&resourceVersion=1&timeoutSeconds=60", timeout=60)
    for line in response:
        event = json.loads(line)
        meta = event["object"]["metadata"]
        if meta["uid"] == last:
            break
        name = names.get(meta.get("labels", {}).get("nightshift/job-id"))
        is_over = event["type"] == "DELETED" or \
            event["object"]["status"].get("phase") in ("Succeeded", "Failed")
        what = "over" if is_over else "asked" if "deletionTimestamp" in meta else "made"
        step = ("%s %s" % (name, meta["labels"]["nightshift/attempt"]), what) if name else None
        if step is not None and step not in out:
            out.append(step)
    connection.close()
    return out


def preempt(world, script, grace):
    """Returns the victim, tried again after the other has ended, and how its pod was asked to go."""
    daemon = world.daemon
    victim = daemon.submit(job(world, "victim", script, grace, priorityClass="low",
                               preemptible=True, retry={"maxRetries": 0}))
    daemon.wait_state(victim, "RUNNING")
    until("it is at work", lambda: "ready" in str(daemon.ask("GET", "/v1/jobs/%d/logs" % victim)[1]))
    urgent = daemon.submit(job(world, "urgent", "echo done", 30, priorityClass="high"))
    going = until("the victim is asked to go", lambda: next(
        (pod for pod in world.pods(job_id=victim) if "deletionTimestamp" in pod["metadata"]), None))
    daemon.wait_final(urgent, "SUCCEEDED")
    again = daemon.wait_job(victim, "it runs again", lambda found: found["attempts"] == 2 and
                            found["state"] == "RUNNING")
    steps = history(world, {str(victim): "victim", str(urgent): "urgent"})
    if [step for step in steps if step[0] != "victim 2" and step != ("urgent 1", "asked")] != [
            ("victim 1", "made"), ("victim 1", "asked"), ("victim 1", "over"),
            ("urgent 1", "made"), ("urgent 1", "over")]:
        raise AssertionError("one after the other: %s" % steps)
    daemon.post("/v1/jobs/%d/cancel" % victim)
    return again, going["metadata"]


def log_of(world, job_id):
    return until("its log is stored", lambda: (
        lambda status, text, _: text if status == 200 else None)(
            *world.daemon.ask("GET", "/v1/jobs/%d/logs?attempt=1" % job_id)))


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


@ROWS.row("who is stopped hears SIGTERM, has its time to end, and only then the other starts", **OPTIONS)
def ends_in_time(world):
    again, meta = preempt(world, "trap 'echo term; sleep 1; echo bye; exit 3' TERM; echo ready; "
                                 "while :; do sleep 0.1; done", 20)
    same(meta["deletionGracePeriodSeconds"], 20, "its own time")
    lines = log_of(world, again["id"]).split()
    same(lines, ["ready", "term", "bye"], "it was not killed")
    first = again["attemptList"][0]
    same((first["failure"], again["retries"], again["preemptions"]), ("preempted", 0, 1), "its end")


@ROWS.row("who does not end in its time is killed, and only then the other starts", **OPTIONS)
def is_killed(world):
    again, meta = preempt(world, "trap 'echo term' TERM; echo ready; "
                                 "while :; do echo tick; sleep 0.1; done", 2)
    same(meta["deletionGracePeriodSeconds"], 2, "its own time")
    lines = log_of(world, again["id"]).split()
    after = lines[lines.index("term"):]
    if len(after) < 4 or set(after) - {"term", "tick"}:
        raise AssertionError("it was killed before its time: %s" % after)
    first = again["attemptList"][0]
    same((first["failure"], again["retries"], again["preemptions"]), ("preempted", 0, 1), "its end")


if __name__ == "__main__":
    table.main(ROWS)
