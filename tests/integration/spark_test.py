#!/usr/bin/python3
"""Spark applications through the real daemon: what only they have.

Usage: spark_test.py KUBESIM NIGHTSHIFTD [PART OF A ROW'S NAME]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from nightshift_process import spark_job, until  # noqa: E402

ROWS = table.Rows("spark")
row = ROWS.row
SOON = {"backoff": {"initial": "30ms", "max": "60ms"}}


def same(got, expected, what=""):
    if got != expected:
        raise AssertionError("%s: got %r, expected %r" % (what, got, expected))


def drivers(world, job_id):
    return sorted(pod["metadata"]["name"] for pod in world.pods("default", job_id)
                  if pod["metadata"]["labels"].get("spark-role") == "driver")


def application(name="pi", sim=None, retry=None, **spec):
    """A BatchJob of a SparkApplication with these fields."""
    manifest = spark_job(name, sim=sim, **({"retry": retry} if retry else {}))
    manifest["spec"]["spark"].update(spec)
    return manifest


# --- restartPolicy, timeToLiveSeconds, suspend -------------------------------------------------

@row("with restartPolicy Always it runs again whenever it ends, until it is cancelled")
def always(world):
    daemon = world.daemon
    policy = {"type": "Always"}
    failing = daemon.submit(application(
        "failing", sim={"exit-code": "3"}, retry=dict(SOON, maxRetries=1), restartPolicy=policy))
    job_id = daemon.submit(application(sim={"runtime": "50ms"}, retry=SOON, restartPolicy=policy))
    job = daemon.wait_job(job_id, "it has run often", lambda job: job["attempts"] > 3)
    same([(one["number"], one["failure"], one["exitCode"], one["pods"])
          for one in job["attemptList"][:3]], [(n, None, 0, 2) for n in (1, 2, 3)])
    same(daemon.kinds(job_id)[1:8], ["admitted", "starting", "running", "run_again", "queued",
                                     "admitted", "starting"])
    job = daemon.wait_job(failing, "it has failed often", lambda job: job["attempts"] > 3)
    same([(one["failure"], one["exitCode"]) for one in job["attemptList"][:3]], [("app", 3)] * 3)
    daemon.post("/v1/jobs/%d/cancel" % failing)
    daemon.wait_final(failing, "CANCELLED")
    until("former drivers are gone", lambda: len(drivers(world, job_id)) <= 2)
    daemon.stop()
    daemon.start()
    daemon.wait_job(job_id, "it goes on after a restart", lambda now: now["attempts"] > 5)
    daemon.post("/v1/jobs/%d/cancel" % job_id)
    daemon.wait_final(job_id, "CANCELLED")
    world.check_once()


@row("timeToLiveSeconds says when finished pods go: 0 at once, as the operator does")
def time_to_live(world):
    daemon = world.daemon
    gone = daemon.submit(application("gone", timeToLiveSeconds=0))
    stays = daemon.submit(application("stays", timeToLiveSeconds=3600))
    for job_id in (gone, stays):
        daemon.wait_final(job_id, "SUCCEEDED")
    until("its pods are gone", lambda: not world.pods("default", gone))
    same(drivers(world, stays), ["stays-%d-1-driver" % stays])


@row("suspend is held until it is released")
def suspend(world):
    daemon = world.daemon
    job_id = daemon.submit(application(suspend=True))
    other = daemon.submit(application("other"))
    daemon.wait_final(other, "SUCCEEDED")
    same((daemon.job(job_id)["state"], daemon.job(job_id)["attempts"]), ("HELD", 0))
    daemon.post("/v1/jobs/%d/release" % job_id)
    daemon.wait_final(job_id, "SUCCEEDED")


if __name__ == "__main__":
    table.main(ROWS)
