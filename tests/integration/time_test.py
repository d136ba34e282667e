#!/usr/bin/python3
"""nightshiftd while its clocks jump, and while the API server is away for half an hour.

Usage: time_test.py KUBESIM NIGHTSHIFTD CLOCK_SHIM [PART OF A ROW'S NAME]

The clocks are moved beneath the daemon by tests/fake/clock_shim.c. What it waits for by its loop's
timers takes as long as ever.
"""
import os
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rows as table  # noqa: E402
from leader_test import Cable  # noqa: E402
from nightshift_process import (  # noqa: E402
    FINAL, LIVING, Nightshiftd, pod_job, spark_job, until)

ROWS = table.Rows("time")
SHIM = next((os.path.abspath(word) for word in sys.argv if word.endswith(".so")), None)
HOUR_S = 3600


class Displaced(Nightshiftd):
    """A nightshiftd whose clocks are what the test says."""

    def __init__(self, program, folder, kubeconfig, config):
        super().__init__(program, folder, kubeconfig, config)
        self.clock_file = os.path.join(folder, "clock")
        with open(self.clock_file, "wb") as file:
            file.write(struct.pack("qq", 0, 0))

    def spawn(self):
        # A program with sanitizers wants to be first; here it need not be.
        environment = {**os.environ, "LD_PRELOAD": SHIM, "NIGHTSHIFT_CLOCK_SHIM": self.clock_file,
                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                       ":verify_asan_link_order=0"}
        with open(self.log_file, "ab") as log:
            return subprocess.Popen([self.program, "--config", self.config_file],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=environment)

    def move(self, wall_s, monotonic_s):
        with open(self.clock_file, "r+b") as file:
            file.write(struct.pack("qq", int(wall_s * 1e6), int(monotonic_s * 1e6)))


def row(what, **options):
    return ROWS.row(what, daemon=Displaced, **options)


# --- Jumps ---------------------------------------------------------------------------------------

def jump(world, wall_s, monotonic_s=0):
    """A job in each state that waits for something; then the clocks jump."""
    daemon = world.daemon
    running = daemon.submit(pod_job("running", sim={"runtime": "5s"}))
    daemon.wait_state(running, "RUNNING")
    world.sim.fault(fault="image-missing", image="nowhere")
    starting = daemon.submit(pod_job("starting", image="nowhere/x:1", retry={"infraRetries": 0,
                                                                            "maxRetries": 0}))
    daemon.wait_state(starting, "STARTING")
    again = daemon.submit(pod_job("again", sim={"fail-attempts": "2", "exit-code": "3"}, retry={
        "maxRetries": 1, "backoff": {"initial": "2s", "max": "2s"}}))
    daemon.wait_job(again, "its first attempt fails", lambda job: job["retries"] == 1)
    held = daemon.submit(pod_job("held", hold=True))
    large = daemon.submit(pod_job("large", cpu="3900m"))
    daemon.wait_reason(large, "Capacity")

    daemon.move(wall_s, monotonic_s)
    began = time.monotonic()
    new = daemon.submit(pod_job("new"))
    daemon.wait_final(new, "SUCCEEDED")
    daemon.wait_final(again, "SUCCEEDED")
    if time.monotonic() - began > 10:
        raise AssertionError("the back-off of at most 2 s took %.0f" % (time.monotonic() - began))
    daemon.post("/v1/jobs/%d/release" % held)
    daemon.wait_final(held, "SUCCEEDED")
    if daemon.job(starting)["state"] != "STARTING":
        raise AssertionError(daemon.events(starting))
    world.sim.fault(fault="image-missing")
    for job_id in (starting, running, large):
        daemon.wait_final(job_id, "SUCCEEDED")
        if daemon.job(job_id)["attempts"] != 1:
            raise AssertionError(daemon.events(job_id))
    if not daemon.ask("GET", "/readyz")[0] == 200:
        raise AssertionError("not ready")
    world.check_once()


ONE_NODE = ("--nodes", "1")


@row("the wall clock is set forward by an hour: nobody is timed out, nobody waits longer",
     sim=ONE_NODE)
def forward(world):
    jump(world, HOUR_S)


@row("the wall clock is set back by an hour: the same", sim=ONE_NODE)
def back(world):
    jump(world, -HOUR_S)


