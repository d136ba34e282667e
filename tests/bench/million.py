"""A million waiting jobs in the real daemon: what they take, a restart, and how fast it still answers."""
import http.client
import json
import os
import re
import socket
import subprocess
import time

from rig import NAMESPACE_WITHOUT_ROOM, Rig, figure, pod_job, spark_job

BULK = 1000
SHAPES = 10000
ASKS = 200
HOLE = "job-@@@@@@@@"

GOALS = {
    "resident": ("<= 300 bytes/job", lambda value: value <= 300),
    "file, shared": ("<= 200 bytes/job", lambda value: value <= 200),
    "file, distinct": ("<= 1024 bytes/job", lambda value: value <= 1024),
    "restart": ("<= 3 s", lambda value: value <= 3),
    "ask": ("<= 10 ms", lambda value: value <= 10),
    "turn": ("<= 50 ms", lambda value: value <= 50),
}


def json_list(jobs):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": jobs})


def bodies(case):
    """Requests of a thousand jobs, to be sent in turn."""
    if case == "one spec":
        return [json_list([spark_job(HOLE)] * BULK)]
    if case == "distinct specs":
        return [json_list([spark_job(HOLE, argument="@@@@@@@@")] * BULK)]
    out = []
    for first in range(0, SHAPES, BULK):
        jobs = []
        for shape in range(first, first + BULK):
            job = spark_job(HOLE)
            job["spec"]["driver"]["memory"] = "%dm" % (512 + shape)
            jobs.append(job)
        out.append(json_list(jobs))
    return out


class Memory:
    """Of the daemon, in bytes: what it has for itself, and what it has of mapped files."""

    def __init__(self, rig):
        with open("/proc/%d/status" % rig.daemon.pid) as file:
            text = file.read()
        self.anonymous = self.field(text, "RssAnon")
        self.mapped = self.field(text, "RssFile")

    @staticmethod
    def field(text, name):
        return int(re.search(r"%s:\s+(\d+)" % name, text).group(1)) * 1024


class Caller:
    """One keep-alive connection to the daemon's socket."""

    def __init__(self, path):
        self.path = path
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(path)

    def ask(self, method, path):
        began = time.monotonic()
        self.connection.request(method, path)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 409):
            raise AssertionError("%s %s: %d %r" % (method, path, answer.status, text[:200]))
        return (time.monotonic() - began) * 1000


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def asks(jobs):
    """What is asked for, by what: of jobs all over the queue."""
    step = max(1, jobs // ASKS)
    ids = [1 + (at * 7919 * step) % jobs for at in range(ASKS)]
    return [
        ("ls, a page", [("GET", "/v1/jobs?limit=100&continue=%d" % id) for id in ids]),
        ("ls --state RUNNING", [("GET", "/v1/jobs?limit=100&state=RUNNING&continue=%d" % id)
                                for id in ids]),
        ("ls --team nobody", [("GET", "/v1/jobs?limit=100&team=nobody&continue=%d" % id)
                              for id in ids]),
        ("show", [("GET", "/v1/jobs/%d" % id) for id in ids]),
        ("why", [("GET", "/v1/jobs/%d/why" % id) for id in ids]),
        ("metrics", [("GET", "/metrics")] * 50),
        ("cancel", [("POST", "/v1/jobs/%d/cancel" % id) for id in ids]),
    ]


def answers(rig, case, jobs):
    caller = Caller(rig.socket)
    for what, requests in asks(jobs):
        times = [caller.ask(*request) for request in requests]
        figure("million", "%s: %s, p99" % (case, what), "ms", [percentile(times, 0.99)],
               goal=GOALS["ask"])


def measure(programs, case, jobs):
    with Rig(programs, level="warn") as rig:
        idle = Memory(rig)
        first = rig.queue_bytes()
        texts = bodies(case)
        began = time.monotonic()
        for at, text in enumerate(texts):
            rig.load(text, requests=jobs // BULK // len(texts), key="run%d" % at,
                     first=at * jobs)
        rate = jobs / (time.monotonic() - began)
        grown = Memory(rig)
        submitted = (grown.anonymous - idle.anonymous) / jobs
        restart = rig.restart_daemon()
        again = Memory(rig)
        figure("million", case + ": submitting, 1,000 in a request", "jobs/s", [rate])
        figure("million", case + ": resident after submitting", "bytes/job", [submitted],
               goal=GOALS["resident"])
        figure("million", case + ": resident after a restart", "bytes/job",
               [(again.anonymous - idle.anonymous) / jobs], goal=GOALS["resident"])
        figure("million", case + ": mapped pages of the file after a restart", "bytes/job",
               [(again.mapped - idle.mapped) / jobs])
        kind = "file, distinct" if case == "distinct specs" else "file, shared"
        figure("million", case + ": the queue's file", "bytes/job",
               [(rig.queue_bytes() - first) / jobs], goal=GOALS[kind])
        figure("million", case + ": start to ready", "s", [restart], goal=GOALS["restart"])
        answers(rig, case, jobs)


# --- While jobs arrive and finish, in the daemon ---------------------------------------------

CLUSTER = ["--nodes", "50", "--node-cpu", "64", "--node-memory", "256Gi", "--start-delay", "1ms",
           "--quota-lag", "0s"]
WIDE = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: wide}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: some, namespace: wide}
spec: {hard: {pods: "200"}}
"""
BUSY_SECONDS = 10
TIMES = ("nightshift_turn_seconds", "nightshift_commit_seconds")


def buckets(rig, name):
    """[(bound in seconds, how many took at most that)] of one of the daemon's histograms."""
    said = subprocess.run(["curl", "-s", "--unix-socket", rig.socket, "http://localhost/metrics"],
                          check=True, capture_output=True, text=True).stdout
    return [(float(bound), int(count)) for bound, count in
            re.findall(name + r'_bucket\{le="([^"]+)"\} (\d+)', said)]


