#!/usr/bin/python3
"""Jobs come, run, end and are forgotten in the real daemon, for as long as one likes: what it takes
of memory, file and descriptors levels off, and its turns stay short.

Usage: soak_test.py KUBESIM NIGHTSHIFTD SECONDS [JOBS_PER_SECOND]
"""
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import FINAL, pod_job, until  # noqa: E402

ROWS = table.Rows("soak")
KEPT = 2000  # finished jobs
NAMES = 200  # as the nights repeat them
SAMPLES = 20
MIB = 1 << 20


def list_of(names):
    """Of three sorts: one spec for all, a spec of its own, and one that fails and is tried again."""
    items = []
    for at, name in enumerate(names):
        job = pod_job(name, ttlSecondsAfterFinished=0, sim={"runtime": "20ms"})
        if at % 3 == 1:
            job["spec"]["pod"]["spec"]["containers"][0]["env"] = [{"name": "OWN", "value": name * 9}]
        if at % 3 == 2:
            job = pod_job(name, ttlSecondsAfterFinished=0, retry={"maxRetries": 1},
                          sim={"runtime": "20ms", "fail-attempts": "1", "exit-code": "3"})
        items.append(job)
    return {"apiVersion": "v1", "kind": "List", "items": items}


class Sample:
    """What the daemon takes now, and how long its turns were since the last look."""

    def __init__(self, world, before=None):
        daemon = world.daemon
        text = daemon.get("/metrics")
        self.file_bytes = os.path.getsize(
            os.path.join(daemon.settings["dataDir"], "queue", "data.mdb"))
        self.rss_bytes = daemon.rss_kib() * 1024
        self.descriptors = daemon.descriptors()
        self.jobs = daemon.get("/v1/status")["store"]["jobs"]
        self.turns = [(float(bound), int(count)) for bound, count in re.findall(
            r'nightshift_turn_seconds_bucket\{le="([^"]+)"\} (\d+)', text)]
        self.turn_ms = self.turn_p99_ms(before)

    def turn_p99_ms(self, before):
        counts = [(bound, late - (before.turns[at][1] if before else 0))
                  for at, (bound, late) in enumerate(self.turns)]
        return next((bound for bound, count in counts if count >= 0.99 * counts[-1][1]), 0) * 1000


def soak(world, seconds, rate):
    daemon = world.daemon
    began = time.monotonic()
    last, number, samples = None, 0, []
    while len(samples) < SAMPLES:
        due = min(seconds, time.monotonic() - began) * rate
        while number < due:
            names = ["soak-%d" % (n % NAMES) for n in range(number, number + 20)]
            status, answer = daemon.try_submit(list_of(names))
            if status != 201:
                raise AssertionError("%d %s" % (status, answer))
            number += len(names)
        time.sleep(0.05)
        if time.monotonic() - began >= (len(samples) + 1) * seconds / SAMPLES:
            last = Sample(world, last)
            samples.append(last)
            print("soak: after %6d jobs: file %6.2f MiB, resident %6.2f MiB, %d descriptors, "
                  "%d jobs kept, turns p99 <= %g ms" % (
                      number, last.file_bytes / MIB, last.rss_bytes / MIB, last.descriptors,
                      last.jobs, last.turn_ms), flush=True)
    check(samples)
    until("every job has ended", lambda: all(
        job["state"] in FINAL for job in daemon.get("/v1/jobs?limit=500")["items"]))


def check(samples):
    """What it takes in the second half is what it took in the first one, and a tenth at most."""
    half = len(samples) // 2
    # As many connections as requests may be on their way at such a moment.
    for what, more in (("file_bytes", 0), ("rss_bytes", 0), ("descriptors", 64), ("jobs", 40)):
        early = max(getattr(sample, what) for sample in samples[:half])
        late = max(getattr(sample, what) for sample in samples[half:])
        if late > early * 1.1 + more:
            raise AssertionError("%s grew from %d to %d" % (what, early, late))


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    seconds = float(rest[0])
    rate = float(rest[1]) if len(rest) > 1 else 20
    ROWS.row("for %g s with %g jobs a second, nothing grows" % (seconds, rate),
             config={"history": {"count": KEPT}, "log": {"level": "warn"}},
             sim=("--watch-log", "10000"))(lambda world: soak(world, seconds, rate))
    sys.exit(ROWS.run(programs))


if __name__ == "__main__":
    main()