@row("set forward and back, and restarted between: the queue is as it was")
def restarted(world):
    daemon = world.daemon
    again = daemon.submit(pod_job(sim={"fail-attempts": "2", "exit-code": "3"}, retry={
        "maxRetries": 1, "backoff": {"initial": "1s", "max": "1s"}}))
    done = daemon.submit(pod_job())
    daemon.wait_final(done, "SUCCEEDED")
    daemon.wait_job(again, "its first attempt fails", lambda job: job["retries"] == 1)
    daemon.kill()
    daemon.move(HOUR_S, 0)
    daemon.start()
    daemon.wait_final(again, "SUCCEEDED")
    waiting = daemon.submit(pod_job(hold=True))
    daemon.kill()
    daemon.move(0, 0)
    daemon.start()  # What was submitted, was so in an hour.
    daemon.post("/v1/jobs/%d/release" % waiting)
    daemon.wait_final(waiting, "SUCCEEDED")
    daemon.wait_final(daemon.submit(pod_job()), "SUCCEEDED")
    world.check_once()


@row("asleep for an hour, as a laptop is: both clocks jump, and it goes on",
     config={"leader": {"enabled": True}})
def asleep(world):
    daemon = world.daemon
    running = daemon.submit(pod_job(sim={"runtime": "3s"}))
    daemon.wait_state(running, "RUNNING")
    daemon.move(HOUR_S, HOUR_S)
    until("its lease has run out", lambda: "event=lease_expired" in daemon.log())
    until("and is renewed", lambda: "event=lease_renewed" in daemon.log())
    daemon.wait_final(running, "SUCCEEDED")
    daemon.wait_final(daemon.submit(pod_job()), "SUCCEEDED")
    world.check_once()


# --- Half an hour without the API server ---------------------------------------------------------

@row("the API server is away for 30 minutes, jobs finish meanwhile: each ran once, and is known",
     start=False)
def away(world):
    daemon = world.daemon
    cable = Cable(world, world.folder.name)
    settings = dict(daemon.settings)
    settings["kubernetes"] = {**settings["kubernetes"], "kubeconfig": cable.kubeconfig,
                              "requestTimeout": "1s"}
    daemon.write_config(settings)
    daemon.start()
    before = [daemon.submit(pod_job("runs-%d" % n, sim={"runtime": "1500ms"})) for n in range(6)]
    before.append(daemon.submit(spark_job("spark", sim={"runtime": "2s"})))
    for job_id in before:
        daemon.wait_state(job_id, "RUNNING")
    # Made at the last moment: that it runs is never heard of.
    world.sim.fault(fault="silence-watch", resource="pods")
    unseen = daemon.submit(pod_job("unseen", sim={"runtime": "500ms"}))
    daemon.wait_state(unseen, "STARTING")
    cable.is_cut = True
    meanwhile = []
    for minute in range(30):
        daemon.move(60 * minute, 60 * minute)
        if minute % 5 == 0:
            meanwhile.append(daemon.submit(pod_job("meanwhile-%d" % minute)))
        time.sleep(0.25)
    until("all have ended in the cluster", lambda: len(
        [pod for pod in world.pods() if pod["status"]["phase"] == "Succeeded"]) >= 8)
    if any(daemon.job(job_id)["state"] in FINAL for job_id in before + [unseen]):
        raise AssertionError("the end of a job is known that nobody told of")
    if daemon.ask("GET", "/healthz")[0] != 200:
        raise AssertionError("not well")
    began = time.monotonic()
    cable.is_cut = False
    for job_id in before + [unseen] + meanwhile:
        job = daemon.wait_final(job_id, "SUCCEEDED")
        if job["attempts"] != 1:
            raise AssertionError(daemon.events(job_id))
    took = time.monotonic() - began
    lost = re.findall(r"event=watch_lost resource=(\w+)", daemon.log())
    if len(lost) > 40:
        raise AssertionError("%d lines about the outage" % len(lost))
    if set(lost) != {"pods", "nodes", "resourcequotas", "limitranges"}:
        raise AssertionError(lost)
    world.check_once()
    made = world.creations()
    if len(made) != len(before) + 1 + len(meanwhile):
        raise AssertionError("%d main pods" % len(made))
    print("    well again %.1f s after the server's return, %d lines said about it" % (
        took, len(lost)), flush=True)


def main():
    LIVING.clear()
    programs, rest = table.programs_of([word for word in sys.argv[1:] if not word.endswith(".so")])
    sys.exit(ROWS.run(programs, *rest, workers=6))


if __name__ == "__main__":
    main()