def least_bound(before, after, share):
    """The least bound, in ms, that so many of those between two looks stayed within."""
    counts = [(bound, late - early) for (bound, late), (_, early) in zip(after, before)]
    return next(bound for bound, count in counts if count >= share * counts[-1][1]) * 1000


def succeeded(rig):
    said = subprocess.run(["curl", "-s", "--unix-socket", rig.socket, "http://localhost/metrics"],
                          check=True, capture_output=True, text=True).stdout
    return int(re.search(r'nightshift_jobs\{state="SUCCEEDED"\} (\d+)', said).group(1))


def busy(programs, jobs, shapes):
    """Turns of the daemon with so many jobs waiting, while others arrive, start and finish."""
    goal_ms = 10 if jobs <= 100000 else 50
    case = "{:,} waiting jobs of {:,} shapes, while others come and end".format(jobs, shapes)
    with Rig(programs, NAMESPACE_WITHOUT_ROOM + WIDE, CLUSTER, level="warn") as rig:
        texts = bodies("one spec" if shapes == 1 else "10,000 shapes")
        for at, text in enumerate(texts):
            rig.load(text, requests=jobs // BULK // len(texts), key="run%d" % at, first=at * jobs)
        before = {name: buckets(rig, name) for name in TIMES}
        ended = succeeded(rig)
        job = json.dumps(pod_job("busy-@@@@@@@@", namespace="wide", runtime="100ms"))
        came = rig.load(job, key="busy", seconds=BUSY_SECONDS, clients=2)
        figure("million", case + ": jobs that came", "jobs/s",
               [came["requests"] / came["seconds"]])
        figure("million", case + ": jobs that ended", "jobs/s",
               [(succeeded(rig) - ended) / came["seconds"]])
        for name, what, goal in ((TIMES[0], "a turn", goal_ms), (TIMES[1], "its commit", None)):
            goals = {"goal": ("<= %d ms" % goal, lambda ms, most=goal: ms <= most)} if goal else {}
            figure("million", "%s: %s, p99 is at most" % (case, what), "ms",
                   [least_bound(before[name], buckets(rig, name), 0.99)], **goals)


# --- The core alone --------------------------------------------------------------------------

def turns(programs, jobs, shapes):
    said = subprocess.run([os.path.join(programs, "bench/turn_times"), str(jobs), str(shapes),
                           "quota", "100"], check=True, capture_output=True, text=True)
    for line in map(json.loads, said.stdout.splitlines()):
        figure("million", "turn with {:,} jobs of {:,} shapes: {}, p99".format(
            jobs, shapes, line["turn"]), "ms", [line["p99_us"] / 1000], goal=GOALS["turn"])


def bench(programs, jobs, say):
    for case in ("one spec", "distinct specs", "10,000 shapes"):
        say("million: %d jobs, %s" % (jobs, case))
        measure(programs, case, jobs)
    for size in (jobs // 10, jobs):
        for shapes in (1, SHAPES):
            say("million: %d waiting jobs of %d shapes, while others come and end" % (size, shapes))
            busy(programs, size, shapes)
    for shapes in (10, SHAPES):
        say("million: turns, %d shapes" % shapes)
        turns(programs, jobs, shapes)
