#!/usr/bin/python3
"""Jobs come, run, end and are forgotten in the real daemon, for as long as one likes: what it takes
of memory, file and descriptors levels off, and its turns stay short.

Usage: soak_test.py KUBESIM NIGHTSHIFTD CYCLES [JOBS_PER_CYCLE]

A cycle submits its jobs as fast as they end, with a bound on those under way, so that a slow
machine takes longer and needs no more; and is measured when all have ended, what is above the
history's count was dropped, and connections are idle. The first quarter is the warm-up.
"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import rows as table  # noqa: E402
from nightshift_process import FINAL, PATIENCE_S, pod_job, until  # noqa: E402

ROWS = table.Rows("soak")
KEPT = 2000  # finished jobs
NAMES = 200  # as the nights repeat them
UNDER_WAY = 200
A_REQUEST = 20
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
                          sim={"runtime": "20ms", "fail-attempts": "2", "exit-code": "3"})
        items.append(job)
    return {"apiVersion": "v1", "kind": "List", "items": items}


def jobs_by_state(daemon):
    return {state: int(count) for state, count in re.findall(
        r'nightshift_jobs\{state="([A-Z_]+)"\} (\d+)', daemon.get("/metrics"))}


def under_way(daemon):
    return sum(count for state, count in jobs_by_state(daemon).items() if state not in FINAL)


def is_settled(daemon):
    """All have ended, their pods are gone, and no more are kept than the history has."""
    return under_way(daemon) == 0 and sum(jobs_by_state(daemon).values()) <= KEPT


def is_taken(answer):
    if answer[0] not in (200, 201, 503):
        raise AssertionError("%d %s" % answer)
    return answer[0] != 503


class Sample:
    """What the daemon takes now, and how long its turns were since the last look."""

    def __init__(self, daemon, before=None):
        text = daemon.get("/metrics")
        memory = daemon.memory_kib()
        self.file_bytes = os.path.getsize(
            os.path.join(daemon.settings["dataDir"], "queue", "data.mdb"))
        self.heap_bytes = memory["RssAnon"] * 1024
        self.rss_bytes = memory["VmRSS"] * 1024
        self.descriptors = daemon.descriptors()
        self.turns = [(float(bound), int(count)) for bound, count in re.findall(
            r'nightshift_turn_seconds_bucket\{le="([^"]+)"\} (\d+)', text)]
        self.turn_ms = self.turn_p99_ms(before)

    def turn_p99_ms(self, before):
        counts = [(bound, late - (before.turns[at][1] if before else 0))
                  for at, (bound, late) in enumerate(self.turns)]
        return next((bound for bound, count in counts if count >= 0.99 * counts[-1][1]), 0) * 1000


def cycle(daemon, first, jobs):
    """Jobs of the numbers from first on, from their submission until they are forgotten."""
    for number in range(first, first + jobs, A_REQUEST):
        until("jobs end", lambda: under_way(daemon) <= UNDER_WAY - A_REQUEST, 10 * PATIENCE_S)
        names = ["soak-%d" % (n % NAMES) for n in range(number, number + A_REQUEST)]
        # A disk that others keep busy may take longer than a client is let wait: 503, ask again.
        until("they are taken", lambda key="soak-%d" % number, jobs=list_of(names):
              is_taken(daemon.try_submit(jobs, key=key)), 10 * PATIENCE_S)
    until("all have ended", lambda: is_settled(daemon), 10 * PATIENCE_S)


def soak(world, cycles, jobs):
    daemon = world.daemon
    began = time.monotonic()
    last, samples = None, []
    while len(samples) < cycles:
        cycle(daemon, len(samples) * jobs, jobs)
        last = Sample(daemon, last)
        samples.append(last)
        print("soak: %5d s, %7d jobs: file %6.2f MiB, heap %6.2f MiB, resident %6.2f MiB, "
              "%d descriptors, turns p99 <= %g ms" % (
                  time.monotonic() - began, len(samples) * jobs, last.file_bytes / MIB,
                  last.heap_bytes / MIB, last.rss_bytes / MIB, last.descriptors, last.turn_ms),
              flush=True)
    check(samples[len(samples) // 4:])
    daemon.stop()
    daemon.process = None
    done = subprocess.run([daemon.program, "admin", "--config", daemon.config_file, "verify"],
                          capture_output=True, text=True, check=False)
    print("soak: %s" % done.stdout.strip(), flush=True)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def check(samples):
    """What it takes in the second half is what it took in the first one, and a tenth at most."""
    half = len(samples) // 2
    # As many connections to the cluster as may be kept for the next request.
    for what, more in (("file_bytes", 0), ("heap_bytes", 0), ("rss_bytes", 0),
                       ("descriptors", 64)):
        early = max(getattr(sample, what) for sample in samples[:half])
        late = max(getattr(sample, what) for sample in samples[half:])
        if late > early * 1.1 + more:
            raise AssertionError("%s grew from %d to %d" % (what, early, late))


def main():
    programs, rest = table.programs_of(sys.argv[1:])
    cycles = int(rest[0])
    jobs = int(rest[1]) if len(rest) > 1 else 2000
    ROWS.row("for %d cycles of %d jobs, nothing grows" % (cycles, jobs),
             # A stored log is remembered for logs.age, so that they only level off after 30 days.
             config={"history": {"count": KEPT}, "log": {"level": "warn"},
                     "logs": {"collect": "none"},
                     "scheduling": {"mode": "fair", "startTimeout": "1m"}},
             sim=("--watch-log", "10000"))(lambda world: soak(world, cycles, jobs))
    sys.exit(ROWS.run(programs))


if __name__ == "__main__":
    main()
