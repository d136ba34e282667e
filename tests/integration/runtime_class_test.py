#!/usr/bin/python3
"""What a RuntimeClass adds to a job's pods is counted, as classes come, change and go.

Usage: runtime_class_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import pod_job, until  # noqa: E402

ROWS = table.Rows("runtime class")
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


def put_class(world, name, cpu):
    world.kube("POST", CLASSES, {"metadata": {"name": name}, "handler": name,
                                 "overhead": {"podFixed": {"cpu": cpu, "memory": "64Mi"}}})


def job(name, runtime_class, **fields):
    manifest = pod_job(name, **fields)
    manifest["spec"]["pod"]["spec"]["runtimeClassName"] = runtime_class
    return manifest


def used(world):
    return world.kube("GET", "/api/v1/namespaces/default/resourcequotas/quota")["status"]["used"]


def refused(world, manifest, words):
    status, answer = world.daemon.try_submit(manifest)
    if status != 422 or words not in str(answer):
        raise AssertionError("%d %s" % (status, answer))


def taken(world, manifest):
    """Its id, as soon as the daemon has heard of the class."""
    def submit():
        status, answer = world.daemon.try_submit(manifest)
        return answer["jobs"][0]["id"] if status == 201 else None
    return until("the class is known", submit)


@ROWS.row("a class that comes later is counted with its overhead; one that is gone refuses again")
def come_and_go(world):
    daemon = world.daemon
    world.quota("default", requests_cpu="450m")  # 100m and 250m fit once, 100m alone four times.
    refused(world, job("early", "gvisor"), "gvisor")
    put_class(world, "gvisor", "250m")
    first = taken(world, job("first", "gvisor", sim={"runtime": "10m"}))
    daemon.wait_state(first, "RUNNING")
    until("the cluster counts the overhead", lambda: used(world)["requests.cpu"] == "350m")
    second = daemon.submit(job("second", "gvisor"))
    reason = daemon.wait_reason(second, "Quota")
    if "needs 350m" not in reason or "free 100m" not in reason:
        raise AssertionError(reason)
    daemon.kill()
    daemon.start()  # What waits has the overhead that it was submitted with.
    reason = daemon.wait_reason(second, "Quota")
    if "needs 350m" not in reason:
        raise AssertionError(reason)
    daemon.post("/v1/jobs/%d/cancel" % first)
    daemon.wait_final(second, "SUCCEEDED")
    world.kube("DELETE", CLASSES + "/gvisor")
    until("it is not known any more", lambda: daemon.try_submit(
        job("late", "gvisor", hold=True))[0] == 422)
    refused(world, job("late", "gvisor"), "gvisor")


@ROWS.row("a changed class counts for what is submitted after it")
def changed(world):
    daemon = world.daemon
    world.quota("default", requests_cpu="700m")
    put_class(world, "kata", "300m")
    first = taken(world, job("first", "kata", sim={"runtime": "10m"}))
    daemon.wait_state(first, "RUNNING")
    world.kube("DELETE", CLASSES + "/kata")
    put_class(world, "kata", "350m")

    def counts():
        """What one needs that is submitted now; it waits with either class."""
        status, answer = daemon.try_submit(job("next", "kata"))
        if status != 201:
            return False  # The class has just gone.
        reason = daemon.wait_reason(answer["jobs"][0]["id"], "Quota")
        daemon.post("/v1/jobs/%d/cancel" % answer["jobs"][0]["id"])
        if "needs 400m" not in reason and "needs 450m" not in reason:
            raise AssertionError(reason)
        return "needs 450m" in reason
    until("the new overhead counts", counts)
    if daemon.job(first)["state"] != "RUNNING":
        raise AssertionError("the first one does not run on")


if __name__ == "__main__":
    table.main(ROWS)
